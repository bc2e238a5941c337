/**
 * A DICOM file as a tree of pieces that can be damaged one by one and put together again with lengths that fit or lie.
 * Written without the package under test, for well-formed seeds only: explicit and implicit little endian, explicit big
 * endian, deflated (PS3.5 §7, annex A). Not a reader: it trusts its input.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { joinBytes } from "@alara/core";

const SHORT = new Set("AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split(" "));
const UNDEFINED = 0xffffffff;
const DEFLATED = "1.2.840.10008.1.2.1.99";
const BIG_ENDIAN = "1.2.840.10008.1.2.2";
const IMPLICIT = "1.2.840.10008.1.2";

/** Byte layout of a piece. */
export interface Layout {
  readonly explicit: boolean;
  readonly littleEndian: boolean;
}

/** One element, or an item, or a delimiter (group FFFE). */
export interface Piece {
  readonly tag: number;
  /** Two characters; empty where the layout writes none. */
  readonly vr: string;
  readonly layout: Layout;
  /** Content without header: bytes, or pieces. */
  readonly content: Uint8Array | readonly Piece[];
  /** What the length field says; `undefined` = the truth. */
  readonly length: number | undefined;
}

/** A file in pieces. */
export interface DicomTree {
  readonly preamble: Uint8Array;
  readonly meta: readonly Piece[];
  readonly body: readonly Piece[];
  readonly deflated: boolean;
}

/** What ends a list of pieces, and whether its items are fragments (bytes) or datasets. */
interface ListEnd {
  readonly stop?: number;
  readonly items: "datasets" | "fragments";
}

/** Reads pieces from `start` up to `end` or, in an open sequence or item, through its delimiter. */
function parsePieces(
  bytes: Uint8Array,
  start: number,
  end: number,
  layout: Layout,
  list: ListEnd,
): [Piece[], number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const little = layout.littleEndian;
  const pieces: Piece[] = [];
  let at = start;
  while (at + 8 <= end) {
    const tag = view.getUint16(at, little) * 65536 + view.getUint16(at + 2, little);
    const isItem = Math.floor(tag / 65536) === 0xfffe;
    let vr = "";
    let length: number;
    let value = at + 8;
    if (isItem || !layout.explicit) length = view.getUint32(at + 4, little);
    else {
      vr = String.fromCharCode(bytes[at + 4], bytes[at + 5]);
      if (SHORT.has(vr)) length = view.getUint16(at + 6, little);
      else {
        length = view.getUint32(at + 8, little);
        value = at + 12;
      }
    }
    if (length === UNDEFINED) {
      const inner = vr === "UN" ? { explicit: false, littleEndian: true } : layout;
      const items = vr === "OB" || vr === "OW" ? "fragments" : "datasets";
      const stop = isItem ? 0xfffee00d : 0xfffee0dd;
      const [content, next] = parsePieces(bytes, value, end, inner, { stop, items });
      pieces.push({ tag, vr, layout, content, length });
      at = next;
      continue;
    }
    const content = bytes.subarray(value, value + length);
    const isDataset = isItem
      ? list.items === "datasets" && tag === 0xfffee000
      : startsWithItem(content, layout);
    pieces.push({
      tag,
      vr,
      layout,
      content: isDataset ? tryParse(content, layout) : content,
      length: undefined,
    });
    at = value + length;
    if (tag === list.stop) return [pieces, at];
  }
  return [pieces, at];
}

function startsWithItem(content: Uint8Array, layout: Layout): boolean {
  const item = layout.littleEndian ? [0xfe, 0xff, 0x00, 0xe0] : [0xff, 0xfe, 0xe0, 0x00];
  return content.length >= 8 && item.every((byte, i) => content[i] === byte);
}

function tryParse(content: Uint8Array, layout: Layout): Uint8Array | readonly Piece[] {
  const [pieces, end] = parsePieces(content, 0, content.length, layout, { items: "datasets" });
  return end === content.length && pieces.length > 0 ? pieces : content;
}

