/**
 * Projector conformance: every registered projector in every geometry against its adjoint, linearity, non-negativity
 * and the exact line integrals of discs and balls; the SIMD projector against the float64 definition.
 */
import {
  countDetectorRows,
  createCentredGrid,
  createRandom,
  isPlanarGeometry,
  type ScanGeometry,
} from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  convertPhantomToMu,
  createFastJosephProjector,
  createJosephProjector,
  createPlaneGrid,
  createRandomBodyPhantom,
  createScanGeometry,
  createVolumeGrid,
  createWaterCylinder,
  PhysicsError,
  projectors,
  projectPhantom,
  projectValuePhantom,
  scanners,
  type ValuePhantom,
  type VolumeGrid,
  voxelizePhantom,
  voxelizeSolids,
} from "../src/index.ts";
import { computeDot, computeLength, drawNormals, gridCases, scanCases } from "./projector-cases.ts";

describe.each([...projectors.entries()])("projector %s", (name, create) => {
  for (const [scanName, geometry] of scanCases) {
    if (!create.supports(geometry)) {
      it(`refuses ${scanName}`, () => {
        expect(() => create(geometry, gridCases[0][1])).toThrow(
          expect.objectContaining({ code: "UNSUPPORTED_GEOMETRY" }),
        );
      });
      continue;
    }
    for (const [gridName, grid] of gridCases) {
      it(`has an exact adjoint, is linear and not negative: ${scanName}, ${gridName}`, () => {
        const operator = create(geometry, grid);
        expect(operator.name).toBe(name);
        const x = drawNormals(operator.domainLength, 11);
        const z = drawNormals(operator.domainLength, 12);
        const y = drawNormals(operator.rangeLength, 13);
        const ax = operator.apply(x);
        const left = computeDot(ax, y);
        const right = computeDot(x, operator.applyAdjoint(y));
        expect(computeLength(ax)).toBeGreaterThan(0);
        expect(Math.abs(left - right) / (computeLength(ax) * computeLength(y))).toBeLessThan(1e-12);
        const mixed = operator.apply(x.map((value, i) => 2 * value - 3 * z[i]));
        const az = operator.apply(z);
        const difference = mixed.map((value, i) => value - 2 * ax[i] + 3 * az[i]);
        expect(computeLength(difference) / computeLength(mixed)).toBeLessThan(1e-13);
        expect(operator.apply(x.map(Math.abs)).every((value) => value >= 0)).toBe(true);
        expect(operator.applyAdjoint(y.map(Math.abs)).every((value) => value >= 0)).toBe(true);
        // What stood in `out` before does not count.
        expect(operator.apply(x, new Float64Array(operator.rangeLength).fill(7))).toEqual(ax);
        const back = operator.applyAdjoint(y);
        expect(operator.applyAdjoint(y, new Float64Array(operator.domainLength).fill(7))).toEqual(back);
      });
    }

    it(`projects a cylinder (planar) or a ball as its exact line integrals: ${scanName}`, () => {
      const isPlanar = isPlanarGeometry(geometry);
      const phantom: ValuePhantom = {
        name: "disc or ball",
        composition: "replace",
        solids: [
          {
            shape: isPlanar
              ? { kind: "cylinder", centreMm: [8, -13, 0], semiAxesMm: [35, 35], halfLengthMm: Infinity }
              : { kind: "ellipsoid", centreMm: [4, -6, 1], semiAxesMm: [24, 24, 24] },
            content: 0.02,
          },
        ],
      };
      const size = isPlanar ? ([1, 240, 240] as const) : ([64, 80, 80] as const);
      const volumeGrid = createCentredGrid(size, isPlanar ? [1, 0.45, 0.45] : [0.9, 0.8, 0.8]);
      const volume = voxelizeSolids(phantom, volumeGrid, { subsamples: 4 });
      const operator = create(geometry, createVolumeGrid(volumeGrid));
      const projected = operator.apply(Float64Array.from(volume.data));
      // Distance-driven and footprint projectors give means over a cell.
      const isMean = name === "distance-driven" || name === "separable-footprint";
      const exact = projectValuePhantom(phantom, geometry, {
        raysPerChannel: isMean ? 16 : 1,
        raysPerRow: isMean ? 16 : 1,
      }).data;
      const peak = Math.max(...exact);
      let squares = 0;
      let worst = 0;
      let count = 0;
      for (let i = 0; i < exact.length; i++) {
        // Rays that graze the rim see its staircase of voxels; means over cells there are bent across a row's edges.
        if (exact[i] < 0.4 * peak) continue;
        worst = Math.max(worst, Math.abs(projected[i] - exact[i]));
        squares += (projected[i] - exact[i]) ** 2;
        count++;
      }
      expect(count).toBeGreaterThan(20);
      // Of the peak. Siddon's rays see the staircase of half-filled voxels all along the ball's surface.
      const isRough = name === "siddon" && !isPlanar;
      expect(Math.sqrt(squares / count) / peak).toBeLessThan(isRough ? 0.008 : 0.002);
      expect(worst / peak).toBeLessThan(isRough ? 0.03 : 0.01);
    });
  }
});

