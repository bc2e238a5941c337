/**
 * MLEM and OSEM: the multiplicative update x ← x · Aᵀ(b/Ax) / Aᵀ1 for non-negative data (Shepp & Vardi 1982, doi
 * 10.1109/TMI.1982.4307558; Hudson & Larkin 1994, doi 10.1109/42.363108). Its statistics are those of emission data;
 * for line integrals it is a non-negative fit in Kullback–Leibler distance, not the transmission likelihood.
 */
import type { RealArray } from "@alara/core";
import {
  type Figures,
  type IterationOptions,
  type IterativeProblem,
  type IterativeResult,
  listSubsets,
  prepareStart,
  runIterations,
} from "./problem.ts";
import { computeSensitivities } from "./simultaneous.ts";
import { allocateLike, invertPositive, multiply } from "./vectors.ts";

/** Smallest projection a datum is divided by, as a fraction of the largest datum: keeps ratios finite. */
const LEAST_PROJECTION = 1e-12;

/**
 * MLEM (one subset) and OSEM (several). Data below zero count as zero; an initial image must be positive where it
 * shall be able to grow. `nonNegative` is always so.
 *
 * @returns the objective is Σ Ax − b + b log(b/Ax) (zero log zero = 0); it never rises for one subset
 * @throws ReconError as `prepareStart`
 * @remarks Memory: an image per subset (one if those were more than 2²⁶ samples) and one, one array of the data.
 * Tested: likelihood of every iteration, on explicit matrices, mass: Σ Ax = Σ b for one subset.
 */
export async function solveOsem<A extends RealArray>(
  problem: IterativeProblem<A>,
  options: IterationOptions<A> = {},
): Promise<IterativeResult<A>> {
  const { recordObjective = true } = options;
  const x = prepareStart(problem, { ...options, nonNegative: true }, 1);
  const subsets = listSubsets(problem);
  const inverses = await computeSensitivities(subsets, x.length);
  for (const inverse of new Set(inverses)) invertPositive(inverse);
  const projections = subsets.map(({ data }) => allocateLike(data));
  const update = allocateLike(x);
  let largest = 0;
  for (const value of problem.data) if (value > largest) largest = value;
  const floor = LEAST_PROJECTION * (largest > 0 ? largest : 1);
  const isOne = subsets.length === 1;
  const measure = async (): Promise<Figures> => {
    if (!recordObjective && !isOne) return {};
    let objective = 0;
    let squares = 0;
    for (let s = 0; s < subsets.length; s++) {
      const { operator, data } = subsets[s];
      const projection = await operator.apply(x, projections[s]);
      for (let i = 0; i < data.length; i++) {
        squares += (projection[i] - data[i]) ** 2;
        const b = data[i] > 0 ? data[i] : 0;
        objective += projection[i] - b;
        if (b > 0) objective += b * Math.log(b / Math.max(projection[i], floor));
      }
    }
    return { objective, residualNorm: Math.sqrt(squares) };
  };
  return await runIterations(x, await measure(), options, isOne ? 100 : 10, async () => {
    for (let s = 0; s < subsets.length; s++) {
      const { operator, data } = subsets[s];
      const projection = projections[s];
      if (!isOne) await operator.apply(x, projection);
      for (let i = 0; i < data.length; i++) {
        projection[i] = data[i] > 0 ? data[i] / Math.max(projection[i], floor) : 0;
      }
      await operator.applyAdjoint(projection, update);
      multiply(update, inverses[s], update);
      multiply(x, update, x);
    }
    return await measure();
  });
}
