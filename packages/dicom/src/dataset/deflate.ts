/**
 * The deflated transfer syntax's byte stream (PS3.5 §A.5, RFC 1951 without a zlib header), by way of fflate. Output is
 * capped while it grows: a bomb ends after its first chunks, whatever it declares.
 */
import { joinBytes } from "@alara/core";
import { deflateSync, Inflate } from "fflate";
import { DicomError } from "../errors.ts";
import type { DicomLimits } from "../limits.ts";

/** Deflate expands at most 1032 to 1, so one chunk makes at most about 8 MiB. */
const CHUNK_BYTES = 8192;
/** Below this size the ratio says nothing: an empty image compresses well. */
const FREE_BYTES = 2 ** 24;

/**
 * Inflates a raw deflate stream; bytes behind its end (the pad byte) are ignored.
 *
 * @throws DicomError `LIMIT_EXCEEDED` beyond `limits.maxInflatedBytes`, or beyond 16 MiB and
 * `limits.maxInflationRatio` times the input; `TRUNCATED` when the stream stops early; `INVALID_COMPRESSED_DATA`
 * @remarks Tested against dcmtk's and pydicom's deflated files and on bombs.
 */
export function inflateDataset(deflated: Uint8Array, limits: DicomLimits): Uint8Array<ArrayBuffer> {
  const cap = Math.min(
    limits.maxInflatedBytes,
    Math.max(FREE_BYTES, limits.maxInflationRatio * deflated.length),
  );
  const chunks: Uint8Array[] = [];
  let size = 0;
  const stream = new Inflate((chunk) => {
    size += chunk.length;
    if (size > cap) {
      throw new DicomError(
        "LIMIT_EXCEEDED",
        `the deflated dataset of ${deflated.length} bytes grows beyond ${cap} bytes; raise limits.maxInflatedBytes and limits.maxInflationRatio if this file is to be trusted`,
      );
    }
    chunks.push(chunk);
  });
  try {
    if (deflated.length === 0)
      throw new DicomError("TRUNCATED", "the deflated dataset is cut off: it is empty");
    for (let at = 0; at < deflated.length; at += CHUNK_BYTES) {
      stream.push(deflated.subarray(at, at + CHUNK_BYTES), at + CHUNK_BYTES >= deflated.length);
    }
  } catch (error) {
    if (error instanceof DicomError) throw error;
    // fflate's own numbering: 0 is an unexpected end of the stream.
    const isCutOff = error instanceof Error && "code" in error && error.code === 0;
    throw new DicomError(
      isCutOff ? "TRUNCATED" : "INVALID_COMPRESSED_DATA",
      `the deflated dataset is ${isCutOff ? "cut off" : "damaged"} after ${size} inflated bytes`,
      { cause: error },
    );
  }
  return joinBytes(chunks);
}

/** Deflates a dataset at fflate's default level, padded to even length with a NUL byte (PS3.5 §A.5). */
export function deflateDataset(dataset: Uint8Array): Uint8Array {
  const deflated = deflateSync(dataset);
  if (deflated.length % 2 === 0) return deflated;
  const out = new Uint8Array(deflated.length + 1);
  out.set(deflated);
  return out;
}
