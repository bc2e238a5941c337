/**
 * Total variation: the value, the proximal map against its dual certificate and scikit-image, and the three
 * reconstruction methods on one fan-beam problem.
 */
import fs from "node:fs";
import { createCentredGrid, createRandom, type LinearOperator } from "@alara/core";
import { createJosephProjector, createScanGeometry, createVolumeGrid, scanners } from "@alara/physics";
import { describe, expect, it } from "vitest";
import {
  boundGradientNormSquared,
  computeTotalVariation,
  createTvProx,
  denoiseTv,
  divideViews,
  type IterativeProblem,
  solveAsdPocs,
  solveFistaTv,
  solvePdhg,
  solveSart,
} from "../src/index.ts";

interface GoldenTv {
  readonly size: readonly number[];
  readonly weight: number;
  readonly image: string;
  readonly result: string;
}

const golden = JSON.parse(
  fs.readFileSync(new URL("./golden/iterative.json", import.meta.url), "utf8"),
) as Readonly<Record<"tv2d" | "tv3d", GoldenTv>>;

function unpack(base64: string): Float32Array {
  const bytes = Buffer.from(base64, "base64");
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}

/** A square of 1 on 0 with normal noise. */
function drawSquare(n: number, noise: number, seed: number): Float64Array {
  const random = createRandom(seed);
  return Float64Array.from({ length: n * n }, (_, i) => {
    const isInside = [i % n, Math.floor(i / n)].every((k) => k >= n / 4 && k < (3 * n) / 4);
    return (isInside ? 1 : 0) + noise * random.nextNormal();
  });
}

const findWorst = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i])), 0);

describe("computeTotalVariation", () => {
  it("is Σ √(Σ w² Δ²) by hand", () => {
    const x = Float64Array.from([0, 3, 1, 4, 4, 4]);
    // Pixels (dc, dr): (3, 4), (−2, 1), (0, 3), then the last row: (0), (0), 0.
    expect(computeTotalVariation(x, { size: [1, 2, 3] })).toBeCloseTo(5 + Math.sqrt(5) + 3, 12);
    // Two slices of 1 × 3: (ds, dc) = (4, 3), (1, −2), (3, 0).
    expect(computeTotalVariation(x, { size: [2, 1, 3] })).toBeCloseTo(5 + Math.sqrt(5) + 3, 12);
    expect(computeTotalVariation(x, { size: [2, 1, 3], axisWeights: [2, 1, 1] })).toBeCloseTo(
      Math.hypot(8, 3) + Math.hypot(2, 2) + 6,
      12,
    );
  });

  it("has a gradient norm within its bound", () => {
    expect(boundGradientNormSquared({ size: [1, 9, 9] })).toBe(8);
    expect(boundGradientNormSquared({ size: [5, 9, 9] })).toBe(12);
    expect(boundGradientNormSquared({ size: [5, 9, 9], axisWeights: [0.5, 1, 1] })).toBe(9);
  });
});

