/**
 * Binomial deviates: thinning of counted quanta. Exact; inversion for few expected successes, transformed rejection
 * (BTRS, Hörmann 1993, doi 10.1080/00949659308811496) for more.
 */
import { computeLogFactorial, type Random } from "@alara/core";
import { PhysicsError } from "../errors.ts";

/**
 * Draws the number of successes in n trials.
 *
 * @param n - integer ≥ 0
 * @param p - probability of a success, in [0, 1]
 * @throws PhysicsError `OUT_OF_RANGE`
 * Tested: distribution against exact probabilities (χ²), mean and variance; thinned Poisson numbers are Poisson.
 */
export function drawBinomial(random: Random, n: number, p: number): number {
  if (!(Number.isInteger(n) && n >= 0 && p >= 0 && p <= 1)) {
    throw new PhysicsError("OUT_OF_RANGE", `no binomial deviate of ${n} trials with probability ${p}`);
  }
  if (p > 0.5) return n - drawBinomial(random, n, 1 - p);
  if (p === 0 || n === 0) return 0;
  if (n * p < 10) {
    // Inversion: P(k + 1)/P(k) = (n − k)/(k + 1) · p/(1 − p).
    const odds = p / (1 - p);
    let probability = Math.exp(n * Math.log1p(-p));
    let u = random.nextUniform();
    let k = 0;
    while (u >= probability && k < n) {
      u -= probability;
      probability *= (odds * (n - k)) / (k + 1);
      k++;
    }
    return k;
  }
  const spread = Math.sqrt(n * p * (1 - p));
  const b = 1.15 + 2.53 * spread;
  const a = -0.0873 + 0.0248 * b + 0.01 * p;
  const c = n * p + 0.5;
  const squeeze = 0.92 - 4.2 / b;
  const alpha = (2.83 + 5.1 / b) * spread;
  const logOdds = Math.log(p / (1 - p));
  const mode = Math.floor((n + 1) * p);
  const top = computeLogFactorial(mode) + computeLogFactorial(n - mode);
  for (;;) {
    const u = random.nextUniform() - 0.5;
    const v = random.nextUniform();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + c);
    if (k < 0 || k > n) continue;
    if (us >= 0.07 && v <= squeeze) return k;
    const left = Math.log((v * alpha) / (a / (us * us) + b));
    if (left <= top - computeLogFactorial(k) - computeLogFactorial(n - k) + (k - mode) * logOdds) return k;
  }
}
