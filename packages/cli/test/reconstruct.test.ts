/**
 * `alara reconstruct` as a user runs it: every method, every input, images where they belong, wrong use.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createCentredGrid, createSinogram, createVolume, selectViews, type Volume } from "@alara/core";
import { decodeVolume, readDicomFile, readNumbers, readText, TAG, volumeFormats } from "@alara/dicom";
import { openSinogram, openVolumeFile, saveSinogram, scanSeriesFiles } from "@alara/dicom/node";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunResult, runAlara, runAlaraWith, writeSeries } from "./alara.ts";
import { writeCtProjections } from "./ct-projections.ts";

let folder: TemporaryFolder;
/** A small fan-beam scan of water in acrylic. */
let fan: string;
beforeAll(async () => {
  folder = createTemporaryFolder("cli-reconstruct");
  const args = ["--channel-binning", "6", "--views", "120", "--mas", "20"];
  fan = await scan("fan", "water-in-acrylic", ...args);
});
afterAll(() => folder.dispose());

async function readFolder(path: string): Promise<Volume<"HU">> {
  return decodeVolume((await scanSeriesFiles([path])).series[0]) as Promise<Volume<"HU">>;
}

/** Runs a command that must succeed and print one JSON document. */
async function runJson(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await runAlara(...args, "--json");
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function scan(name: string, ...args: string[]): Promise<string> {
  await runJson("simulate", "scan", ...args, "-o", folder.resolve(name));
  return folder.resolve(name, "scan.sino.npz");
}

const MONOCHROMATIC = ["--energy", "70", "--quanta", "1e6", "--no-noise"];

/** Mean of a square of pixels, HU. */
function measureMean(image: Volume, slice: number, row: number, column: number, half = 3): number {
  const [, rows, columns] = image.geometry.size;
  let sum = 0;
  for (let r = row - half; r <= row + half; r++) {
    for (let c = column - half; c <= column + half; c++) sum += image.data[(slice * rows + r) * columns + c];
  }
  return sum / (2 * half + 1) ** 2;
}

/** Root mean square of differences, HU. */
function measureRmse(a: Volume, b: Volume): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += (a.data[i] - b.data[i]) ** 2;
  return Math.sqrt(sum / a.data.length);
}

/** Where the middle of what is brighter than `leastHu` lies, x, y, z in mm by the image's own geometry. */
function measureCentroid(image: Volume, leastHu: number): readonly number[] {
  const { size, spacingMm, originMm } = image.geometry;
  const sums = [0, 0, 0];
  let total = 0;
  for (let i = 0; i < image.data.length; i++) {
    const weight = Math.max(0, image.data[i] - leastHu);
    const [z, y, x] = [Math.floor(i / (size[1] * size[2])), Math.floor(i / size[2]) % size[1], i % size[2]];
    sums[0] += weight * (originMm[0] + x * spacingMm[2]);
    sums[1] += weight * (originMm[1] + y * spacingMm[1]);
    sums[2] += weight * (originMm[2] + z * spacingMm[0]);
    total += weight;
  }
  return sums.map((sum) => sum / total);
}

/** Middle of a ball of 12 mm in a long cylinder of water around the axis; both attenuate 0.02/mm. */
const BALL = [13, -17, 33] as const;

/** Line integral through {@link BALL} and its cylinder. */
function integrateBody(ray: Float64Array): number {
  const chord = ([x, y, z]: readonly number[], radius: number, isBall: boolean): number => {
    const p = [ray[0] - x, ray[1] - y, isBall ? ray[2] - z : 0];
    const d = [ray[3], ray[4], isBall ? ray[5] : 0];
    const dd = d[0] ** 2 + d[1] ** 2 + d[2] ** 2;
    const pd = p[0] * d[0] + p[1] * d[1] + p[2] * d[2];
    const root = pd ** 2 - dd * (p[0] ** 2 + p[1] ** 2 + p[2] ** 2 - radius ** 2);
    return root > 0 ? (2 * Math.sqrt(root)) / dd : 0;
  };
  return 0.02 * (chord([0, 0, 0], 80, false) + chord(BALL, 12, true));
}

