/**
 * Joseph's projector and its matched adjoint for cone beams in a pool of threads: the layout of memory and the cutting
 * into jobs; the arithmetic is kernels/joseph-cone.as.ts. Memory holds the volume and a piece of the projections.
 * Jobs as in fast-planar.ts: runs of views forward, bands of rows and then of columns for the adjoint.
 */
import type { ConeGeometry, WasmJob, WasmScratch } from "@alara/core";
import { kernelBase64 } from "../../generated/joseph-cone.ts";
import { PhysicsError } from "../errors.ts";
import { createAngleTable, createChannelTable, createGridTable, loadDoubles } from "./fast-tables.ts";
import type { VolumeGrid } from "./grids.ts";

/** Volume rows or columns per adjoint job. */
const BAND = 32;
/** Projections, or slices on their way in and out, that are held at once. */
const LARGEST_PIECE_BYTES = 2 ** 26;

/**
 * Checks that no ray is closer to the z axis than to x and y, which the kernel takes for granted.
 *
 * @throws PhysicsError `UNSUPPORTED_GEOMETRY`
 */
export function checkConeAngle(geometry: ConeGeometry): void {
  const middle = (geometry.rows - 1) / 2 + geometry.rowOffset;
  const height = Math.max(middle, geometry.rows - 1 - middle) * geometry.rowPitchMm;
  // A direction in the plane has a part of at least √½ along x or y.
  if (height > Math.SQRT1_2 * geometry.sourceToDetectorMm) {
    throw new PhysicsError(
      "UNSUPPORTED_GEOMETRY",
      `the detector reaches ${height.toFixed(0)} mm above or below the source at ${geometry.sourceToDetectorMm} mm distance; the fast projector takes cones up to 35°, use createJosephProjector`,
    );
  }
}

/** √(1 + tan²) of the angle between each ray and the plane of the source, `[channel][rowsPadded]`. */
function createInclinations(
  geometry: ConeGeometry,
  channelTable: Float64Array,
  rowsPadded: number,
): Float32Array {
  const table = new Float32Array(geometry.channels * rowsPadded);
  const middle = (geometry.rows - 1) / 2 + geometry.rowOffset;
  for (let c = 0; c < geometry.channels; c++) {
    for (let r = 0; r < rowsPadded; r++) {
      const tangent = ((r - middle) * geometry.rowPitchMm) / channelTable[4 * c + 3];
      table[c * rowsPadded + r] = Math.sqrt(1 + tangent * tangent);
    }
  }
  return table;
}

interface Layout {
  readonly volume: number;
  readonly volumeLength: number;
  readonly pieceViews: number;
  readonly piece: number;
  readonly pieceSlices: number;
  readonly planes: number;
  readonly angles: number;
  /** What both kernel functions take between the angles and the projections. */
  readonly tables: readonly number[];
}

function layOut(scratch: WasmScratch, geometry: ConeGeometry, grid: VolumeGrid): Layout {
  const rowsPadded = Math.ceil(geometry.rows / 4) * 4;
  const slicesPadded = Math.ceil(grid.slices / 4) * 4;
  const channelTable = createChannelTable(geometry);
  const inclinations = createInclinations(geometry, channelTable, rowsPadded);
  const listBytes = 4 * (Math.max(grid.rows, grid.columns) + 8);
  const workBytes = 2 * listBytes + 16 * (slicesPadded + 8) + 4 * rowsPadded;
  const inclinationOffset = scratch.allocate(4 * inclinations.length);
  scratch.viewFloat32(inclinationOffset, inclinations.length).set(inclinations);
  const angles = loadDoubles(scratch, createAngleTable(geometry.anglesRad));
  const tables = [
    loadDoubles(scratch, channelTable),
    loadDoubles(scratch, createGridTable(grid)),
    loadDoubles(scratch, [
      grid.firstSliceMm,
      grid.sliceSpacingMm,
      geometry.rowPitchMm,
      (geometry.rows - 1) / 2 + geometry.rowOffset,
    ]),
    inclinationOffset,
    scratch.allocate(workBytes * scratch.threads),
    workBytes,
    listBytes,
  ];
  const volumeLength = (grid.rows + 2) * (grid.columns + 2) * slicesPadded;
  const viewBytes = 4 * geometry.rows * geometry.channels;
  const planeBytes = 4 * grid.rows * grid.columns;
  const fit = (count: number, bytes: number): number =>
    Math.max(1, Math.min(count, Math.floor(LARGEST_PIECE_BYTES / bytes)));
  const pieceViews = fit(geometry.anglesRad.length, viewBytes);
  const pieceSlices = fit(grid.slices, planeBytes);
  const volume = scratch.allocate(4 * volumeLength);
  scratch.viewFloat32(volume, volumeLength).fill(0);
  return {
    volume,
    volumeLength,
    pieceViews,
    piece: scratch.allocate(pieceViews * viewBytes),
    pieceSlices,
    planes: scratch.allocate(pieceSlices * planeBytes),
    angles,
    tables,
  };
}

