/**
 * The quality numbers of an enhanced series as an Enhanced SR document (PS3.3 A.35.2) in the patient's study. The tree
 * is arranged like TID 1500 (PS3.16): observer, image library, measurement groups, one per judged image and one per
 * tissue; it does not claim the template, because local codes stand where DICOM has none. Not a radiological report:
 * it is never verified by a person.
 */

import { TRANSFER_SYNTAX_UID } from "../codecs/transfer-syntaxes.ts";
import { convertToExplicit, removePrivateElements } from "../dataset/convert.ts";
import { createDataset, type DicomDataset, type DicomElement } from "../dataset/dataset.ts";
import { convertDateTime } from "../dataset/date-time.ts";
import {
  createElement,
  createIntegerElement,
  createSequenceElement,
  createTextElement,
} from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import { createHashedUid } from "../dataset/uids.ts";
import { readText, readUid } from "../dataset/values.ts";
import { writeDicomFile } from "../dataset/write.ts";
import { EQUIPMENT_MANUFACTURER, PRODUCT_NAMES } from "../derive/equipment.ts";
import { DicomError } from "../errors.ts";
import { createReference } from "../objects/references.ts";
import { type ContentItem, createContentElements } from "./content-tree.ts";
import { LOCAL_SCHEME } from "./quality-codes.ts";
import type { QualityReportContent, ReportedSeries } from "./quality-content.ts";
import { createQualityTree } from "./quality-tree.ts";

/** Options of {@link createQualityReport}. */
export interface QualityReportOptions {
  /** The job's moment, ISO 8601; a retry passes the same one and gets the same bytes. */
  readonly dateTime: string;
  /** Default "ALARA quality report". */
  readonly seriesDescription?: string;
  /** Default 9901. */
  readonly seriesNumber?: number;
}

/** A report ready to be stored. */
export interface QualityReportFile {
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
  /** Part 10 file, Explicit VR Little Endian. */
  readonly bytes: Uint8Array;
}

/** Enhanced SR Storage. */
export const ENHANCED_SR_CLASS = "1.2.840.10008.5.1.4.1.1.88.22";

/** Patient and study attributes that every object has, if only empty (PS3.3 C.7.1.1, C.7.2.1). */
const REQUIRED_TAGS: readonly number[] = [
  TAG.StudyDate,
  TAG.StudyTime,
  TAG.AccessionNumber,
  TAG.ReferringPhysicianName,
  TAG.PatientName,
  TAG.PatientID,
  TAG.PatientBirthDate,
  TAG.PatientSex,
  TAG.StudyInstanceUID,
  TAG.StudyID,
];

/**
 * Further attributes of patient and study, copied where the source has them, so that all objects of the study agree
 * (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2): procedure, issuers, other names and numbers, age, size, weight, history, and the
 * marks of de-identification (0012,0062) to (0012,0064).
 */
const OPTIONAL_TAGS: readonly number[] = [
  TAG.SpecificCharacterSet,
  TAG.TimezoneOffsetFromUTC,
  TAG.StudyDescription,
  ...[0x0008009c, 0x00081032, 0x00081048, 0x00081060, 0x00081080, 0x00100021, 0x00100024, 0x00100032],
  ...[0x00101000, 0x00101001, 0x00101002, 0x00101010, 0x00101020, 0x00101030, 0x00102160, 0x00102180],
  ...[0x001021b0, 0x00102201, 0x00102202, 0x00102203, 0x00104000, 0x00120062, 0x00120063, 0x00120064],
];

/**
 * Writes a quality report into the study of its source.
 *
 * @param source - dataset of any slice of the source series: patient and study are taken from it byte for byte
 * @throws DicomError `MISSING_ATTRIBUTE` without a Study Instance UID; `INVALID_VALUE` for text that is not ASCII or
 * too long; `NON_FINITE_VALUE`
 * @remarks PS3.3 A.35.2, C.17. UIDs are hashes of content, code version and moment. Tested with dciodvfy and dsrdump.
 */
export async function createQualityReport(
  source: DicomDataset,
  content: QualityReportContent,
  options: QualityReportOptions,
): Promise<QualityReportFile> {
  const study = readUid(source, TAG.StudyInstanceUID);
  if (study === undefined) {
    throw new DicomError("MISSING_ATTRIBUTE", "the source has no Study Instance UID to put the report under");
  }
  assertFinite(content);
  const identity = { content, dateTime: options.dateTime, study };
  const seriesInstanceUid = await createHashedUid({
    report: "quality",
    source: content.source.seriesInstanceUid,
    derived: content.derived.seriesInstanceUid,
    codeVersion: content.codeVersion,
    description: options.seriesDescription ?? null,
    number: options.seriesNumber ?? null,
  });
  const sopInstanceUid = await createHashedUid({ series: seriesInstanceUid, ...identity });
  const trackingUids: string[] = [];
  const groups = content.images.length + content.tissues.length;
  for (let i = 0; i < groups; i++)
    trackingUids.push(await createHashedUid({ report: sopInstanceUid, group: i }));
  const tree = createQualityTree(content, {
    deviceUid: await createHashedUid({ device: PRODUCT_NAMES.enhancement, version: content.codeVersion }),
    trackingUids,
  });
  const own = createDocumentElements(source, content, tree, options, {
    study,
    seriesInstanceUid,
    sopInstanceUid,
  });
  const dataset = createDataset(own, { limits: source.limits });
  return {
    sopInstanceUid,
    seriesInstanceUid,
    bytes: writeDicomFile(dataset, TRANSFER_SYNTAX_UID.explicitLittleEndian),
  };
}

