/**
 * Attention blocks over tensors and parameters: the attention gate of skip connections, channel attention, and
 * self-attention in windows, plain and shifted. Composed of operators of the table, for any image size.
 * Not here: the networks around them, and the creation of their parameters.
 */
import { formatShape, LearnError } from "../errors.ts";
import { createConstant, type Tensor } from "../tensor.ts";
import { softmax } from "./activation.ts";
import { add, mul, reduceMean, relu, sigmoid } from "./arithmetic.ts";
import { applyMatrix } from "./axis-matrix.ts";
import { conv2d, conv3d } from "./convolution.ts";
import { resizeLinear } from "./interpolation.ts";
import { matmul } from "./linear.ts";
import { takeRows } from "./rows.ts";
import { expand, pad, reshape, slice, transpose } from "./structure.ts";

function project(input: Tensor, weight: Tensor, bias: Tensor | undefined): Tensor {
  const options = bias === undefined ? { padding: 0 } : { bias, padding: 0 };
  return input.shape.length === 5 ? conv3d(input, weight, options) : conv2d(input, weight, options);
}

/** Parameters of {@link attentionGate}; weights are 1×1 (×1) convolutions. */
export interface AttentionGateParameters {
  /** [F, C, 1, …]: W_x. */
  readonly inputWeight: Tensor;
  /** [F, G, 1, …]: W_g. */
  readonly gateWeight: Tensor;
  /** [F]. */
  readonly gateBias: Tensor;
  /** [1, F, 1, …]: ψ. */
  readonly attentionWeight: Tensor;
  /** [1]. */
  readonly attentionBias: Tensor;
}

/**
 * Gates the features of a skip connection: α = σ(ψ(ReLU(W_x·x + W_g·g + b)) + b_ψ), output α·x.
 *
 * @param x - [N, C, …]
 * @param gate - [N, G, …] at the resolution of x or coarser by a whole factor, then enlarged linearly
 * @returns the gated features, and α [N, 1, …] between 0 and 1 to look at
 * @throws LearnError `SHAPE_MISMATCH`
 * Oktay et al. 2018, eqs 1–2; there x is reduced to the gate's resolution instead. Tested against PyTorch.
 */
export function attentionGate(
  x: Tensor,
  gate: Tensor,
  parameters: AttentionGateParameters,
): { readonly output: Tensor; readonly attention: Tensor } {
  const factor = x.shape.slice(2).map((size, k) => size / gate.shape[k + 2]);
  if (gate.shape.length !== x.shape.length || factor.some((value) => !Number.isInteger(value))) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `attentionGate: features ${formatShape(x.shape)} must be as large as the gate ${formatShape(gate.shape)} or a whole multiple`,
    );
  }
  const signal = resizeLinear(project(gate, parameters.gateWeight, parameters.gateBias), { factor });
  const joint = relu(add(project(x, parameters.inputWeight, undefined), signal));
  const attention = sigmoid(project(joint, parameters.attentionWeight, parameters.attentionBias));
  return { output: mul(x, attention), attention };
}

/** Parameters of {@link channelAttention}. */
export interface ChannelAttentionParameters {
  /** [R, C]. */
  readonly squeezeWeight: Tensor;
  /** [R]. */
  readonly squeezeBias?: Tensor;
  /** [C, R]. */
  readonly exciteWeight: Tensor;
  /** [C]. */
  readonly exciteBias?: Tensor;
}

/**
 * Weighs channels by what their means say: x·σ(W₂·ReLU(W₁·mean(x) + b₁) + b₂).
 *
 * @param x - [N, C, …]
 * @throws LearnError `SHAPE_MISMATCH`
 * Hu et al. 2018 (squeeze and excitation), eqs 2–4; Zhang et al. 2018 (RCAN), eq. 10. Tested against PyTorch.
 */
export function channelAttention(x: Tensor, parameters: ChannelAttentionParameters): Tensor {
  const { squeezeWeight, squeezeBias, exciteWeight, exciteBias } = parameters;
  const means = reduceMean(x, { axes: x.shape.slice(2).map((_, k) => k + 2) });
  const connect = (values: Tensor, weight: Tensor, bias: Tensor | undefined): Tensor => {
    const product = applyMatrix(values, weight, { axis: 1 });
    return bias === undefined ? product : add(product, bias);
  };
  const hidden = relu(connect(means, squeezeWeight, squeezeBias));
  const weights = sigmoid(connect(hidden, exciteWeight, exciteBias));
  return mul(x, reshape(weights, [...weights.shape, ...x.shape.slice(2).map(() => 1)]));
}

/** Parameters of {@link windowAttention}. */
export interface WindowAttentionParameters {
  /** [3C, C, 1, 1]: queries, keys and values, each heads × features. */
  readonly tokenWeight: Tensor;
  /** [3C]. */
  readonly tokenBias?: Tensor;
  /** [C, C, 1, 1]. */
  readonly outputWeight: Tensor;
  /** [C]. */
  readonly outputBias?: Tensor;
  /** Relative position biases, [(2·window − 1)², heads]; default none. */
  readonly positionBias?: Tensor;
}

