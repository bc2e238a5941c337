/**
 * Operators that trade resolution for channels or blur: spaceToDepth and depthToSpace (exact inverses, ONNX
 * order), average pooling and nearest-neighbour enlarging (adjoint up to a factor).
 */
import { formatShape, LearnError } from "../errors.ts";
import { type Attributes, applyOperator, countElements, type Operator, type Tensor } from "../tensor.ts";
import { mul } from "./arithmetic.ts";

function getBlock(attributes: Attributes): number {
  return attributes.block as number;
}

function checkBlock(shape: readonly number[], block: number, axes: readonly number[], name: string): void {
  if (shape.length !== 4 || !Number.isInteger(block) || block < 1) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `${name}: needs [batch, channel, row, column] and a block ≥ 1, got ${formatShape(shape)} and ${block}`,
    );
  }
  const divisor = axes.length === 1 ? block * block : block;
  if (axes.some((axis) => shape[axis] % divisor !== 0)) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `${name}: sizes of ${formatShape(shape)} in axes ${formatShape(axes)} must be multiples of ${divisor}; pad or crop first`,
    );
  }
}

/** Visits (fine index, coarse index) pairs of the space-to-depth mapping. */
function forEachBlock(
  fine: readonly number[],
  block: number,
  visit: (fine: number, coarse: number) => void,
): void {
  const [batch, channels, rows, columns] = fine;
  const [r, c] = [rows / block, columns / block];
  let linear = 0;
  for (let n = 0; n < batch; n++) {
    for (let k = 0; k < channels; k++) {
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++) {
          const depth = ((y % block) * block + (x % block)) * channels + k;
          const coarse =
            ((n * channels * block * block + depth) * r + Math.floor(y / block)) * c + Math.floor(x / block);
          visit(linear++, coarse);
        }
      }
    }
  }
}

const spaceToDepthOperator: Operator = {
  name: "spaceToDepth",
  summary: "moves block×block pixels into channels (ONNX order; pixel unshuffle for one channel)",
  isSizeFree: true,
  inferShape([input], attributes) {
    const block = getBlock(attributes);
    checkBlock(input, block, [2, 3], "spaceToDepth");
    return [input[0], input[1] * block * block, input[2] / block, input[3] / block];
  },
  lower: (context, inputs, { attributes }) =>
    context.addNode("SpaceToDepth", inputs, { blocksize: { int: getBlock(attributes) } }),
  pullBack: ({ attributes, upstream }) => [depthToSpace(upstream, { block: getBlock(attributes) })],
  evaluate([input], { inputShapes, attributes }) {
    const output = new Float64Array(input.length);
    forEachBlock(inputShapes[0], getBlock(attributes), (fine, coarse) => {
      output[coarse] = input[fine];
    });
    return output;
  },
  examples: [{ shapes: [[2, 2, 4, 6]], attributes: { block: 2 } }],
};

/** Moves `block`×`block` pixels into channels: [N,C,H,W] → [N,C·b²,H/b,W/b]. */
export function spaceToDepth(input: Tensor, options: { block: number }): Tensor {
  return options.block === 1 ? input : applyOperator(spaceToDepthOperator, [input], { block: options.block });
}

const depthToSpaceOperator: Operator = {
  name: "depthToSpace",
  summary: "inverse of spaceToDepth (pixel shuffle for one output channel)",
  isSizeFree: true,
  inferShape([input], attributes) {
    const block = getBlock(attributes);
    checkBlock(input, block, [1], "depthToSpace");
    return [input[0], input[1] / (block * block), input[2] * block, input[3] * block];
  },
  lower: (context, inputs, { attributes }) =>
    context.addNode("DepthToSpace", inputs, {
      blocksize: { int: getBlock(attributes) },
      mode: { string: "DCR" },
    }),
  pullBack: ({ attributes, upstream }) => [spaceToDepth(upstream, { block: getBlock(attributes) })],
  evaluate([input], { outputShape, attributes }) {
    const output = new Float64Array(input.length);
    forEachBlock(outputShape, getBlock(attributes), (fine, coarse) => {
      output[fine] = input[coarse];
    });
    return output;
  },
  examples: [{ shapes: [[2, 8, 2, 3]], attributes: { block: 2 } }],
};

