/**
 * Writes the derived series of an enhanced (or otherwise processed) CT series: same patient, study and geometry, new
 * deterministic UIDs, and a header that says what was done by what to which slices (PS3.3 C.7.6.1.1.2–C.7.6.1.1.4).
 * Pixels that did not change keep their stored value bit for bit.
 */

import { joinFragments, readFrameBytes } from "../codecs/encapsulation.ts";
import { countFrameBytes } from "../codecs/frame-format.ts";
import {
  requireTransferSyntax,
  TRANSFER_SYNTAX_UID,
  type TransferSyntax,
} from "../codecs/transfer-syntaxes.ts";
import { convertToExplicit, removePrivateElements } from "../dataset/convert.ts";
import { type DicomDataset, type DicomElement, type DicomFile, editDataset } from "../dataset/dataset.ts";
import { convertDateTime } from "../dataset/date-time.ts";
import {
  type CodedConcept,
  createDecimalElement,
  createElement,
  createTextElement,
} from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import { createHashedUid } from "../dataset/uids.ts";
import { readText } from "../dataset/values.ts";
import { writeDicomFile } from "../dataset/write.ts";
import { DicomError } from "../errors.ts";
import { type EncodedFrame, encodeHu, type HuFormat, readHuFormat } from "../images/pixels.ts";
import { readSeriesFile, type Series } from "../series/series.ts";
import { createDerivedEdits, type DerivedImageDescription } from "./derived-attributes.ts";
import { PRODUCT_NAMES, type ProductKind } from "./equipment.ts";

/** What was done, by what, and how the header shall say it. All text is ASCII. */
export interface DerivedSeriesOptions {
  /** Enhancements are not enhanced again (the loop guard), simulations may be. Default `"enhancement"`. */
  readonly product?: ProductKind;
  /** What was done, for Derivation Description: "Noise reduction by a residual CNN". */
  readonly methodDescription: string;
  /** Everything that decides the pixels, method name and strength included. Enters the UIDs. */
  readonly parameters: Readonly<Record<string, string | number>>;
  /** 0..1, written into Derivation Description and hashed with the parameters; `undefined` where it means nothing. */
  readonly strength?: number;
  /** SHA-256 of the model, hexadecimal; absent for methods without one. */
  readonly modelDigest?: string;
  /** Version of the code that made the pixels. */
  readonly codeVersion: string;
  /** Kind of arithmetic, e.g. "cpu"; results of different classes may differ in the last bit. Default "cpu". */
  readonly providerClass?: string;
  /** The job's moment, ISO 8601; a retry passes the same one and gets the same bytes. */
  readonly dateTime: string;
  /** Put behind the source's Series Description; default "ALARA". */
  readonly seriesDescriptionSuffix?: string;
  /** k in Series Number = 100·n + k, 1..99; default 1. */
  readonly seriesNumberIndex?: number;
  /** Private elements, nested ones too: `remove` (default) or `keep`. */
  readonly privateElements?: "remove" | "keep";
  /** Overlays 60xx and curves 50xx: `remove` (default) or `keep`. */
  readonly overlays?: "remove" | "keep";
  /** Second value of Image Type; `PRIMARY` only for archives whose display rules hide SECONDARY. Default `SECONDARY`. */
  readonly imageTypeOrigin?: "SECONDARY" | "PRIMARY";
  /** Default (113087, DCM, Smoothing), the nearest that CID 7203 has for noise reduction. */
  readonly derivationCode?: CodedConcept;
  /**
   * Transfer syntax to write; must be lossless and have an encoder. Default: the source's when it is uncompressed,
   * else Explicit VR Little Endian.
   */
  readonly transferSyntaxUid?: string;
}

/** A derived series to be written slice by slice, in any order. */
export interface DerivedSeries {
  readonly seriesInstanceUid: string;
  /** By slice index of the source series. */
  readonly sopInstanceUids: readonly string[];
  /**
   * One Part 10 file.
   *
   * @param slice - index into the source series
   * @param hu - the slice's new values, `[row][column]`
   * @param sourceSlices - every slice that was read to make it; default the slice itself
   * @throws DicomError `OUT_OF_RANGE`, `SHAPE_MISMATCH`, `NON_FINITE_VALUE`, `SOURCE_CHANGED` and as reading
   */
  writeInstance(slice: number, hu: Float32Array, sourceSlices?: readonly number[]): Promise<Uint8Array>;
}

