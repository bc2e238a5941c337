/** The intended range: inside passes, just outside is marked, far outside is refused, unknown is marked. */
import { expect, test } from "vitest";
import { checkIntendedRange, type IntendedRange } from "../src/index.ts";

const range: IntendedRange = {
  modality: "CT",
  pixelSpacingMm: [0.5, 1],
  sliceThicknessMm: [1, 5],
  kvp: [100, 140],
  noiseHu: [8, 80],
  bodyParts: [],
};
const inside = { modality: "CT", pixelSpacingMm: 0.7, sliceThicknessMm: 3, kvp: 120, noiseHu: 30 };

test("inside the range there is nothing to say", () => {
  expect(checkIntendedRange(range, inside)).toEqual([]);
});

test.each([
  [{ kvp: 141 }, "KVP", "mark"],
  [{ kvp: 80 }, "KVP", "mark"],
  [{ kvp: 74 }, "KVP", "refuse"],
  [{ noiseHu: 101 }, "NOISE", "refuse"],
  [{ noiseHu: 7 }, "NOISE", "mark"],
  [{ pixelSpacingMm: 1.3 }, "PIXEL_SPACING", "refuse"],
  [{ sliceThicknessMm: 6 }, "SLICE_THICKNESS", "mark"],
  [{ modality: "MR" }, "MODALITY", "refuse"],
  [{ noiseHu: Number.NaN }, "NOISE", "refuse"],
] as const)("%o gives %s: %s", (change, code, action) => {
  expect(checkIntendedRange(range, { ...inside, ...change })).toEqual([
    expect.objectContaining({ code, action }),
  ]);
});

test("an unknown fact is marked, never passed over", () => {
  const { kvp: _, ...facts } = inside;
  expect(checkIntendedRange(range, facts)).toEqual([
    expect.objectContaining({ code: "FACT_MISSING", action: "mark" }),
  ]);
});