describe("denoiseTv", () => {
  it.each([
    ["2D", [1, 64, 64], false],
    ["2D with x ≥ 0", [1, 64, 64], true],
    ["3D", [4, 32, 32], false],
    ["3D of one row", [64, 1, 64], false],
  ] as const)("closes the gap, and no image goes below the dual value (%s)", (_, size, nonNegative) => {
    const f = drawSquare(64, 0.3, 1);
    const options = { size, weight: 0.4, nonNegative, gapTolerance: 0 };
    const best = denoiseTv(f, { ...options, iterations: 1500 });
    expect((best.primal - best.dual) / best.primal).toBeLessThan(5e-6);
    expect(best.primal).toBeGreaterThanOrEqual(best.dual);
    let last = Number.POSITIVE_INFINITY;
    for (const iterations of [10, 30, 100, 300]) {
      const { primal, dual } = denoiseTv(f, { ...options, iterations });
      expect(primal).toBeGreaterThanOrEqual(best.dual);
      expect(dual).toBeLessThanOrEqual(best.primal);
      expect(primal - dual).toBeLessThan(last);
      last = primal - dual;
    }
    // ½‖x − x*‖² ≤ gap.
    const rough = denoiseTv(f, { ...options, iterations: 30 });
    const distance = rough.image.reduce((sum, value, i) => sum + (value - best.image[i]) ** 2 / 2, 0);
    expect(distance).toBeLessThanOrEqual(rough.primal - best.dual);
  });

  it("has the objective it says, in both precisions, and leaves the input", () => {
    const f = drawSquare(48, 0.3, 2);
    const before = f.slice();
    const { image, primal, iterations } = denoiseTv(f, {
      size: [1, 48, 48],
      weight: 0.4,
      gapTolerance: 1e-3,
    });
    expect(f).toEqual(before);
    expect(iterations).toBeLessThan(200);
    const fidelity = image.reduce((sum, value, i) => sum + (value - f[i]) ** 2 / 2, 0);
    expect(primal).toBeCloseTo(fidelity + 0.4 * computeTotalVariation(image, { size: [1, 48, 48] }), 9);
    const single = denoiseTv(Float32Array.from(f), { size: [1, 48, 48], weight: 0.4, gapTolerance: 1e-3 });
    expect(single.image).toBeInstanceOf(Float32Array);
    expect(findWorst(single.image, image)).toBeLessThan(1e-4);
  });

  it("keeps the mean, a flat image, and turns all flat for a large weight", () => {
    const f = drawSquare(32, 0.3, 3);
    const mean = f.reduce((sum, value) => sum + value, 0) / f.length;
    const some = denoiseTv(f, { size: [1, 32, 32], weight: 0.5 });
    expect(some.image.reduce((sum, value) => sum + value, 0) / f.length).toBeCloseTo(mean, 12);
    const flat = denoiseTv(f, { size: [1, 32, 32], weight: 30, iterations: 3000, gapTolerance: 1e-10 });
    expect(findWorst(flat.image, new Float64Array(1024).fill(mean))).toBeLessThan(1e-3);
    const same = denoiseTv(new Float64Array(1024).fill(7), { size: [1, 32, 32], weight: 1 });
    expect(same.image).toEqual(new Float64Array(1024).fill(7));
  });

  it.each(["tv2d", "tv3d"] as const)("agrees with scikit-image's denoise_tv_chambolle (%s)", (name) => {
    const { size, weight, image, result } = golden[name];
    const f = Float64Array.from(unpack(image));
    const shape: [number, number, number] =
      size.length === 2 ? [1, size[0], size[1]] : [size[0], size[1], size[2]];
    const ours = denoiseTv(f, { size: shape, weight, iterations: 20000, gapTolerance: 1e-9 });
    const theirs = Float64Array.from(unpack(result));
    expect(findWorst(ours.image, theirs)).toBeLessThan(2e-3);
    const fidelity = theirs.reduce((sum, value, i) => sum + (value - f[i]) ** 2 / 2, 0);
    const objective = fidelity + weight * computeTotalVariation(theirs, { size: shape });
    // Theirs ran 20 000 rounds: the same minimum, from above our dual bound.
    expect(objective).toBeGreaterThanOrEqual(ours.dual * (1 - 1e-7));
    expect(Math.abs(objective / ours.primal - 1)).toBeLessThan(1e-5);
  });

  it("starts warm from the last dual field", () => {
    const f = drawSquare(48, 0.3, 2);
    const prox = createTvProx(f, { size: [1, 48, 48] });
    const out = new Float64Array(f.length);
    prox.advance(f, 0.4, 300, out);
    const cold = prox.certify(f, 0.4, out);
    const moved = f.map((value, i) => value + 1e-3 * Math.sin(i));
    prox.restart();
    prox.advance(moved, 0.4, 5, out);
    const warm = prox.certify(moved, 0.4, out);
    const fresh = denoiseTv(moved, { size: [1, 48, 48], weight: 0.4, iterations: 5, gapTolerance: 0 });
    expect(warm.primal - warm.dual).toBeLessThan(0.05 * (fresh.primal - fresh.dual));
    expect(warm.primal - warm.dual).toBeGreaterThan(0);
    expect(cold.primal).toBeGreaterThan(cold.dual);
  });

  it("refuses bad input", () => {
    const f = new Float64Array(16);
    expect(() => denoiseTv(f, { size: [1, 4, 5], weight: 1 })).toThrow(/SHAPE|samples/);
    expect(() => denoiseTv(f, { size: [1, 4, 4], weight: 0 })).toThrow(/weight/);
    expect(() => denoiseTv(f, { size: [1, 4, 4], weight: Number.NaN })).toThrow(/weight/);
    expect(() => denoiseTv(f.fill(Number.NaN), { size: [1, 4, 4], weight: 1 })).toThrow(/NaN/);
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    expect(() =>
      denoiseTv(new Float64Array(16), { size: [1, 4, 4], weight: 1, signal: controller.signal }),
    ).toThrow("enough");
  });
});

/** A noisy fan-beam scan of a disc with inserts on 32², line integrals; about twice as many rays as pixels. */
function createFanProblem(subsetCount = 1): IterativeProblem<Float64Array> & { readonly noiseNorm: number } {
  const n = 32;
  const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 40, channelBinning: 16 });
  const grid = createVolumeGrid(createCentredGrid([1, n, n], [1, 8, 8]));
  const operator = createJosephProjector(geometry, grid);
  const truth = Float64Array.from({ length: n * n }, (_, i) => {
    const x = (i % n) - 15.5;
    const y = Math.floor(i / n) - 15.5;
    if (Math.hypot(x - 4, y + 3) < 3) return 0.03;
    if (Math.hypot(x + 5, y - 2) < 3.5) return 0.01;
    return Math.hypot(x, y) < 13 ? 0.02 : 0;
  });
  const data = operator.apply(truth);
  const random = createRandom(4);
  let squares = 0;
  for (let i = 0; i < data.length; i++) {
    const noise = 0.05 * random.nextNormal();
    squares += noise * noise;
    data[i] += noise;
  }
  const problem = { operator, data, size: [1, n, n] as const, noiseNorm: Math.sqrt(squares) };
  if (subsetCount === 1) return problem;
  const { channels } = geometry;
  const subsets = divideViews(40, subsetCount).map((views) => ({
    operator: createJosephProjector(
      { ...geometry, anglesRad: geometry.anglesRad.filter((_, view) => views.includes(view)) },
      grid,
    ),
    data: data.filter((_, i) => views.includes(Math.floor(i / channels))),
  }));
  return { ...problem, subsets };
}

