/**
 * Writes a plain MR series from a volume and a few attributes (MR Image IOD, PS3.3 A.4): test data and converted
 * volumes as files that any MR tool reads.
 */
import type { GridGeometry } from "@alara/core";
import type { DicomElement } from "../dataset/dataset.ts";
import { createDecimalElement, createIntegerElement, createTextElement } from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import { SOP_CLASS } from "../images/sop-classes.ts";
import { createPlainSeries, type PlainSeries, type PlainSeriesAttributes } from "./plain-series.ts";

/**
 * What a plain MR series says about itself. The MR Image IOD has no rescale: values are stored as whole numbers unless
 * `rescale` is given, which makes the images ones of a Standard Extended SOP Class.
 */
export interface MrSeriesAttributes extends PlainSeriesAttributes {
  /** SE, IR, GR, EP or RM (research mode); default RM. */
  readonly scanningSequence?: "SE" | "IR" | "GR" | "EP" | "RM";
  /** SK, MTC, SS, TRSS, SP, MP, OSP or NONE; default NONE. */
  readonly sequenceVariant?: "SK" | "MTC" | "SS" | "TRSS" | "SP" | "MP" | "OSP" | "NONE";
  readonly acquisitionType?: "2D" | "3D";
  readonly repetitionTimeMs?: number;
  readonly echoTimeMs?: number;
  readonly echoTrainLength?: number;
  readonly flipAngleDegrees?: number;
  readonly fieldStrengthTesla?: number;
  readonly protocolName?: string;
}

/** A plain MR series to be written slice by slice, in any order; values are in arbitrary units. */
export type MrSeries = PlainSeries;

/**
 * Prepares a plain MR series on a grid.
 *
 * @throws DicomError `INVALID_VALUE`, `OUT_OF_RANGE`
 * @remarks Tested with dciodvfy (no errors) and by reading back.
 */
export function createMrSeries(geometry: GridGeometry, attributes: MrSeriesAttributes): Promise<MrSeries> {
  const optional = (tag: number, value: number | undefined): DicomElement =>
    value === undefined ? createTextElement(tag, "") : createDecimalElement(tag, [value]);
  const { rescale } = attributes;
  const elements: DicomElement[] = [
    createTextElement(TAG.ScanningSequence, attributes.scanningSequence ?? "RM"),
    createTextElement(TAG.SequenceVariant, attributes.sequenceVariant ?? "NONE"),
    createTextElement(TAG.ScanOptions, ""),
    createTextElement(TAG.MRAcquisitionType, attributes.acquisitionType ?? ""),
    optional(TAG.RepetitionTime, attributes.repetitionTimeMs),
    optional(TAG.EchoTime, attributes.echoTimeMs),
    attributes.echoTrainLength === undefined
      ? createTextElement(TAG.EchoTrainLength, "")
      : createIntegerElement(TAG.EchoTrainLength, attributes.echoTrainLength),
  ];
  if (attributes.flipAngleDegrees !== undefined) {
    elements.push(createDecimalElement(TAG.FlipAngle, [attributes.flipAngleDegrees]));
  }
  if (attributes.fieldStrengthTesla !== undefined) {
    elements.push(createDecimalElement(TAG.MagneticFieldStrength, [attributes.fieldStrengthTesla]));
  }
  if (attributes.protocolName !== undefined) {
    elements.push(createTextElement(TAG.ProtocolName, attributes.protocolName));
  }
  if (rescale !== undefined) {
    elements.push(
      createDecimalElement(TAG.RescaleIntercept, [rescale.intercept]),
      createDecimalElement(TAG.RescaleSlope, [rescale.slope]),
      createTextElement(TAG.RescaleType, "US"),
    );
  }
  return createPlainSeries(geometry, attributes, {
    modality: "MR",
    sopClassUid: SOP_CLASS.mrImage,
    imageFlavour: "OTHER",
    unit: "arbitrary",
    rescale: rescale ?? { slope: 1, intercept: 0 },
    elements,
  });
}
