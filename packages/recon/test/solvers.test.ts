/**
 * Conformance of every registered iterative method on small explicit systems, and what is particular to each of the
 * least-squares and likelihood methods. The TV methods have their own file.
 */
import { type AsyncLinearOperator, createRandom, type LinearOperator, type RealArray } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  createRoughnessPenalty,
  divideViews,
  type IterativeProblem,
  iterativeMethods,
  type MethodOptions,
  type OrderedSubset,
  orderSubsets,
  potentials,
  solveCgls,
  solveOsem,
  solvePwls,
  solveSart,
} from "../src/index.ts";

type Make<A extends RealArray> = (length: number) => A;
const makeFloat64: Make<Float64Array> = (length) => new Float64Array(length);
const makeFloat32: Make<Float32Array> = (length) => new Float32Array(length);

/** The operator of an explicit matrix. */
function createMatrixOperator<A extends RealArray>(
  matrix: readonly (readonly number[])[],
  make: Make<A>,
): LinearOperator<A> {
  const columns = matrix[0].length;
  return {
    name: "matrix",
    domainLength: columns,
    rangeLength: matrix.length,
    apply(x, out = make(matrix.length)) {
      matrix.forEach((row, i) => {
        out[i] = row.reduce((sum, a, j) => sum + a * x[j], 0);
      });
      return out;
    },
    applyAdjoint(y, out = make(columns)) {
      for (let j = 0; j < columns; j++) out[j] = matrix.reduce((sum, row, i) => sum + row[j] * y[i], 0);
      return out;
    },
  };
}

/** The same map with results that come later. */
function delay<A extends RealArray>(operator: LinearOperator<A>): AsyncLinearOperator<A> {
  return {
    ...operator,
    apply: async (x, out) => operator.apply(x, out),
    applyAdjoint: async (y, out) => operator.applyAdjoint(y, out),
  };
}

const SIZE = [1, 4, 4] as const;
/** 48 sparse non-negative rows over 16 pixels; well conditioned. */
const MATRIX: readonly (readonly number[])[] = (() => {
  const random = createRandom(11);
  return Array.from({ length: 48 }, () =>
    Array.from({ length: 16 }, () => (random.nextUniform() < 0.3 ? 0.2 + random.nextUniform() : 0)),
  );
})();
const TRUTH: readonly number[] = [1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 0, 0, 1, 1, 0, 0];

function createProblem<A extends RealArray>(
  make: Make<A>,
  noise = 0,
  subsetCount = 1,
  wrap: (operator: LinearOperator<A>) => AsyncLinearOperator<A> = (operator) => operator,
): IterativeProblem<A> {
  const operator = createMatrixOperator(MATRIX, make);
  const data = operator.apply(make(16).map((_: number, j: number) => TRUTH[j]) as A);
  const random = createRandom(5);
  for (let i = 0; i < data.length; i++) data[i] += noise * random.nextNormal();
  const problem = { operator: wrap(operator), data, size: SIZE };
  if (subsetCount === 1) return problem;
  const subsets: OrderedSubset<A>[] = divideViews(48, subsetCount).map((rows) => ({
    operator: wrap(
      createMatrixOperator(
        rows.map((row) => MATRIX[row]),
        make,
      ),
    ),
    data: make(rows.length).map((_: number, k: number) => data[rows[k]]) as A,
  }));
  return { ...problem, subsets };
}

/** Solves a small dense system by elimination with pivots: the independent answer. */
function solveDense(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]]);
  const n = rows.length;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(rows[i][k]) > Math.abs(rows[pivot][k])) pivot = i;
    [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
    for (let i = 0; i < n; i++) {
      if (i === k) continue;
      const factor = rows[i][k] / rows[k][k];
      for (let j = k; j <= n; j++) rows[i][j] -= factor * rows[k][j];
    }
  }
  return rows.map((row, i) => row[n] / row[i]);
}

/** AᵀWA + αI and AᵀWb. */
function formNormalEquations(
  data: ArrayLike<number>,
  weights?: ArrayLike<number>,
  ridge = 0,
): { matrix: number[][]; right: number[] } {
  const w = (i: number): number => weights?.[i] ?? 1;
  const matrix = Array.from({ length: 16 }, (_, j) =>
    Array.from({ length: 16 }, (_, k) =>
      MATRIX.reduce((sum, row, i) => sum + w(i) * row[j] * row[k], j === k ? ridge : 0),
    ),
  );
  const right = Array.from({ length: 16 }, (_, j) =>
    MATRIX.reduce((sum, row, i) => sum + w(i) * row[j] * data[i], 0),
  );
  return { matrix, right };
}

