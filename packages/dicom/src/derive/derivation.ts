/**
 * What was done to make a derived series, in the words of its header and in its UIDs: shared by derived series of
 * single images and derived multi-frame objects.
 */
import type { GridGeometry } from "@alara/core";
import {
  requireTransferSyntax,
  TRANSFER_SYNTAX_UID,
  type TransferSyntax,
} from "../codecs/transfer-syntaxes.ts";
import type { DicomFile } from "../dataset/dataset.ts";
import { convertDateTime } from "../dataset/date-time.ts";
import type { CodedConcept } from "../dataset/elements.ts";
import { createHashedUid } from "../dataset/uids.ts";
import { DicomError } from "../errors.ts";
import { requireWritableSyntax } from "../objects/pixel-data.ts";
import type { Series } from "../series/series.ts";
import type { DerivedImageDescription } from "./derived-attributes.ts";
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
  /**
   * The grid of the new slices where it is not the source's: another matrix in the same directions (see refineGrid),
   * and for regular series other slices too. Overlays are then removed whatever `overlays` says; Slice Thickness
   * stays, since it tells how thick a slice was measured.
   */
  readonly geometry?: GridGeometry;
}

const SMOOTHING: CodedConcept = { value: "113087", scheme: "DCM", meaning: "Smoothing" };

/** Options checked, with what follows from them. */
export interface Derivation {
  readonly seriesInstanceUid: string;
  readonly seriesNumberIndex: number;
  /** What `transferSyntaxUid` named, if anything. */
  readonly target: TransferSyntax | undefined;
}

/**
 * Checks options and computes the UID of the new series: a hash of sorted source SOP Instance UIDs, model digest,
 * parameters, code version and provider class.
 *
 * @throws DicomError `NOT_HU`, `INVALID_VALUE`, `OUT_OF_RANGE`, `UNSUPPORTED_TRANSFER_SYNTAX`
 */
export async function prepareDerivation(series: Series, options: DerivedSeriesOptions): Promise<Derivation> {
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
  const target =
    options.transferSyntaxUid === undefined ? undefined : requireWritableSyntax(options.transferSyntaxUid);
  convertDateTime(options.dateTime);
  const seriesInstanceUid = await createHashedUid({
    sources: listSourceNames(series).sort(),
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
    ...(options.geometry === undefined ? {} : { geometry: describeGrid(options.geometry) }),
  });
  return { seriesInstanceUid, seriesNumberIndex: index, target };
}

/** What names a slice's source: its SOP Instance UID, with the frame where there are several. */
export function listSourceNames(series: Series): string[] {
  return series.slices.map(({ summary }) =>
    summary.format.frames > 1 ? `${summary.sopInstanceUid}#${summary.frame}` : summary.sopInstanceUid,
  );
}

function describeGrid(geometry: GridGeometry): Record<string, readonly number[]> {
  return { size: geometry.size, spacingMm: geometry.spacingMm, originMm: geometry.originMm };
}

/** An uncompressed little-endian source keeps its syntax, so that every untouched byte stays; others are expanded. */
export function chooseSyntax(file: DicomFile, target: TransferSyntax | undefined): TransferSyntax {
  const { implicitLittleEndian, explicitLittleEndian } = TRANSFER_SYNTAX_UID;
  const keeps = file.transferSyntaxUid === implicitLittleEndian;
  return target ?? requireTransferSyntax(keeps ? implicitLittleEndian : explicitLittleEndian);
}

/** The parts of the description that are the same for every slice. */
export function describeDerivation(
  options: DerivedSeriesOptions,
): Omit<
  DerivedImageDescription,
  | "sopInstanceUid"
  | "seriesInstanceUid"
  | "seriesNumberIndex"
  | "sourceImages"
  | "spatialLocationsPreserved"
  | "moment"
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
