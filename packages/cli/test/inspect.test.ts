/** `alara inspect` and what chooses series by it: content, units, exit status, and nothing of the patient. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createCentredGrid, createVolume, type Volume } from "@alara/core";
import {
  createCodeItem,
  createDoubleElement,
  createSequenceElement,
  createTextElement,
  TAG,
  volumeFormats,
} from "@alara/dicom";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseSeriesChoice } from "../src/arguments.ts";
import { UsageError } from "../src/context.ts";
import { CliError, openSeries } from "../src/input.ts";
import { measureSeriesSize } from "../src/patient-size.ts";
import { shortenUids } from "../src/series-table.ts";
import { makeVolume, runAlara } from "./alara.ts";
import { makeFlatVolume, makeSlices, type SliceChoice, writeSlices } from "./ct-slices.ts";

let folder: TemporaryFolder;
beforeAll(() => {
  folder = createTemporaryFolder("inspect");
});
afterAll(() => folder.dispose());

const CANARY = "CANARY";
const SIDE = 128;

/** A water disc of 160 mm on 1.5 mm pixels. */
function makeWater(slices: number): Volume<"HU"> {
  const slice = new Float32Array(SIDE * SIDE);
  for (let i = 0; i < slice.length; i++) {
    let inside = 0;
    for (let k = 0; k < 16; k++) {
      const x = ((i % SIDE) - (SIDE - 1) / 2 + ((k % 4) - 1.5) / 4) * 1.5;
      const y = (Math.floor(i / SIDE) - (SIDE - 1) / 2 + (Math.floor(k / 4) - 1.5) / 4) * 1.5;
      if (Math.hypot(x, y) < 80) inside++;
    }
    slice[i] = Math.round((1000 * inside) / 16 - 1000);
  }
  const data = new Float32Array(slices * slice.length);
  for (let i = 0; i < slices; i++) data.set(slice, i * slice.length);
  return createVolume("HU", createCentredGrid([slices, SIDE, SIDE], [3, 1.5, 1.5]), data);
}

const CTDI_MGY = 6.520364478764479;
const MR: NonNullable<SliceChoice["texts"]> = [
  [TAG.Modality, "MR"],
  [TAG.SOPClassUID, "1.2.840.10008.5.1.4.1.1.4"],
];

/** Everything that could name a person. */
const TELLTALES: NonNullable<SliceChoice["texts"]> = [
  [TAG.StudyDate, "19991231"],
  [TAG.AccessionNumber, `${CANARY}1`],
  [0x00080080, `${CANARY}2`],
  [TAG.StudyDescription, `${CANARY}3`],
  [TAG.SeriesDescription, `${CANARY}4`],
  [TAG.PatientName, `${CANARY}5`],
  [TAG.PatientID, `${CANARY}6`],
  [TAG.ImageComments, `${CANARY}7`],
];

/** Slices with telltales and a dose that is no round number. */
function write(name: string, count: number, choice: SliceChoice = {}): Promise<void> {
  return writeSlices(folder.resolve(name), count, {
    ...choice,
    elements: [createDoubleElement(TAG.CTDIvol, [CTDI_MGY]), ...(choice.elements ?? [])],
    texts: [...TELLTALES, [TAG.ConvolutionKernel, "B40f"], ...(choice.texts ?? [])],
  });
}

/** A dose report's content: CT Dose Length Product Total. */
function makeDlpContent(dlpMgyCm: string): NonNullable<SliceChoice["elements"]> {
  const name = createCodeItem({ scheme: "DCM", value: "113813", meaning: "CT Dose Length Product Total" });
  const measured = createSequenceElement(
    TAG.MeasuredValueSequence,
    [[createTextElement(TAG.NumericValue, dlpMgyCm)]],
    "explicit-le",
  );
  const item = [
    createTextElement(TAG.ValueType, "NUM"),
    createSequenceElement(TAG.ConceptNameCodeSequence, [name], "explicit-le"),
    measured,
  ];
  return [createSequenceElement(TAG.ContentSequence, [item], "explicit-le")];
}

