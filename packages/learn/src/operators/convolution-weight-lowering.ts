/**
 * How the weight gradient of a convolution is written in ONNX,
 * w̄[o, i, u] = Σ ȳ[n, o, r] · x[n, i, stride·r + dilation·u − before].
 *
 * All lowerings use standard operators: for onnxruntime's CPU provider one convolution with folded channels, elsewhere
 * one matrix product per tap. What each costs is in docs/decisions/2026-11-21-train-step.md.
 */
import type { LoweringContext, OperatorCall } from "../tensor.ts";
import { type ConvolutionGeometry, getGeometry } from "./convolution-geometry.ts";
import { addList, lowerConv, lowerFlip, lowerReshape } from "./convolution-lowering.ts";
import { getList } from "./structure.ts";

/** A tensor under construction and its shape. */
interface Value {
  readonly name: string;
  readonly shape: readonly number[];
}

function isPlain({ stride, dilation, groups }: ConvolutionGeometry): boolean {
  return groups === 1 && [...stride, ...dilation].every((step) => step === 1);
}

/** [N, C, …] as images of N channels, one per group, with the group's channels folded into the last axis. */
function lowerFoldChannels(context: LoweringContext, { name, shape }: Value, groups: number): string {
  const [batch, channels, ...sizes] = shape;
  const perGroup = channels / groups;
  const last = sizes.length - 1;
  const folded = [1, groups * batch, ...sizes.slice(0, last), sizes[last] * perGroup];
  if (channels === 1) return lowerReshape(context, name, folded);
  const split = groups === 1 ? name : lowerReshape(context, name, [batch, groups, perGroup, ...sizes]);
  const spatial = sizes.map((_, k) => k + (groups === 1 ? 2 : 3));
  const perm = groups === 1 ? [0, ...spatial, 1] : [1, 0, ...spatial, 2];
  return lowerReshape(context, context.addNode("Transpose", [split], { perm: { ints: perm } }), folded);
}

/** Writes the convolution of a folded image with a kernel of whole images: [1, O, taps …, last taps·folded]. */
function lowerFoldedConvolution(
  context: LoweringContext,
  image: Value,
  kernel: Value,
  geometry: ConvolutionGeometry,
): string {
  const { groups } = geometry;
  const folded = image.shape[1] / groups;
  const scaleLast = (list: readonly number[], factor: number): number[] =>
    list.map((value, k) => (k === list.length - 1 ? value * factor : value));
  const perm = kernel.shape.map((_, axis) => (axis < 2 ? 1 - axis : axis));
  return lowerConv(
    context,
    [
      lowerFoldChannels(context, image, groups),
      context.addNode("Transpose", [kernel.name], { perm: { ints: perm } }),
    ],
    [kernel.shape[1], kernel.shape[0], ...kernel.shape.slice(2)],
    {
      // The output walks over the taps and the kernel over the pixels, so stride and dilation change places.
      stride: geometry.dilation.map((step, k) => (k === geometry.dilation.length - 1 ? 1 : step)),
      dilation: scaleLast(geometry.stride, folded),
      before: scaleLast(geometry.before, folded),
      after: scaleLast(geometry.after, folded),
      groups,
    },
  );
}

/**
 * The weight gradient as one convolution: the images of a batch become channels, the channels of one side are
 * folded into its columns, the other side is the kernel, and a dilation of as many columns as there are
 * channels makes one tap step by one pixel. The output columns then are (tap column, channel), so the
 * runtime's im2col copies long runs and its matrix product is large.
 *
 * w̄[o, u, (v, i)] = Σ_{n,y,x} ȳ[o; n, y, x] · X[n, y + u − p, (x + v − p)·I + i]
 */
