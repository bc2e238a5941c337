/**
 * Sizes of a convolution in any number of spatial axes: how kernel, stride, dilation, padding and groups tie the
 * shapes of x [N, I, …], w [O, I/groups, …] and y [N, O, …] together. The operators are in
 * `convolution-operators.ts`; nothing here computes values.
 */
import { formatShape, LearnError } from "../errors.ts";
import type { Attributes } from "../tensor.ts";

/** What a convolution is beside its operands; lists have one entry per spatial axis. */
export interface ConvolutionGeometry {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** Zeros before the first pixel of each axis. */
  readonly before: readonly number[];
  /** Zeros after the last pixel of each axis. */
  readonly after: readonly number[];
  readonly groups: number;
}

/** Attributes of an operator call from a geometry. */
export function toAttributes(geometry: ConvolutionGeometry): Attributes {
  const { stride, dilation, before, after, groups } = geometry;
  return { stride, dilation, before, after, groups };
}

/** The geometry of an operator call. */
export function getGeometry(attributes: Attributes): ConvolutionGeometry {
  const list = (name: string): readonly number[] => attributes[name] as readonly number[];
  return {
    stride: list("stride"),
    dilation: list("dilation"),
    before: list("before"),
    after: list("after"),
    groups: attributes.groups as number,
  };
}

/** Pixels from the first to the last tap of each axis: dilation·(kernel − 1). */
export function computeReach(kernel: readonly number[], { dilation }: ConvolutionGeometry): number[] {
  return kernel.map((size, axis) => dilation[axis] * (size - 1));
}

/** Output sizes: ⌊(size + before + after − reach − 1)/stride⌋ + 1, below 1 where the input is too small. */
export function computeOutputSizes(
  sizes: readonly number[],
  kernel: readonly number[],
  geometry: ConvolutionGeometry,
): number[] {
  const { stride, before, after } = geometry;
  const reach = computeReach(kernel, geometry);
  return sizes.map((size, k) => Math.floor((size + before[k] + after[k] - reach[k] - 1) / stride[k]) + 1);
}

/** Input pixels beyond those that `computeInputSizes` gives without output padding. */
export function computeOutputPadding(
  sizes: readonly number[],
  kernel: readonly number[],
  geometry: ConvolutionGeometry,
): number[] {
  const { stride, before, after } = geometry;
  const reach = computeReach(kernel, geometry);
  return sizes.map((size, k) => (size + before[k] + after[k] - reach[k] - 1) % stride[k]);
}

/** Sizes of the input of which a convolution makes `sizes`: (size − 1)·stride + reach + 1 − padding + extra. */
export function computeInputSizes(
  sizes: readonly number[],
  kernel: readonly number[],
  geometry: ConvolutionGeometry,
  outputPadding: readonly number[],
): number[] {
  const { stride, before, after } = geometry;
  const reach = computeReach(kernel, geometry);
  return sizes.map(
    (size, k) => (size - 1) * stride[k] + reach[k] + 1 - before[k] - after[k] + outputPadding[k],
  );
}

/** Throws unless the shape is [batch, channel, …] with as many spatial axes as the geometry has. */
export function checkRank(shape: readonly number[], axes: number, what: string): void {
  if (shape.length === axes + 2) return;
  const wanted =
    axes === 2
      ? "[batch, channel, row, column]"
      : axes === 3
        ? "[batch, channel, slice, row, column]"
        : `[batch, channel] and ${axes} spatial axes`;
  throw new LearnError("SHAPE_MISMATCH", `${what} must be ${wanted}, got ${formatShape(shape)}`);
}

/** Throws unless every number of the geometry is in its range for the kernel. */
export function checkGeometry(kernel: readonly number[], geometry: ConvolutionGeometry, name: string): void {
  const { stride, dilation, before, after, groups } = geometry;
  const isCount = (value: number): boolean => Number.isInteger(value) && value >= 1;
  const lists = { stride, dilation, "padding before": before, "padding after": after };
  for (const [what, list] of Object.entries(lists)) {
    if (list.length !== kernel.length) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `${name}: ${what} ${formatShape(list)} must have one entry per axis of kernel ${formatShape(kernel)}`,
      );
    }
  }
  if (![...stride, ...dilation, groups].every(isCount)) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `${name}: stride ${formatShape(stride)}, dilation ${formatShape(dilation)} and groups ${groups} must be whole numbers from 1`,
    );
  }
  const reach = computeReach(kernel, geometry);
  const fits = (list: readonly number[]): boolean =>
    list.every((amount, k) => Number.isInteger(amount) && amount >= 0 && amount <= reach[k]);
  if (!fits(before) || !fits(after)) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `${name}: padding ${formatShape(before)} before and ${formatShape(after)} after must be whole numbers from 0 to dilation·(kernel size − 1) = ${formatShape(reach)} for kernel ${formatShape(kernel)}`,
    );
  }
}

/** Throws unless weight [O, I/groups, …] can be applied to as many input channels. */
export function checkChannels(
  channels: number,
  weight: readonly number[],
  groups: number,
  describe: () => string,
): void {
  if (channels !== weight[1] * groups || weight[0] % groups !== 0) {
    const grouped = groups === 1 ? "" : `; both channel counts must be multiples of ${groups} groups`;
    throw new LearnError("SHAPE_MISMATCH", `${describe()}${grouped}`);
  }
}
