/**
 * Beam hardening: the polynomial against its published errors, cupping of water cylinders, bands between bones.
 */
import { createCentredGrid, createSinogram, type FanArcGeometry, type Sinogram } from "@alara/core";
import {
  computeMuCurve,
  computeMuPerMm,
  computePolyLineIntegral,
  createRayCaster,
  createScanGeometry,
  type Material,
  materials,
  type Spectrum,
  scanners,
  spectra,
} from "@alara/physics";
import { describe, expect, it } from "vitest";
import {
  correctBeamHardening,
  correctBoneHardening,
  evaluateBeamHardening,
  fitBeamHardening,
  reconstructFbp,
} from "../src/index.ts";

const water = materials.get("water");
const bone = materials.get("cortical-bone");

/** A rod along z. */
interface Rod {
  readonly xMm: number;
  readonly yMm: number;
  readonly radiusMm: number;
}

/** Exact chords and energy-integrated signals of a water cylinder with rods of bone in it. */
function scanCylinder(
  spectrum: Spectrum,
  geometry: FanArcGeometry,
  radiusMm: number,
  rods: readonly Rod[] = [],
  rodMaterial: Material = bone,
): Sinogram<"line integral", FanArcGeometry> {
  const caster = createRayCaster(geometry);
  const ray = new Float64Array(6);
  const muWater = computeMuCurve(water, spectrum.energiesKev);
  const muBone = computeMuCurve(rodMaterial, spectrum.energiesKev);
  const weights = spectrum.photons.map((count, i) => count * spectrum.energiesKev[i]);
  const open = weights.reduce((sum, weight) => sum + weight, 0);
  const chord = ({ xMm, yMm, radiusMm: r }: Rod): number => {
    const s = (xMm - ray[0]) * ray[4] - (yMm - ray[1]) * ray[3];
    return 2 * Math.sqrt(Math.max(0, r * r - s * s));
  };
  const views = geometry.anglesRad.length;
  const data = new Float32Array(views * geometry.channels);
  const waterOnly = new Map<number, number>();
  for (let v = 0; v < views; v++) {
    for (let c = 0; c < geometry.channels; c++) {
      caster.cast(v, 0, c, ray);
      const bones = rods.reduce((sum, rod) => sum + chord(rod), 0);
      const key = bones === 0 ? c : -1;
      let p = key >= 0 ? waterOnly.get(key) : undefined;
      if (p === undefined) {
        const path = chord({ xMm: 0, yMm: 0, radiusMm }) - bones;
        let signal = 0;
        for (let i = 0; i < weights.length; i++) {
          signal += weights[i] * Math.exp(-muWater[i] * path - muBone[i] * bones);
        }
        p = -Math.log(signal / open);
        if (key >= 0) waterOnly.set(key, p);
      }
      data[v * geometry.channels + c] = p;
    }
  }
  return createSinogram("line integral", geometry, 1, data);
}

/** Mean HU of the pixels that fulfil a condition on their place. */
function meanHu(
  data: Float32Array,
  size: number,
  pixelMm: number,
  muWater: number,
  isInside: (xMm: number, yMm: number) => boolean,
): number {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < data.length; i++) {
    const y = (Math.floor(i / size) - (size - 1) / 2) * pixelMm;
    const x = ((i % size) - (size - 1) / 2) * pixelMm;
    if (!isInside(x, y)) continue;
    sum += 1000 * (data[i] / muWater - 1);
    count++;
  }
  expect(count).toBeGreaterThan(5);
  return sum / count;
}

