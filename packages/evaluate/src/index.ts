/**
 * `@alara/evaluate`: what an enhancement did to image quality, measured and stated. Runs anywhere; writes no files.
 */

export { type ComparisonInput, type ComparisonOptions, compareVolumes, type NamedVolume } from "./compare.ts";
export { EvaluateError, type EvaluateErrorCode } from "./errors.ts";
export { BIAS_CLUSTER_PX, BIAS_MINIMUM_VOXELS, type HuBias, measureHuBias } from "./hu-bias.ts";
export {
  type Metric,
  type MetricOptions,
  type MetricResult,
  measureMae,
  measurePsnr,
  measureRmse,
  measureSsim,
  measureSsimInRegions,
  metrics,
} from "./metrics.ts";
export {
  findNoiseTiles,
  measureNoise,
  NOISE_MINIMUM_TILES,
  type NoiseResult,
  type NoiseTiles,
} from "./noise.ts";
export {
  measurePatientSize,
  type PatientSize,
  type PatientSizeOptions,
  type SliceGrid,
} from "./patient-size.ts";
export {
  type ImageRole,
  INTERVAL_MINIMUM_PATIENTS,
  QUALITY_REPORT_SCHEMA,
  type QualityReport,
  type ReferenceNoise,
  type ReportedBias,
  type ReportedComparison,
  type ReportedMetric,
  type ReportedNoise,
} from "./quality-report.ts";
export { type HuWindow, LUNG_WINDOW, type Region, SOFT_TISSUE_WINDOW, WIDE_WINDOW } from "./region.ts";
export { type ReportMeta, type ReportOptions, type RunFacts, renderReport } from "./report/render-report.ts";
export type { Fact } from "./report/sections.ts";
export {
  computeSsdeFactor,
  estimateSizeSpecificDose,
  findSsdeModel,
  type SizedSlice,
  type SizeSpecificDose,
  SSDE_MODELS,
  type SsdeModel,
} from "./size-specific-dose.ts";
export { spreadSlices } from "./slices.ts";
export { type SignedRankResult, testSignedRanks } from "./statistics/signed-rank.ts";
export { measureStructureLoss, type StructureResult } from "./structure.ts";
export {
  classifyTissues,
  selectTissue,
  TISSUE_CLASSES,
  type TissueClass,
  type TissueMap,
  type TissueOptions,
} from "./tissues.ts";
