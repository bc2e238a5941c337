/**
 * Puts a finished graph into the blocked layout (layout.ts) where that pays: convolutions and what lies between them. A
 * value is moved between layouts only where a blocked operator meets one that has no blocked form. The graph's meaning
 * does not change. For onnxruntime's CPU provider; the block size is found by `probe.ts`.
 */
import { simplifyGraph, sortGraph } from "../graph.ts";
import { type ConvolutionGeometry, computeReach, getGeometry } from "../operators/convolution-geometry.ts";
import { concat, getList, reshape, slice } from "../operators/structure.ts";
import { applyOperator, countElements, type Tensor } from "../tensor.ts";
import { computeBlockedWeightGradient, convolveBlocked } from "./convolution.ts";
import {
  type BlockedResampling,
  fromBlocked,
  resampleBlocked,
  sumBlockedChannels,
  toBlocked,
} from "./operators.ts";

/** Operators that treat every element alike. */
const ELEMENTWISE: ReadonlySet<string> = new Set([
  ...["add", "sub", "mul", "div", "maximum", "minimum"],
  ...["neg", "abs", "square", "sqrt", "exp", "log", "sign", "step", "clip"],
  ...["relu", "leakyRelu", "sigmoid", "tanh", "gelu", "silu", "softplus"],
]);

const RESAMPLINGS: ReadonlySet<string> = new Set(["maxPool", "averagePool", "enlargeNearest"]);

interface Call {
  readonly name: string;
  readonly tensor: Tensor;
  readonly inputs: readonly Tensor[];
}

function isAll(list: readonly number[], value: number): boolean {
  return list.every((entry) => entry === value);
}

/** The state of one pass: each tensor of the old graph in the layouts that are there so far. */
class LayoutPass {
  readonly #block: number;
  readonly #plain = new Map<Tensor, Tensor>();
  readonly #blocked = new Map<Tensor, Tensor>();
  /** Convolution → the ReLU that is its only consumer. */
  readonly #fused = new Map<Tensor, Tensor>();

  constructor(block: number, order: readonly Tensor[], outputs: readonly Tensor[]) {
    this.#block = block;
    const consumers = new Map<Tensor, Tensor[]>();
    for (const tensor of order) {
      if (tensor.producer.kind !== "operator") continue;
      for (const input of tensor.producer.inputs) {
        const known = consumers.get(input);
        if (known === undefined) consumers.set(input, [tensor]);
        else known.push(tensor);
      }
    }
    for (const [tensor, [only, ...others]] of consumers) {
      const { producer } = only;
      const isRelu = producer.kind === "operator" && producer.operator.name === "relu";
      if (isRelu && others.length === 0 && !outputs.includes(tensor)) this.#fused.set(tensor, only);
    }
  }

  getPlain(tensor: Tensor): Tensor {
    let value = this.#plain.get(tensor);
    if (value === undefined) {
      value = fromBlocked(this.#blocked.get(tensor) as Tensor);
      this.#plain.set(tensor, value);
    }
    return value;
  }

  #getBlocked(tensor: Tensor): Tensor {
    let value = this.#blocked.get(tensor);
    if (value === undefined) {
      value = toBlocked(this.#plain.get(tensor) as Tensor, this.#block);
      this.#blocked.set(tensor, value);
    }
    return value;
  }

  #canBlock({ shape }: Tensor): boolean {
    return (shape.length === 4 || shape.length === 5) && shape[1] % this.#block === 0;
  }

