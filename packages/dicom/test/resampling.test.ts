/** Derived series on another grid: a landmark stays where it is in the patient, padding stays padding. */
import type { GridGeometry, Vector3 } from "@alara/core";
import {
  createDerivedSeries,
  decodeVolume,
  readDicomFile,
  readItems,
  readNumbers,
  readText,
  refineGrid,
  type Series,
  scanSeries,
  TAG,
} from "@alara/dicom";
import { requireTool } from "@alara/testing";
import { describe, expect, it } from "vitest";
import { createMemorySource, makeCtSlice, uint16 } from "./make-dicom.ts";
import { validate } from "./validators.ts";

const OPTIONS = {
  methodDescription: "Test super-resolution",
  parameters: { factor: 2 },
  codeVersion: "0.1.0",
  dateTime: "2026-01-02T03:04:05Z",
};
const ROWS = 6;
const COLUMNS = 8;
/** Turned about two axes, so that no coordinate hides a mistake. */
const ORIENTATION = [0.6, 0.8, 0, -0.64, 0.48, 0.6];

async function scan(files: readonly Uint8Array[]): Promise<Series> {
  const { series } = await scanSeries(files.map((bytes, i) => createMemorySource(bytes, `f${i}`)));
  expect(series.length).toBe(1);
  return series[0];
}

function makeFiles(): Uint8Array[] {
  const normal = [0.48, -0.36, 0.8];
  return [0, 1, 2].map((i) =>
    makeCtSlice({
      rows: ROWS,
      columns: COLUMNS,
      sopUid: `1.2.3.4.${i + 1}`,
      instanceNumber: i + 1,
      orientation: ORIENTATION,
      position: [-10 + 3 * i * normal[0], -20 + 3 * i * normal[1], 30 + 3 * i * normal[2]],
      pixels: uint16(
        ...Array.from({ length: ROWS * COLUMNS }, (_, p) => (p % COLUMNS === 0 ? 0xf830 : 1000 + p + i)),
      ),
      paddingValue: -2000,
      extra: [
        [0x00181100, "DS", "300"],
        [0x00201041, "DS", "12.5"],
        [0x00880200, "SQ", new Uint8Array(0)],
        [0x60000010, "US", uint16(ROWS)],
      ],
    }),
  );
}

/** Patient position of a place given in voxels. */
function locate(geometry: GridGeometry, at: readonly [number, number, number]): Vector3 {
  const { originMm, spacingMm, direction } = geometry;
  const axes = [direction.slice, direction.row, direction.column];
  const along = (axis: number): number =>
    originMm[axis] + axes.reduce((sum, unit, i) => sum + at[i] * spacingMm[i] * unit[axis], 0);
  return [along(0), along(1), along(2)];
}

function expectClose(actual: Vector3, expected: Vector3): void {
  actual.forEach((value, axis) => {
    expect(value).toBeCloseTo(expected[axis], 5);
  });
}