/** Options of {@link windowAttention}. */
export interface WindowAttentionOptions {
  /** Side of a window in pixels. */
  readonly window: number;
  /** Divides C. */
  readonly heads: number;
  /** Windows start at this pixel, 0 ≤ shift < window; those cut by the border attend to what is left. Default 0. */
  readonly shift?: number;
}

/** Row of the bias table for each pair of pixels of a window: (Δrow + w − 1)·(2w − 1) + Δcolumn + w − 1. */
function listRelativePositions(window: number): number[] {
  const pixels = window * window;
  return Array.from({ length: pixels * pixels }, (_, pair) => {
    const [query, key] = [Math.floor(pair / pixels), pair % pixels];
    const down = Math.floor(query / window) - Math.floor(key / window) + window - 1;
    const across = (query % window) - (key % window) + window - 1;
    return down * (2 * window - 1) + across;
  });
}

function checkWindows(x: Tensor, { window, heads, shift = 0 }: WindowAttentionOptions): void {
  const [, channels, rows, columns] = x.shape;
  if (![window, heads].every((value) => Number.isInteger(value) && value >= 1)) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `windowAttention: window ${window} and heads ${heads} must be whole numbers from 1`,
    );
  }
  if (!(Number.isInteger(shift) && shift >= 0 && shift < window)) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `windowAttention: shift ${shift} must be a whole number from 0 and below the window ${window}`,
    );
  }
  if (x.shape.length !== 4 || rows % window !== 0 || columns % window !== 0 || channels % heads !== 0) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `windowAttention: needs [batch, channel, row, column] with rows and columns in multiples of ${window} and channels of ${heads}, got ${formatShape(x.shape)}`,
    );
  }
}

/**
 * Cuts [N, C, H, W] into windows [N, windows, heads, C/heads, w·w]. Features stand before pixels, so that rows of windows
 * move whole: the transposes that products need are part of the products in onnxruntime.
 */
function cutWindows(image: Tensor, { window, heads }: WindowAttentionOptions): Tensor {
  const [batch, channels, rows, columns] = image.shape;
  const [down, across, features] = [rows / window, columns / window, channels / heads];
  const split = reshape(image, [batch, heads, features, down, window, across, window]);
  const moved = transpose(split, [0, 3, 5, 1, 2, 4, 6]);
  return reshape(moved, [batch, down * across, heads, features, window * window]);
}

/** The last two of five axes exchanged. */
function swapMatrices(matrices: Tensor): Tensor {
  return transpose(matrices, [0, 1, 2, 4, 3]);
}

/**
 * Multi-head self-attention within windows: softmax(Q·Kᵀ/√d + B)·V, then a projection.
 *
 * @param x - [N, C, H, W], H and W multiples of the window
 * @returns [N, C, H, W]
 * @throws LearnError `SHAPE_MISMATCH`, `OUT_OF_RANGE`
 * Liu et al. 2021 (Swin), eq. 4. A shift gives what their cyclic shift with masks gives: here the image is padded and
 * padding is masked, so that one model serves any size. Tested against PyTorch, shifted too.
 */
export function windowAttention(
  x: Tensor,
  parameters: WindowAttentionParameters,
  options: WindowAttentionOptions,
): Tensor {
  checkWindows(x, options);
  const { window, heads, shift = 0 } = options;
  const [batch, channels, rows, columns] = x.shape;
  const pixels = window * window;
  const margins =
    shift === 0
      ? { before: [0, 0, 0, 0], after: [0, 0, 0, 0] }
      : { before: [0, 0, window - shift, window - shift], after: [0, 0, shift, shift] };
  const tokens = pad(project(x, parameters.tokenWeight, parameters.tokenBias), margins);
  const take = (n: number): Tensor =>
    slice(tokens, {
      starts: [0, n * channels, 0, 0],
      ends: [batch, (n + 1) * channels, ...tokens.shape.slice(2)],
    });
  const queries = mul(cutWindows(take(0), options), Math.sqrt(heads / channels));
  let logits = matmul(swapMatrices(queries), cutWindows(take(1), options));
  if (parameters.positionBias !== undefined) {
    const rowsOfBias = takeRows(parameters.positionBias, { indices: listRelativePositions(window) });
    logits = add(logits, reshape(transpose(rowsOfBias, [1, 0]), [heads, pixels, pixels]));
  }
  if (shift > 0) {
    const inside = pad(expand(createConstant(1), [1, 1, rows, columns]), margins);
    const keys = cutWindows(inside, { window, heads: 1 });
    logits = add(logits, mul(add(keys, -1), 1e9));
  }
  const mixed = matmul(cutWindows(take(2), options), swapMatrices(softmax(logits, { axis: 4 })));
  const [height, width] = tokens.shape.slice(2);
  const [down, across] = [height / window, width / window];
  const split = reshape(mixed, [batch, down, across, heads, channels / heads, window, window]);
  const joined = reshape(transpose(split, [0, 3, 4, 1, 5, 2, 6]), [batch, channels, height, width]);
  const { before } = margins;
  const cropped = slice(joined, {
    starts: before,
    ends: [batch, channels, before[2] + rows, before[3] + columns],
  });
  return project(cropped, parameters.outputWeight, parameters.outputBias);
}
