/**
 * Adjoint mismatch |⟨Ax, y⟩ − ⟨x, Aᵀy⟩| / (‖Ax‖ ‖y‖) on normal random vectors: every registered projector in every
 * geometry it supports in float64, the SIMD projector in float32 with sums in float64; and the mass that the separable
 * footprint keeps for parallel rays.
 */
import {
  type ConeFlatGeometry,
  createCentredGrid,
  createRandom,
  isPlanarGeometry,
  type RealArray,
  type ScanGeometry,
} from "@alara/core";
import {
  createFastProjector,
  createHelicalGeometry,
  createVolumeGrid,
  projectors,
  type VolumeGrid,
} from "@alara/physics";
import { createAngles } from "../../workload/ct-scans.ts";
import { checkAtMost, type EvidencePart, findLargest, formatSmall } from "./tables.ts";

const SEEDS = [1, 2, 3];

const source = { sourceToIsoMm: 500, sourceToDetectorMm: 900 };
const rows = { rows: 14, rowPitchMm: 11, rowOffset: 0.3 };
const turn = createAngles(23, 2 * Math.PI);
const coneFlat: ConeFlatGeometry = {
  kind: "cone-flat",
  ...source,
  ...rows,
  channels: 33,
  channelPitchMm: 16,
  channelOffset: 0.5,
  anglesRad: turn,
};
const geometries: readonly ScanGeometry[] = [
  { kind: "parallel", channels: 61, channelPitchMm: 6, channelOffset: 0.25, anglesRad: turn },
  { kind: "fan-arc", ...source, channels: 55, channelPitchRad: 0.013, channelOffset: 1.25, anglesRad: turn },
  { kind: "fan-flat", ...source, channels: 50, channelPitchMm: 13, channelOffset: -3, anglesRad: turn },
  coneFlat,
  {
    kind: "cone-curved",
    ...source,
    ...rows,
    channels: 34,
    channelPitchRad: 0.018,
    channelOffset: 0,
    anglesRad: turn,
  },
  createHelicalGeometry(coneFlat, { feedMmPerTurn: 30 }),
];

const planarGrid = createVolumeGrid(createCentredGrid([3, 31, 40], [3, 9, 7]));
const volumeGrid = createVolumeGrid(createCentredGrid([11, 26, 21], [7, 9, 12]));
const gridOf = (geometry: ScanGeometry): VolumeGrid => (isPlanarGeometry(geometry) ? planarGrid : volumeGrid);

function draw(seed: number, length: number): Float64Array {
  const random = createRandom(seed);
  return Float64Array.from({ length }, () => random.nextNormal());
}

function dot(a: RealArray, b: RealArray): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** The mismatch of one pair of vectors. */
async function measureMismatch<T extends RealArray>(
  operator: {
    readonly domainLength: number;
    readonly rangeLength: number;
    apply(x: T): T | Promise<T>;
    applyAdjoint(y: T): T | Promise<T>;
  },
  convert: (values: Float64Array) => T,
): Promise<number> {
  let worst = 0;
  for (const seed of SEEDS) {
    const x = convert(draw(seed, operator.domainLength));
    const y = convert(draw(seed + 100, operator.rangeLength));
    const ax = await operator.apply(x);
    const aty = await operator.applyAdjoint(y);
    const scale = Math.sqrt(dot(ax, ax) * dot(y, y));
    worst = Math.max(worst, Math.abs(dot(ax, y) - dot(x, aty)) / scale);
  }
  return worst;
}

/** Largest relative difference of Σ p Δs from Σ f Δ² over the views of a parallel scan that sees all of the grid. */
function measureMassError(): number {
  const geometry: ScanGeometry = {
    ...{ kind: "parallel", channels: 161, channelPitchMm: 3, channelOffset: 0.25, anglesRad: turn },
  };
  const grid = { ...planarGrid, slices: 1 };
  const operator = projectors.get("separable-footprint")(geometry, grid);
  const x = draw(5, operator.domainLength).map(Math.abs);
  const mass = x.reduce((sum, value) => sum + value, 0) * grid.rowSpacingMm * grid.columnSpacingMm;
  const p = operator.apply(x);
  return findLargest(
    Array.from(turn, (_, view) => {
      const row = p.subarray(view * 161, (view + 1) * 161);
      return (row.reduce((sum, value) => sum + value, 0) * 3) / mass - 1;
    }),
  );
}

/** Runs the part. */
export async function studyAdjoints(): Promise<EvidencePart> {
  const exact: number[] = [];
  const fast: number[] = [];
  const table: string[][] = [];
  for (const [name, create] of projectors.entries()) {
    const row = [`${name}, float64`];
    for (const geometry of geometries) {
      if (!create.supports(geometry)) {
        row.push("–");
        continue;
      }
      const mismatch = await measureMismatch(create(geometry, gridOf(geometry)), (values) => values);
      exact.push(mismatch);
      row.push(formatSmall(mismatch));
    }
    table.push(row);
  }
  const row = ["joseph, SIMD float32"];
  for (const geometry of geometries) {
    if (geometry.kind === "posed") {
      row.push("–");
      continue;
    }
    const operator = createFastProjector(geometry, gridOf(geometry));
    const mismatch = await measureMismatch(operator, (values) => Float32Array.from(values));
    operator.dispose();
    fast.push(mismatch);
    row.push(formatSmall(mismatch));
  }
  table.push(row);
  const mass = measureMassError();
  return {
    tables: [
      {
        title: `Adjoint mismatch |⟨Ax, y⟩ − ⟨x, Aᵀy⟩| / (‖Ax‖ ‖y‖), the worst of ${SEEDS.length} pairs of random vectors`,
        columns: ["projector", ...geometries.map(({ kind }) => kind)],
        rows: table,
      },
    ],
    checks: [
      checkAtMost("adjoint mismatch, float64", findLargest(exact), 1e-12),
      checkAtMost("adjoint mismatch, float32", findLargest(fast), 1e-5),
      checkAtMost("mass error of the separable footprint, parallel rays", mass, 1e-12),
    ],
  };
}
