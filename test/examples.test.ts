/** Every example runs, on a small series made here, and says what its text promises. */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createCentredGrid } from "@alara/core";
import { createCtSeries, readDicomFile, readText, TAG } from "@alara/dicom";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createReportCase } from "../packages/dicom/test/quality-case.ts";

const EXAMPLES = fileURLToPath(new URL("../examples", import.meta.url));

let folder: TemporaryFolder;
let slice: string;
beforeAll(async () => {
  folder = createTemporaryFolder("examples");
  fs.mkdirSync(folder.resolve("in"));
  const series = await createCtSeries(createCentredGrid([4, 16, 16], [2, 1, 1]), {
    identity: { test: "examples" },
    patientId: "EXAMPLE-1234",
    dateTime: "2026-01-31T12:00:00+00:00",
    seriesDescription: "example",
    kernel: "B30f",
    bodyPart: "CHEST",
    softwareVersion: "0",
  });
  for (let s = 0; s < 4; s++) {
    fs.writeFileSync(
      folder.resolve("in", `${s}.dcm`),
      series.writeInstance(s, new Float32Array(256).fill(10 * s)),
    );
  }
  slice = folder.resolve("in", "2.dcm");
  fs.writeFileSync(folder.resolve("report.dcm"), (await createReportCase()).bytes);
});
afterAll(() => folder.dispose());

function run(name: string, ...args: string[]): string {
  return execFileSync(process.execPath, [path.join(EXAMPLES, name), ...args], { encoding: "utf8" });
}

/** The scan of the first example, made when it is not there yet. */
function scanned(): string {
  const scan = folder.resolve("scan.sino.npz");
  if (!fs.existsSync(scan)) run("01-simulate-a-scan.ts", scan, "4");
  return scan;
}

/** What each example is run with and what must come out. */
const CASES: Readonly<Record<string, () => void>> = {
  "01-simulate-a-scan.ts": () => {
    const printed = run("01-simulate-a-scan.ts", folder.resolve("scan.sino.npz"), "4");
    const [, through, air] = /quanta in the middle: (\d+) of (\d+)/.exec(printed) ?? [];
    // 200 mm of plastics let 1 to 2 % through.
    expect(Number(through) / Number(air)).toBeGreaterThan(0.008);
    expect(Number(through) / Number(air)).toBeLessThan(0.025);
    expect(printed).toContain("246 views × 222 channels");
  },
  "02-reconstruct.ts": () => {
    const printed = run("02-reconstruct.ts", scanned(), folder.resolve("volumes"), "120");
    const [fbp, tv] = [...printed.matchAll(/: (-?[\d.]+) HU, noise ([\d.]+) HU/g)].map((match) => ({
      hu: Number(match[1]),
      noise: Number(match[2]),
    }));
    // The module's body has 50 HU.
    expect(Math.abs(fbp.hu - 50)).toBeLessThan(5);
    expect(Math.abs(tv.hu - 50)).toBeLessThan(5);
    expect(tv.noise).toBeLessThan(0.5 * fbp.noise);
    expect(fs.readdirSync(folder.resolve("volumes"))).toHaveLength(2);
  },
  "03-lower-the-dose.ts": () => {
    const printed = run("03-lower-the-dose.ts", scanned(), "0.25", "120");
    const [full, ...lower] = [...printed.matchAll(/noise ([\d.]+) HU/g)].map((match) => Number(match[1]));
    expect(lower).toHaveLength(2);
    // Twice the noise; the middle 40 mm hold about 100 independent values each.
    for (const noise of lower) {
      expect(noise / full).toBeGreaterThan(1.6);
      expect(noise / full).toBeLessThan(2.5);
    }
  },
  "04-read-a-slice.ts": () => {
    expect(run("04-read-a-slice.ts", slice)).toBe("kernel B30f\n16 × 16 pixels, 20 HU in the middle\n");
  },
  "05-list-tags.ts": () => {
    const listed = run("05-list-tags.ts", slice);
    expect(listed).toContain("(0010,0020) LO PatientID, 12 bytes");
    expect(listed).not.toContain("EXAMPLE-1234");
  },
  "06-write-a-derived-series.ts": () => {
    run("06-write-a-derived-series.ts", folder.resolve("in"), folder.resolve("mean"));
    const { dataset } = readDicomFile(fs.readFileSync(folder.resolve("mean", "slice-0002.dcm")));
    expect(readText(dataset, TAG.SeriesDescription)).toBe("example MEAN OF 3");
    expect(run("04-read-a-slice.ts", folder.resolve("mean", "slice-0001.dcm"))).toContain("5 HU");
  },
  "07-convert-to-nifti.ts": () => {
    const printed = run("07-convert-to-nifti.ts", folder.resolve("in"), folder.resolve("volume.nii.gz"));
    expect(printed).toContain("4 × 16 × 16 voxels");
    expect([...fs.readFileSync(folder.resolve("volume.nii.gz")).subarray(0, 2)]).toEqual([0x1f, 0x8b]);
  },
  "08-de-identify.ts": () => {
    run("08-de-identify.ts", slice, folder.resolve("clean.dcm"));
    expect(fs.readFileSync(slice, "latin1")).toContain("EXAMPLE-1234");
    expect(fs.readFileSync(folder.resolve("clean.dcm"), "latin1")).not.toContain("EXAMPLE-1234");
  },
  "09-structured-report.ts": () => {
    const printed = run("09-structured-report.ts", folder.resolve("report.dcm"));
    expect(printed).toContain("Noise standard deviation in homogeneous tissue = 12.5 [hnsf'U]");
  },
  "10-train-without-clean-images.ts": () => {
    const printed = run("10-train-without-clean-images.ts", "100");
    const [, before, after] = /step 100: RMSE ([\d.]+) -> ([\d.]+) HU/.exec(printed) ?? [];
    expect(Number(before)).toBeCloseTo(49.5, 1);
    expect(Number(after)).toBeLessThan(0.7 * Number(before));
  },
};

describe("examples", () => {
  it("are all run here, and short", () => {
    const files = fs.readdirSync(EXAMPLES).filter((name) => name.endsWith(".ts"));
    expect(files.sort()).toEqual(Object.keys(CASES));
    for (const name of files) {
      const lines = fs.readFileSync(path.join(EXAMPLES, name), "utf8").split("\n").length;
      expect(lines, name).toBeLessThan(80);
    }
  });

  it.each(Object.entries(CASES))("%s", (_name, check) => check());
});
