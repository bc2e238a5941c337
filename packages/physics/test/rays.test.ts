/**
 * Rays of every geometry against the conventions: s = D sinγ, θ = β + π/2 − γ, detector points, poses, focal spots.
 */
import type { ScanGeometry } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  createConeCurvedGeometry,
  createConeFlatGeometry,
  createFanFlatGeometry,
  createHelicalGeometry,
  createPosedGeometry,
  createRayCaster,
  createScanGeometry,
  flatPanelScanners,
  getRayAngleRad,
  type SourceShift,
  scanners,
} from "../src/index.ts";

const panel = {
  ...flatPanelScanners.get("truebeam-cbct"),
  channels: 40,
  rows: 24,
  channelPitchMm: 10,
  rowPitchMm: 8,
};
const cone = createConeFlatGeometry(panel, {
  views: 7,
  startAngleRad: 0.3,
  channelShiftMm: 33,
  rowShiftMm: -12,
});

function cast(
  geometry: ScanGeometry,
  view: number,
  row: number,
  channel: number,
  shift?: SourceShift,
): Float64Array {
  const out = new Float64Array(6);
  createRayCaster(geometry).cast(view, row, channel, out, shift);
  return out;
}

/** Where a ray is at parameter t. */
const at = (ray: Float64Array, t: number): number[] => [0, 1, 2].map((i) => ray[i] + t * ray[3 + i]);

describe("fans", () => {
  it("have s = D sinγ and θ = β + π/2 − γ", () => {
    const arc = createScanGeometry(scanners.get("ge-lightspeed"), { views: 11, channelBinning: 32 });
    const flat = createFanFlatGeometry(panel, { views: 11, channelShiftMm: -70 });
    for (const geometry of [arc, flat]) {
      for (let view = 0; view < 11; view++) {
        for (const channel of [0, 7.25, geometry.channels - 1]) {
          const gamma =
            geometry.kind === "fan-arc"
              ? getRayAngleRad(geometry, channel)
              : Math.atan(
                  ((channel - (geometry.channels - 1) / 2 - geometry.channelOffset) *
                    geometry.channelPitchMm) /
                    geometry.sourceToDetectorMm,
                );
          const ray = cast(geometry, view, 0, channel);
          const theta = geometry.anglesRad[view] + Math.PI / 2 - gamma;
          const normal = [Math.cos(theta), Math.sin(theta)];
          expect(ray[3] * normal[0] + ray[4] * normal[1]).toBeCloseTo(0, 12);
          expect(ray[0] * normal[0] + ray[1] * normal[1]).toBeCloseTo(
            geometry.sourceToIsoMm * Math.sin(gamma),
            9,
          );
          expect(Math.hypot(ray[0], ray[1])).toBeCloseTo(geometry.sourceToIsoMm, 9);
          expect([ray[2], ray[5]]).toEqual([0, 0]);
        }
      }
    }
  });
});

describe("cones", () => {
  it("meet the curved detector on its cylinder, rows along z", () => {
    const curved = createConeCurvedGeometry(scanners.get("ge-lightspeed"), {
      views: 5,
      channelBinning: 64,
      rowShiftMm: 2,
    });
    const ray = cast(curved, 2, 50, 3);
    const t = curved.sourceToDetectorMm / Math.hypot(ray[3], ray[4]);
    const z = (50 - (curved.rows - 1) / 2 - curved.rowOffset) * curved.rowPitchMm;
    expect(at(ray, t)[2]).toBeCloseTo(z, 9);
    const fan = createScanGeometry(scanners.get("ge-lightspeed"), { views: 5, channelBinning: 64 });
    const flat = cast(fan, 2, 0, 3);
    expect(ray[3] / ray[4]).toBeCloseTo(flat[3] / flat[4], 9);
  });
});

