/**
 * The default engine of filtered back-projection: WebAssembly SIMD on all processors, float32, for every geometry of a
 * plan. The same code runs in browsers; without shared memory it runs in the calling thread. Mirrors the float64
 * reference engine within the tolerance below.
 */
import { chooseThreadCount, createWasmPool, isConeGeometry, type WasmPool } from "@alara/core";
import type { FbpEngine, OpenFbpEngine } from "../analytic/engine.ts";
import type { FbpPlan } from "../analytic/plan.ts";
import { referenceEngine } from "../analytic/reference-engine.ts";
import { estimateConeBytes, runCone } from "./cone-engine.ts";
import { estimatePlanarBytes, runPlanar } from "./planar-engine.ts";
import type { RowSpans } from "./row-spans.ts";

/** Options of {@link createSimdEngine}. */
export interface SimdEngineOptions {
  /** Threads of a pool of its own, made for each run; default by work, at most the processors of the machine. */
  readonly threads?: number;
  /** Runs in this pool, which stays the caller's to dispose of; overrides `threads`. */
  readonly pool?: WasmPool;
  /** Columns `[first, end)` of each row to compute, `[row][2]`; the others get nothing added. Default all. */
  readonly spans?: RowSpans;
}

/** Fan angles up to which the kernel's arc tangent holds; wider fans go to the reference engine. */
const LARGEST_ANGLE_RAD = 0.58;

/** Whether the kernels cover a plan: all but fans that reach further than 0.58 rad from the central ray. */
export function isCoveredBySimd(plan: FbpPlan): boolean {
  const { kind } = plan.geometry;
  if (kind !== "fan-arc" && kind !== "cone-curved") return true;
  const reach = Math.max(plan.centre + 4, plan.samples + 4 - plan.centre) * plan.samplePitch;
  return reach <= LARGEST_ANGLE_RAD;
}

/**
 * Makes the engine.
 *
 * @remarks Agrees with the reference to 2e-4 of the largest value (float32 sample positions, 1e-4 of a sample); fans
 * wider than 0.58 rad either side are computed by the reference itself. The default thread count is the work divided by
 * 20 million interpolations, at most `navigator.hardwareConcurrency`. Results do not depend on the thread count.
 * `run` makes a pool and lets it go, `open` keeps one: the memory of a pool that was let go is freed when the garbage
 * collector finds it.
 * Tested against the reference in every geometry and weighting, by thread count, opened, and in a browser.
 */
export function createSimdEngine(options: SimdEngineOptions = {}): FbpEngine {
  const chooseThreads = (plan: FbpPlan): number =>
    options.pool?.threads ??
    options.threads ??
    chooseThreadCount(plan.grid.slices * plan.grid.rows * plan.grid.columns * plan.geometry.anglesRad.length);
  const open = (plan: FbpPlan): OpenFbpEngine => {
    const pool = createWasmPool({ threads: chooseThreads(plan) });
    return { ...createSimdEngine({ ...options, pool }), dispose: () => pool.dispose() };
  };
  return {
    name: "simd",
    // A pool that was given is kept by its owner.
    ...(options.pool === undefined ? { open } : {}),
    estimateBytes(plan) {
      if (!isCoveredBySimd(plan)) return referenceEngine.estimateBytes(plan);
      const threads = chooseThreads(plan);
      return isConeGeometry(plan.geometry)
        ? estimateConeBytes(plan, threads)
        : estimatePlanarBytes(plan, threads);
    },
    async run(plan, projections, volume, hooks) {
      if (!isCoveredBySimd(plan)) return referenceEngine.run(plan, projections, volume, hooks);
      const pool = options.pool ?? createWasmPool({ threads: chooseThreads(plan) });
      const run = isConeGeometry(plan.geometry) ? runCone : runPlanar;
      try {
        await pool.use((scratch) => run(scratch, plan, projections, volume, hooks, options.spans));
      } finally {
        if (options.pool === undefined) pool.dispose();
      }
    },
  };
}

/** {@link createSimdEngine} with its defaults. */
export const simdEngine: FbpEngine = createSimdEngine();
