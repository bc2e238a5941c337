/** The doubled grid and the plain doubled image. */
import { createCentredGrid, createVolume, type GridGeometry, type Vector3 } from "@alara/core";
import { createConstant, evaluateGraph, resizeLinear } from "@alara/learn";
import { expect, test } from "vitest";
import { doubleSlice, enlargeVolume, refineInPlane } from "../src/index.ts";

function locate({ originMm, spacingMm, direction }: GridGeometry, at: Vector3): number[] {
  const axes = [direction.slice, direction.row, direction.column];
  return originMm.map(
    (start, k) => start + axes.reduce((sum, axis, i) => sum + at[i] * spacingMm[i] * axis[k], 0),
  );
}

test("corners of the field of view stay where they are, oblique grids too", () => {
  const geometry: GridGeometry = {
    size: [2, 5, 7],
    spacingMm: [3, 0.6, 0.8],
    originMm: [-10, 20, 30],
    direction: { slice: [0, -0.6, 0.8], row: [0, 0.8, 0.6], column: [1, 0, 0] },
  };
  const fine = refineInPlane(geometry, 2);
  expect(fine.size).toEqual([2, 10, 14]);
  expect(fine.spacingMm).toEqual([3, 0.3, 0.4]);
  for (const [coarse, refined] of [
    [
      [0, -0.5, -0.5],
      [0, -0.5, -0.5],
    ],
    [
      [1, 4.5, 6.5],
      [1, 9.5, 13.5],
    ],
  ] as const) {
    const [a, b] = [locate(geometry, coarse), locate(fine, refined)];
    a.forEach((value, k) => {
      expect(b[k]).toBeCloseTo(value, 9);
    });
  }
  expect(refineInPlane(geometry, 1)).toBe(geometry);
});

test("doubles as the networks' residual path does, and keeps padding", () => {
  const data = Float32Array.from({ length: 12 }, (_, i) => ((i * 37) % 100) - 40);
  const [expected] = evaluateGraph(
    [resizeLinear(createConstant(Float64Array.from(data), [1, 1, 3, 4]), { factor: 2 })],
    {},
  );
  const made = doubleSlice(data, 3, 4);
  for (const [i, value] of made.entries()) expect(value).toBeCloseTo(Number(expected[i]), 4);
  data[5] = -3024;
  const kept = doubleSlice(data, 3, 4);
  expect([18, 19, 26, 27].map((i) => kept[i])).toEqual([-3024, -3024, -3024, -3024]);
  expect(kept.filter((value) => value < -1500)).toHaveLength(4);
});

test("an enlarged volume holds its slices; scale 1 is the volume itself", () => {
  const volume = createVolume("HU", createCentredGrid([2, 3, 4], [2, 1, 1]));
  volume.data.forEach((_, i) => {
    volume.data[i] = i;
  });
  expect(enlargeVolume(volume, 1)).toBe(volume);
  const doubled = enlargeVolume(volume, 2);
  expect(doubled.data.slice(48)).toEqual(doubleSlice(volume.data.slice(12), 3, 4));
});
