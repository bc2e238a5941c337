/** xoshiro128** against golden C output, distributions against their moments and frequencies, streams. */
import { readFileSync } from "node:fs";
import {
  CoreError,
  computeLogFactorial,
  createRandom,
  type Random,
  type RandomState,
  restoreRandom,
} from "@alara/core";
import { describe, expect, it } from "vitest";

interface Golden {
  readonly cases: readonly { words: RandomState["words"]; outputs: number[]; after1000000: number }[];
}
const golden = JSON.parse(
  readFileSync(new URL("./golden/xoshiro128starstar.json", import.meta.url), "utf8"),
) as Golden;

function drawMany(count: number, draw: () => number): Float64Array {
  return Float64Array.from({ length: count }, draw);
}

function measureMoments(values: Float64Array): {
  mean: number;
  variance: number;
  skewness: number;
  kurtosis: number;
} {
  const n = values.length;
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  const central = [2, 3, 4].map((power) => values.reduce((sum, x) => sum + (x - mean) ** power, 0) / n);
  return {
    mean,
    variance: central[0],
    skewness: central[1] / central[0] ** 1.5,
    kurtosis: central[2] / central[0] ** 2,
  };
}

/** Wilson–Hilferty: about standard normal when `statistic` is chi-square with `freedom` degrees. */
function standardiseChiSquare(statistic: number, freedom: number): number {
  const spread = 2 / (9 * freedom);
  return (Math.cbrt(statistic / freedom) - (1 - spread)) / Math.sqrt(spread);
}

/** Pearson's statistic over cells with at least 10 expected counts; the rest is pooled into one cell. */
function testFrequencies(observed: readonly number[], expected: readonly number[]): number {
  let statistic = 0;
  let cells = 0;
  let pooledObserved = 0;
  let pooledExpected = 0;
  expected.forEach((count, index) => {
    if (count >= 10) {
      statistic += (observed[index] - count) ** 2 / count;
      cells++;
    } else {
      pooledObserved += observed[index];
      pooledExpected += count;
    }
  });
  if (pooledExpected > 1) {
    statistic += (pooledObserved - pooledExpected) ** 2 / pooledExpected;
    cells++;
  }
  return standardiseChiSquare(statistic, cells - 1);
}

describe("xoshiro128**", () => {
  it.each(golden.cases)("equals the C program from state $words", ({ words, outputs, after1000000 }) => {
    const random = restoreRandom({ words, spareNormal: null });
    expect(Array.from({ length: 16 }, () => random.nextUint32())).toEqual(outputs);
    for (let i = 16; i < 1_000_000; i++) random.nextUint32();
    expect(random.nextUint32()).toBe(after1000000);
  });

  it("gives the same numbers for the same seed and others for another", () => {
    const draw = (seed: number): number[] => {
      const random = createRandom(seed);
      return Array.from({ length: 8 }, () => random.nextUint32());
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(0).some((x) => x !== 0)).toBe(true);
  });
});

describe("uniform numbers", () => {
  it("lie in [0, 1) and fill 100 cells evenly", () => {
    const random = createRandom(1);
    const observed = new Array<number>(100).fill(0);
    const count = 200_000;
    for (let i = 0; i < count; i++) {
      const x = random.nextUniform();
      if (!(x >= 0 && x < 1)) expect.unreachable(`${x} is outside [0, 1)`);
      observed[Math.floor(x * 100)]++;
    }
    expect(Math.abs(testFrequencies(observed, new Array<number>(100).fill(count / 100)))).toBeLessThan(4);
  });

  it("use all 53 bits", () => {
    const random = createRandom(2);
    let seen = 0n;
    for (let i = 0; i < 400; i++) seen |= BigInt(random.nextUniform() * 2 ** 53);
    expect(seen).toBe(2n ** 53n - 1n);
  });

  it.each([1, 2, 3, 7, 10, 1000, 3_000_000_000])("integers below %i are uniform", (bound) => {
    const random = createRandom(bound);
    const cells = Math.min(bound, 20);
    const observed = new Array<number>(cells).fill(0);
    const count = 50_000;
    for (let i = 0; i < count; i++) {
      const x = random.nextInteger(bound);
      if (!(Number.isInteger(x) && x >= 0 && x < bound))
        expect.unreachable(`${x} is no integer below ${bound}`);
      observed[Math.floor((x / bound) * cells)]++;
    }
    if (cells > 1) {
      expect(Math.abs(testFrequencies(observed, new Array<number>(cells).fill(count / cells)))).toBeLessThan(
        4,
      );
    } else expect(observed).toEqual([count]);
  });

  it.each([0, -1, 2.5, Number.NaN, 2 ** 32 + 1])("refuses %f as a bound", (bound) => {
    expect(() => createRandom(1).nextInteger(bound)).toThrow(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
  });
});

describe("normal deviates", () => {
  it("have the moments of the standard normal distribution", () => {
    const random = createRandom(3);
    const n = 400_000;
    const { mean, variance, skewness, kurtosis } = measureMoments(drawMany(n, () => random.nextNormal()));
    // Five standard errors of each estimate.
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(skewness)).toBeLessThan(5 * Math.sqrt(6 / n));
    expect(Math.abs(kurtosis - 3)).toBeLessThan(5 * Math.sqrt(24 / n));
  });

  it("fall into ten equally likely cells equally often", () => {
    const random = createRandom(4);
    // Deciles of the standard normal distribution (Abramowitz & Stegun, table 26.5).
    const deciles = [
      -1.2815516, -0.8416212, -0.5244005, -0.2533471, 0, 0.2533471, 0.5244005, 0.8416212, 1.2815516,
    ];
    const observed = new Array<number>(10).fill(0);
    for (let i = 0; i < 200_000; i++) {
      const x = random.nextNormal();
      observed[deciles.filter((edge) => x > edge).length]++;
    }
    expect(Math.abs(testFrequencies(observed, new Array<number>(10).fill(20_000)))).toBeLessThan(4);
  });

  it("are uncorrelated with their neighbours", () => {
    const random = createRandom(5);
    const n = 200_000;
    const values = drawMany(n, () => random.nextNormal());
    for (const lag of [1, 2, 3]) {
      let sum = 0;
      for (let i = lag; i < n; i++) sum += values[i] * values[i - lag];
      expect(Math.abs(sum / n)).toBeLessThan(5 / Math.sqrt(n));
    }
  });
});

