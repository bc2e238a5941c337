/** `alara convert`, and volume files where other commands take DICOM. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createCentredGrid, createVolume, getSliceData } from "@alara/core";
import { createCtSeries, readImageVolume, readVolumeFile, volumeFormats } from "@alara/dicom";
import { openVolumeFile, scanSeriesFiles } from "@alara/dicom/node";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeVolume, readTree, runAlara, writeSeries } from "./alara.ts";

let folder: TemporaryFolder;
let scan: string;
// Whole numbers without negative zeros, as files of integers hold them.
const made = makeVolume(6, 32);
const volume = { ...made, data: made.data.map((value) => value + 0) };

beforeAll(async () => {
  folder = createTemporaryFolder("convert");
  scan = folder.resolve("scan");
  await writeSeries(scan, volume);
});
afterAll(() => folder.dispose());

/** Runs to a success, and gives the JSON result. */
async function convert(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await runAlara("convert", ...args, "--json");
  expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
  return JSON.parse(stdout);
}

async function refuse(...args: readonly string[]): Promise<[number | null, string]> {
  const { code, stdout } = await runAlara(...args, "--json");
  return [code, JSON.parse(stdout).error.code];
}

describe("alara convert", () => {
  it.each(volumeFormats.names)(
    "writes a series as %s and reads it back",
    async (name) => {
      const format = volumeFormats.get(name);
      const target = folder.resolve(`there${format.extensions[0]}`);
      const result = await convert(scan, "-o", target);
      expect(result).toMatchObject({ format: name, size: [6, 32, 32], unit: "HU" });
      const opened = await openVolumeFile(target);
      expect(opened.volume.data).toEqual(volume.data);
      if (format.keeps === "orientation") {
        for (const [i, mm] of volume.geometry.originMm.entries()) {
          expect(opened.volume.geometry.originMm[i]).toBeCloseTo(mm, 4);
        }
      } else {
        expect(String(result.notes)).toContain("lost");
      }
    },
    60_000,
  );

  it("turns volume files into each other and into DICOM", async () => {
    const nifti = folder.resolve("a.nii.gz");
    await convert(scan, "-o", nifti);
    await convert(nifti, "-o", folder.resolve("a.nrrd"));
    await convert(folder.resolve("a.nrrd"), "-o", folder.resolve("a.mha"));
    expect(await refuse("convert", scan, "-o", nifti)).toEqual([1, "OUTPUT_NOT_EMPTY"]);
    await convert(scan, "-o", nifti, "--overwrite");
    const date = ["--date", "2026-01-02T03:04:05+00:00"];
    await convert(
      folder.resolve("a.mha"),
      "-o",
      folder.resolve("a-dicom"),
      "--transfer-syntax",
      "rle",
      ...date,
    );
    const { series } = await scanSeriesFiles([folder.resolve("a-dicom")]);
    expect(series).toHaveLength(1);
    expect(series[0].slices[0].summary.imageType.slice(0, 2)).toEqual(["DERIVED", "SECONDARY"]);
    expect((await readImageVolume(series[0])).data).toEqual(volume.data);
    await convert(
      folder.resolve("a.mha"),
      "-o",
      folder.resolve("again"),
      "--transfer-syntax",
      "rle",
      ...date,
    );
    expect(readTree(folder.resolve("again"))).toEqual(readTree(folder.resolve("a-dicom")));
  }, 60_000);

  it("keeps UIDs and pixels in another transfer syntax, and there and back all bytes", async () => {
    await convert(scan, "-o", folder.resolve("jls"), "--transfer-syntax", "jpeg-ls");
    await convert(folder.resolve("jls"), "-o", folder.resolve("plain"), "--transfer-syntax", "explicit");
    const before = [...readTree(scan).values()].map((bytes) => bytes.toString("hex")).sort();
    const after = [...readTree(folder.resolve("plain")).values()]
      .map((bytes) => bytes.toString("hex"))
      .sort();
    expect(after).toEqual(before);
  }, 60_000);

  it("packs a series into one enhanced object and takes it apart", async () => {
    const result = await convert(scan, "-o", folder.resolve("enhanced"), "--enhanced");
    expect(result.files).toBe(1);
    await convert(folder.resolve("enhanced"), "-o", folder.resolve("classic"), "--classic");
    await convert(folder.resolve("classic"), "-o", folder.resolve("classic.nii"));
    const { volume: back } = await readVolumeFile(readFileSync(folder.resolve("classic.nii")));
    expect(back.data).toEqual(volume.data);
  }, 60_000);

  it("asks for the unit, the spacing and the extension instead of guessing", async () => {
    const npy = folder.resolve("b.npy");
    await convert(scan, "-o", npy);
    expect(await refuse("convert", npy, "-o", folder.resolve("b-dicom"))).toEqual([1, "UNIT_NOT_HU"]);
    const told = await convert(npy, "-o", folder.resolve("b.nrrd"), "--unit", "HU", "--spacing", "3,0.7,0.6");
    expect(told).toMatchObject({ unit: "HU", spacingMm: [3, 0.7, 0.6] });
    expect((await openVolumeFile(folder.resolve("b.nrrd"))).unitSource).toBe("file");
    expect(await refuse("convert", scan, "-o", folder.resolve("x.nii"), "--transfer-syntax", "rle")).toEqual([
      2,
      "USAGE",
    ]);
    expect(await refuse("convert", scan, "-o", folder.resolve("x.nii"), "--unit", "HU")).toEqual([
      2,
      "USAGE",
    ]);
    expect(await refuse("convert", scan, "-o", folder.resolve("x.nii"), "--spacing", "1,2,3")).toEqual([
      2,
      "USAGE",
    ]);
    expect(await refuse("convert", npy, "-o", folder.resolve("x.nii"), "--spacing", "1,2")).toEqual([
      2,
      "USAGE",
    ]);
    for (const name of ["x.niigz", "x.nifti", "x.dcm"]) {
      expect([name, await refuse("convert", scan, "-o", folder.resolve(name))]).toEqual([name, [2, "USAGE"]]);
    }
    expect(await refuse("convert", scan, "-o", folder.resolve("nowhere", "x.nii"))).toEqual([
      1,
      "OUTPUT_UNWRITABLE",
    ]);
    const smooth = ["-o", folder.resolve("x"), "--method", "gaussian"];
    expect(await refuse("enhance", scan, ...smooth, "--unit", "HU")).toEqual([2, "USAGE"]);
    expect(await refuse("enhance", npy, ...smooth, "--unit", "HU", "--sr")).toEqual([2, "USAGE"]);
    expect(await refuse("simulate", "low-dose", scan, "-o", folder.resolve("x"), "--unit", "HU")).toEqual([
      2,
      "USAGE",
    ]);
    expect(await refuse("convert", folder.resolve("none"), "-o", folder.resolve("x.nii"))).toEqual([
      1,
      "INPUT_NOT_FOUND",
    ]);
  }, 60_000);

  it("refuses uneven series, and tilted ones where the format cannot hold them", async () => {
    const gapped = folder.resolve("gapped");
    await writeSeries(gapped, volume, { slices: [0, 1, 3, 4, 5] });
    expect(await refuse("convert", gapped, "-o", folder.resolve("g.nii"))).toEqual([1, "UNEVEN_GRID"]);
    const grid = createCentredGrid([6, 32, 32], [3, 0.7, 0.7]);
    const slice = [0, Math.sin(0.3), Math.cos(0.3)] as const;
    const tilted = createVolume("HU", { ...grid, direction: { ...grid.direction, slice } }, volume.data);
    const target = folder.resolve("tilted");
    mkdirSync(target);
    const series = await createCtSeries(tilted.geometry, {
      identity: { test: "tilted" },
      patientId: "TEST",
      dateTime: "2026-01-02T03:04:05+00:00",
      seriesDescription: "tilted",
      softwareVersion: "0",
    });
    for (let i = 0; i < 6; i++) {
      writeFileSync(join(target, `${i}.dcm`), series.writeInstance(i, getSliceData(tilted, i)));
    }
    expect(await refuse("convert", target, "-o", folder.resolve("t.tif"))).toEqual([1, "SHEARED_GRID"]);
    await convert(target, "-o", folder.resolve("t.nii"));
    const kept = await openVolumeFile(folder.resolve("t.nii"));
    expect(kept.volume.geometry.direction.slice[1]).toBeCloseTo(slice[1], 5);
    expect(kept.volume.data).toEqual(volume.data);
    const result = await convert(folder.resolve("t.nii"), "-o", folder.resolve("t2.tif"), "--orthogonal");
    const direct = await convert(target, "-o", folder.resolve("t3.tif"), "--orthogonal");
    expect(direct.size).toEqual(result.size);
    expect((result.size as number[])[1]).toBeGreaterThan(32);
  }, 60_000);
});

