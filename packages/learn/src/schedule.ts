/**
 * Learning-rate schedules as data.
 */
import { LearnError } from "./errors.ts";

/** How the learning rate runs over the steps. */
export type Schedule =
  | { readonly kind: "constant"; readonly value: number; readonly warmupSteps?: number }
  | {
      readonly kind: "cosine";
      /** Highest rate, reached after the warm-up. */
      readonly value: number;
      /** Rate at the last step; default 0. */
      readonly finalValue?: number;
      readonly warmupSteps?: number;
    };

/**
 * Learning rate of step number `step` (1 for the first) of `steps`: linear warm-up, then constant or half a
 * cosine (Loshchilov & Hutter 2017, SGDR, eq. 5, without restarts).
 *
 * @throws LearnError `OUT_OF_RANGE`
 */
export function computeLearningRate(schedule: Schedule, step: number, steps: number): number {
  const { value, warmupSteps = 0 } = schedule;
  if (!(value > 0) || !(warmupSteps >= 0)) {
    throw new LearnError("OUT_OF_RANGE", `learning rate ${value} must be > 0 and warm-up ${warmupSteps} ≥ 0`);
  }
  if (step <= warmupSteps) return (value * step) / warmupSteps;
  if (schedule.kind === "constant") return value;
  const final = schedule.finalValue ?? 0;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, steps - warmupSteps));
  return final + (value - final) * 0.5 * (1 + Math.cos(Math.PI * progress));
}
