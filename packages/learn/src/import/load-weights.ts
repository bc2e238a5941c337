/**
 * Weights from elsewhere into a network of the registry, and out again: names of a file are mapped to parameters, and
 * everything that does not fit is named at once.
 * Not here: file formats (safetensors.ts).
 */
import { formatShape, LearnError } from "../errors.ts";
import type { Network } from "../network.ts";
import { countParameters, layOutParameters, splitParameters } from "../parameters.ts";
import type { WeightTensor } from "./safetensors.ts";

/** File name → parameter name: a table, or patterns of which the first that fits replaces its match. */
export type RenameRule = Readonly<Record<string, string>> | readonly (readonly [RegExp, string])[];

/** Options of {@link loadWeights}. */
export interface LoadWeightsOptions {
  /** Default: names are equal. */
  readonly rename?: RenameRule;
  /** Tensors of the file (names as in the file) that no parameter needs, such as `num_batches_tracked`. */
  readonly ignore?: readonly RegExp[];
}

function isPatternList(rule: RenameRule): rule is readonly (readonly [RegExp, string])[] {
  return Array.isArray(rule);
}

function renameTensor(name: string, rule: RenameRule): string {
  if (!isPatternList(rule)) return Object.hasOwn(rule, name) ? rule[name] : name;
  for (const [pattern, replacement] of rule) {
    if (name.search(pattern) >= 0) return name.replace(pattern, replacement);
  }
  return name;
}

/** Axes of size 1 do not change the order of values: a scale [16] fits [16, 1, 1]. */
function dropOnes(shape: readonly number[]): string {
  return shape.filter((size) => size !== 1).join();
}

/**
 * Lays the tensors of a weight file out as a network's flat parameter vector.
 *
 * @param network - any network; only its parameters are used
 * @param tensors - name → values, as {@link readSafetensors} gives them
 * @returns values in the order of `network.parameters`, for `exportInferenceModel` or as a start of training
 * @throws LearnError `WEIGHTS_MISMATCH` with the list of missing, unexpected, ambiguous and mis-shaped tensors
 * Tested: a PyTorch network and ours with its weights give the same output.
 */
export function loadWeights(
  network: Pick<Network, "name" | "parameters">,
  tensors: ReadonlyMap<string, WeightTensor>,
  options: LoadWeightsOptions = {},
): Float32Array {
  const { rename = {}, ignore = [] } = options;
  const places = new Map(layOutParameters(network.parameters).map((place) => [place.name, place]));
  const values = new Float32Array(countParameters(network.parameters));
  const sources = new Map<string, string>();
  const faults: string[] = [];
  for (const [fileName, tensor] of tensors) {
    if (ignore.some((pattern) => fileName.search(pattern) >= 0)) continue;
    const name = renameTensor(fileName, rename);
    const title = name === fileName ? `"${fileName}"` : `"${fileName}" (as "${name}")`;
    const place = places.get(name);
    const taken = sources.get(name);
    if (place === undefined) {
      faults.push(`unexpected ${title} ${formatShape(tensor.shape)}`);
    } else if (taken !== undefined) {
      faults.push(`both "${taken}" and "${fileName}" for "${name}"`);
    } else {
      sources.set(name, fileName);
      if (dropOnes(place.shape) !== dropOnes(tensor.shape) || tensor.values.length !== place.length) {
        faults.push(`${title} is ${formatShape(tensor.shape)}, expected ${formatShape(place.shape)}`);
      } else {
        values.set(tensor.values, place.offset);
      }
    }
  }
  for (const [name, { shape }] of places) {
    if (!sources.has(name)) faults.push(`missing "${name}" ${formatShape(shape)}`);
  }
  if (faults.length > 0) {
    throw new LearnError(
      "WEIGHTS_MISMATCH",
      `the weights do not fit network "${network.name}": ${faults.join("; ")}; map names with "rename", leave out surplus ones with "ignore", or change the network's configuration`,
    );
  }
  return values;
}

/**
 * A network's parameters by name, for {@link writeSafetensors}: the inverse of {@link loadWeights}.
 *
 * @throws LearnError `SHAPE_MISMATCH` when the values belong to another network
 */
export function collectWeights(
  network: Pick<Network, "parameters">,
  values: Float32Array,
): Map<string, WeightTensor> {
  const parts = splitParameters(network.parameters, values);
  return new Map(
    layOutParameters(network.parameters).map(({ name, shape }) => [
      name,
      { shape, values: parts.get(name) as Float32Array },
    ]),
  );
}
