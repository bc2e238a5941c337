/**
 * The bundled sample through the whole system, as `npm start` runs it: files that other tools accept, quality that
 * other tools agree on, HU unchanged, pictures in the report.
 */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { decodeVolume } from "@alara/dicom";
import { scanSeriesFiles } from "@alara/dicom/node";
import { measureRmse, measureSsim, SOFT_TISSUE_WINDOW } from "@alara/evaluate";
import { createTemporaryFolder, requireTool, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const SAMPLE = fileURLToPath(new URL("../samples/crlm-ct-1004/", import.meta.url));
const golden = JSON.parse(readFileSync(new URL("./golden/sample-quality.json", import.meta.url), "utf8"));

let folder: TemporaryFolder;
let output: string;
let printed: string;
beforeAll(async () => {
  folder = createTemporaryFolder("sample");
  output = folder.resolve("result");
  const start = fileURLToPath(new URL("../packages/cli/src/start.ts", import.meta.url));
  printed = (await run(process.execPath, [start, "-o", output])).stdout;
}, 300_000);
afterAll(() => folder.dispose());

async function readVolume(path: string) {
  const { series } = await scanSeriesFiles([path]);
  expect(series).toHaveLength(1);
  return decodeVolume(series[0]);
}

test("the sample's error is what scikit-image measures on DCMTK's decoding", async () => {
  const low = await readVolume(join(SAMPLE, "low-dose-25"));
  const original = await readVolume(join(SAMPLE, "original"));
  const sum = (data: Float32Array): number => data.reduce((total, value) => total + value, 0);
  expect(sum(low.data)).toBe(golden.sumOfLowDoseHu);
  expect(sum(original.data)).toBe(golden.sumOfOriginalHu);
  const rmse = measureRmse(low, original);
  expect(Math.abs(rmse.value / golden.wholeImage.rmseHu - 1)).toBeLessThan(1e-6);
  const ssim = measureSsim(low, original, { window: SOFT_TISSUE_WINDOW });
  expect(ssim.perSlice).toHaveLength(golden.wholeImage.ssimPerSlice.length);
  for (const [slice, value] of ssim.perSlice.entries()) {
    expect(Math.abs((value as number) - golden.wholeImage.ssimPerSlice[slice])).toBeLessThan(1e-6);
  }
});

test("npm start lowers noise and error and moves no tissue's mean by its limit", () => {
  const { quality } = JSON.parse(readFileSync(join(output, "report.json"), "utf8"));
  const find = (image: string, metric: string): number =>
    quality.comparisons
      .find((item: { image: string }) => item.image === image)
      .metrics.find((item: { metric: string }) => item.metric === metric).value;
  expect(find("enhanced", "rmse")).toBeLessThan(0.75 * find("low dose", "rmse"));
  expect(find("enhanced", "ssim")).toBeGreaterThan(find("low dose", "ssim") + 0.05);
  const bias = quality.huBias.find((item: { kind: string }) => item.kind === "reference");
  for (const tissue of bias.tissues)
    expect(["pass", "not judged", "too few voxels"]).toContain(tissue.verdict);
  expect(printed).toMatch(/enhanced +\d/);
  expect(printed).toContain("report.html");
});

test("the derived series keeps place and count, and padding is untouched", async () => {
  const enhanced = await readVolume(join(output, "series"));
  const low = await readVolume(join(SAMPLE, "low-dose-25"));
  expect(enhanced.geometry).toEqual(low.geometry);
  let padding = 0;
  for (let i = 0; i < low.data.length; i++) {
    if (low.data[i] > -2000) continue;
    padding++;
    if (enhanced.data[i] !== low.data[i]) throw new Error(`padding changed at voxel ${i}`);
  }
  expect(padding).toBeGreaterThan(100_000);
});

test("dciodvfy and dcentvfy find no error in the derived series", async (context) => {
  const dciodvfy = requireTool(context, "dciodvfy", "dicom3tools");
  const dcentvfy = requireTool(context, "dcentvfy", "dicom3tools");
  const files = readdirSync(join(output, "series")).map((name) => join(output, "series", name));
  for (const file of [files[0], files[13], files[26]]) {
    const { stderr } = await run(dciodvfy, [file]).catch((error: { stderr: string }) => error);
    expect(stderr.split("\n").filter((line) => line.startsWith("Error"))).toEqual([]);
    expect(stderr).toContain("CTImage");
  }
  const { stderr } = await run(dcentvfy, files).catch((error: { stderr: string }) => error);
  expect(stderr.split("\n").filter((line) => line.startsWith("Error"))).toEqual([]);
});

test("DCMTK reads what was written", async (context) => {
  const dcm2json = requireTool(context, "dcm2json", "dcmtk");
  const { stdout } = await run(dcm2json, [join(output, "series", "slice-0001.dcm")], { maxBuffer: 2 ** 26 });
  const dataset = JSON.parse(stdout);
  expect(dataset["00080008"].Value.slice(0, 2)).toEqual(["DERIVED", "SECONDARY"]);
  expect(dataset["00082111"].Value[0]).toContain("not for diagnosis");
});
