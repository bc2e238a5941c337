/**
 * Filters rows of projections as an {@link FbpPlan} says: weights, ramp and window in one response, and optional
 * band-limited interpolation to twice the samples (so that linear interpolation in back-projection blurs less).
 * Two rows share one complex transform. The plain float64 definition.
 */
import { createFftPlan, transformForward, transformInverse } from "@alara/core";
import type { FbpPlan } from "./plan.ts";

/** A prepared filter for pairs of rows of one length. */
export interface RowFilter {
  /**
   * Filters two rows.
   *
   * @param outA - receives `samples` filtered values; `outB` likewise
   * @param weightsA - multiply `a` sample by sample before filtering; `weightsB` likewise
   */
  filterPair(
    a: ArrayLike<number>,
    b: ArrayLike<number>,
    weightsA: ArrayLike<number>,
    weightsB: ArrayLike<number>,
    outA: Float64Array,
    outB: Float64Array,
  ): void;
  /**
   * Variance of a filtered and linearly interpolated value per unit variance of independent channels of weight 1,
   * averaged over the interpolation positions (tomography.md §2.3, variance closed forms).
   */
  computeNoiseGain(): number;
}

/**
 * Prepares the filter of a response.
 *
 * @param response - real and even, a power of two in length and at least twice the channels and padding
 * @param padding - channels of zeros before and after the data that are filtered too; default none
 */
export function createRowFilter(
  response: Float64Array,
  channels: number,
  oversampling: 1 | 2,
  padding: readonly [number, number] = [0, 0],
): RowFilter {
  const { length } = response;
  const fineLength = oversampling * length;
  const plan = createFftPlan(length);
  const finePlan = createFftPlan(fineLength);
  const real = new Float64Array(length);
  const imaginary = new Float64Array(length);
  const fineReal = oversampling === 1 ? real : new Float64Array(fineLength);
  const fineImaginary = oversampling === 1 ? imaginary : new Float64Array(fineLength);
  const half = length / 2;
  const [lead, tail] = padding;
  const samples = (lead + channels + tail) * oversampling;

  const transformRows = (): void => {
    transformForward(plan, real, imaginary);
    if (oversampling === 1) {
      for (let k = 0; k < length; k++) {
        real[k] *= response[k];
        imaginary[k] *= response[k];
      }
    } else {
      fineReal.fill(0);
      fineImaginary.fill(0);
      for (let k = 0; k <= half; k++) {
        const gain = oversampling * response[k] * (k === half ? 0.5 : 1);
        fineReal[k] = real[k] * gain;
        fineImaginary[k] = imaginary[k] * gain;
        if (k === 0) continue;
        const mirror = length - k;
        fineReal[fineLength - k] = real[mirror] * gain;
        fineImaginary[fineLength - k] = imaginary[mirror] * gain;
      }
    }
    transformInverse(finePlan, fineReal, fineImaginary);
  };

  return {
    filterPair(a, b, weightsA, weightsB, outA, outB) {
      real.fill(0);
      imaginary.fill(0);
      for (let c = 0; c < channels; c++) {
        real[lead + c] = a[c] * weightsA[c];
        imaginary[lead + c] = b[c] * weightsB[c];
      }
      transformRows();
      for (let s = 0; s < samples; s++) {
        outA[s] = fineReal[s];
        outB[s] = fineImaginary[s];
      }
    },
    computeNoiseGain() {
      real.fill(0);
      imaginary.fill(0);
      real[0] = 1;
      transformRows();
      let energy = 0;
      let neighbour = 0;
      for (let s = 0; s < fineLength; s++) {
        energy += fineReal[s] * fineReal[s];
        neighbour += fineReal[s] * fineReal[(s + 1) % fineLength];
      }
      // ∫ over the position t between samples of (1−t)², t² and 2t(1−t).
      return ((2 / 3) * energy + (1 / 3) * neighbour) / oversampling;
    },
  };
}

/** The filter of a plan with its weights: what engines that filter in float64 use. */
export interface PlanFilter {
  /**
   * Filters two lines of channels of one slice (planar) or scan (cone).
   *
   * @param data - `[view][row][channel]`
   * @param lineA - view · rows + row, the line that goes to `outA`; `lineB` likewise, may be the same line
   * @param outA - receives `plan.samples` values; `outB` likewise
   */
  filterLines(data: Float32Array, lineA: number, lineB: number, outA: Float64Array, outB: Float64Array): void;
}

/** Prepares {@link PlanFilter}. */
export function createPlanFilter(plan: FbpPlan): PlanFilter {
  const { preWeights, viewWeights } = plan;
  const { channels } = plan.geometry;
  const rows = preWeights.length / channels;
  const filter = createRowFilter(plan.response, channels, plan.oversampling, plan.padding);
  const weightsA = new Float64Array(channels);
  const weightsB = new Float64Array(channels);
  const loadWeights = (line: number, target: Float64Array): void => {
    const view = Math.floor(line / rows);
    const row = line - view * rows;
    for (let c = 0; c < channels; c++) {
      const weight = preWeights[row * channels + c];
      target[c] = viewWeights === undefined ? weight : weight * viewWeights[view * channels + c];
    }
  };
  return {
    filterLines(data, lineA, lineB, outA, outB) {
      loadWeights(lineA, weightsA);
      loadWeights(lineB, weightsB);
      filter.filterPair(
        data.subarray(lineA * channels, (lineA + 1) * channels),
        data.subarray(lineB * channels, (lineB + 1) * channels),
        weightsA,
        weightsB,
        outA,
        outB,
      );
    },
  };
}
