/**
 * Low-dose insertion into known measurements: binomial deviates against exact probabilities, thinned scans against
 * scans at the low dose. Seeds are fixed; bounds are at least four standard errors of the samples drawn.
 */
import { createRandom, createSinogram, type ParallelGeometry } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  computeLineIntegrals,
  computeNormalTail,
  createParallelGeometry,
  drawBinomial,
  insertSinogramNoise,
  simulateCounts,
} from "../src/index.ts";

function measureMoments(values: ArrayLike<number>): { mean: number; variance: number; skewness: number } {
  const n = values.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += values[i] / n;
  let second = 0;
  let third = 0;
  for (let i = 0; i < n; i++) {
    second += (values[i] - mean) ** 2 / n;
    third += (values[i] - mean) ** 3 / n;
  }
  return { mean, variance: (second * n) / (n - 1), skewness: third / second ** 1.5 };
}

describe("drawBinomial", () => {
  it.each([
    [12, 0.3],
    [40, 0.5],
    [200, 0.04],
    [900, 0.1],
    [60, 0.85],
  ])("has the probabilities of %i trials at %f", (n, p) => {
    const random = createRandom(4);
    const draws = 40_000;
    const counts = new Float64Array(n + 1);
    for (let i = 0; i < draws; i++) counts[drawBinomial(random, n, p)]++;
    let probability = n * Math.log(1 - p);
    let chiSquare = 0;
    let degrees = -1;
    let restExpected = 0;
    let restSeen = 0;
    for (let k = 0; k <= n; k++) {
      const expected = draws * Math.exp(probability);
      if (expected >= 8) {
        chiSquare += (counts[k] - expected) ** 2 / expected;
        degrees++;
      } else {
        restExpected += expected;
        restSeen += counts[k];
      }
      probability += Math.log(((n - k) / (k + 1)) * (p / (1 - p)));
    }
    if (restExpected >= 8) {
      chiSquare += (restSeen - restExpected) ** 2 / restExpected;
      degrees++;
    }
    // χ² of that many degrees lies below mean + 4 standard deviations but once in 10⁴ times.
    expect(chiSquare).toBeLessThan(degrees + 4 * Math.sqrt(2 * degrees));
  });

  it("has mean and variance for a million trials, and refuses nonsense", () => {
    const random = createRandom(7);
    const values = Float64Array.from({ length: 20_000 }, () => drawBinomial(random, 1_000_000, 0.02));
    const { mean, variance } = measureMoments(values);
    expect(Math.abs(mean - 20_000)).toBeLessThan(4 * Math.sqrt(19_600 / 20_000));
    expect(Math.abs(variance / 19_600 - 1)).toBeLessThan(0.04);
    expect(drawBinomial(random, 5, 1)).toBe(5);
    expect(drawBinomial(random, 5, 0)).toBe(0);
    for (const [n, p] of [
      [1.5, 0.5],
      [-1, 0.5],
      [3, 1.1],
      [3, Number.NaN],
    ]) {
      expect(() => drawBinomial(random, n, p)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
    }
  });
});

describe("computeNormalTail", () => {
  it("agrees with tables on both sides of its switch", () => {
    // Abramowitz & Stegun, table 26.1.
    for (const [x, q] of [
      [0, 0.5],
      [1, 0.158655253931457],
      [2.5, 0.00620966532577613],
      [3, 0.00134989803163009],
      [5, 2.86651571879194e-7],
    ]) {
      expect(computeNormalTail(x) / q).toBeCloseTo(1, 10);
      expect(computeNormalTail(-x)).toBeCloseTo(1 - q, 12);
    }
    expect(computeNormalTail(3 - 1e-9) / computeNormalTail(3)).toBeCloseTo(1, 7);
  });
});

describe("insertSinogramNoise", () => {
  const channels = 200;
  const views = 200;
  const geometry: ParallelGeometry = createParallelGeometry({ channels, channelPitchMm: 1, views });
  const fill = (value: number): Float32Array => new Float32Array(channels * views).fill(value);

  /** Full quanta behind the object from plenty to next to none; every one at 25, 5 and 2 %. */
  const cases = [20_000, 200, 40, 8].flatMap((quanta) => [0.25, 0.05, 0.02].map((a) => [quanta, a] as const));

  it.each(cases)(
    "makes %f full-dose quanta at dose %f what a scan at that dose gives",
    (quanta, doseFraction) => {
      const airQuanta = 1e5;
      const electronicNoiseQuanta = 4;
      const p = Math.log(airQuanta / quanta);
      const full = simulateCounts(
        fill(p),
        { incidentQuanta: airQuanta, electronicNoiseQuanta },
        createRandom(11),
      );
      const made = insertSinogramNoise(createSinogram("counts", geometry, 1, full), {
        doseFraction,
        airQuanta,
        electronicNoiseQuanta,
        seed: 5,
      });
      const model = { incidentQuanta: doseFraction * airQuanta, electronicNoiseQuanta };
      const scanned = simulateCounts(fill(p), model, createRandom(12));
      const a = measureMoments(made.counts.data);
      const b = measureMoments(scanned);
      const samples = channels * views;
      expect(Math.abs(a.mean - b.mean)).toBeLessThan(5 * Math.sqrt((2 * b.variance) / samples));
      expect(Math.abs(a.variance / b.variance - 1)).toBeLessThan(5 * Math.sqrt(4 / samples));
      expect(Math.abs(a.skewness - b.skewness)).toBeLessThan(5 * Math.sqrt(12 / samples));
      // After clamp and logarithm too: mean and variance of the line integrals.
      const logs = measureMoments(made.lineIntegrals.data);
      const wanted = measureMoments(computeLineIntegrals(scanned, model));
      expect(Math.abs(logs.mean - wanted.mean)).toBeLessThan(5 * Math.sqrt((2 * wanted.variance) / samples));
      // Logarithms of few quanta have heavier tails than normal ones.
      expect(Math.abs(Math.sqrt(logs.variance / wanted.variance) - 1)).toBeLessThan(0.02);
      const starving = scanned.reduce((n, value) => n + (value < 1 ? 1 : 0), 0);
      expect(Math.abs(made.clampedSamples - starving)).toBeLessThan(5 * Math.sqrt(2 * starving + 1));
    },
  );

  it("thins pure Poisson numbers to Poisson numbers", () => {
    const full = simulateCounts(fill(0), { incidentQuanta: 150, electronicNoiseQuanta: 0 }, createRandom(3));
    const { counts } = insertSinogramNoise(createSinogram("counts", geometry, 1, full), {
      doseFraction: 0.02,
      airQuanta: 150,
      electronicNoiseQuanta: 0,
      seed: 8,
    });
    const samples = channels * views;
    let probability = Math.exp(-3);
    for (let k = 0; k < 9; k++) {
      const seen = counts.data.reduce((n, value) => n + (value === k ? 1 : 0), 0);
      expect(Math.abs(seen - samples * probability)).toBeLessThan(4.5 * Math.sqrt(samples * probability));
      probability *= 3 / (k + 1);
    }
  });

  // 40 000 samples: the variance is known to 0.7 % (normal) or 0.9 % (few quanta) at one σ; bounds are 4 σ.
  it.each([
    [8, 0.25, 1],
    [8, 0.5, 1.25],
    [20, 0.1, 1],
    [20, 0.25, 1.25],
  ])(
    "loses no variance to fractions: %f quanta at dose %f, of size %f, as line integrals",
    (lambda, a, size) => {
      const airQuanta = 1e5;
      const random = createRandom(21);
      const data = fill(0);
      let full = 0;
      for (let i = 0; i < data.length; i++) {
        const quanta = Math.max(1, random.nextPoisson(lambda));
        full += quanta / data.length;
        data[i] = -Math.log((size * quanta) / airQuanta);
      }
      let fullVariance = 0;
      for (const p of data) fullVariance += ((airQuanta * Math.exp(-p)) / size - full) ** 2 / data.length;
      const made = insertSinogramNoise(createSinogram("line integral", geometry, 1, data), {
        doseFraction: a,
        airQuanta,
        electronicNoiseQuanta: 0,
        relativeQuantumSize: size,
        seed: 6,
      });
      const { mean, variance } = measureMoments(made.counts.data);
      const wanted = size * size * (a * a * fullVariance + a * (1 - a) * full);
      expect(Math.abs(mean / (size * a * full) - 1)).toBeLessThan(0.02);
      expect(Math.abs(variance / wanted - 1)).toBeLessThan(0.04);
      // Whole quanta remain: without, line integrals' rounding would leave fractions.
      const whole = made.counts.data.reduce(
        (count, value) => count + (Math.abs(value / size - Math.round(value / size)) < 1e-5 ? 1 : 0),
        0,
      );
      expect(whole).toBe(data.length);
    },
  );

  it("takes line integrals, air per channel and per sample alike; full dose changes nothing", () => {
    const p = 2;
    const lines = createSinogram("line integral", geometry, 1, fill(p));
    const options = { doseFraction: 0.1, electronicNoiseQuanta: 0, seed: 1 };
    const perChannel = Float64Array.from({ length: channels }, (_, c) => 1e4 + 10 * c);
    const a = insertSinogramNoise(lines, { ...options, airQuanta: perChannel });
    const perSample = Float64Array.from({ length: channels * views }, (_, i) => perChannel[i % channels]);
    const b = insertSinogramNoise(lines, { ...options, airQuanta: perSample });
    expect(b.lineIntegrals.data).toEqual(a.lineIntegrals.data);
    let mean = 0;
    for (const value of a.lineIntegrals.data) mean += value / a.lineIntegrals.data.length;
    // 10⁴·e^{−2}·0.1 = 135 quanta and more: the logarithm adds about 1/(2·250).
    expect(Math.abs(mean - p)).toBeLessThan(0.005);
    const same = insertSinogramNoise(lines, { ...options, doseFraction: 1, airQuanta: 1e4 });
    same.lineIntegrals.data.forEach((value) => {
      expect(Math.abs(value - p)).toBeLessThan(1e-6);
    });
    const other = insertSinogramNoise(lines, { ...options, airQuanta: perChannel, realisation: 1 });
    expect(other.lineIntegrals.data).not.toEqual(a.lineIntegrals.data);
  });

  it("refuses what cannot be", () => {
    const lines = createSinogram("line integral", geometry, 1, fill(1));
    const options = { doseFraction: 0.1, airQuanta: 1e4, electronicNoiseQuanta: 2, seed: 1 };
    for (const [wrong, code] of [
      [{ doseFraction: 0 }, "OUT_OF_RANGE"],
      [{ doseFraction: 1.2 }, "OUT_OF_RANGE"],
      [{ airQuanta: 0 }, "OUT_OF_RANGE"],
      [{ airQuanta: -5 }, "OUT_OF_RANGE"],
      [{ airQuanta: [1, 2, 3] }, "SHAPE_MISMATCH"],
      [{ electronicNoiseQuanta: -1 }, "OUT_OF_RANGE"],
      [{ leastQuanta: 0 }, "OUT_OF_RANGE"],
      [{ relativeQuantumSize: 0 }, "OUT_OF_RANGE"],
      [{ relativeQuantumSize: [1, 2] }, "SHAPE_MISMATCH"],
    ] as const) {
      expect(() => insertSinogramNoise(lines, { ...options, ...wrong })).toThrow(
        expect.objectContaining({ code }),
      );
    }
    const broken = createSinogram("line integral", geometry, 1, fill(1));
    broken.data[7] = Number.NaN;
    expect(() => insertSinogramNoise(broken, options)).toThrow(
      expect.objectContaining({ code: "NON_FINITE" }),
    );
  });
});
