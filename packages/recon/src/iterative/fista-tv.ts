/**
 * FISTA for min ½‖Ax − b‖²_W + λ TV(x), x ≥ 0 (Beck & Teboulle 2009, doi 10.1137/080716542 and
 * 10.1109/TIP.2009.2028250), with the proximal map by warm-started FGP and restart of the momentum when the objective
 * rises (O'Donoghue & Candès 2015, doi 10.1007/s10208-013-9150-3). The proximal map is inexact: a few inner rounds.
 */
import type { RealArray } from "@alara/core";
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
import { measureStepNorm, type StepOptions } from "./step-size.ts";
import { computeTotalVariation, createTvGrid, createTvProx } from "./total-variation.ts";
import { addScaled, allocateLike, extrapolate, subtract, sumSquaredDifferences } from "./vectors.ts";

/** Options that the TV methods share. */
export interface TvMethodOptions<A extends RealArray = RealArray> extends IterationOptions<A> {
  /**
   * λ > 0 in ½‖Ax − b‖²_W + λ TV(x), in units of data² per image; default 1e-3 max|AᵀWb|, a moderate smoothing of
   * data with about 1 % noise.
   */
  readonly tvWeight?: number;
  /** See `TvGrid`. */
  readonly axisWeights?: readonly [number, number, number];
}

/** λ of the options or the default. */
export async function resolveTvWeight<A extends RealArray>(
  problem: IterativeProblem<A>,
  options: TvMethodOptions<A>,
  voxels: number,
): Promise<number> {
  if (options.tvWeight !== undefined) {
    checkAtLeast("tvWeight", options.tvWeight, 0, true);
    return options.tvWeight;
  }
  const backprojection = await problem.operator.applyAdjoint(
    problem.data,
    allocateLike(problem.data, voxels),
  );
  let largest = 0;
  for (const value of backprojection) largest = Math.max(largest, Math.abs(value));
  return largest > 0 ? 1e-3 * largest : 1e-3;
}

/** Options of {@link solveFistaTv}. */
export interface FistaTvOptions<A extends RealArray = RealArray> extends TvMethodOptions<A>, StepOptions {
  /** Rounds of FGP per iteration, started from the last dual field; default 10. */
  readonly innerIterations?: number;
}

/**
 * Total-variation reconstruction by FISTA.
 *
 * @returns the objective ½‖Ax − b‖²_W + λ TV(x); `residualNorms` are of the weighted residual when there are weights
 * @throws ReconError `OUT_OF_RANGE` for λ ≤ 0, and as `prepareStart`
 * @remarks Memory: seven images in 2D, nine in 3D, two arrays of the data (five with weights).
 * Weights of a large range (rays beside the body against rays through it) make it
 * slow: start from FBP, or take PWLS.
 * Tested: the same objective as PDHG to 1e-4.
 */
export async function solveFistaTv<A extends RealArray>(
  problem: IterativeProblem<A>,
  options: FistaTvOptions<A> = {},
): Promise<IterativeResult<A>> {
  const { innerIterations = 10, nonNegative = true } = options;
  checkAtLeast("innerIterations", innerIterations, 1);
  const x = prepareStart(problem, options);
  const whitened = whitenProblem(problem);
  const { operator, data } = whitened;
  const tvWeight = await resolveTvWeight(whitened, options, x.length);
  const grid = createTvGrid(problem.size, options.axisWeights);
  const norm = await measureStepNorm(operator, data, options);
  const step = 1 / (norm * norm);
  const prox = createTvProx(x, grid, nonNegative);
  const previous = allocateLike(x);
  const point = allocateLike(x);
  // Ax of the present and, kept up by linearity, of the extrapolated point: one projection per iteration.
  const projection = await operator.apply(x, allocateLike(data));
  const pointProjection = allocateLike(data);
  pointProjection.set(projection);
  point.set(x);
  const measure = (): Figures => {
    const squares = sumSquaredDifferences(projection, data);
    const objective = squares / 2 + tvWeight * computeTotalVariation(x, grid);
    return { objective, residualNorm: Math.sqrt(squares) };
  };
  let t = 1;
  let last = measure();
  return await runIterations(x, last, options, 100, async () => {
    subtract(pointProjection, data, pointProjection);
    previous.set(x);
    // The gradient step is made in `point`; `x` is the adjoint's space meanwhile.
    await operator.applyAdjoint(pointProjection, x);
    addScaled(point, -step, x);
    prox.restart();
    prox.advance(point, tvWeight * step, innerIterations, x);
    prox.writeImage(point, tvWeight * step, x);
    pointProjection.set(projection);
    await operator.apply(x, projection);
    const figures = measure();
    const hasRisen = figures.objective !== undefined && figures.objective > (last.objective ?? 0);
    const next = hasRisen ? 1 : (1 + Math.sqrt(1 + 4 * t * t)) / 2;
    const momentum = hasRisen ? 0 : (t - 1) / next;
    t = next;
    extrapolate(x, previous, momentum, point);
    extrapolate(projection, pointProjection, momentum, pointProjection);
    last = figures;
    return figures;
  });
}
