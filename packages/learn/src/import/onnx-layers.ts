/**
 * Importers of ONNX layers: convolutions, pooling, normalisation. Meaning: the ONNX operator reference, opsets 7 to 17.
 * Weights may be constants or computed values. Not here: resizing (onnx-resize.ts).
 */
import { formatShape } from "../errors.ts";
import { add, div, mul, reduceMean, sqrt, square, sub } from "../operators/arithmetic.ts";
import { conv2d, conv3d, convTranspose2d, convTranspose3d } from "../operators/convolution.ts";
import { reduceMax } from "../operators/extrema.ts";
import { maxPool } from "../operators/pooling.ts";
import { reshape } from "../operators/structure.ts";
import { countElements, createConstant, type Tensor } from "../tensor.ts";
import type { ImportCall, Importer } from "./onnx-call.ts";
import { frameConstant } from "./onnx-structure.ts";

/** The window of a convolution or pooling; lists have one entry per spatial axis. */
interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** Below every value that float32 data take in practice; −∞ would make NaN in derivatives. */
const LOWEST = -3.4028234663852886e38;

function isAll(values: readonly number[], value: number): boolean {
  return values.every((entry) => entry === value);
}

function readAxes(call: ImportCall, shape: readonly number[]): 2 | 3 {
  const axes = shape.length - 2;
  if (axes !== 2 && axes !== 3) {
    call.fail(`input ${formatShape(shape)} has ${axes} spatial axes; two and three are read`);
  }
  return axes;
}

function readWindow(call: ImportCall, sizes: readonly number[], kernel: readonly number[]): Window {
  const axes = sizes.length;
  const read = (name: string, fallback: number): readonly number[] => {
    const list = call.list(name, call.ints(name) ?? kernel.map(() => fallback), axes);
    if (list.some((value) => !(value >= 1))) call.fail(`${name} ${formatShape(list)}`);
    return list;
  };
  call.list("kernel", kernel, axes);
  const stride = read("strides", 1);
  const dilation = read("dilations", 1);
  const automatic = call.text("auto_pad", "NOTSET");
  if (automatic === "VALID") {
    return { kernel, stride, dilation, before: kernel.map(() => 0), after: kernel.map(() => 0) };
  }
  if (automatic === "SAME_UPPER" || automatic === "SAME_LOWER") {
    const total = sizes.map((size, k) =>
      Math.max(0, (Math.ceil(size / stride[k]) - 1) * stride[k] + dilation[k] * (kernel[k] - 1) + 1 - size),
    );
    const less = total.map((amount) => Math.floor(amount / 2));
    const more = total.map((amount, k) => amount - less[k]);
    const isUpper = automatic === "SAME_UPPER";
    return { kernel, stride, dilation, before: isUpper ? less : more, after: isUpper ? more : less };
  }
  if (automatic !== "NOTSET") call.fail(`auto_pad "${automatic}"`);
  const pads = call.list("pads", call.ints("pads") ?? new Array<number>(2 * axes).fill(0), 2 * axes);
  if (pads.some((amount) => amount < 0)) call.fail(`negative pads ${formatShape(pads)}`);
  return { kernel, stride, dilation, before: pads.slice(0, axes), after: pads.slice(axes) };
}

function frameSpatial(x: Tensor, before: readonly number[], after: readonly number[], value: number): Tensor {
  if (isAll([...before, ...after], 0)) return x;
  return frameConstant(x, [0, 0, ...before], [0, 0, ...after], value);
}

const importConv: Importer = (call) => {
  const x = call.tensor(0);
  const weight = call.tensor(1);
  const axes = readAxes(call, x.shape);
  const window = readWindow(call, x.shape.slice(2), weight.shape.slice(2));
  const { stride, dilation, before, after, kernel } = window;
  const fits = [before, after].every((amounts) =>
    amounts.every((amount, k) => amount <= dilation[k] * (kernel[k] - 1)),
  );
  const options = {
    stride,
    dilation,
    groups: call.int("group", 1),
    ...(call.has(2) ? { bias: call.tensor(2) } : {}),
  };
  const convolve = axes === 2 ? conv2d : conv3d;
  if (fits) return convolve(x, weight, { ...options, padding: { before, after } });
  return convolve(frameSpatial(x, before, after, 0), weight, { ...options, padding: 0 });
};

const importConvTranspose: Importer = (call) => {
  const x = call.tensor(0);
  const weight = call.tensor(1);
  const axes = readAxes(call, x.shape);
  if (call.ints("output_shape") !== undefined || call.text("auto_pad", "NOTSET") !== "NOTSET") {
    call.fail("output_shape and auto_pad are not read; export with explicit pads");
  }
  const { stride, dilation, before, after } = readWindow(call, x.shape.slice(2), weight.shape.slice(2));
  const outputPadding = call.ints("output_padding") ?? before.map(() => 0);
  const convolve = axes === 2 ? convTranspose2d : convTranspose3d;
  const full = convolve(x, weight, { stride, dilation, groups: call.int("group", 1) });
  // Pads cut the full output; output padding leaves more at the end, beyond it zeros.
  const cut = frameConstant(
    full,
    [0, 0, ...before.map((amount) => -amount)],
    [0, 0, ...after.map((amount, k) => outputPadding[k] - amount)],
    0,
  );
  if (!call.has(2)) return cut;
  const bias = call.tensor(2);
  return add(cut, reshape(bias, [bias.shape[0], ...stride.map(() => 1)]));
};

