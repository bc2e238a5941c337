/**
 * FBP slab by slab: the numbers of the whole, memory asked before starting, 512³ in less than 4 GiB.
 */
import {
  type ConeFlatGeometry,
  createCentredGrid,
  createRandom,
  createSinogram,
  type FanFlatGeometry,
  type Sinogram,
} from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  createFbpPlan,
  estimateFbpMemory,
  type FbpEngine,
  type FbpGeometry,
  type FbpSlabOptions,
  type FbpSource,
  fbpEngines,
  planFbpSlabs,
  reconstructFbp,
  reconstructFbpSlabs,
  referenceEngine,
} from "../src/index.ts";
import { projectRounds, type Round, spreadAngles } from "./fbp-scans.ts";

const TURN = 2 * Math.PI;
const flat: FanFlatGeometry = {
  kind: "fan-flat",
  sourceToIsoMm: 500,
  sourceToDetectorMm: 900,
  channels: 80,
  channelOffset: 0.25,
  channelPitchMm: 4,
  anglesRad: spreadAngles(61, TURN),
};
const cone: ConeFlatGeometry = { ...flat, kind: "cone-flat", rows: 30, rowPitchMm: 6, rowOffset: -0.5 };
const balls: readonly Round[] = [
  { shape: "ball", centreMm: [10, -5, 8], radiusMm: 30, mu: 0.02 },
  { shape: "ball", centreMm: [-30, 12, -20], radiusMm: 12, mu: 0.03 },
];

/** Reads pieces of a sinogram in memory into one array that is used again, as readers of files do. */
function readFrom({
  geometry,
  slices,
  data,
}: Sinogram<"line integral", FbpGeometry>): FbpSource & { calls: number[][] } {
  const calls: number[][] = [];
  const items = "rows" in geometry ? geometry.anglesRad.length : slices;
  const per = data.length / items;
  const piece = new Float32Array(data.length);
  return {
    geometry,
    slices,
    calls,
    async read(start, end) {
      calls.push([start, end]);
      piece.set(data.subarray(start * per, end * per));
      return piece.subarray(0, (end - start) * per);
    },
  };
}

async function collect(source: FbpSource, options: FbpSlabOptions): Promise<Float32Array> {
  const [slices, rows, columns] = options.grid.size;
  const data = new Float32Array(slices * rows * columns);
  let next = 0;
  for await (const { start, end, volume } of reconstructFbpSlabs(source, options)) {
    expect(start).toBe(next);
    expect(volume.geometry.size).toEqual([end - start, rows, columns]);
    expect(volume.geometry.originMm[2]).toBeCloseTo(
      options.grid.originMm[2] + start * options.grid.spacingMm[0],
      9,
    );
    data.set(volume.data, start * rows * columns);
    next = end;
  }
  expect(next).toBe(slices);
  return data;
}

function compare(a: Float32Array, b: Float32Array): number {
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]));
  return worst / Math.max(...b.map(Math.abs));
}

const grid = createCentredGrid([11, 20, 20], [6, 6, 6]);
const curved: FbpGeometry = { ...cone, kind: "cone-curved", channelPitchRad: 0.0045 };
const turnShort = spreadAngles(45, Math.PI + 0.5);

