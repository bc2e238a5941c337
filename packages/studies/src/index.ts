/**
 * `@alara/studies`: what runs many: cross-validation over patients, and search over recipes. Runs on Node, on the durable
 * queue of `@alara/jobs`.
 */
export {
  type ComparedFigure,
  type ComparedFold,
  type CrossValidationOptions,
  type CrossValidationPlan,
  type CrossValidationSummary,
  formatCrossValidation,
  planCrossValidation,
  type Spread,
  summariseCrossValidation,
} from "./cross-validation.ts";
export { StudiesError, type StudiesErrorCode } from "./errors.ts";
export { type HalvingOptions, listRungs, planRungs, type RungResult, type RungTask } from "./halving.ts";
export { drawParallelCoordinates } from "./parallel-coordinates.ts";
export {
  formatSearch,
  type RunSearchOptions,
  rankVariants,
  runSearch,
  TRIAL_KIND,
  type VariantRecord,
  writeSearchCsv,
} from "./search.ts";
export { listVariants, parseSearch, SEARCH_SCHEMA, type Search } from "./search-file.ts";
export {
  applySettings,
  countGrid,
  drawVariants,
  enumerateGrid,
  type SearchParameter,
  type Settings,
  type SettingValue,
} from "./search-space.ts";
export {
  checkTrial,
  computeJobKey,
  computeTrialKey,
  getPatientId,
  type RunTrialOptions,
  runTrial,
  type TestFigures,
  type Trial,
  type TrialResult,
  type TrialSeries,
} from "./trial.ts";
