/** Reading patches at affine places, what interpolation does to noise, and where patches are taken. */
import { createRandom } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  createImageSource,
  createPatchSampler,
  type PatchPlace,
  readPatch,
  type Stack,
} from "../src/data/index.ts";

const SIDE = 40;

function createImage(value: (row: number, column: number) => number, side = SIDE): Stack {
  const data = Float32Array.from({ length: side * side }, (_, k) => value(Math.floor(k / side), k % side));
  return { slices: 1, rows: side, columns: side, data };
}

function createPlace(options: Partial<PatchPlace>): PatchPlace {
  return { slice: 0, sliceStep: 1, centreRow: 19.5, centreColumn: 19.5, matrix: [1, 0, 0, 1], ...options };
}

const READ = { patch: [8, 8], scale: 1, contextSlices: 0 } as const;

describe("readPatch", () => {
  it("turns exactly, and the interpolating path agrees with the copying one", () => {
    const image = createImage((r, c) => 100 * r + c);
    for (const matrix of [
      [1, 0, 0, 1],
      [-1, 0, 0, 1],
      [0, 1, 1, 0],
      [0, -1, 1, 0],
    ] as const) {
      const exact = new Float32Array(64);
      readPatch(image, createPlace({ matrix }), { ...READ, interpolation: "cubic" }, exact, 0);
      for (const interpolation of ["linear", "cubic"] as const) {
        const near = new Float32Array(64);
        const place = createPlace({ matrix, centreRow: 19.5 + 1e-9 });
        readPatch(image, place, { ...READ, interpolation }, near, 0);
        near.forEach((x, k) => {
          expect(x).toBeCloseTo(exact[k], 3);
        });
      }
    }
  });

  it("reproduces linear functions with bilinear and quadratics with cubic interpolation at any place", () => {
    const angle = 0.3;
    const [c, s] = [Math.cos(angle) / 1.1, Math.sin(angle) / 1.1];
    const place = createPlace({ centreRow: 18.3, centreColumn: 20.9, matrix: [c, -s, s, c] });
    const at = (i: number, j: number): [number, number] => [
      18.3 + c * (i - 3.5) - s * (j - 3.5),
      20.9 + s * (i - 3.5) + c * (j - 3.5),
    ];
    const cases = [
      ["linear", (r: number, q: number) => 3 * r - 2 * q + 7],
      ["cubic", (r: number, q: number) => 0.3 * r * r - 0.2 * r * q + 0.1 * q * q + r],
    ] as const;
    for (const [interpolation, value] of cases) {
      const out = new Float32Array(64);
      readPatch(createImage(value), place, { ...READ, interpolation }, out, 0);
      for (let k = 0; k < 64; k++) expect(out[k]).toBeCloseTo(value(...at(Math.floor(k / 8), k % 8)), 3);
    }
    // Keys 1981 with a = −1/2 at t = 1/4: the answer to an impulse is the kernel.
    const impulse = createImage((r, q) => (r === 20 && q === 20 ? 1 : 0));
    const kernel = new Float32Array(4);
    const beside = createPlace({ centreRow: 20, centreColumn: 19.75 });
    readPatch(impulse, beside, { ...READ, patch: [1, 4], interpolation: "cubic" }, kernel, 0);
    expect(Array.from(kernel)).toEqual([-0.0234375, 0.2265625, 0.8671875, -0.0703125]);
  });

  it("smooths white noise by the stated factors", () => {
    const random = createRandom(1);
    const image = createImage(() => random.nextNormal(), 96);
    for (const [interpolation, expected] of [
      ["linear", 4 / 9],
      ["cubic", 0.68],
    ] as const) {
      let sum = 0;
      const draws = 400;
      for (let n = 0; n < draws; n++) {
        const out = new Float32Array(1024);
        const place = createPlace({
          centreRow: 40 + 10 * random.nextUniform(),
          centreColumn: 40 + 10 * random.nextUniform(),
        });
        readPatch(image, place, { ...READ, patch: [32, 32], interpolation }, out, 0);
        sum += out.reduce((total, x) => total + x * x, 0) / out.length / draws;
      }
      expect(sum).toBeGreaterThan(expected - 0.04);
      expect(sum).toBeLessThan(expected + 0.04);
    }
  });
});

