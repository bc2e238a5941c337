/**
 * Padding by repeating the border pixels, as ONNX `Pad` with mode "edge", numpy's "edge" and PyTorch's "replicate"
 * define it.
 */
import { formatShape, LearnError } from "../errors.ts";
import { type Attributes, applyOperator, countElements, type Operator, type Tensor } from "../tensor.ts";
import { add } from "./arithmetic.ts";
import { computeStrides, forEachStrided, getList, pad, reduceSum, reshape, slice } from "./structure.ts";

/** Amounts per spatial axis, one entry each. */
function getAmounts(attributes: Attributes): readonly number[] {
  return getList(attributes, "amount");
}

/** Sums the margins of one axis onto the border pixels that they repeat. */
function foldAxis(upstream: Tensor, axis: number, amount: number): Tensor {
  if (amount === 0) return upstream;
  const size = upstream.shape[axis] - 2 * amount;
  const cut = (start: number, end: number): Tensor =>
    slice(upstream, {
      starts: upstream.shape.map((_, k) => (k === axis ? start : 0)),
      ends: upstream.shape.map((length, k) => (k === axis ? end : length)),
    });
  const place = (margin: Tensor, position: number): Tensor => {
    const shape = margin.shape.map((length, k) => (k === axis ? 1 : length));
    return pad(reshape(reduceSum(margin, { axes: [axis] }), shape), {
      before: shape.map((_, k) => (k === axis ? position : 0)),
      after: shape.map((_, k) => (k === axis ? size - 1 - position : 0)),
    });
  };
  const margins = add(place(cut(0, amount), 0), place(cut(amount + size, size + 2 * amount), size - 1));
  return add(cut(amount, amount + size), margins);
}

const padReplicateOperator: Operator = {
  name: "padReplicate",
  summary: "repeats the border pixels of [N,C,…] on every side",
  inferShape([input], attributes) {
    const amounts = getAmounts(attributes);
    const isBad = amounts.some((amount) => !Number.isInteger(amount) || amount < 0);
    if (input.length < 3 || amounts.length !== input.length - 2 || isBad) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `padReplicate: amounts ${formatShape(amounts)} must be whole numbers from 0, one per spatial axis of [batch, channel, …], got ${formatShape(input)}`,
      );
    }
    return input.map((size, axis) => (axis < 2 ? size : size + 2 * amounts[axis - 2]));
  },
  lower(context, [input], { attributes }) {
    const side = [0, 0, ...getAmounts(attributes)];
    return context.addNode(
      "Pad",
      [input, context.addConstant("int64", [2 * side.length], [...side, ...side])],
      {
        mode: { string: "edge" },
      },
    );
  },
  pullBack({ attributes, upstream }) {
    return [getAmounts(attributes).reduce((folded, amount, k) => foldAxis(folded, k + 2, amount), upstream)];
  },
  evaluate([input], { inputShapes: [shape], outputShape, attributes }) {
    const amounts = [0, 0, ...getAmounts(attributes)];
    const strides = computeStrides(shape);
    const outputStrides = computeStrides(outputShape);
    const output = new Float64Array(countElements(outputShape));
    forEachStrided(outputShape, outputStrides, 0, (position) => {
      let source = 0;
      for (let axis = 0; axis < shape.length; axis++) {
        const index = Math.floor(position / outputStrides[axis]) % outputShape[axis];
        source += Math.min(Math.max(index - amounts[axis], 0), shape[axis] - 1) * strides[axis];
      }
      output[position] = input[source];
    });
    return output;
  },
  examples: [
    { shapes: [[2, 1, 3, 2]], attributes: { amount: [2, 2] } },
    { shapes: [[1, 2, 1, 3, 2]], attributes: { amount: [1, 0, 3] } },
  ],
};

/**
 * Repeats the border pixels of every spatial axis on both sides.
 *
 * @param input - [N, C, …]
 * @param options.amount - pixels on each side, one for all spatial axes or one per axis
 * @throws LearnError `SHAPE_MISMATCH`
 */
export function padReplicate(input: Tensor, options: { amount: number | readonly number[] }): Tensor {
  const { amount } = options;
  const amounts = typeof amount === "number" ? input.shape.slice(2).map(() => amount) : amount;
  if (amounts.every((value) => value === 0)) return input;
  return applyOperator(padReplicateOperator, [input], { amount: amounts });
}

/** Padding by repetition. Entries of the operator table. */
export const replicationOperators: readonly Operator[] = [padReplicateOperator];
