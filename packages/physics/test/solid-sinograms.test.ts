/**
 * Exact sinograms of phantoms in every scan geometry: the Shepp–Logan table of tomography.md §3.2 through
 * re-parametrised rays, ellipsoids off the mid-plane, and the sampling options.
 */
import {
  type ConeCurvedGeometry,
  type ConeFlatGeometry,
  type FanArcGeometry,
  type FanFlatGeometry,
  type ParallelGeometry,
  POSE_LENGTH,
  type PosedGeometry,
  type ScanGeometry,
} from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  createPhantomProjector,
  createRayCaster,
  createSheppLoganHead,
  createSheppLoganPhantom,
  createValueProjector,
  extrudePhantom,
  projectPhantom,
  projectValuePhantom,
  type ValuePhantom,
} from "../src/index.ts";
import { SHEPP_LOGAN_MASS, SHEPP_LOGAN_OFFSETS, SHEPP_LOGAN_TABLE } from "./shepp-logan-table.ts";

const D = 4;
const SDD = 7;

/** Offset towards the ray of angle γ, so that the outer channel on its side lies 0.75 channels from the central ray. */
const offsetFor = (gamma: number): number => (gamma < 0 ? -0.25 : 0.25);

/** Geometry of one view at source angle β whose outer channel on its side (2, or 0 for γ < 0) has the ray of angle γ. */
const makeTurning = {
  "fan-arc": (beta: number, gamma: number): FanArcGeometry => ({
    kind: "fan-arc",
    sourceToIsoMm: D,
    sourceToDetectorMm: SDD,
    channels: 3,
    channelOffset: offsetFor(gamma),
    channelPitchRad: gamma === 0 ? 0.1 : Math.abs(gamma) / 0.75,
    anglesRad: Float64Array.of(beta),
  }),
  "fan-flat": (beta: number, gamma: number): FanFlatGeometry => ({
    kind: "fan-flat",
    sourceToIsoMm: D,
    sourceToDetectorMm: SDD,
    channels: 3,
    channelOffset: offsetFor(gamma),
    channelPitchMm: gamma === 0 ? 0.1 : (SDD * Math.tan(Math.abs(gamma))) / 0.75,
    anglesRad: Float64Array.of(beta),
  }),
  "cone-flat": (beta: number, gamma: number): ConeFlatGeometry => ({
    ...makeTurning["fan-flat"](beta, gamma),
    kind: "cone-flat",
    rows: 3,
    rowPitchMm: 0.2,
    rowOffset: 0,
  }),
  "cone-curved": (beta: number, gamma: number): ConeCurvedGeometry => ({
    ...makeTurning["fan-arc"](beta, gamma),
    kind: "cone-curved",
    rows: 3,
    rowPitchMm: 0.2,
    rowOffset: 0,
  }),
  posed: (beta: number, gamma: number): PosedGeometry => {
    const [c, s] = [Math.cos(beta), Math.sin(beta)];
    const pitch = gamma === 0 ? 0.1 : SDD * Math.tan(Math.abs(gamma));
    const poses = new Float64Array(POSE_LENGTH);
    poses.set([D * c, D * s, 0, (D - SDD) * c, (D - SDD) * s, 0, pitch * -s, pitch * c, 0, 0, 0, 0.2]);
    return { kind: "posed", channels: 3, rows: 3, poses };
  },
} satisfies Record<string, (beta: number, gamma: number) => ScanGeometry>;

const middleRow = (geometry: ScanGeometry): number => ("rows" in geometry ? 1 : 0);

