/**
 * What series assembly needs to know of one file, frame by frame and without its pixels, and why a file or frame is
 * left out. A classic image is an object of one frame. Nothing here names the patient.
 */
import { AlaraError, type Vector3 } from "@alara/core";
import { readFrameFormat } from "../codecs/frame-format.ts";
import type { DicomDataset, DicomFile } from "../dataset/dataset.ts";
import { readDicomFile } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { readNumbers, readText, readTexts, readUid } from "../dataset/values.ts";
import { isDerivedByAlara } from "../derive/equipment.ts";
import { DicomError } from "../errors.ts";
import type { DicomLimits } from "../limits.ts";
import { hasFunctionalGroups, readFrameDataset } from "./functional-groups.ts";
import { type CompletedFile, type CompletedUid, completeUids } from "./identity.ts";
import { findNumber, type InstanceFacts, readInstanceFacts } from "./instance-facts.ts";
import { type ObjectKind, type ObjectSummary, readModality, summariseObject } from "./object-kinds.ts";
import { type GrayscaleFormat, readGrayscaleFormat, readHuFormat } from "./pixels.ts";
import { ENHANCED_CLASSES, SOP_CLASS } from "./sop-classes.ts";

/** Something that can be read again and again: a file, a blob, bytes in memory. */
export interface InstanceSource {
  /** For messages and lists; given by the caller, never taken from the file's content. */
  readonly name: string;
  read(): Promise<Uint8Array>;
}

/** Why a file takes no part in any series. */
export type SkipCode =
  | "NOT_CT"
  | "NOT_AN_IMAGE"
  | "LOCALIZER"
  | "SECONDARY_CAPTURE"
  | "MULTI_FRAME"
  | "NO_PIXEL_DATA"
  | "NO_GEOMETRY"
  | "DUPLICATE_INSTANCE"
  | "DUPLICATE_PIXELS"
  | "SOP_UID_CONFLICT";

/** A file left out, with the reason; `code` is a {@link SkipCode} or the code of the error that reading met. */
export interface SkippedInstance {
  readonly name: string;
  readonly code: string;
  readonly reason: string;
  /** What the file holds, where it could be read that far. */
  readonly object?: ObjectSummary;
}

/** The numbers and codes of one image, or of one frame of it, that series assembly and facts use. */
export interface InstanceSummary {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  /** Index of the frame within its file, from 0; `format.frames` tells how many there are. */
  readonly frame: number;
  /** Modality (0008,0060). */
  readonly modality: string;
  readonly seriesInstanceUid: string;
  readonly studyInstanceUid: string;
  readonly transferSyntaxUid: string;
  readonly format: GrayscaleFormat;
  /** Image Position (Patient), mm. */
  readonly positionMm: Vector3;
  /** Unit vectors along which the column and the row index grow (first and second half of Image Orientation). */
  readonly columnDirection: Vector3;
  readonly rowDirection: Vector3;
  /** Pixel Spacing `[row, column]`, mm. */
  readonly pixelSpacingMm: readonly [number, number];
  readonly instanceNumber: number | undefined;
  readonly seriesNumber: number | undefined;
  /** Acquisition Number, of a frame its Frame Acquisition Number. */
  readonly acquisitionNumber: number | undefined;
  /** Stack ID of a frame (PS3.3 C.7.6.16.2.2). */
  readonly stackId: string | undefined;
  /** Temporal Position Index of a frame, Temporal Position Identifier of a classic image. */
  readonly temporalPosition: number | undefined;
  /** Image Type, of a frame its Frame Type. */
  readonly imageType: readonly string[];
  readonly derivedByAlara: boolean;
  /** UIDs that the file left empty and that were filled in. */
  readonly completedUids: readonly CompletedUid[];
  readonly facts: InstanceFacts;
}

/** A slice that scanning found: a classic image, or frame `summary.frame` of a multi-frame one. */
export interface ScannedSlice {
  readonly source: InstanceSource;
  readonly summary: InstanceSummary;
}

/** CT Image Storage, Enhanced CT and Legacy Converted Enhanced CT. */
const CT_CLASSES: ReadonlySet<string> = new Set([
  SOP_CLASS.ctImage,
  SOP_CLASS.enhancedCt,
  SOP_CLASS.legacyConvertedCt,
]);
const SCREEN_TYPES: ReadonlySet<string> = new Set(["SCREEN SAVE", "DOSE INFO", "DOSE_INFO", "DOSEINFO"]);

/** Which images are taken: CT in HU alone, or grayscale images of any modality that lie in patient space. */
export type ModalityChoice = "CT" | "any";

/** Options of {@link scanInstance}. */
export interface ScanInstanceOptions {
  readonly limits?: DicomLimits;
  /** Default `"CT"`. */
  readonly modalities?: ModalityChoice;
}

