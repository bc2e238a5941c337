/** The detector's weights against whole scans. */
import { describe, expect, it } from "vitest";
import {
  type Acquisition,
  computePolyLineIntegral,
  createDetectedSpectrum,
  createTubeSpectrum,
  materials,
  scanDetectors,
  simulateScan,
} from "../src/index.ts";

const water = materials.get("water");

describe("createDetectedSpectrum", () => {
  it.each(["gos", "csi-panel", "ideal-integrating", "cdte-counting"])(
    "gives the line integrals that a scan with %s measures",
    async (detector) => {
      const acquisition: Acquisition = {
        spectrum: createTubeSpectrum(120, { binWidthKev: 5 }),
        exposure: { mAs: 100 },
        detector,
        filters: [{ material: materials.get("copper"), thicknessMm: 0.2 }],
      };
      const spectrum = createDetectedSpectrum(acquisition);
      const geometry = {
        kind: "fan-arc",
        sourceToIsoMm: 500,
        sourceToDetectorMm: 1000,
        channels: 1,
        channelPitchRad: 0.001,
        channelOffset: 0,
        anglesRad: Float64Array.of(0),
      } as const;
      for (const length of [1, 100, 300]) {
        const slab = {
          materials: [water],
          integrate: (_ray: Float64Array, lengths: Float64Array): void => {
            lengths[0] = length;
          },
        };
        const options = { seed: 1, quantumNoise: false, electronicNoise: false };
        const { lineIntegrals } = await simulateScan(slab, geometry, acquisition, options);
        const expected = computePolyLineIntegral(spectrum, water, length, { weighting: "photons" });
        expect(Math.abs(lineIntegrals.data[0] / expected - 1)).toBeLessThan(2e-5);
      }
      expect(spectrum.name).toContain(scanDetectors.get(detector).name);
    },
  );
});