export function lowerWeightGradientAsConvolution(
  context: LoweringContext,
  [input, upstream]: readonly string[],
  { inputShapes: [x, g], attributes }: OperatorCall,
): string {
  const geometry = getGeometry(attributes);
  const kernel = getList(attributes, "kernel");
  const axes = kernel.length;
  const taps = kernel.map((_, k) => k + 1);
  const image: Value = { name: input, shape: x };
  const result: Value = { name: upstream, shape: g };
  if (isPlain(geometry) && g[1] < x[1]) {
    // The side with fewer channels is folded. With the sides exchanged, taps come out in reverse order.
    const reversed = {
      ...geometry,
      before: kernel.map((size, k) => size - 1 - geometry.before[k]),
      after: kernel.map((size, k) => size - 1 - geometry.after[k]),
    };
    const product = lowerFoldedConvolution(context, result, image, reversed);
    const unfolded = lowerReshape(context, product, [x[1], ...kernel, g[1]]);
    const long = taps.filter((axis) => kernel[axis - 1] > 1);
    const flipped = long.length === 0 ? unfolded : lowerFlip(context, unfolded, long);
    return context.addNode("Transpose", [flipped], { perm: { ints: [axes + 1, 0, ...taps] } });
  }
  const { stride, dilation, before, after, groups } = geometry;
  const product = lowerFoldedConvolution(context, image, result, geometry);
  // Pixels that the stride leaves over, and columns between dilated taps, come out as positions beyond the kernel.
  const span = kernel.map((_, k) => x[k + 2] + before[k] + after[k] - stride[k] * (g[k + 2] - 1));
  const step = dilation.map((value, k) => (k === axes - 1 ? value : 1));
  const sizes = span.map((length, k) =>
    k === axes - 1 ? length : Math.floor((length - 1) / dilation[k]) + 1,
  );
  let unfolded = lowerReshape(context, product, [g[1], ...sizes, x[1] / groups]);
  if (sizes.some((size, k) => size !== kernel[k])) {
    unfolded = context.addNode("Slice", [
      unfolded,
      addList(
        context,
        taps.map(() => 0),
      ),
      addList(
        context,
        kernel.map((size, k) => step[k] * (size - 1) + 1),
      ),
      addList(context, taps),
      addList(context, step),
    ]);
  }
  return context.addNode("Transpose", [unfolded], { perm: { ints: [0, axes + 1, ...taps] } });
}

/** Pads rows and columns of [N,C,H,W] and flattens them to [N,C,·]. */
function lowerPadFlat(
  context: LoweringContext,
  { name, shape }: Value,
  amounts: { top: number; bottom: number; left: number; right: number },
): string {
  const { top, bottom, left, right } = amounts;
  let padded = name;
  if (top + bottom + left + right > 0) {
    padded = context.addNode("Pad", [name, addList(context, [0, 0, top, left, 0, 0, bottom, right])]);
  }
  const flat = (shape[2] + top + bottom) * (shape[3] + left + right);
  return lowerReshape(context, padded, [shape[0], shape[1], flat]);
}

function lowerFlatSlice(context: LoweringContext, value: string, start: number, length: number): string {
  const constant = (x: number): string => addList(context, [x]);
  return context.addNode("Slice", [value, constant(start), constant(start + length), constant(2)]);
}

/** Sums products a·bᵀ over the batch and stacks the taps. */
function lowerProducts(
  context: LoweringContext,
  pairs: readonly (readonly [string, string])[],
  rank: 3 | 4,
): string {
  const perm = rank === 3 ? [0, 2, 1] : [0, 1, 3, 2];
  const taps = pairs.map(([a, b]) => {
    const product = context.addNode("MatMul", [
      a,
      context.addNode("Transpose", [b], { perm: { ints: perm } }),
    ]);
    return context.addNode("ReduceSum", [product, addList(context, [0])], { keepdims: { int: 1 } });
  });
  return taps.length === 1 ? taps[0] : context.addNode("Concat", taps, { axis: { int: 0 } });
}

/**
 * One product per tap on contiguous slices, for plain 2D convolutions: rows of both sides are padded to a common
 * width once and flattened, so that a tap is one contiguous slice; the side with fewer channels is sliced.
 */
