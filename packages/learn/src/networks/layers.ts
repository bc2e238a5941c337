/**
 * Layers: parameters with the function that applies them, in two or three dimensions. Weights start from He's
 * distribution, biases from 0. Not here: whole networks.
 */
import { LearnError } from "../errors.ts";
import { type ApplyContext, INFERENCE } from "../network.ts";
import { add, mul, relu } from "../operators/arithmetic.ts";
import { conv2d, conv3d } from "../operators/convolution.ts";
import { batchNorm, computeChannelMoments, groupNorm, instanceNorm } from "../operators/normalisation.ts";
import { padReflect } from "../operators/reflection.ts";
import { countElements, createParameter, type Tensor } from "../tensor.ts";

/** Something with parameters that maps a tensor. */
export interface Layer {
  readonly parameters: readonly Tensor[];
  apply(input: Tensor, context?: ApplyContext): Tensor;
}

/** Options of {@link createConvolution}. */
export interface ConvolutionLayerOptions {
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  /** Default 2. */
  readonly dimensions?: 2 | 3;
  /** Standard deviation of the start relative to He's; 0 starts at zero. Default 1. */
  readonly gain?: number;
  /** Default true. */
  readonly hasBias?: boolean;
  /** Default 1. */
  readonly stride?: number;
  /** Default 1. */
  readonly groups?: number;
  /** Pixels at each side; default (kernel − 1)/2. */
  readonly padding?: number;
  /** What stands there; default "zero". */
  readonly border?: "zero" | "reflect";
}

/** Weights [O, I/groups, k, …] that start from He's distribution. */
export function createWeight(name: string, shape: readonly number[], fanIn: number, gain: number): Tensor {
  return createParameter(name, shape, gain === 0 ? { kind: "zero" } : { kind: "heNormal", fanIn, gain });
}

/** A convolution `name.weight` with bias `name.bias`. */
export function createConvolution(name: string, options: ConvolutionLayerOptions): Layer {
  const { inputs, outputs, kernel, dimensions = 2, gain = 1, hasBias = true, stride = 1 } = options;
  const { groups = 1, padding = Math.floor((kernel - 1) / 2), border = "zero" } = options;
  const taps = Array.from({ length: dimensions }, () => kernel);
  const fanIn = (inputs / groups) * kernel ** dimensions;
  const weight = createWeight(`${name}.weight`, [outputs, inputs / groups, ...taps], fanIn, gain);
  const bias = hasBias ? createParameter(`${name}.bias`, [outputs], { kind: "zero" }) : null;
  const convolve = dimensions === 2 ? conv2d : conv3d;
  return {
    parameters: bias === null ? [weight] : [weight, bias],
    apply(input) {
      const isReflected = border === "reflect" && padding > 0;
      const padded = isReflected ? padReflect(input, { amount: padding }) : input;
      return convolve(padded, weight, {
        padding: isReflected ? 0 : padding,
        ...(bias === null ? {} : { bias }),
        ...(stride === 1 ? {} : { stride }),
        ...(groups === 1 ? {} : { groups }),
      });
    },
  };
}

/** Kinds of normalisation. */
export type Normalisation = "none" | "instance" | "group" | "batch";

/** Names of {@link Normalisation}. */
export const NORMALISATIONS: readonly Normalisation[] = ["none", "instance", "group", "batch"];

const BATCH_MOMENTUM = 0.1;

function createBatchNorm(name: string, channels: number): Layer {
  const one = { kind: "constant", value: 1 } as const;
  const scale = createParameter(`${name}.scale`, [channels], one);
  const bias = createParameter(`${name}.bias`, [channels], { kind: "zero" });
  const runningMean = createParameter(`${name}.mean`, [channels], { kind: "zero" });
  const runningVariance = createParameter(`${name}.variance`, [channels], one);
  const follow = (running: Tensor, value: Tensor): Tensor =>
    add(mul(running, 1 - BATCH_MOMENTUM), mul(value, BATCH_MOMENTUM));
  return {
    parameters: [scale, bias, runningMean, runningVariance],
    apply(input, context = INFERENCE) {
      if (context.mode === "infer") {
        return batchNorm(input, { mean: runningMean, variance: runningVariance, scale, bias });
      }
      const { mean, variance } = computeChannelMoments(input);
      const count = countElements(input.shape) / channels;
      if (count < 2) {
        throw new LearnError(
          "SHAPE_MISMATCH",
          `batch normalisation "${name}" has ${count} value a channel in the batch and needs 2; take larger patches or batches`,
        );
      }
      context.assign({ parameter: runningMean, value: follow(runningMean, mean) });
      // The running variance is the unbiased one, as PyTorch keeps it.
      context.assign({
        parameter: runningVariance,
        value: follow(runningVariance, mul(variance, count / (count - 1))),
      });
      return batchNorm(input, { mean, variance, scale, bias });
    },
  };
}

/**
 * Normalisation with a learned scale and bias a channel (none for `"none"`). Batch: statistics of the batch in
 * training, running mean and variance (parameters that the context assigns, momentum 0.1) in inference; Ioffe &
 * Szegedy 2015. Instance: Ulyanov et al. 2016. Group: Wu & He 2018. ε is 10⁻⁵.
 */
export function createNormalisation(
  name: string,
  kind: Normalisation,
  options: { readonly channels: number; readonly groups?: number; readonly isAffine?: boolean },
): Layer {
  const { channels, groups = 8, isAffine = true } = options;
  if (kind === "none") return { parameters: [], apply: (input) => input };
  if (kind === "batch") return createBatchNorm(name, channels);
  const scale = createParameter(`${name}.scale`, [channels], { kind: "constant", value: 1 });
  const bias = createParameter(`${name}.bias`, [channels], { kind: "zero" });
  const affine = isAffine ? { scale, bias } : {};
  return {
    parameters: isAffine ? [scale, bias] : [],
    apply: (input) =>
      kind === "instance" ? instanceNorm(input, affine) : groupNorm(input, { groups, ...affine }),
  };
}

/** Layers one after the other. */
export function chainLayers(layers: readonly Layer[]): Layer {
  return {
    parameters: layers.flatMap(({ parameters }) => parameters),
    apply: (input, context) => layers.reduce((x, layer) => layer.apply(x, context), input),
  };
}

/** ReLU as a layer. */
export const RELU_LAYER: Layer = { parameters: [], apply: (input) => relu(input) };
