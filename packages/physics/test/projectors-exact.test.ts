/**
 * What each projector is by definition, in numbers: Siddon's lengths against dense sampling, rays on grid lines, mass
 * of the separable footprint, footprint and distance-driven against means of exact lengths over a cell, the operator
 * norm against singular values.
 */
import type { AsyncLinearOperator, ParallelGeometry, ScanGeometry } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  createDistanceDrivenProjector,
  createJosephProjector,
  createRayCaster,
  createSeparableFootprintProjector,
  createSiddonProjector,
  estimateOperatorNorm,
  PhysicsError,
  projectors,
  type VolumeGrid,
} from "../src/index.ts";
import { computeLength, drawNormals, gridCases, scanCases } from "./projector-cases.ts";

const [, evenGrid] = gridCases[0];
const [, unevenGrid] = gridCases[1];

function findScan<K extends ScanGeometry["kind"]>(kind: K): Extract<ScanGeometry, { kind: K }> {
  const found = scanCases.find(([name]) => name === kind);
  return found?.[1] as Extract<ScanGeometry, { kind: K }>;
}

/** One detector cell seen by each of a few parallel rays along an axis. */
function aimParallel(angleRad: number, channels: number, pitchMm: number, offset = 0): ParallelGeometry {
  return {
    kind: "parallel",
    channels,
    channelPitchMm: pitchMm,
    channelOffset: offset,
    anglesRad: Float64Array.of(angleRad),
  };
}

describe("createSiddonProjector", () => {
  it.each(scanCases)("agrees with a million samples along each of some rays: %s", (_name, geometry) => {
    const grid = unevenGrid;
    const isPlanar = geometry.kind === "parallel" || geometry.kind.startsWith("fan");
    const flat: VolumeGrid = isPlanar ? { ...grid, slices: 1, firstSliceMm: 0 } : grid;
    const operator = createSiddonProjector(geometry, flat);
    const x = drawNormals(operator.domainLength, 5);
    const projected = operator.apply(x);
    const caster = createRayCaster(geometry);
    const ray = new Float64Array(6);
    const samples = 1e6;
    const [begin, end] = geometry.kind === "parallel" ? [-150, 150] : [0, 400];
    const step = (end - begin) / samples;
    for (const [view, row, channel] of [
      [0, 0, 9],
      [3, Math.min(2, caster.rows - 1), 8],
      [5, Math.floor(caster.rows / 2), 11],
    ]) {
      caster.cast(view, row, channel, ray);
      let sum = 0;
      for (let i = 0; i < samples; i++) {
        const t = begin + (i + 0.5) * step;
        const column = Math.floor((ray[0] + t * ray[3] - grid.firstColumnMm) / grid.columnSpacingMm + 0.5);
        const line = Math.floor((ray[1] + t * ray[4] - grid.firstRowMm) / grid.rowSpacingMm + 0.5);
        const slice = isPlanar
          ? 0
          : Math.floor((ray[2] + t * ray[5] - grid.firstSliceMm) / grid.sliceSpacingMm + 0.5);
        const isIn =
          column >= 0 &&
          column < grid.columns &&
          line >= 0 &&
          line < grid.rows &&
          slice >= 0 &&
          slice < flat.slices;
        if (isIn) sum += x[(slice * grid.rows + line) * grid.columns + column];
      }
      // Each crossing of a face is missed by at most half a step, of values near 1.
      const crossings = grid.columns + grid.rows + grid.slices;
      const index = (view * caster.rows + row) * caster.channels + channel;
      expect(Math.abs(projected[index] - sum * step)).toBeLessThan(crossings * 4 * step);
    }
  });

  it("counts rays on grid lines once: half-open pixels", () => {
    // 4 × 4 pixels of 10 mm around the axis: faces at −20, −10, 0, 10, 20.
    const grid: VolumeGrid = {
      slices: 1,
      rows: 4,
      columns: 4,
      sliceSpacingMm: 1,
      rowSpacingMm: 10,
      columnSpacingMm: 10,
      firstSliceMm: 0,
      firstRowMm: -15,
      firstColumnMm: -15,
    };
    const x = Float64Array.from({ length: 16 }, (_, i) => 1 + (i % 4));
    // θ = 0: rays along +y at x = −20, −10, 0, 10, 20; pixels of column c span [low, high).
    const along = createSiddonProjector(aimParallel(0, 5, 10), grid).apply(x);
    expect(Array.from(along)).toEqual([40, 80, 120, 160, 0]);
    // Directions that are almost along an axis share the line between both pixels at most once.
    for (const angle of [Math.PI / 2, Math.PI, (3 * Math.PI) / 2]) {
      const ones = createSiddonProjector(aimParallel(angle, 3, 10), grid).apply(new Float64Array(16).fill(1));
      for (const value of ones) expect(value).toBeCloseTo(40, 10);
    }
    // A diagonal through pixel corners.
    const diagonal = createSiddonProjector(aimParallel(Math.PI / 4, 1, 1), grid);
    expect(diagonal.apply(new Float64Array(16).fill(1))[0]).toBeCloseTo(40 * Math.SQRT2, 9);
  });

  it("gives the chord of a box in every geometry, as does Joseph's sum of steps far from its faces", () => {
    const geometry = findScan("cone-flat");
    const operator = createSiddonProjector(geometry, { ...evenGrid, slices: 40, firstSliceMm: -97.5 });
    const caster = createRayCaster(geometry);
    const ray = new Float64Array(6);
    const lengths = operator.apply(new Float64Array(operator.domainLength).fill(1));
    for (let view = 0; view < caster.views; view++) {
      caster.cast(view, 3, 9, ray);
      // Box of x ∈ [−40, 40], y ∈ [−42.5, 42.5]; z is never left.
      const span = (origin: number, direction: number, half: number): readonly [number, number] => {
        const a = (-half - origin) / direction;
        const b = (half - origin) / direction;
        return [Math.min(a, b), Math.max(a, b)];
      };
      const [enterX, exitX] = span(ray[0], ray[3], 40);
      const [enterY, exitY] = span(ray[1], ray[4], 42.5);
      const chord = Math.max(0, Math.min(exitX, exitY) - Math.max(enterX, enterY));
      expect(lengths[(view * 7 + 3) * 19 + 9]).toBeCloseTo(chord, 9);
    }
  });
});

