/**
 * An image with a marker in every attribute of the dictionary, at the top and three sequences deep, in private blocks,
 * unknown attributes, overlays, curves, file meta, preamble, padding and behind NULs. Text markers are a prefix and the
 * tag; UIDs, dates and times carry the tag's place in the dictionary.
 */
import { VR_TAGS } from "../src/generated/vr-table.ts";
import {
  ascii,
  concat,
  EXPLICIT_LE,
  explicit,
  IMPLICIT_LE,
  implicit,
  item,
  openItem,
  SEQUENCE_END,
  tagBytes,
  UNDEFINED,
  uint16,
  uint32,
} from "./make-dicom.ts";

/** Every tag of the dictionary with its VR, in order; groups 0000, 0002 and FFFE left out. */
export const DICTIONARY: readonly (readonly [number, string])[] = Object.entries(VR_TAGS)
  .flatMap(([vr, tags]) => tags.split(" ").map((tag) => [Number.parseInt(tag, 16), vr] as const))
  .filter(([tag]) => tag > 0x0003ffff && Math.floor(tag / 65536) !== 0xfffe && tag % 65536 !== 0)
  .sort((a, b) => a[0] - b[0]);

const POSITIONS = new Map(DICTIONARY.map(([tag], position) => [tag, position]));
const TEXTS = new Set("AE CS LO LT PN SH ST UC UR UT".split(" "));
const NUMBERS: Readonly<Record<string, number>> = {
  US: 2,
  SS: 2,
  xs: 2,
  UL: 4,
  SL: 4,
  FL: 4,
  AT: 4,
  FD: 8,
  UV: 8,
  SV: 8,
};

function formatTagHex(tag: number): string {
  return tag.toString(16).padStart(8, "0").toUpperCase();
}

/** A day of its own per tag, 1500 to 1520. */
export function makeDate(tag: number): string {
  const day = new Date(Date.UTC(1500, 0, 1));
  day.setUTCDate(1 + (POSITIONS.get(tag) ?? 0));
  return day.toISOString().slice(0, 10).replaceAll("-", "");
}

/** A fraction of a second of its own per tag. */
export function makeTime(tag: number): string {
  return `111111.${String(700_000 + (POSITIONS.get(tag) ?? 0))}`;
}

function makeValue(tag: number, vr: string, prefix: string): Uint8Array | string {
  if (vr === "UI") return `9.9.${prefix === "ZQ" ? 1 : 2}.${tag}`;
  if (vr === "DA") return makeDate(tag);
  if (vr === "TM") return makeTime(tag);
  if (vr === "DT") return `${makeDate(tag)}${makeTime(tag)}`;
  if (vr === "AS") return "033Y";
  if (vr === "DS" || vr === "IS") return String(POSITIONS.get(tag));
  if (vr in NUMBERS) return new Uint8Array(NUMBERS[vr]);
  if (TEXTS.has(vr) || vr === "UN" || vr.startsWith("O") || vr === "ox") {
    const text = ascii(`${prefix}${formatTagHex(tag)}`);
    return vr === "OF" || vr === "OL" || vr === "OD" || vr === "OV"
      ? concat(text, new Uint8Array(16 - text.length))
      : text;
  }
  throw new Error(`VR ${vr} has no marker`);
}

/** Values that make it an image that can be told to be one. */
const FIXED: ReadonlyMap<number, string> = new Map([
  [0x00080016, "1.2.840.10008.5.1.4.1.1.2"],
  [0x00080005, "ISO 2022 IR 6\\ISO 2022 IR 87"],
]);

type Encode = (tag: number, vr: string, value: Uint8Array | string) => Uint8Array;