describe("alara inspect", () => {
  it("lists series, other objects, other formats and the rest, without a word of the patient", async () => {
    await write("mixed", 3, { seriesUid: "1.2.3.10" });
    await write("mixed", 1, { seriesUid: "1.2.3.11", texts: [[TAG.ConvolutionKernel, "B70f"]] });
    await write("mixed", 2, { seriesUid: "1.2.3.12", texts: MR });
    await write("mixed", 1, {
      seriesUid: "1.2.3.13",
      texts: [
        [TAG.Modality, "SR"],
        [TAG.SOPClassUID, "1.2.840.10008.5.1.4.1.1.88.67"],
        [TAG.PixelData, null],
      ],
      elements: makeDlpContent("512.53"),
    });
    const nifti = volumeFormats.get("nii").write(makeVolume(2, 8), {})[0];
    writeFileSync(folder.resolve("mixed/volume.nii"), nifti.bytes);
    writeFileSync(folder.resolve("mixed/note.txt"), "no image");
    writeFileSync(folder.resolve("mixed/scans.zip"), "PK\u0003\u0004 and so on");
    writeFileSync(folder.resolve("mixed/log.gz"), Uint8Array.of(0x1f, 0x8b, 8, 0));

    const text = await runAlara("inspect", folder.resolve("mixed"));
    expect(text.code, text.stderr).toBe(0);
    expect(text.stdout).toMatch(/1 {2}….*3 {2}6 × 4.*B40f.*\n.*2 {2}….*1 {2}6 × 4.*B70f/);
    expect(text.stdout).toMatch(/CTDIvol {10}6\.52 mGy\n/);
    expect(text.stdout).toContain("6 × 4, 1 slice\n");
    expect(text.stdout).toContain("series 1 (…2.3.10): can be enhanced");
    expect(text.stdout).toMatch(
      /series 2 .*slice by slice; methods that need neighbours refuse it \(SINGLE_SLICE\)/,
    );
    expect(text.stdout).toContain("cannot be enhanced: MR is not CT");
    expect(text.stdout).toContain("also here: 1 dose report, 1 nii file, 1 ZIP archive");
    expect(text.stdout).toContain("DLP total 512.5 mGy·cm");
    expect(text.stdout).toContain("alara enhance <file>");
    expect(text.stdout).toContain("unpack them first");
    expect(text.stdout).toMatch(/2 × NOT_DICOM\n +log\.gz: these 4 bytes.*\n +note\.txt: these 8 bytes/);

    const json = await runAlara("inspect", folder.resolve("mixed"), "--json");
    const result = JSON.parse(json.stdout);
    expect(result.enhanceableSeries).toBe(2);
    expect(
      result.series.map((one: { number: number | null; modality: string }) => [one.number, one.modality]),
    ).toEqual([
      [1, "CT"],
      [2, "CT"],
      [null, "MR"],
    ]);
    expect(result.series[0].facts.ctdiVolMgy.mean).toBeCloseTo(CTDI_MGY, 12);
    expect(result.series[0].enhancement).toMatchObject({ sliceBySlice: true, withNeighbours: true });
    expect(result.doseReports).toMatchObject([{ totalDlpMgyCm: 512.53 }]);
    expect(result.otherFormats).toEqual([{ name: "volume.nii", format: "nii" }]);
    expect(result.volumes).toMatchObject([{ name: "volume.nii", facts: { size: [2, 8, 8], unit: "HU" } }]);
    expect(text.stdout).toMatch(/volume volume\.nii: can be enhanced and converted\n {2}Format +nii, /);
    expect(result.archives).toEqual(["scans.zip"]);
    expect(result.objects).toMatchObject([{ kind: "dose report", modality: "SR" }]);
    expect(result.skippedByCode).toMatchObject({ NOT_AN_IMAGE: 1, NOT_DICOM: 4 });
    for (const output of [text.stdout, text.stderr, json.stdout, json.stderr]) {
      expect(output).not.toMatch(/CANARY|19991231|1999/);
    }
  });

  it("measures the water-equivalent diameter and the dose for it", async () => {
    await write("water", 2, { volume: makeWater(2), texts: [[TAG.BodyPartExamined, "ABDOMEN"]] });
    const run = await runAlara("inspect", folder.resolve("water"), "--ssde", "--json");
    expect(run.code, run.stderr).toBe(0);
    const { size } = JSON.parse(run.stdout).series[0];
    expect(Math.abs(size.meanWaterEquivalentDiameterMm / 160 - 1)).toBeLessThan(0.005);
    const expected = CTDI_MGY * 3.704369 * Math.exp(-0.03671937 * 16);
    expect(Math.abs(size.dose.ssdeMgy / expected - 1)).toBeLessThan(0.005);
    expect(size.remarks.join()).toContain("32 cm is assumed for a body");
    const text = await runAlara("inspect", folder.resolve("water"), "--ssde");
    expect(text.stdout).toMatch(/Dw from images {3}160.* mm, mean 160.*AAPM Report 220/);
    expect(text.stdout).toMatch(/SSDE {13}13\.4.*mGy mean.*AAPM Report 204/);
  });

  it.each([
    ["HEAD", "head-16cm"],
    ["HEADNECK", "body-32cm"],
  ])("takes the factor that is made for a scan of %s", async (bodyPart, model) => {
    await write(bodyPart, 1, { volume: makeWater(1), texts: [[TAG.BodyPartExamined, bodyPart]] });
    const series = await openSeries(folder.resolve(bodyPart));
    expect((await measureSeriesSize(series)).dose?.model.name).toBe(model);
  });

  it("ends with 1 where nothing can be enhanced, and still says what is there", async () => {
    mkdirSync(folder.resolve("empty"));
    await write("mr", 2, { texts: MR });
    for (const [name, message] of [
      ["empty", /no CT series/],
      ["mr", /no CT series[\s\S]*MR is not CT/],
    ] as const) {
      const text = await runAlara("inspect", folder.resolve(name));
      expect(text).toMatchObject({ code: 1, stderr: "" });
      expect(text.stdout).toMatch(message);
      const json = await runAlara("inspect", folder.resolve(name), "--json");
      expect(json.code).toBe(1);
      expect(JSON.parse(json.stdout).enhanceableSeries).toBe(0);
    }
    const none = await runAlara("inspect", folder.resolve("mr"), "--series", "1");
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("none to choose from")]);
  });

  it("marks files that may be lost slices", async () => {
    await write("damaged", 3);
    const [whole] = await makeSlices(1, { seriesUid: "1.2.9" });
    writeFileSync(folder.resolve("damaged/cut.dcm"), whole.subarray(0, 500));
    const { stdout } = await runAlara("inspect", folder.resolve("damaged"));
    expect(stdout).toMatch(/! 1 × VALUE_BEYOND_END|! 1 × TRUNCATED/);
    expect(stdout).toContain("may be slices that cannot be read");
  });

  it("stays short for many series and shows one when asked", async () => {
    for (let i = 0; i < 12; i++) await write("many", 1, { seriesUid: `1.2.3.${100 + i}` });
    const all = await runAlara("inspect", folder.resolve("many"));
    expect(all.stdout.split("\n").length).toBeLessThan(20);
    const one = await runAlara("inspect", folder.resolve("many"), "--series", "1.2.3.107");
    expect(one.stdout).toContain("3.107): can be enhanced");
    expect(one.stdout).toContain("Tube voltage     120 kV");
    expect((await runAlara("inspect", folder.resolve("many"), "--series", "13")).code).toBe(2);
  });
});

