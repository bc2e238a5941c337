/**
 * From a sinogram to a linear problem: operators over the views, ordered subsets, statistical weights from a noise
 * model, and how much memory a method will need. No method of its own.
 */
import {
  type AsyncLinearOperator,
  chooseThreadCount,
  countDetectorRows,
  countScanSamples,
  countViews,
  createWasmPool,
  type GridGeometry,
  isPlanarGeometry,
  type RealArray,
  type ScanGeometry,
  type Sinogram,
  selectViews,
  type WasmPool,
} from "@alara/core";
import {
  type CountModel,
  checkCountModel,
  computeLogVariance,
  createFastProjector,
  PhysicsError,
  projectors,
  type VolumeGrid,
} from "@alara/physics";
import { type AxisOffset, createAxisGrid } from "../axis-offset.ts";
import { ReconError } from "../errors.ts";
import type { IterativeMethod } from "./methods.ts";
import type { IterativeProblem, OrderedSubset } from "./problem.ts";
import { divideViews, type SubsetOrder } from "./subsets.ts";

/** Makes the operator of some views: float64 as those of `projectors`, or float32 as fast ones. */
export type OperatorMaker = (
  geometry: ScanGeometry,
  grid: VolumeGrid,
) => AsyncLinearOperator<Float32Array> | AsyncLinearOperator<Float64Array>;

/** How a scan becomes a problem. */
export interface ScanProblemOptions {
  /** Where to reconstruct; planar scans: as many slices as the sinogram. */
  readonly grid: GridGeometry;
  /** Rotation axis (and plane of the source) from the middle of the volume, as for FBP; default zeros. */
  readonly axisOffsetMm?: AxisOffset;
  /**
   * `"fast"` (float32, threads; not for posed detectors and steep cones), a name in `projectors` (float64), or a maker
   * of operators. Default: `"fast"` where it can, else `"joseph"`.
   */
  readonly projector?: string | OperatorMaker;
  /** What a maker's operators take; default `"float32"`. Registered projectors take float64. */
  readonly precision?: "float32" | "float64";
  /** Number of subsets; default: the method's, at most a subset per four views (`sart`: one view each). */
  readonly subsets?: number;
  /** Default `"golden-ratio"`. */
  readonly subsetOrder?: SubsetOrder;
  /** Inverse variances of the line integrals, shaped like the data; for methods that use weights. */
  readonly weights?: RealArray;
  /** Makes the weights 1/var(p) from the measured line integrals (`computeLogVariance`); not beside `weights`. */
  readonly noise?: CountModel;
}

/** 1/var(p) of every sample. */
export function computeStatisticalWeights(lineIntegrals: ArrayLike<number>, noise: CountModel): Float32Array {
  checkCountModel(noise);
  const weights = new Float32Array(lineIntegrals.length);
  for (let i = 0; i < weights.length; i++) {
    weights[i] = 1 / computeLogVariance(Math.max(0, lineIntegrals[i]), noise);
  }
  return weights;
}

/** Number of subsets that a method gets. */
export function chooseSubsetCount(method: IterativeMethod, views: number, wanted?: number): number {
  if (wanted === undefined) {
    if (method.defaultSubsets === "views") return views;
    return Math.max(1, Math.min(method.defaultSubsets, Math.floor(views / 4)));
  }
  if (!(Number.isInteger(wanted) && wanted >= 1 && wanted <= views)) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `${wanted} subsets of ${views} views; pass an integer from 1 to the views`,
    );
  }
  if (wanted > 1 && !method.takesSubsets) {
    throw new ReconError("OUT_OF_RANGE", `this method takes no subsets, got ${wanted}; leave subsets out`);
  }
  return wanted;
}

/** The samples of some views of a stack `[stack][view][sample]`, in the problem's precision. */
function gatherViews(
  data: RealArray,
  views: number,
  selected: readonly number[],
  precision: "float32" | "float64",
  stack: number,
): RealArray {
  const perView = data.length / (views * stack);
  const length = stack * selected.length * perView;
  const out = precision === "float32" ? new Float32Array(length) : new Float64Array(length);
  for (let slice = 0, target = 0; slice < stack; slice++) {
    for (const view of selected) {
      const start = (slice * views + view) * perView;
      out.set(data.subarray(start, start + perView), target);
      target += perView;
    }
  }
  return out;
}

/** The maker of a scan's operators, their precision, and what ends the threads they share. */
export interface ResolvedProjector {
  readonly make: OperatorMaker;
  readonly precision: "float32" | "float64";
  dispose(): void;
}

/** What an option means for a scan. The pool of fast projectors starts with their first use. */
export function resolveProjector(
  options: Pick<ScanProblemOptions, "projector" | "precision" | "axisOffsetMm" | "grid">,
  geometry: ScanGeometry,
  signal?: AbortSignal,
): ResolvedProjector {
  const { projector, precision = "float32" } = options;
  const dispose = (): void => {};
  if (typeof projector === "function") return { make: projector, precision, dispose };
  if (projector !== undefined && projector !== "fast") {
    return { make: projectors.get(projector), precision: "float64", dispose };
  }
  if (projector === undefined && !canProjectFast(geometry, options)) {
    return { make: projectors.get("joseph"), precision: "float64", dispose };
  }
  let pool: WasmPool | undefined;
  return {
    make: (scan, grid) => {
      const steps = grid.slices * countScanSamples(geometry) * Math.max(grid.rows, grid.columns);
      pool ??= createWasmPool({ threads: chooseThreadCount(steps) });
      return createFastProjector(scan, grid, signal === undefined ? { pool } : { pool, signal });
    },
    precision: "float32",
    dispose: () => pool?.dispose(),
  };
}

