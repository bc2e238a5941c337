/**
 * Learning-rate schedules as data. Each may begin with a linear warm-up.
 */
import { LearnError } from "./errors.ts";

interface CommonSchedule {
  /** Highest rate, reached after the warm-up. */
  readonly value: number;
  /** Steps over which the rate rises linearly from 0; default 0. */
  readonly warmupSteps?: number;
}

/** The same rate throughout. */
export interface ConstantSchedule extends CommonSchedule {
  readonly kind: "constant";
}

/** Half a cosine from `value` to `finalValue` (Loshchilov & Hutter 2017, SGDR, eq. 5, without restarts). */
export interface CosineSchedule extends CommonSchedule {
  readonly kind: "cosine";
  /** Rate at the last step; default 0. */
  readonly finalValue?: number;
}

/** Multiplied by `factor` after each of `milestones`. */
export interface StepSchedule extends CommonSchedule {
  readonly kind: "step";
  /** Steps after which the rate falls, ascending. */
  readonly milestones: readonly number[];
  /** Default 0.1. */
  readonly factor?: number;
}

/** Constant, then linearly to `finalValue` from step `decayStart` on (CycleGAN's schedule, Zhu et al. 2017, §7.1). */
export interface LinearSchedule extends CommonSchedule {
  readonly kind: "linear";
  /** Default: the end of the warm-up. */
  readonly decayStart?: number;
  /** Default 0. */
  readonly finalValue?: number;
}

/**
 * Up by half a cosine from `value`/25 to `value` over `riseShare` of the steps, then down to `value`/25/`finalDivisor`
 * (Smith & Topin 2019, in PyTorch's OneCycleLR form). Takes no warm-up.
 */
export interface OneCycleSchedule extends CommonSchedule {
  readonly kind: "one-cycle";
  /** Default 0.3. */
  readonly riseShare?: number;
  /** Default 25: the first rate is value / this. */
  readonly startDivisor?: number;
  /** Default 10⁴: the last rate is the first / this. */
  readonly finalDivisor?: number;
}

/** How the learning rate runs over the steps. */
export type Schedule = ConstantSchedule | CosineSchedule | StepSchedule | LinearSchedule | OneCycleSchedule;

/** Half a cosine from `from` (progress 0) to `to` (progress 1). */
function blendCosine(from: number, to: number, progress: number): number {
  return to + (from - to) * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, Math.max(0, progress))));
}

/**
 * Learning rate of step number `step` (1 for the first) of `steps`.
 *
 * @throws LearnError `OUT_OF_RANGE`
 * One-cycle is tested against PyTorch's OneCycleLR; the others by their closed forms.
 */
export function computeLearningRate(schedule: Schedule, step: number, steps: number): number {
  const { value, warmupSteps = 0 } = schedule;
  if (!(value > 0) || !(warmupSteps >= 0)) {
    throw new LearnError("OUT_OF_RANGE", `learning rate ${value} must be > 0 and warm-up ${warmupSteps} ≥ 0`);
  }
  if (schedule.kind === "one-cycle") {
    const { riseShare = 0.3, startDivisor = 25, finalDivisor = 1e4 } = schedule;
    if (!(riseShare > 0 && riseShare < 1) || !(startDivisor >= 1) || !(finalDivisor >= 1)) {
      throw new LearnError(
        "OUT_OF_RANGE",
        `one-cycle needs 0 < riseShare < 1 and divisors ≥ 1, got ${riseShare}, ${startDivisor}, ${finalDivisor}`,
      );
    }
    const first = value / startDivisor;
    const top = riseShare * steps - 1;
    const k = step - 1;
    if (k <= top) return blendCosine(first, value, top === 0 ? 1 : k / top);
    return blendCosine(value, first / finalDivisor, (k - top) / Math.max(1, steps - 1 - top));
  }
  if (step <= warmupSteps) return (value * step) / warmupSteps;
  switch (schedule.kind) {
    case "constant":
      return value;
    case "step": {
      const { milestones, factor = 0.1 } = schedule;
      if (!(factor > 0 && factor <= 1)) {
        throw new LearnError("OUT_OF_RANGE", `step schedule: factor ${factor} must be 0 < factor ≤ 1`);
      }
      return value * factor ** milestones.filter((milestone) => step > milestone).length;
    }
    case "linear": {
      const { decayStart = warmupSteps, finalValue = 0 } = schedule;
      const progress = Math.min(1, Math.max(0, step - decayStart) / Math.max(1, steps - decayStart));
      return value + (finalValue - value) * progress;
    }
    case "cosine":
      return blendCosine(
        value,
        schedule.finalValue ?? 0,
        (step - warmupSteps) / Math.max(1, steps - warmupSteps),
      );
  }
}

/** The schedule with its highest rate times `factor`; a stated final rate stays. */
export function scaleSchedule(schedule: Schedule, factor: number): Schedule {
  return { ...schedule, value: schedule.value * factor };
}
