/**
 * The engine of filtered back-projection on a GPU: rows are filtered in float64 on the CPU (row-filter.ts), voxels are
 * gathered on the GPU. Cut into slabs and parts of views that fit the device's buffers. The reference engine is the
 * definition.
 */
import { isConeGeometry } from "@alara/core";
import type { FbpEngine } from "../analytic/engine.ts";
import { type FbpPlan, getPlanRows } from "../analytic/plan.ts";
import { createPlanFilter, type PlanFilter } from "../analytic/row-filter.ts";
import { ReconError } from "../errors.ts";
import { fbpSource } from "./fbp-shader.ts";
import { createGpuCompute, type GpuCompute, type GpuOptions } from "./gpu-compute.ts";
import type { GpuBuffer, GpuDevice } from "./gpu-device.ts";
import { createTurnTable } from "./ray-tables.ts";

/** Voxels times views of one dispatch at most: well below the seconds that watchdogs allow. */
const UPDATES_PER_DISPATCH = 2 ** 28;

/** How a plan is cut to fit. */
interface Cuts {
  readonly slabSlices: number;
  readonly partViews: number;
  /** Filtered lines of one view: detector rows that count, or slices of the slab. */
  readonly linesPerView: number;
}

function chooseCuts(plan: FbpPlan, limitBytes: number): Cuts {
  const { grid, samples, geometry } = plan;
  const isCone = isConeGeometry(plan.geometry);
  const [first, end] = getPlanRows(plan);
  const planeBytes = 4 * grid.rows * grid.columns;
  const perSlice = isCone ? planeBytes : Math.max(planeBytes, 4 * samples);
  const slabSlices = Math.min(grid.slices, Math.floor(limitBytes / perSlice), 65535);
  const linesPerView = isCone ? Math.max(1, end - first) : slabSlices;
  const fitting = Math.floor(limitBytes / (4 * samples * linesPerView));
  if (slabSlices < 1 || fitting < 1) {
    throw new ReconError(
      "TOO_LITTLE_MEMORY",
      `one slice takes ${planeBytes} bytes and one view ${4 * samples * Math.max(1, linesPerView)}, buffers of the GPU hold ${limitBytes}; use a CPU engine`,
    );
  }
  const brief = Math.max(1, Math.floor(UPDATES_PER_DISPATCH / (slabSlices * grid.rows * grid.columns)));
  return { slabSlices, partViews: Math.min(geometry.anglesRad.length, fitting, brief), linesPerView };
}

function createConstants(plan: FbpPlan): Record<string, number> {
  const { geometry, grid } = plan;
  const [first, end] = getPlanRows(plan);
  const isArc = geometry.kind === "fan-arc" || geometry.kind === "cone-curved";
  return {
    columns: grid.columns,
    rows: grid.rows,
    samples: plan.samples,
    lines: end - first,
    firstLine: first,
    firstColumn: grid.firstColumnMm,
    firstRow: grid.firstRowMm,
    firstSlice: grid.firstSliceMm,
    columnSpacing: grid.columnSpacingMm,
    rowSpacing: grid.rowSpacingMm,
    sliceSpacing: grid.sliceSpacingMm,
    kind: geometry.kind === "parallel" ? 0 : isArc ? 1 : 2,
    isCone: isConeGeometry(plan.geometry) ? 1 : 0,
    centre: plan.centre,
    samplePitch: plan.samplePitch,
    sourceToIso: geometry.kind === "parallel" ? 0 : geometry.sourceToIsoMm,
    rowCentre: plan.rowCentre,
    heightGain: (geometry.kind === "cone-curved" ? geometry.sourceToDetectorMm : 1) / plan.rowPitchMm,
  };
}

/** Filters lines of `[view][row]` or `[view]` into consecutive rows of `out`. */
function filterLines(
  filter: PlanFilter,
  data: Float32Array,
  lines: readonly number[],
  samples: number,
  out: Float32Array,
  at: number,
): void {
  const a = new Float64Array(samples);
  const b = new Float64Array(samples);
  for (let i = 0; i < lines.length; i += 2) {
    const hasSecond = i + 1 < lines.length;
    filter.filterLines(data, lines[i], lines[hasSecond ? i + 1 : i], a, b);
    out.set(a, at + i * samples);
    if (hasSecond) out.set(b, at + (i + 1) * samples);
  }
}

const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, k) => first + k);

type Run = Parameters<FbpEngine["run"]>;

