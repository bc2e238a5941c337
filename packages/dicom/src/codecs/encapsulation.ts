/**
 * Native and encapsulated pixel data (PS3.5 §8, §A.4): finding the bytes of one frame, and building fragments.
 */
import { joinBytes } from "@alara/core";
import type { DicomElement, DicomFile } from "../dataset/dataset.ts";
import { TAG } from "../dataset/tags.ts";
import { readInteger } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";
import { countFrameBytes, type FrameFormat } from "./frame-format.ts";
import { requireTransferSyntax } from "./transfer-syntaxes.ts";

/** Encapsulated pixel data taken apart. */
export interface Fragments {
  /** Basic offset table: offset of each frame's first fragment item; empty when there is none. */
  readonly offsets: readonly number[];
  /** Views on the fragments. */
  readonly fragments: readonly Uint8Array[];
  /** Offset of each fragment's item header from the first one's. */
  readonly positions: readonly number[];
}

/**
 * Takes encapsulated pixel data apart (no copy). The result is kept for as long as the element lives, so asking again
 * costs nothing.
 *
 * @throws DicomError `INVALID_SEQUENCE`, `PIXEL_DATA_MISMATCH`
 */
export function splitFragments(element: DicomElement): Fragments {
  const known = knownFragments.get(element);
  if (known !== undefined) return known;
  const parts = parseFragments(element);
  knownFragments.set(element, parts);
  return parts;
}

const knownFragments = new WeakMap<DicomElement, Fragments>();

function parseFragments(element: DicomElement): Fragments {
  if (!element.undefinedLength) {
    throw new DicomError(
      "PIXEL_DATA_MISMATCH",
      "the transfer syntax is compressed but Pixel Data has a length of its own: it is not encapsulated",
      { offset: Math.max(0, element.offset) },
    );
  }
  const { bytes } = element;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let offsets: number[] | undefined;
  const fragments: Uint8Array[] = [];
  const positions: number[] = [];
  let firstPosition = 0;
  for (let at = 0; at + 8 <= bytes.length; ) {
    const tag = view.getUint16(at, true) * 65536 + view.getUint16(at + 2, true);
    const length = view.getUint32(at + 4, true);
    if (tag === TAG.SequenceDelimitationItem) break;
    if (tag !== TAG.Item || at + 8 + length > bytes.length) {
      throw new DicomError("INVALID_SEQUENCE", "the fragments of the pixel data are damaged", {
        offset: Math.max(0, element.offset) + at,
      });
    }
    if (offsets === undefined) {
      offsets = [];
      for (let i = 0; i + 4 <= length; i += 4) offsets.push(view.getUint32(at + 8 + i, true));
      firstPosition = at + 8 + length;
    } else {
      fragments.push(bytes.subarray(at + 8, at + 8 + length));
      positions.push(at - firstPosition);
    }
    at += 8 + length;
  }
  return { offsets: offsets ?? [], fragments, positions };
}

/** Which fragments make up each frame: frame `f` is fragments `starts[f]` up to `starts[f + 1]`. */
interface FrameIndex {
  readonly starts: readonly number[];
  /** From the extended offset table; 0 where it does not say. */
  readonly lengths: readonly number[];
}

const knownIndexes = new WeakMap<DicomElement, { readonly frames: number; readonly index: FrameIndex }>();

/** Assigns fragments to frames; kept per element, since objects of a thousand frames are read frame by frame. */
function findFrameIndex(file: DicomFile, element: DicomElement, frames: number): FrameIndex {
  const known = knownIndexes.get(element);
  if (known !== undefined && known.frames === frames) return known.index;
  const index = createFrameIndex(file, splitFragments(element), frames);
  knownIndexes.set(element, { frames, index });
  return index;
}

/**
 * The ways in which frames can be found, PS3.5 §A.4: a single frame has all fragments; the extended offset table;
 * the basic one; one fragment per frame; at last the fragments that begin as a compressed frame does.
 */
