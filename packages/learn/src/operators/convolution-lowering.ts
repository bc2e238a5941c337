/**
 * How convolution and its input gradient are written in ONNX; the operators and their definition are in
 * `convolution-operators.ts`, the weight gradient in `convolution-weight-lowering.ts`.
 *
 * The input gradient of a stride-1 convolution is a convolution with flipped, channel-transposed weights, which is
 * twice as fast as `ConvTranspose` on onnxruntime's CPU provider. With a stride it is `ConvTranspose`, but in three
 * dimensions of the standard dialect, where GPU providers lack it: there zeros are put between the pixels first.
 */
import type { LoweringContext, OperatorCall } from "../tensor.ts";
import { type ConvolutionGeometry, computeReach, getGeometry } from "./convolution-geometry.ts";
import { getList } from "./structure.ts";

/** An int64 vector. */
export function addList(context: LoweringContext, values: readonly number[]): string {
  return context.addConstant("int64", [values.length], values);
}

/** Reverses axes. */
export function lowerFlip(context: LoweringContext, value: string, axes: readonly number[]): string {
  const repeat = (x: number): string =>
    addList(
      context,
      axes.map(() => x),
    );
  // ONNX: a start of −1 is the last element; an end far below zero is "before the first".
  return context.addNode("Slice", [
    value,
    repeat(-1),
    repeat(-(2 ** 31)),
    addList(context, axes),
    repeat(-1),
  ]);
}

/** Reshapes to constant sizes. */
export function lowerReshape(context: LoweringContext, value: string, shape: readonly number[]): string {
  return context.addNode("Reshape", [value, addList(context, shape)]);
}

/** Writes `Conv` with the attributes of a geometry; `weight` is the shape [O, I/groups, …] of its weights. */
export function lowerConv(
  context: LoweringContext,
  inputs: readonly string[],
  weight: readonly number[],
  geometry: ConvolutionGeometry,
): string {
  const { stride, dilation, before, after, groups } = geometry;
  const [outputs, inputsPerGroup, ...kernel] = weight;
  // onnxruntime's WebGPU provider has no groups in three dimensions.
  if (groups > 1 && kernel.length === 3 && context.dialect === "standard") {
    const cut = (value: string, axis: number, start: number, length: number): string =>
      context.addNode("Slice", [
        value,
        addList(context, [start]),
        addList(context, [start + length]),
        addList(context, [axis]),
      ]);
    const made = outputs / groups;
    const [input, ...operands] = inputs;
    const parts = Array.from({ length: groups }, (_, k) =>
      lowerConv(
        context,
        [
          cut(input, 1, k * inputsPerGroup, inputsPerGroup),
          ...operands.map((value) => cut(value, 0, k * made, made)),
        ],
        [made, inputsPerGroup, ...kernel],
        { ...geometry, groups: 1 },
      ),
    );
    return context.addNode("Concat", parts, { axis: { int: 1 } });
  }
  return context.addNode("Conv", inputs, {
    kernel_shape: { ints: kernel },
    pads: { ints: [...before, ...after] },
    ...(stride.some((step) => step !== 1) ? { strides: { ints: stride } } : {}),
    ...(dilation.some((step) => step !== 1) ? { dilations: { ints: dilation } } : {}),
    ...(groups === 1 ? {} : { group: { int: groups } }),
  });
}

/** [O, I/groups, …] as the weights of the adjoint convolution: [I, O/groups, …], taps reversed. */
function lowerAdjointWeights(
  context: LoweringContext,
  weight: string,
  shape: readonly number[],
  groups: number,
): string {
  const [outputs, inputsPerGroup, ...kernel] = shape;
  const taps = kernel.map((_, k) => k + 2);
  let swapped: string;
  if (groups === 1) {
    swapped = context.addNode("Transpose", [weight], { perm: { ints: [1, 0, ...taps] } });
  } else {
    const split = lowerReshape(context, weight, [groups, outputs / groups, inputsPerGroup, ...kernel]);
    const moved = context.addNode("Transpose", [split], {
      perm: { ints: [0, 2, 1, ...taps.map((axis) => axis + 1)] },
    });
    swapped = lowerReshape(context, moved, [groups * inputsPerGroup, outputs / groups, ...kernel]);
  }
  const long = taps.filter((_, k) => kernel[k] > 1);
  return long.length === 0 ? swapped : lowerFlip(context, swapped, long);
}

