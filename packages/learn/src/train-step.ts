/**
 * A whole training step as one ONNX graph: forward, losses, gradients, clipping, the optimiser, gradient accumulation
 * and the running average of the weights. Inputs: the batch, the parameters and optimiser state as flat vectors, other
 * networks' parameters as they are, learning rate and the optimiser's scalars; outputs: the new vectors, each loss term,
 * the gradient norm and whatever the step emits. All is written with the same operators, so the step has a float64
 * definition too (`evaluateGraph`). Not here: when to run which step (trainer.ts).
 */
import { blockChannels } from "./blocked/pass.ts";
import { probeChannelBlock } from "./blocked/probe.ts";
import { formatShape, LearnError } from "./errors.ts";
import { grad, simplifyGraph, sumWeighted } from "./graph.ts";
import type { Assignment } from "./network.ts";
import { writeOnnxModel } from "./onnx/write.ts";
import { add, clip, div, mul, sqrt, square, sub } from "./operators/arithmetic.ts";
import { concat, reduceSum, reshape, slice } from "./operators/structure.ts";
import { createOptimiser, type OptimiserOptions } from "./optimisers.ts";
import { countParameters, layOutParameters } from "./parameters.ts";
import {
  createFloatData,
  type DeviceTensor,
  getFloatOutput,
  type Runtime,
  type Session,
  type TensorData,
} from "./runtime.ts";
import { createStateStore, REPLACEMENT_PREFIX } from "./state-store.ts";
import {
  countElements,
  createConstant,
  createInput,
  type Dialect,
  getLeafName,
  type Tensor,
} from "./tensor.ts";

/** One term of the loss. */
export interface LossTerm {
  readonly value: Tensor;
  /** Default 1; 0 reports the term without minimising it. */
  readonly weight?: number;
}

/** What {@link compileTrainStep} compiles. */
export interface TrainStepDefinition {
  /** Parameters that the step changes. */
  readonly parameters: readonly Tensor[];
  /** Parameters that the step uses and leaves alone, by group name; fed as one flat vector per group. */
  readonly frozen?: Readonly<Record<string, readonly Tensor[]>>;
  /** Batch inputs, fed at every step. */
  readonly inputs: readonly Tensor[];
  /** Loss name → scalar and weight; the step minimises the weighted sum. */
  readonly losses: Readonly<Record<string, LossTerm>>;
  readonly optimiser: OptimiserOptions;
  /** Values that parameters take after the update, such as running means. */
  readonly assignments?: readonly Assignment[];
  /** Tensors to hand back after each run, such as generated images. */
  readonly emits?: Readonly<Record<string, Tensor>>;
  /** Batches whose gradients are averaged before one update; default 1. */
  readonly accumulate?: number;
}

/** The symbolic step: its inputs and outputs by name. */
export interface TrainStepGraph {
  readonly inputs: readonly Tensor[];
  readonly outputs: Readonly<Record<string, Tensor>>;
}

/** Parameters and optimiser state: flat vectors of one length. */
export interface TrainState {
  /** Updates done. */
  readonly step: number;
  readonly parameters: Float32Array;
  /** Running average of the parameters, which inference uses. */
  readonly average: Float32Array;
  /** The optimiser's vectors by name; empty before the first step means zeros. */
  readonly moments: Readonly<Record<string, Float32Array>>;
}

/** State before the first step. */
export function createTrainState(parameters: Float32Array): TrainState {
  return { step: 0, parameters, average: parameters.slice(), moments: {} };
}

/** Prefix of the inputs that hold frozen groups. */
const FROZEN_PREFIX = "frozen.";

function flatten(tensors: readonly Tensor[]): Tensor {
  return concat(
    tensors.map((tensor) => reshape(tensor, [countElements(tensor.shape)])),
    { axis: 0 },
  );
}

/** parameter → its part of the flat vector. */
function mapToFlat(parameters: readonly Tensor[], flat: Tensor, replacements: Map<Tensor, Tensor>): void {
  for (const [k, { shape, offset, length }] of layOutParameters(parameters).entries()) {
    replacements.set(
      parameters[k],
      reshape(slice(flat, { starts: [offset], ends: [offset + length] }), shape),
    );
  }
}

