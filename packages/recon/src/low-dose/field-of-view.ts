/**
 * What of a CT image was reconstructed, and what the body may look like just outside: padding and the circular
 * field of view are found from the pixels; a body cut off by the field of view is continued for projection.
 */
import type { PlaneGrid } from "@alara/physics";

/** Column spans `[first, end)` per row and the exact padding value, if any. */
export interface FieldOfView {
  readonly spans: Int32Array;
  /** Pixels of exactly this value are padding, or null. */
  readonly paddingHu: number | null;
}

/** Values at or below this are never air, HU. */
const HIGHEST_PADDING_HU = -1200;
/** Values are held within these, HU: air's noise must not be cut off at −1000, or every path would grow by it. */
const LOWEST_HU = -1500;
const HIGHEST_HU = 20_000;
/** How far a truncated body is continued beyond the field of view, mm. */
const CONTINUATION_MM = 40;

/**
 * Finds the field of view of one slice: the inscribed circle when every pixel clearly outside it has one value.
 *
 * @param slice - HU, `[row][column]`
 */
export function findFieldOfView(slice: Float32Array, rows: number, columns: number): FieldOfView {
  let lowest = Number.POSITIVE_INFINITY;
  for (const value of slice) if (value < lowest) lowest = value;
  const spans = new Int32Array(rows * 2);
  const radius = Math.min(rows, columns) / 2 + 1;
  let isCircle = rows >= 16 && columns >= 16;
  const corner = slice[0];
  for (let r = 0; r < rows; r++) {
    const y = r - (rows - 1) / 2;
    const half = y * y < radius * radius ? Math.sqrt(radius * radius - y * y) : 0;
    const first = Math.max(0, Math.ceil((columns - 1) / 2 - half));
    const end = Math.min(columns, Math.floor((columns - 1) / 2 + half) + 1);
    spans[2 * r] = Math.min(first, end);
    spans[2 * r + 1] = end;
    for (let c = 0; isCircle && c < columns; c++) {
      if ((c < first || c >= end) && slice[r * columns + c] !== corner) isCircle = false;
    }
  }
  if (!isCircle) {
    for (let r = 0; r < rows; r++) {
      spans[2 * r] = 0;
      spans[2 * r + 1] = columns;
    }
  }
  return { spans, paddingHu: lowest <= HIGHEST_PADDING_HU ? lowest : null };
}

/** The coarse image that is projected: block means with a margin of continued body. */
export interface CoarseImage {
  readonly grid: PlaneGrid;
  /** 1/mm, `[row][column]`; negative where noise of air is. */
  readonly data: Float32Array;
}

/** Size of {@link createCoarseImage}'s result for a grid. */
export function createCoarseGrid(grid: PlaneGrid, factor: number): PlaneGrid {
  const margin = Math.ceil(CONTINUATION_MM / (factor * Math.min(grid.rowSpacingMm, grid.columnSpacingMm)));
  return {
    rows: Math.ceil(grid.rows / factor) + 2 * margin,
    columns: Math.ceil(grid.columns / factor) + 2 * margin,
    rowSpacingMm: grid.rowSpacingMm * factor,
    columnSpacingMm: grid.columnSpacingMm * factor,
    firstRowMm: grid.firstRowMm + ((factor - 1) / 2 - margin * factor) * grid.rowSpacingMm,
    firstColumnMm: grid.firstColumnMm + ((factor - 1) / 2 - margin * factor) * grid.columnSpacingMm,
  };
}

/**
 * Block means of a slice in attenuation, padding as air; where tissue meets the field of view's border it is
 * continued radially for 40 mm (at most as dense as 100 HU).
 *
 * @param slice - HU
 * @param muWaterPerMm - attenuation of water
 */
export function createCoarseImage(
  slice: Float32Array,
  grid: PlaneGrid,
  view: FieldOfView,
  factor: number,
  muWaterPerMm: number,
): CoarseImage {
  const coarse = createCoarseGrid(grid, factor);
  const marginRows = (coarse.rows - Math.ceil(grid.rows / factor)) / 2;
  const marginColumns = (coarse.columns - Math.ceil(grid.columns / factor)) / 2;
  const hu = new Float32Array(coarse.rows * coarse.columns).fill(Number.NaN);
  for (let r = 0; r < coarse.rows - 2 * marginRows; r++) {
    for (let c = 0; c < coarse.columns - 2 * marginColumns; c++) {
      let sum = 0;
      let count = 0;
      for (let i = r * factor; i < Math.min(grid.rows, (r + 1) * factor); i++) {
        for (let k = c * factor; k < Math.min(grid.columns, (c + 1) * factor); k++) {
          const value = slice[i * grid.columns + k];
          if (value === view.paddingHu || k < view.spans[2 * i] || k >= view.spans[2 * i + 1]) continue;
          sum += Math.max(LOWEST_HU, Math.min(HIGHEST_HU, value));
          count++;
        }
      }
      if (count > 0) hu[(r + marginRows) * coarse.columns + c + marginColumns] = sum / count;
    }
  }
  const midRow = (coarse.rows - 1) / 2;
  const midColumn = (coarse.columns - 1) / 2;
  // Padding inside the field of view (a masked background) is air; only its outer border is continued.
  const inscribed = Math.min(coarse.rows - 2 * marginRows, coarse.columns - 2 * marginColumns) / 2;
  const isBorder = (row: number, column: number): boolean =>
    Math.abs(Math.hypot(row - midRow, column - midColumn) - inscribed) < 2.5 ||
    Math.min(row - marginRows, coarse.rows - 1 - marginRows - row) < 2 ||
    Math.min(column - marginColumns, coarse.columns - 1 - marginColumns - column) < 2;
  const reach = CONTINUATION_MM / coarse.columnSpacingMm;
  const data = new Float32Array(hu.length);
  for (let r = 0; r < coarse.rows; r++) {
    for (let c = 0; c < coarse.columns; c++) {
      let value = hu[r * coarse.columns + c];
      if (Number.isNaN(value)) {
        value = -1000;
        const distance = Math.hypot(r - midRow, c - midColumn);
        for (let step = 1; step <= Math.min(reach, distance); step++) {
          const shrink = 1 - step / distance;
          const row = Math.round(midRow + (r - midRow) * shrink);
          const column = Math.round(midColumn + (c - midColumn) * shrink);
          const inner = hu[row * coarse.columns + column];
          if (Number.isNaN(inner)) continue;
          if (inner > -500 && isBorder(row, column)) value = Math.min(100, inner);
          break;
        }
      }
      data[r * coarse.columns + c] = muWaterPerMm * (1 + value / 1000);
    }
  }
  return { grid: coarse, data };
}
