/**
 * CGLS: conjugate gradients on the normal equations without forming them (Hestenes & Stiefel 1952; Björck 1996,
 * algorithm 7.4.1), with statistical weights and a ridge (Tikhonov). Knows no constraints.
 */
import type { RealArray } from "@alara/core";
import { ReconError } from "../errors.ts";
import {
  checkAtLeast,
  type Figures,
  type IterationOptions,
  type IterativeProblem,
  type IterativeResult,
  prepareStart,
  runIterations,
  whitenProblem,
} from "./problem.ts";
import { addScaled, allocateLike, scaleAndAdd, subtract, sumSquares } from "./vectors.ts";

/** Options of {@link solveCgls}. */
export interface CglsOptions<A extends RealArray = RealArray> extends IterationOptions<A> {
  /** α ≥ 0 of the Tikhonov term ½α‖x‖²; default 0. */
  readonly ridge?: number;
}

/**
 * min ½‖√W (Ax − b)‖² + ½α‖x‖². `nonNegative` defaults to false and must not be true.
 *
 * @returns the objective never rises; `residualNorms` are of the weighted residual when there are weights.
 *   `"converged"` when the gradient has fallen to rounding
 * @throws ReconError `OUT_OF_RANGE` for `nonNegative: true` or a ridge < 0, and as `prepareStart`
 * @remarks Memory: three images, two arrays of the data (four with weights).
 * Weights of a large range (rays beside the body against rays through it) make it
 * slow: start from FBP, or take PWLS.
 * Tested against the solution of the normal equations.
 */
export async function solveCgls<A extends RealArray>(
  problem: IterativeProblem<A>,
  options: CglsOptions<A> = {},
): Promise<IterativeResult<A>> {
  const { ridge = 0 } = options;
  checkAtLeast("ridge", ridge, 0);
  if (options.nonNegative === true) {
    throw new ReconError(
      "OUT_OF_RANGE",
      "CGLS keeps no bounds; leave nonNegative out or choose landweber, sirt, pwls or a TV method",
    );
  }
  const x = prepareStart(problem, { ...options, nonNegative: false });
  const { operator, data } = whitenProblem(problem);
  const residual = allocateLike(data);
  const image = allocateLike(data);
  await operator.apply(x, residual);
  subtract(data, residual, residual);
  const gradient = allocateLike(x);
  const computeGradient = async (): Promise<number> => {
    await operator.applyAdjoint(residual, gradient);
    if (ridge > 0) addScaled(gradient, -ridge, x);
    return sumSquares(gradient);
  };
  const measure = (isConverged = false): Figures => {
    const squares = sumSquares(residual);
    const objective = (squares + (ridge > 0 ? ridge * sumSquares(x) : 0)) / 2;
    return { objective, residualNorm: Math.sqrt(squares), isConverged };
  };
  let gamma = await computeGradient();
  const first = gamma;
  const direction = allocateLike(x);
  direction.set(gradient);
  const epsilon = data instanceof Float32Array ? 2 ** -23 : 2 ** -52;
  const isFlat = (): boolean => gamma <= (4 * epsilon) ** 2 * first;
  return await runIterations(x, measure(), options, 20, async () => {
    if (isFlat()) return measure(true);
    await operator.apply(direction, image);
    const step = gamma / (sumSquares(image) + (ridge > 0 ? ridge * sumSquares(direction) : 0));
    addScaled(x, step, direction);
    addScaled(residual, -step, image);
    const before = gamma;
    gamma = await computeGradient();
    scaleAndAdd(direction, gamma / before, gradient);
    return measure(isFlat());
  });
}
