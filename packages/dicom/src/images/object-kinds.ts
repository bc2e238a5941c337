/**
 * What kind of DICOM object a file holds, by SOP Class UID (PS3.4 table B.5-1, PS3.6 annex A): enough to say what was
 * left out. Not a list of all classes; a class that is not here is named by its modality.
 */
import type { DicomDataset, DicomFile } from "../dataset/dataset.ts";
import { TAG } from "../dataset/tags.ts";
import { readText, readUid } from "../dataset/values.ts";
import { SOP_CLASS } from "./sop-classes.ts";

/** What an object is for. */
export type ObjectKind =
  | "image"
  | "secondary capture"
  | "structured report"
  | "dose report"
  | "key object selection"
  | "presentation state"
  | "radiotherapy object"
  | "segmentation"
  | "registration"
  | "raw data"
  | "encapsulated document"
  | "surface or mesh"
  | "waveform"
  | "directory"
  | "other object";

/** What is known of an object without its pixels; nothing that names the patient. */
export interface ObjectSummary {
  readonly kind: ObjectKind;
  readonly sopClassUid: string | undefined;
  readonly modality: string | undefined;
  readonly seriesInstanceUid: string | undefined;
}

const STORAGE = "1.2.840.10008.5.1.4.1.1.";

/** Longest prefix wins; below {@link STORAGE}. */
const KINDS: readonly (readonly [string, ObjectKind])[] = [
  ["7", "secondary capture"],
  ["9", "waveform"],
  ["11", "presentation state"],
  ["66", "raw data"],
  ["66.1", "registration"],
  ["66.2", "registration"],
  ["66.3", "registration"],
  ["66.4", "segmentation"],
  ["66.5", "surface or mesh"],
  ["66.7", "segmentation"],
  ["67", "other object"],
  ["68", "surface or mesh"],
  ["88", "structured report"],
  ["88.59", "key object selection"],
  ["88.67", "dose report"],
  ["88.68", "dose report"],
  ["88.73", "dose report"],
  ["88.74", "dose report"],
  ["88.76", "dose report"],
  ["104", "encapsulated document"],
  ["104.3", "surface or mesh"],
  ["104.4", "surface or mesh"],
  ["104.5", "surface or mesh"],
  ["481.2", "radiotherapy object"],
  ["481.3", "radiotherapy object"],
  ["481.4", "radiotherapy object"],
  ["481.5", "radiotherapy object"],
  ["481.6", "radiotherapy object"],
  ["481.7", "radiotherapy object"],
  ["481.8", "radiotherapy object"],
  ["481.9", "radiotherapy object"],
];

/** Defined terms of Modality in use (PS3.3 C.7.3.1.1.1), and the retired ones that old files carry. */
const MODALITIES: ReadonlySet<string> = new Set(
  (
    "ANN AR ASMT AU BDUS BI BMD CFM CR CT CTPROTOCOL DG DMS DOC DX ECG EEG EMG EOG EPS ES FID GM HC HD IO IOL IVOCT IVUS " +
    "KER KO LEN LS M3D MG MR NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE " +
    "RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SEG SM SMR SR SRF STAIN TEXTUREMAP TG US VA XA XAPROTOCOL " +
    "XC CS DD DF DM DS EC FA FS LP MA MS OPR ST VF"
  ).split(" "),
);

/**
 * Modality (0008,0060), a defined term or `"OT"`: other text in it could name somebody.
 *
 * @returns `undefined` when it is absent or empty
 */
export function readModality(dataset: DicomDataset): string | undefined {
  const text = readText(dataset, TAG.Modality);
  return text === undefined || MODALITIES.has(text) ? text : "OT";
}

/**
 * The kind that a SOP Class UID stands for; `"image"` for storage classes that are not listed, because most are.
 */
export function findObjectKind(sopClassUid: string): ObjectKind {
  if (sopClassUid === SOP_CLASS.mediaDirectory) return "directory";
  if (!sopClassUid.startsWith(STORAGE)) return "other object";
  const tail = sopClassUid.slice(STORAGE.length);
  let best: readonly [string, ObjectKind] = ["", "image"];
  for (const entry of KINDS) {
    const [prefix] = entry;
    if ((tail === prefix || tail.startsWith(`${prefix}.`)) && prefix.length > best[0].length) best = entry;
  }
  return best[1];
}

/**
 * Says what an object is. Without a SOP class it is an image when it has pixels, else another object.
 *
 * @throws DicomError `INVALID_VALUE` for UIDs that are none
 */
export function summariseObject(file: DicomFile): ObjectSummary {
  const sopClassUid =
    readUid(file.dataset, TAG.SOPClassUID) ?? readUid(file.meta, TAG.MediaStorageSOPClassUID);
  const hasPixels = file.dataset.elements.has(TAG.PixelData);
  return {
    kind: sopClassUid === undefined ? (hasPixels ? "image" : "other object") : findObjectKind(sopClassUid),
    sopClassUid,
    modality: readModality(file.dataset),
    seriesInstanceUid: readUid(file.dataset, TAG.SeriesInstanceUID),
  };
}