describe("the Shepp–Logan table to 1e-9", () => {
  const solids = {
    "2D, extruded": extrudePhantom(createSheppLoganPhantom()),
    "3D, mid-plane": createSheppLoganHead(),
  };
  for (const [name, phantom] of Object.entries(solids)) {
    it(`${name}: parallel rays`, () => {
      const projector = createValueProjector(phantom);
      const geometry: ParallelGeometry = {
        kind: "parallel",
        channels: 25,
        channelPitchMm: 0.05,
        channelOffset: 0,
        anglesRad: Float64Array.from(SHEPP_LOGAN_TABLE, ([degrees]) => (degrees * Math.PI) / 180),
      };
      const caster = createRayCaster(geometry);
      const sinogram = projectValuePhantom(phantom, geometry);
      const ray = new Float64Array(6);
      SHEPP_LOGAN_TABLE.forEach(([, row], view) => {
        SHEPP_LOGAN_OFFSETS.forEach((s, i) => {
          caster.cast(view, 0, s / 0.05 + 12, ray);
          expect(Math.abs(projector.integrate(ray) - row[i])).toBeLessThan(1e-9);
          const sample = sinogram.data[view * 25 + Math.round(s / 0.05 + 12)];
          expect(Math.abs(sample - row[i])).toBeLessThan(1e-7);
        });
      });
    });

    it.each(Object.keys(makeTurning) as (keyof typeof makeTurning)[])(`${name}: %s`, (kind) => {
      const projector = createValueProjector(phantom);
      const ray = new Float64Array(6);
      for (const [degrees, row] of SHEPP_LOGAN_TABLE) {
        SHEPP_LOGAN_OFFSETS.forEach((s, i) => {
          // θ = β + π/2 − γ, s = D sin γ.
          const gamma = Math.asin(s / D);
          const beta = (degrees * Math.PI) / 180 - Math.PI / 2 + gamma;
          const geometry = makeTurning[kind](beta, gamma);
          // The table's ray runs through an outer channel for s ≠ 0, else through the central ray's place.
          const outer = s > 0 ? 2 : 0;
          const channel = s !== 0 ? outer : kind === "posed" ? 1 : 1.25;
          createRayCaster(geometry).cast(0, middleRow(geometry), channel, ray);
          expect(Math.abs(projector.integrate(ray) - row[i])).toBeLessThan(1e-9);
          if (s === 0) return;
          const sinogram = projectValuePhantom(phantom, geometry);
          expect(sinogram.geometry).toBe(geometry);
          expect(Math.abs(sinogram.data[middleRow(geometry) * 3 + outer] - row[i])).toBeLessThan(1e-7);
        });
      }
    });
  }

  it("and the head's whole mass is 0.4952646048 in every view", () => {
    const phantom = createSheppLoganPhantom();
    const area = phantom.ellipses.reduce(
      (sum, e) => sum + e.value * Math.PI * e.semiAxisXMm * e.semiAxisYMm,
      0,
    );
    expect(Math.abs(area - SHEPP_LOGAN_MASS)).toBeLessThan(1e-10);
    const projector = createPhantomProjector(phantom);
    for (const theta of [0, 0.4, 1.3]) {
      let mass = 0;
      const step = 1e-4;
      for (let s = -1 + step / 2; s < 1; s += step) {
        const [c, q] = [Math.cos(theta), Math.sin(theta)];
        mass += projector.integrate(s * c, s * q, -q, c) * step;
      }
      expect(Math.abs(mass - SHEPP_LOGAN_MASS)).toBeLessThan(2e-6);
    }
  });
});

describe("projectPhantom", () => {
  it("keeps the geometry's type for all planar kinds", () => {
    const phantom = createSheppLoganPhantom();
    const arc: FanArcGeometry = projectPhantom(phantom, makeTurning["fan-arc"](0, 0.1)).geometry;
    const flat: FanFlatGeometry = projectPhantom(phantom, makeTurning["fan-flat"](0, 0.1)).geometry;
    expect([arc.kind, flat.kind]).toEqual(["fan-arc", "fan-flat"]);
  });

  it("agrees between parallel and both fans on the same rays", () => {
    const phantom = createSheppLoganPhantom();
    const gamma = 0.07;
    const arc = projectPhantom(phantom, makeTurning["fan-arc"](0.3, gamma));
    const flat = projectPhantom(phantom, makeTurning["fan-flat"](0.3, gamma));
    const parallel = projectPhantom(phantom, {
      kind: "parallel",
      channels: 1,
      channelPitchMm: 1,
      channelOffset: -D * Math.sin(gamma),
      anglesRad: Float64Array.of(0.3 + Math.PI / 2 - gamma),
    });
    expect(arc.data[2]).toBeGreaterThan(0.1);
    expect(Math.abs(arc.data[2] - parallel.data[0])).toBeLessThan(1e-7);
    expect(Math.abs(flat.data[2] - parallel.data[0])).toBeLessThan(1e-7);
  });
});

