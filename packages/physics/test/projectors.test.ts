/**
 * Projector conformance: every registered projector against its adjoint, linearity and analytic phantoms; the
 * SIMD projector against the float64 definition.
 */
import { createCentredGrid, createRandom } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  convertPhantomToMu,
  createFastJosephProjector,
  createJosephProjector,
  createPlaneGrid,
  createRandomBodyPhantom,
  createScanGeometry,
  createWaterCylinder,
  PhysicsError,
  projectors,
  projectPhantom,
  scanners,
  voxelizePhantom,
} from "../src/index.ts";

const gridSizes = [
  { size: [1, 31, 40], spacing: [1, 9, 7], offset: [0, 0] },
  { size: [1, 24, 17], spacing: [1, 4, 11], offset: [6, -13] },
] as const;

describe.each([...projectors.entries()])("projector %s", (_name, create) => {
  for (const [scannerName, scanner] of scanners.entries()) {
    for (const { size, spacing, offset } of gridSizes) {
      it(`has an exact adjoint and is linear: ${scannerName}, ${size[1]} × ${size[2]}`, () => {
        const geometry = createScanGeometry(scanner, { views: 23, channelBinning: 16, startAngleRad: 0.1 });
        const grid = createPlaneGrid(createCentredGrid(size, spacing), offset);
        const operator = create(geometry, grid);
        const random = createRandom(11);
        const draw = (length: number): Float64Array =>
          Float64Array.from({ length }, () => random.nextNormal());
        const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * b[i], 0);
        const norm = (a: Float64Array): number => Math.sqrt(dot(a, a));
        const x = draw(operator.domainLength);
        const z = draw(operator.domainLength);
        const y = draw(operator.rangeLength);
        const ax = operator.apply(x);
        const left = dot(ax, y);
        const right = dot(x, operator.applyAdjoint(y));
        expect(Math.abs(left - right) / (norm(ax) * norm(y))).toBeLessThan(1e-12);
        const mixed = operator.apply(x.map((value, i) => 2 * value - 3 * z[i]));
        const az = operator.apply(z);
        const difference = mixed.map((value, i) => value - 2 * ax[i] + 3 * az[i]);
        expect(norm(difference) / norm(mixed)).toBeLessThan(1e-13);
      });
    }
  }

  it("projects a finely voxelised disc to 0.1 % of its peak (RMS)", () => {
    const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 8, channelBinning: 8 });
    const phantom = convertPhantomToMu(createWaterCylinder({ radiusMm: 90, xMm: 11, yMm: -20 }), 0.02);
    const volumeGrid = createCentredGrid([1, 400, 400], [1, 0.7, 0.7]);
    const volume = voxelizePhantom(phantom, volumeGrid);
    const projected = create(geometry, createPlaneGrid(volumeGrid)).apply(Float64Array.from(volume.data));
    const exact = projectPhantom(phantom, geometry).data;
    let squares = 0;
    let worst = 0;
    let count = 0;
    for (let i = 0; i < exact.length; i++) {
      // Rays that graze the rim see its pixel staircase.
      if (exact[i] < 0.6) continue;
      worst = Math.max(worst, Math.abs(projected[i] - exact[i]));
      squares += (projected[i] - exact[i]) ** 2;
      count++;
    }
    expect(Math.sqrt(squares / count)).toBeLessThan(0.001 * 3.6);
    expect(worst).toBeLessThan(0.005 * 3.6);
  });
});

describe("createJosephProjector", () => {
  it("refuses a grid that reaches the source and arrays of other sizes", () => {
    const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 4, channelBinning: 32 });
    const wide = createPlaneGrid(createCentredGrid([1, 800, 800], [1, 1, 1]));
    expect(() => createJosephProjector(geometry, wide)).toThrow(PhysicsError);
    const operator = createJosephProjector(
      geometry,
      createPlaneGrid(createCentredGrid([1, 8, 8], [1, 9, 9])),
    );
    expect(() => operator.apply(new Float64Array(3))).toThrow(/3 samples, expected 64/);
  });
});

describe("createFastJosephProjector", () => {
  it("agrees with the float64 definition to 2e-5 of the peak, in every lane", () => {
    const geometry = createScanGeometry(scanners.get("siemens-flash"), { views: 60, channelBinning: 6 });
    const volumeGrid = createCentredGrid([1, 150, 130], [1, 2.3, 2.9]);
    const grid = createPlaneGrid(volumeGrid, [4, -9]);
    const images = [1, 2, 3, 4, 5].map(
      (seed) =>
        voxelizePhantom(convertPhantomToMu(createRandomBodyPhantom(createRandom(seed)), 0.02), volumeGrid, {
          subsamples: 2,
        }).data,
    );
    const fast = createFastJosephProjector(geometry, grid);
    const reference = createJosephProjector(geometry, grid);
    const results = [...fast.project(images.slice(0, 4)), ...fast.project(images.slice(4))];
    results.forEach((sinogram, k) => {
      const exact = reference.apply(Float64Array.from(images[k]));
      let worst = 0;
      let peak = 0;
      for (let i = 0; i < exact.length; i++) {
        worst = Math.max(worst, Math.abs(exact[i] - sinogram[i]));
        peak = Math.max(peak, exact[i]);
      }
      expect(worst / peak).toBeLessThan(2e-5);
    });
    expect(() => fast.project([])).toThrow(PhysicsError);
    expect(() => fast.project([new Float64Array(4) as unknown as Float32Array])).toThrow(/pixels/);
  });
});
