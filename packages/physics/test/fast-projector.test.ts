/**
 * The fast projector in every geometry: matched adjoint, agreement with the float64 Joseph, independence of threads,
 * subsets of views through one pool, and what it refuses.
 */
import { createRandom, createWasmPool, type ScanGeometry, selectViews } from "@alara/core";
import { describe, expect, it } from "vitest";
import { createFastProjector, createJosephProjector, type VolumeGrid } from "../src/index.ts";

const turn = (views: number, range = 2 * Math.PI): Float64Array =>
  Float64Array.from({ length: views }, (_, v) => 0.1 + (range * v) / views);
const source = { sourceToIsoMm: 500, sourceToDetectorMm: 900 };
const planarGrid: VolumeGrid = {
  ...{ slices: 1, rows: 31, columns: 40, rowSpacingMm: 9, columnSpacingMm: 7, sliceSpacingMm: 1 },
  ...{ firstSliceMm: 0, firstRowMm: -131, firstColumnMm: -143 },
};
const volumeGrid: VolumeGrid = {
  ...{ slices: 11, rows: 26, columns: 21, rowSpacingMm: 9, columnSpacingMm: 12, sliceSpacingMm: 7 },
  ...{ firstSliceMm: -33, firstRowMm: -110, firstColumnMm: -125 },
};
const rows = { rows: 14, rowPitchMm: 11, rowOffset: 0.3 };

const cases: Record<string, readonly [ScanGeometry, VolumeGrid]> = {
  parallel: [
    { kind: "parallel", channels: 61, channelPitchMm: 6, channelOffset: 0.25, anglesRad: turn(16) },
    { ...planarGrid, slices: 2 },
  ],
  "parallel along the axes": [
    {
      ...{ kind: "parallel", channels: 41, channelPitchMm: 7, channelOffset: 0 },
      anglesRad: Float64Array.of(0, Math.PI / 4, Math.PI / 2, Math.PI, -Math.PI / 4),
    },
    { ...planarGrid, slices: 4, columnSpacingMm: 9, firstColumnMm: -175.5, firstRowMm: -135 },
  ],
  "fan-arc": [
    {
      kind: "fan-arc",
      ...source,
      channels: 55,
      channelPitchRad: 0.013,
      channelOffset: 1.25,
      anglesRad: turn(23),
    },
    { ...planarGrid, slices: 9 },
  ],
  "fan-flat": [
    { kind: "fan-flat", ...source, channels: 50, channelPitchMm: 13, channelOffset: -3, anglesRad: turn(23) },
    { ...planarGrid, slices: 13, rows: 150, rowSpacingMm: 2 },
  ],
  "cone-flat": [
    {
      kind: "cone-flat",
      ...source,
      ...rows,
      channels: 33,
      channelPitchMm: 16,
      channelOffset: 0.5,
      anglesRad: turn(11),
    },
    volumeGrid,
  ],
  "cone-flat, grid taller than the beam, many bands": [
    {
      kind: "cone-flat",
      ...source,
      ...rows,
      rows: 5,
      channels: 20,
      channelPitchMm: 20,
      channelOffset: 0,
      anglesRad: turn(7),
    },
    { ...volumeGrid, slices: 40, firstSliceMm: -150, rows: 70, rowSpacingMm: 3.3 },
  ],
  "cone-curved, beam taller than the grid": [
    {
      kind: "cone-curved",
      ...source,
      ...rows,
      rows: 31,
      channels: 40,
      channelPitchRad: 0.015,
      channelOffset: 0,
      anglesRad: turn(11),
    },
    { ...volumeGrid, slices: 6, firstSliceMm: 4 },
  ],
  "cone-curved, wide cone, few slices": [
    {
      kind: "cone-curved",
      ...source,
      ...rows,
      rows: 13,
      rowPitchMm: 90,
      channels: 30,
      channelPitchRad: 0.02,
      channelOffset: 0,
      anglesRad: turn(9),
    },
    { ...volumeGrid, slices: 3, sliceSpacingMm: 60, firstSliceMm: -60 },
  ],
};

function draw(seed: number, length: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length }, () => random.nextNormal());
}
function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
const norm = (a: Float32Array): number => Math.sqrt(dot(a, a));

