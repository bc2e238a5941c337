/**
 * Mirrored images: reversing axes, and padding by reflection about the border pixels (which are not repeated),
 * as ONNX `Pad` with mode "reflect" and numpy's "reflect" define it.
 */
import { formatShape, LearnError } from "../errors.ts";
import { type Attributes, applyOperator, countElements, type Operator, type Tensor } from "../tensor.ts";
import { add } from "./arithmetic.ts";
import { type SpatialSizes, toSpatialList } from "./spatial.ts";
import { computeStrides, concat, forEachStrided, getList, pad, slice } from "./structure.ts";

const flipOperator: Operator = {
  name: "flip",
  summary: "reverses axes",
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

/** Pads per spatial axis. */
function getAmounts(attributes: Attributes): readonly number[] {
  return getList(attributes, "amount");
}

function cutAxis(input: Tensor, axis: number, start: number, end: number): Tensor {
  return slice(input, {
    starts: input.shape.map((_, k) => (k === axis ? start : 0)),
    ends: input.shape.map((length, k) => (k === axis ? end : length)),
  });
}

/** Folds the margins of one axis back onto the pixels they mirror: the adjoint of reflection along it. */
function foldAxis(upstream: Tensor, axis: number, amount: number): Tensor {
  if (amount === 0) return upstream;
  const size = upstream.shape[axis] - 2 * amount;
  const cut = (start: number, end: number): Tensor => cutAxis(upstream, axis, start, end);
  const first = flip(cut(0, amount), { axes: [axis] });
  const last = flip(cut(amount + size, 2 * amount + size), { axes: [axis] });
  if (2 * amount + 2 <= size) {
    // The two margins fall on different pixels: each strip is written once.
    return concat(
      [
        cut(amount, amount + 1),
        add(cut(amount + 1, 2 * amount + 1), first),
        ...(size === 2 * amount + 2 ? [] : [cut(2 * amount + 1, size - 1)]),
        add(cut(size - 1, amount + size - 1), last),
        cut(amount + size - 1, amount + size),
      ],
      { axis },
    );
  }
  const place = (part: Tensor, start: number): Tensor =>
    pad(part, {
      before: part.shape.map((_, k) => (k === axis ? start : 0)),
      after: part.shape.map((length, k) => (k === axis ? size - start - length : 0)),
    });
  return add(add(cut(amount, amount + size), place(first, 1)), place(last, size - 1 - amount));
}

const padReflectOperator: Operator = {
  name: "padReflect",
  summary: "mirrors the spatial axes about the border pixels",
  inferShape([input], attributes) {
    const amounts = getAmounts(attributes);
    if (input.length < 3 || amounts.length !== input.length - 2) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `padReflect: amounts ${formatShape(amounts)} must have one entry per spatial axis of [batch, channel, …], got ${formatShape(input)}`,
      );
    }
    if (amounts.some((amount, k) => !Number.isInteger(amount) || amount < 0 || amount >= input[k + 2])) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `padReflect: amounts ${formatShape(amounts)} must be whole numbers from 0 to the spatial sizes of ${formatShape(input)} less 1`,
      );
    }
    return input.map((size, axis) => (axis < 2 ? size : size + 2 * amounts[axis - 2]));
  },
  lower(context, [input], { attributes }) {
    const side = [0, 0, ...getAmounts(attributes)];
    return context.addNode(
      "Pad",
      [input, context.addConstant("int64", [2 * side.length], [...side, ...side])],
      { mode: { string: "reflect" } },
    );
  },
  pullBack({ attributes, upstream }) {
    const amounts = getAmounts(attributes);
    return [amounts.reduceRight<Tensor>((folded, amount, k) => foldAxis(folded, k + 2, amount), upstream)];
  },
  evaluate([input], { inputShapes: [shape], outputShape, attributes }) {
    const amounts = [0, 0, ...getAmounts(attributes)];
    const strides = computeStrides(shape);
    const outputStrides = computeStrides(outputShape);
    const mirror = (index: number, size: number): number =>
      index < 0 ? -index : index >= size ? 2 * (size - 1) - index : index;
    return Float64Array.from({ length: countElements(outputShape) }, (_, linear) => {
      const position = shape.reduce((sum, size, axis) => {
        const index = Math.floor(linear / outputStrides[axis]) % outputShape[axis];
        return sum + mirror(index - amounts[axis], size) * strides[axis];
      }, 0);
      return input[position];
    });
  },
  examples: [
    { shapes: [[2, 1, 4, 5]], attributes: { amount: [3, 3] } },
    { shapes: [[1, 1, 4, 7]], attributes: { amount: [1, 2] } },
    { shapes: [[1, 2, 2, 3, 4]], attributes: { amount: [1, 0, 1] } },
  ],
};

/**
 * Mirrors the spatial axes about the border pixels, which are not repeated.
 *
 * @param input - [N, C, …]
 * @param options.amount - pixels on each side, one number for all spatial axes or one per axis; less than their sizes
 * @throws LearnError `SHAPE_MISMATCH`
 * As ONNX `Pad` "reflect". Tested against PyTorch's `pad` "reflect".
 */
export function padReflect(input: Tensor, options: { amount: SpatialSizes }): Tensor {
  const amount = toSpatialList(input, options.amount);
  return amount.every((value) => value === 0)
    ? input
    : applyOperator(padReflectOperator, [input], { amount });
}

/** Mirrored images. Entries of the operator table. */
export const reflectionOperators: readonly Operator[] = [flipOperator, padReflectOperator];
