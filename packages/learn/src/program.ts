/**
 * A training method, written out: which parameters there are, which steps train them, what each step is fed with and
 * minimises, and which networks come out. Methods (methods/*) build programs; the trainer runs them and knows nothing
 * else. Not here: the loop (trainer.ts) and the graph of one step (train-step.ts).
 */
import type { Random } from "@alara/core";
import { LearnError } from "./errors.ts";
import type { Assignment, Network } from "./network.ts";
import type { OptimiserOptions } from "./optimisers.ts";
import { layOutParameters } from "./parameters.ts";
import type { Schedule } from "./schedule.ts";
import { countElements, getLeafName, type Tensor } from "./tensor.ts";
import type { LossTerm } from "./train-step.ts";

/** Values that the trainer draws anew for every run of a step. */
export type Distribution =
  /** 1 with probability `keep`, else 0. */
  | { readonly kind: "bernoulli"; readonly keep: number }
  /** −1 or 1. */
  | { readonly kind: "sign" }
  | { readonly kind: "uniform"; readonly low: number; readonly high: number }
  | { readonly kind: "normal"; readonly mean: number; readonly sigma: number };

/** A random input of a step. */
export interface RandomInput {
  readonly input: Tensor;
  readonly distribution: Distribution;
}

/**
 * An image buffer between two steps: with probability ½ an earlier image is fed and the new one kept in its place
 * (Shrivastava et al. 2017, §2.3; CycleGAN's 50 images).
 */
export interface BufferedInput {
  readonly input: Tensor;
  /** Name that an earlier phase of the same step emits. */
  readonly from: string;
  /** Images kept; 0 passes the new ones on. */
  readonly size: number;
}

/** One optimiser step of a program: trains one group of parameters. */
export interface TrainingPhase {
  readonly name: string;
  /** The group that it trains; each group is trained by one phase. */
  readonly group: string;
  /** Groups that it uses and leaves alone. */
  readonly frozen?: readonly string[];
  /** Inputs fed from the batch by their names. */
  readonly inputs: readonly Tensor[];
  readonly random?: readonly RandomInput[];
  readonly buffered?: readonly BufferedInput[];
  readonly losses: Readonly<Record<string, LossTerm>>;
  readonly emits?: Readonly<Record<string, Tensor>>;
  readonly assignments?: readonly Assignment[];
  readonly optimiser: OptimiserOptions;
  readonly learningRate: Schedule;
  /** Updates per step of the program, each on a batch of its own; default 1. */
  readonly repeats?: number;
}

/** A field of a batch: what a data source must supply. */
export interface BatchField {
  readonly channels: number;
  /** Samples per pixel of the patch along each in-plane axis; default 1. */
  readonly scale?: number;
  /** Sides of this field's patch where they differ from the recipe's. */
  readonly patch?: readonly number[];
}

/** A training method, written out. */
export interface TrainingProgram {
  /** Method's registry name. */
  readonly name: string;
  /** Everything that decides the program, for the digest that guards resuming; plain JSON. */
  readonly description: unknown;
  readonly groups: Readonly<Record<string, readonly Tensor[]>>;
  readonly phases: readonly TrainingPhase[];
  readonly fields: Readonly<Record<string, BatchField>>;
  /** Adds fields to a drawn batch (blind spots, sub-samplings); everything random comes from `random`. */
  prepare?(
    batch: Readonly<Record<string, Float32Array>>,
    random: Random,
  ): Readonly<Record<string, Float32Array>>;
  /** Networks that come out, `main` first: the one that validation judges and a bundle ships. */
  readonly networks: Readonly<Record<string, Network>> & { readonly main: Network };
}

/** Lists the parameters of several networks as one group. */
export function joinParameters(networks: readonly { readonly parameters: readonly Tensor[] }[]): Tensor[] {
  return networks.flatMap((network) => [...network.parameters]);
}

/**
 * The flat parameter vector of one network, gathered from the groups of a program.
 *
 * @param vectors - group → flat values
 * @throws LearnError `UNKNOWN_TENSOR` when a parameter is in no group
 */
export function gatherParameters(
  program: TrainingProgram,
  vectors: Readonly<Record<string, Float32Array>>,
  network: { readonly parameters: readonly Tensor[] },
): Float32Array {
  const places = new Map<Tensor, Float32Array>();
  for (const [group, parameters] of Object.entries(program.groups)) {
    layOutParameters(parameters).forEach(({ offset, length }, k) => {
      places.set(parameters[k], vectors[group].subarray(offset, offset + length));
    });
  }
  const values = new Float32Array(
    network.parameters.reduce((sum, parameter) => sum + countElements(parameter.shape), 0),
  );
  let offset = 0;
  for (const parameter of network.parameters) {
    const part = places.get(parameter);
    if (part === undefined) {
      throw new LearnError(
        "UNKNOWN_TENSOR",
        `parameter "${getLeafName(parameter)}" is in no group of the program (${Object.keys(program.groups).join(", ")})`,
      );
    }
    values.set(part, offset);
    offset += part.length;
  }
  return values;
}

/** Draws the values of a random input. */
export function drawValues(distribution: Distribution, length: number, random: Random): Float32Array {
  const values = new Float32Array(length);
  for (let k = 0; k < length; k++) {
    switch (distribution.kind) {
      case "bernoulli":
        values[k] = random.nextUniform() < distribution.keep ? 1 : 0;
        break;
      case "sign":
        values[k] = random.nextUniform() < 0.5 ? -1 : 1;
        break;
      case "uniform":
        values[k] = distribution.low + (distribution.high - distribution.low) * random.nextUniform();
        break;
      case "normal":
        values[k] = distribution.mean + distribution.sigma * random.nextNormal();
        break;
    }
  }
  return values;
}

/**
 * Passes new images through a buffer.
 *
 * @param stored - images kept so far; changed in place
 * @param fresh - images [batch, …], flat
 * @param batch - number of images in `fresh`
 */
export function exchangeImages(
  stored: Float32Array[],
  fresh: Float32Array,
  options: { readonly batch: number; readonly size: number; readonly random: Random },
): Float32Array {
  const { batch, size, random } = options;
  if (size === 0) return fresh;
  const length = fresh.length / batch;
  const out = new Float32Array(fresh.length);
  for (let n = 0; n < batch; n++) {
    const image = fresh.slice(n * length, (n + 1) * length);
    if (stored.length < size) {
      stored.push(image);
      out.set(image, n * length);
    } else if (random.nextUniform() < 0.5) {
      const k = random.nextInteger(size);
      out.set(stored[k], n * length);
      stored[k] = image;
    } else {
      out.set(image, n * length);
    }
  }
  return out;
}
