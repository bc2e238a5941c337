/**
 * The parameters of a network as one flat float32 vector: a table of names, shapes and offsets, and seeded
 * initial values. One vector makes the optimiser a handful of operators and a checkpoint one array.
 */
import type { Random } from "@alara/core";
import { formatShape, LearnError } from "./errors.ts";
import { countElements, getLeafName, type Tensor } from "./tensor.ts";

/** Where one parameter lies in the flat vector. */
export interface ParameterPlace {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

/**
 * Lays parameters out one after the other.
 *
 * @throws LearnError `UNKNOWN_TENSOR` when a tensor is no parameter or a name occurs twice
 */
export function layOutParameters(parameters: readonly Tensor[]): ParameterPlace[] {
  let offset = 0;
  const names = new Set<string>();
  return parameters.map((parameter) => {
    const name = getLeafName(parameter);
    if (parameter.producer.kind !== "parameter" || names.has(name)) {
      throw new LearnError(
        "UNKNOWN_TENSOR",
        `"${name}" (${formatShape(parameter.shape)}) is no parameter or occurs twice; name each parameter once`,
      );
    }
    names.add(name);
    const length = countElements(parameter.shape);
    const place = { name, shape: parameter.shape, offset, length };
    offset += length;
    return place;
  });
}

/** Total number of trainable values. */
export function countParameters(parameters: readonly Tensor[]): number {
  return parameters.reduce((sum, parameter) => sum + countElements(parameter.shape), 0);
}

/**
 * Initial values, each parameter from its own stream (`random.derive(name)`), so that adding a layer does not
 * change the others. He et al. 2015 for weights; tested by moments and by repetition.
 */
export function initialiseParameters(parameters: readonly Tensor[], random: Random): Float32Array {
  const values = new Float32Array(countParameters(parameters));
  for (const [k, place] of layOutParameters(parameters).entries()) {
    const { producer } = parameters[k];
    if (producer.kind !== "parameter") continue;
    const { initialiser } = producer;
    const part = values.subarray(place.offset, place.offset + place.length);
    if (initialiser.kind === "constant") part.fill(initialiser.value);
    if (initialiser.kind === "heNormal") {
      const stream = random.derive(place.name);
      const sigma = initialiser.gain * Math.sqrt(2 / initialiser.fanIn);
      for (let p = 0; p < part.length; p++) part[p] = sigma * stream.nextNormal();
    }
  }
  return values;
}

/** The flat vector as name → values (views, no copy). */
export function splitParameters(
  parameters: readonly Tensor[],
  values: Float32Array,
): Map<string, Float32Array> {
  const total = countParameters(parameters);
  if (values.length !== total) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `${values.length} parameter values given but the network has ${total}; they belong to another network`,
    );
  }
  return new Map(
    layOutParameters(parameters).map(({ name, offset, length }) => [
      name,
      values.subarray(offset, offset + length),
    ]),
  );
}
