/**
 * Weights out of models that this engine exported: a start for fine-tuning, or a frozen network inside a loss.
 */
import { simplifyGraph } from "../graph.ts";
import type { Network } from "../network.ts";
import { splitParameters } from "../parameters.ts";
import { createConstant, getLeafName, type Tensor } from "../tensor.ts";
import { loadWeights } from "./load-weights.ts";
import { readOnnxModel } from "./onnx-model.ts";
import type { WeightTensor } from "./safetensors.ts";

/**
 * The float32 tensors stored in an ONNX file by name; exported models name them as their network names its parameters.
 *
 * @throws LearnError `BROKEN_MODEL`, `EXTERNAL_DATA_REFUSED`
 * Tested: what was exported comes back bit for bit.
 */
export function readModelWeights(model: Uint8Array): Map<string, WeightTensor> {
  const weights = new Map<string, WeightTensor>();
  for (const [name, read] of readOnnxModel(model).initialisers) {
    const { isWhole, shape, values } = read();
    if (!isWhole) weights.set(name, { shape, values: Float32Array.from(values) });
  }
  return weights;
}

/** Only the tensors that a network has parameters for. */
export function selectWeights(
  network: Pick<Network, "parameters">,
  weights: ReadonlyMap<string, WeightTensor>,
): Map<string, WeightTensor> {
  const names = new Set(network.parameters.map(getLeafName));
  return new Map([...weights].filter(([name]) => names.has(name)));
}

/**
 * A map of tensors with a network's parameters put in as constants.
 *
 * @param build - uses the network's parameters, such as its `apply`
 * @throws LearnError `WEIGHTS_MISMATCH`
 */
export function freezeNetwork(
  network: Pick<Network, "name" | "parameters">,
  weights: ReadonlyMap<string, WeightTensor>,
  build: (input: Tensor) => Tensor,
): (input: Tensor) => Tensor {
  const values = splitParameters(network.parameters, loadWeights(network, selectWeights(network, weights)));
  const constants = new Map<Tensor, Tensor>(
    network.parameters.map((parameter) => [
      parameter,
      createConstant(values.get(getLeafName(parameter)) as Float32Array, parameter.shape),
    ]),
  );
  return (input) => simplifyGraph([build(input)], constants)[0];
}
