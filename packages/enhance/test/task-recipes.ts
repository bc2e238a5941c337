/** Small recipes and series for the tests of training tasks. */
import {
  checkRecipe,
  type PreparedRecipe,
  prepareRecipe,
  type Recipe,
  type SkippedSeries,
  type TrainingSeries,
} from "@alara/enhance";
import { createChest } from "./data-bodies.ts";

/** Side of the test images, pixels. */
export const SIDE = 96;

const NET = { name: "residual-cnn", config: { channels: 4, layers: 3, unshuffle: 1 } };
const CRITIC = { name: "patchgan", config: { channels: 2, layers: 1 } };
const GENERATOR = { name: "cyclegan-generator", config: { channels: 2, encoderBlocks: 1, decoderBlocks: 1 } };
const CHAIN = { views: 96, channelBinning: 4 };

/** What a case changes about the common recipe. */
export interface RecipeChange {
  readonly task: string;
  readonly options?: NonNullable<Recipe["data"]["task"]>["options"];
  readonly method?: Recipe["method"];
  readonly networks?: Recipe["networks"];
  readonly data?: Partial<Recipe["data"]>;
  readonly training?: Partial<Recipe["training"]>;
}

/** A small recipe, checked as one from a file is. */
export function makeRecipe({ task, options, method, networks, data, training }: RecipeChange): Recipe {
  return checkRecipe({
    schema: "alara-recipe/2",
    name: "test",
    version: "1",
    summary: "test",
    ...(method ? { method } : {}),
    networks: networks ?? { main: NET },
    data: {
      split: "split.json",
      task: { name: task, ...(options ? { options } : {}) },
      insertion: { doseFraction: 0.25, realisations: task === "repeats" ? 2 : 1 },
      phantoms: { count: 0, realisations: 2, share: 0 },
      noiseScale: [1, 1],
      maximumSlicesPerSeries: 3,
      bodyShare: 0.9,
      ...data,
    },
    training: {
      seed: 1,
      batch: 2,
      patch: 16,
      steps: 2,
      losses: [{ name: "l1", options: { scale: 50 } }],
      learningRate: { kind: "constant", value: 1e-3 },
      optimiser: { kind: "adam" },
      ...training,
    },
    intendedRange: {
      pixelSpacingMm: [0.1, 10],
      sliceThicknessMm: [0.1, 10],
      kvp: [80, 140],
      noiseHu: [0, 500],
      bodyParts: ["CHEST"],
    },
  });
}

/** A chest in which noise can be measured. */
const chest = (seed: number, noiseSeed: number = seed, slices = 1): TrainingSeries["volume"] =>
  createChest({ seed, noiseSeed, size: SIDE, slices, noise: 15, fieldMm: 330 });

/** Series for training and for validation. */
export interface Sides {
  readonly training: readonly TrainingSeries[];
  readonly validation: readonly TrainingSeries[];
}

function makeSides(slices: number): Sides {
  const make = (seed: number): TrainingSeries["volume"] => chest(seed, seed, slices);
  return {
    training: [1, 8].map((seed) => ({ id: `t/${seed}#0`, patientId: `p${seed}`, volume: make(seed) })),
    validation: [{ id: "v/9#0", patientId: "p9", volume: make(9) }],
  };
}

/** Two patients to train on, one to validate with; one slice each. */
export const SERIES: Sides = makeSides(1);

/** Series with roles: input and target, or repeats. */
export function giveRoles(kind: "pairs" | "repeats", sides: Sides = SERIES): Sides {
  const twice = ({ id, patientId, volume }: TrainingSeries, k: number): TrainingSeries[] =>
    ([0, 1] as const).map((half) => ({
      id: `${id}${half}`,
      ...(patientId ? { patientId } : {}),
      pairId: id,
      role: kind === "repeats" ? "repeat" : half === 0 ? "input" : "target",
      volume: half === 0 ? volume : chest(Number(id[2]), 100 + k, volume.geometry.size[0]),
    }));
  return { training: sides.training.flatMap(twice), validation: sides.validation.flatMap(twice) };
}

/** Prepares a recipe; what is left out is an error. */
export async function prepareTask(change: RecipeChange, series: Sides = SERIES): Promise<PreparedRecipe> {
  const skipped: SkippedSeries[] = [];
  const prepared = await prepareRecipe(makeRecipe(change), series, {
    quality: "skip",
    onSkipped: (item) => skipped.push(item),
  });
  if (skipped.length > 0) throw new Error(`left out: ${JSON.stringify(skipped)}`);
  return prepared;
}

/** A recipe and the series that it is run on. */
export interface TaskCase extends RecipeChange {
  readonly series?: Sides;
  /** Nothing to judge by. */
  readonly hasNoTruth?: boolean;
}