const SMOOTHING: CodedConcept = { value: "113087", scheme: "DCM", meaning: "Smoothing" };

/**
 * Prepares a derived series.
 *
 * @throws DicomError `INVALID_VALUE`, `OUT_OF_RANGE`, `UNSUPPORTED_TRANSFER_SYNTAX`
 * @remarks UIDs: series = hash(sorted source SOP Instance UIDs, model digest, parameters, code version, provider
 * class); instance = hash(source SOP Instance UID, series UID). Tested with dciodvfy, dcentvfy and pydicom.
 */
export async function createDerivedSeries(
  series: Series,
  options: DerivedSeriesOptions,
): Promise<DerivedSeries> {
  if (series.unit !== "HU") {
    throw new DicomError(
      "NOT_HU",
      `the series (${series.modality}) holds no Hounsfield units; derived series are made of CT`,
    );
  }
  const index = options.seriesNumberIndex ?? 1;
  if (!(Number.isInteger(index) && index >= 1 && index <= 99)) {
    throw new DicomError("OUT_OF_RANGE", `seriesNumberIndex is ${index}; use 1 to 99`);
  }
  if (options.modelDigest !== undefined && !/^[0-9a-f]{64}$/.test(options.modelDigest)) {
    throw new DicomError("INVALID_VALUE", "modelDigest is not 64 lower-case hexadecimal digits");
  }
  const target = resolveTargetSyntax(options.transferSyntaxUid);
  convertDateTime(options.dateTime);
  const sourceUids = series.slices.map((slice) => slice.summary.sopInstanceUid);
  const seriesInstanceUid = await createHashedUid({
    sources: [...sourceUids].sort(),
    modelDigest: options.modelDigest ?? null,
    parameters: {
      ...options.parameters,
      ...(options.strength === undefined ? {} : { strength: options.strength }),
    },
    codeVersion: options.codeVersion,
    providerClass: options.providerClass ?? "cpu",
    // Not pixels, but one UID must not stand for two different objects either.
    presentation: {
      suffix: options.seriesDescriptionSuffix ?? null,
      index,
      privateElements: options.privateElements ?? null,
      overlays: options.overlays ?? null,
      imageTypeOrigin: options.imageTypeOrigin ?? null,
      derivationCode: options.derivationCode?.value ?? null,
      transferSyntaxUid: options.transferSyntaxUid ?? null,
    },
  });
  const sopInstanceUids: string[] = [];
  for (const source of sourceUids)
    sopInstanceUids.push(await createHashedUid({ source, series: seriesInstanceUid }));

  const writeInstance = async (
    slice: number,
    hu: Float32Array,
    sourceSlices: readonly number[] = [slice],
  ): Promise<Uint8Array> => {
    const file = await readSeriesFile(series, slice);
    const format = readHuFormat(file.dataset);
    const frame = encodeHu(await readFrameBytes(file, format), format, hu);
    const sourceImages = [...new Set(sourceSlices)]
      .sort((a, b) => a - b)
      .map((i): readonly [string, string] => {
        const source = series.slices[i];
        if (source === undefined) {
          throw new DicomError("OUT_OF_RANGE", `source slice ${i} is outside 0..${series.slices.length - 1}`);
        }
        return [source.summary.sopClassUid, source.summary.sopInstanceUid];
      });
    const syntax = target ?? getDefaultSyntax(file);
    const dataset = prepareDataset(file, syntax, options.privateElements ?? "remove");
    const edits = createDerivedEdits(dataset, format, frame, {
      ...describeDerivation(options),
      sopInstanceUid: sopInstanceUids[slice],
      seriesInstanceUid,
      seriesNumberIndex: index,
      sourceImages,
      moment: convertDateTime(options.dateTime, readText(file.dataset, TAG.TimezoneOffsetFromUTC)),
    });
    for (const element of createLossyElements(file, format)) edits.set(element.tag, element);
    edits.set(TAG.PixelData, await createPixelData(syntax, format, frame));
    return writeDicomFile(editDataset(dataset, edits), syntax.uid);
  };
  return { seriesInstanceUid, sopInstanceUids, writeInstance };
}

