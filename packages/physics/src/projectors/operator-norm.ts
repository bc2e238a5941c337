/**
 * The norm of a linear operator, ‖A‖ = √λmax(AᵀA), by power iteration: what step sizes of iterative solvers are made
 * from (tomography.md §2.4). A lower bound that rises to ‖A‖; no bound from above.
 */
import { type AsyncLinearOperator, createRandom, type RealArray } from "@alara/core";
import { PhysicsError } from "../errors.ts";

/** Options of {@link estimateOperatorNorm}. */
export interface OperatorNormOptions {
  /** Rounds of AᵀA; default 30. */
  readonly iterations?: number;
  /** Of the random start; default 1. */
  readonly seed?: number;
  /** Arrays that the operator takes; default `"float64"`. */
  readonly precision?: "float64" | "float32";
}

function measureLength(x: RealArray): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * x[i];
  return Math.sqrt(sum);
}

/**
 * Estimates ‖A‖ by power iteration from a seeded start of positive numbers.
 *
 * @param operator - a `LinearOperator` or `AsyncLinearOperator`; of Float32Array with `precision: "float32"`
 * @returns ‖Ax‖/‖x‖ for the last x, at most ‖A‖ but for rounding; 0 for an operator that maps the start to zero
 * @remarks Tested against the singular values of an explicit matrix, and registered projectors against bounds.
 * @throws PhysicsError `OUT_OF_RANGE` for iterations that are no integer ≥ 1, `NON_FINITE` when the operator returns
 *   such
 */
export async function estimateOperatorNorm(
  operator: AsyncLinearOperator<Float64Array> | AsyncLinearOperator<Float32Array>,
  options: OperatorNormOptions = {},
): Promise<number> {
  const iterations = options.iterations ?? 30;
  if (!(Number.isInteger(iterations) && iterations >= 1)) {
    throw new PhysicsError("OUT_OF_RANGE", `iterations is ${iterations}; pass an integer ≥ 1, e.g. 30`);
  }
  const random = createRandom(options.seed ?? 1);
  const make = (length: number): RealArray =>
    options.precision === "float32" ? new Float32Array(length) : new Float64Array(length);
  const general = operator as AsyncLinearOperator<RealArray>;
  let x = make(operator.domainLength);
  for (let i = 0; i < x.length; i++) x[i] = 0.5 + random.nextUniform();
  let norm = 0;
  for (let iteration = 0; iteration < iterations; iteration++) {
    const length = measureLength(x);
    if (length === 0) return 0;
    for (let i = 0; i < x.length; i++) x[i] /= length;
    const y = await general.apply(x);
    norm = measureLength(y);
    if (!Number.isFinite(norm)) {
      throw new PhysicsError("NON_FINITE", `operator "${operator.name}" returned non-finite numbers`);
    }
    if (iteration + 1 < iterations) x = await general.applyAdjoint(y);
  }
  return norm;
}
