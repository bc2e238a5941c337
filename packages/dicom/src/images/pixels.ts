/**
 * From stored bytes to Hounsfield units (or another modality's values) and back: Image Pixel, Modality LUT and padding
 * attributes (PS3.3 C.7.6.3, C.11.1, C.7.5.1.1.2), value = slope · stored + intercept. Decoding then encoding
 * unchanged values gives the same stored values bit for bit.
 */

import { readFrameBytes } from "../codecs/encapsulation.ts";
import { type FrameFormat, readFrameFormat } from "../codecs/frame-format.ts";
import type { DicomDataset, DicomFile } from "../dataset/dataset.ts";
import { TAG } from "../dataset/tags.ts";
import { readNumber, readText } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";
import { readFrameDataset } from "./functional-groups.ts";
import { applyModalityLut, type ModalityLut, readModalityLut } from "./modality-lut.ts";

/** HU = slope · stored + intercept. */
export interface Rescale {
  readonly slope: number;
  readonly intercept: number;
}

/** Stored values minimum..maximum, both included, that mean "no data here". */
export interface PaddingRange {
  readonly minimum: number;
  readonly maximum: number;
}

/** How one grayscale image of any modality maps stored values to its own. */
export interface GrayscaleFormat extends FrameFormat {
  /** `"HU"` where the values are Hounsfield units, else `"arbitrary"`. */
  readonly unit: "HU" | "arbitrary";
  /** What the header calls the values: Rescale Type, or Units in PET; `undefined` when it does not say. */
  readonly valueType: string | undefined;
  /** 1 · stored + 0 where the header states none, and where there is a `lut`. */
  readonly rescale: Rescale;
  /** A table in place of the rescale. */
  readonly lut: ModalityLut | undefined;
  readonly padding: PaddingRange | undefined;
}

/** How one CT image maps stored values to HU. */
export interface HuFormat extends GrayscaleFormat {
  readonly unit: "HU";
}

/** Words as stored, before the stored bits are cut out. */
type Words = Uint8Array | Uint16Array | Uint32Array;

/** One decoded frame. */
export interface GrayscaleFrame<F extends GrayscaleFormat = GrayscaleFormat> {
  readonly format: F;
  /** `[row][column]`; padding pixels too are mapped unless a value for them was given. */
  readonly values: Float32Array;
  /** 1 where the pixel is padding; `undefined` when the image declares no padding value. */
  readonly paddingMask: Uint8Array | undefined;
}

/** One decoded CT slice. */
export interface HuSlice {
  readonly format: HuFormat;
  /** HU, `[row][column]`; padding pixels too are rescaled unless `paddingHu` was given. */
  readonly hu: Float32Array;
  /** 1 where the pixel is padding; `undefined` when the image declares no padding value. */
  readonly paddingMask: Uint8Array | undefined;
}

/**
 * Reads how a monochrome image maps to its modality's values. CT counts as HU unless it says otherwise; CT without
 * any mapping is refused, other modalities then hold stored values.
 *
 * @param dataset - of a classic image or of one frame
 * @throws DicomError `UNSUPPORTED_PHOTOMETRIC`, `MISSING_ATTRIBUTE` (CT without rescale), `INVALID_VALUE`
 */