const findWorst = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])));

/** Settings that bring each method to the solution of a consistent system. */
const SETTINGS: Readonly<Record<string, MethodOptions & { readonly within?: number }>> = {
  sirt: { iterations: 4000 },
  sart: { iterations: 400 },
  "os-sart": { iterations: 400 },
  landweber: { iterations: 8000 },
  // Pixels that are zero fall as 1/k.
  mlem: { iterations: 8000, within: 1e-3 },
  osem: { iterations: 2000, within: 1e-3 },
  cgls: { iterations: 40 },
  pwls: { iterations: 3000, momentum: "nesterov" },
  "fista-tv": { iterations: 1500, tvWeight: 1e-6 },
  "asd-pocs": { iterations: 400, dataTolerance: 0, relaxationReduction: 1 },
  pdhg: { iterations: 3000, tvWeight: 1e-6 },
};

describe.each([...iterativeMethods.entries()])("iterative method %s", (name, method) => {
  const { within = 1e-4, ...settings } = SETTINGS[name] ?? {};
  const subsets = method.takesSubsets ? (method.defaultSubsets === "views" ? 24 : 4) : 1;
  const short: MethodOptions = { ...settings, iterations: 12 };

  it("has settings in this table", () => {
    expect(Object.keys(SETTINGS)).toContain(name);
  });

  it.each([
    ["float64", within],
    ["float32", 3e-3],
  ] as const)("finds the solution of a consistent system in %s", async (precision, tolerance) => {
    const run =
      precision === "float64"
        ? method.run(
            createProblem(makeFloat64, 0, name === "pwls" ? 1 : subsets),
            settings as MethodOptions<Float64Array>,
          )
        : method.run(
            createProblem(makeFloat32, 0, name === "pwls" ? 1 : subsets),
            settings as MethodOptions<Float32Array>,
          );
    const { image } = await run;
    expect(image).toBeInstanceOf(precision === "float64" ? Float64Array : Float32Array);
    expect(findWorst(image, TRUTH)).toBeLessThan(tolerance);
  });

  if (method.isMonotone)
    it("never raises its objective", async () => {
      const { momentum: _m, ...plain } = settings;
      const problem = createProblem(makeFloat64, 0.3);
      const { objectives } = await method.run(problem, {
        ...plain,
        iterations: 60,
      } as MethodOptions<Float64Array>);
      expect(objectives.length).toBeGreaterThan(15);
      for (let k = 1; k < objectives.length; k++) {
        expect(objectives[k]).toBeLessThanOrEqual(objectives[k - 1] * (1 + 1e-12));
      }
      expect(objectives[objectives.length - 1]).toBeLessThan(0.9 * objectives[0]);
    });

  if (method.keepsNonNegative)
    it("keeps x ≥ 0 on noisy data", async () => {
      const { image } = await method.run(
        createProblem(makeFloat64, 1.5, subsets),
        short as MethodOptions<Float64Array>,
      );
      expect(Math.min(...image)).toBeGreaterThanOrEqual(0);
      expect(image.every(Number.isFinite)).toBe(true);
    });

  if (method.keepsNonNegative && !name.endsWith("em"))
    it("goes below zero when allowed", async () => {
      const { image } = await method.run(createProblem(makeFloat64, 1.5, subsets), {
        ...settings,
        iterations: 60,
        nonNegative: false,
      } as MethodOptions<Float64Array>);
      expect(Math.min(...image)).toBeLessThan(0);
    });

  it("gives the same bytes again, also when the operator answers later", async () => {
    const options = short as MethodOptions<Float64Array>;
    const first = await method.run(createProblem(makeFloat64, 0.1, subsets), options);
    const second = await method.run(createProblem(makeFloat64, 0.1, subsets), options);
    const later = await method.run(createProblem(makeFloat64, 0.1, subsets, delay), options);
    expect(second.image).toEqual(first.image);
    expect(later.image).toEqual(first.image);
    expect(later.objectives).toEqual(first.objectives);
  });

  it("stops when asked, reports every iteration, and keeps the caller's arrays", async () => {
    const problem = createProblem(makeFloat64, 0.1, subsets);
    const data = problem.data.slice();
    const initial = new Float64Array(16).fill(0.5);
    const controller = new AbortController();
    const seen: number[] = [];
    const run = method.run(problem, {
      ...short,
      initial,
      signal: controller.signal,
      onIteration: ({ iteration }) => {
        seen.push(iteration);
        if (iteration === 3) controller.abort(new Error("enough"));
      },
    } as MethodOptions<Float64Array>);
    await expect(run).rejects.toThrow("enough");
    expect(seen).toEqual([1, 2, 3]);
    expect(problem.data).toEqual(data);
    expect(initial).toEqual(new Float64Array(16).fill(0.5));
  });

  it("stops by change, by objective and by discrepancy", async () => {
    const base = { ...settings, iterations: 500 } as MethodOptions<Float64Array>;
    const problem = createProblem(makeFloat64, 0.2, subsets);
    const byChange = await method.run(problem, { ...base, relativeChange: 0.02 });
    expect(byChange.iterations).toBeLessThan(500);
    expect(byChange.stoppedBy).toBe("relative-change");
    const byObjective = await method.run(problem, { ...base, objectiveChange: 0.05 });
    expect(byObjective.iterations).toBeLessThan(500);
    expect(byObjective.stoppedBy).toBe("objective-change");
    const byDiscrepancy = await method.run(problem, { ...base, discrepancy: 3 });
    expect(byDiscrepancy.stoppedBy).toBe("discrepancy");
    expect(byDiscrepancy.residualNorms.at(-1)).toBeLessThanOrEqual(3);
    // The step before had not got there.
    if (byDiscrepancy.residualNorms.length > 1) expect(byDiscrepancy.residualNorms.at(-2)).toBeGreaterThan(3);
  });

  it("refuses what does not fit", async () => {
    const problem = createProblem(makeFloat64);
    const options = short as MethodOptions<Float64Array>;
    const cases: readonly [IterativeProblem<Float64Array>, MethodOptions<Float64Array>, string][] = [
      [{ ...problem, data: new Float64Array(47) }, options, "SHAPE_MISMATCH"],
      [{ ...problem, size: [1, 4, 5] }, options, "SHAPE_MISMATCH"],
      [{ ...problem, data: problem.data.map((v, i) => (i === 7 ? Number.NaN : v)) }, options, "NON_FINITE"],
      [{ ...problem, weights: new Float64Array(48).fill(-1) }, options, "OUT_OF_RANGE"],
      [problem, { ...options, initial: new Float64Array(15) }, "SHAPE_MISMATCH"],
      [problem, { ...options, iterations: 0 }, "OUT_OF_RANGE"],
      [problem, { ...options, discrepancy: -1 }, "OUT_OF_RANGE"],
      [problem, { ...options, recordObjective: false, objectiveChange: 0.1 }, "OUT_OF_RANGE"],
    ];
    for (const [bad, badOptions, code] of cases) {
      await expect(method.run(bad, badOptions)).rejects.toMatchObject({ code });
    }
  });
});

