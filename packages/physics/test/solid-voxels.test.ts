/**
 * Voxels of solids: volumes of bodies, shares of voxels, labels, offsets, CT numbers; lesions in phantoms.
 */
import { createCentredGrid, type Vector3 } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  combinePhantoms,
  computeMaterialFractions,
  computeMuPerMm,
  computeShapeVolume,
  createAxes,
  createLesionPair,
  createSheppLoganHead,
  createSheppLoganPhantom,
  createValueProjector,
  createWaterEquivalent,
  createWaterPhantom,
  evaluatePhantom,
  getContentAt,
  insertLesion,
  insertValueLesion,
  labelSolids,
  listInserts,
  materials,
  removeLabelled,
  type Solid,
  type SolidShape,
  type ValuePhantom,
  voxelizeHu,
  voxelizeMu,
  voxelizePhantom,
  voxelizeSolids,
} from "../src/index.ts";

const phantomOf = (shape: SolidShape, clips: Solid<number>["clips"] = []): ValuePhantom => ({
  name: "one",
  composition: "replace",
  solids: [{ shape, clips, content: 1 }],
});

function sumVolume(data: Float32Array, voxelMm3: number): number {
  return data.reduce((sum, value) => sum + value, 0) * voxelMm3;
}

describe("voxelizeSolids", () => {
  const axes = createAxes({ aboutXRad: 0.5, aboutYRad: -0.9, aboutZRad: 0.3 });
  const shapes: readonly SolidShape[] = [
    { kind: "ellipsoid", centreMm: [1.3, -2, 0.7], semiAxesMm: [9, 6, 11], axes },
    { kind: "cylinder", centreMm: [0, 1, 2.2], semiAxesMm: [5, 8], halfLengthMm: 7, axes },
    { kind: "box", centreMm: [-1, 0.4, 0], halfSizesMm: [5, 7, 6], axes },
    {
      kind: "cone",
      centreMm: [0, 0, 0.5],
      bottomSemiAxesMm: [8, 4],
      topSemiAxesMm: [2, 1],
      halfLengthMm: 9,
      axes,
    },
    {
      kind: "cone",
      centreMm: [0, 0, 0.5],
      bottomSemiAxesMm: [0, 0],
      topSemiAxesMm: [7, 9],
      halfLengthMm: 9,
      axes,
    },
  ];
  it.each(shapes.map((shape) => [shape.kind, shape] as const))(
    "keeps the volume of a turned %s",
    (_kind, shape) => {
      const grid = createCentredGrid([36, 40, 30], [1, 0.9, 1.2]);
      const volume = sumVolume(voxelizeSolids(phantomOf(shape), grid).data, 1 * 0.9 * 1.2);
      expect(Math.abs(volume / computeShapeVolume(shape) - 1)).toBeLessThan(4e-4);
    },
  );

  it("halves a ball at a clip plane through its middle", () => {
    const shape: SolidShape = { kind: "ellipsoid", centreMm: [1, 2, 3], semiAxesMm: [8, 8, 8] };
    const grid = createCentredGrid([24, 24, 24], [1, 1, 1]);
    const normal: Vector3 = axes.x;
    const offsetMm = normal[0] + 2 * normal[1] + 3 * normal[2];
    const half = sumVolume(voxelizeSolids(phantomOf(shape, [{ normal, offsetMm }]), grid).data, 1);
    expect(Math.abs(half / ((2 / 3) * Math.PI * 512) - 1)).toBeLessThan(1e-3);
  });

  it("gives voxels their covered share, exact along x", () => {
    const shape: SolidShape = { kind: "box", centreMm: [0.35, 0, 0], halfSizesMm: [1, 1.5, 1.25] };
    const { data } = voxelizeSolids(phantomOf(shape), createCentredGrid([3, 3, 4], [1, 1, 1]));
    // Columns reach from −2, −1, 0, 1 on; the box from −0.65 to 1.35. Slices: 0.75, 1, 0.75.
    const row = [0, 0.65, 1, 0.35];
    for (let slice = 0; slice < 3; slice++) {
      for (let r = 0; r < 3; r++) {
        for (let c = 0; c < 4; c++) {
          expect(data[(slice * 3 + r) * 4 + c]).toBeCloseTo(row[c] * (slice === 1 ? 1 : 0.75), 6);
        }
      }
    }
  });

  it("puts the isocentre where asked", () => {
    const shape: SolidShape = { kind: "box", centreMm: [0, 0, 0], halfSizesMm: [0.5, 0.5, 0.5] };
    const { data } = voxelizeSolids(phantomOf(shape), createCentredGrid([5, 5, 5], [1, 1, 1]), {
      isocentreOffsetMm: [1, -2, 2],
    });
    expect(data.indexOf(1)).toBe((3 * 5 + 0) * 5 + 4);
    expect(data.reduce((a, b) => a + b, 0)).toBe(1);
  });

  it("makes the same of an endless rod and one that is merely longer than the grid", () => {
    const make = (halfLengthMm: number): ValuePhantom =>
      phantomOf({ kind: "cylinder", centreMm: [1.2, -0.4, 0], semiAxesMm: [4, 2.5], halfLengthMm });
    const grid = createCentredGrid([3, 16, 16], [2, 1, 1]);
    expect(voxelizeSolids(make(Infinity), grid).data).toEqual(voxelizeSolids(make(50), grid).data);
  });

  it("gives the 3D head's mid-plane the 2D head's pixels", () => {
    const grid = createCentredGrid([1, 64, 64], [1e-6, 1 / 32, 1 / 32]);
    const flat = voxelizePhantom(createSheppLoganPhantom(), grid, { subsamples: 4 });
    const solid = voxelizeSolids(createSheppLoganHead(), grid);
    flat.data.forEach((value, i) => {
      expect(Math.abs(value - solid.data[i])).toBeLessThan(1e-5);
    });
  });

  it("refuses bad options and values", () => {
    const phantom = phantomOf({ kind: "ellipsoid", centreMm: [0, 0, 0], semiAxesMm: [1, 1, 1] });
    const grid = createCentredGrid([1, 2, 2], [1, 1, 1]);
    expect(() => voxelizeSolids(phantom, grid, { subsamples: 2.5 })).toThrow(/subsamples 2.5/);
    const bad = { ...phantom, solids: [{ ...phantom.solids[0], content: Number.POSITIVE_INFINITY }] };
    expect(() => voxelizeSolids(bad, grid)).toThrow(expect.objectContaining({ code: "NON_FINITE" }));
  });
});