export function readGrayscaleFormat(dataset: DicomDataset): GrayscaleFormat {
  const format = readFrameFormat(dataset);
  if (format.samplesPerPixel !== 1 || !/^MONOCHROME[12]$/.test(format.photometricInterpretation)) {
    throw new DicomError(
      "UNSUPPORTED_PHOTOMETRIC",
      `the image has ${format.samplesPerPixel} samples per pixel and is not MONOCHROME: it holds no Hounsfield units or other measured values`,
    );
  }
  const isCt = (readText(dataset, TAG.Modality) ?? "CT") === "CT";
  const lut = readModalityLut(dataset, format);
  const type = lut === undefined ? readText(dataset, TAG.RescaleType) : lut.type;
  const unit = (type ?? (isCt ? "HU" : undefined)) === "HU" ? "HU" : "arbitrary";
  const padding = readPadding(dataset, format);
  const valueType = type ?? readText(dataset, TAG.Units) ?? (unit === "HU" ? "HU" : undefined);
  const common = { ...format, unit, valueType, padding } as const;
  if (lut !== undefined) return { ...common, lut, rescale: { slope: 1, intercept: 0 } };
  const slope = readNumber(dataset, TAG.RescaleSlope);
  const intercept = readNumber(dataset, TAG.RescaleIntercept);
  if (slope === undefined || intercept === undefined) {
    if (isCt) {
      throw new DicomError(
        "MISSING_ATTRIBUTE",
        "Rescale Slope or Intercept is missing, so stored values cannot become Hounsfield units",
      );
    }
    return { ...common, lut, rescale: { slope: slope ?? 1, intercept: intercept ?? 0 } };
  }
  if (slope === 0) throw new DicomError("INVALID_VALUE", "Rescale Slope is 0");
  return { ...common, lut, rescale: { slope, intercept } };
}

/**
 * Reads how a monochrome CT image maps to HU.
 *
 * @throws DicomError `NOT_HU` and as {@link readGrayscaleFormat}
 */
export function readHuFormat(dataset: DicomDataset): HuFormat {
  return requireHu(readGrayscaleFormat(dataset));
}

function requireHu(format: GrayscaleFormat): HuFormat {
  if (format.unit !== "HU") {
    throw new DicomError(
      "NOT_HU",
      "the modality or the Rescale Type is not that of Hounsfield units; only CT in HU can go here",
    );
  }
  return { ...format, unit: format.unit };
}

/** Padding attributes are US or SS by Pixel Representation, whatever VR the file claims. */
function readPadding(dataset: DicomDataset, format: FrameFormat): PaddingRange | undefined {
  const value = readStoredAttribute(dataset, TAG.PixelPaddingValue, format);
  if (value === undefined) return undefined;
  const limit = readStoredAttribute(dataset, TAG.PixelPaddingRangeLimit, format) ?? value;
  return { minimum: Math.min(value, limit), maximum: Math.max(value, limit) };
}

function readStoredAttribute(dataset: DicomDataset, tag: number, format: FrameFormat): number | undefined {
  const element = dataset.elements.get(tag);
  if (element === undefined || element.bytes.length < 2) return undefined;
  const word = element.bytes[0] | (element.bytes[1] << 8);
  return format.signed ? (word << 16) >> 16 : word;
}

/** The frame's words; copied only when their place in the buffer is not aligned. */
function viewWords(bytes: Uint8Array, bitsAllocated: number): Words {
  if (bitsAllocated === 8) return bytes;
  const size = bitsAllocated / 8;
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const length = bytes.length / size;
  return size === 2
    ? new Uint16Array(aligned.buffer, aligned.byteOffset, length)
    : new Uint32Array(aligned.buffer, aligned.byteOffset, length);
}

/** Shifts that cut the stored bits out of a word and extend their sign. */
function getShifts(format: FrameFormat): { readonly left: number; readonly right: number } {
  return { left: 31 - format.highBit, right: 32 - format.bitsStored };
}

/**
 * Stored values of one frame: bits High Bit … High Bit − Bits Stored + 1, sign extended when signed.
 *
 * @returns `[row][column]`, integers (exact in float64)
 */
export function extractStoredValues(bytes: Uint8Array, format: FrameFormat): Float64Array {
  const words = viewWords(bytes, format.bitsAllocated);
  const { left, right } = getShifts(format);
  const out = new Float64Array(words.length);
  if (format.signed) for (let i = 0; i < out.length; i++) out[i] = (words[i] << left) >> right;
  else for (let i = 0; i < out.length; i++) out[i] = (words[i] << left) >>> right;
  return out;
}

