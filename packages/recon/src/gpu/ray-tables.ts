/**
 * The rays of a scan as tables in float32, computed in float64: where each ray of one detector line meets the grid lines
 * of its dominant axis, as in the Joseph projector (physics, joseph.ts). Kernels only add and multiply, so that float32
 * decides nothing: neither the dominant axis nor the slope. Rows of cone beams share the table of their channel.
 */
import { type ConeGeometry, isPlanarGeometry, type PlanarGeometry } from "@alara/core";
import { createRayCaster, isDominant, type VolumeGrid } from "@alara/physics";

/** Numbers per ray. */
export const RAY_LENGTH = 8;

/**
 * Fills the table of some views.
 *
 * @returns `[view][channel][8]`: place at step 0 and its increment per step (pixels across the dominant axis), step
 *   length within the plane (mm), dominant axis (0: steps are columns, 1: rows); slices climbed per mm of height at the
 *   detector, at step 0 and increment per step; 1 / distance from source to detector cell within the plane (1/mm); 0.
 *   The last four are 0 for planar geometries
 */
export function createRayTable(
  geometry: PlanarGeometry | ConeGeometry,
  grid: VolumeGrid,
  firstView: number,
  views: number,
): Float32Array {
  const caster = createRayCaster(geometry);
  const isPlanar = isPlanarGeometry(geometry);
  const middleRow = isPlanar ? 0 : (geometry.rows - 1) / 2 + geometry.rowOffset;
  const middleChannel = (geometry.channels - 1) / 2 + geometry.channelOffset;
  const ray = new Float64Array(6);
  const table = new Float32Array(views * geometry.channels * RAY_LENGTH);
  let at = 0;
  for (let view = firstView; view < firstView + views; view++) {
    for (let channel = 0; channel < geometry.channels; channel++, at += RAY_LENGTH) {
      // In the plane of the source.
      caster.cast(view, middleRow, channel, ray);
      const isAlongX = isDominant(ray[3], ray[4]);
      const d = isAlongX ? 0 : 1;
      const u = 1 - d;
      const stepSpacing = isAlongX ? grid.columnSpacingMm : grid.rowSpacingMm;
      const crossSpacing = isAlongX ? grid.rowSpacingMm : grid.columnSpacingMm;
      const firstStep = isAlongX ? grid.firstColumnMm : grid.firstRowMm;
      const firstCross = isAlongX ? grid.firstRowMm : grid.firstColumnMm;
      const slope = ray[3 + u] / ray[3 + d];
      table[at] = (ray[u] + slope * (firstStep - ray[d]) - firstCross) / crossSpacing;
      table[at + 1] = (slope * stepSpacing) / crossSpacing;
      table[at + 2] = stepSpacing / Math.abs(ray[3 + d]);
      table[at + 3] = d;
      if (isPlanar) continue;
      const across = geometry.kind === "cone-flat" ? (channel - middleChannel) * geometry.channelPitchMm : 0;
      const reach = Math.hypot(geometry.sourceToDetectorMm, across);
      table[at + 4] = (firstStep - ray[d]) / ray[3 + d] / (reach * grid.sliceSpacingMm);
      table[at + 5] = stepSpacing / ray[3 + d] / (reach * grid.sliceSpacingMm);
      table[at + 6] = 1 / reach;
    }
  }
  return table;
}

/** Cosine and sine of the angles of some views, `[view][2]`. */
export function createTurnTable(anglesRad: Float64Array, firstView: number, views: number): Float32Array {
  const table = new Float32Array(2 * views);
  for (let view = 0; view < views; view++) {
    table[2 * view] = Math.cos(anglesRad[firstView + view]);
    table[2 * view + 1] = Math.sin(anglesRad[firstView + view]);
  }
  return table;
}
