/**
 * The Joseph projector on a GPU as an operator whose results come later: parallel, fan and cone scans. Cuts volumes
 * into slabs and scans into parts of views that fit the device's buffers and keep each dispatch short. The float64
 * definition is `createJosephProjector` of physics.
 */
import {
  type AsyncLinearOperator,
  type ConeGeometry,
  countDetectorRows,
  countScanSamples,
  isPlanarGeometry,
  type PlanarGeometry,
  type ScanGeometry,
} from "@alara/core";
import { checkProjection, type VolumeGrid } from "@alara/physics";
import { ReconError } from "../errors.ts";
import { createGpuCompute, type GpuCompute, type GpuOptions } from "./gpu-compute.ts";
import type { GpuBuffer, GpuDevice, GpuPipeline } from "./gpu-device.ts";
import { coneSource, planarSource, SLICES_PER_THREAD } from "./projector-shader.ts";
import { createRayTable, createTurnTable, RAY_LENGTH } from "./ray-tables.ts";

/** A projector that owns memory of a GPU. */
export interface GpuProjector extends AsyncLinearOperator<Float32Array> {
  apply(x: Float32Array, out?: Float32Array): Promise<Float32Array>;
  applyAdjoint(y: Float32Array, out?: Float32Array): Promise<Float32Array>;
  /** Frees the GPU's memory; later calls throw. The device stays. */
  dispose(): void;
}

/** Voxels and rays that meet in one dispatch at most: well below the seconds that watchdogs allow. */
const UPDATES_PER_DISPATCH = 2 ** 28;

/** Steepest ray against the plane of the source for which x or y is surely the dominant axis. */
const LARGEST_TILT = Math.SQRT1_2;

function checkGeometry(geometry: ScanGeometry, grid: VolumeGrid): PlanarGeometry | ConeGeometry {
  if (geometry.kind === "posed") {
    throw new ReconError(
      "UNSUPPORTED_GEOMETRY",
      'the GPU projector has no "posed" scans; use createJosephProjector of @alara/physics',
    );
  }
  checkProjection(geometry, grid);
  if (!isPlanarGeometry(geometry)) {
    const middle = (geometry.rows - 1) / 2;
    const height = (middle + Math.abs(geometry.rowOffset)) * geometry.rowPitchMm;
    if (height > LARGEST_TILT * geometry.sourceToDetectorMm) {
      throw new ReconError(
        "UNSUPPORTED_GEOMETRY",
        `rays climb ${(height / geometry.sourceToDetectorMm).toFixed(2)} mm per mm, the GPU projector takes at most ${LARGEST_TILT.toFixed(2)}; use createJosephProjector of @alara/physics`,
      );
    }
  }
  return geometry;
}

/** What the shaders divide by: rad (arc), mm (parallel), or the tangent of one channel (flat). */
function getShaderPitch(geometry: PlanarGeometry | ConeGeometry): number {
  if (geometry.kind === "parallel") return geometry.channelPitchMm;
  return geometry.kind === "fan-arc" || geometry.kind === "cone-curved"
    ? geometry.channelPitchRad
    : geometry.channelPitchMm / geometry.sourceToDetectorMm;
}

/** Constants of the shaders. */
function createConstants(geometry: PlanarGeometry | ConeGeometry, grid: VolumeGrid): Record<string, number> {
  const isArc = geometry.kind === "fan-arc" || geometry.kind === "cone-curved";
  const constants = {
    columns: grid.columns,
    rows: grid.rows,
    channels: geometry.channels,
    firstColumn: grid.firstColumnMm,
    firstRow: grid.firstRowMm,
    columnSpacing: grid.columnSpacingMm,
    rowSpacing: grid.rowSpacingMm,
    kind: geometry.kind === "parallel" ? 0 : isArc ? 1 : 2,
    middle: (geometry.channels - 1) / 2 + geometry.channelOffset,
    pitch: getShaderPitch(geometry),
    sourceToIso: geometry.kind === "parallel" ? 0 : geometry.sourceToIsoMm,
  };
  if (isPlanarGeometry(geometry)) return constants;
  return {
    ...constants,
    detectorRows: geometry.rows,
    middleRow: (geometry.rows - 1) / 2 + geometry.rowOffset,
    rowPitch: geometry.rowPitchMm,
    firstSlice: grid.firstSliceMm / grid.sliceSpacingMm,
  };
}

/** How a scan is cut to fit. */
interface Cuts {
  readonly slabSlices: number;
  readonly partViews: number;
}

