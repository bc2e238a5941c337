/**
 * Damages DICOM files where readers decide: tags, value representations, lengths, values, nesting, delimiters,
 * fragments, offset tables, meta information, the pixel module, compressed frames, deflate streams. Works on the tree
 * of a well-formed seed (dicom-tree.ts); only the pieces on the way to a change are copied.
 */
import { joinBytes, type Random } from "@alara/core";
import { type DicomTree, type Layout, type Piece, writeDicomTree } from "./dicom-tree.ts";
import {
  createHostileName,
  INTERESTING_CHARACTER_SETS,
  INTERESTING_DATES,
  INTERESTING_FLOATS,
  INTERESTING_INTEGERS,
  INTERESTING_NUMBERS,
  INTERESTING_TEXTS,
  isOneIn,
  pickFrom,
  toBytes,
} from "./interesting.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import { mutateCodestream } from "./mutate-codestream.ts";

/** What mutations draw from besides the seed. */
export interface DicomDonors {
  /** Other files, whose pieces are spliced in. */
  readonly trees: readonly DicomTree[];
  /** Transfer syntax UIDs to claim. */
  readonly transferSyntaxUids: readonly string[];
}

const UNDEFINED = 0xffffffff;
const VRS =
  "AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split(
    " ",
  );
const ITEM = 0xfffee000;
const PIXEL_DATA = 0x7fe00010;

/** Tags that decide what a file means; they are aimed at more often than others. */
const PIXEL_TAGS = new Set([
  0x00280002, 0x00280004, 0x00280006, 0x00280008, 0x00280009, 0x00280010, 0x00280011, 0x00280030, 0x00280100,
  0x00280101, 0x00280102, 0x00280103, 0x00281052, 0x00281053, 0x00280120, 0x00280121, 0x00281101, 0x00281201,
  0x00282110, 0x00200032, 0x00200037, 0x7fe00010, 0x7fe00001, 0x7fe00002, 0x52009229, 0x52009230, 0x00209222,
  0x00209157,
]);
const EXTRA_TAGS = [
  0, 0x00020010, 0x00080000, 0x00080005, 0x00080018, 0x00280010, 0x7fe00010, 0x7fe00008, 0x7fe00001,
  0x52009230, 0x00041220, 0x0040a730, 0xfffee000, 0xfffee00d, 0xfffee0dd, 0xfffcfffc, 0xffffffff, 0x00090010,
  0x00091001, 0x60003000, 0x50003000, 0x00010001, 0x00080001, 0x00000901,
];

const RUNS = ["1", " ", "\\", "(", "^", "=", "1.", "\0", "\u001b$B", "\u001b$B!!", "e", "\t"];

function createPiece(tag: number, vr: string, content: Uint8Array | readonly Piece[], layout: Layout): Piece {
  const isItem = Math.floor(tag / 65536) === 0xfffe;
  return { tag, vr: layout.explicit && !isItem ? vr : "", layout, content, length: undefined };
}

function padEven(bytes: Uint8Array): Uint8Array {
  return bytes.length % 2 === 0 ? bytes : joinBytes([bytes, Uint8Array.of(32)]);
}

