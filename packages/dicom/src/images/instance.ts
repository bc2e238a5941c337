/**
 * What series assembly needs to know of one file, without its pixels, and why a file is left out. Nothing here names
 * the patient.
 */
import { AlaraError, type Vector3 } from "@alara/core";
import type { DicomDataset, DicomFile } from "../dataset/dataset.ts";
import { readDicomFile } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { readNumber, readNumbers, readText, readTexts, readUid } from "../dataset/values.ts";
import { isDerivedByAlara } from "../derive/equipment.ts";
import { DicomError } from "../errors.ts";
import type { DicomLimits } from "../limits.ts";
import { type HuFormat, readHuFormat } from "./pixels.ts";

/** Something that can be read again and again: a file, a blob, bytes in memory. */
export interface InstanceSource {
  /** For messages and lists; given by the caller, never taken from the file's content. */
  readonly name: string;
  read(): Promise<Uint8Array>;
}

/** Why a file takes no part in any series. */
export type SkipCode =
  | "NOT_CT"
  | "LOCALIZER"
  | "SECONDARY_CAPTURE"
  | "MULTI_FRAME"
  | "NO_PIXEL_DATA"
  | "NO_GEOMETRY"
  | "DUPLICATE_INSTANCE"
  | "SOP_UID_CONFLICT";

/** A file left out, with the reason; `code` is a {@link SkipCode} or the code of the error that reading met. */
export interface SkippedInstance {
  readonly name: string;
  readonly code: string;
  readonly reason: string;
}

/** The numbers and codes of one CT image that series assembly and facts use. */
export interface InstanceSummary {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly studyInstanceUid: string;
  readonly transferSyntaxUid: string;
  readonly format: HuFormat;
  /** Image Position (Patient), mm. */
  readonly positionMm: Vector3;
  /** Unit vectors along which the column and the row index grow (first and second half of Image Orientation). */
  readonly columnDirection: Vector3;
  readonly rowDirection: Vector3;
  /** Pixel Spacing `[row, column]`, mm. */
  readonly pixelSpacingMm: readonly [number, number];
  readonly instanceNumber: number | undefined;
  readonly seriesNumber: number | undefined;
  readonly acquisitionNumber: number | undefined;
  readonly imageType: readonly string[];
  readonly derivedByAlara: boolean;
  readonly facts: InstanceFacts;
}

/** Header facts of one image; absent or malformed ones are `undefined`. */
export interface InstanceFacts {
  readonly manufacturer: string | undefined;
  readonly model: string | undefined;
  readonly bodyPart: string | undefined;
  readonly kernel: string | undefined;
  readonly filterType: string | undefined;
  readonly scanOptions: string | undefined;
  readonly patientPosition: string | undefined;
  readonly tubeVoltageKv: number | undefined;
  readonly tubeCurrentMa: number | undefined;
  readonly exposureMas: number | undefined;
  readonly exposureTimeMs: number | undefined;
  readonly ctdiVolMgy: number | undefined;
  readonly spiralPitch: number | undefined;
  readonly sliceThicknessMm: number | undefined;
  readonly spacingBetweenSlicesMm: number | undefined;
  readonly reconstructionDiameterMm: number | undefined;
  readonly gantryTiltDegrees: number | undefined;
  readonly hasContrastAgent: boolean;
  readonly lossyCompressed: boolean;
}

const SECONDARY_CAPTURE_PREFIX = "1.2.840.10008.5.1.4.1.1.7";
const CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2";
const ENHANCED_CT_CLASSES: ReadonlySet<string> = new Set([
  "1.2.840.10008.5.1.4.1.1.2.1",
  "1.2.840.10008.5.1.4.1.1.2.2",
]);
const SCREEN_TYPES: ReadonlySet<string> = new Set(["SCREEN SAVE", "DOSE INFO", "DOSE_INFO", "DOSEINFO"]);

/** The outcome of looking at one file. */
export type ScannedInstance =
  | { readonly kind: "ct"; readonly source: InstanceSource; readonly summary: InstanceSummary }
  | { readonly kind: "skipped"; readonly skipped: SkippedInstance };

/**
 * Looks at one file and says what it is. Errors in the file become a skip with the error's code.
 *
 * @throws nothing that the file could cause; errors of `source.read()` other than coded ones pass through
 */
export async function scanInstance(
  source: InstanceSource,
  options: { readonly limits?: DicomLimits } = {},
): Promise<ScannedInstance> {
  try {
    const file = readDicomFile(await source.read(), options);
    const skip = findSkipReason(file.dataset);
    if (skip !== undefined) return { kind: "skipped", skipped: { name: source.name, ...skip } };
    return { kind: "ct", source, summary: summariseInstance(file) };
  } catch (error) {
    if (!(error instanceof AlaraError)) throw error;
    return { kind: "skipped", skipped: { name: source.name, code: error.code, reason: error.message } };
  }
}

