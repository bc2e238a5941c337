/**
 * Operators on blocked values (layout.ts). Each is a plain operator between two moves, and that is its float64
 * definition; its lowering is onnxruntime's own blocked operator, in two axes directly, in three as a sum of
 * two-dimensional ones over the kernel's slices. They are put into finished graphs by `pass.ts`, have no gradient, and
 * run only on onnxruntime's CPU provider, with the block size of the processor (probe.ts).
 * Not here: the convolution and its weight gradient (convolution.ts).
 */
import { LearnError } from "../errors.ts";
import { type Attributes, applyOperator, countElements, type Operator, type Tensor } from "../tensor.ts";
import {
  addList,
  BLOCKED_DOMAIN,
  blockValues,
  lowerPlainToStack,
  lowerReshape,
  lowerToStack,
  lowerTranspose,
  readBlockedSizes,
  readPlainSizes,
  type Sizes,
  toBlockedShape,
  toPlainShape,
  unblockValues,
} from "./layout.ts";

/** Blocked operators come after differentiation. */
export function refuseGradient(name: string): never {
  throw new LearnError("OUT_OF_RANGE", `${name} has no gradient; block a graph after differentiating it`);
}

const toBlockedOperator: Operator = {
  name: "toBlocked",
  summary: "plain layout to channel blocks",
  inferShape: ([input], { block }) =>
    toBlockedShape(readPlainSizes(input), input.length - 2, block as number),
  lower(context, [input], { inputShapes: [shape], outputShape }) {
    const stack = lowerPlainToStack(context, input, readPlainSizes(shape));
    const blocked = context.addNode("ReorderInput", [stack], {}, { domain: BLOCKED_DOMAIN });
    return lowerReshape(context, blocked, outputShape);
  },
  pullBack: () => refuseGradient("toBlocked"),
  evaluate: ([input], { inputShapes: [shape], attributes }) =>
    blockValues(input, readPlainSizes(shape), attributes.block as number),
  examples: [],
};

/** [N, C, H, W] → [N, C/b, H, W, b]; [N, C, D, H, W] → [N, D, C/b, H, W, b]. */
export function toBlocked(input: Tensor, block: number): Tensor {
  return applyOperator(toBlockedOperator, [input], { block });
}

const fromBlockedOperator: Operator = {
  name: "fromBlocked",
  summary: "channel blocks to the plain layout",
  inferShape: ([input]) => toPlainShape(readBlockedSizes(input), input.length - 3),
  lower(context, [input], { inputShapes: [shape], outputShape }) {
    const sizes = readBlockedSizes(shape);
    const { batch, channels, depth, rows, columns } = sizes;
    const stack = context.addNode(
      "ReorderOutput",
      [lowerToStack(context, input, sizes)],
      { channels: { int: channels } },
      { domain: BLOCKED_DOMAIN },
    );
    if (depth === 1) return lowerReshape(context, stack, outputShape);
    const split = lowerReshape(context, stack, [batch, depth, channels, rows, columns]);
    return lowerTranspose(context, split, [0, 2, 1, 3, 4]);
  },
  pullBack: () => refuseGradient("fromBlocked"),
  evaluate: ([input], { inputShapes: [shape] }) =>
    unblockValues(input, readBlockedSizes(shape), shape[shape.length - 1]),
  examples: [],
};

/** Inverse of {@link toBlocked}. */
export function fromBlocked(input: Tensor): Tensor {
  return applyOperator(fromBlockedOperator, [input]);
}

/** What {@link resampleBlocked} does with 2 × 2 (× 2) pixels. */
export type BlockedResampling = "maxPool" | "averagePool" | "enlargeNearest";

const NODES = { maxPool: "MaxPool", averagePool: "AveragePool", enlargeNearest: "Upsample" } as const;
const REDUCTIONS = { maxPool: "ReduceMax", averagePool: "ReduceMean" } as const;

function scaleSizes(sizes: Sizes, attributes: Attributes): Sizes {
  const [d, r, c] = attributes.factor as readonly number[];
  const isUp = attributes.kind === "enlargeNearest";
  const scale = (size: number, factor: number): number => (isUp ? size * factor : size / factor);
  const { depth, rows, columns } = sizes;
  return { ...sizes, depth: scale(depth, d), rows: scale(rows, r), columns: scale(columns, c) };
}