describe("the water polynomial", () => {
  it.each([
    ["ct-120", 70, 3, 2.2e-3],
    ["ct-120", 70, 4, 5e-4],
    ["ct-120", 70, 5, 1.2e-4],
    ["ct-120", 70, 6, 2.8e-5],
  ])(
    "of %s to %d keV errs at order %d by no more than the published %s, with a fifth more",
    (name, energyKev, order, error) => {
      const fit = fitBeamHardening(spectra.get(name).create(), { energyKev, order });
      expect(fit.maxError).toBeLessThan(1.2 * error);
      expect(fit.maxError).toBeGreaterThan(0.5 * error);
    },
  );

  it.each([
    ["ct-80", 55, [0.91581816, 0.014665043]],
    ["ct-120", 70, [0.93566996, 0.012300909]],
    ["ct-140", 75, [0.94958364, 0.011922312]],
  ])("of %s to %d keV has nearly the published coefficients", (name, energyKev, wanted) => {
    const { coefficients } = fitBeamHardening(spectra.get(name).create(), { energyKev });
    expect(coefficients).toHaveLength(4);
    expect(Math.abs(coefficients[0] / wanted[0] - 1)).toBeLessThan(0.01);
    expect(Math.abs(coefficients[1] / wanted[1] - 1)).toBeLessThan(0.1);
  });

  it("goes through 0 and on as straight lines", () => {
    const fit = fitBeamHardening(spectra.get("ct-120").create(), { energyKev: 70, longestPathMm: 300 });
    expect(evaluateBeamHardening(fit, 0)).toBe(0);
    expect(evaluateBeamHardening(fit, -0.01)).toBeCloseTo(-0.01 * fit.coefficients[0], 12);
    const end = fit.largestLineIntegral;
    const a = evaluateBeamHardening(fit, end);
    const b = evaluateBeamHardening(fit, end + 0.1);
    const c = evaluateBeamHardening(fit, end + 0.2);
    expect(c - b).toBeCloseTo(b - a, 12);
    expect(b - a).toBeCloseTo(a - evaluateBeamHardening(fit, end - 0.1), 3);
  });

  it("is a straight line for one energy, and refuses what is none", () => {
    const line = { name: "line", energiesKev: Float64Array.of(60), photons: Float64Array.of(1) };
    const fit = fitBeamHardening(line, { energyKev: 70, order: 1 });
    expect(fit.coefficients[0]).toBeCloseTo(computeMuPerMm(water, 70) / computeMuPerMm(water, 60), 10);
    expect(fit.maxError).toBeLessThan(1e-10);
    for (const options of [{ order: 0 }, { order: 9 }, { order: 2.5 }, { points: 3 }, { longestPathMm: 0 }]) {
      expect(() => fitBeamHardening(line, { energyKev: 70, ...options })).toThrow(
        expect.objectContaining({ code: "OUT_OF_RANGE" }),
      );
    }
    expect(() => fitBeamHardening(line, { energyKev: 0.5 })).toThrow(
      expect.objectContaining({ code: "ENERGY_OUT_OF_TABLE" }),
    );
    const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 4, channelBinning: 8 });
    const bad = createSinogram("line integral", geometry);
    bad.data[7] = Number.POSITIVE_INFINITY;
    expect(() => correctBeamHardening(bad, fit)).toThrow(expect.objectContaining({ code: "NON_FINITE" }));
  });
});

describe("cupping of water at 120 kV", () => {
  it.each([200, 300, 400])("of %d mm falls below 0.5 HU", async (diameter) => {
    const spectrum = spectra.get("ct-120").create();
    const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 246, channelBinning: 2 });
    const radius = diameter / 2;
    const sinogram = scanCylinder(spectrum, geometry, radius);
    const size = 96;
    const pixel = (diameter * 1.05) / size;
    const grid = createCentredGrid([1, size, size], [1, pixel, pixel]);
    const fit = fitBeamHardening(spectrum, { energyKev: 70 });
    const measure = async (data: typeof sinogram, muWater: number): Promise<readonly [number, number]> => {
      const image = (await reconstructFbp(data, { grid, window: "hann" })).data;
      const ring = (from: number, to: number): number =>
        meanHu(image, size, pixel, muWater, (x, y) => {
          const r = Math.hypot(x, y) / radius;
          return r >= from && r <= to;
        });
      return [ring(0, 0.15), ring(0.8, 0.9)];
    };
    const [centre, edge] = await measure(correctBeamHardening(sinogram, fit), fit.muPerMm);
    expect(Math.abs(edge - centre)).toBeLessThan(0.5);
    expect(Math.abs(centre)).toBeLessThan(0.5);
    const mu = computePolyLineIntegral(spectrum, water, diameter) / diameter;
    const [rawCentre, rawEdge] = await measure(sinogram, mu);
    expect(rawEdge - rawCentre).toBeGreaterThan(15);
  });
});

