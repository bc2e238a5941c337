/** Tiles cover a slice exactly once, respect the stride, and carry the receptive field. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { planTiles } from "../src/index.ts";

test("kept parts cover every pixel once; reads hold the margin and sit on the stride", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 0, max: 12 }),
      fc.constantFrom(1, 2, 4),
      (rowUnits, columnUnits, tileSize, receptiveRadius, multipleOf) => {
        const rows = rowUnits * multipleOf;
        const columns = columnUnits * multipleOf;
        const count = new Uint8Array(rows * columns);
        for (const tile of planTiles(rows, columns, { tileSize, receptiveRadius, multipleOf })) {
          for (const side of [tile.readRow, tile.readColumn, tile.readRows, tile.readColumns]) {
            expect(side % multipleOf).toBe(0);
          }
          expect(tile.readRow).toBeLessThanOrEqual(Math.max(0, tile.keepRow - receptiveRadius));
          expect(tile.readRow + tile.readRows).toBeGreaterThanOrEqual(
            Math.min(rows, tile.keepRow + tile.keepRows + receptiveRadius),
          );
          expect(tile.readColumn + tile.readColumns).toBeLessThanOrEqual(columns);
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

test("sides off the stride are refused", () => {
  expect(() => planTiles(5, 4, { tileSize: 4, receptiveRadius: 1, multipleOf: 2 })).toThrow(/multiples of 2/);
});
