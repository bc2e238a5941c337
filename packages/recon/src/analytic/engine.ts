/**
 * The seam between preparing a filtered back-projection and computing it. An engine takes a plan and data and adds to
 * a volume; it knows no options, windows or angles. The plan's file comment is the definition, the float64 reference
 * its mirror; others agree with it within their stated tolerance.
 */
import type { LongWorkOptions } from "@alara/core";
import type { FbpPlan } from "./plan.ts";

/** Computes filtered back-projections. */
export interface FbpEngine {
  readonly name: string;
  /** Bytes that the engine allocates at its peak for a plan, beside the projections and the volume. */
  estimateBytes(plan: FbpPlan): number;
  /**
   * Adds the filtered back-projection of the plan's views to `volume`: parts of the views may be added one after
   * another.
   *
   * @param plan - `plan.grid.slices` says how many slices
   * @param projections - line integrals: planar `[slice][view][channel]`, cone `[view][row][channel]`; not changed
   * @param volume - attenuation in 1/mm, `[slice][row][column]`, added to
   * @param hooks - `onProgress` counts slices (planar) or views (cone); `signal` is heeded between them
   * @throws ReconError; what it threw leaves `volume` undefined
   */
  run(plan: FbpPlan, projections: Float32Array, volume: Float32Array, hooks: LongWorkOptions): Promise<void>;
  /**
   * Prepares a job of many runs, such as a volume made from pieces: the result keeps its threads and memory from run
   * to run, where {@link run} alone takes fresh ones each time. Absent where runs share theirs anyway.
   *
   * @param plan - of the whole job; says how many threads are worth their start
   */
  open?(plan: FbpPlan): OpenFbpEngine;
}

/** An engine that holds threads and memory until it is disposed of. */
export interface OpenFbpEngine extends FbpEngine {
  /** Lets them go; later runs throw. */
  dispose(): void;
}
