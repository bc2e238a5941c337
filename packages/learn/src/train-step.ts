/**
 * A whole training step as one ONNX graph: forward, losses, gradients, Adam and the running average of the
 * weights. Inputs: the batch, parameters, optimiser state, learning rate and bias corrections; outputs: new
 * parameters, new state, each loss term and the gradient norm. The optimiser is written with the same
 * operators, so the step has a float64 definition too (`evaluateGraph`).
 */
import { formatShape, LearnError } from "./errors.ts";
import { grad, simplifyGraph, sumWeighted } from "./graph.ts";
import { writeOnnxModel } from "./onnx/write.ts";
import { add, clip, div, mul, sqrt, square, sub } from "./operators/arithmetic.ts";
import { concat, reduceSum, reshape, slice } from "./operators/structure.ts";
import { countParameters, layOutParameters } from "./parameters.ts";
import { createFloatData, getFloatOutput, type Runtime, type Session, type TensorData } from "./runtime.ts";
import { createInput, type Dialect, getLeafName, type Tensor } from "./tensor.ts";

/** Adam (Kingma & Ba 2015, algorithm 1), decoupled weight decay after Loshchilov & Hutter 2019. */
export interface AdamOptions {
  readonly kind: "adam";
  /** Default 0.9. */
  readonly beta1?: number;
  /** Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Decoupled: p ← p − lr·decay·p; default 0. */
  readonly weightDecay?: number;
  /** Gradients whose global L2 norm exceeds this are scaled down to it; default: never. */
  readonly clipNorm?: number;
  /** Decay of the running average of the weights, which inference uses; default 0.999. */
  readonly averageDecay?: number;
}

/** One term of the loss. */
export interface LossTerm {
  readonly value: Tensor;
  /** Default 1. */
  readonly weight?: number;
}

/** What {@link compileTrainStep} compiles. */
export interface TrainStepDefinition {
  readonly parameters: readonly Tensor[];
  /** Batch inputs, fed at every step. */
  readonly inputs: readonly Tensor[];
  /** Loss name → scalar and weight; the step minimises the weighted sum. */
  readonly losses: Readonly<Record<string, LossTerm>>;
  readonly optimiser: AdamOptions;
}

/** The symbolic step: its inputs and outputs by name. */
export interface TrainStepGraph {
  readonly inputs: readonly Tensor[];
  readonly outputs: Readonly<Record<string, Tensor>>;
}

/** Parameters and optimiser state, flat vectors of one length. */
export interface TrainState {
  /** Steps done. */
  readonly step: number;
  readonly parameters: Float32Array;
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
  /** Running average of the parameters. */
  readonly average: Float32Array;
}

/** State before the first step. */
export function createTrainState(parameters: Float32Array): TrainState {
  return {
    step: 0,
    parameters,
    firstMoment: new Float32Array(parameters.length),
    secondMoment: new Float32Array(parameters.length),
    average: parameters.slice(),
  };
}

const STATE_NAMES = ["parameters", "firstMoment", "secondMoment", "average"] as const;

/**
 * Writes the step as symbolic tensors.
 *
 * @throws LearnError `NOT_SCALAR`, `OUT_OF_RANGE`, `SHAPE_MISMATCH`
 * Adam: Kingma & Ba 2015, algorithm 1. Tested against a float64 Adam written by hand and against PyTorch.
 */
export function buildTrainStep(definition: TrainStepDefinition): TrainStepGraph {
  const { parameters, optimiser } = definition;
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, clipNorm } = optimiser;
  const inUnit = (value: number): boolean => value >= 0 && value < 1;
  if (!inUnit(beta1) || !inUnit(beta2) || !(epsilon > 0) || !(weightDecay >= 0)) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `Adam needs 0 ≤ β < 1, ε > 0 and decay ≥ 0, got β1 ${beta1}, β2 ${beta2}, ε ${epsilon}, decay ${weightDecay}`,
    );
  }
  const terms = Object.entries(definition.losses);
  for (const [name, { value }] of terms) {
    if (value.shape.length !== 0) {
      throw new LearnError("NOT_SCALAR", `loss "${name}" has shape ${formatShape(value.shape)}, not []`);
    }
  }
  const total = countParameters(parameters);
  const [flat, m, v, average] = STATE_NAMES.map((name) => createInput(name, [total]));
  const learningRate = createInput("learningRate", []);
  const correction1 = createInput("correction1", []);
  const correction2 = createInput("correction2", []);
  const averageDecay = createInput("averageDecay", []);

  const loss = sumWeighted(terms.map(([, term]) => ({ value: term.value, weight: term.weight ?? 1 })));
  const gradients = grad(loss, parameters);
  const rawGradient = concat(
    gradients.map((gradient) => reshape(gradient, [gradient.shape.reduce((a, b) => a * b, 1)])),
    { axis: 0 },
  );
  const norm = sqrt(reduceSum(square(rawGradient)));
  const gradient =
    clipNorm === undefined
      ? rawGradient
      : mul(rawGradient, clip(div(clipNorm, add(norm, 1e-12)), { low: 0, high: 1 }));

  const newM = add(mul(m, beta1), mul(gradient, 1 - beta1));
  const newV = add(mul(v, beta2), mul(square(gradient), 1 - beta2));
  const direction = div(div(newM, correction1), add(sqrt(div(newV, correction2)), epsilon));
  const decayed = weightDecay === 0 ? flat : sub(flat, mul(mul(flat, learningRate), weightDecay));
  const newFlat = sub(decayed, mul(direction, learningRate));
  const newAverage = add(mul(average, averageDecay), mul(newFlat, sub(1, averageDecay)));

  const replacements = new Map<Tensor, Tensor>();
  for (const [k, { shape, offset, length }] of layOutParameters(parameters).entries()) {
    replacements.set(
      parameters[k],
      reshape(slice(flat, { starts: [offset], ends: [offset + length] }), shape),
    );
  }
  const outputs: Record<string, Tensor> = {
    newParameters: newFlat,
    newFirstMoment: newM,
    newSecondMoment: newV,
    newAverage,
    gradientNorm: norm,
  };
  for (const [name, term] of terms) outputs[`loss.${name}`] = term.value;
  const names = Object.keys(outputs);
  const simplified = simplifyGraph(
    names.map((name) => outputs[name]),
    replacements,
  );
  return {
    inputs: [...definition.inputs, flat, m, v, average, learningRate, correction1, correction2, averageDecay],
    outputs: Object.fromEntries(names.map((name, k) => [name, simplified[k]])),
  };
}

