/**
 * Where FBP reconstructs: sub-pixel grids, off-centre fields of view, 1024² pictures. The value at a place does not
 * depend on the grid that holds it.
 */
import {
  type ConeFlatGeometry,
  createCentredGrid,
  type FanArcGeometry,
  type PlanarGeometry,
} from "@alara/core";
import { describe, expect, it } from "vitest";
import { type FbpGeometry, reconstructFbp } from "../src/index.ts";
import { projectRounds, type Round, spreadAngles } from "./fbp-scans.ts";

const angles = spreadAngles(120, 2 * Math.PI);
const arc: FanArcGeometry = {
  kind: "fan-arc",
  sourceToIsoMm: 541,
  sourceToDetectorMm: 949,
  channels: 300,
  channelOffset: 0.25,
  channelPitchRad: 2 / 949,
  anglesRad: angles,
};
const { channelPitchRad: _, ...shared } = arc;
const geometries: readonly PlanarGeometry[] = [
  arc,
  { ...shared, kind: "fan-flat", channelPitchMm: 2.1 },
  { kind: "parallel", channels: 300, channelOffset: 0.25, channelPitchMm: 1.2, anglesRad: angles },
];
const rounds: readonly Round[] = [
  { shape: "cylinder", centreMm: [5, 8, 0], radiusMm: 110, mu: 0.02 },
  { shape: "cylinder", centreMm: [62, -41, 0], radiusMm: 6, mu: 0.015 },
];
const PEAK = 0.04;

describe("grids of FBP", () => {
  it.each(geometries)(
    "of $kind: a fine grid off the centre holds the values of a coarse one",
    async (geometry) => {
      const sinogram = projectRounds(rounds, geometry);
      for (const engine of ["reference", "simd"]) {
        for (const oversampling of [1, 2] as const) {
          const options = { engine, oversampling, window: "hann" };
          const coarse = await reconstructFbp(sinogram, {
            ...options,
            grid: createCentredGrid([1, 41, 41], [1, 4, 4]),
          });
          // Middle at row 44 mm, column −36 mm; places of every fifth pixel coincide with the coarse grid's.
          const fine = await reconstructFbp(sinogram, {
            ...options,
            grid: createCentredGrid([1, 31, 21], [1, 0.8, 0.8]),
            axisOffsetMm: [-44, 36],
          });
          for (let i = 0; i <= 30; i += 5) {
            for (let j = 0; j <= 20; j += 5) {
              const row = 20 + 11 + (i - 15) / 5;
              const column = 20 - 9 + (j - 10) / 5;
              const distance = Math.abs(fine.data[i * 21 + j] - coarse.data[row * 41 + column]);
              expect(distance).toBeLessThan((engine === "simd" ? 2e-4 : 1e-6) * PEAK);
            }
          }
        }
      }
    },
  );

  it("of 1024² hold the values of 128²", async () => {
    const sinogram = projectRounds(rounds, arc);
    const large = await reconstructFbp(sinogram, {
      grid: createCentredGrid([1, 1024, 1024], [1, 0.25, 0.25]),
    });
    expect(large.data.length).toBe(1024 * 1024);
    // Pixel 3 of every 8: moved by half a fine pixel.
    const small = await reconstructFbp(sinogram, {
      grid: createCentredGrid([1, 128, 128], [1, 2, 2]),
      axisOffsetMm: [0.125, 0.125],
      engine: "reference",
    });
    let worst = 0;
    for (let r = 0; r < 128; r++) {
      for (let c = 0; c < 128; c++) {
        const distance = large.data[(8 * r + 3) * 1024 + 8 * c + 3] - small.data[r * 128 + c];
        worst = Math.max(worst, Math.abs(distance));
      }
    }
    expect(worst).toBeLessThan(2e-4 * PEAK);
  });

  it("put an insert where it is, in a field of view of its own", async () => {
    const sinogram = projectRounds(rounds, { ...arc, anglesRad: spreadAngles(480, 2 * Math.PI) }, 3);
    const grid = createCentredGrid([1, 64, 64], [1, 0.5, 0.5]);
    const { data } = await reconstructFbp(sinogram, {
      grid,
      axisOffsetMm: [41, -62],
      window: "hann",
      engine: "reference",
    });
    let [mass, x, y, inside, count] = [0, 0, 0, 0, 0];
    for (let i = 0; i < data.length; i++) {
      const row = (Math.floor(i / 64) - 31.5) * 0.5;
      const column = ((i % 64) - 31.5) * 0.5;
      const excess = data[i] - 0.02;
      const radius = Math.hypot(row, column);
      if (radius < 12) {
        mass += excess;
        x += excess * column;
        y += excess * row;
      }
      if (radius < 4) {
        inside += data[i];
        count++;
      }
    }
    expect(Math.abs(x / mass)).toBeLessThan(0.05);
    expect(Math.abs(y / mass)).toBeLessThan(0.05);
    expect(Math.abs(inside / count / 0.035 - 1)).toBeLessThan(0.005);
    expect(Math.abs((mass * 0.25) / (0.015 * Math.PI * 36) - 1)).toBeLessThan(0.02);
  });

  it("of a cone are moved along all three axes", async () => {
    const cone: ConeFlatGeometry = {
      ...shared,
      kind: "cone-flat",
      channels: 120,
      channelPitchMm: 3,
      rows: 40,
      rowPitchMm: 3,
      rowOffset: 0,
    };
    const ball: readonly Round[] = [{ shape: "ball", centreMm: [20, -15, 6], radiusMm: 18, mu: 0.02 }];
    const sinogram = projectRounds(ball, cone as FbpGeometry);
    const coarse = await reconstructFbp(sinogram, {
      grid: createCentredGrid([5, 17, 17], [6, 5, 5]),
      engine: "reference",
    });
    const moved = await reconstructFbp(sinogram, {
      grid: createCentredGrid([3, 9, 5], [2, 2.5, 2.5]),
      axisOffsetMm: [-6, 15, -20],
      engine: "reference",
    });
    // The middle slice of three lies at 6 mm, slice 3 of five; every second pixel coincides.
    for (let i = 0; i < 9; i += 2) {
      for (let j = 0; j < 5; j += 2) {
        const row = 8 - 3 + (i - 4) / 2;
        const column = 8 + 4 + (j - 2) / 2;
        const distance = Math.abs(moved.data[45 + i * 5 + j] - coarse.data[3 * 289 + row * 17 + column]);
        expect(distance).toBeLessThan(1e-6 * 0.02);
      }
    }
    expect(moved.data[45 + 4 * 5 + 2]).toBeGreaterThan(0.018);
  });
});
