/**
 * Where voxels are: grids in patient space (DICOM LPS, millimetres, PS3.3 C.7.6.2.1.1).
 * Axis order is [slice][row][column], always. Scan geometries stand in scan-geometry.ts.
 */

/** A vector in patient coordinates, LPS (+x left, +y posterior, +z superior), millimetres or unit length. */
export type Vector3 = readonly [number, number, number];

/** a · b */
export function dotVectors(a: Vector3, b: Vector3): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/** a × b, at right angles to both; right-handed: x × y = z. */
export function crossVectors(a: Vector3, b: Vector3): Vector3 {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** A regular voxel grid in patient space. */
export interface GridGeometry {
  /** Number of samples `[slices, rows, columns]`. */
  readonly size: readonly [number, number, number];
  /** Distance between sample centres `[slice, row, column]` in mm. */
  readonly spacingMm: readonly [number, number, number];
  /** Patient position of the centre of voxel [0][0][0], mm. */
  readonly originMm: Vector3;
  /** Unit vectors along which each index grows, in patient space. */
  readonly direction: {
    readonly slice: Vector3;
    readonly row: Vector3;
    readonly column: Vector3;
  };
}

/** Axial, unrotated axes: columns to +x, rows to +y, slices to +z. */
export const AXIAL_DIRECTION: GridGeometry["direction"] = {
  slice: [0, 0, 1],
  row: [0, 1, 0],
  column: [1, 0, 0],
};

/**
 * An axial grid centred on the origin (the scanner's isocentre), as phantoms and reconstructions use.
 *
 * @param size - `[slices, rows, columns]`
 * @param spacingMm - `[slice, row, column]` in mm
 */
export function createCentredGrid(
  size: readonly [number, number, number],
  spacingMm: readonly [number, number, number],
): GridGeometry {
  return {
    size,
    spacingMm,
    originMm: [
      (-(size[2] - 1) / 2) * spacingMm[2],
      (-(size[1] - 1) / 2) * spacingMm[1],
      (-(size[0] - 1) / 2) * spacingMm[0],
    ],
    direction: AXIAL_DIRECTION,
  };
}

/** Number of voxels in a grid. */
export function countVoxels(geometry: GridGeometry): number {
  return geometry.size[0] * geometry.size[1] * geometry.size[2];
}
