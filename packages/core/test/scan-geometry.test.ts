/** Scan geometries as data: counts, choice of views, and numbers that no scan can have. */
import { describe, expect, it } from "vitest";
import {
  type ConeFlatGeometry,
  CoreError,
  checkScanGeometry,
  countDetectorRows,
  countScanSamples,
  countViews,
  type FanArcGeometry,
  isPlanarGeometry,
  POSE_LENGTH,
  type PosedGeometry,
  type ScanGeometry,
  selectViews,
} from "../src/index.ts";

const fan: FanArcGeometry = {
  kind: "fan-arc",
  sourceToIsoMm: 500,
  sourceToDetectorMm: 900,
  channels: 5,
  channelPitchRad: 0.001,
  channelOffset: 0.25,
  anglesRad: Float64Array.of(0, 1, 2),
};
const { channelPitchRad: _, ...turning } = fan;
const cone: ConeFlatGeometry = {
  ...turning,
  kind: "cone-flat",
  channelPitchMm: 1,
  rows: 4,
  rowPitchMm: 2,
  rowOffset: 0,
};
const posed: PosedGeometry = {
  kind: "posed",
  channels: 5,
  rows: 4,
  poses: Float64Array.from({ length: 2 * POSE_LENGTH }, (_, i) => i),
};

describe("scan geometries", () => {
  it("count views, rows and samples", () => {
    expect([countViews(fan), countDetectorRows(fan), countScanSamples(fan)]).toEqual([3, 1, 15]);
    expect([countViews(cone), countDetectorRows(cone), countScanSamples(cone)]).toEqual([3, 4, 60]);
    expect([countViews(posed), countDetectorRows(posed), countScanSamples(posed)]).toEqual([2, 4, 40]);
    expect([fan, cone, posed].map(isPlanarGeometry)).toEqual([true, false, false]);
  });

  it("give chosen views in the order asked for", () => {
    expect([...selectViews(fan, [2, 0]).anglesRad]).toEqual([2, 0]);
    expect([...selectViews(posed, [1]).poses]).toEqual([...posed.poses.subarray(POSE_LENGTH)]);
    for (const view of [3, -1, 0.5]) {
      expect(() => selectViews(fan, [view])).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
    }
  });

  it("are refused with numbers that no scan can have", () => {
    for (const geometry of [fan, cone, posed]) expect(() => checkScanGeometry(geometry)).not.toThrow();
    const wrong: readonly (readonly [ScanGeometry, string, RegExp])[] = [
      [{ ...fan, anglesRad: Float64Array.of(0, Number.NaN) }, "OUT_OF_RANGE", /anglesRad NaN \(number 1\)/],
      [{ ...fan, anglesRad: new Float64Array(0) }, "OUT_OF_RANGE", /views 0/],
      [{ ...fan, channels: 4.5 }, "OUT_OF_RANGE", /channels 4\.5/],
      [{ ...fan, channelPitchRad: 0 }, "OUT_OF_RANGE", /channelPitchRad 0/],
      [{ ...fan, channelOffset: Infinity }, "OUT_OF_RANGE", /channelOffset Infinity/],
      [{ ...fan, sourceToIsoMm: -1 }, "OUT_OF_RANGE", /sourceToIsoMm -1/],
      [{ ...fan, sourceToDetectorMm: 400 }, "OUT_OF_RANGE", /400 is less than sourceToIsoMm 500/],
      [{ ...cone, channelPitchMm: Number.NaN }, "OUT_OF_RANGE", /channelPitchMm NaN/],
      [{ ...cone, rows: 0 }, "OUT_OF_RANGE", /rows 0/],
      [{ ...cone, rowPitchMm: -2 }, "OUT_OF_RANGE", /rowPitchMm -2/],
      [{ ...cone, rowOffset: Number.NaN }, "OUT_OF_RANGE", /rowOffset NaN/],
      [{ ...posed, poses: new Float64Array(13) }, "SHAPE_MISMATCH", /13 numbers/],
      [{ ...posed, poses: new Float64Array(POSE_LENGTH).fill(Infinity) }, "OUT_OF_RANGE", /poses Infinity/],
    ];
    for (const [geometry, code, message] of wrong) {
      const check = (): void => checkScanGeometry(geometry);
      expect(check).toThrow(CoreError);
      expect(check).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
    }
  });
});
