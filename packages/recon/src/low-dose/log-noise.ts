/**
 * The noise of a measured line integral as a function of a unit normal number, at any number of quanta: what the
 * logarithm makes of L = Poisson(λ) + N(0, σe²), held at the detector's least signal (tomography.md §2.5, §2.6). Many
 * quanta give a normal number of the closed variance; few give the skewness, the bias and the ceiling that photon
 * starvation and the clamp bring. Normal numbers that are correlated (along z) stay so.
 */
import { computeNormalTail, LEAST_QUANTA } from "@alara/physics";

/** Noise of line integrals for a dose and a readout. */
export interface LogNoise {
  /**
   * @param logQuanta - ln of the quanta expected at the full dose, ln I0 − p
   * @param normal - unit normal number
   * @returns what is added to the line integral
   */
  evaluate(logQuanta: number, normal: number): number;
}

/** Below this many quanta distributions are summed; above, Cornish and Fisher's expansion to the skewness serves. */
const SUMMED_BELOW = 30;
/** Least readout noise of a summed distribution, quanta: without any its quantiles would be stairs. */
const LEAST_READOUT = 0.3;
const NORMAL_REACH = 6;
const NORMAL_STEP = 0.1;
const NORMALS = Math.round((2 * NORMAL_REACH) / NORMAL_STEP) + 1;
const LOWEST_LOG_QUANTA = Math.log(0.02);
const HIGHEST_LOG_QUANTA = Math.log(1e9);
const LOG_STEP = 0.1;

/** φ(z)·Δz on the table's normals, summing to 1. */
const WEIGHTS: Float64Array = (() => {
  const weights = Float64Array.from({ length: NORMALS }, (_, i) =>
    Math.exp(-0.5 * (i * NORMAL_STEP - NORMAL_REACH) ** 2),
  );
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / sum);
})();

/** Noise of one expected number of quanta. */
interface LogDistribution {
  /** Measured minus true line integral at the table's normals, ascending. */
  readonly quantiles: Float64Array;
  readonly mean: number;
  readonly variance: number;
}

/** Quantiles of L at the table's normals, λ below SUMMED_BELOW. */
function sumQuantiles(lambda: number, readout: number): Float64Array {
  const sigma = Math.max(readout, LEAST_READOUT);
  const spread = Math.sqrt(lambda + sigma * sigma);
  const last = Math.ceil(lambda + 8 * Math.sqrt(lambda) + 12);
  const probabilities = new Float64Array(last + 1);
  probabilities[0] = Math.exp(-lambda);
  for (let k = 1; k <= last; k++) probabilities[k] = (probabilities[k - 1] * lambda) / k;
  const from = -NORMAL_REACH * sigma - 1;
  const step = Math.min(0.25, sigma / 4);
  const points = Math.ceil((lambda + (NORMAL_REACH + 2) * spread + 8 - from) / step);
  const below = new Float64Array(points);
  const above = new Float64Array(points);
  for (let i = 0; i < points; i++) {
    const x = from + i * step;
    for (let k = 0; k <= last; k++) {
      const tail = computeNormalTail(Math.abs(x - k) / sigma);
      below[i] += probabilities[k] * (x >= k ? 1 - tail : tail);
      above[i] += probabilities[k] * (x >= k ? tail : 1 - tail);
    }
  }
  const quantiles = new Float64Array(NORMALS);
  let i = 0;
  for (let n = 0; n < NORMALS; n++) {
    const z = n * NORMAL_STEP - NORMAL_REACH;
    const wanted = computeNormalTail(Math.abs(z));
    const side = z < 0 ? below : above;
    // The first grid point beyond the quantile, then a straight line in the logarithm of the tail.
    const isBefore = (k: number): boolean => (z < 0 ? below[k] < wanted : above[k] > wanted);
    while (i + 1 < points && isBefore(i)) i++;
    const a = side[Math.max(0, i - 1)];
    const b = side[i];
    const t = i === 0 || a === b ? 1 : (Math.log(wanted) - Math.log(a)) / (Math.log(b) - Math.log(a));
    quantiles[n] = from + (i - 1 + Math.min(1, Math.max(0, t))) * step;
  }
  return quantiles;
}

/** The distribution of a measured line integral around its true value. */
function describeLogarithm(lambda: number, readout: number): LogDistribution {
  const spread = Math.sqrt(lambda + readout * readout);
  const skewness = lambda / spread ** 3;
  const summed = lambda < SUMMED_BELOW ? sumQuantiles(lambda, readout) : null;
  const quantiles = new Float64Array(NORMALS);
  let mean = 0;
  for (let n = 0; n < NORMALS; n++) {
    // Line integrals fall with the signal: the highest come from the lowest signals.
    const z = NORMAL_REACH - n * NORMAL_STEP;
    const signal =
      summed === null ? lambda + spread * (z + (skewness / 6) * (z * z - 1)) : summed[NORMALS - 1 - n];
    quantiles[n] = -Math.log(Math.max(signal, LEAST_QUANTA) / lambda);
    mean += WEIGHTS[n] * quantiles[n];
  }
  let variance = 0;
  for (let n = 0; n < NORMALS; n++) variance += WEIGHTS[n] * (quantiles[n] - mean) ** 2;
  return { quantiles, mean, variance };
}

/**
 * Noise of a whole scan at a dose, or what a scan at the full dose lacks of it.
 *
 * `"scan"`: measured minus true line integral at dose a. `"added"`: a number of the shape of that, with the variance
 * and the mean of the low dose less those of the full dose.
 *
 * @param doseFraction - a in (0, 1]
 * @param electronicNoiseQuanta - σe
 * Tested: mean and variance against drawn counts from 0.5 quanta to 10⁴; normal where quanta are many.
 */
export function createLogNoise(
  kind: "scan" | "added",
  doseFraction: number,
  electronicNoiseQuanta: number,
): LogNoise {
  const rows: (Float64Array | undefined)[] = [];
  const last = Math.ceil((HIGHEST_LOG_QUANTA - LOWEST_LOG_QUANTA) / LOG_STEP);
  const makeRow = (index: number): Float64Array => {
    const lambda = Math.exp(LOWEST_LOG_QUANTA + index * LOG_STEP);
    const low = describeLogarithm(doseFraction * lambda, electronicNoiseQuanta);
    if (kind === "scan") return low.quantiles;
    if (doseFraction === 1) return new Float64Array(NORMALS);
    const full = describeLogarithm(lambda, electronicNoiseQuanta);
    const share = Math.sqrt(Math.max(0, 1 - full.variance / low.variance));
    const shift = low.mean - full.mean;
    return low.quantiles.map((value) => share * (value - low.mean) + shift);
  };
  const getRow = (index: number): Float64Array => {
    let row = rows[index];
    if (row === undefined) {
      row = makeRow(index);
      rows[index] = row;
    }
    return row;
  };
  return {
    evaluate(logQuanta, normal) {
      const u = Math.min(last - 1, Math.max(0, (logQuanta - LOWEST_LOG_QUANTA) / LOG_STEP));
      const index = Math.floor(u);
      const s = u - index;
      const a = getRow(index);
      const b = getRow(index + 1);
      const v = Math.min(NORMALS - 1, Math.max(0, (normal + NORMAL_REACH) / NORMAL_STEP));
      const n = Math.min(NORMALS - 2, Math.floor(v));
      const t = v - n;
      const below = a[n] + t * (a[n + 1] - a[n]);
      const above = b[n] + t * (b[n + 1] - b[n]);
      return below + s * (above - below);
    },
  };
}
