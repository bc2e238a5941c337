/** Manifests, digests, leaks, folds. */
import { createCentredGrid, createRandom, createVolume, getSlab, type Volume } from "@alara/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  computeDatasetDigest,
  DATASET_SCHEMA,
  type DatasetEntry,
  describeSeries,
  hashPixels,
  parseDataset,
} from "../src/data/dataset.ts";
import { checkSplit, findLeaks, planFolds, planHoldout } from "../src/data/split.ts";

function createNoise(seed: number, slices = 3): Volume<"HU"> {
  const random = createRandom(seed);
  const volume = createVolume("HU", createCentredGrid([slices, 8, 8], [2, 1, 1]));
  for (let i = 0; i < volume.data.length; i++) volume.data[i] = Math.round(100 * random.nextNormal());
  return volume;
}

function describeNoise(patientId: string, seriesId: string, volume: Volume<"HU">): Promise<DatasetEntry> {
  return describeSeries(volume, { patientId, seriesId, facts: { kvp: 120 } });
}

describe("manifest", () => {
  it("names pixels, not headers", async () => {
    const volume = createNoise(1);
    const elsewhere = createVolume("HU", createCentredGrid([3, 8, 8], [5, 9, 9]), volume.data);
    expect(await hashPixels(elsewhere)).toBe(await hashPixels(volume));
    const changed = createVolume("HU", volume.geometry, volume.data.slice());
    changed.data[100] += 1;
    expect(await hashPixels(changed)).not.toBe(await hashPixels(volume));
    const turned = createVolume("HU", createCentredGrid([3, 4, 16], [2, 1, 1]), volume.data);
    expect(await hashPixels(turned)).not.toBe(await hashPixels(volume));
    const zero = (value: number): Promise<string> =>
      hashPixels(createVolume("HU", createCentredGrid([1, 1, 1], [1, 1, 1]), Float32Array.of(value)));
    expect(await zero(-0)).toBe(await zero(0));
    // sha256 of "1×1×1" and the float32 bytes 00 00 80 3f, by sha256sum
    expect(await zero(1)).toBe("213c0a8f6c3aa058aeb1ee215118ea517c36d667c2f4696805c7821d78f0c614");
  });

  it("goes through JSON and refuses faulty entries by number", async () => {
    const entries = [
      await describeNoise("p", "s", createNoise(1)),
      await describeNoise("q", "t", createNoise(2)),
    ];
    const manifest = { schema: DATASET_SCHEMA, name: "two", entries } as const;
    const read = parseDataset(JSON.stringify(manifest));
    expect(read).toEqual(manifest);
    expect(await computeDatasetDigest(read)).toBe(await computeDatasetDigest(manifest));
    expect(read.entries[0]).toMatchObject({ role: "image", size: [3, 8, 8], facts: { kvp: 120 } });
    const broken = (change: object): string =>
      JSON.stringify({ ...manifest, entries: [entries[0], { ...entries[1], ...change }] });
    for (const [change, message] of [
      [{ patientId: "" }, /entry 1 .* no patientId/],
      [{ role: "truth" }, /unknown role/],
      [{ pixelSha256: "00" }, /64 hex digits/],
      [{ sliceHashes: [""] }, /another number/],
      [{ size: [3, 8] }, /three numbers/],
      [{ seriesId: "s" }, /occurred before/],
    ] as const) {
      expect(() => parseDataset(broken(change))).toThrow(message);
    }
    expect(() => parseDataset("{")).toThrow(expect.objectContaining({ code: "DATASET_INVALID" }));
    expect(() => parseDataset("{}")).toThrow(/needs schema/);
  });
});