function checkDefinition({
  losses,
  assignments = [],
  parameters,
  accumulate = 1,
}: TrainStepDefinition): void {
  for (const [name, { value }] of Object.entries(losses)) {
    if (value.shape.length !== 0) {
      throw new LearnError("NOT_SCALAR", `loss "${name}" has shape ${formatShape(value.shape)}, not []`);
    }
  }
  if (Object.keys(losses).length === 0) {
    throw new LearnError("OUT_OF_RANGE", "a training step needs at least one loss, such as l1");
  }
  if (!Number.isInteger(accumulate) || accumulate < 1) {
    throw new LearnError("OUT_OF_RANGE", `accumulate is ${accumulate}; it must be a whole number ≥ 1`);
  }
  for (const { parameter, value } of assignments) {
    if (!parameters.includes(parameter) || formatShape(parameter.shape) !== formatShape(value.shape)) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `cannot assign ${formatShape(value.shape)} to "${getLeafName(parameter)}" ${formatShape(parameter.shape)}: it must be a parameter of the step and of the same shape`,
      );
    }
  }
}

/** The updated vector with the assigned parameters put in their places. */
function putAssignments(updated: Tensor, definition: TrainStepDefinition): Tensor {
  const { assignments = [], parameters } = definition;
  if (assignments.length === 0) return updated;
  const values = new Map(assignments.map(({ parameter, value }) => [parameter, value]));
  const parts: Tensor[] = [];
  let start = 0;
  let end = 0;
  for (const [k, { offset, length }] of layOutParameters(parameters).entries()) {
    const value = values.get(parameters[k]);
    if (value !== undefined) {
      if (end > start) parts.push(slice(updated, { starts: [start], ends: [end] }));
      parts.push(reshape(value, [length]));
      start = offset + length;
    }
    end = offset + length;
  }
  if (end > start) parts.push(slice(updated, { starts: [start], ends: [end] }));
  return concat(parts, { axis: 0 });
}

/**
 * Writes the step as symbolic tensors.
 *
 * Gradients of several batches are averaged when `accumulate` > 1: the input `apply` is 0 for all but the last batch,
 * and every vector then stays what it was.
 *
 * @throws LearnError `NOT_SCALAR`, `OUT_OF_RANGE`, `SHAPE_MISMATCH`
 * Clipping by norm: Pascanu et al. 2013, algorithm 1. Tested against PyTorch and a float64 optimiser written by hand.
 */
export function buildTrainStep(definition: TrainStepDefinition): TrainStepGraph {
  checkDefinition(definition);
  const { parameters, optimiser, frozen = {}, accumulate = 1 } = definition;
  const rule = createOptimiser(optimiser);
  const terms = Object.entries(definition.losses);
  const total = countParameters(parameters);
  const flat = createInput("parameters", [total]);
  const average = createInput("average", [total]);
  const state = rule.stateNames.map((name) => createInput(name, [total]));
  const learningRate = createInput("learningRate", []);
  const averageDecay = createInput("averageDecay", []);
  const scalars = rule.scalarNames.map((name) => createInput(name, []));

  const minimised = terms.filter(([, { weight = 1 }]) => weight !== 0);
  const loss =
    minimised.length === 0
      ? createConstant(0)
      : sumWeighted(minimised.map(([, { value, weight = 1 }]) => ({ value, weight })));
  const own = flatten(grad(loss, parameters));
  const accumulated = createInput("accumulated", [total]);
  const apply = createInput("apply", []);
  const raw = accumulate === 1 ? own : add(accumulated, mul(own, 1 / accumulate));
  const norm = sqrt(reduceSum(square(raw)));

  let gradient = raw;
  const { clipNorm, clipValue } = optimiser;
  if (clipValue !== undefined) gradient = clip(gradient, { low: -clipValue, high: clipValue });
  if (clipNorm !== undefined) {
    const length = clipValue === undefined ? norm : sqrt(reduceSum(square(gradient)));
    gradient = mul(gradient, clip(div(clipNorm, add(length, 1e-12)), { low: 0, high: 1 }));
  }
  const update = rule.update({ parameters: flat, gradient, state, learningRate, scalars });
  const newFlat = putAssignments(update.parameters, definition);
  const newAverage = add(mul(average, averageDecay), mul(newFlat, sub(1, averageDecay)));
  const choose = (after: Tensor, before: Tensor): Tensor =>
    accumulate === 1 ? after : add(mul(after, apply), mul(before, sub(1, apply)));

  const outputs: Record<string, Tensor> = {
    "new.parameters": choose(newFlat, flat),
    "new.average": choose(newAverage, average),
    gradientNorm: norm,
  };
  rule.stateNames.forEach((name, k) => {
    outputs[`new.${name}`] = choose(update.state[k], state[k]);
  });
  if (accumulate > 1) outputs["new.accumulated"] = mul(raw, sub(1, apply));
  for (const [name, term] of terms) outputs[`loss.${name}`] = term.value;
  for (const [name, tensor] of Object.entries(definition.emits ?? {})) outputs[`emit.${name}`] = tensor;

  const replacements = new Map<Tensor, Tensor>();
  mapToFlat(parameters, flat, replacements);
  const frozenInputs = Object.entries(frozen).map(([name, tensors]) => {
    const vector = createInput(FROZEN_PREFIX + name, [countParameters(tensors)]);
    mapToFlat(tensors, vector, replacements);
    return vector;
  });
  const names = Object.keys(outputs);
  const simplified = simplifyGraph(
    names.map((name) => outputs[name]),
    replacements,
  );
  return {
    inputs: [
      ...definition.inputs,
      ...frozenInputs,
      flat,
      average,
      ...state,
      learningRate,
      averageDecay,
      ...scalars,
      ...(accumulate > 1 ? [accumulated, apply] : []),
    ],
    outputs: Object.fromEntries(names.map((name, k) => [name, simplified[k]])),
  };
}

