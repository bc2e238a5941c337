/** Which columns of each row the back-projection kernels compute. */
import type { WasmScratch } from "@alara/core";
import type { PlaneGrid } from "@alara/physics";

/** Columns `[first, end)` of each row that are computed, `[row][2]`. */
export type RowSpans = Int32Array;

/** Copies spans into fresh memory; without any, those of whole rows. */
export function loadSpans(
  scratch: WasmScratch,
  grid: Pick<PlaneGrid, "rows" | "columns">,
  spans: RowSpans | undefined,
): number {
  const offset = scratch.allocate(8 * grid.rows);
  scratch
    .viewInt32(offset, 2 * grid.rows)
    .set(spans ?? Int32Array.from({ length: 2 * grid.rows }, (_, i) => (i % 2 === 0 ? 0 : grid.columns)));
  return offset;
}
