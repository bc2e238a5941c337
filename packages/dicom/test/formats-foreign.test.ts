/**
 * The volume formats against ITK and nibabel: what they read from our files (frozen with the files' digests), and
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
const nibabel: {
  readonly read: readonly (ReadFile & {
    readonly shape: readonly number[];
    readonly sform: readonly (readonly number[])[];
    readonly qform: readonly (readonly number[])[] | null;
    readonly values: readonly number[];
  })[];
} = load("formats-nibabel.json");

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

describe("nibabel", () => {
  it.each(nibabel.read.map((item) => [FORMAT_CASES[item.case].name, item.format, item] as const))(
    "reads the %s grid from our %s",
    async (_name, _format, item) => {
      await expectSameFiles(item);
      const { geometry, isSheared } = FORMAT_CASES[item.case];
      expect([...item.shape].reverse()).toEqual(geometry.size);
      expect(item.qform === null).toBe(isSheared);
      // The header leaves the quaternion's real part out, and float32 gives it back to 3·10⁻⁴ where it is near 0.
      const affines = [
        [item.sform, 1e-5] as const,
        ...(item.qform === null ? [] : [[item.qform, 1e-3] as const]),
      ];
      for (const [affine, tolerance] of affines) {
        for (const [k, [axis, spacing]] of listAxes(geometry).entries()) {
          const ras = [-axis[0] * spacing, -axis[1] * spacing, axis[2] * spacing];
          expectClose([affine[0][k], affine[1][k], affine[2][k]], ras, tolerance);
        }
        const [x, y, z] = geometry.originMm;
        expectClose([affine[0][3], affine[1][3], affine[2][3]], [-x, -y, z], 1e-4);
      }
      expect(item.values).toEqual([...createCaseVolume("HU", geometry).data]);
    },
  );
});
