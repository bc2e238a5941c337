/**
 * What every iterative method takes and returns, and the loop they share: validation, abort, callbacks, the curve of
 * the objective and the rules that stop. The methods themselves stand in files of their own.
 */
import type { AsyncLinearOperator, LongWorkOptions, RealArray } from "@alara/core";
import { ReconError } from "../errors.ts";
import { allocateLike, clipNegative, isFiniteArray, sumSquaredDifferences, sumSquares } from "./vectors.ts";

/** Some rows of the problem: an operator of its own with its part of the data. */
export interface OrderedSubset<A extends RealArray = RealArray> {
  readonly operator: AsyncLinearOperator<A>;
  /** Its part of b. */
  readonly data: A;
  /** Its part of the statistical weights. */
  readonly weights?: A;
}

/** A linear inverse problem b ≈ Ax. Arrays all have one precision, the operator's. */
export interface IterativeProblem<A extends RealArray = RealArray> {
  /** A; its elements are not negative where a method divides by row or column sums. */
  readonly operator: AsyncLinearOperator<A>;
  /** b */
  readonly data: A;
  /** Shape of the image `[slices, rows, columns]`, for priors. */
  readonly size: readonly [number, number, number];
  /** Inverse variances of the data; default: all one. */
  readonly weights?: A;
  /**
   * The same rows cut into subsets, in the order of use, for the methods that take them; default: one subset of all.
   * See `orderSubsets`.
   */
  readonly subsets?: readonly OrderedSubset<A>[];
}

/** What one iteration tells. */
export interface IterationState<A extends RealArray = RealArray> {
  /** From 1. */
  readonly iteration: number;
  /** Value of the method's objective after this iteration; undefined when not recorded. */
  readonly objective: number | undefined;
  /** ‖Ax − b‖, unweighted; undefined when not recorded. */
  readonly residualNorm: number | undefined;
  /** Primal minus dual objective, where the method has one. */
  readonly gap: number | undefined;
  /** The present image itself, not a copy: read only. */
  readonly image: A;
}

/** Options of all methods. */
export interface IterationOptions<A extends RealArray = RealArray> extends LongWorkOptions {
  /** Most iterations; one is a pass over all data. Default: the method's. */
  readonly iterations?: number;
  /** Start; default zeros (OSEM: ones). Not changed. */
  readonly initial?: A;
  /** Keeps x ≥ 0; default true where the method can, see each. */
  readonly nonNegative?: boolean;
  /** Stops when ‖x_k − x_{k−1}‖ ≤ this · ‖x_k‖; costs one image of memory. */
  readonly relativeChange?: number;
  /** Stops when the objective changes by no more than this · its size in one iteration. */
  readonly objectiveChange?: number;
  /** Stops when the primal–dual gap is at most this · |objective|; for methods that have one. */
  readonly gapTolerance?: number;
  /** Stops when ‖Ax − b‖ ≤ this: the discrepancy principle with the noise's norm. */
  readonly discrepancy?: number;
  /** Methods with several subsets pay a projection per iteration for the curve; default true. */
  readonly recordObjective?: boolean;
  /** Called after every iteration; must not change the image. */
  readonly onIteration?: (state: IterationState<A>) => void;
}

/** Why a method ended. */
export type StopReason =
  | "iterations"
  | "relative-change"
  | "objective-change"
  | "gap"
  | "discrepancy"
  | "converged";

/** What every method returns. */
export interface IterativeResult<A extends RealArray = RealArray> {
  readonly image: A;
  /** Iterations done. */
  readonly iterations: number;
  readonly stoppedBy: StopReason;
  /** The objective of the start and after every iteration; empty when not recorded. */
  readonly objectives: readonly number[];
  /** ‖Ax − b‖ of the start and after every iteration; empty when not recorded. */
  readonly residualNorms: readonly number[];
  /** Primal–dual gaps after every iteration; empty for methods without. */
  readonly gaps: readonly number[];
}

/** Figures of one image, as a method's step reports them. */
export interface Figures {
  readonly objective?: number;
  readonly residualNorm?: number;
  readonly gap?: number;
  /** The method's own reason to stop. */
  readonly isConverged?: boolean;
}

/**
 * Checks a problem and its common options, and makes the image to start from.
 *
 * @param start - value of the pixels without `options.initial`
 * @throws ReconError `SHAPE_MISMATCH`, `NON_FINITE`, `OUT_OF_RANGE`
 */
