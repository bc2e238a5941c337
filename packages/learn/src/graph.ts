/**
 * Work on graphs of symbolic tensors: ordering, sharing of common sub-expressions, substitution of leaves,
 * gradients by reverse accumulation, and the float64 evaluation that defines every graph's value.
 */
import { formatShape, LearnError } from "./errors.ts";
import { add, mul } from "./operators/arithmetic.ts";
import { applyOperator, countElements, createConstant, getLeafName, type Tensor } from "./tensor.ts";

/** Every tensor that `outputs` need, producers first. What they do not need is not in it. */
export function sortGraph(outputs: readonly Tensor[]): Tensor[] {
  const order: Tensor[] = [];
  const seen = new Set<Tensor>();
  const stack: { tensor: Tensor; next: number }[] = [];
  const push = (tensor: Tensor): void => {
    if (!seen.has(tensor)) {
      seen.add(tensor);
      stack.push({ tensor, next: 0 });
    }
  };
  for (const output of outputs) {
    push(output);
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      const { producer } = top.tensor;
      const inputs = producer.kind === "operator" ? producer.inputs : [];
      if (top.next < inputs.length) {
        push(inputs[top.next++]);
      } else {
        order.push(top.tensor);
        stack.pop();
      }
    }
  }
  return order;
}

function describeConstant(values: Float64Array): string {
  return values.length <= 16 ? values.join(",") : "";
}

/**
 * Rebuilds a graph with common sub-expressions shared and, optionally, leaves replaced.
 *
 * Two calls are the same when operator, attributes and inputs are the same; small constants are compared by
 * value.
 *
 * @param outputs - the tensors to keep
 * @param replacements - leaf → what to put in its place
 * @returns the outputs, in the same order
 * @throws LearnError `SHAPE_MISMATCH` when a replacement has another shape than the leaf
 */
export function simplifyGraph(
  outputs: readonly Tensor[],
  replacements: ReadonlyMap<Tensor, Tensor> = new Map(),
): Tensor[] {
  const mapped = new Map<Tensor, Tensor>();
  const byKey = new Map<string, Tensor>();
  const numbers = new Map<Tensor, number>();
  const remember = (key: string | null, tensor: Tensor): Tensor => {
    const known = key === null ? undefined : byKey.get(key);
    if (known !== undefined) return known;
    if (key !== null) byKey.set(key, tensor);
    numbers.set(tensor, numbers.size);
    return tensor;
  };
  const rebuild = (tensor: Tensor): Tensor => {
    const { producer } = tensor;
    if (producer.kind === "constant") {
      const text = describeConstant(producer.values);
      return remember(text === "" ? null : `constant ${formatShape(tensor.shape)} ${text}`, tensor);
    }
    if (producer.kind !== "operator") return remember(null, tensor);
    const inputs = producer.inputs.map((input) => mapped.get(input) as Tensor);
    const ids = inputs.map((input) => numbers.get(input));
    const key = `${producer.operator.name} ${ids.join(",")} ${JSON.stringify(producer.attributes)}`;
    const isSame = inputs.every((input, k) => input === producer.inputs[k]);
    return remember(key, isSame ? tensor : applyOperator(producer.operator, inputs, producer.attributes));
  };
  const visit = (roots: readonly Tensor[]): void => {
    for (const tensor of sortGraph(roots)) {
      if (mapped.has(tensor)) continue;
      const replacement = replacements.get(tensor);
      if (replacement === undefined) {
        mapped.set(tensor, rebuild(tensor));
        continue;
      }
      if (formatShape(replacement.shape) !== formatShape(tensor.shape)) {
        throw new LearnError(
          "SHAPE_MISMATCH",
          `cannot put a tensor of shape ${formatShape(replacement.shape)} in place of one of shape ${formatShape(tensor.shape)}`,
        );
      }
      if (!mapped.has(replacement)) visit([replacement]);
      mapped.set(tensor, mapped.get(replacement) as Tensor);
    }
  };
  visit(outputs);
  return outputs.map((output) => mapped.get(output) as Tensor);
}

