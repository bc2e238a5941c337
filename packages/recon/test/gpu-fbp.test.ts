/**
 * Filtered back-projection on a GPU against the float64 reference engine, in every geometry, whole and cut into slabs
 * and parts of views.
 */
import { createCentredGrid, createRandom, createSinogram, type Sinogram } from "@alara/core";
import { projectValuePhantom, type ValuePhantom } from "@alara/physics";
import { describe, expect, it } from "vitest";
import {
  createFbpPlan,
  createGpuFbpEngine,
  type FbpOptions,
  ReconError,
  reconstructFbp,
  referenceEngine,
} from "../src/index.ts";
import { requireGpuDevice } from "./gpu-device.ts";

const turn = (views: number, range = 2 * Math.PI): Float64Array =>
  Float64Array.from({ length: views }, (_, v) => (range * v) / views);

const source = { sourceToIsoMm: 400, sourceToDetectorMm: 700 };

const scans = [
  [
    "parallel",
    {
      kind: "parallel",
      channels: 80,
      channelPitchMm: 2,
      channelOffset: 0.25,
      anglesRad: turn(60, Math.PI),
    },
  ],
  [
    "fan-arc",
    {
      kind: "fan-arc",
      ...source,
      channels: 90,
      channelOffset: 0.25,
      channelPitchRad: 0.005,
      anglesRad: turn(72),
    },
  ],
  [
    "fan-flat",
    {
      kind: "fan-flat",
      ...source,
      channels: 96,
      channelOffset: 0.25,
      channelPitchMm: 3.5,
      anglesRad: turn(72),
    },
  ],
  [
    "cone-flat",
    {
      kind: "cone-flat",
      ...source,
      channels: 80,
      channelOffset: 0,
      channelPitchMm: 4,
      rows: 16,
      rowPitchMm: 5,
      rowOffset: 0.5,
      anglesRad: turn(48),
    },
  ],
  [
    "cone-curved",
    {
      kind: "cone-curved",
      ...source,
      channels: 80,
      channelOffset: 0,
      channelPitchRad: 0.0057,
      rows: 16,
      rowPitchMm: 5,
      rowOffset: 0,
      anglesRad: turn(48),
    },
  ],
] as const;

type Scan = (typeof scans)[number][1];

const phantom: ValuePhantom = {
  name: "ball with a bubble",
  composition: "replace",
  solids: [
    { shape: { kind: "ellipsoid", centreMm: [5, -8, 0], semiAxesMm: [48, 42, 45] }, content: 0.02 },
    { shape: { kind: "ellipsoid", centreMm: [-10, 9, 3], semiAxesMm: [12, 10, 9] }, content: 0.001 },
  ],
};

const isCone = (geometry: Scan): boolean => geometry.kind.startsWith("cone");

/** Exact projections with noise that makes neighbouring samples differ. */
function scanPhantom(geometry: Scan, slices: number): Sinogram<"line integral", Scan> {
  const random = createRandom(17);
  const heights = Array.from({ length: slices }, (_, s) => (s - (slices - 1) / 2) * 6);
  const exact = isCone(geometry)
    ? projectValuePhantom(phantom, geometry)
    : projectValuePhantom(phantom, geometry, { sliceHeightsMm: heights });
  const data = exact.data.map((value) => value + 0.02 * random.nextNormal());
  return createSinogram("line integral", geometry, isCone(geometry) ? 1 : slices, data);
}

describe.each(scans)("createGpuFbpEngine: %s", (_name, geometry) => {
  const slices = 5;
  const grid = createCentredGrid([slices, 45, 50], [6, 2.5, 2.3]);
  const sinogram = scanPhantom(geometry, slices);

  for (const [label, choice] of [
    ["whole", {}],
    ["cut to 12 kB", { bufferLimitBytes: 12288 }],
  ] as const) {
    it(`agrees with the reference to 1e-5 of the peak: ${label}`, async (context) => {
      const device = await requireGpuDevice(context);
      const engine = createGpuFbpEngine(device, choice);
      const options: FbpOptions = {
        grid,
        window: "hann",
        axisOffsetMm: isCone(geometry) ? [2, 3, -4] : [3, -4],
      };
      for (const oversampling of [1, 2] as const) {
        const got = await reconstructFbp(sinogram, { ...options, oversampling, engine });
        const expected = await reconstructFbp(sinogram, { ...options, oversampling, engine: "reference" });
        let peak = 0;
        let worst = 0;
        for (let i = 0; i < expected.data.length; i++) {
          peak = Math.max(peak, Math.abs(expected.data[i]));
          worst = Math.max(worst, Math.abs(expected.data[i] - got.data[i]));
        }
        expect(peak).toBeGreaterThan(0.015);
        expect(worst / peak).toBeLessThan(1e-5);
      }
      engine.dispose();
    });
  }
});

describe("createGpuFbpEngine", () => {
  const [, geometry] = scans[1];
  const grid = createCentredGrid([3, 20, 20], [6, 4, 4]);

  it("adds to the volume, reports progress and heeds the signal", async (context) => {
    const device = await requireGpuDevice(context);
    const engine = createGpuFbpEngine(device, { bufferLimitBytes: 2000 });
    const sinogram = scanPhantom(geometry, 3);
    const plan = createFbpPlan(geometry, grid);
    expect(engine.estimateBytes(plan)).toBeGreaterThan(20 * 20 * 4);
    const got = new Float32Array(1200).fill(1);
    const expected = new Float32Array(1200).fill(1);
    const seen: number[] = [];
    await engine.run(plan, sinogram.data, got, { onProgress: ({ done }) => seen.push(done) });
    await referenceEngine.run(plan, sinogram.data, expected, {});
    expect(seen).toEqual([1, 2, 3]);
    for (const [i, value] of got.entries()) expect(value).toBeCloseTo(expected[i], 5);
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await expect(engine.run(plan, sinogram.data, got, { signal: controller.signal })).rejects.toThrow(
      "enough",
    );
    // An abort leaves nothing behind that the next run trips over.
    await engine.run(plan, sinogram.data, got, {});
    engine.dispose();
    await expect(engine.run(plan, sinogram.data, got, {})).rejects.toThrow(ReconError);
  });

  it("refuses plans that no buffer holds", async (context) => {
    const device = await requireGpuDevice(context);
    const engine = createGpuFbpEngine(device, { bufferLimitBytes: 1000 });
    const run = engine.run(createFbpPlan(geometry, grid), new Float32Array(1), new Float32Array(1200), {});
    await expect(run).rejects.toThrow(expect.objectContaining({ code: "TOO_LITTLE_MEMORY" }));
    engine.dispose();
  });
});
