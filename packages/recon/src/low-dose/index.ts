/** Exports of low-dose insertion. */
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
