/**
 * Seeded random numbers: xoshiro128** 1.1 (Blackman & Vigna 2018, doi 10.1145/3460772) seeded by SplitMix32.
 * No global state and no clock; the same seed gives the same numbers everywhere. Not for cryptography.
 */
import { CoreError } from "./errors.ts";

/** A stream of random numbers. */
export interface Random {
  /** Uniform 32-bit unsigned integer. */
  nextUint32(): number;
  /** Uniform in [0, 1) with 53 bits. */
  nextUniform(): number;
  /**
   * Uniform integer in [0, bound), unbiased by rejection.
   *
   * @throws CoreError `OUT_OF_RANGE` unless `bound` is an integer in 1..2³²
   */
  nextInteger(bound: number): number;
  /** Standard normal deviate (Marsaglia's polar method). */
  nextNormal(): number;
  /**
   * Poisson deviate of the given mean: inversion by products below 10, PTRS (Hörmann 1993) above; 0 when
   * `mean` ≤ 0.
   *
   * @throws CoreError `OUT_OF_RANGE` when `mean` is NaN or infinite
   */
  nextPoisson(mean: number): number;
  /** An independent stream named by `label` and this one's present state; does not advance this one. */
  derive(label: string | number): Random;
  /** Everything needed to continue exactly here. */
  saveState(): RandomState;
}

/** Serialisable state of a {@link Random}. */
export interface RandomState {
  readonly words: readonly [number, number, number, number];
  /** Second deviate of the polar method waiting to be used. */
  readonly spareNormal: number | null;
}

function splitMix32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
}

/** FNV-1a over UTF-16 code units: spreads labels over seeds. */
function hashLabel(label: string, basis: number): number {
  let hash = (0x811c9dc5 ^ basis) >>> 0;
  for (let i = 0; i < label.length; i++) {
    hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193) >>> 0;
  }
  return hash;
}

function rotateLeft(x: number, k: number): number {
  return ((x << k) | (x >>> (32 - k))) >>> 0;
}

const LOG_FACTORIAL: readonly number[] = (() => {
  const table = [0];
  for (let k = 1; k < 10; k++) table.push(table[k - 1] + Math.log(k));
  return table;
})();

/**
 * ln k! of an integer k ≥ 0: Stirling's series with three terms (error below 1e-10), exact table below 10.
 * Tested against sums of logarithms.
 */
export function computeLogFactorial(k: number): number {
  if (k < 10) return LOG_FACTORIAL[k];
  const n = k + 1;
  return (
    (n - 0.5) * Math.log(n) - n + 0.9189385332046727 + (1 / 12 - (1 / 360 - 1 / (1260 * n * n)) / (n * n)) / n
  );
}

/**
 * Starts a stream from a seed.
 *
 * @param seed - any 32-bit integer (larger values are folded)
 * Tested against the reference C code's first outputs for a fixed state, and by moments.
 */
export function createRandom(seed: number): Random {
  const next = splitMix32((seed ^ Math.floor(seed / 4294967296)) >>> 0);
  return restoreRandom({ words: [next(), next(), next(), next()], spareNormal: null });
}

/** Continues a stream from {@link Random.saveState}. */
export function restoreRandom(state: RandomState): Random {
  let [a, b, c, d] = state.words;
  let spare = state.spareNormal;

  function nextUint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(b, 5) >>> 0, 7), 9) >>> 0;
    const t = (b << 9) >>> 0;
    c = (c ^ a) >>> 0;
    d = (d ^ b) >>> 0;
    b = (b ^ c) >>> 0;
    a = (a ^ d) >>> 0;
    c = (c ^ t) >>> 0;
    d = rotateLeft(d, 11);
    return result;
  }
  function nextUniform(): number {
    return ((nextUint32() >>> 5) * 67108864 + (nextUint32() >>> 6)) / 9007199254740992;
  }
  function nextInteger(bound: number): number {
    if (!(Number.isInteger(bound) && bound >= 1 && bound <= 4294967296)) {
      throw new CoreError(
        "OUT_OF_RANGE",
        `integers below ${bound} cannot be drawn; pass an integer in 1..2^32`,
      );
    }
    const limit = Math.floor(4294967296 / bound) * bound;
    let x = nextUint32();
    while (x >= limit) x = nextUint32();
    return x % bound;
  }
  function nextNormal(): number {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    for (;;) {
      const u = 2 * nextUniform() - 1;
      const v = 2 * nextUniform() - 1;
      const q = u * u + v * v;
      if (q > 0 && q < 1) {
        const scale = Math.sqrt((-2 * Math.log(q)) / q);
        spare = v * scale;
        return u * scale;
      }
    }
  }
  function nextPoisson(mean: number): number {
    if (mean <= 0) return 0;
    if (!Number.isFinite(mean)) {
      throw new CoreError("OUT_OF_RANGE", `a Poisson mean of ${mean} has no deviates; pass a finite mean`);
    }
    if (mean < 10) {
      const limit = Math.exp(-mean);
      let product = nextUniform();
      let k = 0;
      while (product > limit) {
        product *= nextUniform();
        k++;
      }
      return k;
    }
    // Hörmann 1993, algorithm PTRS.
    const scale = 0.931 + 2.53 * Math.sqrt(mean);
    const shape = -0.059 + 0.02483 * scale;
    const inverseAlpha = 1.1239 + 1.1328 / (scale - 3.4);
    const squeeze = 0.9277 - 3.6224 / (scale - 2);
    const logMean = Math.log(mean);
    for (;;) {
      const u = nextUniform() - 0.5;
      const v = nextUniform();
      const us = 0.5 - Math.abs(u);
      const k = Math.floor(((2 * shape) / us + scale) * u + mean + 0.43);
      if (us >= 0.07 && v <= squeeze) return k;
      if (k < 0 || (us < 0.013 && v > us)) continue;
      const left = Math.log(v * inverseAlpha) - Math.log(shape / (us * us) + scale);
      if (left <= k * logMean - mean - computeLogFactorial(k)) return k;
    }
  }
  return {
    nextUint32,
    nextUniform,
    nextInteger,
    nextNormal,
    nextPoisson,
    derive(label) {
      const mix = (word: number): number => splitMix32(hashLabel(String(label), word))();
      return restoreRandom({ words: [mix(a), mix(b), mix(c), mix(d)], spareNormal: null });
    },
    saveState: () => ({ words: [a, b, c, d], spareNormal: spare }),
  };
}
