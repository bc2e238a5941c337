/**
 * Convolution and its weight gradient on blocked values (layout.ts). A plain value with fewer channels than a block may
 * stand in for a blocked one: onnxruntime's first-layer kernel takes it as it is.
 *
 * In three dimensions y[d] = Σ_u conv2d(x[d + u − before], w[u]): one blocked convolution per slice of the kernel, each
 * adding onto the one before.
 */

import { forEachProduct } from "../operators/convolution-evaluation.ts";
import type { ConvolutionGeometry } from "../operators/convolution-geometry.ts";
import { computeOutputSizes, getGeometry, toAttributes } from "../operators/convolution-geometry.ts";
import { lowerFlip } from "../operators/convolution-lowering.ts";
import { applyOperator, countElements, type LoweringContext, type Operator, type Tensor } from "../tensor.ts";
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
import { refuseGradient } from "./operators.ts";

function isBlocked(shape: readonly number[], axes: number): boolean {
  return shape.length === axes + 3;
}

function readSizes(shape: readonly number[], axes: number): Sizes {
  return isBlocked(shape, axes) ? readBlockedSizes(shape) : readPlainSizes(shape);
}

function readPlain(values: Float64Array, shape: readonly number[], axes: number): Float64Array {
  return isBlocked(shape, axes)
    ? unblockValues(values, readBlockedSizes(shape), shape[shape.length - 1])
    : values;
}

/** Shape [O, I, taps …] of the convolution that a call does, given its weights: those of the adjoint are swapped. */
function swapChannels(weight: readonly number[], isAdjoint: boolean): readonly number[] {
  return isAdjoint ? [weight[1], weight[0], ...weight.slice(2)] : weight;
}

/**
 * Weights in the order of onnxruntime's kernels: [slices of the kernel, O/b, I/b, taps, b of I, b of O]; with fewer input
 * channels than a block [slices, O/b, I, taps, b of O]. For the adjoint, channels are swapped and taps reversed.
 */
function lowerBlockWeights(
  context: LoweringContext,
  weight: string,
  shape: readonly number[],
  options: { readonly block: number; readonly isAdjoint: boolean },
): string {
  const { block, isAdjoint } = options;
  const [outputs, inputs, ...kernel] = shape;
  const [slices, rows, columns] = kernel.length === 3 ? kernel : [1, ...kernel];
  const taps = rows * columns;
  const [made, taken] = isAdjoint ? [inputs, outputs] : [outputs, inputs];
  const isWhole = taken % block === 0;
  const splitOf = (channels: number): number[] =>
    channels % block === 0 ? [channels / block, block] : [1, channels];
  const split = lowerReshape(context, weight, [...splitOf(outputs), ...splitOf(inputs), slices, taps]);
  // Axes: 0, 1 of O; 2, 3 of I; 4 slices; 5 taps.
  const order = isAdjoint ? [4, 2, 0, 5, 1, 3] : [4, 0, 2, 5, 3, 1];
  // With too few input channels to block, they stand before the taps.
  const perm = isWhole ? order : [order[0], order[1], order[2], order[4], order[3], order[5]];
  let blocked = lowerTranspose(context, split, perm);
  if (isAdjoint) {
    const axes = [slices > 1 ? 0 : -1, taps > 1 ? (isWhole ? 3 : 4) : -1].filter((axis) => axis >= 0);
    if (axes.length > 0) blocked = lowerFlip(context, blocked, axes);
  }
  return lowerReshape(context, blocked, [slices, made, taken, rows, columns]);
}

/** Slice `start` … of a stack along its depth, zeros where there is none: [N·count, …]. */
function lowerDepthShift(
  context: LoweringContext,
  value: string,
  sizes: Sizes,
  start: number,
  count: number,
): string {
  const { batch, depth, channels, rows, columns } = sizes;
  if (start === 0 && count === depth) return value;
  const plane = channels * rows * columns;
  const volume = lowerReshape(context, value, [batch, depth, plane]);
  const end = start + count - depth;
  const moved = context.addNode("Pad", [volume, addList(context, [0, -start, 0, 0, end, 0])]);
  return lowerReshape(context, moved, [batch * count, channels, rows, columns]);
}

