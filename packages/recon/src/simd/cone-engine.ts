/**
 * Feldkamp–Davis–Kress reconstruction in WebAssembly SIMD threads, float32: four detector rows in a vector while
 * filtering, four slices while back-projecting. Views are streamed in pieces, so memory holds the volume and some
 * views only; volumes above 1 GiB are made slab by slab. Results do not depend on the number of threads. Equations in
 * ../analytic/plan.ts.
 */
import type { ConeGeometry, LongWorkOptions, WasmJob, WasmScratch } from "@alara/core";
import { kernelBase64 as coneKernel } from "../../generated/cone.ts";
import { kernelBase64 as filterKernel } from "../../generated/filter.ts";
import { type FbpPlan, getPlanRows, selectPlanSlices } from "../analytic/plan.ts";
import { estimateFilterTableBytes, loadFilterTables, SAMPLE_PADDING } from "./filter-tables.ts";
import { loadSpans, type RowSpans } from "./row-spans.ts";

/** Zero rows before the first detector row of a filtered view; a multiple of four. */
const ROW_PADDING = 4;
/** Filtered views held at once. */
const LARGEST_PIECE_BYTES = 2 ** 26;
/** Volume held at once. */
const LARGEST_SLAB_BYTES = 2 ** 30;
/** Slices taken out of the kernel's order at once. */
const LARGEST_OUTPUT_BYTES = 2 ** 26;
/** Volume rows per job. */
const BAND_ROWS = 8;

interface Layout {
  readonly firstRow: number;
  readonly endRow: number;
  readonly stride: number;
  readonly rowStride: number;
  readonly slicesPadded: number;
  readonly viewBytes: number;
  readonly pieceViews: number;
  readonly outputSlices: number;
}

function planLayout(plan: FbpPlan): Layout {
  const { grid } = plan;
  const [firstRow, endRow] = getPlanRows(plan);
  const stride = plan.samples + 2 * SAMPLE_PADDING;
  const rowStride = ROW_PADDING + Math.ceil((endRow - firstRow) / 4) * 4 + 4;
  const viewBytes = 4 * stride * rowStride;
  const fitting = Math.max(8, Math.floor(LARGEST_PIECE_BYTES / viewBytes / 8) * 8);
  return {
    firstRow,
    endRow,
    stride,
    rowStride,
    slicesPadded: Math.ceil(grid.slices / 4) * 4,
    viewBytes,
    pieceViews: Math.min(plan.geometry.anglesRad.length, fitting),
    outputSlices: Math.max(
      1,
      Math.min(grid.slices, Math.floor(LARGEST_OUTPUT_BYTES / (4 * grid.rows * grid.columns))),
    ),
  };
}

/** Slices that are made at once. */
function getSlabSlices(plan: FbpPlan): number {
  const plane = 4 * plan.grid.rows * plan.grid.columns;
  return Math.max(4, Math.min(plan.grid.slices, Math.floor(LARGEST_SLAB_BYTES / plane / 4) * 4));
}

/** Bytes of WebAssembly memory that {@link runCone} uses. */
export function estimateConeBytes(plan: FbpPlan, threads: number): number {
  const slab = selectPlanSlices(plan, 0, Math.min(plan.grid.slices, getSlabSlices(plan)));
  const { firstRow, endRow, slicesPadded, viewBytes, pieceViews, outputSlices } = planLayout(slab);
  const plane = 4 * plan.grid.rows * plan.grid.columns;
  const source = 4 * (endRow - firstRow) * plan.geometry.channels;
  return (
    plane * (slicesPadded + outputSlices) +
    pieceViews * (viewBytes + source) +
    estimateFilterTableBytes(plan, threads)
  );
}

/**
 * Adds the reconstruction to `volume`.
 *
 * @param spans - what part of each row to compute; default all
 */
export async function runCone(
  scratch: WasmScratch,
  plan: FbpPlan,
  projections: Float32Array,
  volume: Float32Array,
  hooks: LongWorkOptions,
  spans?: RowSpans,
): Promise<void> {
  const { grid } = plan;
  const views = plan.geometry.anglesRad.length;
  const slabSlices = getSlabSlices(plan);
  const slabs = Math.ceil(grid.slices / slabSlices);
  const plane = grid.rows * grid.columns;
  for (let slab = 0; slab < slabs; slab++) {
    const start = slab * slabSlices;
    const end = Math.min(grid.slices, start + slabSlices);
    const report = (done: number): void =>
      hooks.onProgress?.({
        phase: "reconstructing",
        done: Math.floor((slab * views + done) / slabs),
        total: views,
        unit: "views",
      });
    await runSlab(
      scratch.nest(),
      selectPlanSlices(plan, start, end),
      projections,
      volume.subarray(start * plane, end * plane),
      report,
      hooks.signal,
      spans,
    );
  }
}

