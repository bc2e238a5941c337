/**
 * Operators that move values without changing them, and the sum that is the adjoint of repeating them:
 * reshape, transpose, slice, pad, concat, expand, reduceSum. Their gradients close over this file alone.
 */
import { formatShape, LearnError } from "../errors.ts";
import { type Attributes, applyOperator, countElements, type Operator, type Tensor } from "../tensor.ts";

/** Reads a list attribute. */
export function getList(attributes: Attributes, name: string): readonly number[] {
  return attributes[name] as readonly number[];
}

/** Row-major strides of a shape. */
export function computeStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

/**
 * Visits every index of `shape` in row-major order and reports its linear position in an array with the
 * given strides and offset.
 */
export function forEachStrided(
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
  visit: (position: number, linear: number) => void,
): void {
  const rank = shape.length;
  const index = new Array<number>(rank).fill(0);
  const total = countElements(shape);
  let position = offset;
  for (let linear = 0; linear < total; linear++) {
    visit(position, linear);
    for (let axis = rank - 1; axis >= 0; axis--) {
      index[axis]++;
      position += strides[axis];
      if (index[axis] < shape[axis]) break;
      position -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

const reshapeOperator: Operator = {
  name: "reshape",
  summary: "same values, other shape",
  inferShape([input], attributes) {
    const shape = getList(attributes, "shape");
    if (countElements(input) !== countElements(shape)) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `reshape: ${formatShape(input)} has ${countElements(input)} elements but ${formatShape(shape)} has ${countElements(shape)}`,
      );
    }
    return shape;
  },
  lower: (context, [input], { outputShape }) =>
    context.addNode("Reshape", [input, context.addConstant("int64", [outputShape.length], outputShape)]),
  pullBack: ({ inputs, upstream }) => [reshape(upstream, inputs[0].shape)],
  evaluate: ([input]) => input.slice(),
  examples: [{ shapes: [[2, 3, 4]], attributes: { shape: [6, 4] } }],
};

/** The same values in another shape with as many elements. */
export function reshape(input: Tensor, shape: readonly number[]): Tensor {
  if (input.shape.length === shape.length && input.shape.every((size, axis) => size === shape[axis])) {
    return input;
  }
  return applyOperator(reshapeOperator, [input], { shape });
}

const transposeOperator: Operator = {
  name: "transpose",
  summary: "permutes axes",
  inferShape([input], attributes) {
    const axes = getList(attributes, "axes");
    if ([...axes].sort((a, b) => a - b).some((axis, k) => axis !== k) || axes.length !== input.length) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `transpose: axes ${formatShape(axes)} are no permutation of the ${input.length} axes of ${formatShape(input)}`,
      );
    }
    return axes.map((axis) => input[axis]);
  },
  lower: (context, [input], { attributes }) =>
    context.addNode("Transpose", [input], { perm: { ints: getList(attributes, "axes") } }),
  pullBack({ attributes, upstream }) {
    const axes = getList(attributes, "axes");
    return [
      transpose(
        upstream,
        axes.map((_, axis) => axes.indexOf(axis)),
      ),
    ];
  },
  evaluate([input], { inputShapes, outputShape, attributes }) {
    const strides = computeStrides(inputShapes[0]);
    const output = new Float64Array(input.length);
    const permuted = getList(attributes, "axes").map((axis) => strides[axis]);
    forEachStrided(outputShape, permuted, 0, (position, linear) => {
      output[linear] = input[position];
    });
    return output;
  },
  examples: [{ shapes: [[2, 3, 4]], attributes: { axes: [2, 0, 1] } }],
};

/** Permutes axes: output axis k is input axis `axes[k]`. */
export function transpose(input: Tensor, axes: readonly number[]): Tensor {
  return applyOperator(transposeOperator, [input], { axes });
}

