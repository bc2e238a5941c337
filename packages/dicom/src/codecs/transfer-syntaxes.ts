/**
 * The registry of transfer syntaxes (PS3.5 §10, annex A): how datasets are laid out and how frames are compressed.
 * What is listed here is read, tested against foreign codecs and, where `encodeFrame` exists, written.
 */
import { createRegistry, type Registry } from "@alara/core";
import type { DicomEncoding } from "../dataset/dataset.ts";
import { DicomError } from "../errors.ts";
import type { FrameFormat } from "./frame-format.ts";
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
  /** Compressed frame → native little-endian bytes. */
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
  jpegLsLossless: "1.2.840.10008.1.2.4.80",
  jpegLsNearLossless: "1.2.840.10008.1.2.4.81",
  rleLossless: "1.2.840.10008.1.2.5",
} as const;

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
  "1.2.840.10008.1.2.4.50": "JPEG Baseline",
  "1.2.840.10008.1.2.4.51": "JPEG Extended",
  "1.2.840.10008.1.2.4.57": "JPEG Lossless",
  "1.2.840.10008.1.2.4.70": "JPEG Lossless, first-order prediction",
  "1.2.840.10008.1.2.4.90": "JPEG 2000 Lossless",
  "1.2.840.10008.1.2.4.91": "JPEG 2000",
  "1.2.840.10008.1.2.4.201": "High-Throughput JPEG 2000 Lossless",
  "1.2.840.10008.1.2.4.202": "High-Throughput JPEG 2000 with RPCL, lossless",
  "1.2.840.10008.1.2.4.203": "High-Throughput JPEG 2000",
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
