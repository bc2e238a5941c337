/**
 * Filtered back-projection slab by slab, of scans that are read piece by piece: for volumes that do not fit into
 * memory. Planar scans are read slice by slice; cone scans view by view, once for every slab. The numbers are those of
 * `reconstructFbp` up to float32 rounding of the sum over pieces.
 */
import { countDetectorRows, createVolume, type GridGeometry, isConeGeometry, type Volume } from "@alara/core";
import { ReconError } from "../errors.ts";
import type { FbpGeometry } from "./detector-line.ts";
import type { FbpEngine } from "./engine.ts";
import { checkSlices, type FbpOptions, resolveFbpEngine } from "./fbp.ts";
import { checkFbpMemory, estimateFbpMemory, type FbpMemory } from "./fbp-memory.ts";
import { createFbpPlan, type FbpPlan, selectPlanSlices, selectPlanViews } from "./plan.ts";
import { getExtension, prepareProjections } from "./projection-checks.ts";

/** Line integrals that are read when they are needed. */
export interface FbpSource {
  readonly geometry: FbpGeometry;
  /** Slices stacked (planar); 1 for cone scans. */
  readonly slices: number;
  /**
   * Reads slices [start, end) of a planar scan, `[slice][view][channel]`, or views [start, end) of a cone scan,
   * `[view][row][channel]`. Called in rising order, once per slab; the array may be used again for the next piece.
   */
  read(start: number, end: number): Float32Array | Promise<Float32Array>;
}

/** Options of {@link reconstructFbpSlabs}. */
export interface FbpSlabOptions extends FbpOptions {
  /** Slices per slab; default: as many as fit into `memoryLimitBytes`. */
  readonly slabSlices?: number;
  /** Views of a cone scan per piece; default: as many as take 64 MiB. */
  readonly viewsPerRead?: number;
  /** Bytes that may be held at once, one finished slab included; default 2 GiB. */
  readonly memoryLimitBytes?: number;
}

/** A reconstructed run of slices. */
export interface FbpSlab {
  /** First slice of the whole grid, and one past the last. */
  readonly start: number;
  readonly end: number;
  readonly volume: Volume<"1/mm">;
}

/** How a reconstruction is cut up. */
export interface FbpSlabPlan {
  readonly slabSlices: number;
  /** Views per piece of a cone scan; all for planar ones. */
  readonly viewsPerRead: number;
  /** At the peak; volumeBytes counts the slab at work and the finished one. */
  readonly memory: FbpMemory;
}

const DEFAULT_LIMIT_BYTES = 2 ** 31;
const PIECE_BYTES = 2 ** 26;

interface PreparedSlabs extends FbpSlabPlan {
  readonly measured: FbpPlan;
  readonly plan: FbpPlan;
  readonly extension: ReturnType<typeof getExtension> | undefined;
  readonly engine: FbpEngine;
}

function requireCount(name: string, value: number): void {
  if (!(Number.isInteger(value) && value >= 1)) {
    throw new ReconError("OUT_OF_RANGE", `${name} ${value} is not an integer ≥ 1`);
  }
}

function prepareSlabs(geometry: FbpGeometry, options: FbpSlabOptions): PreparedSlabs {
  const measured = createFbpPlan(geometry, options.grid, options);
  const extension = options.truncation === "extrapolate" ? getExtension(measured) : undefined;
  const plan = extension === undefined ? measured : createFbpPlan(extension.geometry, options.grid, options);
  const engine = resolveFbpEngine(options.engine);
  const isCone = isConeGeometry(geometry);
  const views = geometry.anglesRad.length;
  const bytesPerView = 4 * geometry.channels * countDetectorRows(geometry);
  const viewsPerRead = isCone
    ? Math.min(views, options.viewsPerRead ?? Math.max(1, Math.floor(PIECE_BYTES / bytesPerView)))
    : views;
  requireCount("viewsPerRead", viewsPerRead);
  const piece = isCone ? selectPlanViews(plan, 0, viewsPerRead) : plan;
  const estimate = (slices: number): FbpMemory => {
    // Slabs differ in the rows they meet: the highest and the lowest meet the most.
    const total = options.grid.size[0];
    const held = extension === undefined ? 0 : bytesPerView * (isCone ? viewsPerRead : views * slices);
    const first = estimateFbpMemory(selectPlanSlices(piece, 0, slices), engine, held);
    const last = estimateFbpMemory(selectPlanSlices(piece, total - slices, total), engine, held);
    const larger = first.totalBytes >= last.totalBytes ? first : last;
    return {
      ...larger,
      volumeBytes: 2 * larger.volumeBytes,
      totalBytes: larger.totalBytes + larger.volumeBytes,
    };
  };
  const limit = options.memoryLimitBytes ?? DEFAULT_LIMIT_BYTES;
  const [total] = options.grid.size;
  let slabSlices = options.slabSlices;
  if (slabSlices === undefined) {
    let fits = 1;
    let fails = total + 1;
    while (fails - fits > 1) {
      const middle = (fits + fails) >> 1;
      if (estimate(middle).totalBytes <= limit) fits = middle;
      else fails = middle;
    }
    slabSlices = Math.ceil(total / Math.ceil(total / fits));
  }
  requireCount("slabSlices", slabSlices);
  slabSlices = Math.min(total, slabSlices);
  const memory = estimate(slabSlices);
  checkFbpMemory(
    memory,
    limit,
    slabSlices > 1 || (isCone && viewsPerRead > 1)
      ? "pass fewer slabSlices or viewsPerRead"
      : "give it more, or reconstruct on a smaller grid",
  );
  return { slabSlices, viewsPerRead, memory, measured, plan, extension, engine };
}

