/**
 * Fan-arc back-projection, pixel-driven with linear interpolation: Σ_β (1/L²) q(β, γ(x)). The plain float64
 * definition; the SIMD kernel mirrors it (tomography.md §2.3).
 */
import type { FanArcGeometry } from "@alara/core";
import type { PlaneGrid } from "@alara/physics";
import type { FanFilter } from "./fan-filter.ts";

/**
 * Adds one filtered view to an image.
 *
 * @param row - filtered samples of the view
 * @param filter - says where the samples lie
 * @param image - `[row][column]`, added to
 */
export function backprojectFanArcReference(
  geometry: FanArcGeometry,
  grid: PlaneGrid,
  view: number,
  row: Float64Array,
  filter: FanFilter,
  image: Float64Array,
): void {
  const cosine = Math.cos(geometry.anglesRad[view]);
  const sine = Math.sin(geometry.anglesRad[view]);
  for (let r = 0; r < grid.rows; r++) {
    const y = grid.firstRowMm + r * grid.rowSpacingMm;
    for (let c = 0; c < grid.columns; c++) {
      const x = grid.firstColumnMm + c * grid.columnSpacingMm;
      const distance = geometry.sourceToIsoMm - (x * cosine + y * sine);
      const f = -x * sine + y * cosine;
      const position = Math.atan2(f, distance) / filter.samplePitchRad + filter.centre;
      const low = Math.floor(position);
      if (low < -1 || low >= filter.samples) continue;
      const fraction = position - low;
      const a = low >= 0 ? row[low] : 0;
      const b = low + 1 < filter.samples ? row[low + 1] : 0;
      image[r * grid.columns + c] += (a + fraction * (b - a)) / (distance * distance + f * f);
    }
  }
}
