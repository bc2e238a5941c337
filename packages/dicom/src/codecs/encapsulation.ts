/**
 * Native and encapsulated pixel data (PS3.5 §8, §A.4): finding the bytes of one frame, and building fragments.
 */
import type { DicomElement, DicomFile } from "../dataset/dataset.ts";
import { TAG } from "../dataset/tags.ts";
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
 * Takes encapsulated pixel data apart (no copy).
 *
 * @throws DicomError `INVALID_SEQUENCE`, `PIXEL_DATA_MISMATCH`
 */
export function splitFragments(element: DicomElement): Fragments {
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
    const value = bytes.subarray(at + 8, at + 8 + length);
    if (offsets === undefined) {
      offsets = [];
      for (let i = 0; i + 4 <= length; i += 4) offsets.push(view.getUint32(at + 8 + i, true));
      firstPosition = at + 8 + length;
    } else {
      fragments.push(value);
      positions.push(at - firstPosition);
    }
    at += 8 + length;
  }
  return { offsets: offsets ?? [], fragments, positions };
}

/** Fragments start..end (exclusive) that make up one frame. */
function findFrameFragments(parts: Fragments, frames: number, frame: number): [number, number] {
  const { offsets, fragments, positions } = parts;
  if (frames === 1) return [0, fragments.length];
  if (offsets.length === frames) {
    const start = positions.indexOf(offsets[frame]);
    const end = frame + 1 < frames ? positions.indexOf(offsets[frame + 1]) : fragments.length;
    if (start >= 0 && end > start) return [start, end];
    throw new DicomError("PIXEL_DATA_MISMATCH", "the basic offset table does not point at fragments");
  }
  if (fragments.length === frames) return [frame, frame + 1];
  throw new DicomError(
    "PIXEL_DATA_MISMATCH",
    `${fragments.length} fragments without an offset table cannot be assigned to ${frames} frames`,
  );
}

/**
 * Bytes of one frame in native little-endian layout; a view when the file is uncompressed.
 *
 * @param frame - from 0
 * @throws DicomError `MISSING_ATTRIBUTE`, `PIXEL_DATA_MISMATCH`, `INVALID_COMPRESSED_DATA`, `OUT_OF_RANGE`
 */
export async function readFrameBytes(file: DicomFile, format: FrameFormat, frame = 0): Promise<Uint8Array> {
  const element = file.dataset.elements.get(TAG.PixelData);
  if (element === undefined) {
    throw new DicomError("MISSING_ATTRIBUTE", "the file has no Pixel Data (7FE0,0010)");
  }
  if (!(frame >= 0 && frame < format.frames)) {
    throw new DicomError("OUT_OF_RANGE", `frame ${frame} is outside 0..${format.frames - 1}`);
  }
  const syntax = requireTransferSyntax(file.transferSyntaxUid);
  const frameBytes = countFrameBytes(format);
  if (!syntax.encapsulated) {
    if (element.undefinedLength || element.bytes.length < frameBytes * format.frames) {
      throw new DicomError(
        "PIXEL_DATA_MISMATCH",
        `Pixel Data has ${element.bytes.length} bytes but ${format.frames} frames of ${format.columns} × ${format.rows} need ${frameBytes * format.frames}`,
        { offset: Math.max(0, element.offset) },
      );
    }
    return element.bytes.subarray(frame * frameBytes, (frame + 1) * frameBytes);
  }
  const parts = splitFragments(element);
  const [start, end] = findFrameFragments(parts, format.frames, frame);
  const encoded = end - start === 1 ? parts.fragments[start] : joinBytes(parts.fragments.slice(start, end));
  if (encoded.length === 0) {
    throw new DicomError("PIXEL_DATA_MISMATCH", "the encapsulated pixel data has no fragment for this frame");
  }
  const decode = syntax.decodeFrame;
  if (decode === undefined) {
    throw new DicomError("UNSUPPORTED_TRANSFER_SYNTAX", `${syntax.name} has no decoder`);
  }
  return decode(encoded, format);
}

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
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
