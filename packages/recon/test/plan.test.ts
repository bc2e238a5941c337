/**
 * Plans of filtered back-projection: weights, places of samples and rows, parts of plans, and what is refused.
 */
import {
  type ConeFlatGeometry,
  createCentredGrid,
  type FanArcGeometry,
  type FanFlatGeometry,
  type ParallelGeometry,
} from "@alara/core";
import { createRayCaster } from "@alara/physics";
import { describe, expect, it } from "vitest";
import {
  createFbpPlan,
  type FbpGeometry,
  getPlanRows,
  selectPlanSlices,
  selectPlanViews,
} from "../src/index.ts";
import { spreadAngles } from "./fbp-scans.ts";

const TURN = 2 * Math.PI;
const parallel: ParallelGeometry = {
  kind: "parallel",
  channels: 65,
  channelPitchMm: 2,
  channelOffset: 0.25,
  anglesRad: spreadAngles(90, Math.PI),
};
const arc: FanArcGeometry = {
  kind: "fan-arc",
  sourceToIsoMm: 500,
  sourceToDetectorMm: 900,
  channels: 65,
  channelOffset: -0.5,
  channelPitchRad: 0.008,
  anglesRad: spreadAngles(90, TURN),
};
const flat: FanFlatGeometry = {
  kind: "fan-flat",
  sourceToIsoMm: 500,
  sourceToDetectorMm: 900,
  channels: 65,
  channelOffset: -0.5,
  channelPitchMm: 7,
  anglesRad: spreadAngles(90, TURN),
};
const cone: ConeFlatGeometry = { ...flat, kind: "cone-flat", rows: 20, rowPitchMm: 6, rowOffset: 1.5 };
const grid = createCentredGrid([3, 16, 16], [10, 8, 8]);

describe("createFbpPlan", () => {
  it("weighs every ray by the cosine of its angle to the central ray", () => {
    const ray = new Float64Array(6);
    const curved: FbpGeometry = { ...cone, kind: "cone-curved", channelPitchRad: 0.008 };
    for (const geometry of [arc, flat, cone, curved]) {
      const { preWeights } = createFbpPlan(geometry, grid);
      const caster = createRayCaster(geometry);
      const gain = "channelPitchRad" in geometry ? geometry.sourceToIsoMm : 1;
      for (let row = 0; row < caster.rows; row++) {
        for (let channel = 0; channel < 65; channel++) {
          caster.cast(0, row, channel, ray);
          // β = 0: the central ray runs along −x.
          expect(preWeights[row * 65 + channel] / gain).toBeCloseTo(-ray[3], 10);
        }
      }
    }
    expect(new Set(createFbpPlan(parallel, grid).preWeights)).toEqual(new Set([1]));
  });

  it("says where samples lie, with and without oversampling", () => {
    const one = createFbpPlan(flat, grid);
    expect(one.viewWeights).toBeUndefined();
    expect(one.samplePitch).toBeCloseTo((7 * 500) / 900, 12);
    expect(one.centre).toBe(31.5);
    expect(one.scale).toBe(Math.PI / 90);
    const two = createFbpPlan(flat, grid, { oversampling: 2 });
    expect(two.samplePitch).toBeCloseTo(one.samplePitch / 2, 12);
    expect(two.centre).toBe(63);
    expect(two.samples).toBe(130);
    const tall = createFbpPlan(cone, grid);
    expect(tall.rowCentre).toBe(11);
    expect(tall.rowPitchMm).toBeCloseTo((6 * 500) / 900, 12);
  });

  it("weighs a detector as displaced when one side is short, unless told otherwise", () => {
    const displaced = { ...flat, channelOffset: 20 };
    const plan = createFbpPlan(displaced, grid);
    expect(plan.isDisplaced).toBe(true);
    // The central ray meets channel 52: 52.5 channels on one side, 12.5 on the other.
    expect(plan.padding).toEqual([0, 40]);
    expect(plan.samples).toBe(105);
    expect(createFbpPlan(displaced, grid, { detectorOffset: "ignore" }).isDisplaced).toBe(false);
    expect(createFbpPlan(flat, grid).isDisplaced).toBe(false);
    expect(createFbpPlan(flat, grid, { detectorOffset: "weight" }).isDisplaced).toBe(true);
  });

  it("gives parts of itself", () => {
    const plan = createFbpPlan({ ...arc, anglesRad: spreadAngles(60, 4.5) }, grid);
    const part = selectPlanViews(plan, 10, 25);
    expect([...part.geometry.anglesRad]).toEqual([...plan.geometry.anglesRad.subarray(10, 25)]);
    expect(part.viewWeights).toEqual(plan.viewWeights?.subarray(650, 25 * 65));
    expect(part.scale).toBe(plan.scale);
    const slab = selectPlanSlices(plan, 1, 3);
    expect(slab.grid.slices).toBe(2);
    expect(slab.grid.firstSliceMm).toBe(plan.grid.firstSliceMm + 10);
  });

  it("names the detector rows that the grid meets, and no row that it needs is left out", () => {
    const plan = createFbpPlan(cone, grid);
    const [first, end] = getPlanRows(plan);
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (const z of [-10, 10]) {
      for (let i = 0; i < 16; i++) {
        for (let j = 0; j < 16; j++) {
          for (let beta = 0; beta < TURN; beta += 0.01) {
            const along = (i - 7.5) * 8 * Math.cos(beta) + (j - 7.5) * 8 * Math.sin(beta);
            const row = (z * 500) / (500 - along) / plan.rowPitchMm + plan.rowCentre;
            low = Math.min(low, Math.floor(row));
            high = Math.max(high, Math.floor(row) + 2);
          }
        }
      }
    }
    expect(first).toBeLessThanOrEqual(Math.max(0, low));
    expect(first).toBeGreaterThanOrEqual(low - 1);
    expect(end).toBeGreaterThanOrEqual(Math.min(20, high));
    expect(end).toBeLessThanOrEqual(high + 1);
    const above = createFbpPlan(cone, grid, { axisOffsetMm: [-500, 0, 0] });
    expect(getPlanRows(above)).toEqual([20, 20]);
    expect(getPlanRows(createFbpPlan(arc, grid))).toEqual([0, 1]);
  });
});

