/**
 * De-identification of one object: PS3.15 Annex E Basic Application Confidentiality Profile with the options of
 * deidentify-options.ts. Images only; reports, plans, documents and presentation states are refused, because their
 * content would have to be cleaned. Pixels are not changed and not looked at: what the header says of them decides.
 */

import { TRANSFER_SYNTAX_UID } from "../codecs/transfer-syntaxes.ts";
import { convertToExplicit } from "../dataset/convert.ts";
import type { DicomDataset, DicomElement, DicomFile } from "../dataset/dataset.ts";
import { editDataset } from "../dataset/dataset.ts";
import {
  type CodedConcept,
  createCodeItem,
  createSequenceElement,
  createTextElement,
} from "../dataset/elements.ts";
import { readItems } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { readText } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";
import { completeUids } from "../images/identity.ts";
import { cleanDataset } from "./clean-dataset.ts";
import {
  BASIC_PROFILE_CODE,
  CLEAN_DESCRIPTORS_CODE,
  type DeidentifyFinding,
  type DeidentifyFindingCode,
  type DeidentifyOptions,
  RETAIN_CODES,
  RETAIN_OPTIONS,
} from "./deidentify-options.ts";
import { collectIdentifiers } from "./identifiers.ts";
import { isStandardClass } from "./known-uids.ts";
import { assessPixelRisk } from "./pixel-risk.ts";
import { TABLE_EDITION } from "./profile-table.ts";
import type { PatientIdentity } from "./pseudonyms.ts";
import { readValueText } from "./values.ts";

const PATIENT_IDENTITY_REMOVED = 0x00120062;
const DEIDENTIFICATION_METHOD = 0x00120063;
const DEIDENTIFICATION_METHOD_CODES = 0x00120064;
const LONGITUDINAL_MODIFIED = 0x00280303;

/** Storage classes of images (PS3.4 table B.5-1), by branch. Not: SR, PR, KO, RT, waveforms, documents, raw data. */
const IMAGE_CLASSES: readonly string[] = [
  "1.2.840.10008.5.1.4.1.1.1",
  "1.2.840.10008.5.1.4.1.1.2",
  "1.2.840.10008.5.1.4.1.1.3.1",
  "1.2.840.10008.5.1.4.1.1.4",
  "1.2.840.10008.5.1.4.1.1.6",
  "1.2.840.10008.5.1.4.1.1.7",
  "1.2.840.10008.5.1.4.1.1.12",
  "1.2.840.10008.5.1.4.1.1.13",
  "1.2.840.10008.5.1.4.1.1.14",
  "1.2.840.10008.5.1.4.1.1.20",
  "1.2.840.10008.5.1.4.1.1.30",
  "1.2.840.10008.5.1.4.1.1.66.4",
  "1.2.840.10008.5.1.4.1.1.77.1",
  "1.2.840.10008.5.1.4.1.1.128",
  "1.2.840.10008.5.1.4.1.1.130",
];

/** What came of one object. */
export interface DeidentifiedFile {
  /** Write it with `writeDicomFile(file.dataset, file.transferSyntaxUid)`; its meta information is made there. */
  readonly file: DicomFile;
  /** Free of identity. */
  readonly findings: readonly DeidentifyFinding[];
}

const FINDING_TEXTS: Partial<Record<DeidentifyFindingCode, (count: number) => string>> = {
  IDENTIFIER_ECHO: (n) => `${n} kept text(s) repeated an identifier of the patient and were emptied`,
  INVALID_VALUE_REMOVED: (n) => `${n} value(s) did not fit their value representation and were removed`,
  UNKNOWN_ATTRIBUTE_REMOVED: (n) => `${n} attribute(s) unknown to the dictionary were removed`,
  VALUE_CUT_AT_NUL: (n) => `${n} value(s) went on behind a NUL and were cut there`,
};

/** The patient of an object as the object states it: what pseudonyms and date shifts hang on. */
export function readPatientIdentity(dataset: DicomDataset): PatientIdentity {
  const text = (tag: number): string =>
    readValueText(dataset.elements.get(tag)?.bytes ?? new Uint8Array(0)).trim();
  return { id: text(TAG.PatientID), fallback: text(TAG.StudyInstanceUID) };
}

/**
 * De-identifies an image.
 *
 * @param file - as read; nothing of its meta information or preamble goes on
 * @param options - {@link DeidentifyOptions}
 * @returns explicit VR (implicit input is converted), pixel data byte for byte as they were
 * @throws DicomError `UNSUPPORTED_OBJECT` for what is not an image of a standard class, `BURNED_IN_TEXT` when the
 * pixels may carry text and that is not allowed, `OUT_OF_RANGE` for contradicting options or a patient missing in the
 * table of new IDs, `MISSING_ATTRIBUTE` without SOP Instance UID, `INVALID_VALUE` when UIDs are missing
 * and others are none, and as reading sequences throws
 * @remarks PS3.15 2026d §E.2, §E.3. Tested with a marker in every attribute of the dictionary, nested and private.
 * What is not done: docs/guide/deidentify.md.
 */