function chooseCuts(
  geometry: PlanarGeometry | ConeGeometry,
  grid: VolumeGrid,
  views: number,
  limitBytes: number,
): Cuts {
  const planeBytes = 4 * grid.rows * grid.columns;
  const lineBytes = 4 * countDetectorRows(geometry) * geometry.channels;
  const tableBytes = 4 * RAY_LENGTH * geometry.channels;
  const isPlanar = isPlanarGeometry(geometry);
  // Planar parts hold the lines of all slices of their slab.
  const perSlice = isPlanar ? Math.max(planeBytes, lineBytes) : planeBytes;
  const slabSlices = Math.min(grid.slices, Math.floor(limitBytes / perSlice));
  const perView = Math.max(isPlanar ? slabSlices * lineBytes : lineBytes, tableBytes);
  const fitting = Math.floor(limitBytes / perView);
  if (slabSlices < 1 || fitting < 1) {
    throw new ReconError(
      "TOO_LITTLE_MEMORY",
      `one slice takes ${planeBytes} bytes and one view ${Math.max(lineBytes, tableBytes)}, buffers of the GPU hold ${limitBytes}; use a CPU projector`,
    );
  }
  const lines = (isPlanar ? slabSlices : countDetectorRows(geometry)) * geometry.channels;
  const rayUpdates = lines * Math.max(grid.rows, grid.columns);
  const voxelUpdates = 4 * slabSlices * grid.rows * grid.columns;
  const brief = Math.max(1, Math.floor(UPDATES_PER_DISPATCH / Math.max(rayUpdates, voxelUpdates)));
  // A dispatch has at most 65535 workgroups along an axis.
  return { slabSlices: Math.min(slabSlices, 65535), partViews: Math.min(views, fitting, brief, 65535) };
}

/** Views of one part and their tables on the GPU. */
interface Part {
  readonly first: number;
  readonly views: number;
  readonly rays: GpuBuffer;
  readonly turns: GpuBuffer;
}

/** What lies on the GPU. */
interface Resources {
  readonly forward: GpuPipeline;
  readonly adjoint: GpuPipeline;
  readonly slab: GpuBuffer;
  readonly lines: GpuBuffer;
  readonly parts: readonly Part[];
}

async function prepareResources(
  compute: GpuCompute,
  geometry: PlanarGeometry | ConeGeometry,
  grid: VolumeGrid,
  cuts: Cuts,
): Promise<Resources> {
  const isPlanar = isPlanarGeometry(geometry);
  const views = geometry.anglesRad.length;
  const code = isPlanar ? planarSource : coneSource;
  const constants = createConstants(geometry, grid);
  const [forward, adjoint] = await Promise.all([
    compute.prepareKernel({ code, entryPoint: "forward", constants }),
    compute.prepareKernel({ code, entryPoint: "adjoint", constants }),
  ]);
  const parts: Part[] = [];
  for (let first = 0; first < views; first += cuts.partViews) {
    const count = Math.min(cuts.partViews, views - first);
    const rays = compute.createStorage(count * geometry.channels * RAY_LENGTH);
    compute.write(rays, createRayTable(geometry, grid, first, count));
    const turns = compute.createStorage(2 * count);
    compute.write(turns, createTurnTable(geometry.anglesRad, first, count));
    parts.push({ first, views: count, rays, turns });
  }
  const stack = isPlanar ? cuts.slabSlices : countDetectorRows(geometry);
  return {
    forward,
    adjoint,
    slab: compute.createStorage(cuts.slabSlices * grid.rows * grid.columns),
    lines: compute.createStorage(cuts.partViews * stack * geometry.channels),
    parts,
  };
}

/**
 * Makes the Joseph projector on a GPU.
 *
 * @param geometry - parallel, fan-arc, fan-flat, cone-flat or cone-curved
 * @param grid - rows grow along +y, columns along +x, slices along +z
 * @returns operator from 1/mm to line integrals, float32; layouts as `createJosephProjector` of physics. Calls on one
 *   device run one after another
 * @throws ReconError `UNSUPPORTED_GEOMETRY` for poses and for cones that climb more than 0.7 mm per mm,
 *   `TOO_LITTLE_MEMORY` when one slice or one view does not fit a buffer; PhysicsError for bad geometries and grids. From
 *   its methods: ReconError `SHAPE_MISMATCH`, `NO_GPU` (device lost, disposed of), `GPU_FAILED`
 * @remarks Sums in float32: errors grow with the size of the image. Tested in every geometry against the float64
 * definition and by ⟨Ax, y⟩ = ⟨x, Aᵀy⟩, both ≤ 1e-5, whole and cut into slabs and parts.
 */
