/** What training needs and inference does not: tensors that no gradient passes, and dropout with a given mask. */
import { LearnError } from "../errors.ts";
import { applyOperator, type Operator, type Tensor } from "../tensor.ts";
import { mul } from "./arithmetic.ts";

const stopGradientOperator: Operator = {
  name: "stopGradient",
  summary: "x, as a constant to gradients",
  inferShape: ([input]) => input,
  lower: (context, inputs) => context.addNode("Identity", inputs),
  pullBack: () => [null],
  evaluate: ([input]) => input.slice(),
  examples: [{ shapes: [[2, 3]], stopsGradient: true }],
};

/** The same values; gradients treat them as constants. */
export function stopGradient(input: Tensor): Tensor {
  return applyOperator(stopGradientOperator, [input]);
}

/**
 * Dropout with an explicit mask: x · mask / (1 − rate).
 *
 * @param mask - 1 with probability 1 − rate, else 0; broadcasts to x ([N, C, 1, 1] drops whole channels)
 * @param options.rate - 0 ≤ rate < 1
 * @throws LearnError `OUT_OF_RANGE`, `SHAPE_MISMATCH`
 * Srivastava et al. 2014, §4, scaled in training instead of inference.
 */
export function applyDropout(input: Tensor, mask: Tensor, options: { rate: number }): Tensor {
  const { rate } = options;
  if (!(rate >= 0 && rate < 1)) {
    throw new LearnError("OUT_OF_RANGE", `applyDropout: rate ${rate} is outside 0 ≤ rate < 1`);
  }
  return mul(input, mul(mask, 1 / (1 - rate)));
}

/** Entries of the operator table. */
export const stopGradientOperators: readonly Operator[] = [stopGradientOperator];
