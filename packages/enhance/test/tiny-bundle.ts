/** Small untrained networks of every kind in valid bundles: enough to test everything around the weights. */
import { createRandom } from "@alara/core";
import {
  exportInferenceModel,
  initialiseParameters,
  MODEL_INPUT,
  MODEL_OUTPUT,
  type Network,
  type NetworkConfig,
  networks,
} from "@alara/learn";
import { type ModelCard, packBundle } from "../src/index.ts";

type CardDraft = Omit<ModelCard, "files" | "schema">;
type ChangeCard = (card: CardDraft) => CardDraft;

/** Name of a kind. */
export type TinyKind =
  | "slices"
  | "neighbours"
  | "blocks"
  | "strength"
  | "strength of blocks"
  | "doubled"
  | "doubled neighbours"
  | "global"
  | "global blocks"
  | "window"
  | "autoencoder"
  | "lung split";

interface KindDescription {
  readonly name: string;
  readonly config: NetworkConfig;
  readonly card: Partial<ModelCard["inference"]>;
}

/** Kinds of networks that training makes, each with what its card says beyond sizes. */
export const TINY_KINDS: Readonly<Record<TinyKind, KindDescription>> = {
  slices: { name: "residual-cnn", config: { channels: 6, layers: 3, unshuffle: 2 }, card: {} },
  neighbours: {
    name: "dncnn",
    config: { channels: 5, layers: 3, inputChannels: 5 },
    card: { contextSlices: 2 },
  },
  blocks: {
    name: "unet",
    config: { dimensions: 3, levels: 2, channels: 3, convolutionsPerLevel: 1 },
    card: { dimensions: 3 },
  },
  strength: {
    name: "efficient",
    config: { channels: 4, deepChannels: 6, shallowBlocks: 0, deepBlocks: 1, hasStrength: true },
    card: { hasStrength: true },
  },
  "strength of blocks": {
    name: "unet",
    config: { dimensions: 3, levels: 1, channels: 3, hasStrength: true },
    card: { dimensions: 3, hasStrength: true },
  },
  doubled: {
    name: "cnn-10",
    config: { channels: 4, layers: 3, outputScale: 2 },
    card: { outputScale: 2 },
  },
  "doubled neighbours": {
    name: "dncnn",
    config: { channels: 4, layers: 3, outputScale: 2, inputChannels: 3 },
    card: { contextSlices: 1, outputScale: 2 },
  },
  global: {
    name: "unet",
    config: { levels: 2, channels: 4, norm: "instance" },
    card: { hasGlobalReach: true },
  },
  "global blocks": {
    name: "unet",
    config: { dimensions: 3, levels: 2, channels: 3, convolutionsPerLevel: 1, norm: "instance" },
    card: { dimensions: 3, hasGlobalReach: true },
  },
  window: {
    name: "cyclegan-generator",
    config: { channels: 2, encoderBlocks: 1, decoderBlocks: 1, norm: "none", lowHu: -600, highHu: 400 },
    card: { windowHu: [-600, 400] },
  },
  autoencoder: { name: "autoencoder", config: { channels: 3, levels: 2, latentChannels: 4 }, card: {} },
  "lung split": {
    name: "lung-split",
    config: {
      inside: "dncnn",
      "inside.layers": 3,
      "inside.channels": 3,
      "inside.lastLayerGain": 0.3,
      outside: "dncnn",
      "outside.layers": 3,
      "outside.channels": 4,
      "outside.lastLayerGain": 0.3,
    },
    card: {},
  },
};

/** Makes the network of a kind; those that start as the identity get a last layer that does something. */
export function createTinyNetwork(kind: TinyKind): Network {
  const { name, config } = TINY_KINDS[kind];
  const startsAsIdentity = !["cyclegan-generator", "autoencoder", "lung-split"].includes(name);
  return networks.get(name)({ ...config, ...(startsAsIdentity ? { lastLayerGain: 0.2 } : {}) });
}

/** Files of a bundle of a kind; `change` edits the card before it is packed. */
export function makeKindBundle(
  kind: TinyKind,
  change: ChangeCard = (card) => card,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const network = createTinyNetwork(kind);
  const values = initialiseParameters(network.parameters, createRandom(5));
  return packBundle(
    change({
      name: "tiny",
      version: "0",
      summary: "an untrained network",
      licence: "Apache-2.0",
      intendedUse: "tests",
      code: { version: "0.1.0", commit: "test" },
      network: { name: network.name, config: network.config },
      inference: {
        input: MODEL_INPUT,
        output: MODEL_OUTPUT,
        unit: "HU",
        multipleOf: network.sizeMultiple,
        receptiveRadius: network.receptiveRadius,
        contextSlices: 0,
        ...TINY_KINDS[kind].card,
      },
      recipe: {},
      trainingData: { ids: [], validationIds: [], notes: "" },
      intendedRange: {
        modality: "CT",
        pixelSpacingMm: [0.1, 10],
        sliceThicknessMm: [0.1, 10],
        kvp: [60, 160],
        noiseHu: [0, 1000],
        bodyParts: [],
      },
      validation: {},
    }),
    exportInferenceModel(network, { values }),
  );
}

/** Files of a bundle of the kind that the shipped model is. */
export function makeTinyBundle(change?: ChangeCard): Promise<ReadonlyMap<string, Uint8Array>> {
  return makeKindBundle("slices", change);
}
