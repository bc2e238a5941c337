/**
 * Puts an enhanced CT object together (PS3.3 A.38, A.70): sorted groups, dimensions, references and pixel data. What
 * goes where is in enhanced-groups.ts.
 */
import type { FrameFormat } from "../codecs/frame-format.ts";
import type { TransferSyntax } from "../codecs/transfer-syntaxes.ts";
import { createDataset, type DicomDataset, type DicomElement } from "../dataset/dataset.ts";
import type { DicomDateTime } from "../dataset/date-time.ts";
import {
  createIntegerElement,
  createNumberElement,
  createSequenceElement,
  createTextElement,
} from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import { createHashedUid } from "../dataset/uids.ts";
import { readText } from "../dataset/values.ts";
import { writeDicomFile } from "../dataset/write.ts";
import { DicomError } from "../errors.ts";
import type { GrayscaleFormat } from "../images/pixels.ts";
import { SOP_CLASS } from "../images/sop-classes.ts";
import { createEnhancedGroups, type EnhancedKind, type FrameDescription } from "./enhanced-groups.ts";
import { createPixelData } from "./pixel-data.ts";

/** SOP Class UIDs of enhanced CT. */
const ENHANCED_CT_CLASSES: Readonly<Record<EnhancedKind, string>> = {
  enhanced: SOP_CLASS.enhancedCt,
  "legacy-converted": SOP_CLASS.legacyConvertedCt,
};

/** What an enhanced object is made of. */
export interface EnhancedObject {
  readonly kind: EnhancedKind;
  /** Classic images in explicit VR, in the order of the frames. */
  readonly frames: readonly DicomDataset[];
  readonly format: FrameFormat;
  /** Native little-endian bytes of each frame. */
  readonly frameBytes: readonly Uint8Array[];
  readonly imageType: readonly [string, string, string, string];
  readonly describe: (frame: number) => FrameDescription;
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly moment: DicomDateTime;
  /** Further top-level elements in explicit VR; they win. */
  readonly extraTop?: readonly DicomElement[];
}

/**
 * Writes an enhanced CT object as a Part 10 file.
 *
 * @throws DicomError as {@link createPixelData}
 */
export async function writeEnhancedObject(
  object: EnhancedObject,
  syntax: TransferSyntax,
): Promise<Uint8Array> {
  const groups = createEnhancedGroups(object.frames, object.kind, object.describe);
  const organizationUid = await createHashedUid({ dimensionOrganization: object.sopInstanceUid });
  const first = object.frames[0];
  const { moment, format } = object;
  const text = createTextElement;
  const own: DicomElement[] = [
    text(TAG.ImageType, object.imageType),
    text(TAG.InstanceCreationDate, moment.date),
    text(TAG.InstanceCreationTime, moment.time),
    text(TAG.SOPClassUID, ENHANCED_CT_CLASSES[object.kind]),
    text(TAG.SOPInstanceUID, object.sopInstanceUid),
    text(TAG.SeriesInstanceUID, object.seriesInstanceUid),
    text(TAG.ContentDate, moment.date),
    text(TAG.ContentTime, moment.time),
    createIntegerElement(TAG.InstanceNumber, 1),
    createIntegerElement(TAG.NumberOfFrames, object.frames.length),
    text(TAG.PixelPresentation, "MONOCHROME"),
    text(TAG.VolumetricProperties, "VOLUME"),
    text(TAG.VolumeBasedCalculationTechnique, "NONE"),
    text(TAG.PresentationLUTShape, "IDENTITY"),
    createSequenceElement(
      TAG.DimensionOrganizationSequence,
      [[text(TAG.DimensionOrganizationUID, organizationUid)]],
      "explicit-le",
    ),
    createSequenceElement(
      TAG.DimensionIndexSequence,
      [TAG.StackID, TAG.InStackPositionNumber].map((pointer) => [
        text(TAG.DimensionOrganizationUID, organizationUid),
        createNumberElement(TAG.DimensionIndexPointer, [pointer], "AT"),
        createNumberElement(TAG.FunctionalGroupPointer, [TAG.FrameContentSequence], "AT"),
      ]),
      "explicit-le",
    ),
    groups.shared,
    groups.perFrame,
    await createPixelData(syntax, format, object.frameBytes),
  ];
  const elements = [...groups.top, ...own, ...createMissing(first, object.kind), ...(object.extraTop ?? [])];
  return writeDicomFile(createDataset(elements, { limits: first.limits }), syntax.uid);
}

/** Attributes that enhanced objects must have and classic ones need not. */
function createMissing(first: DicomDataset, kind: EnhancedKind): DicomElement[] {
  const defaults: [number, string][] = [
    [TAG.BurnedInAnnotation, "NO"],
    [TAG.LossyImageCompression, "00"],
    [TAG.PatientPosition, ""],
    [TAG.PositionReferenceIndicator, ""],
  ];
  if (kind === "legacy-converted" && readText(first, TAG.BodyPartExamined) === undefined) {
    defaults.push([TAG.Laterality, ""]);
  }
  if (kind === "enhanced") {
    defaults.push(
      [TAG.Manufacturer, "UNKNOWN"],
      [TAG.ManufacturerModelName, "UNKNOWN"],
      [TAG.DeviceSerialNumber, "UNKNOWN"],
      [TAG.SoftwareVersions, "UNKNOWN"],
      [TAG.ContentQualification, "RESEARCH"],
    );
  }
  const missing = defaults
    .filter(([tag]) => readText(first, tag) === undefined)
    .map(([tag, value]) => createTextElement(tag, value));
  return [...missing, createSequenceElement(TAG.AcquisitionContextSequence, [], "explicit-le")];
}

/**
 * Refuses frames that one object cannot hold together.
 *
 * @throws DicomError `UNSUPPORTED_PIXEL_FORMAT`
 */
export function requireSameFormat(formats: readonly GrayscaleFormat[]): void {
  const first = formats[0].padding;
  const keys = ["rows", "columns", "bitsAllocated", "bitsStored", "highBit", "signed"] as const;
  for (const [i, format] of formats.entries()) {
    const differs = keys.find((key) => format[key] !== formats[0][key]);
    if (differs !== undefined || format.photometricInterpretation !== formats[0].photometricInterpretation) {
      throw new DicomError(
        "UNSUPPORTED_PIXEL_FORMAT",
        `slice ${i} differs from slice 0 in ${differs ?? "photometric interpretation"}, so one multi-frame object cannot hold both; keep them as classic images`,
      );
    }
    const { padding } = format;
    if (padding === undefined || first === undefined) continue;
    if (padding.minimum !== first.minimum || padding.maximum !== first.maximum) {
      throw new DicomError(
        "UNSUPPORTED_PIXEL_FORMAT",
        `slice ${i} marks padding by ${padding.minimum} to ${padding.maximum}, slice 0 by ${first.minimum} to ${first.maximum}; one multi-frame object states one range, so keep them as classic images`,
      );
    }
  }
}
