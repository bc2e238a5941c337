/**
 * `@alara/physics`: scanners, phantoms, projectors and noise of CT. Reconstruction and low-dose insertion, which needs
 * it, live in `@alara/recon`.
 */

export { PhysicsError, type PhysicsErrorCode } from "./errors.ts";
export {
  type CountModel,
  checkCountModel,
  checkDoseFraction,
  computeAddedLogVariance,
  computeLineIntegrals,
  computeLogVariance,
  LEAST_QUANTA,
  simulateCounts,
} from "./noise/noise.ts";
export {
  computeAliasedSpectrum,
  evaluateKernelWindow,
  fitKernelWindow,
  type KernelFit,
  type KernelWindow,
  type SpectrumSampling,
  type SpectrumToFit,
} from "./noise/noise-model.ts";
export {
  createRadialBins,
  type Detrend,
  detrendPatch,
  type MeasureNpsOptions,
  measureNps,
  type NoisePowerSpectrum,
  type RadialBins,
  type RegionOfInterest,
} from "./noise/nps.ts";
export {
  computeMedian,
  type MeasureSeriesNoiseOptions,
  measureSeriesNoise,
  type NoiseTile,
  type SeriesNoise,
} from "./noise/series-noise.ts";
export { type BodyPhantomOptions, createRandomBodyPhantom } from "./phantoms/body-phantom.ts";
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
} from "./phantoms/phantom.ts";
export {
  createWaterCylinder,
  type PhantomEntry,
  phantoms,
  type WaterCylinderOptions,
} from "./phantoms/phantoms.ts";
export { createSheppLoganPhantom, type SheppLoganOptions } from "./phantoms/shepp-logan.ts";
export { createJosephProjector, createPlaneGrid, type PlaneGrid } from "./projectors/joseph.ts";
export { createFastJosephProjector, type FastProjector } from "./projectors/joseph-simd.ts";
export { type ProjectorFactory, projectors } from "./projectors/projectors.ts";
export {
  createScanGeometry,
  getRayAngleRad,
  type ScanGeometryOptions,
  type Scanner,
  scanners,
} from "./scanners/scanners.ts";