describe("--series", () => {
  const enhance = (input: string, output: string, series: string) =>
    runAlara(
      "enhance",
      input,
      "-o",
      output,
      "--method",
      "identity",
      "--no-report",
      "--json",
      "--series",
      series,
    );

  const choose = async (choice: string): Promise<number | string> => {
    const input = folder.resolve("two");
    if (!existsSync(input)) {
      await write("two", 3, { seriesUid: "1.2.3.20" });
      await write("two", 2, { seriesUid: "1.2.3.21" });
    }
    try {
      return (await openSeries(input, parseSeriesChoice(choice))).slices.length;
    } catch (error) {
      if (error instanceof UsageError) return "USAGE";
      if (error instanceof CliError) return error.code;
      throw error;
    }
  };

  it.each([
    ["1", 3],
    ["2", 2],
    ["1.2.3.21", 2],
    ["…3.21", 2],
    ["...3.21", 2],
    [".20", 3],
    ["9", "NO_SUCH_SERIES"],
    ["4.4.4", "NO_SUCH_SERIES"],
    ["1.2.3", "SEVERAL_SERIES"],
    ["0", "USAGE"],
    ["chest", "USAGE"],
    ["", "USAGE"],
  ])("%s gives %s", async (choice, expected) => {
    expect(await choose(choice)).toBe(expected);
  });

  it("that does not exist is wrong use, and nothing is written", async () => {
    const output = folder.resolve("out");
    const run = await enhance(folder.resolve("two"), output, "9");
    expect(run.code).toBe(2);
    expect(JSON.parse(run.stdout).error.message).toMatch(/there is no series 9; there are\n.*2\.3\.20/s);
    expect(existsSync(output)).toBe(false);
  });

  it("enhances one stack of several under one UID", async () => {
    const acquisition = (number: string): SliceChoice => ({
      seriesUid: "1.2.3.30",
      part: `.${number}`,
      texts: [[TAG.AcquisitionNumber, number]],
    });
    await write("phases", 3, { ...acquisition("1"), volume: makeFlatVolume(3, 0) });
    await write("phases", 2, { ...acquisition("2"), volume: makeFlatVolume(3, 24) });
    const path = folder.resolve("phases");
    const ambiguous = await enhance(path, folder.resolve("phase-x"), "1.2.3.30");
    expect(JSON.parse(ambiguous.stdout).error.message).toMatch(
      /fits the series 1, 2.*acquisition 1.*acquisition 2/s,
    );
    const chosen = await enhance(path, folder.resolve("phase-2"), "2");
    expect(JSON.parse(chosen.stdout).slices).toBe(2);
  });

  it("shows ends of UIDs that fit no other series", () => {
    expect(shortenUids(["1.2.3.4.5555555", "1.2.3.9.5555555", "1.2", "1.2"])).toEqual([
      "…4.5555555",
      "…9.5555555",
      "1.2",
      "1.2",
    ]);
  });
});

