/**
 * UIDs that a file leaves empty, filled from what it still says: SOP class and instance stand in the file meta
 * information too (PS3.10 §7.1), and a series or study without a UID gets one made from its Frame of Reference. Some
 * de-identifiers empty them all. Files that have their UIDs are not touched.
 */
import { type DicomElement, type DicomFile, editDataset } from "../dataset/dataset.ts";
import { createTextElement } from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import { createHashedUid } from "../dataset/uids.ts";
import { readText, readUid } from "../dataset/values.ts";

/** A UID that was filled in. */
export type CompletedUid =
  | "SOP Class UID"
  | "SOP Instance UID"
  | "Series Instance UID"
  | "Study Instance UID";

/** A file and what was filled in. */
export interface CompletedFile {
  readonly file: DicomFile;
  /** Empty for a file that had them all. */
  readonly completed: readonly CompletedUid[];
}

/**
 * Fills in missing UIDs of an image.
 *
 * @returns the same file when nothing is missing or nothing can be said; equal files always get equal UIDs
 * @throws DicomError `INVALID_VALUE` for UIDs that are none
 */
export async function completeUids(file: DicomFile): Promise<CompletedFile> {
  const { dataset, meta } = file;
  const completed: CompletedUid[] = [];
  const edits = new Map<number, DicomElement>();
  const fill = (tag: number, name: CompletedUid, uid: string | undefined): void => {
    if (uid === undefined) return;
    edits.set(tag, createTextElement(tag, uid));
    completed.push(name);
  };
  const isMissing = (tag: number): boolean => readUid(dataset, tag) === undefined;
  if (isMissing(TAG.SOPClassUID)) {
    fill(TAG.SOPClassUID, "SOP Class UID", readUid(meta, TAG.MediaStorageSOPClassUID));
  }
  if (isMissing(TAG.SOPInstanceUID)) {
    fill(TAG.SOPInstanceUID, "SOP Instance UID", readUid(meta, TAG.MediaStorageSOPInstanceUID));
  }
  const frame = readUid(dataset, TAG.FrameOfReferenceUID);
  const modality = readText(dataset, TAG.Modality) ?? "";
  if (frame !== undefined && isMissing(TAG.SeriesInstanceUID)) {
    const uid = await createHashedUid({ seriesOfFrameOfReference: frame, modality });
    fill(TAG.SeriesInstanceUID, "Series Instance UID", uid);
  }
  if (frame !== undefined && isMissing(TAG.StudyInstanceUID)) {
    fill(
      TAG.StudyInstanceUID,
      "Study Instance UID",
      await createHashedUid({ studyOfFrameOfReference: frame }),
    );
  }
  if (completed.length === 0) return { file, completed };
  return { file: { ...file, dataset: editDataset(dataset, edits) }, completed };
}