describe("CGLS", () => {
  it("solves the normal equations with weights and ridge", async () => {
    const problem = createProblem(makeFloat64, 0.5);
    const random = createRandom(3);
    const weights = new Float64Array(48).map(() => 0.2 + random.nextUniform());
    for (const [w, ridge] of [
      [undefined, 0],
      [weights, 0],
      [weights, 0.7],
    ] as const) {
      const { matrix, right } = formNormalEquations(problem.data, w, ridge);
      const expected = solveDense(matrix, right);
      const weighted = w === undefined ? problem : { ...problem, weights: w };
      const { image } = await solveCgls(weighted, { iterations: 60, ridge });
      expect(findWorst(image, expected)).toBeLessThan(1e-9);
    }
  });

  it("refuses bounds", async () => {
    await expect(solveCgls(createProblem(makeFloat64), { nonNegative: true })).rejects.toMatchObject({
      code: "OUT_OF_RANGE",
    });
  });
});

describe("SIRT and SART", () => {
  it("make the step of the formula", async () => {
    const problem = createProblem(makeFloat64, 0.1);
    const { image } = await solveSart(problem, { iterations: 1, relaxation: 0.8, nonNegative: false });
    const rowSums = MATRIX.map((row) => row.reduce((sum, a) => sum + a, 0));
    for (let j = 0; j < 16; j++) {
      let sum = 0;
      let column = 0;
      MATRIX.forEach((row, i) => {
        sum += (row[j] * problem.data[i]) / rowSums[i];
        column += row[j];
      });
      expect(image[j]).toBeCloseTo((0.8 * sum) / column, 12);
    }
  });

  it("reach a weighted least-squares solution of an inconsistent system (SIRT)", async () => {
    const problem = createProblem(makeFloat64, 0.2);
    const inverseRows = MATRIX.map((row) => 1 / row.reduce((sum, a) => sum + a, 0));
    const { matrix, right } = formNormalEquations(problem.data, inverseRows);
    const { image } = await solveSart(problem, { iterations: 4000, nonNegative: false });
    expect(findWorst(image, solveDense(matrix, right))).toBeLessThan(1e-6);
  });

  it("get nearer per pass with more subsets", async () => {
    const errors: number[] = [];
    for (const count of [1, 4, 24]) {
      const { image } = await solveSart(createProblem(makeFloat64, 0, count), { iterations: 5 });
      errors.push(Math.hypot(...image.map((value, j) => value - TRUTH[j])));
    }
    expect(errors[1]).toBeLessThan(errors[0]);
    expect(errors[2]).toBeLessThan(errors[1]);
  });

  it("refuse relaxations outside (0, 2)", async () => {
    for (const relaxation of [0, 2, -1, Number.NaN]) {
      await expect(solveSart(createProblem(makeFloat64), { relaxation })).rejects.toMatchObject({
        code: "OUT_OF_RANGE",
      });
    }
  });
});