const convolveBlockedOperator: Operator = {
  name: "convolveBlocked",
  summary: "convolution of a blocked value, or its adjoint for stride 1; ReLU may follow",
  inferShape([input, weight], attributes) {
    const geometry = getGeometry(attributes);
    const axes = geometry.stride.length;
    const sizes = readSizes(input, axes);
    const kernel = swapChannels(weight, attributes.adjoint === 1);
    const spatial = toPlainShape(sizes, axes).slice(2);
    const plain = [sizes.batch, kernel[0], ...computeOutputSizes(spatial, kernel.slice(2), geometry)];
    return toBlockedShape(readPlainSizes(plain), axes, attributes.block as number);
  },
  lower(context, [input, weight, bias], { inputShapes: [x, w], outputShape, attributes }) {
    const { stride, dilation, before, after } = getGeometry(attributes);
    const axes = stride.length;
    const sizes = readSizes(x, axes);
    const made = readBlockedSizes(outputShape);
    const isAdjoint = attributes.adjoint === 1;
    const blocked = lowerBlockWeights(context, weight, w, { block: attributes.block as number, isAdjoint });
    const shape = swapChannels(w, isAdjoint);
    const planeShape = [shape[0], shape[1], ...shape.slice(-2)];
    const stack = isBlocked(x, axes)
      ? lowerToStack(context, input, sizes)
      : lowerPlainToStack(context, input, sizes);
    const slices = axes === 3 ? shape[2] : 1;
    const weights =
      slices === 1
        ? [lowerReshape(context, blocked, planeShape)]
        : Array.from({ length: slices }, (_, u) => {
            const ends = [addList(context, [u]), addList(context, [u + 1]), addList(context, [0])];
            return lowerReshape(context, context.addNode("Slice", [blocked, ...ends]), planeShape);
          });
    const plane = <T>(list: readonly T[]): readonly T[] => list.slice(-2);
    let sum = "";
    for (let u = 0; u < slices; u++) {
      const isLast = u === slices - 1;
      const shifted =
        axes === 3 ? lowerDepthShift(context, stack, sizes, u * dilation[0] - before[0], made.depth) : stack;
      const operands = [shifted, weights[u], isLast ? (bias ?? "") : "", sum];
      while (operands[operands.length - 1] === "") operands.pop();
      sum = context.addNode(
        "Conv",
        operands,
        {
          kernel_shape: { ints: shape.slice(-2) },
          pads: { ints: [...plane(before), ...plane(after)] },
          strides: { ints: plane(stride) },
          dilations: { ints: plane(dilation) },
          ...(isLast && attributes.activation === "relu" ? { activation: { string: "Relu" } } : {}),
        },
        { domain: BLOCKED_DOMAIN },
      );
    }
    return lowerReshape(context, sum, outputShape);
  },
  pullBack: () => refuseGradient("convolveBlocked"),
  evaluate([input, weight, bias], { inputShapes: [x, w], outputShape, attributes }) {
    const geometry = getGeometry(attributes);
    const axes = geometry.stride.length;
    const isAdjoint = attributes.adjoint === 1;
    const shape = swapChannels(w, isAdjoint);
    const taps = countElements(w.slice(2));
    const weightAt = (k: number): number => {
      if (!isAdjoint) return weight[k];
      const [o, i, tap] = [Math.floor(k / (taps * shape[1])), Math.floor(k / taps) % shape[1], k % taps];
      return weight[(i * w[1] + o) * taps + taps - 1 - tap];
    };
    const made = readBlockedSizes(outputShape);
    const plainShape = toPlainShape(made, axes);
    const output = new Float64Array(countElements(outputShape));
    const pixels = countElements(plainShape.slice(2));
    if (bias !== undefined) {
      for (let p = 0; p < output.length; p++) output[p] = bias[Math.floor(p / pixels) % made.channels];
    }
    const values = readPlain(input, x, axes);
    const shapes = { input: toPlainShape(readSizes(x, axes), axes), weight: shape, output: plainShape };
    forEachProduct(shapes, geometry, (i, k, o) => {
      output[o] += values[i] * weightAt(k);
    });
    const active = attributes.activation === "relu" ? output.map((v) => Math.max(v, 0)) : output;
    return blockValues(active, made, attributes.block as number);
  },
  examples: [],
};

