/**
 * Projectors against scikit-image's `radon`, which turns the image and sums its columns (golden/make-radon.py): another
 * definition of the same integral, so equal within what the two ways of interpolating differ.
 */
import fs from "node:fs";
import type { ParallelGeometry } from "@alara/core";
import { expect, it } from "vitest";
import { projectors, type VolumeGrid } from "../src/index.ts";
import { computeLength } from "./projector-cases.ts";

interface Golden {
  readonly size: number;
  readonly anglesDegrees: readonly number[];
  readonly image: readonly number[];
  readonly sinogram: readonly number[];
}

const golden: Golden = JSON.parse(fs.readFileSync(new URL("./golden/radon.json", import.meta.url), "utf8"));

it.each([...projectors.entries()])("agrees with scikit-image's radon: %s", (name, create) => {
  // Siddon's rays do not interpolate; rotate-and-sum does.
  const tolerance = name === "siddon" ? 0.025 : 0.01;
  const { size, anglesDegrees } = golden;
  // radon() turns about pixel ⌊size/2⌋, with rows downwards: its angle is −θ here.
  const middle = Math.floor(size / 2);
  const geometry: ParallelGeometry = {
    kind: "parallel",
    channels: size,
    channelPitchMm: 1,
    channelOffset: middle - (size - 1) / 2,
    anglesRad: Float64Array.from(anglesDegrees, (angle) => (-angle * Math.PI) / 180),
  };
  const grid: VolumeGrid = {
    slices: 1,
    rows: size,
    columns: size,
    sliceSpacingMm: 1,
    rowSpacingMm: 1,
    columnSpacingMm: 1,
    firstSliceMm: 0,
    firstRowMm: -middle,
    firstColumnMm: -middle,
  };
  const projected = create(geometry, grid).apply(Float64Array.from(golden.image));
  const difference = projected.map((value, i) => value - golden.sinogram[i]);
  expect(computeLength(difference) / computeLength(golden.sinogram)).toBeLessThan(tolerance);
  // The sum of each projection: scikit-image's own tests take rtol 0.01 for this (tomography.md §3.1).
  for (let view = 0; view < anglesDegrees.length; view++) {
    const sum = (data: ArrayLike<number>): number =>
      Array.from(data)
        .slice(view * size, (view + 1) * size)
        .reduce((total, value) => total + value, 0);
    expect(Math.abs(sum(projected) / sum(golden.sinogram) - 1)).toBeLessThan(0.01);
  }
  // 0°: plain column sums; the footprint of a pixel is one channel wide. No interpolation on either side.
  for (let channel = 0; channel < size; channel++) expect(difference[channel]).toBeCloseTo(0, 4);
  // Turned the wrong way it does not fit.
  const wrong = create({ ...geometry, anglesRad: geometry.anglesRad.map((angle) => -angle) }, grid);
  const other = wrong.apply(Float64Array.from(golden.image));
  const misfit = other.map((value, i) => value - golden.sinogram[i]);
  expect(computeLength(misfit) / computeLength(golden.sinogram)).toBeGreaterThan(3 * tolerance);
});