describe("what createFbpPlan refuses", () => {
  const angles = spreadAngles(90, TURN);
  const gap = angles.filter((beta) => beta < 2 || beta > 3);
  const holed = angles.map((beta, k) => (k === 7 ? Number.NaN : beta));
  const cases: readonly (readonly [string, string, FbpGeometry, object])[] = [
    ["two views", "TOO_FEW_VIEWS", { ...arc, anglesRad: spreadAngles(2, TURN) }, {}],
    ["a wedge unseen", "UNEVEN_ANGLES", { ...arc, anglesRad: gap }, {}],
    [
      "a wedge unseen, views in any order",
      "UNEVEN_ANGLES",
      { ...arc, anglesRad: gap.map((_, k) => gap[(k * 31) % gap.length]) },
      {},
    ],
    ["a fan over half a turn", "INCOMPLETE_TURN", { ...arc, anglesRad: spreadAngles(90, Math.PI) }, {}],
    [
      "parallel rays over less than half a turn",
      "INCOMPLETE_TURN",
      { ...parallel, anglesRad: spreadAngles(90, 3) },
      {},
    ],
    [
      "a displaced detector in a short scan",
      "INCOMPLETE_TURN",
      { ...arc, channelOffset: 20, anglesRad: spreadAngles(90, 4) },
      {},
    ],
    ["an angle that is no number", "NON_FINITE", { ...arc, anglesRad: holed }, {}],
    ["an offset that is no number", "NON_FINITE", { ...arc, channelOffset: Number.NaN }, {}],
    ["an axis beyond the detector", "OUT_OF_RANGE", { ...arc, channelOffset: 40 }, {}],
    ["no distance", "OUT_OF_RANGE", { ...arc, sourceToIsoMm: 0 }, {}],
    ["no pitch", "OUT_OF_RANGE", { ...flat, channelPitchMm: 0 }, {}],
    ["no rows", "OUT_OF_RANGE", { ...cone, rows: 0 }, {}],
    ["an arc of more than half a turn", "OUT_OF_RANGE", { ...arc, channelPitchRad: 0.06 }, {}],
    ["a cutoff of 0", "OUT_OF_RANGE", arc, { cutoff: 0 }],
    ["oversampling of 3", "OUT_OF_RANGE", arc, { oversampling: 3 }],
    ["an axis nowhere", "NON_FINITE", arc, { axisOffsetMm: [0, Number.NaN] }],
    ["an axis of one number", "OUT_OF_RANGE", arc, { axisOffsetMm: [5] }],
    ["an unknown way with displaced detectors", "OUT_OF_RANGE", arc, { detectorOffset: "weigh" }],
    ["a window without numbers", "NON_FINITE", arc, { window: (f: number) => (f > 0.1 ? Number.NaN : 1) }],
    ["an unknown window", "UNKNOWN_NAME", arc, { window: "no-such" }],
  ];
  it.each(cases)("%s: %s", (_, code, geometry, options) => {
    expect(() => createFbpPlan(geometry, grid, options)).toThrowError(expect.objectContaining({ code }));
  });

  it("a grid around the source, a grid of nothing and a scan with poses of its own", () => {
    const wide = createCentredGrid([1, 100, 100], [1, 8, 8]);
    expect(() => createFbpPlan(arc, wide)).toThrowError(expect.objectContaining({ code: "OUT_OF_RANGE" }));
    const none = createCentredGrid([1, 0, 4], [1, 8, 8]);
    expect(() => createFbpPlan(arc, none)).toThrowError(expect.objectContaining({ code: "OUT_OF_RANGE" }));
    const posed = { kind: "posed", channels: 4, rows: 4, poses: new Float64Array(36) };
    expect(() => createFbpPlan(posed as unknown as FbpGeometry, grid)).toThrowError(
      expect.objectContaining({ code: "UNSUPPORTED_GEOMETRY" }),
    );
  });

  it("takes a short scan that is enough for the grid, though not for the whole detector", () => {
    // Γ of the detector is 0.256, of the grid (60 mm, corner 85 mm) 0.171.
    const anglesRad = spreadAngles(120, Math.PI + 0.36);
    expect(createFbpPlan({ ...arc, anglesRad }, grid).scan).toBe("short");
    const large = createCentredGrid([1, 32, 32], [1, 8, 8]);
    expect(() => createFbpPlan({ ...arc, anglesRad }, large)).toThrowError(
      expect.objectContaining({ code: "INCOMPLETE_TURN", message: expect.stringContaining("3.50159") }),
    );
  });
});
