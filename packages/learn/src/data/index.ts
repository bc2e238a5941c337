/** Exports of training data: sources of batches, sampling of patches, augmentation. */
export type { AugmentationOptions } from "./augmentation.ts";
export {
  type BatchArrays,
  type BatchField,
  type BatchRequest,
  type BatchSource,
  countFieldSamples,
  type MixedSource,
  mixSources,
} from "./batch-source.ts";
export {
  createImageSource,
  createRepeatSource,
  createUnpairedSource,
  type ImageSourceOptions,
  joinSources,
  type RepeatSet,
  type TrainingImage,
  type UnpairedPools,
} from "./image-sources.ts";
export { createInpaintingSource, type HoleOptions, type InpaintingOptions } from "./inpainting-source.ts";
export {
  type Batch,
  createPairSource,
  type ExplicitPair,
  type PairSource,
  type PairSourceOptions,
  type TrainingPair,
} from "./pair-source.ts";
export type { DrawOptions } from "./patch-drawer.ts";
export {
  type Interpolation,
  type PatchPlace,
  type ReadOptions,
  readPatch,
  type Samples,
  type Stack,
} from "./patch-reader.ts";
export {
  createPatchSampler,
  type PatchSampler,
  SAMPLING_TISSUES,
  type SampledPlace,
  type SampledStack,
  type SamplingOptions,
  type SamplingTissue,
} from "./sampling.ts";
