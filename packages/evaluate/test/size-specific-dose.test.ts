/** Water-equivalent diameter on shapes of known size, and the size factors against the tables of their reports. */
import { createRandom } from "@alara/core";
import {
  computeSsdeFactor,
  estimateSizeSpecificDose,
  findSsdeModel,
  measurePatientSize,
  type PatientSize,
  type SliceGrid,
  type SsdeModel,
} from "@alara/evaluate";
import { describe, expect, it } from "vitest";

const GRID: SliceGrid = { rows: 256, columns: 256, rowSpacingMm: 1.5, columnSpacingMm: 1.5 };

/** HU at a point in mm from the centre; area-sampled 4 × 4 per pixel so that edges are what a scanner would show. */
function draw(hu: (xMm: number, yMm: number) => number, grid: SliceGrid = GRID): Float32Array {
  const { rows, columns, rowSpacingMm, columnSpacingMm } = grid;
  const slice = new Float32Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      let sum = 0;
      for (let k = 0; k < 16; k++) {
        const x = (c - (columns - 1) / 2 + ((k % 4) - 1.5) / 4) * columnSpacingMm;
        const y = (r - (rows - 1) / 2 + (Math.floor(k / 4) - 1.5) / 4) * rowSpacingMm;
        sum += hu(x, y);
      }
      slice[r * columns + c] = sum / 16;
    }
  }
  return slice;
}

const disc = (diameterMm: number, x: number, y: number): boolean => Math.hypot(x, y) < diameterMm / 2;

function measure(slice: Float32Array, grid: SliceGrid = GRID): PatientSize {
  const size = measurePatientSize(slice, grid);
  if (size === undefined) throw new Error("no body found");
  return size;
}

/** |measured/expected − 1| in percent. */
function percentOff(measured: number, expected: number): number {
  return 100 * Math.abs(measured / expected - 1);
}

describe("water-equivalent diameter", () => {
  it.each([100, 160, 200, 320])("of a water cylinder of %d mm is its diameter", (diameterMm) => {
    const size = measure(draw((x, y) => (disc(diameterMm, x, y) ? 0 : -1000)));
    expect(percentOff(size.waterEquivalentDiameterMm, diameterMm)).toBeLessThan(0.2);
    expect(percentOff(size.effectiveDiameterMm, diameterMm)).toBeLessThan(1);
    expect(size.truncatedShare).toBe(0);
  });

  it("of an ellipse on anisotropic pixels is the geometric mean of its axes", () => {
    const grid: SliceGrid = { rows: 200, columns: 256, rowSpacingMm: 1.3, columnSpacingMm: 1.6 };
    const size = measure(
      draw((x, y) => ((x / 170) ** 2 + (y / 110) ** 2 < 1 ? 0 : -1000), grid),
      grid,
    );
    expect(percentOff(size.waterEquivalentDiameterMm, 2 * Math.sqrt(170 * 110))).toBeLessThan(0.2);
  });

  it("weighs attenuation: −100 HU over the whole area, and cavities of air inside", () => {
    const fat = measure(draw((x, y) => (disc(300, x, y) ? -100 : -1000)));
    expect(percentOff(fat.waterEquivalentDiameterMm, 300 * Math.sqrt(0.9))).toBeLessThan(0.2);
    const hollow = measure(
      draw((x, y) => (disc(80, x - 70, y) || disc(80, x + 70, y) ? -1000 : disc(300, x, y) ? 0 : -1000)),
    );
    expect(percentOff(hollow.waterEquivalentDiameterMm, Math.sqrt(300 ** 2 - 2 * 80 ** 2))).toBeLessThan(0.3);
    expect(percentOff(hollow.effectiveDiameterMm, 300)).toBeLessThan(1);
  });

  it("leaves out a thin table below the body, apart from it or touching it", () => {
    for (const gapMm of [12, 0]) {
      const size = measure(
        draw((x, y) => {
          if (disc(260, x, y)) return 0;
          const below = y - 130 - gapMm;
          return Math.abs(x) < 170 && below > 0 && below < 3 ? 100 : -1000;
        }),
      );
      expect(percentOff(size.waterEquivalentDiameterMm, 260)).toBeLessThan(0.5);
    }
  });

  it("keeps a body whose wall beside a lung is thin", () => {
    const size = measure(
      draw((x, y) => (disc(214, x, y) ? -850 : disc(220, x, y) || disc(60, x, y) ? 0 : -1000)),
    );
    const expected = Math.sqrt(0.15 * 214 ** 2 + (220 ** 2 - 214 ** 2));
    expect(percentOff(size.waterEquivalentDiameterMm, expected)).toBeLessThan(2);
  });

  it("is not moved by noise, nor by padding around a circular field of view", () => {
    const random = createRandom(7);
    const slice = draw((x, y) => (disc(280, x, y) ? 0 : -1000));
    for (let i = 0; i < slice.length; i++) {
      const [r, c] = [Math.floor(i / 256) - 127.5, (i % 256) - 127.5];
      slice[i] = Math.hypot(r, c) > 128 ? -3024 : Math.max(-1024, slice[i] + 40 * random.nextNormal());
    }
    const size = measure(slice);
    expect(percentOff(size.waterEquivalentDiameterMm, 280)).toBeLessThan(0.5);
    expect(size.truncatedShare).toBe(0);
  });

  it("says how much of the contour a field of view cuts off, whatever fills the rest", () => {
    for (const fill of [-1024, -3024]) {
      const slice = draw((x, y) => ((x / 230) ** 2 + (y / 130) ** 2 < 1 ? 0 : -1000));
      for (let i = 0; i < slice.length; i++) {
        if (Math.hypot(Math.floor(i / 256) - 127.5, (i % 256) - 127.5) > 128) slice[i] = fill;
      }
      const { truncatedShare, waterEquivalentDiameterMm } = measure(slice);
      expect(truncatedShare).toBeGreaterThan(0.1);
      expect(truncatedShare).toBeLessThan(0.4);
      expect(waterEquivalentDiameterMm).toBeLessThan(2 * Math.sqrt(230 * 130));
    }
  });

  it("finds nothing in air, and refuses slices that do not fit or are not numbers", () => {
    expect(measurePatientSize(new Float32Array(256 * 256).fill(-1000), GRID)).toBeUndefined();
    expect(() => measurePatientSize(new Float32Array(7), GRID)).toThrow(/7 values/);
    expect(() => measurePatientSize(new Float32Array(256 * 256).fill(Number.NaN), GRID)).toThrow(/finite/);
  });
});

