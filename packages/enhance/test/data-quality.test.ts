/** Quality control: every fault is made on purpose and found under its code; clean data give no finding. */
import {
  createCentredGrid,
  createRandom,
  createVolume,
  getSlab,
  getSliceData,
  type Volume,
} from "@alara/core";
import { describe, expect, it } from "vitest";
import { countHashDifferences, hashSliceContent } from "../src/data/fingerprint.ts";
import { assertUsableData, checkTrainingData } from "../src/data/quality-control.ts";
import type { CheckedSeries, DataQualityReport } from "../src/data/quality-report.ts";
import { change, createChest } from "./data-bodies.ts";

const chest = createChest({ seed: 1, slices: 3 });

function series(id: string, volume: Volume<"HU">, more: Partial<CheckedSeries> = {}): CheckedSeries {
  return { id, patientId: id, volume, ...more };
}

async function checkOne(volume: Volume<"HU">): Promise<DataQualityReport> {
  return checkTrainingData([series("s", volume)]);
}

function codes(report: DataQualityReport, severity?: string): string[] {
  return report.findings
    .filter((f) => severity === undefined || f.severity === severity)
    .map(({ code }) => code);
}

describe("clean data", () => {
  it("pass without a finding: several patients, sides, a pair, padding", async () => {
    const low = change(chest, (hu, i) => hu + 30 * Math.sin(7.3 * i * i));
    const padded = change(createChest({ seed: 2, slices: 2 }), (hu, i) => {
      const [y, x] = [Math.floor(i / 128) % 128, i % 128];
      return Math.hypot(y - 64, x - 64) > 63 ? -2000 : hu;
    });
    const report = await checkTrainingData([
      series("a", chest, { role: "target", pairId: "p", side: "train" }),
      series("b", low, { role: "input", pairId: "p", side: "train", patientId: "a" }),
      series("c", padded, { side: "train" }),
      series("d", createChest({ seed: 3, slices: 3 }), { side: "val" }),
      series("e", createChest({ seed: 4, slices: 3 }), { side: "test" }),
    ]);
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({ series: 5, patients: 4, isUsable: true });
    const { air, lung, soft, bone } = report.tissueShares;
    expect(air + lung + soft + bone).toBeCloseTo(1, 6);
    for (const share of [air, lung, soft, bone]) expect(share).toBeGreaterThan(0.01);
    expect(() => assertUsableData(report)).not.toThrow();
  });

  it("pass as crops of soft tissue, and with metal", async () => {
    const random = createRandom(1);
    const soft = createVolume("HU", createCentredGrid([2, 64, 64], [3, 0.7, 0.7]));
    for (let i = 0; i < soft.data.length; i++) soft.data[i] = Math.round(40 + 20 * random.nextNormal());
    expect(codes(await checkOne(soft))).toEqual([]);
    const metal = change(chest, (hu, i) =>
      i % 16384 > 8000 && i % 16384 < 8010 ? 2500 + 37 * (i % 10) : hu,
    );
    expect(codes(await checkOne(metal))).toEqual([]);
  });
});

describe("values", () => {
  it("finds samples that are not finite and constant slices", async () => {
    const broken = change(chest, (hu, i) =>
      i === 77 ? Number.NaN : i === 78 ? Number.POSITIVE_INFINITY : hu,
    );
    const report = await checkOne(broken);
    expect(codes(report, "error")).toEqual(["NON_FINITE"]);
    expect(report.findings[0].values).toEqual({ samples: 2 });
    const blank = change(chest, (hu, i) => (i < 128 * 128 ? -1000 : hu));
    expect(codes(await checkOne(blank), "error")).toEqual(["CONSTANT_SLICES"]);
    expect(codes(await checkOne(change(chest, () => 0)), "error")).toEqual(["CONSTANT_SLICES"]);
  });

  it("finds attenuation, scaled data, and a missing intercept", async () => {
    for (const factor of [0.0193, 0.193, 1]) {
      const report = await checkOne(change(chest, (hu) => factor * (1 + hu / 1000)));
      expect(codes(report, "error")).toEqual(["UNITS_NOT_HU"]);
    }
    for (const shift of [1000, 1024]) {
      const report = await checkOne(change(chest, (hu) => hu + shift));
      expect(codes(report, "error")).toEqual(["MISSING_INTERCEPT"]);
      expect(Math.abs((report.findings[0].values.airHu as number) - (shift - 1000))).toBeLessThan(30);
    }
  });

  it("finds a wrong slope or offset by the places of air and tissue", async () => {
    expect(codes(await checkOne(change(chest, (hu) => 1.2 * (hu + 1000) - 850)))).toContain("HU_CALIBRATION");
    expect(codes(await checkOne(change(chest, (hu) => hu + 300)))).toContain("HU_CALIBRATION");
  });

  it("finds values out of range and no tissue", async () => {
    const far = change(chest, (hu, i) => (i % 500 === 0 ? 40000 : hu));
    expect(codes(await checkOne(far), "error")).toEqual(["HU_RANGE"]);
    const air = change(chest, (_, i) => -1000 + (i % 37));
    expect(codes(await checkOne(air), "error")).toContain("HU_RANGE");
  });

  it("finds clipping at both ends, but not air that scanners clip", async () => {
    const bright = await checkOne(change(chest, (hu) => Math.min(hu, 100)));
    expect(codes(bright, "error")).toEqual(["SATURATED"]);
    expect(bright.findings[0].values.hu).toBe(100);
    const windowed = await checkOne(change(chest, (hu) => Math.max(-160, hu)));
    expect(codes(windowed, "error")).toContain("SATURATED");
    expect(codes(await checkOne(change(chest, (hu) => Math.max(-1000, hu))))).toEqual([]);
  });
});

