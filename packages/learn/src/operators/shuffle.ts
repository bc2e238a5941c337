/**
 * Exact trades of resolution for channels and back, in the channel orders of ONNX (`spaceToDepth`: the place in the
 * block first, then the channel) and of PyTorch (`pixelUnshuffle`: the channel first). Each pair is inverse and adjoint.
 * Volumes are moved by reshape and transpose.
 */
import { formatShape, LearnError } from "../errors.ts";
import {
  type Attributes,
  applyOperator,
  type LoweringContext,
  type Operator,
  type Tensor,
} from "../tensor.ts";
import { reshape, transpose } from "./structure.ts";

function getBlock(attributes: Attributes): number {
  return attributes.block as number;
}

function checkBlock(shape: readonly number[], block: number, axes: readonly number[], name: string): void {
  if (!Number.isInteger(block) || block < 1) {
    throw new LearnError("OUT_OF_RANGE", `${name}: the block ${block} must be a whole number from 1`);
  }
  if (shape.length < 4 || shape.length > 5) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `${name}: needs [batch, channel, row, column] or [batch, channel, slice, row, column], got ${formatShape(shape)}`,
    );
  }
  const divisor = axes[0] === 1 ? block ** (shape.length - 2) : block;
  if (axes.some((axis) => shape[axis] % divisor !== 0)) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `${name}: sizes of ${formatShape(shape)} in axes ${formatShape(axes)} must be multiples of ${divisor}; pad or crop first`,
    );
  }
}

type ChannelOrder = "blockFirst" | "channelFirst";

/** Visits (fine index, coarse index) pairs; `fine` is [N, C, H, W]. */
function forEachBlock(
  fine: readonly number[],
  block: number,
  order: ChannelOrder,
  visit: (fine: number, coarse: number) => void,
): void {
  const [batch, channels, rows, columns] = fine;
  const [r, c] = [rows / block, columns / block];
  let linear = 0;
  for (let n = 0; n < batch; n++) {
    for (let k = 0; k < channels; k++) {
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++) {
          const place = (y % block) * block + (x % block);
          const depth = order === "blockFirst" ? place * channels + k : k * block * block + place;
          const coarse =
            ((n * channels * block * block + depth) * r + Math.floor(y / block)) * c + Math.floor(x / block);
          visit(linear++, coarse);
        }
      }
    }
  }
}

function requireImage(shape: readonly number[], name: string): void {
  if (shape.length === 4) return;
  throw new LearnError(
    "SHAPE_MISMATCH",
    `${name}: needs [batch, channel, row, column], got ${formatShape(shape)}`,
  );
}

function defineFolding(
  name: string,
  summary: string,
  order: ChannelOrder,
  invert: (input: Tensor, block: number) => Tensor,
): Operator {
  return {
    name,
    summary,
    inferShape([input], attributes) {
      const block = getBlock(attributes);
      requireImage(input, name);
      checkBlock(input, block, [2, 3], name);
      return [input[0], input[1] * block * block, input[2] / block, input[3] / block];
    },
    lower(context, [input], { inputShapes, attributes }) {
      const block = getBlock(attributes);
      const folded =
        context.dialect === "cpu"
          ? context.addNode("SpaceToDepth", [input], { blocksize: { int: block } })
          : lowerFoldBySlices(context, input, block);
      return order === "blockFirst" ? folded : lowerReorder(context, folded, block, inputShapes[0][1]);
    },
    pullBack: ({ attributes, upstream }) => [invert(upstream, getBlock(attributes))],
    evaluate([input], { inputShapes, attributes }) {
      const output = new Float64Array(input.length);
      forEachBlock(inputShapes[0], getBlock(attributes), order, (fine, coarse) => {
        output[coarse] = input[fine];
      });
      return output;
    },
    examples: [{ shapes: [[2, 2, 4, 6]], attributes: { block: 2 } }],
  };
}

function defineUnfolding(
  name: string,
  summary: string,
  order: ChannelOrder,
  invert: (input: Tensor, block: number) => Tensor,
): Operator {
  return {
    name,
    summary,
    inferShape([input], attributes) {
      const block = getBlock(attributes);
      requireImage(input, name);
      checkBlock(input, block, [1], name);
      return [input[0], input[1] / (block * block), input[2] * block, input[3] * block];
    },
    lower: (context, inputs, { attributes }) =>
      context.addNode("DepthToSpace", inputs, {
        blocksize: { int: getBlock(attributes) },
        mode: { string: order === "blockFirst" ? "DCR" : "CRD" },
      }),
    pullBack: ({ attributes, upstream }) => [invert(upstream, getBlock(attributes))],
    evaluate([input], { outputShape, attributes }) {
      const output = new Float64Array(input.length);
      forEachBlock(outputShape, getBlock(attributes), order, (fine, coarse) => {
        output[fine] = input[coarse];
      });
      return output;
    },
    examples: [{ shapes: [[2, 8, 2, 3]], attributes: { block: 2 } }],
  };
}

/** Channels in PyTorch's order from ONNX's. */
function lowerReorder(context: LoweringContext, folded: string, block: number, channels: number): string {
  if (channels === 1) return folded;
  const places = block * block;
  const source = Array.from(
    { length: places * channels },
    (_, k) => (k % places) * channels + Math.floor(k / places),
  );
  return context.addNode("Gather", [folded, context.addConstant("int64", [source.length], source)], {
    axis: { int: 1 },
  });
}

/** Beyond any size. */
const END = 2 ** 31 - 1;

