/**
 * The float64 reference engine: plan.ts, line by line, in plain TypeScript. Slow and true; every other engine is
 * tested against it. Lets other work of the thread run now and then, so that an abort is heard.
 */
import { isConeGeometry, yieldThread } from "@alara/core";
import { backprojectConeView } from "./cone-backprojection.ts";
import type { FbpEngine } from "./engine.ts";
import { type FbpPlan, getPlanRows } from "./plan.ts";
import { backprojectView, locatePixels } from "./planar-backprojection.ts";
import { createPlanFilter } from "./row-filter.ts";

/** Views between two pauses for other work of the thread, even. */
const VIEWS_PER_TURN = 16;

/** Bytes of the tables of the filter: two complex transforms and their twiddles. */
function estimateFilterBytes(plan: FbpPlan): number {
  return 8 * plan.fftLength * (4 + 6 * plan.oversampling);
}

/** See the file's comment. */
export const referenceEngine: FbpEngine = {
  name: "reference",
  estimateBytes(plan) {
    const plane = plan.grid.rows * plan.grid.columns;
    const [first, end] = getPlanRows(plan);
    const isCone = isConeGeometry(plan.geometry);
    const images = isCone ? plan.grid.slices * plane : plane;
    return 8 * (images + 2 * plane + (end - first + 1) * plan.samples) + estimateFilterBytes(plan);
  },
  async run(plan, projections, volume, hooks) {
    const { geometry } = plan;
    if (isConeGeometry(geometry)) {
      await runCone(plan, geometry.rows, projections, volume, hooks);
    } else {
      await runPlanar(plan, projections, volume, hooks);
    }
  },
};

type Run = Parameters<FbpEngine["run"]>;

/** Lets other work run, and heeds an abort. */
async function pause({ signal }: Run[3]): Promise<void> {
  await yieldThread();
  signal?.throwIfAborted();
}

async function runPlanar(plan: FbpPlan, projections: Run[1], volume: Run[2], hooks: Run[3]): Promise<void> {
  const { geometry, grid, scale } = plan;
  const views = geometry.anglesRad.length;
  const perSlice = views * geometry.channels;
  const plane = grid.rows * grid.columns;
  const filter = createPlanFilter(plan);
  const positions = new Float64Array(plane);
  const weights = new Float64Array(plane);
  const image = new Float64Array(plane);
  const samplesA = new Float64Array(plan.samples);
  const samplesB = new Float64Array(plan.samples);
  for (let slice = 0; slice < grid.slices; slice++) {
    image.fill(0);
    const data = projections.subarray(slice * perSlice, (slice + 1) * perSlice);
    for (let a = 0; a < views; a += 2) {
      if (a % VIEWS_PER_TURN === 0) await pause(hooks);
      const b = Math.min(a + 1, views - 1);
      filter.filterLines(data, a, b, samplesA, samplesB);
      locatePixels(plan, a, positions, weights);
      backprojectView(samplesA, positions, weights, image);
      if (b === a) continue;
      locatePixels(plan, b, positions, weights);
      backprojectView(samplesB, positions, weights, image);
    }
    for (let i = 0; i < plane; i++) volume[slice * plane + i] += scale * image[i];
    hooks.onProgress?.({ phase: "reconstructing", done: slice + 1, total: grid.slices, unit: "slices" });
  }
}

async function runCone(
  plan: FbpPlan,
  rows: number,
  projections: Run[1],
  volume: Run[2],
  hooks: Run[3],
): Promise<void> {
  const { geometry, grid, scale } = plan;
  const views = geometry.anglesRad.length;
  const plane = grid.rows * grid.columns;
  const [first, end] = getPlanRows(plan);
  const filter = createPlanFilter(plan);
  const positions = new Float64Array(plane);
  const weights = new Float64Array(plane);
  const sum = new Float64Array(grid.slices * plane);
  const samples = new Float64Array((end - first) * plan.samples);
  const spare = new Float64Array(plan.samples);
  const lineOf = (row: number): Float64Array =>
    samples.subarray((row - first) * plan.samples, (row - first + 1) * plan.samples);
  for (let view = 0; view < views; view++) {
    if (view % VIEWS_PER_TURN === 0) await pause(hooks);
    hooks.signal?.throwIfAborted();
    for (let a = first; a < end; a += 2) {
      const b = Math.min(a + 1, end - 1);
      filter.filterLines(projections, view * rows + a, view * rows + b, lineOf(a), b > a ? lineOf(b) : spare);
    }
    locatePixels(plan, view, positions, weights);
    backprojectConeView(plan, samples, first, end, positions, weights, sum);
    hooks.onProgress?.({ phase: "reconstructing", done: view + 1, total: views, unit: "views" });
  }
  for (let i = 0; i < sum.length; i++) volume[i] += scale * sum[i];
}