function lowerFlatProducts(
  context: LoweringContext,
  [input, upstream]: readonly string[],
  { inputShapes: [x, g], outputShape, attributes }: OperatorCall,
): string {
  const [kernelRows, kernelColumns] = getList(attributes, "kernel");
  const { before, after } = getGeometry(attributes);
  const rows = x[2] + before[0] + after[0];
  const width = x[3] + before[1] + after[1];
  const sliceInput = x[1] <= g[1];
  const paddedInput = lowerPadFlat(
    context,
    { name: input, shape: x },
    {
      top: before[0],
      bottom: after[0] + (sliceInput && kernelColumns > 1 ? 1 : 0),
      left: before[1],
      right: after[1],
    },
  );
  const first = kernelRows - (kernelColumns > 1 ? 0 : 1);
  const paddedUpstream = lowerPadFlat(
    context,
    { name: upstream, shape: g },
    {
      top: sliceInput ? 0 : first,
      bottom: sliceInput ? 0 : kernelRows - 1,
      left: 0,
      right: kernelColumns - 1,
    },
  );
  const pairs: [string, string][] = [];
  for (let u = 0; u < kernelRows; u++) {
    for (let v = 0; v < kernelColumns; v++) {
      const shift = u * width + v;
      pairs.push(
        sliceInput
          ? [paddedUpstream, lowerFlatSlice(context, paddedInput, shift, g[2] * width)]
          : [lowerFlatSlice(context, paddedUpstream, first * width - shift, rows * width), paddedInput],
      );
    }
  }
  const stacked = lowerProducts(context, pairs, 3);
  return lowerReshape(
    context,
    context.addNode("Transpose", [stacked], { perm: { ints: [1, 2, 0] } }),
    outputShape,
  );
}

/** One product per tap on strided slices: any number of axes, stride, dilation, groups. */
function lowerStridedProducts(
  context: LoweringContext,
  [input, upstream]: readonly string[],
  { inputShapes: [x, g], outputShape, attributes }: OperatorCall,
): string {
  const kernel = getList(attributes, "kernel");
  const { stride, dilation, before, after, groups } = getGeometry(attributes);
  const [batch, outputs, ...sizes] = g;
  const pixels = sizes.reduce((product, size) => product * size, 1);
  const padded = [...before, ...after].every((amount) => amount === 0)
    ? input
    : context.addNode("Pad", [input, addList(context, [0, 0, ...before, 0, 0, ...after])]);
  const left = lowerReshape(context, upstream, [batch, groups, outputs / groups, pixels]);
  const count = kernel.reduce((product, size) => product * size, 1);
  const pairs = Array.from({ length: count }, (_, linear): [string, string] => {
    let rest = linear;
    const start = kernel.map(() => 0);
    for (let k = kernel.length - 1; k >= 0; k--) {
      start[k] = dilation[k] * (rest % kernel[k]);
      rest = Math.floor(rest / kernel[k]);
    }
    const tap = context.addNode("Slice", [
      padded,
      addList(context, start),
      addList(
        context,
        start.map((value, k) => value + stride[k] * (sizes[k] - 1) + 1),
      ),
      addList(
        context,
        kernel.map((_, k) => k + 2),
      ),
      addList(context, stride),
    ]);
    return [left, lowerReshape(context, tap, [batch, groups, x[1] / groups, pixels])];
  });
  const stacked = lowerProducts(context, pairs, 4);
  return lowerReshape(
    context,
    context.addNode("Transpose", [stacked], { perm: { ints: [1, 2, 3, 0] } }),
    outputShape,
  );
}

/** The weight gradient as one matrix product per tap. */
export function lowerWeightGradientAsProducts(
  context: LoweringContext,
  inputs: readonly string[],
  call: OperatorCall,
): string {
  const isFlat = isPlain(getGeometry(call.attributes)) && getList(call.attributes, "kernel").length === 2;
  return isFlat ? lowerFlatProducts(context, inputs, call) : lowerStridedProducts(context, inputs, call);
}
