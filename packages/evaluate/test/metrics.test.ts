/** Metrics: golden values from scikit-image (test/golden/metrics.py) and properties over the whole registry. */
import { readFileSync } from "node:fs";
import { createCentredGrid, createRandom, createVolume, type Volume } from "@alara/core";
import { describe, expect, it } from "vitest";
import { EvaluateError, type Metric, metrics, SOFT_TISSUE_WINDOW, WIDE_WINDOW } from "../src/index.ts";

interface GoldenCase {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly noise: number;
  readonly lowHu: number | null;
  readonly highHu: number | null;
  readonly [metric: string]: number | string | null;
}
const golden = JSON.parse(readFileSync(new URL("golden/metrics.json", import.meta.url), "utf8")) as {
  tool: string;
  cases: GoldenCase[];
};

/** The scene of metrics.py. */
function buildScene(rows: number, columns: number, seed: number, noise: number): Volume<"HU"> {
  const data = new Float32Array(rows * columns);
  let state = seed;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      state = (Math.imul(1664525, state) + 1013904223) >>> 0;
      let v = 40 + 120 * Math.sin(r / 7) * Math.cos(c / 5);
      if ((r - rows / 2) ** 2 + (c - columns / 3) ** 2 < (rows / 5) ** 2) v += 700;
      if (c > 0.8 * columns) v -= 1000;
      data[r * columns + c] = v + noise * (state / 4294967296 - 0.5);
    }
  }
  return createVolume("HU", createCentredGrid([1, rows, columns], [1, 1, 1]), data);
}

function buildRandom(seed: number, sigmaHu: number, slices = 3, side = 24): Volume<"HU"> {
  const random = createRandom(seed);
  const data = Float32Array.from({ length: slices * side * side }, () => 40 + sigmaHu * random.nextNormal());
  return createVolume("HU", createCentredGrid([slices, side, side], [1, 1, 1]), data);
}

function scale(volume: Volume<"HU">, factor: number): Volume<"HU"> {
  return createVolume(
    "HU",
    volume.geometry,
    volume.data.map((v) => v * factor),
  );
}

describe(`agreement with ${golden.tool}`, () => {
  for (const entry of golden.cases) {
    const label = entry.lowHu === null ? "unclipped, range 400" : `${entry.lowHu}..${entry.highHu} HU`;
    it(`${entry.name} ${entry.rows}×${entry.columns}, ${label}`, () => {
      const a = buildScene(entry.rows, entry.columns, 1, entry.noise);
      const b = buildScene(entry.rows, entry.columns, 7, entry.noise / 3);
      const window =
        entry.lowHu === null || entry.highHu === null
          ? SOFT_TISSUE_WINDOW
          : { name: "golden", lowHu: entry.lowHu, highHu: entry.highHu };
      const clip = entry.lowHu === null ? "none" : "window";
      for (const [name, metric] of metrics.entries()) {
        const { value } = metric.measure(a, b, { window, clip });
        const expected = Number(entry[name]);
        expect(Math.abs(value - expected), name).toBeLessThan(1e-6 * Math.max(1, Math.abs(expected)));
      }
    });
  }
  it("covers every metric of the registry", () => {
    for (const name of metrics.names) expect(typeof golden.cases[0][name]).toBe("number");
  });
});

describe.each([...metrics.entries()])("%s", (_name: string, metric: Metric) => {
  const a = buildRandom(1, 30);
  const b = buildRandom(2, 30);

  it("gives the ideal for identical volumes, in each slice and as a whole", () => {
    const result = metric.measure(a, a);
    if (Number.isFinite(metric.ideal)) expect(result.value).toBeCloseTo(metric.ideal, 12);
    else expect(result.value).toBe(metric.ideal);
    for (const value of result.perSlice) expect(value).toBeCloseTo(metric.ideal, 12);
  });

  it("is symmetric", () => {
    expect(metric.measure(a, b).value).toBeCloseTo(metric.measure(b, a).value, 12);
  });

  it("gets worse with more noise", () => {
    const truth = buildRandom(1, 0);
    const little = metric.measure(buildRandom(5, 10), truth).value;
    const much = metric.measure(buildRandom(5, 40), truth).value;
    expect(metric.better === "lower" ? little < much : little > much).toBe(true);
  });

  it("scales with the unit", () => {
    const window = { name: "w", lowHu: -200, highHu: 200 };
    const tripled = { name: "3w", lowHu: -600, highHu: 600 };
    const one = metric.measure(a, b, { window }).value;
    const three = metric.measure(scale(a, 3), scale(b, 3), { window: tripled }).value;
    expect(three).toBeCloseTo(metric.unit === "HU" ? 3 * one : one, 4);
  });

  it("counts only the region", () => {
    const mask = new Uint8Array(a.data.length);
    const side = 24;
    for (let r = 6; r < 18; r++) for (let c = 6; c < 18; c++) mask[side * side + r * side + c] = 1;
    const region = { name: "centre", mask };
    const spoiled = createVolume("HU", a.geometry, Float32Array.from(a.data));
    for (let i = 0; i < side * side; i++) spoiled.data[i] += 100;
    const result = metric.measure(spoiled, a, { region });
    expect(result.value).toBe(metric.measure(a, a, { region }).value);
    expect(result.region).toEqual({ name: "centre", voxels: 144 });
    expect(result.perSlice[0]).toBeNull();
    expect(result.perSlice[1]).not.toBeNull();
  });

  it("states window, range and unit", () => {
    const result = metric.measure(a, b, { window: WIDE_WINDOW });
    expect(result.metric).toBe(metric.name);
    expect(result.unit).toBe(metric.unit);
    expect(result.clippedTo).toEqual(WIDE_WINDOW);
    expect(result.dataRangeHu).toBe(metric.unit === "HU" ? null : 3000);
  });

  it("refuses what cannot be compared", () => {
    expect(() => metric.measure(a, buildRandom(1, 1, 2))).toThrowError(
      expect.objectContaining({ code: "SHAPE_MISMATCH" }),
    );
    const none = { name: "nothing", mask: new Uint8Array(a.data.length) };
    expect(() => metric.measure(a, b, { region: none })).toThrowError(
      expect.objectContaining({ code: "EMPTY_REGION" }),
    );
    const flat = { name: "flat", lowHu: 5, highHu: 5 };
    expect(() => metric.measure(a, b, { window: flat })).toThrowError(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
    const broken = createVolume("HU", a.geometry, Float32Array.from(a.data));
    broken.data[900] = Number.NaN;
    expect(() => metric.measure(broken, b)).toThrowError(EvaluateError);
  });
});

it("pools RMSE over voxels, not over slices", () => {
  const truth = buildRandom(1, 0, 2, 12);
  const shifted = createVolume("HU", truth.geometry, Float32Array.from(truth.data));
  for (let i = 0; i < 144; i++) shifted.data[i] += 3;
  for (let i = 144; i < 288; i++) shifted.data[i] += 4;
  const result = metrics.get("rmse").measure(shifted, truth);
  expect(result.perSlice).toEqual([3, 4]);
  expect(result.value).toBeCloseTo(Math.sqrt(12.5), 12);
});
