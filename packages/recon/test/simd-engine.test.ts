/**
 * The SIMD engine against the float64 reference in every geometry and weighting, for odd sizes and all lanes, and its
 * independence of threads, slabs of views and neighbouring slices.
 */
import { createCentredGrid, createRandom, createWasmPool } from "@alara/core";
import { describe, expect, it } from "vitest";
import type { FbpGeometry } from "../src/analytic/detector-line.ts";
import { createFbpPlan, type FbpPlan, type FbpPlanOptions } from "../src/analytic/plan.ts";
import { referenceEngine } from "../src/analytic/reference-engine.ts";
import { createSimdEngine, simdEngine } from "../src/simd/index.ts";
import { isCoveredBySimd } from "../src/simd/simd-engine.ts";

const turn = (views: number, range = 2 * Math.PI): Float64Array =>
  Float64Array.from({ length: views }, (_, v) => 0.3 + (range * v) / views);
const source = { sourceToIsoMm: 541, sourceToDetectorMm: 949 };
const rows = { rows: 13, rowPitchMm: 4, rowOffset: 0.75 };

interface Case {
  readonly geometry: FbpGeometry;
  readonly size: readonly [number, number, number];
  readonly spacing: readonly [number, number, number];
  readonly options?: FbpPlanOptions;
}
const cases: Record<string, Case> = {
  parallel: {
    geometry: {
      kind: "parallel",
      channels: 61,
      channelPitchMm: 5,
      channelOffset: 0.25,
      anglesRad: turn(40, Math.PI),
    },
    size: [7, 33, 38],
    spacing: [1, 6, 7],
    options: { window: "hann", axisOffsetMm: [9, -14] },
  },
  "fan-arc": {
    geometry: {
      kind: "fan-arc",
      ...source,
      channels: 75,
      channelPitchRad: 0.012,
      channelOffset: 1.25,
      anglesRad: turn(51),
    },
    size: [18, 30, 41],
    spacing: [1, 11, 9],
  },
  "fan-arc, short scan, finer samples": {
    geometry: {
      kind: "fan-arc",
      ...source,
      channels: 64,
      channelPitchRad: 0.014,
      channelOffset: 0,
      anglesRad: turn(45, 4.3),
    },
    size: [1, 31, 30],
    spacing: [1, 10, 10],
    options: { oversampling: 2, window: "shepp-logan" },
  },
  "fan-flat, displaced detector": {
    geometry: {
      kind: "fan-flat",
      ...source,
      channels: 50,
      channelPitchMm: 12,
      channelOffset: 14.25,
      anglesRad: turn(60),
    },
    size: [5, 34, 34],
    spacing: [1, 9, 9],
    options: { oversampling: 2 },
  },
  "fan-flat, displaced to the other side": {
    geometry: {
      kind: "fan-flat",
      ...source,
      channels: 51,
      channelPitchMm: 12,
      channelOffset: -14.25,
      anglesRad: turn(60),
    },
    size: [2, 34, 34],
    spacing: [1, 9, 9],
  },
  "fan-flat, some rays miss the grid": {
    geometry: {
      kind: "fan-flat",
      ...source,
      channels: 30,
      channelPitchMm: 12,
      channelOffset: 0.5,
      anglesRad: turn(37),
    },
    size: [4, 34, 34],
    spacing: [1, 12, 12],
    options: { detectorOffset: "ignore" },
  },
  "cone-flat": {
    geometry: {
      kind: "cone-flat",
      ...source,
      ...rows,
      channels: 66,
      channelPitchMm: 10,
      channelOffset: -0.5,
      anglesRad: turn(30),
    },
    size: [11, 27, 22],
    spacing: [3, 11, 13],
    options: { axisOffsetMm: [4, -8, 5] },
  },
  "cone-flat, finer samples, slices beyond the detector": {
    geometry: {
      kind: "cone-flat",
      ...source,
      ...rows,
      rows: 8,
      channels: 40,
      channelPitchMm: 11,
      channelOffset: 0,
      anglesRad: turn(25),
    },
    size: [14, 20, 21],
    spacing: [5, 13, 11],
    options: { oversampling: 2, window: "cosine" },
  },
  "cone-curved, short scan": {
    geometry: {
      kind: "cone-curved",
      ...source,
      ...rows,
      channels: 70,
      channelPitchRad: 0.0125,
      channelOffset: 0.5,
      anglesRad: turn(45, 4.4),
    },
    size: [6, 25, 30],
    spacing: [6, 11, 9],
  },
};

