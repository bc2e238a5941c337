/** Morphology against its definition, pixel by pixel. */
import { createRandom } from "@alara/core";
import { expect, it } from "vitest";
import { dilate, erode, erodeLabels, fillHoles, labelComponents } from "../src/morphology.ts";

const ROWS = 23;
const COLUMNS = 31;

function buildLabels(kinds: number, seed: number): Uint8Array {
  const random = createRandom(seed);
  const labels = new Uint8Array(ROWS * COLUMNS);
  for (let k = 0; k < 40; k++) {
    const [r, c] = [random.nextInteger(ROWS), random.nextInteger(COLUMNS)];
    const label = random.nextInteger(kinds + 1);
    const side = 3 + random.nextInteger(9);
    for (let y = r; y < Math.min(ROWS, r + side); y++) {
      for (let x = c; x < Math.min(COLUMNS, c + side); x++) labels[y * COLUMNS + x] = label;
    }
  }
  return labels;
}

function look(mask: Uint8Array, r: number, c: number): number {
  return r < 0 || r >= ROWS || c < 0 || c >= COLUMNS ? 0 : mask[r * COLUMNS + c];
}

/** How many of the `(2·radius + 1)²` neighbours are set. */
function countAround(mask: Uint8Array, i: number, radius: number): number {
  const r = Math.floor(i / COLUMNS);
  const c = i % COLUMNS;
  let count = 0;
  for (let y = -radius; y <= radius; y++)
    for (let x = -radius; x <= radius; x++) count += look(mask, r + y, c + x);
  return count;
}

it.each([0, 1, 2, 5])("erodes and dilates by %i as defined", (radius) => {
  const mask = buildLabels(1, 4);
  const full = (2 * radius + 1) ** 2;
  const smaller = erode(mask, ROWS, COLUMNS, radius);
  const larger = dilate(mask, ROWS, COLUMNS, radius);
  for (let i = 0; i < mask.length; i++) {
    const around = countAround(mask, i, radius);
    expect(smaller[i]).toBe(around === full ? 1 : 0);
    expect(larger[i]).toBe(around > 0 ? 1 : 0);
  }
});

it.each([0, 1, 2, 3])("erodes all labels by %i as one by one", (radius) => {
  const labels = buildLabels(4, 9);
  const together = erodeLabels(labels, ROWS, COLUMNS, radius);
  for (let label = 1; label <= 4; label++) {
    const alone = erode(
      labels.map((v) => (v === label ? 1 : 0)),
      ROWS,
      COLUMNS,
      radius,
    );
    expect(together.map((v) => (v === label ? 1 : 0))).toEqual(alone);
  }
});

it("labels components and fills holes, but not bays", () => {
  const rows = ["..........", ".####.###.", ".#..#.#.#.", ".####.#.#.", "......#.#."];
  const mask = Uint8Array.from([...rows.join("")].map((character) => (character === "#" ? 1 : 0)));
  const { areas } = labelComponents(mask, 5, 10);
  expect([...areas].sort((a, b) => a - b)).toEqual([0, 9, 10]);
  const filled = fillHoles(mask, 5, 10);
  expect(filled.reduce((sum, v) => sum + v, 0)).toBe(21);
  expect(filled[2 * 10 + 2]).toBe(1);
  expect(filled[2 * 10 + 7]).toBe(0);
});