const sliceOperator: Operator = {
  name: "slice",
  summary: "a box of the input: `starts` (inclusive) to `ends` (exclusive), one per axis",
  inferShape([input], attributes) {
    const starts = getList(attributes, "starts");
    const ends = getList(attributes, "ends");
    const isBad = input.some((size, k) => !(starts[k] >= 0 && starts[k] < ends[k] && ends[k] <= size));
    if (starts.length !== input.length || ends.length !== input.length || isBad) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `slice: box ${formatShape(starts)} to ${formatShape(ends)} does not lie in ${formatShape(input)}`,
      );
    }
    return ends.map((end, axis) => end - starts[axis]);
  },
  lower(context, [input], { inputShapes, attributes }) {
    const starts = getList(attributes, "starts");
    const ends = getList(attributes, "ends");
    const axes = starts.map((_, k) => k).filter((k) => starts[k] > 0 || ends[k] < inputShapes[0][k]);
    const list = (values: readonly number[]): string =>
      context.addConstant(
        "int64",
        [axes.length],
        axes.map((axis) => values[axis]),
      );
    if (axes.length === 0) return context.addNode("Identity", [input]);
    return context.addNode("Slice", [
      input,
      list(starts),
      list(ends),
      context.addConstant("int64", [axes.length], axes),
    ]);
  },
  pullBack({ inputs, attributes, upstream }) {
    const ends = getList(attributes, "ends");
    return [
      pad(upstream, {
        before: getList(attributes, "starts"),
        after: ends.map((end, axis) => inputs[0].shape[axis] - end),
      }),
    ];
  },
  evaluate([input], { inputShapes, outputShape, attributes }) {
    const strides = computeStrides(inputShapes[0]);
    const offset = getList(attributes, "starts").reduce((sum, start, k) => sum + start * strides[k], 0);
    const output = new Float64Array(countElements(outputShape));
    forEachStrided(outputShape, strides, offset, (position, linear) => {
      output[linear] = input[position];
    });
    return output;
  },
  examples: [
    { shapes: [[3, 4, 5]], attributes: { starts: [1, 0, 2], ends: [3, 4, 4] } },
    { shapes: [[6]], attributes: { starts: [0], ends: [6] } },
  ],
};

/** A box of the input, `starts` inclusive to `ends` exclusive, one of each per axis. */
export function slice(input: Tensor, box: { starts: readonly number[]; ends: readonly number[] }): Tensor {
  return applyOperator(sliceOperator, [input], { starts: box.starts, ends: box.ends });
}

const padOperator: Operator = {
  name: "pad",
  summary: "zeros around the input",
  inferShape([input], attributes) {
    const before = getList(attributes, "before");
    const after = getList(attributes, "after");
    if (before.length !== input.length || after.length !== input.length) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `pad: amounts ${formatShape(before)} and ${formatShape(after)} must have one entry per axis of ${formatShape(input)}`,
      );
    }
    if ([...before, ...after].some((amount) => !(amount >= 0))) {
      throw new LearnError(
        "OUT_OF_RANGE",
        `pad: amounts ${formatShape(before)} and ${formatShape(after)} must not be negative; use slice`,
      );
    }
    return input.map((size, axis) => size + before[axis] + after[axis]);
  },
  lower(context, [input], { attributes }) {
    const pads = [...getList(attributes, "before"), ...getList(attributes, "after")];
    return context.addNode("Pad", [input, context.addConstant("int64", [pads.length], pads)]);
  },
  pullBack({ inputs, attributes, upstream }) {
    const before = getList(attributes, "before");
    return [
      slice(upstream, {
        starts: before,
        ends: before.map((amount, axis) => amount + inputs[0].shape[axis]),
      }),
    ];
  },
  evaluate([input], { inputShapes, outputShape, attributes }) {
    const strides = computeStrides(outputShape);
    const offset = getList(attributes, "before").reduce((sum, amount, k) => sum + amount * strides[k], 0);
    const output = new Float64Array(countElements(outputShape));
    forEachStrided(inputShapes[0], strides, offset, (position, linear) => {
      output[position] = input[linear];
    });
    return output;
  },
  examples: [{ shapes: [[2, 3]], attributes: { before: [1, 0], after: [0, 2] } }],
};

/** Zeros around the input: `before` and `after` counts, one of each per axis. */
export function pad(input: Tensor, amounts: { before: readonly number[]; after: readonly number[] }): Tensor {
  if ([...amounts.before, ...amounts.after].every((amount) => amount === 0)) return input;
  return applyOperator(padOperator, [input], { before: amounts.before, after: amounts.after });
}

