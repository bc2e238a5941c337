/**
 * Chains of 3 × 3 convolutions: `cnn-10`, the plain network of low-dose CT, and `dncnn` (Zhang et al. 2017).
 */
import type { Network } from "../network.ts";
import { type Fields, readConfig } from "./config.ts";
import {
  countBodyInputs,
  countBodyOutputs,
  createImageNetwork,
  IMAGE_FIELDS,
  type ImageBody,
  type ImageNetworkConfig,
} from "./image-network.ts";
import {
  chainLayers,
  createConvolution,
  createNormalisation,
  type Layer,
  type Normalisation,
  RELU_LAYER,
} from "./layers.ts";
import { OWN_PIXEL, reachThroughKernel } from "./reach.ts";

/** Configuration of {@link createCnn10}. */
export interface Cnn10Config extends ImageNetworkConfig {
  /** Features of the hidden layers; default 32. */
  readonly channels?: number;
  /** Convolutions, first and last included; default 10. */
  readonly layers?: number;
  /** Kernel size, odd; default 3. */
  readonly kernel?: number;
}

/** Configuration of {@link createDncnn}. */
export interface DncnnConfig extends ImageNetworkConfig {
  /** Features of the hidden layers; default 64. */
  readonly channels?: number;
  /** Convolutions, first and last included; default 17. */
  readonly layers?: number;
  /** Kernel size, odd; default 3. */
  readonly kernel?: number;
  /** `"batch"` (default, as published) or `"none"`. */
  readonly norm?: "batch" | "none";
}

const CHAIN_FIELDS = {
  kernel: { kind: "whole", default: 3, low: 1, high: 15, isOdd: true },
} as const;

const CNN_10_FIELDS: Fields<Cnn10Config> = {
  ...IMAGE_FIELDS,
  ...CHAIN_FIELDS,
  channels: { kind: "whole", default: 32, low: 1, high: 1024 },
  layers: { kind: "whole", default: 10, low: 2, high: 64 },
};

const DNCNN_FIELDS: Fields<DncnnConfig> = {
  ...IMAGE_FIELDS,
  ...CHAIN_FIELDS,
  channels: { kind: "whole", default: 64, low: 1, high: 1024 },
  layers: { kind: "whole", default: 17, low: 2, high: 64 },
  norm: { kind: "choice", default: "batch", choices: ["batch", "none"] },
};

function createChain(config: Required<Cnn10Config>, norm: Normalisation): ImageBody {
  const { channels, layers, kernel, lastLayerGain } = config;
  const list: Layer[] = [];
  for (let k = 0; k < layers; k++) {
    const isLast = k === layers - 1;
    const isNormalised = norm !== "none" && k > 0 && !isLast;
    list.push(
      createConvolution(`conv${k}`, {
        inputs: k === 0 ? countBodyInputs(config) : channels,
        outputs: isLast ? countBodyOutputs(config) : channels,
        kernel,
        gain: isLast ? lastLayerGain : 1,
        hasBias: !isNormalised,
      }),
    );
    if (isNormalised) list.push(createNormalisation(`norm${k}`, norm, { channels }));
    if (!isLast) list.push(RELU_LAYER);
  }
  const chain = chainLayers(list);
  return {
    parameters: chain.parameters,
    sizeMultiple: 1,
    reach: reachThroughKernel(OWN_PIXEL, kernel, { repeats: layers }),
    apply: (input, context) => chain.apply(input, context),
  };
}

/**
 * Ten 3 × 3 convolutions with ReLU between them: the plain network of low-dose CT (after Chen et al. 2017, Biomed Opt
 * Express 8:679, in the ten-layer form of later comparisons), here residual by default.
 *
 * @throws LearnError `OUT_OF_RANGE` naming every fault
 * Tested against PyTorch.
 */
export function createCnn10(config: Cnn10Config = {}): Network {
  const complete = readConfig("cnn-10", config, CNN_10_FIELDS);
  return createImageNetwork("cnn-10", { ...complete }, createChain(complete, "none"));
}

/**
 * DnCNN: convolution + ReLU, then convolution + batch normalisation + ReLU, then a convolution that gives the residual.
 *
 * @throws LearnError `OUT_OF_RANGE` naming every fault
 * Zhang et al. 2017, IEEE TIP 26:3142, §III-A. Tested against PyTorch, running statistics included.
 */
export function createDncnn(config: DncnnConfig = {}): Network {
  const complete = readConfig("dncnn", config, DNCNN_FIELDS);
  return createImageNetwork("dncnn", { ...complete }, createChain(complete, complete.norm));
}