/**
 * Writes the step as one ONNX model.
 *
 * @param options.dialect - `"cpu"` for onnxruntime's CPU provider
 * @param options.block - channel block of that provider's blocked layout (`probeChannelBlock`); default: plain layout
 */
export function writeTrainStep(
  definition: TrainStepDefinition,
  options: { readonly dialect: Dialect; readonly block?: number },
): Uint8Array {
  const { dialect, block } = options;
  const { inputs, outputs } = buildTrainStep(definition);
  if (block === undefined) return writeOnnxModel({ inputs, outputs, dialect });
  const names = Object.keys(outputs);
  const blocked = blockChannels(Object.values(outputs), { block });
  return writeOnnxModel({
    inputs,
    outputs: Object.fromEntries(names.map((name, k) => [name, blocked[k]])),
    dialect,
  });
}

/** The scalar inputs of update number `step` (1 for the first), by name: the optimiser's own and the average decay. */
export function computeStepScalars(optimiser: OptimiserOptions, step: number): Record<string, number> {
  const rule = createOptimiser(optimiser);
  const values = rule.computeScalars(step);
  const { averageDecay = 0.999 } = optimiser;
  return {
    ...Object.fromEntries(rule.scalarNames.map((name, k) => [name, values[k]])),
    // Short memory at first, so that the start does not linger: min(decay, (1 + t)/(10 + t)).
    averageDecay: Math.min(averageDecay, (1 + step) / (10 + step)),
  };
}

/** Result of one run. */
export interface StepResult {
  readonly losses: Readonly<Record<string, number>>;
  readonly gradientNorm: number;
  /** What the definition emits. */
  readonly emitted: Readonly<Record<string, Float32Array>>;
}

/** What one run is given. */
export interface StepFeeds {
  /** Input name → values, each of its input's shape. */
  readonly batch: Readonly<Record<string, Float32Array>>;
  /** Frozen group → its parameters, flat, on the host or where another step of the same runtime keeps them. */
  readonly frozen?: Readonly<Record<string, Float32Array | DeviceTensor>>;
  readonly learningRate: number;
}

/** A compiled step with its session and state. Owns native memory: `dispose` it. */
export interface TrainStep {
  /** The ONNX model, for inspection. */
  readonly model: Uint8Array;
  readonly provider: string;
  /**
   * State after the last update, brought from the device where it is kept there; host arrays are overwritten by later
   * steps, so copy to keep.
   */
  getState(): Promise<TrainState>;
  /** The parameters where they lie, to feed other steps; valid until the next run. */
  getParameters(): Float32Array | DeviceTensor;
  /** Runs one batch; with accumulation every `accumulate`-th run updates the parameters. */
  run(feeds: StepFeeds): Promise<StepResult>;
  dispose(): Promise<void>;
}

/** Options of {@link compileTrainStep}. */
export interface CompileOptions {
  /** Where to start; the arrays are copied. */
  readonly state: TrainState;
  readonly threads?: number;
  readonly profilePath?: string;
}

/**
 * Compiles a training step for a runtime. Between runs, parameters and state stay on the provider's device where it can
 * keep them (WebGPU), and else in two sets of arrays that swap roles (state-store.ts).
 *
 * @throws LearnError as {@link buildTrainStep}, and `RUN_FAILED`
 */