describe("phantoms of materials", () => {
  const phantom = createWaterPhantom({ radiusMm: 10, lengthMm: 16, shell: { thicknessMm: 2 } });
  const grid = createCentredGrid([24, 26, 26], [1, 1, 1]);

  it("fill voxels with shares that sum to the exact volumes", () => {
    const { materials: found, fractions } = computeMaterialFractions(phantom, grid);
    expect(found.map((material) => material.name)).toEqual(["catphan-acrylic", "water"]);
    const water = Math.PI * 100 * 16;
    const whole = Math.PI * 144 * 20;
    expect(Math.abs(sumVolume(fractions[1], 1) / water - 1)).toBeLessThan(2e-3);
    expect(Math.abs(sumVolume(fractions[0], 1) / (whole - water) - 1)).toBeLessThan(2e-3);
    fractions[0].forEach((share, i) => {
      const both = share + fractions[1][i];
      expect(both).toBeGreaterThanOrEqual(0);
      expect(both).toBeLessThan(1 + 1e-6);
    });
  });

  it("show µ and HU of their materials at the energy", () => {
    const mu = voxelizeMu(phantom, 60, grid);
    const hu = voxelizeHu(phantom, 60, grid);
    const at = (12 * 26 + 13) * 26 + 13;
    expect(mu.data[at]).toBeCloseTo(computeMuPerMm(materials.get("water"), 60), 9);
    expect(Math.abs(hu.data[at])).toBeLessThan(1e-3);
    expect(hu.data[0]).toBe(-1000);
    expect(hu.unit).toBe("HU");
    // §3.4: acrylic 102.7 HU at 60 keV; a voxel well in the wall, at x = −11.
    const wall = (12 * 26 + 13) * 26 + 2;
    expect(Math.abs(hu.data[wall] - 102.7)).toBeLessThan(1);
  });

  it("refuse energies outside the table", () => {
    expect(() => evaluatePhantom(phantom, 0.5)).toThrow(
      expect.objectContaining({ code: "ENERGY_OUT_OF_TABLE" }),
    );
  });

  it("label voxels by the last solid at their centre", () => {
    const labels = labelSolids(phantom, grid);
    expect(labels[0]).toBe(-1);
    expect(labels[(12 * 26 + 13) * 26 + 13]).toBe(1);
    expect(labels[(12 * 26 + 13) * 26 + 2]).toBe(0);
    expect(labels[(2 * 26 + 13) * 26 + 13]).toBe(0);
  });

  it("refuse to be combined across compositions", () => {
    const additive: ValuePhantom = { name: "a", composition: "additive", solids: [] };
    const replace: ValuePhantom = { name: "b", composition: "replace", solids: [] };
    expect(() => combinePhantoms("c", [additive, replace])).toThrow(/one composition/);
    expect(() => combinePhantoms("c", [])).toThrow(/one or more/);
  });

  it("come without sizes of 0", () => {
    expect(() => createWaterPhantom({ radiusMm: 0 })).toThrow(/radius 0/);
    expect(() => createWaterEquivalent(-1000)).toThrow(/-1000 HU/);
  });
});

