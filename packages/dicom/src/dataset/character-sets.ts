/**
 * Text for display by Specific Character Set (0008,0005): PS3.3 C.12.1.1.2, PS3.5 §6.1 with the code extensions of
 * ISO 2022. Raw bytes are never recoded: this decodes a copy, and new values stay ASCII (elements.ts). It never
 * fails: what is no character of the set becomes U+FFFD, an unknown set is read as Latin-1.
 */
import type { DicomDataset } from "./dataset.ts";
import { TAG } from "./tags.ts";
import { isSingleValuedText } from "./value-representations.ts";
import { checkTextBytes, decodeLatin1, trimPadding } from "./values.ts";

/** VRs that (0008,0005) concerns (PS3.5 §6.1.2.2); all others are ASCII. */
const EXTENDED_VRS: ReadonlySet<string> = new Set(["LO", "LT", "PN", "SH", "ST", "UC", "UT"]);

/** Upper half (A0–FF) of each single-byte set by ISO registration number: its WHATWG label. */
const SINGLE_BYTE_LABELS: Readonly<Record<number, string | undefined>> = {
  101: "iso-8859-2",
  109: "iso-8859-3",
  110: "iso-8859-4",
  126: "iso-8859-7",
  127: "iso-8859-6",
  138: "iso-8859-8",
  144: "iso-8859-5",
  148: "iso-8859-9",
  166: "windows-874",
  203: "iso-8859-15",
};

/**
 * Escape sequences (PS3.3 table C.12-3, C.12-4) behind ESC: where the set goes and its registration number. G0 is
 * bytes 21–7E, G1 is A0–FF.
 */
const ESCAPES: readonly (readonly [string, "g0" | "g1", number])[] = [
  ["(B", "g0", 6],
  ["(J", "g0", 14],
  [")I", "g1", 13],
  ["-A", "g1", 100],
  ["-B", "g1", 101],
  ["-C", "g1", 109],
  ["-D", "g1", 110],
  ["-F", "g1", 126],
  ["-G", "g1", 127],
  ["-H", "g1", 138],
  ["-L", "g1", 144],
  ["-M", "g1", 148],
  ["-T", "g1", 166],
  ["-b", "g1", 203],
  ["$B", "g0", 87],
  ["$(D", "g0", 159],
  ["$)C", "g1", 149],
  ["$)A", "g1", 58],
];

const ASCII = 6;
const JIS_ROMAN = 14;
const JIS_KATAKANA = 13;
const LATIN_1 = 100;
const REPLACEMENT = "\ufffd";

/** How a text is to be read. */
interface Repertoire {
  /** Label of a multi-byte set without code extensions; else `undefined`. */
  readonly label: string | undefined;
  /** Sets in force at the start of each value. */
  readonly g0: number;
  readonly g1: number | undefined;
}

/** The registration number in a defined term; typists' variants (ISO-IR 100, ISO 2022-IR 87) are taken too. */
function findRegistration(term: string): number | undefined {
  const match = /^ISO[ _-]?(?:2022)?[ _-]?IR[ _-]?(\d{1,3})$/.exec(term);
  return match === null ? undefined : Number(match[1]);
}

function getRepertoire(terms: readonly string[]): Repertoire {
  const first = terms[0] ?? "";
  if (first === "GB18030" || first === "GBK") return { label: "gb18030", g0: ASCII, g1: undefined };
  const registration = findRegistration(first);
  if (registration === 192) return { label: "utf-8", g0: ASCII, g1: undefined };
  if (registration === JIS_KATAKANA) return { label: undefined, g0: JIS_ROMAN, g1: JIS_KATAKANA };
  const isKnown =
    registration === LATIN_1 ||
    registration === 149 ||
    registration === 58 ||
    (registration !== undefined && SINGLE_BYTE_LABELS[registration] !== undefined);
  if (isKnown) return { label: undefined, g0: ASCII, g1: registration };
  // With the default set alone, bytes above 7F are not defined; Latin-1 shows what most such files mean.
  return { label: undefined, g0: ASCII, g1: terms.length > 1 ? undefined : LATIN_1 };
}

/** All defined terms together are shorter; the list is read anew for every text. */
const MAX_TERMS_BYTES = 1024;

/** Values of Specific Character Set in force for a dataset; its own, else that of the dataset around an item. */
export function getCharacterSets(dataset: DicomDataset): readonly string[] {
  const element = dataset.elements.get(TAG.SpecificCharacterSet) ?? dataset.outerCharacterSet;
  if (element === undefined) return [];
  return decodeLatin1(element.bytes.subarray(0, MAX_TERMS_BYTES)).split("\\").map(trimPadding);
}

/**
 * All values of a text element for display, trimmed; `undefined` when absent or empty. A byte 5C inside a multi-byte
 * character separates nothing.
 *
 * @throws DicomError `LIMIT_EXCEEDED`
 * @remarks PS3.5 §6.1.2, PS3.3 C.12.1.1.2. Tested against pydicom's charset module and the names of PS3.5 annexes H
 * to K.
 */
export function decodeTexts(dataset: DicomDataset, tag: number): string[] | undefined {
  const element = dataset.elements.get(tag);
  if (element === undefined || element.bytes.length === 0) return undefined;
  checkTextBytes(dataset, element);
  const text = EXTENDED_VRS.has(element.vr)
    ? decodeCharacters(element.bytes, getCharacterSets(dataset), element.vr)
    : decodeLatin1(element.bytes);
  const values = isSingleValuedText(element.vr) ? [text] : text.split("\\");
  const trimmed = values.map(trimPadding);
  return trimmed.every((value) => value === "") ? undefined : trimmed;
}