export function createGpuProjector(
  device: GpuDevice,
  geometry: ScanGeometry,
  grid: VolumeGrid,
  options: GpuOptions = {},
): GpuProjector {
  const scan = checkGeometry(geometry, grid);
  const compute = createGpuCompute(device, options);
  const isPlanar = isPlanarGeometry(scan);
  const views = scan.anglesRad.length;
  const { channels } = scan;
  const detectorRows = countDetectorRows(scan);
  const plane = grid.rows * grid.columns;
  const perSlice = countScanSamples(scan);
  const domainLength = grid.slices * plane;
  const rangeLength = (isPlanar ? grid.slices : 1) * perSlice;
  const cuts = chooseCuts(scan, grid, views, compute.bufferLimitBytes);
  let prepared: Promise<Resources> | undefined;
  const prepare = (): Promise<Resources> => {
    prepared ??= prepareResources(compute, scan, grid, cuts);
    return prepared;
  };
  const checkLength = (what: string, got: number, expected: number): void => {
    if (got !== expected) {
      throw new ReconError(
        "SHAPE_MISMATCH",
        `${what} has ${got} samples, expected ${expected} (scan: ${views} views × ${detectorRows} rows × ${channels} channels; grid: ${grid.slices} × ${grid.rows} × ${grid.columns})`,
      );
    }
  };

  /** Copies the lines of a part between an array of the whole scan and one of the part. */
  const moveLines = (
    part: Part,
    firstSlice: number,
    slices: number,
    move: (atScan: number, atPart: number, length: number) => void,
  ): void => {
    const length = part.views * detectorRows * channels;
    if (!isPlanar) {
      move(part.first * detectorRows * channels, 0, length);
      return;
    }
    for (let s = 0; s < slices; s++) {
      move((firstSlice + s) * perSlice + part.first * channels, s * length, length);
    }
  };

  const project = async (x: Float32Array, out: Float32Array): Promise<void> => {
    const { forward, slab, lines, parts } = await prepare();
    out.fill(0);
    for (let first = 0; first < grid.slices; first += cuts.slabSlices) {
      const slices = Math.min(cuts.slabSlices, grid.slices - first);
      compute.write(slab, x.subarray(first * plane, (first + slices) * plane));
      for (const part of parts) {
        const stack = isPlanar ? slices : detectorRows;
        const across = Math.ceil(channels / 64);
        compute.dispatch(
          forward,
          [part.views, slices, first, 0],
          [part.rays, slab, lines],
          isPlanar
            ? [across, part.views, Math.ceil(slices / SLICES_PER_THREAD)]
            : [across, stack, part.views],
        );
        const result = await compute.read(lines, part.views * stack * channels);
        moveLines(part, first, slices, (atScan, atPart, length) => {
          for (let i = 0; i < length; i++) out[atScan + i] += result[atPart + i];
        });
      }
    }
  };

  const gather = async (y: Float32Array, out: Float32Array): Promise<void> => {
    const { adjoint, slab, lines, parts } = await prepare();
    for (let first = 0; first < grid.slices; first += cuts.slabSlices) {
      const slices = Math.min(cuts.slabSlices, grid.slices - first);
      compute.clear(slab);
      for (const part of parts) {
        const stack = isPlanar ? slices : detectorRows;
        const samples = new Float32Array(part.views * stack * channels);
        moveLines(part, first, slices, (atScan, atPart, length) => {
          samples.set(y.subarray(atScan, atScan + length), atPart);
        });
        await compute.settle();
        compute.write(lines, samples);
        compute.dispatch(
          adjoint,
          [part.views, slices, first, 0],
          [part.rays, lines, slab, part.turns],
          [Math.ceil(grid.columns / 8), Math.ceil(grid.rows / 8), Math.ceil(slices / SLICES_PER_THREAD)],
        );
      }
      out.set(await compute.read(slab, slices * plane), first * plane);
    }
  };

  return {
    name: "joseph-gpu",
    domainLength,
    rangeLength,
    async apply(x, out = new Float32Array(rangeLength)) {
      checkLength("volume", x.length, domainLength);
      checkLength("output", out.length, rangeLength);
      await compute.run(() => project(x, out));
      return out;
    },
    async applyAdjoint(y, out = new Float32Array(domainLength)) {
      checkLength("sinogram", y.length, rangeLength);
      checkLength("output", out.length, domainLength);
      await compute.run(() => gather(y, out));
      return out;
    },
    dispose: () => compute.dispose(),
  };
}