/** Options of {@link decodeHu}. */
export interface DecodeHuOptions {
  /** From 0; default 0. */
  readonly frame?: number;
  /** HU to put where the image is padding; default: what the rescale gives. */
  readonly paddingHu?: number;
}

/**
 * Decodes one frame to Hounsfield units.
 *
 * @throws DicomError as {@link readHuFormat}, {@link readFrameDataset} and {@link readFrameBytes}
 * @remarks PS3.3 C.11.1.1.2. Tested against pydicom on signed, unsigned, 8/16/32-bit and shifted High Bit images.
 */
export async function decodeHu(file: DicomFile, options: DecodeHuOptions = {}): Promise<HuSlice> {
  const frame = options.frame ?? 0;
  const format = readHuFormat(readFrameDataset(file.dataset, frame));
  const { values, paddingMask } = mapFrame(
    await readFrameBytes(file, format, frame),
    format,
    options.paddingHu,
  );
  return { format, hu: values, paddingMask };
}

/**
 * Decodes one frame of any modality's grayscale image to its own values.
 *
 * @param options.frame - from 0; default 0
 * @param options.paddingValue - put where the image is padding; default: what the mapping gives
 * @throws DicomError as {@link readGrayscaleFormat}, {@link readFrameDataset} and {@link readFrameBytes}
 */
export async function decodeGrayscale(
  file: DicomFile,
  options: { readonly frame?: number; readonly paddingValue?: number } = {},
): Promise<GrayscaleFrame> {
  const frame = options.frame ?? 0;
  const format = readGrayscaleFormat(readFrameDataset(file.dataset, frame));
  return mapFrame(await readFrameBytes(file, format, frame), format, options.paddingValue);
}

function mapFrame<F extends GrayscaleFormat>(
  bytes: Uint8Array,
  format: F,
  paddingValue: number | undefined,
): GrayscaleFrame<F> {
  const words = viewWords(bytes, format.bitsAllocated);
  const { left, right } = getShifts(format);
  const { slope, intercept } = format.rescale;
  const values = new Float32Array(words.length);
  if (format.signed) {
    for (let i = 0; i < values.length; i++) values[i] = ((words[i] << left) >> right) * slope + intercept;
  } else {
    for (let i = 0; i < values.length; i++) values[i] = ((words[i] << left) >>> right) * slope + intercept;
  }
  const { padding } = format;
  const paddingMask = padding === undefined ? undefined : new Uint8Array(words.length);
  if (padding !== undefined && paddingMask !== undefined) {
    for (let i = 0; i < values.length; i++) {
      const shifted = words[i] << left;
      const stored = format.signed ? shifted >> right : shifted >>> right;
      if (stored >= padding.minimum && stored <= padding.maximum) paddingMask[i] = 1;
    }
  }
  if (format.lut !== undefined) applyModalityLut(values, format.lut);
  if (paddingMask !== undefined && paddingValue !== undefined) {
    for (let i = 0; i < values.length; i++) if (paddingMask[i] === 1) values[i] = paddingValue;
  }
  return { format, values, paddingMask };
}

/** Encoded frame with what the header must say about it. */
export interface EncodedFrame {
  /** Native little-endian bytes. */
  readonly bytes: Uint8Array;
  /** Stored values; padding is counted only where there is nothing else. */
  readonly smallest: number;
  readonly largest: number;
  /** Pixels whose value did not fit Bits Stored. */
  readonly clampedPixels: number;
}

/** Rounds to the nearest integer, ties to even, so that rounding shifts no mean. */
export function roundHalfEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * Writes HU over a frame: rounds to the nearest stored value, clamps to Bits Stored, copies padding pixels and makes
 * no new ones. A pixel whose HU is what the source decodes to keeps its word, so identity is exact for any rescale.
 *
 * @param source - the frame's bytes before, native
 * @param hu - new values, `[row][column]`
 * @throws DicomError `SHAPE_MISMATCH`, `NON_FINITE_VALUE`
 * @remarks Bits outside Bits Stored are kept, except that sign extension follows the new sign.
 */