function assertFinite(content: QualityReportContent): void {
  const numbers = [
    content.strength,
    ...content.images.flatMap(({ measures }) => measures.map(({ value }) => value)),
    ...content.tissues.flatMap(({ biasHu, standardErrorHu, voxels }) => [biasHu, standardErrorHu, voxels]),
  ];
  if (numbers.some((value) => typeof value === "number" && !Number.isFinite(value))) {
    throw new DicomError(
      "NON_FINITE_VALUE",
      'a number of the report is not finite; pass null for what could not be measured, "infinite" for an endless PSNR',
    );
  }
}

interface DocumentUids {
  readonly study: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
}

function createDocumentElements(
  source: DicomDataset,
  content: QualityReportContent,
  tree: ContentItem,
  options: QualityReportOptions,
  uids: DocumentUids,
): DicomElement[] {
  const moment = convertDateTime(options.dateTime, readText(source, TAG.TimezoneOffsetFromUTC));
  const text = createTextElement;
  const sharedTags = [...REQUIRED_TAGS, ...OPTIONAL_TAGS];
  const common = new Map([...source.elements].filter(([tag]) => sharedTags.includes(tag)));
  const study = convertToExplicit(removePrivateElements({ ...source, elements: common }));
  const missing = REQUIRED_TAGS.filter((tag) => !study.elements.has(tag));
  const shared = [...study.elements.values(), ...missing.map((tag) => createElement(tag, new Uint8Array(0)))];
  return [
    ...shared,
    text(TAG.InstanceCreationDate, moment.date),
    text(TAG.InstanceCreationTime, moment.time),
    text(TAG.SOPClassUID, ENHANCED_SR_CLASS),
    text(TAG.SOPInstanceUID, uids.sopInstanceUid),
    text(TAG.SeriesDate, moment.date),
    text(TAG.SeriesTime, moment.time),
    text(TAG.ContentDate, moment.date),
    text(TAG.ContentTime, moment.time),
    text(TAG.Modality, "SR"),
    text(TAG.Manufacturer, EQUIPMENT_MANUFACTURER),
    text(TAG.ManufacturerModelName, PRODUCT_NAMES.enhancement),
    text(TAG.SoftwareVersions, content.codeVersion),
    createCodingSchemes(),
    text(TAG.SeriesDescription, options.seriesDescription ?? "ALARA quality report"),
    createSequenceElement(TAG.ReferencedPerformedProcedureStepSequence, [], "explicit-le"),
    text(TAG.SeriesInstanceUID, uids.seriesInstanceUid),
    createIntegerElement(TAG.SeriesNumber, options.seriesNumber ?? 9901),
    createIntegerElement(TAG.InstanceNumber, 1),
    createSequenceElement(TAG.PerformedProcedureCodeSequence, [], "explicit-le"),
    createEvidence(uids.study, [content.source, content.derived]),
    text(TAG.CompletionFlag, "COMPLETE"),
    text(TAG.VerificationFlag, "UNVERIFIED"),
    ...createContentElements(tree),
  ];
}

/** Says whose codes 99ALARA are (PS3.3 C.12.1.1.1). */
function createCodingSchemes(): DicomElement {
  const scheme = [
    createTextElement(TAG.CodingSchemeDesignator, LOCAL_SCHEME),
    createTextElement(TAG.CodingSchemeName, "Alara local codes"),
    createTextElement(TAG.CodingSchemeResponsibleOrganization, EQUIPMENT_MANUFACTURER),
  ];
  return createSequenceElement(TAG.CodingSchemeIdentificationSequence, [scheme], "explicit-le");
}

/** Current Requested Procedure Evidence: every instance that the content refers to (PS3.3 C.17.2.3). */
function createEvidence(study: string, series: readonly ReportedSeries[]): DicomElement {
  const items = series
    .filter(({ instances }) => instances.length > 0)
    .map(({ seriesInstanceUid, instances }) => {
      const references = instances.map((item) => createReference([item.sopClassUid, item.sopInstanceUid]));
      return [
        createSequenceElement(TAG.ReferencedSOPSequence, references, "explicit-le"),
        createTextElement(TAG.SeriesInstanceUID, seriesInstanceUid),
      ];
    });
  const item = [
    createSequenceElement(TAG.ReferencedSeriesSequence, items, "explicit-le"),
    createTextElement(TAG.StudyInstanceUID, study),
  ];
  return createSequenceElement(TAG.CurrentRequestedProcedureEvidenceSequence, [item], "explicit-le");
}
