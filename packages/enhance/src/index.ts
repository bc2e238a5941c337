/**
 * `@alara/enhance`: every way to make a volume better behind one `Enhancer`, model bundles, recipes and guards.
 */
export {
  type IntendedRange,
  MODEL_SCHEMA,
  type ModelBundle,
  type ModelCard,
  openBundle,
  packBundle,
  type Range,
} from "./bundle.ts";
export * from "./data/index.ts";
export { doubleSlice, enlargeVolume, refineInPlane } from "./enlargement.ts";
export { EnhanceError, type EnhanceErrorCode } from "./errors.ts";
export {
  createGaussianEnhancer,
  createGaussianKernel,
  type GaussianOptions,
  smoothSlice,
} from "./gaussian.ts";
export { checkIntendedRange, type InputFacts, type RangeFinding } from "./guards.ts";
export { keepOutsideWindow, WINDOW_FEATHER_SHARE } from "./hu-window.ts";
export { createIdentityEnhancer } from "./identity.ts";
export { type ImportBundleOptions, type ImportedBundle, importDenoiserBundle } from "./import-bundle.ts";
export { createNetworkEnhancer, type NetworkEnhancerOptions } from "./network.ts";
export { clampToAir, PADDING_AS_HU } from "./padding.ts";
export {
  checkRecipe,
  createRecipeSchema,
  type DataRecipe,
  getMethodRecipe,
  getTrainSettings,
  type InsertionRecipe,
  type PhantomRecipe,
  parseRecipe,
  RECIPE_SCHEMA,
  type Recipe,
  type RecipeValues,
} from "./recipe.ts";
export type { JsonSchema } from "./recipe-fields.ts";
export {
  createEnhancer,
  type EnhancerEnvironment,
  type EnhancerFactory,
  type EnhancerOption,
  enhancers,
} from "./registry.ts";
export {
  type BundleFacts,
  buildRecipeProgram,
  buildStart,
  type PreparedRecipe,
  type PrepareOptions,
  packTrainedModel,
  prepareRecipe,
  type RecipeInputs,
  type TrainRecipeOptions,
  trainRecipe,
} from "./run-recipe.ts";
export { blendStrength, enhanceAtStrength } from "./strength.ts";
export {
  AUGMENTATION_KEYS,
  SAMPLING_KEYS,
  type TaskData,
  type TaskInputs,
  type TaskOption,
  type TrainingTask,
  trainingTasks,
} from "./tasks/index.ts";
export {
  planSlices,
  planSpans,
  planTiles,
  type SliceOptions,
  type SlicePortion,
  type Span,
  type Tile,
  type TileOptions,
} from "./tiles.ts";
export {
  buildPhantomPairs,
  buildTrainingPairs,
  buildValidationPairs,
  type MeasuredKernel,
  type SkippedSeries,
  type TrainingDataOptions,
  type TrainingPairs,
  type TrainingSeries,
} from "./training-data.ts";