describe("reconstructFbpSlabs", () => {
  it.each([
    ["cone-flat", cone, {}],
    ["cone-curved", curved, {}],
    ["cone-flat, short scan", { ...cone, anglesRad: turnShort }, {}],
    ["cone-flat, displaced", { ...cone, channels: 62, channelOffset: 9.25 }, {}],
    ["cone-flat, cut off", { ...cone, channels: 30 }, { truncation: "extrapolate" }],
  ] as const)("gives the numbers of the whole volume: %s", async (_, geometry, extra) => {
    const sinogram = projectRounds(balls, geometry as FbpGeometry);
    const whole = await reconstructFbp(sinogram, { grid, window: "hann", engine: "reference", ...extra });
    for (const cut of [
      { slabSlices: 4, viewsPerRead: 7 },
      { slabSlices: 1, viewsPerRead: 100 },
      { slabSlices: 50, viewsPerRead: 1 },
    ]) {
      const source = readFrom(sinogram);
      const parts = await collect(source, { grid, window: "hann", engine: "reference", ...extra, ...cut });
      expect(compare(parts, whole.data)).toBeLessThan(2e-6);
      const slabs = Math.ceil(11 / Math.min(11, cut.slabSlices));
      const pieces = Math.ceil(
        geometry.anglesRad.length / Math.min(geometry.anglesRad.length, cut.viewsPerRead),
      );
      expect(source.calls.length).toBe(slabs * pieces);
    }
  });

  it.each(["simd", "reference"])(
    "gives the numbers of the whole stack of planar slices, read once (%s)",
    async (engine) => {
      const random = createRandom(3);
      const one = projectRounds([{ ...balls[0], shape: "cylinder" }], flat);
      const data = new Float32Array(11 * one.data.length);
      for (let slice = 0; slice < 11; slice++) {
        const gain = random.nextUniform();
        for (let i = 0; i < one.data.length; i++) data[slice * one.data.length + i] = gain * one.data[i];
      }
      const sinogram = createSinogram("line integral", flat, 11, data);
      const whole = await reconstructFbp(sinogram, { grid, engine });
      const source = readFrom(sinogram);
      const done: number[] = [];
      const parts = await collect(source, {
        grid,
        engine,
        slabSlices: 4,
        onProgress: (p) => done.push(p.done),
      });
      expect(compare(parts, whole.data)).toBeLessThan(1e-6);
      expect(source.calls).toEqual([
        [0, 4],
        [4, 8],
        [8, 11],
      ]);
      expect(done).toEqual([4, 8, 11]);
    },
  );

  it("reports, stops when asked, and refuses pieces that do not fit", async () => {
    const sinogram = projectRounds(balls, cone);
    const source = readFrom(sinogram);
    const seen: string[] = [];
    const options = { grid, engine: "reference", slabSlices: 6, viewsPerRead: 40 };
    await collect(source, { ...options, onProgress: (p) => seen.push(`${p.done}/${p.total} ${p.unit}`) });
    expect(seen).toEqual(["40/122 views", "61/122 views", "101/122 views", "122/122 views"]);
    const controller = new AbortController();
    const stopped = collect(source, {
      ...options,
      signal: controller.signal,
      onProgress: () => controller.abort(new Error("enough")),
    });
    await expect(stopped).rejects.toThrow("enough");
    const short = { ...source, read: () => new Float32Array(7) };
    await expect(collect(short, options)).rejects.toMatchObject({ code: "SHAPE_MISMATCH" });
    await expect(collect({ ...source, slices: 2 }, options)).rejects.toMatchObject({
      code: "SHAPE_MISMATCH",
    });
    const holed = {
      ...source,
      read: (a: number, b: number) => new Float32Array((b - a) * 2400).fill(Number.NaN),
    };
    await expect(collect(holed, options)).rejects.toMatchObject({ code: "NON_FINITE" });
    for (const wrong of [{ slabSlices: 0 }, { viewsPerRead: 1.5 }]) {
      await expect(collect(source, { ...options, ...wrong })).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
    }
  });
});

describe("engines that hold threads and memory", () => {
  /** Counts how often it is opened, run while open, and disposed of. */
  function countUses(): { readonly engine: FbpEngine; readonly uses: Record<string, number> } {
    const uses = { opened: 0, runs: 0, disposed: 0, strayRuns: 0 };
    const { name, estimateBytes } = referenceEngine;
    const engine: FbpEngine = {
      name,
      estimateBytes,
      run: async () => {
        uses.strayRuns++;
      },
      open() {
        uses.opened++;
        return {
          name,
          estimateBytes,
          run: async (...call) => {
            uses.runs++;
            await referenceEngine.run(...call);
          },
          dispose: () => {
            uses.disposed++;
          },
        };
      },
    };
    return { engine, uses };
  }

  it("are opened once for all pieces, and disposed of at the end", async () => {
    const { engine, uses } = countUses();
    const sinogram = projectRounds(balls, cone);
    await collect(readFrom(sinogram), { grid, engine, slabSlices: 4, viewsPerRead: 25 });
    expect(uses).toEqual({ opened: 1, runs: 9, disposed: 1, strayRuns: 0 });
  });

  it("are disposed of when the caller leaves early and when a piece is refused", async () => {
    const sinogram = projectRounds(balls, cone);
    const early = countUses();
    for await (const slab of reconstructFbpSlabs(readFrom(sinogram), {
      grid,
      engine: early.engine,
      slabSlices: 4,
    })) {
      expect(slab.start).toBe(0);
      break;
    }
    expect(early.uses).toMatchObject({ opened: 1, disposed: 1 });
    const refused = countUses();
    const short = { ...readFrom(sinogram), read: () => new Float32Array(7) };
    await expect(collect(short, { grid, engine: refused.engine })).rejects.toMatchObject({
      code: "SHAPE_MISMATCH",
    });
    expect(refused.uses).toMatchObject({ opened: 1, disposed: 1 });
  });

  it("the reference engine hears an abort from a timer", async () => {
    const sinogram = projectRounds(balls, cone);
    const wide = createCentredGrid([40, 120, 120], [1, 1, 1]);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), 5);
    await expect(
      reconstructFbp(sinogram, { grid: wide, engine: "reference", signal: controller.signal }),
    ).rejects.toThrow("enough");
    const planar = projectRounds([{ ...balls[0], shape: "cylinder" }], {
      ...flat,
      anglesRad: spreadAngles(600, TURN),
    });
    const second = new AbortController();
    setTimeout(() => second.abort(new Error("enough")), 5);
    await expect(
      reconstructFbp(planar, {
        grid: createCentredGrid([1, 300, 300], [1, 0.4, 0.4]),
        engine: "reference",
        signal: second.signal,
      }),
    ).rejects.toThrow("enough");
  });
});