function createFrameIndex(file: DicomFile, parts: Fragments, frames: number): FrameIndex {
  const { fragments, offsets } = parts;
  if (fragments.length < frames) {
    throw new DicomError(
      "PIXEL_DATA_MISMATCH",
      `the encapsulated pixel data has ${fragments.length} fragments for ${frames} frames`,
    );
  }
  if (frames === 1) return { starts: [0, fragments.length], lengths: [] };
  const extended = readLongs(file, TAG.ExtendedOffsetTable);
  if (extended.length === frames) {
    return {
      starts: findStarts(parts, extended, "extended"),
      lengths: readLongs(file, TAG.ExtendedOffsetTableLengths),
    };
  }
  if (offsets.length === frames) return { starts: findStarts(parts, offsets, "basic"), lengths: [] };
  if (fragments.length === frames) {
    return { starts: Array.from({ length: frames + 1 }, (_, i) => i), lengths: [] };
  }
  const starts: number[] = [];
  fragments.forEach((fragment, i) => {
    if (startsFrame(fragment)) starts.push(i);
  });
  if (starts.length === frames && starts[0] === 0)
    return { starts: [...starts, fragments.length], lengths: [] };
  throw new DicomError(
    "PIXEL_DATA_MISMATCH",
    `${fragments.length} fragments without a usable offset table cannot be assigned to ${frames} frames; ${starts.length} of them begin like a frame`,
  );
}

/** Whether a fragment begins as a JPEG or JPEG-LS frame (SOI) or a JPEG 2000 one (SOC, SIZ) does. */
function startsFrame(fragment: Uint8Array): boolean {
  if (fragment.length < 4 || fragment[0] !== 0xff) return false;
  return fragment[1] === 0xd8
    ? fragment[2] === 0xff
    : fragment[1] === 0x4f && fragment[2] === 0xff && fragment[3] === 0x51;
}

/** Fragment numbers at which frames start, from their offsets. */
function findStarts(parts: Fragments, offsets: readonly number[], table: string): number[] {
  const byPosition = new Map(parts.positions.map((position, i) => [position, i]));
  const starts = offsets.map((offset) => byPosition.get(offset) ?? -1);
  starts.push(parts.fragments.length);
  if (starts[0] !== 0 || starts.some((start, i) => i > 0 && start <= starts[i - 1])) {
    throw new DicomError(
      "PIXEL_DATA_MISMATCH",
      `the ${table} offset table does not point at fragments in order`,
    );
  }
  return starts;
}

/** 64-bit values of an offset table (VR OV), as far as they are safe integers. */
function readLongs(file: DicomFile, tag: number): readonly number[] {
  const bytes = file.dataset.elements.get(tag)?.bytes;
  if (bytes === undefined || bytes.length % 8 !== 0) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from(
    { length: bytes.length / 8 },
    (_, i) => view.getUint32(8 * i, true) + 2 ** 32 * view.getUint32(8 * i + 4, true),
  );
}

/** The compressed bytes of one frame, its fragments joined. */
function readEncodedFrame(
  file: DicomFile,
  element: DicomElement,
  format: FrameFormat,
  frame: number,
): Uint8Array {
  const { fragments } = splitFragments(element);
  const { starts, lengths } = findFrameIndex(file, element, format.frames);
  const pieces = fragments.slice(starts[frame], starts[frame + 1]);
  const joined = pieces.length === 1 ? pieces[0] : joinBytes(pieces);
  const length = lengths[frame];
  const encoded = length > 0 && length < joined.length ? joined.subarray(0, length) : joined;
  if (encoded.length === 0) {
    throw new DicomError("PIXEL_DATA_MISMATCH", "the encapsulated pixel data has no fragment for this frame");
  }
  return encoded;
}

/**
 * Bytes of one frame in native little-endian layout, colour by pixel; a view when the file is uncompressed and not
 * colour by plane. What the samples mean then is told by {@link describeDecodedFrame}.
 *
 * @param frame - from 0
 * @throws DicomError `MISSING_ATTRIBUTE`, `PIXEL_DATA_MISMATCH`, `INVALID_COMPRESSED_DATA`, `OUT_OF_RANGE`,
 * `UNSUPPORTED_PIXEL_FORMAT` for Float and Double Float Pixel Data
 */