/** The first value of a text element for display; see {@link decodeTexts}. */
export function decodeText(dataset: DicomDataset, tag: number): string | undefined {
  return decodeTexts(dataset, tag)?.[0] || undefined;
}

/**
 * Bytes as characters, separators and padding included.
 *
 * @param terms - values of Specific Character Set; the first may be empty
 * @param vr - decides which delimiters bring the first set back (PS3.5 §6.1.2.5.3); default "LO"
 */
export function decodeCharacters(bytes: Uint8Array, terms: readonly string[], vr = "LO"): string {
  const repertoire = getRepertoire(terms);
  if (repertoire.label !== undefined) return getDecoder(repertoire.label).decode(bytes);
  let text = "";
  let { g0, g1 } = repertoire;
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at];
    if (byte === 0x1b) {
      const found = findEscape(bytes, at + 1);
      if (found !== undefined) {
        if (found[1] === "g0") g0 = found[2];
        else g1 = found[2];
        at += 1 + found[0].length;
        continue;
      }
    }
    const isWide = byte >= 0x80 ? g1 === 149 || g1 === 58 : byte > 0x20 && (g0 === 87 || g0 === 159);
    if (isWide) {
      text += decodeWide(bytes, at, byte >= 0x80 ? (g1 as number) : g0);
      at += at + 1 < bytes.length ? 2 : 1;
      continue;
    }
    if (isDelimiter(byte, vr)) ({ g0, g1 } = repertoire);
    text += byte < 0x80 ? decodeLower(byte, g0) : decodeUpper(byte, g1);
    at++;
  }
  return text;
}

function isDelimiter(byte: number, vr: string): boolean {
  if (byte === 0x09 || byte === 0x0a || byte === 0x0c || byte === 0x0d) return true;
  if (byte === 0x5c) return !isSingleValuedText(vr);
  return vr === "PN" && (byte === 0x5e || byte === 0x3d);
}

function findEscape(bytes: Uint8Array, at: number): (typeof ESCAPES)[number] | undefined {
  return ESCAPES.find(([code]) => {
    for (let i = 0; i < code.length; i++) if (bytes[at + i] !== code.charCodeAt(i)) return false;
    return true;
  });
}

/** JIS X 0201 has yen and overline for backslash and tilde; the separator stays a backslash (PS3.5 §6.1.2.3). */
function decodeLower(byte: number, g0: number): string {
  return g0 === JIS_ROMAN && byte === 0x7e ? "\u203e" : String.fromCharCode(byte);
}

function decodeUpper(byte: number, g1: number | undefined): string {
  if (byte < 0xa0 || g1 === LATIN_1) return String.fromCharCode(byte);
  if (g1 === JIS_KATAKANA) {
    return byte >= 0xa1 && byte <= 0xdf ? String.fromCharCode(0xff61 + byte - 0xa1) : REPLACEMENT;
  }
  const label = g1 === undefined ? undefined : SINGLE_BYTE_LABELS[g1];
  return label === undefined ? REPLACEMENT : getUpperHalf(label)[byte - 0xa0];
}

/** Two bytes of a 94 × 94 set, by way of the EUC form that the platform decodes. */
function decodeWide(bytes: Uint8Array, at: number, set: number): string {
  const second = at + 1 < bytes.length ? bytes[at + 1] : 0;
  const high = bytes[at] | 0x80;
  const low = second | 0x80;
  // Both bytes lie in the same half and leave room for 94 columns.
  if (bytes[at] >> 7 !== second >> 7 || low < 0xa1 || low > 0xfe || high < 0xa1 || high > 0xfe) {
    return REPLACEMENT;
  }
  if (set === 149) return getDecoder("euc-kr").decode(Uint8Array.of(high, low));
  if (set === 58) return getDecoder("gb18030").decode(Uint8Array.of(high, low));
  const euc = set === 87 ? Uint8Array.of(high, low) : Uint8Array.of(0x8f, high, low);
  return getDecoder("euc-jp").decode(euc);
}

type Decoder = InstanceType<typeof TextDecoder>;
const decoders = new Map<string, Decoder>();
const upperHalves = new Map<string, readonly string[]>();

function getDecoder(label: string): Decoder {
  let decoder = decoders.get(label);
  if (decoder === undefined) {
    decoder = new TextDecoder(label, { ignoreBOM: true });
    decoders.set(label, decoder);
  }
  return decoder;
}

function getUpperHalf(label: string): readonly string[] {
  let half = upperHalves.get(label);
  if (half === undefined) {
    half = [...getDecoder(label).decode(Uint8Array.from({ length: 96 }, (_, i) => 0xa0 + i))];
    upperHalves.set(label, half);
  }
  return half;
}

/** One group of a person name, by its components (PS3.5 §6.2.1.1); absent ones are empty. */
export interface PersonNameGroup {
  readonly family: string;
  readonly given: string;
  readonly middle: string;
  readonly prefix: string;
  readonly suffix: string;
}

/** A person name in up to three scripts. */
export interface PersonName {
  readonly alphabetic: PersonNameGroup | undefined;
  readonly ideographic: PersonNameGroup | undefined;
  readonly phonetic: PersonNameGroup | undefined;
}

/** Takes one decoded value of VR PN apart. */
export function splitPersonName(value: string): PersonName {
  const groups = value.split("=").map((group) => group.trimEnd());
  const read = (group: string | undefined): PersonNameGroup | undefined => {
    if (group === undefined || group === "") return undefined;
    const [family = "", given = "", middle = "", prefix = "", suffix = ""] = group.split("^");
    return { family, given, middle, prefix, suffix };
  };
  return { alphabetic: read(groups[0]), ideographic: read(groups[1]), phonetic: read(groups[2]) };
}
