/**
 * Tube current over views: factors on the mAs per view (tomography.md §2.5). Angular sinusoid as in CatSim, exposure
 * control from the object's own thickness as in the FDA's simulations, or any given course.
 */
import { countViews, type ScanGeometry } from "@alara/core";
import { PhysicsError } from "../errors.ts";

/** Course of the tube current. */
export type TubeCurrent =
  | { readonly kind: "constant" }
  | {
      /** I(β) = I0·(1 + m sin(n(β + phase))). */
      readonly kind: "sinusoid";
      /** m, in [0, 1). */
      readonly amplitude: number;
      /** n; default 1 as in CatSim; 2 follows an oval patient. */
      readonly periods?: number;
      readonly phaseRad?: number;
    }
  | {
      /**
       * I = I0·exp(strength·µ(d − d_ref)), d the water-equivalent thickness of the thickest ray of a view, µ that of
       * water, both at the beam's mean energy.
       */
      readonly kind: "exposure-control";
      /** d_ref, mm; default: the mean factor is 1 before limits, so that the mAs stated is the mAs used. */
      readonly referenceMm?: number;
      /** 1 keeps the detected quanta, ½ gives the least noise for the dose (Gies 1999); default 1. */
      readonly strength?: number;
      /** Lowest and highest factor; default 0.1 and 10. */
      readonly limits?: readonly [number, number];
    }
  | {
      /** One factor ≥ 0 per view, or per slice and view. */
      readonly kind: "given";
      readonly factors: ArrayLike<number>;
    };

/**
 * Factors on the mAs of each view.
 *
 * @param thickness - µ·d of the thickest ray of a view; asked only for exposure control
 * @returns `[slice][view]`
 * @throws PhysicsError `OUT_OF_RANGE`, `SHAPE_MISMATCH`
 */
export function computeTubeFactors(
  current: TubeCurrent,
  geometry: ScanGeometry,
  slices: number,
  thickness: (slice: number, view: number) => number,
  muWaterPerMm: number,
): Float64Array {
  const views = countViews(geometry);
  const factors = new Float64Array(slices * views).fill(1);
  if (current.kind === "sinusoid") {
    const { amplitude, periods = 1, phaseRad = 0 } = current;
    if (!(amplitude >= 0 && amplitude < 1 && Number.isFinite(periods) && Number.isFinite(phaseRad))) {
      throw new PhysicsError("OUT_OF_RANGE", `tube current amplitude ${amplitude} is outside [0, 1)`);
    }
    if (geometry.kind === "posed") {
      throw new PhysicsError(
        "OUT_OF_RANGE",
        "posed scans have no source angle; pass the factors of each view",
      );
    }
    for (let i = 0; i < factors.length; i++) {
      factors[i] = 1 + amplitude * Math.sin(periods * (geometry.anglesRad[i % views] + phaseRad));
    }
  } else if (current.kind === "given") {
    const { length } = current.factors;
    if (length !== views && length !== slices * views) {
      throw new PhysicsError(
        "SHAPE_MISMATCH",
        `${length} tube current factors for ${slices} slices of ${views} views; pass one per view`,
      );
    }
    for (let i = 0; i < factors.length; i++) {
      const factor = current.factors[i % length];
      if (!(factor >= 0 && Number.isFinite(factor))) {
        throw new PhysicsError(
          "OUT_OF_RANGE",
          `tube current factor ${factor} of view ${i % views} is not ≥ 0`,
        );
      }
      factors[i] = factor;
    }
  } else if (current.kind === "exposure-control") {
    const { referenceMm, strength = 1, limits = [0.1, 10] } = current;
    if (!(strength >= 0 && limits[0] > 0 && limits[1] >= limits[0])) {
      throw new PhysicsError(
        "OUT_OF_RANGE",
        `exposure control of strength ${strength} within ${limits.join("..")}: strength must be ≥ 0, limits ascend from > 0`,
      );
    }
    const reference = referenceMm === undefined ? 0 : muWaterPerMm * referenceMm;
    for (let i = 0; i < factors.length; i++) {
      factors[i] = strength * (thickness(Math.floor(i / views), i % views) - reference);
    }
    let shift = 0;
    if (referenceMm === undefined) {
      // Mean of the exponentials, taken without overflow.
      const top = factors.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
      let sum = 0;
      for (const exponent of factors) sum += Math.exp(exponent - top);
      shift = top + Math.log(sum / factors.length);
    }
    for (let i = 0; i < factors.length; i++) {
      factors[i] = Math.min(limits[1], Math.max(limits[0], Math.exp(factors[i] - shift)));
    }
  }
  return factors;
}
