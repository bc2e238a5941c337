/**
 * Full-reference error metrics of HU volumes, each a result that says what it was measured on: unit, window,
 * data range, region, how slices were put together. Definitions: Wang et al. 2004 for SSIM, RMSE in HU, PSNR
 * with MAX = width of the stated window. Not here: tissue bias, noise, task-based quality.
 */
import { createRegistry, getSliceData, type Registry, type Volume } from "@alara/core";
import { EvaluateError } from "./errors.ts";
import {
  assertRegionFits,
  assertSameSize,
  countInside,
  type HuWindow,
  type Region,
  SOFT_TISSUE_WINDOW,
} from "./region.ts";
import { computeSsimMap, SSIM_BORDER } from "./ssim.ts";

/** What a metric is measured with. */
export interface MetricOptions {
  /** Voxels that count; default: all. */
  readonly region?: Region;
  /**
   * Window whose width is the data range of PSNR and SSIM (default soft tissue 40/400), and to which both
   * volumes are clipped first. RMSE and MAE clip only when a window is given.
   */
  readonly window?: HuWindow;
  /** `"none"` keeps values outside the window as they are; default `"window"`. */
  readonly clip?: "window" | "none";
}

/** One measured metric. */
export interface MetricResult {
  /** Name in the registry. */
  readonly metric: string;
  /** Value of the whole volume; `Infinity` for the PSNR of identical images. */
  readonly value: number;
  readonly unit: "HU" | "dB" | "1";
  /** Value of each slice; `null` where the region has no voxel. */
  readonly perSlice: readonly (number | null)[];
  /** `"pooled"`: over all voxels at once. `"slice mean"`: mean of the slices that have a value. */
  readonly aggregation: "pooled" | "slice mean";
  /** Window that both volumes were clipped to; `null` when nothing was clipped. */
  readonly clippedTo: HuWindow | null;
  /** MAX of PSNR, L of SSIM; `null` for metrics in HU. */
  readonly dataRangeHu: number | null;
  readonly region: { readonly name: string; readonly voxels: number };
}

/** A metric that the registry holds. */
export interface Metric {
  readonly name: string;
  readonly label: string;
  readonly unit: MetricResult["unit"];
  /** Which way is better. */
  readonly better: "lower" | "higher";
  /** Value of two identical volumes. */
  readonly ideal: number;
  measure(candidate: Volume<"HU">, reference: Volume<"HU">, options?: MetricOptions): MetricResult;
}

function resolveRegion(volume: Volume, region: Region | undefined): MetricResult["region"] {
  assertRegionFits(volume, region);
  const voxels = region === undefined ? volume.data.length : countInside(region.mask);
  if (voxels === 0) {
    throw new EvaluateError(
      "EMPTY_REGION",
      `region "${region?.name ?? "whole image"}" holds none of ${volume.data.length} voxels; measure without it or pass another`,
    );
  }
  return { name: region?.name ?? "whole image", voxels };
}

function assertWindow(window: HuWindow): void {
  if (!(window.highHu > window.lowHu) || !Number.isFinite(window.highHu - window.lowHu)) {
    throw new EvaluateError(
      "OUT_OF_RANGE",
      `window "${window.name}" goes from ${window.lowHu} to ${window.highHu} HU; the upper end must be above the lower`,
    );
  }
}

function assertFinite(value: number, metric: string): void {
  if (Number.isNaN(value)) {
    throw new EvaluateError(
      "NOT_FINITE",
      `${metric} is not a number: a voxel of one volume is NaN or infinite; repair it before measuring`,
    );
  }
}

interface ErrorSums {
  readonly count: Float64Array;
  readonly squared: Float64Array;
  readonly absolute: Float64Array;
}

/** Per-slice Σd² and Σ|d| over the region, after clipping when `window` is given. */
function sumErrors(
  candidate: Volume<"HU">,
  reference: Volume<"HU">,
  region: Region | undefined,
  window: HuWindow | null,
): ErrorSums {
  const [slices, rows, columns] = reference.geometry.size;
  const plane = rows * columns;
  const low = window?.lowHu ?? Number.NEGATIVE_INFINITY;
  const high = window?.highHu ?? Number.POSITIVE_INFINITY;
  const count = new Float64Array(slices);
  const squared = new Float64Array(slices);
  const absolute = new Float64Array(slices);
  const a = candidate.data;
  const b = reference.data;
  const mask = region?.mask;
  for (let s = 0; s < slices; s++) {
    let n = 0;
    let sum2 = 0;
    let sum1 = 0;
    for (let i = s * plane, end = i + plane; i < end; i++) {
      if (mask !== undefined && mask[i] === 0) continue;
      let p: number = a[i];
      let q: number = b[i];
      if (p < low) p = low;
      else if (p > high) p = high;
      if (q < low) q = low;
      else if (q > high) q = high;
      const d = p - q;
      n++;
      sum2 += d * d;
      sum1 += Math.abs(d);
    }
    count[s] = n;
    squared[s] = sum2;
    absolute[s] = sum1;
  }
  return { count, squared, absolute };
}

