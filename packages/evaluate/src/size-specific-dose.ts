/**
 * Size-specific dose estimate: CTDIvol times a factor for the size of the patient (AAPM Reports 204, 220, 293). A
 * population estimate of the mean dose in the scanned region, not the dose of a person and no effective dose.
 */
import { EvaluateError } from "./errors.ts";
import type { PatientSize } from "./patient-size.ts";

/** A fitted factor f(Dw) = scale · exp(−ratePerCm · Dw). */
export interface SsdeModel {
  readonly name: "body-32cm" | "body-16cm" | "head-16cm";
  /** Diameter of the phantom that CTDIvol refers to, cm. */
  readonly phantomDiameterCm: 16 | 32;
  readonly scale: number;
  readonly ratePerCm: number;
  /** Sizes that the report's table covers, mm; `undefined` where the source states none that was checked. */
  readonly tabulatedRangeMm: readonly [number, number] | undefined;
  readonly source: string;
}

/**
 * The factors. Body: AAPM Report 204 (2011), tables 1D (32 cm) and 2D (16 cm), with Dw in place of the effective
 * diameter as Report 220 says. Head: AAPM Report 293 (2019), 16 cm only.
 */
export const SSDE_MODELS: readonly SsdeModel[] = [
  {
    name: "body-32cm",
    phantomDiameterCm: 32,
    scale: 3.704369,
    ratePerCm: 0.03671937,
    tabulatedRangeMm: [80, 450],
    source: "AAPM Report 204, table 1D (32 cm phantom), with Dw as in Report 220",
  },
  {
    name: "body-16cm",
    phantomDiameterCm: 16,
    scale: 1.874799,
    ratePerCm: 0.03871313,
    tabulatedRangeMm: [60, 550],
    source: "AAPM Report 204, table 2D (16 cm phantom), with Dw as in Report 220",
  },
  {
    name: "head-16cm",
    phantomDiameterCm: 16,
    scale: 1.9852,
    ratePerCm: 0.0486,
    tabulatedRangeMm: undefined,
    source: "AAPM Report 293 (head, 16 cm phantom)",
  },
];

/**
 * The factor for a CTDIvol of the given phantom.
 *
 * @param phantomDiameterCm - from CTDI Phantom Type Code Sequence
 * @param region - what was scanned
 * @returns `undefined` for a head with a CTDIvol of the 32 cm phantom, which Report 293 does not tabulate, and for
 *   phantoms other than 16 and 32 cm
 */
export function findSsdeModel(phantomDiameterCm: number, region: "body" | "head"): SsdeModel | undefined {
  return SSDE_MODELS.find(
    (model) => model.phantomDiameterCm === phantomDiameterCm && model.name.startsWith(region),
  );
}

/**
 * f(Dw), unitless.
 *
 * @param waterEquivalentDiameterMm - above 0
 * @throws EvaluateError `OUT_OF_RANGE`
 * @remarks Within 1 % or the last printed digit of the tables of AAPM Report 204, against which it is tested.
 */
export function computeSsdeFactor(model: SsdeModel, waterEquivalentDiameterMm: number): number {
  if (!(waterEquivalentDiameterMm > 0 && Number.isFinite(waterEquivalentDiameterMm))) {
    throw new EvaluateError(
      "OUT_OF_RANGE",
      `the water-equivalent diameter is ${waterEquivalentDiameterMm} mm; it must be above 0`,
    );
  }
  return model.scale * Math.exp((-model.ratePerCm * waterEquivalentDiameterMm) / 10);
}

/** One slice's contribution. */
export interface SizedSlice {
  readonly size: PatientSize;
  /** CTDIvol of this slice, mGy; `undefined` when its header states none. */
  readonly ctdiVolMgy: number | undefined;
}

/** Dose estimate of a run of slices. */
export interface SizeSpecificDose {
  readonly model: SsdeModel;
  /** Mean over the slices of f(Dw(z))·CTDIvol(z), mGy. */
  readonly ssdeMgy: number;
  readonly minimumSsdeMgy: number;
  readonly maximumSsdeMgy: number;
  /** Mean factor, unitless. */
  readonly factor: number;
  /** Slices that state a CTDIvol, of which the means are. */
  readonly slices: number;
  /** Slices whose Dw lies outside the sizes that the report tabulates. */
  readonly slicesOutsideTable: number;
}

/**
 * Estimates the size-specific dose of several slices.
 *
 * @returns `undefined` when no slice states a CTDIvol
 * @remarks AAPM Report 220 §2: the mean over z of the local product, here over the given slices.
 */
export function estimateSizeSpecificDose(
  slices: readonly SizedSlice[],
  model: SsdeModel,
): SizeSpecificDose | undefined {
  const doses: number[] = [];
  let factors = 0;
  let slicesOutsideTable = 0;
  for (const { size, ctdiVolMgy } of slices) {
    if (ctdiVolMgy === undefined || !(size.waterEquivalentDiameterMm > 0)) continue;
    const factor = computeSsdeFactor(model, size.waterEquivalentDiameterMm);
    factors += factor;
    doses.push(factor * ctdiVolMgy);
    const range = model.tabulatedRangeMm;
    const diameter = size.waterEquivalentDiameterMm;
    if (range !== undefined && (diameter < range[0] || diameter > range[1])) slicesOutsideTable++;
  }
  if (doses.length === 0) return undefined;
  return {
    model,
    ssdeMgy: doses.reduce((sum, dose) => sum + dose, 0) / doses.length,
    minimumSsdeMgy: Math.min(...doses),
    maximumSsdeMgy: Math.max(...doses),
    factor: factors / doses.length,
    slices: doses.length,
    slicesOutsideTable,
  };
}
