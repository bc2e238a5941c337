/** Every training task at a small size: fields and shapes that its method asks for, seeds, validation, refusals. */
import { createRandom } from "@alara/core";
import {
  AUGMENTATION_KEYS,
  buildRecipeProgram,
  buildTrainingPairs,
  type PreparedRecipe,
  SAMPLING_KEYS,
  trainingTasks,
} from "@alara/enhance";
import { countFieldSamples, createPairSource, listPatchSides, methods, type RunNetwork } from "@alara/learn";
import { describe, expect, it } from "vitest";
import { giveRoles, makeRecipe, prepareTask, SERIES, TASK_CASES } from "./task-recipes.ts";

/** Draws one batch of everything that the method asks for. */
function draw(
  { recipe, program, data }: PreparedRecipe,
  seed: number,
): Readonly<Record<string, Float32Array>> {
  const request = { batch: recipe.training.batch, patch: listPatchSides(recipe.training.patch) };
  const drawn = data.source.drawBatch(createRandom(seed), request);
  return program.prepare?.(drawn, createRandom(seed)) ?? drawn;
}

/** A network that gives back the middle slice, pixels repeated. */
function runIdentity({ program }: PreparedRecipe): RunNetwork {
  const { main } = program.networks;
  return async (_, input, [, channels, ...sides]) => {
    const size = sides.reduce((product, side) => product * side, 1);
    const slices = channels - (main.config.hasStrength === true ? 1 : 0);
    const middle = input.subarray(((slices - 1) / 2) * size, ((slices + 1) / 2) * size);
    const [rows, columns] = sides.slice(-2);
    const scale = main.outputScale;
    return Float32Array.from({ length: size * scale * scale }, (_unused, k) => {
      const row = Math.floor(k / (columns * scale));
      return middle[
        (Math.floor(row / scale) % (rows * (size / (rows * columns)))) * columns +
          Math.floor((k % (columns * scale)) / scale)
      ];
    });
  };
}

describe("every task", () => {
  it.each(Object.entries(TASK_CASES))(
    "%s gives what its method asks for",
    async (_, { series, hasNoTruth, ...change }) => {
      const prepared = await prepareTask(change, series);
      const { program, recipe, data } = prepared;
      const batch = draw(prepared, 3);
      for (const [name, { channels, scale = 1, patch }] of Object.entries(program.fields)) {
        expect(data.source.fields[name], name).toEqual({ channels, scale });
        const samples = countFieldSamples(
          { channels, scale },
          patch ?? listPatchSides(recipe.training.patch),
        );
        expect(batch[name], name).toHaveLength(recipe.training.batch * samples);
        expect(batch[name].every(Number.isFinite), name).toBe(true);
        expect(new Set(batch[name]).size, name).toBeGreaterThan(1);
      }
      expect(draw(prepared, 3)).toEqual(batch);
      expect(draw(prepared, 4)).not.toEqual(batch);
      if (batch.input && batch.target) expect(batch.input).not.toEqual(batch.target);
      expect(data.summary + data.notes).not.toBe("");
      if (hasNoTruth) {
        expect(data.validation).toBeUndefined();
        return;
      }
      const { score, figures } = await data.validation!.validate(runIdentity(prepared), program.networks);
      expect(score).toBeGreaterThanOrEqual(0);
      expect(score).toBeLessThan(2000);
      if (figures.inputRmseHu !== undefined) expect(score).toBeCloseTo(figures.inputRmseHu, 2);
      if (program.name !== "autoencoder") expect(score).toBeGreaterThan(1);
    },
  );

  it("has a case, and every method a task that feeds it", () => {
    const cases = Object.values(TASK_CASES);
    expect(new Set(cases.map(({ task }) => task))).toEqual(new Set(trainingTasks.names));
    expect(new Set(cases.map(({ method }) => method?.name ?? "regression"))).toEqual(new Set(methods.names));
    for (const [name, { fields }] of methods.entries()) {
      const fitting = [...trainingTasks.entries()].filter(([, task]) =>
        fields.every((field) => task.fields.includes(field)),
      );
      expect(fitting.length, name).toBeGreaterThan(0);
    }
  });

  it("is the same for the same seed, and another for another", async () => {
    for (const name of ["artifacts", "unpaired, inserted"]) {
      const { series: _, hasNoTruth: __, ...change } = TASK_CASES[name];
      const [first, again] = [await prepareTask(change), await prepareTask(change)];
      expect(draw(again, 3)).toEqual(draw(first, 3));
      const other = await prepareTask({ ...change, training: { seed: 2 } });
      expect(draw(other, 3)).not.toEqual(draw(first, 3));
    }
  });

  it("gives a validation on its own", async () => {
    const recipe = makeRecipe({ task: "low-dose" });
    const program = buildRecipeProgram(recipe);
    const task = trainingTasks.get("low-dose");
    const validation = await task.prepareValidation(
      { recipe, program, validation: SERIES.validation },
      { samples: 1 },
    );
    expect(validation?.id).toBe("v/9#0");
    expect(await task.prepareValidation({ recipe, program, validation: [] }, {})).toBeUndefined();
  });
});

