/**
 * Convolution and transposed convolution as networks call them, in two and three spatial axes, with PyTorch's meaning
 * of every option. The operators and their derivatives are in `convolution-operators.ts`.
 */
import { formatShape, LearnError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { add } from "./arithmetic.ts";
import { type ConvolutionGeometry, checkRank } from "./convolution-geometry.ts";
import { computeInputGradient, convolve } from "./convolution-operators.ts";
import { padReflect } from "./reflection.ts";
import { padReplicate } from "./replication.ts";
import { pad, reshape, slice } from "./structure.ts";

/** Pixels around the input: one number for all sides, one per axis, or one per axis and side. */
export type ConvolutionPadding =
  | number
  | readonly number[]
  | { readonly before: readonly number[]; readonly after: readonly number[] };

/** Options of {@link conv2d} and {@link conv3d}. */
export interface ConvolutionOptions {
  /** [O], added to every pixel of a channel; default none. */
  readonly bias?: Tensor;
  /** Default ⌊(kernel − 1)/2⌋·dilation, which keeps the size for odd kernels and stride 1. */
  readonly padding?: ConvolutionPadding;
  /** What stands in the padding; default "zero". "reflect" mirrors about the border pixels, "replicate" repeats them. */
  readonly paddingMode?: "zero" | "reflect" | "replicate";
  /** Pixels from one output to the next, for all axes or per axis; default 1. */
  readonly stride?: number | readonly number[];
  /** Pixels from one tap to the next, for all axes or per axis; default 1. */
  readonly dilation?: number | readonly number[];
  /** Channels are split into so many groups that do not see each other; default 1. */
  readonly groups?: number;
}

/** Options of {@link convTranspose2d} and {@link convTranspose3d}; PyTorch's meaning. */
export interface ConvTransposeOptions {
  /** [O]; default none. */
  readonly bias?: Tensor;
  /** Pixels from one input to the next in the output; default 1. */
  readonly stride?: number | readonly number[];
  /** Pixels cut from each side of the output; default 0. */
  readonly padding?: number | readonly number[];
  /** Pixels more at the end of each axis; default 0, must be below the stride or the dilation. */
  readonly outputPadding?: number | readonly number[];
  readonly dilation?: number | readonly number[];
  readonly groups?: number;
}

/** One entry per spatial axis. */
function toList(
  value: number | readonly number[] | undefined,
  kernel: readonly number[],
  fallback: number,
  what: string,
): readonly number[] {
  if (typeof value !== "object") return kernel.map(() => value ?? fallback);
  if (value.length === kernel.length) return value;
  throw new LearnError(
    "SHAPE_MISMATCH",
    `${what} ${formatShape(value)} must have one entry per axis of kernel ${formatShape(kernel)}`,
  );
}

/** Pads spatial axes with border pixels. */
function padBorder(
  input: Tensor,
  mode: "reflect" | "replicate",
  { before, after }: ConvolutionGeometry,
): Tensor {
  const amount = Math.max(...before, ...after);
  if (amount === 0) return input;
  const padded = mode === "reflect" ? padReflect(input, { amount }) : padReplicate(input, { amount });
  return slice(padded, {
    starts: padded.shape.map((_, axis) => (axis < 2 ? 0 : amount - before[axis - 2])),
    ends: padded.shape.map((size, axis) => (axis < 2 ? size : size - amount + after[axis - 2])),
  });
}

function convolveWithOptions(
  input: Tensor,
  weight: Tensor,
  axes: 2 | 3,
  options: ConvolutionOptions,
): Tensor {
  const { bias, padding, paddingMode = "zero", groups = 1 } = options;
  const name = `conv${axes}d`;
  checkRank(weight.shape, axes, `${name}: weight`);
  const kernel = weight.shape.slice(2);
  const dilation = toList(options.dilation, kernel, 1, `${name}: dilation`);
  const same = kernel.map((size, k) => Math.floor((size - 1) / 2) * dilation[k]);
  const sides =
    typeof padding === "object" && "before" in padding
      ? padding
      : {
          before: padding === undefined ? same : toList(padding, kernel, 0, `${name}: padding`),
          after: undefined,
        };
  const { before, after = before } = sides;
  const geometry = {
    stride: toList(options.stride, kernel, 1, `${name}: stride`),
    dilation,
    before,
    after,
    groups,
  };
  const operands = bias === undefined ? [weight] : [weight, bias];
  if (paddingMode === "zero") return convolve([input, ...operands], geometry);
  checkRank(input.shape, axes, `${name}: input`);
  const none = dilation.map(() => 0);
  return convolve([padBorder(input, paddingMode, geometry), ...operands], {
    ...geometry,
    before: none,
    after: none,
  });
}

/**
 * Two-dimensional convolution (correlation): y[n, o, r] = b[o] + Σ x[n, i, stride·r + dilation·u − padding]·w[o, i, u].
 *
 * @param input - [N, I, rows, columns]
 * @param weight - [O, I/groups, rows, columns]
 * @returns [N, O, …], ⌊(size + padding − dilation·(kernel − 1) − 1)/stride⌋ + 1 along each axis
 * @throws LearnError `SHAPE_MISMATCH` with both shapes, `OUT_OF_RANGE`
 * Meaning of every option: PyTorch `conv2d`. Tested against PyTorch and by finite differences.
 */
export function conv2d(input: Tensor, weight: Tensor, options: ConvolutionOptions = {}): Tensor {
  return convolveWithOptions(input, weight, 2, options);
}

/** {@link conv2d} with [N, I, slices, rows, columns] and [O, I/groups, slices, rows, columns]. */
export function conv3d(input: Tensor, weight: Tensor, options: ConvolutionOptions = {}): Tensor {
  return convolveWithOptions(input, weight, 3, options);
}

function convolveTransposed(
  input: Tensor,
  weight: Tensor,
  axes: 2 | 3,
  options: ConvTransposeOptions,
): Tensor {
  const name = `convTranspose${axes}d`;
  checkRank(input.shape, axes, `${name}: input`);
  checkRank(weight.shape, axes, `${name}: weight`);
  const kernel = weight.shape.slice(2);
  const { groups = 1, bias } = options;
  if (input.shape[1] !== weight.shape[0]) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `${name}: input ${formatShape(input.shape)} has ${input.shape[1]} channels but weight ${formatShape(weight.shape)} expects ${weight.shape[0]}`,
    );
  }
  const before = toList(options.padding, kernel, 0, `${name}: padding`);
  const extra = toList(options.outputPadding, kernel, 0, `${name}: output padding`);
  const stride = toList(options.stride, kernel, 1, `${name}: stride`);
  const dilation = toList(options.dilation, kernel, 1, `${name}: dilation`);
  if (extra.some((amount, k) => !(amount >= 0 && amount < Math.max(stride[k], dilation[k])))) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `${name}: output padding ${formatShape(extra)} must be from 0 to below stride ${formatShape(stride)} or dilation ${formatShape(dilation)}`,
    );
  }
  // The adjoint leaves fewer pixels over than its stride; what is asked beyond is cut less, or zeros.
  const outputPadding = extra.map((amount, k) => Math.min(amount, stride[k] - 1));
  const uncut = extra.map((amount, k) => Math.min(amount - outputPadding[k], before[k]));
  const geometry = { stride, dilation, before, after: before.map((cut, k) => cut - uncut[k]), groups };
  const full = computeInputGradient(input, weight, geometry, outputPadding);
  const output = pad(full, {
    before: full.shape.map(() => 0),
    after: full.shape.map((_, axis) =>
      axis < 2 ? 0 : extra[axis - 2] - outputPadding[axis - 2] - uncut[axis - 2],
    ),
  });
  if (bias === undefined) return output;
  const channels = output.shape[1];
  if (bias.shape.length !== 1 || bias.shape[0] !== channels) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `${name}: bias ${formatShape(bias.shape)} must be [${channels}] for weight ${formatShape(weight.shape)}`,
    );
  }
  return add(output, reshape(bias, [channels, ...stride.map(() => 1)]));
}

/**
 * Transposed two-dimensional convolution: the adjoint of {@link conv2d} in its input, plus a bias.
 *
 * @param input - [N, I, rows, columns]
 * @param weight - [I, O/groups, rows, columns]
 * @returns [N, O, …], (size − 1)·stride − 2·padding + dilation·(kernel − 1) + outputPadding + 1 along each axis
 * @throws LearnError `SHAPE_MISMATCH` with both shapes, `OUT_OF_RANGE`
 * Meaning of every option: PyTorch `conv_transpose2d`. Tested against PyTorch and by finite differences.
 */
export function convTranspose2d(input: Tensor, weight: Tensor, options: ConvTransposeOptions = {}): Tensor {
  return convolveTransposed(input, weight, 2, options);
}

/** {@link convTranspose2d} with [N, I, slices, rows, columns] and [I, O/groups, slices, rows, columns]. */
export function convTranspose3d(input: Tensor, weight: Tensor, options: ConvTransposeOptions = {}): Tensor {
  return convolveTransposed(input, weight, 3, options);
}
