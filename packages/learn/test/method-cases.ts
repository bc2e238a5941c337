/** Every training method as a small recipe with a synthetic source: what the suites over methods run on. */
import type { Random } from "@alara/core";
import {
  type BatchSource,
  type MethodRecipe,
  type MethodResources,
  methods,
  mul,
  relu,
  type TrainingProgram,
} from "@alara/learn";

const SIDE = 16;
const NET = { name: "residual-cnn", config: { channels: 4, layers: 3, unshuffle: 1, lastLayerGain: 0.1 } };
const GENERATOR = {
  name: "cyclegan-generator",
  config: { channels: 2, encoderBlocks: 1, decoderBlocks: 1, lowHu: -1000, highHu: 1000 },
};
const CRITIC = { name: "patchgan", config: { channels: 2, layers: 1, lowHu: -1000, highHu: 1000 } };
const COMMON = {
  losses: [{ name: "l1", options: { scale: 50 } }],
  optimiser: { kind: "adam", beta1: 0.5, averageDecay: 0.9 },
  learningRate: { kind: "constant", value: 2e-3 },
  batch: 2,
  patch: [SIDE, SIDE],
} as const;

/** Recipes by title; each method at least once. */
export const METHOD_RECIPES: Readonly<Record<string, MethodRecipe>> = {
  regression: { ...COMMON, method: "regression", networks: { main: NET } },
  "regression with strength": {
    ...COMMON,
    method: "regression",
    networks: {
      main: { name: "red-cnn", config: { channels: 3, kernel: 3, hasStrength: true, lastLayerGain: 0.1 } },
    },
  },
  "regression, batch norm": {
    ...COMMON,
    method: "regression",
    networks: {
      main: { name: "dncnn", config: { channels: 4, layers: 3, norm: "batch", lastLayerGain: 0.1 } },
    },
  },
  inpainting: {
    ...COMMON,
    method: "regression",
    options: { isInpainting: true },
    networks: {
      main: { name: "red-cnn", config: { channels: 3, kernel: 3, hasStrength: true, lastLayerGain: 0.1 } },
    },
  },
  "lung-regions": {
    ...COMMON,
    method: "lung-regions",
    options: { lungRegion: 8, otherRegion: 16 },
    networks: { main: NET },
  },
  noise2noise: { ...COMMON, method: "noise2noise", networks: { main: NET } },
  noise2inverse: { ...COMMON, method: "noise2inverse", networks: { main: NET } },
  noise2void: { ...COMMON, method: "noise2void", options: { spread: 1 }, networks: { main: NET } },
  neighbor2neighbor: { ...COMMON, method: "neighbor2neighbor", networks: { main: NET } },
  sure: { ...COMMON, method: "sure", networks: { main: NET } },
  autoencoder: {
    ...COMMON,
    method: "autoencoder",
    options: { noiseHu: 5 },
    networks: { main: { name: "autoencoder", config: {} } },
  },
  gan: { ...COMMON, method: "gan", options: { labelJitter: 0.2 }, networks: { main: NET, critic: CRITIC } },
  "gan, conditional, hinge, buffered": {
    ...COMMON,
    method: "gan",
    options: { loss: "hinge", isConditional: true, bufferImages: 3 },
    networks: { main: NET, critic: CRITIC },
  },
  "gan, wgan-gp": {
    ...COMMON,
    method: "gan",
    options: { loss: "wgan-gp", criticRepeats: 2 },
    networks: { main: NET, critic: { name: "patchgan", config: { ...CRITIC.config, norm: "none" } } },
  },
  cyclegan: {
    ...COMMON,
    method: "cyclegan",
    options: {
      perceptualWeight: 1,
      airWeight: 1,
      airForm: "xor",
      airHu: 0,
      gradientWeight: 1,
      idempotenceWeight: 1,
      totalVariationWeight: 0.1,
      bufferImages: 3,
    },
    networks: { main: GENERATOR, critic: CRITIC },
  },
  ozaki: {
    ...COMMON,
    method: "ozaki",
    options: { latentWeight: 0.01, airHu: 0, bufferImages: 3 },
    networks: { main: GENERATOR, critic: CRITIC },
  },
};

/** A stand-in for a feature network. */
export const RESOURCES: MethodResources = {
  features: { digest: "test", apply: (images) => relu(mul(images, 0.01)) },
};

/** Writes the program of a case. */
export function buildCase(title: string): TrainingProgram {
  const recipe = METHOD_RECIPES[title];
  return methods.get(recipe.method).build(recipe, RESOURCES);
}

/** Draws smooth images of ±200 HU with 40 HU of noise for whatever fields a program has. */
export function createSyntheticSource(program: TrainingProgram): BatchSource {
  const fields = Object.fromEntries(
    Object.entries(program.fields).map(([name, { channels, scale = 1 }]) => [name, { channels, scale }]),
  );
  const drawImage = (name: string, length: number, random: Random): Float32Array => {
    if (name === "mask") return Float32Array.from({ length }, () => (random.nextUniform() < 0.2 ? 1 : 0));
    const phase = 6 * random.nextUniform();
    return Float32Array.from(
      { length },
      (_, k) => 200 * Math.sin(0.21 * k + phase) + 40 * random.nextNormal() - (name === "y" ? 60 : 0),
    );
  };
  return {
    fields,
    drawBatch: (random, { batch, patch }) =>
      Object.fromEntries(
        Object.entries(program.fields).map(([name, field]) => {
          const sides = field.patch ?? patch;
          const size = sides.reduce((product, side) => product * side * (field.scale ?? 1), field.channels);
          return [name, drawImage(name, batch * size, random)];
        }),
      ),
  };
}
