/**
 * Iterative reconstruction of scans: every geometry, scikit-image's SART bars on its own phantom, and the two
 * conventional comparators (noise per level, HU, edges).
 */
import fs from "node:fs";
import {
  createCentredGrid,
  createRandom,
  createSinogram,
  type LinearOperator,
  type ScanGeometry,
  type Sinogram,
  selectViews,
  type Volume,
} from "@alara/core";
import {
  computeLineIntegrals,
  convertPhantomToMu,
  createConeCurvedGeometry,
  createConeFlatGeometry,
  createFanFlatGeometry,
  createJosephProjector,
  createParallelGeometry,
  createPosedGeometry,
  createScanGeometry,
  createVolumeGrid,
  flatPanelScanners,
  type Phantom,
  projectPhantom,
  scanners,
  simulateCounts,
} from "@alara/physics";
import { describe, expect, it } from "vitest";
import {
  estimateIterativeMemory,
  iterativeMethods,
  orderSubsets,
  reconstructFbp,
  reconstructHybridIterative,
  reconstructIterative,
  reconstructModelBased,
  resolveStrengthLevel,
  smoothRows,
  solveSart,
} from "../src/index.ts";

const MU = 0.0193;

describe("reconstructIterative", () => {
  const fan = { views: 24, channelBinning: 40 };
  const cone = { views: 16, channelBinning: 32, rows: 768, rowBinning: 64 };
  const panel = flatPanelScanners.get(flatPanelScanners.names[0]);
  const coneFlat = createConeFlatGeometry(panel, { views: 16, channelBinning: 32, rowBinning: 32 });
  const cases: readonly [string, ScanGeometry, readonly [number, number, number], number][] = [
    ["parallel", createParallelGeometry({ channels: 24, channelPitchMm: 12, views: 24 }), [2, 10, 12], 16],
    ["fan-arc", createScanGeometry(scanners.get("ge-lightspeed"), fan), [2, 10, 12], 20],
    ["fan-flat", createFanFlatGeometry(panel, { views: 24, channelBinning: 32 }), [2, 10, 12], 12],
    ["cone-flat", coneFlat, [4, 8, 9], 14],
    [
      "cone-curved",
      createConeCurvedGeometry(scanners.get("ge-lightspeed"), { ...cone, rows: 16, rowBinning: 2 }),
      [3, 8, 9],
      3,
    ],
    ["posed", createPosedGeometry(coneFlat), [4, 8, 9], 14],
  ];

  it.each(cases)("returns to the object from its own projections (%s)", async (kind, geometry, size, mm) => {
    // Thin slices of wide pixels where the detector is low.
    const grid = createCentredGrid(size, kind === "cone-curved" ? [mm, 20, 20] : [mm, mm, mm]);
    const operator = createJosephProjector(geometry, createVolumeGrid(grid));
    const random = createRandom(2);
    const truth = new Float64Array(operator.domainLength).map(() => MU * (0.5 + random.nextUniform()));
    const data = Float32Array.from(operator.apply(truth));
    const planar = ["parallel", "fan-arc", "fan-flat"].includes(kind);
    const sinogram = createSinogram("line integral", geometry, planar ? size[0] : 1, data);
    for (const method of ["cgls", "sart"]) {
      const volume = await reconstructIterative(sinogram, { method, grid, iterations: 40 });
      expect(volume.unit).toBe("1/mm");
      expect(volume.geometry).toBe(grid);
      const projected = operator.apply(Float64Array.from(volume.data));
      let error = 0;
      let norm = 0;
      for (let i = 0; i < data.length; i++) {
        error += (projected[i] - data[i]) ** 2;
        norm += data[i] ** 2;
      }
      expect(Math.sqrt(error / norm)).toBeLessThan(method === "cgls" ? 2e-3 : 1e-2);
    }
  });

  const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 48, channelBinning: 16 });
  const grid = createCentredGrid([1, 40, 40], [1, 8, 8]);
  const disc: Phantom<"HU"> = {
    unit: "HU",
    composition: "replace",
    background: -1000,
    ellipses: [
      { xMm: 5, yMm: -8, semiAxisXMm: 110, semiAxisYMm: 110, rotationRad: 0, value: 0 },
      { xMm: 40, yMm: 10, semiAxisXMm: 30, semiAxisYMm: 30, rotationRad: 0, value: 200 },
    ],
  };
  const clean = projectPhantom(convertPhantomToMu(disc, MU), geometry, { raysPerChannel: 3 });
  const noise = { incidentQuanta: 2e5, electronicNoiseQuanta: 10 };
  const noisy: Sinogram<"line integral", typeof geometry> = {
    ...clean,
    data: computeLineIntegrals(simulateCounts(clean.data, noise, createRandom(3)), noise),
  };

  it.each(iterativeMethods.names)("puts the disc at 0 HU from exact line integrals (%s)", async (name) => {
    const method = iterativeMethods.get(name);
    const iterations = method.takesSubsets && name !== "pwls" ? (name === "asd-pocs" ? 20 : 8) : 60;
    const { data } = await reconstructIterative(clean, { method: name, grid, iterations });
    let sum = 0;
    let count = 0;
    for (let i = 0; i < data.length; i++) {
      const x = ((i % 40) - 19.5) * 8;
      const y = (Math.floor(i / 40) - 19.5) * 8;
      if (Math.hypot(x - 5, y + 8) > 90 || Math.hypot(x - 40, y - 10) < 50) continue;
      sum += 1000 * (data[i] / MU - 1);
      count++;
    }
    expect(Math.abs(sum / count)).toBeLessThan(6);
  });

  it("uses the noise model as weights, starts from a volume, and tells every iteration", async () => {
    const start = await reconstructFbp(noisy, { grid, window: "hann" });
    const objectives: number[] = [];
    const options = { method: "pwls", grid, iterations: 5, strength: 1e5, noise } as const;
    const onIteration = ({ objective }: { readonly objective: number | undefined }): void => {
      if (objective !== undefined) objectives.push(objective);
    };
    await reconstructIterative(noisy, { ...options, initial: start, onIteration });
    expect(objectives).toHaveLength(5);
    const fromZero: number[] = [];
    await reconstructIterative(noisy, {
      ...options,
      onIteration: ({ objective }) => fromZero.push(objective ?? Number.NaN),
    });
    expect(objectives[4]).toBeLessThan(fromZero[4]);
  });

  it("takes makers of operators, and the fast projector by itself", async () => {
    const asked: string[] = [];
    const result = await reconstructIterative(noisy, {
      method: "os-sart",
      grid,
      iterations: 2,
      subsets: 4,
      projector: (scan, voxels) => {
        const joseph = createJosephProjector(scan, voxels);
        asked.push(joseph.name);
        return {
          ...joseph,
          apply: async (x: Float32Array, out = new Float32Array(joseph.rangeLength)) => {
            out.set(joseph.apply(Float64Array.from(x)));
            return out;
          },
          applyAdjoint: async (y: Float32Array, out = new Float32Array(joseph.domainLength)) => {
            out.set(joseph.applyAdjoint(Float64Array.from(y)));
            return out;
          },
        };
      },
    });
    expect(asked).toHaveLength(5);
    const os = { method: "os-sart", grid, iterations: 2, subsets: 4 } as const;
    const reference = await reconstructIterative(noisy, { ...os, projector: "joseph" });
    const fast = await reconstructIterative(noisy, os);
    for (let i = 0; i < reference.data.length; i++) {
      expect(Math.abs(result.data[i] - reference.data[i])).toBeLessThan(1e-6);
      expect(Math.abs(fast.data[i] - reference.data[i])).toBeLessThan(1e-5);
    }
  });

  it("refuses what does not fit or is too large, and stops when asked", async () => {
    const options = { method: "sirt", grid, iterations: 1 };
    const refuse = async (
      change: object,
      code: string,
      scan: Sinogram<"line integral"> = noisy,
    ): Promise<void> => {
      await expect(reconstructIterative(scan, { ...options, ...change })).rejects.toMatchObject({ code });
    };
    await refuse({ method: "none" }, "UNKNOWN_NAME");
    await refuse({ projector: "none" }, "UNKNOWN_NAME");
    await refuse({ noise }, "OUT_OF_RANGE");
    await refuse({ method: "cgls", noise, weights: noisy.data }, "OUT_OF_RANGE");
    await refuse({ method: "cgls", weights: new Float32Array(3) }, "SHAPE_MISMATCH");
    await refuse({ subsets: 4 }, "OUT_OF_RANGE");
    await refuse({ method: "sart", subsets: 49 }, "OUT_OF_RANGE");
    await refuse({ grid: createCentredGrid([2, 40, 40], [1, 8, 8]) }, "SHAPE_MISMATCH");
    await refuse({ memoryLimitBytes: 1e4 }, "TOO_LITTLE_MEMORY");
    await refuse({}, "SHAPE_MISMATCH", { ...noisy, data: noisy.data.subarray(1) });
    await refuse({}, "NON_FINITE", { ...noisy, data: noisy.data.map((v, i) => (i === 9 ? Number.NaN : v)) });
    const small = await reconstructFbp(noisy, { grid: createCentredGrid([1, 8, 8], [1, 8, 8]) });
    await refuse({ initial: small }, "SHAPE_MISMATCH");
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await expect(reconstructIterative(noisy, { ...options, signal: controller.signal })).rejects.toThrow(
      "enough",
    );
  });

  it.each(iterativeMethods.names)("estimates the memory of %s from above, within a factor", async (name) => {
    const method = iterativeMethods.get(name);
    const weighted = method.usesWeights ? { noise } : {};
    const estimate = estimateIterativeMemory(method, geometry, grid, { projector: "joseph", ...weighted });
    // Counts the bytes of every large array that is made while the method runs.
    const original = globalThis.Float64Array;
    let bytes = 0;
    class CountingArray extends original {
      constructor(...args: never[]) {
        super(...(args as []));
        if (this.length >= 40 * 40) bytes += this.byteLength;
      }
    }
    globalThis.Float64Array = CountingArray as unknown as typeof Float64Array;
    try {
      // An operator that allocates nothing of its own.
      const length = 40 * 40;
      const samples = clean.data.length;
      const views = 48;
      const maker = (scan: ScanGeometry): never =>
        ({
          name: "counted",
          domainLength: length,
          rangeLength: (samples / views) * ("anglesRad" in scan ? scan.anglesRad.length : 0),
          apply: (_x: Float64Array, out: Float64Array) => out.fill(1),
          applyAdjoint: (_y: Float64Array, out: Float64Array) => out.fill(1),
        }) as never;
      await reconstructIterative(noisy, {
        method: name,
        grid,
        iterations: 1,
        projector: maker,
        precision: "float64",
        ...weighted,
        operatorNorm: 1,
        tvWeight: 1,
        recordObjective: true,
      });
    } finally {
      globalThis.Float64Array = original;
    }
    expect(bytes).toBeGreaterThan(0.25 * estimate.totalBytes);
    expect(bytes).toBeLessThan(1.15 * estimate.totalBytes);
  });
});

