/** `alara inspect` and what chooses series by it: content, units, exit status, and nothing of the patient. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { volumeFormats } from "@alara/dicom";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CtSliceOptions, concat, explicit, item, makeCtSlice } from "../../dicom/test/make-dicom.ts";
import { parseSeriesChoice } from "../src/arguments.ts";
import { UsageError } from "../src/context.ts";
import { CliError, openSeries } from "../src/input.ts";
import { shortenUids } from "../src/series-table.ts";
import { makeVolume, runAlara } from "./alara.ts";

let folder: TemporaryFolder;
beforeAll(() => {
  folder = createTemporaryFolder("inspect");
});
afterAll(() => folder.dispose());

const CANARY = "CANARY";
const SIDE = 128;

/** A water disc of 160 mm on 1.5 mm pixels, as 16-bit words with intercept −1024. */
function drawWater(): Uint8Array {
  const words = new Uint16Array(SIDE * SIDE);
  for (let i = 0; i < words.length; i++) {
    let inside = 0;
    for (let k = 0; k < 16; k++) {
      const x = ((i % SIDE) - (SIDE - 1) / 2 + ((k % 4) - 1.5) / 4) * 1.5;
      const y = (Math.floor(i / SIDE) - (SIDE - 1) / 2 + (Math.floor(k / 4) - 1.5) / 4) * 1.5;
      if (Math.hypot(x, y) < 80) inside++;
    }
    words[i] = Math.round(24 + (1000 * inside) / 16);
  }
  return new Uint8Array(words.buffer);
}

const float64 = (value: number): Uint8Array => new Uint8Array(Float64Array.of(value).buffer);

/** Everything that could name a person, and a dose that is no round number. */
const TELLTALES: NonNullable<CtSliceOptions["extra"]> = [
  [0x00080020, "DA", "19991231"],
  [0x00080050, "SH", `${CANARY}1`],
  [0x00080080, "LO", `${CANARY}2`],
  [0x00081030, "LO", `${CANARY}3`],
  [0x0008103e, "LO", `${CANARY}4`],
  [0x00100010, "PN", `${CANARY}5`],
  [0x00100020, "LO", `${CANARY}6`],
  [0x00204000, "LT", `${CANARY}7`],
  [0x00189345, "FD", float64(6.520364478764479)],
];

function writeSlices(name: string, count: number, options: CtSliceOptions = {}): void {
  const path = folder.resolve(name);
  mkdirSync(path, { recursive: true });
  for (let i = 0; i < count; i++) {
    const uid = `${options.seriesUid ?? "1.2.3.1"}.${i + 1}`;
    const slice = makeCtSlice({
      sopUid: uid,
      position: [0, 0, 3 * i],
      instanceNumber: i + 1,
      ...options,
      extra: [...TELLTALES, ...(options.extra ?? [])],
    });
    writeFileSync(`${path}/${uid}.dcm`, slice);
  }
}

const code = (tag: number, value: string): Uint8Array =>
  explicit(tag, "SQ", item(concat(explicit(0x00080100, "SH", value), explicit(0x00080102, "SH", "DCM"))));

