/** The volume formats against files of other writers and what those writers' own readers say of them. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Vector3 } from "@alara/core";
import { describe, expect, it } from "vitest";
import { readVolumeFile } from "../src/formats/formats.ts";

interface GoldenCase {
  readonly name: string;
  readonly file: string;
  readonly shape: readonly number[];
  readonly values?: readonly number[];
  /** RAS, of the indices column, row, slice. */
  readonly affine?: readonly (readonly number[])[];
  readonly volumeIndex?: number;
  readonly spacing?: readonly number[];
  readonly origin?: readonly number[];
  readonly direction?: readonly number[];
  readonly unit?: string;
  readonly sum?: number;
  readonly weightedSum?: number;
}

const golden: { readonly cases: readonly GoldenCase[] } = JSON.parse(
  readFileSync(new URL("golden/formats.json", import.meta.url), "utf8"),
);

function expectClose(actual: readonly number[], wanted: readonly number[], tolerance: number): void {
  expect(actual.length).toBe(wanted.length);
  for (const [i, value] of wanted.entries()) expect(Math.abs(actual[i] - value)).toBeLessThan(tolerance);
}

describe("files of nibabel, NumPy, tifffile and Pillow", () => {
  it.each(golden.cases.map((item) => [item.name, item] as const))("%s", async (_, item) => {
    const { volume, unitSource } = await readVolumeFile(
      new Uint8Array(gunzipSync(Buffer.from(item.file, "base64"))),
      item.volumeIndex === undefined ? {} : { volumeIndex: item.volumeIndex },
    );
    const { geometry, data } = volume;
    expect(geometry.size).toEqual(item.shape);
    if (item.values !== undefined) expect([...data]).toEqual(item.values.map(Math.fround));
    if (item.sum !== undefined) {
      let sum = 0;
      let weightedSum = 0;
      for (const [i, value] of data.entries()) {
        sum += value;
        weightedSum += value * (i % 997);
      }
      expect([sum, weightedSum]).toEqual([item.sum, item.weightedSum]);
    }
    if (item.affine !== undefined) {
      const { affine } = item;
      const { spacingMm, direction, originMm } = geometry;
      const axes: readonly (readonly [Vector3, number])[] = [
        [direction.column, spacingMm[2]],
        [direction.row, spacingMm[1]],
        [direction.slice, spacingMm[0]],
      ];
      for (const [k, [axis, spacing]] of axes.entries()) {
        const ras = [-axis[0] * spacing, -axis[1] * spacing, axis[2] * spacing];
        expectClose(ras, [affine[0][k], affine[1][k], affine[2][k]], 1e-5);
      }
      expectClose(
        [-originMm[0], -originMm[1], originMm[2]],
        [affine[0][3], affine[1][3], affine[2][3]],
        1e-5,
      );
    }
    if (item.spacing !== undefined) expectClose(geometry.spacingMm, item.spacing, 1e-6);
    if (item.origin !== undefined) expectClose(geometry.originMm, item.origin, 1e-9);
    if (item.direction !== undefined) {
      const { slice, row, column } = geometry.direction;
      expectClose([...slice, ...row, ...column], item.direction, 1e-9);
    }
    expect([volume.unit, unitSource]).toEqual(
      item.unit === undefined ? ["arbitrary", "nobody"] : [item.unit, "file"],
    );
  });
});