  /** The input of a convolution: blocked, or plain with fewer channels than a block. */
  #getOperand(tensor: Tensor): Tensor {
    return this.#canBlock(tensor) ? this.#getBlocked(tensor) : this.getPlain(tensor);
  }

  #takes(channels: number): boolean {
    return channels % this.#block === 0 || channels < this.#block;
  }

  visit(tensor: Tensor): void {
    const { producer } = tensor;
    if (producer.kind !== "operator") {
      this.#plain.set(tensor, tensor);
      return;
    }
    // A ReLU that its convolution has taken over.
    if (this.#blocked.has(tensor)) return;
    const { operator, inputs, attributes } = producer;
    if (this.#visitBlocked({ name: operator.name, tensor, inputs })) return;
    const plain = inputs.map((input) => this.getPlain(input));
    const isSame = plain.every((input, k) => input === inputs[k]);
    this.#plain.set(tensor, isSame ? tensor : applyOperator(operator, plain, attributes));
  }

  /** Makes the tensor blocked, or plain from blocked inputs; false where that does not pay or cannot be done. */
  #visitBlocked(call: Call): boolean {
    const { name, inputs } = call;
    if (name === "convolution") return this.#visitConvolution(call);
    if (name === "convolutionInputGradient") return this.#visitInputGradient(call);
    if (!inputs.some((input) => this.#blocked.has(input))) return false;
    if (name === "convolutionWeightGradient") return this.#visitWeightGradient(call);
    if (name === "reduceSum") return this.#visitSum(call);
    if (name === "slice") return this.#visitSlice(call);
    if (name === "concat") return this.#visitConcat(call);
    if (RESAMPLINGS.has(name)) return this.#visitResampling(call);
    return ELEMENTWISE.has(name) && this.#visitElementwise(call);
  }

  #getAttributes({
    tensor: { producer },
  }: Call): Readonly<Record<string, number | string | readonly number[]>> {
    return producer.kind === "operator" ? producer.attributes : {};
  }

  #keepBlocked(call: Call, value: Tensor): boolean {
    this.#blocked.set(call.tensor, value);
    return true;
  }

  #visitConvolution(call: Call): boolean {
    const [input, weight, bias] = call.inputs;
    const geometry = getGeometry(this.#getAttributes(call));
    const { stride, groups } = geometry;
    const isPossible = groups === 1 && (stride.length === 2 || (stride.length === 3 && isAll(stride, 1)));
    if (!isPossible || weight.shape[0] % this.#block !== 0 || !this.#takes(input.shape[1])) return false;
    const operands = [this.#getOperand(input), this.getPlain(weight)];
    if (bias !== undefined) operands.push(this.getPlain(bias));
    const relu = this.#fused.get(call.tensor);
    const value = convolveBlocked(operands, geometry, {
      block: this.#block,
      isAdjoint: false,
      activation: relu === undefined ? "none" : "relu",
    });
    if (relu === undefined) return this.#keepBlocked(call, value);
    this.#blocked.set(relu, value);
    return true;
  }

  #visitInputGradient(call: Call): boolean {
    const [upstream, weight] = call.inputs;
    const geometry = getGeometry(this.#getAttributes(call));
    const { stride, groups, before, after } = geometry;
    const isPossible = groups === 1 && isAll(stride, 1) && stride.length >= 2;
    if (!isPossible || weight.shape[1] % this.#block !== 0 || !this.#takes(upstream.shape[1])) return false;
    const reach = computeReach(weight.shape.slice(2), geometry);
    const own: ConvolutionGeometry = {
      ...geometry,
      before: reach.map((length, k) => length - before[k]),
      after: reach.map((length, k) => length - after[k]),
    };
    const operands = [this.#getOperand(upstream), this.getPlain(weight)];
    const options = { block: this.#block, isAdjoint: true, activation: "none" } as const;
    return this.#keepBlocked(call, convolveBlocked(operands, own, options));
  }

  #visitWeightGradient(call: Call): boolean {
    const [input, upstream] = call.inputs;
    const attributes = this.#getAttributes(call);
    const geometry = getGeometry(attributes);
    const { stride, dilation, groups } = geometry;
    if (groups !== 1 || !isAll([...stride, ...dilation], 1) || stride.length < 2) return false;
    const isExchanged = upstream.shape[1] < input.shape[1];
    // The side that becomes the kernel is needed plain; the folded one is cheaper blocked.
    const asKernel = (side: Tensor): Tensor => this.#plain.get(side) ?? (this.#blocked.get(side) as Tensor);
    const asImage = (side: Tensor): Tensor => this.#blocked.get(side) ?? (this.#plain.get(side) as Tensor);
    const value = computeBlockedWeightGradient(
      isExchanged ? asKernel(input) : asImage(input),
      isExchanged ? asImage(upstream) : asKernel(upstream),
      geometry,
      getList(attributes, "kernel"),
    );
    this.#plain.set(call.tensor, value);
    return true;
  }

  #visitSum(call: Call): boolean {
    const [input] = call.inputs;
    const axes = getList(this.#getAttributes(call), "axes");
    const isOverPixels = axes.length === input.shape.length - 1 && !axes.includes(1);
    if (!isOverPixels || this.#plain.has(input)) return false;
    this.#plain.set(call.tensor, sumBlockedChannels(this.#getBlocked(input)));
    return true;
  }

  #visitSlice(call: Call): boolean {
    const [input] = call.inputs;
    const attributes = this.#getAttributes(call);
    const [starts, ends] = [getList(attributes, "starts"), getList(attributes, "ends")];
    const isOfChannels = input.shape.every(
      (size, axis) => axis === 1 || (starts[axis] === 0 && ends[axis] === size),
    );
    if (!isOfChannels || starts[1] % this.#block !== 0 || ends[1] % this.#block !== 0) return false;
    const value = this.#getBlocked(input);
    const axis = this.#getChannelAxis(input);
    return this.#keepBlocked(
      call,
      slice(value, {
        starts: value.shape.map((_, k) => (k === axis ? starts[1] / this.#block : 0)),
        ends: value.shape.map((size, k) => (k === axis ? ends[1] / this.#block : size)),
      }),
    );
  }

  /** The axis of channel blocks of a blocked image or volume. */
  #getChannelAxis({ shape }: Tensor): number {
    return shape.length === 5 ? 2 : 1;
  }

  #visitConcat(call: Call): boolean {
    const isOfChannels = this.#getAttributes(call).axis === 1;
    if (!isOfChannels || !call.inputs.every((input) => this.#canBlock(input))) return false;
    const parts = call.inputs.map((input) => this.#getBlocked(input));
    return this.#keepBlocked(call, concat(parts, { axis: this.#getChannelAxis(call.tensor) }));
  }

  #visitResampling(call: Call): boolean {
    const [input] = call.inputs;
    const attributes = this.#getAttributes(call);
    const tile = getList(attributes, call.name === "maxPool" ? "size" : "block");
    const stride = call.name === "maxPool" ? getList(attributes, "stride") : tile;
    const isTiling = tile.every((size, k) => size === stride[k] && input.shape[k + 2] % size === 0);
    if (call.name !== "enlargeNearest" && !isTiling) return false;
    const factor = tile.length === 2 ? [1, ...tile] : tile;
    const kind = call.name as BlockedResampling;
    return this.#keepBlocked(call, resampleBlocked(this.#getBlocked(input), { kind, factor }));
  }

  #visitElementwise(call: Call): boolean {
    const { tensor, inputs } = call;
    const isScalar = (input: Tensor): boolean => countElements(input.shape) === 1;
    const isWhole = (input: Tensor): boolean =>
      this.#canBlock(input) &&
      input.shape.length === tensor.shape.length &&
      input.shape.every((size, axis) => size === tensor.shape[axis]);
    if (!inputs.every((input) => isScalar(input) || isWhole(input))) return false;
    const operands = inputs.map((input) =>
      isWhole(input) ? this.#getBlocked(input) : reshape(this.getPlain(input), []),
    );
    const { producer } = tensor;
    if (producer.kind !== "operator") return false;
    return this.#keepBlocked(call, applyOperator(producer.operator, operands, producer.attributes));
  }
}

/**
 * The same graph with convolutions in the blocked layout.
 *
 * @param outputs - the tensors to keep; differentiated already, since blocked operators have no gradient
 * @param options.block - channels of a block: what `probeChannelBlock` found
 * @returns the outputs, in the same order, in the plain layout
 * Tested by evaluating graphs before and after in float64, and on onnxruntime.
 */
export function blockChannels(outputs: readonly Tensor[], options: { readonly block: number }): Tensor[] {
  const roots = simplifyGraph(outputs);
  const order = sortGraph(roots);
  const pass = new LayoutPass(options.block, order, roots);
  for (const tensor of order) pass.visit(tensor);
  return simplifyGraph(roots.map((root) => pass.getPlain(root)));
}
