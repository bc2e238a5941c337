/**
 * The larger and smaller of two tensors, and the largest value along axes. Where values tie, the gradient is shared
 * evenly among them, as PyTorch's `maximum`, `minimum` and `amax` do.
 */
import { applyOperator, countElements, type Operator, type Tensor } from "../tensor.ts";
import { add, defineBinary, div, mul, neg, sign, step, sub } from "./arithmetic.ts";
import {
  forEachReduced,
  getKeptShape,
  getList,
  getReductionAttributes,
  inferReducedShape,
  type ReductionOptions,
  reduceSum,
  reshape,
} from "./structure.ts";

/** 1 where a > b, ½ where they tie, else 0. */
function compareSoftly(a: Tensor, b: Tensor): Tensor {
  return add(mul(sign(sub(a, b)), 0.5), 0.5);
}

const maximumOperator: Operator = defineBinary(
  "maximum",
  "Max",
  "the larger of a and b; ties share the gradient",
  Math.max,
  (a, b, g) => {
    const share = mul(g, compareSoftly(a, b));
    return [share, sub(g, share)];
  },
);
/** The larger of a and b, broadcasting. */
export function maximum(a: Tensor, b: Tensor): Tensor {
  return applyOperator(maximumOperator, [a, b]);
}

const minimumOperator: Operator = defineBinary(
  "minimum",
  "Min",
  "the smaller of a and b; ties share the gradient",
  Math.min,
  (a, b, g) => {
    const share = mul(g, compareSoftly(b, a));
    return [share, sub(g, share)];
  },
);
/** The smaller of a and b, broadcasting. */
export function minimum(a: Tensor, b: Tensor): Tensor {
  return applyOperator(minimumOperator, [a, b]);
}

const reduceMaxOperator: Operator = {
  name: "reduceMax",
  summary: "largest value over axes, which are dropped or kept with size 1; ties share the gradient",
  inferShape: ([input], attributes) => inferReducedShape(input, attributes, "reduceMax"),
  lower: (context, inputs, { attributes }) =>
    context.addNode("ReduceMax", inputs, {
      axes: { ints: getList(attributes, "axes") },
      keepdims: { int: attributes.keepDims === 1 ? 1 : 0 },
    }),
  pullBack({ inputs: [input], output, attributes, upstream }) {
    const axes = getList(attributes, "axes");
    const kept = getKeptShape(input.shape, axes);
    const winners = sub(1, step(sub(reshape(output, kept), input)));
    const count = reduceSum(winners, { axes, keepDims: true });
    return [mul(winners, div(reshape(upstream, kept), count))];
  },
  evaluate([input], { inputShapes, outputShape, attributes }) {
    const output = new Float64Array(countElements(outputShape)).fill(Number.NEGATIVE_INFINITY);
    forEachReduced(inputShapes[0], getList(attributes, "axes"), (from, to) => {
      output[to] = Math.max(output[to], input[from]);
    });
    return output;
  },
  examples: [
    { shapes: [[2, 3, 4]], attributes: { axes: [0, 2] } },
    { shapes: [[2, 3, 4]], attributes: { axes: [1], keepDims: 1 } },
  ],
};
/** Largest value over `axes` (default all); the axes are dropped unless `keepDims`. */
export function reduceMax(input: Tensor, options: ReductionOptions = {}): Tensor {
  const attributes = getReductionAttributes(input, options);
  if (getList(attributes, "axes").length === 0) return input;
  return applyOperator(reduceMaxOperator, [input], attributes);
}

/** Smallest value over `axes` (default all); the axes are dropped unless `keepDims`. */
export function reduceMin(input: Tensor, options: ReductionOptions = {}): Tensor {
  return neg(reduceMax(neg(input), options));
}

/** Extrema. Entries of the operator table. */
export const extremaOperators: readonly Operator[] = [maximumOperator, minimumOperator, reduceMaxOperator];