describe("Poisson deviates", () => {
  it.each([0.5, 5, 9.99, 10, 50, 5000, 2e6])("of mean %f have its moments", (mean) => {
    const random = createRandom(Math.round(mean * 10));
    const n = 200_000;
    const moments = measureMoments(drawMany(n, () => random.nextPoisson(mean)));
    expect(Math.abs(moments.mean - mean)).toBeLessThan(5 * Math.sqrt(mean / n));
    // Var of the variance estimate: (μ₄ − σ⁴)/n with μ₄ = λ + 3λ².
    expect(Math.abs(moments.variance - mean)).toBeLessThan(5 * Math.sqrt((mean + 2 * mean * mean) / n));
    expect(Math.abs(moments.skewness - 1 / Math.sqrt(mean))).toBeLessThan(
      5 * Math.sqrt(6 / n) * Math.max(1, 3 / Math.sqrt(mean)),
    );
  });

  it.each([0.5, 5, 9.99, 10, 50, 5000])("of mean %f have its frequencies (chi-square)", (mean) => {
    const random = createRandom(Math.round(mean * 10) + 1);
    const n = 200_000;
    const observed: number[] = [];
    for (let i = 0; i < n; i++) {
      const k = random.nextPoisson(mean);
      observed[k] = (observed[k] ?? 0) + 1;
    }
    const limit = Math.ceil(mean + 10 * Math.sqrt(mean) + 10);
    const expected: number[] = [];
    let logFactorial = 0;
    for (let k = 0; k < limit; k++) {
      if (k > 0) logFactorial += Math.log(k);
      expected[k] = n * Math.exp(k * Math.log(mean) - mean - logFactorial);
    }
    expect(observed.length).toBeLessThanOrEqual(limit);
    const z = testFrequencies(
      expected.map((_, k) => observed[k] ?? 0),
      expected,
    );
    expect(Math.abs(z)).toBeLessThan(4);
  });

  it("are zero for a mean of zero or less, and refuse what has no deviates", () => {
    const random = createRandom(1);
    expect([random.nextPoisson(0), random.nextPoisson(-3)]).toEqual([0, 0]);
    for (const mean of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => random.nextPoisson(mean)).toThrow(CoreError);
    }
  });
});

describe("streams", () => {
  const takeWords = (random: Random, count: number): number[] =>
    Array.from({ length: count }, () => random.nextUint32());

  it("derived ones depend on label and parent, and leave the parent where it was", () => {
    const parent = createRandom(9);
    const before = parent.saveState();
    const first = takeWords(parent.derive("noise"), 4);
    expect(parent.saveState()).toEqual(before);
    expect(takeWords(parent.derive("noise"), 4)).toEqual(first);
    expect(takeWords(parent.derive("noisf"), 4)).not.toEqual(first);
    expect(takeWords(parent.derive(1), 4)).toEqual(takeWords(parent.derive("1"), 4));
    expect(takeWords(createRandom(10).derive("noise"), 4)).not.toEqual(first);
    parent.nextUint32();
    expect(takeWords(parent.derive("noise"), 4)).not.toEqual(first);
  });

  it("a hundred thousand derived ones are all different", () => {
    const parent = createRandom(11);
    const starts = new Set<string>();
    for (let i = 0; i < 100_000; i++) starts.add(parent.derive(i).saveState().words.join());
    expect(starts.size).toBe(100_000);
  });

  it("neighbouring labels give uncorrelated numbers", () => {
    const parent = createRandom(12);
    const n = 50_000;
    let sumNext = 0;
    let sumParent = 0;
    for (let i = 0; i < n; i++) {
      const a = parent.derive(i).nextNormal();
      sumNext += a * parent.derive(i + 1).nextNormal();
      sumParent += a * restoreRandom(parent.saveState()).nextNormal();
    }
    expect(Math.abs(sumNext / n)).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(sumParent / n)).toBeLessThan(5 * Math.sqrt(1 / n) * 3);
  });

  it("continue exactly from a saved state, the spare normal included, through JSON", () => {
    const random = createRandom(13);
    random.nextNormal();
    for (let i = 0; i < 50; i++) {
      const copy = restoreRandom(JSON.parse(JSON.stringify(random.saveState())) as RandomState);
      const draw = (r: Random): number[] => [
        r.nextNormal(),
        r.nextUniform(),
        r.nextPoisson(3),
        r.nextPoisson(90),
      ];
      expect(draw(copy)).toEqual(draw(random));
      expect(copy.saveState()).toEqual(random.saveState());
    }
  });
});

describe("computeLogFactorial", () => {
  it("is the sum of logarithms, on both sides of its switch", () => {
    let sum = 0;
    for (let k = 0; k <= 1000; k++) {
      if (k > 0) sum += Math.log(k);
      expect(Math.abs(computeLogFactorial(k) - sum)).toBeLessThan(1e-10 * Math.max(1, sum));
    }
  });
});