describe("checkSplit", () => {
  it("lists a patient, a series and slices on two sides, without naming patients", async () => {
    const [one, two, three] = [createNoise(1), createNoise(2), createNoise(3, 5)];
    const clean = {
      train: [await describeNoise("A", "a", one), await describeNoise("A", "a2", two)],
      test: [await describeNoise("B", "b", three)],
    };
    expect(findLeaks(clean)).toEqual([]);
    expect(() => checkSplit(clean)).not.toThrow();
    const leaking = {
      train: [...clean.train, await describeNoise("Doe^Jane", "long", three)],
      val: [await describeNoise("Doe^Jane", "same-patient", createNoise(7))],
      test: [
        await describeNoise("B", "same-pixels", one),
        await describeNoise("C", "part", getSlab(three, 1, 3)),
      ],
    };
    const leaks = findLeaks(leaking);
    expect(leaks.map(({ kind, first, second }) => [kind, first.seriesId, second.seriesId])).toEqual([
      ["pixels", "a", "same-pixels"],
      ["slices", "long", "part"],
      ["patient", "long", "same-patient"],
    ]);
    expect(leaks[1].slices).toBe(2);
    expect(() => checkSplit(leaking)).toThrow(
      /3 leak\(s\).*"a" \(train\) and "same-pixels" \(test\): the same pixels/,
    );
    expect(() => checkSplit(leaking)).toThrow(/2 equal slices/);
    try {
      checkSplit(leaking);
    } catch (error) {
      expect((error as Error).message).not.toContain("Doe");
    }
  });

  it("does not take empty slices for a leak", async () => {
    const blank = (seed: number): Volume<"HU"> => {
      const volume = createNoise(seed);
      volume.data.fill(-1000, 0, 64);
      return volume;
    };
    const sides = {
      train: [await describeNoise("A", "a", blank(1))],
      test: [await describeNoise("B", "b", blank(2))],
    };
    expect(findLeaks(sides)).toEqual([]);
  });
});

describe("planFolds", () => {
  it("tests every patient once, evenly over folds and strata, whatever the order", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 40 }),
        fc.integer({ min: 2, max: 8 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 1000 }),
        (count, wanted, strata, seed) => {
          const folds = Math.min(count, wanted);
          const patients = Array.from({ length: count }, (_, k) => ({
            id: `p${k}`,
            stratum: `s${k % strata}`,
          }));
          const plan = planFolds(patients, { folds, seed });
          expect(plan.flatMap(({ test }) => test).sort()).toEqual(patients.map(({ id }) => id).sort());
          const sizes = plan.map(({ test }) => test.length);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
          for (let s = 0; s < strata; s++) {
            const members = new Set(
              patients.filter(({ stratum }) => stratum === `s${s}`).map(({ id }) => id),
            );
            const counts = plan.map(({ test }) => test.filter((id) => members.has(id)).length);
            expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
          }
          for (const { train, test } of plan) {
            expect(train.length + test.length).toBe(count);
            expect(train.filter((id) => test.includes(id))).toEqual([]);
          }
          expect(planFolds([...patients].reverse(), { folds, seed })).toEqual(plan);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("leaves one patient out, with validation patients from the training side, by seed", () => {
    const patients = Array.from({ length: 12 }, (_, k) => `patient-${k}`);
    const plan = planFolds(patients, { folds: "leave-one-out", seed: 1, validationPatients: 2 });
    expect(plan).toHaveLength(12);
    for (const { train, validation, test } of plan) {
      expect([train.length, validation.length, test.length]).toEqual([9, 2, 1]);
      expect(new Set([...train, ...validation, ...test]).size).toBe(12);
    }
    const again = planFolds(patients, { folds: "leave-one-out", seed: 1, validationPatients: 2 });
    expect(again).toEqual(plan);
    expect(planFolds(patients, { folds: 4, seed: 2 })).not.toEqual(
      planFolds(patients, { folds: 4, seed: 3 }),
    );
    expect(new Set(plan.flatMap(({ validation }) => validation)).size).toBeGreaterThan(4);
  });

  it("plans 30, 4 and 4 of 38 with strata spread", () => {
    const mice = Array.from({ length: 38 }, (_, k) => ({ id: `m${k}`, stratum: k < 19 ? "female" : "male" }));
    const { train, validation, test } = planHoldout(mice, {
      seed: 5,
      validationPatients: 4,
      testPatients: 4,
    });
    expect([train.length, validation.length, test.length]).toEqual([30, 4, 4]);
    expect(new Set([...train, ...validation, ...test]).size).toBe(38);
    for (const side of [validation, test]) {
      expect(side.filter((id) => Number(id.slice(1)) < 19)).toHaveLength(2);
    }
  });

  it("refuses what cannot be planned", () => {
    expect(() => planFolds(["a", "b"], { folds: 3, seed: 1 })).toThrow(/3 folds of 2 patients/);
    expect(() => planFolds(["a", "a"], { folds: 2, seed: 1 })).toThrow(/1 different/);
    expect(() => planFolds(["a", "b", "c"], { folds: 3, seed: 1, validationPatients: 2 })).toThrow(
      /at least one/,
    );
    expect(() => planHoldout(["a", "b"], { seed: 1, validationPatients: 1, testPatients: 1 })).toThrow(
      /at least one/,
    );
  });
});