describe("lesions", () => {
  const water = createWaterPhantom({ radiusMm: 50, lengthMm: 60 });

  it("have their contrast at every energy in water, and exactly their mass", () => {
    const { present, absent } = createLesionPair(water, {
      centreMm: [10, 5, -4],
      diameterMm: 12,
      contrastHu: 40,
    });
    for (const energyKev of [40, 70, 120]) {
      const muWater = computeMuPerMm(materials.get("water"), energyKev);
      const [inside, below] = [present, absent].map(
        (phantom) => getContentAt(evaluatePhantom(phantom, energyKev), [10, 5, -4]) ?? 0,
      );
      expect(1000 * (inside / muWater - 1)).toBeCloseTo(40, 6);
      expect(below).toBe(muWater);
    }
    const grid = createCentredGrid([60, 100, 100], [1, 1, 1]);
    const muWater = computeMuPerMm(materials.get("water"), 70);
    const [a, b] = [present, absent].map((phantom) => voxelizeMu(phantom, 70, grid).data);
    let added = 0;
    a.forEach((value, i) => {
      added += value - b[i];
    });
    expect(Math.abs(added / (0.04 * muWater * (Math.PI / 6) * 12 ** 3) - 1)).toBeLessThan(1e-3);
    expect(removeLabelled(present, "lesion")).toEqual(absent);
    expect(listInserts(present, "lesion")).toMatchObject([{ centreMm: [10, 5, -4], radiusMm: 6 }]);
  });

  it("fall off as a raised cosine over the edge, within contrast/(2·steps)", () => {
    for (const shape of ["sphere", "rod"] as const) {
      const phantom = insertValueLesion(
        { name: "e", composition: "replace", solids: [] },
        {
          shape,
          lengthMm: 20,
          centreMm: [0, 0, 0],
          diameterMm: 10,
          edgeWidthMm: 6,
          edgeSteps: 12,
          contrastPerMm: 1,
        },
      );
      expect(phantom.solids).toHaveLength(12);
      for (let r = 0; r < 10; r += 0.03) {
        const t = Math.min(1, Math.max(0, (r - 2) / 6));
        const smooth = 0.5 * (1 + Math.cos(Math.PI * t));
        const stepped = getContentAt(phantom, [r, 0, 0]) ?? 0;
        expect(Math.abs(stepped - smooth)).toBeLessThanOrEqual(1 / 24 + 1e-9);
      }
    }
  });

  it("add the same in additive phantoms as they replace on nothing", () => {
    const lesion = { centreMm: [1, 0, 0], diameterMm: 8, edgeWidthMm: 4, contrastPerMm: 0.3 } as const;
    const additive = insertValueLesion({ name: "a", composition: "additive", solids: [] }, lesion);
    const replace = insertValueLesion({ name: "r", composition: "replace", solids: [] }, lesion);
    const [p, q] = [additive, replace].map(createValueProjector);
    for (let y = -7; y < 7; y += 0.31) {
      const ray = Float64Array.of(-50, y, 0.4, 1, 0, 0);
      expect(p.integrate(ray)).toBeCloseTo(q.integrate(ray), 9);
    }
  });

  it("refuse what cannot be", () => {
    const lesion = { centreMm: [0, 0, 0], diameterMm: 10, contrastHu: 20 } as const;
    expect(() => insertLesion(water, { ...lesion, centreMm: [70, 0, 0] })).toThrow(/no solid of "water"/);
    expect(() => insertLesion(water, { ...lesion, diameterMm: 0 })).toThrow(/diameter 0/);
    expect(() => insertLesion(water, { ...lesion, edgeWidthMm: 11 })).toThrow(/edge width 11/);
    expect(() => insertLesion(water, { ...lesion, edgeWidthMm: 1, edgeSteps: 0 })).toThrow(/edgeSteps 0/);
    expect(() => insertLesion(water, { ...lesion, contrastHu: -1000 })).toThrow(/leaves a density/);
    const values: ValuePhantom = { name: "v", composition: "replace", solids: [] };
    expect(() => insertValueLesion(values, { ...lesion, contrastPerMm: Number.NaN })).toThrow(
      expect.objectContaining({ code: "NON_FINITE" }),
    );
  });
});