describe("SART on scikit-image's test phantom", () => {
  // Its `test_iradon_sart` with projections of our own: as there, one model projects and reconstructs.
  interface Packed {
    readonly scale: number;
    readonly codes: string;
  }
  const { sart } = JSON.parse(
    fs.readFileSync(new URL("./golden/iterative.json", import.meta.url), "utf8"),
  ) as { readonly sart: { readonly size: number; readonly image: Packed } };
  const n = sart.size;
  const bytes = Buffer.from(sart.image.codes, "base64");
  const image = Float64Array.from({ length: n * n }, (_, i) => sart.image.scale * bytes.readUInt16LE(2 * i));
  const voxels = createVolumeGrid(createCentredGrid([1, n, n], [1, 1, 1]));
  const createGeometry = (anglesRad: Float64Array, channelOffset: number): ScanGeometry => ({
    kind: "parallel",
    channels: n,
    channelPitchMm: 1,
    channelOffset,
    anglesRad,
  });

  /** Joseph's projector of the inscribed circle, outside which theirs takes the image as zero. */
  const createOperator = (geometry: ScanGeometry): LinearOperator<Float64Array> => {
    const whole = createJosephProjector(geometry, voxels);
    const mask = (x: Float64Array): Float64Array =>
      x.map((value, i) =>
        Math.hypot((i % n) - (n - 1) / 2, Math.floor(i / n) - (n - 1) / 2) < n / 2 ? value : 0,
      );
    return {
      ...whole,
      apply: (x, out) => whole.apply(mask(x), out),
      applyAdjoint(y, out = new Float64Array(n * n)) {
        out.set(mask(whole.applyAdjoint(y)));
        return out;
      },
    };
  };

  /** Mean absolute error; one subset per view, which may have a detector shift of its own. */
  const measureError = async (
    anglesRad: Float64Array,
    iterations: number,
    options: { readonly clip?: boolean; readonly shifts?: Float64Array } = {},
  ): Promise<number> => {
    const { clip = false, shifts } = options;
    const operator = createOperator(createGeometry(anglesRad, 0));
    const sinogram = operator.apply(image);
    const subsets = orderSubsets(n).map((view) => {
      const row = sinogram.subarray(view * n, (view + 1) * n);
      const shift = shifts?.[view] ?? 0;
      const data = row.map((_, c) => {
        const place = Math.min(n - 1, Math.max(0, c + shift));
        const low = Math.min(n - 2, Math.floor(place));
        return row[low] + (place - low) * (row[low + 1] - row[low]);
      });
      const geometry = createGeometry(Float64Array.of(anglesRad[view]), -shift);
      return { operator: createOperator(geometry), data };
    });
    const { image: x } = await solveSart(
      { operator, data: sinogram, size: [1, n, n], subsets },
      { iterations, relaxation: 0.8, nonNegative: clip, recordObjective: false },
    );
    return (
      image.reduce((sum, value, i) => sum + Math.abs(value - (clip ? Math.min(1, x[i]) : x[i])), 0) / n ** 2
    );
  };

  it.each([
    ["180°", Math.PI / n, 1],
    ["a missing wedge of 30°", (Math.PI * 5) / 6 / (n - 1), 2],
  ] as const)("meets its bars over %s", async (_, step, factor) => {
    const angles = Float64Array.from({ length: n }, (_, view) => view * step);
    expect(await measureError(angles, 1)).toBeLessThan(0.02 * factor);
    expect(await measureError(angles, 2)).toBeLessThan(0.014 * factor);
    expect(await measureError(angles, 1, { clip: true })).toBeLessThan(0.018 * factor);
    const random = createRandom(12);
    const shifts = Float64Array.from({ length: n }, () => 6 * random.nextUniform() - 3);
    expect(await measureError(angles, 1, { shifts })).toBeLessThan(0.022 * factor);
  });

  it("keeps what is flat, changes nothing at strength 0, leans where variance is large", () => {
    const flat = new Float32Array(8).fill(3);
    smoothRows(flat, new Float32Array(8).fill(2), 8, 5);
    for (const value of flat) expect(value).toBeCloseTo(3, 6);
    const spike = Float64Array.of(1, 1, 9, 1, 1, 9, 1, 1);
    smoothRows(spike, new Float64Array(8).fill(1), 8, 0);
    expect(spike[2]).toBe(9);
    smoothRows(spike, Float64Array.of(1, 1, 1e4, 1, 1, 1, 1, 1), 8, 50);
    expect(spike[2]).toBeLessThan(1.5);
    // 50 in units of the mean weight is 0.04 of a good sample's.
    expect(spike[5]).toBeGreaterThan(8);
  });

  it("refuses rows that do not fit and variances ≤ 0", () => {
    const bad = { code: "SHAPE_MISMATCH" };
    expect(() => smoothRows(new Float64Array(7), new Float64Array(7).fill(1), 3, 1)).toThrow(
      expect.objectContaining(bad),
    );
    expect(() => smoothRows(new Float64Array(6), new Float64Array(6), 3, 1)).toThrow(/variances/);
    expect(() => smoothRows(new Float64Array(6), new Float64Array(6).fill(1), 3, -1)).toThrow(/strength/);
  });
});