describe("poses", () => {
  it("copy flat cones exactly", () => {
    const posed = createPosedGeometry(cone);
    for (let view = 0; view < 7; view++) {
      for (const [row, channel] of [
        [0, 0],
        [11.5, 3.25],
        [23, 39],
      ]) {
        const wanted = cast(cone, view, row, channel);
        cast(posed, view, row, channel).forEach((x, i) => {
          expect(x).toBeCloseTo(wanted[i], 9);
        });
        const shift = { tangentialMm: 0.4, axialMm: -0.3 };
        const moved = cast(cone, view, row, channel, shift);
        cast(posed, view, row, channel, shift).forEach((x, i) => {
          expect(x).toBeCloseTo(moved[i], 9);
        });
      }
    }
  });

  it("move source and detector along the local axes", () => {
    const posed = createPosedGeometry(cone, (view) =>
      view === 3 ? { sourceShiftMm: [1, 2, 3], detectorShiftMm: [0, 20, 8] } : {},
    );
    const beta = cone.anglesRad[3];
    const was = cast(cone, 3, 5, 6);
    const is = cast(posed, 3, 5, 6);
    expect(is[0] - was[0]).toBeCloseTo(Math.cos(beta) - 2 * Math.sin(beta), 9);
    expect(is[1] - was[1]).toBeCloseTo(Math.sin(beta) + 2 * Math.cos(beta), 9);
    expect(is[2] - was[2]).toBeCloseTo(3, 9);
    // Two channels of 10 mm and one row of 8 mm further the detector point is the one the cone had.
    const point = at(cast(cone, 3, 6, 8), 1);
    const source = at(cast(cone, 3, 6, 8), 0);
    const along = [0, 1, 2].map((i) => point[i] - source[i]);
    const depth = -(along[0] * Math.cos(beta) + along[1] * Math.sin(beta));
    const detectorPoint = source.map((x, i) => x + (along[i] * cone.sourceToDetectorMm) / depth);
    const t = Math.hypot(...detectorPoint.map((x, i) => x - is[i]));
    at(is, t).forEach((x, i) => {
      expect(x).toBeCloseTo(detectorPoint[i], 6);
    });
    expect(cast(posed, 2, 5, 6)).toEqual(cast(createPosedGeometry(cone), 2, 5, 6));
  });

  it("turn the detector: roll, pitch and yaw", () => {
    const centred = createConeFlatGeometry(panel, { views: 2 });
    const middle = [(panel.rows - 1) / 2, (panel.channels - 1) / 2] as const;
    const pointOf = (change: object, row: number, channel: number): number[] => {
      const { poses } = createPosedGeometry(centred, () => change);
      return [0, 1, 2].map(
        (i) => poses[3 + i] + (channel - middle[1]) * poses[6 + i] + (row - middle[0]) * poses[9 + i],
      );
    };
    // View 0: radial is x, tangential y, axial z; the detector stands at x = −500.
    const expectPoint = (got: number[], wanted: number[]): void =>
      got.forEach((x, i) => {
        expect(x).toBeCloseTo(wanted[i], 9);
      });
    expectPoint(pointOf({ rollRad: Math.PI / 2 }, middle[0], middle[1] + 1), [-500, 0, 10]);
    expectPoint(pointOf({ pitchRad: Math.PI / 2 }, middle[0] + 1, middle[1]), [-508, 0, 0]);
    expectPoint(pointOf({ yawRad: Math.PI / 2 }, middle[0], middle[1] + 1), [-490, 0, 0]);
    expectPoint(pointOf({ rollRad: 0.1, pitchRad: 0.2, yawRad: 0.3 }, ...middle), [-500, 0, 0]);
    expect(() => createPosedGeometry(cone, () => ({ yawRad: Number.NaN }))).toThrow(
      expect.objectContaining({ code: "NON_FINITE" }),
    );
  });

  it("wind helices", () => {
    const turns = createConeFlatGeometry(panel, { views: 24, arc: 6 * Math.PI });
    const helix = createHelicalGeometry(turns, { feedMmPerTurn: 20 });
    const first = cast(helix, 1, 4, 5);
    const later = cast(helix, 9, 4, 5);
    later.forEach((x, i) => {
      expect(x).toBeCloseTo(first[i] + (i === 2 ? 20 : 0), 9);
    });
    // Centred on z = 0.
    expect(cast(helix, 0, 4, 5)[2]).toBeCloseTo(-cast(helix, 23, 4, 5)[2], 9);
    expect(cast(createHelicalGeometry(turns, { feedMmPerTurn: -5, startMm: 3 }), 0, 4, 5)[2]).toBe(3);
  });
});

describe("focal spots", () => {
  it("move the source and keep the detector point", () => {
    const shift = { tangentialMm: 0.7, axialMm: -0.4, radialMm: 0.2 };
    const curved = createConeCurvedGeometry(scanners.get("catsim"), { views: 5, channelBinning: 50 });
    for (const geometry of [cone, curved]) {
      const nominal = cast(geometry, 2, 3, 4);
      const moved = cast(geometry, 2, 3, 4, shift);
      const beta = geometry.anglesRad[2];
      expect(moved[0] - nominal[0]).toBeCloseTo(0.2 * Math.cos(beta) - 0.7 * Math.sin(beta), 9);
      expect(moved[1] - nominal[1]).toBeCloseTo(0.2 * Math.sin(beta) + 0.7 * Math.cos(beta), 9);
      expect(moved[2] - nominal[2]).toBeCloseTo(-0.4, 9);
      expect(Math.hypot(moved[3], moved[4], moved[5])).toBeCloseTo(1, 12);
      // The lines cross at the detector: find the nominal point by its depth.
      const depth = -(nominal[3] * Math.cos(beta) + nominal[4] * Math.sin(beta));
      const lateral = -nominal[3] * Math.sin(beta) + nominal[4] * Math.cos(beta);
      const length =
        geometry.kind === "cone-flat"
          ? geometry.sourceToDetectorMm / depth
          : geometry.sourceToDetectorMm / Math.hypot(depth, lateral);
      const point = at(nominal, length);
      const t = Math.hypot(...point.map((x, i) => x - moved[i]));
      at(moved, t).forEach((x, i) => {
        expect(x).toBeCloseTo(point[i], 8);
      });
    }
  });
});
