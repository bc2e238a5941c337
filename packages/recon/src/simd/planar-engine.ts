/**
 * Filtered back-projection of parallel and fan-beam scans in WebAssembly SIMD threads, float32: up to sixteen slices
 * at once, four in a vector. Each slice has its own lane, so its result does not depend on its neighbours nor on the
 * number of threads. Equations in ../analytic/plan.ts.
 */
import type { LongWorkOptions, WasmJob, WasmScratch } from "@alara/core";
import { kernelBase64 as filterKernel } from "../../generated/filter.ts";
import { kernelBase64 as planarKernel } from "../../generated/planar.ts";
import type { FbpPlan } from "../analytic/plan.ts";
import {
  estimateFilterTableBytes,
  type FilterTables,
  loadFilterTables,
  loadFloats,
  SAMPLE_PADDING,
} from "./filter-tables.ts";
import { loadSpans, type RowSpans } from "./row-spans.ts";

const LANES = 4;
const LARGEST_GROUPS = 4;
/** Filtered samples held at once. */
const LARGEST_BATCH_BYTES = 2 ** 28;
/** Views per filter job; even, because the kernel filters views in pairs. */
const FILTER_VIEWS = 32;
/** Image rows per back-projection job. */
const BAND_ROWS = 16;
/** Bytes per thread that the back-projection kernel keeps places and weights in. */
const PLACE_BYTES = 768;

/** Functions of the kernel by geometry. */
const PLANAR_FUNCTIONS = {
  parallel: "backprojectParallel",
  "fan-arc": "backprojectFanArc",
  "fan-flat": "backprojectFanFlat",
} as const;

interface Layout {
  readonly views: number;
  readonly stride: number;
  readonly columnsPadded: number;
  /** Bytes of four slices' filtered samples and image. */
  readonly groupBytes: number;
  readonly imageBytes: number;
  readonly groups: number;
}

function planLayout(plan: FbpPlan): Layout {
  const views = plan.geometry.anglesRad.length;
  const stride = plan.samples + 2 * SAMPLE_PADDING;
  const columnsPadded = Math.ceil(plan.grid.columns / 4) * 4;
  const groupBytes = 16 * views * stride;
  const groups = Math.max(
    1,
    Math.min(
      LARGEST_GROUPS,
      Math.ceil(plan.grid.slices / LANES),
      Math.floor(LARGEST_BATCH_BYTES / groupBytes),
    ),
  );
  return {
    views,
    stride,
    columnsPadded,
    groupBytes,
    imageBytes: 16 * plan.grid.rows * columnsPadded,
    groups,
  };
}

/** Bytes of WebAssembly memory that {@link runPlanar} uses. */
export function estimatePlanarBytes(plan: FbpPlan, threads: number): number {
  const { views, groupBytes, imageBytes, groups } = planLayout(plan);
  const slices = Math.min(plan.grid.slices, groups * LANES);
  const planes = 4 * slices * (views * plan.geometry.channels + plan.grid.rows * plan.grid.columns);
  return groups * (groupBytes + imageBytes) + planes + estimateFilterTableBytes(plan, threads) + 8 * views;
}

/**
 * Adds the filtered back-projection of all slices to `volume`.
 *
 * @param spans - what part of each row to compute; default all
 */
