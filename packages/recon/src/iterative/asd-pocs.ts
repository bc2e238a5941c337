/**
 * ASD-POCS: data steps by SART in turns with steepest descent of total variation, whose step adapts to the size of
 * the data steps (Sidky & Pan 2008, doi 10.1088/0031-9155/53/17/021). Seeks min TV(x) with ‖Ax − b‖ ≤ ε, x ≥ 0.
 */
import type { RealArray } from "@alara/core";
import type { TvMethodOptions } from "./fista-tv.ts";
import {
  checkAtLeast,
  type Figures,
  type IterativeProblem,
  type IterativeResult,
  listSubsets,
  prepareStart,
  runIterations,
} from "./problem.ts";
import { computeSensitivities } from "./simultaneous.ts";
import { addTvGradient, computeTotalVariation, createTvGrid } from "./total-variation.ts";
import {
  addScaled,
  allocateLike,
  clipNegative,
  invertPositive,
  multiply,
  subtract,
  sumProducts,
  sumSquaredDifferences,
  sumSquares,
} from "./vectors.ts";

/** Options of {@link solveAsdPocs}; `tvWeight` has no meaning here. */
export interface AsdPocsOptions<A extends RealArray = RealArray>
  extends Omit<TvMethodOptions<A>, "tvWeight"> {
  /**
   * ε ≥ 0; default √(Σ 1/w) when the problem has weights (the expected norm of the noise; weights of 0 count for
   * nothing), else 1 % of ‖b‖.
   */
  readonly dataTolerance?: number;
  /** Descent steps of TV per iteration; default 20. */
  readonly tvIterations?: number;
  /** Size of the first TV step as a fraction of the first data step; default 0.002. */
  readonly tvStep?: number;
  /** Factor on the TV step when it moves the image more than the data step does; default 0.95. */
  readonly tvStepReduction?: number;
  /** Largest ratio of TV to data change; default 0.95. */
  readonly largestRatio?: number;
  /** λ of the data step, in (0, 2); default 1. */
  readonly relaxation?: number;
  /** λ is multiplied by this after every iteration; default 0.99. */
  readonly relaxationReduction?: number;
}

/** Differences below this fraction of the largest voxel are smoothed in the gradient of TV. */
const TV_SMOOTHING = 1e-4;

/** Below this relaxation data steps move nothing any more. */
const LEAST_RELAXATION = 0.005;

/**
 * ASD-POCS.
 *
 * @returns the objective is TV(x) of the image after the data step, whose ‖Ax − b‖ is in `residualNorms`; the image
 *   is that one too. `"converged"` when ε is kept and data and TV steps oppose each other (cosine < −0.99)
 * @throws ReconError `OUT_OF_RANGE`, and as `prepareStart`
 * @remarks Memory: an image per subset (as SART) and five, two arrays of the data. The defaults of the step rule are
 * those of TIGRE's OS-ASD-POCS.
 * Tested: reaches ε, and less TV than SART at the same distance.
 */
export async function solveAsdPocs<A extends RealArray>(
  problem: IterativeProblem<A>,
  options: AsdPocsOptions<A> = {},
): Promise<IterativeResult<A>> {
  const {
    tvIterations = 20,
    tvStep = 0.002,
    tvStepReduction = 0.95,
    largestRatio = 0.95,
    relaxation = 1,
    relaxationReduction = 0.99,
    nonNegative = true,
  } = options;
  checkAtLeast("tvIterations", tvIterations, 1);
  checkAtLeast("tvStep", tvStep, 0, true);
  checkAtLeast("tvStepReduction", tvStepReduction, 0, true);
  checkAtLeast("largestRatio", largestRatio, 0, true);
  checkAtLeast("relaxation", relaxation, 0, true);
  checkAtLeast("2 − relaxation", 2 - relaxation, 0, true);
  checkAtLeast("relaxationReduction", relaxationReduction, 0, true);
  const x = prepareStart(problem, options);
  const tolerance = options.dataTolerance ?? chooseTolerance(problem);
  checkAtLeast("dataTolerance", tolerance, 0);
  const subsets = listSubsets(problem);
  const grid = createTvGrid(problem.size, options.axisWeights);
  const inverseColumns = await computeSensitivities(subsets, x.length);
  for (const column of new Set(inverseColumns)) invertPositive(column);
  // What the iterations change; `x`, the result, is the image after the data step.
  const image = allocateLike(x);
  image.set(x);
  const update = allocateLike(x).fill(1) as A;
  const inverseRows: A[] = [];
  const residuals: A[] = [];
  for (const { operator, data } of subsets) {
    const rows = await operator.apply(update, allocateLike(data));
    invertPositive(rows);
    inverseRows.push(rows);
    residuals.push(allocateLike(data));
  }
  const dataStep = allocateLike(x);
  const descent = allocateLike(x);
  const computeResidual = async (s: number, of: A): Promise<void> => {
    await subsets[s].operator.apply(of, residuals[s]);
    subtract(subsets[s].data, residuals[s], residuals[s]);
  };
  const measure = async (): Promise<Figures & { residualNorm: number }> => {
    let squares = 0;
    for (let s = 0; s < subsets.length; s++) {
      await computeResidual(s, x);
      squares += sumSquares(residuals[s]);
    }
    return { objective: computeTotalVariation(x, grid), residualNorm: Math.sqrt(squares) };
  };
  let lambda = relaxation;
  let tvLength = 0;
  return await runIterations(x, await measure(), options, 50, async (iteration) => {
    dataStep.set(image);
    for (let s = 0; s < subsets.length; s++) {
      await computeResidual(s, image);
      multiply(residuals[s], inverseRows[s], residuals[s]);
      await subsets[s].operator.applyAdjoint(residuals[s], update);
      multiply(update, inverseColumns[s], update);
      addScaled(image, lambda, update);
      if (nonNegative) clipNegative(image);
    }
    subtract(image, dataStep, dataStep);
    x.set(image);
    const figures = await measure();
    const dataChange = Math.sqrt(sumSquares(dataStep));
    if (iteration === 1) tvLength = tvStep * dataChange;
    let largest = 0;
    for (const value of x) largest = Math.max(largest, Math.abs(value));
    for (let k = 0; k < tvIterations; k++) {
      descent.fill(0);
      addTvGradient(descent, image, 1, TV_SMOOTHING * largest, grid);
      const length = Math.sqrt(sumSquares(descent));
      if (length === 0) break;
      addScaled(image, -tvLength / length, descent);
    }
    const tvChange = Math.sqrt(sumSquaredDifferences(image, x));
    const isClose = figures.residualNorm <= tolerance;
    subtract(image, x, descent);
    const cosine =
      tvChange > 0 && dataChange > 0 ? sumProducts(dataStep, descent) / (tvChange * dataChange) : -1;
    if (tvChange > largestRatio * dataChange && !isClose) tvLength *= tvStepReduction;
    lambda *= relaxationReduction;
    const isConverged = (isClose && cosine < -0.99) || lambda < LEAST_RELAXATION;
    return { ...figures, isConverged };
  });
}

function chooseTolerance(problem: IterativeProblem): number {
  const { weights, data } = problem;
  if (weights === undefined) return 0.01 * Math.sqrt(sumSquares(data));
  let sum = 0;
  for (let i = 0; i < weights.length; i++) if (weights[i] > 0) sum += 1 / weights[i];
  return Math.sqrt(sum);
}
