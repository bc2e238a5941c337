/**
 * Walks a voxel grid row by row through a phantom of solids: lines along x, several per voxel cross-section, whose
 * pieces are exact along x. The one way from solids to voxels; what is done with the pieces stands in
 * voxelize-solids.ts.
 */
import type { GridGeometry } from "@alara/core";
import { PhysicsError } from "../errors.ts";
import { createVolumeGrid } from "../projectors/grids.ts";
import type { SolidPhantom } from "./solid.ts";
import { createSolidTracer } from "./trace-solids.ts";

/** Options of the voxelising functions. */
export interface VoxelizeSolidsOptions {
  /**
   * Lines per voxel edge across x, so `subsamples²` per voxel; along x the coverage is exact. Only voxels that a
   * surface crosses are inexact: by about 1/(2·subsamples²) of the contrast for curved surfaces, at most
   * 1/(2·subsamples) for faces along x. Default 4.
   */
  readonly subsamples?: number;
  /** Isocentre from the volume's centre, `[slice, row, column]` mm; default zeros. */
  readonly isocentreOffsetMm?: readonly [number, number, number];
}

/** Receives the pieces of one line of voxels. */
export interface RowVisitor {
  /** A piece of a sub-line: from and to in voxels from the left edge of column 0, within the row. */
  visitPiece(solid: number, from: number, to: number): void;
  /** All sub-lines of the row are through. `at` is the place of its first voxel in the volume. */
  finishRow(at: number): void;
}

/** Whether every plane z = const cuts the phantom alike. */
function isUniformAlongZ(phantom: SolidPhantom<unknown>): boolean {
  return phantom.solids.every(({ shape, clips }) => {
    const isEndless =
      (shape.kind === "cylinder" && shape.halfLengthMm === Infinity) ||
      (shape.kind === "box" && shape.halfSizesMm[2] === Infinity);
    const isUpright = shape.axes === undefined || Math.abs(shape.axes.z[2]) === 1;
    return isEndless && isUpright && (clips ?? []).every((clip) => clip.normal[2] === 0);
  });
}

/**
 * Walks the grid. Weight of each visited voxel length: 1/`linesPerRow`.
 *
 * @returns how many slices were walked: all, or only the first where the phantom is uniform along z
 * @throws PhysicsError `OUT_OF_RANGE`
 */
export function walkSolidRows(
  phantom: SolidPhantom<unknown>,
  geometry: GridGeometry,
  options: VoxelizeSolidsOptions,
  createVisitor: (linesPerRow: number) => RowVisitor,
): { readonly slicesWalked: number } {
  const subsamples = options.subsamples ?? 4;
  if (!(Number.isInteger(subsamples) && subsamples >= 1)) {
    throw new PhysicsError("OUT_OF_RANGE", `subsamples ${subsamples} is not an integer ≥ 1`);
  }
  const grid = createVolumeGrid(geometry, options.isocentreOffsetMm);
  const { rows, columns, columnSpacingMm, rowSpacingMm, sliceSpacingMm } = grid;
  const isUniform = isUniformAlongZ(phantom);
  const linesPerSlice = isUniform ? 1 : subsamples;
  const slicesWalked = isUniform ? Math.min(1, grid.slices) : grid.slices;
  const tracer = createSolidTracer(phantom);
  const visitor = createVisitor(subsamples * linesPerSlice);
  const { pieceSolids, pieceStartsMm, pieceEndsMm } = tracer;
  const ray = Float64Array.of(0, 0, 0, 1, 0, 0);
  const edge = grid.firstColumnMm - columnSpacingMm / 2;
  for (let slice = 0; slice < slicesWalked; slice++) {
    for (let row = 0; row < rows; row++) {
      for (let a = 0; a < linesPerSlice; a++) {
        ray[2] = grid.firstSliceMm + (slice + (a + 0.5) / linesPerSlice - 0.5) * sliceSpacingMm;
        for (let b = 0; b < subsamples; b++) {
          ray[1] = grid.firstRowMm + (row + (b + 0.5) / subsamples - 0.5) * rowSpacingMm;
          const pieces = tracer.trace(ray);
          for (let k = 0; k < pieces; k++) {
            const from = Math.max(0, (pieceStartsMm[k] - edge) / columnSpacingMm);
            const to = Math.min(columns, (pieceEndsMm[k] - edge) / columnSpacingMm);
            if (from < to) visitor.visitPiece(pieceSolids[k], from, to);
          }
        }
      }
      visitor.finishRow((slice * rows + row) * columns);
    }
  }
  return { slicesWalked };
}

/** Adds `amount` × covered share to each voxel of a row that a piece crosses. */
export function addSpan(row: Float64Array, from: number, to: number, amount: number): void {
  const first = Math.floor(from);
  const last = Math.min(Math.floor(to), row.length - 1);
  if (first === last) {
    row[first] += amount * (to - from);
    return;
  }
  row[first] += amount * (first + 1 - from);
  for (let i = first + 1; i < last; i++) row[i] += amount;
  row[last] += amount * (to - last);
}
