/**
 * Helical rebinning on analytic helices: ellipsoids and a long cylinder scanned by curved and flat detectors, with and
 * without a flying focal spot, rebinned and reconstructed; what must be refused.
 */
import { createCentredGrid } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  createCircularSinogram,
  type HelicalScan,
  measureHelix,
  ReconError,
  rebinHelicalScan,
  reconstructFbp,
} from "../src/index.ts";

interface Ellipsoid {
  readonly centre: readonly [number, number, number];
  readonly semiAxes: readonly [number, number, number];
  readonly mu: number;
}

const BODY: readonly Ellipsoid[] = [
  { centre: [0, 0, 0], semiAxes: [90, 90, 1e5], mu: 0.02 },
  { centre: [30, -20, 0], semiAxes: [25, 18, 1e5], mu: 0.01 },
  { centre: [-40, 25, 3], semiAxes: [22, 22, 22], mu: -0.005 },
];

function integrate(origin: readonly number[], direction: readonly number[]): number {
  let total = 0;
  for (const { centre, semiAxes, mu } of BODY) {
    const p = origin.map((value, i) => (value - centre[i]) / semiAxes[i]);
    const d = direction.map((value, i) => value / semiAxes[i]);
    const a = d[0] ** 2 + d[1] ** 2 + d[2] ** 2;
    const b = p[0] * d[0] + p[1] * d[1] + p[2] * d[2];
    const c = p[0] ** 2 + p[1] ** 2 + p[2] ** 2 - 1;
    const root = b * b - a * c;
    if (root > 0) total += (2 * mu * Math.sqrt(root)) / a;
  }
  return total;
}

interface HelixOptions {
  readonly shape: "CYLINDRICAL" | "FLAT";
  readonly shifts: readonly (readonly [number, number, number])[];
  readonly feedMm: number;
  readonly turns: number;
  readonly sense?: 1 | -1;
}

const VIEWS = 180;
const ROWS = 8;
const CHANNELS = 180;

/** Scans the body by the definition of the format, independently of the code under test. */
function scanHelix({ shape, shifts, feedMm, turns, sense = 1 }: HelixOptions): HelicalScan {
  const facts = {
    detectorShape: shape,
    rows: ROWS,
    channels: CHANNELS,
    channelSpacingMm: 2.6,
    rowSpacingMm: 2,
    sourceToIsoMm: 595,
    sourceToDetectorMm: 1085.6,
    centralChannel: (CHANNELS - 1) / 2 + 0.25,
    centralRow: (ROWS - 1) / 2,
  };
  const views = Math.round(VIEWS * turns);
  const scan = {
    facts,
    views,
    anglesRad: new Float64Array(views),
    heightsMm: new Float64Array(views),
    focalSpotShifts: new Float64Array(3 * views),
    data: new Float32Array(views * ROWS * CHANNELS),
  };
  for (let v = 0; v < views; v++) {
    const beta = 0.7 + (sense * 2 * Math.PI * v) / VIEWS;
    const height = -feedMm * (turns / 2) + (feedMm * v) / VIEWS;
    const [dPhi, dZ, dRho] = shifts[v % shifts.length];
    // Stored angles come back into one turn, as in files.
    scan.anglesRad[v] = beta - 2 * Math.PI * Math.floor(beta / (2 * Math.PI));
    scan.heightsMm[v] = height;
    scan.focalSpotShifts.set([dPhi, dZ, dRho], 3 * v);
    const radius = facts.sourceToIsoMm + dRho;
    const source = [radius * Math.cos(beta + dPhi), radius * Math.sin(beta + dPhi), height + dZ];
    const depth = [-Math.cos(beta), -Math.sin(beta)];
    const lateral = [-Math.sin(beta), Math.cos(beta)];
    for (let r = 0; r < ROWS; r++) {
      for (let c = 0; c < CHANNELS; c++) {
        const across = (c - facts.centralChannel) * facts.channelSpacingMm;
        const gamma = across / facts.sourceToDetectorMm;
        const [along, side] =
          shape === "FLAT"
            ? [facts.sourceToDetectorMm, across]
            : [facts.sourceToDetectorMm * Math.cos(gamma), facts.sourceToDetectorMm * Math.sin(gamma)];
        const cell = [
          facts.sourceToIsoMm * Math.cos(beta) + along * depth[0] + side * lateral[0],
          facts.sourceToIsoMm * Math.sin(beta) + along * depth[1] + side * lateral[1],
          height + (r - facts.centralRow) * facts.rowSpacingMm,
        ];
        const ray = cell.map((value, i) => value - source[i]);
        const length = Math.hypot(...ray);
        scan.data[(v * ROWS + r) * CHANNELS + c] = integrate(
          source,
          ray.map((value) => value / length),
        );
      }
    }
  }
  return scan;
}

const FLYING = [
  [0.0004, -0.3, 1.5],
  [-0.0004, 0.3, -1.5],
] as const;

