/**
 * Judges the distances between neighbouring slices: what the usual step is, how many slices are missing, which steps
 * fit no grid. Steps are explained by whole multiples of one base step, proposed by several witnesses, so that a
 * stack with more gaps than neighbours is still counted right.
 */

/** One slice on the way along the normal. */
export interface PlacedSlice {
  /** mm */
  readonly alongNormalMm: number;
  readonly instanceNumber: number | undefined;
}

/** What headers say about distances, in mm; each only a proposal. */
export interface StepHints {
  readonly spacingBetweenSlicesMm?: number | undefined;
  readonly sliceThicknessMm?: number | undefined;
}

/** The steps of a stack, judged. */
export interface StepReport {
  /** Distance of neighbours, mm; `undefined` for a single position. */
  readonly stepMm: number | undefined;
  /** Largest deviation that counts as rounding of the headers, mm. */
  readonly toleranceMm: number;
  /** Slices that would fill the gaps. */
  readonly missingSlices: number;
  /** Steps between different positions that are no whole multiple of `stepMm`, or its multiple without a gap. */
  readonly unevenSteps: number;
  /** Slices at the position of another one. */
  readonly duplicatePositions: number;
  readonly smallestStepMm: number;
  readonly largestStepMm: number;
  /** Runs of equal steps in order, e.g. 4 × 4.2 mm, 9 × 7.4 mm. */
  readonly runs: readonly { readonly stepMm: number; readonly steps: number }[];
}

/** Positions closer than this are one position, mm. */
export const DUPLICATE_MM = 0.01;

/** Decimals with which a number was written, at most 6. */
function countDecimals(value: number): number {
  for (let decimals = 0; decimals < 6; decimals++) {
    const scale = 10 ** decimals;
    if (Math.abs(value * scale - Math.round(value * scale)) < 1e-6 * scale) return decimals;
  }
  return 6;
}

/**
 * How far steps may differ and still be one: 1 % of the step, 0.02 mm, or what writing positions with few decimals
 * costs (0.1 mm for one decimal), whichever is most; at most a fifth of the step.
 */
function findTolerance(stepMm: number, resolutionMm: number): number {
  return Math.min(Math.max(0.01 * stepMm, 0.02, 1.0001 * resolutionMm), 0.2 * stepMm);
}

/**
 * The last decimal in use among positions, mm; 0 when they are written finely or are all whole numbers, which then
 * are what they say.
 */
function findResolution(sortedMm: readonly number[]): number {
  let decimals = 0;
  for (const value of sortedMm) decimals = Math.max(decimals, countDecimals(value));
  return decimals >= 1 && decimals <= 2 ? 10 ** -decimals : 0;
}

/** The step that most neighbours share within tolerance; the smallest of equally common ones. */
function findCommonest(steps: readonly number[], resolutionMm: number): number {
  const sorted = [...steps].sort((a, b) => a - b);
  let best = sorted[0];
  let bestCount = 0;
  let end = 0;
  for (let start = 0; start < sorted.length; start++) {
    if (end < start) end = start;
    while (end < sorted.length && sorted[end] - sorted[start] <= findTolerance(sorted[start], resolutionMm)) {
      end++;
    }
    if (end - start > bestCount) {
      bestCount = end - start;
      best = sorted[start + Math.floor((bestCount - 1) / 2)];
    }
  }
  return best;
}

/** The multiple of `base` that a step is within tolerance, or 0. */
function findMultiple(stepMm: number, baseMm: number, resolutionMm: number): number {
  const multiple = Math.round(stepMm / baseMm);
  // The base itself is only known to the tolerance, so a gap of n may be off by more; never by a third of a step.
  const tolerance = Math.min(findTolerance(baseMm, resolutionMm) * Math.sqrt(multiple), baseMm / 3);
  return multiple >= 1 && Math.abs(stepMm - multiple * baseMm) <= tolerance ? multiple : 0;
}

/** mm per instance number, when that is one number over the whole stack. */
function findStepPerInstance(slices: readonly PlacedSlice[], resolutionMm: number): number | undefined {
  const ratios: number[] = [];
  for (let i = 1; i < slices.length; i++) {
    const step = slices[i].alongNormalMm - slices[i - 1].alongNormalMm;
    if (step <= DUPLICATE_MM) continue;
    const [a, b] = [slices[i - 1].instanceNumber, slices[i].instanceNumber];
    if (a === undefined || b === undefined || a === b) return undefined;
    ratios.push(step / Math.abs(b - a));
  }
  if (ratios.length < 2) return undefined;
  ratios.sort((a, b) => a - b);
  const median = ratios[Math.floor((ratios.length - 1) / 2)];
  const tolerance = findTolerance(median, resolutionMm);
  return ratios[ratios.length - 1] - ratios[0] <= 2 * tolerance ? median : undefined;
}

