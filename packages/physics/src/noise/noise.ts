/**
 * Noise of a CT measurement: quantum (Poisson) and electronic (normal) noise on detected quanta, the logarithm,
 * and the variance formulas that dose reduction uses (tomography.md §2.5, §2.6; Zeng 2015, PMC4629802).
 * Monoenergetic: no compound Poisson, no scatter, no detector blur.
 */
import type { Random } from "@alara/core";
import { PhysicsError } from "../errors.ts";

/** Dose of a scan as the noise model sees it. */
export interface CountModel {
  /** Quanta per channel and view without an object, I0. */
  readonly incidentQuanta: number;
  /** Standard deviation of the readout σe in quanta. */
  readonly electronicNoiseQuanta: number;
}

/** The least signal that is taken to the logarithm, quanta: what is lower is set to it. */
export const LEAST_QUANTA = 1;

/**
 * Draws measured quanta for line integrals p: Poisson(I0 e^{−p}) + N(0, σe²).
 *
 * @param lineIntegrals - unitless, any shape
 * @returns signal in quanta; may be negative through readout noise
 * @throws PhysicsError `OUT_OF_RANGE` for impossible doses; `NON_FINITE` for line integrals that are not finite
 */
export function simulateCounts(
  lineIntegrals: ArrayLike<number>,
  model: CountModel,
  random: Random,
): Float32Array {
  checkCountModel(model);
  const counts = new Float32Array(lineIntegrals.length);
  for (let i = 0; i < counts.length; i++) {
    if (!Number.isFinite(lineIntegrals[i])) {
      throw new PhysicsError("NON_FINITE", `line integral ${i} is ${lineIntegrals[i]}; pass finite numbers`);
    }
    counts[i] =
      random.nextPoisson(model.incidentQuanta * Math.exp(-lineIntegrals[i])) +
      model.electronicNoiseQuanta * random.nextNormal();
  }
  return counts;
}

/**
 * Line integrals from measured quanta: p = −ln(max(N, 1) / I0).
 *
 * @throws PhysicsError `OUT_OF_RANGE`; `NON_FINITE` for counts that are not finite
 * @remarks The clamp biases rays with only a few quanta; scanners' own handling of them is not public.
 */
export function computeLineIntegrals(counts: ArrayLike<number>, model: CountModel): Float32Array {
  checkCountModel(model);
  const lineIntegrals = new Float32Array(counts.length);
  for (let i = 0; i < lineIntegrals.length; i++) {
    if (!Number.isFinite(counts[i])) {
      throw new PhysicsError(
        "NON_FINITE",
        `count ${i} is ${counts[i]}; remove or interpolate what is not finite first`,
      );
    }
    lineIntegrals[i] = -Math.log(Math.max(counts[i], LEAST_QUANTA) / model.incidentQuanta);
  }
  return lineIntegrals;
}

/** Relative variance of a signal beyond which the expansion of the logarithm is held constant. */
const LARGEST_RELATIVE_VARIANCE = 0.3;

/**
 * Variance of the measured line integral: c + 5/2 c² − q² with q = e^p/I0 (quanta), e = σe² e^{2p}/I0²
 * (readout) and c = q + e. The first order c is tomography.md §2.5; the second (for pure quanta 1/N + 3/(2N²))
 * matters below about 50 quanta. From c = 0.3 on, where the clamp of the logarithm acts, it grows no more.
 *
 * Tested against `simulateCounts`.
 */
export function computeLogVariance(lineIntegral: number, model: CountModel): number {
  let quantum = Math.exp(lineIntegral) / model.incidentQuanta;
  let total = quantum + (model.electronicNoiseQuanta * quantum) ** 2;
  if (total > LARGEST_RELATIVE_VARIANCE) {
    quantum *= LARGEST_RELATIVE_VARIANCE / total;
    total = LARGEST_RELATIVE_VARIANCE;
  }
  return total + 2.5 * total * total - quantum * quantum;
}

/**
 * Variance to add to a full-dose line integral so that it has the noise of dose fraction a; in first order
 * (1/a − 1) e^p/I0 + (1/a² − 1) σe² e^{2p}/I0² (tomography.md §2.6).
 *
 * @param model - of the full dose
 * @param doseFraction - a, in (0, 1]
 */
export function computeAddedLogVariance(
  lineIntegral: number,
  model: CountModel,
  doseFraction: number,
): number {
  const low: CountModel = { ...model, incidentQuanta: doseFraction * model.incidentQuanta };
  return Math.max(0, computeLogVariance(lineIntegral, low) - computeLogVariance(lineIntegral, model));
}

/** @throws PhysicsError `OUT_OF_RANGE` */
export function checkCountModel(model: CountModel): void {
  const { incidentQuanta, electronicNoiseQuanta } = model;
  if (
    !(incidentQuanta > 0 && electronicNoiseQuanta >= 0 && incidentQuanta + electronicNoiseQuanta < Infinity)
  ) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `incidentQuanta ${incidentQuanta} must be > 0 and electronicNoiseQuanta ${electronicNoiseQuanta} ≥ 0, both finite`,
    );
  }
}

/** @throws PhysicsError `OUT_OF_RANGE` unless 0 < a ≤ 1 */
export function checkDoseFraction(doseFraction: number): void {
  if (!(doseFraction > 0 && doseFraction <= 1)) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `doseFraction ${doseFraction} is outside (0, 1]; 0.25 means a quarter of the dose`,
    );
  }
}
