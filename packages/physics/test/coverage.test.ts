/** The field of view of scans against plain trigonometry. */
import { describe, expect, it } from "vitest";
import { measureScanCoverage } from "../src/index.ts";

const anglesRad = Float64Array.of(0.3, 1.3, 2.3);

describe("measureScanCoverage", () => {
  it("is D sin Γ for fans, the outermost ray for parallel beams", () => {
    const arc = measureScanCoverage({
      kind: "fan-arc",
      sourceToIsoMm: 541,
      sourceToDetectorMm: 949,
      channels: 888,
      channelPitchRad: 0.001,
      channelOffset: 1.25,
      anglesRad,
    });
    expect(arc.radiusMm).toBeCloseTo(541 * Math.sin(0.001 * (444 + 1.25)), 9);
    expect(arc.heightMm).toEqual([0, 0]);
    const parallel = {
      kind: "parallel",
      channels: 10,
      channelPitchMm: 2,
      channelOffset: -3,
      anglesRad,
    } as const;
    expect(measureScanCoverage(parallel).radiusMm).toBeCloseTo(16, 9);
  });

  it("is the detector's magnified height on the axis for cones, shifted rows included", () => {
    const cone = measureScanCoverage({
      kind: "cone-flat",
      sourceToIsoMm: 500,
      sourceToDetectorMm: 1000,
      channels: 101,
      channelPitchMm: 1,
      channelOffset: 0,
      rows: 20,
      rowPitchMm: 2,
      rowOffset: 5,
      anglesRad,
    });
    expect(cone.heightMm[0]).toBeCloseTo(-15, 6);
    expect(cone.heightMm[1]).toBeCloseTo(5, 6);
    expect(cone.radiusMm).toBeCloseTo(500 * Math.sin(Math.atan(0.0505)), 1);
  });

  it("of a helix is what all poses share", () => {
    const pose = (z: number): number[] => [500, 0, z, -500, 0, z, 0, 1, 0, 0, 0, 2];
    const helix = {
      kind: "posed",
      channels: 101,
      rows: 21,
      poses: Float64Array.of(...pose(0), ...pose(4)),
    } as const;
    const { heightMm } = measureScanCoverage(helix);
    expect(heightMm[0]).toBeCloseTo(4 - 10.5, 6);
    expect(heightMm[1]).toBeCloseTo(10.5, 6);
  });
});
