/**
 * Siddon's projector: the exact length of the ray in every voxel. Siddon 1985, doi 10.1118/1.595715, walked from
 * voxel to voxel as in Jacobs 1998 with plane parameters computed, not accumulated; tomography.md §2.1. Pixels are
 * half-open, [low, high) along each axis, so a ray on a grid line is counted once. Not smooth in the ray's place.
 */
import { isPlanarGeometry, type LinearOperator, type ScanGeometry } from "@alara/core";
import { createRayCaster } from "../scanners/rays.ts";
import type { VolumeGrid } from "./grids.ts";
import {
  type CellTracer,
  checkProjection,
  createCellOperator,
  createWeightList,
} from "./projection-operator.ts";

function createTracer(geometry: ScanGeometry, grid: VolumeGrid): CellTracer {
  const caster = createRayCaster(geometry);
  const isHalfLine = geometry.kind === "posed";
  const axes = isPlanarGeometry(geometry) ? 2 : 3;
  const ray = new Float64Array(6);
  // Axes x, y, z; planes are voxel faces.
  const counts = [grid.columns, grid.rows, grid.slices];
  const spacings = [grid.columnSpacingMm, grid.rowSpacingMm, grid.sliceSpacingMm];
  const faces = [
    grid.firstColumnMm - grid.columnSpacingMm / 2,
    grid.firstRowMm - grid.rowSpacingMm / 2,
    grid.firstSliceMm - grid.sliceSpacingMm / 2,
  ];
  const strides = [1, grid.columns, grid.columns * grid.rows];
  const list = createWeightList(grid.columns + grid.rows + grid.slices + 3);
  const { indices, weights } = list;
  const cell = new Int32Array(3);
  const step = new Int32Array(3);
  const next = new Float64Array(3);
  return {
    list,
    trace(view, row, channel) {
      caster.cast(view, row, channel, ray);
      let enter = isHalfLine ? 0 : -Infinity;
      let exit = Infinity;
      for (let axis = 0; axis < axes; axis++) {
        const direction = ray[3 + axis];
        if (direction === 0) {
          const place = Math.floor((ray[axis] - faces[axis]) / spacings[axis]);
          if (place < 0 || place >= counts[axis]) return 0;
          cell[axis] = place;
          continue;
        }
        const a = (faces[axis] - ray[axis]) / direction;
        const b = (faces[axis] + counts[axis] * spacings[axis] - ray[axis]) / direction;
        enter = Math.max(enter, Math.min(a, b));
        exit = Math.min(exit, Math.max(a, b));
      }
      if (!(enter < exit)) return 0;
      let index = 0;
      for (let axis = 0; axis < axes; axis++) {
        const direction = ray[3 + axis];
        if (direction === 0) {
          step[axis] = 0;
          next[axis] = Infinity;
        } else {
          const place = Math.floor((ray[axis] + enter * direction - faces[axis]) / spacings[axis]);
          const held = Math.min(Math.max(place, 0), counts[axis] - 1);
          cell[axis] = held;
          step[axis] = direction > 0 ? 1 : -1;
          const plane = direction > 0 ? held + 1 : held;
          next[axis] = (faces[axis] + plane * spacings[axis] - ray[axis]) / direction;
        }
        index += cell[axis] * strides[axis];
      }
      let count = 0;
      let at = enter;
      for (;;) {
        let axis = next[0] <= next[1] ? 0 : 1;
        if (axes === 3 && next[2] < next[axis]) axis = 2;
        const to = Math.min(next[axis], exit);
        if (to > at) {
          indices[count] = index;
          weights[count++] = to - at;
          at = to;
        }
        if (next[axis] >= exit) return count;
        cell[axis] += step[axis];
        if (cell[axis] < 0 || cell[axis] >= counts[axis]) return count;
        index += step[axis] * strides[axis];
        const plane = step[axis] > 0 ? cell[axis] + 1 : cell[axis];
        next[axis] = (faces[axis] + plane * spacings[axis] - ray[axis]) / ray[3 + axis];
      }
    },
  };
}

/**
 * Builds the Siddon projector.
 *
 * @param geometry - any scan geometry
 * @param grid - rows grow along +y, columns along +x, slices along +z
 * @returns operator from 1/mm to line integrals, float64; layouts as `createJosephProjector`
 * @remarks Tested by ⟨Ax, y⟩ = ⟨x, Aᵀy⟩ ≤ 1e-12, dense sampling of the same rays, and rays on grid lines.
 * @throws PhysicsError `OUT_OF_RANGE` when the grid reaches a source, `NON_FINITE`, `SHAPE_MISMATCH`
 */
export function createSiddonProjector(
  geometry: ScanGeometry,
  grid: VolumeGrid,
): LinearOperator<Float64Array> {
  checkProjection(geometry, grid);
  return createCellOperator("siddon", geometry, grid, createTracer(geometry, grid));
}
