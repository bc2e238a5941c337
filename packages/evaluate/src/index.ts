/**
 * `@alara/evaluate`: what an enhancement did to image quality, measured and stated. Runs anywhere; writes no files.
 */
export { EvaluateError, type EvaluateErrorCode } from "./errors.ts";
export {
  type Metric,
  type MetricOptions,
  type MetricResult,
  measureMae,
  measurePsnr,
  measureRmse,
  measureSsim,
  metrics,
} from "./metrics.ts";
export { type HuWindow, LUNG_WINDOW, type Region, SOFT_TISSUE_WINDOW, WIDE_WINDOW } from "./region.ts";
