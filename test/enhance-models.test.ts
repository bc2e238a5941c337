/** `alara enhance` with every kind of model: neighbours, blocks, a doubled matrix, learned strengths. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Volume } from "@alara/core";
import {
  decodeVolume,
  readDicomFile,
  readItems,
  readNumbers,
  readText,
  refineGrid,
  TAG,
  volumeFormats,
  writeEnhancedCt,
} from "@alara/dicom";
import { openVolumeFile, scanSeriesFiles } from "@alara/dicom/node";
import { createNetworkEnhancer, enhanceAtStrength, refineInPlane } from "@alara/enhance";
import { readBundle, writeBundle } from "@alara/enhance/node";
import { createNodeRuntime } from "@alara/learn/node";
import { createTemporaryFolder, requireTool, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeVolume, runAlara, writeSeries } from "../packages/cli/test/alara.ts";
import { makeKindBundle, type TinyKind } from "../packages/enhance/test/tiny-bundle.ts";

const DATE = ["--date", "2026-02-03T04:05:06+00:00"];
/** Cards of the tests know no noise level of these pictures. */
const FORCE = "--force";
const KINDS = ["neighbours", "blocks", "doubled", "strength"] as const satisfies readonly TinyKind[];
const STRENGTH = 0.6;

let folder: TemporaryFolder;
let input: string;
let source: Volume<"HU">;
beforeAll(async () => {
  folder = createTemporaryFolder("enhance-models");
  input = folder.resolve("input");
  await writeSeries(input, makeVolume(11, 40));
  source = await readFolder(input);
  for (const kind of [...KINDS, "global"] as const) {
    await writeBundle(folder.resolve(`bundle-${kind}`), await makeKindBundle(kind));
  }
});
afterAll(() => folder.dispose());

async function readFolder(path: string): Promise<Volume<"HU">> {
  const { series } = await scanSeriesFiles([path]);
  expect(series).toHaveLength(1);
  return (await decodeVolume(series[0])) as Volume<"HU">;
}

/** The whole volume at once, in this process. */
async function enhanceHere(kind: TinyKind, volume: Volume<"HU">, strength: number): Promise<Volume<"HU">> {
  const runtime = await createNodeRuntime({ threads: 1 });
  const enhancer = await createNetworkEnhancer(await readBundle(folder.resolve(`bundle-${kind}`)), {
    runtime,
  });
  const result = await enhanceAtStrength(enhancer, volume, strength);
  await enhancer.dispose();
  return result;
}

describe.each(KINDS)("a model of %s", (kind) => {
  const isDoubled = kind === "doubled";
  const [rows, spacing] = isDoubled ? [80, 0.35] : [40, 0.7];

  test("makes a series of what it makes of the whole volume", async () => {
    const output = folder.resolve(kind);
    const set = kind === "blocks" ? ["--set", "blockSlices=4", "--set", "tileSize=24"] : [];
    const model = ["--model", folder.resolve(`bundle-${kind}`), ...set, "--strength", String(STRENGTH)];
    const run = await runAlara("enhance", input, "-o", output, ...model, FORCE, "--json", ...DATE);
    expect(run.code, run.stderr).toBe(0);
    const made = await readFolder(`${output}/series`);
    const expected = await enhanceHere(kind, source, STRENGTH);
    expect(made.geometry.size).toEqual(expected.geometry.size);
    for (const [k, value] of expected.geometry.originMm.entries()) {
      expect(made.geometry.originMm[k]).toBeCloseTo(value, 5);
    }
    expect(made.geometry.spacingMm[1]).toBeCloseTo(spacing, 9);
    let worst = 0;
    for (const [i, value] of made.data.entries()) worst = Math.max(worst, Math.abs(value - expected.data[i]));
    // Stored as whole numbers.
    expect(worst).toBeLessThanOrEqual(0.51);
  });

  test("says in headers and report what was done", () => {
    const { dataset } = readDicomFile(readFileSync(folder.resolve(kind, "series/slice-0006.dcm")));
    expect(readNumbers(dataset, TAG.Rows)).toEqual([rows]);
    expect(readNumbers(dataset, TAG.PixelSpacing)?.[0]).toBeCloseTo(spacing, 9);
    const [equipment] = readItems(dataset, TAG.ContributingEquipmentSequence) ?? [];
    const strengthKind = kind === "strength" ? "trained" : "blend";
    expect(readText(equipment, TAG.ContributionDescription)).toContain(`strengthKind=${strengthKind}`);
    expect(readText(dataset, TAG.DerivationDescription)).toContain("strength 0.6");
    const [code] = readItems(dataset, TAG.DerivationCodeSequence) ?? [];
    expect(readText(code, TAG.CodeValue)).toBe(isDoubled ? "113085" : "113087");
    const sources = readItems(dataset, TAG.SourceImageSequence) ?? [];
    if (kind === "neighbours") expect(sources).toHaveLength(5);
    if (kind === "blocks") expect(sources.length).toBeGreaterThan(5);
    if (isDoubled || kind === "strength") expect(sources).toHaveLength(1);
    const report = JSON.parse(readFileSync(folder.resolve(kind, "report.json"), "utf8"));
    expect(report.run).toMatchObject({ strength: 0.6, strengthKind });
    const html = readFileSync(folder.resolve(kind, "report.html"), "utf8");
    expect(html.includes("it is no blend")).toBe(kind === "strength");
    expect(html.includes("Rows and columns are doubled")).toBe(isDoubled);
  });

  test("is valid DICOM", (context) => {
    const dciodvfy = requireTool(context, "dciodvfy", "dicom3tools");
    const series = folder.resolve(kind, "series");
    for (const name of readdirSync(series).slice(0, 3)) {
      const { stdout, stderr } = spawnSync(dciodvfy, [`${series}/${name}`], { encoding: "utf8" });
      const faults = `${stdout}\n${stderr}`.split("\n").filter((line) => line.startsWith("Error"));
      expect(faults).toEqual([]);
    }
  });
});