describe("dominant axis", () => {
  it.each(["joseph", "distance-driven"])("does not turn over at 45° by rounding: %s", (name) => {
    const create = projectors.get(name);
    for (const kind of ["parallel", "fan-flat", "cone-curved"] as const) {
      // The middle channel's ray lies on the diagonal.
      const scan = { ...findScan(kind), channels: 9, channelOffset: 0 } as ScanGeometry;
      const turned = (shift: number): ScanGeometry =>
        ({
          ...scan,
          anglesRad: Float64Array.from({ length: 8 }, (_, v) => ((2 * v + 1) * Math.PI) / 4 + shift),
        }) as ScanGeometry;
      const x = drawNormals(unevenGrid.slices * unevenGrid.rows * unevenGrid.columns, 4);
      const exact = create(turned(0), unevenGrid).apply(x);
      for (const shift of [-1e-12, 1e-12]) {
        const near = create(turned(shift), unevenGrid).apply(x);
        const difference = near.map((value, i) => value - exact[i]);
        expect(computeLength(difference) / computeLength(exact)).toBeLessThan(1e-9);
      }
    }
  });
});

describe("createSeparableFootprintProjector", () => {
  it.each([
    ["pixels smaller than channels", evenGrid, 6],
    ["pixels larger than channels", evenGrid, 1.3],
    ["uneven pixels off the axis", unevenGrid, 2.1],
  ])("conserves mass in parallel scans to 1e-12: %s", (_name, grid, pitch) => {
    const anglesRad = Float64Array.from({ length: 17 }, (_, v) => (Math.PI * v) / 16);
    const geometry: ParallelGeometry = {
      kind: "parallel",
      channels: Math.ceil(260 / pitch),
      channelPitchMm: pitch,
      channelOffset: 0.3,
      anglesRad,
    };
    const operator = createSeparableFootprintProjector(geometry, grid);
    const x = drawNormals(operator.domainLength, 21).map((value) => Math.abs(value));
    const projected = operator.apply(x);
    const plane = grid.rows * grid.columns;
    for (let slice = 0; slice < grid.slices; slice++) {
      const total = x.subarray(slice * plane, (slice + 1) * plane).reduce((sum, value) => sum + value, 0);
      const mass = total * grid.rowSpacingMm * grid.columnSpacingMm;
      for (let view = 0; view < anglesRad.length; view++) {
        const at = (slice * anglesRad.length + view) * geometry.channels;
        const sum = projected.subarray(at, at + geometry.channels).reduce((s, value) => s + value, 0);
        expect(Math.abs((sum * pitch) / mass - 1)).toBeLessThan(1e-12);
      }
    }
  });

  it("is the mean of exact lengths over a channel in parallel scans", () => {
    const fine = 400;
    const coarse = aimParallel(0.4, 9, 7, 0.2);
    const dense: ParallelGeometry = {
      ...coarse,
      channels: 9 * fine,
      channelPitchMm: 7 / fine,
      channelOffset: 0.2 * fine,
    };
    const grid = { ...unevenGrid, slices: 1 };
    const x = drawNormals(grid.rows * grid.columns, 8);
    const means = createSeparableFootprintProjector(coarse, grid).apply(x);
    const lengths = createSiddonProjector(dense, grid).apply(x);
    for (let channel = 0; channel < 9; channel++) {
      const part = lengths.subarray(channel * fine, (channel + 1) * fine);
      const mean = part.reduce((sum, value) => sum + value, 0) / fine;
      expect(Math.abs(means[channel] - mean)).toBeLessThan(1e-3 * computeLength(means));
    }
  });
});