const concatOperator: Operator = {
  name: "concat",
  summary: "joins tensors along one axis",
  inferShape(inputShapes, attributes) {
    const axis = attributes.axis as number;
    const first = inputShapes[0];
    for (const shape of inputShapes) {
      if (shape.length !== first.length || shape.some((size, k) => k !== axis && size !== first[k])) {
        throw new LearnError(
          "SHAPE_MISMATCH",
          `concat: ${formatShape(first)} and ${formatShape(shape)} must agree in every axis but ${axis}`,
        );
      }
    }
    return first.map((size, k) =>
      k === axis ? inputShapes.reduce((sum, shape) => sum + shape[axis], 0) : size,
    );
  },
  lower: (context, inputs, { attributes }) =>
    context.addNode("Concat", inputs, { axis: { int: attributes.axis as number } }),
  pullBack({ inputs, attributes, upstream }) {
    const axis = attributes.axis as number;
    let start = 0;
    return inputs.map((input) => {
      const starts = input.shape.map((_, k) => (k === axis ? start : 0));
      start += input.shape[axis];
      return slice(upstream, { starts, ends: starts.map((s, k) => s + input.shape[k]) });
    });
  },
  evaluate(inputs, { inputShapes, outputShape, attributes }) {
    const axis = attributes.axis as number;
    const strides = computeStrides(outputShape);
    const output = new Float64Array(countElements(outputShape));
    let start = 0;
    inputs.forEach((input, n) => {
      forEachStrided(inputShapes[n], strides, start * strides[axis], (position, linear) => {
        output[position] = input[linear];
      });
      start += inputShapes[n][axis];
    });
    return output;
  },
  examples: [
    {
      shapes: [
        [2, 3],
        [2, 1],
      ],
      attributes: { axis: 1 },
    },
  ],
};

/** Joins tensors along `options.axis`. */
export function concat(inputs: readonly Tensor[], options: { axis: number }): Tensor {
  if (inputs.length === 1) return inputs[0];
  return applyOperator(concatOperator, inputs, { axis: options.axis });
}

/** Shape of two operands after numpy broadcasting; throws with both shapes. */
export function broadcastShapes(a: readonly number[], b: readonly number[], name: string): number[] {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let k = 0; k < rank; k++) {
    const p = a[k - rank + a.length] ?? 1;
    const q = b[k - rank + b.length] ?? 1;
    if (p !== q && p !== 1 && q !== 1) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `${name}: ${formatShape(a)} and ${formatShape(b)} cannot be broadcast; sizes must be equal or 1`,
      );
    }
    shape.push(Math.max(p, q));
  }
  return shape;
}

/** Strides that read an array of `shape` as if it had `target` shape (0 along repeated axes). */
export function computeBroadcastStrides(shape: readonly number[], target: readonly number[]): number[] {
  const strides = computeStrides(shape);
  const lead = target.length - shape.length;
  return target.map((_, k) => (k < lead || shape[k - lead] === 1 ? 0 : strides[k - lead]));
}

const expandOperator: Operator = {
  name: "expand",
  summary: "repeats along axes of size 1 (numpy broadcasting)",
  inferShape([input], attributes) {
    const shape = getList(attributes, "shape");
    const joint = broadcastShapes(input, shape, "expand");
    if (joint.length !== shape.length || joint.some((size, k) => size !== shape[k])) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `expand: ${formatShape(input)} cannot be repeated to ${formatShape(shape)}`,
      );
    }
    return shape;
  },
  lower: (context, [input], { outputShape }) =>
    context.addNode("Expand", [input, context.addConstant("int64", [outputShape.length], outputShape)]),
  pullBack: ({ inputs, upstream }) => [sumTo(upstream, inputs[0].shape)],
  evaluate([input], { inputShapes, outputShape }) {
    const output = new Float64Array(countElements(outputShape));
    forEachStrided(
      outputShape,
      computeBroadcastStrides(inputShapes[0], outputShape),
      0,
      (position, linear) => {
        output[linear] = input[position];
      },
    );
    return output;
  },
  examples: [
    { shapes: [[3, 1]], attributes: { shape: [2, 3, 4] } },
    { shapes: [[]], attributes: { shape: [2, 2] } },
  ],
};

