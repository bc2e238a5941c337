/** Steps between slices: what is missing, what is uneven, what is rounding; tilt and sideways shifts of whole stacks. */

import { createVolume, type GridGeometry, type Vector3 } from "@alara/core";
import { type Series, scanSeries, shearToOrthogonal } from "@alara/dicom";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgeSteps, type StepHints, type StepReport } from "../src/series/slice-steps.ts";
import { type CtSliceOptions, createMemorySource, makeCtSlice } from "./make-dicom.ts";

function judge(
  positionsMm: readonly number[],
  hints: StepHints = {},
  instanceNumbers?: readonly number[],
): StepReport {
  return judgeSteps(
    positionsMm.map((alongNormalMm, i) => ({ alongNormalMm, instanceNumber: instanceNumbers?.[i] })),
    hints,
  );
}

function walk(steps: readonly number[]): number[] {
  const positions = [0];
  for (const step of steps) positions.push(positions[positions.length - 1] + step);
  return positions;
}

describe("steps", () => {
  it.each([
    ["one gap of two slices", [3, 3, 9, 3], 3, 2, 0],
    ["several gaps", [2, 4, 2, 6, 2, 2], 2, 3, 0],
    ["more gaps than neighbours, the smallest step is the base", [5, 10, 10, 10, 5], 5, 3, 0],
    ["a step and a half", [3, 3, 4.5, 3, 3], 3, 0, 1],
    ["nothing but one step", [7], 7, 0, 0],
  ] as const)("%s", (_, steps, stepMm, missing, uneven) => {
    const report = judge(walk(steps));
    expect(report.stepMm).toBeCloseTo(stepMm, 6);
    expect([report.missingSlices, report.unevenSteps]).toEqual([missing, uneven]);
  });

  it("two spacings one after the other are no missing slices", () => {
    const uneven = judge(walk([4.2, 4.2, 4.2, 4.2, 7.4, 7.4, 7.4]));
    expect([uneven.missingSlices, uneven.unevenSteps]).toEqual([0, 3]);
    expect(uneven.runs.map((run) => [run.steps, Number(run.stepMm.toFixed(3))])).toEqual([
      [4, 4.2],
      [3, 7.4],
    ]);
    // 5 mm and then 10 mm: a multiple, but the numbering has no gap, so nothing was lost.
    const numbered = judge(walk([5, 5, 5, 10, 10, 10]), {}, [1, 2, 3, 4, 5, 6, 7]);
    expect([numbered.missingSlices, numbered.unevenSteps]).toEqual([0, 3]);
    const lost = judge(walk([5, 5, 5, 10, 10, 10]), {}, [1, 2, 3, 4, 6, 8, 10]);
    expect([lost.missingSlices, lost.unevenSteps]).toEqual([3, 0]);
  });

  it("a sparse remainder of a series is counted by its numbering, its header or its thickness", () => {
    const steps = [17.5, 17.5, 12.5, 107.5, 7.5];
    const numbers = walk(steps).map((z) => 200 - z / 2.5);
    for (const report of [
      judge(walk(steps), {}, numbers),
      judge(walk(steps), { spacingBetweenSlicesMm: 2.5 }),
      judge(walk(steps), { sliceThicknessMm: 2.5 }),
    ]) {
      expect(report.stepMm).toBeCloseTo(2.5, 9);
      expect(report.missingSlices).toBe(162.5 / 2.5 - 5);
      expect(report.unevenSteps).toBe(0);
    }
    // Without a witness the commonest step stands and nothing is called missing that is not a multiple of it.
    expect(judge(walk(steps)).unevenSteps).toBeGreaterThan(0);
  });

  it.each([
    [0.625, 1],
    [0.625, 2],
    [1.25, 1],
    [0.9375, 2],
  ])("positions of every %f mm written with %d decimals are even", (step, decimals) => {
    const positions = Array.from({ length: 40 }, (_, i) => Number((-31.3 + i * step).toFixed(decimals)));
    const report = judge(positions);
    expect([report.missingSlices, report.unevenSteps]).toEqual([0, 0]);
    expect(Math.abs((report.stepMm ?? 0) - step)).toBeLessThan(10 ** -decimals / 39 + 1e-9);
  });

  it("whole millimetres for steps of 2.5 mm are too coarse to be forgiven", () => {
    const report = judge(Array.from({ length: 12 }, (_, i) => Math.round(2.5 * i)));
    expect(report.unevenSteps + report.missingSlices).toBeGreaterThan(0);
  });

  it("counts any lost slices of a numbered series, wherever they are", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 6, max: 40 }),
        fc.constantFrom(0.6, 1, 2.5, 3, 5),
        fc.uniqueArray(fc.integer({ min: 1, max: 38 }), { maxLength: 20 }),
        (slices, step, drop) => {
          const kept = Array.from({ length: slices }, (_, i) => i).filter(
            (i) => i === 0 || i === 1 || i === slices - 1 || !drop.includes(i),
          );
          const report = judge(
            kept.map((i) => i * step),
            {},
            kept.map((i) => i + 1),
          );
          expect(report.missingSlices).toBe(slices - kept.length);
          expect(report.unevenSteps).toBe(0);
        },
      ),
      { seed: 5, numRuns: 300 },
    );
  });
});

