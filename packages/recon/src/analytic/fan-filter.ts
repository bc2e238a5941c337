/**
 * The filter of an equiangular fan on its own, for what filters without reconstructing (noise insertion): cosine
 * weight, ramp, window and optional doubling of samples. Filtered back-projection itself takes plan.ts.
 * tomography.md §2.2, §2.3 "fan arc"; Kak & Slaney 1988 §3.4.1, eq. 3.94–3.101.
 */
import type { FanArcGeometry } from "@alara/core";
import { createDetectorLine } from "./detector-line.ts";
import { createPreWeights } from "./plan.ts";
import { createRampResponse } from "./ramp.ts";
import { createRowFilter } from "./row-filter.ts";
import type { RampWindow } from "./windows.ts";

/** A prepared filter for rows of `geometry.channels` samples. */
export interface FanFilter {
  /** Samples per filtered row: channels × oversampling. */
  readonly samples: number;
  /** Filtered samples per channel, 1 or 2. */
  readonly oversampling: number;
  /** Angle between filtered samples, rad. */
  readonly samplePitchRad: number;
  /** Place of the central ray among the filtered samples. */
  readonly centre: number;
  /**
   * Filters two rows (one complex transform).
   *
   * @param a - line integrals, `channels` samples; `b` likewise
   * @param outA - receives `samples` filtered values; `outB` likewise
   */
  filterPair(a: ArrayLike<number>, b: ArrayLike<number>, outA: Float64Array, outB: Float64Array): void;
  /**
   * Variance of a filtered and linearly interpolated value per unit variance of independent channels, without
   * the cosine weight D cosγ, averaged over the interpolation positions.
   */
  computeNoiseGain(): number;
}

/** Nyquist frequency of the detector at the rotation axis, 1/mm. */
export function getDetectorNyquistPerMm(geometry: FanArcGeometry): number {
  return 0.5 / (geometry.channelPitchRad * geometry.sourceToIsoMm);
}

/**
 * Prepares the filter.
 *
 * @param window - gain over frequency at the axis
 * @param oversampling - 1 keeps the channels, 2 doubles them
 */
export function createFanFilter(
  geometry: FanArcGeometry,
  window: RampWindow,
  oversampling: 1 | 2 = 1,
): FanFilter {
  const { channels } = geometry;
  const line = createDetectorLine(geometry);
  const filter = createRowFilter(createRampResponse(line, channels, window), channels, oversampling);
  const weights = createPreWeights(geometry, line);
  return {
    samples: channels * oversampling,
    oversampling,
    samplePitchRad: line.pitch / oversampling,
    centre: oversampling * line.centre,
    filterPair: (a, b, outA, outB) => filter.filterPair(a, b, weights, weights, outA, outB),
    computeNoiseGain: () => filter.computeNoiseGain(),
  };
}
