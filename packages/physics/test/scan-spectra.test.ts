/**
 * Scans with the tube's and linac's spectra and phantoms of solids: line integrals of water against the table of
 * tomography.md §3.5, the noise of simulated energy-integrating scans through low-dose insertion.
 */
import { describe, expect, it } from "vitest";
import {
  type Acquisition,
  computeRelativeQuantumSizes,
  createMaterialProjector,
  createParallelGeometry,
  createScanGeometry,
  drawScan,
  insertSinogramNoise,
  type MaterialPhantom,
  materials,
  prepareScan,
  type ScannedObject,
  scanners,
  simulateScan,
  spectra,
} from "../src/index.ts";

const noiseless = { seed: 1, quantumNoise: false, electronicNoise: false };
const water = materials.get("water");

describe("water in real beams", () => {
  const phantom: MaterialPhantom = {
    name: "20 cm of water",
    composition: "replace",
    solids: [
      {
        shape: {
          kind: "cylinder",
          centreMm: [0, 0, 0],
          semiAxesMm: [100, 100],
          halfLengthMm: Number.POSITIVE_INFINITY,
        },
        content: water,
      },
    ],
  };

  it.each([
    ["ct-80", 4.464],
    ["ct-100", 4.173],
    ["ct-120", 3.97],
    ["ct-140", 3.814],
    ["mv-2.5", 1.673],
    ["mv-6-unfiltered", 1.093],
    ["mv-6", 0.939],
  ])("%s: p behind 20 cm is %f to 0.3 %%", async (name, wanted) => {
    // A channel on the axis: an odd number of channels without offset.
    const geometry = createScanGeometry(
      { ...scanners.get("catsim"), channels: 45, channelOffset: 0 },
      { views: 2 },
    );
    const scan = await simulateScan(
      createMaterialProjector(phantom),
      geometry,
      {
        spectrum: spectra.get(name).create(),
        exposure: { incidentQuanta: 1e6 },
        detector: "ideal-integrating",
      },
      noiseless,
    );
    expect(Math.abs(scan.lineIntegrals.data[22] / wanted - 1)).toBeLessThan(0.003);
    expect(scan.clampedSamples).toBe(0);
  });
});

describe("low-dose insertion into an energy-integrating scan", () => {
  it.each([0.25, 0.03])(
    "at %f of the dose has the σ of a scan at that dose within 2 %%",
    async (doseFraction) => {
      const geometry = createParallelGeometry({ channels: 160, channelPitchMm: 1, views: 160 });
      const slab: ScannedObject = {
        materials: [water],
        integrate: (_ray, lengths) => {
          lengths[0] = 220;
        },
      };
      const acquisition: Acquisition = {
        spectrum: spectra.get("ct-120").create(),
        exposure: { incidentQuanta: 8e4 },
        detector: "gos",
      };
      const prepared = await prepareScan(slab, geometry, acquisition);
      const sizes = computeRelativeQuantumSizes(prepared);
      expect(sizes[0]).toBeGreaterThan(1.02);
      const full = drawScan(prepared, { seed: 1 });
      const low = drawScan(prepared, { seed: 2, doseFraction });
      const made = insertSinogramNoise(full.lineIntegrals, {
        doseFraction,
        airQuanta: full.air.data.map((value) => value / full.signalPerQuantum),
        electronicNoiseQuanta: full.electronicNoiseQuanta,
        relativeQuantumSize: sizes,
        seed: 3,
      });
      const measure = (values: Float32Array): { mean: number; sigma: number } => {
        let mean = 0;
        let square = 0;
        for (const value of values) mean += value / values.length;
        for (const value of values) square += (value - mean) ** 2 / values.length;
        return { mean, sigma: Math.sqrt(square) };
      };
      const wanted = measure(low.lineIntegrals.data);
      const is = measure(made.lineIntegrals.data);
      // Standard error of the ratio: 1/√25 600 = 0.6 %.
      expect(Math.abs(is.sigma / wanted.sigma - 1)).toBeLessThan(0.02);
      expect(Math.abs(is.mean - wanted.mean)).toBeLessThan(4 * wanted.sigma * Math.sqrt(2 / 25_600));
    },
  );
});
