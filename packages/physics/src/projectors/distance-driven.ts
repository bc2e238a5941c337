/**
 * The distance-driven projector: on every grid plane of the dominant axis, the mean of the image over the detector
 * cell's shadow, times the step length Δ/|cos|; shadow and pixels meet by the lengths of their overlap. De Man &
 * Basu 2004, doi 10.1088/0031-9155/49/11/024; tomography.md §2.1. Row edges of a cell are taken at its middle channel.
 */
import { isPlanarGeometry, type LinearOperator, type ScanGeometry } from "@alara/core";
import { PhysicsError } from "../errors.ts";
import { createRayCaster } from "../scanners/rays.ts";
import type { VolumeGrid } from "./grids.ts";
import {
  type CellTracer,
  checkProjection,
  createCellOperator,
  createWeightList,
  growWeightList,
  isDominant,
} from "./projection-operator.ts";

function createTracer(geometry: ScanGeometry, grid: VolumeGrid): CellTracer {
  const caster = createRayCaster(geometry);
  const isPlanar = isPlanarGeometry(geometry);
  const middle = new Float64Array(6);
  const left = new Float64Array(6);
  const right = new Float64Array(6);
  const bottom = new Float64Array(6);
  const top = new Float64Array(6);
  const { rows, columns, rowSpacingMm, columnSpacingMm, firstRowMm, firstColumnMm } = grid;
  const plane = rows * columns;
  const slices = isPlanar ? 1 : grid.slices;
  const list = createWeightList(4 * Math.max(rows, columns));
  return {
    list,
    trace(view, row, channel) {
      caster.cast(view, row, channel, middle);
      caster.cast(view, row, channel - 0.5, left);
      caster.cast(view, row, channel + 0.5, right);
      const isAlongX = isDominant(middle[3], middle[4]);
      const d = isAlongX ? 0 : 1;
      const u = 1 - d;
      const steps = isAlongX ? columns : rows;
      const cross = isAlongX ? rows : columns;
      const stepStride = isAlongX ? 1 : columns;
      const crossStride = isAlongX ? columns : 1;
      const stepSpacing = isAlongX ? columnSpacingMm : rowSpacingMm;
      const crossSpacing = isAlongX ? rowSpacingMm : columnSpacingMm;
      const firstStep = isAlongX ? firstColumnMm : firstRowMm;
      const firstCross = isAlongX ? firstRowMm : firstColumnMm;
      const length = stepSpacing / Math.abs(middle[3 + d]);
      const slopeLeft = left[3 + u] / left[3 + d];
      const slopeRight = right[3 + u] / right[3 + d];
      let slopeBottom = 0;
      let slopeTop = 0;
      if (!isPlanar) {
        caster.cast(view, row - 0.5, channel, bottom);
        caster.cast(view, row + 0.5, channel, top);
        slopeBottom = bottom[5] / bottom[3 + d];
        slopeTop = top[5] / top[3 + d];
      }
      let count = 0;
      for (let i = 0; i < steps; i++) {
        const at = firstStep + i * stepSpacing;
        // In pixels, pixel j spans [j, j + 1).
        const a = (left[u] + slopeLeft * (at - left[d]) - firstCross) / crossSpacing + 0.5;
        const b = (right[u] + slopeRight * (at - right[d]) - firstCross) / crossSpacing + 0.5;
        const low = Math.min(a, b);
        const high = Math.max(a, b);
        const begin = Math.max(0, Math.floor(low));
        const end = Math.min(cross, Math.ceil(high));
        if (begin >= end) continue;
        let bottomZ = 0;
        let topZ = 1;
        if (!isPlanar) {
          const p = (middle[2] + slopeBottom * (at - middle[d]) - grid.firstSliceMm) / grid.sliceSpacingMm;
          const q = (middle[2] + slopeTop * (at - middle[d]) - grid.firstSliceMm) / grid.sliceSpacingMm;
          bottomZ = Math.min(p, q) + 0.5;
          topZ = Math.max(p, q) + 0.5;
        }
        const beginZ = Math.max(0, Math.floor(bottomZ));
        const endZ = Math.min(slices, Math.ceil(topZ));
        if (beginZ >= endZ) continue;
        growWeightList(list, count + (end - begin) * (endZ - beginZ));
        const { indices, weights } = list;
        const scale = length / ((high - low) * (topZ - bottomZ));
        for (let k = beginZ; k < endZ; k++) {
          const height = (Math.min(topZ, k + 1) - Math.max(bottomZ, k)) * scale;
          for (let j = begin; j < end; j++) {
            indices[count] = k * plane + i * stepStride + j * crossStride;
            weights[count++] = (Math.min(high, j + 1) - Math.max(low, j)) * height;
          }
        }
      }
      return count;
    },
  };
}

/**
 * Builds the distance-driven projector.
 *
 * @param geometry - any but `"posed"`
 * @param grid - rows grow along +y, columns along +x, slices along +z
 * @returns operator from 1/mm to line integrals (means over each detector cell), float64; layouts as
 *   `createJosephProjector`
 * @remarks The dominant axis is x or y, also for steep cones. Tested by ⟨Ax, y⟩ = ⟨x, Aᵀy⟩ ≤ 1e-12, analytic discs and
 * balls, and against the separable footprint.
 * @throws PhysicsError `UNSUPPORTED_GEOMETRY` for poses, `OUT_OF_RANGE` when the grid reaches a source, `NON_FINITE`,
 *   `SHAPE_MISMATCH`
 */
export function createDistanceDrivenProjector(
  geometry: ScanGeometry,
  grid: VolumeGrid,
): LinearOperator<Float64Array> {
  if (geometry.kind === "posed") {
    throw new PhysicsError(
      "UNSUPPORTED_GEOMETRY",
      'the distance-driven projector is not defined for a "posed" scan, whose cells need not stand upright; use "joseph" or "siddon"',
    );
  }
  checkProjection(geometry, grid);
  return createCellOperator("distance-driven", geometry, grid, createTracer(geometry, grid));
}
