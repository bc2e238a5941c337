/**
 * Writes a plain CT series from a volume and a few attributes: phantoms, simulated scans and test data as files that
 * any CT tool reads (CT Image IOD, PS3.3 A.3). Not for results derived from a patient's series: see
 * derived-series.ts.
 */
import type { GridGeometry } from "@alara/core";
import type { DicomElement } from "../dataset/dataset.ts";
import {
  createDecimalElement,
  createDoubleElement,
  createIntegerElement,
  createTextElement,
} from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import { SOP_CLASS } from "../images/sop-classes.ts";
import { createPlainSeries, type PlainSeries, type PlainSeriesAttributes } from "./plain-series.ts";

/** What a plain CT series says about itself; `rescale` is 1 · stored − 1024 by default. All text is ASCII. */
export interface CtSeriesAttributes extends PlainSeriesAttributes {
  readonly kernel?: string;
  readonly tubeVoltageKv?: number;
  readonly tubeCurrentMa?: number;
  readonly exposureMas?: number;
  readonly exposureTimeMs?: number;
  readonly ctdiVolMgy?: number;
}

/** A plain CT series to be written slice by slice, in any order; values are HU. */
export type CtSeries = PlainSeries;

/**
 * Prepares a plain CT series on a grid.
 *
 * @throws DicomError `INVALID_VALUE`, `OUT_OF_RANGE`
 * @remarks Tested with dciodvfy (no errors) and by reading back.
 */
export function createCtSeries(geometry: GridGeometry, attributes: CtSeriesAttributes): Promise<CtSeries> {
  const rescale = attributes.rescale ?? { slope: 1, intercept: -1024 };
  const elements: DicomElement[] = [
    createOptionalDecimal(TAG.KVP, attributes.tubeVoltageKv),
    createDecimalElement(TAG.WindowCenter, [40]),
    createDecimalElement(TAG.WindowWidth, [400]),
    createDecimalElement(TAG.RescaleIntercept, [rescale.intercept]),
    createDecimalElement(TAG.RescaleSlope, [rescale.slope]),
    createTextElement(TAG.RescaleType, "HU"),
  ];
  if (attributes.kernel !== undefined) {
    elements.push(createTextElement(TAG.ConvolutionKernel, attributes.kernel));
  }
  const integers: readonly (readonly [number, number | undefined])[] = [
    [TAG.XRayTubeCurrent, attributes.tubeCurrentMa],
    [TAG.Exposure, attributes.exposureMas],
    [TAG.ExposureTime, attributes.exposureTimeMs],
  ];
  for (const [tag, value] of integers) {
    if (value !== undefined) elements.push(createIntegerElement(tag, Math.round(value)));
  }
  if (attributes.ctdiVolMgy !== undefined) {
    elements.push(createDoubleElement(TAG.CTDIvol, [attributes.ctdiVolMgy]));
  }
  return createPlainSeries(geometry, attributes, {
    modality: "CT",
    sopClassUid: SOP_CLASS.ctImage,
    imageFlavour: "AXIAL",
    unit: "HU",
    rescale,
    elements,
  });
}

function createOptionalDecimal(tag: number, value: number | undefined): DicomElement {
  return value === undefined ? createTextElement(tag, "") : createDecimalElement(tag, [value]);
}
