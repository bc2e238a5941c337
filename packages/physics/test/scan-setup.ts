/** What tests of simulated scans share: a water cylinder, a spectrum, settings, moments. */
import type { FanArcGeometry } from "@alara/core";
import {
  type Acquisition,
  createScanGeometry,
  type DrawScanOptions,
  type EnergyIntegratingDetector,
  type Material,
  materials,
  type ScannedObject,
  type Scanner,
  type Spectrum,
  scanners,
} from "../src/index.ts";

export const water: Material = materials.get("water");

/** An endless cylinder of water along z. */
export function createCylinder(radiusMm: number, xMm = 0, yMm = 0): ScannedObject {
  return {
    materials: [water],
    integrate(ray, lengths) {
      const [x, y, , dx, dy] = ray;
      const inPlane = Math.hypot(dx, dy);
      const s = ((x - xMm) * dy - (y - yMm) * dx) / inPlane;
      lengths[0] = (2 * Math.sqrt(Math.max(0, radiusMm * radiusMm - s * s))) / inPlane;
    },
  };
}

/** Much like 120 kV behind aluminium: ten bins of 10 keV. */
export const spectrum: Spectrum = {
  name: "test 120 kV",
  energiesKev: Float64Array.from({ length: 10 }, (_, i) => 25 + 10 * i),
  photons: Float64Array.of(1e4, 9e4, 2e5, 2.3e5, 1.8e5, 1.3e5, 9e4, 6e4, 3e4, 1e4),
};

export const catsim: Scanner = scanners.get("catsim");
export const fan: FanArcGeometry = createScanGeometry(catsim, { views: 4, channelBinning: 20 });
export const quiet: EnergyIntegratingDetector = {
  kind: "energy-integrating",
  name: "quiet",
  electronsPerKev: 17,
  electronicNoiseElectrons: 0,
};
export const mono: Acquisition = { spectrum: 70, exposure: { incidentQuanta: 5e4 }, detector: quiet };
export const noiseless: DrawScanOptions = { seed: 1, quantumNoise: false, electronicNoise: false };

export function measureMoments(values: ArrayLike<number>): { mean: number; variance: number } {
  const n = values.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += values[i] / n;
  let variance = 0;
  for (let i = 0; i < n; i++) variance += (values[i] - mean) ** 2 / (n - 1);
  return { mean, variance };
}
