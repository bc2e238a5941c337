/** Exports of iterative reconstruction. */
export { type AsdPocsOptions, solveAsdPocs } from "./asd-pocs.ts";
export { type CglsOptions, solveCgls } from "./conjugate-gradients.ts";
export { solveOsem } from "./expectation-maximisation.ts";
export { type FistaTvOptions, solveFistaTv, type TvMethodOptions } from "./fista-tv.ts";
export { type IterativeMethod, iterativeMethods, type MethodOptions } from "./methods.ts";
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
export {
  createRoughnessPenalty,
  type Potential,
  potentials,
  type RoughnessOptions,
  type RoughnessPenalty,
} from "./roughness.ts";
export { type LandweberOptions, type SartOptions, solveLandweber, solveSart } from "./simultaneous.ts";
export type { StepOptions } from "./step-size.ts";
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
