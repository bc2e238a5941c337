/**
 * Back-projection of one filtered view of parallel, fan-arc and fan-flat scans, pixel-driven with linear
 * interpolation. The plain float64 definition that every kernel mirrors; equations in plan.ts.
 */
import type { FbpPlan } from "./plan.ts";

/**
 * Where the pixels of the grid meet one view: place among the samples and weight, per pixel.
 *
 * @param positions - `[row][column]`, receives sample places (fractional, may lie outside)
 * @param weights - `[row][column]`, receives 1, 1/L² or 1/U²
 */
export function locatePixels(
  plan: FbpPlan,
  view: number,
  positions: Float64Array,
  weights: Float64Array,
): void {
  const { geometry, grid, samplePitch, centre } = plan;
  const cosine = Math.cos(geometry.anglesRad[view]);
  const sine = Math.sin(geometry.anglesRad[view]);
  const { kind } = geometry;
  const isAngular = kind === "fan-arc" || kind === "cone-curved";
  for (let r = 0; r < grid.rows; r++) {
    const y = grid.firstRowMm + r * grid.rowSpacingMm;
    for (let c = 0; c < grid.columns; c++) {
      const x = grid.firstColumnMm + c * grid.columnSpacingMm;
      const i = r * grid.columns + c;
      const along = x * cosine + y * sine;
      if (geometry.kind === "parallel") {
        positions[i] = along / samplePitch + centre;
        weights[i] = 1;
        continue;
      }
      const distance = geometry.sourceToIsoMm - along;
      const across = -x * sine + y * cosine;
      if (isAngular) {
        positions[i] = Math.atan2(across, distance) / samplePitch + centre;
        weights[i] = 1 / (distance * distance + across * across);
      } else {
        const magnification = geometry.sourceToIsoMm / distance;
        positions[i] = (across * magnification) / samplePitch + centre;
        weights[i] = magnification * magnification;
      }
    }
  }
}

/**
 * Adds one filtered view to an image.
 *
 * @param samples - filtered samples of the view
 * @param positions - from {@link locatePixels}; `weights` likewise
 * @param image - `[row][column]`, added to
 */
export function backprojectView(
  samples: Float64Array,
  positions: Float64Array,
  weights: Float64Array,
  image: Float64Array,
): void {
  const count = samples.length;
  for (let i = 0; i < image.length; i++) {
    const position = positions[i];
    const low = Math.floor(position);
    if (low < -1 || low >= count) continue;
    const a = low >= 0 ? samples[low] : 0;
    const b = low + 1 < count ? samples[low + 1] : 0;
    image[i] += (a + (position - low) * (b - a)) * weights[i];
  }
}