function resolveTargetSyntax(uid: string | undefined): TransferSyntax | undefined {
  if (uid === undefined) return undefined;
  const syntax = requireTransferSyntax(uid);
  if (syntax.lossy || (syntax.encapsulated && syntax.encodeFrame === undefined)) {
    throw new DicomError(
      "UNSUPPORTED_TRANSFER_SYNTAX",
      `${syntax.name} cannot be written without loss; choose Explicit VR Little Endian, JPEG-LS Lossless or RLE`,
    );
  }
  return syntax;
}

/** An uncompressed source keeps its syntax, so that every untouched byte stays; a compressed one is expanded. */
function getDefaultSyntax(file: DicomFile): TransferSyntax {
  const syntax = requireTransferSyntax(file.transferSyntaxUid);
  return syntax.encapsulated ? requireTransferSyntax(TRANSFER_SYNTAX_UID.explicitLittleEndian) : syntax;
}

function prepareDataset(
  file: DicomFile,
  syntax: TransferSyntax,
  privateElements: "remove" | "keep",
): DicomDataset {
  if (syntax.encoding === "implicit-le" && file.dataset.encoding !== "implicit-le") {
    throw new DicomError(
      "UNSUPPORTED_TRANSFER_SYNTAX",
      "a dataset in explicit VR is not written as implicit VR; choose Explicit VR Little Endian",
    );
  }
  const kept = privateElements === "remove" ? removePrivateElements(file.dataset) : file.dataset;
  return syntax.encoding === "explicit-le" ? convertToExplicit(kept) : kept;
}

/** The parts of the description that are the same for every slice. */
function describeDerivation(
  options: DerivedSeriesOptions,
): Omit<
  DerivedImageDescription,
  "sopInstanceUid" | "seriesInstanceUid" | "seriesNumberIndex" | "sourceImages" | "moment"
> {
  const { modelDigest, strength } = options;
  const parts = [
    `${options.methodDescription}; Alara ${options.codeVersion}`,
    ...(modelDigest === undefined ? [] : [`model ${modelDigest.slice(0, 16)}`]),
    ...(strength === undefined ? [] : [`strength ${Number(strength.toFixed(4))}`]),
    "investigational, not for diagnosis",
  ];
  const settings = Object.entries(options.parameters)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
  const contribution = [
    options.methodDescription,
    ...(modelDigest === undefined ? [] : [`weights sha256 ${modelDigest}`]),
    `provider class ${options.providerClass ?? "cpu"}`,
    settings,
  ].join("; ");
  return {
    imageTypeOrigin: options.imageTypeOrigin ?? "SECONDARY",
    seriesDescriptionSuffix: options.seriesDescriptionSuffix ?? "ALARA",
    derivationDescription: parts.join("; "),
    derivationCode: options.derivationCode ?? SMOOTHING,
    softwareVersion: options.codeVersion,
    productName: PRODUCT_NAMES[options.product ?? "enhancement"],
    contributionDescription: contribution.slice(0, 1024),
    overlays: options.overlays ?? "remove",
  };
}

/**
 * Loss is sticky (PS3.3 C.7.6.1.1.5): a source marked 01 stays so untouched; a source in a lossy syntax that forgot
 * to say so is marked now.
 */
function createLossyElements(file: DicomFile, format: HuFormat): DicomElement[] {
  const syntax = requireTransferSyntax(file.transferSyntaxUid);
  if (!syntax.lossy || readText(file.dataset, TAG.LossyImageCompression) === "01") return [];
  const encoded = file.dataset.elements.get(TAG.PixelData)?.bytes.length ?? 1;
  const ratio = Number((countFrameBytes(format) / encoded).toPrecision(4));
  return [
    createTextElement(TAG.LossyImageCompression, "01"),
    createDecimalElement(TAG.LossyImageCompressionRatio, [ratio]),
    createTextElement(TAG.LossyImageCompressionMethod, syntax.lossyMethod ?? "ISO_14495_1"),
  ];
}

async function createPixelData(
  syntax: TransferSyntax,
  format: HuFormat,
  frame: EncodedFrame,
): Promise<DicomElement> {
  if (syntax.encapsulated && syntax.encodeFrame !== undefined) {
    const encoded = await syntax.encodeFrame(frame.bytes, format);
    return { ...createElement(TAG.PixelData, joinFragments([encoded]), "OB"), undefinedLength: true };
  }
  return createElement(TAG.PixelData, frame.bytes, format.bitsAllocated > 8 ? "OW" : "OB");
}
