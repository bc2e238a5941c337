/**
 * Normalisation layers: y = (x − mean)/√(variance + ε), then scale and bias. Instance, layer and group normalisation
 * stand on two operators, the normalised values and the reciprocal deviation, so that the gradient is
 *   x̄ = (ȳ − M(ȳ) − y·M(ȳ·y))/√(variance + ε),
 * M the mean over the same elements (Ioffe & Szegedy 2015, §3, solved for x̄). Variances are biased, as in training
 * everywhere. Batch normalisation takes its statistics as tensors: from `computeChannelMoments` or running ones.
 */
import { formatShape, LearnError } from "../errors.ts";
import {
  type Attributes,
  applyOperator,
  countElements,
  type LoweringContext,
  type Operator,
  type OperatorCall,
  type Tensor,
} from "../tensor.ts";
import { add, div, mul, reduceMean, sqrt, square, sub } from "./arithmetic.ts";
import { expand, forEachReduced, getKeptShape, getList, inferReducedShape, reshape } from "./structure.ts";

/** Groups of channels that share statistics; 0 where channels are not grouped. */
function getGroups(attributes: Attributes): number {
  return (attributes.groups as number | undefined) ?? 0;
}

/** Shape of the statistics, and the shape in which they are plain means: channels split into groups. */
function planMeans(
  shape: readonly number[],
  attributes: Attributes,
): { readonly split: readonly number[]; readonly axes: readonly number[] } {
  const groups = getGroups(attributes);
  const axes = getList(attributes, "axes");
  if (groups === 0) return { split: shape, axes };
  const split = [shape[0], groups, shape[1] / groups, ...shape.slice(2)];
  return { split, axes: [2, ...axes.map((axis) => axis + 1)] };
}

function checkNormalised(input: readonly number[], attributes: Attributes, name: string): void {
  inferReducedShape(input, attributes, name);
  const groups = getGroups(attributes);
  if (groups !== 0 && (input.length < 2 || input[1] % groups !== 0)) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `${name}: the channels of ${formatShape(input)} cannot be split into ${groups} equal groups`,
    );
  }
  if (!((attributes.epsilon as number) >= 0)) {
    throw new LearnError("OUT_OF_RANGE", `${name}: epsilon ${attributes.epsilon} must not be negative`);
  }
}

/** Means over the elements that share statistics, broadcastable to the input. */
function averageShared(values: Tensor, attributes: Attributes): Tensor {
  const means = reduceMean(values, { axes: getList(attributes, "axes"), keepDims: true });
  return averageGroups(means, getGroups(attributes));
}

/** Replaces the means [N, C, 1, …] by those of their groups; its own adjoint. */
function averageGroups(means: Tensor, groups: number): Tensor {
  const { shape } = means;
  if (groups === 0 || groups === shape[1]) return means;
  const split = [shape[0], groups, shape[1] / groups];
  return reshape(expand(reduceMean(reshape(means, split), { axes: [2], keepDims: true }), split), shape);
}

function lowerMean(context: LoweringContext, value: string, axes: readonly number[]): string {
  return context.addNode("ReduceMean", [value], { axes: { ints: axes }, keepdims: { int: 1 } });
}

function lowerReshape(context: LoweringContext, value: string, shape: readonly number[]): string {
  return context.addNode("Reshape", [value, context.addConstant("int64", [shape.length], shape)]);
}

/** The centred input and 1/√(variance + ε), both in the split shape. */
function lowerStatistics(
  context: LoweringContext,
  input: string,
  axes: readonly number[],
  epsilon: number,
): { readonly centred: string; readonly inverse: string } {
  const centred = context.addNode("Sub", [input, lowerMean(context, input, axes)]);
  const variance = lowerMean(context, context.addNode("Mul", [centred, centred]), axes);
  const raised = context.addNode("Add", [variance, context.addConstant("float32", [], [epsilon])]);
  return { centred, inverse: context.addNode("Reciprocal", [context.addNode("Sqrt", [raised])]) };
}

/** True when statistics are taken over all axes after the first `lead`. */
function isTrailing(axes: readonly number[], rank: number, lead: number): boolean {
  return axes.length === rank - lead && axes.every((axis, k) => axis === lead + k);
}

function lowerNormalised(
  context: LoweringContext,
  input: string,
  { inputShapes: [shape], attributes }: OperatorCall,
): string {
  const { split, axes } = planMeans(shape, attributes);
  const epsilon = attributes.epsilon as number;
  const isGrouped = split !== shape;
  if (split.length > 2 && isTrailing(axes, split.length, 2)) {
    // One kernel instead of seven, twice as fast on the CPU.
    const [batch, channels] = split;
    const flat = isGrouped
      ? lowerReshape(context, input, [batch, channels, countElements(split.slice(2))])
      : input;
    const ones = context.addConstant("float32", [channels], new Float32Array(channels).fill(1));
    const zeros = context.addConstant("float32", [channels], new Float32Array(channels));
    const output = context.addNode("InstanceNormalization", [flat, ones, zeros], {
      epsilon: { float: epsilon },
    });
    return isGrouped ? lowerReshape(context, output, shape) : output;
  }
  const start = isGrouped ? lowerReshape(context, input, split) : input;
  const { centred, inverse } = lowerStatistics(context, start, axes, epsilon);
  const output = context.addNode("Mul", [centred, inverse]);
  return isGrouped ? lowerReshape(context, output, shape) : output;
}

