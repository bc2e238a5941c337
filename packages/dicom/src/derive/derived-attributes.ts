/**
 * The attributes of a derived image (PS3.3 C.7.6.1, C.7.6.3, C.12.1): what is replaced, removed and kept. Everything
 * not named here keeps its raw bytes: patient, study, frame of reference, geometry, dose, acquisition times.
 */
import { convertToExplicit } from "../dataset/convert.ts";
import type { DicomDataset, DicomElement } from "../dataset/dataset.ts";
import type { DicomDateTime } from "../dataset/date-time.ts";
import {
  type CodedConcept,
  createCodeItem,
  createElement,
  createIntegerElement,
  createSequenceElement,
  createShortElement,
  createTextElement,
  encodeAscii,
  padToEven,
} from "../dataset/elements.ts";
import { readItems } from "../dataset/read.ts";
import { isOverlayOrCurve, TAG } from "../dataset/tags.ts";
import { readNumber, readText, readTexts } from "../dataset/values.ts";
import type { EncodedFrame, HuFormat } from "../images/pixels.ts";
import { createSourceImageSequence, type ImageReference } from "../objects/references.ts";
import { EQUIPMENT_MANUFACTURER } from "./equipment.ts";

/** What the header must tell about a derived image. */
export interface DerivedImageDescription {
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly imageTypeOrigin: "SECONDARY" | "PRIMARY";
  readonly seriesDescriptionSuffix: string;
  readonly seriesNumberIndex: number;
  readonly derivationDescription: string;
  readonly derivationCode: CodedConcept;
  readonly softwareVersion: string;
  readonly productName: string;
  readonly contributionDescription: string;
  /** Every slice that was read to make this one. */
  readonly sourceImages: readonly ImageReference[];
  /** Whether every pixel lies where the source's did. */
  readonly spatialLocationsPreserved: "YES" | "NO";
  readonly moment: DicomDateTime;
  readonly overlays: "remove" | "keep";
}

/** Purpose from PS3.16 CID 7005. */
const PROCESSING_EQUIPMENT: CodedConcept = {
  value: "109102",
  scheme: "DCM",
  meaning: "Processing Equipment",
};

/** Attributes that would say something untrue about the new pixels, or of the old file. */
const REMOVED_TAGS: readonly number[] = [
  TAG.LengthToEnd,
  TAG.InstanceCreatorUID,
  TAG.ReferencedPerformedProcedureStepSequence,
  TAG.SmallestPixelValueInSeries,
  TAG.LargestPixelValueInSeries,
  TAG.PixelDataProviderURL,
  TAG.IconImageSequence,
  TAG.MACParametersSequence,
  TAG.DigitalSignaturesSequence,
  TAG.ExtendedOffsetTable,
  TAG.ExtendedOffsetTableLengths,
  TAG.DataSetTrailingPadding,
];

/**
 * Edits that turn the source's dataset into the derived image's, pixel data excepted.
 *
 * @param dataset - the source, in the encoding that will be written
 */
export function createDerivedEdits(
  dataset: DicomDataset,
  format: HuFormat,
  frame: EncodedFrame,
  description: DerivedImageDescription,
): Map<number, DicomElement | null> {
  const { moment } = description;
  const edits = new Map<number, DicomElement | null>();
  const set = (element: DicomElement): void => {
    edits.set(element.tag, element);
  };
  for (const tag of dataset.elements.keys()) {
    const isRemoved = tag % 65536 === 0 || (description.overlays === "remove" && isOverlayOrCurve(tag));
    if (isRemoved) edits.set(tag, null);
  }
  for (const tag of REMOVED_TAGS) edits.set(tag, null);

  set(createTextElement(TAG.ImageType, createImageType(dataset, description.imageTypeOrigin)));
  set(createTextElement(TAG.InstanceCreationDate, moment.date));
  set(createTextElement(TAG.InstanceCreationTime, moment.time));
  set(createTextElement(TAG.SeriesDate, moment.date));
  set(createTextElement(TAG.SeriesTime, moment.time));
  set(createTextElement(TAG.ContentDate, moment.date));
  set(createTextElement(TAG.ContentTime, moment.time));
  set(createTextElement(TAG.SOPInstanceUID, description.sopInstanceUid));
  set(createTextElement(TAG.SeriesInstanceUID, description.seriesInstanceUid));
  set(createSeriesDescription(dataset, description.seriesDescriptionSuffix));
  set(createIntegerElement(TAG.SeriesNumber, computeSeriesNumber(dataset, description.seriesNumberIndex)));
  set(createTextElement(TAG.DerivationDescription, description.derivationDescription));
  set(
    createSequenceElement(
      TAG.DerivationCodeSequence,
      [createCodeItem(description.derivationCode)],
      dataset.encoding,
    ),
  );
  set(createSourceImages(dataset, description));
  set(createContributingEquipment(dataset, description));
  if (format.bitsAllocated <= 16) {
    const vr = format.signed ? "SS" : "US";
    set(createShortElement(TAG.SmallestImagePixelValue, [frame.smallest], vr));
    set(createShortElement(TAG.LargestImagePixelValue, [frame.largest], vr));
  } else {
    edits.set(TAG.SmallestImagePixelValue, null);
    edits.set(TAG.LargestImagePixelValue, null);
  }
  if (readText(dataset, TAG.BurnedInAnnotation) === undefined) {
    set(createTextElement(TAG.BurnedInAnnotation, "NO"));
  }
  return edits;
}

