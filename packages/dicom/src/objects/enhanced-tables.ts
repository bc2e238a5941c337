/**
 * Which attribute of a classic CT image stands where in an enhanced one (PS3.3 A.38.1, C.7.6.16, C.8.15.3). Tables
 * only; enhanced-groups.ts and classic-elements.ts use them.
 */
import { TAG } from "../dataset/tags.ts";

/** Attributes of patient, study, series, equipment and frame of reference that stay at the top level, by module. */
export const TOP_LEVEL: ReadonlySet<number> = new Set(
  [
    // SOP Common (C.12.1)
    "00080005 00080012 00080013 00080014 00080016 00080018 00080201 0018A001",
    // General Study, Patient Study, General Series, CT Series
    "00080020 00080021 00080030 00080031 00080050 00080051 00080060 00080090 00081030 00081032 0008103E 0008103F",
    "00081048 00081049 00081050 00081052 00081060 00081062 00081070 00081072 00081080 00081084 00081110 00081111",
    "00180015 00181030 00185100 0020000D 0020000E 00200010 00200011 00200060 00400244 00400245 00400253",
    "00400254 00400275 00400280",
    // Frame of Reference, Synchronization
    "00200052 00201040 00200200",
    // General and Enhanced General Equipment
    "00080070 00080080 00080081 00081010 00081040 00081090 00181000 00181020 00181050 00181200 00181201",
    "00280120 00280121",
    // Contrast/Bolus
    "00180012",
    // Image Pixel and what every enhanced image says of itself
    "00280002 00280004 00280010 00280011 00280100 00280101 00280102 00280103 00280301 00282110 00282112 00282114",
    "0008002A 00204000",
  ]
    .join(" ")
    .split(" ")
    .map((tag) => Number.parseInt(tag, 16)),
);

/** Attributes that change their place but not their form: macro → tags. */
export const MACROS: readonly (readonly [number, readonly number[]])[] = [
  [TAG.PixelMeasuresSequence, [TAG.PixelSpacing, TAG.SliceThickness, TAG.SpacingBetweenSlices]],
  [TAG.PlanePositionSequence, [TAG.ImagePositionPatient]],
  [TAG.PlaneOrientationSequence, [TAG.ImageOrientationPatient]],
  [TAG.PixelValueTransformationSequence, [TAG.RescaleIntercept, TAG.RescaleSlope, TAG.RescaleType]],
  [
    TAG.FrameVOILUTSequence,
    [TAG.WindowCenter, TAG.WindowWidth, TAG.WindowCenterWidthExplanation, TAG.VOILUTFunction],
  ],
  [TAG.IrradiationEventIdentificationSequence, [TAG.IrradiationEventUID]],
];

/** A macro that only Enhanced CT has; it is written where the frame has all it must say, since half of one says little. */
export interface CtMacro {
  readonly tag: number;
  readonly required: readonly number[];
  readonly optional: readonly number[];
}

/** The macros of CT acquisition and reconstruction. */
export const CT_MACROS: readonly CtMacro[] = [
  {
    tag: TAG.CTAcquisitionDetailsSequence,
    required: [
      TAG.DataCollectionDiameter,
      TAG.GantryDetectorTilt,
      TAG.TableHeight,
      TAG.RotationDirection,
      TAG.RevolutionTime,
      TAG.SingleCollimationWidth,
      TAG.TotalCollimationWidth,
    ],
    optional: [],
  },
  {
    tag: TAG.CTTableDynamicsSequence,
    required: [TAG.TableSpeed, TAG.TableFeedPerRotation, TAG.SpiralPitchFactor],
    optional: [],
  },
  {
    tag: TAG.CTGeometrySequence,
    required: [TAG.DistanceSourceToDetector, TAG.DistanceSourceToDataCollectionCenter],
    optional: [],
  },
  {
    tag: TAG.CTReconstructionSequence,
    required: [
      TAG.ReconstructionAlgorithm,
      TAG.ConvolutionKernel,
      TAG.ConvolutionKernelGroup,
      TAG.ReconstructionDiameter,
      TAG.ReconstructionPixelSpacing,
      TAG.ReconstructionAngle,
      TAG.ImageFilter,
    ],
    optional: [],
  },
  {
    tag: TAG.CTExposureSequence,
    required: [TAG.ExposureTime, TAG.XRayTubeCurrent, TAG.Exposure, TAG.ExposureModulationType],
    optional: [TAG.CTDIvol, TAG.CTDIPhantomTypeCodeSequence],
  },
  {
    tag: TAG.CTXRayDetailsSequence,
    required: [TAG.KVP, TAG.FocalSpots, TAG.FilterType, TAG.FilterMaterial],
    optional: [],
  },
];

/** Integer strings of classic CT that are numbers of another tag in Enhanced CT. */
export const RENAMED: ReadonlyMap<number, number> = new Map([
  [TAG.ExposureTime, TAG.ExposureTimeInms],
  [TAG.XRayTubeCurrent, TAG.XRayTubeCurrentInmA],
  [TAG.Exposure, TAG.ExposureInmAs],
]);

/** Facts of classic CT that stay under their own tags where their macro cannot be written. */
export const CT_FACTS: ReadonlySet<number> = new Set([
  ...CT_MACROS.flatMap(({ required, optional }) => [...required, ...optional]),
  TAG.ContrastBolusAgent,
  TAG.ScanOptions,
]);

/**
 * Attributes that the object or the frame says anew. References to other images stay with the classic image, which
 * the frame names as its source: repeating them would need the series of each.
 */
export const REPLACED: ReadonlySet<number> = new Set([
  TAG.LengthToEnd,
  TAG.ImageType,
  TAG.SOPClassUID,
  TAG.SOPInstanceUID,
  TAG.ContentDate,
  TAG.ContentTime,
  TAG.SmallestImagePixelValue,
  TAG.LargestImagePixelValue,
  TAG.SmallestPixelValueInSeries,
  TAG.LargestPixelValueInSeries,
  TAG.IconImageSequence,
  TAG.ReferencedImageSequence,
  TAG.SourceImageSequence,
  TAG.PixelData,
  TAG.ExtendedOffsetTable,
  TAG.ExtendedOffsetTableLengths,
  TAG.MACParametersSequence,
  TAG.DigitalSignaturesSequence,
  TAG.DataSetTrailingPadding,
]);