describe("refusals say the way out", () => {
  const cases: readonly (readonly [string, Parameters<typeof prepareTask>, RegExp])[] = [
    [
      "a method with other fields",
      [{ task: "low-dose", method: { name: "noise2noise" } }],
      /asks for a, b.*tasks that fit: repeats/,
    ],
    ["pairs without roles", [{ task: "scanned-pairs" }], /roles "input" and "target"/],
    ["a mask that nobody asks for", [{ task: "inpainting" }], /isInpainting/],
    ["unknown faults", [{ task: "artifacts", options: { faults: "ghosts" } }], /metal-streaks/],
    ["iodine without phantoms", [{ task: "contrast", options: { truth: "iodine" } }], /phantoms.count/],
    [
      "unknown options",
      [{ task: "contrast", options: { colour: 1 } }],
      /"colour" = 1 is unknown.*known: truth/,
    ],
    [
      "one noise field for two",
      [
        {
          task: "repeats",
          method: { name: "noise2noise" },
          data: { insertion: { doseFraction: 0.25, realisations: 1 } },
        },
      ],
      /insertion.realisations \(1\)/,
    ],
    [
      "unknown augmentation",
      [{ task: "low-dose", data: { augmentation: { mirror: true } } }],
      /data.augmentation: option "mirror"/,
    ],
    [
      "unknown sampling",
      [{ task: "low-dose", data: { sampling: { tissueShares: [1] } } }],
      /air, lung, soft, bone/,
    ],
    [
      "one patient for two pools",
      [{ ...TASK_CASES["unpaired, inserted"] }, { ...SERIES, training: SERIES.training.slice(0, 1) }],
      /two patients/,
    ],
    [
      "a doubled matrix",
      [
        {
          task: "low-dose",
          networks: { main: { name: "cnn-10", config: { channels: 4, layers: 3, outputScale: 2 } } },
        },
      ],
      /super-resolution/,
    ],
    [
      "slabs that no series has",
      [{ ...TASK_CASES["low-dose 3D"], training: { patch: [8, 16, 16] } }],
      /none of 2 series has the 8 slices/,
    ],
    [
      "views that cannot be split",
      [{ ...TASK_CASES["split-projections"], options: { views: 97, subsets: 4 } }],
      /97 views/,
    ],
  ];
  it.each(cases)("%s", async (_, [{ ...change }, series], message) => {
    const { series: _series, hasNoTruth: __, ...rest } = change as (typeof TASK_CASES)[string];
    await expect(prepareTask(rest, series)).rejects.toThrow(message);
  });
});

describe("the parts of a task", () => {
  it("draws flat slices of low dose as the pair source does by itself", async () => {
    const prepared = await prepareTask({ task: "low-dose" });
    const { pairs } = await buildTrainingPairs(SERIES.training, prepared.recipe);
    const source = createPairSource(pairs, { tissueFraction: prepared.recipe.data.bodyShare });
    const drawn = source.drawBatch(createRandom(3), { batch: 2, patch: [16, 16] });
    expect(draw(prepared, 3)).toEqual(drawn);
  });

  it("draws as a recipe's augmentation says", async () => {
    const still = await prepareTask({
      task: "noisy",
      method: { name: "sure" },
      data: { augmentation: { offsetHu: [500, 500] } },
    });
    const plain = await prepareTask({ task: "noisy", method: { name: "sure" } });
    // The first sample's place is drawn before its offset.
    const [moved, kept] = [still, plain].map((prepared) => draw(prepared, 5).input.subarray(0, 256));
    expect(moved).toEqual(kept.map((x) => x + 500));
  });

  it("draws without the keys as with their defaults", async () => {
    const values = (keys: typeof SAMPLING_KEYS): Record<string, never> =>
      Object.fromEntries(Object.entries(keys).map(([key, { defaultValue }]) => [key, defaultValue as never]));
    const method = { name: "sure" };
    const plain = await prepareTask({ task: "noisy", method });
    const data = { augmentation: values(AUGMENTATION_KEYS) };
    const spelt = await prepareTask({ task: "noisy", method, data });
    expect(draw(spelt, 5)).toEqual(draw(plain, 5));
    const [sampled, again] = [
      await prepareTask({ task: "noisy", method, data: { sampling: {} } }),
      await prepareTask({ task: "noisy", method, data: { sampling: values(SAMPLING_KEYS) } }),
    ];
    expect(draw(again, 5)).toEqual(draw(sampled, 5));
  });

  it("uses scanned pairs to validate what has no target", async () => {
    const { data } = await prepareTask({ task: "noisy", method: { name: "noise2void" } }, giveRoles("pairs"));
    expect(data.validationIds).toEqual(["v/9#0"]);
  });

  it("takes options from the recipe", () => {
    expect(makeRecipe({ task: "artifacts", options: { severity: [0.5, 0.6] } }).data.task?.options).toEqual({
      severity: [0.5, 0.6],
    });
  });
});