/** The first case of a kind with some of its fields changed. */
function changeScan(kind: ScanGeometry["kind"], changes: Record<string, unknown>): ScanGeometry {
  const found = scanCases.find(([name]) => name === kind);
  return { ...found?.[1], ...changes } as ScanGeometry;
}

describe("projectors", () => {
  it("keep the slices of a planar stack apart", () => {
    for (const [, create] of projectors.entries()) {
      const grid = gridCases[0][1];
      const geometry = scanCases[1][1];
      const stacked = create(geometry, grid);
      const single = create(geometry, { ...grid, slices: 1 });
      const x = drawNormals(stacked.domainLength, 3);
      const whole = stacked.apply(x);
      for (let slice = 0; slice < grid.slices; slice++) {
        const block = x.slice(slice * single.domainLength, (slice + 1) * single.domainLength);
        const part = whole.slice(slice * single.rangeLength, (slice + 1) * single.rangeLength);
        expect(single.apply(block)).toEqual(part);
      }
    }
  });

  it.each([
    ["OUT_OF_RANGE", changeScan("fan-arc", { sourceToIsoMm: 50 }), {}],
    ["OUT_OF_RANGE", changeScan("fan-arc", { channelPitchRad: 0.2 }), {}],
    ["OUT_OF_RANGE", changeScan("parallel", { channels: 0 }), {}],
    ["OUT_OF_RANGE", changeScan("parallel", { channelPitchMm: -1 }), {}],
    ["OUT_OF_RANGE", changeScan("parallel", { anglesRad: new Float64Array(0) }), {}],
    ["OUT_OF_RANGE", changeScan("cone-flat", { rowPitchMm: 0 }), {}],
    ["OUT_OF_RANGE", changeScan("cone-flat", {}), { columns: 2.5 }],
    ["OUT_OF_RANGE", changeScan("cone-flat", {}), { sliceSpacingMm: 0 }],
    ["NON_FINITE", changeScan("cone-flat", {}), { firstRowMm: Number.NaN }],
    ["NON_FINITE", changeScan("fan-flat", { anglesRad: Float64Array.of(0, Number.NaN) }), {}],
    ["NON_FINITE", changeScan("cone-curved", { rowOffset: Infinity }), {}],
  ] as const)("are refused with %s for what is no scan or grid: case %#", (code, geometry, changes) => {
    const grid: VolumeGrid = { ...gridCases[0][1], ...changes };
    for (const [, create] of projectors.entries()) {
      expect(() => create(geometry, grid)).toThrow(PhysicsError);
      expect(() => create(geometry, grid)).toThrow(expect.objectContaining({ code }));
    }
  });

  it("are refused for poses with a source in the grid or of another length", () => {
    const posed = changeScan("posed", {});
    if (posed.kind !== "posed") throw new Error("no posed case");
    const inside = posed.poses.slice();
    inside.set([10, 20, 3], 12);
    for (const name of ["joseph", "siddon"]) {
      const create = projectors.get(name);
      const grid = gridCases[0][1];
      expect(() => create({ ...posed, poses: inside }, grid)).toThrow(/view 1 at \(10, 20, 3\) mm/);
      expect(() => create({ ...posed, poses: inside.subarray(1) }, grid)).toThrow(/12 per view/);
      expect(() => create({ ...posed, poses: inside.map(() => Infinity) }, grid)).toThrow(
        expect.objectContaining({ code: "NON_FINITE" }),
      );
    }
  });

  it("refuse arrays of other lengths, naming both", () => {
    for (const [, create] of projectors.entries()) {
      const geometry = scanCases[3][1];
      const operator = create(geometry, gridCases[0][1]);
      expect(operator.rangeLength).toBe(7 * countDetectorRows(geometry) * 19);
      expect(() => operator.apply(new Float64Array(3))).toThrow(/volume has 3 samples, expected 1088/);
      expect(() => operator.applyAdjoint(new Float64Array(3))).toThrow(/3 samples, expected 931/);
      const x = new Float64Array(operator.domainLength);
      expect(() => operator.apply(x, new Float64Array(2))).toThrow(/output has 2/);
    }
  });
});

describe("createJosephProjector", () => {
  it("projects a finely voxelised disc of a clinical scan to 0.1 % of its peak (RMS)", () => {
    const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 8, channelBinning: 8 });
    const phantom = convertPhantomToMu(createWaterCylinder({ radiusMm: 90, xMm: 11, yMm: -20 }), 0.02);
    const volumeGrid = createCentredGrid([1, 400, 400], [1, 0.7, 0.7]);
    const volume = voxelizePhantom(phantom, volumeGrid);
    const operator = createJosephProjector(geometry, createVolumeGrid(volumeGrid));
    const projected = operator.apply(Float64Array.from(volume.data));
    const exact = projectPhantom(phantom, geometry).data;
    let squares = 0;
    let count = 0;
    for (let i = 0; i < exact.length; i++) {
      // Rays that graze the rim see its pixel staircase.
      if (exact[i] < 0.6) continue;
      squares += (projected[i] - exact[i]) ** 2;
      count++;
    }
    expect(Math.sqrt(squares / count)).toBeLessThan(0.001 * 3.6);
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
    const reference = createJosephProjector(geometry, createVolumeGrid(volumeGrid, [0, 4, -9]));
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
