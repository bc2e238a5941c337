/** Exports of training data: datasets, splits, quality control, alignment, and builders of pairs. */
export {
  type Alignment,
  type AlignmentOptions,
  type AlignOptions,
  alignInput,
  measureAlignment,
} from "./alignment.ts";
export {
  buildContrastPairs,
  type ContrastPairOptions,
  type ContrastSource,
  type ContrastTruth,
  evaluateHuMap,
  renderContrast,
} from "./contrast-pairs.ts";
export {
  computeDatasetDigest,
  createDataset,
  DATASET_SCHEMA,
  type DatasetEntry,
  type DatasetManifest,
  describeSeries,
  hashPixels,
  parseDataset,
  type SeriesDescription,
  type SeriesFacts,
  type SeriesRole,
} from "./dataset.ts";
export {
  buildFaultPairs,
  type FaultChoice,
  type FaultPair,
  type FaultPairOptions,
  type FaultSource,
} from "./fault-pairs.ts";
export { invertMask, type LungOptions, segmentLungs } from "./lung-mask.ts";
export { type AddedNoise, makeNoiseFields, type NoiseFields } from "./noise-fields.ts";
export {
  assertUsableData,
  type CheckedPrint,
  checkTrainingData,
  findCopies,
  type QualityOptions,
  takePrint,
} from "./quality-control.ts";
export {
  type CheckedSeries,
  type DataQualityReport,
  type FindingCode,
  type FindingSeverity,
  formatFindings,
  type QualityFinding,
} from "./quality-report.ts";
export {
  buildImages,
  buildPools,
  buildRepeatSets,
  buildScannedPairs,
  type RealDataOptions,
  type ScannedPairOptions,
  type TrainingRegion,
} from "./real-data.ts";
export {
  binVolume,
  buildResolutionPairs,
  type ResolutionPairOptions,
  renderResolution,
} from "./resolution-pairs.ts";
export {
  checkSplit,
  type Fold,
  type FoldOptions,
  type FoldPatient,
  findLeaks,
  type HoldoutOptions,
  type Leak,
  planFolds,
  planHoldout,
  type SplitSides,
} from "./split.ts";
export type { SkippedSeries, TrainingDataOptions, TrainingSeries } from "./training-series.ts";