/** Settings of {@link convolveBlocked}. */
export interface BlockedConvolutionOptions {
  readonly block: number;
  /** True: `weight` is that of the convolution whose adjoint is meant; the geometry is the adjoint's own. */
  readonly isAdjoint: boolean;
  readonly activation: "none" | "relu";
}

/**
 * Convolution to a blocked value.
 *
 * @param operands - input (blocked, or plain with fewer channels than a block), weights in plain order, bias
 */
export function convolveBlocked(
  operands: readonly Tensor[],
  geometry: ConvolutionGeometry,
  options: BlockedConvolutionOptions,
): Tensor {
  const { block, isAdjoint, activation } = options;
  return applyOperator(convolveBlockedOperator, operands, {
    ...toAttributes(geometry),
    block,
    adjoint: isAdjoint ? 1 : 0,
    activation,
  });
}

interface Side {
  readonly value: string;
  readonly shape: readonly number[];
}

/** A side as images with blocks of channels folded into columns: [C/b, N·D, H, W·b], or [1, N·D, H, W·C] if plain. */
function lowerFolded(context: LoweringContext, { value, shape }: Side, axes: number): string {
  const { batch, depth, channels, rows, columns } = readSizes(shape, axes);
  const images = batch * depth;
  if (isBlocked(shape, axes)) {
    const inner = shape[shape.length - 1];
    const stack = lowerReshape(context, value, [images, channels / inner, rows * columns * inner]);
    return lowerReshape(context, lowerTranspose(context, stack, [1, 0, 2]), [
      channels / inner,
      images,
      rows,
      columns * inner,
    ]);
  }
  const flat = lowerReshape(context, value, [batch, channels, depth * rows * columns]);
  const moved = channels === 1 ? flat : lowerTranspose(context, flat, [0, 2, 1]);
  return lowerReshape(context, moved, [1, images, rows, columns * channels]);
}

/** A side as a kernel of whole images: [C, N, D·H·W]. */
function lowerKernel(context: LoweringContext, { value, shape }: Side, axes: number): string {
  const sizes = readSizes(shape, axes);
  const { batch, depth, channels, rows, columns } = sizes;
  const plane = rows * columns;
  if (!isBlocked(shape, axes)) {
    const flat = lowerReshape(context, value, [batch, channels, depth * plane]);
    return lowerTranspose(context, flat, [1, 0, 2]);
  }
  const plain = context.addNode(
    "ReorderOutput",
    [lowerToStack(context, value, sizes)],
    { channels: { int: channels } },
    { domain: BLOCKED_DOMAIN },
  );
  const stack = lowerReshape(context, plain, [batch * depth, channels, plane]);
  return lowerReshape(context, lowerTranspose(context, stack, [1, 0, 2]), [channels, batch, depth * plane]);
}

/** The kernel of each of `slices` shifts along the depth, stacked: [slices·C, N·D, H, W]. */
function lowerShiftedKernels(
  context: LoweringContext,
  kernel: string,
  sizes: Sizes,
  shifts: { readonly count: number; readonly before: number; readonly depth: number },
): string {
  const { batch, channels, depth, rows, columns } = sizes;
  const volume = lowerReshape(context, kernel, [channels, batch, depth, rows * columns]);
  const parts = Array.from({ length: shifts.count }, (_, u) => {
    const start = u - shifts.before;
    if (start === 0 && shifts.depth === depth) return volume;
    const pads = [0, 0, start, 0, 0, 0, shifts.depth - depth - start, 0];
    return context.addNode("Pad", [volume, addList(context, pads)]);
  });
  const stacked = parts.length === 1 ? parts[0] : context.addNode("Concat", parts, { axis: { int: 0 } });
  return lowerReshape(context, stacked, [shifts.count * channels, batch * shifts.depth, rows, columns]);
}