/** Mean and 1/√(variance + ε) per statistics cell of the split shape. */
function evaluateStatistics(
  input: Float64Array,
  { inputShapes: [shape], attributes }: OperatorCall,
): { means: Float64Array; inverses: Float64Array; cells: Uint32Array } {
  const { split, axes } = planMeans(shape, attributes);
  const count = countElements(getKeptShape(split, axes));
  const size = input.length / count;
  const cells = new Uint32Array(input.length);
  const means = new Float64Array(count);
  const variances = new Float64Array(count);
  forEachReduced(split, axes, (from, to) => {
    cells[from] = to;
    means[to] += input[from] / size;
  });
  input.forEach((value, k) => {
    variances[cells[k]] += (value - means[cells[k]]) ** 2 / size;
  });
  const epsilon = attributes.epsilon as number;
  return { means, inverses: variances.map((variance) => 1 / Math.sqrt(variance + epsilon)), cells };
}

const EXAMPLES = [
  { shapes: [[2, 3, 2, 3]], attributes: { axes: [2, 3], epsilon: 0.01 } },
  { shapes: [[2, 4, 3]], attributes: { axes: [1], epsilon: 0.01 } },
  { shapes: [[2, 4, 2, 3]], attributes: { axes: [2, 3], groups: 2, epsilon: 0.01 } },
  { shapes: [[1, 2, 2, 3, 2]], attributes: { axes: [2, 3, 4], epsilon: 0.01 } },
];

const normaliseOperator: Operator = {
  name: "normalise",
  summary: "(x − mean)/√(variance + ε) with statistics over axes, optionally over groups of channels too",
  inferShape([input], attributes) {
    checkNormalised(input, attributes, "normalise");
    return input;
  },
  lower: (context, [input], call) => lowerNormalised(context, input, call),
  pullBack({ inputs: [input], output, attributes, upstream }) {
    const inverse = applyOperator(inverseDeviationOperator, [input], attributes);
    const along = mul(output, averageShared(mul(upstream, output), attributes));
    return [mul(sub(sub(upstream, averageShared(upstream, attributes)), along), inverse)];
  },
  evaluate([input], call) {
    const { means, inverses, cells } = evaluateStatistics(input, call);
    return input.map((value, k) => (value - means[cells[k]]) * inverses[cells[k]]);
  },
  examples: EXAMPLES,
};

const inverseDeviationOperator: Operator = {
  name: "inverseDeviation",
  summary: "1/√(variance + ε) over axes, which are kept with size 1; equal within groups of channels",
  inferShape([input], attributes) {
    checkNormalised(input, attributes, "inverseDeviation");
    return getKeptShape(input, getList(attributes, "axes"));
  },
  lower(context, [input], { inputShapes: [shape], outputShape, attributes }) {
    const { split, axes } = planMeans(shape, attributes);
    const isGrouped = split !== shape;
    const start = isGrouped ? lowerReshape(context, input, split) : input;
    const { inverse } = lowerStatistics(context, start, axes, attributes.epsilon as number);
    if (!isGrouped) return inverse;
    const repeated = split.map((size, axis) => (axis < 3 ? size : 1));
    const spread = context.addNode("Expand", [
      inverse,
      context.addConstant("int64", [repeated.length], repeated),
    ]);
    return lowerReshape(context, spread, outputShape);
  },
  pullBack({ inputs: [input], output, attributes, upstream }) {
    const axes = getList(attributes, "axes");
    const count = axes.reduce((product, axis) => product * input.shape[axis], 1);
    const shared = averageGroups(mul(upstream, -1 / count), getGroups(attributes));
    const normalised = applyOperator(normaliseOperator, [input], attributes);
    return [mul(normalised, mul(shared, square(output)))];
  },
  evaluate([input], call) {
    const { inverses, cells } = evaluateStatistics(input, call);
    const output = new Float64Array(countElements(call.outputShape));
    forEachReduced(call.inputShapes[0], getList(call.attributes, "axes"), (from, to) => {
      output[to] = inverses[cells[from]];
    });
    return output;
  },
  examples: EXAMPLES,
};

/** Options shared by the normalisations. */
export interface NormOptions {
  /** Multiplies the normalised values; default none. */
  readonly scale?: Tensor;
  /** Added after the scale; default none. */
  readonly bias?: Tensor;
  /** Added to the variance; default 10⁻⁵. */
  readonly epsilon?: number;
}

const EPSILON = 1e-5;

