/**
 * Every registered 3D phantom: finite bounds, mass on a grid against exact line integrals, labels; and the quality
 * phantoms' CT numbers and layouts against tomography.md §2.8 and §3.4.
 */
import { createCentredGrid } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  catphanModuleHeightsMm,
  computeHu,
  createAcr464,
  createCatphan,
  createCct189,
  createCtp404,
  createCtp404FdaModel,
  createCtp515,
  createCtp528,
  createForbildHead,
  createForbildHeadOfMaterials,
  createMicroCtPhantom,
  createSolidTracer,
  createValueProjector,
  evaluatePhantom,
  getContentAt,
  listInserts,
  type MaterialPhantom,
  type PhantomInsert,
  type SolidPhantomEntry,
  solidPhantoms,
  type ValuePhantom,
  voxelizeHu,
  voxelizeSolids,
} from "../src/index.ts";

function createValues(entry: SolidPhantomEntry): ValuePhantom {
  return entry.content === "values" ? entry.create() : evaluatePhantom(entry.create(), 70);
}

describe.each([...solidPhantoms.entries()])("3D phantom %s", (_name, entry) => {
  const phantom = createValues(entry);
  const { lowMm, highMm } = createSolidTracer(phantom).bounds;

  it("lies within finite bounds", () => {
    for (let axis = 0; axis < 3; axis++) {
      expect(highMm[axis] - lowMm[axis]).toBeGreaterThan(1);
      expect(Math.max(Math.abs(lowMm[axis]), Math.abs(highMm[axis]))).toBeLessThan(1000);
    }
    expect(phantom.solids.every((solid) => Number.isFinite(solid.content))).toBe(true);
  });

  it("has the same mass on a grid as in its line integrals", () => {
    // Fine across the lines, so that they do not beat with bar patterns.
    const size = [16, 140, 32] as const;
    const spacing = [2, 1, 0].map((axis, i) => (highMm[axis] - lowMm[axis]) / size[i]);
    const grid = createCentredGrid(size, [spacing[0], spacing[1], spacing[2]]);
    const centre = [2, 1, 0].map((axis) => (lowMm[axis] + highMm[axis]) / 2);
    const { data } = voxelizeSolids(phantom, grid, {
      subsamples: 3,
      isocentreOffsetMm: [-centre[0], -centre[1], -centre[2]],
    });
    const voxel = spacing[0] * spacing[1] * spacing[2];
    const mass = data.reduce((sum, value) => sum + value, 0) * voxel;
    // Rays along y; the voxels were filled along x.
    const projector = createValueProjector(phantom);
    const [dx, dz] = [(highMm[0] - lowMm[0]) / 420, (highMm[2] - lowMm[2]) / 48];
    const ray = Float64Array.of(0, lowMm[1] - 10, 0, 0, 1, 0);
    let projected = 0;
    for (let i = 0; i < 420; i++) {
      ray[0] = lowMm[0] + (i + 0.5) * dx;
      for (let k = 0; k < 48; k++) {
        ray[2] = lowMm[2] + (k + 0.5) * dz;
        projected += projector.integrate(ray) * dx * dz;
      }
    }
    expect(mass).toBeGreaterThan(0);
    // Beads and wires of tungsten, thinner than the lines are apart, count for up to 0.2 %.
    expect(Math.abs(projected / mass - 1)).toBeLessThan(3e-3);
  });

  it("has its labels inside its bounds", () => {
    for (const { centreMm, radiusMm, solid } of listInserts<unknown>(phantom)) {
      expect(radiusMm).toBeGreaterThan(0);
      // A clip plane may cut the centre away.
      if (phantom.solids[solid].clips !== undefined) continue;
      for (let axis = 0; axis < 3; axis++) {
        expect(centreMm[axis]).toBeGreaterThan(lowMm[axis] - 1e-9);
        expect(centreMm[axis]).toBeLessThan(highMm[axis] + 1e-9);
      }
    }
  });
});

