/** Where the rotation axis lies in the volume that is reconstructed. */
import type { GridGeometry } from "@alara/core";
import { createVolumeGrid, type VolumeGrid } from "@alara/physics";
import { ReconError } from "./errors.ts";

/** From the middle of the volume, mm: `[row, column]`, or with the plane of the source `[slice, row, column]`. */
export type AxisOffset = readonly [number, number] | readonly [number, number, number];

/**
 * The volume's grid around the rotation axis.
 *
 * @param axisOffsetMm - default zeros
 * @throws ReconError `OUT_OF_RANGE` (neither two nor three numbers), `NON_FINITE`
 */
export function createAxisGrid(geometry: GridGeometry, axisOffsetMm: AxisOffset = [0, 0]): VolumeGrid {
  const { length } = axisOffsetMm as readonly number[];
  if (length !== 2 && length !== 3) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `axisOffsetMm has ${length} numbers; pass [row, column] or [slice, row, column]`,
    );
  }
  if (!axisOffsetMm.every((mm) => Number.isFinite(mm))) {
    throw new ReconError("NON_FINITE", `axisOffsetMm [${axisOffsetMm.join(", ")}] is not finite`);
  }
  return createVolumeGrid(
    geometry,
    axisOffsetMm.length === 3 ? axisOffsetMm : [0, axisOffsetMm[0], axisOffsetMm[1]],
  );
}
