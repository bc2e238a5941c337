/**
 * The volume formats against ITK, nibabel, NumPy and tifffile: what they read from our files (frozen with the files' digests), and
 * what we read from ITK's.
 */
import { readFileSync } from "node:fs";
import { computeSha256, type GridGeometry, type Vector3 } from "@alara/core";
import { describe, expect, it } from "vitest";
import { readVolumeFile, volumeFormats } from "../src/formats/formats.ts";
import { createCaseVolume, FORMAT_CASES } from "./format-cases.ts";

interface ItkImage {
  readonly size: readonly number[];
  readonly spacing: readonly number[];
  readonly origin: readonly number[];
  /** Row-major matrix whose columns are the directions of the indices column, row, slice; LPS. */
  readonly direction: readonly number[];
  readonly values: readonly number[];
}

interface ReadFile {
  readonly case: number;
  readonly format: string;
  readonly sha256: Readonly<Record<string, string>>;
}

function load<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`golden/${name}`, import.meta.url), "utf8"));
}

const itk: {
  readonly read: readonly (ReadFile & ({ readonly isRefused: true } | ItkImage))[];
  readonly written: readonly (ItkImage & { readonly name: string; readonly file: string })[];
} = load("formats-itk.json");
const python: {
  readonly read: readonly (ReadFile & {
    readonly shape: readonly number[];
    readonly datatype: string;
    readonly values: readonly number[];
    readonly sform?: readonly (readonly number[])[];
    readonly qform?: readonly (readonly number[])[] | null;
    readonly place?: Readonly<Record<"spacing" | "origin", readonly number[]>> & {
      readonly direction: readonly (readonly number[])[];
    };
    readonly unit?: string;
    readonly imagej?: Readonly<Record<string, number | string>>;
    /** Row and column spacing by the resolution tags. */
    readonly pixels?: readonly number[];
  })[];
} = load("formats-python.json");

function expectClose(actual: readonly number[], wanted: readonly number[], tolerance: number): void {
  expect(actual.length).toBe(wanted.length);
  for (const [i, value] of wanted.entries()) expect(Math.abs(actual[i] - value)).toBeLessThan(tolerance);
}

function listAxes({ direction, spacingMm }: GridGeometry): readonly (readonly [Vector3, number])[] {
  return [
    [direction.column, spacingMm[2]],
    [direction.row, spacingMm[1]],
    [direction.slice, spacingMm[0]],
  ];
}

function expectItkImage(image: ItkImage, geometry: GridGeometry, tolerance: number): void {
  expect([...image.size].reverse()).toEqual(geometry.size);
  expectClose(image.origin, geometry.originMm, 100 * tolerance);
  for (const [k, [axis, spacing]] of listAxes(geometry).entries()) {
    expect(Math.abs(image.spacing[k] - spacing)).toBeLessThan(tolerance);
    expectClose([image.direction[k], image.direction[3 + k], image.direction[6 + k]], axis, tolerance);
  }
}

async function expectSameFiles(item: ReadFile): Promise<void> {
  const volume = createCaseVolume("HU", FORMAT_CASES[item.case].geometry);
  const files = volumeFormats.get(item.format).write(volume, { baseName: "volume" });
  const digests: Record<string, string> = {};
  for (const { name, bytes } of files) digests[name] = await computeSha256(bytes);
  expect(digests).toEqual(item.sha256);
}

describe("ITK", () => {
  it.each(itk.read.map((item) => [FORMAT_CASES[item.case].name, item.format, item] as const))(
    "reads the %s grid from our %s",
    async (_, format, item) => {
      await expectSameFiles(item);
      const { geometry, isSheared } = FORMAT_CASES[item.case];
      // ITK takes no NIfTI whose axes are not perpendicular; the other formats it reads.
      if ("isRefused" in item) {
        expect([format, isSheared]).toEqual(["nii", true]);
        return;
      }
      expectItkImage(item, geometry, format === "nii" ? 1e-6 : 1e-9);
      expect(item.values).toEqual([...createCaseVolume("HU", geometry).data]);
    },
  );

  it.each(itk.written.map((item) => [item.name, item] as const))(
    "writes %s, which we read",
    async (name, item) => {
      const { volume } = await readVolumeFile(new Uint8Array(Buffer.from(item.file, "base64")));
      expectItkImage(item, volume.geometry, name.includes(".nii") ? 1e-6 : 1e-9);
      expect([...volume.data]).toEqual(item.values);
    },
  );
});

describe("nibabel, NumPy and tifffile", () => {
  it.each(python.read.map((item) => [FORMAT_CASES[item.case].name, item.format, item] as const))(
    "read the %s grid from our %s",
    async (_name, _format, item) => {
      await expectSameFiles(item);
      const { geometry, isSheared } = FORMAT_CASES[item.case];
      expect([item.shape, item.datatype]).toEqual([geometry.size, "int16"]);
      expect(item.values).toEqual([...createCaseVolume("HU", geometry).data]);
      if (item.sform !== undefined) {
        expect(item.qform === null).toBe(isSheared);
        expectAffine(item.sform, geometry, 1e-5);
        // The header leaves the quaternion's real part out, and float32 gives it back to 3·10⁻⁴ where it is near 0.
        if (item.qform) expectAffine(item.qform, geometry, 1e-3);
      }
      if (item.place !== undefined) {
        const { slice, row, column } = geometry.direction;
        expect(item.place.spacing).toEqual(geometry.spacingMm);
        expect(item.place.origin).toEqual(geometry.originMm);
        expect(item.place.direction).toEqual([slice, row, column]);
        expect(item.unit).toBe("HU");
      }
      if (item.pixels !== undefined) {
        const [slices] = geometry.size;
        const spacing = geometry.spacingMm[0];
        expect(item.imagej).toEqual({ images: slices, slices, spacing, unit: "mm", vunit: "HU" });
        expectClose(item.pixels, geometry.spacingMm.slice(1), 1e-9);
      }
    },
  );
});

/** Compares a RAS affine of the indices column, row, slice. */
function expectAffine(
  affine: readonly (readonly number[])[],
  geometry: GridGeometry,
  tolerance: number,
): void {
  for (const [k, [axis, spacing]] of listAxes(geometry).entries()) {
    const ras = [-axis[0] * spacing, -axis[1] * spacing, axis[2] * spacing];
    expectClose([affine[0][k], affine[1][k], affine[2][k]], ras, tolerance);
  }
  const [x, y, z] = geometry.originMm;
  expectClose([affine[0][3], affine[1][3], affine[2][3]], [-x, -y, z], 1e-4);
}