/** Mean HU at 70 keV over 0.8 of the insert's radius, from an image of the plane through its middle. */
function measureInsert(phantom: MaterialPhantom, insert: PhantomInsert<unknown>): number {
  const reach = 0.8 * insert.radiusMm;
  const [x, y, z] = insert.centreMm;
  const { data } = voxelizeHu(phantom, 70, createCentredGrid([1, 16, 16], [0.1, reach / 8, reach / 8]), {
    subsamples: 1,
    isocentreOffsetMm: [-z, -y, -x],
  });
  let sum = 0;
  let count = 0;
  data.forEach((value, i) => {
    if (Math.hypot((i % 16) - 7.5, Math.floor(i / 16) - 7.5) > 7.9) return;
    sum += value;
    count++;
  });
  return sum / count;
}

const readAll = (phantom: MaterialPhantom): Record<string, number> =>
  Object.fromEntries(listInserts(phantom).map((insert) => [insert.label, measureInsert(phantom, insert)]));

describe("Catphan", () => {
  it("CTP404 shows the 70 keV CT numbers of §3.4 at pylinac's places", () => {
    const phantom = createCtp404();
    const found = readAll(phantom);
    const expected = {
      air: -999,
      PMP: -189.9,
      LDPE: -102.1,
      polystyrene: -47.4,
      acrylic: 114.8,
      Delrin: 343.4,
      Teflon: 944.2,
    };
    for (const [label, hu] of Object.entries(expected)) {
      expect(Math.abs(found[label] - hu)).toBeLessThan(1.5);
      const [insert] = listInserts(phantom, label);
      expect(Math.hypot(insert.centreMm[0], insert.centreMm[1])).toBeCloseTo(58.7, 9);
      // A region of 5 mm fits.
      expect(insert.radiusMm).toBeGreaterThan(5);
    }
    expect(Math.abs(found["bone 20 %"] - 237)).toBeLessThan(12);
    expect(Math.abs(found["bone 50 %"] - 725)).toBeLessThan(12);
    // −90°: rows grow downwards, air is uppermost.
    expect(listInserts(phantom, "air")[0].centreMm[1]).toBeCloseTo(-58.7, 9);
    expect(listInserts(phantom).filter(({ label }) => label.startsWith("50 mm square"))).toHaveLength(4);
  });

  it("CTP404's wires rise at 23°, its beads by 1 and 0.25 mm", () => {
    const wires = createCtp404().solids.filter((solid) => solid.label?.startsWith("ramp"));
    expect(wires).toHaveLength(4);
    for (const { shape } of wires) {
      const rise = Math.abs(shape.axes?.z[2] ?? 0);
      expect((Math.asin(rise) * 180) / Math.PI).toBeCloseTo(23, 9);
    }
    // A slice 2 mm higher moves the upper wire by 2/tan 23° mm along +x.
    const phantom = createCtp404();
    const wire = getContentAt(phantom, [0, -38, 0]);
    expect(wire?.name).toBe("stainless-steel");
    expect(getContentAt(phantom, [2 / Math.tan((23 * Math.PI) / 180), -38, 2])).toBe(wire);
    const beads = createCtp404({ ramps: "beads" });
    const steps = (label: string): number => {
      const [a, b] = listInserts(beads, label);
      return b.centreMm[2] - a.centreMm[2];
    };
    expect(steps("ramp upper")).toBeCloseTo(1, 9);
    expect(steps("ramp left")).toBeCloseTo(0.25, 9);
  });

  it("the FDA's CTP404 shows its nominal CT numbers", () => {
    const phantom = createCtp404FdaModel();
    const found = readAll(phantom);
    for (const hu of [15, -35, -100, -200, 990, 340, 120]) expect(found[`${hu} HU`]).toBeCloseTo(hu, 2);
    expect(found.air).toBeLessThan(-998);
    expect(listInserts(phantom, "990 HU")[0]).toMatchObject({ radiusMm: 8 });
  });

  it("CTP515 has nine rods of 10, 5 and 3 HU each, clear of each other", () => {
    const phantom = createCtp515();
    const rods = listInserts(phantom).filter(({ label }) => label.includes("%"));
    expect(rods).toHaveLength(27);
    const background = measureInsert(phantom, { ...rods[0], centreMm: [0, 0, 0], radiusMm: 5 });
    for (const rod of rods) {
      const contrast = { "1.0": 10, "0.5": 5, "0.3": 3 }[rod.label.slice(0, 3)] ?? Number.NaN;
      expect(measureInsert(phantom, rod) - background).toBeCloseTo(contrast, 2);
      expect(Math.hypot(rod.centreMm[0], rod.centreMm[1])).toBeCloseTo(50, 9);
    }
    const targets = listInserts(phantom).filter(({ label }) => /%|sub-slice/.test(label));
    targets.forEach((a, i) => {
      targets.slice(i + 1).forEach((b) => {
        const apart = Math.hypot(a.centreMm[0] - b.centreMm[0], a.centreMm[1] - b.centreMm[1]);
        expect(apart).toBeGreaterThan(a.radiusMm + b.radiusMm + 1);
      });
    });
    // Sub-slice targets end where they should.
    expect(getContentAt(phantom, listInserts(phantom, "sub-slice 3 mm long 9 mm")[0].centreMm)?.name).toMatch(
      /60 HU/,
    );
    const [x, y] = listInserts(phantom, "sub-slice 3 mm long 9 mm")[0].centreMm;
    expect(getContentAt(phantom, [x, y, 1.6])?.name).toMatch(/50 HU/);
  });

  it("CTP528 has 21 patterns whose profile along 47 mm has their frequency", () => {
    const phantom = createCtp528();
    const tracer = createSolidTracer(phantom);
    for (let lp = 1; lp <= 21; lp++) {
      const bars = listInserts(phantom, `${lp} lp/cm`);
      expect(bars).toHaveLength(Math.min(lp + 1, lp <= 5 ? 4 : 5));
      const [a, b] = bars;
      const apart = Math.hypot(a.centreMm[0] - b.centreMm[0], a.centreMm[1] - b.centreMm[1]);
      expect(apart).toBeCloseTo(10 / lp, 9);
      // The middle between two bars is cast, bars are aluminium of half a period.
      const between = tracer.findSolid(
        (a.centreMm[0] + b.centreMm[0]) / 2,
        (a.centreMm[1] + b.centreMm[1]) / 2,
        0,
      );
      expect(phantom.solids[between].label).toBe("body");
      expect(a.content.name).toBe("aluminium");
      expect(2 * a.radiusMm).toBeCloseTo(Math.min(5 / lp, 2), 9);
    }
    expect(listInserts(phantom, "bead")).toHaveLength(2);
  });

  it("refuses modules that are too thin for their ramps", () => {
    expect(() => createCtp404({ thicknessMm: 1 })).toThrow(/thickness 1 mm/);
  });

  it("assembled, has each module at its height", () => {
    const phantom = createCatphan();
    const { bounds } = createSolidTracer(phantom);
    expect([bounds.lowMm[2], bounds.highMm[2]]).toEqual([-82.5, 47.5]);
    expect(listInserts(phantom, "Teflon")[0].centreMm[2]).toBe(catphanModuleHeightsMm.ctp404);
    expect(listInserts(phantom, "1.0 % 15 mm")[0].centreMm[2]).toBe(catphanModuleHeightsMm.ctp515);
    expect(listInserts(phantom, "10 lp/cm")[0].centreMm[2]).toBe(catphanModuleHeightsMm.ctp528);
    expect(getContentAt(phantom, [0, 0, -65])?.name).toBe("water-equivalent 10 HU");
  });
});