export async function readFrameBytes(file: DicomFile, format: FrameFormat, frame = 0): Promise<Uint8Array> {
  const element = file.dataset.elements.get(TAG.PixelData);
  if (element === undefined) throw describeMissingPixels(file);
  if (!(frame >= 0 && frame < format.frames)) {
    throw new DicomError("OUT_OF_RANGE", `frame ${frame} is outside 0..${format.frames - 1}`);
  }
  const syntax = requireTransferSyntax(file.transferSyntaxUid);
  if (!syntax.encapsulated) return readNativeFrame(file, element, format, frame);
  const encoded = readEncodedFrame(file, element, format, frame);
  const decode = syntax.decodeFrame;
  if (decode === undefined) {
    throw new DicomError("UNSUPPORTED_TRANSFER_SYNTAX", `${syntax.name} has no decoder`);
  }
  return decode(encoded, format);
}

function describeMissingPixels(file: DicomFile): DicomError {
  const { elements } = file.dataset;
  return elements.has(TAG.FloatPixelData) || elements.has(TAG.DoubleFloatPixelData)
    ? new DicomError("UNSUPPORTED_PIXEL_FORMAT", "the pixels are floating point numbers; integers are read")
    : new DicomError("MISSING_ATTRIBUTE", "the file has no Pixel Data (7FE0,0010)");
}

function readNativeFrame(
  file: DicomFile,
  element: DicomElement,
  format: FrameFormat,
  frame: number,
): Uint8Array {
  const frameBytes = countFrameBytes(format);
  if (element.undefinedLength || element.bytes.length < frameBytes * format.frames) {
    throw new DicomError(
      "PIXEL_DATA_MISMATCH",
      `Pixel Data has ${element.bytes.length} bytes but ${format.frames} frames of ${format.columns} × ${format.rows} need ${frameBytes * format.frames}`,
      { offset: Math.max(0, element.offset) },
    );
  }
  const native = element.bytes.subarray(frame * frameBytes, (frame + 1) * frameBytes);
  const isByPlane = format.samplesPerPixel > 1 && readInteger(file.dataset, TAG.PlanarConfiguration) === 1;
  return isByPlane ? interleavePlanes(native, format) : native;
}

/** From colour by plane to colour by pixel (Planar Configuration 1 to 0). */
function interleavePlanes(native: Uint8Array, format: FrameFormat): Uint8Array {
  const { samplesPerPixel } = format;
  const size = format.bitsAllocated / 8;
  const pixels = format.rows * format.columns;
  const out = new Uint8Array(native.length);
  for (let sample = 0; sample < samplesPerPixel; sample++) {
    for (let byte = 0; byte < size; byte++) {
      let from = sample * pixels * size + byte;
      let to = sample * size + byte;
      for (let i = 0; i < pixels; i++, from += size, to += size * samplesPerPixel) out[to] = native[from];
    }
  }
  return out;
}

/**
 * The format of what {@link readFrameBytes} returns: colour differences that the codec turned back are RGB.
 *
 * @throws DicomError `UNSUPPORTED_TRANSFER_SYNTAX`
 */
export function describeDecodedFrame(file: DicomFile, format: FrameFormat): FrameFormat {
  const { decodesToRgb = [] } = requireTransferSyntax(file.transferSyntaxUid);
  return format.samplesPerPixel === 3 && decodesToRgb.includes(format.photometricInterpretation)
    ? { ...format, photometricInterpretation: "RGB" }
    : format;
}

/** The value of encapsulated pixel data with one fragment per frame, a filled basic offset table, and delimiter. */
export function joinFragments(frames: readonly Uint8Array[]): Uint8Array {
  let size = 8 + 4 * frames.length + 8;
  for (const frame of frames) size += 8 + frame.length + (frame.length % 2);
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  const writeItem = (at: number, tag: number, length: number): void => {
    view.setUint16(at, Math.floor(tag / 65536), true);
    view.setUint16(at + 2, tag % 65536, true);
    view.setUint32(at + 4, length, true);
  };
  writeItem(0, TAG.Item, 4 * frames.length);
  const first = 8 + 4 * frames.length;
  let at = first;
  frames.forEach((frame, i) => {
    view.setUint32(8 + 4 * i, at - first, true);
    const padded = frame.length + (frame.length % 2);
    writeItem(at, TAG.Item, padded);
    out.set(frame, at + 8);
    at += 8 + padded;
  });
  writeItem(at, TAG.SequenceDelimitationItem, 0);
  return out;
}