function canProjectFast(
  geometry: ScanGeometry,
  options: Pick<ScanProblemOptions, "axisOffsetMm" | "grid">,
): boolean {
  try {
    createFastProjector(geometry, createAxisGrid(options.grid, options.axisOffsetMm));
    return true;
  } catch (error) {
    if (error instanceof PhysicsError && error.code === "UNSUPPORTED_GEOMETRY") return false;
    throw error;
  }
}

/**
 * The problem of a scan.
 *
 * @param subsetCount - see {@link chooseSubsetCount}
 * @param projector - see {@link resolveProjector}
 * @throws ReconError `SHAPE_MISMATCH`, `OUT_OF_RANGE`; PhysicsError from the projector
 */
export function createScanProblem(
  sinogram: Sinogram<"line integral">,
  options: ScanProblemOptions,
  subsetCount: number,
  projector: ResolvedProjector,
): IterativeProblem {
  const { geometry, data } = sinogram;
  checkScan(sinogram, options.grid);
  if (options.weights !== undefined && options.noise !== undefined) {
    throw new ReconError("OUT_OF_RANGE", "weights and noise were both given; pass one of them");
  }
  const weights =
    options.weights ??
    (options.noise === undefined ? undefined : computeStatisticalWeights(data, options.noise));
  if (weights !== undefined && weights.length !== data.length) {
    throw new ReconError(
      "SHAPE_MISMATCH",
      `weights have ${weights.length} samples, the sinogram ${data.length}; pass one weight per sample`,
    );
  }
  const grid = createAxisGrid(options.grid, options.axisOffsetMm);
  const { make, precision } = projector;
  const views = countViews(geometry);
  const stack = isPlanarGeometry(geometry) ? sinogram.slices : 1;
  const all = Array.from({ length: views }, (_, view) => view);
  const build = (selected: readonly number[]): OrderedSubset => {
    const operator = make(
      selected.length === views ? geometry : selectViews(geometry, selected),
      grid,
    ) as AsyncLinearOperator;
    const part = gatherViews(data, views, selected, precision, stack);
    if (weights === undefined) return { operator, data: part };
    return { operator, data: part, weights: gatherViews(weights, views, selected, precision, stack) };
  };
  const whole = build(all);
  const { size } = options.grid;
  if (subsetCount === 1) return { ...whole, size };
  return { ...whole, size, subsets: divideViews(views, subsetCount, options.subsetOrder).map(build) };
}

function checkScan(sinogram: Sinogram, grid: GridGeometry): void {
  const { geometry, slices, data } = sinogram;
  const isPlanar = isPlanarGeometry(geometry);
  if (slices !== (isPlanar ? grid.size[0] : 1)) {
    throw new ReconError(
      "SHAPE_MISMATCH",
      isPlanar
        ? `the sinogram has ${slices} slices and the grid ${grid.size[0]}; make them agree`
        : `a ${geometry.kind} scan is one scan of the whole volume, but ${slices} slices were given; pass slices 1`,
    );
  }
  const expected = slices * countScanSamples(geometry);
  if (data.length !== expected) {
    throw new ReconError(
      "SHAPE_MISMATCH",
      `sinogram has ${data.length} samples but ${slices} slices × ${countViews(geometry)} views × ${countDetectorRows(geometry)} rows × ${geometry.channels} channels are ${expected}; pass data of that length or the right geometry`,
    );
  }
}

/** Bytes by what holds them. */
export interface IterativeMemory {
  /** Arrays of the image's size, the volume that is returned included. */
  readonly imageBytes: number;
  /** Arrays of the data's size: data, weights, the method's own. */
  readonly sinogramBytes: number;
  readonly totalBytes: number;
}

/**
 * Estimates what a method holds at once, without what the operators themselves hold.
 *
 * Tested against the arrays that the methods allocate.
 */
export function estimateIterativeMemory(
  method: IterativeMethod,
  geometry: ScanGeometry,
  grid: GridGeometry,
  options: Pick<ScanProblemOptions, "projector" | "precision" | "subsets" | "weights" | "noise"> = {},
): IterativeMemory {
  const { precision } = resolveProjector({ ...options, grid }, geometry);
  const bytes = precision === "float32" ? 4 : 8;
  const voxels = grid.size[0] * grid.size[1] * grid.size[2];
  const samples = countScanSamples(geometry) * (isPlanarGeometry(geometry) ? grid.size[0] : 1);
  const count = chooseSubsetCount(method, countViews(geometry), options.subsets);
  const kept = count * voxels <= 2 ** 26 ? count : 2;
  const images = method.memory.images + method.memory.imagesPerSubset * kept;
  const weights = options.weights !== undefined || options.noise !== undefined ? 1 : 0;
  // Data and weights once more when they are cut into subsets.
  const copies = (1 + weights) * (count > 1 ? 2 : 1);
  const imageBytes = voxels * (bytes * images + 4);
  const sinogramBytes = samples * (bytes * (method.memory.sinograms + copies) + 4 * weights);
  return { imageBytes, sinogramBytes, totalBytes: imageBytes + sinogramBytes };
}
