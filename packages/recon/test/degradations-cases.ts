/**
 * What the tests of degradations share: small images, a small scan, and measures of faults.
 */
import { createCentredGrid, createRandom, type GridGeometry, type Volume } from "@alara/core";
import { createRandomBodyPhantom, createWaterCylinder, voxelizePhantom } from "@alara/physics";
import type { DegradedPair } from "../src/index.ts";

/** A small scan: 246 views, 222 channels. */
export const SMALL = { views: 246, channelBinning: 4 } as const;
export const SIZE = 64;
export const PIXEL = 6;
export const GRID: GridGeometry = createCentredGrid([1, SIZE, SIZE], [3, PIXEL, PIXEL]);

export const body: Volume<"HU"> = voxelizePhantom(
  createRandomBodyPhantom(createRandom(5), { region: "chest" }),
  GRID,
);
export const water: Volume<"HU"> = voxelizePhantom(createWaterCylinder({ radiusMm: 120 }), GRID);

export function subtract(pair: DegradedPair): Float64Array {
  return Float64Array.from(pair.degraded.data, (value, i) => value - pair.clean.data[i]);
}

export function rms(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ** 2;
  return Math.sqrt(sum / values.length);
}

/** Mean over pixels that a test of their place (mm from the centre) takes. */
export function meanWhere(
  values: ArrayLike<number>,
  isIn: (x: number, y: number) => boolean,
  size: number = SIZE,
  pixel: number = PIXEL,
): number {
  let sum = 0;
  let count = 0;
  for (let r = 0; r < size; r++) {
    for (let c = 0; c < size; c++) {
      if (!isIn((c - (size - 1) / 2) * pixel, (r - (size - 1) / 2) * pixel)) continue;
      sum += values[r * size + c];
      count++;
    }
  }
  return sum / count;
}
