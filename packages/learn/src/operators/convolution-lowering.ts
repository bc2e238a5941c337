/**
 * How convolution gradients are written in ONNX; the rules and their definitions are in `convolution.ts`.
 *
 * The weight gradient w̄[o, i, u, v] = Σ ȳ[n, o, y, x] · X[n, i, y + u − p, x + v − p] has two lowerings, both of
 * standard operators: for onnxruntime's CPU provider one dilated convolution, elsewhere one matrix product per
 * tap. What each costs is in docs/decisions/2026-11-21-train-step.md.
 */
import type { LoweringContext, OperatorCall } from "../tensor.ts";
import { getList } from "./structure.ts";

/** Reverses two axes of the given sizes. */
export function lowerFlip(
  context: LoweringContext,
  value: string,
  axes: readonly number[],
  sizes: readonly number[],
): string {
  return context.addNode("Slice", [
    value,
    context.addConstant("int64", [2], [-1, -1]),
    context.addConstant(
      "int64",
      [2],
      sizes.map((size) => -size - 1),
    ),
    context.addConstant("int64", [2], axes),
    context.addConstant("int64", [2], [-1, -1]),
  ]);
}

/** a·bᵀ over the last two axes. */
function lowerMatmulTransposed(context: LoweringContext, a: string, b: string): string {
  return context.addNode("MatMul", [a, context.addNode("Transpose", [b], { perm: { ints: [0, 2, 1] } })]);
}

/** Pads rows and columns of [N,C,H,W] and flattens them to [N,C,·]. */
function lowerPadFlat(
  context: LoweringContext,
  value: string,
  shape: readonly number[],
  amounts: { top: number; bottom: number; left: number; right: number },
): string {
  const { top, bottom, left, right } = amounts;
  let padded = value;
  if (top + bottom + left + right > 0) {
    padded = context.addNode("Pad", [
      value,
      context.addConstant("int64", [8], [0, 0, top, left, 0, 0, bottom, right]),
    ]);
  }
  const flat = (shape[2] + top + bottom) * (shape[3] + left + right);
  return context.addNode("Reshape", [padded, context.addConstant("int64", [3], [shape[0], shape[1], flat])]);
}

function lowerFlatSlice(context: LoweringContext, value: string, start: number, length: number): string {
  const constant = (x: number): string => context.addConstant("int64", [1], [x]);
  return context.addNode("Slice", [value, constant(start), constant(start + length), constant(2)]);
}

/** [N,C,H,W] as one image of N channels with C folded into the columns: [1, N, H, W·C]. */
function lowerFoldChannels(context: LoweringContext, value: string, shape: readonly number[]): string {
  const [batch, channels, rows, columns] = shape;
  const moved =
    channels === 1 ? value : context.addNode("Transpose", [value], { perm: { ints: [0, 2, 3, 1] } });
  return context.addNode("Reshape", [
    moved,
    context.addConstant("int64", [4], [1, batch, rows, columns * channels]),
  ]);
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
  const [kernelRows, kernelColumns] = getList(attributes, "kernel");
  const padding = attributes.padding as number;
  const foldsInput = x[1] <= g[1];
  const [image, imageShape] = foldsInput ? [input, x] : [upstream, g];
  const [kernel, kernelShape] = foldsInput ? [upstream, g] : [input, x];
  const folded = imageShape[1];
  const p = foldsInput ? padding : kernelRows - 1 - padding;
  const q = (foldsInput ? padding : kernelColumns - 1 - padding) * folded;
  const product = context.addNode(
    "Conv",
    [
      lowerFoldChannels(context, image, imageShape),
      context.addNode("Transpose", [kernel], { perm: { ints: [1, 0, 2, 3] } }),
    ],
    {
      kernel_shape: { ints: kernelShape.slice(2) },
      dilations: { ints: [1, folded] },
      pads: { ints: [p, q, p, q] },
    },
  );
  const taps = context.addNode("Reshape", [
    product,
    context.addConstant("int64", [4], [kernelShape[1], kernelRows, kernelColumns, folded]),
  ]);
  if (foldsInput) return context.addNode("Transpose", [taps], { perm: { ints: [0, 3, 1, 2] } });
  // With the sides exchanged, taps come out in reverse order.
  const flipped = lowerFlip(context, taps, [1, 2], [kernelRows, kernelColumns]);
  return context.addNode("Transpose", [flipped], { perm: { ints: [3, 0, 1, 2] } });
}

/**
 * The weight gradient as one matrix product per tap: rows of both sides are padded to a common width once and
 * flattened, so that a tap is one contiguous slice; the side with fewer channels is sliced.
 */
export function lowerWeightGradientAsProducts(
  context: LoweringContext,
  [input, upstream]: readonly string[],
  { inputShapes: [x, g], outputShape, attributes }: OperatorCall,
): string {
  const [kernelRows, kernelColumns] = getList(attributes, "kernel");
  const padding = attributes.padding as number;
  const width = x[3] + 2 * padding;
  const taps: string[] = [];
  const sliceInput = x[1] <= g[1];
  // One side is shifted by a contiguous slice per tap: the one with fewer channels.
  const paddedInput = lowerPadFlat(context, input, x, {
    top: padding,
    bottom: padding + (sliceInput && kernelColumns > 1 ? 1 : 0),
    left: padding,
    right: padding,
  });
  const paddedUpstream = lowerPadFlat(context, upstream, g, {
    top: sliceInput ? 0 : kernelRows - (kernelColumns > 1 ? 0 : 1),
    bottom: sliceInput ? 0 : kernelRows - 1,
    left: 0,
    right: kernelColumns - 1,
  });
  const origin = (kernelRows - (kernelColumns > 1 ? 0 : 1)) * width;
  for (let u = 0; u < kernelRows; u++) {
    for (let v = 0; v < kernelColumns; v++) {
      const shift = u * width + v;
      const product = sliceInput
        ? lowerMatmulTransposed(
            context,
            paddedUpstream,
            lowerFlatSlice(context, paddedInput, shift, g[2] * width),
          )
        : lowerMatmulTransposed(
            context,
            lowerFlatSlice(context, paddedUpstream, origin - shift, (x[2] + 2 * padding) * width),
            paddedInput,
          );
      taps.push(
        context.addNode("ReduceSum", [product, context.addConstant("int64", [1], [0])], {
          keepdims: { int: 1 },
        }),
      );
    }
  }
  const stacked = taps.length === 1 ? taps[0] : context.addNode("Concat", taps, { axis: { int: 0 } });
  const moved = context.addNode("Transpose", [stacked], { perm: { ints: [1, 2, 0] } });
  return context.addNode("Reshape", [moved, context.addConstant("int64", [4], outputShape)]);
}