describe("ACR 464", () => {
  const phantom = createAcr464();

  it("shows its CT numbers at pylinac's places", () => {
    const found = readAll(phantom);
    expect(found.water).toBeCloseTo(0, 2);
    expect(Math.abs(found.bone - 955)).toBeLessThan(2);
    expect(Math.abs(found.acrylic - 114.8)).toBeLessThan(1.5);
    // −95 HU at 120 kVp; polyethylene is −83 HU at 70 keV.
    expect(found.polyethylene).toBeGreaterThan(-107);
    expect(found.polyethylene).toBeLessThan(-80);
    const air = listInserts(phantom, "air")[0].centreMm;
    expect(Math.atan2(air[1], air[0])).toBeCloseTo(Math.PI / 4, 9);
    expect(Math.hypot(air[0], air[1])).toBeCloseTo(63, 9);
  });

  it("has 6 HU rods, and patterns from 4 to 12 lp/cm in module 4", () => {
    const rods = ["25 mm", "6 mm", "5 mm", "4 mm", "3 mm", "2 mm"].flatMap((label) =>
      listInserts(phantom, label),
    );
    expect(rods).toHaveLength(21);
    for (const rod of rods) expect(measureInsert(phantom, rod)).toBeCloseTo(96, 2);
    for (const lp of [4, 5, 6, 7, 8, 9, 10, 12]) {
      const bars = listInserts(phantom, `${lp} lp/cm`);
      expect(bars[0].centreMm[2]).toBe(120);
      expect(2 * bars[0].radiusMm).toBeCloseTo(5 / lp, 9);
      // The pattern is about 15 mm wide and centred 70 mm from the axis.
      expect(Math.abs((bars.length * 10) / lp - 15)).toBeLessThan(1.01 * (10 / lp));
      const middle = [0, 1].map((i) => bars.reduce((sum, bar) => sum + bar.centreMm[i], 0) / bars.length);
      expect(Math.hypot(middle[0], middle[1])).toBeCloseTo(70, 9);
    }
  });
});

