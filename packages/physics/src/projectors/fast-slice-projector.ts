/**
 * Joseph forward projection of one to four slices in the calling thread, for what mixes its own steps in (low-dose
 * insertion): the kernel of fast-projector.ts without threads. Forward only.
 */
import { createWasmKernel, type FanArcGeometry } from "@alara/core";
import { kernelBase64 } from "../../generated/joseph-planar.ts";
import { PhysicsError } from "../errors.ts";
import { createAngleTable, createChannelTable, createGridTable } from "./fast-tables.ts";
import type { PlaneGrid } from "./grids.ts";

/** Projects slices of one grid; owns its WebAssembly memory, which is freed with the object. */
export interface SliceProjector {
  /**
   * @param slices - one to four images `[row][column]`, 1/mm
   * @returns one `[view][channel]` array of line integrals per image
   */
  project(slices: readonly Float32Array[]): Float32Array[];
}

/**
 * Prepares the projector. Agrees with `createJosephProjector` to 2e-5 of the largest line integral (float32 sums).
 *
 * @throws PhysicsError `SHAPE_MISMATCH` from `project` when an image does not fit the grid
 */
export function createFastJosephProjector(geometry: FanArcGeometry, grid: PlaneGrid): SliceProjector {
  const kernel = createWasmKernel(kernelBase64);
  const { rows, columns } = grid;
  const { channels } = geometry;
  const views = geometry.anglesRad.length;
  const plane = rows * columns;
  let top = kernel.heapBase;
  const allocate = (byteLength: number): number => {
    const offset = top;
    top = Math.ceil((top + byteLength) / 64) * 64;
    return offset;
  };
  const channelTable = createChannelTable(geometry).filter((_, i) => i % 4 !== 3);
  const tables = [
    createAngleTable(geometry.anglesRad),
    channelTable,
    Float64Array.from(createGridTable(grid)),
  ];
  const offsets = tables.map((table) => allocate(table.byteLength));
  const workBytes = 8 * (Math.max(rows, columns) + 8);
  const work = allocate(workBytes);
  const image = allocate(16 * (rows + 2) * (columns + 2));
  const planes = allocate(16 * plane);
  const out = allocate(16 * views * channels);
  kernel.reserve(top);
  tables.forEach((table, i) => {
    const bytes = new Float32Array(table.buffer, table.byteOffset, 2 * table.length);
    kernel.viewFloat32(offsets[i], bytes.length).set(bytes);
  });
  return {
    project(slices) {
      const count = slices.length;
      if (count < 1 || count > 4) {
        throw new PhysicsError("SHAPE_MISMATCH", `project takes 1 to 4 slices, got ${count}`);
      }
      slices.forEach((slice, lane) => {
        if (slice.length !== plane) {
          throw new PhysicsError(
            "SHAPE_MISMATCH",
            `slice has ${slice.length} pixels, the grid ${rows} × ${columns}`,
          );
        }
        kernel.viewFloat32(planes + 4 * lane * plane, plane).set(slice);
      });
      const { interleave, project } = kernel.functions;
      interleave(0, planes, count, rows, columns, 0, rows, image);
      project(
        ...[0, image, 0, count, rows, columns, 0, views, channels],
        ...[...offsets, work, workBytes, out, 4 * views * channels],
      );
      return slices.map((_, lane) =>
        kernel.viewFloat32(out + 4 * lane * views * channels, views * channels).slice(),
      );
    },
  };
}
