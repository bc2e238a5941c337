/**
 * PWLS: min ½‖Ax − b‖²_W + β R(x), x ≥ 0, by separable quadratic surrogates (Erdoğan & Fessler 1999, doi
 * 10.1088/0031-9155/44/11/311), over ordered subsets when given, with Nesterov's momentum when asked (Kim, Ramani &
 * Fessler 2015, doi 10.1109/TMI.2014.2350962). Sauer & Bouman 1993 for the model.
 */
import type { RealArray } from "@alara/core";
import {
  checkAtLeast,
  type Figures,
  type IterationOptions,
  type IterativeProblem,
  type IterativeResult,
  listSubsets,
  prepareStart,
  runIterations,
} from "./problem.ts";
import { createRoughnessPenalty, type RoughnessOptions } from "./roughness.ts";
import { addScaled, allocateLike, clipNegative, extrapolate, multiply, subtract } from "./vectors.ts";

/** Options of {@link solvePwls}. */
export interface PwlsOptions<A extends RealArray = RealArray> extends IterationOptions<A> {
  /** β ≥ 0; default 0: no prior. */
  readonly strength?: number;
  /** R; default quadratic over all neighbours. */
  readonly prior?: Omit<RoughnessOptions, "size">;
  /**
   * `"none"` never raises the objective with one subset; `"nesterov"` is much faster, and restarts when the
   * objective rose. Default `"none"`.
   */
  readonly momentum?: "none" | "nesterov";
}

/**
 * Penalised weighted least squares.
 *
 * @param problem - `weights` are the inverse variances of the data; default ones
 * @returns the objective ½ Σ w (Ax − b)² + β R(x)
 * @throws ReconError as `prepareStart` and `createRoughnessPenalty`, `OUT_OF_RANGE` for β < 0
 * @remarks Memory: four images (six with momentum), one array of the data. With several subsets it ends in a small
 * limit cycle, not in the minimum.
 * Tested: gradient against differences, monotone, the normal equations' solution for a quadratic prior.
 */
export async function solvePwls<A extends RealArray>(
  problem: IterativeProblem<A>,
  options: PwlsOptions<A> = {},
): Promise<IterativeResult<A>> {
  const { strength = 0, nonNegative = true, momentum = "none", recordObjective = true } = options;
  checkAtLeast("strength", strength, 0);
  const x = prepareStart(problem, options);
  const penalty = createRoughnessPenalty({ ...options.prior, size: problem.size });
  const subsets = listSubsets(problem);
  const count = subsets.length;
  const isOne = count === 1;
  const hasMomentum = momentum === "nesterov";

  // Curvature of the data term: AᵀWA1, an upper bound in the sense of separable surrogates for A ≥ 0.
  const dataCurvature = allocateLike(x);
  const gradient = allocateLike(x);
  const curvature = allocateLike(x);
  const projections = subsets.map(({ data }) => allocateLike(data));
  gradient.fill(1);
  for (let s = 0; s < count; s++) {
    const { operator, weights } = subsets[s];
    const projection = await operator.apply(gradient, projections[s]);
    if (weights !== undefined) multiply(projection, weights, projection);
    await operator.applyAdjoint(projection, curvature);
    addScaled(dataCurvature, 1, curvature);
  }
  const point = hasMomentum ? allocateLike(x) : x;
  const previous = hasMomentum ? allocateLike(x) : undefined;
  if (hasMomentum) point.set(x);

  /** Leaves W(Ax − b) in the subset's projection. */
  const projectResidual = async (s: number, image: A): Promise<readonly [number, number]> => {
    const { operator, data, weights } = subsets[s];
    const residual = await operator.apply(image, projections[s]);
    subtract(residual, data, residual);
    let squares = 0;
    let weighted = 0;
    for (let i = 0; i < residual.length; i++) {
      const square = residual[i] * residual[i];
      squares += square;
      weighted += weights === undefined ? square : weights[i] * square;
    }
    if (weights !== undefined) multiply(residual, weights, residual);
    return [squares, weighted];
  };
  const measure = async (): Promise<Figures> => {
    if (!recordObjective && !(isOne && !hasMomentum)) return {};
    let objective = strength > 0 ? strength * penalty.evaluate(x) : 0;
    let squares = 0;
    for (let s = 0; s < count; s++) {
      const [plain, weighted] = await projectResidual(s, x);
      squares += plain;
      objective += weighted / 2;
    }
    return { objective, residualNorm: Math.sqrt(squares) };
  };
  let t = 1;
  let last = await measure();
  return await runIterations(x, last, options, isOne ? 100 : 10, async () => {
    for (let s = 0; s < count; s++) {
      if (!isOne || hasMomentum) await projectResidual(s, point);
      await subsets[s].operator.applyAdjoint(projections[s], gradient);
      if (!isOne) for (let j = 0; j < gradient.length; j++) gradient[j] *= count;
      curvature.set(dataCurvature);
      if (strength > 0) {
        penalty.addGradient(point, strength, gradient, curvature, { isFixed: hasMomentum });
      }
      previous?.set(x);
      for (let j = 0; j < x.length; j++) {
        x[j] = curvature[j] > 0 ? point[j] - gradient[j] / curvature[j] : point[j];
      }
      if (nonNegative) clipNegative(x);
      if (previous !== undefined) {
        const next = (1 + Math.sqrt(1 + 4 * t * t)) / 2;
        extrapolate(x, previous, (t - 1) / next, point);
        t = next;
      }
    }
    const figures = await measure();
    if (hasMomentum && figures.objective !== undefined && last.objective !== undefined) {
      if (figures.objective > last.objective) {
        t = 1;
        point.set(x);
      }
    }
    last = figures;
    return figures;
  });
}