describe("refineGrid", () => {
  it("moves the first centre by 1/2 − 1/(2k) of a spacing and keeps the corners", async () => {
    const { geometry } = await scan(makeFiles());
    for (const k of [1, 2, 3, 4]) {
      const fine = refineGrid(geometry, [1, k, k]);
      expect(fine.size).toEqual([3, ROWS * k, COLUMNS * k]);
      const shift = 0.5 - 0.5 / k;
      expectClose(fine.originMm, locate(geometry, [0, -shift, -shift]));
      expectClose(locate(fine, [0, -0.5, -0.5]), locate(geometry, [0, -0.5, -0.5]));
      expectClose(
        locate(fine, [0, ROWS * k - 0.5, COLUMNS * k - 0.5]),
        locate(geometry, [0, ROWS - 0.5, COLUMNS - 0.5]),
      );
    }
    expect(() => refineGrid(geometry, [1, 1.5, 2])).toThrowError(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
  });
});

describe("createDerivedSeries on another grid", () => {
  /** Nearest neighbour: each old pixel becomes k × k new ones, so its middle is its landmark. */
  async function refine(k: number): Promise<{ source: Series; files: Uint8Array[] }> {
    const source = await scan(makeFiles());
    const { data } = await decodeVolume(source);
    const geometry = refineGrid(source.geometry, [1, k, k]);
    const derived = await createDerivedSeries(source, { ...OPTIONS, geometry });
    const [, rows, columns] = geometry.size;
    const files: Uint8Array[] = [];
    for (let i = 0; i < 3; i++) {
      const hu = Float32Array.from({ length: rows * columns }, (_, p) => {
        const row = Math.floor(p / columns / k);
        const column = Math.floor((p % columns) / k);
        return data[i * ROWS * COLUMNS + row * COLUMNS + column];
      });
      files.push(await derived.writeInstance(i, hu, [Math.max(0, i - 1), i]));
    }
    return { source, files };
  }

  it.each([2, 4])("keeps a landmark at its patient position, factor %i", async (k) => {
    const { source, files } = await refine(k);
    const fine = await scan(files);
    const volume = await decodeVolume(fine);
    const landmark = 1 * ROWS * COLUMNS + 4 * COLUMNS + 5;
    const value = (await decodeVolume(source)).data[landmark];
    const places: Vector3[] = [];
    const [, rows, columns] = volume.geometry.size;
    for (let p = 0; p < rows * columns; p++) {
      if (volume.data[rows * columns + p] === value) {
        places.push(locate(volume.geometry, [1, Math.floor(p / columns), p % columns]));
      }
    }
    expect(places.length).toBe(k * k);
    const mean = [0, 1, 2].map((axis) => places.reduce((sum, place) => sum + place[axis], 0) / places.length);
    expectClose([mean[0], mean[1], mean[2]], locate(source.geometry, [1, 4, 5]));
    expect(fine.geometry.spacingMm[1]).toBeCloseTo(0.7 / k, 9);
    expect(fine.geometry.spacingMm[2]).toBeCloseTo(0.8 / k, 9);
  });

  it("says so in the header and drops what no longer fits", async () => {
    const { files } = await refine(2);
    const { dataset } = readDicomFile(files[1]);
    expect(readNumbers(dataset, TAG.Rows)).toEqual([2 * ROWS]);
    expect(readNumbers(dataset, TAG.PixelSpacing)).toEqual([0.35, 0.4]);
    expect(readNumbers(dataset, TAG.ReconstructionDiameter)).toEqual([300]);
    expect(readNumbers(dataset, TAG.SliceLocation)).toEqual([12.5]);
    expect(dataset.elements.has(TAG.IconImageSequence)).toBe(false);
    expect(dataset.elements.has(0x60000010)).toBe(false);
    const images = readItems(dataset, TAG.SourceImageSequence) ?? [];
    expect(images.map((image) => readText(image, TAG.ReferencedSOPInstanceUID))).toEqual([
      "1.2.3.4.1",
      "1.2.3.4.2",
    ]);
    expect(images.map((image) => readText(image, TAG.SpatialLocationsPreserved))).toEqual(["NO", "NO"]);
    expect(readNumbers(dataset, TAG.SmallestImagePixelValue)).toEqual([1002]);
    expect(readNumbers(dataset, TAG.LargestImagePixelValue)).toEqual([1000 + ROWS * COLUMNS]);
  });

  it("keeps padding where it was and makes none", async () => {
    const source = await scan(makeFiles());
    const geometry = refineGrid(source.geometry, [1, 2, 2]);
    const derived = await createDerivedSeries(source, { ...OPTIONS, geometry });
    const [, rows, columns] = geometry.size;
    // −3024 HU is stored −2000, the padding value.
    const bytes = await derived.writeInstance(0, new Float32Array(rows * columns).fill(-3024));
    const words = readDicomFile(bytes).dataset.elements.get(TAG.PixelData)?.bytes ?? new Uint8Array(0);
    const stored = new Int16Array(words.slice().buffer);
    for (let p = 0; p < stored.length; p++) {
      const isPadding = p % columns < 2;
      expect(stored[p] === -2000).toBe(isPadding);
    }
  });

  it("puts new slices between old ones and lists both", async () => {
    const source = await scan(makeFiles());
    const geometry = refineGrid(source.geometry, [2, 1, 1]);
    const derived = await createDerivedSeries(source, { ...OPTIONS, geometry });
    expect(derived.sopInstanceUids.length).toBe(6);
    expect(new Set(derived.sopInstanceUids).size).toBe(6);
    const files: Uint8Array[] = [];
    for (let i = 0; i < 6; i++) {
      files.push(await derived.writeInstance(i, new Float32Array(ROWS * COLUMNS).fill(i)));
    }
    const fine = await scan(files);
    expect(fine.geometry.size).toEqual([6, ROWS, COLUMNS]);
    expect(fine.geometry.spacingMm[0]).toBeCloseTo(1.5, 5);
    expectClose(locate(fine.geometry, [-0.5, 0, 0]), locate(source.geometry, [-0.5, 0, 0]));
    const { dataset } = readDicomFile(files[2]);
    expect((readItems(dataset, TAG.SourceImageSequence) ?? []).length).toBe(2);
    expect(readNumbers(dataset, TAG.InstanceNumber)).toEqual([3]);
    expect(dataset.elements.has(TAG.SliceLocation)).toBe(false);
    await expect(derived.writeInstance(6, new Float32Array(ROWS * COLUMNS))).rejects.toMatchObject({
      code: "OUT_OF_RANGE",
    });
  });

  it("gives another grid another series and refuses grids that do not fit", async () => {
    const source = await scan(makeFiles());
    const plain = await createDerivedSeries(source, OPTIONS);
    const same = await createDerivedSeries(source, {
      ...OPTIONS,
      geometry: refineGrid(source.geometry, [1, 2, 2]),
    });
    expect(same.seriesInstanceUid).not.toBe(plain.seriesInstanceUid);
    const { row, column, slice } = source.geometry.direction;
    const turned = { ...source.geometry, direction: { slice, row: column, column: row } };
    const huge = { ...source.geometry, size: [3, 70_000, 8] as const };
    for (const geometry of [turned, huge]) {
      await expect(createDerivedSeries(source, { ...OPTIONS, geometry })).rejects.toMatchObject({
        code: "OUT_OF_RANGE",
      });
    }
    const uneven = await scan(
      [0, 1, 4].map((z, i) => makeCtSlice({ sopUid: `1.2.9.${i}`, position: [0, 0, z] })),
    );
    const between = refineGrid(uneven.geometry, [2, 1, 1]);
    await expect(createDerivedSeries(uneven, { ...OPTIONS, geometry: between })).rejects.toMatchObject({
      code: "OUT_OF_RANGE",
    });
    const inPlane = refineGrid(uneven.geometry, [1, 2, 2]);
    const derived = await createDerivedSeries(uneven, { ...OPTIONS, geometry: inPlane });
    expect(derived.sopInstanceUids.length).toBe(3);
    // Slices stay where they are, however uneven; the first centre moves by a quarter of 0.8 × 0.7 mm.
    for (const [i, z] of [0, 1, 4].entries()) {
      const { dataset } = readDicomFile(await derived.writeInstance(i, new Float32Array(8 * 12)));
      expect(readNumbers(dataset, TAG.ImagePositionPatient)).toEqual([-0.2, -0.175, z]);
    }
  });

  it("dciodvfy finds nothing that the source did not have", async (context) => {
    const tool = requireTool(context, "dciodvfy", "dicom3tools");
    const source = new Set(validate(tool, makeFiles()[0]));
    const { files } = await refine(2);
    expect(validate(tool, files[0]).filter((line) => !source.has(line))).toEqual([]);
  });
});