/** Shape of the weights of the adjoint convolution. */
function getAdjointShape([outputs, inputsPerGroup, ...kernel]: readonly number[], groups: number): number[] {
  return [inputsPerGroup * groups, outputs / groups, ...kernel];
}

/** Puts stride − 1 zeros after every pixel of every spatial axis: [N, C, size·stride …]. Holds no sizes. */
function lowerZeroInsertion(context: LoweringContext, value: string, stride: readonly number[]): string {
  const rank = stride.length + 2;
  // The last axis is spread, then the axes are turned so that the next one is last.
  const turn = [0, 1, rank - 1, ...stride.slice(1).map((_, k) => k + 2)];
  let current = value;
  for (const step of [...stride].reverse()) {
    if (step > 1) {
      const column = context.addNode("Unsqueeze", [current, addList(context, [rank])]);
      const none = new Array<number>(rank).fill(0);
      const spread = context.addNode("Pad", [column, addList(context, [...none, 0, ...none, step - 1])]);
      current = lowerReshape(context, spread, [...none.slice(1), -1]);
    }
    current = context.addNode("Transpose", [current], { perm: { ints: turn } });
  }
  return current;
}

/** The adjoint of a strided convolution as zero insertion and a stride-1 convolution. */
function lowerInputGradientByInsertion(
  context: LoweringContext,
  [upstream, weight]: readonly string[],
  { inputShapes: [, shape], attributes }: OperatorCall,
): string {
  const geometry = getGeometry(attributes);
  const { stride, dilation, before, after, groups } = geometry;
  const reach = computeReach(shape.slice(2), geometry);
  const extra = getList(attributes, "outputPadding");
  let spread = lowerZeroInsertion(context, upstream, stride);
  const trailing = reach.map((length, k) => length - after[k] + extra[k] - (stride[k] - 1));
  const cut = trailing.map((_, k) => k).filter((k) => trailing[k] < 0);
  if (cut.length > 0) {
    spread = context.addNode("Slice", [
      spread,
      addList(
        context,
        cut.map(() => 0),
      ),
      addList(
        context,
        cut.map((k) => trailing[k]),
      ),
      addList(
        context,
        cut.map((k) => k + 2),
      ),
    ]);
  }
  const adjoint = lowerAdjointWeights(context, weight, shape, groups);
  return lowerConv(context, [spread, adjoint], getAdjointShape(shape, groups), {
    stride: stride.map(() => 1),
    dilation,
    before: reach.map((length, k) => length - before[k]),
    after: trailing.map((amount) => Math.max(amount, 0)),
    groups,
  });
}

/** Writes the adjoint of a convolution in its input. */
export function lowerInputGradient(
  context: LoweringContext,
  inputs: readonly string[],
  call: OperatorCall,
): string {
  const [upstream, weight] = inputs;
  const shape = call.inputShapes[1];
  const kernel = shape.slice(2);
  const geometry = getGeometry(call.attributes);
  const { stride, dilation, before, after, groups } = geometry;
  if (stride.every((step) => step === 1)) {
    const reach = computeReach(kernel, geometry);
    const adjoint = lowerAdjointWeights(context, weight, shape, groups);
    return lowerConv(context, [upstream, adjoint], getAdjointShape(shape, groups), {
      stride,
      dilation,
      before: reach.map((length, k) => length - before[k]),
      after: reach.map((length, k) => length - after[k]),
      groups,
    });
  }
  if (context.dialect === "standard" && kernel.length > 2) {
    return lowerInputGradientByInsertion(context, inputs, call);
  }
  return context.addNode("ConvTranspose", [upstream, weight], {
    kernel_shape: { ints: kernel },
    pads: { ints: [...before, ...after] },
    strides: { ints: stride },
    dilations: { ints: dilation },
    output_padding: { ints: getList(call.attributes, "outputPadding") },
    group: { int: groups },
  });
}
