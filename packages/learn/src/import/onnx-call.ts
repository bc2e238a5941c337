/**
 * One ONNX node as its importer sees it: inputs as tensors or known values, attributes with their defaults, and errors
 * that name the node.
 */
import { formatShape, LearnError } from "../errors.ts";
import { countElements, createConstant, type Tensor } from "../tensor.ts";
import { decodeOnnxTensor, type OnnxNode, type StaticValue } from "./onnx-model.ts";

/** A value of an imported graph: known at import, or symbolic. */
export type Value = StaticValue | Tensor;

/** Elements of the largest value that a node may make: 1 GiB of float32. */
const LARGEST_VALUE = 2 ** 28;
/** Elements of the largest value that is computed at import. */
export const LARGEST_KNOWN: number = 2 ** 22;

/** Turns a node into values, one per output. */
export type Importer = (call: ImportCall) => Value | readonly Value[];

/** True for values known at import. */
export function isStatic(value: Value): value is StaticValue {
  return "kind" in value;
}

/** A known value. */
export function createStatic(
  values: Iterable<number>,
  shape: readonly number[],
  options: { readonly isWhole: boolean },
): StaticValue {
  return { kind: "static", isWhole: options.isWhole, shape, values: Float64Array.from(values) };
}

const constants = new WeakMap<StaticValue, Tensor>();

/** A known value as a constant of the graph; the same constant every time. */
export function toTensor(value: Value): Tensor {
  if (!isStatic(value)) return value;
  const known = constants.get(value);
  if (known !== undefined) return known;
  const tensor = createConstant(value.values, value.shape);
  constants.set(value, tensor);
  return tensor;
}

/** A node with its inputs. */
export class ImportCall {
  readonly node: OnnxNode;
  readonly opset: number;
  /** null where an optional input is left out. */
  readonly inputs: readonly (Value | null)[];

  constructor(node: OnnxNode, opset: number, inputs: readonly (Value | null)[]) {
    this.node = node;
    this.opset = opset;
    this.inputs = inputs;
  }

  /** @throws LearnError `UNSUPPORTED_MODEL` naming the node */
  fail(reason: string): never {
    throw new LearnError(
      "UNSUPPORTED_MODEL",
      `node "${this.node.title}" (${this.node.operator}) cannot be imported: ${reason}`,
    );
  }

  has(index: number): boolean {
    return this.inputs[index] !== undefined && this.inputs[index] !== null;
  }

  /** Input as it is. */
  value(index: number): Value {
    return this.inputs[index] ?? this.fail(`input ${index} is missing`);
  }

  /** Input as a tensor. */
  tensor(index: number): Tensor {
    return toTensor(this.value(index));
  }

  /** Input that must be known at import. */
  known(index: number): StaticValue {
    const value = this.value(index);
    if (!isStatic(value)) this.fail(`its input ${index} depends on the data; only constants are read there`);
    return value;
  }

  /** Input that must be a known list of whole numbers. */
  wholes(index: number): number[] {
    const { values } = this.known(index);
    if (!values.every(Number.isInteger)) this.fail(`its input ${index} must hold whole numbers`);
    return [...values];
  }

  int(name: string, fallback: number): number {
    return this.node.attributes.get(name)?.i ?? fallback;
  }

  float(name: string, fallback: number): number {
    return this.node.attributes.get(name)?.f ?? fallback;
  }

  ints(name: string): readonly number[] | undefined {
    return this.node.attributes.get(name)?.ints;
  }

  floats(name: string): readonly number[] | undefined {
    return this.node.attributes.get(name)?.floats;
  }

  text(name: string, fallback: string): string {
    const bytes = this.node.attributes.get(name)?.s;
    return bytes === undefined ? fallback : new TextDecoder().decode(bytes);
  }

  /** A tensor attribute. */
  stored(name: string): StaticValue | undefined {
    const tensor = this.node.attributes.get(name)?.t;
    return tensor === undefined || tensor === null ? undefined : decodeOnnxTensor(tensor);
  }

  /** An axis counted from the front. */
  axis(axis: number, rank: number): number {
    const positive = axis < 0 ? axis + rank : axis;
    if (!(Number.isInteger(positive) && positive >= 0 && positive < rank)) {
      this.fail(`axis ${axis} is none of ${rank} axes`);
    }
    return positive;
  }

  /** Axes from an input (newer opsets) or an attribute (older ones). */
  axes(index: number, rank: number): number[] | undefined {
    const list = this.has(index) ? this.wholes(index) : this.ints("axes");
    return list?.map((axis) => this.axis(axis, rank));
  }

  /** Throws unless the list has the length; the list. */
  list(what: string, values: readonly number[], length: number): readonly number[] {
    if (values.length !== length) this.fail(`${what} ${formatShape(values)} needs ${length} entries`);
    return values;
  }

  /** Throws when a value would have more elements than the limit. */
  checkSize(shape: readonly number[], limit: number = LARGEST_VALUE): void {
    if (!(countElements(shape) <= limit)) this.fail(`a value of shape ${formatShape(shape)} is too large`);
  }
}