describe("pairs", () => {
  const target = series("t", chest, { role: "target", pairId: "p", patientId: "x" });
  const noise = createRandom(9);
  const noisy = change(chest, (hu) => hu + 30 * noise.nextNormal());
  const check = async (volume: Volume<"HU">, more: Partial<CheckedSeries> = {}): Promise<DataQualityReport> =>
    checkTrainingData([target, series("i", volume, { role: "input", pairId: "p", patientId: "x", ...more })]);

  function shift(volume: Volume<"HU">, rows: number, columns: number, slices = 0): Volume<"HU"> {
    const [n, h, w] = volume.geometry.size;
    const clamp = (i: number, count: number): number => Math.min(count - 1, Math.max(0, i));
    return change(volume, (_, i) => {
      const [s, r, c] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
      const from = clamp(s - slices, n) * h * w + clamp(r - rows, h) * w + clamp(c - columns, w);
      return volume.data[from];
    });
  }

  it("finds shifts with their size", async () => {
    const report = await check(shift(noisy, 2, -3));
    expect(codes(report, "error")).toEqual(["MISREGISTERED"]);
    const { rows, columns } = report.findings[0].values as { rows: number; columns: number };
    expect(Math.abs(rows - 2)).toBeLessThan(0.15);
    expect(Math.abs(columns + 3)).toBeLessThan(0.15);
    const long = createChest({ seed: 1, slices: 9 });
    const moved = shift(createChest({ seed: 1, slices: 9, noiseSeed: 5, noise: 25 }), 0, 0, 2);
    const along = await checkTrainingData([
      series("t", long, { role: "target", pairId: "p", patientId: "x" }),
      series("i", moved, { role: "input", pairId: "p", patientId: "x" }),
    ]);
    expect(codes(along, "error")).toContain("MISREGISTERED");
    expect(Math.abs((along.findings[0].values.slices as number) - 2)).toBeLessThan(0.3);
  });

  it("finds elastic motion, strangers, bias and exchanged halves", async () => {
    const wave = change(noisy, (_, i) => {
      const [s, r, c] = [Math.floor(i / 16384), Math.floor(i / 128) % 128, i % 128];
      const from = Math.min(127, Math.max(0, Math.round(r - 6 * Math.sin((Math.PI * c) / 128) ** 2)));
      return noisy.data[s * 16384 + from * 128 + c];
    });
    expect(codes(await check(wave), "error")).toContain("ELASTIC_MISMATCH");
    const stranger = change(chest, (_, i) => Math.round(400 * Math.sin(i * i * 0.37)));
    expect(codes(await check(stranger), "error")).toContain("UNRELATED_PAIR");
    expect(codes(await check(change(noisy, (hu) => (hu > -300 ? hu + 60 : hu))))).toContain("HU_BIAS");
    const report = await checkTrainingData([
      series("t", noisy, { role: "target", pairId: "p", patientId: "x" }),
      series("i", chest, { role: "input", pairId: "p", patientId: "x" }),
    ]);
    expect(codes(report)).toEqual(["NOISE_ORDER"]);
    expect(report.isUsable).toBe(true);
  });

  it("finds missing halves, sizes, spacings, and the same image twice", async () => {
    expect(codes(await checkTrainingData([target]), "error")).toEqual(["INCOMPLETE_PAIR"]);
    expect(codes(await check(getSlab(noisy, 0, 2)), "error")).toEqual(["SIZE_MISMATCH"]);
    const { geometry, data } = noisy;
    const wide = createVolume("HU", { ...geometry, spacingMm: [3, 3.5, 3.5] as const }, data);
    expect(codes(await check(wide), "error")).toEqual(["SPACING_MISMATCH"]);
    expect(codes(await check(chest), "error")).toEqual(["DUPLICATE"]);
    const lonely = series("r", chest, { role: "repeat", pairId: "q" });
    expect(codes(await checkTrainingData([lonely]), "error")).toEqual(["INCOMPLETE_PAIR"]);
  });

  it("takes targets on a doubled grid", async () => {
    const fine = createChest({ seed: 1, size: 256, slices: 2 });
    const coarse = createChest({ seed: 1, size: 128, slices: 2, noise: 30, noiseSeed: 6 });
    const pair = [
      series("t", fine, { role: "target", pairId: "p", patientId: "x" }),
      series("i", coarse, { role: "input", pairId: "p", patientId: "x" }),
    ];
    expect(codes(await checkTrainingData(pair, { scale: 2 }))).toEqual([]);
    expect(codes(await checkTrainingData(pair), "error")).toEqual(["SIZE_MISMATCH"]);
  });
});