/** Calls `copy` for each run of slices that is brought into or out of the kernel's order at once. */
async function copySlices(
  scratch: WasmScratch,
  name: "interleave" | "separate",
  layout: Layout,
  grid: VolumeGrid,
  signal: AbortSignal | undefined,
  data: Float32Array,
): Promise<void> {
  const { volume, planes, pieceSlices } = layout;
  const plane = grid.rows * grid.columns;
  for (let start = 0; start < grid.slices; start += pieceSlices) {
    const end = Math.min(grid.slices, start + pieceSlices);
    const part = scratch.viewFloat32(planes, (end - start) * plane);
    if (name === "interleave") part.set(data.subarray(start * plane, end * plane));
    const jobs: WasmJob[] = [];
    for (let row = 0; row < grid.rows; row += 8) {
      const size = [grid.slices, grid.rows, grid.columns, start, end, row, Math.min(grid.rows, row + 8)];
      jobs.push({
        name,
        values: name === "interleave" ? [planes, ...size, volume] : [volume, ...size, planes],
      });
    }
    await scratch.run(kernelBase64, jobs, { signal });
    if (name === "separate") data.set(part, start * plane);
  }
}

/** y = Ax: `x` is `[slice][row][column]`, `out` `[view][row][channel]`. */
export async function projectCone(
  scratch: WasmScratch,
  geometry: ConeGeometry,
  grid: VolumeGrid,
  x: Float32Array,
  out: Float32Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const layout = layOut(scratch, geometry, grid);
  const { volume, pieceViews, piece, angles, tables } = layout;
  const views = geometry.anglesRad.length;
  const perView = geometry.rows * geometry.channels;
  await copySlices(scratch, "interleave", layout, grid, signal, x);
  for (let first = 0; first < views; first += pieceViews) {
    const count = Math.min(pieceViews, views - first);
    const jobs: WasmJob[] = [];
    for (let view = 0; view < count; view++) {
      jobs.push({
        name: "project",
        values: [
          ...[volume, grid.slices, grid.rows, grid.columns, geometry.rows, geometry.channels],
          ...[view, view + 1, angles + 16 * first, ...tables, piece],
        ],
      });
    }
    await scratch.run(kernelBase64, jobs, { signal });
    out.set(scratch.viewFloat32(piece, count * perView), first * perView);
  }
}

/** x = Aᵀy: `y` is `[view][row][channel]`, `out` `[slice][row][column]`. */
export async function backprojectCone(
  scratch: WasmScratch,
  geometry: ConeGeometry,
  grid: VolumeGrid,
  y: Float32Array,
  out: Float32Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const layout = layOut(scratch, geometry, grid);
  const { volume, pieceViews, piece, angles, tables } = layout;
  const views = geometry.anglesRad.length;
  const perView = geometry.rows * geometry.channels;
  for (let first = 0; first < views; first += pieceViews) {
    const count = Math.min(pieceViews, views - first);
    scratch.viewFloat32(piece, count * perView).set(y.subarray(first * perView, (first + count) * perView));
    for (const isColumnBand of [0, 1]) {
      const steps = isColumnBand ? grid.columns : grid.rows;
      const jobs: WasmJob[] = [];
      for (let band = 0; band < steps; band += BAND) {
        jobs.push({
          name: "backproject",
          values: [
            ...[volume, grid.slices, grid.rows, grid.columns, geometry.rows, geometry.channels],
            ...[count, angles + 16 * first, ...tables, piece],
            ...[isColumnBand, band, Math.min(steps, band + BAND)],
          ],
        });
      }
      await scratch.run(kernelBase64, jobs, { signal });
    }
  }
  await copySlices(scratch, "separate", layout, grid, signal, out);
}
