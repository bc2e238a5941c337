/**
 * From a series' measured noise to photon numbers: the variance that FBP makes of a unit of sinogram variance at
 * a pixel, in closed form, and the incident quanta that explain the measured σ (tomography.md §2.6).
 */
import type { FanArcGeometry } from "@alara/core";
import { computeMedian, getRayAngleRad, type SeriesNoise } from "@alara/physics";

/** Line integrals of one slice on a coarse scan. */
export type CoarseSinogram = Float32Array;

/** Variance coefficients at one pixel: σ² = quantum/I0 + electronic·σe²/I0². */
export interface VarianceCoefficients {
  readonly quantum: number;
  readonly electronic: number;
}

/**
 * Variance of FBP at a point from independent channel variances v: (Δβ/2)² Σ_β L^−4 D² cos²γ v(β, γ) · κ, where
 * κ is the filter's noise gain. v is taken as smooth against the filter's main lobe.
 *
 * @param lineIntegrals - `[view][channel]` on `coarse`
 * @param coarse - scan geometry of `lineIntegrals`, full turn
 * @param fineViews - views of the scan that is simulated
 * @param noiseGain - κ of its filter
 * @param scale - output units per 1/mm, e.g. 1000/µ_water for HU
 */
export function computeVarianceCoefficients(
  lineIntegrals: CoarseSinogram,
  coarse: FanArcGeometry,
  xMm: number,
  yMm: number,
  fineViews: number,
  noiseGain: number,
  scale: number,
): VarianceCoefficients {
  let quantum = 0;
  let electronic = 0;
  const first = getRayAngleRad(coarse, 0);
  const distanceToAxis = coarse.sourceToIsoMm;
  for (let v = 0; v < coarse.anglesRad.length; v++) {
    const cosine = Math.cos(coarse.anglesRad[v]);
    const sine = Math.sin(coarse.anglesRad[v]);
    const distance = distanceToAxis - (xMm * cosine + yMm * sine);
    const f = -xMm * sine + yMm * cosine;
    const gamma = Math.atan2(f, distance);
    const position = (gamma - first) / coarse.channelPitchRad;
    const low = Math.floor(position);
    if (low < 0 || low + 1 >= coarse.channels) continue;
    const p0 = lineIntegrals[v * coarse.channels + low];
    const p = p0 + (position - low) * (lineIntegrals[v * coarse.channels + low + 1] - p0);
    const inverse = Math.exp(p);
    const squared = distance * distance + f * f;
    const weight = (distanceToAxis * Math.cos(gamma)) ** 2 / (squared * squared);
    quantum += weight * inverse;
    electronic += weight * inverse * inverse;
  }
  // Σ over fine views = coarse sum × fineViews/coarseViews.
  const factor = (scale * (Math.PI / fineViews)) ** 2 * noiseGain * (fineViews / coarse.anglesRad.length);
  return { quantum: quantum * factor, electronic: electronic * factor };
}

/** Solves σ² = quantum/I0 + electronic·σe²/I0² for I0. */
export function solveIncidentQuanta(
  coefficients: VarianceCoefficients,
  sigma: number,
  electronicNoiseQuanta: number,
): number {
  const { quantum, electronic } = coefficients;
  const square = electronic * electronicNoiseQuanta ** 2;
  // 1/I0 = (−q + √(q² + 4 s σ²)) / 2s, written without cancellation.
  const inverse = (2 * sigma * sigma) / (quantum + Math.sqrt(quantum * quantum + 4 * square * sigma * sigma));
  return 1 / inverse;
}

/**
 * Incident quanta per slice: the median over a slice's tiles, drawn towards the median of the ±3 neighbouring
 * slices' tiles and the series; the series' median where a slice has none.
 *
 * @param perTile - I0 of each tile of `noise.tiles`
 */
export function combineIncidentQuanta(
  noise: SeriesNoise,
  perTile: readonly number[],
  slices: number,
): { readonly series: number; readonly perSlice: Float64Array } {
  const series = computeMedian(perTile);
  const bySlice: number[][] = Array.from({ length: slices }, () => []);
  noise.tiles.forEach((tile, i) => {
    bySlice[tile.slice].push(perTile[i]);
  });
  const perSlice = new Float64Array(slices);
  for (let slice = 0; slice < slices; slice++) {
    const near = bySlice.slice(Math.max(0, slice - 3), slice + 4).flat();
    const prior = near.length > 0 ? computeMedian(near) : series;
    const priorWeight = near.length / (near.length + 8);
    const blended = series * (prior / series) ** priorWeight;
    const own = bySlice[slice];
    const value =
      own.length === 0
        ? blended
        : blended * (computeMedian(own) / blended) ** (own.length / (own.length + 4));
    perSlice[slice] = Math.min(4 * series, Math.max(series / 4, value));
  }
  return { series, perSlice };
}