function findSkipReason(dataset: DicomDataset): { code: SkipCode; reason: string } | undefined {
  const sopClass = readUid(dataset, TAG.SOPClassUID) ?? "";
  const modality = readText(dataset, TAG.Modality);
  const imageType = readTexts(dataset, TAG.ImageType) ?? [];
  if (sopClass === SECONDARY_CAPTURE_PREFIX || sopClass.startsWith(`${SECONDARY_CAPTURE_PREFIX}.`)) {
    return {
      code: "SECONDARY_CAPTURE",
      reason: "a secondary capture (screen shot, dose sheet), not an image",
    };
  }
  if (imageType.some((value) => SCREEN_TYPES.has(value))) {
    return { code: "SECONDARY_CAPTURE", reason: "Image Type says screen save or dose sheet" };
  }
  if (ENHANCED_CT_CLASSES.has(sopClass)) {
    return { code: "MULTI_FRAME", reason: "an enhanced multi-frame CT object, which is not read yet" };
  }
  if (modality !== "CT" || (sopClass !== CT_IMAGE_STORAGE && sopClass !== "")) {
    return { code: "NOT_CT", reason: "not a CT image (Modality or SOP Class says otherwise)" };
  }
  if (imageType.includes("LOCALIZER")) {
    return { code: "LOCALIZER", reason: "a localizer (scout) image" };
  }
  if (!dataset.elements.has(TAG.PixelData)) {
    return { code: "NO_PIXEL_DATA", reason: "there is no Pixel Data" };
  }
  if (!dataset.elements.has(TAG.ImagePositionPatient) || !dataset.elements.has(TAG.ImageOrientationPatient)) {
    return { code: "NO_GEOMETRY", reason: "Image Position or Orientation (Patient) is missing" };
  }
  return undefined;
}

/**
 * Reads the summary of a CT image.
 *
 * @throws DicomError `MISSING_ATTRIBUTE`, `INVALID_VALUE` and as {@link readHuFormat}
 */
export function summariseInstance(file: DicomFile): InstanceSummary {
  const { dataset } = file;
  const format = readHuFormat(dataset);
  if (format.frames !== 1) {
    throw new DicomError(
      "UNSUPPORTED_PIXEL_FORMAT",
      `a classic CT image has one frame but this one declares ${format.frames}`,
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
    sopClassUid: readUid(dataset, TAG.SOPClassUID) ?? CT_IMAGE_STORAGE,
    sopInstanceUid: requireUid(dataset, TAG.SOPInstanceUID, "SOP Instance UID"),
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
    acquisitionNumber: findNumber(dataset, TAG.AcquisitionNumber),
    imageType: readTexts(dataset, TAG.ImageType) ?? [],
    derivedByAlara: isDerivedByAlara(dataset),
    facts: readFacts(dataset),
  };
}

function readFacts(dataset: DicomDataset): InstanceFacts {
  return {
    manufacturer: readText(dataset, TAG.Manufacturer),
    model: readText(dataset, TAG.ManufacturerModelName),
    bodyPart: readText(dataset, TAG.BodyPartExamined),
    kernel: readTexts(dataset, TAG.ConvolutionKernel)?.join("\\"),
    filterType: readText(dataset, TAG.FilterType),
    scanOptions: readTexts(dataset, TAG.ScanOptions)?.join("\\"),
    patientPosition: readText(dataset, TAG.PatientPosition),
    tubeVoltageKv: findPositive(dataset, TAG.KVP),
    tubeCurrentMa: findPositive(dataset, TAG.XRayTubeCurrent),
    exposureMas: findPositive(dataset, TAG.Exposure),
    exposureTimeMs: findPositive(dataset, TAG.ExposureTime),
    ctdiVolMgy: findPositive(dataset, TAG.CTDIvol),
    spiralPitch: findPositive(dataset, TAG.SpiralPitchFactor),
    sliceThicknessMm: findPositive(dataset, TAG.SliceThickness),
    spacingBetweenSlicesMm: findPositive(dataset, TAG.SpacingBetweenSlices),
    reconstructionDiameterMm: findPositive(dataset, TAG.ReconstructionDiameter),
    gantryTiltDegrees: findNumber(dataset, TAG.GantryDetectorTilt),
    hasContrastAgent: readText(dataset, TAG.ContrastBolusAgent) !== undefined,
    lossyCompressed: readText(dataset, TAG.LossyImageCompression) === "01",
  };
}

/** A number that facts can do without: malformed is absent. */
function findNumber(dataset: DicomDataset, tag: number): number | undefined {
  try {
    return readNumber(dataset, tag);
  } catch (error) {
    if (error instanceof DicomError) return undefined;
    throw error;
  }
}

function findPositive(dataset: DicomDataset, tag: number): number | undefined {
  const value = findNumber(dataset, tag);
  return value !== undefined && value > 0 ? value : undefined;
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