describe("alara inspect", () => {
  it("lists series, other objects, other formats and the rest, without a word of the patient", async () => {
    writeSlices("mixed", 3, { seriesUid: "1.2.3.10" });
    writeSlices("mixed", 1, { seriesUid: "1.2.3.11", kernel: "B70f" });
    writeSlices("mixed", 2, { seriesUid: "1.2.3.12", modality: "MR", sopClass: "1.2.840.10008.5.1.4.1.1.4" });
    const report = concat(
      explicit(0x0040a040, "CS", "NUM"),
      code(0x0040a043, "113813"),
      explicit(0x0040a300, "SQ", item(explicit(0x0040a30a, "DS", "512.53"))),
    );
    writeSlices("mixed", 1, {
      seriesUid: "1.2.3.13",
      modality: "SR",
      sopClass: "1.2.840.10008.5.1.4.1.1.88.67",
      omit: [0x7fe00010],
      extra: [[0x0040a730, "SQ", item(report)]],
    });
    const nifti = volumeFormats.get("nii").write(makeVolume(2, 8), {})[0];
    writeFileSync(folder.resolve("mixed/volume.nii"), nifti.bytes);
    writeFileSync(folder.resolve("mixed/note.txt"), "no image");

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
    expect(text.stdout).toContain("also here: 1 dose report, 1 nii file");
    expect(text.stdout).toContain("DLP total 512.5 mGy·cm");
    expect(text.stdout).toMatch(/1 × NOT_DICOM.*\n +note\.txt/);

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
    expect(result.series[0].facts.ctdiVolMgy.mean).toBeCloseTo(6.520364478764479, 12);
    expect(result.series[0].enhancement).toMatchObject({ sliceBySlice: true, withNeighbours: true });
    expect(result.doseReports).toMatchObject([{ totalDlpMgyCm: 512.53 }]);
    expect(result.otherFormats).toEqual([{ name: "volume.nii", format: "nii" }]);
    expect(result.objects).toMatchObject([{ kind: "dose report", modality: "SR" }]);
    expect(result.skippedByCode).toMatchObject({ NOT_AN_IMAGE: 1, NOT_DICOM: 2 });
    for (const output of [text.stdout, text.stderr, json.stdout, json.stderr]) {
      expect(output).not.toMatch(/CANARY|19991231|1999/);
    }
  });

  it("measures the water-equivalent diameter and the dose for it", async () => {
    const water = { rows: SIDE, columns: SIDE, pixelSpacing: "1.5\\1.5", pixels: drawWater() };
    writeSlices("water", 2, { ...water, extra: [[0x00180015, "CS", "ABDOMEN"]] });
    const run = await runAlara("inspect", folder.resolve("water"), "--ssde", "--json");
    expect(run.code, run.stderr).toBe(0);
    const { size } = JSON.parse(run.stdout).series[0];
    expect(Math.abs(size.meanWaterEquivalentDiameterMm / 160 - 1)).toBeLessThan(0.005);
    const expected = 6.520364478764479 * 3.704369 * Math.exp(-0.03671937 * 16);
    expect(Math.abs(size.dose.ssdeMgy / expected - 1)).toBeLessThan(0.005);
    expect(size.remarks.join()).toContain("32 cm is assumed for a body");
    const text = await runAlara("inspect", folder.resolve("water"), "--ssde");
    expect(text.stdout).toMatch(/Dw from images {3}160.* mm, mean 160.*AAPM Report 220/);
    expect(text.stdout).toMatch(/SSDE {13}13\.4.*mGy mean.*AAPM Report 204/);
  });

  it("ends with 1 where nothing can be enhanced, and still says what is there", async () => {
    mkdirSync(folder.resolve("empty"));
    writeSlices("mr", 2, { modality: "MR", sopClass: "1.2.840.10008.5.1.4.1.1.4" });
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
  });

  it("marks files that may be lost slices", async () => {
    writeSlices("damaged", 3);
    writeFileSync(folder.resolve("damaged/cut.dcm"), makeCtSlice({ sopUid: "1.2.9" }).subarray(0, 500));
    const { stdout } = await runAlara("inspect", folder.resolve("damaged"));
    expect(stdout).toMatch(/! 1 × VALUE_BEYOND_END|! 1 × TRUNCATED/);
    expect(stdout).toContain("may be slices that cannot be read");
  });

  it("stays short for many series and shows one when asked", async () => {
    for (let i = 0; i < 12; i++) writeSlices("many", 1, { seriesUid: `1.2.3.${100 + i}` });
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
      writeSlices("two", 3, { seriesUid: "1.2.3.20" });
      writeSlices("two", 2, { seriesUid: "1.2.3.21" });
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
    writeSlices("phases", 3, { seriesUid: "1.2.3.30", acquisitionNumber: 1 });
    const path = folder.resolve("phases");
    for (let i = 0; i < 2; i++) {
      const slice = makeCtSlice({
        seriesUid: "1.2.3.30",
        sopUid: `1.2.3.31.${i}`,
        position: [0, 0, 3 * i],
        acquisitionNumber: 2,
        intercept: "-1000",
      });
      writeFileSync(`${path}/second-${i}.dcm`, slice);
    }
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
    writeSlices("plain", 1);
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
