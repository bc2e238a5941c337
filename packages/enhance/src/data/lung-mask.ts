/**
 * Lung segmentation by threshold and connected components, for the two networks of N3 (lung, everything else). Air-like
 * voxels inside the body; large 3D components; trachea and gut gas dropped by their HU and thin walls; vessels within the
 * lung closed. After the scheme of Hu, Hoffman & Reinhardt 2001 (doi 10.1109/42.929615) without its optimal threshold
 * and left–right separation. Not a clinical segmentation: consolidated lung is missed.
 */
import { getSliceData, type Volume } from "@alara/core";
import { classifyTissues } from "@alara/evaluate";
import { EnhanceError } from "../errors.ts";

/** Options of {@link segmentLungs}. */
export interface LungOptions {
  /** Voxels of the smoothed image below this may be lung, HU; default −400. */
  readonly upperHu?: number;
  /** σ of the Gaussian before the threshold, pixels; default 1. Pass 0 for noise-free images. */
  readonly smoothingPx?: number;
  /** Components below this volume are dropped, mm³ (slices × spacing); for a single slice mm² × spacing; default 2000. */
  readonly leastVolumeMm3?: number;
  /** Voxels of the smoothed image below this are gas (trachea, bronchi, gut), HU; default −960. */
  readonly gasHu?: number;
  /** Gaps within the lung up to twice this are closed (vessels, nodules), mm; default 5. */
  readonly closingMm?: number;
}

/** 6-connected components of a 3D mask: labels from 1, voxels of each. */
function labelVoxels(
  mask: Uint8Array,
  size: readonly [number, number, number],
): { labels: Int32Array; counts: number[] } {
  const [slices, rows, columns] = size;
  const plane = rows * columns;
  const labels = new Int32Array(mask.length);
  const counts = [0];
  let stack = new Int32Array(1024);
  for (let start = 0; start < mask.length; start++) {
    if (mask[start] === 0 || labels[start] !== 0) continue;
    const label = counts.length;
    let top = 0;
    let count = 0;
    const push = (i: number): void => {
      if (mask[i] === 0 || labels[i] !== 0) return;
      labels[i] = label;
      if (top === stack.length) {
        const larger = new Int32Array(2 * stack.length);
        larger.set(stack);
        stack = larger;
      }
      stack[top++] = i;
    };
    push(start);
    while (top > 0) {
      const i = stack[--top];
      count++;
      const c = i % columns;
      const r = Math.floor(i / columns) % rows;
      const s = Math.floor(i / plane);
      if (c > 0) push(i - 1);
      if (c < columns - 1) push(i + 1);
      if (r > 0) push(i - columns);
      if (r < rows - 1) push(i + columns);
      if (s > 0) push(i - plane);
      if (s < slices - 1) push(i + plane);
    }
    counts.push(count);
  }
  return { labels, counts };
}

/** Distance in samples to the nearest set pixel along one axis, then combined: a disc dilation by a radius in mm. */
function growDisc(
  mask: Uint8Array,
  rows: number,
  columns: number,
  radiusRows: number,
  radiusColumns: number,
): Uint8Array {
  const far = rows + columns;
  const across = new Float64Array(mask.length).fill(far);
  for (let r = 0; r < rows; r++) {
    let last = -far;
    for (let c = 0; c < columns; c++) {
      if (mask[r * columns + c] !== 0) last = c;
      across[r * columns + c] = c - last;
    }
    last = 2 * far;
    for (let c = columns - 1; c >= 0; c--) {
      if (mask[r * columns + c] !== 0) last = c;
      across[r * columns + c] = Math.min(across[r * columns + c], last - c);
    }
  }
  const out = new Uint8Array(mask.length);
  const reach = Math.floor(radiusRows);
  for (let r = 0; r < rows; r++) {
    for (let dr = -reach; dr <= reach; dr++) {
      const y = r + dr;
      if (y < 0 || y >= rows) continue;
      const width = radiusColumns * Math.sqrt(Math.max(0, 1 - (dr / Math.max(radiusRows, 1e-9)) ** 2));
      for (let c = 0; c < columns; c++) if (across[y * columns + c] <= width) out[r * columns + c] = 1;
    }
  }
  return out;
}

