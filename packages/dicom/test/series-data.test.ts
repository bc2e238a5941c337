/** Series logic on real scanners' output: tilt, reconstructions of one acquisition, gaps, copies, stripped headers. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type InstanceSource, type SeriesCollection, scanSeries } from "@alara/dicom";
import { scanSeriesFiles } from "@alara/dicom/node";
import { findDataFolder } from "@alara/testing";
import { unzipSync } from "fflate";
import { describe, expect, it } from "vitest";

const data = findDataFolder();
if (data === undefined) console.log("series-data: skipped, ALARA_DATA names no data folder");

function scan(folder: string): Promise<SeriesCollection> {
  return scanSeriesFiles([join(data ?? "", folder)]);
}

describe.skipIf(data === undefined)("real series (ALARA_DATA)", () => {
  it("GE head with tilted gantry: two regular tilted stacks where thickness and spacing change", async () => {
    const { series, skipped } = await scan("ct-volumes/ge-head-tilt");
    expect(skipped).toEqual([]);
    expect(series.map((item) => [item.slices.length, item.stackName, item.isRegular])).toEqual([
      [14, "slice thickness 7 mm", true],
      [3, "slice thickness 4 mm", true],
    ]);
    for (const [index, step] of [
      [0, 7.38],
      [1, 4.22],
    ]) {
      const { findings, geometry } = series[index];
      expect(findings.find(({ code }) => code === "GANTRY_TILT")?.message).toMatch(/18\.5°(?!.*header)/);
      expect(findings.map(({ code }) => code)).not.toContain("MISSING_SLICES");
      expect(Math.abs(geometry.spacingMm[0] - step)).toBeLessThan(0.01);
    }
  });

  it("plastic head: three reconstructions, dose facts of one acquisition", async () => {
    const { series } = await scan("phantoms/philips-plastic-head");
    expect(series.map(({ facts }) => [facts.slices, facts.kernels.join(), facts.sliceThicknessMm])).toEqual([
      [12, "UB", 1],
      [12, "YA", 1],
      [2, "UB", 5],
    ]);
    const { facts } = series[0];
    expect(facts.spiralPitch).toEqual({ value: 0.391, source: "Spiral Pitch Factor" });
    expect([facts.singleCollimationMm, facts.totalCollimationMm, facts.revolutionTimeS]).toEqual([
      0.625, 40, 0.5,
    ]);
    // This maker writes the effective value into Exposure: mA · s / pitch must agree with it.
    expect(Math.abs((facts.effectiveMas?.median ?? 0) / (facts.exposureMas?.median ?? 1) - 1)).toBeLessThan(
      0.01,
    );
  });

  it("shuffled remainder of a GE series: the copy is dropped and 179 lost slices are counted", async () => {
    const zip = unzipSync(
      readFileSync(join(data ?? "", "malformed/duplicate-and-missing-positions/dupe-positions.zip")),
    );
    const sources = Object.entries(zip)
      .filter(([name]) => name.endsWith(".dcm"))
      .map(([name, bytes]): InstanceSource => ({ name, read: async () => bytes }));
    const { series, skipped } = await scanSeries(sources);
    expect(skipped.map(({ code }) => code)).toEqual(["DUPLICATE_PIXELS"]);
    expect(series.length).toBe(1);
    expect(series[0].slices.length).toBe(10);
    expect(series[0].geometry.spacingMm[0]).toBeCloseTo(2.5, 6);
    const gaps = series[0].findings.filter(({ code }) => code === "MISSING_SLICES");
    // From −512.5 to −42.5 mm every 2.5 mm there are 189 positions.
    expect(gaps[0].message).toContain("179 slices");
    expect(series[0].findings.map(({ code }) => code)).toEqual(["MISSING_SLICES"]);
  });

  it("one slice in many encodings is one slice, as far as its pixels are the same", async () => {
    const { series, skipped } = await scan("dicom-syntaxes/ctimage-16-syntaxes");
    expect(skipped.filter(({ code }) => code === "SOP_UID_CONFLICT")).toEqual([]);
    expect(skipped.filter(({ code }) => code === "DUPLICATE_INSTANCE").length).toBeGreaterThanOrEqual(6);
    expect(series.map((item) => item.stackName).sort()).toEqual([
      "image type DERIVED",
      "image type ORIGINAL",
    ]);
  });

  it("a series stripped of its UIDs is one series of overlapping slices", async () => {
    const { series } = await scan("ct-volumes/totalsegmentator-example/dicom");
    expect(series.map((item) => item.slices.length)).toEqual([20]);
    expect(series[0].findings.map(({ code }) => code).sort()).toEqual([
      "OVERLAPPING_SLICES",
      "UIDS_COMPLETED",
    ]);
    expect(series[0].isRegular).toBe(true);
    expect(series[0].geometry.spacingMm[0]).toBeCloseTo(2, 9);
    expect(series[0].facts.sliceThicknessMm).toBe(3);
  });

  it("59 slices of 34 patients are 56 series of one slice and three copies", async () => {
    const { series, skipped } = await scan("ct-volumes/tcga-lung-slices");
    expect(series.length).toBe(56);
    expect(series.every((item) => item.slices.length === 1)).toBe(true);
    expect(skipped.map(({ code }) => code)).toEqual(new Array(3).fill("DUPLICATE_INSTANCE"));
  });

  it("headers stripped of kernel and dose leave facts open and refuse nothing", async () => {
    const { series } = await scan("ct-volumes/crlm-ct-1006");
    expect(series[0].isRegular).toBe(true);
    expect(series[0].facts).toMatchObject({
      slices: 6,
      kernels: [],
      tubeCurrentMa: undefined,
      exposureMas: undefined,
      ctdiVolMgy: undefined,
    });
  });

  it("the QA phantom's three days are three series of one slice", async () => {
    const { series } = await scan("phantoms/ge-qa-phantom-3-days");
    expect(series.map((item) => item.findings.map(({ code }) => code))).toEqual(
      new Array(3).fill(["SINGLE_SLICE"]),
    );
  });
});
