/** Split files: roles, pools, pairs by subject, facts from headers; faulty data are refused with their list. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createVolume, type Volume } from "@alara/core";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSplit, readSplitSeries } from "../src/training-input.ts";
import { makeVolume, runAlara, writeSeries } from "./alara.ts";

let folder: TemporaryFolder;
let data: string;
const quiet = { onSkipped: (): void => {} };

function shift(volume: Volume<"HU">, by: number): Volume<"HU"> {
  return createVolume(
    "HU",
    volume.geometry,
    volume.data.map((hu) => hu + by),
  );
}

beforeAll(async () => {
  folder = createTemporaryFolder("training-input");
  data = folder.resolve("data");
  for (const [k, patientId] of ["A", "B", "C"].entries()) {
    await writeSeries(`${data}/low/${patientId}`, makeVolume(1, 64, k + 1), { patientId });
    await writeSeries(`${data}/high/${patientId}`, makeVolume(1, 64, k + 11), { patientId, seriesNumber: 2 });
  }
  await writeSeries(`${data}/one/ct`, makeVolume(1, 64, 31), { patientId: "D" });
  await writeSeries(`${data}/two/ct`, makeVolume(1, 64, 32), { patientId: "E" });
});
afterAll(() => folder.dispose());

function writeSplit(name: string, split: object): string {
  writeFileSync(`${data}/${name}`, JSON.stringify(split));
  return name;
}

test("folders have roles and pools; inputs and targets of a subject are pairs", async () => {
  const split = writeSplit("pairs.json", {
    about: "not a side",
    train: {
      low: { subjects: ["A", "B"], role: "input" },
      high: { subjects: ["A", "B"], role: "target" },
      one: { subjects: "all", pool: "x" },
    },
    val: { low: { subjects: ["C"], role: "repeat" }, high: { subjects: ["C"], role: "repeat" } },
  });
  const opened = await openSplit(data, split, { needed: ["train", "val"], held: ["test"] }, quiet);
  const train = await readSplitSeries(opened, "train", quiet);
  const shown = train.map(({ id, patientId, role, pairId, pool }) =>
    [id.replace(/\d+$/, ""), patientId, role, pairId, pool].join(" "),
  );
  expect(shown.sort()).toEqual([
    "high/A# A target A#0 ",
    "high/B# B target B#0 ",
    "low/A# A input A#0 ",
    "low/B# B input B#0 ",
    "one/# D   x",
  ]);
  expect(train[0].facts).toMatchObject({ kvp: 120, sliceThicknessMm: 3, bodyPart: "ABDOMEN" });
  expect(train[0].volume.geometry.size).toEqual([1, 64, 64]);
  const val = await readSplitSeries(opened, "val", quiet);
  expect(val.map(({ role, pairId }) => [role, pairId])).toEqual([
    ["repeat", "C"],
    ["repeat", "C"],
  ]);
});

test("folders of the same name have different ids", async () => {
  const split = writeSplit("names.json", { train: { "one/ct": "all", "two/ct": ["E"] } });
  const opened = await openSplit(data, split, { needed: ["train"] }, quiet);
  expect(opened.get("train")?.map(({ id }) => id)).toEqual(["one/ct/#0", "two/ct/E#0"]);
});

test("a wrong entry and a missing side are named", async () => {
  for (const [entry, message] of [
    [{ subjects: "all", role: "truth" }, /side "train" has an entry for "low"/],
    [{ role: "input" }, /an entry for "low"/],
    [{ subjects: "all", pol: "x" }, /an entry for "low"/],
    [["A", 7], /an entry for "low"/],
  ] as const) {
    const split = writeSplit("wrong.json", { train: { low: entry } });
    await expect(openSplit(data, split, { needed: ["train"] }, quiet)).rejects.toThrow(message);
  }
  const split = writeSplit("short.json", { train: { low: "all" } });
  await expect(openSplit(data, split, { needed: ["train", "val"] }, quiet)).rejects.toThrow(/no side "val"/);
  const leak = writeSplit("leak.json", { train: { low: "all" }, val: { high: ["A"] } });
  await expect(openSplit(data, leak, { needed: ["train", "val"] }, quiet)).rejects.toThrow(
    expect.objectContaining({ code: "SPLIT_OVERLAP" }),
  );
});

test("alara train refuses faulty data with the list", async () => {
  const raw = folder.resolve("raw");
  await writeSeries(`${raw}/a`, shift(makeVolume(1, 64, 1), 1000), { patientId: "A" });
  await writeSeries(`${raw}/b`, makeVolume(1, 64, 2), { patientId: "B" });
  await writeSeries(`${raw}/c`, makeVolume(1, 64, 2), { patientId: "C", seriesNumber: 2 });
  writeFileSync(`${raw}/SPLIT.json`, JSON.stringify({ train: { a: "all", b: "all" }, val: { c: "all" } }));
  const shipped = fileURLToPath(new URL("../../../recipes/residual-cnn.json", import.meta.url));
  const path = folder.resolve("recipe.json");
  writeFileSync(path, readFileSync(shipped));
  const run = await runAlara("train", path, "--data", raw, "-o", folder.resolve("run"));
  expect(run.code).toBe(1);
  expect(run.stderr).toContain("TRAINING_DATA_FAULTY");
  expect(run.stderr).toMatch(/MISSING_INTERCEPT train:a\/#0/);
  expect(run.stderr).toMatch(/DUPLICATE train:b\/#0, val:c\/#0: equal pixels/);
});