describe("MLEM and OSEM", () => {
  it("keep the mass: Σ Ax = Σ b after every iteration of one subset", async () => {
    const problem = createProblem(makeFloat64, 0.1);
    const data = problem.data.map((value) => Math.max(0, value));
    const expected = data.reduce((sum, value) => sum + value, 0);
    await solveOsem(
      { ...problem, data },
      {
        iterations: 5,
        onIteration: ({ image }) => {
          const sum = (problem.operator as LinearOperator<Float64Array>)
            .apply(image)
            .reduce((total, value) => total + value, 0);
          expect(sum / expected).toBeCloseTo(1, 12);
        },
      },
    );
  });

  it("take data below zero as zero", async () => {
    const problem = createProblem(makeFloat64);
    const negative = problem.data.map((value, i) => (i % 5 === 0 ? -3 : value));
    const zero = negative.map((value) => Math.max(0, value));
    const a = await solveOsem({ ...problem, data: negative }, { iterations: 9 });
    const b = await solveOsem({ ...problem, data: zero }, { iterations: 9 });
    expect(a.image).toEqual(b.image);
  });
});

describe("roughness penalties", () => {
  it.each(potentials.names)("%s: ratio is value's derivative over u and does not rise", (name) => {
    const { value, ratio } = potentials.get(name);
    expect(ratio(0)).toBe(1);
    expect(value(0)).toBe(0);
    let last = 1;
    for (let u = 0.05; u < 30; u *= 1.3) {
      const slope = (value(u + 1e-5 * u) - value(u - 1e-5 * u)) / (2e-5 * u);
      expect(ratio(u) * u).toBeCloseTo(slope, 6);
      expect(value(-u)).toBe(value(u));
      expect(ratio(u)).toBeLessThanOrEqual(last);
      last = ratio(u);
    }
  });

  it.each(potentials.names)("%s: gradient and surrogate in 3D with maps and spacing", (potential) => {
    const random = createRandom(8);
    const draw = (): Float64Array => new Float64Array(60).map(() => random.nextNormal());
    const penalty = createRoughnessPenalty({
      size: [3, 4, 5],
      potential,
      delta: 0.6,
      spacing: [2.5, 1, 1],
      kappa: draw().map((value) => 1 + 0.2 * Math.abs(value)),
      deltaMap: draw().map((value) => 1 + 0.3 * Math.abs(value)),
    });
    const x = draw();
    const gradient = new Float64Array(60);
    const curvature = new Float64Array(60);
    penalty.addGradient(x, 0.7, gradient, curvature);
    for (let j = 0; j < 60; j++) {
      const up = x.slice();
      const down = x.slice();
      up[j] += 1e-5;
      down[j] -= 1e-5;
      expect(gradient[j]).toBeCloseTo((0.7 * (penalty.evaluate(up) - penalty.evaluate(down))) / 2e-5, 5);
    }
    for (let trial = 0; trial < 20; trial++) {
      const y = draw();
      let surrogate = 0.7 * penalty.evaluate(x);
      for (let j = 0; j < 60; j++) {
        surrogate += gradient[j] * (y[j] - x[j]) + (curvature[j] / 2) * (y[j] - x[j]) ** 2;
      }
      expect(0.7 * penalty.evaluate(y)).toBeLessThanOrEqual(surrogate + 1e-9);
    }
  });

  it("refuses maps that do not fit and δ ≤ 0", () => {
    expect(() => createRoughnessPenalty({ size: [1, 4, 4], kappa: new Float64Array(3) })).toThrow(/kappa/);
    expect(() => createRoughnessPenalty({ size: [1, 4, 4], delta: 0 })).toThrow(/delta/);
    expect(() => createRoughnessPenalty({ size: [1, 4, 4], potential: "none" })).toThrow(/unknown potential/);
  });
});