describe("volume files elsewhere", () => {
  it("are enhanced into the same format and grid, as DICOM would be", async () => {
    const nifti = folder.resolve("e.nii.gz");
    await convert(scan, "-o", nifti);
    const smooth = ["--method", "gaussian", "--no-report", "--date", "2026-01-02T03:04:05+00:00"];
    const fromFile = await runAlara("enhance", nifti, "-o", folder.resolve("e1"), ...smooth);
    const fromDicom = await runAlara("enhance", scan, "-o", folder.resolve("e2"), ...smooth);
    expect([fromFile.code, fromDicom.code]).toEqual([0, 0]);
    const enhanced = await openVolumeFile(folder.resolve("e1", "enhanced.nii.gz"));
    const { series } = await scanSeriesFiles([folder.resolve("e2", "series")]);
    expect(enhanced.volume.data).toEqual((await readImageVolume(series[0])).data);
    expect(enhanced.sampleType).toBe("int16");
    expect([enhanced.volume.unit, enhanced.unitSource]).toEqual(["HU", "file"]);
    const judged = await runAlara(
      "evaluate",
      folder.resolve("e1", "enhanced.nii.gz"),
      "--reference",
      scan,
      "--json",
    );
    expect(judged.code).toBe(0);
    expect(JSON.parse(judged.stdout).chosenSlices).toHaveLength(6);
  }, 60_000);

  it("say in themselves that they are results, and are not enhanced again unasked", async () => {
    const nifti = folder.resolve("m.nii.gz");
    await convert(scan, "-o", nifti);
    // The shipped model's range names a tube voltage and a thickness, which no volume file states.
    const model = ["--no-report", "--strength", "0"];
    const first = await runAlara("enhance", nifti, "-o", folder.resolve("m1"), ...model, "--force");
    expect([first.code, first.code === 0 ? "" : first.stderr]).toEqual([0, ""]);
    const result = folder.resolve("m1", "enhanced.nii.gz");
    expect((await openVolumeFile(result)).description).toMatch(/^enhanced; MARKED: [A-Z_,]+/);
    const asOther = folder.resolve("m1.nrrd");
    await convert(result, "-o", asOther);
    expect((await openVolumeFile(asOther)).description).toMatch(/^enhanced; MARKED: /);
    const again = ["-o", folder.resolve("m2"), "--method", "gaussian", "--no-report"];
    for (const input of [result, asOther]) {
      expect(await refuse("enhance", input, ...again)).toEqual([1, "ALREADY_DERIVED"]);
    }
    const water = folder.resolve("water.nii");
    const big = makeVolume(2, 256);
    writeFileSync(water, volumeFormats.get("nii").write(big, {})[0].bytes);
    const simulated = await runAlara("simulate", "low-dose", water, "-o", folder.resolve("m3"));
    expect([simulated.code, simulated.code === 0 ? "" : simulated.stderr]).toEqual([0, ""]);
    const lowDose = await openVolumeFile(folder.resolve("m3", "low-dose.nii"));
    expect(lowDose.description).toMatch(/^simulated low dose, 25 %; seed 1/);
  }, 60_000);

  it("keep an unknown orientation unknown through conversion", async () => {
    const npy = folder.resolve("o.npy");
    await convert(scan, "-o", npy);
    for (const name of ["o.nii", "o.nrrd", "o.mha", "o.npz"]) {
      await convert(npy, "-o", folder.resolve(name), "--unit", "HU", "--spacing", "3,0.5,0.5");
      const { findings, volume: back } = await openVolumeFile(folder.resolve(name));
      expect([name, findings.map(({ code }) => code)]).toEqual([name, ["ORIENTATION_UNKNOWN"]]);
      expect(back.geometry.spacingMm).toEqual([3, 0.5, 0.5]);
    }
  }, 60_000);

  it("are refused without a unit and with options of DICOM", async () => {
    const npy = folder.resolve("u.npy");
    await convert(scan, "-o", npy);
    expect(await refuse("enhance", npy, "-o", folder.resolve("u1"), "--method", "gaussian")).toEqual([
      1,
      "UNIT_NOT_HU",
    ]);
    expect(
      await refuse(
        "enhance",
        npy,
        "-o",
        folder.resolve("u1"),
        "--method",
        "gaussian",
        "--unit",
        "HU",
        "--suffix",
        "x",
      ),
    ).toEqual([2, "USAGE"]);
    expect(await refuse("evaluate", npy, "--reference", scan)).toEqual([1, "UNIT_NOT_HU"]);
  }, 60_000);
});