/** Inverse of {@link spaceToDepth}: [N,C·b²,H,W] → [N,C,H·b,W·b]. */
export function depthToSpace(input: Tensor, options: { block: number }): Tensor {
  return options.block === 1 ? input : applyOperator(depthToSpaceOperator, [input], { block: options.block });
}

function forEachCell(
  fine: readonly number[],
  block: number,
  visit: (fine: number, coarse: number) => void,
): void {
  const [batch, channels, rows, columns] = fine;
  const [r, c] = [rows / block, columns / block];
  let linear = 0;
  for (let plane = 0; plane < batch * channels; plane++) {
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        visit(linear++, (plane * r + Math.floor(y / block)) * c + Math.floor(x / block));
      }
    }
  }
}

const averagePoolOperator: Operator = {
  name: "averagePool",
  summary: "mean over non-overlapping block×block cells",
  isSizeFree: true,
  inferShape([input], attributes) {
    const block = getBlock(attributes);
    checkBlock(input, block, [2, 3], "averagePool");
    return [input[0], input[1], input[2] / block, input[3] / block];
  },
  lower(context, inputs, { attributes }) {
    const block = getBlock(attributes);
    return context.addNode("AveragePool", inputs, {
      kernel_shape: { ints: [block, block] },
      strides: { ints: [block, block] },
    });
  },
  pullBack({ attributes, upstream }) {
    const block = getBlock(attributes);
    return [mul(enlargeNearest(upstream, { block }), 1 / (block * block))];
  },
  evaluate([input], { inputShapes, outputShape, attributes }) {
    const block = getBlock(attributes);
    const output = new Float64Array(countElements(outputShape));
    forEachCell(inputShapes[0], block, (fine, coarse) => {
      output[coarse] += input[fine] / (block * block);
    });
    return output;
  },
  examples: [{ shapes: [[2, 2, 4, 6]], attributes: { block: 2 } }],
};

/** Mean over non-overlapping `block`×`block` cells. */
export function averagePool(input: Tensor, options: { block: number }): Tensor {
  return applyOperator(averagePoolOperator, [input], { block: options.block });
}

const enlargeNearestOperator: Operator = {
  name: "enlargeNearest",
  summary: "repeats every pixel block×block times",
  isSizeFree: true,
  inferShape([input], attributes) {
    const block = getBlock(attributes);
    checkBlock(input, block, [], "enlargeNearest");
    return [input[0], input[1], input[2] * block, input[3] * block];
  },
  lower(context, [input], { attributes }) {
    const block = getBlock(attributes);
    return context.addNode("Resize", [input, "", context.addConstant("float32", [4], [1, 1, block, block])], {
      mode: { string: "nearest" },
      coordinate_transformation_mode: { string: "asymmetric" },
      nearest_mode: { string: "floor" },
    });
  },
  pullBack({ attributes, upstream }) {
    const block = getBlock(attributes);
    return [mul(averagePool(upstream, { block }), block * block)];
  },
  evaluate([input], { outputShape, attributes }) {
    const output = new Float64Array(countElements(outputShape));
    forEachCell(outputShape, getBlock(attributes), (fine, coarse) => {
      output[fine] = input[coarse];
    });
    return output;
  },
  examples: [{ shapes: [[1, 2, 2, 3]], attributes: { block: 3 } }],
};

/** Repeats every pixel `block`×`block` times. */
export function enlargeNearest(input: Tensor, options: { block: number }): Tensor {
  return applyOperator(enlargeNearestOperator, [input], { block: options.block });
}

/** Operators that change resolution. Entries of the operator table. */
export const resampleOperators: readonly Operator[] = [
  spaceToDepthOperator,
  depthToSpaceOperator,
  averagePoolOperator,
  enlargeNearestOperator,
];