describe("conventional comparators", () => {
  const n = 96;
  const mm = 3.2;
  const circle = (xMm: number, yMm: number, radius: number, value: number): Phantom["ellipses"][number] => ({
    xMm,
    yMm,
    semiAxisXMm: radius,
    semiAxisYMm: radius,
    rotationRad: 0,
    value,
  });
  const body: Phantom<"HU"> = {
    unit: "HU",
    composition: "replace",
    background: -1000,
    ellipses: [circle(0, 0, 135, 0), circle(66, 0, 30, 300), circle(-66, 0, 30, -100), circle(0, 0, 8, 0)],
  };
  const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 240, channelBinning: 4 });
  const clean = projectPhantom(convertPhantomToMu(body, MU), geometry, { raysPerChannel: 3 });
  const noise = { incidentQuanta: 8e5, electronicNoiseQuanta: 10 };
  const noisy = {
    ...clean,
    data: computeLineIntegrals(simulateCounts(clean.data, noise, createRandom(21)), noise),
  };
  const grid = createCentredGrid([1, n, n], [1, mm, mm]);
  const toHu = (mu: number): number => 1000 * (mu / MU - 1);
  const place = (i: number): number => (i - (n - 1) / 2) * mm;
  /** Mean and standard deviation of a disc, HU. */
  const measureDisc = (v: Volume, xMm: number, yMm: number, radius: number): { mean: number; sd: number } => {
    const values = Array.from(v.data, toHu).filter(
      (_, i) => Math.hypot(place(i % n) - xMm, place(Math.floor(i / n)) - yMm) <= radius,
    );
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return {
      mean,
      sd: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length),
    };
  };
  /** Blur of the 300 HU edge: ∫|profile − step| dr over the contrast, from radial means; mm. */
  const measureEdgeBlur = (v: Volume): number => {
    const inside = measureDisc(v, 66, 0, 18).mean;
    let blur = 0;
    for (let radius = 18; radius < 42; radius += mm / 2) {
      const ring: number[] = [];
      for (let i = 0; i < v.data.length; i++) {
        const r = Math.hypot(place(i % n) - 66, place(Math.floor(i / n)));
        if (r >= radius && r < radius + mm / 2) ring.push(toHu(v.data[i]));
      }
      const mean = ring.reduce((sum, value) => sum + value, 0) / ring.length;
      blur += (Math.abs(mean - (radius + mm / 4 < 30 ? inside : 0)) / inside) * (mm / 2);
    }
    return blur;
  };
  const fbp = reconstructFbp(noisy, { grid, window: "ge-standard" });
  const discs: readonly (readonly [number, number, number, number])[] = [
    [0, 66, 26, 0],
    [0, -66, 26, 0],
    [66, 0, 18, 300],
    [-66, 0, 18, -100],
  ];

  /** Noise of the levels relative to FBP, with the checks that both comparators share. */
  const checkLevels = async (
    reconstruct: (level: 1 | 2 | 3 | 4 | 5) => Promise<Volume<"1/mm">>,
    largestBlurs: readonly number[],
  ): Promise<readonly number[]> => {
    const start = await fbp;
    const ratios: number[] = [];
    for (const level of [1, 2, 3, 4, 5] as const) {
      const volume = await reconstruct(level);
      for (const [x, y, radius] of discs) {
        // The same noise is in both: means differ by what the method does.
        const shift = measureDisc(volume, x, y, radius).mean - measureDisc(start, x, y, radius).mean;
        expect(Math.abs(shift)).toBeLessThan(1);
      }
      ratios.push(measureDisc(volume, 0, 66, 26).sd / measureDisc(start, 0, 66, 26).sd);
      expect(measureEdgeBlur(volume) - measureEdgeBlur(start)).toBeLessThan(largestBlurs[level - 1]);
    }
    for (let level = 1; level < 5; level++) expect(ratios[level]).toBeLessThan(ratios[level - 1]);
    return ratios;
  };

  it("hybrid-iterative look-alike: less noise per level, the same HU, edges that hold", async () => {
    const ratios = await checkLevels(
      (strength) => reconstructHybridIterative(noisy, { grid, window: "ge-standard", noise, strength }),
      [0.1, 0.2, 0.3, 0.4, 0.5],
    );
    // From a fifth to three quarters less.
    expect(ratios[0]).toBeLessThan(0.85);
    expect(ratios[2]).toBeLessThan(0.6);
    expect(ratios[4]).toBeLessThan(0.4);
    expect(ratios[4]).toBeGreaterThan(0.2);
  });

  it("model-based look-alike: less noise per level, the same HU, edges that hold", async () => {
    const ratios = await checkLevels(
      (strength) => reconstructModelBased(noisy, { grid, noise, strength, iterations: 10 }),
      // Sharper than FBP with its smoothing kernel.
      [0, 0, 0, 0, 0],
    );
    expect(ratios[0]).toBeLessThan(0.9);
    expect(ratios[2]).toBeLessThan(0.6);
    expect(ratios[4]).toBeLessThan(0.45);
  });

  it("model-based look-alike: takes scans that FBP refuses", async () => {
    const coarse = createCentredGrid([1, 40, 40], [1, 8, 8]);
    const options = { grid: coarse, noise, iterations: 8 };
    const flatMean = (v: Volume): number => {
      const values = v.data.filter((_, i) => Math.hypot((i % 40) - 19.5, Math.floor(i / 40) - 19.5) * 8 < 25);
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
    // Every view of 120°: less than a short scan.
    const views = Array.from({ length: 80 }, (_, view) => view);
    const { channels } = geometry;
    const limited = {
      ...clean,
      geometry: selectViews(geometry, views),
      data: clean.data.slice(0, 80 * channels),
    };
    await expect(reconstructFbp(limited, { grid: coarse })).rejects.toMatchObject({
      code: "INCOMPLETE_TURN",
    });
    const wedge = await reconstructModelBased(limited, options);
    expect(wedge.data.every(Number.isFinite)).toBe(true);
    expect(Math.abs(flatMean(wedge) / MU - 1)).toBeLessThan(0.2);
    // A detector of the middle 60 of 222 channels.
    const first = (channels - 60) >> 1;
    const cut = {
      ...clean,
      geometry: {
        ...geometry,
        channels: 60,
        channelOffset: geometry.channelOffset + (channels - 60) / 2 - first,
      },
      data: Float32Array.from({ length: geometry.anglesRad.length * 60 }, (_, i) => {
        return clean.data[Math.floor(i / 60) * channels + first + (i % 60)];
      }),
    };
    await expect(reconstructFbp(cut, { grid: coarse })).rejects.toMatchObject({ code: "TRUNCATED" });
    expect(Math.abs(flatMean(await reconstructModelBased(cut, options)) / MU - 1)).toBeLessThan(0.1);
    // What is not finite is said to be so by both.
    const holed = { ...clean, data: clean.data.map((p, i) => (i === 7 ? Number.NaN : p)) };
    await expect(reconstructModelBased(holed, options)).rejects.toMatchObject({ code: "NON_FINITE" });
    await expect(reconstructHybridIterative(holed, options)).rejects.toMatchObject({ code: "NON_FINITE" });
  });

  it("names levels and refuses others", async () => {
    expect(
      [..."mild standard strong".split(" ")].map((name) => resolveStrengthLevel(name as "mild")),
    ).toEqual([2, 3, 4]);
    const bad = { grid, noise, strength: 6 as 5 };
    await expect(reconstructHybridIterative(noisy, bad)).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
    await expect(reconstructModelBased(noisy, bad)).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
    const noQuanta = { grid, noise: { incidentQuanta: 0, electronicNoiseQuanta: 0 } };
    await expect(reconstructHybridIterative(noisy, noQuanta)).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
    await expect(reconstructModelBased(noisy, noQuanta)).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
  });
});
