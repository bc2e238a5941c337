/** Registration: phantoms moved by known amounts, with noise, and a local deformation that no rigid motion undoes. */
import { createCentredGrid, createRandom, createVolume, getSliceData, type Volume } from "@alara/core";
import { createRandomBodyPhantom, voxelizePhantom } from "@alara/physics";
import { describe, expect, it } from "vitest";
import { alignInput, measureAlignment } from "../src/data/alignment.ts";
import { measurePlaneShift } from "../src/data/phase-correlation.ts";

const SIZE = 128;
const PIXEL = 3;
const RADIANS = Math.PI / 180;

/** A body with structure that changes along z, read at p = R·(q − centre) + centre + shift(q). */
function createBody(options: {
  readonly slices?: number;
  readonly rotationRad?: number;
  readonly shift?: (row: number, column: number) => readonly [number, number];
  readonly sliceShift?: number;
  readonly noise?: number;
  readonly seed?: number;
}): Volume<"HU"> {
  const { slices = 1, rotationRad = 0, shift = () => [0, 0], sliceShift = 0, noise = 0, seed = 1 } = options;
  const fine = 4;
  const sharp = voxelizePhantom(
    createRandomBodyPhantom(createRandom(5), { region: "chest" }),
    createCentredGrid([1, fine * SIZE, fine * SIZE], [3, PIXEL / fine, PIXEL / fine]),
    { subsamples: 1 },
  ).data;
  const volume = createVolume("HU", createCentredGrid([slices, SIZE, SIZE], [3, PIXEL, PIXEL]));
  const random = createRandom(seed);
  const middle = (SIZE - 1) / 2;
  const look = (y: number, x: number): number => {
    let sum = 0;
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 4; j++) {
        const r = Math.floor(fine * (y + 0.5 + (i - 1.5) / 4));
        const c = Math.floor(fine * (x + 0.5 + (j - 1.5) / 4));
        const isIn = r >= 0 && c >= 0 && r < fine * SIZE && c < fine * SIZE;
        sum += (isIn ? sharp[r * fine * SIZE + c] : -1000) / 16;
      }
    }
    return sum;
  };
  for (let s = 0; s < slices; s++) {
    const data = getSliceData(volume, s);
    const height = s - sliceShift;
    for (let r = 0; r < SIZE; r++) {
      for (let c = 0; c < SIZE; c++) {
        const [dr, dc] = shift(r, c);
        const y = r - dr - middle;
        const x = c - dc - middle;
        const value = look(
          Math.cos(rotationRad) * y - Math.sin(rotationRad) * x + middle,
          Math.sin(rotationRad) * y + Math.cos(rotationRad) * x + middle,
        );
        // A nodule that moves through the body from slice to slice.
        const nodule = 400 * Math.exp(-(((r - 64 - 6 * (height - 6)) / 8) ** 2) - ((c - 64) / 8) ** 2);
        data[r * SIZE + c] = value + nodule + noise * random.nextNormal();
      }
    }
  }
  return volume;
}

describe("measureAlignment", () => {
  const target = createBody({});

  it("finds shifts to a fraction of a sample, with noise in both", () => {
    for (const [dr, dc] of [
      [0, 0],
      [0.4, -0.3],
      [-3.25, 5.6],
      [11, -8.5],
    ]) {
      for (const noise of [0, 40]) {
        const a = createBody({ noise, seed: 3 });
        const b = createBody({ shift: () => [dr, dc], noise, seed: 4 });
        const { shiftPx, rotationRad } = measureAlignment(a, b);
        const limit = 0.15;
        expect(Math.abs(shiftPx[1] - dr), `rows ${dr} noise ${noise}: ${shiftPx}`).toBeLessThan(limit);
        expect(Math.abs(shiftPx[2] - dc), `columns ${dc} noise ${noise}: ${shiftPx}`).toBeLessThan(limit);
        expect(Math.abs(rotationRad)).toBeLessThan(0.3 * RADIANS);
      }
    }
  });

  it("finds a rotation and takes it back", () => {
    for (const degrees of [-3, 1.5, 4]) {
      const input = createBody({ rotationRad: degrees * RADIANS, shift: () => [2, -3] });
      const found = measureAlignment(target, input);
      expect(Math.abs(found.rotationRad - degrees * RADIANS)).toBeLessThan(0.3 * RADIANS);
      const { input: moved } = alignInput(target, input);
      const rms = (a: Float32Array, b: Float32Array): number =>
        Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0) / a.length);
      expect(rms(moved.data, target.data)).toBeLessThan(0.35 * rms(input.data, target.data));
    }
  });

  it("finds whole and half slices, and moves them back", () => {
    const a = createBody({ slices: 12, noise: 20, seed: 5 });
    for (const sliceShift of [2, -1, 1.5]) {
      const b = createBody({ slices: 12, sliceShift, noise: 20, seed: 6 });
      const { shiftPx } = measureAlignment(a, b, { maximumRotationRad: 0 });
      expect(Math.abs(shiftPx[0] - sliceShift), `${shiftPx}`).toBeLessThan(0.3);
      const { input: moved } = alignInput(a, b, { maximumRotationRad: 0 });
      expect(Math.abs(measureAlignment(a, moved, { maximumRotationRad: 0 }).shiftPx[0])).toBeLessThan(0.2);
    }
  });

  it("leaves aligned pairs alone bit for bit, and refuses elastic motion and strangers", () => {
    const same = createBody({ noise: 20, seed: 8 });
    expect(alignInput(target, same).input).toBe(same);
    const breathing = createBody({ shift: (r) => [5 * Math.sin((Math.PI * r) / SIZE) ** 2, 0] });
    expect(measureAlignment(target, breathing).localPx).toBeGreaterThan(1);
    expect(() => alignInput(target, breathing)).toThrow(/elastic registration is needed/);
    const random = createRandom(9);
    const stranger = createVolume(
      "HU",
      target.geometry,
      target.data.map(() => 300 * random.nextNormal()),
    );
    expect(() => alignInput(target, stranger)).toThrow(expect.objectContaining({ code: "NOT_ALIGNABLE" }));
    const odd = createVolume("HU", createCentredGrid([1, 8, 8], [1, 1, 1]));
    expect(() => measureAlignment(target, odd)).toThrow(/different sizes/);
  });

  it("says 0 for images without structure", () => {
    const flat = { rows: 16, columns: 16, data: new Float32Array(256) };
    expect(measurePlaneShift(flat, flat)).toEqual({ rows: 0, columns: 0, peak: 0 });
  });
});
