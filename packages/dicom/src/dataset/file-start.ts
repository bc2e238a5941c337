/**
 * Where a file's first element stands and what the file is when it does not say so: preamble (PS3.10 §7.1), files
 * without preamble or meta information, and the guess at their byte order and VR.
 */
import { TRANSFER_SYNTAX_UID } from "../codecs/transfer-syntaxes.ts";
import { DicomError } from "../errors.ts";
import { readUint32 } from "./cursor.ts";

/** Bytes before "DICM". */
export const PREAMBLE_LENGTH = 128;

/**
 * What may stand in a preamble, which PS3.10 §7.1 leaves to applications: `safe` = zeros, a TIFF header or binary data
 * that is no known program, archive or text; `any` = anything at all.
 */
export type PreamblePolicy = "safe" | "any";

/** TIFF and BigTIFF in both byte orders: files that are both, as whole-slide scanners write them. */
const TIFF_STARTS: readonly (readonly number[])[] = [
  [0x49, 0x49, 0x2a, 0],
  [0x4d, 0x4d, 0, 0x2a],
  [0x49, 0x49, 0x2b, 0],
  [0x4d, 0x4d, 0, 0x2b],
];

/** How programs and archives start that some system runs or opens: what a preamble must not be (CVE-2019-11687). */
const PROGRAM_STARTS: readonly (readonly number[])[] = [
  [0x4d, 0x5a], // DOS, Windows
  [0xe9], // jumps, with which DOS programs without a header start
  [0xeb],
  [0x7f, 0x45, 0x4c, 0x46], // ELF
  [0xfe, 0xed, 0xfa], // Mach-O, big endian
  [0xce, 0xfa, 0xed, 0xfe], // Mach-O, little endian
  [0xcf, 0xfa, 0xed, 0xfe],
  [0xca, 0xfe, 0xba, 0xbe], // Java class, Mach-O of several architectures
  [0xbe, 0xba, 0xfe, 0xca],
  [0x00, 0x61, 0x73, 0x6d], // WebAssembly
  [0x23, 0x21], // #!
  [0x50, 0x4b], // zip
  [0x1f, 0x8b], // gzip
  [0x4c, 0, 0, 0], // Windows shortcut
  [0xd0, 0xcf, 0x11, 0xe0], // OLE: installer, document with macros
];

/** So many printable characters in a row are a text: a script, a page, a PDF, wherever they stand. */
const TEXT_RUN = 4;

/**
 * Position of the first element: after "DICM", or 0 when the bytes start with a plausible element.
 *
 * @throws DicomError `NOT_DICOM`; `UNSAFE_PREAMBLE` when the preamble could make the file run as a program or open as
 * a page (CVE-2019-11687); written files have zeros there whatever was read
 */
export function findFileStart(bytes: Uint8Array, policy: PreamblePolicy): number {
  const p = PREAMBLE_LENGTH;
  if (
    bytes.length >= p + 4 &&
    bytes[p] === 0x44 &&
    bytes[p + 1] === 0x49 &&
    bytes[p + 2] === 0x43 &&
    bytes[p + 3] === 0x4d
  ) {
    if (policy === "safe") checkPreamble(bytes);
    return p + 4;
  }
  if (!isElementStart(bytes)) {
    throw new DicomError(
      "NOT_DICOM",
      `these ${bytes.length} bytes have no "DICM" at byte 128 and do not start with a DICOM element`,
      { offset: 0 },
    );
  }
  return 0;
}

function checkPreamble(bytes: Uint8Array): void {
  const startsWith = (start: readonly number[]): boolean => start.every((byte, i) => bytes[i] === byte);
  if (TIFF_STARTS.some(startsWith)) return;
  let run = 0;
  let longest = 0;
  for (let i = 0; i < PREAMBLE_LENGTH; i++) {
    run = bytes[i] >= 0x20 && bytes[i] < 0x7f ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  const isProgram = PROGRAM_STARTS.some(startsWith);
  if (!isProgram && longest < TEXT_RUN) return;
  throw new DicomError(
    "UNSAFE_PREAMBLE",
    `the first 128 bytes ${isProgram ? "start like a program or an archive" : "hold text, as a script or a page does"}, so the file may be something else in disguise; if it is to be trusted, clear them in a copy (dd if=/dev/zero of=COPY bs=128 count=1 conv=notrunc) or pass preamble: "any"`,
    { offset: 0 },
  );
}

/** Group 0002 or 0008 in little endian with a VR or a length that fits, or group 0008 in big endian with a VR. */
function isElementStart(bytes: Uint8Array): boolean {
  if (bytes.length < 8) return false;
  const group = bytes[0] | (bytes[1] << 8);
  if (group === 2 || group === 8) return isVrAt(bytes, 4) || readUint32(bytes, 4) <= bytes.length - 8;
  return group === 0x0800 && isVrAt(bytes, 4);
}

function isVrAt(bytes: Uint8Array, at: number): boolean {
  const first = bytes[at] - 65;
  const second = bytes[at + 1] - 65;
  return first >= 0 && first <= 25 && second >= 0 && second <= 25;
}

/**
 * The transfer syntax of a dataset that begins at `at`, by its first element: a VR means explicit, a group that is
 * larger read as little endian means big endian (groups below 0100 come first). Native pixel data is assumed.
 */
export function guessTransferSyntax(bytes: Uint8Array, at: number): string {
  if (bytes.length - at < 8 || !isVrAt(bytes, at + 4)) return TRANSFER_SYNTAX_UID.implicitLittleEndian;
  return bytes[at] === 0 && bytes[at + 1] !== 0
    ? TRANSFER_SYNTAX_UID.explicitBigEndian
    : TRANSFER_SYNTAX_UID.explicitLittleEndian;
}
