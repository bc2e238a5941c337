/**
 * Plain series of single grayscale images from a grid and a few attributes: what CT and MR have in common (Patient,
 * Study, Series, Equipment, Image Plane, Image Pixel; PS3.3 C.7). The modality's own module is the caller's.
 */
import type { GridGeometry } from "@alara/core";
import { TRANSFER_SYNTAX_UID } from "../codecs/transfer-syntaxes.ts";
import { createDataset, type DicomElement } from "../dataset/dataset.ts";
import { convertDateTime } from "../dataset/date-time.ts";
import {
  createDecimalElement,
  createElement,
  createIntegerElement,
  createShortElement,
  createTextElement,
} from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import { createHashedUid } from "../dataset/uids.ts";
import { writeDicomFile } from "../dataset/write.ts";
import { DicomError } from "../errors.ts";
import { encodeStored, type GrayscaleFormat, type Rescale } from "../images/pixels.ts";
import { createImagePixelElements, createPlainHeader } from "./plain-header.ts";

/** What a plain series of any modality says about itself. All text is ASCII. */
export interface PlainSeriesAttributes {
  /** Everything that decides the pixels; equal keys give equal UIDs. */
  readonly identity: Readonly<Record<string, string | number>>;
  /** Series with equal keys share a study; default: the series alone. */
  readonly studyIdentity?: Readonly<Record<string, string | number>>;
  readonly patientId: string;
  /** `Family^Given`; default the patient id. */
  readonly patientName?: string;
  /** ISO 8601; written as study, series, content and creation date. */
  readonly dateTime: string;
  readonly seriesDescription: string;
  /** Default 1. */
  readonly seriesNumber?: number;
  readonly studyDescription?: string;
  /** Default "Alara". */
  readonly manufacturer?: string;
  /** Default "simulated scanner". */
  readonly model?: string;
  readonly softwareVersion: string;
  /** Body Part Examined, an unpaired one: CHEST, ABDOMEN, HEAD, PHANTOM. */
  readonly bodyPart?: string;
  /** Default the slice spacing. */
  readonly sliceThicknessMm?: number;
  readonly imageComments?: string;
  readonly rescale?: Rescale;
  /** Default 16, signed. */
  readonly bitsStored?: number;
  /** Default `ORIGINAL`; simulated reprocessing of such data is `DERIVED`. */
  readonly imageTypeOrigin?: "ORIGINAL" | "DERIVED";
}

/** A plain series to be written slice by slice, in any order. */
export interface PlainSeries {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUids: readonly string[];
  /**
   * One Part 10 file, Explicit VR Little Endian.
   *
   * @param slice - from 0
   * @param values - in the modality's unit, `[row][column]`, rounded and clamped to the stored range
   * @throws DicomError `OUT_OF_RANGE`, `SHAPE_MISMATCH`, `NON_FINITE_VALUE`
   */
  writeInstance(slice: number, values: Float32Array): Uint8Array;
}

/** What tells one modality's images from another's. */
export interface PlainModality {
  readonly modality: string;
  readonly sopClassUid: string;
  /** Third value of Image Type. */
  readonly imageFlavour: string;
  readonly unit: "HU" | "arbitrary";
  readonly rescale: Rescale;
  /** The modality's own elements, the same in every image. */
  readonly elements: readonly DicomElement[];
}

/**
 * Prepares a plain series on a grid.
 *
 * @throws DicomError `INVALID_VALUE`, `OUT_OF_RANGE`
 */
