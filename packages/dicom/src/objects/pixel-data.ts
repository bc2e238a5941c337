/**
 * Pixel Data of one or many frames for writing (PS3.5 §8, §A.4): native frames joined, or one fragment per frame with
 * a filled basic offset table. Values of 4 GiB and more are refused: no reader of ours would take them.
 */
import { joinFragments } from "../codecs/encapsulation.ts";
import { countFrameBytes, type FrameFormat } from "../codecs/frame-format.ts";
import { requireTransferSyntax, type TransferSyntax, transferSyntaxes } from "../codecs/transfer-syntaxes.ts";
import type { DicomElement } from "../dataset/dataset.ts";
import { createElement, padToEven } from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import { DicomError } from "../errors.ts";

const MAX_VALUE_BYTES = 2 ** 32 - 2;

/**
 * The transfer syntax of a UID, if images can be written in it without loss.
 *
 * @throws DicomError `UNSUPPORTED_TRANSFER_SYNTAX`, listing those that can
 */
export function requireWritableSyntax(uid: string): TransferSyntax {
  const syntax = requireTransferSyntax(uid);
  if (!isWritable(syntax)) {
    const names = [...transferSyntaxes.entries()].filter(([, item]) => isWritable(item));
    throw new DicomError(
      "UNSUPPORTED_TRANSFER_SYNTAX",
      `${syntax.name} cannot be written without loss; choose ${names.map(([, item]) => item.name).join(", ")}`,
    );
  }
  return syntax;
}

function isWritable(syntax: TransferSyntax): boolean {
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
    if (frames.length === 1) return createElement(TAG.PixelData, padToEven(frames[0], "OB"), vr);
    const joined = new Uint8Array(frames.length * frameBytes + ((frames.length * frameBytes) % 2));
    frames.forEach((frame, i) => {
      joined.set(frame, i * frameBytes);
    });
    return createElement(TAG.PixelData, joined, vr);
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

function checkSize(bytes: number): void {
  if (bytes <= MAX_VALUE_BYTES) return;
  throw new DicomError(
    "LIMIT_EXCEEDED",
    `the pixel data reaches ${bytes} bytes, more than the ${MAX_VALUE_BYTES} of one object; write it as several objects or classic images`,
  );
}
