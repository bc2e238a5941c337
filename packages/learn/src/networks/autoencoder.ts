/**
 * A CT autoencoder: trained to give back its input through a bottleneck, its encoder's features serve as φ of the
 * perceptual loss where ImageNet's VGG cannot be had (and knows no CT).
 */

import { LearnError } from "../errors.ts";
import { type ApplyContext, INFERENCE, type Network } from "../network.ts";
import { mul, relu } from "../operators/arithmetic.ts";
import { maxPool } from "../operators/pooling.ts";
import { enlargeNearest } from "../operators/resample.ts";
import type { Tensor } from "../tensor.ts";
import { type Fields, readConfig } from "./config.ts";
import { checkNetworkInput } from "./image-network.ts";
import { createConvolution } from "./layers.ts";
import {
  computeRadius,
  OWN_PIXEL,
  reachThroughFolding,
  reachThroughKernel,
  reachThroughUnfolding,
} from "./reach.ts";

/** Configuration of {@link createAutoencoder}. */
export interface AutoencoderConfig {
  /** Features of the first level, doubled at each further one; default 32. */
  readonly channels?: number;
  /** Levels of resolution; default 3. */
  readonly levels?: number;
  /** 3 × 3 convolutions on each side of each level; default 2. */
  readonly convolutionsPerLevel?: number;
  /** Features of the bottleneck, after the last level; default 16. */
  readonly latentChannels?: number;
  /** HU are divided by this on entry; default 500. */
  readonly scaleHu?: number;
}

const FIELDS: Fields<AutoencoderConfig> = {
  channels: { kind: "whole", default: 32, low: 1, high: 512 },
  levels: { kind: "whole", default: 3, low: 1, high: 6 },
  convolutionsPerLevel: { kind: "whole", default: 2, low: 1, high: 8 },
  latentChannels: { kind: "whole", default: 16, low: 1, high: 1024 },
  scaleHu: { kind: "number", default: 500, low: 1e-3, high: 1e6 },
};

/** A network whose features can be taken. */
export interface FeatureExtractor extends Network {
  /** Names of the layers whose features can be taken, in order. */
  readonly layers: readonly string[];
  /**
   * Features after the ReLU of one layer.
   *
   * @param input - HU, as for `apply`
   * @param options.layer - one of `layers`; default the second, as conv1_2 of VGG in Ozaki et al. 2022
   * @throws LearnError `OUT_OF_RANGE` for an unknown layer
   */
  getFeatures(input: Tensor, options?: { readonly layer?: string }): Tensor;
}

/**
 * The autoencoder: blocks of 3 × 3 convolutions with ReLU, halved by max pooling; a bottleneck; the mirror image with
 * pixels repeated. No skips and no residual, so that the features must hold the image.
 *
 * @throws LearnError `OUT_OF_RANGE` naming every fault
 * Layer order after Simonyan & Zisserman 2015 (VGG), table 1. Tested against PyTorch.
 */
export function createAutoencoder(config: AutoencoderConfig = {}): FeatureExtractor {
  const complete = readConfig("autoencoder", config, FIELDS);
  const { channels, levels, convolutionsPerLevel, latentChannels, scaleHu } = complete;
  const width = (level: number): number => channels * 2 ** level;
  const encoder = Array.from({ length: levels * convolutionsPerLevel }, (_, k) => {
    const level = Math.floor(k / convolutionsPerLevel);
    const isFirst = k % convolutionsPerLevel === 0;
    const inputs = k === 0 ? 1 : isFirst ? width(level - 1) : width(level);
    const name = `encoder${level}.conv${k % convolutionsPerLevel}`;
    const convolution = createConvolution(name, { inputs, outputs: width(level), kernel: 3 });
    return { name, isHalved: isFirst && level > 0, convolution };
  });
  const latent = createConvolution("latent", {
    inputs: width(levels - 1),
    outputs: latentChannels,
    kernel: 1,
  });
  const decoder = Array.from({ length: levels * convolutionsPerLevel }, (_, k) => {
    const level = levels - 1 - Math.floor(k / convolutionsPerLevel);
    const isFirst = k % convolutionsPerLevel === 0;
    const inputs = k === 0 ? latentChannels : isFirst ? width(level + 1) : width(level);
    const name = `decoder${level}.conv${k % convolutionsPerLevel}`;
    const convolution = createConvolution(name, { inputs, outputs: width(level), kernel: 3 });
    return { isDoubled: isFirst && k > 0, convolution };
  });
  const out = createConvolution("out", { inputs: channels, outputs: 1, kernel: 3 });
  let reach = OWN_PIXEL;
  for (let level = 0; level < levels; level++) {
    if (level > 0) reach = reachThroughFolding(reach, 2);
    reach = reachThroughKernel(reach, 3, { repeats: convolutionsPerLevel });
  }
  for (let level = levels - 1; level >= 0; level--) {
    if (level < levels - 1) reach = reachThroughUnfolding(reach, 2);
    reach = reachThroughKernel(reach, 3, { repeats: convolutionsPerLevel });
  }
  const sizeMultiple = 2 ** (levels - 1);
  const needs = { dimensions: 2, inputChannels: 1, sizeMultiple } as const;
  const encode = (input: Tensor, last: number): Tensor => {
    let x = mul(input, 1 / scaleHu);
    for (const { convolution, isHalved } of encoder.slice(0, last + 1)) {
      x = relu(convolution.apply(isHalved ? maxPool(x, { size: 2 }) : x));
    }
    return x;
  };
  const layers = encoder.map(({ name }) => name);
  const parts = [...encoder, { convolution: latent }, ...decoder, { convolution: out }];
  return {
    name: "autoencoder",
    config: { ...complete },
    layers,
    parameters: parts.flatMap(({ convolution }) => convolution.parameters),
    ...needs,
    receptiveRadius: computeRadius(reachThroughKernel(reach, 3)),
    outputChannels: 1,
    outputScale: 1,
    apply(input: Tensor, _context: ApplyContext = INFERENCE) {
      checkNetworkInput("autoencoder", input, needs);
      let x = latent.apply(encode(input, encoder.length - 1));
      for (const { convolution, isDoubled } of decoder) {
        x = relu(convolution.apply(isDoubled ? enlargeNearest(x, { block: 2 }) : x));
      }
      return mul(out.apply(x), scaleHu);
    },
    getFeatures(input, { layer = layers[Math.min(1, layers.length - 1)] } = {}) {
      checkNetworkInput("autoencoder", input, needs);
      const index = layers.indexOf(layer);
      if (index < 0) {
        throw new LearnError(
          "OUT_OF_RANGE",
          `autoencoder: no layer ${JSON.stringify(layer)}; known: ${layers.join(", ")}`,
        );
      }
      return encode(input, index);
    },
  };
}