/** Rows of AAPM Report 204 (2011), tables 1D and 2D: effective diameter in cm → factor, as printed. */
const TABLE_1D: readonly (readonly [number, number])[] = [
  [8, 2.76],
  [10, 2.57],
  [13, 2.3],
  [15, 2.14],
  [18, 1.91],
  [20, 1.78],
  [23, 1.59],
  [25, 1.48],
  [28, 1.32],
  [30, 1.23],
  [33, 1.1],
  [35, 1.02],
  [38, 0.92],
  [40, 0.85],
  [43, 0.76],
  [45, 0.71],
];
const TABLE_2D: readonly (readonly [number, number])[] = [
  [6, 1.49],
  [8, 1.38],
  [10, 1.27],
  [12, 1.18],
  [15, 1.05],
  [18, 0.93],
  [20, 0.86],
  [25, 0.71],
  [30, 0.59],
  [35, 0.48],
  [40, 0.4],
  [45, 0.33],
  [50, 0.27],
  [55, 0.22],
];

function requireModel(phantomDiameterCm: number, region: "body" | "head"): SsdeModel {
  const model = findSsdeModel(phantomDiameterCm, region);
  if (model === undefined) throw new Error("no model");
  return model;
}

describe("size-specific dose", () => {
  it.each(TABLE_1D)("32 cm, %d cm → %d as printed in AAPM Report 204", (cm, factor) => {
    expect(Math.abs(computeSsdeFactor(requireModel(32, "body"), 10 * cm) - factor)).toBeLessThan(0.0101);
  });

  it.each(TABLE_2D)("16 cm, %d cm → %d as printed in AAPM Report 204", (cm, factor) => {
    expect(Math.abs(computeSsdeFactor(requireModel(16, "body"), 10 * cm) - factor)).toBeLessThan(0.0101);
  });

  it("uses the head's own factor for 16 cm, and has none for a head with a 32 cm CTDIvol", () => {
    expect(computeSsdeFactor(requireModel(16, "head"), 160)).toBeCloseTo(0.912, 3);
    expect(findSsdeModel(32, "head")).toBeUndefined();
    expect(findSsdeModel(10, "body")).toBeUndefined();
    expect(() => computeSsdeFactor(requireModel(16, "head"), 0)).toThrow(/above 0/);
  });

  it("averages the local products over slices that state a CTDIvol", () => {
    const size = (waterEquivalentDiameterMm: number): PatientSize => ({
      waterEquivalentDiameterMm,
      waterEquivalentAreaMm2: 0,
      regionAreaMm2: 0,
      regionMeanHu: 0,
      effectiveDiameterMm: 0,
      truncatedShare: 0,
    });
    const model = requireModel(32, "body");
    const dose = estimateSizeSpecificDose(
      [
        { size: size(300), ctdiVolMgy: 10 },
        { size: size(200), ctdiVolMgy: 5 },
        { size: size(500), ctdiVolMgy: 5 },
        { size: size(300), ctdiVolMgy: undefined },
      ],
      model,
    );
    const products = [
      10 * computeSsdeFactor(model, 300),
      5 * computeSsdeFactor(model, 200),
      5 * computeSsdeFactor(model, 500),
    ];
    expect(dose?.slices).toBe(3);
    expect(dose?.slicesOutsideTable).toBe(1);
    expect(dose?.ssdeMgy).toBeCloseTo((products[0] + products[1] + products[2]) / 3, 10);
    expect(dose?.minimumSsdeMgy).toBeCloseTo(products[2], 10);
    expect(estimateSizeSpecificDose([{ size: size(300), ctdiVolMgy: undefined }], model)).toBeUndefined();
  });
});
