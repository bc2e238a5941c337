/**
 * What the header of one image, or of one frame, says of how it was made and with what dose (PS3.3 C.8.2.1, C.8.15.3).
 * Malformed values are absent: no fact is worth refusing an image for. No identity, no dates, no free text.
 */
import type { DicomDataset } from "../dataset/dataset.ts";
import { readItems } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { readNumber, readNumbers, readText, readTexts } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";
import { readCodedBodyPart } from "./body-parts.ts";

/** Header facts of one image; absent or malformed ones are `undefined`. */
export interface InstanceFacts {
  readonly manufacturer: string | undefined;
  readonly model: string | undefined;
  readonly bodyPart: string | undefined;
  readonly kernel: string | undefined;
  readonly filterType: string | undefined;
  readonly scanOptions: string | undefined;
  readonly patientPosition: string | undefined;
  readonly tubeVoltageKv: number | undefined;
  readonly tubeCurrentMa: number | undefined;
  readonly exposureMas: number | undefined;
  readonly exposureTimeMs: number | undefined;
  readonly revolutionTimeS: number | undefined;
  readonly ctdiVolMgy: number | undefined;
  /** Phantom that CTDIvol refers to, from CTDI Phantom Type Code Sequence. */
  readonly ctdiPhantomDiameterCm: 16 | 32 | undefined;
  readonly spiralPitch: number | undefined;
  readonly tableFeedPerRotationMm: number | undefined;
  readonly singleCollimationMm: number | undefined;
  readonly totalCollimationMm: number | undefined;
  /** Focal Spots, mm: small to large, or width and length. */
  readonly focalSpotsMm: readonly number[];
  /** Exposure Modulation Type, a code such as "XYZ_EC". */
  readonly exposureModulation: string | undefined;
  readonly sliceThicknessMm: number | undefined;
  readonly spacingBetweenSlicesMm: number | undefined;
  readonly dataCollectionDiameterMm: number | undefined;
  readonly reconstructionDiameterMm: number | undefined;
  readonly gantryTiltDegrees: number | undefined;
  /** Reconstruction Algorithm, a code: "FILTER_BACK_PROJ" or "ITERATIVE". */
  readonly reconstructionAlgorithm: string | undefined;
  /** Water Equivalent Diameter as the scanner measured it, mm. */
  readonly waterEquivalentDiameterMm: number | undefined;
  /** Energy of a virtual monoenergetic image, keV. */
  readonly monoenergeticKev: number | undefined;
  /** Nominal Percentage of Cardiac Phase, %. */
  readonly cardiacPhasePercent: number | undefined;
  /** Trigger Time, ms after the R wave or the start of a dynamic series. */
  readonly triggerTimeMs: number | undefined;
  /** Echo Time, ms (MR). */
  readonly echoTimeMs: number | undefined;
  /** Diffusion b-value, s/mm² (MR). */
  readonly diffusionBValue: number | undefined;
  readonly hasContrastAgent: boolean;
  readonly lossyCompressed: boolean;
}

