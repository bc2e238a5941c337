/** Sources without paired targets: images, unpaired pools, repeats, holes. */
import { createRandom } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  createImageSource,
  createInpaintingSource,
  createRepeatSource,
  createUnpairedSource,
  joinSources,
  type TrainingImage,
} from "../src/data/index.ts";

function createImage(id: string, mark: number, slices = 1): TrainingImage {
  const data = Float32Array.from({ length: slices * 400 }, (_, k) => mark + k);
  return { id, slices, rows: 20, columns: 20, data };
}

describe("images and pools", () => {
  it("draws x from one pool and y from the other, independently", () => {
    const pools = { x: [createImage("x", 0)], y: [createImage("y", 1000), createImage("z", 2000)] };
    const source = createUnpairedSource(pools);
    expect(Object.keys(source.fields)).toEqual(["x", "y"]);
    const { x, y } = source.drawBatch(createRandom(1), { batch: 50, patch: [6, 6] });
    expect(Math.max(...x)).toBeLessThan(400);
    expect(Math.min(...y)).toBeGreaterThanOrEqual(1000);
    const places = new Set(
      Array.from({ length: 50 }, (_, n) => `${x[36 * n]} ${(y[36 * n] % 1000) - x[36 * n]}`),
    );
    expect(places.size).toBeGreaterThan(40);
    const own = createUnpairedSource(pools, { x: { contextSlices: 1 }, y: { augmentation: "none" } });
    expect(own.fields.x.channels).toBe(3);
    expect(own.fields.y.channels).toBe(1);
  });

  it("gives 3D patches of single volumes, and refuses a field twice", () => {
    const source = createImageSource([createImage("v", 0, 5)], { augmentation: "none", tissueFraction: 0 });
    const { input } = source.drawBatch(createRandom(1), { batch: 4, patch: [3, 4, 4] });
    for (let n = 0; n < 4; n++) expect(input[48 * n + 16] - input[48 * n]).toBe(400);
    expect(() => joinSources([source, source])).toThrow(/"input"/);
    expect(() => createImageSource([])).toThrow(expect.objectContaining({ code: "NO_DATA" }));
    expect(() => createImageSource([{ ...createImage("v", 0), rows: 21 }])).toThrow(
      expect.objectContaining({ code: "SHAPE_MISMATCH" }),
    );
  });
});

describe("repeats", () => {
  const places = createImage("s", 0).data;
  const shifted = [0, 10000, 20000].map((mark) => places.map((x) => x + mark));

  it("gives two different realisations of the same place, every ordered pair in time", () => {
    const set = { id: "s", rows: 20, columns: 20, repeats: shifted };
    const source = createRepeatSource([set]);
    const { a, b } = source.drawBatch(createRandom(2), { batch: 200, patch: [5, 5] });
    const seen = new Set<string>();
    for (let n = 0; n < 200; n++) {
      const [markA, markB] = [a, b].map((x) => Math.floor(x[25 * n] / 10000));
      seen.add(`${markA}${markB}`);
      for (let k = 0; k < 25; k++) expect(a[25 * n + k] % 10000).toBe(b[25 * n + k] % 10000);
    }
    expect([...seen].sort()).toEqual(["01", "02", "10", "12", "20", "21"]);
  });

  it("adds noise fields to a noise-free base at one level", () => {
    const noises = [3, -5].map((value) => places.map(() => value));
    const set = {
      id: "s",
      rows: 20,
      columns: 20,
      repeats: noises,
      base: places,
      levelRange: [0.5, 2] as const,
    };
    const { a, b } = createRepeatSource([set]).drawBatch(createRandom(3), { batch: 50, patch: [5, 5] });
    for (let n = 0; n < 50; n++) {
      const difference = Math.abs(a[25 * n] - b[25 * n]);
      expect(difference).toBeGreaterThan(3.9);
      expect(difference).toBeLessThan(16.1);
      for (let k = 0; k < 25; k++) expect(Math.abs(a[25 * n + k] - b[25 * n + k])).toBeCloseTo(difference, 2);
    }
  });

  it("refuses a single realisation, and levels without a base", () => {
    const set = { id: "s", rows: 20, columns: 20, repeats: shifted };
    expect(() => createRepeatSource([{ ...set, repeats: shifted.slice(0, 1) }])).toThrow(/two or more/);
    expect(() => createRepeatSource([{ ...set, levelRange: [0.5, 2] }])).toThrow(/need a base/);
  });
});

describe("holes", () => {
  it("fills holes with the stated value and leaves the rest, in boxes and blobs", () => {
    const source = createInpaintingSource([createImage("i", 1)], {
      holes: { count: [1, 1], sizeShare: [0.3, 0.5], fillHu: -77 },
    });
    const { input, mask, target } = source.drawBatch(createRandom(4), { batch: 100, patch: [16, 16] });
    let boxes = 0;
    for (let n = 0; n < 100; n++) {
      let [area, top, bottom, left, right] = [0, 16, -1, 16, -1];
      for (let k = 0; k < 256; k++) {
        const p = 256 * n + k;
        expect(input[p]).toBe(mask[p] === 1 ? -77 : target[p]);
        expect(target[p]).toBeGreaterThan(0);
        if (mask[p] === 0) continue;
        area++;
        top = Math.min(top, k >> 4);
        bottom = Math.max(bottom, k >> 4);
        left = Math.min(left, k & 15);
        right = Math.max(right, k & 15);
      }
      const box = (bottom - top + 1) * (right - left + 1);
      if (area === box) boxes++;
      expect(area).toBeGreaterThan(0);
      expect(area).toBeLessThan(0.5 * 256);
    }
    expect(boxes).toBeGreaterThan(25);
    expect(boxes).toBeLessThan(75);
  });

  it("cuts through all channels of 2.5D and lies within 3D patches", () => {
    const stack = createImage("s", 1, 6);
    const flat = createInpaintingSource([stack], { contextSlices: 1, holes: { fillHu: 0 } });
    const drawn = flat.drawBatch(createRandom(5), { batch: 3, patch: [8, 8] });
    for (let n = 0; n < 3; n++) {
      for (let k = 0; k < 64; k++) {
        const isHole = drawn.mask[64 * n + k] === 1;
        for (let channel = 0; channel < 3; channel++) {
          expect(drawn.input[(3 * n + channel) * 64 + k] === 0).toBe(isHole);
        }
      }
    }
    const solid = createInpaintingSource([stack], { holes: { count: [1, 1], sizeShare: [0.4, 0.6] } });
    const { mask } = solid.drawBatch(createRandom(6), { batch: 8, patch: [5, 8, 8] });
    const perSlice = Array.from({ length: 5 }, (_, s) =>
      mask
        .subarray(320, 640)
        .subarray(64 * s, 64 * s + 64)
        .reduce((sum, x) => sum + x, 0),
    );
    expect(Math.min(...perSlice)).toBe(0);
    expect(Math.max(...perSlice)).toBeGreaterThan(0);
    expect(() => createInpaintingSource([stack], { holes: { sizeShare: [0, 1] } })).toThrow(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
  });
});
