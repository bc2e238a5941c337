/**
 * The dose- and image-relevant header facts of a series, with units in the names. No identity of the patient, no
 * dates, no free text written about a person.
 */
import type { InstanceSummary } from "../images/instance.ts";
import type { InstanceFacts } from "../images/instance-facts.ts";
import type { Rescale } from "../images/pixels.ts";

/** Smallest, middle and largest value over the slices that state one. */
export interface FactRange {
  readonly minimum: number;
  readonly median: number;
  readonly maximum: number;
}

/** Header facts of a series; what no slice states is `undefined`. */
export interface SeriesFacts {
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
  readonly pixelSpacingMm: readonly [number, number];
  /** Distance between neighbouring slices along the normal. */
  readonly sliceSpacingMm: number | undefined;
  readonly sliceThicknessMm: number | undefined;
  readonly manufacturer: string | undefined;
  readonly model: string | undefined;
  readonly bodyPart: string | undefined;
  /** Distinct convolution kernels. */
  readonly kernels: readonly string[];
  readonly filterType: string | undefined;
  readonly scanOptions: string | undefined;
  readonly patientPosition: string | undefined;
  readonly tubeVoltageKv: FactRange | undefined;
  readonly tubeCurrentMa: FactRange | undefined;
  readonly exposureMas: FactRange | undefined;
  readonly exposureTimeMs: FactRange | undefined;
  readonly ctdiVolMgy: FactRange | undefined;
  readonly spiralPitch: number | undefined;
  readonly reconstructionDiameterMm: number | undefined;
  readonly gantryTiltDegrees: number | undefined;
  readonly hasContrastAgent: boolean;
  /** Whether any slice was ever compressed with loss. */
  readonly lossyCompressed: boolean;
  readonly imageType: readonly string[];
  readonly bitsStored: number;
  readonly rescale: Rescale;
  readonly hasPadding: boolean;
  readonly transferSyntaxUids: readonly string[];
}

function measureRange(values: readonly (number | undefined)[]): FactRange | undefined {
  const present = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  if (present.length === 0) return undefined;
  return {
    minimum: present[0],
    median: present[Math.floor((present.length - 1) / 2)],
    maximum: present[present.length - 1],
  };
}

/**
 * Sums up the headers of a series.
 *
 * @param slices - at least one
 * @param sliceSpacingMm - measured from positions
 */
export function summariseFacts(
  slices: readonly InstanceSummary[],
  sliceSpacingMm: number | undefined,
): SeriesFacts {
  const facts = slices.map((slice) => slice.facts);
  const pick = <K extends keyof InstanceFacts>(key: K): InstanceFacts[K] | undefined =>
    facts.find((fact) => fact[key] !== undefined)?.[key];
  const range = (read: (fact: InstanceFacts) => number | undefined): FactRange | undefined =>
    measureRange(facts.map(read));
  const first = slices[0];
  return {
    slices: slices.length,
    rows: first.format.rows,
    columns: first.format.columns,
    pixelSpacingMm: first.pixelSpacingMm,
    sliceSpacingMm,
    sliceThicknessMm: pick("sliceThicknessMm"),
    manufacturer: pick("manufacturer"),
    model: pick("model"),
    bodyPart: pick("bodyPart"),
    kernels: [...new Set(facts.map((fact) => fact.kernel).filter((kernel) => kernel !== undefined))],
    filterType: pick("filterType"),
    scanOptions: pick("scanOptions"),
    patientPosition: pick("patientPosition"),
    tubeVoltageKv: range((fact) => fact.tubeVoltageKv),
    tubeCurrentMa: range((fact) => fact.tubeCurrentMa),
    exposureMas: range((fact) => fact.exposureMas),
    exposureTimeMs: range((fact) => fact.exposureTimeMs),
    ctdiVolMgy: range((fact) => fact.ctdiVolMgy),
    spiralPitch: pick("spiralPitch"),
    reconstructionDiameterMm: pick("reconstructionDiameterMm"),
    gantryTiltDegrees: pick("gantryTiltDegrees"),
    hasContrastAgent: facts.some((fact) => fact.hasContrastAgent),
    lossyCompressed: facts.some((fact) => fact.lossyCompressed),
    imageType: first.imageType,
    bitsStored: first.format.bitsStored,
    rescale: first.format.rescale,
    hasPadding: slices.some((slice) => slice.format.padding !== undefined),
    transferSyntaxUids: [...new Set(slices.map((slice) => slice.transferSyntaxUid))],
  };
}