export function encodeHu(source: Uint8Array, format: HuFormat, hu: Float32Array): EncodedFrame {
  return encodeStored(source, format, hu);
}

/** {@link encodeHu} for any modality's values. */
export function encodeStored(source: Uint8Array, format: GrayscaleFormat, hu: Float32Array): EncodedFrame {
  if (format.lut !== undefined) {
    throw new DicomError(
      "UNSUPPORTED_PIXEL_FORMAT",
      "the image maps its values by a Modality LUT, which cannot be inverted for new values; write a new series instead",
    );
  }
  const words = viewWords(source, format.bitsAllocated);
  if (hu.length !== words.length) {
    throw new DicomError(
      "SHAPE_MISMATCH",
      `the slice has ${hu.length} values but the image has ${format.columns} × ${format.rows} = ${words.length}`,
    );
  }
  const { left, right } = getShifts(format);
  const { slope, intercept } = format.rescale;
  const { padding, signed, bitsStored, highBit } = format;
  const low = signed ? -(2 ** (bitsStored - 1)) : 0;
  const high = signed ? 2 ** (bitsStored - 1) - 1 : 2 ** bitsStored - 1;
  const shift = highBit + 1 - bitsStored;
  const outside = ~(((bitsStored === 32 ? 0 : 1 << bitsStored) - 1) << shift);
  const extendsSign = signed && isSignExtended(words, format);
  const out = new Uint8Array(source.length);
  const outWords = viewWords(out, format.bitsAllocated);
  let smallest = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  let clampedPixels = 0;
  for (let i = 0; i < words.length; i++) {
    const shifted = words[i] << left;
    let stored = signed ? shifted >> right : shifted >>> right;
    const isPadding = padding !== undefined && stored >= padding.minimum && stored <= padding.maximum;
    const value = hu[i];
    if (isPadding || value === Math.fround(stored * slope + intercept)) {
      outWords[i] = words[i];
    } else {
      if (!Number.isFinite(value)) {
        throw new DicomError("NON_FINITE_VALUE", `pixel ${i} is ${value}; Hounsfield units must be finite`);
      }
      const exact = (value - intercept) / slope;
      stored = roundHalfEven(exact);
      if (stored < low || stored > high) {
        clampedPixels++;
        stored = stored < low ? low : high;
      }
      if (padding !== undefined && stored >= padding.minimum && stored <= padding.maximum) {
        stored = stepOutOfPadding(exact, padding, low, high);
      }
      const placed = stored << shift;
      outWords[i] = extendsSign ? placed : (words[i] & outside) | (placed & ~outside);
    }
    if (isPadding) continue;
    if (stored < smallest) smallest = stored;
    if (stored > largest) largest = stored;
  }
  if (smallest > largest && padding !== undefined) {
    smallest = Math.max(low, padding.minimum);
    largest = Math.min(high, padding.maximum);
  }
  return { bytes: out, smallest, largest, clampedPixels };
}

/** Whether every word's bits above High Bit repeat the sign, and none lie below the stored bits. */
function isSignExtended(words: Words, format: FrameFormat): boolean {
  const { left, right } = getShifts(format);
  const shift = format.highBit + 1 - format.bitsStored;
  const allocated = 32 - format.bitsAllocated;
  for (let i = 0; i < words.length; i++) {
    const stored = (words[i] << left) >> right;
    if (stored << shift !== (words[i] << allocated) >> allocated) return false;
  }
  return true;
}

/** The nearest representable value outside the padding range, on the side of the exact value when it can be. */
function stepOutOfPadding(exact: number, padding: PaddingRange, low: number, high: number): number {
  const below = padding.minimum - 1;
  const above = padding.maximum + 1;
  const middle = (padding.minimum + padding.maximum) / 2;
  if (below < low) return Math.min(above, high);
  if (above > high) return below;
  return exact < middle ? below : above;
}
