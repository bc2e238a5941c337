/** The FFT against the direct sum of its definition, and the identities that every DFT keeps. */
import {
  CoreError,
  createFftPlan,
  createRandom,
  nextPowerOfTwo,
  transform2d,
  transformForward,
  transformInverse,
} from "@alara/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

interface Complex {
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
}

function drawSignal(length: number, seed: number): Complex {
  const random = createRandom(seed);
  return {
    real: Float64Array.from({ length }, () => random.nextNormal()),
    imaginary: Float64Array.from({ length }, () => random.nextNormal()),
  };
}

function copy(signal: Complex): Complex {
  return { real: signal.real.slice(), imaginary: signal.imaginary.slice() };
}

/** X[k] = Σ x[n] exp(−2πikn/N), as written. */
function sumDirectly({ real, imaginary }: Complex): Complex {
  const n = real.length;
  const out = { real: new Float64Array(n), imaginary: new Float64Array(n) };
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < n; i++) {
      const angle = (-2 * Math.PI * ((k * i) % n)) / n;
      out.real[k] += real[i] * Math.cos(angle) - imaginary[i] * Math.sin(angle);
      out.imaginary[k] += real[i] * Math.sin(angle) + imaginary[i] * Math.cos(angle);
    }
  }
  return out;
}

function measureLargestDifference(a: Complex, b: Complex): number {
  let largest = 0;
  for (let i = 0; i < a.real.length; i++) {
    largest = Math.max(largest, Math.abs(a.real[i] - b.real[i]), Math.abs(a.imaginary[i] - b.imaginary[i]));
  }
  return largest;
}

function measureEnergy({ real, imaginary }: Complex): number {
  return real.reduce((sum, x, i) => sum + x * x + imaginary[i] * imaginary[i], 0);
}

describe("1D transform", () => {
  it.each([1, 2, 4, 8, 16, 64, 256, 1024])("of length %i equals the direct sum", (length) => {
    const signal = drawSignal(length, length);
    const fast = copy(signal);
    transformForward(createFftPlan(length), fast.real, fast.imaginary);
    expect(measureLargestDifference(fast, sumDirectly(signal))).toBeLessThan(1e-11 * Math.sqrt(length) * 10);
  });

  it.each([1, 2, 8, 512, 4096])("of length %i keeps the energy (Parseval) and inverts exactly", (length) => {
    const plan = createFftPlan(length);
    const signal = drawSignal(length, length + 1);
    const spectrum = copy(signal);
    transformForward(plan, spectrum.real, spectrum.imaginary);
    const energy = measureEnergy(signal);
    expect(Math.abs(measureEnergy(spectrum) / length / energy - 1)).toBeLessThan(1e-12);
    transformInverse(plan, spectrum.real, spectrum.imaginary);
    expect(measureLargestDifference(spectrum, signal)).toBeLessThan(1e-12);
  });

  it("turns an impulse into a phase ramp, and a shift into a phase", () => {
    const length = 32;
    const signal: Complex = { real: new Float64Array(length), imaginary: new Float64Array(length) };
    signal.real[5] = 1;
    transformForward(createFftPlan(length), signal.real, signal.imaginary);
    for (let k = 0; k < length; k++) {
      expect(signal.real[k]).toBeCloseTo(Math.cos((2 * Math.PI * 5 * k) / length), 13);
      expect(signal.imaginary[k]).toBeCloseTo(-Math.sin((2 * Math.PI * 5 * k) / length), 13);
    }
  });

  it.each([0, -4, 3, 6, 2.5, 1000, Number.NaN, Number.POSITIVE_INFINITY])("refuses length %f", (length) => {
    expect(() => createFftPlan(length)).toThrow(CoreError);
  });
});

describe("2D transform", () => {
  it("equals the direct double sum for unequal sides, and inverts", () => {
    const rows = 8;
    const columns = 16;
    const rowPlan = createFftPlan(columns);
    const columnPlan = createFftPlan(rows);
    const signal = drawSignal(rows * columns, 5);
    const fast = copy(signal);
    transform2d(rowPlan, columnPlan, fast.real, fast.imaginary, "forward");
    const direct = { real: new Float64Array(rows * columns), imaginary: new Float64Array(rows * columns) };
    for (let p = 0; p < rows; p++) {
      for (let q = 0; q < columns; q++) {
        for (let r = 0; r < rows; r++) {
          for (let c = 0; c < columns; c++) {
            const angle = -2 * Math.PI * ((p * r) / rows + (q * c) / columns);
            const i = r * columns + c;
            direct.real[p * columns + q] +=
              signal.real[i] * Math.cos(angle) - signal.imaginary[i] * Math.sin(angle);
            direct.imaginary[p * columns + q] +=
              signal.real[i] * Math.sin(angle) + signal.imaginary[i] * Math.cos(angle);
          }
        }
      }
    }
    expect(measureLargestDifference(fast, direct)).toBeLessThan(1e-11);
    transform2d(rowPlan, columnPlan, fast.real, fast.imaginary, "inverse");
    expect(measureLargestDifference(fast, signal)).toBeLessThan(1e-13);
  });
});

describe("nextPowerOfTwo", () => {
  it("is the smallest power of two that is not below its argument", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 30 }), (n) => {
        const p = nextPowerOfTwo(n);
        expect(Number.isInteger(Math.log2(p)) && p >= n && p / 2 < n).toBe(true);
      }),
    );
  });
});
