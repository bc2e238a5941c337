/** Reading whole series as volumes that can be compared voxel by voxel. */
import type { LongWorkOptions, Volume } from "@alara/core";
import { decodeSliceHu, type Series } from "@alara/dicom";
import { PADDING_AS_HU } from "@alara/enhance";
import { CliError } from "./input.ts";

const POSITION_TOLERANCE_MM = 0.01;

/**
 * Checks that two series lie on one grid, slice by slice.
 *
 * @throws CliError `GRID_MISMATCH`
 */
export function assertSameGrid(a: Series, b: Series, names: readonly [string, string]): void {
  const sizeA = a.geometry.size;
  const sizeB = b.geometry.size;
  const shapes = `${names[0]} is ${sizeA.join(" × ")}, ${names[1]} is ${sizeB.join(" × ")}`;
  if (sizeA.some((n, axis) => n !== sizeB[axis])) {
    throw new CliError("GRID_MISMATCH", `the series differ in size: ${shapes}; compare series of one scan`);
  }
  const axes = (series: Series): number[] => [
    ...series.geometry.spacingMm.slice(1),
    ...series.geometry.direction.row,
    ...series.geometry.direction.column,
  ];
  const other = axes(b);
  if (axes(a).some((value, i) => Math.abs(value - other[i]) > 1e-3)) {
    throw new CliError(
      "GRID_MISMATCH",
      `${names[0]} and ${names[1]} differ in pixel spacing or orientation; compare series of one scan`,
    );
  }
  for (let i = 0; i < a.slices.length; i++) {
    const p = a.slices[i].summary.positionMm;
    const q = b.slices[i].summary.positionMm;
    const distance = Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
    if (distance > POSITION_TOLERANCE_MM) {
      throw new CliError(
        "GRID_MISMATCH",
        `slice ${i + 1} of ${names[0]} lies ${distance.toFixed(2)} mm from that of ${names[1]}; compare series of one scan`,
      );
    }
  }
}

/** The chosen slices of a series as one volume; the grid is that of the whole series with fewer slices. */
export async function readSlices(
  series: Series,
  chosen: readonly number[],
  work: LongWorkOptions = {},
): Promise<Volume<"HU">> {
  const { size } = series.geometry;
  const plane = size[1] * size[2];
  const data = new Float32Array(chosen.length * plane);
  for (const [index, slice] of chosen.entries()) {
    work.signal?.throwIfAborted();
    data.set((await decodeSliceHu(series, slice, { paddingHu: PADDING_AS_HU })).hu, index * plane);
    work.onProgress?.({ phase: "reading", done: index + 1, total: chosen.length, unit: "slices" });
  }
  return { unit: "HU", geometry: { ...series.geometry, size: [chosen.length, size[1], size[2]] }, data };
}
