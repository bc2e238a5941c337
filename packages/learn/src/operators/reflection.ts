/**
 * Mirrored images: reversing axes, and padding by reflection about the border pixels (which are not repeated),
 * as ONNX `Pad` with mode "reflect" and numpy's "reflect" define it.
 */
import { formatShape, LearnError } from "../errors.ts";
import { type Attributes, applyOperator, countElements, type Operator, type Tensor } from "../tensor.ts";
import { add } from "./arithmetic.ts";
import { computeStrides, forEachStrided, getList, pad, slice } from "./structure.ts";

const flipOperator: Operator = {
  name: "flip",
  summary: "reverses axes",
  isSizeFree: true,
  inferShape([input], attributes) {
    const axes = getList(attributes, "axes");
    if (axes.length === 0 || axes.some((axis) => !(axis >= 0 && axis < input.length))) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `flip: axes ${formatShape(axes)} are not axes of ${formatShape(input)}`,
      );
    }
    return input;
  },
  lower(context, [input], { attributes }) {
    const axes = getList(attributes, "axes");
    const list = (value: number): string =>
      context.addConstant(
        "int64",
        [axes.length],
        axes.map(() => value),
      );
    // ONNX: a start of −1 is the last element; an end far below zero is "before the first".
    return context.addNode("Slice", [
      input,
      list(-1),
      list(-(2 ** 31)),
      context.addConstant("int64", [axes.length], axes),
      list(-1),
    ]);
  },
  pullBack: ({ attributes, upstream }) => [flip(upstream, { axes: getList(attributes, "axes") })],
  evaluate([input], { outputShape, attributes }) {
    const axes = getList(attributes, "axes");
    const strides = computeStrides(outputShape);
    const offset = axes.reduce((sum, axis) => sum + (outputShape[axis] - 1) * strides[axis], 0);
    const signed = strides.map((stride, axis) => (axes.includes(axis) ? -stride : stride));
    const output = new Float64Array(input.length);
    forEachStrided(outputShape, signed, offset, (position, linear) => {
      output[linear] = input[position];
    });
    return output;
  },
  examples: [{ shapes: [[2, 3, 4]], attributes: { axes: [0, 2] } }],
};

/** Reverses `options.axes`. */
export function flip(input: Tensor, options: { axes: readonly number[] }): Tensor {
  return applyOperator(flipOperator, [input], { axes: options.axes });
}

function getAmount(attributes: Attributes): number {
  return attributes.amount as number;
}

/** Folds the margins of one axis back onto the pixels they mirror: the adjoint of reflection along it. */
function foldAxis(upstream: Tensor, axis: number, amount: number): Tensor {
  const size = upstream.shape[axis] - 2 * amount;
  const cut = (start: number, end: number): Tensor =>
    slice(upstream, {
      starts: upstream.shape.map((_, k) => (k === axis ? start : 0)),
      ends: upstream.shape.map((length, k) => (k === axis ? end : length)),
    });
  const place = (part: Tensor, start: number): Tensor =>
    pad(flip(part, { axes: [axis] }), {
      before: part.shape.map((_, k) => (k === axis ? start : 0)),
      after: part.shape.map((length, k) => (k === axis ? size - start - length : 0)),
    });
  const first = place(cut(0, amount), 1);
  const last = place(cut(amount + size, 2 * amount + size), size - 1 - amount);
  return add(add(cut(amount, amount + size), first), last);
}

const padReflectOperator: Operator = {
  name: "padReflect",
  summary: "mirrors rows and columns of [N,C,H,W] about the border pixels",
  isSizeFree: true,
  inferShape([input], attributes) {
    const amount = getAmount(attributes);
    if (input.length !== 4 || !(amount >= 1 && amount < Math.min(input[2], input[3]))) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `padReflect: needs [batch, channel, row, column] with more than ${amount} (≥ 1) rows and columns, got ${formatShape(input)}`,
      );
    }
    return [input[0], input[1], input[2] + 2 * amount, input[3] + 2 * amount];
  },
  lower(context, [input], { attributes }) {
    const amount = getAmount(attributes);
    const pads = [0, 0, amount, amount, 0, 0, amount, amount];
    return context.addNode("Pad", [input, context.addConstant("int64", [8], pads)], {
      mode: { string: "reflect" },
    });
  },
  pullBack({ attributes, upstream }) {
    const amount = getAmount(attributes);
    return [foldAxis(foldAxis(upstream, 3, amount), 2, amount)];
  },
  evaluate([input], { inputShapes: [shape], outputShape, attributes }) {
    const amount = getAmount(attributes);
    const [, , rows, columns] = shape;
    const mirror = (index: number, size: number): number =>
      index < 0 ? -index : index >= size ? 2 * (size - 1) - index : index;
    const output = new Float64Array(countElements(outputShape));
    const [height, width] = [outputShape[2], outputShape[3]];
    for (let linear = 0; linear < output.length; linear++) {
      const plane = Math.floor(linear / (height * width));
      const y = mirror((Math.floor(linear / width) % height) - amount, rows);
      const x = mirror((linear % width) - amount, columns);
      output[linear] = input[(plane * rows + y) * columns + x];
    }
    return output;
  },
  examples: [{ shapes: [[2, 1, 4, 5]], attributes: { amount: 3 } }],
};

/** Mirrors `options.amount` rows and columns about the border pixels on every side. */
export function padReflect(input: Tensor, options: { amount: number }): Tensor {
  return applyOperator(padReflectOperator, [input], { amount: options.amount });
}

/** Mirrored images. Entries of the operator table. */
export const reflectionOperators: readonly Operator[] = [flipOperator, padReflectOperator];
