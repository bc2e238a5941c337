/** Exports of degradations with known truth. */
export { type DoseOptions, degradeByDose } from "./added-noise.ts";
export { type BeamHardeningOptions, degradeByBeamHardening } from "./beam-hardening.ts";
export type { BeamOptions } from "./beam-model.ts";
export type { ChainOptions, DegradationSource, DegradedPair, PhantomSource } from "./degradation.ts";
export { degradeByMetal, type MetalInsert, type MetalOptions } from "./metal-streaks.ts";
export {
  computePose,
  degradeByMotion,
  type Motion,
  type MotionCourse,
  type MotionOptions,
  type MotionPose,
} from "./motion.ts";
export { type DegradationEntry, degradations, type SeverityOptions } from "./registry.ts";
export {
  type Blur,
  degradeResolution,
  evaluateBlurMtf,
  type ResolutionLossOptions,
  type ResolutionNoise,
} from "./resolution-loss.ts";
export { degradeByRings, type RingOptions } from "./ring-artifacts.ts";
export {
  degradeByLimitedAngle,
  degradeBySparseViews,
  type LimitedAngleOptions,
  type SparseViewOptions,
} from "./view-loss.ts";
