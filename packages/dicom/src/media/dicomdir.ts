/**
 * DICOMDIR, the index of a medium (PS3.3 annex F, PS3.10 §8): the tree of directory records and the files that they
 * name. Offsets are checked against the records that are really there, loops and shared records refused; file ids
 * become relative paths only when every component is a plain name. It opens no file: see node/media.ts.
 */
import type { DicomDataset, DicomFile } from "../dataset/dataset.ts";
import { type ReadDicomOptions, readDicomFile, readItems } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { readNumber, readText, readTexts, readUid } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";
import { SOP_CLASS } from "../images/sop-classes.ts";

/** Media Storage Directory Storage. */
export const DICOMDIR_SOP_CLASS_UID: string = SOP_CLASS.mediaDirectory;

const RECORD_TAG = {
  firstRecordOffset: 0x00041200,
  directoryRecordSequence: 0x00041220,
  nextRecordOffset: 0x00041400,
  inUseFlag: 0x00041410,
  lowerLevelOffset: 0x00041420,
  recordType: 0x00041430,
  referencedFileId: 0x00041500,
  referencedSopInstanceUid: 0x00041511,
} as const;

/** Levels of a record tree: PATIENT, STUDY, SERIES, IMAGE and a few more in the standard. */
const MAX_LEVELS = 16;
/** Components of a file id (PS3.10 §8.2) and their length; the standard says 8 characters, many media have more. */
const MAX_COMPONENTS = 8;
const MAX_COMPONENT_LENGTH = 64;

/** One directory record. */
export interface DirectoryRecord {
  /** PATIENT, STUDY, SERIES, IMAGE, … in capitals. */
  readonly type: string;
  /** The record's keys, e.g. Patient's Name or Series Instance UID. */
  readonly dataset: DicomDataset;
  /** The components of the file it names; `undefined` for records without a file. */
  readonly file: ReferencedFile | undefined;
  readonly children: readonly DirectoryRecord[];
}

/** A file that a record names: its path below the DICOMDIR's folder, or why it is not followed. */
export type ReferencedFile =
  | {
      readonly kind: "path";
      readonly components: readonly string[];
      readonly sopInstanceUid: string | undefined;
    }
  | { readonly kind: "unsafe"; readonly reason: string };

/** Whether a file is a DICOMDIR, by its meta information. */
export function isDicomDir(file: DicomFile): boolean {
  return readText(file.meta, TAG.MediaStorageSOPClassUID) === DICOMDIR_SOP_CLASS_UID;
}

/**
 * Reads the records of a DICOMDIR as a tree; records marked inactive (0000) are left out.
 *
 * @throws DicomError `NOT_DICOM` when it is no DICOMDIR, `MISSING_ATTRIBUTE`, `INVALID_VALUE` (offsets that meet no
 * record), `INVALID_SEQUENCE` (loops, records reached twice), `NESTING_TOO_DEEP`, and as {@link readDicomFile}
 * @remarks PS3.3 F.3–F.5. Tested with dcmtk's dcmmkdir and on hostile directories.
 */
export function readDicomDir(
  content: Uint8Array,
  options: ReadDicomOptions = {},
): readonly DirectoryRecord[] {
  const file = readDicomFile(content, options);
  const { dataset } = file;
  if (!isDicomDir(file)) {
    throw new DicomError(
      "NOT_DICOM",
      "this DICOM file is no DICOMDIR (Media Storage SOP Class UID says otherwise)",
    );
  }
  const items = readItems(dataset, RECORD_TAG.directoryRecordSequence);
  if (items === undefined)
    throw new DicomError("MISSING_ATTRIBUTE", "the DICOMDIR has no Directory Record Sequence");
  const byOffset = new Map<number, DicomDataset>();
  for (const item of items) if (item.itemOffset !== undefined) byOffset.set(item.itemOffset, item);
  const visited = new Set<number>();
  return readChain(byOffset, readOffset(dataset, RECORD_TAG.firstRecordOffset), visited, 1);
}

function readOffset(dataset: DicomDataset, tag: number): number {
  return readNumber(dataset, tag) ?? 0;
}

/** The record at an offset and its siblings behind it. */
function readChain(
  byOffset: ReadonlyMap<number, DicomDataset>,
  first: number,
  visited: Set<number>,
  level: number,
): DirectoryRecord[] {
  if (level > MAX_LEVELS) {
    throw new DicomError("NESTING_TOO_DEEP", `directory records are nested deeper than ${MAX_LEVELS} levels`);
  }
  const records: DirectoryRecord[] = [];
  for (let offset = first; offset !== 0; ) {
    const dataset = byOffset.get(offset);
    if (dataset === undefined) {
      throw new DicomError(
        "INVALID_VALUE",
        `a directory record points at byte ${offset}, where no record begins`,
      );
    }
    if (visited.has(offset)) {
      throw new DicomError(
        "INVALID_SEQUENCE",
        `the directory record at byte ${offset} is reached twice: the records form no tree`,
      );
    }
    visited.add(offset);
    // An inactive record is skipped with all below it, but what is below may not be reached from elsewhere either.
    const children = readChain(
      byOffset,
      readOffset(dataset, RECORD_TAG.lowerLevelOffset),
      visited,
      level + 1,
    );
    if (readNumber(dataset, RECORD_TAG.inUseFlag) !== 0) records.push(readRecord(dataset, children));
    offset = readOffset(dataset, RECORD_TAG.nextRecordOffset);
  }
  return records;
}

function readRecord(dataset: DicomDataset, children: readonly DirectoryRecord[]): DirectoryRecord {
  const type = readText(dataset, RECORD_TAG.recordType);
  if (type === undefined) throw new DicomError("MISSING_ATTRIBUTE", "a directory record has no type");
  const components = readTexts(dataset, RECORD_TAG.referencedFileId);
  return {
    type,
    dataset,
    file: components === undefined ? undefined : checkFileId(dataset, components),
    children,
  };
}

/**
 * Plain names only: letters, digits and a few signs, no dot at either end, none of the device names of Windows. So
 * no component climbs, starts anew, hides or addresses a device, on any system.
 */
function checkFileId(dataset: DicomDataset, components: readonly string[]): ReferencedFile {
  if (components.length > MAX_COMPONENTS) {
    return { kind: "unsafe", reason: `its file id has ${components.length} components` };
  }
  for (const [i, component] of components.entries()) {
    if (component.length > MAX_COMPONENT_LENGTH || !isPlainName(component)) {
      return { kind: "unsafe", reason: `component ${i + 1} of its file id is not a plain file name` };
    }
  }
  let sopInstanceUid: string | undefined;
  try {
    sopInstanceUid = readUid(dataset, RECORD_TAG.referencedSopInstanceUid);
  } catch (error) {
    if (!(error instanceof DicomError)) throw error;
    return { kind: "unsafe", reason: "its SOP Instance UID is not a valid UID" };
  }
  return { kind: "path", components, sopInstanceUid };
}

const DEVICE_NAME = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;

function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9_-]([A-Za-z0-9._-]*[A-Za-z0-9_-])?$/.test(name) && !DEVICE_NAME.test(name);
}

/** All records of a tree, depth first. */
export function listRecords(records: readonly DirectoryRecord[]): DirectoryRecord[] {
  return records.flatMap((record) => [record, ...listRecords(record.children)]);
}
