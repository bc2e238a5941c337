/**
 * The rays of a scan as tables in float32, computed in float64: where each ray of one detector line meets the grid lines
 * of its dominant axis, as in the Joseph projector (physics, joseph.ts). Kernels only add and multiply, so that float32
 * decides nothing: neither the dominant axis nor the slope, nor (in the plane) the place after hundreds of steps. Rows of cone beams share the table of their channel.
 */
import { type ConeGeometry, isPlanarGeometry, type PlanarGeometry } from "@alara/core";
import { createRayCaster, isDominant, type VolumeGrid } from "@alara/physics";

/** Numbers per ray. */
export const RAY_LENGTH = 8;

/** Increments are split here: whole multiples of this times a step number are exact in float32. */
const COARSE = 2 ** -12;

/**
 * Fills the table of some views.
 *
 * @returns `[view][channel][8]`: place at the middle step ⌊steps / 2⌋ in pixels across the dominant axis, its whole part
 *   and the rest; its increment per step, a multiple of 2⁻¹² and the rest; step length within the plane (mm), negative
 *   where steps are rows, not columns; slices climbed per mm of height at the detector, at step 0 and increment per
 *   step; 1 / distance from source to detector cell within the plane (1/mm). The last three are 0 for planar geometries
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
      const middleMm = firstStep + Math.floor((isAlongX ? grid.columns : grid.rows) / 2) * stepSpacing;
      const place = (ray[u] + slope * (middleMm - ray[d]) - firstCross) / crossSpacing;
      const increment = (slope * stepSpacing) / crossSpacing;
      const coarse = Math.round(increment / COARSE) * COARSE;
      table[at] = Math.floor(place);
      table[at + 1] = place - Math.floor(place);
      table[at + 2] = coarse;
      table[at + 3] = increment - coarse;
      const length = stepSpacing / Math.abs(ray[3 + d]);
      table[at + 4] = isAlongX ? length : -length;
      if (isPlanar) continue;
      const across = geometry.kind === "cone-flat" ? (channel - middleChannel) * geometry.channelPitchMm : 0;
      const reach = Math.hypot(geometry.sourceToDetectorMm, across);
      table[at + 5] = (firstStep - ray[d]) / ray[3 + d] / (reach * grid.sliceSpacingMm);
      table[at + 6] = stepSpacing / ray[3 + d] / (reach * grid.sliceSpacingMm);
      table[at + 7] = 1 / reach;
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
