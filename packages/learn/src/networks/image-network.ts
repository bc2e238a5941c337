/**
 * What every network that enhances images shares: HU in, HU out, scaling, neighbouring slices (2.5D), a strength
 * channel, the residual from the middle slice, and the doubled matrix. A network of this folder gives the body.
 */
import { formatShape, LearnError } from "../errors.ts";
import { type ApplyContext, INFERENCE, type Network, type NetworkConfig } from "../network.ts";
import { add, mul } from "../operators/arithmetic.ts";
import { conv2d, conv3d } from "../operators/convolution.ts";
import { resizeLinear } from "../operators/interpolation.ts";
import { depthToSpace } from "../operators/shuffle.ts";
import { createConstant, type Tensor } from "../tensor.ts";
import type { Field, Fields } from "./config.ts";
import {
  computeRadius,
  joinReaches,
  OWN_PIXEL,
  type Reach,
  reachThroughDoubling,
  reachThroughUnfolding,
} from "./reach.ts";

/** Options that every image network has. */
export interface ImageNetworkConfig {
  /** Neighbouring slices of a 2D network, odd; the output belongs to the middle one. Default 1. */
  readonly inputChannels?: number;
  /**
   * One more input channel, the last, which is no HU and passes unscaled: a constant image of the strength (0 to 1 by
   * convention), so that one network learns several levels, or the mask of a hole to fill. Default false.
   */
  readonly hasStrength?: boolean;
  /** 2: rows and columns are doubled (pixel shuffle; Shi et al. 2016, eq. 4). Default 1. */
  readonly outputScale?: number;
  /** Output = middle slice (enlarged linearly) + scaleHu · body; else scaleHu · body. Default true. */
  readonly isResidual?: boolean;
  /** HU are divided by this on entry and the body multiplied by it; default 500. */
  readonly scaleHu?: number;
  /**
   * Standard deviation of the last layer's start, relative to He's; 0 starts a residual network as the identity.
   * Default 0 for residual networks, else 1.
   */
  readonly lastLayerGain?: number;
}

/** Fields of {@link ImageNetworkConfig}. */
export const IMAGE_FIELDS: Fields<ImageNetworkConfig> = {
  inputChannels: { kind: "whole", default: 1, low: 1, high: 31, isOdd: true },
  hasStrength: { kind: "flag", default: false },
  outputScale: { kind: "whole", default: 1, low: 1, high: 2 },
  isResidual: { kind: "flag", default: true },
  scaleHu: { kind: "number", default: 500, low: 1e-3, high: 1e6 },
  lastLayerGain: {
    kind: "number",
    default: (given: Readonly<Record<string, unknown>>) => (given.isResidual === false ? 1 : 0),
    low: 0,
    high: 10,
  } as Field,
};

/** Channels that a body sees. */
export function countBodyInputs(config: Required<ImageNetworkConfig>): number {
  return config.inputChannels + (config.hasStrength ? 1 : 0);
}

/** Channels that a body makes. */
export function countBodyOutputs(config: Required<ImageNetworkConfig>): number {
  return config.outputScale ** 2;
}

/** The part of a network between scaled input and residual. */
export interface ImageBody {
  readonly parameters: readonly Tensor[];
  readonly sizeMultiple: number;
  readonly reach: Reach;
  /** True when statistics over the whole image enter every pixel. */
  readonly hasGlobalReach?: boolean;
  /** [N, inputs, …] in units of scaleHu → [N, outputScale², …]. */
  apply(input: Tensor, context: ApplyContext): Tensor;
}

/** Divides slices by scaleHu and leaves a strength channel as it is. */
function scaleSlices(input: Tensor, config: Required<ImageNetworkConfig>): Tensor {
  const factor = 1 / config.scaleHu;
  if (!config.hasStrength) return mul(input, factor);
  const factors = new Float64Array(countBodyInputs(config)).fill(1).fill(factor, 0, config.inputChannels);
  return mul(input, createConstant(factors, [1, factors.length, ...input.shape.slice(2).map(() => 1)]));
}

/** The middle slice, picked by a constant convolution so that the graph holds no image size. */
function pickMiddle(input: Tensor, config: Required<ImageNetworkConfig>, dimensions: 2 | 3): Tensor {
  const channels = countBodyInputs(config);
  if (channels === 1) return input;
  const weights = new Float64Array(channels);
  weights[(config.inputChannels - 1) / 2] = 1;
  const weight = createConstant(weights, [1, channels, ...Array.from({ length: dimensions }, () => 1)]);
  return dimensions === 2 ? conv2d(input, weight) : conv3d(input, weight);
}

/** Throws `SHAPE_MISMATCH` with the way out unless `input` fits. */
export function checkNetworkInput(
  name: string,
  input: Tensor,
  needs: { readonly dimensions: 2 | 3; readonly inputChannels: number; readonly sizeMultiple: number },
): void {
  const { shape } = input;
  const { dimensions, inputChannels, sizeMultiple } = needs;
  const fits = shape.length === dimensions + 2 && shape[1] === inputChannels;
  if (!fits || shape.slice(2).some((size) => size % sizeMultiple !== 0)) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `network "${name}" needs [N, ${inputChannels}, ${dimensions === 3 ? "slices, " : ""}rows, columns] with sizes that are multiples of ${sizeMultiple}, got ${formatShape(shape)}; pad or crop first`,
    );
  }
}

/** Puts a body between scaling and residual. */
export function createImageNetwork(
  name: string,
  config: NetworkConfig & Required<ImageNetworkConfig>,
  body: ImageBody,
  dimensions: 2 | 3 = 2,
): Network {
  const { outputScale, scaleHu, isResidual } = config;
  const shuffled = outputScale === 1 ? body.reach : reachThroughUnfolding(body.reach, 2);
  const base = outputScale === 1 ? OWN_PIXEL : reachThroughDoubling(OWN_PIXEL);
  const inputChannels = countBodyInputs(config);
  const needs = { dimensions, inputChannels, sizeMultiple: body.sizeMultiple };
  return {
    name,
    config,
    parameters: body.parameters,
    ...needs,
    receptiveRadius: computeRadius(isResidual ? joinReaches(shuffled, base) : shuffled),
    ...(body.hasGlobalReach === true ? { hasGlobalReach: true } : {}),
    outputChannels: 1,
    outputScale,
    apply(input, context = INFERENCE) {
      checkNetworkInput(name, input, needs);
      const made = body.apply(scaleSlices(input, config), context);
      const image = mul(outputScale === 1 ? made : depthToSpace(made, { block: 2 }), scaleHu);
      if (!isResidual) return image;
      const middle = pickMiddle(input, config, dimensions);
      return add(outputScale === 1 ? middle : resizeLinear(middle, { factor: 2 }), image);
    },
  };
}
