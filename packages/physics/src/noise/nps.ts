/**
 * Noise power spectrum of square regions (ICRU 54, AAPM TG-233): detrend, periodogram, ensemble mean, radial
 * mean. 2D only; no window, so the leakage of what detrending leaves behind is part of the estimate.
 */
import { createFftPlan, transform2d, type Volume } from "@alara/core";
import { PhysicsError } from "../errors.ts";

/** What is subtracted from a region before its spectrum is taken. */
export type Detrend = "none" | "mean" | "quadratic";

/** A square region of one slice. */
export interface RegionOfInterest {
  readonly slice: number;
  readonly row: number;
  readonly column: number;
}

/** Options of {@link measureNps}. */
export interface MeasureNpsOptions {
  /** First pixels of the regions. */
  readonly regions: readonly RegionOfInterest[];
  /** Edge length of every region in pixels, a power of two. */
  readonly sizePixels: number;
  /** Default `"quadratic"`. */
  readonly detrend?: Detrend;
}

/** A measured noise power spectrum. */
export interface NoisePowerSpectrum {
  readonly sizePixels: number;
  /** `[sizePixels][sizePixels]`, FFT order (zero frequency first), unit² mm². */
  readonly power: Float64Array;
  /** Frequency step along rows and columns, 1/mm. */
  readonly rowStepPerMm: number;
  readonly columnStepPerMm: number;
  /** Mean frequency of each radial bin, 1/mm. */
  readonly frequenciesPerMm: Float64Array;
  /** Mean power of each radial bin. */
  readonly radialPower: Float64Array;
  /** Number of 2D frequencies in each radial bin. */
  readonly radialCounts: Float64Array;
  /** Σ power · Δfx · Δfy, unit². Degrees of freedom lost to detrending are given back. */
  readonly variance: number;
  readonly peakFrequencyPerMm: number;
  /** ∫ f NPS df / ∫ NPS df over the radial spectrum. */
  readonly meanFrequencyPerMm: number;
  readonly regionCount: number;
}

/** Number of fitted coefficients per detrend. */
const DETREND_DEGREES: Readonly<Record<Detrend, number>> = { none: 0, mean: 1, quadratic: 6 };

/**
 * Subtracts a least-squares surface from a square patch in place. The basis 1, x, y, xy, x²−⟨x²⟩, y²−⟨y²⟩ is
 * orthogonal on a centred square grid, so each coefficient is one projection.
 */
export function detrendPatch(patch: Float64Array, size: number, detrend: Detrend): void {
  if (detrend === "none") return;
  const mid = (size - 1) / 2;
  const meanSquare = (size * size - 1) / 12;
  const terms = detrend === "mean" ? 1 : 6;
  const value = (term: number, y: number, x: number): number => {
    switch (term) {
      case 0:
        return 1;
      case 1:
        return x;
      case 2:
        return y;
      case 3:
        return x * y;
      case 4:
        return x * x - meanSquare;
      default:
        return y * y - meanSquare;
    }
  };
  const coefficients = new Float64Array(terms);
  for (let term = 0; term < terms; term++) {
    let dot = 0;
    let norm = 0;
    for (let r = 0; r < size; r++) {
      for (let c = 0; c < size; c++) {
        const b = value(term, r - mid, c - mid);
        dot += b * patch[r * size + c];
        norm += b * b;
      }
    }
    coefficients[term] = dot / norm;
  }
  for (let r = 0; r < size; r++) {
    for (let c = 0; c < size; c++) {
      let trend = 0;
      for (let term = 0; term < terms; term++) trend += coefficients[term] * value(term, r - mid, c - mid);
      patch[r * size + c] -= trend;
    }
  }
}

/** Radial bins of a periodogram: bin index of each 2D frequency, one bin per smallest frequency step. */
export interface RadialBins {
  readonly index: Int32Array;
  readonly frequenciesPerMm: Float64Array;
  readonly counts: Float64Array;
}