describe.each(Object.entries(cases))("createFastProjector: %s", (_name, [geometry, grid]) => {
  it("has a matched adjoint: |⟨Ax, y⟩ − ⟨x, Aᵀy⟩| ≤ 1e-5 ‖Ax‖ ‖y‖, summed in float64", async () => {
    const operator = createFastProjector(geometry, grid);
    for (const seed of [1, 2, 3]) {
      const x = draw(seed, operator.domainLength);
      const y = draw(seed + 10, operator.rangeLength);
      const ax = await operator.apply(x);
      const aty = await operator.applyAdjoint(y);
      expect(norm(aty)).toBeGreaterThan(0);
      expect(Math.abs(dot(ax, y) - dot(x, aty)) / (norm(ax) * norm(y))).toBeLessThan(1e-5);
    }
  });

  it("agrees with the float64 definition both ways to 1e-5 of the largest value, and overwrites", async () => {
    const operator = createFastProjector(geometry, grid);
    const reference = createJosephProjector(geometry, grid);
    const compare = (fast: Float32Array, exact: Float64Array): void => {
      let worst = 0;
      let peak = 0;
      for (let i = 0; i < exact.length; i++) {
        worst = Math.max(worst, Math.abs(fast[i] - exact[i]));
        peak = Math.max(peak, Math.abs(exact[i]));
      }
      expect(fast.length).toBe(exact.length);
      expect(worst / peak).toBeLessThan(1e-5);
    };
    const x = draw(4, operator.domainLength);
    const y = draw(5, operator.rangeLength);
    const dirt = new Float32Array(operator.rangeLength).fill(7);
    expect(await operator.apply(x, dirt)).toBe(dirt);
    compare(dirt, reference.apply(Float64Array.from(x)));
    const rust = new Float32Array(operator.domainLength).fill(7);
    expect(await operator.applyAdjoint(y, rust)).toBe(rust);
    compare(rust, reference.applyAdjoint(Float64Array.from(y)));
  });

  it("gives the same bytes from one, two and three threads", async () => {
    const results = [];
    for (const threads of [1, 2, 3]) {
      const operator = createFastProjector(geometry, grid, { threads });
      results.push([
        await operator.apply(draw(6, operator.domainLength)),
        await operator.applyAdjoint(draw(7, operator.rangeLength)),
      ]);
      operator.dispose();
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });
});

describe("createFastProjector", () => {
  it.each(["fan-flat", "cone-curved, beam taller than the grid"])(
    "serves subsets of the views from one pool, at the same time: %s",
    async (name) => {
      const [geometry, grid] = cases[name];
      const pool = createWasmPool({ threads: 2 });
      const views = [[0, 3, 6, 9], [1, 4, 7, 10], [2], [5, 8]];
      const planar = { ...grid, slices: Math.min(4, grid.slices) };
      const parts = views.map((subset) =>
        createFastProjector(selectViews(geometry, subset), planar, { pool }),
      );
      const x = draw(8, parts[0].domainLength);
      const got = await Promise.all(parts.map((part) => part.apply(x)));
      for (let i = 0; i < views.length; i++) {
        const exact = createJosephProjector(selectViews(geometry, views[i]), planar).apply(
          Float64Array.from(x),
        );
        const peak = exact.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
        for (let k = 0; k < exact.length; k++) {
          if (!(Math.abs(got[i][k] - exact[k]) <= 1e-5 * peak)) throw new Error(`subset ${i} sample ${k}`);
        }
        parts[i].dispose();
      }
      expect(await createFastProjector(selectViews(geometry, views[0]), planar, { pool }).apply(x)).toEqual(
        got[0],
      );
      pool.dispose();
    },
  );

  it("refuses posed detectors, steep cones, arrays of other sizes and grids that reach the source", async () => {
    const [geometry, grid] = cases["cone-flat"];
    const posed: ScanGeometry = { kind: "posed", channels: 2, rows: 2, poses: new Float64Array(12) };
    expect(() => createFastProjector(posed, grid)).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED_GEOMETRY" }),
    );
    const steep = { ...geometry, rowPitchMm: 110 } as ScanGeometry;
    expect(() => createFastProjector(steep, grid)).toThrow(/35°/);
    const wide = { ...grid, rowSpacingMm: 90 };
    expect(() => createFastProjector(geometry, wide)).toThrow(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
    const operator = createFastProjector(geometry, grid);
    await expect(operator.apply(new Float32Array(3))).rejects.toThrow(/3 samples/);
    await expect(operator.applyAdjoint(new Float32Array(3))).rejects.toThrow(/3 samples/);
    await expect(
      operator.apply(new Float32Array(operator.domainLength), new Float32Array(1)),
    ).rejects.toThrow(/1 samples/);
  });

  it("aborts", async () => {
    const [geometry, grid] = cases["fan-arc"];
    const controller = new AbortController();
    const operator = createFastProjector(geometry, grid, { signal: controller.signal });
    controller.abort(new Error("no more"));
    await expect(operator.apply(new Float32Array(operator.domainLength))).rejects.toThrow("no more");
  });
});
