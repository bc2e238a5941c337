/** `alara train` from DICOM folders to a bundle that enhances; a run cut short and resumed gives the same model. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeVolume, runAlara, writeSeries } from "./alara.ts";

let folder: TemporaryFolder;
let data: string;
beforeAll(async () => {
  folder = createTemporaryFolder("train");
  data = folder.resolve("data");
  await writeSeries(`${data}/a`, makeVolume(2, 256, 1), { patientId: "A" });
  await writeSeries(`${data}/b`, makeVolume(1, 256, 2), { patientId: "B" });
  writeFileSync(`${data}/SPLIT.json`, JSON.stringify({ train: { a: "all" }, val: { b: ["B", "MISSING"] } }));
});
afterAll(() => folder.dispose());

function writeRecipe(name: string, steps: number): string {
  const shipped = new URL("../../../recipes/residual-cnn.json", import.meta.url);
  const recipe = JSON.parse(readFileSync(fileURLToPath(shipped), "utf8"));
  recipe.networks.main.config = { channels: 4, layers: 3, unshuffle: 2 };
  recipe.data.insertion.realisations = 1;
  recipe.data.phantoms = { count: 1, realisations: 1, share: 0.2 };
  recipe.training = {
    ...recipe.training,
    batch: 2,
    patch: 32,
    steps,
    learningRate: { kind: "constant", value: 0.001 },
    logEvery: 2,
    validateEvery: 3,
  };
  const path = folder.resolve(name);
  writeFileSync(path, JSON.stringify(recipe));
  return path;
}

test("a recipe becomes a bundle that enhances, and finishing a finished run changes nothing", async () => {
  const recipe = writeRecipe("recipe.json", 6);
  const output = folder.resolve("run");
  const args = ["train", recipe, "--data", data, "-o", output, "--threads", "1", "--json"];
  const first = await runAlara(...args);
  expect(first.code, first.stderr).toBe(0);
  expect(first.stderr).toContain("SUBJECT_NOT_FOUND");
  const result = JSON.parse(first.stdout);
  expect(result).toMatchObject({ reason: "finished", steps: 6 });
  expect(readdirSync(output).sort()).toEqual([
    "checkpoint.bin",
    "log.jsonl",
    "loss.svg",
    "model",
    "run.json",
    "samples",
  ]);
  const card = JSON.parse(readFileSync(`${output}/model/model.json`, "utf8"));
  expect(card.trainingData).toMatchObject({ ids: ["a/#0"], validationIds: ["b/B#0"] });

  const again = await runAlara(...args);
  expect(again).toMatchObject({ code: 1 });
  expect(JSON.parse(again.stdout).error.code).toBe("FOLDER_NOT_EMPTY");
  const resumed = await runAlara(...args, "--resume");
  expect(resumed.code, resumed.stderr).toBe(0);
  expect(JSON.parse(resumed.stdout).digest).toBe(result.digest);

  const enhanced = await runAlara(
    ...["enhance", `${data}/b`, "--model", `${output}/model`, "-o", folder.resolve("out"), "--no-report"],
  );
  expect(enhanced.code, enhanced.stderr).toBe(0);
  expect(readdirSync(folder.resolve("out/series"))).toHaveLength(1);
}, 180_000);

test("a wrong recipe names its faults and leaves no run folder", async () => {
  const path = folder.resolve("wrong.json");
  writeFileSync(path, JSON.stringify({ schema: "alara-recipe/1" }));
  const run = await runAlara("train", path, "--data", data, "-o", folder.resolve("wrong"));
  expect(run.code).toBe(1);
  expect(run.stderr).toMatch(/RECIPE_INVALID.*"training.steps" is missing/s);
  expect(readdirSync(folder.path)).not.toContain("wrong");
});
