/**
 * `@alara/core`: the nouns that every package shares. Nothing here knows about CT physics, files or networks.
 */
export { encodeBase64 } from "./base64.ts";
export { joinBytes } from "./bytes.ts";
export { computeSha256, stringifyCanonical } from "./digest.ts";
export type { EnhanceOptions, Enhancer, EnhancerDescription } from "./enhancer.ts";
export { AlaraError, CoreError, type CoreErrorCode } from "./errors.ts";
export {
  createFftPlan,
  type FftPlan,
  nextPowerOfTwo,
  transform2d,
  transformForward,
  transformInverse,
} from "./fft.ts";
export {
  AXIAL_DIRECTION,
  countVoxels,
  createCentredGrid,
  crossVectors,
  dotVectors,
  type GridGeometry,
  type Vector3,
} from "./geometry.ts";
export type { AsyncLinearOperator, LinearOperator, RealArray } from "./operator.ts";
export type { LongWorkOptions, Progress, ProgressCallback } from "./progress.ts";
export { computeLogFactorial, createRandom, type Random, type RandomState, restoreRandom } from "./random.ts";
export { createRegistry, type Registry } from "./registry.ts";
export {
  type ConeCurvedGeometry,
  type ConeFlatGeometry,
  type ConeGeometry,
  checkScanGeometry,
  countDetectorRows,
  countScanSamples,
  countViews,
  type FanArcGeometry,
  type FanFlatGeometry,
  isConeGeometry,
  isPlanarGeometry,
  type ParallelGeometry,
  type PlanarGeometry,
  POSE_LENGTH,
  type PosedGeometry,
  type ScanGeometry,
  selectViews,
} from "./scan-geometry.ts";
export {
  createSinogram,
  createVolume,
  getSlab,
  getSliceData,
  type Image,
  type Sinogram,
  type Unit,
  type Volume,
} from "./volume.ts";
export { createWasmKernel, type WasmFunctions, type WasmKernel } from "./wasm.ts";
export {
  chooseThreadCount,
  createWasmPool,
  type WasmPool,
  type WasmPoolOptions,
  type WasmRunOptions,
  type WasmScratch,
} from "./wasm-pool.ts";
export { type WasmJob, yieldThread } from "./wasm-threads.ts";
