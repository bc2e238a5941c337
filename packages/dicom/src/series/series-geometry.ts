/**
 * Places slices along a series' normal (PS3.3 C.7.6.2.1.1): order, tilt, shifts, and the grid they lie on. Pure
 * geometry on positions; knows no files.
 */
import { crossVectors, dotVectors, type GridGeometry, type Vector3 } from "@alara/core";
import { judgeSteps, type StepHints, type StepReport } from "./slice-steps.ts";

/** What one slice contributes. */
export interface SlicePlace {
  readonly positionMm: Vector3;
  readonly columnDirection: Vector3;
  readonly rowDirection: Vector3;
  readonly instanceNumber?: number | undefined;
}

/** How the slices of one series lie. */
export interface SeriesLayout extends StepReport {
  /** Indices into the given places, sorted along the normal. */
  readonly order: readonly number[];
  /** Position along the normal in that order, mm. */
  readonly alongNormalMm: readonly number[];
  /** Angle between the slice normal and the line through the slice positions, radians; 0 below 0.3°. */
  readonly tiltRad: number;
  /** Unit vector from slice to slice: the normal, or the direction of the shear when tilted. */
  readonly sliceDirection: Vector3;
  /** Farthest that a slice lies sideways of the line through the first and the last, mm. */
  readonly largestShiftMm: number;
}

/** column × row: the direction in which slices are counted. */
export function computeNormal(place: Pick<SlicePlace, "columnDirection" | "rowDirection">): Vector3 {
  return crossVectors(place.columnDirection, place.rowDirection);
}

/** Below this the shear is header rounding. */
const TILT_RAD = 0.005;

/** How far the position of a slice lies from the line through `from` along a direction, mm. */
function measureShift(positionMm: Vector3, from: Vector3, direction: Vector3): number {
  const d: Vector3 = [positionMm[0] - from[0], positionMm[1] - from[1], positionMm[2] - from[2]];
  const along = dotVectors(d, direction);
  return Math.sqrt(Math.max(0, dotVectors(d, d) - along * along));
}

/**
 * Sorts places along their normal and judges the steps.
 *
 * @param places - at least one; all of one orientation
 * @param hints - what headers say about distances
 * @remarks The normal is column × row of the first place, so the order does not depend on the order of files.
 * Tested on shuffled, reversed, gapped, doubled, uneven, shifted and tilted stacks made in code.
 */
export function measureLayout(places: readonly SlicePlace[], hints: StepHints = {}): SeriesLayout {
  const normal = computeNormal(places[0]);
  const along = places.map((place) => dotVectors(place.positionMm, normal));
  const order = places.map((_, i) => i).sort((a, b) => along[a] - along[b] || a - b);
  const sorted = order.map((i) => along[i]);
  const steps = judgeSteps(
    order.map((i) => ({ alongNormalMm: along[i], instanceNumber: places[i].instanceNumber })),
    hints,
  );
  const first = places[order[0]].positionMm;
  const last = places[order[order.length - 1]].positionMm;
  const travel: Vector3 = [last[0] - first[0], last[1] - first[1], last[2] - first[2]];
  const length = Math.hypot(...travel);
  const cosine = length > 0 ? Math.min(1, dotVectors(travel, normal) / length) : 1;
  // Images of one plane that lie beside each other have no stacking direction that could lean.
  const hasDirection = steps.stepMm !== undefined && length > 0;
  const isTilted = hasDirection && Math.acos(cosine) > TILT_RAD;
  const line: Vector3 = hasDirection ? [travel[0] / length, travel[1] / length, travel[2] / length] : normal;
  let largestShiftMm = 0;
  for (const place of places) {
    largestShiftMm = Math.max(largestShiftMm, measureShift(place.positionMm, first, line));
  }
  return {
    ...steps,
    order,
    alongNormalMm: sorted,
    tiltRad: isTilted ? Math.acos(cosine) : 0,
    sliceDirection: isTilted ? line : normal,
    largestShiftMm,
  };
}

/**
 * The grid of a laid-out series. With gaps or uneven steps the spacing is the usual step and the positions of single
 * slices differ from the grid's.
 *
 * @param sliceThicknessMm - spacing of a single slice; default 1
 */
export function createSeriesGrid(
  layout: SeriesLayout,
  first: SlicePlace,
  size: readonly [number, number, number],
  pixelSpacingMm: readonly [number, number],
  sliceThicknessMm?: number,
): GridGeometry {
  // Along a sheared grid neighbours are farther apart than their planes.
  const stepMm = (layout.stepMm ?? sliceThicknessMm ?? 1) / Math.cos(layout.tiltRad);
  return {
    size,
    spacingMm: [stepMm, pixelSpacingMm[0], pixelSpacingMm[1]],
    originMm: first.positionMm,
    direction: { slice: layout.sliceDirection, row: first.rowDirection, column: first.columnDirection },
  };
}
