/**
 * Writes an ultrasound multi-frame image (PS3.3 A.7, C.8.5.6): 8-bit gray, RGB or palette colour passed through as
 * given. No calibrated regions and no patient geometry: ultrasound frames lie in time.
 */
import type { FrameFormat } from "../codecs/frame-format.ts";
import { TRANSFER_SYNTAX_UID } from "../codecs/transfer-syntaxes.ts";
import type { DicomElement } from "../dataset/dataset.ts";
import { convertDateTime } from "../dataset/date-time.ts";
import {
  createDecimalElement,
  createElement,
  createIntegerElement,
  createNumberElement,
  createShortElement,
  createTextElement,
} from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import { createHashedUid } from "../dataset/uids.ts";
import { writeDicomFile } from "../dataset/write.ts";
import { EQUIPMENT_MANUFACTURER } from "../derive/equipment.ts";
import { DicomError } from "../errors.ts";
import { SOP_CLASS } from "../images/sop-classes.ts";
import { DEFAULT_DICOM_LIMITS } from "../limits.ts";
import type { ConvertedObject } from "./convert-series.ts";
import { createPixelData, requireWritableSyntax } from "./pixel-data.ts";
import type { PlainSeriesAttributes } from "./plain-series.ts";

/** 256 entries of 16 bits for each colour. */
export interface ColourPalette {
  readonly red: Uint16Array;
  readonly green: Uint16Array;
  readonly blue: Uint16Array;
}

/** Frames of one size. */
export interface UltrasoundFrames {
  readonly rows: number;
  readonly columns: number;
  /** Gray; RGB, three bytes per pixel; or indices into `palette`. */
  readonly kind: "gray" | "rgb" | "palette";
  /** rows × columns bytes each, three times that for RGB. */
  readonly frames: readonly Uint8Array[];
  /** Time between frames. */
  readonly frameTimeMs: number;
  /** For `"palette"` only. */
  readonly palette?: ColourPalette;
}

/** What the object says about itself. All text is ASCII. */
export type UltrasoundAttributes = Omit<PlainSeriesAttributes, "sliceThicknessMm" | "rescale" | "bitsStored">;

const PHOTOMETRIC = { gray: "MONOCHROME2", rgb: "RGB", palette: "PALETTE COLOR" } as const;

/**
 * Writes frames as one ultrasound multi-frame image.
 *
 * @param options.transferSyntaxUid - lossless; default Explicit VR Little Endian, and the only one for RGB
 * @throws DicomError `SHAPE_MISMATCH`, `OUT_OF_RANGE`, `INVALID_VALUE`, `UNSUPPORTED_TRANSFER_SYNTAX`,
 * `LIMIT_EXCEEDED` from 4 GiB
 * @remarks Tested with dciodvfy and by reading back.
 */
export async function writeUltrasound(
  image: UltrasoundFrames,
  attributes: UltrasoundAttributes,
  options: { readonly transferSyntaxUid?: string } = {},
): Promise<ConvertedObject> {
  const syntax = requireWritableSyntax(options.transferSyntaxUid ?? TRANSFER_SYNTAX_UID.explicitLittleEndian);
  if (syntax.encoding !== "explicit-le" || (image.kind === "rgb" && syntax.encapsulated)) {
    throw new DicomError(
      "UNSUPPORTED_TRANSFER_SYNTAX",
      `${syntax.name} is not written for ${image.kind} ultrasound; choose Explicit VR Little Endian`,
    );
  }
  const { rows, columns, frames } = image;
  if (!(rows >= 1 && columns >= 1 && rows <= 65535 && columns <= 65535 && frames.length >= 1)) {
    throw new DicomError("OUT_OF_RANGE", `${frames.length} frames of ${rows} × ${columns}: 1 to 65535 each`);
  }
  const format: FrameFormat = {
    rows,
    columns,
    samplesPerPixel: image.kind === "rgb" ? 3 : 1,
    bitsAllocated: 8,
    bitsStored: 8,
    highBit: 7,
    signed: false,
    photometricInterpretation: PHOTOMETRIC[image.kind],
    frames: frames.length,
  };
  const studyInstanceUid = await createHashedUid({ study: attributes.studyIdentity ?? attributes.identity });
  const seriesInstanceUid = await createHashedUid({ ultrasound: attributes.identity });
  const sopInstanceUid = await createHashedUid({ series: seriesInstanceUid, size: [rows, columns] });
  const elements = [
    ...createObjectElements(image, format, attributes),
    createTextElement(TAG.StudyInstanceUID, studyInstanceUid),
    createTextElement(TAG.SeriesInstanceUID, seriesInstanceUid),
    createTextElement(TAG.SOPInstanceUID, sopInstanceUid),
    await createPixelData(syntax, format, frames),
  ].sort((a, b) => a.tag - b.tag);
  const bytes = writeDicomFile(
    {
      encoding: "explicit-le",
      elements: new Map(elements.map((element) => [element.tag, element])),
      depth: 0,
      limits: DEFAULT_DICOM_LIMITS,
    },
    syntax.uid,
  );
  return { seriesInstanceUid, sopInstanceUid, bytes };
}