function prepare({ geometry, size, spacing, options }: Case): {
  plan: FbpPlan;
  data: Float32Array;
  length: number;
} {
  const plan = createFbpPlan(geometry, createCentredGrid(size, spacing), options);
  const isPlanar = !("rows" in geometry);
  const samples =
    geometry.anglesRad.length *
    geometry.channels *
    (isPlanar ? size[0] : (geometry as { rows: number }).rows);
  const random = createRandom(5);
  // White noise: every sample and frequency counts.
  const data = Float32Array.from({ length: samples }, () => random.nextNormal());
  return { plan, data, length: size[0] * size[1] * size[2] };
}

describe.each(Object.entries(cases))("simd engine: %s", (_name, item) => {
  it("agrees with the reference to 2e-4 of the largest value and adds to what is there", async () => {
    const { plan, data, length } = prepare(item);
    expect(isCoveredBySimd(plan)).toBe(true);
    const exact = new Float32Array(length).fill(0.01);
    const fast = exact.slice();
    await referenceEngine.run(plan, data, exact, {});
    await simdEngine.run(plan, data, fast, {});
    let worst = 0;
    let peak = 0;
    for (let i = 0; i < length; i++) {
      worst = Math.max(worst, Math.abs(fast[i] - exact[i]));
      peak = Math.max(peak, Math.abs(exact[i] - 0.01));
    }
    expect(peak).toBeGreaterThan(1e-4);
    expect(worst / peak).toBeLessThan(2e-4);
  });

  it("gives the same bytes from one, two and three threads, and from a pool", async () => {
    const { plan, data, length } = prepare(item);
    const run = async (options: Parameters<typeof createSimdEngine>[0]): Promise<Float32Array> => {
      const volume = new Float32Array(length);
      await createSimdEngine(options).run(plan, data, volume, {});
      return volume;
    };
    const one = await run({ threads: 1 });
    expect(await run({ threads: 2 })).toEqual(one);
    expect(await run({ threads: 3 })).toEqual(one);
    const pool = createWasmPool({ threads: 2 });
    expect(await run({ pool })).toEqual(one);
    expect(await run({ pool })).toEqual(one);
    pool.dispose();
  });
});

