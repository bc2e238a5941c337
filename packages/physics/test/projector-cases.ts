/** Small scans of every kind and grids to project them from: the table that projector tests run over. */
import { createRandom, POSE_LENGTH, type PosedGeometry, type ScanGeometry } from "@alara/core";
import type { VolumeGrid } from "../src/index.ts";

const turn = (views: number, start = 0.1): Float64Array =>
  Float64Array.from({ length: views }, (_, v) => start + (2 * Math.PI * v) / views);

/** Flat detectors on a tilted helix: every view has another source height, and rows lean. */
export function createTiltedHelix(views: number, rows: number, channels: number): PosedGeometry {
  const poses = new Float64Array(views * POSE_LENGTH);
  for (let v = 0; v < views; v++) {
    const beta = 0.2 + (2 * Math.PI * v) / views;
    const c = Math.cos(beta);
    const s = Math.sin(beta);
    const z = -6 + (12 * v) / views;
    const lean = 0.3 * Math.sin(3 * beta);
    poses.set(
      [
        ...[200 * c, 200 * s, z],
        ...[-150 * c, -150 * s, z + 10 * lean],
        ...[-9 * s, 9 * c, 0.5],
        ...[2 * lean * c, 2 * lean * s, 8],
      ],
      v * POSE_LENGTH,
    );
  }
  return { kind: "posed", channels, rows, poses };
}

/** One scan of every kind, seeing about ±60 mm around the axis. */
export const scanCases: readonly (readonly [string, ScanGeometry])[] = [
  [
    "parallel",
    {
      kind: "parallel",
      channels: 23,
      channelPitchMm: 6,
      channelOffset: 0.25,
      anglesRad: Float64Array.from({ length: 9 }, (_, v) => (Math.PI * v) / 8),
    },
  ],
  [
    "fan-arc",
    {
      kind: "fan-arc",
      sourceToIsoMm: 200,
      sourceToDetectorMm: 350,
      channels: 21,
      channelOffset: 0.25,
      channelPitchRad: 0.03,
      anglesRad: turn(9),
    },
  ],
  [
    "fan-flat",
    {
      kind: "fan-flat",
      sourceToIsoMm: 200,
      sourceToDetectorMm: 350,
      channels: 24,
      channelOffset: -3,
      channelPitchMm: 10,
      anglesRad: turn(10, 0),
    },
  ],
  [
    "cone-flat",
    {
      kind: "cone-flat",
      sourceToIsoMm: 200,
      sourceToDetectorMm: 350,
      channels: 19,
      channelOffset: 0.5,
      channelPitchMm: 11,
      rows: 7,
      rowPitchMm: 9,
      rowOffset: 0.4,
      anglesRad: turn(7),
    },
  ],
  [
    "cone-curved",
    {
      kind: "cone-curved",
      sourceToIsoMm: 200,
      sourceToDetectorMm: 350,
      channels: 20,
      channelOffset: 1.25,
      channelPitchRad: 0.031,
      rows: 6,
      rowPitchMm: 10,
      rowOffset: 0,
      anglesRad: turn(8, 0),
    },
  ],
  ["posed", createTiltedHelix(7, 6, 20)],
];

/** Grids: even and odd, uneven spacing, off the axis, one voxel. */
export const gridCases: readonly (readonly [string, VolumeGrid])[] = [
  [
    "even spacing",
    {
      slices: 4,
      rows: 17,
      columns: 16,
      sliceSpacingMm: 5,
      rowSpacingMm: 5,
      columnSpacingMm: 5,
      firstSliceMm: -7.5,
      firstRowMm: -40,
      firstColumnMm: -37.5,
    },
  ],
  [
    "uneven spacing, off the axis",
    {
      slices: 3,
      rows: 11,
      columns: 23,
      sliceSpacingMm: 7,
      rowSpacingMm: 8,
      columnSpacingMm: 3,
      firstSliceMm: -3,
      firstRowMm: -60,
      firstColumnMm: -11,
    },
  ],
  [
    "one voxel",
    {
      slices: 1,
      rows: 1,
      columns: 1,
      sliceSpacingMm: 20,
      rowSpacingMm: 30,
      columnSpacingMm: 25,
      firstSliceMm: 1,
      firstRowMm: 4,
      firstColumnMm: -3,
    },
  ],
];

/** Seeded normal numbers. */
export function drawNormals(length: number, seed: number): Float64Array {
  const random = createRandom(seed);
  return Float64Array.from({ length }, () => random.nextNormal());
}

/** ⟨a, b⟩. */
export function computeDot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** ‖a‖. */
export function computeLength(a: ArrayLike<number>): number {
  return Math.sqrt(computeDot(a, a));
}
