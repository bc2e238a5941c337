/**
 * Parts of the calibration: the coarse variance map against the full projection, photon numbers from σ, the
 * field of view, and bodies cut off by it.
 */
import { createCentredGrid, createRandom, createVolume } from "@alara/core";
import {
  createFastJosephProjector,
  createPlaneGrid,
  createRandomBodyPhantom,
  createScanGeometry,
  createWaterCylinder,
  scanners,
  voxelizePhantom,
} from "@alara/physics";
import { describe, expect, it } from "vitest";
import { createCoarseGrid, createCoarseImage, findFieldOfView } from "../src/low-dose/field-of-view.ts";
import {
  combineIncidentQuanta,
  computeVarianceCoefficients,
  solveIncidentQuanta,
} from "../src/low-dose/low-dose-calibration.ts";

const MU = 0.0193;
const scanner = scanners.get("ge-lightspeed");

describe("coarse variance map", () => {
  it.each(["chest", "abdomen"] as const)(
    "gives the variance of the full projection to 1 percent: %s",
    (region) => {
      const volumeGrid = createCentredGrid([1, 300, 300], [1, 1.3, 1.3]);
      const slice = voxelizePhantom(createRandomBodyPhantom(createRandom(8), { region }), volumeGrid, {
        subsamples: 3,
      }).data;
      const grid = createPlaneGrid(volumeGrid);
      const field = findFieldOfView(slice, 300, 300);
      const full = createScanGeometry(scanner, { views: 246 });
      const coarse = createScanGeometry(scanner, { views: 246, channelBinning: 4 });
      const fine = createCoarseImage(slice, grid, field, 1, MU);
      const small = createCoarseImage(slice, grid, field, 2, MU);
      const [fullProjection] = createFastJosephProjector(full, fine.grid).project([fine.data]);
      const [coarseProjection] = createFastJosephProjector(coarse, small.grid).project([small.data]);
      for (const [x, y] of [
        [0, 0],
        [60, 20],
        [-80, -35],
        [0, 70],
        [110, 0],
        [-30, -60],
      ]) {
        const a = computeVarianceCoefficients(fullProjection, full, x, y, 984, 1, 1);
        const b = computeVarianceCoefficients(coarseProjection, coarse, x, y, 984, 1, 1);
        // σ within 1 % is variance within 2 %.
        expect(Math.abs(Math.sqrt(b.quantum / a.quantum) - 1)).toBeLessThan(0.01);
      }
    },
  );
});

describe("solveIncidentQuanta", () => {
  it("inverts the variance model, with and without readout noise", () => {
    const coefficients = { quantum: 3e6, electronic: 5e7 };
    for (const quanta of [50, 1e4, 1e7]) {
      for (const readout of [0, 4, 40]) {
        const variance = coefficients.quantum / quanta + coefficients.electronic * (readout / quanta) ** 2;
        expect(solveIncidentQuanta(coefficients, Math.sqrt(variance), readout) / quanta).toBeCloseTo(1, 10);
      }
    }
  });
});

describe("combineIncidentQuanta", () => {
  it("follows the tube current where there are tiles and falls back to the series where there are none", () => {
    const tiles = [0, 1, 2].flatMap((slice) =>
      Array.from({ length: 40 }, () => ({ slice, row: 0, column: 0, sigmaHu: 1, meanHu: 40 })),
    );
    const perTile = tiles.map(({ slice }) => [1e5, 2e5, 2e5][slice]);
    const noise = {
      sigmaHu: 1,
      sizePixels: 16,
      tiles,
      window: { boostMm2: 0, cutoffPerMm: 0.5, order: 2 },
      frequenciesPerMm: new Float64Array(1),
      radialPower: new Float64Array(1),
      fittedRadialPower: new Float64Array(1),
      anatomyRadialPower: new Float64Array(1),
      fitNrmse: 0,
      sliceCorrelation: [1],
    };
    const { series, perSlice } = combineIncidentQuanta(noise, perTile, 20);
    expect(series).toBe(2e5);
    expect(perSlice[0]).toBeLessThan(1.15e5);
    expect(perSlice[2]).toBeGreaterThan(1.9e5);
    expect(perSlice[19]).toBe(2e5);
  });
});

describe("field of view", () => {
  it("is the inscribed circle when all beyond it is one value, else everything", () => {
    const slice = new Float32Array(64 * 64).fill(-2000);
    for (let i = 0; i < slice.length; i++) {
      if (Math.hypot(Math.floor(i / 64) - 31.5, (i % 64) - 31.5) < 32) slice[i] = 10 * Math.sin(i);
    }
    const field = findFieldOfView(slice, 64, 64);
    expect(field.paddingHu).toBe(-2000);
    expect(field.spans[0]).toBeGreaterThan(15);
    expect([field.spans[64], field.spans[65]]).toEqual([0, 64]);
    slice[3] = 5;
    const whole = findFieldOfView(slice, 64, 64);
    expect([whole.spans[0], whole.spans[1]]).toEqual([0, 64]);
  });

  it("continues a body that it cuts off, and nothing else", () => {
    const volumeGrid = createCentredGrid([1, 128, 128], [1, 1, 1]);
    const grid = createPlaneGrid(volumeGrid);
    const cut = voxelizePhantom(createWaterCylinder({ radiusMm: 80 }), volumeGrid).data;
    const inside = voxelizePhantom(createWaterCylinder({ radiusMm: 50 }), volumeGrid).data;
    const mass = (slice: Float32Array): number =>
      createCoarseImage(slice, grid, findFieldOfView(slice, 128, 128), 1, MU).data.reduce((a, b) => a + b, 0);
    expect(mass(inside) / (MU * Math.PI * 2500)).toBeCloseTo(1, 2);
    // The disc of 80 mm is seen through a square of 128 mm; its corners are continued by up to 40 mm.
    expect(mass(cut) / (MU * Math.PI * 6400)).toBeGreaterThan(0.97);
    expect(createCoarseGrid(grid, 2).rows).toBe(64 + 2 * 20);
    const padded = createVolume(
      "HU",
      volumeGrid,
      inside.map((value) => (value === -1000 ? -3024 : value)),
    );
    expect(mass(padded.data) / mass(inside)).toBeCloseTo(1, 2);
  });
});
