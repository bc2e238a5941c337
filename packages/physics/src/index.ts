/**
 * `@alara/physics`: scanners, phantoms, projectors and noise of CT. Reconstruction and low-dose insertion, which needs
 * it, live in `@alara/recon`.
 */
export { type BodyPhantomOptions, createRandomBodyPhantom } from "./body-phantom.ts";
export { PhysicsError, type PhysicsErrorCode } from "./errors.ts";
export { createJosephProjector, createPlaneGrid, type PlaneGrid } from "./joseph.ts";
export { createFastJosephProjector, type FastProjector } from "./joseph-simd.ts";
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
  convertPhantomToMu,
  createPhantomProjector,
  type Ellipse,
  type Phantom,
  type PhantomProjector,
  type ProjectPhantomOptions,
  projectPhantom,
  type VoxelizeOptions,
  voxelizePhantom,
} from "./phantom.ts";
export { createWaterCylinder, type PhantomEntry, phantoms, type WaterCylinderOptions } from "./phantoms.ts";
export { type ProjectorFactory, projectors } from "./projectors.ts";
export {
  createScanGeometry,
  getRayAngleRad,
  type ScanGeometryOptions,
  type Scanner,
  scanners,
} from "./scanners.ts";
export {
  computeMedian,
  type MeasureSeriesNoiseOptions,
  measureSeriesNoise,
  type NoiseTile,
  type SeriesNoise,
} from "./series-noise.ts";
export { createSheppLoganPhantom, type SheppLoganOptions } from "./shepp-logan.ts";