/** Writes the step as one ONNX model. `dialect` `"cpu"` for onnxruntime's CPU provider. */
export function writeTrainStep(definition: TrainStepDefinition, options: { dialect: Dialect }): Uint8Array {
  return writeOnnxModel({ ...buildTrainStep(definition), dialect: options.dialect });
}

/** The scalar inputs of step number `step` (1 for the first): bias corrections 1 − βᵗ and average decay. */
export function computeStepScalars(
  optimiser: AdamOptions,
  step: number,
): { correction1: number; correction2: number; averageDecay: number } {
  const { beta1 = 0.9, beta2 = 0.999, averageDecay = 0.999 } = optimiser;
  return {
    correction1: 1 - beta1 ** step,
    correction2: 1 - beta2 ** step,
    // Short memory at first, so that the start does not linger: min(decay, (1 + t)/(10 + t)).
    averageDecay: Math.min(averageDecay, (1 + step) / (10 + step)),
  };
}

/** Result of one step. */
export interface StepResult {
  readonly losses: Readonly<Record<string, number>>;
  readonly gradientNorm: number;
}

/** A compiled step with its session and state. Owns native memory: `dispose` it. */
export interface TrainStep {
  /** The ONNX model, for inspection. */
  readonly model: Uint8Array;
  readonly provider: string;
  /** State after the last step; the arrays are overwritten by later steps, so copy to keep. */
  getState(): TrainState;
  /** @param batch - input name → values, each of its input's shape */
  run(
    batch: Readonly<Record<string, Float32Array>>,
    options: { readonly learningRate: number },
  ): Promise<StepResult>;
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
 * Compiles a training step for a runtime. Parameters and state live in two sets of arrays that swap roles at
 * each step, so nothing is allocated in the loop.
 *
 * @throws LearnError as {@link buildTrainStep}, and `RUN_FAILED`
 */
export async function compileTrainStep(
  definition: TrainStepDefinition,
  runtime: Runtime,
  options: CompileOptions,
): Promise<TrainStep> {
  const dialect: Dialect = runtime.provider === "cpu" ? "cpu" : "standard";
  const model = writeTrainStep(definition, { dialect });
  const session = await runtime.createSession(model, {
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    ...(options.profilePath === undefined ? {} : { profilePath: options.profilePath }),
  });
  return createTrainStep(definition, session, { model, provider: runtime.provider, state: options.state });
}

function createTrainStep(
  definition: TrainStepDefinition,
  session: Session,
  start: { readonly model: Uint8Array; readonly provider: string; readonly state: TrainState },
): TrainStep {
  const names = Object.keys(definition.losses);
  const inputs = definition.inputs.map((input) => ({ name: getLeafName(input), shape: input.shape }));
  const total = countParameters(definition.parameters);
  if (start.state.parameters.length !== total) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `the state has ${start.state.parameters.length} parameters but the network has ${total}`,
    );
  }
  let step = start.state.step;
  let current = STATE_NAMES.map((name) => start.state[name].slice());
  let spare = STATE_NAMES.map(() => new Float32Array(total));
  const scalar = (value: number): TensorData => createFloatData(Float32Array.of(value), []);
  return {
    model: start.model,
    provider: start.provider,
    getState: () => ({
      step,
      parameters: current[0],
      firstMoment: current[1],
      secondMoment: current[2],
      average: current[3],
    }),
    async run(batch, { learningRate }) {
      const scalars = computeStepScalars(definition.optimiser, step + 1);
      const feeds: Record<string, TensorData> = {
        learningRate: scalar(learningRate),
        correction1: scalar(scalars.correction1),
        correction2: scalar(scalars.correction2),
        averageDecay: scalar(scalars.averageDecay),
      };
      for (const { name, shape } of inputs) feeds[name] = createFloatData(batch[name], shape);
      const fetches: Record<string, TensorData> = {};
      STATE_NAMES.forEach((name, k) => {
        feeds[name] = createFloatData(current[k], [total]);
        fetches[`new${name[0].toUpperCase()}${name.slice(1)}`] = createFloatData(spare[k], [total]);
      });
      const outputs = await session.run(feeds, fetches);
      [current, spare] = [spare, current];
      step++;
      return {
        losses: Object.fromEntries(names.map((name) => [name, getFloatOutput(outputs, `loss.${name}`)[0]])),
        gradientNorm: getFloatOutput(outputs, "gradientNorm")[0],
      };
    },
    dispose: () => session.dispose(),
  };
}