export async function runPlanar(
  scratch: WasmScratch,
  plan: FbpPlan,
  projections: Float32Array,
  volume: Float32Array,
  hooks: LongWorkOptions,
  spans?: RowSpans,
): Promise<void> {
  const { geometry, grid } = plan;
  const { views, stride, columnsPadded, groupBytes, imageBytes, groups } = planLayout(plan);
  const perSlice = views * geometry.channels;
  const plane = grid.rows * grid.columns;
  const tables = loadFilterTables(scratch, plan, 0, 1);
  const angles = loadFloats(
    scratch,
    Float64Array.from({ length: 2 * views }, (_, i) =>
      i % 2 === 0 ? Math.cos(geometry.anglesRad[i >> 1]) : Math.sin(geometry.anglesRad[i >> 1]),
    ),
  );
  const spansOffset = loadSpans(scratch, grid, spans);
  const largest = Math.min(grid.slices, groups * LANES);
  const source = scratch.allocate(4 * (largest * perSlice + 3));
  const filtered = scratch.allocate(groups * groupBytes);
  const image = scratch.allocate(groups * imageBytes);
  const output = scratch.allocate(4 * largest * plane);
  const work = scratch.allocate(PLACE_BYTES * scratch.threads);
  const { signal } = hooks;

  for (let start = 0; start < grid.slices; start += groups * LANES) {
    const slices = Math.min(grid.slices - start, groups * LANES);
    const used = Math.ceil(slices / LANES);
    scratch
      .viewFloat32(source, slices * perSlice)
      .set(projections.subarray(start * perSlice, (start + slices) * perSlice));
    const filterJobs: WasmJob[] = [];
    for (let group = 0; group < used; group++) {
      const lanes = Math.min(LANES, slices - group * LANES);
      const from = source + 4 * group * LANES * perSlice;
      const to = filtered + group * groupBytes;
      filterJobs.push(...createFilterJobs(plan, tables, from, lanes, to, views, stride));
    }
    await scratch.run(filterKernel, filterJobs, { signal });
    scratch.viewFloat32(image, (used * imageBytes) / 4).fill(0);
    const bands: WasmJob[] = [];
    const separation: WasmJob[] = [];
    for (let row = 0; row < grid.rows; row += BAND_ROWS) {
      const end = Math.min(grid.rows, row + BAND_ROWS);
      bands.push({
        name: PLANAR_FUNCTIONS[geometry.kind as keyof typeof PLANAR_FUNCTIONS],
        values: [
          ...[filtered, used, groupBytes, stride, 0, views, angles],
          ...[image, imageBytes, columnsPadded, spansOffset, row, end],
          ...[grid.firstRowMm, grid.rowSpacingMm, grid.firstColumnMm, grid.columnSpacingMm],
          geometry.kind === "parallel" ? 0 : geometry.sourceToIsoMm,
          ...[1 / plan.samplePitch, plan.centre + SAMPLE_PADDING, work],
        ],
      });
      for (let group = 0; group < used; group++) {
        const lanes = Math.min(LANES, slices - group * LANES);
        separation.push({
          name: "separateSlices",
          values: [
            ...[image + group * imageBytes, columnsPadded, grid.columns, spansOffset, row, end],
            ...[output + 4 * group * LANES * plane, 4 * plane, lanes],
          ],
        });
      }
    }
    await scratch.run(planarKernel, bands, { signal });
    await scratch.run(planarKernel, separation, { signal });
    const added = scratch.viewFloat32(output, slices * plane);
    for (let i = 0, k = start * plane; i < added.length; i++, k++) volume[k] += added[i];
    hooks.onProgress?.({ phase: "reconstructing", done: start + slices, total: grid.slices, unit: "slices" });
  }
}

function createFilterJobs(
  plan: FbpPlan,
  tables: FilterTables,
  source: number,
  lanes: number,
  out: number,
  views: number,
  stride: number,
): WasmJob[] {
  const { channels } = plan.geometry;
  const jobs: WasmJob[] = [];
  for (let view = 0; view < views; view += FILTER_VIEWS) {
    jobs.push({
      name: "filterPlanar",
      values: [
        ...[source, 4 * views * channels, lanes, view, Math.min(views, view + FILTER_VIEWS)],
        ...[channels, plan.padding[0], plan.samples],
        ...[tables.weights, tables.viewWeights, plan.fftLength, plan.oversampling],
        ...[tables.response, tables.twiddles, tables.fineTwiddles, tables.work, tables.workBytes],
        ...[out, stride, SAMPLE_PADDING],
      ],
    });
  }
  return jobs;
}
