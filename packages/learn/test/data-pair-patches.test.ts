/** Patches: where they come from, that noise and target stay together through every turn, and speed. */
import { createRandom } from "@alara/core";
import { createPairSource, type TrainingPair } from "@alara/learn";
import { describe, expect, it } from "vitest";

/** Every pixel of target and noise says where it lies. */
function createMarkedPair(id: string, rows: number, columns: number, mark = 0): TrainingPair {
  const target = Float32Array.from({ length: rows * columns }, (_, k) => mark + k);
  return {
    id,
    rows,
    columns,
    target,
    noises: [target.map((x) => x + 0.5), target.map((x) => -x - 1)],
    levelRange: [0.5, 2],
  };
}

describe("createPairSource", () => {
  it("adds the noise of the same place, scaled by one level per patch, through every turn", () => {
    const source = createPairSource([createMarkedPair("a", 9, 11)]);
    const random = createRandom(1);
    const turns = new Set<string>();
    for (let draw = 0; draw < 40; draw++) {
      const { input, target } = source.drawBatch(random, { batch: 5, patch: [4, 4] });
      for (let n = 0; n < 5; n++) {
        const t = target.subarray(16 * n, 16 * n + 16);
        const added = input.subarray(16 * n, 16 * n + 16).map((x, k) => x - t[k]);
        const isFirst = added[5] > 0;
        const levels = added.map((x, k) => x / (isFirst ? t[k] + 0.5 : -t[k] - 1));
        for (const level of levels) expect(Math.abs(level - levels[5])).toBeLessThan(2e-3);
        expect(levels[5]).toBeGreaterThanOrEqual(0.499);
        expect(levels[5]).toBeLessThanOrEqual(2.001);
        turns.add(`${t[1] - t[0]},${t[4] - t[0]}`);
      }
    }
    const expected = ["1,11", "-1,11", "1,-11", "-1,-11", "11,1", "11,-1", "-11,1", "-11,-1"];
    expect([...turns].sort()).toEqual(expected.sort());
  });

  it("repeats for the same seed and state, and does not turn when told not to", () => {
    const source = createPairSource([createMarkedPair("a", 9, 11)], { augmentation: "none" });
    const random = createRandom(7);
    const first = source.drawBatch(random, { batch: 3, patch: [4, 4] });
    expect(source.drawBatch(createRandom(7), { batch: 3, patch: [4, 4] })).toEqual(first);
    expect(source.drawBatch(random, { batch: 3, patch: [4, 4] })).not.toEqual(first);
    for (let n = 0; n < 3; n++) expect(first.target[16 * n + 1] - first.target[16 * n]).toBe(1);
  });

  it("draws pairs by weight and levels log-uniformly", () => {
    const heavy = { ...createMarkedPair("heavy", 4, 4), weight: 3 };
    const light = { ...createMarkedPair("light", 4, 4, 1000), weight: 1 };
    const never = { ...createMarkedPair("never", 4, 4, 5000), weight: 0 };
    const source = createPairSource([heavy, never, light], { augmentation: "none" });
    const { input, target } = source.drawBatch(createRandom(3), { batch: 4000, patch: [4, 4] });
    let [lights, lowLevels] = [0, 0];
    for (let n = 0; n < 4000; n++) {
      expect(target[16 * n]).toBeLessThan(5000);
      if (target[16 * n] >= 1000) lights++;
      const [t, i] = [target[16 * n + 5], input[16 * n + 5]];
      if ((i > t ? (i - t) / (t + 0.5) : (t - i) / (t + 1)) < 1) lowLevels++;
    }
    // 4000 draws: standard error 0.7 % and 0.8 %
    expect(lights / 4000).toBeCloseTo(0.25, 1);
    expect(lowLevels / 4000).toBeCloseTo(0.5, 1);
  });

  it("prefers patches with tissue", () => {
    const side = 64;
    const target = Int16Array.from({ length: side * side }, (_, k) => (k % side < 16 ? 40 : -1000));
    const pair = {
      id: "edge",
      rows: side,
      columns: side,
      target,
      noises: [target],
      levelRange: [1, 1],
    } as const;
    const countTissue = (tissueFraction: number): number => {
      const batch = createPairSource([pair], { tissueFraction }).drawBatch(createRandom(5), {
        batch: 300,
        patch: [8, 8],
      });
      let tissue = 0;
      for (let n = 0; n < 300; n++) {
        const share = batch.target.subarray(64 * n, 64 * n + 64).filter((x) => x > -950).length / 64;
        if (share >= 0.5) tissue++;
      }
      return tissue / 300;
    };
    expect(countTissue(0)).toBeLessThan(0.35);
    expect(countTissue(1)).toBeGreaterThan(0.8);
  });

  it("refuses pairs that do not fit, with the numbers", () => {
    const good = createMarkedPair("p", 4, 4);
    expect(() => createPairSource([])).toThrow(expect.objectContaining({ code: "NO_DATA" }));
    expect(() => createPairSource([{ ...good, weight: 0 }])).toThrow(
      expect.objectContaining({ code: "NO_DATA" }),
    );
    expect(() => createPairSource([{ ...good, rows: 5 }])).toThrow(/5 × 4 .* 16, 16, 16/);
    expect(() => createPairSource([{ ...good, noises: [] }])).toThrow(/at least one/);
    expect(() => createPairSource([{ ...good, levelRange: [0, 1] }])).toThrow(/0 < least/);
    expect(() => createPairSource([good]).drawBatch(createRandom(1), { batch: 1, patch: [5, 5] })).toThrow(
      /patch 5 does not fit/,
    );
  });
});
