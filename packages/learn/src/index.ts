/**
 * `@alara/learn`: the training engine. Symbolic tensors, an operator table with gradients, ONNX graphs of
 * inference and of whole training steps, networks and losses as data, and one trainer.
 */
export {
  type BestWeights,
  type Checkpoint,
  decodeCheckpoint,
  encodeCheckpoint,
  type PendingLog,
} from "./checkpoint.ts";
export { LearnError, type LearnErrorCode } from "./errors.ts";
export { type ExportOptions, exportInferenceModel, MODEL_INPUT, MODEL_OUTPUT } from "./export-model.ts";
export { evaluateGraph, grad, simplifyGraph, sortGraph } from "./graph.ts";
export { drawLossCurve } from "./loss-plot.ts";
export { type Loss, type LossOptions, losses } from "./losses.ts";
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
export { createResidualCnn, networks, type ResidualCnnConfig } from "./networks/index.ts";
export { inspectOnnxModel, type OnnxSummary, type OnnxValueSummary } from "./onnx/inspect.ts";
export { MAXIMUM_MODEL_BYTES, type WriteModelOptions, writeOnnxModel } from "./onnx/write.ts";
export * from "./operators/index.ts";
export {
  countParameters,
  initialiseParameters,
  layOutParameters,
  type ParameterPlace,
  splitParameters,
} from "./parameters.ts";
export {
  type Batch,
  createPairSource,
  type PairSourceOptions,
  type PatchSource,
  type TrainingPair,
} from "./patch-source.ts";
export {
  createFloatData,
  getFloatOutput,
  type Runtime,
  type Session,
  type SessionOptions,
  type TensorData,
} from "./runtime.ts";
export { computeLearningRate, type Schedule } from "./schedule.ts";
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
export {
  type AdamOptions,
  buildTrainStep,
  type CompileOptions,
  compileTrainStep,
  computeStepScalars,
  createTrainState,
  type LossTerm,
  type StepResult,
  type TrainState,
  type TrainStep,
  type TrainStepDefinition,
  writeTrainStep,
} from "./train-step.ts";
export {
  computeRecipeDigest,
  type TrainLogEntry,
  type TrainOptions,
  type TrainRecipe,
  type TrainResult,
  type TrainSink,
  trainNetwork,
  type ValidationPair,
  validateNetwork,
} from "./trainer.ts";
