/**
 * Projections cut off by the detector's edge, and other data that FBP refuses: found, named, continued when asked.
 */
import { type ConeFlatGeometry, createCentredGrid, createRandom, type FanArcGeometry } from "@alara/core";
import { describe, expect, it } from "vitest";
import { findTruncation, reconstructFbp } from "../src/index.ts";
import { projectRounds, type Round, spreadAngles } from "./fbp-scans.ts";

const MU = 0.02;
const full: FanArcGeometry = {
  kind: "fan-arc",
  sourceToIsoMm: 541,
  sourceToDetectorMm: 949,
  channels: 300,
  channelOffset: 0.25,
  channelPitchRad: 2 / 949,
  anglesRad: spreadAngles(360, 2 * Math.PI),
};
// ±91 mm of the field of view; the object reaches to 130 mm.
const narrow: FanArcGeometry = { ...full, channels: 160 };
const body: readonly Round[] = [
  { shape: "cylinder", centreMm: [8, -10, 0], radiusMm: 120, mu: MU },
  { shape: "cylinder", centreMm: [30, 20, 0], radiusMm: 15, mu: 0.004 },
];
const grid = createCentredGrid([1, 32, 32], [1, 5, 5]);

/** Root mean square of value/µ − truth/µ within 70 mm of the axis, away from edges of the insert. */
function measureError(data: Float32Array): { error: number; mean: number } {
  let [square, sum, count] = [0, 0, 0];
  for (let i = 0; i < data.length; i++) {
    const y = (Math.floor(i / 32) - 15.5) * 5;
    const x = ((i % 32) - 15.5) * 5;
    const toInsert = Math.hypot(x - 30, y - 20);
    if (Math.hypot(x, y) > 70 || Math.abs(toInsert - 15) < 6) continue;
    const error = data[i] / MU - (toInsert < 15 ? 1.2 : 1);
    square += error * error;
    sum += error;
    count++;
  }
  return { error: Math.sqrt(square / count), mean: sum / count };
}

