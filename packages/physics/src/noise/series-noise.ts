/**
 * How noisy a CT series is: σ in homogeneous soft tissue, the kernel's in-plane spectrum, and the correlation
 * between neighbouring slices. Anatomy is kept out three ways: only square tiles of soft tissue are looked at;
 * of these only those with the least power at low frequencies relative to high; and σ is read from the band
 * that anatomy hardly reaches and carried to all frequencies by the fitted kernel spectrum.
 * An estimate, not a phantom measurement: textured organs raise it by some percent.
 */
import { createFftPlan, transform2d, type Volume } from "@alara/core";
import { PhysicsError } from "../errors.ts";
import { fitKernelWindow, type KernelWindow } from "./noise-model.ts";
import { createRadialBins, detrendPatch, type RadialBins } from "./nps.ts";

/** A homogeneous soft-tissue tile and its noise. */
export interface NoiseTile {
  readonly slice: number;
  readonly row: number;
  readonly column: number;
  /** Standard deviation over all frequencies, HU. */
  readonly sigmaHu: number;
  readonly meanHu: number;
}

/** Noise of a series. */
export interface SeriesNoise {
  /** Median σ over the homogeneous tiles, HU. */
  readonly sigmaHu: number;
  readonly sizePixels: number;
  readonly tiles: readonly NoiseTile[];
  readonly window: KernelWindow;
  /** Radial spectrum of the tiles, scaled to unit variance, mm²; and the fit on the same bins. */
  readonly frequenciesPerMm: Float64Array;
  readonly radialPower: Float64Array;
  readonly fittedRadialPower: Float64Array;
  /** Fitted a/f³ part of the measured spectrum that is anatomy, same scale. */
  readonly anatomyRadialPower: Float64Array;
  /** RMS deviation of the fit over its band divided by its peak. */
  readonly fitNrmse: number;
  /** Correlation of noise at slice distance 0, 1, 2 …; `[1]` for a single slice. */
  readonly sliceCorrelation: readonly number[];
}

/** Options of {@link measureSeriesNoise}. */
export interface MeasureSeriesNoiseOptions {
  /** Nyquist frequency of the scanner's detector at the axis, 1/mm; default 0.857 (GE LightSpeed). */
  readonly detectorNyquistPerMm?: number;
  /** Source to axis, mm, for the widening of the spectrum off the axis; default 541. */
  readonly sourceToIsoMm?: number;
  /** Lowest and highest mean of a 4 × 4 block that counts as soft tissue, HU; default [−60, 200]. */
  readonly tissueRangeHu?: readonly [number, number];
  /** Share of candidate tiles that is used, the most homogeneous first; default 0.3. */
  readonly usedShare?: number;
  /** Largest slice distance for which correlation is measured; default 4. */
  readonly maximumLag?: number;
}

interface Candidate {
  readonly slice: number;
  readonly row: number;
  readonly column: number;
  readonly meanHu: number;
  readonly radialSums: Float64Array;
  readonly lowToHigh: number;
}

/** Frequencies above which a spectrum counts as noise, 1/mm. */
const LOWEST_NOISE_FREQUENCY_PER_MM = 0.15;

/** Median; the mean of the two middle values for even counts. */
export function computeMedian(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  return n === 0 ? Number.NaN : (sorted[(n - 1) >> 1] + sorted[n >> 1]) / 2;
}

/** True when every 4 × 4 block of the tile has a mean inside the range. */
function isSoftTissue(
  volume: Volume,
  slice: number,
  row: number,
  column: number,
  size: number,
  range: readonly [number, number],
): boolean {
  const [, rows, columns] = volume.geometry.size;
  for (let r = 0; r < size; r += 4) {
    for (let c = 0; c < size; c += 4) {
      let sum = 0;
      for (let i = 0; i < 4; i++) {
        const from = (slice * rows + row + r + i) * columns + column + c;
        sum += volume.data[from] + volume.data[from + 1] + volume.data[from + 2] + volume.data[from + 3];
      }
      if (!(sum >= 16 * range[0] && sum <= 16 * range[1])) return false;
    }
  }
  return true;
}

/** Spectrum of one detrended tile; returns its mean. */
function transformTile(
  volume: Volume,
  slice: number,
  row: number,
  column: number,
  size: number,
  real: Float64Array,
  imaginary: Float64Array,
): number {
  const [, rows, columns] = volume.geometry.size;
  const plan = createPlanOnce(size);
  let mean = 0;
  for (let r = 0; r < size; r++) {
    const from = (slice * rows + row + r) * columns + column;
    for (let c = 0; c < size; c++) {
      real[r * size + c] = volume.data[from + c];
      mean += volume.data[from + c];
    }
  }
  detrendPatch(real, size, "quadratic");
  imaginary.fill(0);
  transform2d(plan, plan, real, imaginary, "forward");
  return mean / (size * size);
}

