/**
 * Joseph's projector and its matched adjoint for stacks of slices of planar scans in a pool of threads: the layout of
 * memory and the cutting into jobs; the arithmetic is kernels/joseph-planar.as.ts. Forward jobs are runs of views; the
 * adjoint first takes all rays closer to the y axis by bands of rows, then the others by bands of columns, so that
 * jobs never write to one place and every pixel sums its rays in one order.
 */
import type { PlanarGeometry, WasmJob, WasmScratch } from "@alara/core";
import { kernelBase64 } from "../../generated/joseph-planar.ts";
import { createAngleTable, createChannelTable, createGridTable, loadDoubles } from "./fast-tables.ts";
import type { VolumeGrid } from "./grids.ts";

/** Slices projected at once: two vectors, for which the places of a ray are computed once. */
const BATCH_SLICES = 8;
/** Image rows or columns per adjoint job. */
const BAND = 64;
/** Image rows per copying job. */
const COPY_ROWS = 64;

interface Layout {
  readonly views: number;
  readonly perSlice: number;
  readonly plane: number;
  readonly imageBytes: number;
  /** Interleaved images, slices and sinogram of one batch. */
  readonly images: number;
  readonly planes: number;
  readonly sinogram: number;
  /** What both kernel functions take between the geometry and the sinogram. */
  readonly tables: readonly number[];
}

function layOut(scratch: WasmScratch, geometry: PlanarGeometry, grid: VolumeGrid): Layout {
  const { rows, columns } = grid;
  const views = geometry.anglesRad.length;
  const perSlice = views * geometry.channels;
  const plane = rows * columns;
  const imageBytes = 16 * (rows + 2) * (columns + 2);
  const batch = Math.min(BATCH_SLICES, grid.slices);
  const channelTable = createChannelTable(geometry).filter((_, i) => i % 4 !== 3);
  const workBytes = 8 * (Math.max(rows, columns) + 8);
  const tables = [
    loadDoubles(scratch, createAngleTable(geometry.anglesRad)),
    loadDoubles(scratch, channelTable),
    loadDoubles(scratch, createGridTable(grid)),
    scratch.allocate(workBytes * scratch.threads),
    workBytes,
  ];
  return {
    views,
    perSlice,
    plane,
    imageBytes,
    images: scratch.allocate(Math.ceil(batch / 4) * imageBytes),
    planes: scratch.allocate(4 * batch * plane),
    sinogram: scratch.allocate(4 * batch * perSlice),
    tables,
  };
}

/** Jobs that bring `slices` slices into (`interleave`) or out of (`separate`) the kernel's order. */
function createCopyJobs(name: string, layout: Layout, grid: VolumeGrid, slices: number): WasmJob[] {
  const jobs: WasmJob[] = [];
  for (let first = 0; first < slices; first += 4) {
    const image = layout.images + (first / 4) * layout.imageBytes;
    const plane = layout.planes + 4 * first * layout.plane;
    for (let row = 0; row < grid.rows; row += COPY_ROWS) {
      const end = Math.min(grid.rows, row + COPY_ROWS);
      const size = [Math.min(4, slices - first), grid.rows, grid.columns, row, end];
      jobs.push({ name, values: name === "interleave" ? [plane, ...size, image] : [image, ...size, plane] });
    }
  }
  return jobs;
}

/** y = Ax: `x` is `[slice][row][column]`, `out` `[slice][view][channel]`. */
export async function projectPlanar(
  scratch: WasmScratch,
  geometry: PlanarGeometry,
  grid: VolumeGrid,
  x: Float32Array,
  out: Float32Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const layout = layOut(scratch, geometry, grid);
  const { views, perSlice, plane, imageBytes, images, planes, sinogram, tables } = layout;
  const viewsPerJob = Math.max(1, Math.min(16, Math.ceil(views / (4 * scratch.threads))));
  for (let start = 0; start < grid.slices; start += BATCH_SLICES) {
    const slices = Math.min(BATCH_SLICES, grid.slices - start);
    scratch.viewFloat32(planes, slices * plane).set(x.subarray(start * plane, (start + slices) * plane));
    await scratch.run(kernelBase64, createCopyJobs("interleave", layout, grid, slices), { signal });
    const jobs: WasmJob[] = [];
    for (let view = 0; view < views; view += viewsPerJob) {
      jobs.push({
        name: "project",
        values: [
          ...[images, imageBytes, slices, grid.rows, grid.columns, view, Math.min(views, view + viewsPerJob)],
          ...[geometry.channels, ...tables, sinogram, 4 * perSlice],
        ],
      });
    }
    await scratch.run(kernelBase64, jobs, { signal });
    out.set(scratch.viewFloat32(sinogram, slices * perSlice), start * perSlice);
  }
}

/** x = Aᵀy: `y` is `[slice][view][channel]`, `out` `[slice][row][column]`. */
export async function backprojectPlanar(
  scratch: WasmScratch,
  geometry: PlanarGeometry,
  grid: VolumeGrid,
  y: Float32Array,
  out: Float32Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const layout = layOut(scratch, geometry, grid);
  const { views, perSlice, plane, imageBytes, images, planes, sinogram, tables } = layout;
  for (let start = 0; start < grid.slices; start += BATCH_SLICES) {
    const slices = Math.min(BATCH_SLICES, grid.slices - start);
    scratch
      .viewFloat32(sinogram, slices * perSlice)
      .set(y.subarray(start * perSlice, (start + slices) * perSlice));
    scratch.viewFloat32(images, (Math.ceil(slices / 4) * imageBytes) / 4).fill(0);
    for (const isColumnBand of [0, 1]) {
      const steps = isColumnBand ? grid.columns : grid.rows;
      const jobs: WasmJob[] = [];
      for (let band = 0; band < steps; band += BAND) {
        jobs.push({
          name: "backproject",
          values: [
            ...[images, imageBytes, slices, grid.rows, grid.columns, views, geometry.channels, ...tables],
            ...[sinogram, 4 * perSlice, isColumnBand, band, Math.min(steps, band + BAND)],
          ],
        });
      }
      await scratch.run(kernelBase64, jobs, { signal });
    }
    await scratch.run(kernelBase64, createCopyJobs("separate", layout, grid, slices), { signal });
    out.set(scratch.viewFloat32(planes, slices * plane), start * plane);
  }
}
