/** Exports of corrections. */
export {
  type BeamHardeningFitOptions,
  type BeamHardeningPolynomial,
  correctBeamHardening,
  evaluateBeamHardening,
  fitBeamHardening,
} from "./beam-hardening.ts";
export { type BoneHardeningOptions, correctBoneHardening } from "./bone-hardening.ts";
export {
  type CalibrateCountsOptions,
  type CalibratedCounts,
  calibrateCounts,
  type DetectorCalibration,
  findDeadChannels,
} from "./calibrate-counts.ts";
export { convertHuToMu, convertMuToHu } from "./hounsfield.ts";
export {
  calibrateHu,
  type DiscRegion,
  type HuCalibration,
  type MuWaterOptions,
  measureDiscMean,
  measureMuWater,
} from "./hu-calibration.ts";
export { type RingRemovalOptions, removeRings, removeStripes, type StripeOptions } from "./ring-removal.ts";
export {
  type CentredGeometry,
  findChannelOffset,
  type RotationCentre,
  type RotationCentreOptions,
} from "./rotation-centre.ts";
