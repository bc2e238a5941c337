/**
 * `@alara/learn`: the training engine. Symbolic tensors, an operator table with gradients, ONNX graphs of
 * inference and of whole training steps, networks and losses as data, and one trainer.
 */
export { blockChannels } from "./blocked/pass.ts";
export { probeChannelBlock } from "./blocked/probe.ts";
export {
  type BestWeights,
  type Checkpoint,
  decodeArrays,
  decodeCheckpoint,
  encodeArrays,
  encodeCheckpoint,
  type PendingLog,
} from "./checkpoint.ts";
export * from "./data/index.ts";
export { LearnError, type LearnErrorCode } from "./errors.ts";
export { type ExportOptions, exportInferenceModel, MODEL_INPUT, MODEL_OUTPUT } from "./export-model.ts";
export { evaluateGraph, grad, simplifyGraph, sortGraph } from "./graph.ts";
export {
  collectWeights,
  type LoadWeightsOptions,
  loadWeights,
  type RenameRule,
} from "./import/load-weights.ts";
export {
  type MeasuredModel,
  type MeasureRadiusOptions,
  measureReceptiveRadius,
  measureSizeMultiple,
} from "./import/measure-denoiser.ts";
export { freezeNetwork, readModelWeights, selectWeights } from "./import/model-weights.ts";
export {
  type FrozenFeatures,
  type ImportedGraph,
  type ImportGraphOptions,
  importableOperators,
  importOnnxGraph,
  loadFrozenFeatures,
  type OnnxGraph,
  type OpenGraphOptions,
  openOnnxGraph,
} from "./import/onnx-graph.ts";
export type { OnnxModelValue } from "./import/onnx-model.ts";
export {
  MAXIMUM_HEADER_BYTES,
  readSafetensors,
  type SafetensorsContent,
  type WeightTensor,
  writeSafetensors,
} from "./import/safetensors.ts";
export {
  type DenoiserOptions,
  type DenoiserScaling,
  type WrappedDenoiser,
  wrapOnnxDenoiser,
} from "./import/wrap-denoiser.ts";
export { drawLossCurve } from "./loss-plot.ts";
export * from "./losses/index.ts";
export {
  type LossSpecification,
  type Method,
  type MethodOption,
  type MethodRecipe,
  type MethodResources,
  methods,
  type NetworkSpecification,
} from "./methods/index.ts";
export * from "./monitor/index.ts";
export {
  type ApplyContext,
  type Assignment,
  createTrainingContext,
  INFERENCE,
  type MaskRequest,
  type Network,
  type NetworkConfig,
  type NetworkFactory,
  type TrainingContext,
} from "./network.ts";
export * from "./networks/index.ts";
export { inspectOnnxModel, type OnnxSummary, type OnnxValueSummary } from "./onnx/inspect.ts";
export { MAXIMUM_MODEL_BYTES, type WriteModelOptions, writeOnnxModel } from "./onnx/write.ts";
export * from "./operators/index.ts";
export {
  type AdamOptions,
  type CommonOptimiserOptions,
  createOptimiser,
  type OptimiserOptions,
  type OptimiserRule,
  optimisers,
  type SgdOptions,
} from "./optimisers.ts";
export {
  countParameters,
  initialiseParameters,
  layOutParameters,
  type ParameterPlace,
  splitParameters,
} from "./parameters.ts";
export {
  type BatchField,
  gatherParameters,
  joinParameters,
  type RandomInput,
  type TrainingPhase,
  type TrainingProgram,
} from "./program.ts";
export {
  createFloatData,
  type DeviceRun,
  type DeviceTensor,
  getFloatOutput,
  type Runtime,
  type Session,
  type SessionOptions,
  type TensorData,
} from "./runtime.ts";
export {
  type ConstantSchedule,
  type CosineSchedule,
  computeLearningRate,
  type LinearSchedule,
  type OneCycleSchedule,
  type Schedule,
  type StepSchedule,
} from "./schedule.ts";
export {
  type Attributes,
  countElements,
  createConstant,
  createInput,
  createParameter,
  type Dialect,
  type Initialiser,
  type Operator,
  type OperatorExample,
  type Tensor,
} from "./tensor.ts";
export type { TrainLogEntry, TrainSink } from "./train-log.ts";
export {
  buildTrainStep,
  type CompileOptions,
  compileTrainStep,
  computeStepScalars,
  createTrainState,
  type LossTerm,
  type StepFeeds,
  type StepResult,
  type TrainState,
  type TrainStep,
  type TrainStepDefinition,
  writeTrainStep,
} from "./train-step.ts";
export {
  computeRunDigest,
  listPatchSides,
  runTraining,
  type TrainOptions,
  type TrainResult,
  type TrainSettings,
} from "./trainer.ts";
export { validateWeights } from "./validate-weights.ts";
export {
  createPairValidation,
  type PairFigures,
  type PairValidationOptions,
  type RunNetwork,
  type Validation,
  type ValidationPair,
  type ValidationResult,
  type ValidationSample,
} from "./validation.ts";
export type { RuntimeReport } from "./workers/messages.ts";
export {
  buildJobProgram,
  type DiscData,
  type PairData,
  type RunJobOptions,
  runTrainingJob,
  type TrainingJob,
} from "./workers/training-job.ts";
