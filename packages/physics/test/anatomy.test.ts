/**
 * Anatomical phantoms: regions hold one material, lumens have the diameters asked for, options act, seeds repeat.
 */
import { createCentredGrid, type Vector3 } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  type AnatomicalPhantom,
  anatomicalPhantoms,
  computeMaterialFractions,
  createCalcifiedTissue,
  createContrastBlood,
  createCoronaryPhantom,
  createMaterialProjector,
  createMousePhantom,
  createPelvisPhantom,
  createSolidTracer,
  createThoraxPhantom,
  type Material,
  tissues,
} from "../src/index.ts";

/** Path length per material name along a line through a point. */
function measureLengths(phantom: AnatomicalPhantom, through: Vector3, along: Vector3): Map<string, number> {
  const object = createMaterialProjector(phantom);
  const lengths = new Float64Array(object.materials.length);
  const ray = Float64Array.of(
    through[0] - 400 * along[0],
    through[1] - 400 * along[1],
    through[2] - 400 * along[2],
    ...along,
  );
  object.integrate(ray, lengths);
  return new Map(object.materials.map((material, i) => [material.name, lengths[i]]));
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

describe.each([...anatomicalPhantoms.entries()])("anatomical phantom %s", (_name, entry) => {
  const phantom = entry.create();

  it("has regions of one material", () => {
    const tracer = createSolidTracer(phantom);
    expect(phantom.regions.length).toBeGreaterThan(2);
    for (const region of phantom.regions) {
      for (let i = 0; i < 200; i++) {
        // A spiral over the ball and points inside it.
        const z = 1 - (2 * i + 1) / 200;
        const radius = region.radiusMm * (i % 3 === 0 ? 1 : Math.cbrt((i % 20) / 20));
        const point: Vector3 = [
          region.centreMm[0] + radius * Math.sqrt(1 - z * z) * Math.cos(2.4 * i),
          region.centreMm[1] + radius * Math.sqrt(1 - z * z) * Math.sin(2.4 * i),
          region.centreMm[2] + radius * z,
        ];
        const solid = tracer.findSolid(point[0], point[1], point[2]);
        expect(solid < 0 ? null : phantom.solids[solid].content, `${region.label} at ${point}`).toBe(
          region.material,
        );
      }
    }
  });

  it("lies inside its extent and has a body there", () => {
    const [x, y, z] = phantom.halfExtentMm;
    for (const [through, along] of [
      [
        [1.001 * x, 0, 0],
        [0, 1, 0],
      ],
      [
        [-1.001 * x, 0, 0],
        [0, 0, 1],
      ],
      [
        [0, 1.001 * y, 0],
        [1, 0, 0],
      ],
      [
        [0, -1.001 * y, 0],
        [0, 0, 1],
      ],
      [
        [0, 0, 1.001 * z],
        [1, 0, 0],
      ],
      [
        [0, 0, -1.001 * z],
        [0, 1, 0],
      ],
    ] as const) {
      expect(sum(measureLengths(phantom, through, along).values())).toBe(0);
    }
    expect(sum(measureLengths(phantom, [0, 0, 0], [1, 0, 0]).values())).toBeGreaterThan(x);
  });

  it("labels every solid and sums weight fractions to 1", () => {
    for (const solid of phantom.solids) {
      expect(solid.label).toBeTruthy();
      expect(sum(solid.content.components.map((c) => c.weightFraction))).toBeCloseTo(1, 6);
    }
  });

  it("has the same amount of material in voxels as along rays", () => {
    // One axial slice of rays along x against voxels of the same slab.
    const [hx, hy] = phantom.halfExtentMm;
    const n = 48;
    const grid = createCentredGrid([1, n, n], [0.01, (2 * hy) / n, (2 * hx) / n]);
    const { materials, fractions } = computeMaterialFractions(phantom, grid, { subsamples: 6 });
    const object = createMaterialProjector(phantom);
    const lengths = new Float64Array(object.materials.length);
    const traced = new Map<Material, number>();
    const lines = 400;
    for (let i = 0; i < lines; i++) {
      object.integrate(Float64Array.of(-500, ((i + 0.5) / lines - 0.5) * 2 * hy, 0, 1, 0, 0), lengths);
      object.materials.forEach((material, k) => {
        traced.set(material, (traced.get(material) ?? 0) + (lengths[k] * 2 * hy) / lines);
      });
    }
    const area = 4 * hx * hy;
    materials.forEach((material, k) => {
      const voxels = (sum(fractions[k]) * area) / (n * n);
      expect(Math.abs(voxels - (traced.get(material) ?? 0)) / area, material.name).toBeLessThan(2e-3);
    });
  });
});

describe("createCoronaryPhantom", () => {
  const across: Vector3 = [1, 0, 0];

  it.each([0, 25, 50, 80, 100])("narrows the lumen by %d % of its diameter", (stenosisPercent) => {
    const phantom = createCoronaryPhantom({ stenosisPercent, vesselDiameterMm: 4, stent: null });
    const lumen = createContrastBlood(14).name;
    expect(measureLengths(phantom, [10, -72, 0], across).get(lumen) ?? 0).toBeCloseTo(
      4 * (1 - stenosisPercent / 100),
      9,
    );
    expect(measureLengths(phantom, [10, -72, 20], across).get(lumen)).toBeCloseTo(4, 9);
    // Half way through the transition of 2 mm beyond the 8 mm of the stenosis.
    expect(measureLengths(phantom, [10, -72, 5], across).get(lumen)).toBeCloseTo(
      4 * (1 - stenosisPercent / 200),
      9,
    );
  });

  it("has calcified plaque and a stent only where asked for", () => {
    const plain = createCoronaryPhantom({ stent: null });
    const full = createCoronaryPhantom({ plaque: "calcified", plaqueHydroxyapatiteMgPerCm3: 500 });
    const calcium = createCalcifiedTissue(500).name;
    expect(measureLengths(plain, [10, -72, 0], across).has(calcium)).toBe(false);
    expect(measureLengths(full, [10, -72, 0], across).get(calcium)).toBeCloseTo(1.75, 9);
    expect(measureLengths(plain, [76, -16, 0], across).has(tissues.steel.name)).toBe(false);
    // Through a ring: two walls of one strut.
    expect(measureLengths(full, [76, -16, 0], across).get(tissues.steel.name)).toBeCloseTo(0.2, 9);
    // Between the rings only the struts along the vessel remain, none of them on this line.
    expect(measureLengths(full, [76, -16, 0.75], across).get(tissues.steel.name)).toBe(0);
  });

  it("refuses what cannot be", () => {
    expect(() => createCoronaryPhantom({ stenosisPercent: 120 })).toThrow(/stenosisPercent 120/);
    expect(() => createCoronaryPhantom({ vesselDiameterMm: Number.NaN })).toThrow(/vesselDiameterMm NaN/);
    expect(() => createCoronaryPhantom({ stent: { diameterMm: 9 } })).toThrow(/stent.diameterMm 9/);
    expect(() => createCoronaryPhantom({ arteryIodineMgPerMl: -1 })).toThrow(/iodine concentration -1/);
  });
});

describe("createThoraxPhantom", () => {
  it("repeats with the seed and differs without", () => {
    const make = (seed: number): AnatomicalPhantom => createThoraxPhantom({ seed, nodules: 4 });
    expect(make(3)).toEqual(make(3));
    expect(make(3).solids).not.toEqual(make(4).solids);
  });

  it("takes nodules by number or by place, arms and vessels as asked", () => {
    expect(
      createThoraxPhantom({ nodules: 7 }).regions.filter((r) => r.label.startsWith("nodule")),
    ).toHaveLength(7);
    const placed = createThoraxPhantom({ nodules: [{ centreMm: [-80, 10, 40], radiusMm: 5 }] });
    expect(placed.regions.at(-1)).toMatchObject({ centreMm: [-80, 10, 40], radiusMm: 4.5 });
    const labels = (phantom: AnatomicalPhantom, label: string): number =>
      phantom.solids.filter((solid) => solid.label === label).length;
    expect(labels(createThoraxPhantom(), "arm")).toBe(0);
    expect(labels(createThoraxPhantom({ arms: "down" }), "arm")).toBeGreaterThan(0);
    const few = labels(createThoraxPhantom({ vesselGenerations: 1 }), "lung vessel");
    expect(labels(createThoraxPhantom(), "lung vessel")).toBeGreaterThan(8 * few);
  });

  it("refuses what cannot be", () => {
    expect(() => createThoraxPhantom({ nodules: 2.5 })).toThrow(/nodules/);
    expect(() => createThoraxPhantom({ nodules: [{ centreMm: [0, 0, 0], radiusMm: 0 }] })).toThrow(
      /radiusMm 0/,
    );
    expect(() => createThoraxPhantom({ vesselGenerations: 9 })).toThrow(/vesselGenerations 9/);
  });
});

describe("createPelvisPhantom", () => {
  it("has metal in the hips asked for and nowhere else", () => {
    const metalIn = (phantom: AnatomicalPhantom, side: number): number =>
      measureLengths(phantom, [side * 88, -4, -18], [0, 0, 1]).get(tissues.cobaltChromium.name) ?? 0;
    for (const [prosthesis, right, left] of [
      ["none", 0, 0],
      ["right", 32, 0],
      ["left", 0, 32],
      ["both", 32, 32],
    ] as const) {
      const phantom = createPelvisPhantom({ prosthesis });
      expect(metalIn(phantom, -1)).toBeCloseTo(right, 9);
      expect(metalIn(phantom, 1)).toBeCloseTo(left, 9);
    }
  });

  it("has the organs of its sex and gas at will", () => {
    const has = (phantom: AnatomicalPhantom, label: string): boolean =>
      phantom.solids.some((solid) => solid.label === label);
    expect(has(createPelvisPhantom(), "prostate")).toBe(true);
    expect(has(createPelvisPhantom({ sex: "female" }), "prostate")).toBe(false);
    expect(has(createPelvisPhantom({ sex: "female" }), "uterus")).toBe(true);
    expect(has(createPelvisPhantom({ rectalGas: false }), "rectal gas")).toBe(false);
  });
});

describe("createMousePhantom", () => {
  it("has a tumour of the radius asked for and refuses what cannot be", () => {
    expect(createMousePhantom().regions.some(({ label }) => label === "tumour")).toBe(false);
    const phantom = createMousePhantom({ tumourRadiusMm: 1.5 });
    expect(phantom.regions.at(-1)).toMatchObject({ label: "tumour", radiusMm: 1.35 });
    expect(createMousePhantom({ seed: 2 }).solids).not.toEqual(createMousePhantom({ seed: 3 }).solids);
    expect(() => createMousePhantom({ tumourRadiusMm: 4 })).toThrow(/tumourRadiusMm 4/);
  });
});

describe("mixtures", () => {
  it("keep mass: 10 mg/mL iodine, hydroxyapatite by volume", () => {
    const blood = createContrastBlood(10);
    const iodine = blood.components.find(({ substance }) => substance === "iodine")!;
    expect(iodine.weightFraction * blood.densityGPerCm3).toBeCloseTo(0.01, 12);
    const plaque = createCalcifiedTissue(800);
    const mineral = plaque.components.find(({ substance }) => substance === "hydroxyapatite")!;
    expect(mineral.weightFraction * plaque.densityGPerCm3).toBeCloseTo(0.8, 12);
    expect(createContrastBlood(0)).toBe(tissues.blood);
    expect(() => createCalcifiedTissue(4000)).toThrow(/hydroxyapatite 4000/);
  });
});
