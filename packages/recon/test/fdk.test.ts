/**
 * FDK of exact balls: the plane of the source is right to 1e-4, the known fall-off away from it is measured and held
 * (tomography.md §2.3: exact for what does not change along z, else second order in the cone angle).
 */
import { type ConeGeometry, createCentredGrid } from "@alara/core";
import { describe, expect, it } from "vitest";
import { reconstructFbp } from "../src/index.ts";
import { projectRounds, type Round, spreadAngles } from "./fbp-scans.ts";

const MU = 0.02;
const isFull = process.env.ALARA_FULL !== undefined;
const detector = {
  sourceToIsoMm: 1000,
  sourceToDetectorMm: 1500,
  channels: 200,
  channelOffset: 0.25,
  rows: 54,
  rowPitchMm: 4.6,
  rowOffset: 0.5,
};
const turn = spreadAngles(240, 2 * Math.PI);
const short = spreadAngles(160, Math.PI + 2 * Math.atan(160 / 1500), 0.2);
const makeFlat = (anglesRad: Float64Array, rest = {}): ConeGeometry => ({
  kind: "cone-flat",
  ...detector,
  channelPitchMm: 1.6,
  anglesRad,
  ...rest,
});
const makeCurved = (anglesRad: Float64Array, rest = {}): ConeGeometry => ({
  kind: "cone-curved",
  ...detector,
  channelPitchRad: 1.6 / 1500,
  anglesRad,
  ...rest,
});

const ball: Round = { shape: "ball", centreMm: [12, -7, 0], radiusMm: 70, mu: MU };
const grid = createCentredGrid([5, 24, 24], [15, 5.1, 5.3]);

/** Mean of value/µ − 1 in slice k of the grid, at least 12 mm inside the ball. */
function measureBias(data: Float32Array, slice: number): number {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < 576; i++) {
    const y = (Math.floor(i / 24) - 11.5) * 5.1 - ball.centreMm[1];
    const x = ((i % 24) - 11.5) * 5.3 - ball.centreMm[0];
    if (Math.hypot(x, y, (slice - 2) * 15) > ball.radiusMm - 12) continue;
    sum += data[slice * 576 + i] / MU - 1;
    count++;
  }
  return sum / count;
}

/** Measured here: bias at 15 mm and 30 mm from the plane of the source, SOD 1000 mm, ball of 70 mm. */
const flatCurve = [-3.4e-4, -1.36e-3];
const curvedCurve = [-2.3e-4, -9.0e-4];
const cases: readonly (readonly [string, ConeGeometry, readonly number[]])[] = [
  ["flat, a turn", makeFlat(turn), flatCurve],
  ["flat, short scan", makeFlat(short), flatCurve],
  ["flat, displaced detector", makeFlat(turn, { channels: 150, channelOffset: -37.5 }), flatCurve],
  ["curved, a turn", makeCurved(turn), curvedCurve],
  ["curved, short scan", makeCurved(short), curvedCurve],
  ["curved, displaced detector", makeCurved(turn, { channels: 150, channelOffset: 37.5 }), curvedCurve],
];

describe("FDK", () => {
  it.each(cases)(
    "is right to 1e-4 in the plane of the source and falls off as known: %s",
    async (name, geometry, curve) => {
      const { data } = await reconstructFbp(projectRounds([ball], geometry), { grid, engine: "reference" });
      const biases = [0, 1, 2, 3, 4].map((slice) => measureBias(data, slice));
      if (isFull) console.log(`${name}: ${biases.map((bias) => bias.toExponential(2)).join(" ")}`);
      expect(Math.abs(biases[2])).toBeLessThan(1e-4);
      for (const [distance, slices] of [
        [0, [1, 3]],
        [1, [0, 4]],
      ] as const) {
        for (const slice of slices) expect(Math.abs(biases[slice] / curve[distance] - 1)).toBeLessThan(0.12);
      }
    },
  );

  it("is exact at every height for what does not change along z", async () => {
    const cylinder: Round = { ...ball, shape: "cylinder" };
    const fewer = spreadAngles(150, 2 * Math.PI);
    for (const geometry of [makeFlat(fewer), makeCurved(fewer)]) {
      const { data } = await reconstructFbp(projectRounds([cylinder], geometry), {
        grid,
        engine: "reference",
      });
      // The ball's measure of the middle slice, at every height.
      for (const slice of [0, 1, 2, 3, 4]) {
        const plane = new Float32Array(data.length);
        plane.set(data.subarray(slice * 576, (slice + 1) * 576), 2 * 576);
        expect(Math.abs(measureBias(plane, 2))).toBeLessThan(2e-4);
      }
    }
  });

  it("puts heights where the axis offset says", async () => {
    const geometry = makeFlat(spreadAngles(60, 2 * Math.PI));
    const sinogram = projectRounds([{ ...ball, radiusMm: 30 }], geometry);
    const whole = await reconstructFbp(sinogram, {
      grid: createCentredGrid([9, 8, 8], [5, 9, 9]),
      engine: "reference",
    });
    const upper = await reconstructFbp(sinogram, {
      grid: createCentredGrid([3, 8, 8], [5, 9, 9]),
      axisOffsetMm: [-10, 0, 0],
      engine: "reference",
    });
    // The middle of the small grid lies 10 mm above the plane of the source: slices 5, 6, 7 of nine.
    expect(upper.data).toEqual(whole.data.subarray(5 * 64, 8 * 64));
  });

  it("takes a detector of one row in its own plane", async () => {
    const geometry = makeFlat(turn, { rows: 1, rowOffset: 0 });
    const { data } = await reconstructFbp(projectRounds([ball], geometry), {
      grid: createCentredGrid([1, 24, 24], [1, 5.1, 5.3]),
      engine: "reference",
    });
    const plane = new Float32Array(5 * 576);
    plane.set(data, 2 * 576);
    expect(Math.abs(measureBias(plane, 2))).toBeLessThan(1e-4);
  });
});
