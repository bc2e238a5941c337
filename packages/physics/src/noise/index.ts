/** Exports of noise of measurements and its measurement. */
export { drawBinomial } from "./binomial.ts";
export {
  type CountModel,
  checkCountModel,
  checkDoseFraction,
  computeAddedLogVariance,
  computeLineIntegrals,
  computeLogVariance,
  LEAST_QUANTA,
  simulateCounts,
} from "./noise.ts";
export {
  computeAliasedSpectrum,
  evaluateKernelWindow,
  fitKernelWindow,
  type KernelFit,
  type KernelWindow,
  type SpectrumSampling,
  type SpectrumToFit,
} from "./noise-model.ts";
export { computeNormalTail } from "./normal-tail.ts";
export {
  createRadialBins,
  type Detrend,
  detrendPatch,
  type MeasureNpsOptions,
  measureNps,
  type NoisePowerSpectrum,
  type RadialBins,
  type RegionOfInterest,
} from "./nps.ts";
export {
  computeMedian,
  type MeasureSeriesNoiseOptions,
  measureSeriesNoise,
  type NoiseTile,
  type SeriesNoise,
} from "./series-noise.ts";
export {
  insertSinogramNoise,
  type LowDoseSinogram,
  type SinogramInsertionOptions,
} from "./sinogram-insertion.ts";
