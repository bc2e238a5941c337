/**
 * What the plain float64 projectors share: checks of geometry and grid, lengths, and the operator made of one weight
 * list per detector cell. Forward sums the list, the adjoint scatters the very same list, so ⟨Ax, y⟩ = ⟨x, Aᵀy⟩ holds
 * to rounding (tomography.md §2.1, "one weight function, used by both"). Not the fast path: see fast-projector.ts.
 */
import {
  countDetectorRows,
  countScanSamples,
  countViews,
  isConeGeometry,
  isPlanarGeometry,
  type LinearOperator,
  POSE_LENGTH,
  type ScanGeometry,
} from "@alara/core";
import { PhysicsError } from "../errors.ts";
import type { VolumeGrid } from "./grids.ts";

/** Voxels and their weights; grows as needed. */
export interface WeightList {
  indices: Int32Array;
  weights: Float64Array;
}

/** Lists what one detector cell sees. */
export interface CellTracer {
  /** Filled by `trace`. Planar geometries: indices within one slice, else within the volume. */
  readonly list: WeightList;
  /** @returns number of entries */
  trace(view: number, row: number, channel: number): number;
}

/** An empty list with room for `capacity` entries. */
export function createWeightList(capacity: number): WeightList {
  return { indices: new Int32Array(capacity), weights: new Float64Array(capacity) };
}

/** Makes room for `capacity` entries, keeping those there. */
export function growWeightList(list: WeightList, capacity: number): void {
  if (capacity <= list.indices.length) return;
  const indices = new Int32Array(2 * capacity);
  const weights = new Float64Array(2 * capacity);
  indices.set(list.indices);
  weights.set(list.weights);
  list.indices = indices;
  list.weights = weights;
}

/** Sizes that differ by less count as equal: at 45° rounding must not choose the axis. */
const TIE = 1 + 1e-9;

/**
 * Whether the first of two components of a ray's direction is dominant; ties go to the first. All projectors choose
 * their axis by this, so that they agree at 45°, where the choice changes the result.
 */
export function isDominant(component: number, other: number): boolean {
  return Math.abs(component) * TIE >= Math.abs(other);
}

function requireCount(what: string, value: number): void {
  if (!(Number.isInteger(value) && value >= 1)) {
    throw new PhysicsError("OUT_OF_RANGE", `${what} is ${value}; pass an integer ≥ 1`);
  }
}

function requirePositive(what: string, value: number): void {
  if (!(value > 0 && value < Infinity)) {
    throw new PhysicsError("OUT_OF_RANGE", `${what} is ${value}; pass a finite number > 0`);
  }
}

function requireFinite(what: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      throw new PhysicsError("NON_FINITE", `${what}[${i}] is ${values[i]}; pass finite numbers`);
    }
  }
}

function checkGrid(grid: VolumeGrid): void {
  requireCount("grid.slices", grid.slices);
  requireCount("grid.rows", grid.rows);
  requireCount("grid.columns", grid.columns);
  requirePositive("grid.sliceSpacingMm", grid.sliceSpacingMm);
  requirePositive("grid.rowSpacingMm", grid.rowSpacingMm);
  requirePositive("grid.columnSpacingMm", grid.columnSpacingMm);
  requireFinite("grid's first voxel", [grid.firstSliceMm, grid.firstRowMm, grid.firstColumnMm]);
}

/** Largest distance of a pixel's corner from the axis, mm. */
function getReachMm(grid: VolumeGrid): number {
  const half = (first: number, count: number, spacing: number): number =>
    Math.max(Math.abs(first - spacing / 2), Math.abs(first + (count - 0.5) * spacing));
  return Math.hypot(
    half(grid.firstColumnMm, grid.columns, grid.columnSpacingMm),
    half(grid.firstRowMm, grid.rows, grid.rowSpacingMm),
  );
}

function checkPoses(poses: Float64Array, grid: VolumeGrid): void {
  if (poses.length === 0 || poses.length % POSE_LENGTH !== 0) {
    throw new PhysicsError(
      "SHAPE_MISMATCH",
      `geometry.poses has ${poses.length} numbers; pass ${POSE_LENGTH} per view`,
    );
  }
  requireFinite("geometry.poses", poses);
  const first = [grid.firstColumnMm, grid.firstRowMm, grid.firstSliceMm];
  const count = [grid.columns, grid.rows, grid.slices];
  const spacing = [grid.columnSpacingMm, grid.rowSpacingMm, grid.sliceSpacingMm];
  for (let p = 0; p < poses.length; p += POSE_LENGTH) {
    // Interpolation reaches one spacing beyond the outer voxel centres.
    const isInside = [0, 1, 2].every(
      (axis) =>
        poses[p + axis] > first[axis] - spacing[axis] &&
        poses[p + axis] < first[axis] + count[axis] * spacing[axis],
    );
    if (isInside) {
      throw new PhysicsError(
        "OUT_OF_RANGE",
        `the source of view ${p / POSE_LENGTH} at (${Array.from(poses.subarray(p, p + 3)).join(", ")}) mm lies inside the grid; pass a smaller grid`,
      );
    }
  }
}

/**
 * Checks that a scan can be projected from a grid.
 *
 * @throws PhysicsError `OUT_OF_RANGE` for counts, pitches and distances that are none, fans of ±90° and more, and
 *   grids that reach the source; `NON_FINITE`; `SHAPE_MISMATCH` for poses of another length
 */