describe("alara inspect", () => {
  async function inspect(path: string): Promise<[number | null, Record<string, unknown>]> {
    const { code, stdout } = await runAlara("inspect", path, "--json");
    return [code, JSON.parse(stdout).volumes[0]];
  }

  it("says what a volume file holds and what can be done with it", async () => {
    const one = createVolume(
      "HU",
      createCentredGrid([2, 3, 4], [3, 0.5, 0.5]),
      Float32Array.from({ length: 24 }, (_, i) => 10 * i - 100),
    );
    const nifti = folder.resolve("facts.nii.gz");
    writeFileSync(nifti, volumeFormats.get("nii.gz").write(one, {})[0].bytes);
    expect(await inspect(nifti)).toEqual([
      0,
      {
        name: "facts.nii.gz",
        facts: {
          format: "nii.gz",
          size: [2, 3, 4],
          spacingMm: [3, 0.5, 0.5],
          orientation: "stated",
          unit: "HU",
          unitSource: "file",
          sampleType: "int16",
          range: { minimum: -100, maximum: 130, areFinite: true },
          description: null,
          findings: [],
          canBeEnhanced: true,
          summary: "can be enhanced and converted",
        },
      },
    ]);
    const text = await runAlara("inspect", nifti);
    expect(text.stdout).toMatch(/^volume facts\.nii\.gz: can be enhanced and converted\n/);
    expect(text.stdout).toMatch(/Values +-100 to 130 HU\n/);
  }, 60_000);

  it("says what is not known, what is damaged, and takes a folder of pages for one volume", async () => {
    const pages = folder.resolve("pages");
    mkdirSync(pages);
    const page = createVolume("arbitrary", createCentredGrid([1, 3, 4], [1, 1, 1]));
    for (const i of [1, 2]) {
      writeFileSync(join(pages, `p${i}.tif`), volumeFormats.get("tiff").write(page, {})[0].bytes);
    }
    const [code, found] = await inspect(pages);
    expect([code, found]).toMatchObject([
      1,
      { name: "pages", facts: { size: [2, 3, 4], orientation: "unknown", unitSource: "nobody" } },
    ]);
    expect(String((found.facts as { summary: string }).summary)).toContain("--unit HU");
    const cut = folder.resolve("cut.nii");
    writeFileSync(cut, volumeFormats.get("nii").write(page, {})[0].bytes.slice(0, 360));
    expect(await inspect(cut)).toMatchObject([1, { name: "cut.nii", error: { code: "TRUNCATED" } }]);
    expect((await runAlara("inspect", cut)).stdout).toMatch(
      /^volume cut\.nii: cannot be read\n {2}! TRUNCATED: /,
    );
  }, 60_000);
});