describe("places", () => {
  it("puts a cone-beam volume off the middle where the object is, in DICOM and NIfTI", async () => {
    const ball = createVolume("HU", createCentredGrid([24, 48, 48], [2, 2, 2]));
    const place = [13, -17, 7] as const;
    for (let i = 0; i < ball.data.length; i++) {
      const [z, y, x] = [Math.floor(i / 2304) - 11.5, (Math.floor(i / 48) % 48) - 23.5, (i % 48) - 23.5];
      const distance = Math.hypot(2 * x - place[0], 2 * y - place[1], 2 * z - place[2]);
      ball.data[i] = distance < 9 ? 0 : -1000;
    }
    const [file] = volumeFormats.get("nii.gz").write(ball, { baseName: "ball" });
    const input = folder.resolve("ball.nii.gz");
    writeFileSync(input, file.bytes);
    const args = ["--beam", "cone", "--row-binning", "4", "--channel-binning", "4", "--views", "240"];
    const sinogram = await scan("cone", input, "--unit", "HU", ...args, ...MONOCHROMATIC);
    const grid = [
      "--centre",
      "10,-20,6",
      "--fov",
      "50",
      "--size",
      "50",
      "--slices",
      "12",
      "--slice-spacing",
      "2",
    ];
    const [dicom, nifti] = ["cone-dcm", "cone.nii.gz"].map((name) => folder.resolve(name));
    const facts = await runJson("reconstruct", sinogram, "-o", dicom, ...grid);
    expect(facts).toMatchObject({
      size: [12, 50, 50],
      spacingMm: [2, 1, 1],
      geometry: "cone-curved",
      files: 12,
    });
    await runJson("reconstruct", sinogram, "-o", nifti, ...grid);
    const [image, { volume: stored }] = [await readFolder(dicom), await openVolumeFile(nifti)];
    expect(image.geometry.originMm).toEqual([10 - 24.5, -20 - 24.5, 6 - 11]);
    for (const volume of [image, stored]) {
      const found = measureCentroid(volume, -500);
      for (const axis of [0, 1, 2]) expect(Math.abs(found[axis] - place[axis])).toBeLessThan(0.3);
      expect(measureMean(volume, 6, 27, 27)).toBeGreaterThan(-60);
      expect(measureMean(volume, 6, 27, 27)).toBeLessThan(60);
    }
    expect(measureRmse(image, stored)).toBeLessThan(0.5);
  });

  it("gives images that were scanned back on the same pixels, from DICOM and NIfTI alike", async () => {
    const size = 96;
    const volume = createVolume("HU", createCentredGrid([2, size, size], [3, 2, 2]));
    for (let i = 0; i < volume.data.length; i++) {
      const [slice, row, column] = [Math.floor(i / size ** 2), Math.floor(i / size) % size, i % size];
      const inside = Math.hypot(row - 50, (column - 44) / 1.2) < 34;
      const insert = Math.hypot(row - 40, column - 30) < 9;
      const liver = slice === 1 && Math.hypot(row - 60, column - 60) < 9;
      volume.data[i] = inside ? (insert ? -100 : liver ? 100 : 40) : -1000;
    }
    const images = folder.resolve("images");
    await writeSeries(images, volume);
    const [file] = volumeFormats.get("nii.gz").write(volume, { baseName: "images" });
    const nifti = folder.resolve("images.nii.gz");
    writeFileSync(nifti, file.bytes);
    const args = ["--channel-binning", "3", "--views", "300", ...MONOCHROMATIC];
    const [a, b] = await Promise.all([
      scan("s1", images, ...args),
      scan("s2", nifti, "--unit", "HU", ...args),
    ]);
    expect(readFileSync(a).equals(readFileSync(b))).toBe(true);
    // The same object, stored as [column from the right][slice from the head][row]: sagittal, turned over.
    const other = createVolume("HU", {
      size: [size, 2, size],
      spacingMm: [2, 3, 2],
      originMm: [95, -95, 1.5],
      direction: { slice: [-1, 0, 0], row: [0, 0, -1], column: [0, 1, 0] },
    });
    for (let i = 0; i < volume.data.length; i++) {
      const [slice, row, column] = [Math.floor(i / size ** 2), Math.floor(i / size) % size, i % size];
      other.data[((size - 1 - column) * 2 + (1 - slice)) * size + row] = volume.data[i];
    }
    const [turned] = volumeFormats.get("nii.gz").write(other, { baseName: "turned" });
    writeFileSync(folder.resolve("turned.nii.gz"), turned.bytes);
    const c = await scan("s3", folder.resolve("turned.nii.gz"), "--unit", "HU", ...args);
    expect(readFileSync(c).equals(readFileSync(a))).toBe(true);
    const out = folder.resolve("back");
    await runJson("reconstruct", a, "--size", "96", "--fov", "192", "--window", "ram-lak", "-o", out);
    const back = await readFolder(out);
    expect(back.geometry.size).toEqual([2, size, size]);
    expect(back.geometry.spacingMm).toEqual([3, 2, 2]);
    for (const slice of [0, 1]) {
      expect(measureMean(back, slice, 40, 30)).toBeCloseTo(-100, -0.7);
      expect(measureMean(back, slice, 70, 35)).toBeCloseTo(40, -0.7);
      expect(measureMean(back, slice, 60, 60)).toBeCloseTo(slice === 1 ? 100 : 40, -0.7);
    }
  });

  it("rebins a helix of DICOM-CT-PD, slices at the heights that were asked for", async () => {
    const helix = folder.resolve("helix");
    const [turns, perTurn, feedMm] = [4, 120, 8];
    const views = Array.from({ length: turns * perTurn }, (_, view) => view);
    writeCtProjections(helix, integrateBody, {
      geometry: {
        kind: "cone-curved",
        sourceToIsoMm: 595,
        sourceToDetectorMm: 1085.6,
        channels: 160,
        channelPitchRad: 2.2 / 1085.6,
        channelOffset: 0.25,
        rows: 8,
        rowPitchMm: 2,
        rowOffset: 0,
        anglesRad: Float64Array.from(views, (view) => (2 * Math.PI * view) / perTurn),
      },
      heightsMm: views.map((view) => 30 + feedMm * (view / perTurn - turns / 2)),
      muWaterPerMm: 0.02,
    });
    const grid = ["--size", "80", "--fov", "160", "--slice-spacing", "4"];
    const out = folder.resolve("helix-out");
    const facts = await runJson("reconstruct", helix, "-o", out, ...grid, "--heights", "21..41");
    expect(facts).toMatchObject({ size: [6, 80, 80], muWaterPerMm: 0.02 });
    expect(String(facts.notes)).toContain("helix of 8.00 mm per turn");
    const image = await readFolder(out);
    expect(image.geometry.originMm[2]).toBeCloseTo(21, 6);
    const found = measureCentroid(image, 300);
    for (const axis of [0, 1, 2])
      expect(Math.abs(found[axis] - BALL[axis])).toBeLessThan(axis === 2 ? 1 : 0.3);
    expect(Math.abs(measureMean(image, 3, 31, 46, 1) - 1000)).toBeLessThan(60);
    expect(Math.abs(measureMean(image, 3, 60, 30))).toBeLessThan(20);
    const short = await runAlara("reconstruct", helix, "-o", folder.resolve("no"), "--views", "1..60");
    expect(short).toMatchObject({ code: 1 });
    expect(short.stderr).not.toContain("UNEXPECTED");
  });

  it("takes DICOM-CT-PD of a table that stands still, at the table's height", async () => {
    const still = folder.resolve("still");
    const anglesRad = Float64Array.from({ length: 120 }, (_, view) => (2 * Math.PI * view) / 120);
    writeCtProjections(still, integrateBody, {
      geometry: {
        kind: "cone-curved",
        sourceToIsoMm: 595,
        sourceToDetectorMm: 1085.6,
        channels: 160,
        channelPitchRad: 2.2 / 1085.6,
        channelOffset: 0.25,
        rows: 20,
        rowPitchMm: 4,
        rowOffset: 0,
        anglesRad,
      },
      heightsMm: anglesRad.map(() => 30),
      muWaterPerMm: 0.02,
    });
    const out = folder.resolve("still-out");
    const grid = ["--size", "80", "--fov", "160", "--slice-spacing", "2", "--slices", "16"];
    expect(await runJson("reconstruct", still, "-o", out, ...grid)).toMatchObject({
      geometry: "cone-curved",
    });
    const image = await readFolder(out);
    expect(image.geometry.originMm[2]).toBeCloseTo(15, 6);
    const found = measureCentroid(image, 300);
    for (const axis of [0, 1, 2]) expect(Math.abs(found[axis] - BALL[axis])).toBeLessThan(0.5);
  });
});