export function checkProjection(geometry: ScanGeometry, grid: VolumeGrid): void {
  checkGrid(grid);
  requireCount("geometry.channels", geometry.channels);
  requireCount("geometry.rows", countDetectorRows(geometry));
  if (geometry.kind === "posed") {
    checkPoses(geometry.poses, grid);
    return;
  }
  requireCount("number of views", countViews(geometry));
  requireFinite("geometry.anglesRad", geometry.anglesRad);
  requireFinite("geometry.channelOffset", [geometry.channelOffset]);
  const isArc = geometry.kind === "fan-arc" || geometry.kind === "cone-curved";
  const pitch = isArc ? geometry.channelPitchRad : geometry.channelPitchMm;
  requirePositive(isArc ? "geometry.channelPitchRad" : "geometry.channelPitchMm", pitch);
  if (geometry.kind === "parallel") return;
  requirePositive("geometry.sourceToIsoMm", geometry.sourceToIsoMm);
  requirePositive("geometry.sourceToDetectorMm", geometry.sourceToDetectorMm);
  if (isConeGeometry(geometry)) {
    requirePositive("geometry.rowPitchMm", geometry.rowPitchMm);
    requireFinite("geometry.rowOffset", [geometry.rowOffset]);
  }
  const halfFan = (geometry.channels / 2 + Math.abs(geometry.channelOffset)) * pitch;
  if (isArc && halfFan >= Math.PI / 2) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `the fan reaches ${((halfFan * 180) / Math.PI).toFixed(1)}° from the central ray; pass less than 90°`,
    );
  }
  const reach = getReachMm(grid);
  if (reach >= geometry.sourceToIsoMm) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `grid reaches ${reach.toFixed(0)} mm from the axis but the source is at ${geometry.sourceToIsoMm} mm; pass a smaller grid`,
    );
  }
}

/** Lengths of a projector's sides and what they are made of, for messages. */
export interface ProjectionShape {
  readonly domainLength: number;
  readonly rangeLength: number;
  /** Slices that are projected on their own: all for planar geometries, else 1. */
  readonly stack: number;
  /** Voxels of one of them. */
  readonly domainBlock: number;
  /** Samples of one of them. */
  readonly rangeBlock: number;
  /** @throws PhysicsError `SHAPE_MISMATCH` */
  checkDomain(what: string, length: number): void;
  /** @throws PhysicsError `SHAPE_MISMATCH` */
  checkRange(what: string, length: number): void;
}

/** Lengths of the two sides of a projector. */
export function getProjectionShape(geometry: ScanGeometry, grid: VolumeGrid): ProjectionShape {
  const plane = grid.rows * grid.columns;
  const stack = isPlanarGeometry(geometry) ? grid.slices : 1;
  const rangeBlock = countScanSamples(geometry);
  const domainLength = grid.slices * plane;
  const rangeLength = stack * rangeBlock;
  const check = (what: string, got: number, expected: number): void => {
    if (got !== expected) {
      throw new PhysicsError(
        "SHAPE_MISMATCH",
        `${what} has ${got} samples, expected ${expected} (scan: ${stack} × ${countViews(geometry)} views × ${countDetectorRows(geometry)} rows × ${geometry.channels} channels; grid: ${grid.slices} × ${grid.rows} × ${grid.columns})`,
      );
    }
  };
  return {
    domainLength,
    rangeLength,
    stack,
    domainBlock: domainLength / stack,
    rangeBlock,
    checkDomain: (what, length) => check(what, length, domainLength),
    checkRange: (what, length) => check(what, length, rangeLength),
  };
}

/** The operator whose rows are the lists of a tracer. */
export function createCellOperator(
  name: string,
  geometry: ScanGeometry,
  grid: VolumeGrid,
  tracer: CellTracer,
): LinearOperator<Float64Array> {
  const shape = getProjectionShape(geometry, grid);
  const { domainLength, rangeLength, stack, domainBlock, rangeBlock } = shape;
  const views = countViews(geometry);
  const rows = countDetectorRows(geometry);
  const { channels } = geometry;
  const { list } = tracer;
  return {
    name,
    domainLength,
    rangeLength,
    apply(x, out = new Float64Array(rangeLength)) {
      shape.checkDomain("volume", x.length);
      shape.checkRange("output", out.length);
      let cell = 0;
      for (let view = 0; view < views; view++) {
        for (let row = 0; row < rows; row++) {
          for (let channel = 0; channel < channels; channel++, cell++) {
            const count = tracer.trace(view, row, channel);
            const { indices, weights } = list;
            for (let slice = 0; slice < stack; slice++) {
              const base = slice * domainBlock;
              let sum = 0;
              for (let k = 0; k < count; k++) sum += weights[k] * x[base + indices[k]];
              out[slice * rangeBlock + cell] = sum;
            }
          }
        }
      }
      return out;
    },
    applyAdjoint(y, out = new Float64Array(domainLength)) {
      shape.checkRange("sinogram", y.length);
      shape.checkDomain("output", out.length);
      out.fill(0);
      let cell = 0;
      for (let view = 0; view < views; view++) {
        for (let row = 0; row < rows; row++) {
          for (let channel = 0; channel < channels; channel++, cell++) {
            const count = tracer.trace(view, row, channel);
            const { indices, weights } = list;
            for (let slice = 0; slice < stack; slice++) {
              const value = y[slice * rangeBlock + cell];
              if (value === 0) continue;
              const base = slice * domainBlock;
              for (let k = 0; k < count; k++) out[base + indices[k]] += weights[k] * value;
            }
          }
        }
      }
      return out;
    },
  };
}