const plans = new Map<number, ReturnType<typeof createFftPlan>>();
function createPlanOnce(size: number): ReturnType<typeof createFftPlan> {
  let plan = plans.get(size);
  if (plan === undefined) {
    plan = createFftPlan(size);
    plans.set(size, plan);
  }
  return plan;
}

function findCandidates(
  volume: Volume<"HU">,
  size: number,
  bins: RadialBins,
  range: readonly [number, number],
  split: number,
): Candidate[] {
  const [slices, rows, columns] = volume.geometry.size;
  const real = new Float64Array(size * size);
  const imaginary = new Float64Array(size * size);
  const candidates: Candidate[] = [];
  const stride = size / 2;
  for (let slice = 0; slice < slices; slice++) {
    for (let row = 0; row + size <= rows; row += stride) {
      for (let column = 0; column + size <= columns; column += stride) {
        if (!isSoftTissue(volume, slice, row, column, size, range)) continue;
        const meanHu = transformTile(volume, slice, row, column, size, real, imaginary);
        const radialSums = new Float64Array(bins.counts.length);
        for (let i = 0; i < real.length; i++) {
          if (bins.index[i] >= 0)
            radialSums[bins.index[i]] += real[i] * real[i] + imaginary[i] * imaginary[i];
        }
        let low = 0;
        let high = 0;
        for (let b = 1; b < radialSums.length; b++) {
          if (bins.frequenciesPerMm[b] < split) low += radialSums[b];
          else high += radialSums[b];
        }
        if (high > 0) candidates.push({ slice, row, column, meanHu, radialSums, lowToHigh: low / high });
      }
    }
  }
  return candidates;
}

/**
 * Measures σ, spectrum and slice correlation of a series.
 *
 * @param volume - HU
 * @throws PhysicsError `NO_HOMOGENEOUS_REGION` when no tile of 32 or 16 pixels is soft tissue throughout, or
 *   the tiles have no noise
 * Tested on phantoms with known noise.
 */
export function measureSeriesNoise(
  volume: Volume<"HU">,
  options: MeasureSeriesNoiseOptions = {},
): SeriesNoise {
  const range = options.tissueRangeHu ?? [-60, 200];
  const usedShare = options.usedShare ?? 0.3;
  const [, rowSpacingMm, columnSpacingMm] = volume.geometry.spacingMm;
  const detectorNyquistPerMm = options.detectorNyquistPerMm ?? 0.857;
  const pixelNyquist = 0.5 / Math.max(rowSpacingMm, columnSpacingMm);
  const lowest = Math.min(LOWEST_NOISE_FREQUENCY_PER_MM, 0.35 * pixelNyquist);
  const split = (4 / 3) * lowest;
  // The fit goes lower: it separates anatomy by its own term.
  const lowestFitted = (): number =>
    Math.max(lowest / 2, 1.7 / (size * Math.max(rowSpacingMm, columnSpacingMm)));
  let size = 32;
  let bins = createRadialBins(size, rowSpacingMm, columnSpacingMm);
  let candidates = findCandidates(volume, size, bins, range, split);
  if (candidates.length < 120) {
    const smallBins = createRadialBins(16, rowSpacingMm, columnSpacingMm);
    const small = findCandidates(volume, 16, smallBins, range, split);
    if (small.length > 6 * candidates.length) {
      size = 16;
      bins = smallBins;
      candidates = small;
    }
  }
  if (candidates.length === 0) {
    throw new PhysicsError(
      "NO_HOMOGENEOUS_REGION",
      `no soft-tissue tile (${range[0]}..${range[1]} HU) of 16 pixels with noise was found in ${volume.geometry.size.join(" × ")} voxels; pass the noise by hand`,
    );
  }
  candidates.sort((a, b) => a.lowToHigh - b.lowToHigh);
  const used = candidates.slice(
    0,
    Math.max(Math.min(12, candidates.length), Math.ceil(usedShare * candidates.length)),
  );

  // Ensemble spectrum: every tile counts the same whatever its σ.
  const radialPower = new Float64Array(bins.counts.length);
  const highOf = (tile: Candidate): number => {
    let sum = 0;
    for (let b = 0; b < radialPower.length; b++) {
      if (bins.frequenciesPerMm[b] >= lowest) sum += tile.radialSums[b];
    }
    return sum;
  };
  for (const tile of used) {
    const weight = 1 / highOf(tile);
    for (let b = 0; b < radialPower.length; b++) {
      radialPower[b] += (weight * tile.radialSums[b]) / Math.max(1, bins.counts[b]) / used.length;
    }
  }
  const [, rows, columns] = volume.geometry.size;
  let squares = 0;
  for (const { row, column } of used) {
    const y = (row + (size - rows) / 2) * rowSpacingMm;
    const x = (column + (size - columns) / 2) * columnSpacingMm;
    squares += (x * x + y * y) / used.length;
  }
  const fit = fitKernelWindow({
    relativeRadius: Math.sqrt(squares) / (options.sourceToIsoMm ?? 541),
    size,
    rowSpacingMm,
    columnSpacingMm,
    detectorNyquistPerMm,
    binIndex: bins.index,
    binCounts: bins.counts,
    frequenciesPerMm: bins.frequenciesPerMm,
    radialPower,
    lowestPerMm: lowestFitted(),
  });
  // Noise of all frequencies per power measured in the band, anatomy's part of the band taken off.
  let all = 0;
  for (const value of fit.power) all += value;
  let band = 0;
  for (let b = 0; b < radialPower.length; b++) {
    if (bins.frequenciesPerMm[b] < lowest) continue;
    band += (fit.radialPower[b] + fit.radialAnatomy[b]) * bins.counts[b];
  }
  const samples = size * size;
  const tiles: NoiseTile[] = used.map((tile) => ({
    slice: tile.slice,
    row: tile.row,
    column: tile.column,
    meanHu: tile.meanHu,
    sigmaHu: Math.sqrt((highOf(tile) * all) / band) / samples,
  }));
  const toUnit = (samples * rowSpacingMm * columnSpacingMm) / all;
  return {
    sigmaHu: computeMedian(tiles.map((tile) => tile.sigmaHu)),
    sizePixels: size,
    tiles,
    window: fit.window,
    frequenciesPerMm: bins.frequenciesPerMm,
    radialPower: radialPower.map((p) => p * toUnit),
    fittedRadialPower: fit.radialPower.map((p) => p * toUnit),
    anatomyRadialPower: fit.radialAnatomy.map((p) => p * toUnit),
    fitNrmse: fit.nrmse,
    sliceCorrelation: measureSliceCorrelation(volume, used, size, bins, lowest, options.maximumLag ?? 4),
  };
}