describe("other quality phantoms", () => {
  it("CCT189 has its four contrasts at 0.4 R, and none in the signal-absent half", () => {
    const phantom = createCct189({ backgroundHu: 40 });
    for (const [contrast, diameter] of [
      [14, 3],
      [7, 5],
      [5, 7],
      [3, 10],
    ]) {
      const [rod] = listInserts(phantom, `${contrast} HU ${diameter} mm`);
      expect(measureInsert(phantom, rod)).toBeCloseTo(40 + contrast, 2);
      expect(2 * rod.radiusMm).toBe(diameter);
      expect(Math.hypot(rod.centreMm[0], rod.centreMm[1])).toBeCloseTo(40, 9);
    }
    expect(createCct189({ rods: "absent" }).solids).toHaveLength(1);
  });

  it("micro-CT rods grow in CT number with their hydroxyapatite", () => {
    const phantom = createMicroCtPhantom();
    const found = [0, 100, 200, 400, 800].map((mg) =>
      measureInsert(phantom, listInserts(phantom, `HA ${mg} mg/cm³`)[0]),
    );
    const slopes = [1, 2, 3, 4].map((i) => (found[i] - found[0]) / [0, 100, 200, 400, 800][i]);
    // µ is linear in the concentration: mineral in, resin out.
    for (const slope of slopes) expect(slope / slopes[0]).toBeCloseTo(1, 3);
    expect(slopes[0]).toBeGreaterThan(0.8);
  });

  it("the FORBILD head has the published densities at published places", () => {
    const phantom = createForbildHead({ muWaterPerMm: 1 });
    const at = (x: number, y: number, z = 0): number => getContentAt(phantom, [10 * x, 10 * y, 10 * z]) ?? -1;
    expect(at(0, 11.7)).toBe(1.8);
    expect(at(3, 0)).toBe(1.05);
    expect(at(0, -3.6)).toBe(1.045);
    expect(at(0, 7)).toBe(0);
    expect([at(-4.7, 4.3, 0.872), at(4.7, 4.3, 2.8)]).toEqual([1.06, 1.06]);
    expect([at(-1.08, -9), at(1.08, -9)]).toEqual([1.0525, 1.0475]);
    expect(at(6.393945, -6.393945)).toBe(1.055);
    // 0.9 of the haematoma's long axis along 58.1°, and the same way mirrored.
    const [c, s] = [Math.cos((58.1 * Math.PI) / 180), Math.sin((58.1 * Math.PI) / 180)];
    expect(at(6.393945 + 1.08 * c, -6.393945 + 1.08 * s)).toBe(1.055);
    expect(at(6.393945 - 1.08 * c, -6.393945 + 1.08 * s)).toBe(1.05);
    expect(at(0, -11)).toBe(1.8);
    expect(at(9.05, 1.5)).toBe(1.8);
    expect(at(9.15, 2.5)).toBe(1.8);
    expect(getContentAt(createForbildHead({ ear: "bone" }), [56, 0, 0])).toBeCloseTo(0.036, 12);
    expect(at(5.6, 0)).toBe(0);
    expect(listInserts(phantom, "ear cell")).toHaveLength(317);
    expect(createSolidTracer(phantom).bounds).toEqual({ lowMm: [-96, -120, -125], highMm: [96, 120, 125] });
  });

  it("the FORBILD head's leaning bone has the section of the published 2D version", () => {
    const [bone] = createForbildHead().solids.filter((solid) => solid.label === "sinus bone");
    const shape = bone.shape;
    if (shape.kind !== "ellipsoid") throw new Error("not an ellipsoid");
    const tracer = createSolidTracer({ name: "bone", composition: "replace", solids: [bone] });
    const chord = (degrees: number): number => {
      const angle = (degrees * Math.PI) / 180;
      return tracer.trace(Float64Array.of(-19, 54, 0, Math.cos(angle), Math.sin(angle), 0)) === 1
        ? tracer.pieceEndsMm[0] - tracer.pieceStartsMm[0]
        : 0;
    };
    // Semi-axes 1.17425 × 0.41633 cm, the long one 31.07698° off y.
    expect(chord(90 + 31.07698)).toBeCloseTo(23.485, 3);
    expect(chord(31.07698)).toBeCloseTo(8.3266, 3);
  });

  it("the FORBILD head's other bones have the published mid-plane sections", () => {
    const phantom = createForbildHead({ muWaterPerMm: 1, leftEar: "pattern" });
    const tracer = createSolidTracer(phantom);
    /** How far bone reaches both ways from a point (cm) along a direction of the mid-plane, mm. */
    const measure = (x: number, y: number, dx: number, dy: number): number => {
      const pieces = tracer.trace(Float64Array.of(10 * x, 10 * y, 0, dx, dy, 0));
      for (let k = 0; k < pieces; k++) {
        const isHere = tracer.pieceStartsMm[k] < 0 && tracer.pieceEndsMm[k] > 0;
        if (isHere && phantom.solids[tracer.pieceSolids[k]].content === 1.8) {
          return tracer.pieceEndsMm[k] - tracer.pieceStartsMm[k];
        }
      }
      return 0;
    };
    expect(measure(0, 3.6, 1, 0)).toBeCloseTo(24, 3);
    expect(measure(0, 3.6, 0, 1)).toBeCloseTo(2 * 2.7884, 3);
    expect(measure(0, 9.6, 1, 0)).toBeCloseTo(4, 6);
    expect(measure(0, 9.6, 0, 1)).toBeCloseTo(12, 4);
    // The 2D version's straight edge: (11.15 sin 15° − 2.605)/cos 15° = 0.2907 cm from the middle.
    expect(Math.abs(measure(0, -11.15, 1, 0) - 2 * 2.907)).toBeLessThan(0.1);
    // Left ear: width of the first column's ellipsoids, 80 of them in the mid-plane.
    expect(measure(-7, -1, 1, 0)).toBeCloseTo(0.357, 6);
    expect(measure(-6.76, 0.44 + 4 * 0.05, 0, 1)).toBeCloseTo(0.25, 6);
    const pattern = listInserts(phantom, "left ear");
    expect(pattern).toHaveLength(144);
    expect(pattern.filter((insert) => insert.centreMm[2] === 0)).toHaveLength(80);
  });

  it("both FORBILD heads have the same solids", () => {
    const values = createForbildHead({ muWaterPerMm: 1 });
    const materials = createForbildHeadOfMaterials();
    expect(materials.solids.map((solid) => solid.shape)).toEqual(values.solids.map((solid) => solid.shape));
    materials.solids.forEach(({ content }, i) => {
      if (values.solids[i].content === 0) expect(content.name).toBe("air");
      else expect(content.densityGPerCm3).toBeCloseTo(values.solids[i].content, 9);
    });
    expect(new Set(materials.solids.map((solid) => solid.content)).size).toBe(8);
    expect(computeHu(materials.solids[1].content, 90)).toBeCloseTo(50, 6);
  });
});
