/**
 * Cutting a slice into overlapping tiles, and a volume into overlapping blocks of slices, so that a convolutional network
 * run part by part gives the whole result to float rounding. Parts start on multiples of the network's stride and reach
 * beyond what they keep by its receptive radius, beyond the image too: whoever feeds them repeats the border there, so
 * that the network's own zero padding never meets a pixel that is kept.
 */
import { EnhanceError } from "./errors.ts";

/** One tile: what to feed (`read`, beyond the slice too) and which part of the output is valid (`keep`). */
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

/** A run of neighbouring slices, or of rows or columns. */
export interface Span {
  /** First index that is kept. */
  readonly keep: number;
  readonly keepLength: number;
  /** First index that is read: `keep` less the margin, so negative at the border. */
  readonly read: number;
  readonly readLength: number;
}

/** The margin that parts need: the receptive radius, rounded up to the network's stride. */
export function computeMargin(options: Pick<TileOptions, "receptiveRadius" | "multipleOf">): number {
  return Math.ceil(options.receptiveRadius / options.multipleOf) * options.multipleOf;
}

/**
 * Plans parts that keep every index from `start` to `end` once.
 *
 * @param start - a multiple of `multipleOf`
 * @param end - of what is kept; the last part reads on to a multiple of `multipleOf`
 * @throws EnhanceError `OUT_OF_RANGE`
 */
export function planSpans(start: number, end: number, options: TileOptions): readonly Span[] {
  const { multipleOf, tileSize } = options;
  if (start % multipleOf !== 0 || !(tileSize >= 1)) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `cannot cut ${start} to ${end} into parts of ${tileSize}: the start must be a multiple of ${multipleOf} and parts at least 1`,
    );
  }
  const roundUp = (value: number): number => Math.ceil(value / multipleOf) * multipleOf;
  const margin = computeMargin(options);
  const size = roundUp(Math.min(tileSize, end - start));
  const spans: Span[] = [];
  for (let keep = start; keep < end; keep += size) {
    const keepLength = Math.min(end - keep, size);
    spans.push({
      keep,
      keepLength,
      read: keep - margin,
      readLength: roundUp(keepLength) + 2 * margin,
    });
  }
  return spans;
}

/**
 * Plans tiles that cover a slice once with their kept parts. What they read reaches beyond the slice.
 *
 * @throws EnhanceError `OUT_OF_RANGE`
 */
export function planTiles(rows: number, columns: number, options: TileOptions): readonly Tile[] {
  const tiles: Tile[] = [];
  for (const row of planSpans(0, rows, options)) {
    for (const column of planSpans(0, columns, options)) {
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

/** One run of a network along the slice axis. */
export interface SlicePortion {
  /** The slice fed as each plane; beyond the ends the outermost one again. */
  readonly planes: readonly number[];
  /** Output planes that are kept, with the slice that each one is. */
  readonly kept: readonly { readonly plane: number; readonly slice: number }[];
}

/** Options of {@link planSlices}. */
export interface SliceOptions {
  /** Slices whose result is wanted: first, and one past the last. */
  readonly wanted: readonly [start: number, end: number];
  /** 2: one slice at a time with neighbours as channels; 3: blocks. */
  readonly dimensions: 2 | 3;
  /** Of 2D: neighbours on each side. */
  readonly contextSlices: number;
  /** Of 3D: slices that a block keeps, and its overlap. */
  readonly blocks: TileOptions;
}

/**
 * Plans which slices a network sees together.
 *
 * @param slices - of the volume
 * @throws EnhanceError `OUT_OF_RANGE`
 */
export function planSlices(slices: number, options: SliceOptions): readonly SlicePortion[] {
  const [start, end] = options.wanted;
  if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start < end && end <= slices)) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `slices ${start} to ${end} are no run of slices within 0 to ${slices}`,
    );
  }
  const clamp = (slice: number): number => Math.max(0, Math.min(slice, slices - 1));
  const list = (first: number, count: number): number[] =>
    Array.from({ length: count }, (_, k) => clamp(first + k));
  if (options.dimensions === 2) {
    const { contextSlices } = options;
    return Array.from({ length: end - start }, (_, k) => ({
      planes: list(start + k - contextSlices, 2 * contextSlices + 1),
      kept: [{ plane: 0, slice: start + k }],
    }));
  }
  const { multipleOf } = options.blocks;
  const first = Math.floor(start / multipleOf) * multipleOf;
  return planSpans(first, end, options.blocks).map(({ keep, keepLength, read, readLength }) => ({
    planes: list(read, readLength),
    kept: Array.from({ length: keepLength }, (_, k) => ({
      plane: keep - read + k,
      slice: keep + k,
    })).filter(({ slice }) => slice >= start),
  }));
}