export async function deidentifyFile(file: DicomFile, options: DeidentifyOptions): Promise<DeidentifiedFile> {
  const retain = new Set<string>(options.retain ?? []);
  if (retain.has("full-dates") && retain.has("modified-dates")) {
    throw new DicomError("OUT_OF_RANGE", "dates are kept either in full or modified; choose one of the two");
  }
  const source = convertToExplicit((await completeObject(file)).dataset);
  const sopClassUid = readText(source, TAG.SOPClassUID) ?? "";
  const isImage = IMAGE_CLASSES.some((uid) => sopClassUid === uid || sopClassUid.startsWith(`${uid}.`));
  if (!isStandardClass(sopClassUid) || !isImage) {
    throw new DicomError(
      "UNSUPPORTED_OBJECT",
      "only images of DICOM's own storage classes are de-identified; leave reports, plans and documents out",
    );
  }
  if (readText(source, TAG.SOPInstanceUID) === undefined) {
    throw new DicomError("MISSING_ATTRIBUTE", "the object has no SOP Instance UID");
  }
  const risk = assessPixelRisk(source, sopClassUid);
  if (risk.mayCarryText && options.burnedInText !== "allow") {
    throw new DicomError(
      "BURNED_IN_TEXT",
      "the pixels may carry text that identifies the patient; look at them, and allow burned-in text if there is none",
    );
  }
  const { pseudonyms } = options;
  const patient = readPatientIdentity(source);
  const counts = new Map<DeidentifyFindingCode, number>();
  const pseudonym = await pseudonyms.replacePatient(patient);
  const cleaned = await cleanDataset(source, {
    sopClassUid,
    retain,
    cleanDescriptors: options.descriptors === "clean",
    pseudonym,
    shiftDays: retain.has("modified-dates") ? await pseudonyms.findDateShiftDays(patient) : 0,
    words: collectIdentifiers(source),
    replaceUid: pseudonyms.replaceUid,
    counts,
  });
  const marks = createMarks(source, options, !risk.mayCarryText);
  const dataset = editDataset(
    cleaned,
    new Map([...marks, ...createPatient(pseudonym)].map((e) => [e.tag, e])),
  );
  const findings = [
    ...risk.findings,
    ...[...counts].map(
      ([code, n]): DeidentifyFinding => ({
        severity: "note",
        code,
        message: FINDING_TEXTS[code]?.(n) ?? String(n),
      }),
    ),
  ];
  const isImplicit = file.dataset.encoding === "implicit-le";
  return {
    file: {
      meta: { ...dataset, elements: new Map() },
      dataset,
      transferSyntaxUid: isImplicit ? TRANSFER_SYNTAX_UID.explicitLittleEndian : file.transferSyntaxUid,
      storedTransferSyntaxUid: isImplicit ? TRANSFER_SYNTAX_UID.explicitLittleEndian : file.transferSyntaxUid,
    },
    findings,
  };
}

/** The object with the UIDs that other tools emptied. Objects that have theirs are not judged by them. */
async function completeObject(file: DicomFile): Promise<DicomFile> {
  const uids = [TAG.SOPClassUID, TAG.SOPInstanceUID, TAG.StudyInstanceUID, TAG.SeriesInstanceUID];
  const isComplete = uids.every((tag) => readText(file.dataset, tag) !== undefined);
  return isComplete ? file : (await completeUids(file)).file;
}

/** Name and ID are always there, also where the original lacks them (type 2). */
function createPatient(pseudonym: string): DicomElement[] {
  return [createTextElement(TAG.PatientName, `${pseudonym}^`), createTextElement(TAG.PatientID, pseudonym)];
}

/** What says that the object is de-identified and how (PS3.15 §E.2, PS3.3 §C.7.1.1, §C.12.1). */
function createMarks(source: DicomDataset, options: DeidentifyOptions, isRemoved: boolean): DicomElement[] {
  const retain = RETAIN_OPTIONS.filter((option) => options.retain?.includes(option));
  const codes: CodedConcept[] = [
    BASIC_PROFILE_CODE,
    ...(options.descriptors === "clean" ? [CLEAN_DESCRIPTORS_CODE] : []),
    ...retain.map((option) => RETAIN_CODES[option]),
  ];
  const known = new Set(codes.map((code) => code.value));
  const items = codes.map(createCodeItem);
  // Earlier de-identifications stay on record, as far as they are stated in CID 7050.
  for (const code of readEarlierCodes(source)) {
    if (!known.has(code.value)) items.push(createCodeItem(code));
    known.add(code.value);
  }
  const temporal = retain.includes("full-dates")
    ? "UNMODIFIED"
    : retain.includes("modified-dates")
      ? "MODIFIED"
      : "REMOVED";
  return [
    createTextElement(PATIENT_IDENTITY_REMOVED, isRemoved ? "YES" : "NO"),
    createTextElement(DEIDENTIFICATION_METHOD, [
      `Alara, DICOM PS3.15 ${TABLE_EDITION} Annex E`,
      ...codes.map((code) => code.meaning.replace("Longitudinal Temporal Information", "Dates")),
    ]),
    createSequenceElement(DEIDENTIFICATION_METHOD_CODES, items, "explicit-le"),
    createTextElement(LONGITUDINAL_MODIFIED, temporal),
  ];
}

const CID_7050: ReadonlyMap<string, CodedConcept> = new Map(
  [
    BASIC_PROFILE_CODE,
    { value: "113101", scheme: "DCM", meaning: "Clean Pixel Data Option" },
    { value: "113102", scheme: "DCM", meaning: "Clean Recognizable Visual Features Option" },
    { value: "113103", scheme: "DCM", meaning: "Clean Graphics Option" },
    { value: "113104", scheme: "DCM", meaning: "Clean Structured Content Option" },
    CLEAN_DESCRIPTORS_CODE,
    ...Object.values(RETAIN_CODES),
  ].map((code) => [code.value, code]),
);

function readEarlierCodes(source: DicomDataset): CodedConcept[] {
  try {
    const items = readItems(source, DEIDENTIFICATION_METHOD_CODES) ?? [];
    return items.flatMap((item) => {
      const code = CID_7050.get(readText(item, TAG.CodeValue) ?? "");
      return code !== undefined && readText(item, TAG.CodingSchemeDesignator) === "DCM" ? [code] : [];
    });
  } catch (error) {
    if (!(error instanceof DicomError)) throw error;
    return [];
  }
}
