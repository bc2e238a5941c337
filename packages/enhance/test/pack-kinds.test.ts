/** Every task and method that training knows: what it packs opens and enhances, without a training run. */
import { createCentredGrid, createRandom, createVolume } from "@alara/core";
import { initialiseParameters, methods, type TrainResult } from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { describe, expect, it } from "vitest";
import {
  buildRecipeProgram,
  createNetworkEnhancer,
  type ModelBundle,
  openBundle,
  type PreparedRecipe,
  packTrainedModel,
  refineInPlane,
} from "../src/index.ts";
import { makeRecipe, type RecipeChange, TASK_CASES } from "./task-recipes.ts";

const runtime = await createNodeRuntime({ threads: 1 });

/** Packs every network of a recipe with the weights that training starts from. */
async function packStart(change: RecipeChange): Promise<Record<string, ModelBundle>> {
  const recipe = makeRecipe(change);
  const program = buildRecipeProgram(recipe);
  const entries = Object.entries(program.groups).map(
    ([group, parameters]) => [group, initialiseParameters(parameters, createRandom(2))] as const,
  );
  const data = {
    trainingIds: [],
    validationIds: [],
    notes: "",
    summary: "",
  } as unknown as PreparedRecipe["data"];
  const result = {
    values: Object.fromEntries(entries),
    checkpoint: { step: 0 },
    best: null,
  } as unknown as TrainResult;
  const facts = { codeVersion: "0", commit: "test" };
  const bundles: Record<string, ModelBundle> = {};
  for (const role of Object.keys(program.networks)) {
    bundles[role] = await openBundle(await packTrainedModel({ recipe, program, data }, result, facts, role));
  }
  return bundles;
}

/** Recipes of networks that the tasks' tests do not use. */
const MORE: Readonly<Record<string, RecipeChange>> = {
  "whole images": {
    task: "low-dose",
    networks: { main: { name: "unet", config: { levels: 2, channels: 4, norm: "instance" } } },
  },
  "split window": {
    task: "low-dose",
    networks: {
      main: {
        name: "lung-split",
        config: {
          inside: "dncnn",
          outside: "cyclegan-generator",
          "outside.channels": 2,
          "outside.encoderBlocks": 0,
          "outside.decoderBlocks": 0,
          "outside.norm": "none",
          "outside.highHu": 1000,
          "inside.layers": 2,
          "inside.channels": 2,
        },
      },
    },
  },
};

describe("what training packs", () => {
  const volume = createVolume("HU", createCentredGrid([6, 24, 28], [3, 0.7, 0.7]));
  const random = createRandom(4);
  for (let i = 0; i < volume.data.length; i++) volume.data[i] = 50 + 30 * random.nextNormal();

  it.each(Object.entries({ ...TASK_CASES, ...MORE }))("%s", async (name, change) => {
    for (const bundle of Object.values(await packStart(change))) {
      if (name === "inpainting") {
        expect(bundle.card.inference).toMatchObject({ needsMask: true, hasStrength: false });
        await expect(createNetworkEnhancer(bundle, { runtime })).rejects.toMatchObject({
          code: "MODEL_NEEDS_MASK",
        });
        continue;
      }
      const enhancer = await createNetworkEnhancer(bundle, { runtime });
      const { data, geometry } = await enhancer.enhance(volume);
      expect(geometry).toEqual(refineInPlane(volume.geometry, bundle.card.inference.outputScale ?? 1));
      expect(data.every(Number.isFinite)).toBe(true);
      await enhancer.dispose();
    }
  });

  it("names the kind", async () => {
    const read = async (change: RecipeChange): Promise<ModelBundle["card"]["inference"]> =>
      (await packStart(change)).main.card.inference;
    expect(await read(TASK_CASES["low-dose with strength"])).toMatchObject({
      hasStrength: true,
      contextSlices: 0,
    });
    expect(await read(TASK_CASES["low-dose 2.5D"])).toMatchObject({ contextSlices: 1, dimensions: 2 });
    expect(await read(TASK_CASES["low-dose 3D"])).toMatchObject({ contextSlices: 0, dimensions: 3 });
    expect(await read(TASK_CASES["super-resolution ×2"])).toMatchObject({ outputScale: 2 });
    expect(await read(TASK_CASES["unpaired, pools"])).toMatchObject({
      windowHu: [-600, 400],
      hasGlobalReach: true,
    });
    expect(await read(MORE["whole images"])).toMatchObject({ hasGlobalReach: true });
    expect(await read(MORE["split window"])).toMatchObject({ windowHu: [-600, 1000] });
    // The gate's lowHu and highHu are no window.
    expect(await read(TASK_CASES["lung-regions"])).not.toHaveProperty("windowHu");
  });

  it("leaves no method out", () => {
    const used = new Set(Object.values(TASK_CASES).map(({ method }) => method?.name ?? "regression"));
    expect([...used].sort()).toEqual([...methods.names].sort());
  });
});