/** Takes a well-formed Part 10 file apart. */
export function parseDicomTree(bytes: Uint8Array): DicomTree {
  const hasPreamble = bytes.length > 132 && String.fromCharCode(...bytes.subarray(128, 132)) === "DICM";
  const start = hasPreamble ? 132 : 0;
  const explicit: Layout = { explicit: true, littleEndian: true };
  let at = start;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const meta: Piece[] = [];
  let syntax = hasPreamble ? IMPLICIT : "";
  while (at + 8 <= bytes.length && view.getUint16(at, true) === 2) {
    const header = SHORT.has(String.fromCharCode(bytes[at + 4], bytes[at + 5])) ? 8 : 12;
    const length = header === 8 ? view.getUint16(at + 6, true) : view.getUint32(at + 8, true);
    const [[piece]] = parsePieces(bytes.subarray(at, at + header + length), 0, header + length, explicit, {
      items: "datasets",
    });
    if (piece.tag === 0x00020010) {
      syntax = String.fromCharCode(...(piece.content as Uint8Array)).replace(/\0+$/, "");
    }
    meta.push(piece);
    at += header + length;
  }
  const deflated = syntax === DEFLATED;
  const rest = deflated ? new Uint8Array(inflateRawSync(bytes.subarray(at))) : bytes.subarray(at);
  const isImplicit =
    syntax === IMPLICIT || (syntax === "" && rest.length > 6 && !(rest[4] >= 65 && rest[4] <= 90));
  const layout: Layout = { explicit: !isImplicit, littleEndian: syntax !== BIG_ENDIAN };
  const [body] = parsePieces(rest, 0, rest.length, layout, { items: "datasets" });
  return { preamble: bytes.slice(0, start), meta, body, deflated };
}

function measurePiece(piece: Piece): number {
  const { content } = piece;
  const size = content instanceof Uint8Array ? content.length : measurePieces(content);
  return size + (piece.vr === "" || SHORT.has(piece.vr) ? 8 : 12);
}

function measurePieces(pieces: readonly Piece[]): number {
  let size = 0;
  for (const piece of pieces) size += measurePiece(piece);
  return size;
}

function writePieces(pieces: readonly Piece[], out: Uint8Array, view: DataView, start: number): number {
  let at = start;
  for (const piece of pieces) {
    const { tag, vr, content, layout } = piece;
    const little = layout.littleEndian;
    const isLong = vr !== "" && !SHORT.has(vr);
    const value = at + (isLong ? 12 : 8);
    const end =
      content instanceof Uint8Array ? value + content.length : writePieces(content, out, view, value);
    if (content instanceof Uint8Array) out.set(content, value);
    const length = (piece.length ?? end - value) >>> 0;
    view.setUint16(at, Math.floor(tag / 65536), little);
    view.setUint16(at + 2, tag % 65536, little);
    if (vr === "") view.setUint32(at + 4, length, little);
    else {
      out[at + 4] = vr.charCodeAt(0);
      out[at + 5] = vr.charCodeAt(1);
      if (isLong) view.setUint32(at + 8, length, little);
      else view.setUint16(at + 6, length & 0xffff, little);
    }
    at = end;
  }
  return at;
}

/** Bytes of pieces. */
export function writeDicomPieces(pieces: readonly Piece[]): Uint8Array {
  const out = new Uint8Array(measurePieces(pieces));
  writePieces(pieces, out, new DataView(out.buffer), 0);
  return out;
}

/** Puts a file together; the unchanged tree of a seed whose deflate stream is not needed gives the seed's bytes. */
export function writeDicomTree(tree: DicomTree): Uint8Array {
  const meta = writeDicomPieces(tree.meta);
  const body = writeDicomPieces(tree.body);
  return joinBytes([
    tree.preamble,
    meta,
    tree.deflated ? new Uint8Array(deflateRawSync(body, { level: 1 })) : body,
  ]);
}
