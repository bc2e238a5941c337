/**
 * What plain images of any modality say of patient, study, series, equipment and pixels (PS3.3 C.7.1 to C.7.6.3).
 * Type 2 attributes without a value are written empty. Geometry, time and the modality's own module are the caller's.
 */
import type { FrameFormat } from "../codecs/frame-format.ts";
import type { DicomElement } from "../dataset/dataset.ts";
import { convertDateTime } from "../dataset/date-time.ts";
import { createIntegerElement, createShortElement, createTextElement } from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import { EQUIPMENT_MANUFACTURER } from "../derive/equipment.ts";
import type { PlainSeriesAttributes } from "./plain-series.ts";

/** What differs between modalities. */
export interface PlainHeaderOptions {
  readonly sopClassUid: string;
  readonly modality: string;
  /** Third value of Image Type; none when absent. */
  readonly imageFlavour?: string;
}

/** Elements of patient, study, series, equipment and image, but UIDs of study, series and instance. */
export function createPlainHeader(
  attributes: PlainSeriesAttributes,
  options: PlainHeaderOptions,
): DicomElement[] {
  const moment = convertDateTime(attributes.dateTime);
  const text = createTextElement;
  const origin = attributes.imageTypeOrigin ?? "ORIGINAL";
  const imageType = [origin, origin === "ORIGINAL" ? "PRIMARY" : "SECONDARY"];
  if (options.imageFlavour !== undefined) imageType.push(options.imageFlavour);
  const elements: DicomElement[] = [
    text(TAG.ImageType, imageType),
    text(TAG.InstanceCreationDate, moment.date),
    text(TAG.InstanceCreationTime, moment.time),
    text(TAG.SOPClassUID, options.sopClassUid),
    text(TAG.StudyDate, moment.date),
    text(TAG.ContentDate, moment.date),
    text(TAG.StudyTime, moment.time),
    text(TAG.ContentTime, moment.time),
    text(TAG.AccessionNumber, ""),
    text(TAG.Modality, options.modality),
    text(TAG.Manufacturer, attributes.manufacturer ?? EQUIPMENT_MANUFACTURER),
    text(TAG.ReferringPhysicianName, ""),
    text(TAG.SeriesDescription, attributes.seriesDescription),
    text(TAG.ManufacturerModelName, attributes.model ?? "simulated scanner"),
    text(TAG.PatientName, attributes.patientName ?? attributes.patientId),
    text(TAG.PatientID, attributes.patientId),
    text(TAG.PatientBirthDate, ""),
    text(TAG.PatientSex, ""),
    text(TAG.SoftwareVersions, attributes.softwareVersion),
    text(TAG.StudyID, "1"),
    createIntegerElement(TAG.SeriesNumber, attributes.seriesNumber ?? 1),
    text(TAG.BurnedInAnnotation, "NO"),
  ];
  // Laterality must be present, if only empty, unless an unpaired body part is named (PS3.3 table C.7-5a).
  const optional: readonly (readonly [number, string | undefined])[] = [
    [TAG.Laterality, attributes.bodyPart === undefined ? "" : undefined],
    [TAG.StudyDescription, attributes.studyDescription],
    [TAG.BodyPartExamined, attributes.bodyPart],
    [TAG.ImageComments, attributes.imageComments],
  ];
  for (const [tag, value] of optional) if (value !== undefined) elements.push(text(tag, value));
  return elements;
}

/** The Image Pixel module of a format, without the pixels (PS3.3 C.7.6.3). */
export function createImagePixelElements(format: FrameFormat): DicomElement[] {
  return [
    createShortElement(TAG.SamplesPerPixel, [format.samplesPerPixel]),
    createTextElement(TAG.PhotometricInterpretation, format.photometricInterpretation),
    createShortElement(TAG.Rows, [format.rows]),
    createShortElement(TAG.Columns, [format.columns]),
    createShortElement(TAG.BitsAllocated, [format.bitsAllocated]),
    createShortElement(TAG.BitsStored, [format.bitsStored]),
    createShortElement(TAG.HighBit, [format.highBit]),
    createShortElement(TAG.PixelRepresentation, [format.signed ? 1 : 0]),
  ];
}