const resampleBlockedOperator: Operator = {
  name: "resampleBlocked",
  summary: "pooling of tiles, or repetition over tiles, of a blocked value",
  inferShape([input], attributes) {
    const sizes = scaleSizes(readBlockedSizes(input), attributes);
    return toBlockedShape(sizes, input.length - 3, input[input.length - 1]);
  },
  lower(context, [input], { inputShapes: [shape], outputShape, attributes }) {
    const sizes = readBlockedSizes(shape);
    const kind = attributes.kind as BlockedResampling;
    const [d, r, c] = attributes.factor as readonly number[];
    const stack = lowerToStack(context, input, sizes);
    const scaling =
      kind === "enlargeNearest"
        ? { scales: { ints: [1, 1, r, c] }, mode: { string: "nearest" } }
        : { kernel_shape: { ints: [r, c] }, strides: { ints: [r, c] } };
    const flat = context.addNode(NODES[kind], [stack], scaling, { domain: BLOCKED_DOMAIN });
    if (d === 1) return lowerReshape(context, flat, outputShape);
    const made = readBlockedSizes(outputShape);
    const slice = made.channels * made.rows * made.columns;
    if (kind === "enlargeNearest") {
      const column = lowerReshape(context, flat, [sizes.batch * sizes.depth, 1, slice]);
      const repeated = context.addNode(
        "Concat",
        Array.from({ length: d }, () => column),
        { axis: { int: 1 } },
      );
      return lowerReshape(context, repeated, outputShape);
    }
    const groups = lowerReshape(context, flat, [made.batch * made.depth, d, slice]);
    const reduced = context.addNode(REDUCTIONS[kind], [groups], {
      axes: { ints: [1] },
      keepdims: { int: 0 },
    });
    return lowerReshape(context, reduced, outputShape);
  },
  pullBack: () => refuseGradient("resampleBlocked"),
  evaluate([input], { inputShapes: [shape], outputShape, attributes }) {
    const kind = attributes.kind as BlockedResampling;
    const [d, r, c] = attributes.factor as readonly number[];
    const inner = shape[shape.length - 1];
    const isUp = kind === "enlargeNearest";
    const output = new Float64Array(countElements(outputShape)).fill(kind === "maxPool" ? -Infinity : 0);
    const fine = readBlockedSizes(isUp ? outputShape : shape);
    const [rows, columns] = [fine.rows / r, fine.columns / c];
    const blocks = fine.channels / inner;
    const total = countElements(isUp ? outputShape : shape);
    for (let linear = 0; linear < total; linear++) {
      let rest = linear;
      const take = (size: number): number => {
        const index = rest % size;
        rest = Math.floor(rest / size);
        return index;
      };
      const lane = take(inner);
      const x = Math.floor(take(fine.columns) / c);
      const y = Math.floor(take(fine.rows) / r);
      const block = take(blocks);
      const z = Math.floor(take(fine.depth) / d);
      const plane = (rest * (fine.depth / d) + z) * blocks + block;
      const coarse = ((plane * rows + y) * columns + x) * inner + lane;
      if (isUp) output[linear] = input[coarse];
      else if (kind === "maxPool") output[coarse] = Math.max(output[coarse], input[linear]);
      else output[coarse] += input[linear] / (d * r * c);
    }
    return output;
  },
  examples: [],
};

/**
 * Pools tiles, or repeats pixels over tiles.
 *
 * @param options.factor - tile size along slices, rows and columns (1 first for images)
 */
export function resampleBlocked(
  input: Tensor,
  options: { kind: BlockedResampling; factor: readonly number[] },
): Tensor {
  return applyOperator(resampleBlockedOperator, [input], { kind: options.kind, factor: options.factor });
}

const sumChannelsOperator: Operator = {
  name: "sumBlockedChannels",
  summary: "sum of a blocked value over batch and pixels: [C]",
  inferShape: ([input]) => [readBlockedSizes(input).channels],
  lower(context, [input], { inputShapes: [shape] }) {
    const sizes = readBlockedSizes(shape);
    const { batch, depth, channels, rows, columns } = sizes;
    const stack = lowerToStack(context, input, sizes);
    const means = context.addNode("GlobalAveragePool", [stack], {}, { domain: BLOCKED_DOMAIN });
    const flat = lowerReshape(context, means, [batch * depth, channels]);
    const sum = context.addNode("ReduceSum", [flat, addList(context, [0])], { keepdims: { int: 0 } });
    return context.addNode("Mul", [sum, context.addConstant("float32", [], [rows * columns])]);
  },
  pullBack: () => refuseGradient("sumBlockedChannels"),
  evaluate([input], { inputShapes: [shape] }) {
    const sizes = readBlockedSizes(shape);
    const inner = shape[shape.length - 1];
    const output = new Float64Array(sizes.channels);
    const plane = sizes.rows * sizes.columns * inner;
    const blocks = sizes.channels / inner;
    for (let k = 0; k < input.length; k++) {
      output[(Math.floor(k / plane) % blocks) * inner + (k % inner)] += input[k];
    }
    return output;
  },
  examples: [],
};

/** Sum over batch and pixels, one value a channel in plain order. */
export function sumBlockedChannels(input: Tensor): Tensor {
  return applyOperator(sumChannelsOperator, [input]);
}