/** Pixels added at the end so that the last window is whole (`ceil_mode`). */
function readCeiling(call: ImportCall, sizes: readonly number[], window: Window): number[] {
  const { kernel, stride, dilation, before, after } = window;
  if (call.int("ceil_mode", 0) === 0) return sizes.map(() => 0);
  return sizes.map((size, k) => {
    const room = size + before[k] + after[k] - dilation[k] * (kernel[k] - 1) - 1;
    let count = Math.ceil(room / stride[k]) + 1;
    // A window must not start in the padding at the end.
    if ((count - 1) * stride[k] >= size + before[k]) count--;
    return Math.max(0, (count - 1) * stride[k] - room);
  });
}

const importMaxPool: Importer = (call) => {
  const x = call.tensor(0);
  const axes = readAxes(call, x.shape);
  if (call.node.outputs.length > 1) call.fail("its second output (indices) is not read");
  const sizes = x.shape.slice(2);
  const window = readWindow(call, sizes, call.ints("kernel_shape") ?? call.fail("it has no kernel_shape"));
  if (!isAll(window.dilation, 1)) call.fail(`dilations ${formatShape(window.dilation)}`);
  const extra = readCeiling(call, sizes, window);
  const after = window.after.map((amount, k) => amount + extra[k]);
  const framed = frameSpatial(x, window.before, after, LOWEST);
  call.list("kernel_shape", window.kernel, axes);
  return maxPool(framed, { size: window.kernel, stride: window.stride });
};

/** How many pixels of the image each window holds. */
function countPixels(sizes: readonly number[], outputs: readonly number[], window: Window): number[] {
  let counts = [1];
  sizes.forEach((size, axis) => {
    const along = Array.from({ length: outputs[axis] }, (_, position) => {
      const start = position * window.stride[axis] - window.before[axis];
      return Math.min(start + window.kernel[axis], size) - Math.max(start, 0);
    });
    counts = counts.flatMap((count) => along.map((length) => count * length));
  });
  return counts;
}

const importAveragePool: Importer = (call) => {
  const x = call.tensor(0);
  const axes = readAxes(call, x.shape);
  const sizes = x.shape.slice(2);
  const kernel = call.ints("kernel_shape") ?? call.fail("it has no kernel_shape");
  const window = readWindow(call, sizes, kernel);
  if (!isAll(window.dilation, 1)) call.fail(`dilations ${formatShape(window.dilation)}`);
  if (call.int("ceil_mode", 0) !== 0) call.fail("ceil_mode");
  const channels = x.shape[1];
  call.checkSize([channels, ...kernel]);
  const taps = countElements(kernel);
  const ones = new Float64Array(channels * taps).fill(1 / taps);
  const mean = (axes === 2 ? conv2d : conv3d)(
    frameSpatial(x, window.before, window.after, 0),
    createConstant(ones, [channels, 1, ...kernel]),
    { stride: window.stride, padding: 0, groups: channels },
  );
  const hasPadding = !isAll([...window.before, ...window.after], 0);
  if (!hasPadding || call.int("count_include_pad", 0) !== 0) return mean;
  const outputs = mean.shape.slice(2);
  const factors = countPixels(sizes, outputs, window).map((count) => taps / count);
  return mul(mean, createConstant(factors, outputs));
};

function poolGlobally(
  reduce: (x: Tensor, options: { axes: readonly number[]; keepDims: boolean }) => Tensor,
): Importer {
  return (call) => {
    const x = call.tensor(0);
    return reduce(x, { axes: x.shape.map((_, k) => k).slice(2), keepDims: true });
  };
}

/** Puts [C] beside the spatial axes of [N, C, …]. */
function alignChannels(values: Tensor, rank: number): Tensor {
  return reshape(values, [countElements(values.shape), ...new Array<number>(rank - 2).fill(1)]);
}

const importBatchNormalization: Importer = (call) => {
  if (call.int("training_mode", 0) !== 0) call.fail("training_mode; export the model for inference");
  const x = call.tensor(0);
  const epsilon = call.float("epsilon", 1e-5);
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((k) => call.known(k).values);
  const factor = scale.map((value, k) => value / Math.sqrt(variance[k] + epsilon));
  const offset = bias.map((value, k) => value - mean[k] * factor[k]);
  const align = (values: Float64Array): Tensor =>
    alignChannels(createConstant(values, [values.length]), x.shape.length);
  return add(mul(x, align(factor)), align(offset));
};

function normalise(x: Tensor, axes: readonly number[], epsilon: number): Tensor {
  const centred = sub(x, reduceMean(x, { axes, keepDims: true }));
  const variance = reduceMean(square(centred), { axes, keepDims: true });
  return div(centred, sqrt(add(variance, epsilon)));
}

const importInstanceNormalization: Importer = (call) => {
  const x = call.tensor(0);
  const rank = x.shape.length;
  const axes = x.shape.map((_, k) => k).slice(2);
  const scaled = mul(normalise(x, axes, call.float("epsilon", 1e-5)), alignChannels(call.tensor(1), rank));
  return add(scaled, alignChannels(call.tensor(2), rank));
};

const importLayerNormalization: Importer = (call) => {
  const x = call.tensor(0);
  const rank = x.shape.length;
  const axes = x.shape.map((_, k) => k).slice(call.axis(call.int("axis", -1), rank));
  const scaled = mul(normalise(x, axes, call.float("epsilon", 1e-5)), call.tensor(1));
  return call.has(2) ? add(scaled, call.tensor(2)) : scaled;
};

/** Importers of layers. */
export const layerImporters: Readonly<Record<string, Importer>> = {
  Conv: importConv,
  ConvTranspose: importConvTranspose,
  MaxPool: importMaxPool,
  AveragePool: importAveragePool,
  GlobalAveragePool: poolGlobally(reduceMean),
  GlobalMaxPool: poolGlobally(reduceMax),
  BatchNormalization: importBatchNormalization,
  InstanceNormalization: importInstanceNormalization,
  LayerNormalization: importLayerNormalization,
};
