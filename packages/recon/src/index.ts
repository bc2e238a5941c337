/**
 * `@alara/recon`: from line integrals to images, and low-dose insertion, which composes the noise of `physics`
 * with reconstruction.
 */
export { ReconError, type ReconErrorCode } from "./errors.ts";
export { backprojectFanArcReference } from "./fan-backprojection.ts";
export { createFastBackprojector, type FastBackprojector, type RowSpans } from "./fan-backprojection-simd.ts";
export { createFanFilter, type FanFilter, getDetectorNyquistPerMm } from "./fan-filter.ts";
export { type FbpOptions, reconstructFbp } from "./fbp.ts";
export {
  createLowDoseSimulator,
  createNoiseWindow,
  type GivenNoise,
  type LowDoseCalibration,
  type LowDoseOptions,
  type LowDoseSimulator,
  MU_WATER_70KEV_PER_MM,
  type RealisationOptions,
} from "./low-dose.ts";
export { computeSliceWeights } from "./slice-correlation.ts";
export { type RampWindow, rampWindows } from "./windows.ts";
