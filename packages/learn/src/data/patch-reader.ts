/**
 * Reads a patch out of a stack of slices at any in-plane affine placement: quarter turns and flips are plain copies,
 * everything else is interpolated, bilinearly or by Keys' cubic convolution with a = −½ (Keys 1981,
 * doi 10.1109/TASSP.1981.1163711, eq. 15), edges replicated. One function serves inputs, targets, noise fields, masks
 * and finer grids, so that all of them stay together. Not anti-aliased: meant for scales near 1.
 */

/** Samples as they are kept in memory. */
export type Samples = Float32Array | Int16Array | Uint8Array;

/** A stack of slices, `[slice][row][column]`. */
export interface Stack {
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
  readonly data: Samples;
}

/** How values between samples are found. */
export type Interpolation = "linear" | "cubic";

/**
 * Where a patch lies, in samples of the input grid: sample (i, j) of an R × C patch is read at
 * centre + M · (i − (R−1)/2, j − (C−1)/2).
 */
export interface PatchPlace {
  /** Middle slice for 2D, first slice for 3D. */
  readonly slice: number;
  /** 3D only: 1 or −1 (flipped along the slices). */
  readonly sliceStep: 1 | -1;
  readonly centreRow: number;
  readonly centreColumn: number;
  /** M row by row: `[row by i, row by j, column by i, column by j]`. */
  readonly matrix: readonly [number, number, number, number];
}

/** How a field is read at a place. */
export interface ReadOptions {
  readonly patch: readonly number[];
  /** How much finer the stack's grid is than the input grid. */
  readonly scale: number;
  /** Neighbouring slices on each side that become channels; 2D only. */
  readonly contextSlices: number;
  readonly interpolation: Interpolation;
  /** Every value is multiplied by this; default 1. */
  readonly gain?: number;
  /** `"add"` adds to what `out` holds; default `"set"`. */
  readonly mode?: "set" | "add";
}

const KEYS_A = -0.5;

interface Plane {
  readonly data: Samples;
  readonly start: number;
  readonly rows: number;
  readonly columns: number;
}

function clampIndex(i: number, count: number): number {
  return i < 0 ? 0 : i >= count ? count - 1 : i;
}

function sampleLinear({ data, start, rows, columns }: Plane, y: number, x: number): number {
  const r = Math.floor(y);
  const c = Math.floor(x);
  const v = y - r;
  const u = x - c;
  const top = start + clampIndex(r, rows) * columns;
  const bottom = start + clampIndex(r + 1, rows) * columns;
  const left = clampIndex(c, columns);
  const right = clampIndex(c + 1, columns);
  return (
    (1 - v) * ((1 - u) * data[top + left] + u * data[top + right]) +
    v * ((1 - u) * data[bottom + left] + u * data[bottom + right])
  );
}

function sampleCubic({ data, start, rows, columns }: Plane, y: number, x: number): number {
  const r = Math.floor(y);
  const c = Math.floor(x);
  // Weights of the four samples around each fraction, in scalars: this is the innermost loop of augmentation.
  const t = x - c;
  const u = 1 - t;
  const w0 = KEYS_A * t * u * u;
  const w1 = ((KEYS_A + 2) * t - (KEYS_A + 3)) * t * t + 1;
  const w2 = ((KEYS_A + 2) * u - (KEYS_A + 3)) * u * u + 1;
  const w3 = KEYS_A * u * t * t;
  const c0 = clampIndex(c - 1, columns);
  const c1 = clampIndex(c, columns);
  const c2 = clampIndex(c + 1, columns);
  const c3 = clampIndex(c + 2, columns);
  const v = y - r;
  const q = 1 - v;
  let sum = 0;
  for (let i = 0; i < 4; i++) {
    const line = start + clampIndex(r + i - 1, rows) * columns;
    const weight =
      i === 0
        ? KEYS_A * v * q * q
        : i === 1
          ? ((KEYS_A + 2) * v - (KEYS_A + 3)) * v * v + 1
          : i === 2
            ? ((KEYS_A + 2) * q - (KEYS_A + 3)) * q * q + 1
            : KEYS_A * q * v * v;
    sum +=
      weight * (w0 * data[line + c0] + w1 * data[line + c1] + w2 * data[line + c2] + w3 * data[line + c3]);
  }
  return sum;
}