const phantoms = { count: 2, realisations: 2, share: 0.25 };
const unet = { levels: 2, channels: 2, convolutionsPerLevel: 1 };
const pooled: Sides = {
  training: SERIES.training.map((item, k) => ({ ...item, pool: k === 0 ? "x" : "y" })),
  validation: SERIES.validation.map((item) => ({ ...item, pool: "x" })),
};

/** Every task and every method at least once. */
export const TASK_CASES: Readonly<Record<string, TaskCase>> = {
  "low-dose": { task: "low-dose" },
  "low-dose with strength": {
    task: "low-dose",
    networks: { main: { name: "cnn-10", config: { channels: 4, layers: 3, hasStrength: true } } },
  },
  "low-dose 2.5D": {
    task: "low-dose",
    networks: { main: { name: "cnn-10", config: { channels: 4, layers: 3, inputChannels: 3 } } },
    data: {
      augmentation: { rotationRad: 0.2, gain: [0.9, 1.1] },
      sampling: { informativeness: "gradient", tissueShares: [0, 1, 2, 1] },
    },
    series: makeSides(3),
  },
  "low-dose 3D": {
    task: "low-dose",
    networks: { main: { name: "unet", config: { ...unet, dimensions: 3 } } },
    training: { patch: [4, 16, 16] },
    series: makeSides(4),
    data: { maximumSlicesPerSeries: 4 },
  },
  "scanned-pairs": { task: "scanned-pairs", series: giveRoles("pairs") },
  "repeats, inserted": { task: "repeats", method: { name: "noise2noise" } },
  "repeats, scanned, 2.5D": {
    task: "repeats",
    method: { name: "noise2noise", options: { isSymmetric: false } },
    networks: { main: { name: "cnn-10", config: { channels: 4, layers: 3, inputChannels: 3 } } },
    series: giveRoles("repeats", makeSides(3)),
  },
  "split-projections": {
    task: "split-projections",
    method: { name: "noise2inverse" },
    options: { ...CHAIN, slices: 1 },
    data: { phantoms: { ...phantoms, count: 1 } },
  },
  "noisy, noise2void": { task: "noisy", method: { name: "noise2void" }, hasNoTruth: true },
  "noisy, neighbor2neighbor": {
    task: "noisy",
    method: { name: "neighbor2neighbor" },
    options: { isInserted: true },
  },
  "noisy, sure": { task: "noisy", method: { name: "sure" }, series: giveRoles("pairs") },
  "noisy, autoencoder": {
    task: "noisy",
    method: { name: "autoencoder" },
    networks: { main: { name: "autoencoder", config: { channels: 2, levels: 2, latentChannels: 2 } } },
  },
  "lung-regions": {
    task: "lung-regions",
    method: { name: "lung-regions", options: { lungRegion: 8, otherRegion: 16 } },
  },
  "lung-regions, scanned": {
    task: "lung-regions",
    method: { name: "lung-regions", options: { lungRegion: 8, otherRegion: 16 } },
    series: giveRoles("pairs"),
  },
  "super-resolution ×1": { task: "super-resolution", options: { fwhmMm: 6, binning: 2 } },
  "super-resolution ×2": {
    task: "super-resolution",
    networks: { main: { name: "cnn-10", config: { channels: 4, layers: 3, outputScale: 2 } } },
    data: { phantoms },
  },
  artifacts: {
    task: "artifacts",
    options: { ...CHAIN, slices: 1, faults: "rings, motion" },
    data: { phantoms },
  },
  contrast: { task: "contrast", options: { slices: 1 } },
  "contrast by a map": { task: "contrast", options: { truth: "map", noiseHu: 0 }, data: { phantoms } },
  "contrast, iodine": {
    task: "contrast",
    options: { truth: "iodine", noiseHu: 0 },
    data: { phantoms },
    training: { patch: 96 },
  },
  inpainting: {
    task: "inpainting",
    method: { name: "gan", options: { isInpainting: true } },
    networks: {
      main: { name: "unet", config: { ...unet, hasStrength: true } },
      critic: CRITIC,
    },
    data: { phantoms },
  },
  synthesis: { task: "synthesis", method: { name: "gan" }, networks: { main: NET, critic: CRITIC } },
  "synthesis of few views": {
    task: "synthesis",
    options: { kind: "few-views", keepEvery: 6, ...CHAIN, slices: 1, noiseHu: 0 },
  },
  "unpaired, inserted": {
    task: "unpaired",
    method: { name: "cyclegan" },
    networks: { main: GENERATOR, critic: CRITIC },
  },
  "unpaired, pools": {
    task: "unpaired",
    method: { name: "ozaki", options: { perceptualWeight: 0 } },
    networks: { main: GENERATOR, critic: CRITIC },
    series: pooled,
    hasNoTruth: true,
  },
};