async function runPlan(
  compute: GpuCompute,
  plan: FbpPlan,
  projections: Run[1],
  volume: Run[2],
  hooks: Run[3],
): Promise<void> {
  const { geometry, grid, samples, scale } = plan;
  const isCone = isConeGeometry(plan.geometry);
  const [firstRow, endRow] = getPlanRows(plan);
  if (isCone && endRow === firstRow) return;
  const cuts = chooseCuts(plan, compute.bufferLimitBytes);
  const views = geometry.anglesRad.length;
  const plane = grid.rows * grid.columns;
  const detectorRows = plan.preWeights.length / geometry.channels;
  const filter = createPlanFilter(plan);
  const owned: GpuBuffer[] = [];
  const own = (length: number): GpuBuffer => {
    const buffer = compute.createStorage(length);
    owned.push(buffer);
    return buffer;
  };
  try {
    const kernel = await compute.prepareKernel({
      code: fbpSource,
      entryPoint: "backproject",
      constants: createConstants(plan),
    });
    const filtered = own(cuts.partViews * cuts.linesPerView * samples);
    const turns = own(2 * cuts.partViews);
    const slabStarts = range(0, Math.ceil(grid.slices / cuts.slabSlices)).map((k) => k * cuts.slabSlices);
    const countSlices = (start: number): number => Math.min(cuts.slabSlices, grid.slices - start);
    const addSlab = async (slab: GpuBuffer, start: number): Promise<void> => {
      const sums = await compute.read(slab, countSlices(start) * plane);
      for (let i = 0; i < sums.length; i++) volume[start * plane + i] += scale * sums[i];
    };
    const backproject = (slab: GpuBuffer, start: number, count: number): void => {
      compute.dispatch(
        kernel,
        [count, start, 0, 0],
        [turns, filtered, slab],
        [Math.ceil(grid.columns / 8), Math.ceil(grid.rows / 8), countSlices(start)],
      );
    };
    if (isCone) {
      // Every view is filtered once, so all slabs stay on the GPU.
      const slabs = slabStarts.map((start) => own(countSlices(start) * plane));
      const rows = endRow - firstRow;
      for (let first = 0; first < views; first += cuts.partViews) {
        hooks.signal?.throwIfAborted();
        const count = Math.min(cuts.partViews, views - first);
        const part = new Float32Array(count * rows * samples);
        for (let v = 0; v < count; v++) {
          const lines = range((first + v) * detectorRows + firstRow, rows);
          filterLines(filter, projections, lines, samples, part, v * rows * samples);
        }
        // While the GPU is at one part, the CPU filters the next.
        await compute.settle();
        compute.write(filtered, part);
        compute.write(turns, createTurnTable(geometry.anglesRad, first, count));
        for (const [k, slab] of slabs.entries()) backproject(slab, slabStarts[k], count);
        hooks.onProgress?.({ phase: "reconstructing", done: first + count, total: views, unit: "views" });
      }
      for (const [k, slab] of slabs.entries()) await addSlab(slab, slabStarts[k]);
      return;
    }
    const slab = own(cuts.slabSlices * plane);
    const perSlice = views * geometry.channels;
    for (const start of slabStarts) {
      const slices = countSlices(start);
      compute.clear(slab);
      for (let first = 0; first < views; first += cuts.partViews) {
        hooks.signal?.throwIfAborted();
        const count = Math.min(cuts.partViews, views - first);
        const part = new Float32Array(slices * count * samples);
        for (let s = 0; s < slices; s++) {
          const data = projections.subarray((start + s) * perSlice, (start + s + 1) * perSlice);
          filterLines(filter, data, range(first, count), samples, part, s * count * samples);
        }
        // While the GPU is at one part, the CPU filters the next.
        await compute.settle();
        compute.write(filtered, part);
        compute.write(turns, createTurnTable(geometry.anglesRad, first, count));
        backproject(slab, start, count);
      }
      await addSlab(slab, start);
      hooks.onProgress?.({
        phase: "reconstructing",
        done: start + slices,
        total: grid.slices,
        unit: "slices",
      });
    }
  } finally {
    for (const buffer of owned) compute.free(buffer);
  }
}

/** An engine that owns memory of a GPU. */
export interface GpuFbpEngine extends FbpEngine {
  /** Frees the GPU's memory; later runs throw. The device stays. */
  dispose(): void;
}

/**
 * Makes an engine of filtered back-projection on a GPU, for `reconstructFbp({ engine })`: parallel, fan-arc, fan-flat,
 * cone-flat and cone-curved.
 *
 * @throws from `run`: ReconError `TOO_LITTLE_MEMORY` when one slice or one view does not fit a buffer, `NO_GPU` (device
 *   lost, disposed of), `GPU_FAILED`
 * @remarks Sums in float32. Tested in every geometry against the reference engine to 1e-5 of the largest value, whole
 * and cut into slabs and parts.
 */
export function createGpuFbpEngine(device: GpuDevice, options: GpuOptions = {}): GpuFbpEngine {
  const compute = createGpuCompute(device, options);
  return {
    name: "webgpu",
    estimateBytes(plan) {
      const cuts = chooseCuts(plan, compute.bufferLimitBytes);
      const plane = 4 * plan.grid.rows * plan.grid.columns;
      const resident = isConeGeometry(plan.geometry) ? plan.grid.slices : cuts.slabSlices;
      // On the host: the lines of a part, and a slab twice as it is read; on the GPU: the same and the resident slabs.
      const lines = 4 * cuts.partViews * cuts.linesPerView * plan.samples;
      return 2 * lines + plane * (resident + 3 * cuts.slabSlices);
    },
    run: (plan, projections, volume, hooks) =>
      compute.run(() => runPlan(compute, plan, projections, volume, hooks)),
    dispose: () => compute.dispose(),
  };
}
