/** Pairs by inserted noise as slices, stacks and slabs. */
import { createCentredGrid, createRandom, createVolume, getSliceData, type Volume } from "@alara/core";
import { createPairSource } from "@alara/learn";
import { describe, expect, it } from "vitest";
import { createDataset } from "../src/data/dataset.ts";
import type { Recipe } from "../src/recipe.ts";
import { buildPhantomPairs, buildTrainingPairs, buildValidationPairs } from "../src/training-data.ts";

/** A water disc with texture that differs from slice to slice, enough of it to measure noise in. */
function createDisc(slices: number, seed: number): Volume<"HU"> {
  const volume = createVolume("HU", createCentredGrid([slices, 160, 160], [3, 1.2, 1.2]));
  const random = createRandom(seed);
  for (let s = 0; s < slices; s++) {
    const data = getSliceData(volume, s);
    for (let i = 0; i < data.length; i++) {
      const radius = Math.hypot(Math.floor(i / 160) - 80, (i % 160) - 80);
      data[i] = Math.round((radius < 70 ? 40 + 10 * s : -1000) + 15 * random.nextNormal());
    }
  }
  return volume;
}

const series = [{ id: "disc", volume: createDisc(2, 1), patientId: "p", facts: { kvp: 120 } }];
const recipe = {
  training: { seed: 5 },
  data: {
    insertion: { doseFraction: 0.25, realisations: 2 },
    phantoms: { count: 1, realisations: 1, share: 0.5 },
    noiseScale: [0.5, 2],
    maximumSlicesPerSeries: 8,
  },
} as unknown as Recipe;

describe("pairs by inserted noise", () => {
  it("come slice by slice or as whole series, with the same pixels and noise", async () => {
    const single = await buildTrainingPairs(series, recipe);
    const whole = await buildTrainingPairs(series, recipe, { grouping: "series" });
    expect(single.pairs).toHaveLength(2);
    expect(whole.pairs).toHaveLength(1);
    const [stack] = whole.pairs;
    expect(stack).toMatchObject({ slices: 2, rows: 160, columns: 160 });
    expect(stack.weight).toBeCloseTo(
      single.pairs.reduce((sum, { weight = 1 }) => sum + weight, 0),
      6,
    );
    single.pairs.forEach((pair, s) => {
      const part = (data: ArrayLike<number>): number[] =>
        Array.from(data).slice(s * 25600 + 9000, s * 25600 + 9100);
      expect(Array.from(pair.target).slice(9000, 9100)).toEqual(part(stack.target));
      expect(Array.from(pair.noises[1]).slice(9000, 9100)).toEqual(part(stack.noises[1]));
    });
    const phantoms = await buildPhantomPairs(recipe, whole, { slices: 2 });
    expect(phantoms[0]).toMatchObject({ slices: 2, rows: 512 });
    const noise = phantoms[0].noises[0];
    const middle = 256 * 512 + 200;
    expect(noise.slice(middle, middle + 50)).not.toEqual(noise.slice(262144 + middle, 262144 + middle + 50));
    expect(phantoms[0].target.slice(middle, middle + 50)).toEqual(
      phantoms[0].target.slice(262144 + middle, 262144 + middle + 50),
    );
    const source = createPairSource([...whole.pairs, ...phantoms], { contextSlices: 1 });
    const { input, target } = source.drawBatch(createRandom(1), { batch: 2, patch: [16, 16] });
    expect([input.length, target.length]).toEqual([2 * 3 * 256, 2 * 256]);
    const volumes = createPairSource([...whole.pairs, ...phantoms]);
    expect(volumes.drawBatch(createRandom(1), { batch: 1, patch: [2, 16, 16] }).input).toHaveLength(512);
  });

  it("are validated on the middle slice, its neighbours, or a slab", async () => {
    const [plain] = await buildValidationPairs(series, recipe, 4);
    const [context] = await buildValidationPairs(series, recipe, 4, { contextSlices: 1 });
    const [slab] = await buildValidationPairs(series, recipe, 2, { slices: 2 });
    expect(plain).toMatchObject({ rows: 160, columns: 160 });
    expect(plain.slices).toBeUndefined();
    expect(context.slices).toBe(3);
    expect(context.target).toEqual(plain.target);
    expect(context.input.subarray(25600, 51200)).toEqual(plain.input);
    expect([slab.slices, slab.input.length, slab.target.length]).toEqual([2, 51200, 51200]);
    const skipped: string[] = [];
    const onSkipped = ({ code }: { code: string }): unknown => skipped.push(code);
    expect(await buildValidationPairs(series, recipe, 3, { onSkipped })).toEqual([]);
    expect(skipped).toEqual(["ODD_SIZE"]);
    await expect(buildValidationPairs(series, recipe, 4, { contextSlices: 1, slices: 2 })).rejects.toThrow(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
  });

  it("stand in a manifest with patient and scan facts", async () => {
    const { entries } = await createDataset("discs", [...series, { id: "other", volume: createDisc(1, 2) }]);
    expect(entries[0]).toMatchObject({
      patientId: "p",
      seriesId: "disc",
      facts: { kvp: 120 },
      size: [2, 160, 160],
    });
    expect(entries[1]).toMatchObject({ patientId: "other", role: "image", facts: {} });
    expect(new Set(entries[0].sliceHashes).size).toBe(2);
  });
});