describe("footprints of diverging rays", () => {
  it.each(["fan-arc", "fan-flat", "cone-flat", "cone-curved"] as const)(
    "separable and distance-driven agree with means of exact lengths over a cell: %s",
    (kind) => {
      const sub = 8;
      const geometry = findScan(kind);
      // Each cell cut into 8 × 8.
      const split = {
        channels: geometry.channels * sub,
        channelOffset: geometry.channelOffset * sub,
        ...("channelPitchMm" in geometry
          ? { channelPitchMm: geometry.channelPitchMm / sub }
          : { channelPitchRad: geometry.channelPitchRad / sub }),
        ...("rows" in geometry
          ? {
              rows: geometry.rows * sub,
              rowPitchMm: geometry.rowPitchMm / sub,
              rowOffset: geometry.rowOffset * sub,
            }
          : {}),
      };
      const dense = { ...geometry, ...split } as ScanGeometry;
      const rows = "rows" in geometry ? geometry.rows : 1;
      const subRows = rows === 1 ? 1 : sub;
      const grid: VolumeGrid = rows === 1 ? { ...evenGrid, slices: 1 } : evenGrid;
      // A smooth object: projectors differ by how they interpolate what is rough.
      const x = new Float64Array(grid.slices * grid.rows * grid.columns);
      for (let i = 0; i < x.length; i++) {
        const column = i % grid.columns;
        const row = Math.floor(i / grid.columns) % grid.rows;
        x[i] = Math.exp(-(((column - 6) / 4) ** 2) - ((row - 9) / 4) ** 2);
      }
      const lengths = createSiddonProjector(dense, grid).apply(x);
      const views = geometry.anglesRad.length;
      const means = new Float64Array(views * rows * geometry.channels);
      for (let view = 0; view < views; view++) {
        for (let r = 0; r < rows * subRows; r++) {
          for (let c = 0; c < geometry.channels * sub; c++) {
            const cell = (view * rows + Math.floor(r / subRows)) * geometry.channels + Math.floor(c / sub);
            means[cell] +=
              lengths[(view * rows * subRows + r) * geometry.channels * sub + c] / (sub * subRows);
          }
        }
      }
      const compare = (projected: Float64Array): number =>
        computeLength(projected.map((value, i) => value - means[i])) / computeLength(means);
      expect(compare(createSeparableFootprintProjector(geometry, grid).apply(x))).toBeLessThan(0.01);
      expect(compare(createDistanceDrivenProjector(geometry, grid).apply(x))).toBeLessThan(0.02);
      // Rays through the middle of a cell see something else.
      expect(compare(createJosephProjector(geometry, grid).apply(x))).toBeLessThan(0.1);
    },
  );
});

