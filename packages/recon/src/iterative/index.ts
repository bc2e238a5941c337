/** Exports of iterative reconstruction. */
export { type AsdPocsOptions, solveAsdPocs } from "./asd-pocs.ts";
export { type CglsOptions, solveCgls } from "./conjugate-gradients.ts";
export { solveOsem } from "./expectation-maximisation.ts";
export { type FistaTvOptions, solveFistaTv, type TvMethodOptions } from "./fista-tv.ts";
export { type HybridIterativeOptions, reconstructHybridIterative } from "./hybrid-iterative.ts";
export { type IterativeMethod, iterativeMethods, type MethodOptions } from "./methods.ts";
export { type ModelBasedOptions, reconstructModelBased } from "./model-based.ts";
export { type PwlsOptions, solvePwls } from "./penalised-least-squares.ts";
export { type PdhgOptions, solvePdhg } from "./primal-dual.ts";
export type {
  IterationOptions,
  IterationState,
  IterativeProblem,
  IterativeResult,
  OrderedSubset,
  StopReason,
} from "./problem.ts";
export { type ReconstructIterativeOptions, reconstructIterative } from "./reconstruct.ts";
export {
  createRoughnessPenalty,
  type Potential,
  potentials,
  type RoughnessOptions,
  type RoughnessPenalty,
} from "./roughness.ts";
export {
  computeStatisticalWeights,
  estimateIterativeMemory,
  type IterativeMemory,
  type OperatorMaker,
  type ScanProblemOptions,
} from "./scan-problem.ts";
export { type LandweberOptions, type SartOptions, solveLandweber, solveSart } from "./simultaneous.ts";
export { smoothRows } from "./sinogram-smoothing.ts";
export type { StepOptions } from "./step-size.ts";
export { resolveStrengthLevel, type StrengthLevel } from "./strength-levels.ts";
export { divideViews, orderSubsets, type SubsetOrder } from "./subsets.ts";
export {
  boundGradientNormSquared,
  computeTotalVariation,
  createTvProx,
  type DenoisedTv,
  type DenoiseTvOptions,
  denoiseTv,
  type TvCertificate,
  type TvGrid,
  type TvProx,
} from "./total-variation.ts";
