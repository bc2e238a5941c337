/**
 * Coarse perceptual hashes: the same content under another name, after rounding, a small HU shift, another noise or a
 * crop of slices, is found again. Per slice: area means on a 32 × 32 grid, cosine transform (type II), signs of the
 * 8 × 8 lowest coefficients against their median (Zauner 2010, "pHash"), 63 bits. A near hash is a suspicion, not proof:
 * proof is the noise, which two scans never share.
 */
import { getSliceData, type Volume } from "@alara/core";

/** What is kept of a series to know it again. */
export interface Fingerprint {
  /** One hash per looked-at slice, 16 hex digits; "" for slices without structure. */
  readonly hashes: readonly string[];
  /** Slices per hash: position of each in the series, 0..1. */
  readonly size: readonly [number, number, number];
  /** Fine detail (each sample less its neighbours' mean) of the middle slice's centre, `[row][column]`, HU. */
  readonly detail: Float32Array;
  readonly detailSide: number;
}

const GRID = 32;
const KEPT = 8;
const LOOKED_AT = 5;
const DETAIL_SIDE = 64;

/** cos(π (2n + 1) k / 2N) for k < 8, N = 32. */
const COSINES: Float64Array = Float64Array.from({ length: KEPT * GRID }, (_, i) =>
  Math.cos((Math.PI * (2 * (i % GRID) + 1) * Math.floor(i / GRID)) / (2 * GRID)),
);

/** Means over a 32 × 32 grid of equal areas, HU clipped to −1000..400. */
function shrink(data: Float32Array, rows: number, columns: number): Float64Array {
  const sums = new Float64Array(GRID * GRID);
  const counts = new Float64Array(GRID * GRID);
  for (let r = 0; r < rows; r++) {
    const line = Math.floor((r * GRID) / rows) * GRID;
    for (let c = 0; c < columns; c++) {
      const cell = line + Math.floor((c * GRID) / columns);
      const hu = data[r * columns + c];
      sums[cell] += Number.isFinite(hu) ? Math.min(400, Math.max(-1000, hu)) : -1000;
      counts[cell]++;
    }
  }
  for (let i = 0; i < sums.length; i++) sums[i] /= Math.max(1, counts[i]);
  return sums;
}

/**
 * Perceptual hash of a slice, 16 hex digits (63 bits); "" when the slice has no structure.
 *
 * @param data - HU, `[row][column]`
 * Tested: unchanged by rounding, ±5 HU, noise of 30 HU and doubling of the matrix (≤ 4 bits), far from other anatomy.
 */
export function hashSliceContent(data: Float32Array, rows: number, columns: number): string {
  const small = shrink(data, rows, columns);
  const coefficients: number[] = [];
  for (let v = 0; v < KEPT; v++) {
    for (let u = 0; u < KEPT; u++) {
      if (u === 0 && v === 0) continue;
      let sum = 0;
      for (let r = 0; r < GRID; r++) {
        for (let c = 0; c < GRID; c++)
          sum += small[r * GRID + c] * COSINES[v * GRID + r] * COSINES[u * GRID + c];
      }
      coefficients.push(sum);
    }
  }
  if (Math.max(...coefficients.map(Math.abs)) < GRID * GRID) return "";
  const sorted = [...coefficients].sort((a, b) => a - b);
  const middle = sorted[sorted.length >> 1];
  let hex = "";
  for (let digit = 0; digit < 16; digit++) {
    let value = 0;
    for (let bit = 0; bit < 4; bit++) {
      const k = 4 * digit + bit;
      if (k < coefficients.length && coefficients[k] > middle) value |= 1 << bit;
    }
    hex += value.toString(16);
  }
  return hex;
}

/** Bits in which two hashes differ, 0..63. */
export function countHashDifferences(a: string, b: string): number {
  let bits = 0;
  for (let i = 0; i < 16; i++) {
    let x = Number.parseInt(a[i], 16) ^ Number.parseInt(b[i], 16);
    for (; x !== 0; x &= x - 1) bits++;
  }
  return bits;
}

/** Fine detail of the middle of a slice. */
function cutDetail(
  data: Float32Array,
  rows: number,
  columns: number,
): { detail: Float32Array; side: number } {
  const side = Math.min(DETAIL_SIDE, rows - 2, columns - 2);
  if (side < 8) return { detail: new Float32Array(0), side: 0 };
  const top = (rows - side) >> 1;
  const left = (columns - side) >> 1;
  const detail = new Float32Array(side * side);
  for (let r = 0; r < side; r++) {
    for (let c = 0; c < side; c++) {
      const k = (top + r) * columns + left + c;
      const around = (data[k - 1] + data[k + 1] + data[k - columns] + data[k + columns]) / 4;
      const value = data[k] - around;
      detail[r * side + c] = Number.isFinite(value) ? Math.min(200, Math.max(-200, value)) : 0;
    }
  }
  return { detail, side };
}

/** Takes a series' fingerprint: hashes of five slices spread over it and the detail of the middle one. */
export function takeFingerprint(volume: Volume<"HU">): Fingerprint {
  const { size } = volume.geometry;
  const [slices, rows, columns] = size;
  const count = Math.min(LOOKED_AT, slices);
  const hashes = Array.from({ length: count }, (_, k) =>
    hashSliceContent(getSliceData(volume, Math.floor(((k + 0.5) * slices) / count)), rows, columns),
  );
  const { detail, side } = cutDetail(getSliceData(volume, slices >> 1), rows, columns);
  return { hashes, size, detail, detailSide: side };
}

/** Three times the median size of the detail. */
function findFlatLimit(detail: Float32Array): number {
  const sizes = detail.map(Math.abs).sort();
  return detail.length === 0 ? 0 : 3 * sizes[sizes.length >> 1];
}

/** How alike two series are. */
export interface Likeness {
  /** Mean number of bits, 0..63, in which the hashes differ; 63 when nothing can be compared. */
  readonly bits: number;
  /** Correlation of the fine detail, −1..1: near 1 for copies, near 0 for other scans of the same thing. */
  readonly detail: number;
}

/** Compares two fingerprints slice by slice (the middle ones when the numbers of looked-at slices differ). */
export function compareFingerprints(a: Fingerprint, b: Fingerprint): Likeness {
  const pairs =
    a.hashes.length === b.hashes.length
      ? a.hashes.map((hash, k) => [hash, b.hashes[k]])
      : [[a.hashes[a.hashes.length >> 1], b.hashes[b.hashes.length >> 1]]];
  const usable = pairs.filter(([x, y]) => x !== "" && y !== "");
  const bits =
    usable.length === 0
      ? 63
      : usable.reduce((sum, [x, y]) => sum + countHashDifferences(x, y), 0) / usable.length;
  let [ab, aa, bb] = [0, 0, 0];
  if (a.detailSide === b.detailSide) {
    // Edges are the same in every scan of the same thing; noise lies in what is flat in both.
    const [limitA, limitB] = [a.detail, b.detail].map(findFlatLimit);
    for (let i = 0; i < a.detail.length; i++) {
      if (Math.abs(a.detail[i]) > limitA || Math.abs(b.detail[i]) > limitB) continue;
      ab += a.detail[i] * b.detail[i];
      aa += a.detail[i] ** 2;
      bb += b.detail[i] ** 2;
    }
  }
  return { bits, detail: aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0 };
}
