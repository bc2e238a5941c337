/**
 * Filtered back-projection of whole scans held in memory: parallel, fan and cone beams (tomography.md §2.3; Kak &
 * Slaney 1988 ch. 3; Feldkamp, Davis & Kress 1984). Checks, plan, engine; slab by slab stands in fbp-slabs.ts.
 */
import {
  countDetectorRows,
  countScanSamples,
  createVolume,
  type GridGeometry,
  type LongWorkOptions,
  type Sinogram,
  type Volume,
} from "@alara/core";
import { ReconError } from "../errors.ts";
import type { FbpGeometry } from "./detector-line.ts";
import type { FbpEngine } from "./engine.ts";
import { fbpEngines } from "./fbp-engines.ts";
import { checkFbpMemory, estimateFbpMemory } from "./fbp-memory.ts";
import { createFbpPlan, type FbpPlanOptions } from "./plan.ts";

/** Options of {@link reconstructFbp}. */
export interface FbpOptions extends FbpPlanOptions, LongWorkOptions {
  /** Where to reconstruct; planar scans: as many slices as the sinogram. */
  readonly grid: GridGeometry;
  /**
   * `"simd"` is float32 WebAssembly, `"reference"` float64, or an engine made elsewhere (a GPU's); default `"simd"`.
   */
  readonly engine?: string | FbpEngine;
  /** Bytes that projections, volume and engine may take together; default: no limit. */
  readonly memoryLimitBytes?: number;
}

/** The engine of an option. */
export function resolveFbpEngine(engine: string | FbpEngine = "simd"): FbpEngine {
  return typeof engine === "string" ? fbpEngines.get(engine) : engine;
}

/**
 * Filters and back-projects line integrals.
 *
 * The weighting follows from the angles and the detector: see {@link createFbpPlan}.
 *
 * @param sinogram - line integrals, planar `[slice][view][channel]`, cone `[view][row][channel]`
 * @returns attenuation in 1/mm, `[slice][row][column]`, on `options.grid`
 * @throws ReconError `SHAPE_MISMATCH`, `NON_FINITE`, `TOO_LITTLE_MEMORY` and what {@link createFbpPlan} throws
 * @remarks Feldkamp's cone reconstruction is exact in the plane of the source and falls off away from it.
 * Tested: interior bias ≤ 1e-4 in every geometry (cones: in the plane of the source), scikit-image's tolerances,
 * closed forms of noise and sharpness, engines against each other.
 */
export async function reconstructFbp(
  sinogram: Sinogram<"line integral", FbpGeometry>,
  options: FbpOptions,
): Promise<Volume<"1/mm">> {
  const { geometry, data } = sinogram;
  const plan = createFbpPlan(geometry, options.grid, options);
  const isCone = geometry.kind === "cone-flat" || geometry.kind === "cone-curved";
  const perSlice = countScanSamples(geometry);
  if (data.length !== sinogram.slices * perSlice || (isCone ? 1 : options.grid.size[0]) !== sinogram.slices) {
    throw new ReconError(
      "SHAPE_MISMATCH",
      `sinogram has ${data.length} samples for ${sinogram.slices} slices × ${geometry.anglesRad.length} views × ${countDetectorRows(geometry)} rows × ${geometry.channels} channels and the grid ${options.grid.size[0]} slices; make them agree`,
    );
  }
  checkFiniteProjections(data, geometry, 0);
  const engine = resolveFbpEngine(options.engine);
  checkFbpMemory(
    estimateFbpMemory(plan, engine),
    options.memoryLimitBytes ?? Number.POSITIVE_INFINITY,
    "reconstruct slab by slab with reconstructFbpSlabs, or on a smaller grid",
  );
  const volume = createVolume("1/mm", options.grid);
  await engine.run(plan, data, volume.data, options);
  return volume;
}

/**
 * Refuses data with holes: one NaN would spread over the whole image.
 *
 * @param start - number of the first slice (planar) or view (cone) in `data`, for the message
 * @throws ReconError `NON_FINITE`
 */
export function checkFiniteProjections(data: Float32Array, geometry: FbpGeometry, start: number): void {
  // A sum is finite unless a term is not (or it overflows, which the search then clears).
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i];
  if (Number.isFinite(sum)) return;
  const i = data.findIndex((value) => !Number.isFinite(value));
  if (i < 0) return;
  const { channels } = geometry;
  const rows = countDetectorRows(geometry);
  const views = geometry.anglesRad.length;
  const isCone = geometry.kind === "cone-flat" || geometry.kind === "cone-curved";
  const line = Math.floor(i / channels);
  const where = isCone
    ? `view ${start + Math.floor(line / rows)}, row ${line % rows}`
    : `slice ${start + Math.floor(line / views)}, view ${line % views}`;
  throw new ReconError(
    "NON_FINITE",
    `the sample of ${where}, channel ${i % channels} is ${data[i]}; repair dead channels and clamp the logarithm before reconstructing`,
  );
}