/** Repeats along axes of size 1 (or missing leading axes) up to `shape`. */
export function expand(input: Tensor, shape: readonly number[]): Tensor {
  if (input.shape.length === shape.length && input.shape.every((size, k) => size === shape[k])) return input;
  return applyOperator(expandOperator, [input], { shape });
}

/** Checks the axes of a reduction and gives the output's shape. */
export function inferReducedShape(
  input: readonly number[],
  attributes: Attributes,
  name: string,
): readonly number[] {
  const axes = getList(attributes, "axes");
  if (axes.some((axis) => !(axis >= 0 && axis < input.length)) || new Set(axes).size !== axes.length) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `${name}: axes ${formatShape(axes)} are not distinct axes of ${formatShape(input)}`,
    );
  }
  if (attributes.keepDims === 1) return getKeptShape(input, axes);
  return input.filter((_, axis) => !axes.includes(axis));
}

/** A shape whose reduced axes have size 1. */
export function getKeptShape(shape: readonly number[], axes: readonly number[]): number[] {
  return shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
}

/** Visits (input position, output position) pairs of a reduction. */
export function forEachReduced(
  shape: readonly number[],
  axes: readonly number[],
  visit: (input: number, output: number) => void,
): void {
  const kept = computeStrides(getKeptShape(shape, axes));
  const strides = kept.map((stride, axis) => (axes.includes(axis) ? 0 : stride));
  forEachStrided(shape, strides, 0, (position, linear) => visit(linear, position));
}

/** Options of reductions. */
export interface ReductionOptions {
  /** Default: all. */
  readonly axes?: readonly number[];
  /** Keep the reduced axes with size 1; default false. */
  readonly keepDims?: boolean;
}

/** Attributes of a reduction; axes in ascending order. */
export function getReductionAttributes(input: Tensor, options: ReductionOptions): Attributes {
  const axes = options.axes?.toSorted((a, b) => a - b) ?? input.shape.map((_, axis) => axis);
  return options.keepDims === true ? { axes, keepDims: 1 } : { axes };
}

const reduceSumOperator: Operator = {
  name: "reduceSum",
  summary: "sum over axes, which are dropped or kept with size 1",
  inferShape: ([input], attributes) => inferReducedShape(input, attributes, "reduceSum"),
  lower(context, [input], { attributes }) {
    const axes = getList(attributes, "axes");
    return context.addNode("ReduceSum", [input, context.addConstant("int64", [axes.length], axes)], {
      keepdims: { int: attributes.keepDims === 1 ? 1 : 0 },
    });
  },
  pullBack({ inputs, attributes, upstream }) {
    const { shape } = inputs[0];
    return [expand(reshape(upstream, getKeptShape(shape, getList(attributes, "axes"))), shape)];
  },
  evaluate([input], { inputShapes, outputShape, attributes }) {
    const output = new Float64Array(countElements(outputShape));
    forEachReduced(inputShapes[0], getList(attributes, "axes"), (from, to) => {
      output[to] += input[from];
    });
    return output;
  },
  examples: [
    { shapes: [[2, 3, 4]], attributes: { axes: [0, 2] } },
    { shapes: [[2, 3, 4]], attributes: { axes: [1, 2], keepDims: 1 } },
    { shapes: [[5]], attributes: { axes: [0] } },
  ],
};

/** Sum over `axes` (default all); the summed axes are dropped unless `keepDims`. */
export function reduceSum(input: Tensor, options: ReductionOptions = {}): Tensor {
  const attributes = getReductionAttributes(input, options);
  if (getList(attributes, "axes").length === 0) return input;
  return applyOperator(reduceSumOperator, [input], attributes);
}

/** Sums `input` down to `shape`, undoing numpy broadcasting. */
export function sumTo(input: Tensor, shape: readonly number[]): Tensor {
  const lead = input.shape.length - shape.length;
  const axes = input.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < lead || (shape[axis - lead] === 1 && input.shape[axis] !== 1));
  return reshape(reduceSum(input, { axes }), shape);
}

/** Operators that move, repeat or sum values. Entries of the operator table. */
export const structureOperators: readonly Operator[] = [
  reshapeOperator,
  transposeOperator,
  sliceOperator,
  padOperator,
  concatOperator,
  expandOperator,
  reduceSumOperator,
];
