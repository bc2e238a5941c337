/**
 * Joseph's projector: one sample per grid plane of the ray's dominant axis, interpolated linearly (planar scans) or
 * bilinearly (all others) in the other axes, weighted with the step length Δ/|cos|. The plain float64 definition and
 * its exact adjoint. Joseph 1982, doi 10.1109/TMI.1982.4307572; tomography.md §2.1. Not the fast path.
 */
import { isPlanarGeometry, type LinearOperator, type ScanGeometry } from "@alara/core";
import { createRayCaster } from "../scanners/rays.ts";
import type { VolumeGrid } from "./grids.ts";
import {
  type CellTracer,
  checkProjection,
  createCellOperator,
  createWeightList,
  isDominant,
} from "./projection-operator.ts";

function createPlaneTracer(geometry: ScanGeometry, grid: VolumeGrid): CellTracer {
  const caster = createRayCaster(geometry);
  const ray = new Float64Array(6);
  const { rows, columns, rowSpacingMm, columnSpacingMm, firstRowMm, firstColumnMm } = grid;
  const list = createWeightList(2 * Math.max(rows, columns));
  const { indices, weights } = list;
  return {
    list,
    trace(view, row, channel) {
      caster.cast(view, row, channel, ray);
      const isAlongX = isDominant(ray[3], ray[4]);
      const steps = isAlongX ? columns : rows;
      const cross = isAlongX ? rows : columns;
      const stepStride = isAlongX ? 1 : columns;
      const crossStride = isAlongX ? columns : 1;
      const stepSpacing = isAlongX ? columnSpacingMm : rowSpacingMm;
      const crossSpacing = isAlongX ? rowSpacingMm : columnSpacingMm;
      const firstStep = isAlongX ? firstColumnMm : firstRowMm;
      const firstCross = isAlongX ? firstRowMm : firstColumnMm;
      const stepOrigin = isAlongX ? ray[0] : ray[1];
      const crossOrigin = isAlongX ? ray[1] : ray[0];
      const stepDirection = isAlongX ? ray[3] : ray[4];
      const slope = (isAlongX ? ray[4] : ray[3]) / stepDirection;
      const length = stepSpacing / Math.abs(stepDirection);
      const start = (crossOrigin + slope * (firstStep - stepOrigin) - firstCross) / crossSpacing;
      const increment = (slope * stepSpacing) / crossSpacing;
      let count = 0;
      for (let i = 0; i < steps; i++) {
        const position = start + i * increment;
        const low = Math.floor(position);
        if (low < -1 || low >= cross) continue;
        const fraction = position - low;
        const index = i * stepStride + low * crossStride;
        if (low >= 0) {
          indices[count] = index;
          weights[count++] = length * (1 - fraction);
        }
        if (low + 1 < cross && fraction > 0) {
          indices[count] = index + crossStride;
          weights[count++] = length * fraction;
        }
      }
      return count;
    },
  };
}

function createVolumeTracer(geometry: ScanGeometry, grid: VolumeGrid): CellTracer {
  const caster = createRayCaster(geometry);
  const isHalfLine = geometry.kind === "posed";
  const ray = new Float64Array(6);
  // Axes x, y, z.
  const counts = [grid.columns, grid.rows, grid.slices];
  const spacings = [grid.columnSpacingMm, grid.rowSpacingMm, grid.sliceSpacingMm];
  const firsts = [grid.firstColumnMm, grid.firstRowMm, grid.firstSliceMm];
  const strides = [1, grid.columns, grid.columns * grid.rows];
  const list = createWeightList(4 * Math.max(...counts));
  const { indices, weights } = list;
  return {
    list,
    trace(view, row, channel) {
      caster.cast(view, row, channel, ray);
      const isAlongX = isDominant(ray[3], ray[4]) && isDominant(ray[3], ray[5]);
      const d = isAlongX ? 0 : isDominant(ray[4], ray[5]) ? 1 : 2;
      const u = d === 0 ? 1 : 0;
      const v = d === 2 ? 1 : 2;
      const along = ray[3 + d];
      const slopeU = ray[3 + u] / along;
      const slopeV = ray[3 + v] / along;
      const length = spacings[d] / Math.abs(along);
      const run = firsts[d] - ray[d];
      const startU = (ray[u] + slopeU * run - firsts[u]) / spacings[u];
      const startV = (ray[v] + slopeV * run - firsts[v]) / spacings[v];
      const incrementU = (slopeU * spacings[d]) / spacings[u];
      const incrementV = (slopeV * spacings[d]) / spacings[v];
      const countU = counts[u];
      const countV = counts[v];
      const strideD = strides[d];
      const strideU = strides[u];
      const strideV = strides[v];
      let begin = 0;
      let end = counts[d];
      if (isHalfLine && along > 0) begin = Math.max(0, Math.ceil(-run / spacings[d]));
      if (isHalfLine && along < 0) end = Math.min(end, Math.floor(-run / spacings[d]) + 1);
      let count = 0;
      for (let i = begin; i < end; i++) {
        const positionU = startU + i * incrementU;
        const lowU = Math.floor(positionU);
        if (lowU < -1 || lowU >= countU) continue;
        const positionV = startV + i * incrementV;
        const lowV = Math.floor(positionV);
        if (lowV < -1 || lowV >= countV) continue;
        const highU = positionU - lowU;
        const highV = positionV - lowV;
        const hasHighU = lowU + 1 < countU && highU > 0;
        const hasHighV = lowV + 1 < countV && highV > 0;
        const index = i * strideD + lowU * strideU + lowV * strideV;
        if (lowU >= 0) {
          const weight = length * (1 - highU);
          if (lowV >= 0) {
            indices[count] = index;
            weights[count++] = weight * (1 - highV);
          }
          if (hasHighV) {
            indices[count] = index + strideV;
            weights[count++] = weight * highV;
          }
        }
        if (hasHighU) {
          const weight = length * highU;
          if (lowV >= 0) {
            indices[count] = index + strideU;
            weights[count++] = weight * (1 - highV);
          }
          if (hasHighV) {
            indices[count] = index + strideU + strideV;
            weights[count++] = weight * highV;
          }
        }
      }
      return count;
    },
  };
}

/**
 * Builds the Joseph projector.
 *
 * @param geometry - any scan geometry
 * @param grid - rows grow along +y, columns along +x, slices along +z
 * @returns operator from 1/mm to line integrals, float64. Planar scans: `[slice][row][column]` to
 *   `[slice][view][channel]`, each slice on its own; others: the volume to `[view][row][channel]`
 * @remarks The volume is zero beyond its outer voxel centres + one spacing (linear fall-off). On ties (to 1e-9)
 * the dominant axis is x before y before z.
 * Tested by ⟨Ax, y⟩ = ⟨x, Aᵀy⟩ ≤ 1e-12, linearity, analytic discs and balls, and scikit-image's `radon`.
 * @throws PhysicsError `OUT_OF_RANGE` when the grid reaches a source, `NON_FINITE`, `SHAPE_MISMATCH`
 */
export function createJosephProjector(
  geometry: ScanGeometry,
  grid: VolumeGrid,
): LinearOperator<Float64Array> {
  checkProjection(geometry, grid);
  const tracer = isPlanarGeometry(geometry)
    ? createPlaneTracer(geometry, grid)
    : createVolumeTracer(geometry, grid);
  return createCellOperator("joseph", geometry, grid, tracer);
}