async function assemble(slices: readonly CtSliceOptions[]): Promise<Series> {
  const files = slices.map((options, i) =>
    createMemorySource(makeCtSlice({ sopUid: `1.2.3.${i + 1}`, instanceNumber: i + 1, ...options }), `f${i}`),
  );
  const { series, skipped } = await scanSeries(files);
  expect(skipped).toEqual([]);
  expect(series.length).toBe(1);
  return series[0];
}

const TILT_RAD = (20 * Math.PI) / 180;
const TILTED = [1, 0, 0, 0, Math.cos(TILT_RAD), -Math.sin(TILT_RAD)].map((v) => Number(v.toFixed(8)));

describe("tilt and shifts", () => {
  const tilted = (tilt: string | undefined): CtSliceOptions[] =>
    [0, 5, 10].map((z) => ({
      position: [0, 0, z] as const,
      orientation: TILTED,
      sliceThickness: String(5 * Math.cos(TILT_RAD)),
      ...(tilt === undefined ? {} : { extra: [[0x00181120, "DS", tilt]] as const }),
    }));

  it.each([
    ["-20", /20\.0°(?!.*header)/],
    ["3", /20\.0°.*header states 3\.0°/],
    [undefined, /header states no tilt/],
  ])("measures tilt from positions and holds the header (%s) against it", async (header, message) => {
    const { findings, isRegular } = await assemble(tilted(header));
    expect(findings.map(({ code }) => code)).toEqual(["GANTRY_TILT"]);
    expect(findings[0].message).toMatch(message);
    expect(findings[0].message).toContain(`${(5 * Math.sin(TILT_RAD)).toFixed(2)}`);
    expect(isRegular).toBe(true);
  });

  it("says so when a stated tilt does not show in the positions", async () => {
    const { findings } = await assemble(
      [0, 3, 6].map((z) => ({ position: [0, 0, z], extra: [[0x00181120, "DS", "15"]] })),
    );
    expect(findings.map(({ code }) => code)).toEqual(["TILT_NOT_IN_GEOMETRY"]);
  });

  it("finds a field of view that moved sideways within a series", async () => {
    const { findings, isRegular } = await assemble(
      [0, 3, 6, 9].map((z, i) => ({ position: [i === 1 ? 12 : 0, 0, z] })),
    );
    expect(findings.map(({ code }) => code)).toEqual(["SHIFTED_SLICES"]);
    expect(findings[0].message).toContain("12 mm");
    expect(isRegular).toBe(false);
  });

  it("sees no tilt where slices lie beside each other in one plane", async () => {
    const { findings, geometry } = await assemble(
      [0, 0.3].map((x, i) => ({ position: [x, 0, 0], intercept: String(-1000 - i) })),
    );
    expect(findings.map(({ code }) => code)).toEqual(["DUPLICATE_SLICES", "MIXED_RESCALE"]);
    expect(geometry.spacingMm[0]).toBe(3);
    expect(geometry.direction.slice).toEqual([0, 0, 1]);
  });

  it("orders a reversed and shuffled stack as the normal does", async () => {
    const { slices } = await assemble([9, 0, 6, 3].map((z) => ({ position: [0, 0, z] })));
    expect(slices.map((slice) => slice.alongNormalMm)).toEqual([0, 3, 6, 9]);
  });
});