describe("the memory of FBP", () => {
  const large: ConeFlatGeometry = {
    ...cone,
    channels: 512,
    rows: 512,
    channelPitchMm: 0.8,
    rowPitchMm: 0.8,
    sourceToIsoMm: 1000,
    sourceToDetectorMm: 1536,
    anglesRad: spreadAngles(720, TURN),
  };
  const cube = createCentredGrid([512, 512, 512], [0.5, 0.5, 0.5]);

  it.each(["simd", "reference"])("for 512³ from 720 projections of 512² is under 4 GiB (%s)", (engine) => {
    const whole = planFbpSlabs(large, { grid: cube, engine, memoryLimitBytes: 2 ** 32 });
    expect(whole.memory.totalBytes).toBeLessThan(2 ** 32);
    // The finished slab and the one at work, a piece of the projections.
    expect(whole.memory.volumeBytes).toBeGreaterThanOrEqual(2 * 4 * 512 * 512 * whole.slabSlices);
    const atOnce = estimateFbpMemory(createFbpPlan(large, cube), fbpEngines.get(engine));
    expect(atOnce.projectionBytes).toBe(4 * 720 * 512 * 512);
    expect(atOnce.totalBytes).toBeLessThan(2 ** 32);
    const small = planFbpSlabs(large, { grid: cube, engine, memoryLimitBytes: 2 ** 29 });
    expect(small.memory.totalBytes).toBeLessThanOrEqual(2 ** 29);
    expect(small.slabSlices).toBeLessThan(whole.slabSlices);
    expect(small.slabSlices).toBeGreaterThan(8);
  });

  it("is counted as what the arrays take", () => {
    const plan = createFbpPlan(cone, grid);
    const memory = estimateFbpMemory(plan, referenceEngine);
    expect(memory.projectionBytes).toBe(4 * 61 * 30 * 80);
    expect(memory.volumeBytes).toBe(4 * 11 * 400);
    expect(memory.planBytes).toBe(8 * (30 * 80 + 256 + 61));
    // The sum in float64, places and weights of a slice, filtered rows.
    expect(memory.engineBytes).toBeGreaterThanOrEqual(8 * (11 * 400 + 2 * 400 + 20 * 80));
    expect(memory.engineBytes).toBeLessThan(8 * (11 * 400 + 2 * 400 + 31 * 80) + 100 * 256);
    expect(memory.totalBytes).toBe(
      memory.projectionBytes + memory.volumeBytes + memory.engineBytes + memory.planBytes,
    );
  });

  it("that is too little is said before starting, with both numbers and the way out", async () => {
    const sinogram = projectRounds(balls, cone);
    const need = estimateFbpMemory(createFbpPlan(cone, grid), referenceEngine).totalBytes;
    await expect(
      reconstructFbp(sinogram, { grid, engine: "reference", memoryLimitBytes: need - 1 }),
    ).rejects.toMatchObject({
      code: "TOO_LITTLE_MEMORY",
      message: expect.stringMatching(/needs 1 MiB .* allows 1 MiB; reconstruct slab by slab/),
    });
    await reconstructFbp(sinogram, { grid, engine: "reference", memoryLimitBytes: need });
    expect(() => planFbpSlabs(large, { grid: cube, memoryLimitBytes: 2 ** 20 })).toThrowError(
      expect.objectContaining({
        code: "TOO_LITTLE_MEMORY",
        message: expect.stringMatching(/needs \d+ MiB .* allows 1 MiB; pass fewer/),
      }),
    );
  });
});