/** Normalised cross-spectrum of tiles at the same place in slices k and k + lag, above the noise frequency. */
function measureSliceCorrelation(
  volume: Volume<"HU">,
  tiles: readonly Candidate[],
  size: number,
  bins: RadialBins,
  lowest: number,
  maximumLag: number,
): number[] {
  const slices = volume.geometry.size[0];
  const lags = Math.min(maximumLag, slices - 1);
  const correlation = [1];
  if (lags === 0) return correlation;
  const step = Math.max(1, Math.floor(tiles.length / 400));
  const some = tiles.filter((_, i) => i % step === 0);
  const aReal = new Float64Array(size * size);
  const aImaginary = new Float64Array(size * size);
  const bReal = new Float64Array(size * size);
  const bImaginary = new Float64Array(size * size);
  // Anatomy that runs along z correlates too; it is weakest in the upper half of the noise band.
  const floor = Math.max(lowest, 1.5 * LOWEST_NOISE_FREQUENCY_PER_MM);
  const products: number[][] = Array.from({ length: lags }, () => []);
  for (const tile of some) {
    transformTile(volume, tile.slice, tile.row, tile.column, size, aReal, aImaginary);
    for (let lag = 1; lag <= lags; lag++) {
      const other = tile.slice + lag < slices ? tile.slice + lag : tile.slice - lag;
      if (other < 0) continue;
      transformTile(volume, other, tile.row, tile.column, size, bReal, bImaginary);
      let cross = 0;
      let aa = 0;
      let bb = 0;
      for (let i = 0; i < aReal.length; i++) {
        const bin = bins.index[i];
        if (bin < 0 || bins.frequenciesPerMm[bin] < floor) continue;
        cross += aReal[i] * bReal[i] + aImaginary[i] * bImaginary[i];
        aa += aReal[i] * aReal[i] + aImaginary[i] * aImaginary[i];
        bb += bReal[i] * bReal[i] + bImaginary[i] * bImaginary[i];
      }
      if (aa > 0 && bb > 0 && bb < 2 * aa && aa < 2 * bb) products[lag - 1].push(cross / Math.sqrt(aa * bb));
    }
  }
  for (const values of products) {
    const rho = values.length > 0 ? computeMedian(values) : 0;
    // A tile has about size²/4 independent samples in the band.
    const uncertainty = 2 / Math.sqrt(Math.max(1, values.length) * (size * size * 0.25));
    correlation.push(Math.abs(rho) < Math.max(0.02, uncertainty) ? 0 : rho);
  }
  return correlation;
}