describe("methods", () => {
  const METHODS = [
    ...["fbp", "hybrid-iterative", "model-based", "landweber", "sirt", "sart", "os-sart", "mlem", "osem"],
    ...["cgls", "pwls", "fista-tv", "asd-pocs", "pdhg"],
  ];

  it("are all those of --help, and each gives water its HU", async () => {
    const help = (await runAlara("reconstruct", "--help")).stdout.replace(/\s+/g, " ");
    const listed = /--method <name>.*?\(choices: (.*?), default/.exec(help)?.[1] ?? "";
    expect(listed.replaceAll('"', "").split(", ").sort()).toEqual([...METHODS].sort());
    for (let i = 0; i < METHODS.length; i += 4) {
      await Promise.all(
        METHODS.slice(i, i + 4).map(async (method) => {
          const out = folder.resolve(`m-${method}`);
          const fast = method === "fbp" || method === "hybrid-iterative" ? [] : ["--iterations", "3"];
          const grid = ["--size", "64", "--fov", "500"];
          expect(
            await runJson("reconstruct", fan, "-o", out, "--method", method, ...grid, ...fast),
          ).toMatchObject({ method, size: [1, 64, 64] });
          const image = await readFolder(out);
          expect(Math.abs(measureMean(image, 0, 32, 32)), method).toBeLessThan(25);
          expect(Math.abs(measureMean(image, 0, 32, 26)), method).toBeLessThan(25);
          expect(measureMean(image, 0, 32, 6), method).toBeLessThan(-950);
        }),
      );
    }
    const { dataset } = readDicomFile(readFileSync(folder.resolve("m-fbp", "slice-0001.dcm")));
    expect(readText(dataset, TAG.ConvolutionKernel)).toBe("HANN");
    expect(readNumbers(dataset, TAG.KVP)).toEqual([120]);
  });

  it("of iteration take turns too short for FBP", async () => {
    const { sinogram, facts } = await openSinogram(fan);
    const third = folder.resolve("third.sino.npz");
    const geometry = selectViews(
      sinogram.geometry,
      Array.from({ length: 40 }, (_, view) => view),
    );
    const data = sinogram.data.slice(0, 40 * geometry.channels);
    await saveSinogram(third, createSinogram("line integral", geometry, 1, data), facts);
    const [fbp, sirt] = await Promise.all(
      [["fbp"], ["sirt", "--iterations", "20"]].map((method) =>
        runAlara(
          ...[
            "reconstruct",
            third,
            "-o",
            folder.resolve(`third-${method[0]}`),
            "--size",
            "64",
            "--fov",
            "500",
          ],
          ...["--method", ...method, "--json"],
        ),
      ),
    );
    expect(fbp).toMatchObject({ code: 1 });
    expect(JSON.parse(fbp.stdout).error.code).toBe("INCOMPLETE_TURN");
    expect(sirt.code, sirt.stderr).toBe(0);
    expect(Math.abs(measureMean(await readFolder(folder.resolve("third-sirt")), 0, 32, 32))).toBeLessThan(
      200,
    );
  });

  it("take short scans and displaced panels", async () => {
    const small = ["--channel-binning", "8", ...MONOCHROMATIC];
    const panel = [
      "--scanner",
      "truebeam-cbct-half-fan",
      "--beam",
      "cone",
      "--row-binning",
      "16",
      "--rows",
      "64",
    ];
    const grid = ["--size", "64", "--fov", "300"];
    const [short, displaced] = await Promise.all([
      scan("short", "water", "--arc", "short", "--views", "150", ...small),
      scan("half", "water", ...panel, "--views", "150", ...small),
    ]);
    await Promise.all(
      [short, displaced].map(async (sinogram, i) => {
        const out = folder.resolve(`weights-${i}`);
        await runJson("reconstruct", sinogram, "-o", out, ...grid, ...(i === 0 ? [] : ["--slices", "1"]));
        const image = await readFolder(out);
        for (const column of [18, 32, 46]) {
          expect(Math.abs(measureMean(image, 0, 32, column)), `${i}, column ${column}`).toBeLessThan(12);
        }
      }),
    );
  });

  it("reconstruct and enhance in one command", async () => {
    const out = folder.resolve("both");
    const options = ["--size", "64", "--enhance", "--enhance-method", "gaussian"];
    const { reconstruction, enhancement } = await runJson("reconstruct", fan, "-o", out, ...options);
    expect(reconstruction).toMatchObject({ method: "fbp", files: 1 });
    expect(enhancement).toMatchObject({ slices: 1 });
    expect(readdirSync(out).sort()).toEqual(["enhanced", "reconstruction"]);
    const [before, after] = [
      await readFolder(`${out}/reconstruction`),
      await readFolder(`${out}/enhanced/series`),
    ];
    expect(after.geometry).toEqual(before.geometry);
    expect(after.data).not.toEqual(before.data);
  });
});

describe("--engine webgpu", () => {
  const swiftShader = "/usr/lib/chromium/vk_swiftshader_icd.json";
  const run = (driver: string, name: string): Promise<RunResult> =>
    runAlaraWith(
      { VK_ICD_FILENAMES: driver },
      ...["reconstruct", fan, "-o", folder.resolve(name), "--size", "64", "--engine", "webgpu", "--json"],
    );

  it.skipIf(process.platform !== "linux")("says when there is no GPU", async () => {
    const { code, stdout } = await run("/nonexistent.json", "no-gpu");
    expect(code).toBe(1);
    expect(JSON.parse(stdout).error.code).toBe("NO_GPU");
    expect(existsSync(folder.resolve("no-gpu"))).toBe(false);
  });

  it.skipIf(!existsSync(swiftShader))("agrees with the CPU, and the process ends", async () => {
    const { code, stderr } = await run(swiftShader, "gpu");
    expect(code, stderr).toBe(0);
    await runJson("reconstruct", fan, "-o", folder.resolve("cpu"), "--size", "64");
    const [a, b] = [await readFolder(folder.resolve("gpu")), await readFolder(folder.resolve("cpu"))];
    expect(measureRmse(a, b)).toBeLessThan(0.3);
  });
});

describe("wrong use", () => {
  const CASES: readonly (readonly [readonly string[], number, RegExp])[] = [
    [["FAN"], 2, /output/],
    [["absent.sino.npz", "-o", "OUT"], 1, /INPUT_NOT_READABLE/],
    [["CUT", "-o", "OUT"], 1, /TRUNCATED/],
    [["FAN", "-o", "OUT", "--method", "sirt", "--window", "hann"], 2, /--window.*fbp/],
    [["FAN", "-o", "OUT", "--level", "3"], 2, /--level.*model-based/],
    [["FAN", "-o", "OUT", "--slices", "3"], 2, /--slices/],
    [["FAN", "-o", "OUT", "--slice-spacing", "3"], 2, /every 1 mm/],
    [["FAN", "-o", "OUT", "--centre", "0,0,3"], 2, /--centre/],
    [["FAN", "-o", "OUT", "--memory", "0.001"], 1, /TOO_LITTLE_MEMORY/],
    [["FAN", "-o", "OUT", "--fov", "2000"], 1, /beyond the source/],
    [["FAN", "-o", "OUT", "--enhance", "--enhance-method", "foo"], 2, /foo/],
    [["FAN", "-o", "OUT", "--enhance-strength", "0.5"], 2, /needs --enhance/],
  ];

  it("ends with a code, one JSON document and nothing half-written", async () => {
    const cut = folder.resolve("cut.sino.npz");
    writeFileSync(cut, readFileSync(fan).subarray(0, 4000));
    const before = readdirSync(folder.path).sort();
    const place = (text: string): string =>
      ({ FAN: fan, CUT: cut, OUT: folder.resolve("OUT") })[text] ?? text;
    for (let i = 0; i < CASES.length; i += 3) {
      const part = CASES.slice(i, i + 3);
      const runs = await Promise.all(
        part.map(([args]) => runAlara("reconstruct", ...args.map(place), "--json")),
      );
      for (const [k, { code, stdout, stderr }] of runs.entries()) {
        const [args, expected, message] = part[k];
        expect(code, `${args.join(" ")}: ${stderr}`).toBe(expected);
        expect(stderr).toMatch(message);
        expect(stderr).not.toContain("UNEXPECTED");
        expect(JSON.parse(stdout)).toMatchObject({ error: { message: expect.any(String) } });
      }
    }
    expect(readdirSync(folder.path).sort()).toEqual(before);
  });
});