/** The outcome of looking at one file. */
export type ScannedInstance =
  | {
      readonly kind: "image";
      readonly source: InstanceSource;
      /** At least one; in file order. */
      readonly frames: readonly InstanceSummary[];
      /** Frames left out, one entry per reason. */
      readonly skipped: readonly SkippedInstance[];
    }
  | { readonly kind: "skipped"; readonly skipped: SkippedInstance };

/**
 * Looks at one file and says what it is. Errors in the file become a skip with the error's code.
 *
 * @throws nothing that the file could cause; errors of `source.read()` other than coded ones pass through
 */
export async function scanInstance(
  source: InstanceSource,
  options: ScanInstanceOptions = {},
): Promise<ScannedInstance> {
  try {
    const file = await completeUids(readDicomFile(await source.read(), options));
    return scanFile(source, file, options.modalities ?? "CT");
  } catch (error) {
    if (!(error instanceof AlaraError)) throw error;
    return { kind: "skipped", skipped: { name: source.name, code: error.code, reason: error.message } };
  }
}

interface SkipReason {
  readonly code: SkipCode;
  readonly reason: string;
}

/**
 * Says what a file that was read already is.
 *
 * @throws DicomError as {@link summariseInstance}
 */
export function scanFile(
  source: InstanceSource,
  { file, completed }: CompletedFile,
  modalities: ModalityChoice,
): ScannedInstance {
  const object = summariseObject(file);
  const skip = findObjectSkipReason(file.dataset, object, modalities);
  if (skip !== undefined) return { kind: "skipped", skipped: { name: source.name, ...skip, object } };
  const count = hasFunctionalGroups(file.dataset) ? readFrameFormat(file.dataset).frames : 1;
  const frames: InstanceSummary[] = [];
  const leftOut = new Map<SkipCode, { readonly reason: string; frames: number }>();
  for (let frame = 0; frame < count; frame++) {
    const dataset = readFrameDataset(file.dataset, frame);
    const reason = findFrameSkipReason(dataset);
    if (reason === undefined) {
      frames.push({ ...summariseFrame(file, dataset, frame, modalities), completedUids: completed });
      continue;
    }
    const entry = leftOut.get(reason.code);
    if (entry === undefined) leftOut.set(reason.code, { reason: reason.reason, frames: 1 });
    else entry.frames++;
  }
  const skipped = [...leftOut].map(([code, entry]) => ({
    name: source.name,
    code,
    reason: count === 1 ? entry.reason : `${entry.frames} of ${count} frames: ${entry.reason}`,
    object,
  }));
  if (frames.length === 0) return { kind: "skipped", skipped: skipped[0] };
  return { kind: "image", source, frames, skipped };
}

/** What rules out a whole file. */
function findObjectSkipReason(
  dataset: DicomDataset,
  object: ObjectSummary,
  modalities: ModalityChoice,
): SkipReason | undefined {
  const sopClass = readUid(dataset, TAG.SOPClassUID) ?? "";
  const { modality } = object;
  const imageType = readTexts(dataset, TAG.ImageType) ?? [];
  if (object.kind === "secondary capture") {
    return {
      code: "SECONDARY_CAPTURE",
      reason: "a secondary capture (screen shot, dose sheet), not an image",
    };
  }
  if (imageType.some((value) => SCREEN_TYPES.has(value))) {
    return { code: "SECONDARY_CAPTURE", reason: "Image Type says screen save or dose sheet" };
  }
  if (object.kind !== "image" && !dataset.elements.has(TAG.PixelData)) {
    return { code: "NOT_AN_IMAGE", reason: `${describeKind(object.kind)}, not an image` };
  }
  if (modalities === "CT" && (modality !== "CT" || (sopClass !== "" && !CT_CLASSES.has(sopClass)))) {
    return { code: "NOT_CT", reason: "not a CT image (Modality or SOP Class says otherwise)" };
  }
  if (!dataset.elements.has(TAG.PixelData) && !imageType.includes("LOCALIZER")) {
    return { code: "NO_PIXEL_DATA", reason: "there is no Pixel Data" };
  }
  if (ENHANCED_CLASSES.has(sopClass) && !hasFunctionalGroups(dataset)) {
    return {
      code: "MULTI_FRAME",
      reason: "an enhanced object without functional groups: where its frames lie is not stated",
    };
  }
  return undefined;
}

/** "a dose report", "an encapsulated document". */
function describeKind(kind: ObjectKind): string {
  if (kind === "other object") return "another kind of object";
  return `${/^[aeiou]/.test(kind) ? "an" : "a"} ${kind}`;
}

/** What rules out one frame. */
function findFrameSkipReason(dataset: DicomDataset): SkipReason | undefined {
  const imageType = [
    ...(readTexts(dataset, TAG.FrameType) ?? []),
    ...(readTexts(dataset, TAG.ImageType) ?? []),
  ];
  if (imageType.includes("LOCALIZER")) {
    return { code: "LOCALIZER", reason: "a localizer (scout) image" };
  }
  if (!dataset.elements.has(TAG.ImagePositionPatient) || !dataset.elements.has(TAG.ImageOrientationPatient)) {
    return { code: "NO_GEOMETRY", reason: "Image Position or Orientation (Patient) is missing" };
  }
  return undefined;
}

