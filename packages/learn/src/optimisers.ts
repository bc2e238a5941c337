/**
 * Optimisers as data: a name and its numbers. Each is written with the operators of the table over flat vectors, so it
 * is part of the compiled step, has a float64 definition, and a checkpoint holds its state as a few arrays.
 * Not here: gradients and clipping (train-step.ts), learning-rate schedules (schedule.ts).
 */
import { createRegistry, type Registry } from "@alara/core";
import { LearnError } from "./errors.ts";
import { add, div, mul, sqrt, square, sub } from "./operators/arithmetic.ts";
import type { Tensor } from "./tensor.ts";

/** What every optimiser knows. */
export interface CommonOptimiserOptions {
  /** Gradients whose global L2 norm exceeds this are scaled down to it; default: never. */
  readonly clipNorm?: number;
  /** Each gradient element is held within ± this, before the norm is clipped; default: never. */
  readonly clipValue?: number;
  /** Decay of the running average of the weights, which inference uses; default 0.999; 0 keeps the last weights. */
  readonly averageDecay?: number;
  /**
   * Weight decay; default 0. `sgd` and `adam` add decay·p to the gradient (L2), `adamw` shrinks the weights by
   * lr·decay instead (Loshchilov & Hutter 2019, algorithm 2).
   */
  readonly weightDecay?: number;
}

/** Stochastic gradient descent with momentum (Sutskever et al. 2013, in PyTorch's form: v ← μv + g, p ← p − lr·v). */
export interface SgdOptions extends CommonOptimiserOptions {
  readonly kind: "sgd";
  /** Default 0. */
  readonly momentum?: number;
  /** 1: Nesterov's look-ahead, p ← p − lr·(g + μv); default 0. */
  readonly nesterov?: number;
}

/** Adam (Kingma & Ba 2015, algorithm 1), or AdamW with decoupled weight decay. */
export interface AdamOptions extends CommonOptimiserOptions {
  readonly kind: "adam" | "adamw";
  /** Default 0.9. */
  readonly beta1?: number;
  /** Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
}

/** An optimiser by name with its settings. */
export type OptimiserOptions = SgdOptions | AdamOptions;

/** One update, as symbolic tensors. */
export interface OptimiserUpdate {
  readonly parameters: Tensor;
  /** In the order of {@link OptimiserRule.stateNames}. */
  readonly state: readonly Tensor[];
}

/** What an update starts from: flat vectors and scalar inputs. */
export interface OptimiserInputs {
  readonly parameters: Tensor;
  readonly gradient: Tensor;
  readonly state: readonly Tensor[];
  readonly learningRate: Tensor;
  /** In the order of {@link OptimiserRule.scalarNames}. */
  readonly scalars: readonly Tensor[];
}

/** An optimiser with its settings read. */
export interface OptimiserRule {
  /** Vectors that it keeps between steps. */
  readonly stateNames: readonly string[];
  /** Scalars that depend on the step's number only. */
  readonly scalarNames: readonly string[];
  /** @param step - 1 for the first */
  computeScalars(step: number): readonly number[];
  update(inputs: OptimiserInputs): OptimiserUpdate;
}

function requireThat(condition: boolean, message: string): void {
  if (!condition) throw new LearnError("OUT_OF_RANGE", message);
}

function addDecay(gradient: Tensor, parameters: Tensor, decay: number): Tensor {
  return decay === 0 ? gradient : add(gradient, mul(parameters, decay));
}

function createSgd(options: SgdOptions): OptimiserRule {
  const { momentum = 0, nesterov = 0, weightDecay = 0 } = options;
  requireThat(
    momentum >= 0 && momentum < 1 && weightDecay >= 0 && (nesterov === 0 || (nesterov === 1 && momentum > 0)),
    `sgd needs 0 ≤ momentum < 1, decay ≥ 0, nesterov 0 or 1 (with momentum), got ${momentum}, ${weightDecay}, ${nesterov}`,
  );
  return {
    stateNames: momentum === 0 ? [] : ["velocity"],
    scalarNames: [],
    computeScalars: () => [],
    update({ parameters, gradient, state, learningRate }) {
      const decayed = addDecay(gradient, parameters, weightDecay);
      if (momentum === 0) return { parameters: sub(parameters, mul(decayed, learningRate)), state: [] };
      const velocity = add(mul(state[0], momentum), decayed);
      const direction = nesterov === 1 ? add(decayed, mul(velocity, momentum)) : velocity;
      return { parameters: sub(parameters, mul(direction, learningRate)), state: [velocity] };
    },
  };
}

function createAdam(options: AdamOptions): OptimiserRule {
  const { kind, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = options;
  const inUnit = (value: number): boolean => value >= 0 && value < 1;
  requireThat(
    inUnit(beta1) && inUnit(beta2) && epsilon > 0 && weightDecay >= 0,
    `${kind} needs 0 ≤ β < 1, ε > 0 and decay ≥ 0, got β1 ${beta1}, β2 ${beta2}, ε ${epsilon}, decay ${weightDecay}`,
  );
  return {
    stateNames: ["firstMoment", "secondMoment"],
    scalarNames: ["correction1", "correction2"],
    computeScalars: (step) => [1 - beta1 ** step, 1 - beta2 ** step],
    update({ parameters, gradient, state: [m, v], learningRate, scalars: [correction1, correction2] }) {
      const decayed = kind === "adam" ? addDecay(gradient, parameters, weightDecay) : gradient;
      const newM = add(mul(m, beta1), mul(decayed, 1 - beta1));
      const newV = add(mul(v, beta2), mul(square(decayed), 1 - beta2));
      const direction = div(div(newM, correction1), add(sqrt(div(newV, correction2)), epsilon));
      const shrunk =
        kind === "adamw" && weightDecay !== 0
          ? sub(parameters, mul(mul(parameters, learningRate), weightDecay))
          : parameters;
      return { parameters: sub(shrunk, mul(direction, learningRate)), state: [newM, newV] };
    },
  };
}

/** Optimisers by name. */
export const optimisers: Registry<(options: OptimiserOptions) => OptimiserRule> = createRegistry<
  (options: OptimiserOptions) => OptimiserRule
>("optimiser", [
  ["sgd", (options) => createSgd(options as SgdOptions)],
  ["adam", (options) => createAdam(options as AdamOptions)],
  ["adamw", (options) => createAdam(options as AdamOptions)],
]);

/**
 * Reads an optimiser's settings.
 *
 * @throws CoreError `UNKNOWN_NAME`, LearnError `OUT_OF_RANGE`
 * Tested against PyTorch's SGD, Adam and AdamW and by hand in float64.
 */
export function createOptimiser(options: OptimiserOptions): OptimiserRule {
  const { clipNorm, clipValue, averageDecay = 0.999 } = options;
  requireThat(clipNorm === undefined || clipNorm > 0, `clipNorm is ${clipNorm}; it must be > 0`);
  requireThat(clipValue === undefined || clipValue > 0, `clipValue is ${clipValue}; it must be > 0`);
  requireThat(averageDecay >= 0 && averageDecay < 1, `averageDecay is ${averageDecay}; it must be 0 ≤ d < 1`);
  return optimisers.get(options.kind)(options);
}
