/** Pairs as batches by name: 2.5D, 3D, doubled targets, own inputs, regions, mixtures. */
import { computeSha256, createRandom } from "@alara/core";
import { describe, expect, it } from "vitest";
import { createPairSource, type ExplicitPair, mixSources, type TrainingPair } from "../src/data/index.ts";

/** Every sample of target and noise says where it lies. */
function createStack(slices: number, rows: number, columns: number): TrainingPair {
  const target = Float32Array.from({ length: slices * rows * columns }, (_, k) => k);
  return {
    id: "stack",
    slices,
    rows,
    columns,
    target,
    noises: [target.map((x) => x / 2)],
    levelRange: [1, 1],
  };
}

/** A ramp that is the same function of place on both grids: value = 100·row + column (centres in coarse samples). */
function createDoubled(rows: number, columns: number, slices = 1, scale = 2): ExplicitPair {
  const ramp = (s: number, r: number, c: number, k: number): number =>
    10000 * s + 100 * ((r + 0.5) / k - 0.5) + ((c + 0.5) / k - 0.5);
  const make = (k: number): Float32Array =>
    Float32Array.from({ length: slices * rows * columns * k * k }, (_, i) =>
      ramp(
        Math.floor(i / (rows * columns * k * k)),
        Math.floor(i / (columns * k)) % (rows * k),
        i % (columns * k),
        k,
      ),
    );
  return { id: "doubled", slices, rows, columns, input: make(1), target: make(scale) };
}

describe("pairs by name", () => {
  it("draws the same stream as ever for square 2D patches", async () => {
    const r = createRandom(1);
    const pairs = [0, 1, 2].map((k): TrainingPair => {
      const rows = 40 + k * 5;
      const target = Int16Array.from({ length: rows * 50 }, () => Math.round(300 * r.nextNormal() - 700));
      const noises = [target.map((x) => x * 0.3), target.map((x) => -x * 0.1)];
      return { id: `${k}`, rows, columns: 50, target, noises, weight: k + 1, levelRange: [0.5, 2] };
    });
    const source = createPairSource(pairs);
    const byName = source.drawBatch(createRandom(9), { batch: 2, patch: [16, 16] });
    // Digest of what the first version of this source drew.
    expect(await computeSha256(new Uint8Array(byName.input.buffer))).toBe(
      "ed7deee39ed7756b64d957f55b514554aaa6e7f412459b9d2df9687197a6f0ce",
    );
    expect(source.fields).toEqual({ input: { channels: 1, scale: 1 }, target: { channels: 1, scale: 1 } });
  });

  it("gives neighbouring slices as channels, the end slices repeated", () => {
    const [slices, rows, columns] = [4, 8, 9];
    const source = createPairSource([createStack(slices, rows, columns)], { contextSlices: 1 });
    expect(source.fields.input.channels).toBe(3);
    const seen = new Set<number>();
    const random = createRandom(2);
    for (let draw = 0; draw < 60; draw++) {
      const { input, target } = source.drawBatch(random, { batch: 1, patch: [4, 4] });
      const slice = Math.floor(target[0] / (rows * columns));
      seen.add(slice);
      for (let channel = 0; channel < 3; channel++) {
        const wanted = Math.max(0, Math.min(slices - 1, slice + channel - 1));
        for (let k = 0; k < 16; k++) {
          const inPlane = target[k] - slice * rows * columns;
          expect(input[16 * channel + k]).toBeCloseTo(1.5 * (inPlane + wanted * rows * columns), 3);
        }
      }
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3]);
  });

  it("draws 3D patches with flips along the slices", () => {
    const source = createPairSource([createStack(6, 8, 9)]);
    const random = createRandom(3);
    const steps = new Set<number>();
    for (let draw = 0; draw < 60; draw++) {
      const { input, target } = source.drawBatch(random, { batch: 2, patch: [3, 4, 4] });
      expect(target).toHaveLength(2 * 48);
      for (let k = 0; k < 96; k++) expect(input[k]).toBeCloseTo(1.5 * target[k], 3);
      steps.add(target[16] - target[0]);
      expect(target[32] - target[16]).toBe(target[16] - target[0]);
    }
    expect([...steps].sort((a, b) => a - b)).toEqual([-72, 72]);
  });

  it("keeps a doubled target on the same field of view through every turn and a free rotation", () => {
    // Centres away from the rim, where replicated edges are no ramp.
    const region = Uint8Array.from({ length: 40 * 44 }, (_, k) =>
      Math.abs(Math.floor(k / 44) - 20) < 8 && Math.abs((k % 44) - 22) < 8 ? 1 : 0,
    );
    for (const augmentation of ["all", { rotationRad: 0.35, scale: [0.9, 1.1], shiftPx: 3 }] as const) {
      const source = createPairSource([{ ...createDoubled(40, 44), region }], { scale: 2, augmentation });
      expect(source.fields.target).toEqual({ channels: 1, scale: 2 });
      const random = createRandom(4);
      for (let draw = 0; draw < 30; draw++) {
        const { input, target } = source.drawBatch(random, { batch: 1, patch: [6, 6] });
        expect(target).toHaveLength(144);
        for (let r = 0; r < 6; r++) {
          for (let c = 0; c < 6; c++) {
            const p = 24 * r + 2 * c;
            const mean = (target[p] + target[p + 1] + target[p + 12] + target[p + 13]) / 4;
            expect(mean).toBeCloseTo(input[6 * r + c], 2);
          }
        }
      }
    }
  });

  it("uses an own input, adds noise to it, and scales the difference when asked", () => {
    const base = createDoubled(12, 12, 1, 1);
    const input = base.target.map((x) => x + 50);
    const pair: ExplicitPair = { ...base, input };
    const plain = createPairSource([pair], { tissueFraction: 0 });
    const drawn = plain.drawBatch(createRandom(1), { batch: 3, patch: [5, 7] });
    drawn.input.forEach((x, k) => {
      expect(x - drawn.target[k]).toBeCloseTo(50, 3);
    });
    const scaled = createPairSource([pair], { augmentation: { noiseLevel: [2, 2] } });
    const doubled = scaled.drawBatch(createRandom(1), { batch: 3, patch: [5, 5] });
    doubled.input.forEach((x, k) => {
      expect(x - doubled.target[k]).toBeCloseTo(100, 2);
    });
    const noisy = createPairSource([{ ...pair, noises: [input.map(() => 8)], levelRange: [0.5, 0.5] }]);
    const added = noisy.drawBatch(createRandom(1), { batch: 3, patch: [5, 5] });
    added.input.forEach((x, k) => {
      expect(x - added.target[k]).toBeCloseTo(54, 3);
    });
  });

  it("centres patches in the region and hands the region over", () => {
    const side = 48;
    const region = Uint8Array.from({ length: side * side }, (_, k) => (k % side >= 30 ? 1 : 0));
    const pair = { ...createStack(1, side, side), region };
    const source = createPairSource([pair], { regionField: "lung", augmentation: { turns: "none" } });
    const { target, lung } = source.drawBatch(createRandom(5), { batch: 200, patch: [8, 8] });
    for (let n = 0; n < 200; n++) {
      const centre = target[64 * n + 4 * 8 + 4];
      expect(centre % side).toBeGreaterThanOrEqual(30);
      for (let k = 0; k < 64; k++) expect(lung[64 * n + k]).toBe(target[64 * n + k] % side >= 30 ? 1 : 0);
    }
  });

  it("refuses what does not fit, with the numbers", () => {
    const pair = createDoubled(12, 12);
    expect(() => createPairSource([pair])).toThrow(/1 times as fine .* 576, 144/);
    expect(() => createPairSource([createStack(1, 4, 4)], { scale: 2 })).toThrow(
      expect.objectContaining({ code: "SHAPE_MISMATCH" }),
    );
    const stack = createPairSource([createStack(3, 9, 9)], { contextSlices: 1 });
    expect(() => stack.drawBatch(createRandom(1), { batch: 1, patch: [2, 4, 4] })).toThrow(/3D patch/);
    expect(() =>
      createPairSource([createStack(3, 9, 9)]).drawBatch(createRandom(1), { batch: 1, patch: [4, 4, 4] }),
    ).toThrow(/patch 4 × 4 × 4 does not fit "stack" of 3 × 9 × 9/);
    expect(() => stack.drawBatch(createRandom(1), { batch: 1, patch: [4] })).toThrow(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
    expect(() => createPairSource([createStack(1, 9, 9)], { augmentation: { scale: [0.1, 1] } })).toThrow(
      /0.5..2/,
    );
  });
});