function createObjectElements(
  image: UltrasoundFrames,
  format: FrameFormat,
  attributes: UltrasoundAttributes,
): DicomElement[] {
  const moment = convertDateTime(attributes.dateTime);
  const text = createTextElement;
  const origin = attributes.imageTypeOrigin ?? "ORIGINAL";
  const elements: DicomElement[] = [
    text(TAG.ImageType, [origin, origin === "ORIGINAL" ? "PRIMARY" : "SECONDARY"]),
    text(TAG.InstanceCreationDate, moment.date),
    text(TAG.InstanceCreationTime, moment.time),
    text(TAG.SOPClassUID, SOP_CLASS.ultrasoundMultiFrame),
    text(TAG.StudyDate, moment.date),
    text(TAG.ContentDate, moment.date),
    text(TAG.StudyTime, moment.time),
    text(TAG.ContentTime, moment.time),
    text(TAG.AccessionNumber, ""),
    text(TAG.Modality, "US"),
    text(TAG.Manufacturer, attributes.manufacturer ?? EQUIPMENT_MANUFACTURER),
    text(TAG.ReferringPhysicianName, ""),
    text(TAG.SeriesDescription, attributes.seriesDescription),
    text(TAG.ManufacturerModelName, attributes.model ?? "simulated scanner"),
    text(TAG.PatientName, attributes.patientName ?? attributes.patientId),
    text(TAG.PatientID, attributes.patientId),
    text(TAG.PatientBirthDate, ""),
    text(TAG.PatientSex, ""),
    createDecimalElement(TAG.FrameTime, [image.frameTimeMs]),
    text(TAG.SoftwareVersions, attributes.softwareVersion),
    text(TAG.StudyID, "1"),
    createIntegerElement(TAG.SeriesNumber, attributes.seriesNumber ?? 1),
    createIntegerElement(TAG.InstanceNumber, 1),
    text(TAG.PatientOrientation, ""),
    createShortElement(TAG.SamplesPerPixel, [format.samplesPerPixel]),
    text(TAG.PhotometricInterpretation, format.photometricInterpretation),
    createIntegerElement(TAG.NumberOfFrames, format.frames),
    createNumberElement(TAG.FrameIncrementPointer, [TAG.FrameTime], "AT"),
    createShortElement(TAG.Rows, [format.rows]),
    createShortElement(TAG.Columns, [format.columns]),
    createShortElement(TAG.BitsAllocated, [8]),
    createShortElement(TAG.BitsStored, [8]),
    createShortElement(TAG.HighBit, [7]),
    createShortElement(TAG.PixelRepresentation, [0]),
    text(TAG.BurnedInAnnotation, "NO"),
    text(TAG.LossyImageCompression, "00"),
  ];
  if (attributes.bodyPart === undefined) elements.push(text(TAG.Laterality, ""));
  else elements.push(text(TAG.BodyPartExamined, attributes.bodyPart));
  if (attributes.studyDescription !== undefined) {
    elements.push(text(TAG.StudyDescription, attributes.studyDescription));
  }
  if (attributes.imageComments !== undefined) {
    elements.push(text(TAG.ImageComments, attributes.imageComments));
  }
  if (image.kind === "rgb") elements.push(createShortElement(TAG.PlanarConfiguration, [0]));
  return [...elements, ...createPaletteElements(image)];
}

function createPaletteElements({ kind, palette }: UltrasoundFrames): DicomElement[] {
  if ((kind === "palette") !== (palette !== undefined)) {
    throw new DicomError("INVALID_VALUE", `frames of kind ${kind} ${palette ? "take no" : "need a"} palette`);
  }
  if (palette === undefined) return [];
  const colours = [palette.red, palette.green, palette.blue];
  if (colours.some((colour) => colour.length !== 256)) {
    throw new DicomError("SHAPE_MISMATCH", "a palette has 256 entries of each colour");
  }
  const descriptors = [
    TAG.RedPaletteColorLookupTableDescriptor,
    TAG.GreenPaletteColorLookupTableDescriptor,
    TAG.BluePaletteColorLookupTableDescriptor,
  ];
  const tables = [
    TAG.RedPaletteColorLookupTableData,
    TAG.GreenPaletteColorLookupTableData,
    TAG.BluePaletteColorLookupTableData,
  ];
  return colours.flatMap((colour, i) => [
    createShortElement(descriptors[i], [256, 0, 16]),
    createElement(tables[i], new Uint8Array(Uint16Array.from(colour).buffer), "OW"),
  ]);
}
