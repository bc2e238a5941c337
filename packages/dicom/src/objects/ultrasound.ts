/**
 * Writes an ultrasound multi-frame image (PS3.3 A.7, C.8.5.6): 8-bit gray, RGB or palette colour passed through as
 * given. No calibrated regions and no patient geometry: ultrasound frames lie in time.
 */
import type { FrameFormat } from "../codecs/frame-format.ts";
import { TRANSFER_SYNTAX_UID } from "../codecs/transfer-syntaxes.ts";
import { createDataset, type DicomElement } from "../dataset/dataset.ts";
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
import { DicomError } from "../errors.ts";
import { SOP_CLASS } from "../images/sop-classes.ts";
import type { ConvertedObject } from "./convert-series.ts";
import { createPixelData, requireWritableSyntax } from "./pixel-data.ts";
import { createImagePixelElements, createPlainHeader } from "./plain-header.ts";
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
  const dataset = createDataset([
    ...createObjectElements(image, format, attributes),
    createTextElement(TAG.StudyInstanceUID, studyInstanceUid),
    createTextElement(TAG.SeriesInstanceUID, seriesInstanceUid),
    createTextElement(TAG.SOPInstanceUID, sopInstanceUid),
    await createPixelData(syntax, format, frames),
  ]);
  const bytes = writeDicomFile(dataset, syntax.uid);
  return { seriesInstanceUid, sopInstanceUid, bytes };
}

function createObjectElements(
  image: UltrasoundFrames,
  format: FrameFormat,
  attributes: UltrasoundAttributes,
): DicomElement[] {
  const text = createTextElement;
  return [
    ...createPlainHeader(attributes, { sopClassUid: SOP_CLASS.ultrasoundMultiFrame, modality: "US" }),
    ...createImagePixelElements(format),
    createDecimalElement(TAG.FrameTime, [image.frameTimeMs]),
    createIntegerElement(TAG.InstanceNumber, 1),
    text(TAG.PatientOrientation, ""),
    createIntegerElement(TAG.NumberOfFrames, format.frames),
    createNumberElement(TAG.FrameIncrementPointer, [TAG.FrameTime], "AT"),
    text(TAG.LossyImageCompression, "00"),
    ...(image.kind === "rgb" ? [createShortElement(TAG.PlanarConfiguration, [0])] : []),
    ...createPaletteElements(image),
  ];
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
