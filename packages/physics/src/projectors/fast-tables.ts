/**
 * What the Joseph kernels (kernels/joseph-*.as.ts) need of a geometry and a grid: where each channel's ray starts and
 * runs relative to the central ray, cosines and sines of the views, and the grid's places. Conventions of
 * core's scan-geometry.ts.
 */
import type { ConeGeometry, PlanarGeometry, WasmScratch } from "@alara/core";
import type { PlaneGrid } from "./grids.ts";

/**
 * Per channel: parts of the ray's unit direction in the plane along the central ray and across it, where on the central
 * ray's line it starts (mm from the axis), and the distance from the source to the detector in the plane (mm; parallel:
 * 0). `[channel][4]`
 */
export function createChannelTable(geometry: PlanarGeometry | ConeGeometry): Float64Array {
  const { channels } = geometry;
  const middle = (channels - 1) / 2 + geometry.channelOffset;
  const table = new Float64Array(4 * channels);
  for (let c = 0; c < channels; c++) {
    const entry = table.subarray(4 * c, 4 * c + 4);
    if (geometry.kind === "parallel") {
      entry.set([0, 1, (c - middle) * geometry.channelPitchMm, 0]);
      continue;
    }
    const { sourceToIsoMm, sourceToDetectorMm } = geometry;
    if (geometry.kind === "fan-arc" || geometry.kind === "cone-curved") {
      const angle = (c - middle) * geometry.channelPitchRad;
      entry.set([Math.cos(angle), Math.sin(angle), sourceToIsoMm, sourceToDetectorMm]);
    } else {
      const across = (c - middle) * geometry.channelPitchMm;
      const distance = Math.hypot(sourceToDetectorMm, across);
      entry.set([sourceToDetectorMm / distance, across / distance, sourceToIsoMm, distance]);
    }
  }
  return table;
}

/** Cosine and sine of each view, `[view][2]`. */
export function createAngleTable(anglesRad: Float64Array): Float64Array {
  const table = new Float64Array(2 * anglesRad.length);
  for (let v = 0; v < anglesRad.length; v++) {
    table[2 * v] = Math.cos(anglesRad[v]);
    table[2 * v + 1] = Math.sin(anglesRad[v]);
  }
  return table;
}

/** First column, column spacing, first row, row spacing, mm. */
export function createGridTable(grid: PlaneGrid): readonly number[] {
  return [grid.firstColumnMm, grid.columnSpacingMm, grid.firstRowMm, grid.rowSpacingMm];
}

/** Copies numbers into fresh memory as float64. */
export function loadDoubles(scratch: WasmScratch, values: ArrayLike<number>): number {
  const offset = scratch.allocate(8 * values.length);
  scratch.viewFloat64(offset, values.length).set(values);
  return offset;
}