/** Reads one plane of a patch. */
function readPlane(
  plane: Plane,
  place: {
    readonly row: number;
    readonly column: number;
    readonly matrix: readonly [number, number, number, number];
  },
  size: { readonly rows: number; readonly columns: number },
  options: ReadOptions,
  out: Float32Array,
  offset: number,
): void {
  const { matrix } = place;
  const { gain = 1, mode = "set", interpolation } = options;
  const { data, start, rows, columns } = plane;
  // Position of the patch's first sample.
  const middleRow = (size.rows - 1) / 2;
  const middleColumn = (size.columns - 1) / 2;
  const firstRow = place.row - matrix[0] * middleRow - matrix[1] * middleColumn;
  const firstColumn = place.column - matrix[2] * middleRow - matrix[3] * middleColumn;
  const lastRow = place.row + matrix[0] * middleRow + matrix[1] * middleColumn;
  const lastColumn = place.column + matrix[2] * middleRow + matrix[3] * middleColumn;
  const isGridAligned =
    Number.isInteger(firstRow) && Number.isInteger(firstColumn) && matrix.every(Number.isInteger);
  const isInside =
    Math.min(firstRow, lastRow) >= 0 &&
    Math.max(firstRow, lastRow) < rows &&
    Math.min(firstColumn, lastColumn) >= 0 &&
    Math.max(firstColumn, lastColumn) < columns;
  let o = offset;
  if (isGridAligned && isInside) {
    const stepI = matrix[0] * columns + matrix[2];
    const stepJ = matrix[1] * columns + matrix[3];
    for (let i = 0; i < size.rows; i++) {
      let p = start + firstRow * columns + firstColumn + i * stepI;
      for (let j = 0; j < size.columns; j++) {
        const value = gain * data[p];
        out[o] = mode === "add" ? out[o] + value : value;
        o++;
        p += stepJ;
      }
    }
    return;
  }
  const sample = interpolation === "cubic" ? sampleCubic : sampleLinear;
  for (let i = 0; i < size.rows; i++) {
    for (let j = 0; j < size.columns; j++) {
      const y = firstRow + matrix[0] * i + matrix[1] * j;
      const x = firstColumn + matrix[2] * i + matrix[3] * j;
      const value = gain * sample(plane, y, x);
      out[o] = mode === "add" ? out[o] + value : value;
      o++;
    }
  }
}

/**
 * Reads a patch: 2D, 2D with neighbouring slices as channels, or 3D.
 *
 * @param stack - on a grid `options.scale` times as fine as that of `place`; pixel areas coincide, so centre p of the
 *   input grid lies at (p + ½)·scale − ½ of the finer one
 * @param out - receives channels (2D) or slices (3D), then rows, then columns, from `offset` on
 * @remarks Slices beyond the ends repeat the last one. Tested: every quarter turn against the interpolating path,
 *   polynomials that the kernels reproduce exactly, doubled grids.
 */
export function readPatch(
  stack: Stack,
  place: PatchPlace,
  options: ReadOptions,
  out: Float32Array,
  offset: number,
): void {
  const { patch, scale, contextSlices } = options;
  const isVolume = patch.length === 3;
  const size = { rows: patch[patch.length - 2] * scale, columns: patch[patch.length - 1] * scale };
  const planes = isVolume ? patch[0] * scale : 2 * contextSlices + 1;
  const at = {
    row: (place.centreRow + 0.5) * scale - 0.5,
    column: (place.centreColumn + 0.5) * scale - 0.5,
    matrix: place.matrix,
  };
  const area = stack.rows * stack.columns;
  for (let k = 0; k < planes; k++) {
    const along = place.sliceStep === 1 ? k : planes - 1 - k;
    const slice = isVolume ? place.slice * scale + along : place.slice + k - contextSlices;
    const plane: Plane = {
      data: stack.data,
      start: clampIndex(slice, stack.slices) * area,
      rows: stack.rows,
      columns: stack.columns,
    };
    readPlane(plane, at, size, options, out, offset + k * size.rows * size.columns);
  }
}