describe("augmentation", () => {
  it("stays inside the image, within the stated angles, and shifts HU alike", () => {
    const angle = 0.35;
    const data = createImage((r, c) => 100 * r + c).data as Float32Array;
    const source = createImageSource([{ id: "ramp", rows: SIDE, columns: SIDE, data }], {
      augmentation: { turns: "none", rotationRad: angle, interpolation: "linear" },
      tissueFraction: 0,
    });
    const random = createRandom(6);
    let largest = 0;
    for (let n = 0; n < 200; n++) {
      const { input } = source.drawBatch(random, { batch: 1, patch: [16, 16] });
      // Gradient of the ramp along the patch's rows and columns gives back the angle.
      const step = input[17] - input[16];
      const alpha = Math.asin((step - Math.cos(0)) / 101) || 0;
      largest = Math.max(largest, Math.abs(alpha));
      expect(Math.min(...input)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...input)).toBeLessThanOrEqual(100 * 39 + 39);
    }
    expect(largest).toBeLessThan(angle + 0.02);
    expect(largest).toBeGreaterThan(angle * 0.8);
    const flat = new Float32Array(SIDE * SIDE).fill(-400);
    const brightened = createImageSource([{ id: "flat", rows: SIDE, columns: SIDE, data: flat }], {
      augmentation: { gain: [1.2, 1.2], offsetHu: [10, 10] },
    });
    for (const x of brightened.drawBatch(random, { batch: 1, patch: [4, 4] }).input) {
      expect(x).toBeCloseTo(1.2 * 600 - 1000 + 10, 3);
    }
  });
});

describe("createPatchSampler", () => {
  const side = 128;
  /** Quarters: air, lung, soft with texture, soft without; a bone strip at the foot of the last. */
  const data = Float32Array.from({ length: side * side }, (_, k) => {
    const [r, c] = [Math.floor(k / side), k % side];
    if (r < 64) return c < 64 ? -1000 : -800;
    if (c >= 64 && r >= 112) return 700;
    return c < 64 ? 40 + 80 * Math.sin(r / 3) : 40;
  });
  const image = { slices: 1, rows: side, columns: side, data };
  const locate = (row: number, column: number): string =>
    row < 64 ? (column < 64 ? "air" : "lung") : row >= 112 && column >= 64 ? "bone" : "soft";

  it("meets the stated shares of tissues", () => {
    const shares = { air: 0.1, lung: 0.3, soft: 0.2, bone: 0.4 };
    const sampler = createPatchSampler([image], { tissueShares: shares });
    expect(sampler.shares).toEqual(shares);
    const counts: Record<string, number> = { air: 0, lung: 0, soft: 0, bone: 0 };
    const random = createRandom(2);
    for (let n = 0; n < 8000; n++) {
      const { row, column } = sampler.draw(random);
      counts[locate(row, column)]++;
    }
    // standard errors up to 0.55 %
    for (const [tissue, share] of Object.entries(shares)) {
      expect(Math.abs(counts[tissue] / 8000 - share), tissue).toBeLessThan(0.025);
    }
  });

  it("prefers informative blocks by their score, and never drops the rest", () => {
    for (const informativeness of ["gradient", "variance"] as const) {
      const sampler = createPatchSampler([image], {
        tissueShares: { soft: 1 },
        informativeness,
        floor: 0.05,
      });
      const random = createRandom(3);
      let textured = 0;
      let plain = 0;
      for (let n = 0; n < 4000; n++) {
        if (sampler.draw(random).column < 64) textured++;
        else plain++;
      }
      expect(textured / plain).toBeGreaterThan(8);
      expect(plain).toBeGreaterThan(0);
    }
  });

  it("draws images by weight, slices of stacks, and only allowed centres", () => {
    const region = new Uint8Array(2 * 32 * 32);
    region[1500] = 1;
    const small = { slices: 2, rows: 32, columns: 32, data: new Float32Array(2048), weight: 3, region };
    const sampler = createPatchSampler([image, small]);
    const random = createRandom(4);
    let seconds = 0;
    for (let n = 0; n < 2000; n++) {
      const place = sampler.draw(random);
      if (place.item === 0) continue;
      seconds++;
      expect(place).toEqual({ item: 1, slice: 1, row: (1500 - 1024) >> 5, column: (1500 - 1024) & 31 });
    }
    expect(Math.abs(seconds / 2000 - 0.75)).toBeLessThan(0.04);
  });

  it("refuses shares of tissues that do not occur, and bad options", () => {
    const air = { slices: 1, rows: 16, columns: 16, data: new Float32Array(256).fill(-1000) };
    expect(() => createPatchSampler([air], { tissueShares: { bone: 1 } })).toThrow(
      expect.objectContaining({ code: "NO_DATA" }),
    );
    expect(() => createPatchSampler([air], { blockPx: 2 })).toThrow(/blockPx 2/);
    // What occurs is drawn with the share that is left.
    expect(createPatchSampler([air], { tissueShares: { bone: 1, air: 1 } }).shares).toEqual({ air: 1 });
  });
});