/** Bins by |f| in steps of the smaller axis step, up to the smaller axis Nyquist frequency; −1 beyond. */
export function createRadialBins(size: number, rowSpacingMm: number, columnSpacingMm: number): RadialBins {
  const rowStep = 1 / (size * rowSpacingMm);
  const columnStep = 1 / (size * columnSpacingMm);
  const step = Math.min(rowStep, columnStep);
  const binCount = size / 2 + 1;
  const index = new Int32Array(size * size).fill(-1);
  const sums = new Float64Array(binCount);
  const counts = new Float64Array(binCount);
  for (let r = 0; r < size; r++) {
    for (let c = 0; c < size; c++) {
      const fy = (r <= size / 2 ? r : r - size) * rowStep;
      const fx = (c <= size / 2 ? c : c - size) * columnStep;
      const f = Math.hypot(fx, fy);
      const bin = Math.round(f / step);
      if (bin >= binCount) continue;
      index[r * size + c] = bin;
      sums[bin] += f;
      counts[bin]++;
    }
  }
  return { index, counts, frequenciesPerMm: sums.map((sum, bin) => sum / Math.max(1, counts[bin])) };
}

/**
 * Measures the noise power spectrum over regions of a volume.
 *
 * @returns power in unit² mm², ensemble mean over regions
 * @throws PhysicsError `OUT_OF_RANGE` when a region leaves the volume or none is given
 * ICRU Report 54; TG-233 §3.2: NPS = ΔxΔy/(NxNy) ⟨|DFT(region − trend)|²⟩. Tested: Parseval (∫NPS = σ²) and the
 * FBP closed form (tomography.md §2.3).
 */
export function measureNps(volume: Volume, options: MeasureNpsOptions): NoisePowerSpectrum {
  const { regions, sizePixels: size, detrend = "quadratic" } = options;
  const [slices, rows, columns] = volume.geometry.size;
  const [, rowSpacingMm, columnSpacingMm] = volume.geometry.spacingMm;
  if (regions.length === 0) {
    throw new PhysicsError("OUT_OF_RANGE", "measureNps needs at least one region, got none");
  }
  const plan = createFftPlan(size);
  const power = new Float64Array(size * size);
  const real = new Float64Array(size * size);
  const imaginary = new Float64Array(size * size);
  for (const { slice, row, column } of regions) {
    if (
      !(slice >= 0 && slice < slices && row >= 0 && row + size <= rows && column >= 0) ||
      column + size > columns
    ) {
      throw new PhysicsError(
        "OUT_OF_RANGE",
        `region of ${size} pixels at [${slice}][${row}][${column}] leaves the volume ${slices} × ${rows} × ${columns}`,
      );
    }
    for (let r = 0; r < size; r++) {
      const from = (slice * rows + row + r) * columns + column;
      for (let c = 0; c < size; c++) real[r * size + c] = volume.data[from + c];
    }
    imaginary.fill(0);
    detrendPatch(real, size, detrend);
    transform2d(plan, plan, real, imaginary, "forward");
    for (let i = 0; i < power.length; i++) power[i] += real[i] * real[i] + imaginary[i] * imaginary[i];
  }
  const samples = size * size;
  const scale =
    (rowSpacingMm * columnSpacingMm) / (regions.length * samples) / (1 - DETREND_DEGREES[detrend] / samples);
  for (let i = 0; i < power.length; i++) power[i] *= scale;
  const bins = createRadialBins(size, rowSpacingMm, columnSpacingMm);
  const radialPower = new Float64Array(bins.counts.length);
  for (let i = 0; i < power.length; i++) {
    if (bins.index[i] >= 0) radialPower[bins.index[i]] += power[i];
  }
  let peak = 0;
  let moment = 0;
  let area = 0;
  for (let b = 0; b < radialPower.length; b++) {
    radialPower[b] /= Math.max(1, bins.counts[b]);
    if (radialPower[b] > radialPower[peak]) peak = b;
    moment += bins.frequenciesPerMm[b] * radialPower[b];
    area += radialPower[b];
  }
  const rowStepPerMm = 1 / (size * rowSpacingMm);
  const columnStepPerMm = 1 / (size * columnSpacingMm);
  let total = 0;
  for (const value of power) total += value;
  return {
    sizePixels: size,
    power,
    rowStepPerMm,
    columnStepPerMm,
    frequenciesPerMm: bins.frequenciesPerMm,
    radialPower,
    radialCounts: bins.counts,
    variance: total * rowStepPerMm * columnStepPerMm,
    peakFrequencyPerMm: bins.frequenciesPerMm[peak],
    meanFrequencyPerMm: area > 0 ? moment / area : 0,
    regionCount: regions.length,
  };
}