describe("PWLS", () => {
  it("solves the normal equations of a quadratic prior", async () => {
    const problem = createProblem(makeFloat64, 0.4);
    const random = createRandom(3);
    const weights = new Float64Array(48).map(() => 0.2 + random.nextUniform());
    const strength = 0.8;
    const { matrix, right } = formNormalEquations(problem.data, weights);
    const penalty = createRoughnessPenalty({ size: SIZE });
    for (let k = 0; k < 16; k++) {
      const unit = new Float64Array(16);
      unit[k] = 1;
      const gradient = new Float64Array(16);
      penalty.addGradient(unit, strength, gradient);
      for (let j = 0; j < 16; j++) matrix[j][k] += gradient[j];
    }
    const expected = solveDense(matrix, right);
    for (const momentum of ["none", "nesterov"] as const) {
      const { image } = await solvePwls(
        { ...problem, weights },
        { strength, momentum, nonNegative: false, iterations: 3000 },
      );
      expect(findWorst(image, expected)).toBeLessThan(1e-6);
    }
  });

  it.each(potentials.names)("never raises its objective with the %s prior", async (potential) => {
    const weights = new Float64Array(48).map((_, i) => 0.1 + (i % 7));
    const { objectives } = await solvePwls(
      { ...createProblem(makeFloat64, 0.4), weights },
      { strength: 0.5, prior: { potential, delta: 0.2 }, iterations: 80 },
    );
    for (let k = 1; k < objectives.length; k++) {
      expect(objectives[k]).toBeLessThanOrEqual(objectives[k - 1] * (1 + 1e-12));
    }
  });

  it("gets near the minimum faster with subsets and momentum", async () => {
    const options = { strength: 0.05, iterations: 8 } as const;
    const best = await solvePwls(createProblem(makeFloat64, 0.2), { ...options, iterations: 4000 });
    const minimum = best.objectives.at(-1) as number;
    const excess = async (count: number, momentum: "none" | "nesterov"): Promise<number> => {
      const { objectives } = await solvePwls(createProblem(makeFloat64, 0.2, count), {
        ...options,
        momentum,
      });
      return (objectives.at(-1) as number) / minimum - 1;
    };
    const plain = await excess(1, "none");
    expect(await excess(1, "nesterov")).toBeLessThan(0.5 * plain);
    expect(await excess(4, "none")).toBeLessThan(0.5 * plain);
  });
});

describe("ordered subsets", () => {
  it.each(["golden-ratio", "bit-reversal", "sequential"] as const)("%s visits each once", (order) => {
    for (const count of [1, 2, 7, 16, 100]) {
      expect([...orderSubsets(count, order)].sort((a, b) => a - b)).toEqual(
        Array.from({ length: count }, (_, i) => i),
      );
    }
  });

  it("keeps neighbours in time far apart", () => {
    for (const order of ["golden-ratio", "bit-reversal"] as const) {
      const visited = orderSubsets(32, order);
      const steps = visited.slice(1).map((value, i) => Math.abs(value - visited[i]));
      expect(steps.reduce((sum, step) => sum + Math.min(step, 32 - step), 0) / steps.length).toBeGreaterThan(
        8,
      );
    }
  });

  it("divides views and refuses more subsets than views", () => {
    expect(
      divideViews(10, 3)
        .flat()
        .sort((a, b) => a - b),
    ).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(() => divideViews(3, 4)).toThrow(/subsets/);
    expect(() => orderSubsets(0)).toThrow(/subsets/);
  });
});