async function runSlab(
  scratch: WasmScratch,
  plan: FbpPlan,
  projections: Float32Array,
  volume: Float32Array,
  report: (views: number) => void,
  signal: AbortSignal | undefined,
  spans: RowSpans | undefined,
): Promise<void> {
  const { grid } = plan;
  const geometry = plan.geometry as ConeGeometry;
  const { firstRow, endRow, stride, rowStride, slicesPadded, viewBytes, pieceViews, outputSlices } =
    planLayout(plan);
  const rows = endRow - firstRow;
  const views = geometry.anglesRad.length;
  if (rows === 0) {
    report(views);
    return;
  }
  const { channels } = geometry;
  const plane = grid.rows * grid.columns;
  const tables = loadFilterTables(scratch, plan, firstRow, endRow);
  const angles = scratch.allocate(16 * views);
  const angleTable = scratch.viewFloat64(angles, 2 * views);
  for (let v = 0; v < views; v++) {
    angleTable[2 * v] = Math.cos(geometry.anglesRad[v]);
    angleTable[2 * v + 1] = Math.sin(geometry.anglesRad[v]);
  }
  const spansOffset = loadSpans(scratch, grid, spans);
  const mixed = scratch.allocate(4 * rowStride * scratch.threads);
  const accumulated = scratch.allocate(4 * plane * slicesPadded);
  scratch.viewFloat32(accumulated, plane * slicesPadded).fill(0);
  const source = scratch.allocate(4 * (pieceViews * rows * channels + 3));
  const filtered = scratch.allocate(pieceViews * viewBytes);
  const output = scratch.allocate(4 * plane * outputSlices);
  const isCurved = geometry.kind === "cone-curved";

  for (let first = 0; first < views; first += pieceViews) {
    const count = Math.min(pieceViews, views - first);
    const target = scratch.viewFloat32(source, count * rows * channels);
    const filterJobs: WasmJob[] = [];
    for (let v = 0; v < count; v++) {
      const from = ((first + v) * geometry.rows + firstRow) * channels;
      target.set(projections.subarray(from, from + rows * channels), v * rows * channels);
      filterJobs.push({
        name: "filterCone",
        values: [
          ...[source + 4 * v * rows * channels, rows, channels, plan.padding[0], plan.samples],
          tables.weights,
          tables.viewWeights === 0 ? 0 : tables.viewWeights + 4 * (first + v) * channels,
          ...[plan.fftLength, plan.oversampling, tables.response, tables.twiddles, tables.fineTwiddles],
          ...[tables.work, tables.workBytes, filtered + v * viewBytes, stride, SAMPLE_PADDING],
          ...[rowStride, ROW_PADDING],
        ],
      });
    }
    await scratch.run(filterKernel, filterJobs, { signal });
    const bands: WasmJob[] = [];
    for (let row = 0; row < grid.rows; row += BAND_ROWS) {
      bands.push({
        name: "backprojectCone",
        values: [
          ...[isCurved ? 1 : 0, filtered, stride, rowStride, count, angles + 16 * first],
          ...[accumulated, slicesPadded, grid.columns, spansOffset],
          ...[row, Math.min(grid.rows, row + BAND_ROWS)],
          ...[grid.firstRowMm, grid.rowSpacingMm, grid.firstColumnMm, grid.columnSpacingMm],
          ...[grid.firstSliceMm, grid.sliceSpacingMm, geometry.sourceToIsoMm],
          ...[1 / plan.samplePitch, plan.centre + SAMPLE_PADDING],
          (isCurved ? geometry.sourceToDetectorMm : 1) / plan.rowPitchMm,
          plan.rowCentre - firstRow + ROW_PADDING,
          ROW_PADDING + rows,
          mixed,
        ],
      });
    }
    await scratch.run(coneKernel, bands, { signal });
    report(first + count);
  }
  for (let slice = 0; slice < grid.slices; slice += outputSlices) {
    const end = Math.min(grid.slices, slice + outputSlices);
    const jobs: WasmJob[] = [];
    for (let row = 0; row < grid.rows; row += BAND_ROWS) {
      jobs.push({
        name: "separateCone",
        values: [
          ...[accumulated, slicesPadded, grid.rows, grid.columns, slice, end],
          ...[row, Math.min(grid.rows, row + BAND_ROWS), output],
        ],
      });
    }
    await scratch.run(coneKernel, jobs, { signal });
    const added = scratch.viewFloat32(output, (end - slice) * plane);
    for (let i = 0, k = slice * plane; i < added.length; i++, k++) volume[k] += added[i];
  }
}