/** A value of the kind that a VR (or a guess, where none is written) holds. */
function createValue(piece: Piece, random: Random, donors: DicomDonors): Uint8Array {
  const { tag, vr, layout } = piece;
  const old = piece.content instanceof Uint8Array ? piece.content : new Uint8Array(0);
  if (tag === 0x00020010) return padEven(toBytes(pickFrom(random, donors.transferSyntaxUids)));
  if (tag === 0x00080005) return padEven(toBytes(pickFrom(random, INTERESTING_CHARACTER_SETS)));
  const kind = vr === "" ? pickFrom(random, ["US", "DS", "UI", "LO", "DA", "UL", "FD"]) : vr;
  if (isOneIn(random, 8) && old.length > 0) return mutateBytes(old, random);
  if (isOneIn(random, 400)) {
    // Long runs: what takes the square of their length shows here.
    return padEven(toBytes(`${pickFrom(random, RUNS).repeat(10_000)}x`.slice(-60_001)));
  }
  switch (kind) {
    case "US":
    case "SS":
    case "UL":
    case "SL":
    case "AT":
    case "UV":
    case "SV": {
      const size = kind === "US" || kind === "SS" ? 2 : kind === "UV" || kind === "SV" ? 8 : 4;
      const count = isOneIn(random, 4) ? random.nextInteger(5) : 1;
      const out = new Uint8Array(size * count);
      const view = new DataView(out.buffer);
      for (let i = 0; i < count; i++) {
        const value = isOneIn(random, 3) ? random.nextInteger(64) : pickFrom(random, INTERESTING_INTEGERS);
        if (size === 2) view.setUint16(2 * i, value & 0xffff, layout.littleEndian);
        else view.setUint32(size * i, value >>> 0, layout.littleEndian);
      }
      return out;
    }
    case "FL":
    case "FD":
    case "OF":
    case "OD": {
      const size = kind === "FL" || kind === "OF" ? 4 : 8;
      const count = 1 + random.nextInteger(3);
      const view = new DataView(new ArrayBuffer(size * count));
      for (let i = 0; i < count; i++) {
        if (size === 4) view.setFloat32(4 * i, pickFrom(random, INTERESTING_FLOATS), layout.littleEndian);
        else view.setFloat64(8 * i, pickFrom(random, INTERESTING_FLOATS), layout.littleEndian);
      }
      return new Uint8Array(view.buffer);
    }
    case "DS":
    case "IS":
      return padEven(toBytes(pickFrom(random, INTERESTING_NUMBERS)));
    case "DA":
    case "TM":
    case "DT":
    case "AS":
      return padEven(toBytes(pickFrom(random, INTERESTING_DATES)));
    case "UI":
    case "AE":
    case "UR":
      return padEven(toBytes(createHostileName(random)));
    default: {
      if (old.length > 64 && isOneIn(random, 2)) return mutateBytes(old, random);
      const text = isOneIn(random, 3) ? createHostileName(random) : pickFrom(random, INTERESTING_TEXTS);
      const times = isOneIn(random, 16) ? 1 + random.nextInteger(200) : 1;
      return padEven(toBytes(text.repeat(times)));
    }
  }
}

/** A length that is not the content's. */
function createLength(truth: number, random: Random): number {
  switch (random.nextInteger(6)) {
    case 0:
      return UNDEFINED;
    case 1:
      return Math.max(0, truth + random.nextInteger(9) - 4);
    case 2:
      return truth + 2 * (1 + random.nextInteger(64));
    case 3:
      return Math.floor(truth / 2);
    default:
      return pickFrom(random, INTERESTING_INTEGERS);
  }
}

/** A sequence nested so many times, of open or closed items. */
function createNest(levels: number, layout: Layout, isOpen: boolean): Piece {
  let piece = createPiece(0x00080100, "SH", toBytes("X "), layout);
  for (let i = 0; i < levels; i++) {
    const end = createPiece(0xfffee00d, "", new Uint8Array(0), layout);
    const inner = createPiece(ITEM, "", isOpen ? [piece, end] : [piece], layout);
    const item = isOpen ? { ...inner, length: UNDEFINED } : inner;
    const sequence = createPiece(
      0x0040a730,
      "SQ",
      isOpen ? [item, createPiece(0xfffee0dd, "", new Uint8Array(0), layout)] : [item],
      layout,
    );
    piece = isOpen ? { ...sequence, length: UNDEFINED } : sequence;
  }
  return piece;
}

function isFragmentOwner(piece: Piece): boolean {
  return piece.tag === PIXEL_DATA && !(piece.content instanceof Uint8Array);
}

function getBytes(piece: Piece): Uint8Array {
  return piece.content instanceof Uint8Array ? piece.content : new Uint8Array(0);
}