describe("TV reconstruction of a fan-beam scan", () => {
  const tvWeight = 2;

  it("has one minimum: FISTA and PDHG of both step rules, with and without weights, to 1e-4", async () => {
    const plain = createFanProblem();
    const weights = plain.data.map((value) => Math.exp(-0.2 * value));
    for (const problem of [plain, { ...plain, weights }]) {
      const fista = await solveFistaTv(problem, { tvWeight, iterations: 150 });
      const diagonal = await solvePdhg(problem, { tvWeight, iterations: 1000, steps: "diagonal" });
      const scalar = await solvePdhg(problem, { tvWeight, iterations: 1000, steps: "scalar" });
      const values = [fista, diagonal, scalar].map(({ objectives }) => objectives.at(-1) as number);
      const least = Math.min(...values);
      for (const value of values) expect(value / least - 1).toBeLessThan(1e-4);
      expect(findWorst(fista.image, diagonal.image)).toBeLessThan(1e-3);
    }
  });

  it("closes the primal–dual gap with a box, and with a ridge by acceleration", async () => {
    const problem = createFanProblem();
    const boxed = await solvePdhg(problem, {
      tvWeight,
      iterations: 1000,
      upperBound: 0.05,
      gapTolerance: 1e-3,
    });
    expect(boxed.stoppedBy).toBe("gap");
    expect(boxed.gaps.every((gap) => gap > -1e-9)).toBe(true);
    const fista = await solveFistaTv(problem, { tvWeight, iterations: 150 });
    // The dual value bounds the minimum that another method finds.
    const dual = (boxed.objectives.at(-1) as number) - (boxed.gaps.at(-1) as number);
    expect(dual).toBeLessThanOrEqual((fista.objectives.at(-1) as number) * (1 + 1e-9));
    const ridge = 50;
    const accelerated = await solvePdhg(problem, { tvWeight, ridge, iterations: 1000, gapTolerance: 1e-4 });
    expect(accelerated.stoppedBy).toBe("gap");
    expect(accelerated.gaps.every((gap) => gap > -1e-9)).toBe(true);
  });

  it("ASD-POCS reaches the data tolerance with less TV than SART has there", async () => {
    const problem = createFanProblem(10);
    const dataTolerance = problem.noiseNorm;
    const asd = await solveAsdPocs(problem, { dataTolerance, iterations: 200 });
    expect(asd.residualNorms.at(-1)).toBeLessThanOrEqual(dataTolerance);
    expect(asd.stoppedBy).toBe("converged");
    const sart = await solveSart(problem, { iterations: 200, discrepancy: dataTolerance });
    expect(sart.stoppedBy).toBe("discrepancy");
    const asdTv = computeTotalVariation(asd.image, problem);
    expect(asdTv).toBeLessThan(0.9 * computeTotalVariation(sart.image, problem));
  });

  it("solves a single voxel, which has no gradient", async () => {
    const operator: LinearOperator<Float64Array> = {
      name: "column",
      domainLength: 1,
      rangeLength: 2,
      apply: (x, out = new Float64Array(2)) => {
        out.set([2 * x[0], x[0]]);
        return out;
      },
      applyAdjoint: (y, out = new Float64Array(1)) => {
        out[0] = 2 * y[0] + y[1];
        return out;
      },
    };
    for (const steps of ["scalar", "diagonal"] as const) {
      const { image } = await solvePdhg(
        { operator, data: Float64Array.of(4, 1), size: [1, 1, 1] },
        { steps, iterations: 400, tvWeight: 1 },
      );
      expect(image[0]).toBeCloseTo(9 / 5, 6);
    }
  });

  it("refuses bad options", async () => {
    const problem = createFanProblem();
    const refused = { code: "OUT_OF_RANGE" };
    await expect(solveFistaTv(problem, { tvWeight: 0 })).rejects.toMatchObject(refused);
    await expect(solvePdhg(problem, { tvWeight: -1 })).rejects.toMatchObject(refused);
    await expect(solvePdhg(problem, { ridge: 1, steps: "diagonal" })).rejects.toMatchObject(refused);
    await expect(solvePdhg(problem, { upperBound: 0 })).rejects.toMatchObject(refused);
    await expect(solvePdhg(problem, { operatorNorm: -1 })).rejects.toMatchObject(refused);
    await expect(solveAsdPocs(problem, { dataTolerance: -1 })).rejects.toMatchObject(refused);
    await expect(solveAsdPocs(problem, { relaxation: 2 })).rejects.toMatchObject(refused);
    const zero = { ...problem.operator, apply: () => new Float64Array(problem.data.length) };
    await expect(solveFistaTv({ ...problem, operator: zero })).rejects.toMatchObject(refused);
  });
});
