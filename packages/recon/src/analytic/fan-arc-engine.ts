/**
 * The engine of WebAssembly SIMD for fan-arc scans, four slices at once, float32 (../simd/). Other kinds go to the
 * float64 reference.
 */
import { createFastBackprojector } from "../simd/fan-backprojection-simd.ts";
import type { FbpEngine } from "./engine.ts";
import { referenceEngine } from "./reference-engine.ts";
import { createPlanFilter } from "./row-filter.ts";

/** Agrees with the reference to 2e-4 of the largest value (float32 sample positions). */
export const fanArcEngine: FbpEngine = {
  name: "simd",
  estimateBytes(plan) {
    if (plan.geometry.kind !== "fan-arc") return referenceEngine.estimateBytes(plan);
    const views = plan.geometry.anglesRad.length;
    const plane = plan.grid.rows * plan.grid.columns;
    return 16 * views * (plan.samples + 4) + 16 * plane + 8 * views + 80 * plan.fftLength * plan.oversampling;
  },
  async run(plan, projections, volume, hooks) {
    const { geometry, grid, scale, samples } = plan;
    if (geometry.kind !== "fan-arc") return referenceEngine.run(plan, projections, volume, hooks);
    const views = geometry.anglesRad.length;
    const perSlice = views * geometry.channels;
    const plane = grid.rows * grid.columns;
    const filter = createPlanFilter(plan);
    const backprojector = createFastBackprojector(geometry, grid, {
      samples,
      centre: plan.centre,
      samplePitchRad: plan.samplePitch,
    });
    const image = new Float32Array(plane);
    const rowA = new Float64Array(samples);
    const rowB = new Float64Array(samples);
    for (let start = 0; start < grid.slices; start += 4) {
      hooks.signal?.throwIfAborted();
      const end = Math.min(grid.slices, start + 4);
      for (let slice = start; slice < end; slice++) {
        const data = projections.subarray(slice * perSlice, (slice + 1) * perSlice);
        for (let a = 0; a < views; a += 2) {
          const b = Math.min(a + 1, views - 1);
          filter.filterLines(data, a, b, rowA, rowB);
          backprojector.loadView(slice - start, a, rowA);
          if (b > a) backprojector.loadView(slice - start, b, rowB);
        }
      }
      backprojector.run();
      for (let slice = start; slice < end; slice++) {
        backprojector.readImage(slice - start, scale, image);
        for (let i = 0; i < plane; i++) volume[slice * plane + i] += image[i];
      }
      hooks.onProgress?.({ phase: "reconstructing", done: end, total: grid.slices, unit: "slices" });
    }
  },
};
