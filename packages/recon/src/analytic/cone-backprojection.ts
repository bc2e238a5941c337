/**
 * Back-projection of one filtered view of a cone-beam scan (Feldkamp, Davis & Kress 1984), flat or curved detector,
 * voxel-driven with bilinear interpolation. The plain float64 definition; equations in plan.ts.
 */
import type { FbpPlan } from "./plan.ts";

/**
 * Adds one filtered view to a volume.
 *
 * @param samples - filtered rows [firstRow, endRow), `[row][sample]`
 * @param positions - per pixel of a slice, from `locatePixels`; `weights` likewise
 * @param volume - `[slice][row][column]`, added to
 */
export function backprojectConeView(
  plan: FbpPlan,
  samples: Float64Array,
  firstRow: number,
  endRow: number,
  positions: Float64Array,
  weights: Float64Array,
  volume: Float64Array,
): void {
  const { geometry, grid, rowPitchMm, rowCentre, samples: count } = plan;
  if (geometry.kind !== "cone-flat" && geometry.kind !== "cone-curved") return;
  // Row = z · heightGain · √weight + rowCentre: the weight is (D/(D − a))² or 1/L².
  const heightGain = (geometry.kind === "cone-flat" ? 1 : geometry.sourceToDetectorMm) / rowPitchMm;
  const plane = grid.rows * grid.columns;
  const at = (row: number, sample: number): number =>
    row >= firstRow && row < endRow && sample >= 0 && sample < count
      ? samples[(row - firstRow) * count + sample]
      : 0;
  for (let i = 0; i < plane; i++) {
    const position = positions[i];
    const low = Math.floor(position);
    if (low < -1 || low >= count) continue;
    const fraction = position - low;
    const weight = weights[i];
    const gain = heightGain * Math.sqrt(weight);
    for (let s = 0; s < grid.slices; s++) {
      const rowPosition = (grid.firstSliceMm + s * grid.sliceSpacingMm) * gain + rowCentre;
      const row = Math.floor(rowPosition);
      if (row < firstRow - 1 || row >= endRow) continue;
      const rowFraction = rowPosition - row;
      const a = at(row, low) + fraction * (at(row, low + 1) - at(row, low));
      const b = at(row + 1, low) + fraction * (at(row + 1, low + 1) - at(row + 1, low));
      volume[s * plane + i] += (a + rowFraction * (b - a)) * weight;
    }
  }
}
