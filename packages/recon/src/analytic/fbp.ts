/**
 * Filtered back-projection of a full turn of an equiangular fan beam (tomography.md §2.3; Kak & Slaney 1988
 * §3.4.1). Not for short scans (no Parker weights) and not for truncated data (no extrapolation).
 */
import {
  createVolume,
  type FanArcGeometry,
  type GridGeometry,
  type LongWorkOptions,
  type Sinogram,
  type Volume,
} from "@alara/core";
import { createPlaneGrid } from "@alara/physics";
import { ReconError } from "../errors.ts";
import { createFastBackprojector } from "../simd/fan-backprojection-simd.ts";
import { backprojectFanArcReference } from "./fan-backprojection.ts";
import { createFanFilter } from "./fan-filter.ts";
import { type RampWindow, rampWindows } from "./windows.ts";

/** Options of {@link reconstructFbp}. */
export interface FbpOptions extends LongWorkOptions {
  /** Where to reconstruct; slices must equal the sinogram's. */
  readonly grid: GridGeometry;
  /** Name in `rampWindows` or a gain function; default `"ram-lak"`. */
  readonly window?: string | RampWindow;
  /** Filtered samples per channel; default 1. */
  readonly oversampling?: 1 | 2;
  /** Rotation axis from the image centre, `[row, column]` mm; default `[0, 0]`. */
  readonly axisOffsetMm?: readonly [number, number];
  /** `"simd"` is float32 WebAssembly, `"reference"` float64; default `"simd"`. */
  readonly engine?: "simd" | "reference";
}

/** @throws ReconError `INCOMPLETE_TURN` unless the views are spread evenly over 2π */
export function checkFullTurn(geometry: FanArcGeometry): void {
  const { anglesRad } = geometry;
  const step = (2 * Math.PI) / anglesRad.length;
  for (let v = 1; v < anglesRad.length; v++) {
    if (Math.abs(anglesRad[v] - anglesRad[v - 1] - step) > 1e-6) {
      throw new ReconError(
        "INCOMPLETE_TURN",
        `views ${v - 1} and ${v} are ${(anglesRad[v] - anglesRad[v - 1]).toFixed(6)} rad apart, a full turn of ${anglesRad.length} views needs ${step.toFixed(6)}; short scans are not supported`,
      );
    }
  }
}

/**
 * Filters and back-projects a fan-beam sinogram.
 *
 * @param sinogram - line integrals, `[slice][view][channel]`, full turn
 * @returns attenuation in 1/mm, `[slice][row][column]`, on `options.grid`
 * @throws ReconError `SHAPE_MISMATCH`, `INCOMPLETE_TURN`, `OUT_OF_RANGE`
 * Tested: interior bias of discs ≤ 1e-4, both engines against each other.
 */
export async function reconstructFbp(
  sinogram: Sinogram<"line integral", FanArcGeometry>,
  options: FbpOptions,
): Promise<Volume<"1/mm">> {
  const { geometry } = sinogram;
  const views = geometry.anglesRad.length;
  const perSlice = views * geometry.channels;
  if (sinogram.data.length !== sinogram.slices * perSlice || options.grid.size[0] !== sinogram.slices) {
    throw new ReconError(
      "SHAPE_MISMATCH",
      `sinogram has ${sinogram.data.length} samples for ${sinogram.slices} slices × ${views} views × ${geometry.channels} channels and the grid ${options.grid.size[0]} slices; make them agree`,
    );
  }
  checkFullTurn(geometry);
  const window =
    typeof options.window === "function" ? options.window : rampWindows.get(options.window ?? "ram-lak");
  const filter = createFanFilter(geometry, window, options.oversampling ?? 1);
  const grid = createPlaneGrid(options.grid, options.axisOffsetMm);
  const scale = Math.PI / views;
  const volume = createVolume("1/mm", options.grid);
  const plane = grid.rows * grid.columns;
  const rowA = new Float64Array(filter.samples);
  const rowB = new Float64Array(filter.samples);
  const filterSlice = (slice: number, onRow: (view: number, row: Float64Array) => void): void => {
    const data = sinogram.data.subarray(slice * perSlice, (slice + 1) * perSlice);
    for (let v = 0; v < views; v += 2) {
      const w = Math.min(v + 1, views - 1);
      filter.filterPair(
        data.subarray(v * geometry.channels, (v + 1) * geometry.channels),
        data.subarray(w * geometry.channels, (w + 1) * geometry.channels),
        rowA,
        rowB,
      );
      onRow(v, rowA);
      if (w > v) onRow(w, rowB);
    }
  };
  const report = (done: number): void =>
    options.onProgress?.({ phase: "reconstructing", done, total: sinogram.slices, unit: "slices" });

  if (options.engine === "reference") {
    for (let slice = 0; slice < sinogram.slices; slice++) {
      options.signal?.throwIfAborted();
      const image = new Float64Array(plane);
      filterSlice(slice, (view, row) => {
        backprojectFanArcReference(geometry, grid, view, row, filter, image);
      });
      for (let i = 0; i < plane; i++) volume.data[slice * plane + i] = scale * image[i];
      report(slice + 1);
    }
    return volume;
  }
  const backprojector = createFastBackprojector(geometry, grid, filter);
  for (let start = 0; start < sinogram.slices; start += 4) {
    options.signal?.throwIfAborted();
    const end = Math.min(sinogram.slices, start + 4);
    for (let slice = start; slice < end; slice++) {
      filterSlice(slice, (view, row) => backprojector.loadView(slice - start, view, row));
    }
    backprojector.run();
    for (let slice = start; slice < end; slice++) {
      backprojector.readImage(slice - start, scale, volume.data.subarray(slice * plane, (slice + 1) * plane));
    }
    report(end);
  }
  return volume;
}