describe("copies and leaks", () => {
  const other = createChest({ seed: 6, slices: 3 });

  it("finds equal pixels, part of a series, and copies changed a little, under another name", async () => {
    for (const copy of [
      chest,
      getSlab(chest, 1, 3),
      change(chest, (hu) => hu + 3),
      change(chest, (hu) => 2 * Math.round(hu / 2)),
    ]) {
      const report = await checkTrainingData([series("a", chest), series("b", copy), series("c", other)]);
      expect(codes(report, "error")).toEqual(["DUPLICATE"]);
      expect(report.findings[0].ids).toEqual(["a", "b"]);
    }
    const again = [series("a", chest), series("b", chest, { patientId: "a" })];
    expect(codes(await checkTrainingData(again), "warning")).toEqual(["DUPLICATE"]);
  });

  it("suspects the same anatomy scanned again under another name", async () => {
    const repeat = createChest({ seed: 1, slices: 3, noiseSeed: 99 });
    const report = await checkTrainingData([series("a", chest), series("b", repeat)]);
    expect(codes(report)).toEqual(["NEAR_DUPLICATE"]);
    expect(report.findings[0].severity).toBe("warning");
  });

  it("finds a patient, and pixels, on two sides", async () => {
    const leak = await checkTrainingData([
      series("a", chest, { side: "train", patientId: "x" }),
      series("b", other, { side: "test", patientId: "x" }),
    ]);
    expect(codes(leak, "error")).toEqual(["PATIENT_LEAK"]);
    const copied = await checkTrainingData([
      series("a", chest, { side: "train" }),
      series("b", chest, { side: "val" }),
    ]);
    expect(copied.isUsable).toBe(false);
    expect(copied.findings[0]).toMatchObject({ code: "DUPLICATE", severity: "error" });
    expect(() => assertUsableData(copied)).toThrow(
      /DUPLICATE a, b: equal pixels on the sides "train" and "val"; keep one/,
    );
    await expect(checkTrainingData([series("a", chest), series("a", other)])).rejects.toThrow(
      /name each once/,
    );
  });

  it("warns of widely different spacings", async () => {
    const fine = createChest({ seed: 7, fieldMm: 150 });
    const report = await checkTrainingData([series("a", chest), series("b", fine)]);
    expect(codes(report)).toContain("SPACING_MISMATCH");
  });
});

describe("hashSliceContent", () => {
  it("stays through rounding, shifts, noise and doubling, and differs between bodies", () => {
    const hash = (volume: Volume<"HU">): string =>
      hashSliceContent(getSliceData(volume, 0), volume.geometry.size[1], volume.geometry.size[2]);
    const one = hash(createChest({ seed: 1 }));
    expect(countHashDifferences(one, one)).toBe(0);
    expect(
      countHashDifferences(one, hash(change(createChest({ seed: 1 }), (hu) => hu + 5))),
    ).toBeLessThanOrEqual(4);
    expect(
      countHashDifferences(one, hash(createChest({ seed: 1, noise: 30, noiseSeed: 3 }))),
    ).toBeLessThanOrEqual(4);
    expect(countHashDifferences(one, hash(createChest({ seed: 1, size: 256 })))).toBeLessThanOrEqual(4);
    for (let seed = 2; seed < 12; seed++) {
      expect(countHashDifferences(one, hash(createChest({ seed }))), `seed ${seed}`).toBeGreaterThan(6);
    }
    expect(hash(change(createChest({ seed: 1 }), () => 0))).toBe("");
  });
});