/** A grid whose slice direction leans by `tiltRad` against its planes, as a tilted gantry leaves it. */
function createSheared(tiltRad: number, size: readonly [number, number, number]): GridGeometry {
  return {
    size,
    spacingMm: [5, 1.2, 0.9],
    originMm: [-20, -30, 40],
    direction: {
      slice: [0, 0, 1],
      row: [0, Math.cos(tiltRad), -Math.sin(tiltRad)],
      column: [1, 0, 0],
    },
  };
}

function locate(grid: GridGeometry, s: number, r: number, c: number): Vector3 {
  const { originMm, spacingMm, direction } = grid;
  return [0, 1, 2].map(
    (k) =>
      originMm[k] +
      s * spacingMm[0] * direction.slice[k] +
      r * spacingMm[1] * direction.row[k] +
      c * spacingMm[2] * direction.column[k],
  ) as unknown as Vector3;
}

function fillGrid(grid: GridGeometry, value: (point: Vector3) => number): Float32Array {
  const [slices, rows, columns] = grid.size;
  return Float32Array.from({ length: slices * rows * columns }, (_, i) =>
    value(locate(grid, Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns)),
  );
}

describe("shearToOrthogonal", () => {
  it.each([
    ["cubic", 0.3],
    ["cubic", -0.3],
    ["linear", 0.3],
  ] as const)(
    "%s, tilt %f rad: a polynomial in patient space comes out where it was",
    (interpolation, tilt) => {
      const field = ([x, y, z]: Vector3): number =>
        3 * x - 2 * y + z + (interpolation === "cubic" ? 0.02 * y * y : 0);
      const grid = createSheared(tilt, [6, 20, 12]);
      const result = shearToOrthogonal(createVolume("HU", grid, fillGrid(grid, field)), { interpolation });
      const { geometry, data } = result.volume;
      const { slice, row, column } = geometry.direction;
      for (const [a, b] of [
        [slice, row],
        [slice, column],
        [row, column],
      ]) {
        expect(a[0] * b[0] + a[1] * b[1] + a[2] * b[2]).toBeCloseTo(0, 12);
      }
      expect(geometry.spacingMm[0]).toBeCloseTo(5 * Math.cos(tilt), 12);
      const [slices, rows, columns] = geometry.size;
      let compared = 0;
      for (let s = 0; s < slices; s++) {
        for (let r = 2; r < rows - 2; r++) {
          for (let c = 2; c < columns - 2; c++) {
            const i = (s * rows + r) * columns + c;
            // Samples two rows from an edge of the source have all their neighbours.
            if (result.outsideMask[i - 2 * columns] === 1 || result.outsideMask[i + 2 * columns] === 1)
              continue;
            expect(Math.abs(data[i] - field(locate(geometry, s, r, c)))).toBeLessThan(1e-3);
            compared++;
          }
        }
      }
      expect(compared).toBeGreaterThan(500);
      expect(data.some((value, i) => result.outsideMask[i] === 1 && value === -1000)).toBe(true);
      expect(result.description).toContain(interpolation);
      expect(Math.abs(result.shiftMm[0])).toBeCloseTo(25 * Math.sin(Math.abs(tilt)), 9);
    },
  );

  it("moves nothing on an orthogonal grid and refuses a result beyond the limit", () => {
    const grid = createSheared(0, [3, 5, 4]);
    const volume = createVolume(
      "HU",
      grid,
      fillGrid(grid, ([x, y, z]) => x * y + z),
    );
    const result = shearToOrthogonal(volume);
    expect(result.volume.data).toEqual(volume.data);
    expect(result.outsideMask.every((value) => value === 0)).toBe(true);
    expect(result.description).toContain("no value was interpolated");
    expect(() => shearToOrthogonal(volume, { maximumVoxels: 10 })).toThrow(/LIMIT|more than 10/);
  });
});