const weightGradientOperator: Operator = {
  name: "blockedWeightGradient",
  summary: "weight gradient of a stride-1 convolution of blocked values",
  inferShape([input, upstream], attributes) {
    const axes = getGeometry(attributes).stride.length;
    const kernel = attributes.kernel as readonly number[];
    return [readSizes(upstream, axes).channels, readSizes(input, axes).channels, ...kernel];
  },
  lower(context, [input, upstream], { inputShapes: [x, g], outputShape, attributes }) {
    const { before, after } = getGeometry(attributes);
    const axes = before.length;
    const taps = attributes.kernel as readonly number[];
    const [outputs, inputs] = outputShape;
    // The side with fewer channels is folded; with the sides exchanged the taps come out in reverse order.
    const isExchanged = outputs < inputs;
    const image: Side = isExchanged ? { value: upstream, shape: g } : { value: input, shape: x };
    const kernel: Side = isExchanged ? { value: input, shape: x } : { value: upstream, shape: g };
    const lead = taps.map((size, k) => (isExchanged ? size - 1 - before[k] : before[k]));
    const trail = taps.map((size, k) => (isExchanged ? size - 1 - after[k] : after[k]));
    const imageSizes = readSizes(image.shape, axes);
    const kernelSizes = readSizes(kernel.shape, axes);
    const slices = axes === 3 ? taps[0] : 1;
    const folded = isBlocked(image.shape, axes) ? image.shape[image.shape.length - 1] : imageSizes.channels;
    const [rows, columns] = taps.slice(-2);
    const [top, left] = lead.slice(-2);
    const [bottom, right] = trail.slice(-2);
    const stacked = lowerShiftedKernels(context, lowerKernel(context, kernel, axes), kernelSizes, {
      count: slices,
      before: axes === 3 ? lead[0] : 0,
      depth: imageSizes.depth,
    });
    const product = context.addNode("Conv", [lowerFolded(context, image, axes), stacked], {
      kernel_shape: { ints: [kernelSizes.rows, kernelSizes.columns] },
      dilations: { ints: [1, folded] },
      pads: { ints: [top, left * folded, bottom, right * folded] },
    });
    const blocks = imageSizes.channels / folded;
    const split = lowerReshape(context, product, [
      blocks,
      slices,
      kernelSizes.channels,
      rows,
      columns,
      folded,
    ]);
    const reversed = [slices > 1 ? 1 : -1, rows > 1 ? 3 : -1, columns > 1 ? 4 : -1].filter(
      (axis) => axis > 0,
    );
    const ordered = isExchanged && reversed.length > 0 ? lowerFlip(context, split, reversed) : split;
    const perm = isExchanged ? [0, 5, 2, 1, 3, 4] : [2, 0, 5, 1, 3, 4];
    return lowerReshape(context, lowerTranspose(context, ordered, perm), outputShape);
  },
  pullBack: () => refuseGradient("blockedWeightGradient"),
  evaluate([input, upstream], { inputShapes: [x, g], outputShape, attributes }) {
    const geometry = getGeometry(attributes);
    const axes = geometry.stride.length;
    const [xs, gs] = [readPlain(input, x, axes), readPlain(upstream, g, axes)];
    const output = new Float64Array(countElements(outputShape));
    const shapes = {
      input: toPlainShape(readSizes(x, axes), axes),
      weight: outputShape,
      output: toPlainShape(readSizes(g, axes), axes),
    };
    forEachProduct(shapes, geometry, (i, k, o) => {
      output[k] += xs[i] * gs[o];
    });
    return output;
  },
  examples: [],
};

/**
 * Weight gradient [O, I, taps …] of a convolution of stride and dilation 1 without groups.
 *
 * @param input - blocked or plain
 * @param upstream - blocked or plain
 */
export function computeBlockedWeightGradient(
  input: Tensor,
  upstream: Tensor,
  geometry: ConvolutionGeometry,
  kernel: readonly number[],
): Tensor {
  return applyOperator(weightGradientOperator, [input, upstream], { ...toAttributes(geometry), kernel });
}