describe("projectValuePhantom", () => {
  const ball: ValuePhantom = {
    name: "ball",
    composition: "replace",
    solids: [
      { shape: { kind: "ellipsoid", centreMm: [5, -4, 12], semiAxesMm: [20, 20, 20] }, content: 0.02 },
    ],
  };
  const cone: ConeFlatGeometry = {
    kind: "cone-flat",
    sourceToIsoMm: 300,
    sourceToDetectorMm: 600,
    channels: 24,
    channelPitchMm: 4,
    channelOffset: 0.25,
    rows: 20,
    rowPitchMm: 5,
    rowOffset: -0.5,
    anglesRad: Float64Array.of(0.2, 2.6, 4),
  };

  it("of a ball is 2µ√(R² − d²) in cone beams, d the distance of ray and centre", () => {
    const { data } = projectValuePhantom(ball, cone);
    let hit = 0;
    for (let view = 0; view < 3; view++) {
      const [c, s] = [Math.cos(cone.anglesRad[view]), Math.sin(cone.anglesRad[view])];
      for (let row = 0; row < 20; row++) {
        for (let channel = 0; channel < 24; channel++) {
          const u = (channel - 11.5 - 0.25) * 4;
          const v = (row - 9.5 + 0.5) * 5;
          const source = [300 * c, 300 * s, 0];
          const direction = [-600 * c - u * s, -600 * s + u * c, v];
          const length = Math.hypot(...direction);
          const to = [5 - source[0], -4 - source[1], 12 - source[2]];
          const cross = Math.hypot(
            to[1] * direction[2] - to[2] * direction[1],
            to[2] * direction[0] - to[0] * direction[2],
            to[0] * direction[1] - to[1] * direction[0],
          );
          const exact = 0.04 * Math.sqrt(Math.max(0, 400 - (cross / length) ** 2));
          if (exact > 0) hit++;
          expect(Math.abs(data[(view * 20 + row) * 24 + channel] - exact)).toBeLessThan(1e-7);
        }
      }
    }
    expect(hit).toBeGreaterThan(100);
  });

  it("stacks slices of planar scans at the heights asked for", () => {
    const geometry: ParallelGeometry = {
      kind: "parallel",
      channels: 3,
      channelPitchMm: 5,
      channelOffset: 0,
      anglesRad: Float64Array.of(0),
    };
    const sinogram = projectValuePhantom(ball, geometry, { sliceHeightsMm: [12, 20, -9] });
    expect(sinogram.slices).toBe(3);
    // Channel 2: s = x = 5 runs through the ball's middle.
    const chord = (dz: number): number => (Math.abs(dz) < 20 ? 0.04 * Math.sqrt(400 - dz * dz) : 0);
    [0, 8, -21].forEach((dz, slice) => {
      expect(Math.abs(sinogram.data[slice * 3 + 2] - chord(dz))).toBeLessThan(1e-7);
    });
  });

  it("averages rays over channels and rows", () => {
    const fine = projectValuePhantom(ball, {
      ...cone,
      channels: 72,
      channelPitchMm: 4 / 3,
      channelOffset: 0.75,
      rows: 40,
      rowPitchMm: 2.5,
      rowOffset: -1,
    });
    const averaged = projectValuePhantom(ball, cone, { raysPerChannel: 3, raysPerRow: 2 });
    const plain = projectValuePhantom(ball, cone);
    let different = 0;
    for (let view = 0; view < 3; view++) {
      for (let row = 0; row < 20; row++) {
        for (let channel = 0; channel < 24; channel++) {
          let sum = 0;
          for (let a = 0; a < 2; a++) {
            for (let b = 0; b < 3; b++) sum += fine.data[(view * 40 + 2 * row + a) * 72 + 3 * channel + b];
          }
          const at = (view * 20 + row) * 24 + channel;
          expect(Math.abs(averaged.data[at] - sum / 6)).toBeLessThan(2e-7);
          if (Math.abs(averaged.data[at] - plain.data[at]) > 1e-4) different++;
        }
      }
    }
    expect(different).toBeGreaterThan(20);
  });

  it("refuses options that are none", () => {
    expect(() => projectValuePhantom(ball, cone, { raysPerChannel: 0 })).toThrow(/raysPerChannel 0/);
    expect(() => projectValuePhantom(ball, cone, { raysPerRow: 1.5 })).toThrow(/raysPerRow 1.5/);
    expect(() => projectValuePhantom(ball, cone, { sliceHeightsMm: [0] })).toThrow(/planar/);
    expect(() => projectValuePhantom(ball, makeTurning["fan-arc"](0, 0.1), { sliceHeightsMm: [] })).toThrow(
      /one or more/,
    );
  });
});
