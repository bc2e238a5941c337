/**
 * Pixel Data of one or many frames for writing (PS3.5 §8, §A.4): native frames joined, or one fragment per frame with
 * a filled basic offset table, and what the header says of earlier loss. Values of 4 GiB and more are refused: no reader of ours would take them.
 */
import { joinFragments } from "../codecs/encapsulation.ts";
import { countFrameBytes, type FrameFormat } from "../codecs/frame-format.ts";
import {
  findTransferSyntax,
  requireTransferSyntax,
  type TransferSyntax,
  transferSyntaxes,
} from "../codecs/transfer-syntaxes.ts";
import type { DicomElement, DicomFile } from "../dataset/dataset.ts";
import { createDecimalElement, createElement, createTextElement, padToEven } from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import { readText } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";

const MAX_VALUE_BYTES = 2 ** 32 - 2;

/**
 * The transfer syntax of a UID, if images can be written in it without loss.
 *
 * @throws DicomError `UNSUPPORTED_TRANSFER_SYNTAX`, listing those that can
 */
export function requireWritableSyntax(uid: string): TransferSyntax {
  const syntax = requireTransferSyntax(uid);
  if (!isWritableSyntax(syntax)) {
    const names = [...transferSyntaxes.entries()].filter(([, item]) => isWritableSyntax(item));
    throw new DicomError(
      "UNSUPPORTED_TRANSFER_SYNTAX",
      `${syntax.name} cannot be written without loss; choose ${names.map(([, item]) => item.name).join(", ")}`,
    );
  }
  return syntax;
}

/** Whether objects are written in a syntax: without loss, and not in the retired big endian. */
export function isWritableSyntax(syntax: TransferSyntax): boolean {
  const isRetired = syntax.storage === "big-endian";
  return !syntax.lossy && !isRetired && (!syntax.encapsulated || syntax.encodeFrame !== undefined);
}

/**
 * The Pixel Data element of frames given as native little-endian bytes.
 *
 * @param format - of every frame
 * @throws DicomError `UNSUPPORTED_TRANSFER_SYNTAX`, `SHAPE_MISMATCH`, `LIMIT_EXCEEDED` from 4 GiB
 */
export async function createPixelData(
  syntax: TransferSyntax,
  format: FrameFormat,
  frames: readonly Uint8Array[],
): Promise<DicomElement> {
  const frameBytes = countFrameBytes(format);
  for (const frame of frames) {
    if (frame.length !== frameBytes) {
      throw new DicomError("SHAPE_MISMATCH", `a frame has ${frame.length} bytes instead of ${frameBytes}`);
    }
  }
  if (!syntax.encapsulated) {
    checkSize(frames.length * frameBytes);
    const vr = format.bitsAllocated > 8 ? "OW" : "OB";
    return createElement(TAG.PixelData, padToEven(viewAsOne(frames) ?? joinFrames(frames), "OB"), vr);
  }
  const encode = syntax.encodeFrame;
  if (encode === undefined) {
    throw new DicomError("UNSUPPORTED_TRANSFER_SYNTAX", `${syntax.name} has no encoder`);
  }
  const encoded: Uint8Array[] = [];
  let size = 0;
  for (const frame of frames) {
    const fragment = await encode(frame, format);
    encoded.push(fragment);
    size += 12 + fragment.length;
    checkSize(size);
  }
  return { ...createElement(TAG.PixelData, joinFragments(encoded), "OB"), undefinedLength: true };
}

/** Frames that stand one behind the other in one buffer, as one view; `undefined` for others. */
function viewAsOne(frames: readonly Uint8Array[]): Uint8Array | undefined {
  const { buffer, byteOffset } = frames[0];
  let end = byteOffset;
  for (const frame of frames) {
    if (frame.buffer !== buffer || frame.byteOffset !== end) return undefined;
    end += frame.length;
  }
  return new Uint8Array(buffer, byteOffset, end - byteOffset);
}

function joinFrames(frames: readonly Uint8Array[]): Uint8Array {
  const size = frames.reduce((sum, frame) => sum + frame.length, 0);
  const joined = new Uint8Array(size + (size % 2));
  let at = 0;
  for (const frame of frames) {
    joined.set(frame, at);
    at += frame.length;
  }
  return joined;
}

/**
 * Places for native frames in one buffer, to be filled in any order; createPixelData then needs no second copy of
 * them. Memory that is not filled is not used.
 *
 * @throws DicomError `LIMIT_EXCEEDED` from 4 GiB
 */
export function createFrameBuffer(format: FrameFormat, frames: number): Uint8Array[] {
  const frameBytes = countFrameBytes(format);
  checkSize(frames * frameBytes);
  const buffer = new ArrayBuffer(frames * frameBytes);
  return Array.from({ length: frames }, (_, i) => new Uint8Array(buffer, i * frameBytes, frameBytes));
}

/**
 * Loss is sticky (PS3.3 C.7.6.1.1.5): a source marked 01 stays so untouched; a source in a lossy syntax that forgot
 * to say so is marked now.
 */
export function createLossyElements(file: DicomFile, format: FrameFormat): DicomElement[] {
  const syntax = findTransferSyntax(file.transferSyntaxUid);
  if (syntax?.lossy !== true || readText(file.dataset, TAG.LossyImageCompression) === "01") return [];
  const encoded = file.dataset.elements.get(TAG.PixelData)?.bytes.length ?? 1;
  const ratio = Number(((countFrameBytes(format) * format.frames) / encoded).toPrecision(4));
  return [
    createTextElement(TAG.LossyImageCompression, "01"),
    createDecimalElement(TAG.LossyImageCompressionRatio, [ratio]),
    createTextElement(TAG.LossyImageCompressionMethod, syntax.lossyMethod ?? "ISO_14495_1"),
  ];
}

function checkSize(bytes: number): void {
  if (bytes <= MAX_VALUE_BYTES) return;
  throw new DicomError(
    "LIMIT_EXCEEDED",
    `the pixel data reaches ${bytes} bytes, more than the ${MAX_VALUE_BYTES} of one object; write it as several objects or classic images`,
  );
}