export async function compileTrainStep(
  definition: TrainStepDefinition,
  runtime: Runtime,
  options: CompileOptions,
): Promise<TrainStep> {
  const dialect: Dialect = runtime.provider === "cpu" ? "cpu" : "standard";
  const block = await probeChannelBlock(runtime);
  const model = writeTrainStep(definition, { dialect, ...(block === undefined ? {} : { block }) });
  const session = await runtime.createSession(model, {
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    ...(options.profilePath === undefined ? {} : { profilePath: options.profilePath }),
    keepOnDevice: listVectors(definition).map((name) => REPLACEMENT_PREFIX + name),
  });
  return createTrainStep(definition, session, { model, provider: runtime.provider, state: options.state });
}

/** Names of the vectors that a step carries from run to run. */
function listVectors({ optimiser, accumulate = 1 }: TrainStepDefinition): readonly string[] {
  const { stateNames } = createOptimiser(optimiser);
  return ["parameters", "average", ...stateNames, ...(accumulate > 1 ? ["accumulated"] : [])];
}

function readInput(
  values: Readonly<Record<string, Float32Array | DeviceTensor>> | undefined,
  name: string,
  shape: readonly number[],
): TensorData | DeviceTensor {
  const given = values?.[name];
  const onHost = given === undefined || given instanceof Float32Array;
  const length = onHost ? given?.length : countElements(given.dims);
  if (given === undefined || length !== countElements(shape)) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `the step's input "${name}" has shape ${formatShape(shape)} but ${length === undefined ? "nothing was" : `${length} values were`} given`,
    );
  }
  return given instanceof Float32Array ? createFloatData(given, shape) : given;
}

function createTrainStep(
  definition: TrainStepDefinition,
  session: Session,
  start: { readonly model: Uint8Array; readonly provider: string; readonly state: TrainState },
): TrainStep {
  const { optimiser, accumulate = 1 } = definition;
  const lossNames = Object.keys(definition.losses);
  const emitNames = Object.keys(definition.emits ?? {});
  const inputs = definition.inputs.map((input) => ({ name: getLeafName(input), shape: input.shape }));
  const frozen = Object.entries(definition.frozen ?? {}).map(([name, tensors]) => ({
    name,
    total: countParameters(tensors),
  }));
  const total = countParameters(definition.parameters);
  const { stateNames } = createOptimiser(optimiser);
  const names = listVectors(definition);
  const { parameters, average, moments } = start.state;
  const given: Readonly<Record<string, Float32Array | undefined>> = { ...moments, parameters, average };
  for (const name of names) {
    const length = given[name]?.length ?? total;
    if (length !== total) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `the state's "${name}" has ${length} values but the step trains ${total} parameters`,
      );
    }
  }
  let { step } = start.state;
  let batches = 0;
  const store = createStateStore(
    session,
    Object.fromEntries(names.map((name) => [name, given[name]?.slice() ?? new Float32Array(total)])),
  );
  const scalar = (value: number): TensorData => createFloatData(Float32Array.of(value), []);
  return {
    model: start.model,
    provider: start.provider,
    async getState() {
      const values = await store.read();
      return {
        step,
        parameters: values.parameters,
        average: values.average,
        moments: Object.fromEntries(stateNames.map((name) => [name, values[name]])),
      };
    },
    getParameters: () => store.get("parameters"),
    async run({ batch, frozen: vectors, learningRate }) {
      const isUpdate = (batches + 1) % accumulate === 0;
      const feeds: Record<string, TensorData | DeviceTensor> = { learningRate: scalar(learningRate) };
      for (const [name, value] of Object.entries(computeStepScalars(optimiser, step + 1))) {
        feeds[name] = scalar(value);
      }
      if (accumulate > 1) feeds.apply = scalar(isUpdate ? 1 : 0);
      for (const { name, shape } of inputs) feeds[name] = readInput(batch, name, shape);
      for (const { name, total: length } of frozen) {
        feeds[FROZEN_PREFIX + name] = readInput(vectors, name, [length]);
      }
      const outputs = await store.run(feeds);
      batches++;
      if (isUpdate) step++;
      const read = (name: string): Float32Array => getFloatOutput(outputs, name);
      return {
        losses: Object.fromEntries(lossNames.map((name) => [name, read(`loss.${name}`)[0]])),
        gradientNorm: read("gradientNorm")[0],
        emitted: Object.fromEntries(emitNames.map((name) => [name, read(`emit.${name}`)])),
      };
    },
    dispose: () => session.dispose(),
  };
}