/** Closing of one slice by a disc: grow, then shrink (grow of the complement). */
function closeSlice(
  mask: Uint8Array,
  rows: number,
  columns: number,
  radiusRows: number,
  radiusColumns: number,
): Uint8Array {
  const grown = growDisc(mask, rows, columns, radiusRows, radiusColumns);
  const outside = growDisc(
    grown.map((v) => 1 - v),
    rows,
    columns,
    radiusRows,
    radiusColumns,
  );
  return mask.map((v, i) => (v !== 0 || outside[i] === 0 ? 1 : 0));
}

const CORE_SHARE = 0.25;
const CORE_PX = 2;

/** Whether the four voxels two pixels away in the slice belong to the same component. */
function isCore(labels: Int32Array, i: number, rows: number, columns: number): boolean {
  const label = labels[i];
  const c = i % columns;
  const r = Math.floor(i / columns) % rows;
  if (label === 0 || c < CORE_PX || c >= columns - CORE_PX || r < CORE_PX || r >= rows - CORE_PX)
    return false;
  return (
    labels[i - CORE_PX] === label &&
    labels[i + CORE_PX] === label &&
    labels[i - CORE_PX * columns] === label &&
    labels[i + CORE_PX * columns] === label
  );
}

/**
 * Segments the lungs.
 *
 * @returns one byte per voxel, `[slice][row][column]`, 1 in the lungs with their vessels; all 0 where there are none
 * @throws EnhanceError `OUT_OF_RANGE`
 * @remarks Body and smoothing are those of `classifyTissues`. Tested on constructed chests and on the anatomical thorax
 *   phantom (overlap with its lung regions), trachea and gut gas excluded, noise.
 */
export function segmentLungs(volume: Volume<"HU">, options: LungOptions = {}): Uint8Array {
  const { upperHu = -400, smoothingPx = 1, leastVolumeMm3 = 2000, gasHu = -960, closingMm = 5 } = options;
  if (!(leastVolumeMm3 >= 0) || !(closingMm >= 0) || !(upperHu > gasHu) || !(smoothingPx >= 0)) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `lungs: upperHu ${upperHu} must exceed gasHu ${gasHu}, and smoothing ${smoothingPx}, least volume ${leastVolumeMm3}, closing ${closingMm} must be ≥ 0`,
    );
  }
  const { size, spacingMm } = volume.geometry;
  const [slices, rows, columns] = size;
  const tissues = classifyTissues(volume, {
    classes: [{ name: "lung", place: "body", lowHu: gasHu, highHu: upperHu, limitHu: null }],
    smoothingPx,
    erosionPx: 0,
  });
  const { labels, counts } = labelVoxels(tissues.labels, size);
  // Walls of gas are as dark as lung but thin: a component needs voxels two pixels away from its rim.
  const cores = new Float64Array(counts.length);
  for (let i = 0; i < labels.length; i++) if (isCore(labels, i, rows, columns)) cores[labels[i]]++;
  const leastVoxels = leastVolumeMm3 / (spacingMm[0] * spacingMm[1] * spacingMm[2]);
  const isLung = counts.map((count, k) => k > 0 && count >= leastVoxels && cores[k] >= CORE_SHARE * count);
  const mask = new Uint8Array(labels.length);
  for (let i = 0; i < labels.length; i++) mask[i] = isLung[labels[i]] ? 1 : 0;
  if (closingMm === 0) return mask;
  const plane = rows * columns;
  for (let s = 0; s < slices; s++) {
    const slice = mask.subarray(s * plane, (s + 1) * plane);
    if (!slice.includes(1)) continue;
    const closed = closeSlice(slice, rows, columns, closingMm / spacingMm[1], closingMm / spacingMm[2]);
    const body = tissues.body.mask.subarray(s * plane, (s + 1) * plane);
    const hu = getSliceData(volume, s);
    // Gas that lies against the lung must not come back by the closing.
    for (let i = 0; i < plane; i++) {
      slice[i] = closed[i] !== 0 && body[i] !== 0 && (slice[i] !== 0 || hu[i] > upperHu) ? 1 : 0;
    }
  }
  return mask;
}

/** The body without lungs: where the second network of N3 is trained. Air outside belongs to it as well. */
export function invertMask(mask: Uint8Array): Uint8Array {
  return mask.map((value) => (value === 0 ? 1 : 0));
}