function addUp(values: Float64Array): number {
  return values.reduce((sum, v) => sum + v, 0);
}

function perSlice(count: Float64Array, value: (slice: number) => number): (number | null)[] {
  return Array.from(count, (n, s) => (n === 0 ? null : value(s)));
}

/**
 * Root mean square error.
 *
 * @param candidate - volume to judge, HU
 * @param reference - what it is held against, same size
 * @param options - no window by default: full HU range
 * @returns HU, pooled over voxels: √(Σd²/n)
 * @throws EvaluateError `SHAPE_MISMATCH`, `EMPTY_REGION`, `OUT_OF_RANGE`, `NOT_FINITE`
 * @remarks Against a noisy reference it contains the reference's noise; see `QualityReport.caveats`.
 * Tested against scikit-image `mean_squared_error`.
 */
export function measureRmse(
  candidate: Volume<"HU">,
  reference: Volume<"HU">,
  options: MetricOptions = {},
): MetricResult {
  assertSameSize(candidate, reference);
  const region = resolveRegion(reference, options.region);
  const window = resolveClip(options);
  const { count, squared } = sumErrors(candidate, reference, options.region, window);
  const value = Math.sqrt(addUp(squared) / region.voxels);
  assertFinite(value, "RMSE");
  return {
    metric: "rmse",
    value,
    unit: "HU",
    perSlice: perSlice(count, (s) => Math.sqrt(squared[s] / count[s])),
    aggregation: "pooled",
    clippedTo: window,
    dataRangeHu: null,
    region,
  };
}

/**
 * Mean absolute error; parameters and errors as `measureRmse`.
 *
 * @returns HU, pooled over voxels: Σ|d|/n
 */
export function measureMae(
  candidate: Volume<"HU">,
  reference: Volume<"HU">,
  options: MetricOptions = {},
): MetricResult {
  assertSameSize(candidate, reference);
  const region = resolveRegion(reference, options.region);
  const window = resolveClip(options);
  const { count, absolute } = sumErrors(candidate, reference, options.region, window);
  const value = addUp(absolute) / region.voxels;
  assertFinite(value, "MAE");
  return {
    metric: "mae",
    value,
    unit: "HU",
    perSlice: perSlice(count, (s) => absolute[s] / count[s]),
    aggregation: "pooled",
    clippedTo: window,
    dataRangeHu: null,
    region,
  };
}

function resolveClip(options: MetricOptions): HuWindow | null {
  if (options.window === undefined) return null;
  assertWindow(options.window);
  return options.clip === "none" ? null : options.window;
}

function clipToWindow(source: Float32Array, window: HuWindow, out: Float32Array): Float32Array {
  const { lowHu, highHu } = window;
  for (let i = 0; i < source.length; i++) {
    out[i] = Math.min(Math.max(source[i], lowHu), highHu);
  }
  return out;
}

/**
 * Peak signal-to-noise ratio, 10·log10(MAX²/MSE) with MAX = window width.
 *
 * @param options.window - default soft tissue 40/400, so MAX = 400 HU
 * @returns dB, from the pooled mean square error; `Infinity` when identical inside the window
 * @throws EvaluateError as `measureRmse`
 * @remarks Tested against scikit-image `peak_signal_noise_ratio`.
 */
export function measurePsnr(
  candidate: Volume<"HU">,
  reference: Volume<"HU">,
  options: MetricOptions = {},
): MetricResult {
  const window = options.window ?? SOFT_TISSUE_WINDOW;
  const rmse = measureRmse(candidate, reference, { ...options, window });
  const range = window.highHu - window.lowHu;
  const toDb = (error: number): number => 20 * Math.log10(range / error);
  return {
    ...rmse,
    metric: "psnr",
    value: toDb(rmse.value),
    unit: "dB",
    perSlice: rmse.perSlice.map((error) => (error === null ? null : toDb(error))),
    dataRangeHu: range,
  };
}

/**
 * Structural similarity, mean of slices (Wang et al. 2004, eq. 13; constants in `ssim.ts`).
 *
 * @param options.window - default soft tissue 40/400, so L = 400 HU
 * @param options.region - pixels whose map value counts; the outermost 5 pixels never do
 * @returns unitless, 1 for identical slices; each slice weighs the same
 * @throws EvaluateError as `measureRmse`; `EMPTY_REGION` also when the region lies in the border only
 * @remarks `region.voxels` counts the map values used. Tested against scikit-image to 1e-9.
 */
export function measureSsim(
  candidate: Volume<"HU">,
  reference: Volume<"HU">,
  options: MetricOptions = {},
): MetricResult {
  return measureSsimInRegions(candidate, reference, [options.region], options)[0];
}

