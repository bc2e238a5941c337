/**
 * Voxel grids in scanner coordinates, as projectors and back-projectors need them: the rotation axis is z, slices
 * grow along +z, rows along +y, columns along +x. Not patient space: `GridGeometry` keeps that.
 */
import type { GridGeometry } from "@alara/core";

/** One 2D slice's place around the rotation axis. */
export interface PlaneGrid {
  readonly rows: number;
  readonly columns: number;
  readonly rowSpacingMm: number;
  readonly columnSpacingMm: number;
  /** Position of pixel [0][0] from the rotation axis, mm. */
  readonly firstRowMm: number;
  readonly firstColumnMm: number;
}

/** A volume's place around the rotation axis and the plane of the source. */
export interface VolumeGrid extends PlaneGrid {
  readonly slices: number;
  readonly sliceSpacingMm: number;
  /** Height of slice 0 above the plane of the source, mm. */
  readonly firstSliceMm: number;
}

/**
 * The in-plane part of a volume's grid with the rotation axis in the middle of the image.
 *
 * @param offsetMm - where the rotation axis lies from the image centre, `[row, column]` mm; default `[0, 0]`
 */
export function createPlaneGrid(
  geometry: GridGeometry,
  offsetMm: readonly [number, number] = [0, 0],
): PlaneGrid {
  const [, rows, columns] = geometry.size;
  const [, rowSpacingMm, columnSpacingMm] = geometry.spacingMm;
  return {
    rows,
    columns,
    rowSpacingMm,
    columnSpacingMm,
    firstRowMm: -((rows - 1) / 2) * rowSpacingMm - offsetMm[0],
    firstColumnMm: -((columns - 1) / 2) * columnSpacingMm - offsetMm[1],
  };
}

/**
 * A volume's grid with the isocentre in the middle of the volume.
 *
 * @param offsetMm - where the isocentre lies from the volume's centre, `[slice, row, column]` mm; default zeros
 */
export function createVolumeGrid(
  geometry: GridGeometry,
  offsetMm: readonly [number, number, number] = [0, 0, 0],
): VolumeGrid {
  const [slices] = geometry.size;
  const [sliceSpacingMm] = geometry.spacingMm;
  return {
    ...createPlaneGrid(geometry, [offsetMm[1], offsetMm[2]]),
    slices,
    sliceSpacingMm,
    firstSliceMm: -((slices - 1) / 2) * sliceSpacingMm - offsetMm[0],
  };
}