describe("estimateOperatorNorm", () => {
  // [[2, −1, 0], [1, 3, 1]]: AAᵀ = [[5, −1], [−1, 11]], λmax = 8 + √10.
  const matrix = [2, -1, 0, 1, 3, 1];
  const createTiny = (isLate: boolean): AsyncLinearOperator<Float64Array> => ({
    name: "tiny",
    domainLength: 3,
    rangeLength: 2,
    apply: (x) => {
      const y = Float64Array.of(0, 1).map((r) =>
        [0, 1, 2].reduce((sum, c) => sum + matrix[r * 3 + c] * x[c], 0),
      );
      return isLate ? Promise.resolve(y) : y;
    },
    applyAdjoint: (y) => {
      const x = Float64Array.of(0, 1, 2).map((c) => matrix[c] * y[0] + matrix[3 + c] * y[1]);
      return isLate ? Promise.resolve(x) : x;
    },
  });

  it("is the largest singular value of a small matrix, now or later", async () => {
    const exact = Math.sqrt(8 + Math.sqrt(10));
    for (const isLate of [false, true]) {
      const norm = await estimateOperatorNorm(createTiny(isLate), { iterations: 40, seed: 3 });
      expect(norm).toBeCloseTo(exact, 12);
    }
    const short = await estimateOperatorNorm(createTiny(false), { iterations: 2, seed: 3 });
    expect(short).toBeLessThan(exact);
  });

  it.each([...projectors.entries()])(
    "is the same as by Jacobi rotations of AᵀA: %s",
    async (_name, create) => {
      const grid: VolumeGrid = { ...evenGrid, slices: 1, rows: 3, columns: 4, rowSpacingMm: 20 };
      const operator = create(findScan("fan-flat"), grid);
      const columns = Array.from({ length: 12 }, (_, j) => {
        const unit = new Float64Array(12);
        unit[j] = 1;
        return operator.apply(unit);
      });
      expect(await estimateOperatorNorm(operator, { iterations: 200 })).toBeCloseTo(
        findLargestSingularValue(columns),
        9,
      );
    },
  );

  it("is 0 for nothing, stops on non-finite numbers, and refuses no rounds", async () => {
    const tiny = createTiny(false);
    const zero = { ...tiny, apply: () => new Float64Array(2), applyAdjoint: () => new Float64Array(3) };
    expect(await estimateOperatorNorm(zero)).toBe(0);
    const bad = { ...tiny, apply: () => Float64Array.of(Number.NaN, 1) };
    await expect(estimateOperatorNorm(bad)).rejects.toThrow(PhysicsError);
    await expect(estimateOperatorNorm(tiny, { iterations: 0 })).rejects.toThrow(/iterations is 0/);
  });

  it("takes operators of single precision", async () => {
    const tiny = createTiny(false);
    const single: AsyncLinearOperator<Float32Array> = {
      ...tiny,
      apply: async (x) => {
        expect(x).toBeInstanceOf(Float32Array);
        return Float32Array.from(await tiny.apply(Float64Array.from(x)));
      },
      applyAdjoint: async (y) => Float32Array.from(await tiny.applyAdjoint(Float64Array.from(y))),
    };
    const norm = await estimateOperatorNorm(single, { precision: "float32", iterations: 40 });
    expect(norm).toBeCloseTo(Math.sqrt(8 + Math.sqrt(10)), 5);
  });
});

/** One-sided Jacobi (Hestenes 1958): rotates columns until they are at right angles; their lengths are singular values. */
function findLargestSingularValue(given: readonly Float64Array[]): number {
  const columns = given.map((column) => column.slice());
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let i = 0; i < columns.length; i++) {
      for (let j = i + 1; j < columns.length; j++) {
        const [a, b] = [columns[i], columns[j]];
        let [aa, bb, ab] = [0, 0, 0];
        for (let k = 0; k < a.length; k++) {
          aa += a[k] * a[k];
          bb += b[k] * b[k];
          ab += a[k] * b[k];
        }
        if (ab === 0) continue;
        const zeta = (bb - aa) / (2 * ab);
        const t = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        const c = 1 / Math.sqrt(1 + t * t);
        for (let k = 0; k < a.length; k++) {
          const left = a[k];
          a[k] = c * left - c * t * b[k];
          b[k] = c * t * left + c * b[k];
        }
      }
    }
  }
  return Math.max(...columns.map(computeLength));
}
