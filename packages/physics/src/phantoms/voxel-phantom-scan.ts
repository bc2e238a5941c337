/**
 * Scans of voxel phantoms: exact lengths of each material along any ray (Siddon 1985, doi 10.1118/1.595715, in the
 * incremental form of Amanatides & Woo 1987), and the fast way with any projector, one path-length sinogram per
 * material.
 */
import type { LinearOperator } from "@alara/core";
import { PhysicsError } from "../errors.ts";
import { createVolumeGrid } from "../projectors/grids.ts";
import type { ScannedObject } from "../scan/scanned-object.ts";
import { getMaterialAmounts, type VoxelPhantom } from "./voxel-phantom.ts";

/** Options of {@link createVoxelScannedObject}. */
export interface VoxelScanOptions {
  /** Where the isocentre lies from the volume's centre, `[slice, row, column]` mm; default zeros. */
  readonly isocentreOffsetMm?: readonly [number, number, number];
  /** Whether the outer slices go on for ever along z, as for a phantom of one slice; default false. */
  readonly isEndless?: boolean;
}

/**
 * A voxel phantom in the beam. The phantom's middle is the isocentre; slices grow along +z, rows along +y, columns
 * along +x. Nothing is allocated per ray.
 *
 * Tested: box lengths in closed form, rays along grid lines, mass over parallel rays, Siddon's operator.
 */
export function createVoxelScannedObject(
  phantom: VoxelPhantom,
  options: VoxelScanOptions = {},
): ScannedObject {
  const grid = createVolumeGrid(phantom.geometry, options.isocentreOffsetMm);
  const { firstMaterials, firstAmounts, secondMaterials, secondAmounts, materials } = phantom;
  const counts = [grid.columns, grid.rows, grid.slices];
  const spacings = [grid.columnSpacingMm, grid.rowSpacingMm, grid.sliceSpacingMm];
  const lows = [
    grid.firstColumnMm - grid.columnSpacingMm / 2,
    grid.firstRowMm - grid.rowSpacingMm / 2,
    grid.firstSliceMm - grid.sliceSpacingMm / 2,
  ];
  const strides = [1, grid.columns, grid.columns * grid.rows];
  const isEndless = options.isEndless === true;
  const index = [0, 0, 0];
  const next = [0, 0, 0];
  const step = [0, 0, 0];
  const delta = [0, 0, 0];
  const none = firstAmounts.length === 0 || materials.length === 0;
  return {
    materials,
    integrate(ray, lengthsMm) {
      lengthsMm.fill(0);
      if (none) return;
      let start = Number.NEGATIVE_INFINITY;
      let end = Number.POSITIVE_INFINITY;
      for (let axis = 0; axis < 3; axis++) {
        if (axis === 2 && isEndless) continue;
        const low = lows[axis] - ray[axis];
        const high = low + counts[axis] * spacings[axis];
        const direction = ray[3 + axis];
        if (direction === 0) {
          // Half-open voxels: a ray in the upper face is outside.
          if (low > 0 || high <= 0) return;
          continue;
        }
        const a = low / direction;
        const b = high / direction;
        start = Math.max(start, Math.min(a, b));
        end = Math.min(end, Math.max(a, b));
      }
      if (!(start < end)) return;
      for (let axis = 0; axis < 3; axis++) {
        const direction = ray[3 + axis];
        const position = (ray[axis] + start * direction - lows[axis]) / spacings[axis];
        // Entering through a face, the rounded position may lie a hair outside.
        let at = direction < 0 ? Math.ceil(position - 1e-12) - 1 : Math.floor(position + 1e-12);
        at = Math.max(0, Math.min(counts[axis] - 1, at));
        index[axis] = at;
        if (direction === 0) {
          next[axis] = Number.POSITIVE_INFINITY;
          step[axis] = 0;
          delta[axis] = 0;
          continue;
        }
        step[axis] = direction > 0 ? 1 : -1;
        delta[axis] = spacings[axis] / Math.abs(direction);
        next[axis] = (lows[axis] + (at + (direction > 0 ? 1 : 0)) * spacings[axis] - ray[axis]) / direction;
        if (axis === 2 && isEndless && (position < 0 || position >= counts[2])) {
          // Outside the stack: the outer slice lasts until the ray enters it.
          const isLeaving = position < 0 === direction < 0;
          if (isLeaving) next[axis] = Number.POSITIVE_INFINITY;
        }
      }
      let voxel = index[0] * strides[0] + index[1] * strides[1] + index[2] * strides[2];
      let from = start;
      while (from < end) {
        const axis = next[0] <= next[1] ? (next[0] <= next[2] ? 0 : 2) : next[1] <= next[2] ? 1 : 2;
        const to = next[axis] < end ? next[axis] : end;
        const length = to - from;
        if (length > 0) {
          lengthsMm[firstMaterials[voxel]] += length * firstAmounts[voxel];
          lengthsMm[secondMaterials[voxel]] += length * secondAmounts[voxel];
          from = to;
        }
        index[axis] += step[axis];
        if (index[axis] < 0 || index[axis] >= counts[axis]) {
          if (!(axis === 2 && isEndless)) return;
          index[axis] -= step[axis];
          next[axis] = Number.POSITIVE_INFINITY;
          continue;
        }
        voxel += step[axis] * strides[axis];
        next[axis] += delta[axis];
      }
    },
  };
}

/**
 * Path-length sinograms of a voxel phantom, one per material, by any projector.
 *
 * @param operator - from voxels of the phantom's shape to line integrals
 * @returns per material, mm at its own density, in the operator's range
 * @throws PhysicsError `SHAPE_MISMATCH`
 * Tested against {@link createVoxelScannedObject} with Siddon's operator.
 */
export function projectVoxelMaterials(
  phantom: VoxelPhantom,
  operator: LinearOperator<Float64Array>,
): Float64Array[] {
  const count = phantom.firstAmounts.length;
  if (operator.domainLength !== count) {
    throw new PhysicsError(
      "SHAPE_MISMATCH",
      `operator "${operator.name}" takes ${operator.domainLength} voxels but the phantom has ${count}; build it on the phantom's grid`,
    );
  }
  const amounts = new Float64Array(count);
  return phantom.materials.map((_, material) =>
    operator.apply(getMaterialAmounts(phantom, material, amounts)),
  );
}