/**
 * Reads the summary of a CT image, or of one frame of an enhanced one.
 *
 * @param frame - from 0; default 0
 * @throws DicomError `MISSING_ATTRIBUTE`, `INVALID_VALUE`, `NOT_HU` and as {@link readHuFormat}
 */
export function summariseInstance(file: DicomFile, frame = 0): InstanceSummary {
  return summariseFrame(file, readFrameDataset(file.dataset, frame), frame, "CT");
}

function summariseFrame(
  file: DicomFile,
  dataset: DicomDataset,
  frame: number,
  modalities: ModalityChoice,
): InstanceSummary {
  const format = modalities === "CT" ? readHuFormat(dataset) : readGrayscaleFormat(dataset);
  if (format.frames !== 1 && !hasFunctionalGroups(file.dataset)) {
    throw new DicomError(
      "UNSUPPORTED_PIXEL_FORMAT",
      `a classic image has one frame but this one declares ${format.frames}`,
    );
  }
  const position = requireNumbers(dataset, TAG.ImagePositionPatient, 3, "Image Position (Patient)");
  const orientation = requireNumbers(dataset, TAG.ImageOrientationPatient, 6, "Image Orientation (Patient)");
  const spacing = requireNumbers(dataset, TAG.PixelSpacing, 2, "Pixel Spacing");
  if (!(spacing[0] > 0 && spacing[1] > 0)) {
    throw new DicomError(
      "INVALID_VALUE",
      `Pixel Spacing is ${spacing[0]} × ${spacing[1]} mm; it must be positive`,
    );
  }
  const [columnDirection, rowDirection] = readDirections(orientation);
  return {
    sopClassUid: readUid(dataset, TAG.SOPClassUID) ?? SOP_CLASS.ctImage,
    sopInstanceUid: requireUid(dataset, TAG.SOPInstanceUID, "SOP Instance UID"),
    frame,
    modality: readModality(dataset) ?? "CT",
    seriesInstanceUid: requireUid(dataset, TAG.SeriesInstanceUID, "Series Instance UID"),
    studyInstanceUid: requireUid(dataset, TAG.StudyInstanceUID, "Study Instance UID"),
    transferSyntaxUid: file.transferSyntaxUid,
    format,
    positionMm: [position[0], position[1], position[2]],
    columnDirection,
    rowDirection,
    pixelSpacingMm: [spacing[0], spacing[1]],
    instanceNumber: findNumber(dataset, TAG.InstanceNumber),
    seriesNumber: findNumber(dataset, TAG.SeriesNumber),
    acquisitionNumber:
      findNumber(dataset, TAG.FrameAcquisitionNumber) ?? findNumber(dataset, TAG.AcquisitionNumber),
    stackId: readText(dataset, TAG.StackID),
    temporalPosition:
      findNumber(dataset, TAG.TemporalPositionIndex) ?? findNumber(dataset, TAG.TemporalPositionIdentifier),
    imageType: readTexts(dataset, TAG.FrameType) ?? readTexts(dataset, TAG.ImageType) ?? [],
    derivedByAlara: isDerivedByAlara(dataset),
    completedUids: [],
    facts: readInstanceFacts(dataset),
  };
}

function requireNumbers(dataset: DicomDataset, tag: number, count: number, name: string): number[] {
  const values = readNumbers(dataset, tag);
  if (values === undefined) throw new DicomError("MISSING_ATTRIBUTE", `${name} is missing`);
  if (values.length !== count) {
    throw new DicomError("INVALID_VALUE", `${name} has ${values.length} values instead of ${count}`);
  }
  return values;
}

function requireUid(dataset: DicomDataset, tag: number, name: string): string {
  const uid = readUid(dataset, tag);
  if (uid === undefined) throw new DicomError("MISSING_ATTRIBUTE", `${name} is missing`);
  return uid;
}

/** Normalises direction cosines; refuses what is not two perpendicular unit vectors within 1 %. */
function readDirections(values: readonly number[]): [Vector3, Vector3] {
  const first: Vector3 = [values[0], values[1], values[2]];
  const second: Vector3 = [values[3], values[4], values[5]];
  const lengths = [Math.hypot(...first), Math.hypot(...second)];
  const dot = first[0] * second[0] + first[1] * second[1] + first[2] * second[2];
  if (!(Math.abs(lengths[0] - 1) < 0.01 && Math.abs(lengths[1] - 1) < 0.01 && Math.abs(dot) < 0.01)) {
    throw new DicomError(
      "INVALID_VALUE",
      `Image Orientation (Patient) is not two perpendicular unit vectors (lengths ${lengths[0]} and ${lengths[1]}, product ${dot})`,
    );
  }
  const scale = (v: Vector3, length: number): Vector3 => [v[0] / length, v[1] / length, v[2] / length];
  return [scale(first, lengths[0]), scale(second, lengths[1])];
}