/** Scale and bias reshaped to broadcast along the given axes of x. */
function applyAffine(x: Tensor, options: NormOptions, axes: readonly number[], like: Tensor): Tensor {
  const target = like.shape.map((size, axis) => (axes.includes(axis) ? size : 1));
  const fit = (parameter: Tensor, what: string): Tensor => {
    if (countElements(parameter.shape) !== countElements(target)) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `${what} ${formatShape(parameter.shape)} does not fit axes ${formatShape(axes)} of ${formatShape(like.shape)}`,
      );
    }
    return reshape(parameter, target);
  };
  const scaled = options.scale === undefined ? x : mul(x, fit(options.scale, "scale"));
  return options.bias === undefined ? scaled : add(scaled, fit(options.bias, "bias"));
}

function listSpatialAxes(x: Tensor, name: string): number[] {
  if (x.shape.length < 3) {
    throw new LearnError("SHAPE_MISMATCH", `${name}: needs [batch, channel, …], got ${formatShape(x.shape)}`);
  }
  return x.shape.slice(2).map((_, k) => k + 2);
}

/**
 * Normalises every channel of every image by its own statistics.
 *
 * @param x - [N, C, …]
 * @param options - scale and bias [C]
 * @throws LearnError `SHAPE_MISMATCH`, `OUT_OF_RANGE`
 * Ulyanov et al. 2016, eq. 4. Tested against PyTorch's `instance_norm`.
 */
export function instanceNorm(x: Tensor, options: NormOptions = {}): Tensor {
  const axes = listSpatialAxes(x, "instanceNorm");
  const attributes = { axes, epsilon: options.epsilon ?? EPSILON };
  return applyAffine(applyOperator(normaliseOperator, [x], attributes), options, [1], x);
}

/**
 * Normalises groups of neighbouring channels of every image.
 *
 * @param x - [N, C, …]
 * @param options.groups - divides C
 * @param options - scale and bias [C]
 * @throws LearnError `SHAPE_MISMATCH`, `OUT_OF_RANGE`
 * Wu & He 2018, eq. 7. Tested against PyTorch's `group_norm`.
 */
export function groupNorm(x: Tensor, options: NormOptions & { readonly groups: number }): Tensor {
  const axes = listSpatialAxes(x, "groupNorm");
  const { groups } = options;
  if (!Number.isInteger(groups) || groups < 1) {
    throw new LearnError("OUT_OF_RANGE", `groupNorm: groups ${groups} must be a whole number from 1`);
  }
  const attributes = { axes, groups, epsilon: options.epsilon ?? EPSILON };
  return applyAffine(applyOperator(normaliseOperator, [x], attributes), options, [1], x);
}

/**
 * Normalises over the given axes, such as the features of a token or the channels of a pixel.
 *
 * @param options.axes - axes of the statistics
 * @param options - scale and bias with the sizes of these axes
 * @throws LearnError `SHAPE_MISMATCH`, `OUT_OF_RANGE`
 * Ba et al. 2016, eq. 4. Tested against PyTorch's `layer_norm`.
 */
export function layerNorm(x: Tensor, options: NormOptions & { readonly axes: readonly number[] }): Tensor {
  const axes = options.axes.toSorted((a, b) => a - b);
  const attributes = { axes, epsilon: options.epsilon ?? EPSILON };
  return applyAffine(applyOperator(normaliseOperator, [x], attributes), options, axes, x);
}

/** Mean and biased variance of every channel, both [C]. */
export interface ChannelMoments {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/**
 * Mean and biased variance of every channel over batch and space: what batch normalisation uses in training.
 *
 * @param x - [N, C, …]
 * @throws LearnError `SHAPE_MISMATCH`
 */
export function computeChannelMoments(x: Tensor): ChannelMoments {
  const axes = [0, ...listSpatialAxes(x, "computeChannelMoments")];
  const mean = reduceMean(x, { axes, keepDims: true });
  return {
    mean: reshape(mean, [x.shape[1]]),
    variance: reduceMean(square(sub(x, mean)), { axes }),
  };
}

/**
 * Normalises channels by given statistics: x·a + (bias − mean·a) with a = scale/√(variance + ε), which onnxruntime
 * folds into a convolution before it.
 *
 * @param x - [N, C, …]
 * @param options - mean, variance, scale and bias [C]
 * @throws LearnError `SHAPE_MISMATCH`
 * Ioffe & Szegedy 2015, algorithms 1 and 2. Tested against PyTorch's `batch_norm` in training and inference.
 */
export function batchNorm(x: Tensor, options: NormOptions & ChannelMoments): Tensor {
  listSpatialAxes(x, "batchNorm");
  const { mean, variance, scale, bias, epsilon = EPSILON } = options;
  for (const statistic of [mean, variance]) {
    if (formatShape(statistic.shape) !== formatShape([x.shape[1]])) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `batchNorm: statistics ${formatShape(statistic.shape)} must be one number per channel of ${formatShape(x.shape)}`,
      );
    }
  }
  const deviation = sqrt(add(variance, epsilon));
  const factor = scale === undefined ? div(1, deviation) : div(scale, deviation);
  const offset = bias === undefined ? mul(mean, mul(factor, -1)) : sub(bias, mul(mean, factor));
  return applyAffine(x, { scale: factor, bias: offset }, [1], x);
}

/** Entries of the operator table. */
export const normalisationOperators: readonly Operator[] = [normaliseOperator, inverseDeviationOperator];