/**
 * DERIVED \ SECONDARY or PRIMARY \ AXIAL \ the source's values from the fourth on. The source's third value is not
 * moved on: value 4 has defined terms of its own (PS3.3 C.8.2.1.1.1).
 */
function createImageType(dataset: DicomDataset, origin: "SECONDARY" | "PRIMARY"): string[] {
  const further = (readTexts(dataset, TAG.ImageType) ?? [])
    .slice(3)
    .filter((value) => /^[A-Z0-9 _]{1,16}$/.test(value));
  return ["DERIVED", origin, "AXIAL", ...further];
}

const MAX_SERIES_NUMBER = 2 ** 31 - 1;

/** 100·n + k, where n is the source's number (0 when absent); n is folded where the result would not fit IS. */
function computeSeriesNumber(dataset: DicomDataset, k: number): number {
  const source = readNumber(dataset, TAG.SeriesNumber) ?? 0;
  const n =
    Number.isSafeInteger(source) && source > 0 ? source % Math.floor((MAX_SERIES_NUMBER - 99) / 100) : 0;
  return 100 * n + k;
}

/**
 * The source's Series Description bytes with an ASCII suffix, within 64 characters. The bytes stay in the source's
 * character set; when they must be cut and a cut could split a multi-byte character, only the suffix remains.
 */
function createSeriesDescription(dataset: DicomDataset, suffix: string): DicomElement {
  const suffixBytes = encodeAscii(suffix);
  let source = dataset.elements.get(TAG.SeriesDescription)?.bytes ?? new Uint8Array(0);
  let end = source.length;
  while (end > 0 && (source[end - 1] === 0x20 || source[end - 1] === 0)) end--;
  source = source.subarray(0, end);
  const separator = end > 0 && suffix !== "" ? 1 : 0;
  const room = 64 - suffixBytes.length - separator;
  if (end > room) {
    const isSingleByte = source.every((byte) => byte < 0x80 && byte !== 0x1b);
    source = source.subarray(0, isSingleByte ? Math.max(0, room) : 0);
  }
  const out = new Uint8Array(source.length + (source.length > 0 ? separator : 0) + suffixBytes.length);
  out.set(source);
  if (source.length > 0 && separator === 1) out[source.length] = 0x20;
  out.set(suffixBytes, out.length - suffixBytes.length);
  return createElement(TAG.SeriesDescription, padToEven(out, "LO"), "LO");
}

function createSourceImages(dataset: DicomDataset, description: DerivedImageDescription): DicomElement {
  return createSourceImageSequence(
    description.sourceImages,
    description.spatialLocationsPreserved,
    dataset.encoding,
  );
}

/** The source's items and one more for this processing. */
function createContributingEquipment(
  dataset: DicomDataset,
  description: DerivedImageDescription,
): DicomElement {
  const { encoding } = dataset;
  const earlier = readItems(dataset, TAG.ContributingEquipmentSequence) ?? [];
  const own = [
    createTextElement(TAG.Manufacturer, EQUIPMENT_MANUFACTURER),
    createTextElement(TAG.ManufacturerModelName, description.productName),
    createTextElement(TAG.SoftwareVersions, description.softwareVersion),
    createTextElement(TAG.ContributionDateTime, description.moment.dateTime),
    createTextElement(TAG.ContributionDescription, description.contributionDescription),
    createSequenceElement(
      TAG.PurposeOfReferenceCodeSequence,
      [createCodeItem(PROCESSING_EQUIPMENT)],
      encoding,
    ),
  ];
  const items = earlier.map((item) => {
    const converted = encoding === "explicit-le" ? convertToExplicit(item) : item;
    return [...converted.elements.values()];
  });
  return createSequenceElement(TAG.ContributingEquipmentSequence, [...items, own], encoding);
}
