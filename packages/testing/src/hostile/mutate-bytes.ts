/**
 * Damage that needs no knowledge of the format: noise, integers at the limits of their width, cuts, copies, splices;
 * and damage to text headers, gzip and zip, of which only signatures are known. Every function returns new bytes and
 * leaves its input alone.
 */
import { deflateRawSync, gunzipSync, gzipSync, inflateRawSync } from "node:zlib";
import { joinBytes, type Random } from "@alara/core";
import {
  createHostileName,
  INTERESTING_INTEGERS,
  INTERESTING_NUMBERS,
  INTERESTING_TEXTS,
  isOneIn,
  pickFrom,
  toBytes,
} from "./interesting.ts";

/** An offset below `length`, near the beginning half of the time: that is where headers are. */
function pickOffset(random: Random, length: number): number {
  return random.nextInteger(isOneIn(random, 2) ? Math.min(length, 512) : length);
}

/** Writes an integer of 1, 2, 4 or 8 bytes in either order. */
export function writeInteger(
  out: Uint8Array,
  at: number,
  value: number,
  size: number,
  littleEndian: boolean,
): void {
  for (let i = 0; i < size && at + i < out.length; i++) {
    const place = littleEndian ? i : size - 1 - i;
    out[at + i] = place < 4 ? (value >>> (8 * place)) & 0xff : Math.floor(value / 2 ** (8 * place)) & 0xff;
  }
}

/** One random change of unstructured bytes. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(random.nextInteger(256));
  const kind = random.nextInteger(10);
  const at = pickOffset(random, bytes.length);
  if (kind < 5) {
    const out = bytes.slice();
    if (kind === 0) out[at] ^= 1 << random.nextInteger(8);
    else if (kind === 1) out[at] = random.nextInteger(256);
    else if (kind === 2) out[at] = pickFrom(random, [0, 1, 0x7f, 0x80, 0xfe, 0xff]);
    else if (kind === 3) {
      const size = pickFrom(random, [2, 4, 8]);
      writeInteger(out, at, pickFrom(random, INTERESTING_INTEGERS), size, isOneIn(random, 2));
    } else {
      const noise = Math.min(out.length - at, 1 + random.nextInteger(32));
      for (let i = 0; i < noise; i++) out[at + i] = random.nextInteger(256);
    }
    return out;
  }
  const length = 1 + random.nextInteger(Math.min(64, bytes.length));
  if (kind === 5) return bytes.slice(0, random.nextInteger(bytes.length));
  if (kind === 6)
    return joinBytes([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + length))]);
  if (kind === 7) {
    const from = random.nextInteger(bytes.length);
    return joinBytes([bytes.subarray(0, at), bytes.subarray(from, from + length), bytes.subarray(at)]);
  }
  if (kind === 8) {
    const out = bytes.slice();
    out.copyWithin(at, random.nextInteger(bytes.length));
    return out;
  }
  return joinBytes([bytes, new Uint8Array(1 + random.nextInteger(64)).fill(random.nextInteger(256))]);
}

/** The head of one file with the tail of another. */
export function spliceBytes(a: Uint8Array, b: Uint8Array, random: Random): Uint8Array {
  const from = isOneIn(random, 2)
    ? random.nextInteger(b.length + 1)
    : Math.min(b.length, random.nextInteger(a.length + 1));
  return joinBytes([a.subarray(0, random.nextInteger(a.length + 1)), b.subarray(from)]);
}

/** Length of the text at the beginning: up to the first empty line, NUL or byte above 126; at most 4096. */
function measureTextHeader(bytes: Uint8Array): number {
  const limit = Math.min(bytes.length, 4096);
  for (let i = 0; i < limit; i++) {
    if (bytes[i] === 10 && bytes[i + 1] === 10) return i + 1;
    if (bytes[i] === 0 || bytes[i] > 126) return i;
  }
  return limit;
}