/**
 * Strided slices of rows, then of columns, joined: WebGPU lacks SpaceToDepth, and from slices of both at once
 * onnxruntime would make one.
 */
function lowerFoldBySlices(context: LoweringContext, input: string, block: number): string {
  const list = (value: number): string => context.addConstant("int64", [1], [value]);
  const take = (value: string, start: number, axis: number): string =>
    context.addNode("Slice", [value, list(start), list(END), list(axis), list(block)]);
  const starts = Array.from({ length: block }, (_, k) => k);
  const slices = starts.flatMap((row) => {
    const rows = take(input, row, 2);
    return starts.map((column) => take(rows, column, 3));
  });
  return context.addNode("Concat", slices, { axis: { int: 1 } });
}

const spaceToDepthOperator: Operator = defineFolding(
  "spaceToDepth",
  "moves block×block pixels into channels, ONNX order (place in the block, then channel)",
  "blockFirst",
  (input, block) => depthToSpace(input, { block }),
);

const depthToSpaceOperator: Operator = defineUnfolding(
  "depthToSpace",
  "inverse of spaceToDepth",
  "blockFirst",
  (input, block) => spaceToDepth(input, { block }),
);

const pixelUnshuffleOperator: Operator = defineFolding(
  "pixelUnshuffle",
  "moves block×block pixels into channels, PyTorch order (channel, then place in the block)",
  "channelFirst",
  (input, block) => pixelShuffle(input, { factor: block }),
);

const pixelShuffleOperator: Operator = defineUnfolding(
  "pixelShuffle",
  "inverse of pixelUnshuffle",
  "channelFirst",
  (input, block) => pixelUnshuffle(input, { factor: block }),
);

function foldVolume(input: Tensor, block: number, order: ChannelOrder, name: string): Tensor {
  checkBlock(input.shape, block, [2, 3, 4], name);
  const [batch, channels, slices, rows, columns] = input.shape;
  const coarse = [slices / block, rows / block, columns / block];
  const split = reshape(input, [batch, channels, ...coarse.flatMap((size) => [size, block])]);
  const axes = order === "blockFirst" ? [0, 3, 5, 7, 1, 2, 4, 6] : [0, 1, 3, 5, 7, 2, 4, 6];
  return reshape(transpose(split, axes), [batch, channels * block ** 3, ...coarse]);
}

function unfoldVolume(input: Tensor, block: number, order: ChannelOrder, name: string): Tensor {
  checkBlock(input.shape, block, [1], name);
  const [batch, folded, ...coarse] = input.shape;
  const channels = folded / block ** 3;
  const isBlockFirst = order === "blockFirst";
  const split = isBlockFirst ? [block, block, block, channels] : [channels, block, block, block];
  const axes = isBlockFirst ? [0, 4, 5, 1, 6, 2, 7, 3] : [0, 1, 5, 2, 6, 3, 7, 4];
  const moved = transpose(reshape(input, [batch, ...split, ...coarse]), axes);
  return reshape(moved, [batch, channels, ...coarse.map((size) => size * block)]);
}

/**
 * Moves blocks of pixels into channels, [N,C,H,W] → [N,C·b²,H/b,W/b] or [N,C,S,H,W] → [N,C·b³,S/b,H/b,W/b]; output
 * channel = place in the block · C + c (ONNX).
 *
 * @throws LearnError `SHAPE_MISMATCH`, `OUT_OF_RANGE`
 */
export function spaceToDepth(input: Tensor, options: { block: number }): Tensor {
  const { block } = options;
  if (block === 1) return input;
  if (input.shape.length === 5) return foldVolume(input, block, "blockFirst", "spaceToDepth");
  return applyOperator(spaceToDepthOperator, [input], { block });
}

/** Inverse of {@link spaceToDepth}. @throws LearnError `SHAPE_MISMATCH`, `OUT_OF_RANGE` */
export function depthToSpace(input: Tensor, options: { block: number }): Tensor {
  const { block } = options;
  if (block === 1) return input;
  if (input.shape.length === 5) return unfoldVolume(input, block, "blockFirst", "depthToSpace");
  return applyOperator(depthToSpaceOperator, [input], { block });
}

/**
 * Moves blocks of pixels into channels in PyTorch's order: output channel = c · b² + place in the block (b³ for volumes).
 *
 * @throws LearnError `SHAPE_MISMATCH`, `OUT_OF_RANGE`
 * Shi et al. 2016, inverse of eq. 4. Tested against PyTorch's `pixel_unshuffle`.
 */
export function pixelUnshuffle(input: Tensor, options: { factor: number }): Tensor {
  const block = options.factor;
  if (block === 1) return input;
  if (input.shape.length === 5) return foldVolume(input, block, "channelFirst", "pixelUnshuffle");
  return applyOperator(pixelUnshuffleOperator, [input], { block });
}

/** Inverse of {@link pixelUnshuffle}: PyTorch's `pixel_shuffle`. Shi et al. 2016, eq. 4. */
export function pixelShuffle(input: Tensor, options: { factor: number }): Tensor {
  const block = options.factor;
  if (block === 1) return input;
  if (input.shape.length === 5) return unfoldVolume(input, block, "channelFirst", "pixelShuffle");
  return applyOperator(pixelShuffleOperator, [input], { block });
}

/** Trades of resolution for channels. Entries of the operator table. */
export const shuffleOperators: readonly Operator[] = [
  spaceToDepthOperator,
  depthToSpaceOperator,
  pixelUnshuffleOperator,
  pixelShuffleOperator,
];
