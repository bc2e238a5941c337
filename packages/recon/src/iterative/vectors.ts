/**
 * The vector algebra of the solvers: plain loops over typed arrays of either precision, sums in float64, results
 * written in place. Nothing here allocates but {@link allocateLike}. No operators, no images.
 */
import type { RealArray } from "@alara/core";

/** A zeroed array of the precision of `like`. */
export function allocateLike<A extends RealArray>(like: A, length: number = like.length): A {
  return (like instanceof Float32Array ? new Float32Array(length) : new Float64Array(length)) as A;
}

/** Σ a_i b_i */
export function sumProducts(a: RealArray, b: RealArray): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Σ a_i² */
export function sumSquares(a: RealArray): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * a[i];
  return sum;
}

/** Σ w_i a_i²; without weights Σ a_i² */
export function sumWeightedSquares(a: RealArray, weights: RealArray | undefined): number {
  if (weights === undefined) return sumSquares(a);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += weights[i] * a[i] * a[i];
  return sum;
}

/** ‖a − b‖² */
export function sumSquaredDifferences(a: RealArray, b: RealArray): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = a[i] - b[i];
    sum += difference * difference;
  }
  return sum;
}

/** out = a − b; `out` may be either of them */
export function subtract(a: RealArray, b: RealArray, out: RealArray): void {
  for (let i = 0; i < out.length; i++) out[i] = a[i] - b[i];
}

/** out = a · b, element by element; `out` may be either of them */
export function multiply(a: RealArray, b: RealArray, out: RealArray): void {
  for (let i = 0; i < out.length; i++) out[i] = a[i] * b[i];
}

/** x += factor · y */
export function addScaled(x: RealArray, factor: number, y: RealArray): void {
  for (let i = 0; i < x.length; i++) x[i] += factor * y[i];
}

/** x = factor · x + y */
export function scaleAndAdd(x: RealArray, factor: number, y: RealArray): void {
  for (let i = 0; i < x.length; i++) x[i] = factor * x[i] + y[i];
}

/** out = a + factor · (a − b); `out` may be either of them */
export function extrapolate(a: RealArray, b: RealArray, factor: number, out: RealArray): void {
  for (let i = 0; i < out.length; i++) out[i] = a[i] + factor * (a[i] - b[i]);
}

/** Sets what is negative to zero. */
export function clipNegative(x: RealArray): void {
  for (let i = 0; i < x.length; i++) if (x[i] < 0) x[i] = 0;
}

/**
 * x_i = 1/x_i, and 0 where x_i is at most `threshold` × the largest: rays that miss the grid, pixels nobody sees.
 */
export function invertPositive(x: RealArray, threshold = 1e-6): void {
  let largest = 0;
  for (let i = 0; i < x.length; i++) if (x[i] > largest) largest = x[i];
  const limit = threshold * largest;
  for (let i = 0; i < x.length; i++) x[i] = x[i] > limit ? 1 / x[i] : 0;
}

/** Whether every sample is finite. */
export function isFiniteArray(x: RealArray): boolean {
  for (let i = 0; i < x.length; i++) if (!Number.isFinite(x[i])) return false;
  return true;
}
