/**
 * Average pooling and nearest-neighbour enlarging over whole blocks, in two and three spatial axes; adjoint up to a
 * factor.
 */
import { formatShape, LearnError } from "../errors.ts";
import {
  type Attributes,
  applyOperator,
  countElements,
  type LoweringContext,
  type Operator,
  type Tensor,
} from "../tensor.ts";
import { mul } from "./arithmetic.ts";
import { forEachCellOf, type SpatialSizes, toSpatialList } from "./spatial.ts";
import { getList } from "./structure.ts";

function getBlock(attributes: Attributes): readonly number[] {
  return getList(attributes, "block");
}

function checkBlock(shape: readonly number[], block: readonly number[], name: string): void {
  if (shape.length < 4 || shape.length > 5 || block.length !== shape.length - 2) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `${name}: needs [batch, channel, row, column] or [batch, channel, slice, row, column] and a block size per spatial axis, got ${formatShape(shape)} and ${formatShape(block)}`,
    );
  }
  if (block.some((size) => !Number.isInteger(size) || size < 1)) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `${name}: block ${formatShape(block)} must hold whole numbers from 1`,
    );
  }
}

const averagePoolOperator: Operator = {
  name: "averagePool",
  summary: "mean over non-overlapping blocks of the spatial axes",
  inferShape([input], attributes) {
    const block = getBlock(attributes);
    checkBlock(input, block, "averagePool");
    if (block.some((size, k) => input[k + 2] % size !== 0)) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `averagePool: spatial sizes of ${formatShape(input)} must be multiples of the block ${formatShape(block)}; pad or crop first`,
      );
    }
    return input.map((size, axis) => (axis < 2 ? size : size / block[axis - 2]));
  },
  lower(context, inputs, { attributes }) {
    const block = getBlock(attributes);
    return context.addNode("AveragePool", inputs, {
      kernel_shape: { ints: block },
      strides: { ints: block },
    });
  },
  pullBack({ attributes, upstream }) {
    const block = getBlock(attributes);
    return [enlargeNearest(mul(upstream, 1 / countElements(block)), { block })];
  },
  evaluate([input], { inputShapes, outputShape, attributes }) {
    const block = getBlock(attributes);
    const output = new Float64Array(countElements(outputShape));
    forEachCellOf(inputShapes[0], outputShape, { size: block, stride: block }, (fine, coarse) => {
      output[coarse] += input[fine] / countElements(block);
    });
    return output;
  },
  examples: [
    { shapes: [[2, 2, 4, 6]], attributes: { block: [2, 2] } },
    { shapes: [[1, 2, 2, 4, 6]], attributes: { block: [1, 2, 3] } },
  ],
};

/**
 * Mean over non-overlapping blocks.
 *
 * @param input - [N, C, rows, columns] or [N, C, slices, rows, columns]
 * @param options.block - one size for all spatial axes or one per axis, dividing the spatial sizes
 * @throws LearnError `SHAPE_MISMATCH`, `OUT_OF_RANGE`
 */
export function averagePool(input: Tensor, options: { block: SpatialSizes }): Tensor {
  const block = toSpatialList(input, options.block);
  return applyOperator(averagePoolOperator, [input], { block });
}

function lowerRepeatVolume(
  context: LoweringContext,
  input: string,
  shape: readonly number[],
  block: readonly number[],
): string {
  const [batch, channels, slices, rows, columns] = shape;
  const reshape = (value: string, target: readonly number[]): string =>
    context.addNode("Reshape", [value, context.addConstant("int64", [target.length], target)]);
  const planes = reshape(input, [batch, channels * slices, rows, columns]);
  const enlarged = lowerRepeat(context, planes, [1, 1, block[1], block[2]]);
  const [height, width] = [rows * block[1], columns * block[2]];
  const flat = reshape(enlarged, [batch * channels * slices, 1, height * width]);
  const copies = context.addNode(
    "Concat",
    Array.from({ length: block[0] }, () => flat),
    { axis: { int: 1 } },
  );
  return reshape(copies, [batch, channels, slices * block[0], height, width]);
}

function lowerRepeat(context: LoweringContext, input: string, scales: readonly number[]): string {
  return context.addNode("Resize", [input, "", context.addConstant("float32", [scales.length], scales)], {
    mode: { string: "nearest" },
    coordinate_transformation_mode: { string: "asymmetric" },
    nearest_mode: { string: "floor" },
  });
}

const enlargeNearestOperator: Operator = {
  name: "enlargeNearest",
  summary: "repeats every pixel over a block",
  inferShape([input], attributes) {
    const block = getBlock(attributes);
    checkBlock(input, block, "enlargeNearest");
    return input.map((size, axis) => (axis < 2 ? size : size * block[axis - 2]));
  },
  lower(context, [input], { inputShapes: [shape], attributes }) {
    const block = getBlock(attributes);
    // onnxruntime's volume kernel is twenty times slower than its plane kernel.
    return shape.length === 5
      ? lowerRepeatVolume(context, input, shape, block)
      : lowerRepeat(context, input, [1, 1, ...block]);
  },
  pullBack({ attributes, upstream }) {
    const block = getBlock(attributes);
    return [mul(averagePool(upstream, { block }), countElements(block))];
  },
  evaluate([input], { inputShapes, outputShape, attributes }) {
    const block = getBlock(attributes);
    const output = new Float64Array(countElements(outputShape));
    forEachCellOf(outputShape, inputShapes[0], { size: block, stride: block }, (fine, coarse) => {
      output[fine] = input[coarse];
    });
    return output;
  },
  examples: [
    { shapes: [[1, 2, 2, 3]], attributes: { block: [3, 3] } },
    { shapes: [[2, 1, 2, 3, 2]], attributes: { block: [2, 2, 3] } },
  ],
};

/**
 * Repeats every pixel over a block.
 *
 * @param input - [N, C, rows, columns] or [N, C, slices, rows, columns]
 * @param options.block - one size for all spatial axes or one per axis
 * @throws LearnError `SHAPE_MISMATCH`, `OUT_OF_RANGE`
 */
export function enlargeNearest(input: Tensor, options: { block: SpatialSizes }): Tensor {
  const block = toSpatialList(input, options.block);
  return applyOperator(enlargeNearestOperator, [input], { block });
}

export { resizeLinear } from "./interpolation.ts";
export { depthToSpace, pixelShuffle, pixelUnshuffle, spaceToDepth } from "./shuffle.ts";

/** Operators that change resolution. Entries of the operator table. */
export const resampleOperators: readonly Operator[] = [averagePoolOperator, enlargeNearestOperator];