/**
 * How {@link reconstructFbpSlabs} would cut up a reconstruction, and what it would take: asked before starting.
 *
 * @throws ReconError `TOO_LITTLE_MEMORY` and what `createFbpPlan` throws
 */
export function planFbpSlabs(geometry: FbpGeometry, options: FbpSlabOptions): FbpSlabPlan {
  const { slabSlices, viewsPerRead, memory } = prepareSlabs(geometry, options);
  return { slabSlices, viewsPerRead, memory };
}

/**
 * Filters and back-projects line integrals slab by slab.
 *
 * @param source - reads the line integrals; cone scans are read again for every slab
 * @returns slabs in rising order, attenuation in 1/mm; the grid of each lies in `options.grid`
 * @throws ReconError as `reconstructFbp`, and `SHAPE_MISMATCH` when a piece has the wrong length
 * Tested: equal to `reconstructFbp` for every kind of geometry and any cut; the memory estimate.
 */
export async function* reconstructFbpSlabs(
  source: FbpSource,
  options: FbpSlabOptions,
): AsyncGenerator<FbpSlab, void, undefined> {
  const { geometry } = source;
  const prepared = prepareSlabs(geometry, options);
  const { slabSlices, plan } = prepared;
  checkSlices(geometry, source.slices, options.grid);
  const isCone = isConeGeometry(geometry);
  const [slices] = options.grid.size;
  const views = geometry.anglesRad.length;
  const slabs = Math.ceil(slices / slabSlices);
  const quiet = options.signal === undefined ? {} : { signal: options.signal };
  const report = (done: number): void =>
    options.onProgress?.({
      phase: "reconstructing",
      done,
      total: isCone ? slabs * views : slices,
      unit: isCone ? "views" : "slices",
    });
  // One set of threads and one memory for all pieces: those of disposed pools are freed at the collector's leisure.
  const opened = prepared.engine.open?.(plan);
  const engine = opened ?? prepared.engine;
  try {
    for (let slab = 0; slab < slabs; slab++) {
      const start = slab * slabSlices;
      const end = Math.min(slices, start + slabSlices);
      const volume = createVolume("1/mm", getSlabGrid(options.grid, start, end));
      const slabPlan = selectPlanSlices(plan, start, end);
      if (isCone) {
        for (let view = 0; view < views; view += prepared.viewsPerRead) {
          options.signal?.throwIfAborted();
          const last = Math.min(views, view + prepared.viewsPerRead);
          const data = await readPiece(source, prepared, options, view, last);
          await engine.run(selectPlanViews(slabPlan, view, last), data, volume.data, quiet);
          report(slab * views + last);
        }
      } else {
        options.signal?.throwIfAborted();
        const data = await readPiece(source, prepared, options, start, end);
        await engine.run(slabPlan, data, volume.data, quiet);
        report(end);
      }
      yield { start, end, volume };
    }
  } finally {
    opened?.dispose();
  }
}

async function readPiece(
  source: FbpSource,
  { measured, extension }: PreparedSlabs,
  options: FbpSlabOptions,
  start: number,
  end: number,
): Promise<Float32Array> {
  const { geometry } = source;
  const isCone = isConeGeometry(geometry);
  const data = await source.read(start, end);
  const perItem = geometry.channels * (isCone ? countDetectorRows(geometry) : geometry.anglesRad.length);
  if (data.length !== (end - start) * perItem) {
    throw new ReconError(
      "SHAPE_MISMATCH",
      `${isCone ? "views" : "slices"} ${start}..${end} came with ${data.length} samples, ${(end - start) * perItem} are needed`,
    );
  }
  return prepareProjections(data, measured, start, options, extension);
}

/** The grid of slices [start, end). */
function getSlabGrid(grid: GridGeometry, start: number, end: number): GridGeometry {
  const { slice } = grid.direction;
  const shift = start * grid.spacingMm[0];
  return {
    ...grid,
    size: [end - start, grid.size[1], grid.size[2]],
    originMm: [
      grid.originMm[0] + shift * slice[0],
      grid.originMm[1] + shift * slice[1],
      grid.originMm[2] + shift * slice[2],
    ],
  };
}
