/**
 * Lag and crosstalk: impulse responses, sums kept, and their place in a scan; saturation.
 */
import { describe, expect, it } from "vitest";
import {
  type Acquisition,
  applyCrosstalk,
  applyLag,
  createParallelGeometry,
  drawScan,
  estimateScanMemory,
  materials,
  prepareScan,
  type ScannedObject,
  scanDetectors,
} from "../src/index.ts";

const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);

describe("applyLag", () => {
  const lag = {
    viewTimeMs: 1,
    components: [
      { share: 0.3, decayMs: 2 },
      { share: 0.1, decayMs: 10 },
    ],
  };

  it("answers an impulse with its exponentials and keeps the sum", () => {
    const data = new Float32Array(200);
    data[5] = 1000;
    applyLag(data, 1, 200, 1, lag);
    const d = [Math.exp(-1 / 2), Math.exp(-1 / 10)];
    expect(data[4]).toBe(0);
    expect(data[5]).toBeCloseTo(1000 * (0.6 + 0.3 * (1 - d[0]) + 0.1 * (1 - d[1])), 3);
    for (const k of [1, 2, 7, 30]) {
      const wanted = 1000 * (0.3 * (1 - d[0]) * d[0] ** k + 0.1 * (1 - d[1]) * d[1] ** k);
      expect(data[5 + k]).toBeCloseTo(wanted, 4);
    }
    expect(sum(data)).toBeCloseTo(1000, 2);
  });

  it("leaves a steady signal alone and starts every slice anew", () => {
    const data = new Float32Array(2 * 30 * 2).fill(7);
    data.fill(3, 60);
    applyLag(data, 2, 30, 2, lag);
    for (let i = 0; i < 120; i++) expect(data[i]).toBeCloseTo(i < 60 ? 7 : 3, 5);
  });
});

describe("applyCrosstalk", () => {
  it("gives each neighbour its share and keeps the sum up to the border", () => {
    const data = new Float32Array(2 * 5 * 6);
    data[2 * 6 + 3] = 100;
    data[30] = 50;
    applyCrosstalk(data, 5, 6, { channelShare: 0.04, rowShare: 0.1 });
    expect(data[2 * 6 + 3]).toBeCloseTo(100 * 0.92 * 0.8, 4);
    expect(data[2 * 6 + 2]).toBeCloseTo(100 * 0.04 * 0.8, 4);
    expect(data[6 + 3]).toBeCloseTo(100 * 0.92 * 0.1, 4);
    expect(data[6 + 4]).toBeCloseTo(100 * 0.04 * 0.1, 4);
    expect(data[30]).toBeCloseTo(50 * 0.96 * 0.9, 4);
    expect(sum(data.subarray(0, 30))).toBeCloseTo(100, 3);
    expect(sum(data.subarray(30))).toBeCloseTo(50, 3);
  });
});

