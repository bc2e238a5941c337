/**
 * Tail of the normal distribution, for quantiles and thresholds.
 */

/**
 * P(Z > x) of a standard normal Z, to about 1e-15 (series below |x| = 3, continued fraction above).
 *
 * Abramowitz & Stegun 1964, 26.2.10 and 26.2.14. Tested against tabulated values.
 */
export function computeNormalTail(x: number): number {
  const z = Math.abs(x);
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  let tail: number;
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (z * z) / (2 * n + 1);
      sum += term;
    }
    tail = 0.5 - density * sum;
  } else {
    let fraction = z;
    for (let n = 60; n >= 1; n--) fraction = z + n / fraction;
    tail = density / fraction;
  }
  return x >= 0 ? tail : 1 - tail;
}