describe("rebinHelicalScan", () => {
  for (const { name, options } of [
    { name: "curved detector", options: { shape: "CYLINDRICAL", shifts: [[0, 0, 0]], feedMm: 7, turns: 3 } },
    {
      name: "flat detector, turning the other way",
      options: { shape: "FLAT", shifts: [[0, 0, 0]], feedMm: 7, turns: 3, sense: -1 },
    },
    {
      name: "curved detector, flying focal spot",
      options: { shape: "CYLINDRICAL", shifts: FLYING, feedMm: 6, turns: 3 },
    },
    {
      name: "flat detector, flying focal spot",
      options: { shape: "FLAT", shifts: FLYING, feedMm: 6, turns: 3 },
    },
  ] as const) {
    it(`gives slices of the right attenuation: ${name}`, async () => {
      const scan = scanHelix(options);
      const sinogram = await rebinHelicalScan(scan, { sliceHeightsMm: [-2, 3] });
      const grid = createCentredGrid([2, 96, 96], [5, 2.2, 2.2]);
      const image = await reconstructFbp(sinogram, { grid, window: "hann" });
      const at = (slice: number, x: number, y: number): number => {
        let sum = 0;
        for (let i = -1; i <= 1; i++) {
          for (let j = -1; j <= 1; j++) {
            const row = Math.round(y / 2.2 + 47.5) + i;
            const column = Math.round(x / 2.2 + 47.5) + j;
            sum += image.data[(slice * 96 + row) * 96 + column] / 9;
          }
        }
        return sum;
      };
      for (const slice of [0, 1]) {
        expect(at(slice, -10, -55) / 0.02).toBeCloseTo(1, 2);
        expect(at(slice, 30, -20) / 0.03).toBeCloseTo(1, 2);
        expect(at(slice, -40, 25) / 0.015).toBeCloseTo(1, 1.7);
      }
    });
  }

  it.each([
    [7, 1],
    [-7, 1],
    [7, -1],
    [-7, -1],
  ] as const)("puts heights where they are: feed %i mm, sense %i", async (feedMm, sense) => {
    // The ball spans z −19..25 around (−40, 25): its rim in slices just within and just beyond tells z from −z.
    const scan = scanHelix({ shape: "CYLINDRICAL", shifts: [[0, 0, 0]], feedMm, turns: 9, sense });
    const heights = [-22, -14, 21];
    const sinogram = await rebinHelicalScan(scan, { sliceHeightsMm: heights });
    const grid = createCentredGrid([3, 11, 11], [1, 4, 4]);
    const image = await reconstructFbp(sinogram, { grid, window: "hann", axisOffsetMm: [-25, 40] });
    const centre = heights.map((_, slice) => image.data[slice * 121 + 60]);
    expect(centre[0] / 0.02).toBeCloseTo(1, 1.5);
    expect(centre[1] / 0.015).toBeCloseTo(1, 1.5);
    expect(centre[2] / 0.015).toBeCloseTo(1, 1.5);
  });

  it("finds the feed and the range of whole turns", () => {
    const helix = measureHelix(scanHelix({ shape: "CYLINDRICAL", shifts: [[0, 0, 0]], feedMm: 7, turns: 3 }));
    expect(helix.feedPerTurnMm).toBeCloseTo(7, 6);
    expect(helix.viewsPerTurn).toBe(VIEWS);
    expect(helix.lowestSliceMm).toBeCloseTo(-7, 6);
    const down = measureHelix(scanHelix({ shape: "CYLINDRICAL", shifts: [[0, 0, 0]], feedMm: -7, turns: 3 }));
    expect(down.feedPerTurnMm).toBeCloseTo(-7, 6);
    expect(down.lowestSliceMm).toBeCloseTo(-7 + 7 / VIEWS, 6);
  });

  it("refuses heights beyond the helix, gaps, uneven feed, and numbers that are none", async () => {
    const scan = scanHelix({ shape: "CYLINDRICAL", shifts: [[0, 0, 0]], feedMm: 7, turns: 2 });
    const code = (promise: Promise<unknown>): Promise<unknown> =>
      promise.then(
        () => "none",
        (error: unknown) => (error as ReconError).code,
      );
    expect(await code(rebinHelicalScan(scan, { sliceHeightsMm: [9] }))).toBe("OUT_OF_RANGE");
    const fast = scanHelix({ shape: "CYLINDRICAL", shifts: [[0, 0, 0]], feedMm: 40, turns: 2 });
    expect(await code(rebinHelicalScan(fast, { sliceHeightsMm: [0] }))).toBe("OUT_OF_RANGE");
    const uneven = { ...scan, heightsMm: scan.heightsMm.map((z, v) => (v > 100 ? z + 3 : z)) };
    expect(await code(rebinHelicalScan(uneven, { sliceHeightsMm: [0] }))).toBe("UNSUPPORTED_GEOMETRY");
    const broken = { ...scan, data: scan.data.map((p, i) => (i === 5 ? Number.NaN : p)) };
    expect(await code(rebinHelicalScan(broken, { sliceHeightsMm: [0] }))).toBe("NON_FINITE");
    expect(await code(rebinHelicalScan({ ...scan, views: 3 }, { sliceHeightsMm: [0] }))).toBe(
      "SHAPE_MISMATCH",
    );
  });

  it("takes a scan without table movement as a cone-beam sinogram and refuses a moving one", () => {
    const still = scanHelix({ shape: "CYLINDRICAL", shifts: [[0, 0, 0]], feedMm: 0, turns: 1 });
    const sinogram = createCircularSinogram(still);
    expect(sinogram.geometry.kind).toBe("cone-curved");
    expect(sinogram.geometry.channelOffset).toBeCloseTo(0.25, 12);
    expect(sinogram.data).toBe(still.data);
    expect(() =>
      createCircularSinogram(scanHelix({ shape: "FLAT", shifts: [[0, 0, 0]], feedMm: 7, turns: 1 })),
    ).toThrow(ReconError);
  });
});