/** Everything once; sequences hold an item with a name and an identifier. */
function makeEverything(prefix: string, encode: Encode, extra: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const parts = new Map<number, Uint8Array>();
  for (const [tag, dictionaryVr] of DICTIONARY) {
    const vr = dictionaryVr === "xs" ? "US" : dictionaryVr === "ox" ? "OW" : dictionaryVr;
    if (vr === "SQ") {
      const content = concat(
        encode(0x00080080, "LO", `${prefix}${formatTagHex(tag)}`),
        encode(0x00081155, "UI", `9.9.${prefix === "ZQ" ? 1 : 2}.${tag}`),
        encode(0x00100010, "PN", `${prefix}${formatTagHex(tag)}`),
      );
      parts.set(tag, encode(tag, "SQ", item(content)));
    } else {
      parts.set(tag, encode(tag, vr, FIXED.get(tag) ?? makeValue(tag, vr, prefix)));
    }
  }
  const add = (tag: number, vr: string, value: Uint8Array | string): void => {
    parts.set(tag, encode(tag, vr, value));
  };
  const name = (text: string): Uint8Array => ascii(`${prefix}${text}`);
  // Text behind NULs, in text, code, number and UID; names in other character sets, padded twice.
  add(0x00080070, "LO", concat(ascii("ACME\0"), name("AFTERNUL1")));
  add(0x00080060, "CS", concat(ascii("CT\0\0"), name("AFTERNUL2"), ascii("\0")));
  add(0x00180050, "DS", concat(ascii("5\0"), name("AFTERNUL3"), ascii(" ")));
  add(0x00081150, "UI", concat(ascii("1.2.840.10008.5.1.4.1.1.2\0"), name("AFTERNUL4")));
  add(
    0x00100010,
    "PN",
    concat(name("JP^"), Uint8Array.of(0x1b, 0x24, 0x42, 0x3b, 0x33), name("KANJI"), ascii("  \0\0")),
  );
  add(0x00101001, "PN", concat(name("UTF"), new TextEncoder().encode("éß漢字"), ascii("\0 ")));
  // A number field with a sentence in it, a code that is too long for one.
  add(0x00280010, "UT", concat(name("SENTENCE "), name("ROWS")));
  add(0x00280011, "UN", name("SENTENCE COLUMNS"));
  add(0x00180015, "CS", name(" A CODE LONGER THAN SIXTEEN"));
  // Private: a vendor's block, one without creator, one in UN, one with a sequence, one whose creator is a name.
  add(0x00090010, "LO", "SIEMENS CSA HEADER");
  add(0x00091010, "OB", name("PRIVATE1"));
  add(0x00111010, "LO", name("NOCREATOR1"));
  add(0x00190010, "LO", "GEMS_ACQU_01");
  add(0x00191023, "DS", name("SAFEBUTTEXT1"));
  add(0x0019109a, "UN", name("PRIVATE2"));
  add(0x0019109e, "LO", concat(ascii("SEQ\0"), name("PRIVATE3")));
  add(0x00210010, "LO", name("CREATOR1"));
  add(0x00211001, "SQ", item(encode(0x00100010, "PN", name("PRIVATESQ1 "))));
  add(0x20010010, "LO", "Philips Imaging DD 001");
  add(0x20011004, "SQ", item(encode(0x00100010, "PN", name("PRIVATESQ2 "))));
  // Unknown attributes of even groups, and odd corners.
  add(0x00089990, "LO", name("UNKNOWN1"));
  add(0x22229990, "UN", name("UNKNOWN2"));
  for (const group of [0x5002, 0x501e, 0x6002, 0x601e]) {
    add(group * 65536 + 0x3000, "OW", name("GRAPHIC1"));
    add(group * 65536 + 0x0022, "LO", name("GRAPHIC2"));
  }
  add(0xfffcfffc, "OB", name("TRAILING"));
  for (const [tag, bytes] of extra) parts.set(tag, bytes);
  return concat(...[...parts].sort((a, b) => a[0] - b[0]).map(([, bytes]) => bytes));
}

/** How a canary is laid out. */
export type CanaryLayout = "explicit" | "implicit" | "unknown-sequences";

/** The whole file. Inner markers start with ZR, outer ones with ZQ. */
export function makeCanary(layout: CanaryLayout = "explicit"): Uint8Array {
  const isImplicit = layout === "implicit";
  const encodeImplicit: Encode = (tag, _vr, value) =>
    implicit(tag, typeof value === "string" ? value : pad(value));
  const encodeExplicit: Encode = (tag, vr, value) => {
    const bytes = typeof value === "string" ? value : pad(value);
    // Long values need a long length field.
    return explicit(tag, bytes.length > 0xfffe && vr !== "SQ" ? "UN" : vr, bytes);
  };
  const encode = isImplicit ? encodeImplicit : encodeExplicit;
  const nested = layout === "unknown-sequences" ? encodeImplicit : encode;
  const derivation = 0x00089215;
  const inner = makeEverything("ZR", nested, new Map());
  const wrap = (content: Uint8Array): Uint8Array => {
    if (layout === "explicit") {
      return concat(
        tagBytes(derivation),
        ascii("SQ"),
        uint16(0),
        uint32(UNDEFINED),
        openItem(content),
        SEQUENCE_END,
      );
    }
    return nested(derivation, "SQ", item(content));
  };
  const twice = wrap(wrap(inner));
  const outermost =
    layout === "unknown-sequences"
      ? explicit(derivation, "UN", item(twice))
      : nested(derivation, "SQ", item(twice));
  const body = makeEverything("ZQ", encode, new Map([[derivation, outermost]]));
  const meta = concat(
    explicit(0x00020001, "OB", Uint8Array.of(0, 1)),
    explicit(0x00020002, "UI", "1.2.840.10008.5.1.4.1.1.2"),
    explicit(0x00020003, "UI", "9.9.1.1"),
    explicit(0x00020010, "UI", isImplicit ? IMPLICIT_LE : EXPLICIT_LE),
    explicit(0x00020012, "UI", "9.9.1.2"),
    explicit(0x00020013, "SH", "ZQMETAVERSION"),
    explicit(0x00020016, "AE", "ZQMETASOURCEAE"),
    explicit(0x00020017, "AE", "ZQMETASENDAE"),
    explicit(0x00020100, "UI", "9.9.1.3"),
    explicit(0x00020102, "OB", ascii("ZQMETAPRIVATE1")),
  );
  const preamble = new Uint8Array(128);
  preamble.set(ascii("ZQPREAMBLE"), 20);
  return concat(preamble, ascii("DICM"), explicit(0x00020000, "UL", uint32(meta.length)), meta, body);
}

function pad(bytes: Uint8Array): Uint8Array {
  return bytes.length % 2 === 0 ? bytes : concat(bytes, Uint8Array.of(0x20));
}

/** Every marker in some bytes: tags as hexadecimal, UIDs, dates, times, and the named ones. */
export function findMarkers(bytes: Uint8Array | string): ReadonlySet<string> {
  const text = typeof bytes === "string" ? bytes : Buffer.from(bytes).toString("latin1");
  const found = new Set<string>();
  for (const [marker] of text.matchAll(
    /Z[QR][0-9A-F]{8}|Z[QR]\s?[A-Z][A-Z0-9 ]{2,}|9\.9\.[12]\.\d+|(?<!\d)15[0-2]\d{5}(?=111111|\D|$)|111111\.7\d{5}/gi,
  )) {
    found.add(marker);
  }
  return found;
}
