/**
 * The size of what was scanned, slice by slice, as AAPM Report 220 defines it: the diameter of the water cylinder
 * that attenuates as much as the slice. One slice at a time, so memory does not grow with the series.
 */
import { findBodySlice, removeTable } from "./body.ts";
import { EvaluateError } from "./errors.ts";
import { dilate } from "./morphology.ts";
import { smoothGaussian } from "./smooth.ts";

/** The grid of one slice. */
export interface SliceGrid {
  readonly rows: number;
  readonly columns: number;
  /** Distance of neighbouring rows and columns, mm. */
  readonly rowSpacingMm: number;
  readonly columnSpacingMm: number;
}

/** Size of the body on one slice. */
export interface PatientSize {
  /** Dw = 2·√(Aw/π), mm. */
  readonly waterEquivalentDiameterMm: number;
  /** Aw = (mean HU/1000 + 1)·A of the measured region, mm². */
  readonly waterEquivalentAreaMm2: number;
  /** The measured region: the body's contour grown by two pixels, so that no blurred edge is lost. Air weighs 0. */
  readonly regionAreaMm2: number;
  readonly regionMeanHu: number;
  /** Diameter of the circle with the area of the body alone, mm (AAPM Report 204, without attenuation). */
  readonly effectiveDiameterMm: number;
  /** Share 0..1 of the body's contour that lies on the border of the field of view; Dw is too small when not 0. */
  readonly truncatedShare: number;
}

/** Options of {@link measurePatientSize}. */
export interface PatientSizeOptions {
  /** Pixels below are padding and count as air; default −1500 HU. */
  readonly paddingBelowHu?: number;
  /** One byte per pixel, not 0 where there is no image: also counts as air. */
  readonly paddingMask?: Uint8Array | undefined;
}

const SMOOTHING_PX = 1.5;
const EDGE_PX = 2;
const AIR_HU = -1000;

/**
 * Measures water-equivalent and effective diameter of one slice.
 *
 * @param slice - HU, `[row][column]`
 * @returns `undefined` when there is no body on the slice
 * @throws EvaluateError `SHAPE_MISMATCH`, `NOT_FINITE`
 * @remarks AAPM Report 220 (2014), eq. 3c: Aw = Σ(HU/1000 + 1)·pixel area = (mean HU/1000 + 1)·A, Dw = 2·√(Aw/π).
 * The region is found as `findBodySlice` does, without a thin table shell where it can be told from the body; a
 * thick table that touches the body is part of it. Tested on cylinders and ellipses of water with and without
 * table, cavities, noise and truncation, whose diameters are known.
 */
export function measurePatientSize(
  slice: Float32Array,
  grid: SliceGrid,
  options: PatientSizeOptions = {},
): PatientSize | undefined {
  const { rows, columns, rowSpacingMm, columnSpacingMm } = grid;
  if (slice.length !== rows * columns) {
    throw new EvaluateError(
      "SHAPE_MISMATCH",
      `the slice has ${slice.length} values but its grid ${columns} × ${rows} = ${rows * columns}; pass the grid of the slice`,
    );
  }
  const paddingBelowHu = options.paddingBelowHu ?? -1500;
  const { paddingMask } = options;
  const hu = new Float32Array(slice.length);
  const clamped = new Float32Array(slice.length);
  const isPadding = new Uint8Array(slice.length);
  for (let i = 0; i < slice.length; i++) {
    if (!Number.isFinite(slice[i])) {
      throw new EvaluateError("NOT_FINITE", `pixel ${i} is ${slice[i]}; Hounsfield units must be finite`);
    }
    if (slice[i] < paddingBelowHu || (paddingMask !== undefined && paddingMask[i] !== 0)) isPadding[i] = 1;
    hu[i] = isPadding[i] === 1 ? AIR_HU : slice[i];
    clamped[i] = Math.min(Math.max(hu[i], -1024), 3071);
  }
  const smooth = smoothGaussian(clamped, rows, columns, SMOOTHING_PX);
  const body = removeTable(findBodySlice(smooth, rows, columns), smooth, rows, columns);
  const region = dilate(body, rows, columns, EDGE_PX);
  let bodyPixels = 0;
  let regionPixels = 0;
  let sumHu = 0;
  for (let i = 0; i < body.length; i++) {
    bodyPixels += body[i];
    if (region[i] === 0) continue;
    regionPixels++;
    sumHu += hu[i];
  }
  if (bodyPixels === 0) return undefined;
  const pixelMm2 = rowSpacingMm * columnSpacingMm;
  const regionAreaMm2 = regionPixels * pixelMm2;
  const regionMeanHu = sumHu / regionPixels;
  const waterEquivalentAreaMm2 = Math.max(0, (regionMeanHu / 1000 + 1) * regionAreaMm2);
  return {
    waterEquivalentDiameterMm: 2 * Math.sqrt(waterEquivalentAreaMm2 / Math.PI),
    waterEquivalentAreaMm2,
    regionAreaMm2,
    regionMeanHu,
    effectiveDiameterMm: 2 * Math.sqrt((bodyPixels * pixelMm2) / Math.PI),
    truncatedShare: measureTruncation(body, isPadding, slice, rows, columns),
  };
}

/** Whether everything outside the inscribed circle has one value: the circle is then the field of view. */
function hasCircularView(slice: Float32Array, rows: number, columns: number): boolean {
  const reach = (Math.min(rows, columns) / 2 + 1) ** 2;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const isOutside = (r - (rows - 1) / 2) ** 2 + (c - (columns - 1) / 2) ** 2 > reach;
      if (isOutside && slice[r * columns + c] !== slice[0]) return false;
    }
  }
  return true;
}

/** Smoothing and a ragged circle move the contour by up to this from the border of the view. */
const BORDER_PX = 3;

/** Share of the body's contour pixels near the image's edge, its padding, or the rim of a circular view. */
function measureTruncation(
  body: Uint8Array,
  isPadding: Uint8Array,
  slice: Float32Array,
  rows: number,
  columns: number,
): number {
  const nearPadding = dilate(isPadding, rows, columns, BORDER_PX);
  const isCircle = hasCircularView(slice, rows, columns);
  const rim = (Math.min(rows, columns) / 2 - BORDER_PX) ** 2;
  let contour = 0;
  let cut = 0;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const i = r * columns + c;
      if (body[i] === 0) continue;
      const isEdge = r === 0 || c === 0 || r === rows - 1 || c === columns - 1;
      if (
        !isEdge &&
        body[i - 1] !== 0 &&
        body[i + 1] !== 0 &&
        body[i - columns] !== 0 &&
        body[i + columns] !== 0
      ) {
        continue;
      }
      contour++;
      const isOnRim = isCircle && (r - (rows - 1) / 2) ** 2 + (c - (columns - 1) / 2) ** 2 > rim;
      if (isEdge || isOnRim || nearPadding[i] !== 0) cut++;
    }
  }
  return contour === 0 ? 0 : cut / contour;
}