/** More gaps than this share of the steps, and all between consecutive instance numbers, are a wider spacing. */
const GAP_SHARE = 1 / 3;

/** Whether every gap lies between consecutive instance numbers: then nothing was lost since they were numbered. */
function isNumberedThrough(slices: readonly PlacedSlice[], isGap: readonly boolean[]): boolean {
  for (let i = 1; i < slices.length; i++) {
    if (!isGap[i - 1]) continue;
    const [a, b] = [slices[i - 1].instanceNumber, slices[i].instanceNumber];
    if (a === undefined || b === undefined || Math.abs(a - b) !== 1) return false;
  }
  return true;
}

function listRuns(steps: readonly number[], resolutionMm: number): StepReport["runs"] {
  const runs: { stepMm: number; steps: number }[] = [];
  for (const step of steps) {
    const last = runs[runs.length - 1];
    if (last !== undefined && Math.abs(last.stepMm - step) <= findTolerance(last.stepMm, resolutionMm)) {
      last.steps++;
    } else {
      runs.push({ stepMm: step, steps: 1 });
    }
  }
  return runs;
}

/**
 * Judges the steps of a stack.
 *
 * The base step is the commonest one when every step is a whole multiple of it; else the largest of these that
 * explains every step: the smallest step, the header's spacing, the step per instance number, the thickness. When
 * none explains all, the commonest stands and the others are uneven.
 *
 * @param slices - sorted along the normal
 * @returns `missingSlices` 0 where the numbering shows a change of spacing and no loss
 * Tested on gapped, doubled, uneven, two-spacing, rounded and sparse stacks made in code.
 */
export function judgeSteps(slices: readonly PlacedSlice[], hints: StepHints = {}): StepReport {
  const positions = slices.map((slice) => slice.alongNormalMm);
  const steps: number[] = [];
  for (let i = 1; i < positions.length; i++) steps.push(positions[i] - positions[i - 1]);
  const real = steps.filter((step) => step > DUPLICATE_MM);
  const duplicatePositions = steps.length - real.length;
  if (real.length === 0) {
    return {
      stepMm: undefined,
      toleranceMm: 0,
      missingSlices: 0,
      unevenSteps: 0,
      duplicatePositions,
      smallestStepMm: 0,
      largestStepMm: 0,
      runs: [],
    };
  }
  const resolutionMm = findResolution(positions);
  const smallestStepMm = real.reduce((a, b) => Math.min(a, b));
  const largestStepMm = real.reduce((a, b) => Math.max(a, b));
  const commonest = findCommonest(real, resolutionMm);
  const explains = (base: number): boolean =>
    base > 0 && real.every((step) => findMultiple(step, base, resolutionMm) > 0);
  const others = [
    smallestStepMm,
    hints.spacingBetweenSlicesMm,
    findStepPerInstance(slices, resolutionMm),
    hints.sliceThicknessMm,
  ]
    .filter((base) => base !== undefined)
    .filter(explains)
    .sort((a, b) => b - a);
  const proposed = explains(commonest) ? commonest : others[0];
  let base = proposed ?? commonest;
  const multiples = real.map((step) => findMultiple(step, base, resolutionMm));
  const isGap = steps.map((step) => step > DUPLICATE_MM && findMultiple(step, base, resolutionMm) !== 1);
  const gaps = multiples.filter((multiple) => multiple > 1).length;
  const isWider = gaps > GAP_SHARE * real.length && isNumberedThrough(slices, isGap);
  let missingSlices = 0;
  let unevenSteps = 0;
  let explained = 0;
  let length = 0;
  for (const [i, multiple] of multiples.entries()) {
    if (multiple === 0 || (isWider && multiple > 1)) unevenSteps++;
    else {
      missingSlices += multiple - 1;
      explained += multiple;
      length += real[i];
    }
  }
  // The mean over all that fit is the best estimate of a step that headers round.
  if (explained > 0) base = length / explained;
  return {
    stepMm: base,
    toleranceMm: findTolerance(base, resolutionMm),
    missingSlices,
    unevenSteps,
    duplicatePositions,
    smallestStepMm,
    largestStepMm,
    runs: listRuns(real, resolutionMm),
  };
}
