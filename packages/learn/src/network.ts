/**
 * What a network is: parameters and how to apply them. A network that enhances maps HU to HU, so that scaling is part
 * of the model and cannot be forgotten by its user. Not here: the networks themselves (networks/).
 */
import { LearnError } from "./errors.ts";
import { mul } from "./operators/arithmetic.ts";
import { createInput, type Tensor } from "./tensor.ts";

/** Configuration of a network: plain JSON. */
export type NetworkConfig = Readonly<Record<string, number | string | boolean | readonly number[]>>;

/** A value that a layer wants to keep after the step, such as a running mean. */
export interface Assignment {
  /** A parameter of the network that no gradient reaches. */
  readonly parameter: Tensor;
  /** Its next value, of the same shape. */
  readonly value: Tensor;
}

/** A random input that a layer asks for at every training step. */
export interface MaskRequest {
  /** 1 with probability `keep`, else 0; fed by the trainer. */
  readonly mask: Tensor;
  readonly keep: number;
}

/** How a network is applied. Without one, a network is applied for inference. */
export interface ApplyContext {
  readonly mode: "train" | "infer";
  /** Batch statistics and the like: told to the trainer, which stores them. */
  assign(assignment: Assignment): void;
  /** Multiplies by a random mask over `keep` in training; the identity in inference. */
  dropOut(input: Tensor, rate: number): Tensor;
}

/** A network: parameters and how to apply them. */
export interface Network {
  /** Registry name. */
  readonly name: string;
  /** The complete configuration, defaults filled in. */
  readonly config: NetworkConfig;
  readonly parameters: readonly Tensor[];
  /** 2: [N, C, rows, columns]; 3: [N, C, slices, rows, columns]. */
  readonly dimensions: 2 | 3;
  /** Sizes of an input's spatial axes must be multiples of this. */
  readonly sizeMultiple: number;
  /** Pixels by which an output pixel sees its surroundings on each side: the halo that tiles need. */
  readonly receptiveRadius: number;
  /**
   * True when statistics of the whole image (instance or group normalisation) enter every pixel: tiles then differ
   * slightly from the whole, whatever their halo. Default false.
   */
  readonly hasGlobalReach?: boolean;
  /** Input channels (neighbouring slices of a 2D network). */
  readonly inputChannels: number;
  readonly outputChannels: number;
  /** Output pixels per input pixel along each in-plane axis: 1, or 2 for a doubled matrix. */
  readonly outputScale: number;
  /** @param input - HU, [N, inputChannels, …] → HU, [N, outputChannels, …] */
  apply(input: Tensor, context?: ApplyContext): Tensor;
}

/** Makes a network from its configuration (unknown JSON). */
export type NetworkFactory = (config: Readonly<Record<string, unknown>>) => Network;

/** The context of inference: nothing is dropped, nothing assigned. */
export const INFERENCE: ApplyContext = {
  mode: "infer",
  assign() {},
  dropOut: (input) => input,
};

/** A training context and what the layers told it. */
export interface TrainingContext extends ApplyContext {
  readonly assignments: readonly Assignment[];
  readonly masks: readonly MaskRequest[];
}

/**
 * A context for one application of networks in a training graph.
 *
 * @param prefix - names of mask inputs start with it; unique in the graph
 */
export function createTrainingContext(prefix: string): TrainingContext {
  const assignments: Assignment[] = [];
  const masks: MaskRequest[] = [];
  return {
    mode: "train",
    assignments,
    masks,
    assign(assignment) {
      assignments.push(assignment);
    },
    dropOut(input, rate) {
      if (!(rate >= 0 && rate < 1)) {
        throw new LearnError("OUT_OF_RANGE", `dropout rate ${rate} is outside 0 ≤ rate < 1`);
      }
      if (rate === 0) return input;
      const mask = createInput(`${prefix}.mask${masks.length}`, input.shape);
      masks.push({ mask, keep: 1 - rate });
      return mul(input, mul(mask, 1 / (1 - rate)));
    },
  };
}
