/**
 * How much memory a filtered back-projection takes, computed before it starts.
 */
import { isConeGeometry } from "@alara/core";
import { ReconError } from "../errors.ts";
import type { FbpEngine } from "./engine.ts";
import type { FbpPlan } from "./plan.ts";

/** Bytes by what holds them. */
export interface FbpMemory {
  /** Projections held at once. */
  readonly projectionBytes: number;
  /** The volume, or one slab of it. */
  readonly volumeBytes: number;
  /** What the engine allocates at its peak. */
  readonly engineBytes: number;
  /** Weights and filter of the plan. */
  readonly planBytes: number;
  readonly totalBytes: number;
}

/**
 * Estimates the memory of one run of an engine.
 *
 * @param plan - of the views and slices that are held at once
 * @param measuredBytes - measured projections that are held beside those of the plan (an extended copy); default 0
 * Tested against the sizes of the arrays that are allocated.
 */
export function estimateFbpMemory(plan: FbpPlan, engine: FbpEngine, measuredBytes = 0): FbpMemory {
  const { geometry, grid } = plan;
  const views = geometry.anglesRad.length;
  const isCone = isConeGeometry(geometry);
  const projectionBytes =
    measuredBytes + 4 * views * geometry.channels * (isCone ? geometry.rows : grid.slices);
  const volumeBytes = 4 * grid.slices * grid.rows * grid.columns;
  const engineBytes = engine.estimateBytes(plan);
  const planBytes =
    8 * (plan.preWeights.length + (plan.viewWeights?.length ?? 0) + plan.response.length + views);
  return {
    projectionBytes,
    volumeBytes,
    engineBytes,
    planBytes,
    totalBytes: projectionBytes + volumeBytes + engineBytes + planBytes,
  };
}

/** Whole MiB, rounded up. */
function toMebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}

/**
 * Refuses to start what does not fit.
 *
 * @throws ReconError `TOO_LITTLE_MEMORY`
 */
export function checkFbpMemory(memory: FbpMemory, limitBytes: number, wayOut: string): void {
  if (memory.totalBytes <= limitBytes) return;
  throw new ReconError(
    "TOO_LITTLE_MEMORY",
    `the reconstruction needs ${toMebibytes(memory.totalBytes)} MiB (projections ${toMebibytes(memory.projectionBytes)}, volume ${toMebibytes(memory.volumeBytes)}, engine ${toMebibytes(memory.engineBytes)}) but memoryLimitBytes allows ${toMebibytes(limitBytes)} MiB; ${wayOut}`,
  );
}