/** Changes keys or values of a text header of lines (NRRD, MetaImage) or of a dictionary (NPY). */
export function mutateTextHeader(bytes: Uint8Array, random: Random): Uint8Array {
  const end = measureTextHeader(bytes);
  if (end < 8) return mutateBytes(bytes, random);
  const lines = String.fromCharCode(...bytes.subarray(0, end)).split("\n");
  const line = random.nextInteger(lines.length);
  const kind = random.nextInteger(8);
  const tokens = lines[line].split(/([ :=,(){}'"]+)/);
  const token = 2 * random.nextInteger(Math.ceil(tokens.length / 2));
  if (kind === 0) lines.splice(line, 1);
  else if (kind === 1) lines.splice(random.nextInteger(lines.length), 0, lines[line]);
  else if (kind === 2) lines[line] += pickFrom(random, [" ", ":", "=", "\r", " 1 1 1", ` ${"9".repeat(40)}`]);
  else {
    if (kind < 5) tokens[token] = pickFrom(random, INTERESTING_NUMBERS);
    else if (kind === 5) tokens[token] = String(pickFrom(random, INTERESTING_INTEGERS));
    else if (isOneIn(random, 100))
      tokens[token] = `${pickFrom(random, ["1", "(", "%d", " ", '"', "-"])}`.repeat(10_000);
    else if (kind === 6) tokens[token] = createHostileName(random);
    else tokens[token] = pickFrom(random, INTERESTING_TEXTS);
    lines[line] = tokens.join("");
  }
  return joinBytes([toBytes(lines.join("\n")), bytes.subarray(end)]);
}

/** Damages what a gzip stream holds, or the stream. */
export function mutateGzip(
  bytes: Uint8Array,
  random: Random,
  mutateContent: (content: Uint8Array, random: Random) => Uint8Array,
): Uint8Array {
  if (isOneIn(random, 3)) return mutateBytes(bytes, random);
  const content = new Uint8Array(gunzipSync(bytes));
  const packed = new Uint8Array(gzipSync(mutateContent(content, random), { level: 1 }));
  const kind = random.nextInteger(8);
  if (kind === 0) writeInteger(packed, packed.length - 4, pickFrom(random, INTERESTING_INTEGERS), 4, true);
  else if (kind === 1)
    writeInteger(packed, packed.length - 8, pickFrom(random, INTERESTING_INTEGERS), 4, true);
  else if (kind === 2) return joinBytes([packed, packed]);
  else if (kind === 3) return packed.slice(0, packed.length - 1 - random.nextInteger(12));
  return packed;
}

/** Offsets and sizes of the number fields behind zip signatures (APPNOTE 4.3.7, 4.3.12, 4.3.16). */
const ZIP_FIELDS: Readonly<Record<number, readonly (readonly [number, number])[]>> = {
  1027: [
    [4, 2],
    [6, 2],
    [8, 2],
    [14, 4],
    [18, 4],
    [22, 4],
    [26, 2],
    [28, 2],
  ],
  513: [
    [8, 2],
    [10, 2],
    [16, 4],
    [20, 4],
    [24, 4],
    [28, 2],
    [30, 2],
    [32, 2],
    [34, 2],
    [42, 4],
  ],
  1541: [
    [4, 2],
    [6, 2],
    [8, 2],
    [10, 2],
    [12, 4],
    [16, 4],
    [20, 2],
  ],
};

/** Damages a zip archive: sizes, counts, offsets and names in its headers, or anything. */
export function mutateZip(bytes: Uint8Array, random: Random): Uint8Array {
  const records: [number, readonly (readonly [number, number])[]][] = [];
  for (let at = 0; at + 4 <= bytes.length; at++) {
    if (bytes[at] !== 0x50 || bytes[at + 1] !== 0x4b) continue;
    const fields = ZIP_FIELDS[bytes[at + 2] + 256 * bytes[at + 3]];
    if (fields !== undefined) records.push([at, fields]);
  }
  if (records.length === 0 || isOneIn(random, 4)) return mutateBytes(bytes, random);
  const [start, fields] = pickFrom(random, records);
  const out = bytes.slice();
  if (isOneIn(random, 4)) {
    out.set(
      toBytes(createHostileName(random))
        .subarray(0, Math.max(0, out.length - start - 30))
        .subarray(0, 12),
      Math.min(out.length, start + 30),
    );
    return out;
  }
  const [offset, size] = pickFrom(random, fields);
  const old = new DataView(out.buffer).getUint16(Math.min(start + offset, out.length - 2), true);
  const value = isOneIn(random, 2) ? pickFrom(random, INTERESTING_INTEGERS) : old + random.nextInteger(9) - 4;
  writeInteger(out, start + offset, value >>> 0, size, true);
  return out;
}

/** Damages raw deflate data: what it holds, or the stream. */
export function mutateDeflate(
  bytes: Uint8Array,
  random: Random,
  mutateContent: (content: Uint8Array, random: Random) => Uint8Array,
): Uint8Array {
  if (isOneIn(random, 2)) return mutateBytes(bytes, random);
  return new Uint8Array(
    deflateRawSync(mutateContent(new Uint8Array(inflateRawSync(bytes)), random), { level: 1 }),
  );
}