describe("simd engine", () => {
  it("gives a slice the same bytes in any company", async () => {
    const item = cases["fan-arc"];
    const { plan, data } = prepare(item);
    const perSlice = item.geometry.anglesRad.length * item.geometry.channels;
    const plane = item.size[1] * item.size[2];
    const all = new Float32Array(18 * plane);
    await simdEngine.run(plan, data, all, {});
    const single = createFbpPlan(item.geometry, createCentredGrid([1, 30, 41], item.spacing));
    for (const slice of [0, 5, 17]) {
      const alone = new Float32Array(plane);
      await simdEngine.run(single, data.subarray(slice * perSlice, (slice + 1) * perSlice), alone, {});
      expect(alone).toEqual(all.slice(slice * plane, (slice + 1) * plane));
    }
  });

  it.each(["fan-arc", "cone-flat"])("computes only the spans it is given: %s", async (name) => {
    const { plan, data, length } = prepare(cases[name]);
    const { grid } = plan;
    const spans = Int32Array.from({ length: 2 * grid.rows }, (_, i) => (i % 2 === 0 ? 5 : i < 20 ? 5 : 15));
    const whole = new Float32Array(length);
    const part = new Float32Array(length);
    await simdEngine.run(plan, data, whole, {});
    await createSimdEngine({ spans }).run(plan, data, part, {});
    for (let i = 0; i < length; i++) {
      const column = i % grid.columns;
      const row = Math.floor(i / grid.columns) % grid.rows;
      const isInside = column >= spans[2 * row] && column < spans[2 * row + 1];
      // Not toBe: that would make a report of every one of many thousand checks.
      if (part[i] !== (isInside ? whole[i] : 0))
        throw new Error(`pixel ${i} is ${part[i]}, not as the spans say`);
    }
  });

  it.each(["parallel", "cone-curved, short scan"])("reports progress and aborts: %s", async (name) => {
    const { plan, data, length } = prepare(cases[name]);
    const seen: number[] = [];
    let total = 0;
    const onProgress = (progress: { done: number; total: number }): void => {
      seen.push(progress.done);
      total = progress.total;
    };
    await simdEngine.run(plan, data, new Float32Array(length), { onProgress });
    expect(seen.at(-1)).toBe(total);
    const controller = new AbortController();
    controller.abort(new Error("no more"));
    await expect(
      simdEngine.run(plan, data, new Float32Array(length), { signal: controller.signal }),
    ).rejects.toThrow("no more");
  });

  it("gives the same bytes run after run when opened, and ends when disposed of", async () => {
    const { plan, data, length } = prepare(cases["cone-flat"]);
    const once = new Float32Array(length);
    await simdEngine.run(plan, data, once, {});
    for (const threads of [1, 2]) {
      const opened = createSimdEngine({ threads }).open?.(plan);
      if (opened === undefined) throw new Error("an engine with pools of its own opens");
      for (let run = 0; run < 3; run++) {
        const volume = new Float32Array(length);
        await opened.run(plan, data, volume, {});
        expect(volume).toEqual(once);
      }
      opened.dispose();
      await expect(opened.run(plan, data, new Float32Array(length), {})).rejects.toMatchObject({
        code: "WORKER_FAILED",
      });
    }
    const pool = createWasmPool({ threads: 1 });
    expect(createSimdEngine({ pool }).open).toBeUndefined();
    pool.dispose();
  });

  it("leaves fans that are too wide for its arc tangent to the reference", async () => {
    const geometry: FbpGeometry = {
      ...{ kind: "fan-arc", sourceToIsoMm: 200, sourceToDetectorMm: 400, channels: 70 },
      ...{ channelPitchRad: 0.02, channelOffset: 0, anglesRad: turn(40) },
    };
    const item: Case = { geometry, size: [2, 20, 20], spacing: [1, 9, 9] };
    const { plan, data, length } = prepare(item);
    expect(isCoveredBySimd(plan)).toBe(false);
    const exact = new Float32Array(length);
    const fast = new Float32Array(length);
    await referenceEngine.run(plan, data, exact, {});
    await simdEngine.run(plan, data, fast, {});
    expect(fast).toEqual(exact);
    expect(simdEngine.estimateBytes(plan)).toBe(referenceEngine.estimateBytes(plan));
  });

  it("estimates the memory it takes to within a factor of two", async () => {
    for (const name of ["fan-arc", "cone-flat"]) {
      const { plan, data, length } = prepare(cases[name]);
      const inner = createWasmPool({ threads: 1 });
      let largest = 0;
      const pool: typeof inner = {
        ...inner,
        use: (work) =>
          inner.use((scratch) => {
            const watch = (watched: typeof scratch): typeof scratch => ({
              ...watched,
              allocate(byteLength) {
                const offset = watched.allocate(byteLength);
                largest = Math.max(largest, offset + byteLength);
                return offset;
              },
              nest: () => watch(watched.nest()),
            });
            return work(watch(scratch));
          }),
      };
      const engine = createSimdEngine({ pool });
      await engine.run(plan, data, new Float32Array(length), {});
      expect(engine.estimateBytes(plan) / largest).toBeGreaterThan(0.5);
      expect(engine.estimateBytes(plan) / largest).toBeLessThan(2);
      pool.dispose();
    }
  });
});