describe("in a scan", () => {
  const geometry = createParallelGeometry({ channels: 60, channelPitchMm: 1, views: 80 });
  const slab: ScannedObject = {
    materials: [materials.get("water")],
    integrate: (ray, lengths) => {
      lengths[0] = Math.abs(ray[0]) > 20 ? 0 : 100;
    },
  };
  const acquisition: Acquisition = {
    spectrum: 70,
    exposure: { incidentQuanta: 1000 },
    detector: { kind: "energy-integrating", name: "quiet", electronsPerKev: 1, electronicNoiseElectrons: 0 },
  };

  it("correlate the quanta's noise, not the readout's", async () => {
    const correlate = (data: Float32Array, lag: number): number => {
      let cross = 0;
      let square = 0;
      let mean = 0;
      for (const value of data) mean += value / data.length;
      for (let i = 0; i + lag < data.length; i++) {
        cross += (data[i] - mean) * (data[i + lag] - mean);
        square += (data[i] - mean) ** 2;
      }
      return cross / square;
    };
    const empty: ScannedObject = { materials: [], integrate: () => {} };
    const crosstalk = { channelShare: 0.1 };
    const leaky = drawScan(await prepareScan(empty, geometry, { ...acquisition, crosstalk }), { seed: 1 });
    // Kernel (0.1, 0.8, 0.1): correlation 0.16/0.66 at distance 1, 0.01/0.66 at 2.
    expect(Math.abs(correlate(leaky.signal.data, 1) - 0.16 / 0.66)).toBeLessThan(0.06);
    const lag = { viewTimeMs: 1, components: [{ share: 0.5, decayMs: 1 }] };
    const slow = drawScan(await prepareScan(empty, geometry, { ...acquisition, lag }), { seed: 1 });
    const d = Math.exp(-1);
    const h = [0.5 + 0.5 * (1 - d), ...Array.from({ length: 20 }, (_, k) => 0.5 * (1 - d) * d ** (k + 1))];
    const power = h.reduce((a, x) => a + x * x, 0);
    const cross = h.reduce((a, x, i) => a + x * (h[i + 1] ?? 0), 0);
    expect(Math.abs(correlate(slow.signal.data, 60) - cross / power)).toBeLessThan(0.06);
    const dark = { ...acquisition, exposure: { incidentQuanta: 1e-9 }, clampQuanta: 1e-12 } as const;
    const noisy = await prepareScan(empty, geometry, {
      ...dark,
      crosstalk,
      lag,
      detector: "ideal-integrating",
    });
    const readout = drawScan(noisy, { seed: 1 }).signal.data;
    expect(Math.abs(correlate(readout, 1))).toBeLessThan(0.06);
    expect(Math.abs(correlate(readout, 60))).toBeLessThan(0.06);
    // With air and object blurred alike, an empty scan has line integrals of 0.
    const still = drawScan(await prepareScan(empty, geometry, { ...acquisition, crosstalk, lag }), {
      seed: 1,
      quantumNoise: false,
      electronicNoise: false,
    });
    for (const p of still.lineIntegrals.data) expect(Math.abs(p)).toBeLessThan(1e-6);
  });

  it("say beforehand how much memory they take", async () => {
    const water = materials.get("water");
    const empty: ScannedObject = { materials: [water], integrate: (_ray, lengths) => lengths.fill(0) };
    const scatter = { coefficient: 0.01 };
    const spectrum = { name: "two", energiesKev: Float64Array.of(50, 80), photons: Float64Array.of(1, 2) };
    for (const change of [
      {},
      { scatter, spectrum },
      { scatter, detector: { kind: "photon-counting", name: "two", thresholdsKev: [20, 60] } },
    ] as const) {
      const settings = { ...acquisition, ...change };
      const memory = estimateScanMemory(geometry, settings);
      const prepared = await prepareScan(empty, geometry, settings);
      const { mean, air, variance, scatter: scattered, exact } = prepared;
      const arrays = [...mean, ...air, variance, scattered, exact?.slots];
      const bytes = (all: readonly (ArrayBufferView | null | undefined)[]): number =>
        all.reduce((total, array) => total + (array?.byteLength ?? 0), 0);
      expect(bytes(arrays)).toBe(memory.preparedBytes);
      const scan = drawScan(prepared, { seed: 1 });
      const drawn = new Set([scan, ...scan.bins].flatMap((s) => [s.signal, s.air, s.lineIntegrals]));
      expect(bytes([...drawn].map((sinogram) => sinogram.data))).toBe(memory.drawnBytes);
      await expect(
        prepareScan(empty, geometry, settings, { memoryLimitBytes: memory.totalBytes - 1 }),
      ).rejects.toMatchObject({ code: "TOO_LITTLE_MEMORY" });
    }
  });

  it("stop at the detector's limit and say how often", async () => {
    const limited = {
      ...acquisition,
      detector: { ...scanDetectors.get("ideal-integrating"), saturation: 70 * 17 * 900 },
    };
    const scan = drawScan(await prepareScan(slab, geometry, limited), { seed: 3 });
    const open = drawScan(
      await prepareScan(slab, geometry, { ...acquisition, detector: "ideal-integrating" }),
      {
        seed: 3,
      },
    );
    const above = open.signal.data.reduce((n, value) => n + (value >= 70 * 17 * 900 ? 1 : 0), 0);
    expect(scan.saturatedSamples).toBe(above);
    expect(above).toBeGreaterThan(500);
    expect(Math.max(...scan.signal.data)).toBe(Math.fround(70 * 17 * 900));
  });
});
