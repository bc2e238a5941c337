/**
 * Phantoms: exact line integrals against the published Shepp–Logan table, voxelisation against areas.
 */
import { createCentredGrid, createRandom } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  convertPhantomToMu,
  createPhantomProjector,
  createRandomBodyPhantom,
  createScanGeometry,
  createSheppLoganPhantom,
  createWaterCylinder,
  type Phantom,
  phantoms,
  projectPhantom,
  scanners,
  voxelizePhantom,
} from "../src/index.ts";
import { SHEPP_LOGAN_OFFSETS, SHEPP_LOGAN_TABLE } from "./shepp-logan-table.ts";

type Integrate = (degrees: number, s: number) => number;

function prepareIntegral(phantom: Phantom): Integrate {
  const projector = createPhantomProjector(phantom);
  return (degrees, s) => {
    const [c, q] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
    return projector.integrate(s * c, s * q, -q, c);
  };
}

/** In 1/mm, with 0.02/mm for water. */
function asAttenuation(entry: Phantom<"HU"> | Phantom<"1/mm">): Phantom<"1/mm"> {
  return entry.unit === "HU" ? convertPhantomToMu(entry as Phantom<"HU">, 0.02) : (entry as Phantom<"1/mm">);
}

describe("line integrals", () => {
  it("equal the analytic Shepp–Logan table to 1e-9", () => {
    const integrate = prepareIntegral(createSheppLoganPhantom());
    for (const [degrees, row] of SHEPP_LOGAN_TABLE) {
      SHEPP_LOGAN_OFFSETS.forEach((s, i) => {
        expect(Math.abs(integrate(degrees, s) - row[i])).toBeLessThan(1e-9);
      });
    }
  });

  it("of nested ellipses are the same in both compositions", () => {
    const make = (composition: "additive" | "replace", inner: number): Phantom => ({
      unit: "1/mm",
      composition,
      background: 0,
      ellipses: [
        { xMm: 1, yMm: 2, semiAxisXMm: 30, semiAxisYMm: 20, rotationRad: 0.4, value: 0.02 },
        { xMm: 3, yMm: 1, semiAxisXMm: 5, semiAxisYMm: 9, rotationRad: -0.7, value: inner },
      ],
    });
    const additive = prepareIntegral(make("additive", 0.01));
    const replace = prepareIntegral(make("replace", 0.03));
    for (let s = -30; s <= 30; s += 1.37) expect(replace(25, s)).toBeCloseTo(additive(25, s), 12);
  });

  it("do not depend on where on the line they start", () => {
    const phantom = asAttenuation(createRandomBodyPhantom(createRandom(3)));
    const projector = createPhantomProjector(phantom);
    const near = projector.integrate(3, -7, Math.cos(0.3), Math.sin(0.3));
    const far = projector.integrate(
      3 - 900 * Math.cos(0.3),
      -7 - 900 * Math.sin(0.3),
      Math.cos(0.3),
      Math.sin(0.3),
    );
    expect(far).toBeCloseTo(near, 10);
  });

  it("refuse a background that is not zero", () => {
    expect(() => createPhantomProjector(createWaterCylinder())).toThrow(/background of 0/);
  });
});

describe.each([...phantoms.entries()])("phantom %s", (_name, entry) => {
  const phantom = asAttenuation(entry.create());

  it("has the same mass on a grid as in its projections", () => {
    const spacing = 0.8;
    const volume = voxelizePhantom(phantom, createCentredGrid([1, 560, 560], [1, spacing, spacing]));
    let mass = 0;
    for (const value of volume.data) mass += value * spacing * spacing;
    const integrate = prepareIntegral(phantom);
    for (const degrees of [0, 37]) {
      let projected = 0;
      const step = 0.05;
      for (let s = -230; s < 230; s += step) projected += integrate(degrees, s + step / 2) * step;
      expect(Math.abs(projected / mass - 1)).toBeLessThan(3e-4);
    }
  });
});

describe("voxelizePhantom", () => {
  it("gives boundary pixels their covered share", () => {
    const volume = voxelizePhantom(
      createWaterCylinder({ radiusMm: 10.3 }),
      createCentredGrid([2, 41, 41], [1, 1, 1]),
      {
        subsamples: 16,
      },
    );
    let area = 0;
    for (let i = 0; i < 41 * 41; i++) area += volume.data[i] / 1000 + 1;
    expect(Math.abs(area / (Math.PI * 10.3 ** 2) - 1)).toBeLessThan(5e-4);
    expect(volume.data.slice(41 * 41)).toEqual(volume.data.slice(0, 41 * 41));
  });
});

describe("createRandomBodyPhantom", () => {
  it("repeats with the stream, differs without, and always holds the main tissues", () => {
    const grid = createCentredGrid([1, 256, 256], [1, 1.7, 1.7]);
    expect(createRandomBodyPhantom(createRandom(5))).toEqual(createRandomBodyPhantom(createRandom(5)));
    expect(createRandomBodyPhantom(createRandom(5))).not.toEqual(createRandomBodyPhantom(createRandom(6)));
    for (let seed = 0; seed < 12; seed++) {
      const region = seed % 2 === 0 ? "chest" : "abdomen";
      const { data } = voxelizePhantom(createRandomBodyPhantom(createRandom(seed), { region }), grid, {
        subsamples: 3,
      });
      const share = (low: number, high: number): number =>
        data.reduce((n, value) => n + (value >= low && value <= high ? 1 : 0), 0) / data.length;
      expect(share(-130, -60)).toBeGreaterThan(0.01);
      expect(share(0, 200)).toBeGreaterThan(0.05);
      expect(share(300, 1200)).toBeGreaterThan(0.002);
      expect(share(-1000, -990)).toBeGreaterThan(0.3);
      if (region === "chest") expect(share(-920, -650)).toBeGreaterThan(0.02);
      expect(data[0]).toBe(-1000);
    }
  });
});

describe("projectPhantom", () => {
  it("of a centred disc is 2µ√(R² − D² sin² γ) in every view", () => {
    const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 7 });
    const sinogram = projectPhantom(convertPhantomToMu(createWaterCylinder(), 0.02), geometry);
    for (let v = 0; v < 7; v++) {
      for (let c = 0; c < 888; c += 5) {
        const gamma = (c - 443.5 - 1.25) * (1.0239 / 949.075);
        const s = 541 * Math.sin(gamma);
        const exact = 0.04 * Math.sqrt(Math.max(0, 1e4 - s * s));
        expect(Math.abs(sinogram.data[v * 888 + c] - exact)).toBeLessThan(1e-6);
      }
    }
  });
});