export function prepareStart<A extends RealArray>(
  problem: IterativeProblem<A>,
  options: IterationOptions<A>,
  start = 0,
): A {
  const { operator, data, size, weights, subsets } = problem;
  const voxels = size[0] * size[1] * size[2];
  if (data.length !== operator.rangeLength || voxels !== operator.domainLength) {
    throw new ReconError(
      "SHAPE_MISMATCH",
      `data has ${data.length} samples and size ${size.join(" × ")} = ${voxels} voxels, but operator "${operator.name}" maps ${operator.domainLength} to ${operator.rangeLength}; pass what belongs together`,
    );
  }
  checkSamples("data", data, data.length, false);
  if (weights !== undefined) checkSamples("weights", weights, data.length, true);
  if (subsets !== undefined) {
    let rows = 0;
    for (const subset of subsets) {
      rows += subset.operator.rangeLength;
      const fits =
        subset.data.length === subset.operator.rangeLength &&
        subset.operator.domainLength === voxels &&
        (subset.weights === undefined) === (weights === undefined) &&
        (subset.weights === undefined || subset.weights.length === subset.data.length);
      if (!fits) {
        throw new ReconError(
          "SHAPE_MISMATCH",
          `a subset has ${subset.data.length} samples, ${subset.weights?.length ?? "no"} weights and an operator of ${subset.operator.domainLength} → ${subset.operator.rangeLength}; every subset needs data (and weights where the problem has them) as its operator maps`,
        );
      }
    }
    if (rows !== data.length) {
      throw new ReconError(
        "SHAPE_MISMATCH",
        `subsets have ${rows} samples together, the data ${data.length}; cut every view into exactly one subset`,
      );
    }
  }
  checkCommonOptions(options);
  if (options.initial === undefined) {
    const image = allocateLike(data, voxels);
    return start === 0 ? image : (image.fill(start) as A);
  }
  checkSamples("initial image", options.initial, voxels, false);
  const image = allocateLike(data, voxels);
  image.set(options.initial);
  if (options.nonNegative ?? true) clipNegative(image);
  return image;
}

function checkSamples(what: string, samples: RealArray, length: number, isPositive: boolean): void {
  if (samples.length !== length) {
    throw new ReconError("SHAPE_MISMATCH", `${what} has ${samples.length} samples, expected ${length}`);
  }
  if (!isFiniteArray(samples)) {
    const index = samples.findIndex((value: number) => !Number.isFinite(value));
    throw new ReconError(
      "NON_FINITE",
      `${what}[${index}] is ${samples[index]}; mend or mask such samples first`,
    );
  }
  if (isPositive) {
    const index = samples.findIndex((value: number) => value < 0);
    if (index >= 0) {
      throw new ReconError("OUT_OF_RANGE", `${what}[${index}] is ${samples[index]}, must be ≥ 0`);
    }
  }
}

/** @throws ReconError `OUT_OF_RANGE` */
function checkCommonOptions<A extends RealArray>(options: IterationOptions<A>): void {
  const { iterations } = options;
  if (iterations !== undefined && !(Number.isInteger(iterations) && iterations >= 1)) {
    throw new ReconError("OUT_OF_RANGE", `iterations ${iterations} must be an integer ≥ 1`);
  }
  for (const name of ["relativeChange", "objectiveChange", "gapTolerance", "discrepancy"] as const) {
    const value = options[name];
    if (value !== undefined) checkAtLeast(name, value, 0);
  }
  const needsCurve = options.objectiveChange !== undefined || options.discrepancy !== undefined;
  if (options.recordObjective === false && needsCurve) {
    throw new ReconError(
      "OUT_OF_RANGE",
      "objectiveChange and discrepancy need the curve; leave recordObjective true or stop by relativeChange",
    );
  }
}

/** @throws ReconError `OUT_OF_RANGE` unless `value` ≥ `least` (or > with `isOpen`), and finite */
export function checkAtLeast(name: string, value: number, least: number, isOpen = false): void {
  if (!(Number.isFinite(value) && (isOpen ? value > least : value >= least))) {
    throw new ReconError("OUT_OF_RANGE", `${name} ${value} must be ${isOpen ? ">" : "≥"} ${least}`);
  }
}

