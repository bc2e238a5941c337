/** The enhancement job in process: neighbours, single slices, sources, abort, range, determinism. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Enhancer } from "@alara/core";
import { readDicomFile, readItems, readText, type Series, TAG } from "@alara/dicom";
import { createIdentityEnhancer, type IntendedRange } from "@alara/enhance";
import { spreadSlices } from "@alara/evaluate";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EnhancementMethod, enhanceSeries } from "../src/enhance-series.ts";
import { openSeries } from "../src/input.ts";
import { makeVolume, writeSeries } from "./alara.ts";

let folder: TemporaryFolder;
let whole: Series;
let gapped: Series;
let single: Series;
beforeAll(async () => {
  folder = createTemporaryFolder("enhance-series");
  const volume = makeVolume(9, 48);
  await writeSeries(folder.resolve("whole"), volume);
  await writeSeries(folder.resolve("gapped"), volume, { slices: [0, 1, 2, 5, 6, 7] });
  await writeSeries(folder.resolve("single"), volume, { slices: [4] });
  [whole, gapped, single] = await Promise.all(
    ["whole", "gapped", "single"].map((name) => openSeries(folder.resolve(name))),
  );
});
afterAll(() => folder.dispose());

const OPTIONS = { dateTime: "2026-02-03T04:05:06+00:00", report: false } as const;

/** Identity that claims to read neighbours, and records how many slices it was given. */
function makeNeighbourMethod(contextSlices: number, given: number[] = []): EnhancementMethod {
  const identity = createIdentityEnhancer();
  const enhancer: Enhancer = {
    ...identity,
    description: { ...identity.description, name: "neighbours", contextSlices },
    enhance(volume, work) {
      given.push(volume.geometry.size[0]);
      return identity.enhance(volume, work);
    },
  };
  return { enhancer, description: "test" };
}

const identity: EnhancementMethod = { enhancer: createIdentityEnhancer(), description: "identity" };

test("a method that needs neighbours gets them, and every slice it read is named as a source", async () => {
  const given: number[] = [];
  const output = folder.resolve("neighbours");
  await enhanceSeries(whole, makeNeighbourMethod(1, given), output, OPTIONS);
  // Slabs of four with one more on each side where there is one.
  expect(given).toEqual([5, 6, 2]);
  const file = readDicomFile(readFileSync(`${output}/series/slice-0005.dcm`));
  const sources = readItems(file.dataset, TAG.SourceImageSequence) ?? [];
  expect(sources.map((item) => readText(item, TAG.ReferencedSOPInstanceUID))).toEqual(
    [3, 4, 5].map((slice) => whole.slices[slice].summary.sopInstanceUid),
  );
});

test.each(["gapped", "single"] as const)(
  "a method that needs neighbours refuses a %s series",
  async (name) => {
    const series = name === "gapped" ? gapped : single;
    const output = folder.resolve(`refused-${name}`);
    await expect(enhanceSeries(series, makeNeighbourMethod(1), output, OPTIONS)).rejects.toMatchObject({
      code: "NEEDS_NEIGHBOURS",
    });
    expect(existsSync(output)).toBe(false);
  },
);

test.each(["gapped", "single"] as const)("a 2D method enhances a %s series slice by slice", async (name) => {
  const series = name === "gapped" ? gapped : single;
  const result = await enhanceSeries(series, identity, folder.resolve(`slices-${name}`), OPTIONS);
  expect(readdirSync(`${result.folder}/series`)).toHaveLength(series.slices.length);
  expect(result.seriesFindings.some((finding) => finding.breaksNeighbours)).toBe(true);
});

test("an abort in the middle leaves nothing behind", async () => {
  const controller = new AbortController();
  const output = folder.resolve("aborted");
  const before = readdirSync(folder.path).sort();
  await expect(
    enhanceSeries(whole, identity, output, {
      ...OPTIONS,
      signal: controller.signal,
      onProgress: ({ phase }) => {
        if (phase === "enhancing") controller.abort(new Error("stop"));
      },
    }),
  ).rejects.toThrow("stop");
  expect(readdirSync(folder.path).sort()).toEqual(before);
});

test("an enhancer that fails leaves nothing behind", async () => {
  const enhancer = {
    ...createIdentityEnhancer(),
    enhance: () => Promise.reject(new Error("broken network")),
  };
  await expect(
    enhanceSeries(whole, { enhancer, description: "test" }, folder.resolve("failed"), OPTIONS),
  ).rejects.toThrow("broken network");
  expect(existsSync(folder.resolve("failed"))).toBe(false);
});

test("input outside the intended range is refused, and marked when forced", async () => {
  const intendedRange: IntendedRange = {
    modality: "CT",
    pixelSpacingMm: [0.5, 1],
    sliceThicknessMm: [1, 5],
    kvp: [60, 80],
    noiseHu: [0, 1000],
    bodyParts: [],
  };
  const method = { ...identity, intendedRange };
  const output = folder.resolve("range");
  await expect(enhanceSeries(whole, method, output, OPTIONS)).rejects.toMatchObject({
    code: "OUTSIDE_INTENDED_RANGE",
  });
  expect(existsSync(output)).toBe(false);
  const result = await enhanceSeries(whole, method, output, { ...OPTIONS, force: true, report: true });
  const { dataset } = readDicomFile(readFileSync(`${output}/series/slice-0001.dcm`));
  expect(readText(dataset, TAG.DerivationDescription)).toContain("MARKED: KVP");
  expect(result.rangeFindings).toContainEqual(expect.objectContaining({ code: "KVP", action: "refuse" }));
  expect(readFileSync(`${output}/report.html`, "utf8")).toContain("tube voltage is 120 kV");
});

test("slices for the report are spread evenly with both ends", () => {
  expect(spreadSlices(5, 64)).toEqual([0, 1, 2, 3, 4]);
  expect(spreadSlices(100, 4)).toEqual([0, 33, 66, 99]);
  expect(spreadSlices(7, 1)).toEqual([3]);
});
