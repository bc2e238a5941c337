/**
 * Networks as data: a name and a JSON configuration make a network; recipes and model cards hold both. Feature networks
 * and critics, which are no enhancers, have registries of their own.
 */
import { createRegistry, type Registry } from "@alara/core";
import type { NetworkFactory } from "../network.ts";
import { createAutoencoder } from "./autoencoder.ts";
import { readNumbers } from "./config.ts";
import { createEfficient } from "./efficient.ts";
import type { CriticFactory, FeatureNetworkFactory } from "./feature-network.ts";
import { createLungSplitFromConfig } from "./lung-split.ts";
import { createCycleganGenerator, createOzakiDecoder, createOzakiEncoder } from "./ozaki.ts";
import { createPatchgan } from "./patchgan.ts";
import { createCnn10, createDncnn } from "./plain-cnn.ts";
import { createRedCnn } from "./red-cnn.ts";
import { createResidualCnn, RESIDUAL_CNN_KEYS, type ResidualCnnConfig } from "./residual-cnn.ts";
import { createAttentionUnet, createUnet } from "./unet.ts";

export { type AutoencoderConfig, createAutoencoder, type FeatureExtractor } from "./autoencoder.ts";
export { countMacs } from "./count-macs.ts";
export { createEfficient, type EfficientConfig } from "./efficient.ts";
export {
  type Critic,
  type CriticFactory,
  type FeatureNetwork,
  type FeatureNetworkFactory,
  prefixParameters,
} from "./feature-network.ts";
export type { ImageNetworkConfig } from "./image-network.ts";
export {
  buildLungGate,
  createLungSplit,
  type LungGateOptions,
  type LungSplitNetwork,
  type LungSplitOptions,
} from "./lung-split.ts";
export {
  type CycleganGeneratorConfig,
  createCycleganGenerator,
  createOzakiDecoder,
  createOzakiEncoder,
  type EncoderDecoderNetwork,
  type OzakiConfig,
  type OzakiDecoderConfig,
  type OzakiEncoderConfig,
} from "./ozaki.ts";
export { createPatchgan, type PatchganConfig } from "./patchgan.ts";
export { type Cnn10Config, createCnn10, createDncnn, type DncnnConfig } from "./plain-cnn.ts";
export { createRedCnn, type RedCnnConfig } from "./red-cnn.ts";
export { createResidualCnn, type ResidualCnnConfig } from "./residual-cnn.ts";
export { type AttentionNetwork, createAttentionUnet, createUnet, type UnetConfig } from "./unet.ts";

/** Networks by name: HU to HU. A new network is one line here. */
export const networks: Registry<NetworkFactory> = createRegistry<NetworkFactory>("network", [
  [
    "residual-cnn",
    (config) =>
      createResidualCnn(readNumbers(config, RESIDUAL_CNN_KEYS, "residual-cnn") as ResidualCnnConfig),
  ],
  ["cnn-10", (config) => createCnn10(config)],
  ["red-cnn", (config) => createRedCnn(config)],
  ["dncnn", (config) => createDncnn(config)],
  ["unet", (config) => createUnet(config)],
  ["attention-unet", (config) => createAttentionUnet(config)],
  ["efficient", (config) => createEfficient(config)],
  ["lung-split", (config) => createLungSplitFromConfig(config, (name) => networks.get(name))],
  ["cyclegan-generator", (config) => createCycleganGenerator(config)],
  ["autoencoder", (config) => createAutoencoder(config)],
]);

/** Parts of networks by name: encoders and decoders that are applied one by one. */
export const featureNetworks: Registry<FeatureNetworkFactory> = createRegistry<FeatureNetworkFactory>(
  "feature network",
  [
    ["ozaki-encoder", (config) => createOzakiEncoder(config)],
    ["ozaki-decoder", (config) => createOzakiDecoder(config)],
  ],
);

/** Critics by name: HU to scores. */
export const critics: Registry<CriticFactory> = createRegistry<CriticFactory>("critic", [
  ["patchgan", (config) => createPatchgan(config)],
]);
