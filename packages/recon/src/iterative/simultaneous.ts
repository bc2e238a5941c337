/**
 * Row-action methods: SIRT, SART and OS-SART in one loop (Andersen & Kak 1984, doi 10.1016/0161-7346(84)90008-7;
 * Gregor & Benson 2008, doi 10.1109/TMI.2008.923696), x ← x + λ C Aᵀ R (b − Ax) with R = 1/(A1), C = 1/(Aᵀ1), subset
 * by subset; and Landweber's iteration (1951). Statistical weights are not used here: see PWLS.
 */
import type { RealArray } from "@alara/core";
import {
  checkAtLeast,
  type Figures,
  type IterationOptions,
  type IterativeProblem,
  type IterativeResult,
  listSubsets,
  type OrderedSubset,
  prepareStart,
  runIterations,
} from "./problem.ts";
import { measureStepNorm, type StepOptions } from "./step-size.ts";
import {
  addScaled,
  allocateLike,
  clipNegative,
  invertPositive,
  multiply,
  subtract,
  sumSquares,
  sumWeightedSquares,
} from "./vectors.ts";

/** Subset sensitivities Aᵀ1 are kept for each subset up to this many samples together, else their mean is used. */
const MOST_KEPT_SENSITIVITIES = 2 ** 26;

/** Options of {@link solveSart}. */
export interface SartOptions<A extends RealArray = RealArray> extends IterationOptions<A> {
  /** λ in (0, 2); default 1. */
  readonly relaxation?: number;
  /** λ is multiplied by this after every iteration; default 1. */
  readonly relaxationReduction?: number;
}

/** Aᵀ1 of every subset, or their mean once when that would be too much memory. */
export async function computeSensitivities<A extends RealArray>(
  subsets: readonly OrderedSubset<A>[],
  voxels: number,
): Promise<readonly A[]> {
  const like = subsets[0].data;
  const isKept = subsets.length * voxels <= MOST_KEPT_SENSITIVITIES;
  const results: A[] = [];
  const mean = isKept ? undefined : allocateLike(like, voxels);
  const buffer = isKept ? undefined : allocateLike(like, voxels);
  for (const { operator, data } of subsets) {
    const ones = allocateLike(data).fill(1) as A;
    const target = buffer ?? allocateLike(like, voxels);
    await operator.applyAdjoint(ones, target);
    if (mean === undefined) results.push(target);
    else addScaled(mean, 1 / subsets.length, target);
  }
  if (mean !== undefined) for (let s = 0; s < subsets.length; s++) results.push(mean);
  return results;
}

/**
 * SIRT (one subset), OS-SART (several) and SART (one view per subset).
 *
 * @returns the objective is ½ Σ R (b − Ax)²; it never rises for one subset and 0 < λ < 2
 * @throws ReconError `OUT_OF_RANGE` for λ outside (0, 2), and as `prepareStart`
 * @remarks Memory: an image per subset (one if those were more than 2²⁶ samples) and two, two arrays of the data.
 * Tested on explicit matrices, and by the bars of scikit-image's `iradon_sart` test on its phantom.
 */
export async function solveSart<A extends RealArray>(
  problem: IterativeProblem<A>,
  options: SartOptions<A> = {},
): Promise<IterativeResult<A>> {
  const { relaxation = 1, relaxationReduction = 1, nonNegative = true, recordObjective = true } = options;
  checkAtLeast("relaxation", relaxation, 0, true);
  checkAtLeast("2 − relaxation", 2 - relaxation, 0, true);
  checkAtLeast("relaxationReduction", relaxationReduction, 0, true);
  const x = prepareStart(problem, options);
  const subsets = listSubsets(problem);
  const inverseColumns = await computeSensitivities(subsets, x.length);
  for (const column of new Set(inverseColumns)) invertPositive(column);
  const inverseRows: A[] = [];
  const residuals: A[] = [];
  const ones = allocateLike(x).fill(1) as A;
  for (const { operator, data } of subsets) {
    const rows = await operator.apply(ones, allocateLike(data));
    invertPositive(rows);
    inverseRows.push(rows);
    residuals.push(allocateLike(data));
  }
  const update = ones;
  const isOne = subsets.length === 1;
  const computeResidual = async (s: number): Promise<void> => {
    await subsets[s].operator.apply(x, residuals[s]);
    subtract(subsets[s].data, residuals[s], residuals[s]);
  };
  const measure = async (): Promise<Figures> => {
    if (!recordObjective && !isOne) return {};
    let objective = 0;
    let squares = 0;
    for (let s = 0; s < subsets.length; s++) {
      await computeResidual(s);
      objective += sumWeightedSquares(residuals[s], inverseRows[s]) / 2;
      squares += sumSquares(residuals[s]);
    }
    return { objective, residualNorm: Math.sqrt(squares) };
  };
  let lambda = relaxation;
  return await runIterations(x, await measure(), options, isOne ? 100 : 10, async () => {
    for (let s = 0; s < subsets.length; s++) {
      if (!isOne) await computeResidual(s);
      multiply(residuals[s], inverseRows[s], residuals[s]);
      await subsets[s].operator.applyAdjoint(residuals[s], update);
      multiply(update, inverseColumns[s], update);
      addScaled(x, lambda, update);
      if (nonNegative) clipNegative(x);
    }
    lambda *= relaxationReduction;
    return await measure();
  });
}

/** Options of {@link solveLandweber}. */
export interface LandweberOptions<A extends RealArray = RealArray> extends IterationOptions<A>, StepOptions {
  /** Step times ‖A‖², in (0, 2); default 1. */
  readonly relaxation?: number;
}

/**
 * Projected Landweber: x ← Π(x + λ/‖A‖² Aᵀ(b − Ax)).
 *
 * @returns the objective is ½‖Ax − b‖²; it never rises
 * @throws ReconError `OUT_OF_RANGE` for λ outside (0, 2), and as `prepareStart`
 * @remarks Memory: two images, one array of the data. Tested on explicit matrices.
 */
export async function solveLandweber<A extends RealArray>(
  problem: IterativeProblem<A>,
  options: LandweberOptions<A> = {},
): Promise<IterativeResult<A>> {
  const { relaxation = 1, nonNegative = true } = options;
  checkAtLeast("relaxation", relaxation, 0, true);
  checkAtLeast("2 − relaxation", 2 - relaxation, 0, true);
  const x = prepareStart(problem, options);
  const { operator, data } = problem;
  const norm = await measureStepNorm(operator, data, options);
  const step = relaxation / (norm * norm);
  const residual = allocateLike(data);
  const update = allocateLike(x);
  const measure = async (): Promise<Figures> => {
    await operator.apply(x, residual);
    subtract(data, residual, residual);
    const squares = sumSquares(residual);
    return { objective: squares / 2, residualNorm: Math.sqrt(squares) };
  };
  return await runIterations(x, await measure(), options, 200, async () => {
    await operator.applyAdjoint(residual, update);
    addScaled(x, step, update);
    if (nonNegative) clipNegative(x);
    return await measure();
  });
}
