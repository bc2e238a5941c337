/**
 * The entries of a zip archive (PKWARE APPNOTE 6.3, §4.3), stored or deflated, with ZIP64 sizes: what NPZ needs.
 * Counts and sizes are checked against the bytes at hand, and every entry against its CRC-32. Nothing is unpacked to
 * disk; encryption, other methods and several disks are refused.
 */
import { DicomError } from "../errors.ts";
import { DEFLATE_MAXIMUM_RATIO, inflateBounded } from "./compression.ts";
import type { VolumeLimits } from "./format.ts";

/** One entry of an archive. */
export interface ZipEntry {
  /** As the archive says; never used as a path. */
  readonly name: string;
  readonly method: 0 | 8;
  readonly crc: number;
  readonly packedBytes: number;
  readonly plainBytes: number;
  readonly headerOffset: number;
}

const END_RECORD = 0x06054b50;
const END_RECORD_64 = 0x06064b50;
const CENTRAL_HEADER = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;

/** Whether bytes begin like a zip with entries. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes.length > 4 && bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
}

function damaged(what: string): DicomError {
  return new DicomError("INVALID_VALUE", `the zip archive is damaged: ${what}`);
}

/**
 * Lists an archive.
 *
 * @throws DicomError `UNSUPPORTED_FORMAT`, `TRUNCATED`, `INVALID_VALUE`, `LIMIT_EXCEEDED`
 */
export function listZipEntries(bytes: Uint8Array, limits: VolumeLimits): ZipEntry[] {
  if (!isZip(bytes)) throw new DicomError("UNSUPPORTED_FORMAT", "this is no zip archive");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let end = bytes.length - 22;
  const first = Math.max(0, end - 65_535);
  while (end >= first && view.getUint32(end, true) !== END_RECORD) end--;
  if (end < first)
    throw new DicomError("TRUNCATED", "the zip archive's directory is missing; the file ends early");
  let count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  if ((count === 0xffff || at === 0xffffffff) && end >= 20) {
    const record = readBig(view, end - 12);
    if (record + 56 > bytes.length || view.getUint32(record, true) !== END_RECORD_64) {
      throw damaged("its ZIP64 directory is not where it should be");
    }
    count = readBig(view, record + 32);
    at = readBig(view, record + 48);
  }
  if (count > limits.maxParts) {
    throw new DicomError(
      "LIMIT_EXCEEDED",
      `${count} entries, more than limits.maxParts = ${limits.maxParts}`,
    );
  }
  const entries: ZipEntry[] = [];
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== CENTRAL_HEADER) {
      throw damaged("its directory ends early");
    }
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > bytes.length) throw damaged("its directory ends early");
    const method = view.getUint16(at + 10, true);
    if ((method !== 0 && method !== 8) || (view.getUint16(at + 8, true) & 1) !== 0) {
      throw new DicomError(
        "UNSUPPORTED_FORMAT",
        "an entry of the zip archive is encrypted or packed in another way",
      );
    }
    entries.push({
      name: String.fromCharCode(...bytes.subarray(at + 46, at + 46 + Math.min(nameLength, 1024))),
      method,
      crc: view.getUint32(at + 16, true),
      ...readSizes(view, at, nameLength, extraLength),
    });
    at = next;
  }
  return entries;
}

/** A 64-bit number; beyond 2⁵³ it is nonsense here, and out of every range. */
function readBig(view: DataView, at: number): number {
  if (at < 0 || at + 8 > view.byteLength) throw damaged("a ZIP64 field lies outside");
  return Number(view.getBigUint64(at, true));
}

function readSizes(
  view: DataView,
  at: number,
  nameLength: number,
  extraLength: number,
): Pick<ZipEntry, "packedBytes" | "plainBytes" | "headerOffset"> {
  const sizes = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)];
  const extraEnd = at + 46 + nameLength + extraLength;
  for (let extra = at + 46 + nameLength; extra + 4 <= extraEnd; ) {
    const id = view.getUint16(extra, true);
    const length = view.getUint16(extra + 2, true);
    if (id === 1) {
      let field = extra + 4;
      for (let i = 0; i < 3; i++) {
        if (sizes[i] !== 0xffffffff || field + 8 > extra + 4 + length) continue;
        sizes[i] = readBig(view, field);
        field += 8;
      }
    }
    extra += 4 + length;
  }
  return { plainBytes: sizes[0], packedBytes: sizes[1], headerOffset: sizes[2] };
}

/**
 * The bytes of one entry.
 *
 * @param limits.maxFileBytes - of the unpacked entry
 * @throws DicomError `INVALID_VALUE`, `TRUNCATED`, `LIMIT_EXCEEDED`, `INVALID_COMPRESSED_DATA`
 */
export async function readZipEntry(
  bytes: Uint8Array,
  entry: ZipEntry,
  limits: VolumeLimits,
): Promise<Uint8Array> {
  const { headerOffset, packedBytes, plainBytes } = entry;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (headerOffset + 30 > bytes.length || view.getUint32(headerOffset, true) !== LOCAL_HEADER) {
    throw damaged("an entry is not where the directory says");
  }
  const start =
    headerOffset + 30 + view.getUint16(headerOffset + 26, true) + view.getUint16(headerOffset + 28, true);
  if (start + packedBytes > bytes.length)
    throw new DicomError("TRUNCATED", "an entry of the zip archive ends early");
  if (plainBytes > limits.maxFileBytes) {
    throw new DicomError(
      "LIMIT_EXCEEDED",
      `an entry declares ${plainBytes} bytes, more than the ${limits.maxFileBytes} that it may unfold to`,
    );
  }
  const packed = bytes.subarray(start, start + packedBytes);
  if (plainBytes > packedBytes * DEFLATE_MAXIMUM_RATIO)
    throw damaged("an entry declares more than it can hold");
  const plain =
    entry.method === 0 ? packed : await inflateBounded(packed, { wrapper: "raw", maxBytes: plainBytes });
  if (plain.length !== plainBytes || computeCrc32(plain) !== entry.crc) {
    throw new DicomError(
      "INVALID_COMPRESSED_DATA",
      "an entry of the zip archive does not match its checksum",
    );
  }
  return plain;
}

let crcTable: Uint32Array | undefined;

function createCrcTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    return c;
  });
}

/** CRC-32 (ISO 3309), as zip and PNG use it. */
function computeCrc32(bytes: Uint8Array): number {
  crcTable ??= createCrcTable();
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = crcTable[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
