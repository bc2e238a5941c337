/**
 * How the views of a scan cover the circle: which part of a turn each stands for (the trapezoid rule, so uneven angles
 * are weighted), and whether the whole is a multiple of the period, more, or a short scan. No weights over channels:
 * those stand in redundancy-weights.ts.
 */
import { ReconError } from "../errors.ts";

/** The coverage of a scan's views. */
export interface ViewSampling {
  /** `"full"`: a whole number of periods; `"over"`: more than one period, ends overlap; `"short"`: less than one. */
  readonly coverage: "full" | "over" | "short";
  /** Whether all views stand for the same angle. */
  readonly isEven: boolean;
  /** Angle that each view stands for, rad; their sum is `rangeRad`. */
  readonly widthsRad: Float64Array;
  /** Middle of each view from the start of the scan along its direction of travel, rad, 0..rangeRad. */
  readonly positionsRad: Float64Array;
  readonly rangeRad: number;
  /** 1 when the angles grow, −1 when they fall. */
  readonly direction: 1 | -1;
}

/** Deviation from even steps that is rounding, rad. */
const EVEN_TOLERANCE_RAD = 1e-6;
/** A gap this many times the median one is a missing piece, not a sampling. */
const LARGEST_GAP = 4;

function checkGaps(gaps: readonly number[]): void {
  const sorted = [...gaps].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1];
  const largest = sorted[sorted.length - 1];
  if (largest > LARGEST_GAP * median) {
    throw new ReconError(
      "UNEVEN_ANGLES",
      `the largest gap between neighbouring views is ${largest.toFixed(5)} rad, ${(largest / median).toFixed(1)} times the median of ${median.toFixed(5)}; more than ${LARGEST_GAP} times leaves a wedge unseen: add the views or reconstruct iteratively`,
    );
  }
}

/** Views in any order (golden angle, bit reversed): each angle modulo the period, which they must fill. */
function sampleUnordered(angles: Float64Array, period: number): ViewSampling {
  const views = angles.length;
  const reduced = angles.map((angle) => angle - period * Math.floor(angle / period));
  const order = Array.from({ length: views }, (_, k) => k).sort((a, b) => reduced[a] - reduced[b]);
  const gaps = order.map((k, i) =>
    i + 1 < views ? reduced[order[i + 1]] - reduced[k] : period - reduced[k] + reduced[order[0]],
  );
  checkGaps(gaps);
  const widthsRad = new Float64Array(views);
  order.forEach((k, i) => {
    widthsRad[k] = (gaps[i] + gaps[(i + views - 1) % views]) / 2;
  });
  const isEven = widthsRad.every((width) => Math.abs(width - period / views) <= EVEN_TOLERANCE_RAD);
  return {
    coverage: "full",
    isEven,
    widthsRad,
    positionsRad: Float64Array.from(reduced),
    rangeRad: period,
    direction: 1,
  };
}

/**
 * Angles that were written modulo a turn, made continuous: no step is more than half a turn, one of exactly half a
 * turn keeps its sign. Golden-angle and bit-reversed orders come out as some sweep of the same angles modulo a turn.
 */
export function unwrapAngles(anglesRad: Float64Array): Float64Array {
  const turn = 2 * Math.PI;
  const out = Float64Array.from(anglesRad);
  for (let k = 1; k < out.length; k++) {
    const step = anglesRad[k] - anglesRad[k - 1];
    out[k] =
      out[k - 1] + (Math.abs(step) > Math.PI * (1 + 1e-9) ? step - turn * Math.round(step / turn) : step);
  }
  return out;
}

/**
 * Resolves what part of the circle each view stands for. Views at `k · step` and at `(k + ½) · step` are both taken as
 * the middles of `step`, so a scan of n views covers n steps.
 *
 * @param writtenRad - angles of the views, at least 3, finite; continuous, modulo a turn or in any order
 * @param periodRad - 2π, or π where half a turn sees every line (parallel rays on a centred detector)
 * @throws ReconError `UNEVEN_ANGLES` when a gap is more than four times the median
 */
export function sampleViews(writtenRad: Float64Array, periodRad: number): ViewSampling {
  const anglesRad = unwrapAngles(writtenRad);
  const views = anglesRad.length;
  const direction = anglesRad[views - 1] >= anglesRad[0] ? 1 : -1;
  const gaps: number[] = [];
  for (let k = 1; k < views; k++) gaps.push(direction * (anglesRad[k] - anglesRad[k - 1]));
  if (gaps.some((gap) => !(gap > 0))) return sampleUnordered(anglesRad, periodRad);
  const span = Math.abs(anglesRad[views - 1] - anglesRad[0]);
  const meanGap = span / (views - 1);
  // Golden-angle scans run through many turns with few views in each: the turns interleave.
  if (span > 2 * periodRad && meanGap > periodRad / 6) return sampleUnordered(anglesRad, periodRad);
  checkGaps(gaps);
  let lead = gaps[0] / 2;
  let tail = gaps[views - 2] / 2;
  let rangeRad = span + lead + tail;
  const periods = Math.round(rangeRad / periodRad);
  const isFull = periods >= 1 && Math.abs(rangeRad - periods * periodRad) <= meanGap / 2;
  if (isFull) {
    rangeRad = periods * periodRad;
    lead = (rangeRad - span) / 2;
    tail = lead;
  }
  const widthsRad = new Float64Array(views);
  const positionsRad = new Float64Array(views);
  for (let k = 0; k < views; k++) {
    const before = k === 0 ? lead : gaps[k - 1] / 2;
    const after = k === views - 1 ? tail : gaps[k] / 2;
    widthsRad[k] = before + after;
    positionsRad[k] = lead + direction * (anglesRad[k] - anglesRad[0]);
  }
  const isEven = widthsRad.every((width) => Math.abs(width - rangeRad / views) <= EVEN_TOLERANCE_RAD);
  const coverage = isFull ? "full" : rangeRad > periodRad ? "over" : "short";
  return { coverage, isEven, widthsRad, positionsRad, rangeRad, direction };
}
