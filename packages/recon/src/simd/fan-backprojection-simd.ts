/**
 * Fan-arc back-projection of views that the caller filters, four slices at once in the calling thread: the kernel of
 * planar-engine.ts without its filter, for what mixes its own steps in (low-dose insertion). Each slice has its own lane,
 * so a slice's result does not depend on its neighbours in the batch. Agrees with the float64 reference to
 * 2e-4 of the image's largest value (float32 sample positions: 1e-4 of a sample).
 */
import { createWasmKernel, type FanArcGeometry } from "@alara/core";
import type { PlaneGrid } from "@alara/physics";
import { kernelBase64 } from "../../generated/planar.ts";
import type { FanFilter } from "../analytic/fan-filter.ts";
import { ReconError } from "../errors.ts";
import { PLACE_BYTES, type RowSpans } from "./planar-engine.ts";

/** Back-projects up to four slices at once; owns its WebAssembly memory, freed with the object. */
export interface FastBackprojector {
  /** Stores the filtered row of one view of slice `lane` (0..3). */
  loadView(lane: number, view: number, row: Float64Array): void;
  /** Back-projects what was loaded. Pixels outside the spans are zero. */
  run(spans?: RowSpans): void;
  /** Writes `scale ×` the image of one lane, `[row][column]`, into `out`. */
  readImage(lane: number, scale: number, out: Float32Array): void;
}

/** Zero samples at each end of a row. */
const PADDING = 2;
/** Rows of an image block that stays in the second-level cache. */
const BLOCK_ROWS = 16;

/**
 * Prepares the fast back-projector.
 *
 * @throws ReconError `OUT_OF_RANGE` when the fan is wider than ±0.58 rad or the source lies over the grid
 */
export function createFastBackprojector(
  geometry: FanArcGeometry,
  grid: PlaneGrid,
  filter: Pick<FanFilter, "samples" | "centre" | "samplePitchRad">,
): FastBackprojector {
  const views = geometry.anglesRad.length;
  const stride = filter.samples + 2 * PADDING;
  const edge = Math.max(filter.centre + PADDING, stride - filter.centre) * filter.samplePitchRad;
  if (edge > 0.58) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `fan reaches ${edge.toFixed(3)} rad from the central ray; the fast path covers 0.58 rad, use engine "reference"`,
    );
  }
  const columnsPadded = Math.ceil(grid.columns / 4) * 4;
  const kernel = createWasmKernel(kernelBase64);
  const anglesOffset = kernel.heapBase;
  const spansOffset = anglesOffset + views * 8;
  const imageOffset = Math.ceil((spansOffset + grid.rows * 8) / 16) * 16;
  const sinogramOffset = imageOffset + grid.rows * columnsPadded * 16;
  const workOffset = sinogramOffset + views * stride * 16;
  kernel.reserve(workOffset + PLACE_BYTES);
  const angles = kernel.viewFloat32(anglesOffset, views * 2);
  for (let v = 0; v < views; v++) {
    angles[2 * v] = Math.cos(geometry.anglesRad[v]);
    angles[2 * v + 1] = Math.sin(geometry.anglesRad[v]);
  }
  const spans = kernel.viewInt32(spansOffset, grid.rows * 2);
  const image = kernel.viewFloat32(imageOffset, grid.rows * columnsPadded * 4);
  const sinogram = kernel.viewFloat32(sinogramOffset, views * stride * 4);
  return {
    loadView(lane, view, row) {
      let target = (view * stride + PADDING) * 4 + lane;
      for (let s = 0; s < filter.samples; s++, target += 4) sinogram[target] = row[s];
    },
    run(wanted) {
      for (let r = 0; r < grid.rows; r++) {
        spans[2 * r] = wanted === undefined ? 0 : wanted[2 * r];
        spans[2 * r + 1] = wanted === undefined ? grid.columns : wanted[2 * r + 1];
      }
      image.fill(0);
      for (let start = 0; start < grid.rows; start += BLOCK_ROWS) {
        kernel.functions.backprojectFanArc(
          ...[0, sinogramOffset, 1, 0, stride, 0, views, anglesOffset],
          ...[imageOffset, 0, columnsPadded, spansOffset, start, Math.min(grid.rows, start + BLOCK_ROWS)],
          ...[grid.firstRowMm, grid.rowSpacingMm, grid.firstColumnMm, grid.columnSpacingMm],
          ...[geometry.sourceToIsoMm, 1 / filter.samplePitchRad, filter.centre + PADDING, workOffset],
        );
      }
    },
    readImage(lane, scale, out) {
      for (let r = 0; r < grid.rows; r++) {
        const first = spans[2 * r];
        const end = spans[2 * r + 1];
        for (let c = 0; c < grid.columns; c++) {
          out[r * grid.columns + c] =
            c >= first && c < end ? scale * image[(r * columnsPadded + c) * 4 + lane] : 0;
        }
      }
    },
  };
}