/** Reads the facts of an image, or of a frame's dataset. */
export function readInstanceFacts(dataset: DicomDataset): InstanceFacts {
  return {
    manufacturer: readText(dataset, TAG.Manufacturer),
    model: readText(dataset, TAG.ManufacturerModelName),
    bodyPart: readText(dataset, TAG.BodyPartExamined) ?? readCodedBodyPart(dataset),
    kernel: readTexts(dataset, TAG.ConvolutionKernel)?.join("\\"),
    filterType: readText(dataset, TAG.FilterType),
    scanOptions: readTexts(dataset, TAG.ScanOptions)?.join("\\"),
    patientPosition: readText(dataset, TAG.PatientPosition),
    tubeVoltageKv: findPositive(dataset, TAG.KVP),
    tubeCurrentMa:
      findPositive(dataset, TAG.XRayTubeCurrent) ?? findPositive(dataset, TAG.XRayTubeCurrentInmA),
    exposureMas: findPositive(dataset, TAG.Exposure) ?? findPositive(dataset, TAG.ExposureInmAs),
    exposureTimeMs: findPositive(dataset, TAG.ExposureTime) ?? findPositive(dataset, TAG.ExposureTimeInms),
    revolutionTimeS: findPositive(dataset, TAG.RevolutionTime),
    ctdiVolMgy: findPositive(dataset, TAG.CTDIvol),
    ctdiPhantomDiameterCm: readPhantomDiameter(dataset),
    spiralPitch: findPositive(dataset, TAG.SpiralPitchFactor),
    tableFeedPerRotationMm: findPositive(dataset, TAG.TableFeedPerRotation),
    singleCollimationMm: findPositive(dataset, TAG.SingleCollimationWidth),
    totalCollimationMm: findPositive(dataset, TAG.TotalCollimationWidth),
    focalSpotsMm: findNumbers(dataset, TAG.FocalSpots),
    exposureModulation: readTexts(dataset, TAG.ExposureModulationType)?.join("\\"),
    sliceThicknessMm: findPositive(dataset, TAG.SliceThickness),
    spacingBetweenSlicesMm: findPositive(dataset, TAG.SpacingBetweenSlices),
    dataCollectionDiameterMm: findPositive(dataset, TAG.DataCollectionDiameter),
    reconstructionDiameterMm: findPositive(dataset, TAG.ReconstructionDiameter),
    gantryTiltDegrees: findNumber(dataset, TAG.GantryDetectorTilt),
    reconstructionAlgorithm: readText(dataset, TAG.ReconstructionAlgorithm),
    waterEquivalentDiameterMm: findPositive(dataset, TAG.WaterEquivalentDiameter),
    monoenergeticKev: findPositive(dataset, TAG.MonoenergeticEnergyEquivalent),
    cardiacPhasePercent: findNumber(dataset, TAG.NominalPercentageOfCardiacPhase),
    triggerTimeMs: findNumber(dataset, TAG.TriggerTime),
    echoTimeMs: findNumber(dataset, TAG.EchoTime) ?? findNumber(dataset, TAG.EffectiveEchoTime),
    diffusionBValue: findNumber(dataset, TAG.DiffusionBValue),
    hasContrastAgent:
      readText(dataset, TAG.ContrastBolusAgent) !== undefined ||
      dataset.elements.has(TAG.ContrastBolusAgentSequence),
    lossyCompressed: readText(dataset, TAG.LossyImageCompression) === "01",
  };
}

/** The IEC phantoms of CID 4052, by DCM code. */
const PHANTOM_DIAMETERS_CM: ReadonlyMap<string, 16 | 32> = new Map([
  ["113690", 16],
  ["113691", 32],
]);

/** Diameter of the phantom that a code of CID 4052 stands for, cm. */
export function findPhantomDiameterCm(code: string): 16 | 32 | undefined {
  return PHANTOM_DIAMETERS_CM.get(code);
}

function readPhantomDiameter(dataset: DicomDataset): 16 | 32 | undefined {
  return orUndefined(() => {
    const item = readItems(dataset, TAG.CTDIPhantomTypeCodeSequence)?.[0];
    const code = item === undefined ? undefined : readText(item, TAG.CodeValue);
    return code === undefined ? undefined : findPhantomDiameterCm(code);
  });
}

/** A value that facts can do without: malformed is absent. */
function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DicomError) return undefined;
    throw error;
  }
}

/** A number, or `undefined` when it is absent or malformed. */
export function findNumber(dataset: DicomDataset, tag: number): number | undefined {
  return orUndefined(() => readNumber(dataset, tag));
}

function findNumbers(dataset: DicomDataset, tag: number): readonly number[] {
  return orUndefined(() => readNumbers(dataset, tag)) ?? [];
}

function findPositive(dataset: DicomDataset, tag: number): number | undefined {
  const value = findNumber(dataset, tag);
  return value !== undefined && value > 0 ? value : undefined;
}
