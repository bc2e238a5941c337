/**
 * In-plane Gaussian smoothing: the plainest denoiser, and the comparator that every other method must beat.
 * Separable, truncated at 4 σ, borders replicated. Not edge-preserving.
 */
import { createVolume, type Enhancer, getSliceData, type LongWorkOptions, type Volume } from "@alara/core";
import { EnhanceError } from "./errors.ts";

/** Options of {@link createGaussianEnhancer}. */
export interface GaussianOptions {
  /** Standard deviation in pixels, > 0 and ≤ 32; default 1. */
  readonly sigmaPixels?: number;
}

/** Samples of a normalised Gaussian at −radius..radius, radius = ⌈4σ⌉. */
export function createGaussianKernel(sigmaPixels: number): Float64Array {
  if (!(sigmaPixels > 0 && sigmaPixels <= 32)) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `Gaussian sigma ${sigmaPixels} px is outside 0..32; typical values are 0.5 to 3`,
    );
  }
  const radius = Math.ceil(4 * sigmaPixels);
  const kernel = new Float64Array(2 * radius + 1);
  let sum = 0;
  for (let i = -radius; i <= radius; i++) {
    kernel[i + radius] = Math.exp((-i * i) / (2 * sigmaPixels * sigmaPixels));
    sum += kernel[i + radius];
  }
  return kernel.map((value) => value / sum);
}

/**
 * Smooths one `[row][column]` slice with a separable kernel; borders replicated.
 *
 * @param out - receives the result; must not be `data`
 * Tested against scikit-image `filters.gaussian(mode="nearest", truncate=4)`.
 */
export function smoothSlice(
  data: Float32Array,
  rows: number,
  columns: number,
  kernel: Float64Array,
  out: Float32Array,
): void {
  const radius = (kernel.length - 1) / 2;
  const between = new Float64Array(rows * columns);
  const line = new Float64Array(Math.max(rows, columns) + 2 * radius);
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < columns + 2 * radius; i++) {
      line[i] = data[r * columns + Math.min(columns - 1, Math.max(0, i - radius))];
    }
    for (let c = 0; c < columns; c++) {
      let sum = 0;
      for (let k = 0; k < kernel.length; k++) sum += kernel[k] * line[c + k];
      between[r * columns + c] = sum;
    }
  }
  const sums = new Float64Array(columns);
  for (let r = 0; r < rows; r++) {
    sums.fill(0);
    for (let k = 0; k < kernel.length; k++) {
      const source = Math.min(rows - 1, Math.max(0, r + k - radius)) * columns;
      const weight = kernel[k];
      for (let c = 0; c < columns; c++) sums[c] += weight * between[source + c];
    }
    out.set(sums, r * columns);
  }
}

/** Makes the `gaussian` enhancer. */
export function createGaussianEnhancer(options: GaussianOptions = {}): Enhancer {
  const sigmaPixels = options.sigmaPixels ?? 1;
  const kernel = createGaussianKernel(sigmaPixels);
  return {
    description: {
      name: "gaussian",
      summary: `in-plane Gaussian, sigma ${sigmaPixels} px`,
      contextSlices: 0,
      parameters: { sigmaPixels },
    },
    enhance(volume: Volume<"HU">, work: LongWorkOptions = {}): Promise<Volume<"HU">> {
      const [slices, rows, columns] = volume.geometry.size;
      const result = createVolume("HU", volume.geometry);
      for (let s = 0; s < slices; s++) {
        if (work.signal?.aborted) return Promise.reject(work.signal.reason);
        smoothSlice(getSliceData(volume, s), rows, columns, kernel, getSliceData(result, s));
        work.onProgress?.({ phase: "enhance", done: s + 1, total: slices, unit: "slices" });
      }
      return Promise.resolve(result);
    },
    dispose: () => Promise.resolve(),
  };
}
