/**
 * In-place radix-2 complex FFT in float64, 1D and 2D. The plain definition for filters, NPS and phantoms;
 * sizes are powers of two. Cooley & Tukey 1965; tested against the direct DFT sum and Parseval's identity.
 */
import { CoreError } from "./errors.ts";

/** Tables for one transform length; build once, use often. */
export interface FftPlan {
  readonly length: number;
  /** exp(−2πik/length), k < length/2 */
  readonly cosine: Float64Array;
  readonly sine: Float64Array;
  readonly bitReversal: Uint32Array;
}

/** Smallest power of two ≥ n. */
export function nextPowerOfTwo(n: number): number {
  let p = 1;
  while (p < n) p *= 2;
  return p;
}

/**
 * Prepares transforms of one length.
 *
 * @throws CoreError `OUT_OF_RANGE` when `length` is not a power of two
 */
export function createFftPlan(length: number): FftPlan {
  if (!Number.isInteger(length) || length < 1 || (length & (length - 1)) !== 0) {
    throw new CoreError(
      "OUT_OF_RANGE",
      `FFT length ${length} is not a power of two; pad to ${nextPowerOfTwo(length)}`,
    );
  }
  const half = Math.max(1, length / 2);
  const cosine = new Float64Array(half);
  const sine = new Float64Array(half);
  for (let k = 0; k < half; k++) {
    cosine[k] = Math.cos((2 * Math.PI * k) / length);
    sine[k] = -Math.sin((2 * Math.PI * k) / length);
  }
  const bitReversal = new Uint32Array(length);
  for (let i = 1; i < length; i++) {
    bitReversal[i] = (bitReversal[i >> 1] >> 1) | (i & 1 ? length / 2 : 0);
  }
  return { length, cosine, sine, bitReversal };
}

/** Forward transform in place: X[k] = Σ x[n] exp(−2πikn/N), no scaling. */
export function transformForward(plan: FftPlan, real: Float64Array, imaginary: Float64Array): void {
  const { length, cosine, sine, bitReversal } = plan;
  for (let i = 0; i < length; i++) {
    const j = bitReversal[i];
    if (j > i) {
      const r = real[i];
      real[i] = real[j];
      real[j] = r;
      const m = imaginary[i];
      imaginary[i] = imaginary[j];
      imaginary[j] = m;
    }
  }
  for (let half = 1; half < length; half *= 2) {
    const stride = length / (2 * half);
    for (let start = 0; start < length; start += 2 * half) {
      for (let k = 0; k < half; k++) {
        const wr = cosine[k * stride];
        const wi = sine[k * stride];
        const p = start + k;
        const q = p + half;
        const tr = real[q] * wr - imaginary[q] * wi;
        const ti = real[q] * wi + imaginary[q] * wr;
        real[q] = real[p] - tr;
        imaginary[q] = imaginary[p] - ti;
        real[p] += tr;
        imaginary[p] += ti;
      }
    }
  }
}

/** Inverse transform in place, scaled by 1/N. */
export function transformInverse(plan: FftPlan, real: Float64Array, imaginary: Float64Array): void {
  transformForward(plan, imaginary, real);
  const scale = 1 / plan.length;
  for (let i = 0; i < plan.length; i++) {
    real[i] *= scale;
    imaginary[i] *= scale;
  }
}

/**
 * 2D transform in place of `[row][column]` data.
 *
 * @param direction - `"forward"` unscaled, `"inverse"` scaled by 1/(rows·columns)
 */
export function transform2d(
  rowPlan: FftPlan,
  columnPlan: FftPlan,
  real: Float64Array,
  imaginary: Float64Array,
  direction: "forward" | "inverse",
): void {
  const columns = rowPlan.length;
  const rows = columnPlan.length;
  const run = direction === "forward" ? transformForward : transformInverse;
  for (let r = 0; r < rows; r++) {
    run(
      rowPlan,
      real.subarray(r * columns, (r + 1) * columns),
      imaginary.subarray(r * columns, (r + 1) * columns),
    );
  }
  const lineReal = new Float64Array(rows);
  const lineImaginary = new Float64Array(rows);
  for (let c = 0; c < columns; c++) {
    for (let r = 0; r < rows; r++) {
      lineReal[r] = real[r * columns + c];
      lineImaginary[r] = imaginary[r * columns + c];
    }
    run(columnPlan, lineReal, lineImaginary);
    for (let r = 0; r < rows; r++) {
      real[r * columns + c] = lineReal[r];
      imaginary[r * columns + c] = lineImaginary[r];
    }
  }
}
