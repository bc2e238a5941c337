/**
 * The registry of transfer syntaxes (PS3.5 §10, annex A): how datasets are laid out and how frames are compressed.
 * What is listed here is read, tested against foreign codecs and, where `encodeFrame` exists, written.
 */
import { createRegistry, type Registry } from "@alara/core";
import type { DicomEncoding } from "../dataset/dataset.ts";
import { DicomError } from "../errors.ts";
import type { FrameFormat } from "./frame-format.ts";
import { decodeJ2kFrame, encodeHtj2kFrame } from "./j2k.ts";
import { decodeJpegFrame } from "./jpeg.ts";
import { decodeJpegLsFrame, encodeJpegLsFrame } from "./jpeg-ls.ts";
import { decodeRleFrame, encodeRleFrame } from "./rle.ts";

/** One transfer syntax. */
export interface TransferSyntax {
  readonly uid: string;
  readonly name: string;
  /** Layout in memory. */
  readonly encoding: DicomEncoding;
  /**
   * How the file's bytes differ from `encoding`: `big-endian` (retired, read only) and `deflated` files hold the
   * dataset of Explicit VR Little Endian in another form. Absent: not at all.
   */
  readonly storage?: "big-endian" | "deflated";
  /** Pixel data in fragments (PS3.5 §A.4) rather than native. */
  readonly encapsulated: boolean;
  /** Whether encoding may lose information. */
  readonly lossy: boolean;
  /** Code for Lossy Image Compression Method (0028,2114); lossy syntaxes only. */
  readonly lossyMethod?: string;
  /**
   * Photometric interpretations (PS3.3 C.7.6.3.1.2) that decoding turns into RGB. See `describeDecodedFrame`.
   */
  readonly decodesToRgb?: readonly string[];
  /** Compressed frame → native little-endian bytes, colour by pixel. */
  readonly decodeFrame?: (encoded: Uint8Array, format: FrameFormat) => Promise<Uint8Array>;
  /** Native little-endian bytes → compressed frame, lossless. */
  readonly encodeFrame?: (native: Uint8Array, format: FrameFormat) => Promise<Uint8Array>;
}

/** UIDs of the syntaxes that Alara itself chooses between. */
export const TRANSFER_SYNTAX_UID = {
  implicitLittleEndian: "1.2.840.10008.1.2",
  explicitLittleEndian: "1.2.840.10008.1.2.1",
  deflatedExplicitLittleEndian: "1.2.840.10008.1.2.1.99",
  explicitBigEndian: "1.2.840.10008.1.2.2",
  jpegBaseline: "1.2.840.10008.1.2.4.50",
  jpegExtended: "1.2.840.10008.1.2.4.51",
  jpegSpectralSelection: "1.2.840.10008.1.2.4.53",
  jpegFullProgression: "1.2.840.10008.1.2.4.55",
  jpegLossless: "1.2.840.10008.1.2.4.57",
  jpegLosslessSv1: "1.2.840.10008.1.2.4.70",
  jpegLsLossless: "1.2.840.10008.1.2.4.80",
  jpegLsNearLossless: "1.2.840.10008.1.2.4.81",
  jpeg2000Lossless: "1.2.840.10008.1.2.4.90",
  jpeg2000: "1.2.840.10008.1.2.4.91",
  htj2kLossless: "1.2.840.10008.1.2.4.201",
  htj2kLosslessRpcl: "1.2.840.10008.1.2.4.202",
  htj2k: "1.2.840.10008.1.2.4.203",
  rleLossless: "1.2.840.10008.1.2.5",
} as const;

/** Stored colour differences that JPEG decoders turn back, and those of JPEG 2000. */
const JPEG_COLOUR = ["YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420"] as const;
const J2K_COLOUR = ["YBR_RCT", "YBR_ICT"] as const;

/** Entries of the JPEG family (ITU-T T.81). */
const JPEG_DCT = {
  encoding: "explicit-le",
  encapsulated: true,
  lossy: true,
  lossyMethod: "ISO_10918_1",
  decodesToRgb: JPEG_COLOUR,
  decodeFrame: decodeJpegFrame,
} as const;
const JPEG_LOSSLESS = {
  encoding: "explicit-le",
  encapsulated: true,
  lossy: false,
  decodeFrame: decodeJpegFrame,
} as const;
/** Entries of the JPEG 2000 family (ITU-T T.800, T.814). */
const J2K_LOSSLESS = {
  encoding: "explicit-le",
  encapsulated: true,
  lossy: false,
  decodesToRgb: J2K_COLOUR,
  decodeFrame: decodeJ2kFrame,
} as const;
const J2K_LOSSY = { ...J2K_LOSSLESS, lossy: true } as const;

