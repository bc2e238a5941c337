/**
 * `@alara/recon`: from line integrals to images, and low-dose insertion, which composes the noise of `physics`
 * with reconstruction.
 */

export { backprojectFanArcReference } from "./analytic/fan-backprojection.ts";
export { createFanFilter, type FanFilter, getDetectorNyquistPerMm } from "./analytic/fan-filter.ts";
export { type FbpOptions, reconstructFbp } from "./analytic/fbp.ts";
export { type RampWindow, rampWindows } from "./analytic/windows.ts";
export { ReconError, type ReconErrorCode } from "./errors.ts";
export {
  createLowDoseSimulator,
  createNoiseWindow,
  type GivenNoise,
  type LowDoseCalibration,
  type LowDoseOptions,
  type LowDoseSimulator,
  MU_WATER_70KEV_PER_MM,
  type RealisationOptions,
} from "./low-dose/low-dose.ts";
export { computeSliceWeights } from "./low-dose/slice-correlation.ts";
export {
  createFastBackprojector,
  type FastBackprojector,
  type RowSpans,
} from "./simd/fan-backprojection-simd.ts";
