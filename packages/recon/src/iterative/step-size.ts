/**
 * Step sizes from measured norms: ‖A‖² by power iteration with a margin, since the iteration comes from below.
 */
import type { AsyncLinearOperator, RealArray } from "@alara/core";
import { estimateOperatorNorm } from "@alara/physics";
import { ReconError } from "../errors.ts";
import { checkAtLeast } from "./problem.ts";

/** Power iteration approaches ‖A‖ from below; steps are made 1 % safer than what it found. */
const NORM_MARGIN = 1.01;

/** Options of methods that step by 1/‖A‖². */
export interface StepOptions {
  /** ‖A‖ (with weights: ‖√W A‖) when it is known; default: measured by 30 rounds of power iteration. */
  readonly operatorNorm?: number;
}

/**
 * ‖A‖ for step sizes.
 *
 * @param like - an array of the operator's precision
 * @throws ReconError `OUT_OF_RANGE` for a norm ≤ 0: an operator that maps everything to zero
 */
export async function measureStepNorm<A extends RealArray>(
  operator: AsyncLinearOperator<A>,
  like: A,
  options: StepOptions,
): Promise<number> {
  if (options.operatorNorm !== undefined) {
    checkAtLeast("operatorNorm", options.operatorNorm, 0, true);
    return options.operatorNorm;
  }
  const norm =
    like instanceof Float32Array
      ? await estimateOperatorNorm(operator as unknown as AsyncLinearOperator<Float32Array>, {
          precision: "float32",
        })
      : await estimateOperatorNorm(operator as unknown as AsyncLinearOperator<Float64Array>);
  if (!(norm > 0)) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `operator "${operator.name}" has norm ${norm}: no ray meets the grid; check geometry, grid and weights`,
    );
  }
  return NORM_MARGIN * norm;
}
