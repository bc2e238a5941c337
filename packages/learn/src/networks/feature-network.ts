/**
 * Networks that do not end in an image of the input's size: encoders, decoders and critics; and how two networks with
 * parameters of the same names live in one graph. Enhancers are `Network` (../network.ts).
 */
import { sortGraph } from "../graph.ts";
import { type ApplyContext, INFERENCE, type NetworkConfig } from "../network.ts";
import { applyOperator, createParameter, getLeafName, type Tensor } from "../tensor.ts";

/** Parameters and a map from tensor to tensor. */
export interface FeatureNetwork {
  /** Registry name. */
  readonly name: string;
  /** The complete configuration, defaults filled in. */
  readonly config: NetworkConfig;
  readonly parameters: readonly Tensor[];
  readonly inputChannels: number;
  readonly outputChannels: number;
  /** Rows and columns of the input must be multiples of this. */
  readonly sizeMultiple: number;
  /** What goes in and comes out, in words: units and size. */
  readonly summary: string;
  apply(input: Tensor, context?: ApplyContext): Tensor;
}

/** A network that scores images: HU [N, C, rows, columns] → scores [N, 1, …], one for each patch it sees. */
export interface Critic extends FeatureNetwork {
  /** Side in pixels of the patch that one score judges (normalisation over the image apart). */
  readonly patchSize: number;
}

/** Makes a feature network from its configuration (unknown JSON). */
export type FeatureNetworkFactory = (config: Readonly<Record<string, unknown>>) => FeatureNetwork;

/** Makes a critic from its configuration (unknown JSON). */
export type CriticFactory = (config: Readonly<Record<string, unknown>>) => Critic;

/** Rebuilds what depends on the replaced leaves; every other tensor stays the same object. */
function replaceLeaves(output: Tensor, replacements: ReadonlyMap<Tensor, Tensor>): Tensor {
  const mapped = new Map<Tensor, Tensor>(replacements);
  for (const tensor of sortGraph([output])) {
    const { producer } = tensor;
    if (producer.kind !== "operator" || !producer.inputs.some((input) => mapped.has(input))) continue;
    const inputs = producer.inputs.map((input) => mapped.get(input) ?? input);
    mapped.set(tensor, applyOperator(producer.operator, inputs, producer.attributes));
  }
  return mapped.get(output) ?? output;
}

/**
 * The same network with `prefix` before each parameter's name, so that several of one kind fit into one training step.
 *
 * @param network - a `Network`, `FeatureNetwork` or `Critic`
 * @param prefix - such as `"toKv."`
 * @returns a copy whose parameters are new; values go by the new names
 */
export function prefixParameters<
  N extends {
    readonly parameters: readonly Tensor[];
    apply(input: Tensor, context?: ApplyContext): Tensor;
  },
>(network: N, prefix: string): N {
  const renamed = new Map<Tensor, Tensor>(
    network.parameters.map((parameter) => {
      const { producer, shape } = parameter;
      const initialiser = producer.kind === "parameter" ? producer.initialiser : ({ kind: "zero" } as const);
      return [parameter, createParameter(`${prefix}${getLeafName(parameter)}`, shape, initialiser)];
    }),
  );
  const rename = (tensor: Tensor): Tensor => replaceLeaves(tensor, renamed);
  return {
    ...network,
    parameters: network.parameters.map(rename),
    apply(input: Tensor, context: ApplyContext = INFERENCE) {
      return rename(
        network.apply(input, {
          mode: context.mode,
          assign: ({ parameter, value }) =>
            context.assign({ parameter: rename(parameter), value: rename(value) }),
          dropOut: (tensor, rate) => context.dropOut(tensor, rate),
        }),
      );
    },
  };
}