export async function createPlainSeries(
  geometry: GridGeometry,
  attributes: PlainSeriesAttributes,
  modality: PlainModality,
): Promise<PlainSeries> {
  const [slices, rows, columns] = geometry.size;
  if (rows > 65535 || columns > 65535) {
    throw new DicomError("OUT_OF_RANGE", `${rows} × ${columns} pixels: Rows and Columns reach 65535`);
  }
  const bitsStored = attributes.bitsStored ?? 16;
  if (!(Number.isInteger(bitsStored) && bitsStored >= 2 && bitsStored <= 16)) {
    throw new DicomError(
      "OUT_OF_RANGE",
      `bitsStored is ${bitsStored}; signed values take 2 to 16 of 16 bits`,
    );
  }
  const format: GrayscaleFormat = {
    rows,
    columns,
    samplesPerPixel: 1,
    bitsAllocated: 16,
    bitsStored,
    highBit: bitsStored - 1,
    signed: true,
    photometricInterpretation: "MONOCHROME2",
    frames: 1,
    unit: modality.unit,
    valueType: modality.unit === "HU" ? "HU" : undefined,
    lut: undefined,
    rescale: modality.rescale,
    padding: undefined,
  };
  const identity = {
    ...attributes.identity,
    size: geometry.size.join("x"),
    version: attributes.softwareVersion,
  };
  const studyInstanceUid = await createHashedUid({ study: attributes.studyIdentity ?? identity });
  const frameOfReferenceUid = await createHashedUid({ frameOfReference: studyInstanceUid });
  const seriesInstanceUid = await createHashedUid({ series: identity });
  const sopInstanceUids: string[] = [];
  for (let i = 0; i < slices; i++) {
    sopInstanceUids.push(await createHashedUid({ series: seriesInstanceUid, slice: i }));
  }
  const shared = createSharedElements(geometry, format, attributes, modality, {
    studyInstanceUid,
    seriesInstanceUid,
    frameOfReferenceUid,
  });
  const blank = new Uint8Array(rows * columns * 2);
  return {
    studyInstanceUid,
    seriesInstanceUid,
    sopInstanceUids,
    writeInstance: (slice, values) => {
      if (!(slice >= 0 && slice < slices)) {
        throw new DicomError("OUT_OF_RANGE", `slice ${slice} is outside 0..${slices - 1}`);
      }
      const frame = encodeStored(blank, format, values);
      const dataset = createDataset([
        ...shared,
        createTextElement(TAG.SOPInstanceUID, sopInstanceUids[slice]),
        createIntegerElement(TAG.InstanceNumber, slice + 1),
        createDecimalElement(TAG.ImagePositionPatient, getSlicePosition(geometry, slice)),
        createShortElement(TAG.SmallestImagePixelValue, [frame.smallest], "SS"),
        createShortElement(TAG.LargestImagePixelValue, [frame.largest], "SS"),
        createElement(TAG.PixelData, frame.bytes, "OW"),
      ]);
      return writeDicomFile(dataset, TRANSFER_SYNTAX_UID.explicitLittleEndian);
    },
  };
}

function getSlicePosition(geometry: GridGeometry, slice: number): number[] {
  const { originMm, spacingMm, direction } = geometry;
  return originMm.map((origin, axis) => origin + slice * spacingMm[0] * direction.slice[axis]);
}

/** Turning a grid leaves cosines like 6e-17 where 0 is meant. */
function roundCosine(value: number): number {
  return Number(value.toFixed(12));
}

interface SeriesUids {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly frameOfReferenceUid: string;
}

/** Everything but what changes from slice to slice. */
function createSharedElements(
  geometry: GridGeometry,
  format: GrayscaleFormat,
  attributes: PlainSeriesAttributes,
  modality: PlainModality,
  uids: SeriesUids,
): DicomElement[] {
  const moment = convertDateTime(attributes.dateTime);
  const text = createTextElement;
  return [
    ...createPlainHeader(attributes, modality),
    ...createImagePixelElements(format),
    text(TAG.SeriesDate, moment.date),
    text(TAG.AcquisitionDate, moment.date),
    text(TAG.SeriesTime, moment.time),
    text(TAG.AcquisitionTime, moment.time),
    createDecimalElement(TAG.SliceThickness, [attributes.sliceThicknessMm ?? geometry.spacingMm[0]]),
    text(TAG.PatientPosition, "HFS"),
    text(TAG.StudyInstanceUID, uids.studyInstanceUid),
    text(TAG.SeriesInstanceUID, uids.seriesInstanceUid),
    createIntegerElement(TAG.AcquisitionNumber, 1),
    createDecimalElement(TAG.ImageOrientationPatient, [
      ...geometry.direction.column.map(roundCosine),
      ...geometry.direction.row.map(roundCosine),
    ]),
    text(TAG.FrameOfReferenceUID, uids.frameOfReferenceUid),
    text(TAG.PositionReferenceIndicator, ""),
    createDecimalElement(TAG.PixelSpacing, [geometry.spacingMm[1], geometry.spacingMm[2]]),
    ...modality.elements,
  ];
}
