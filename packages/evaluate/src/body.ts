/**
 * Where the body is on one slice, by threshold and morphology. Not an organ segmentation; a phantom counts as a body.
 */
import { dilate, erode, fillHoles, labelComponents } from "./morphology.ts";

const BODY_THRESHOLD_HU = -500;
const BODY_OPENING_PX = 3;
/** Components of at least this share of the largest are body too: arms, legs side by side. */
const BODY_SHARE = 0.15;

/** Sets the pixels of all components that are not small against the largest; a new mask is returned. */
function keepLargest(mask: Uint8Array, rows: number, columns: number): Uint8Array {
  const { labels, areas } = labelComponents(mask, rows, columns);
  let largest = 0;
  for (const area of areas) largest = Math.max(largest, area);
  const kept = new Uint8Array(mask.length);
  for (let i = 0; i < mask.length; i++) {
    if (labels[i] !== 0 && areas[labels[i]] >= BODY_SHARE * largest) kept[i] = 1;
  }
  return kept;
}

/** Erodes, drops small components, grows back within `mask`: what is thinner than the opening is gone. */
function openMask(mask: Uint8Array, rows: number, columns: number): Uint8Array {
  const kept = keepLargest(erode(mask, rows, columns, BODY_OPENING_PX), rows, columns);
  const grown = dilate(kept, rows, columns, BODY_OPENING_PX);
  for (let i = 0; i < grown.length; i++) grown[i] &= mask[i];
  return grown;
}

/**
 * The body with lungs and gas filled in: the largest opened components above −500 HU.
 *
 * @param smooth - HU of one slice, `[row][column]`, smoothed against noise and clamped
 * @returns one byte per pixel, 0 or 1
 * @remarks A table shell that touches the body on both sides closes the gap between them: see
 * {@link removeTable}.
 */
export function findBodySlice(smooth: Float32Array, rows: number, columns: number): Uint8Array {
  const dense = new Uint8Array(smooth.length);
  for (let i = 0; i < smooth.length; i++) dense[i] = smooth[i] > BODY_THRESHOLD_HU ? 1 : 0;
  return fillHoles(openMask(fillHoles(dense, rows, columns), rows, columns), rows, columns);
}

/** A smaller share of the area is left only when a thin body wall was opened into its lungs. */
const TABLE_KEEPS_SHARE = 0.8;

/**
 * The body without a thin table shell that touches it: opened before holes are filled, so that what is thinner than
 * 7 pixels goes. When that would take more than a fifth of the area, a body wall was opened; the mask is then kept.
 *
 * @param body - of {@link findBodySlice}
 */
export function removeTable(
  body: Uint8Array,
  smooth: Float32Array,
  rows: number,
  columns: number,
): Uint8Array {
  const dense = new Uint8Array(body.length);
  for (let i = 0; i < body.length; i++) {
    dense[i] = body[i] !== 0 && smooth[i] > BODY_THRESHOLD_HU ? 1 : 0;
  }
  const tight = fillHoles(openMask(dense, rows, columns), rows, columns);
  let before = 0;
  let after = 0;
  for (let i = 0; i < body.length; i++) {
    before += body[i];
    after += tight[i];
  }
  return after >= TABLE_KEEPS_SHARE * before ? tight : body;
}