const syntaxes: readonly TransferSyntax[] = [
  {
    uid: TRANSFER_SYNTAX_UID.implicitLittleEndian,
    name: "Implicit VR Little Endian",
    encoding: "implicit-le",
    encapsulated: false,
    lossy: false,
  },
  {
    uid: TRANSFER_SYNTAX_UID.explicitLittleEndian,
    name: "Explicit VR Little Endian",
    encoding: "explicit-le",
    encapsulated: false,
    lossy: false,
  },
  {
    uid: TRANSFER_SYNTAX_UID.deflatedExplicitLittleEndian,
    name: "Deflated Explicit VR Little Endian",
    encoding: "explicit-le",
    storage: "deflated",
    encapsulated: false,
    lossy: false,
  },
  {
    uid: TRANSFER_SYNTAX_UID.explicitBigEndian,
    name: "Explicit VR Big Endian",
    encoding: "explicit-le",
    storage: "big-endian",
    encapsulated: false,
    lossy: false,
  },
  { uid: TRANSFER_SYNTAX_UID.jpegBaseline, name: "JPEG Baseline (process 1)", ...JPEG_DCT },
  { uid: TRANSFER_SYNTAX_UID.jpegExtended, name: "JPEG Extended (processes 2 and 4)", ...JPEG_DCT },
  {
    uid: TRANSFER_SYNTAX_UID.jpegSpectralSelection,
    name: "JPEG Spectral Selection (processes 6 and 8, retired)",
    ...JPEG_DCT,
  },
  {
    uid: TRANSFER_SYNTAX_UID.jpegFullProgression,
    name: "JPEG Full Progression (processes 10 and 12, retired)",
    ...JPEG_DCT,
  },
  { uid: TRANSFER_SYNTAX_UID.jpegLossless, name: "JPEG Lossless (process 14)", ...JPEG_LOSSLESS },
  {
    uid: TRANSFER_SYNTAX_UID.jpegLosslessSv1,
    name: "JPEG Lossless, first-order prediction (process 14, selection value 1)",
    ...JPEG_LOSSLESS,
  },
  {
    uid: TRANSFER_SYNTAX_UID.jpegLsLossless,
    name: "JPEG-LS Lossless",
    encoding: "explicit-le",
    encapsulated: true,
    lossy: false,
    decodeFrame: decodeJpegLsFrame,
    encodeFrame: encodeJpegLsFrame,
  },
  {
    uid: TRANSFER_SYNTAX_UID.jpegLsNearLossless,
    name: "JPEG-LS Near-lossless",
    encoding: "explicit-le",
    encapsulated: true,
    lossy: true,
    lossyMethod: "ISO_14495_1",
    decodeFrame: decodeJpegLsFrame,
  },
  { uid: TRANSFER_SYNTAX_UID.jpeg2000Lossless, name: "JPEG 2000 Lossless", ...J2K_LOSSLESS },
  {
    uid: TRANSFER_SYNTAX_UID.jpeg2000,
    name: "JPEG 2000",
    ...J2K_LOSSY,
    lossyMethod: "ISO_15444_1",
  },
  {
    uid: TRANSFER_SYNTAX_UID.htj2kLossless,
    name: "High-Throughput JPEG 2000 Lossless",
    ...J2K_LOSSLESS,
    encodeFrame: encodeHtj2kFrame,
  },
  {
    uid: TRANSFER_SYNTAX_UID.htj2kLosslessRpcl,
    name: "High-Throughput JPEG 2000 with RPCL, lossless",
    ...J2K_LOSSLESS,
    encodeFrame: encodeHtj2kFrame,
  },
  {
    uid: TRANSFER_SYNTAX_UID.htj2k,
    name: "High-Throughput JPEG 2000",
    ...J2K_LOSSY,
    lossyMethod: "ISO_15444_15",
  },
  {
    uid: TRANSFER_SYNTAX_UID.rleLossless,
    name: "RLE Lossless",
    encoding: "explicit-le",
    encapsulated: true,
    lossy: false,
    decodeFrame: decodeRleFrame,
    encodeFrame: encodeRleFrame,
  },
];

/** Every transfer syntax that can be read, by UID. */
export const transferSyntaxes: Registry<TransferSyntax> = createRegistry(
  "transfer syntax",
  syntaxes.map((syntax) => [syntax.uid, syntax] as const),
);

/** Names of syntaxes that are known but not read, for messages. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  "1.2.840.10008.1.2.4.52": "JPEG Extended (processes 3 and 5, arithmetic coding, retired)",
  "1.2.840.10008.1.2.4.92": "JPEG 2000 Part 2 Multi-component Lossless",
  "1.2.840.10008.1.2.4.93": "JPEG 2000 Part 2 Multi-component",
  "1.2.840.10008.1.2.4.94": "JPIP Referenced",
  "1.2.840.10008.1.2.4.95": "JPIP Referenced Deflate",
  "1.2.840.10008.1.2.4.100": "MPEG-2 Main Profile",
  "1.2.840.10008.1.2.4.102": "MPEG-4 AVC/H.264 High Profile",
  "1.2.840.10008.1.2.4.107": "HEVC/H.265 Main Profile",
  "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
  "1.2.840.10008.1.2.4.112": "JPEG XL",
};

/** The syntax of a UID, or `undefined` when it is not read. */
export function findTransferSyntax(uid: string): TransferSyntax | undefined {
  return transferSyntaxes.has(uid) ? transferSyntaxes.get(uid) : undefined;
}

/**
 * The syntax of a UID.
 *
 * @throws DicomError `UNSUPPORTED_TRANSFER_SYNTAX`, naming the UID
 */
export function requireTransferSyntax(uid: string): TransferSyntax {
  const syntax = findTransferSyntax(uid);
  if (syntax !== undefined) return syntax;
  const shown = /^[0-9.]{1,64}$/.test(uid) ? uid : "(not a valid UID)";
  const name = Object.hasOwn(OTHER_NAMES, uid) ? ` (${OTHER_NAMES[uid]})` : "";
  throw new DicomError(
    "UNSUPPORTED_TRANSFER_SYNTAX",
    `transfer syntax ${shown}${name} is not supported; convert the file to one of: ${syntaxes
      .map((item) => item.name)
      .join(", ")}`,
  );
}