describe("wrong values of options", () => {
  it.each([
    ["a date without time", ["--date", "2026-01-31"], /--date.*with time/],
    ["a day that does not exist", ["--date", "2026-02-30T00:00:00Z"], /--date/],
    [
      "an unknown setting",
      ["--method", "gaussian", "--set", "sigma=2"],
      /no option "sigma"; known: sigmaPixels/,
    ],
    ["a setting of a method without any", ["--method", "identity", "--set", "x=1"], /it has none/],
    ["an unknown provider", ["--providers", "bogus"], /"bogus"; known: cpu/],
  ])("%s ends with 2 before anything is written", async (_, args, message) => {
    await write("plain", 1);
    const output = folder.resolve("never");
    const run = await runAlara("enhance", folder.resolve("plain"), "-o", output, "--json", ...args);
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(message);
    expect(JSON.parse(run.stdout).error.code).toBe("USAGE");
    expect(existsSync(output)).toBe(false);
  });

  it("holds for simulate too", async () => {
    const output = folder.resolve("never");
    const args = ["simulate", "low-dose", folder.resolve("plain"), "-o", output];
    expect((await runAlara(...args, "--date", "today")).code).toBe(2);
    expect((await runAlara(...args, "--series", "7")).code).toBe(2);
    expect(existsSync(output)).toBe(false);
  });
});
