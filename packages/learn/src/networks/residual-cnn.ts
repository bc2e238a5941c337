/**
 * The residual denoiser of the shipped model: a chain of convolutions on pixel-unshuffled slices.
 */
import { LearnError } from "../errors.ts";
import type { Network } from "../network.ts";
import { add, mul, relu } from "../operators/arithmetic.ts";
import { conv2d } from "../operators/convolution.ts";
import { depthToSpace, spaceToDepth } from "../operators/resample.ts";
import { createParameter } from "../tensor.ts";
import { checkWhole } from "./config.ts";

/** Configuration of {@link createResidualCnn}. */
export interface ResidualCnnConfig {
  /** Features of the hidden layers; default 64. */
  readonly channels?: number;
  /** Convolutions, first and last included; default 8. */
  readonly layers?: number;
  /** Pixels are folded into channels by this factor before the first layer (1 = not); default 2. */
  readonly unshuffle?: number;
  /** Kernel size, odd; default 3. */
  readonly kernel?: number;
  /** HU are divided by this on entry and the residual multiplied by it; default 500. */
  readonly scaleHu?: number;
  /** Standard deviation of the last layer's start, relative to He's; 0 starts as the identity. Default 0. */
  readonly lastLayerGain?: number;
}

/**
 * The residual denoiser: output = input + scale · f(input / scale), where f is a chain of convolutions with
 * ReLU on pixel-unshuffled data.
 *
 * Residual learning after Zhang et al. 2017 (DnCNN, IEEE TIP 26:3142, §III-A, without batch normalisation);
 * pixel unshuffle after Shi et al. 2016 (inverse of eq. 4) lets one convolution see `unshuffle`² times the
 * area at the same cost. Gradient tested against PyTorch.
 *
 * @throws LearnError `OUT_OF_RANGE`
 */
export function createResidualCnn(config: ResidualCnnConfig = {}): Network {
  const { channels = 64, layers = 8, unshuffle = 2, kernel = 3, scaleHu = 500, lastLayerGain = 0 } = config;
  checkWhole("channels", channels, 1, 1024);
  checkWhole("layers", layers, 2, 64);
  checkWhole("unshuffle", unshuffle, 1, 8);
  checkWhole("kernel", kernel, 1, 15);
  if (kernel % 2 === 0) throw new LearnError("OUT_OF_RANGE", `kernel is ${kernel}; it must be odd`);
  if (!(scaleHu > 0) || !(lastLayerGain >= 0)) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `scaleHu ${scaleHu} must be > 0 and lastLayerGain ${lastLayerGain} ≥ 0`,
    );
  }
  const folded = unshuffle * unshuffle;
  const blocks = Array.from({ length: layers }, (_, k) => {
    const inputs = k === 0 ? folded : channels;
    const outputs = k === layers - 1 ? folded : channels;
    const gain = k === layers - 1 ? lastLayerGain : 1;
    const fanIn = inputs * kernel * kernel;
    return {
      weight: createParameter(
        `conv${k}.weight`,
        [outputs, inputs, kernel, kernel],
        gain === 0 ? { kind: "zero" } : { kind: "heNormal", fanIn, gain },
      ),
      bias: createParameter(`conv${k}.bias`, [outputs], { kind: "zero" }),
    };
  });
  return {
    name: "residual-cnn",
    config: { channels, layers, unshuffle, kernel, scaleHu, lastLayerGain },
    parameters: blocks.flatMap(({ weight, bias }) => [weight, bias]),
    sizeMultiple: unshuffle,
    receptiveRadius: unshuffle * ((layers * (kernel - 1)) / 2) + unshuffle - 1,
    dimensions: 2,
    inputChannels: 1,
    outputChannels: 1,
    outputScale: 1,
    apply(input) {
      let features = spaceToDepth(mul(input, 1 / scaleHu), { block: unshuffle });
      blocks.forEach(({ weight, bias }, k) => {
        features = conv2d(features, weight, { bias });
        if (k < layers - 1) features = relu(features);
      });
      return add(input, mul(depthToSpace(features, { block: unshuffle }), scaleHu));
    },
  };
}

/** Keys of {@link ResidualCnnConfig}. */
export const RESIDUAL_CNN_KEYS: readonly (keyof ResidualCnnConfig)[] = [
  "channels",
  "layers",
  "unshuffle",
  "kernel",
  "scaleHu",
  "lastLayerGain",
];