/** Changes the offset table, the number and the bounds of fragments, or what is in one. */
function mutateFragments(items: readonly Piece[], random: Random): Piece[] {
  const out = [...items];
  if (out.length === 0) return out;
  const last = out.length - 1;
  const which = random.nextInteger(out.length);
  const piece = out[which];
  const content = getBytes(piece);
  const hasFrame = last >= 2;
  const frame = hasFrame ? 1 + random.nextInteger(last - 1) : which;
  switch (random.nextInteger(10)) {
    case 0: {
      // The offset table.
      const count = random.nextInteger(5);
      const table = new Uint8Array(isOneIn(random, 8) ? 3 : 4 * count);
      const view = new DataView(table.buffer);
      for (let i = 0; 4 * i + 4 <= table.length; i++)
        view.setUint32(4 * i, pickFrom(random, INTERESTING_INTEGERS), true);
      out[0] = { ...out[0], content: isOneIn(random, 2) ? table : mutateBytes(getBytes(out[0]), random) };
      return out;
    }
    case 1:
      out.splice(which, 1);
      return out;
    case 2:
      out.splice(random.nextInteger(out.length + 1), 0, piece);
      return out;
    case 3: {
      // One frame in two fragments.
      const at = random.nextInteger(content.length + 1);
      out.splice(
        which,
        1,
        { ...piece, content: content.slice(0, at) },
        { ...piece, content: content.slice(at) },
      );
      return out;
    }
    case 4:
      out[which] = { ...piece, length: createLength(content.length, random) };
      return out;
    case 5:
      out[which] = { ...piece, tag: pickFrom(random, EXTRA_TAGS) };
      return out;
    default: {
      const target = out[frame];
      out[frame] = { ...target, content: mutateCodestream(getBytes(target), random) };
      return out;
    }
  }
}

/** Changes one piece; may give none or several in its place. */
function mutatePiece(piece: Piece, random: Random, donors: DicomDonors): readonly Piece[] {
  const { content, layout } = piece;
  if (!(content instanceof Uint8Array) && content.length > 0 && !isOneIn(random, 4)) {
    const inner = isFragmentOwner(piece)
      ? mutateFragments(content, random)
      : mutateOne(content, random, donors);
    return [{ ...piece, content: inner }];
  }
  switch (random.nextInteger(14)) {
    case 0:
      return [];
    case 1:
      return [piece, piece];
    case 2: {
      const tag = isOneIn(random, 2)
        ? pickFrom(random, EXTRA_TAGS)
        : (piece.tag ^ (1 << random.nextInteger(32))) >>> 0;
      return [{ ...piece, tag }];
    }
    case 3:
      return [{ ...piece, vr: piece.vr === "" ? "" : pickFrom(random, VRS) }];
    case 4: {
      const letters = String.fromCharCode(random.nextInteger(256), random.nextInteger(256));
      return [{ ...piece, vr: piece.vr === "" ? "" : letters }];
    }
    case 5:
    case 6: {
      const truth = content instanceof Uint8Array ? content.length : 64;
      return [{ ...piece, length: createLength(truth, random) }];
    }
    case 7: {
      const levels = isOneIn(random, 8) ? 28 + random.nextInteger(8) : random.nextInteger(6);
      const nest = createNest(levels, layout, isOneIn(random, 2));
      return isOneIn(random, 2) ? [piece, nest] : [{ ...nest, tag: piece.tag }];
    }
    case 8: {
      const item = createPiece(ITEM, "", [piece], layout);
      const isUnknown = isOneIn(random, 3);
      return [createPiece(piece.tag, isUnknown ? "UN" : "SQ", [item], layout)];
    }
    case 9: {
      const count = isOneIn(random, 20) ? 2000 : random.nextInteger(20);
      const item = createPiece(ITEM, "", new Uint8Array(0), layout);
      return [
        createPiece(
          piece.tag,
          "SQ",
          Array.from({ length: count }, () => item),
          layout,
        ),
      ];
    }
    case 10: {
      const end = createPiece(
        pickFrom(random, [ITEM, 0xfffee00d, 0xfffee0dd]),
        "",
        new Uint8Array(0),
        layout,
      );
      return isOneIn(random, 2) ? [piece, end] : [end, piece];
    }
    default:
      return [{ ...piece, content: createValue(piece, random, donors), length: undefined }];
  }
}

