/**
 * Places slices along a series' normal and judges their steps (PS3.3 C.7.6.2.1.1): gaps, duplicates, uneven spacing,
 * gantry tilt. Pure geometry on positions; knows no files.
 */
import type { GridGeometry, Vector3 } from "@alara/core";

/** What one slice contributes. */
export interface SlicePlace {
  readonly positionMm: Vector3;
  readonly columnDirection: Vector3;
  readonly rowDirection: Vector3;
}

/** How the slices of one series lie. */
export interface SeriesLayout {
  /** Indices into the given places, sorted along the normal. */
  readonly order: readonly number[];
  /** Position along the normal in that order, mm. */
  readonly alongNormalMm: readonly number[];
  /** The usual step between neighbours along the normal, mm; `undefined` for a single slice. */
  readonly stepMm: number | undefined;
  /** Slices that would fill the gaps. */
  readonly missingSlices: number;
  /** Pairs at one position. */
  readonly duplicatePositions: number;
  /** Steps that are neither the usual one nor a whole multiple of it. */
  readonly unevenSteps: number;
  readonly smallestStepMm: number;
  readonly largestStepMm: number;
  /** Angle between the slice normal and the line through the slice positions, radians. */
  readonly tiltRad: number;
  /** Unit vector from slice to slice: the normal, or the direction of the shear when tilted. */
  readonly sliceDirection: Vector3;
}

function dot(a: Vector3, b: Vector3): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/** column × row: the direction in which slices are counted. */
export function computeNormal(place: SlicePlace): Vector3 {
  const a = place.columnDirection;
  const b = place.rowDirection;
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** Steps that differ by less than this are one step: 1 % or the rounding of headers, whichever is more. */
function getStepTolerance(stepMm: number): number {
  return Math.max(0.01 * stepMm, 0.02);
}

const DUPLICATE_MM = 0.01;
/** Below this the shear is header rounding. */
const TILT_RAD = 0.005;

/**
 * Sorts places along their normal and measures the steps.
 *
 * @param places - at least one; all of one orientation
 * Tested on shuffled, gapped, doubled, uneven and tilted stacks made in code.
 */
export function measureLayout(places: readonly SlicePlace[]): SeriesLayout {
  const normal = computeNormal(places[0]);
  const along = places.map((place) => dot(place.positionMm, normal));
  const order = places.map((_, i) => i).sort((a, b) => along[a] - along[b] || a - b);
  const sorted = order.map((i) => along[i]);
  const steps: number[] = [];
  for (let i = 1; i < sorted.length; i++) steps.push(sorted[i] - sorted[i - 1]);
  const realSteps = steps.filter((step) => step > DUPLICATE_MM);
  const stepMm = findUsualStep(realSteps);
  let missingSlices = 0;
  let unevenSteps = 0;
  if (stepMm !== undefined) {
    for (const step of realSteps) {
      const multiple = Math.round(step / stepMm);
      const error = Math.abs(step - multiple * stepMm);
      if (multiple >= 1 && error <= getStepTolerance(stepMm) * Math.max(1, multiple))
        missingSlices += multiple - 1;
      else unevenSteps++;
    }
  }
  const first = places[order[0]].positionMm;
  const last = places[order[order.length - 1]].positionMm;
  const travel: Vector3 = [last[0] - first[0], last[1] - first[1], last[2] - first[2]];
  const length = Math.hypot(...travel);
  const cosine = length > 0 ? Math.min(1, dot(travel, normal) / length) : 1;
  const tiltRad = length > DUPLICATE_MM ? Math.acos(cosine) : 0;
  const isTilted = tiltRad > TILT_RAD;
  return {
    order,
    alongNormalMm: sorted,
    stepMm,
    missingSlices,
    duplicatePositions: steps.length - realSteps.length,
    unevenSteps,
    smallestStepMm: realSteps.length > 0 ? Math.min(...realSteps) : 0,
    largestStepMm: realSteps.length > 0 ? Math.max(...realSteps) : 0,
    tiltRad: isTilted ? tiltRad : 0,
    sliceDirection: isTilted ? [travel[0] / length, travel[1] / length, travel[2] / length] : normal,
  };
}

/** The step that most neighbours share within tolerance; the smallest of equally common ones. */
function findUsualStep(steps: readonly number[]): number | undefined {
  if (steps.length === 0) return undefined;
  const sorted = [...steps].sort((a, b) => a - b);
  let best = sorted[0];
  let bestCount = 0;
  let end = 0;
  for (let start = 0; start < sorted.length; start++) {
    if (end < start) end = start;
    while (end < sorted.length && sorted[end] - sorted[start] <= getStepTolerance(sorted[start])) end++;
    if (end - start > bestCount) {
      bestCount = end - start;
      best = sorted[start + Math.floor((bestCount - 1) / 2)];
    }
  }
  return best;
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
