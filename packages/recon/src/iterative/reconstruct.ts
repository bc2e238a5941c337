/**
 * Iterative reconstruction of a sinogram by any registered method, in any scan geometry.
 */
import { countViews, createVolume, type RealArray, type Sinogram, type Volume } from "@alara/core";
import { ReconError } from "../errors.ts";
import { iterativeMethods, type MethodOptions } from "./methods.ts";
import {
  chooseSubsetCount,
  createScanProblem,
  estimateIterativeMemory,
  resolveProjector,
  type ScanProblemOptions,
} from "./scan-problem.ts";

/** Options of {@link reconstructIterative}; those of the method included. */
export interface ReconstructIterativeOptions extends Omit<MethodOptions, "initial">, ScanProblemOptions {
  /** Name in `iterativeMethods`. */
  readonly method: string;
  /** Start, for example from FBP; on the same grid. Default: the method's. */
  readonly initial?: Volume<"1/mm">;
  /** Bytes that the method's arrays may take together; default: no limit. */
  readonly memoryLimitBytes?: number;
}

/**
 * Reconstructs line integrals iteratively. Priors measure differences by the grid's spacing, so that stacks of thick
 * slices are coupled less.
 *
 * @param sinogram - line integrals, planar `[slice][view][channel]`, others `[view][row][channel]`
 * @returns attenuation in 1/mm, `[slice][row][column]`, on `options.grid`; figures go to `options.onIteration`
 * @throws ReconError `SHAPE_MISMATCH`, `NON_FINITE`, `OUT_OF_RANGE`, `TOO_LITTLE_MEMORY`; CoreError `UNKNOWN_NAME`
 * @remarks Data outside the grid's reach are not modelled: a grid smaller than the object makes a bright rim.
 * Tested: every geometry returns to the phantom from its own projections.
 */
export async function reconstructIterative(
  sinogram: Sinogram<"line integral">,
  options: ReconstructIterativeOptions,
): Promise<Volume<"1/mm">> {
  const { grid, initial, memoryLimitBytes = Number.POSITIVE_INFINITY } = options;
  const method = iterativeMethods.get(options.method);
  if ((options.weights !== undefined || options.noise !== undefined) && !method.usesWeights) {
    const able = [...iterativeMethods.entries()].filter(([, m]) => m.usesWeights).map(([name]) => name);
    throw new ReconError(
      "OUT_OF_RANGE",
      `method "${options.method}" uses no statistical weights; leave weights and noise out or choose ${able.join(", ")}`,
    );
  }
  const subsetCount = chooseSubsetCount(method, countViews(sinogram.geometry), options.subsets);
  const memory = estimateIterativeMemory(method, sinogram.geometry, grid, options);
  if (memory.totalBytes > memoryLimitBytes) {
    const toMebibytes = (bytes: number): number => Math.ceil(bytes / 2 ** 20);
    throw new ReconError(
      "TOO_LITTLE_MEMORY",
      `method "${options.method}" needs ${toMebibytes(memory.totalBytes)} MiB (images ${toMebibytes(memory.imageBytes)}, projections ${toMebibytes(memory.sinogramBytes)}) but memoryLimitBytes allows ${toMebibytes(memoryLimitBytes)} MiB; take fewer slices, a coarser grid, fewer subsets or a leaner method`,
    );
  }
  if (initial !== undefined && initial.data.length !== grid.size[0] * grid.size[1] * grid.size[2]) {
    throw new ReconError(
      "SHAPE_MISMATCH",
      `initial volume is ${initial.geometry.size.join(" × ")}, the grid ${grid.size.join(" × ")}; make them agree`,
    );
  }
  const projector = resolveProjector(options, sinogram.geometry, options.signal);
  const [slice, row, column] = grid.spacingMm;
  const pixel = Math.min(row, column);
  const { initial: _, ...rest } = options;
  const methodOptions: MethodOptions = {
    axisWeights: [pixel / slice, pixel / row, pixel / column],
    ...rest,
    prior: { spacing: grid.spacingMm, ...options.prior },
    ...(initial === undefined ? {} : { initial: initial.data as RealArray }),
  };
  try {
    const problem = createScanProblem(sinogram, options, subsetCount, projector);
    const { image } = await method.run(problem, methodOptions);
    return createVolume("1/mm", grid, image instanceof Float32Array ? image : Float32Array.from(image));
  } finally {
    projector.dispose();
  }
}
