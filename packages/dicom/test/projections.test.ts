/**
 * Sinogram files and DICOM-CT-PD: round trips of every geometry, files of foreign writers, and damage.
 */
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom, createSinogram, type ScanGeometry, type Sinogram } from "@alara/core";
import { zipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  assembleCtProjections,
  type CtProjectionView,
  createNumberElement,
  type DicomError,
  editDataset,
  isCtProjection,
  isSinogram,
  readCtProjection,
  readDicomFile,
  readSinogram,
  writeSinogram,
} from "../src/index.ts";
import {
  isCtProjectionPath,
  isSinogramPath,
  openCtProjections,
  openSinogram,
  saveSinogram,
} from "../src/node.ts";

const golden = JSON.parse(readFileSync(new URL("./golden/projections.json", import.meta.url), "utf8")) as {
  readonly tool: string;
  readonly views: readonly string[];
  readonly sinogram: string;
};
const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));

const anglesRad = Float64Array.of(0, 0.1, 0.2, 0.3);
const turning = {
  sourceToIsoMm: 541,
  sourceToDetectorMm: 949.075,
  channels: 6,
  channelOffset: 1.25,
  anglesRad,
};
const GEOMETRIES: readonly ScanGeometry[] = [
  { kind: "parallel", channels: 6, channelPitchMm: 0.7, channelOffset: -0.25, anglesRad },
  { kind: "fan-arc", ...turning, channelPitchRad: 0.0011 },
  { kind: "fan-flat", ...turning, channelPitchMm: 1.02 },
  { kind: "cone-flat", ...turning, channelPitchMm: 1.02, rows: 3, rowPitchMm: 1.1, rowOffset: 0.5 },
  { kind: "cone-curved", ...turning, channelPitchRad: 0.0011, rows: 3, rowPitchMm: 1.1, rowOffset: 0.5 },
  { kind: "posed", channels: 6, rows: 3, poses: Float64Array.from({ length: 24 }, (_, i) => i / 7) },
];

function fill(geometry: ScanGeometry, unit: "line integral" | "counts" = "line integral"): Sinogram {
  const slices = ["parallel", "fan-arc", "fan-flat"].includes(geometry.kind) ? 2 : 1;
  const sinogram = createSinogram(unit, geometry, slices);
  const random = createRandom(3);
  for (let i = 0; i < sinogram.data.length; i++) sinogram.data[i] = random.nextNormal();
  return sinogram;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: unknown) => (error as DicomError).code,
  );
}

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "alara-projections-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe("sinogram files", () => {
  it.each(GEOMETRIES.map((geometry) => [geometry.kind, geometry] as const))(
    "keep every number of a %s scan",
    async (_kind, geometry) => {
      for (const unit of ["line integral", "counts"] as const) {
        const sinogram = fill(geometry, unit);
        const bytes = writeSinogram(sinogram);
        expect(isSinogram(bytes)).toBe(true);
        expect(await readSinogram(bytes)).toEqual({ sinogram, facts: {} });
        const facts = {
          muWaterPerMm: 0.0193,
          incidentQuanta: 1e5,
          electronicNoiseQuanta: 0,
          sliceSpacingMm: 2.5,
        };
        expect(await readSinogram(writeSinogram(sinogram, facts))).toEqual({ sinogram, facts });
        expect(() => writeSinogram(sinogram, { muWaterPerMm: 0 })).toThrow(/muWaterPerMm/);
        expect(writeSinogram(sinogram)).toEqual(bytes);
      }
    },
  );

  it(`read what NumPy wrote (${golden.tool})`, async () => {
    const { sinogram } = await readSinogram(fromBase64(golden.sinogram));
    expect(sinogram.geometry).toMatchObject({ kind: "fan-flat", channels: 4, channelPitchMm: 1.5 });
    expect(sinogram.slices).toBe(2);
    expect([...sinogram.data]).toEqual(Array.from({ length: 24 }, (_, i) => i / 8));
  });

  it("are whole on disk or absent, and found by name and by content", async () => {
    const sinogram = fill(GEOMETRIES[1]);
    const path = join(folder, "scan.sino.npz");
    await saveSinogram(path, sinogram);
    expect((await openSinogram(path)).sinogram).toEqual(sinogram);
    expect(await isSinogramPath(path)).toBe(true);
    expect(await codeOf(saveSinogram(path, sinogram))).toBe("OUTPUT_NOT_EMPTY");
    expect(await codeOf(saveSinogram(join(folder, "scan.bin"), sinogram))).toBe("UNSUPPORTED_FORMAT");
    expect(await codeOf(saveSinogram(join(folder, "no", "scan.sino.npz"), sinogram))).toBe(
      "OUTPUT_UNWRITABLE",
    );
    expect(await codeOf(openSinogram(join(folder, "none.sino.npz")))).toBe("INPUT_NOT_FOUND");
    const renamed = join(folder, "renamed.npz");
    await writeFile(renamed, writeSinogram(sinogram));
    expect(await isSinogramPath(renamed)).toBe(true);
    expect((await readdir(folder)).filter((name) => name.includes("tmp"))).toEqual([]);
  });

  it("refuse damage, other units and values that are none", async () => {
    const sinogram = fill(GEOMETRIES[1]);
    const bytes = writeSinogram(sinogram);
    for (let cut = 0; cut < bytes.length; cut += 97) {
      expect(await codeOf(readSinogram(bytes.subarray(0, cut)))).not.toBe("none");
    }
    expect(() => writeSinogram({ ...sinogram, unit: "HU" })).toThrow(/line integral/);
    const broken = { ...sinogram, data: sinogram.data.map((p, i) => (i === 3 ? Number.NaN : p)) };
    expect(() => writeSinogram(broken)).toThrow(/sample 3/);
    const header = (text: object): Uint8Array => {
      const body = JSON.stringify(text);
      const start = `{'descr': '<U${body.length}', 'fortran_order': False, 'shape': (), }`
        .padEnd(118, " ")
        .replace(/ $/, "\n");
      const out = Buffer.alloc(10 + start.length + 4 * body.length);
      out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, start.length, 0]);
      out.write(start, 10, "latin1");
      for (let i = 0; i < body.length; i++) out.writeUInt32LE(body.charCodeAt(i), 10 + start.length + 4 * i);
      return out;
    };
    const good = { format: "alara sinogram 1", unit: "line integral", kind: "fan-arc" };
    const cases: [object, string][] = [
      [{ ...good, format: "another" }, "UNSUPPORTED_FORMAT"],
      [{ ...good, unit: "HU" }, "INVALID_VALUE"],
      [{ ...good, kind: "spiral" }, "INVALID_VALUE"],
      [{ ...good, kind: "__proto__" }, "INVALID_VALUE"],
      [{ ...good, sourceToIsoMm: -5 }, "INVALID_VALUE"],
      [{ ...good, sourceToIsoMm: 541, sourceToDetectorMm: 949, channels: 2.5 }, "INVALID_VALUE"],
    ];
    for (const [text, code] of cases) {
      const archive = zipSync({ "header.npy": header(text), "data.npy": header(text) });
      expect(await codeOf(readSinogram(archive))).toBe(code);
    }
  });
});

