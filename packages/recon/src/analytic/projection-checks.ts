/**
 * What is asked of projections before they are filtered: finite, and complete or continued beyond the detector.
 */
import { countDetectorRows, isConeGeometry } from "@alara/core";
import { ReconError } from "../errors.ts";
import type { FbpGeometry } from "./detector-line.ts";
import type { FbpPlan } from "./plan.ts";
import {
  createExtension,
  extendProjections,
  findTruncation,
  type TruncationExtension,
  type TruncationMode,
  throwTruncated,
} from "./truncation.ts";

/** Options about data that the detector's edge cuts off. */
export interface TruncationOptions {
  /** Default `"refuse"`. */
  readonly truncation?: TruncationMode;
  /** Attenuation of the cylinders that `"extrapolate"` continues with, 1/mm; default 0.02, water near 65 keV. */
  readonly truncationMuPerMm?: number;
}

/** The ends of the detector where data must fall to 0: not the shorter side of a displaced one. */
function getOpenSides(plan: FbpPlan): readonly ("first" | "last")[] {
  if (plan.padding[0] > 0) return ["last"];
  return plan.padding[1] > 0 ? ["first"] : ["first", "last"];
}

/** How a plan's detector is extended under `"extrapolate"`. */
export function getExtension(plan: FbpPlan): TruncationExtension {
  return createExtension(plan.geometry, getOpenSides(plan));
}

/**
 * Checks a piece of the projections, and continues it.
 *
 * @param data - whole slices (planar) or whole views (cone)
 * @param plan - of the measured geometry; says which ends are open
 * @param start - number of the first slice or view of the piece, for messages
 * @param extension - given under `"extrapolate"`: then the piece comes back on the extended geometry
 * @throws ReconError `NON_FINITE`, `TRUNCATED`, `OUT_OF_RANGE` for an unknown way
 */
export function prepareProjections(
  data: Float32Array,
  plan: FbpPlan,
  start: number,
  options: TruncationOptions,
  extension?: TruncationExtension,
): Float32Array {
  const { geometry } = plan;
  checkFiniteProjections(data, geometry, start);
  if (extension !== undefined) {
    return extendProjections(data, geometry, extension, options.truncationMuPerMm ?? 0.02);
  }
  const mode = options.truncation ?? "refuse";
  if (!["refuse", "extrapolate", "ignore"].includes(mode)) {
    throw new ReconError("OUT_OF_RANGE", `truncation "${mode}" is none of refuse, extrapolate, ignore`);
  }
  if (mode !== "refuse") return data;
  const isCone = isConeGeometry(geometry);
  const views = isCone ? data.length / (geometry.rows * geometry.channels) : geometry.anglesRad.length;
  const edge = findTruncation(data, geometry, views, getOpenSides(plan));
  if (edge !== undefined) {
    throwTruncated(
      isCone ? { ...edge, view: edge.view + start } : { ...edge, line: edge.line + start },
      geometry,
    );
  }
  return data;
}

/**
 * Refuses data with holes: one NaN would spread over the whole image.
 *
 * @param start - number of the first slice (planar) or view (cone) in `data`, for the message
 * @throws ReconError `NON_FINITE`
 */
function checkFiniteProjections(data: Float32Array, geometry: FbpGeometry, start: number): void {
  // The sum is finite when every sample is: float32 samples cannot overflow a float64 sum.
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i];
  if (Number.isFinite(sum)) return;
  const i = data.findIndex((value) => !Number.isFinite(value));
  const { channels } = geometry;
  const rows = countDetectorRows(geometry);
  const views = geometry.anglesRad.length;
  const isCone = isConeGeometry(geometry);
  const line = Math.floor(i / channels);
  const where = isCone
    ? `view ${start + Math.floor(line / rows)}, row ${line % rows}`
    : `slice ${start + Math.floor(line / views)}, view ${line % views}`;
  throw new ReconError(
    "NON_FINITE",
    `the sample of ${where}, channel ${i % channels} is ${data[i]}; repair dead channels and clamp the logarithm before reconstructing`,
  );
}
