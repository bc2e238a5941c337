/**
 * The Wilcoxon signed-rank test of paired values: exact without ties up to 50 pairs, else the normal approximation with
 * ties and continuity corrected; rank-biserial correlation and the Hodges–Lehmann shift beside it.
 */
import { EvaluateError } from "../errors.ts";

/** What {@link testSignedRanks} finds. */
export interface SignedRankResult {
  /** Pairs whose difference is not 0. */
  readonly pairs: number;
  /** Sum of the ranks of positive differences. */
  readonly positiveRankSum: number;
  /** The smaller of both rank sums. */
  readonly statistic: number;
  /** Two-sided; 1 without a difference. */
  readonly pValue: number;
  readonly isExact: boolean;
  /** (W₊ − W₋) / (n(n + 1)/2), −1 to 1. */
  readonly rankBiserial: number;
  /** Median of the Walsh averages: the shift, in the unit of the values. */
  readonly shift: number;
}

/** Mid-ranks of absolute values, and Σ(t³ − t) over groups of ties. */
function rankMagnitudes(values: readonly number[]): { ranks: number[]; tieSum: number } {
  const order = values.map((_, k) => k).sort((a, b) => Math.abs(values[a]) - Math.abs(values[b]));
  const ranks = new Array<number>(values.length);
  let tieSum = 0;
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && Math.abs(values[order[end]]) === Math.abs(values[order[start]])) end++;
    const count = end - start;
    for (let k = start; k < end; k++) ranks[order[k]] = (start + 1 + end) / 2;
    tieSum += count ** 3 - count;
    start = end;
  }
  return { ranks, tieSum };
}

/** P(W ≤ w) under the null hypothesis, by counting subsets of 1..n by their sum. */
function computeExactTail(n: number, w: number): number {
  const total = (n * (n + 1)) / 2;
  const counts = new Float64Array(total + 1);
  counts[0] = 1;
  for (let rank = 1; rank <= n; rank++) {
    for (let sum = total; sum >= rank; sum--) counts[sum] += counts[sum - rank];
  }
  let tail = 0;
  for (let sum = 0; sum <= w; sum++) tail += counts[sum];
  return tail / 2 ** n;
}

/** 1 − Φ(z), z ≥ 0: Numerical approximation of the complementary error function by continued fraction and series. */
function computeNormalTail(z: number): number {
  if (z < 3) {
    // Φ(z) − ½ = φ(z)·Σ z^(2k+1)/(1·3·5…(2k+1)) (Abramowitz & Stegun 26.2.11)
    let term = z;
    let sum = z;
    for (let k = 1; k < 200 && term > 1e-17 * sum; k++) {
      term *= (z * z) / (2 * k + 1);
      sum += term;
    }
    return 0.5 - (sum * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
  }
  // φ(z)/(z + 1/(z + 2/(z + 3/…))) (Abramowitz & Stegun 26.2.14)
  let fraction = z;
  for (let k = 60; k >= 1; k--) fraction = z + k / fraction;
  return Math.exp((-z * z) / 2) / (Math.sqrt(2 * Math.PI) * fraction);
}

function findMedian(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Tests whether paired values differ.
 *
 * @param a - one value per patient
 * @param b - the same patients in the same order; differences are a − b
 * @throws EvaluateError `OUT_OF_RANGE` for lists of other lengths, empty ones, or values that are not finite
 * Wilcoxon 1945; differences of 0 are dropped. Tested: Darwin's fixture (W = 24, p = 0.0412598) and R's wilcox.test.
 */
export function testSignedRanks(a: readonly number[], b: readonly number[]): SignedRankResult {
  if (a.length !== b.length || a.length === 0 || ![...a, ...b].every(Number.isFinite)) {
    throw new EvaluateError(
      "OUT_OF_RANGE",
      `the signed-rank test needs two lists of as many finite values, got ${a.length} and ${b.length}; drop incomplete pairs`,
    );
  }
  const differences = a.map((x, k) => x - b[k]);
  const used = differences.filter((x) => x !== 0);
  const n = used.length;
  const walsh = differences.flatMap((x, i) => differences.slice(i).map((y) => (x + y) / 2));
  const shift = findMedian(walsh);
  if (n === 0) {
    return { pairs: 0, positiveRankSum: 0, statistic: 0, pValue: 1, isExact: true, rankBiserial: 0, shift };
  }
  const { ranks, tieSum } = rankMagnitudes(used);
  const total = (n * (n + 1)) / 2;
  const positiveRankSum = ranks.reduce((sum, rank, k) => sum + (used[k] > 0 ? rank : 0), 0);
  const statistic = Math.min(positiveRankSum, total - positiveRankSum);
  const isExact = tieSum === 0 && n <= 50;
  let pValue: number;
  if (isExact) {
    pValue = Math.min(1, 2 * computeExactTail(n, statistic));
  } else {
    const sigma = Math.sqrt((n * (n + 1) * (2 * n + 1)) / 24 - tieSum / 48);
    const distance = Math.max(0, total / 2 - statistic - 0.5);
    pValue = sigma === 0 ? 1 : Math.min(1, 2 * computeNormalTail(distance / sigma));
  }
  return {
    pairs: n,
    positiveRankSum,
    statistic,
    pValue,
    isExact,
    rankBiserial: (2 * positiveRankSum - total) / total,
    shift,
  };
}
