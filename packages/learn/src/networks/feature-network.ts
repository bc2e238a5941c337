/**
 * Networks that do not end in an image of the input's size: encoders, decoders and critics; and how two networks with
 * parameters of the same names live in one graph. Enhancers are `Network` (../network.ts).
 */
import { sortGraph } from "../graph.ts";
import type { ApplyContext, NetworkConfig } from "../network.ts";
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

function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && "producer" in value && "shape" in value;
}

function isContext(value: unknown): value is ApplyContext {
  return typeof value === "object" && value !== null && "assign" in value && "dropOut" in value;
}

function isNetwork(value: unknown): value is object {
  return typeof value === "object" && value !== null && "parameters" in value && "apply" in value;
}

/** Everything of a network with renamed leaves: its parameters, what its functions give, the networks inside it. */
function renameParts<N extends object>(network: N, renamed: ReadonlyMap<Tensor, Tensor>): N {
  const rename = (value: unknown): unknown => {
    if (isTensor(value)) return replaceLeaves(value, renamed);
    if (Array.isArray(value)) return value.map(rename);
    return value;
  };
  const pass = (argument: unknown): unknown => {
    if (!isContext(argument)) return argument;
    const context: ApplyContext = {
      mode: argument.mode,
      assign: ({ parameter, value }) =>
        argument.assign({ parameter: rename(parameter) as Tensor, value: rename(value) as Tensor }),
      dropOut: (tensor, rate) => argument.dropOut(tensor, rate),
    };
    return context;
  };
  const parts = Object.entries(network).map(([key, value]: [string, unknown]) => {
    if (typeof value === "function") {
      const call = value as (...inputs: readonly unknown[]) => unknown;
      return [key, (...inputs: readonly unknown[]) => rename(call(...inputs.map(pass)))];
    }
    return [
      key,
      isNetwork(value) ? renameParts(value, renamed) : key === "parameters" ? rename(value) : value,
    ];
  });
  return Object.fromEntries(parts) as N;
}

/**
 * The same network with `prefix` before each parameter's name, so that several of one kind fit into one training step.
 *
 * @param network - a `Network`, `FeatureNetwork` or `Critic`, with whatever else it can do (features, attention maps)
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
  return renameParts(network, renamed);
}
