/**
 * The dose- and image-relevant header facts of a series, with units in the names (PS3.3 C.8.2.1, C.8.15.3). No
 * identity of the patient, no dates, no free text written about a person. What is computed says from what.
 */
import type { InstanceSummary } from "../images/instance.ts";
import type { InstanceFacts } from "../images/instance-facts.ts";
import type { Rescale } from "../images/pixels.ts";
import type { SeriesLayout } from "./series-geometry.ts";

/** Smallest, middle, mean and largest value over the slices that state one. */
export interface FactRange {
  readonly minimum: number;
  readonly median: number;
  readonly mean: number;
  readonly maximum: number;
}

/** A number with where it comes from. */
export interface SourcedFact {
  readonly value: number;
  readonly source: string;
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
  /** From the outer face of the first slice to that of the last: the imaged length along the normal. */
  readonly imagedLengthMm: number | undefined;
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
  /** Exposure as the header states it: tube current × time; some makers write the effective value here. */
  readonly exposureMas: FactRange | undefined;
  /** mA × revolution time / pitch, where all three are stated: mAs per rotation at pitch 1. */
  readonly effectiveMas: FactRange | undefined;
  readonly exposureTimeMs: FactRange | undefined;
  readonly revolutionTimeS: number | undefined;
  readonly ctdiVolMgy: FactRange | undefined;
  /** Phantom that CTDIvol refers to. */
  readonly ctdiPhantomDiameterCm: 16 | 32 | undefined;
  /** Mean CTDIvol × imaged length, mGy·cm: less than the scanner's DLP, which counts over-ranging too. */
  readonly imagedDoseLengthMgyCm: SourcedFact | undefined;
  /** Spiral Pitch Factor, or table feed per rotation / total collimation. */
  readonly spiralPitch: SourcedFact | undefined;
  readonly singleCollimationMm: number | undefined;
  readonly totalCollimationMm: number | undefined;
  readonly focalSpotsMm: readonly number[];
  readonly exposureModulation: string | undefined;
  readonly dataCollectionDiameterMm: number | undefined;
  readonly reconstructionDiameterMm: number | undefined;
  readonly gantryTiltDegrees: number | undefined;
  /** What in the headers says that the images were reconstructed iteratively; empty when nothing does. */
  readonly iterativeHints: readonly string[];
  /** Water Equivalent Diameter as the scanner states it. */
  readonly waterEquivalentDiameterMm: FactRange | undefined;
  readonly monoenergeticKev: number | undefined;
  readonly cardiacPhasePercent: number | undefined;
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
    mean: present.reduce((sum, value) => sum + value, 0) / present.length,
    maximum: present[present.length - 1],
  };
}

function findPitch(facts: InstanceFacts): SourcedFact | undefined {
  if (facts.spiralPitch !== undefined) return { value: facts.spiralPitch, source: "Spiral Pitch Factor" };
  const { tableFeedPerRotationMm: feed, totalCollimationMm: collimation } = facts;
  if (feed === undefined || collimation === undefined) return undefined;
  return { value: feed / collimation, source: "Table Feed per Rotation / Total Collimation Width" };
}

/** tomography: CTDIvol grows with mA · rotation time / pitch (IEC 60601-2-44). */
function computeEffectiveMas(facts: InstanceFacts): number | undefined {
  const pitch = findPitch(facts)?.value;
  if (pitch === undefined || facts.tubeCurrentMa === undefined || facts.revolutionTimeS === undefined) {
    return undefined;
  }
  return (facts.tubeCurrentMa * facts.revolutionTimeS) / pitch;
}

function findIterativeHints(facts: readonly InstanceFacts[]): string[] {
  const hints = new Set<string>();
  for (const { reconstructionAlgorithm, kernel, manufacturer } of facts) {
    if (reconstructionAlgorithm === "ITERATIVE") hints.add("Reconstruction Algorithm ITERATIVE");
    // Siemens names the kernels of its iterative reconstructions I… and appends the strength as a second value.
    if (/siemens/i.test(manufacturer ?? "") && /^[IJ]\d|\\[1-5]$/.test(kernel ?? "")) {
      hints.add(`Siemens kernel ${kernel}`);
    }
  }
  return [...hints];
}

/**
 * Sums up the headers of a series.
 *
 * @param slices - at least one
 * @param layout - where they lie
 */
export function summariseFacts(slices: readonly InstanceSummary[], layout: SeriesLayout): SeriesFacts {
  const facts = slices.map((slice) => slice.facts);
  const pick = <K extends keyof InstanceFacts>(key: K): InstanceFacts[K] | undefined =>
    facts.find((fact) => fact[key] !== undefined)?.[key];
  const range = (read: (fact: InstanceFacts) => number | undefined): FactRange | undefined =>
    measureRange(facts.map(read));
  const first = slices[0];
  const sliceThicknessMm = pick("sliceThicknessMm");
  const along = layout.alongNormalMm;
  const slabMm = sliceThicknessMm ?? layout.stepMm;
  const imagedLengthMm = slabMm === undefined ? undefined : along[along.length - 1] - along[0] + slabMm;
  const ctdiVolMgy = range((fact) => fact.ctdiVolMgy);
  return {
    slices: slices.length,
    rows: first.format.rows,
    columns: first.format.columns,
    pixelSpacingMm: first.pixelSpacingMm,
    sliceSpacingMm: layout.stepMm,
    sliceThicknessMm,
    imagedLengthMm,
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
    effectiveMas: range(computeEffectiveMas),
    exposureTimeMs: range((fact) => fact.exposureTimeMs),
    revolutionTimeS: pick("revolutionTimeS"),
    ctdiVolMgy,
    ctdiPhantomDiameterCm: pick("ctdiPhantomDiameterCm"),
    imagedDoseLengthMgyCm:
      ctdiVolMgy === undefined || imagedLengthMm === undefined
        ? undefined
        : {
            value: (ctdiVolMgy.mean * imagedLengthMm) / 10,
            source: "mean CTDIvol × imaged length, without over-ranging",
          },
    spiralPitch: facts.map(findPitch).find((pitch) => pitch !== undefined),
    singleCollimationMm: pick("singleCollimationMm"),
    totalCollimationMm: pick("totalCollimationMm"),
    focalSpotsMm: facts.find((fact) => fact.focalSpotsMm.length > 0)?.focalSpotsMm ?? [],
    exposureModulation: pick("exposureModulation"),
    dataCollectionDiameterMm: pick("dataCollectionDiameterMm"),
    reconstructionDiameterMm: pick("reconstructionDiameterMm"),
    gantryTiltDegrees: pick("gantryTiltDegrees"),
    iterativeHints: findIterativeHints(facts),
    waterEquivalentDiameterMm: range((fact) => fact.waterEquivalentDiameterMm),
    monoenergeticKev: pick("monoenergeticKev"),
    cardiacPhasePercent: pick("cardiacPhasePercent"),
    hasContrastAgent: facts.some((fact) => fact.hasContrastAgent),
    lossyCompressed: facts.some((fact) => fact.lossyCompressed),
    imageType: first.imageType,
    bitsStored: first.format.bitsStored,
    rescale: first.format.rescale,
    hasPadding: slices.some((slice) => slice.format.padding !== undefined),
    transferSyntaxUids: [...new Set(slices.map((slice) => slice.transferSyntaxUid))],
  };
}