describe("DICOM-CT-PD", () => {
  it(`reads the views that pydicom wrote, however stored (${golden.tool})`, async () => {
    const views: CtProjectionView[] = [];
    for (const text of golden.views) {
      const file = readDicomFile(fromBase64(text));
      expect(isCtProjection(file.dataset)).toBe(true);
      views.push(await readCtProjection(file));
    }
    const scan = assembleCtProjections([views[2], views[0], views[1]]);
    expect(scan.facts).toMatchObject({
      projectionType: "HELICAL",
      geometryType: "FANBEAM",
      detectorShape: "CYLINDRICAL",
      rows: 3,
      channels: 5,
      // Element 2.75 of 5 counted from 1, turned round: 5 − 2.75 from 0.
      centralChannel: 2.25,
      centralRow: 1,
      flyingFocalSpot: "FFSXYZ",
      viewsPerRotation: 25,
      muWaterPerMm: 0.0192,
    });
    expect(scan.facts.sourceToDetectorMm).toBeCloseTo(1085.6, 3);
    for (let v = 0; v < 3; v++) {
      expect(scan.anglesRad[v]).toBeCloseTo(0.25 * (v + 1) + Math.PI / 2, 6);
      expect(scan.heightsMm[v]).toBe(-10 + 0.5 * (v + 1));
      expect([...scan.focalSpotShifts.subarray(3 * v, 3 * v + 3)]).toEqual([Math.fround(0.0003), -0.25, 1.5]);
      expect(scan.photonStatistics?.[v]).toBe(1001 + v);
      for (let r = 0; r < 3; r++) {
        for (let c = 0; c < 5; c++) {
          const stored = (r * 5 + (4 - c)) * 100 + v + 1;
          expect(scan.data[(v * 3 + r) * 5 + c]).toBeCloseTo(stored * 0.001 - 0.5, 6);
        }
      }
    }
  });

  it("refuses mixed scans, gaps, doubles, images of another size and missing geometry", async () => {
    const files = golden.views.map((text) => readDicomFile(fromBase64(text)));
    const views = await Promise.all(files.map((file) => readCtProjection(file)));
    expect(() => assembleCtProjections([])).toThrow(/no projections/);
    expect(() => assembleCtProjections([views[0], views[2]])).toThrow(/projection 2 is missing/);
    expect(() => assembleCtProjections([views[0], views[0]])).toThrow(/there twice/);
    const other = { ...views[1], facts: { ...views[1].facts, sourceToIsoMm: 600 } };
    expect(() => assembleCtProjections([views[0], other])).toThrow(/sourceToIsoMm/);
    const without = { ...files[0], dataset: editDataset(files[0].dataset, new Map([[0x70311003, null]])) };
    expect(await codeOf(readCtProjection(without))).toBe("MISSING_ATTRIBUTE");
    const resized = {
      ...files[0],
      dataset: editDataset(
        files[0].dataset,
        new Map([[0x70291011, createNumberElement(0x70291011, [7], "US")]]),
      ),
    };
    expect(await codeOf(readCtProjection(resized))).toBe("PIXEL_DATA_MISMATCH");
  });

  it("opens a folder, or a range of it", async () => {
    const scan = await mkdtemp(join(folder, "scan-"));
    for (const [i, text] of golden.views.entries())
      await writeFile(join(scan, `${9 - i}.dcm`), fromBase64(text));
    expect(await isCtProjectionPath(scan)).toBe(true);
    expect((await openCtProjections(scan)).views).toBe(3);
    expect((await openCtProjections(scan, { range: [2, 3] })).heightsMm[0]).toBe(-9);
    expect(await codeOf(openCtProjections(scan, { range: [8, 9] }))).toBe("INPUT_NOT_FOUND");
    expect(await codeOf(openCtProjections(scan, { maxSamples: 20 }))).toBe("LIMIT_EXCEEDED");
    const other = await mkdtemp(join(folder, "other-"));
    await writeFile(join(other, "notes.txt"), "no DICOM");
    expect(await isCtProjectionPath(other)).toBe(false);
    expect(await isCtProjectionPath(join(other, "absent"))).toBe(false);
  });
});