/**
 * `measureSsim` of several regions from one map; an undefined region is the whole image.
 *
 * @returns one result per region, in order
 */
export function measureSsimInRegions(
  candidate: Volume<"HU">,
  reference: Volume<"HU">,
  regions: readonly (Region | undefined)[],
  options: Omit<MetricOptions, "region"> = {},
): readonly MetricResult[] {
  assertSameSize(candidate, reference);
  for (const region of regions) assertRegionFits(reference, region);
  const window = options.window ?? SOFT_TISSUE_WINDOW;
  assertWindow(window);
  const [slices, rows, columns] = reference.geometry.size;
  const range = window.highHu - window.lowHu;
  const clip = options.clip ?? "window";
  const scratch = [new Float32Array(rows * columns), new Float32Array(rows * columns)];
  const values: (number | null)[][] = regions.map(() => []);
  const voxels = regions.map(() => 0);
  for (let s = 0; s < slices; s++) {
    // Only the lines that a region needs: theirs and the window's reach.
    const [first, end] = findLines(regions, rows, columns, s);
    const from = Math.max(0, first - SSIM_BORDER);
    const to = Math.min(rows, end + SSIM_BORDER);
    let a = getSliceData(candidate, s).subarray(from * columns, to * columns);
    let b = getSliceData(reference, s).subarray(from * columns, to * columns);
    if (clip === "window") {
      a = clipToWindow(a, window, scratch[0].subarray(0, a.length));
      b = clipToWindow(b, window, scratch[1].subarray(0, b.length));
    }
    const map = computeSsimMap(a, b, to - from, columns, range);
    for (const [index, region] of regions.entries()) {
      const offset = (s * rows + from) * columns;
      const { sum, count } = sumMap(map, to - from, columns, region?.mask, offset);
      voxels[index] += count;
      values[index].push(count === 0 ? null : sum / count);
    }
  }
  return regions.map((region, index) => {
    const measured = values[index].filter((v) => v !== null);
    const name = region?.name ?? "whole image";
    if (measured.length === 0) {
      throw new EvaluateError(
        "EMPTY_REGION",
        `SSIM needs pixels at least ${SSIM_BORDER} from the edge; region "${name}" of ${rows} × ${columns} slices has none`,
      );
    }
    const value = measured.reduce((sum, v) => sum + v, 0) / measured.length;
    assertFinite(value, "SSIM");
    return {
      metric: "ssim",
      value,
      unit: "1",
      perSlice: values[index],
      aggregation: "slice mean",
      clippedTo: clip === "none" ? null : window,
      dataRangeHu: range,
      region: { name, voxels: voxels[index] },
    };
  });
}

/** First and one past the last line of a slice that any region has voxels in. */
function findLines(
  regions: readonly (Region | undefined)[],
  rows: number,
  columns: number,
  slice: number,
): [number, number] {
  let first = rows;
  let end = 0;
  for (const region of regions) {
    if (region === undefined) return [0, rows];
    const mask = region.mask.subarray(slice * rows * columns, (slice + 1) * rows * columns);
    let start = 0;
    while (start < mask.length && mask[start] === 0) start++;
    if (start === mask.length) continue;
    let last = mask.length - 1;
    while (mask[last] === 0) last--;
    first = Math.min(first, Math.floor(start / columns));
    end = Math.max(end, Math.floor(last / columns) + 1);
  }
  return first < end ? [first, end] : [0, 0];
}

function sumMap(
  map: Float64Array,
  rows: number,
  columns: number,
  mask: Uint8Array | undefined,
  offset: number,
): { sum: number; count: number } {
  let sum = 0;
  let count = 0;
  for (let r = SSIM_BORDER, m = 0; r < rows - SSIM_BORDER; r++) {
    for (let c = SSIM_BORDER; c < columns - SSIM_BORDER; c++, m++) {
      if (mask !== undefined && mask[offset + r * columns + c] === 0) continue;
      sum += map[m];
      count++;
    }
  }
  return { sum, count };
}

/** Every full-reference metric; the property tests run over this table. */
export const metrics: Registry<Metric> = createRegistry<Metric>("metric", [
  ["rmse", { name: "rmse", label: "RMSE", unit: "HU", better: "lower", ideal: 0, measure: measureRmse }],
  ["mae", { name: "mae", label: "MAE", unit: "HU", better: "lower", ideal: 0, measure: measureMae }],
  [
    "psnr",
    {
      name: "psnr",
      label: "PSNR",
      unit: "dB",
      better: "higher",
      ideal: Number.POSITIVE_INFINITY,
      measure: measurePsnr,
    },
  ],
  ["ssim", { name: "ssim", label: "SSIM", unit: "1", better: "higher", ideal: 1, measure: measureSsim }],
]);
