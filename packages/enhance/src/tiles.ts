/**
 * Cutting a slice into overlapping tiles so that a convolutional network run tile by tile gives the
 * whole-slice result to float rounding. Tiles start on multiples of the network's stride and overlap by its
 * receptive radius; at the image border the network's own zero padding applies, as it does on the whole slice.
 */
import { EnhanceError } from "./errors.ts";

/** One tile: what to feed (`read`) and which part of the output is valid (`keep`), in slice coordinates. */
export interface Tile {
  readonly readRow: number;
  readonly readColumn: number;
  readonly readRows: number;
  readonly readColumns: number;
  readonly keepRow: number;
  readonly keepColumn: number;
  readonly keepRows: number;
  readonly keepColumns: number;
}

/** Options of {@link planTiles}. */
export interface TileOptions {
  /** Side of the kept square, pixels; rounded up to a multiple of `multipleOf`. `Infinity` gives one tile. */
  readonly tileSize: number;
  /** Pixels beyond the kept part that the output depends on. */
  readonly receptiveRadius: number;
  /** The network's input sides must be multiples of this. */
  readonly multipleOf: number;
}

interface Span {
  readonly keep: number;
  readonly keepLength: number;
  readonly read: number;
  readonly readLength: number;
}

function planSpans(length: number, options: TileOptions): Span[] {
  const { multipleOf, receptiveRadius } = options;
  const margin = Math.ceil(receptiveRadius / multipleOf) * multipleOf;
  const size = Math.ceil(Math.min(options.tileSize, length) / multipleOf) * multipleOf;
  const spans: Span[] = [];
  for (let keep = 0; keep < length; keep += size) {
    const end = Math.min(length, keep + size);
    const read = Math.max(0, keep - margin);
    const readEnd = Math.min(length, end + margin);
    spans.push({ keep, keepLength: end - keep, read, readLength: readEnd - read });
  }
  return spans;
}

/**
 * Plans tiles that cover a slice once with their kept parts.
 *
 * @param rows - slice rows, a multiple of `multipleOf`
 * @param columns - slice columns, a multiple of `multipleOf`
 * @throws EnhanceError `OUT_OF_RANGE`
 */
export function planTiles(rows: number, columns: number, options: TileOptions): readonly Tile[] {
  const { multipleOf, tileSize } = options;
  if (rows % multipleOf !== 0 || columns % multipleOf !== 0 || !(tileSize >= 1)) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `cannot tile ${rows} × ${columns} with tiles of ${tileSize}: sides must be multiples of ${multipleOf} and tiles at least 1`,
    );
  }
  const tiles: Tile[] = [];
  for (const row of planSpans(rows, options)) {
    for (const column of planSpans(columns, options)) {
      tiles.push({
        readRow: row.read,
        readRows: row.readLength,
        keepRow: row.keep,
        keepRows: row.keepLength,
        readColumn: column.read,
        readColumns: column.readLength,
        keepColumn: column.keep,
        keepColumns: column.keepLength,
      });
    }
  }
  return tiles;
}