/** Changes one of several pieces, or swaps two, or brings one in from elsewhere. */
function mutateOne(pieces: readonly Piece[], random: Random, donors: DicomDonors): readonly Piece[] {
  if (pieces.length === 0) return pieces;
  const out = [...pieces];
  const kind = random.nextInteger(24);
  const which = random.nextInteger(out.length);
  if (kind === 0) {
    const other = random.nextInteger(out.length);
    const held = out[which];
    out[which] = out[other];
    out[other] = held;
    return out;
  }
  if (kind === 1 && donors.trees.length > 0) {
    const { body } = pickFrom(random, donors.trees);
    const donated = pickFrom(random, body);
    const same = out.findIndex((piece) => piece.tag === donated.tag);
    if (same >= 0) out[same] = donated;
    else {
      const after = out.findIndex((piece) => piece.tag > donated.tag);
      out.splice(after < 0 ? out.length : after, 0, donated);
    }
    return out;
  }
  if (kind === 2) {
    const vr = pickFrom(random, VRS);
    const fresh = createPiece(pickFrom(random, EXTRA_TAGS), vr, new Uint8Array(0), out[which].layout);
    const content = createValue(fresh, random, donors);
    const after = out.findIndex((piece) => piece.tag > fresh.tag);
    out.splice(after < 0 ? out.length : after, 0, { ...fresh, content });
    return out;
  }
  let target = which;
  if (kind < 12) {
    const aimed = out.flatMap((piece, i) => (PIXEL_TAGS.has(piece.tag) ? [i] : []));
    if (aimed.length > 0) target = pickFrom(random, aimed);
  } else {
    const frames = out.findIndex(isFragmentOwner);
    if (frames >= 0) target = frames;
  }
  out.splice(target, 1, ...mutatePiece(out[target], random, donors));
  return out;
}

const PREAMBLES: readonly Uint8Array[] = [
  toBytes("MZ\u0090\0"),
  toBytes("\u007fELF\u0002\u0001\u0001"),
  toBytes("\u00cf\u00fa\u00ed\u00fe"),
  toBytes("#!/bin/sh\n"),
  toBytes("<html><script>"),
  toBytes("II*\0\b\0\0\0"),
];

function mutatePreamble(tree: DicomTree, random: Random): DicomTree {
  if (tree.preamble.length < 132) return tree;
  switch (random.nextInteger(5)) {
    case 0:
      return { ...tree, preamble: new Uint8Array(0) };
    case 1:
      return { ...tree, preamble: new Uint8Array(0), meta: [] };
    case 2:
      return { ...tree, meta: [] };
    case 3:
      return { ...tree, preamble: tree.preamble.slice(0, random.nextInteger(132)) };
    default: {
      const preamble = tree.preamble.slice();
      preamble.set(pickFrom(random, PREAMBLES));
      return { ...tree, preamble };
    }
  }
}

/** One to four changes of a file, and sometimes noise over the result. */
export function mutateDicom(seed: DicomTree, random: Random, donors: DicomDonors): Uint8Array {
  let tree = seed;
  const changes = isOneIn(random, 2) ? 1 : 1 + random.nextInteger(4);
  for (let i = 0; i < changes; i++) {
    const where = random.nextInteger(32);
    if (where === 0) tree = mutatePreamble(tree, random);
    else if (where < 4) tree = { ...tree, meta: mutateOne(tree.meta, random, donors) };
    else tree = { ...tree, body: mutateOne(tree.body, random, donors) };
  }
  let bytes = writeDicomTree(tree);
  if (isOneIn(random, 6)) bytes = mutateBytes(bytes, random);
  return bytes;
}
