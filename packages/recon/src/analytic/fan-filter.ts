/**
 * Filters views of an equiangular fan: cosine weight, ramp built in the spatial domain, window, and optional
 * band-limited interpolation to twice the samples (so that linear interpolation in back-projection blurs less).
 * tomography.md §2.2, §2.3 "fan arc"; Kak & Slaney 1988 §3.4.1, eq. 3.94–3.101.
 */
import {
  createFftPlan,
  type FanArcGeometry,
  nextPowerOfTwo,
  transformForward,
  transformInverse,
} from "@alara/core";
import { getRayAngleRad } from "@alara/physics";
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
  const { channels, channelPitchRad: pitch } = geometry;
  const length = nextPowerOfTwo(2 * channels);
  const fineLength = oversampling * length;
  const plan = createFftPlan(length);
  const finePlan = createFftPlan(fineLength);
  const nyquist = getDetectorNyquistPerMm(geometry);

  // Spatial taps h·Δγ (tomography.md §2.2, arc), then their transform, which is real and even.
  const response = new Float64Array(length);
  const unused = new Float64Array(length);
  response[0] = 1 / (4 * pitch);
  for (let n = 1; n < channels; n += 2) {
    const tap = -pitch / (Math.PI * Math.sin(n * pitch)) ** 2;
    response[n] = tap;
    response[length - n] = tap;
  }
  transformForward(plan, response, unused);
  for (let k = 0; k < length; k++) {
    const cycles = Math.min(k, length - k) / length;
    response[k] *= window(2 * cycles * nyquist, nyquist);
  }

  const cosineWeight = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    cosineWeight[c] = geometry.sourceToIsoMm * Math.cos(getRayAngleRad(geometry, c));
  }
  const real = new Float64Array(length);
  const imaginary = new Float64Array(length);
  const fineReal = oversampling === 1 ? real : new Float64Array(fineLength);
  const fineImaginary = oversampling === 1 ? imaginary : new Float64Array(fineLength);
  const half = length / 2;

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
    samples: channels * oversampling,
    oversampling,
    samplePitchRad: pitch / oversampling,
    centre: oversampling * ((channels - 1) / 2 + geometry.channelOffset),
    filterPair(a, b, outA, outB) {
      for (let c = 0; c < channels; c++) {
        real[c] = a[c] * cosineWeight[c];
        imaginary[c] = b[c] * cosineWeight[c];
      }
      real.fill(0, channels);
      imaginary.fill(0, channels);
      transformRows();
      const samples = channels * oversampling;
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
