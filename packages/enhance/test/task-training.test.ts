/** Small trainings from task to result: each beats the unprocessed input, or linear enlargement, by 10 % RMSE. */
import { createCentredGrid, createRandom, createVolume } from "@alara/core";
import {
  buildRecipeProgram,
  prepareRecipe,
  type Recipe,
  type TrainingSeries,
  trainingTasks,
  trainRecipe,
} from "@alara/enhance";
import { createNodeRuntime } from "@alara/learn/node";
import { createRandomBodyPhantom, voxelizePhantom } from "@alara/physics";
import { describe, expect, it } from "vitest";
import { makeRecipe, type RecipeChange } from "./task-recipes.ts";

const SIDE = 96;
const SEEDS = process.env.ALARA_FULL ? [1, 2, 3] : [1];
const runtime = await createNodeRuntime({ threads: 1 });

/** A chest without noise. */
function makeSeries(id: string, seed: number): TrainingSeries {
  const pixel = 330 / SIDE;
  const grid = createCentredGrid([1, SIDE, SIDE], [3, pixel, pixel]);
  const phantom = createRandomBodyPhantom(createRandom(seed), { region: "chest" });
  return {
    id,
    patientId: id,
    volume: createVolume("HU", grid, voxelizePhantom(phantom, grid, { subsamples: 3 }).data),
  };
}

/** The same with the noise of a scan, so that there is noise to measure. */
function addNoise(item: TrainingSeries, seed: number): TrainingSeries {
  const random = createRandom(seed);
  const { geometry, data } = item.volume;
  return {
    ...item,
    volume: createVolume(
      "HU",
      geometry,
      data.map((hu) => hu + 15 * random.nextNormal()),
    ),
  };
}

const clean = {
  training: Array.from({ length: 6 }, (_, k) => makeSeries(`t${k}`, k + 1)),
  validation: [makeSeries("v0", 21), makeSeries("v1", 22)],
};
const noisy = {
  training: [1, 6, 8].map((seed) => addNoise(makeSeries(`t${seed}`, seed), seed)),
  validation: [addNoise(makeSeries("v9", 9), 9)],
};

const TRAINING: Partial<Recipe["training"]> = {
  batch: 8,
  patch: 32,
  steps: 200,
  validateEvery: 200,
  losses: [{ name: "charbonnier", options: { scale: 30 } }],
  learningRate: { kind: "cosine", value: 5e-3, warmupSteps: 10 },
  optimiser: { kind: "adam", averageDecay: 0.98 },
};
const NET = { name: "cnn-10", config: { channels: 12, layers: 5, scaleHu: 100 } };
const UNET = { name: "unet", config: { levels: 3, channels: 8, convolutionsPerLevel: 1, scaleHu: 100 } };

const cases: Readonly<Record<string, RecipeChange & { readonly sides: typeof clean }>> = {
  artifacts: {
    task: "artifacts",
    options: {
      faults: "sparse-views",
      severity: [0.7, 1],
      views: 240,
      channelBinning: 4,
      perSource: 1,
      cleanShare: 0,
    },
    networks: { main: UNET },
    sides: clean,
  },
  contrast: {
    task: "contrast",
    options: { truth: "map", noiseHu: 10 },
    networks: { main: NET },
    sides: clean,
  },
  "super-resolution ×2": {
    task: "super-resolution",
    options: { fwhmMm: 4, noiseHu: 0 },
    networks: { main: { ...NET, config: { ...NET.config, outputScale: 2 } } },
    training: { patch: 24 },
    sides: clean,
  },
  "lung-regions": {
    task: "lung-regions",
    method: { name: "lung-regions", options: { lungRegion: 16, otherRegion: 32 } },
    networks: { main: NET },
    sides: noisy,
  },
};

/** Enlarges by 2, linear between pixel centres. */
function enlarge(image: Float32Array, rows: number, columns: number): Float32Array {
  const at = (i: number, count: number): readonly [number, number, number] => {
    const x = Math.min(count - 1, Math.max(0, (i + 0.5) / 2 - 0.5));
    const low = Math.min(count - 2, Math.floor(x));
    return [low, low + 1, x - low];
  };
  return Float32Array.from({ length: 4 * image.length }, (_, k) => {
    const [r0, r1, v] = at(Math.floor(k / (2 * columns)), rows);
    const [c0, c1, u] = at(k % (2 * columns), columns);
    const line = (r: number): number => (1 - u) * image[r * columns + c0] + u * image[r * columns + c1];
    return (1 - v) * line(r0) + v * line(r1);
  });
}

/** RMSE of the input, or of its linear enlargement, over the validation. */
async function measureInput(recipe: Recipe, sides: typeof clean): Promise<number> {
  const program = buildRecipeProgram(recipe);
  const task = trainingTasks.get(recipe.data.task?.name ?? "");
  const validation = await task.prepareValidation({ recipe, program, validation: sides.validation }, {});
  const { main } = program.networks;
  const { score } = await validation!.validate(
    async (_, input, [, , rows, columns]) => (main.outputScale === 2 ? enlarge(input, rows, columns) : input),
    program.networks,
  );
  return score;
}

describe("small trainings beat the unprocessed input by 10 % RMSE", () => {
  it.each(Object.entries(cases))("%s", async (_, { sides, ...change }) => {
    for (const seed of SEEDS) {
      const recipe = makeRecipe({ ...change, training: { ...TRAINING, ...change.training, seed } });
      const prepared = await prepareRecipe(recipe, sides, { quality: "skip" });
      const { best } = await trainRecipe(prepared, { runtime });
      const ratio = (best?.score ?? Number.NaN) / (await measureInput(recipe, sides));
      if (process.env.ALARA_PRINT) console.log(change.task, seed, ratio.toFixed(3));
      expect(ratio, `seed ${seed}`).toBeLessThan(0.9);
    }
  });
});