test("strength 0 gives the stored values back, of a doubling model the enlarged ones", async () => {
  for (const kind of ["strength", "blocks"] as const) {
    const output = folder.resolve(`none-${kind}`);
    const model = ["--model", folder.resolve(`bundle-${kind}`), "--strength", "0", "--no-report"];
    const run = await runAlara("enhance", input, "-o", output, ...model, FORCE, ...DATE);
    expect(run.code, run.stderr).toBe(0);
    expect((await readFolder(`${output}/series`)).data).toEqual(source.data);
  }
});

test("a volume file is doubled too, on a grid of the same field of view", async () => {
  const file = folder.resolve("volume.nrrd");
  const files = volumeFormats.get("nrrd").write(source, { baseName: "volume", sampleType: "int16" });
  writeFileSync(file, files[0].bytes);
  const output = folder.resolve("doubled-file");
  const model = ["--model", folder.resolve("bundle-doubled"), FORCE];
  const run = await runAlara("enhance", file, "-o", output, ...model, ...DATE);
  expect(run.code, run.stderr).toBe(0);
  const { volume } = await openVolumeFile(`${output}/enhanced.nrrd`);
  const expected = refineInPlane(source.geometry, 2);
  expect(volume.geometry.size).toEqual(expected.size);
  volume.geometry.originMm.forEach((value, k) => {
    expect(value).toBeCloseTo(expected.originMm[k], 5);
  });
  // The writer of headers knows the same grid.
  expect(refineGrid(source.geometry, [1, 2, 2])).toEqual(expected);
});

test("a reference of a doubled matrix must have it too", async () => {
  const model = ["--model", folder.resolve("bundle-doubled"), FORCE];
  const same = ["--reference", input, "-o", folder.resolve("reference")];
  const run = await runAlara("enhance", input, ...same, ...model);
  expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining("GRID_MISMATCH") });
  const fine = ["--reference", folder.resolve("doubled/series"), "-o", folder.resolve("reference")];
  const judged = await runAlara("enhance", input, ...fine, ...model, "--json");
  expect(judged.code, judged.stderr).toBe(0);
  expect(JSON.parse(judged.stdout).report.comparisons.length).toBeGreaterThan(0);
});

test("a network of whole images refuses tiles and leaves nothing behind", async () => {
  const output = folder.resolve("tiles");
  const model = ["--model", folder.resolve("bundle-global"), FORCE, "--set", "tileSize=32"];
  const run = await runAlara("enhance", input, "-o", output, ...model);
  expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining("CANNOT_TILE") });
  expect(existsSync(output)).toBe(false);
});

test("a doubled enhanced object becomes single images", async (context) => {
  const { bytes } = await writeEnhancedCt(makeVolume(3, 32), {
    identity: { test: "enhance-models" },
    patientId: "TEST",
    dateTime: "2026-01-02T03:04:05+00:00",
    seriesDescription: "test",
    softwareVersion: "0",
    tubeVoltageKv: 120,
    bodyPart: "ABDOMEN",
  });
  const object = folder.resolve("object");
  mkdirSync(object);
  writeFileSync(`${object}/object.dcm`, bytes);
  const output = folder.resolve("doubled-object");
  const model = ["--model", folder.resolve("bundle-doubled"), FORCE, "--no-report"];
  const run = await runAlara("enhance", object, "-o", output, ...model, ...DATE);
  expect(run.code, run.stderr).toBe(0);
  const made = await readFolder(`${output}/series`);
  expect(made.geometry).toMatchObject({ size: [3, 64, 64], spacingMm: [3, 0.35, 0.35] });
  expect(readdirSync(`${output}/series`)).toHaveLength(3);
  const dciodvfy = requireTool(context, "dciodvfy", "dicom3tools");
  const { stdout, stderr } = spawnSync(dciodvfy, [`${output}/series/slice-0001.dcm`], { encoding: "utf8" });
  expect(`${stdout}\n${stderr}`.split("\n").filter((line) => line.startsWith("Error"))).toEqual([]);
});