/**
 * Gradients of a scalar with respect to `targets`, as graphs built from the same operators, so that they can
 * be differentiated again.
 *
 * @param loss - shape `[]`
 * @param targets - any tensors of the loss's graph, usually parameters
 * @returns one tensor per target, of its shape; zeros where the loss does not depend on it
 * @throws LearnError `NOT_SCALAR`
 * Reverse accumulation: Griewank & Walther 2008, §3.2. Tested against finite differences and PyTorch.
 */
export function grad(loss: Tensor, targets: readonly Tensor[]): Tensor[] {
  if (loss.shape.length !== 0) {
    throw new LearnError(
      "NOT_SCALAR",
      `the loss has shape ${formatShape(loss.shape)}; reduce it to one number with reduceMean or reduceSum`,
    );
  }
  const order = sortGraph([loss]);
  const wanted = new Set<Tensor>(targets);
  const needed = new Set<Tensor>();
  for (const tensor of order) {
    const { producer } = tensor;
    const reaches = producer.kind === "operator" && producer.inputs.some((input) => needed.has(input));
    if (wanted.has(tensor) || reaches) needed.add(tensor);
  }
  const gradients = new Map<Tensor, Tensor>([[loss, createConstant(1)]]);
  for (let k = order.length - 1; k >= 0; k--) {
    const tensor = order[k];
    const { producer } = tensor;
    const upstream = gradients.get(tensor);
    if (upstream === undefined || producer.kind !== "operator" || !needed.has(tensor)) continue;
    const { operator, inputs, attributes } = producer;
    const pulled = operator.pullBack({ inputs, output: tensor, attributes, upstream });
    inputs.forEach((input, n) => {
      const gradient = pulled[n];
      if (gradient === null || !needed.has(input)) return;
      const known = gradients.get(input);
      gradients.set(input, known === undefined ? gradient : add(known, gradient));
    });
  }
  return targets.map(
    (target) =>
      gradients.get(target) ?? createConstant(new Float64Array(countElements(target.shape)), target.shape),
  );
}

/** Weighted sum of scalars: Σ weight·value. */
export function sumWeighted(terms: readonly { readonly value: Tensor; readonly weight: number }[]): Tensor {
  const weighted = terms.map(({ value, weight }) => (weight === 1 ? value : mul(value, weight)));
  return weighted.reduce((sum, term) => add(sum, term));
}

/**
 * Values of `outputs` in float64: the definition against which every runtime is tested. Slow.
 *
 * @param feeds - values of inputs and parameters by name
 * @throws LearnError `UNKNOWN_TENSOR` or `SHAPE_MISMATCH`
 */
export function evaluateGraph(
  outputs: readonly Tensor[],
  feeds: Readonly<Record<string, ArrayLike<number>>>,
): Float64Array[] {
  const values = new Map<Tensor, Float64Array>();
  for (const tensor of sortGraph(outputs)) {
    const { producer } = tensor;
    if (producer.kind === "constant") {
      values.set(tensor, producer.values);
    } else if (producer.kind === "operator") {
      const inputs = producer.inputs.map((input) => values.get(input) as Float64Array);
      const call = {
        inputShapes: producer.inputs.map((input) => input.shape),
        outputShape: tensor.shape,
        attributes: producer.attributes,
      };
      values.set(tensor, producer.operator.evaluate(inputs, call));
    } else {
      const name = getLeafName(tensor);
      const feed = feeds[name];
      if (feed === undefined) {
        throw new LearnError(
          "UNKNOWN_TENSOR",
          `no value for "${name}"; given: ${Object.keys(feeds).join(", ")}`,
        );
      }
      if (feed.length !== countElements(tensor.shape)) {
        throw new LearnError(
          "SHAPE_MISMATCH",
          `"${name}" has shape ${formatShape(tensor.shape)} but ${feed.length} values were given`,
        );
      }
      values.set(tensor, Float64Array.from(feed));
    }
  }
  return outputs.map((output) => values.get(output) as Float64Array);
}