describe("truncated projections", () => {
  it("are refused by default, with the way out", async () => {
    const sinogram = projectRounds(body, narrow);
    await expect(reconstructFbp(sinogram, { grid })).rejects.toMatchObject({
      code: "TRUNCATED",
      message: expect.stringMatching(
        /(first|last) channel: mean \d\.\d+ of at most \d\.\d+ in slice 0.*"extrapolate"/,
      ),
    });
    expect(findTruncation(projectRounds(body, full).data, full, 360)).toBeUndefined();
    // A misspelt way out is not taken for "ignore".
    await expect(
      reconstructFbp(sinogram, { grid, truncation: "extrapolated" as "extrapolate" }),
    ).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
  });

  it("are continued by water cylinders: 20 times nearer to the truth than zeros", async () => {
    const sinogram = projectRounds(body, narrow);
    const options = { grid, engine: "reference" } as const;
    const complete = measureError((await reconstructFbp(projectRounds(body, full), options)).data);
    expect(complete.error).toBeLessThan(0.002);
    const ignored = measureError((await reconstructFbp(sinogram, { ...options, truncation: "ignore" })).data);
    expect(ignored.error).toBeGreaterThan(0.15);
    const continued = measureError(
      (await reconstructFbp(sinogram, { ...options, truncation: "extrapolate", truncationMuPerMm: MU })).data,
    );
    expect(continued.error).toBeLessThan(0.006);
    expect(ignored.error / continued.error).toBeGreaterThan(20);
    // Water said 10 % off is forgiven.
    const guessed = measureError(
      (await reconstructFbp(sinogram, { ...options, truncation: "extrapolate", truncationMuPerMm: 0.9 * MU }))
        .data,
    );
    expect(guessed.error).toBeLessThan(0.01);
  });

  it("in noise are told from noise alone", () => {
    const random = createRandom(5);
    const noise = new Float32Array(360 * 160).map(() => random.nextNormal());
    expect(findTruncation(noise, narrow, 360)).toBeUndefined();
    const { data } = projectRounds(body, narrow);
    expect(
      findTruncation(
        data.map((value, i) => value + 0.3 * noise[i]),
        narrow,
        360,
      ),
    ).toBeDefined();
    // 360 views of a centred object whose edge values are noise: nothing is cut off.
    const small = projectRounds([{ ...body[0], radiusMm: 60 }], narrow).data;
    expect(
      findTruncation(
        small.map((value, i) => value + 0.3 * noise[i]),
        narrow,
        360,
      ),
    ).toBeUndefined();
  });

  it("leave complete projections nearly as they are when continued all the same", async () => {
    const sinogram = projectRounds(body, full);
    const options = { grid, engine: "reference" } as const;
    const plain = await reconstructFbp(sinogram, options);
    const continued = await reconstructFbp(sinogram, { ...options, truncation: "extrapolate" });
    const worst = plain.data.reduce((most, mu, i) => Math.max(most, Math.abs(continued.data[i] - mu)), 0);
    expect(worst).toBeLessThan(1e-6 * MU);
  });

  it("are not seen at the short side of a displaced detector, but at the long one", async () => {
    const displaced: FanArcGeometry = { ...full, channels: 200, channelOffset: 50 };
    await reconstructFbp(projectRounds(body, displaced), { grid });
    const cut: FanArcGeometry = { ...full, channels: 110, channelOffset: 20 };
    await expect(reconstructFbp(projectRounds(body, cut), { grid })).rejects.toMatchObject({
      code: "TRUNCATED",
    });
    const { data } = await reconstructFbp(projectRounds(body, cut), {
      grid,
      truncation: "extrapolate",
      truncationMuPerMm: MU,
      engine: "reference",
    });
    expect(measureError(data).error).toBeLessThan(0.02);
  });

  it("of cones are found row by row; the ends along z may cut the object", async () => {
    const cone: ConeFlatGeometry = {
      ...full,
      kind: "cone-flat",
      channelPitchMm: 6,
      rows: 6,
      rowPitchMm: 4,
      rowOffset: 0,
      channels: 100,
      anglesRad: spreadAngles(60, 2 * Math.PI),
    };
    const small = createCentredGrid([2, 8, 8], [4, 8, 8]);
    await reconstructFbp(projectRounds(body, cone), { grid: small });
    const cut = { ...cone, channels: 50 };
    await expect(reconstructFbp(projectRounds(body, cut), { grid: small })).rejects.toMatchObject({
      code: "TRUNCATED",
      message: expect.stringContaining("row"),
    });
  });

  it("need an attenuation above 0 to be continued", async () => {
    await expect(
      reconstructFbp(projectRounds(body, narrow), { grid, truncation: "extrapolate", truncationMuPerMm: 0 }),
    ).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
  });
});

describe("data that are no projections", () => {
  const { data } = projectRounds(body, full);
  it("are refused with the place of the first bad sample", async () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const holed = data.slice();
      holed[7 * 300 + 11] = bad;
      await expect(
        reconstructFbp({ unit: "line integral", geometry: full, slices: 1, data: holed }, { grid }),
      ).rejects.toMatchObject({
        code: "NON_FINITE",
        message: expect.stringContaining("slice 0, view 7, channel 11"),
      });
    }
  });

  it("are refused when they and the geometry disagree", async () => {
    const wrong = { unit: "line integral", geometry: narrow, slices: 1, data } as const;
    await expect(reconstructFbp(wrong, { grid })).rejects.toMatchObject({
      code: "SHAPE_MISMATCH",
      message: expect.stringContaining("108000"),
    });
    const cone: ConeFlatGeometry = {
      ...full,
      kind: "cone-flat",
      channelPitchMm: 2,
      rows: 1,
      rowPitchMm: 2,
      rowOffset: 0,
    };
    const twice = { unit: "line integral", geometry: cone, slices: 2, data } as const;
    await expect(reconstructFbp(twice, { grid })).rejects.toMatchObject({ code: "SHAPE_MISMATCH" });
    await expect(reconstructFbp({ ...twice, slices: 1 }, { grid, engine: "no-such" })).rejects.toMatchObject({
      code: "UNKNOWN_NAME",
    });
  });
});
