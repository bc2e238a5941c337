/** Tiles and blocks cover everything exactly once, respect the stride, and carry the receptive field. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { planSlices, planSpans, planTiles } from "../src/index.ts";

test("kept parts cover every pixel once; reads hold the margin and sit on the stride", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 0, max: 12 }),
      fc.constantFrom(1, 2, 4),
      (rows, columns, tileSize, receptiveRadius, multipleOf) => {
        const count = new Uint8Array(rows * columns);
        for (const tile of planTiles(rows, columns, { tileSize, receptiveRadius, multipleOf })) {
          for (const side of [tile.readRow, tile.readColumn, tile.readRows, tile.readColumns]) {
            expect(Math.abs(side % multipleOf)).toBe(0);
          }
          expect(tile.readRow).toBeLessThanOrEqual(tile.keepRow - receptiveRadius);
          expect(tile.readRow + tile.readRows).toBeGreaterThanOrEqual(
            tile.keepRow + tile.keepRows + receptiveRadius,
          );
          expect(tile.readColumn).toBeLessThanOrEqual(tile.keepColumn - receptiveRadius);
          expect(tile.readColumn + tile.readColumns).toBeGreaterThanOrEqual(
            tile.keepColumn + tile.keepColumns + receptiveRadius,
          );
          for (let r = 0; r < tile.keepRows; r++) {
            for (let c = 0; c < tile.keepColumns; c++)
              count[(tile.keepRow + r) * columns + tile.keepColumn + c]++;
          }
        }
        expect(count.every((n) => n === 1)).toBe(true);
      },
    ),
    { numRuns: 300, seed: 7 },
  );
});

test("starts off the stride and parts of nothing are refused", () => {
  const options = { tileSize: 4, receptiveRadius: 1, multipleOf: 2 };
  expect(() => planSpans(3, 8, options)).toThrow(/multiple of 2/);
  expect(() => planTiles(4, 4, { ...options, tileSize: 0 })).toThrow(/at least 1/);
});

test("2D networks see each wanted slice with its neighbours, the outermost again beyond the ends", () => {
  const blocks = { tileSize: 1, receptiveRadius: 0, multipleOf: 1 };
  const portions = planSlices(5, { wanted: [0, 5], dimensions: 2, contextSlices: 1, blocks });
  expect(portions.map(({ planes }) => planes)).toEqual([
    [0, 0, 1],
    [0, 1, 2],
    [1, 2, 3],
    [2, 3, 4],
    [3, 4, 4],
  ]);
  expect(portions[3].kept).toEqual([{ plane: 0, slice: 3 }]);
  for (const wanted of [
    [0, 6],
    [2, 2],
    [-1, 2],
  ] as const) {
    expect(() => planSlices(5, { wanted, dimensions: 2, contextSlices: 1, blocks })).toThrow(
      /no run of slices/,
    );
  }
});

test("blocks keep every wanted slice once, at its place, with neighbours on both sides", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 0, max: 39 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 16 }),
      fc.integer({ min: 0, max: 9 }),
      fc.constantFrom(1, 2, 4),
      (slices, from, count, block, receptiveRadius, multipleOf) => {
        const start = Math.min(from, slices - 1);
        const end = Math.min(slices, start + count);
        const blocks = { tileSize: block * multipleOf, receptiveRadius, multipleOf };
        const portions = planSlices(slices, {
          wanted: [start, end],
          dimensions: 3,
          contextSlices: 0,
          blocks,
        });
        const kept = portions.flatMap((portion) => portion.kept.map(({ slice }) => slice));
        expect(kept).toEqual(Array.from({ length: end - start }, (_, k) => start + k));
        for (const { planes, kept: own } of portions) {
          expect(planes.length % multipleOf).toBe(0);
          for (const { plane, slice } of own) {
            for (let d = -receptiveRadius; d <= receptiveRadius; d++) {
              expect(planes[plane + d]).toBe(Math.max(0, Math.min(slices - 1, slice + d)));
            }
          }
        }
      },
    ),
    { numRuns: 200, seed: 5 },
  );
});