describe("the bone correction", () => {
  it.each([
    ["cortical-bone", 30, 20, 0.005],
    ["vertebral-bone", 6, 10, 0.01],
  ])(
    "takes the dark band between rods of %s, of more than %d HU, to less than 1/%d and leaves water alone",
    async (name, least, factor, tolerance) => {
      const rodMaterial = materials.get(name);
      const spectrum = spectra.get("ct-120").create();
      const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 328, channelBinning: 2 });
      const rods = [
        { xMm: -50, yMm: 0, radiusMm: 15 },
        { xMm: 50, yMm: 0, radiusMm: 15 },
      ];
      const sinogram = scanCylinder(spectrum, geometry, 100, rods, rodMaterial);
      const size = 160;
      const pixel = 1.35;
      const grid = createCentredGrid([1, size, size], [1, pixel, pixel]);
      const fit = fitBeamHardening(spectrum, { energyKev: 70 });
      const image = async (data: typeof sinogram): Promise<Float32Array> =>
        (await reconstructFbp(data, { grid, window: "hann" })).data;
      const band = (data: Float32Array): number =>
        meanHu(data, size, pixel, fit.muPerMm, (x, y) => Math.abs(x) < 20 && Math.abs(y) < 6);
      const aside = (data: Float32Array): number =>
        meanHu(data, size, pixel, fit.muPerMm, (x, y) => Math.abs(x) < 20 && Math.abs(Math.abs(y) - 60) < 8);
      const rodHu = (data: Float32Array): number =>
        meanHu(data, size, pixel, fit.muPerMm, (x, y) => Math.hypot(x - 50, y) < 9);
      const before = await image(correctBeamHardening(sinogram, fit));
      const corrected = await correctBoneHardening(sinogram, { spectrum, energyKev: 70, grid });
      const after = await image(corrected);
      const wrongBefore = band(before) - aside(before);
      const wrongAfter = band(after) - aside(after);
      expect(wrongBefore).toBeLessThan(-least);
      expect(Math.abs(wrongAfter)).toBeLessThan(Math.abs(wrongBefore) / factor);
      expect(Math.abs(aside(after))).toBeLessThan(3);
      const truth = 1000 * (computeMuPerMm(rodMaterial, 70) / fit.muPerMm - 1);
      expect(Math.abs(rodHu(after) / truth - 1)).toBeLessThan(tolerance);
    },
  );

  it("changes nothing beyond the water correction where there is no bone, and refuses bad options", async () => {
    const spectrum = spectra.get("ct-120").create();
    const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 60, channelBinning: 4 });
    const sinogram = scanCylinder(spectrum, geometry, 100);
    const grid = createCentredGrid([1, 48, 48], [1, 4.5, 4.5]);
    const options = { spectrum, energyKev: 70, grid };
    const corrected = await correctBoneHardening(sinogram, options);
    const plain = correctBeamHardening(sinogram, fitBeamHardening(spectrum, { energyKev: 70, order: 6 }));
    let worst = 0;
    plain.data.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - corrected.data[i]));
    });
    expect(worst).toBeLessThan(2e-4);
    for (const bad of [
      { rounds: 0 },
      { thresholdHu: -5 },
      { thresholdHu: 5000 },
      { thresholdHu: Number.NaN },
    ]) {
      await expect(correctBoneHardening(sinogram, { ...options, ...bad })).rejects.toMatchObject({
        code: "OUT_OF_RANGE",
      });
    }
  });
});