/**
 * Runs a method's step until a rule stops it.
 *
 * @param image - what the steps change in place
 * @param initial - figures of the start
 * @param step - does iteration k (from 1)
 */
export async function runIterations<A extends RealArray>(
  image: A,
  initial: Figures,
  options: IterationOptions<A>,
  defaultIterations: number,
  step: (iteration: number) => Promise<Figures>,
): Promise<IterativeResult<A>> {
  const total = options.iterations ?? defaultIterations;
  const objectives: number[] = [];
  const residualNorms: number[] = [];
  const gaps: number[] = [];
  const record = (figures: Figures): void => {
    if (figures.objective !== undefined) objectives.push(figures.objective);
    if (figures.residualNorm !== undefined) residualNorms.push(figures.residualNorm);
    if (figures.gap !== undefined) gaps.push(figures.gap);
  };
  record(initial);
  const previous = options.relativeChange === undefined ? undefined : allocateLike(image);
  const finish = (iterations: number, stoppedBy: StopReason): IterativeResult<A> => ({
    image,
    iterations,
    stoppedBy,
    objectives,
    residualNorms,
    gaps,
  });
  for (let iteration = 1; iteration <= total; iteration++) {
    options.signal?.throwIfAborted();
    previous?.set(image);
    const figures = await step(iteration);
    record(figures);
    const { objective, residualNorm, gap } = figures;
    options.onIteration?.({ iteration, objective, residualNorm, gap, image });
    options.onProgress?.({ phase: "iterating", done: iteration, total, unit: "iterations" });
    if (figures.isConverged) return finish(iteration, "converged");
    if (
      options.discrepancy !== undefined &&
      residualNorm !== undefined &&
      residualNorm <= options.discrepancy
    ) {
      return finish(iteration, "discrepancy");
    }
    if (options.gapTolerance !== undefined && gap !== undefined && objective !== undefined) {
      if (gap <= options.gapTolerance * Math.abs(objective)) return finish(iteration, "gap");
    }
    if (options.objectiveChange !== undefined && objectives.length >= 2 && objective !== undefined) {
      const change = Math.abs(objective - objectives[objectives.length - 2]);
      if (change <= options.objectiveChange * Math.abs(objective))
        return finish(iteration, "objective-change");
    }
    if (previous !== undefined) {
      const limit = (options.relativeChange ?? 0) ** 2 * sumSquares(image);
      if (sumSquaredDifferences(image, previous) <= limit) return finish(iteration, "relative-change");
    }
  }
  return finish(total, "iterations");
}

/** The subsets of a problem, or the whole of it as one. */
export function listSubsets<A extends RealArray>(problem: IterativeProblem<A>): readonly OrderedSubset<A>[] {
  if (problem.subsets !== undefined && problem.subsets.length > 0) return problem.subsets;
  const { operator, data, weights } = problem;
  return [weights === undefined ? { operator, data } : { operator, data, weights }];
}

/**
 * A weighted least-squares problem as a plain one: √W A and √W b. Costs two arrays of the data's size.
 * Without weights the problem itself.
 */
export function whitenProblem<A extends RealArray>(problem: IterativeProblem<A>): IterativeProblem<A> {
  const { operator, weights } = problem;
  if (weights === undefined) return problem;
  const roots = allocateLike(weights);
  for (let i = 0; i < roots.length; i++) roots[i] = Math.sqrt(weights[i]);
  const scaled = allocateLike(weights);
  for (let i = 0; i < roots.length; i++) scaled[i] = roots[i] * problem.data[i];
  let buffer: A | undefined;
  const whitened: AsyncLinearOperator<A> = {
    name: `weighted ${operator.name}`,
    domainLength: operator.domainLength,
    rangeLength: operator.rangeLength,
    async apply(x, out = allocateLike(weights)) {
      await operator.apply(x, out);
      for (let i = 0; i < out.length; i++) out[i] *= roots[i];
      return out;
    },
    async applyAdjoint(y, out = allocateLike(weights, operator.domainLength)) {
      buffer ??= allocateLike(weights);
      for (let i = 0; i < buffer.length; i++) buffer[i] = roots[i] * y[i];
      return await operator.applyAdjoint(buffer, out);
    },
  };
  return { operator: whitened, data: scaled, size: problem.size };
}