describe("mixSources", () => {
  it("draws each sample whole from one source, by share", () => {
    const flat = (value: number): ExplicitPair => ({
      id: `${value}`,
      rows: 8,
      columns: 8,
      input: new Float32Array(64).fill(value),
      target: new Float32Array(64).fill(value + 1),
    });
    const [a, b] = [createPairSource([flat(0)]), createPairSource([flat(100)])];
    const source = mixSources([
      { source: a, share: 3 },
      { source: b, share: 1 },
    ]);
    const random = createRandom(8);
    const state = random.saveState();
    const { input, target } = source.drawBatch(random, { batch: 2000, patch: [4, 4] });
    let second = 0;
    for (let n = 0; n < 2000; n++) {
      const value = input[16 * n];
      if (value === 100) second++;
      for (let k = 0; k < 16; k++) {
        expect(input[16 * n + k]).toBe(value);
        expect(target[16 * n + k]).toBe(value + 1);
      }
    }
    // standard error 1 %
    expect(second / 2000).toBeGreaterThan(0.21);
    expect(second / 2000).toBeLessThan(0.29);
    expect(source.drawBatch(createRandom(8), { batch: 2000, patch: [4, 4] }).input).toEqual(input);
    expect(state).not.toEqual(random.saveState());
  });

  it("refuses sources with other fields and empty mixtures", () => {
    const one = createPairSource([createStack(3, 9, 9)]);
    const other = createPairSource([createStack(3, 9, 9)], { contextSlices: 1 });
    expect(() =>
      mixSources([
        { source: one, share: 1 },
        { source: other, share: 1 },
      ]),
    ).toThrow(expect.objectContaining({ code: "SHAPE_MISMATCH" }));
    expect(() => mixSources([])).toThrow(expect.objectContaining({ code: "NO_DATA" }));
    expect(() => mixSources([{ source: one, share: -1 }])).toThrow(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
  });
});
