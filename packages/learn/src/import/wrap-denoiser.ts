/**
 * A user's ONNX image-to-image network as a model from HU to HU: scaling, layout, channels and element type are written
 * as nodes around theirs, so that whatever runs models of ours runs theirs. Their nodes and weights are copied byte for
 * byte; only the graph's signature is replaced, and its image axes are opened to any size.
 * Not here: finding out sizes and radius by running (measure-denoiser.ts), the bundle (enhance).
 */
import protobuf from "protobufjs/light.js";
import { formatShape, LearnError } from "../errors.ts";
import { ATTRIBUTE_TYPES, DATA_TYPES, modelType } from "../onnx/schema.ts";
import { type OnnxModel, type OnnxModelValue, readOnnxModel } from "./onnx-model.ts";

/** How HU become the values that a network was trained on. */
export type DenoiserScaling =
  | {
      /** `lowHu` and `highHu` become the ends of `range`; what lies outside the window is held at its ends. */
      readonly kind: "window";
      readonly lowHu: number;
      readonly highHu: number;
      /** Default [0, 1]. */
      readonly range?: readonly [number, number];
    }
  | {
      /** (HU − offsetHu) / scaleHu. */
      readonly kind: "linear";
      readonly offsetHu: number;
      readonly scaleHu: number;
    };

/** What a user's network is. */
export interface DenoiserOptions {
  readonly scaling: DenoiserScaling;
  /** Value names; default: the only input and the first output. */
  readonly input?: string;
  readonly output?: string;
  /** `"image"` (default): the output is the image; `"noise"`: what is to be subtracted from the input. */
  readonly predicts?: "image" | "noise";
  /** Default `"NCHW"`. */
  readonly layout?: "NCHW" | "NHWC";
  /** Channels of their input; default: as the file states, else 1. */
  readonly inputChannels?: number;
  /** `"repeat"` (default): a slice is repeated in every channel; `"slices"`: neighbouring slices, the middle one is enhanced. */
  readonly channels?: "repeat" | "slices";
  /** Channels of their output, of which the mean is taken; default: as the file states, else those of its input. */
  readonly outputChannels?: number;
  /**
   * Pixels outside the window: `"keep"` (default) adds the network's change to the input, so that bone above the window
   * stays; `"clip"` gives what the network gives.
   */
  readonly outsideWindow?: "keep" | "clip";
}

/** A model from HU to HU. */
export interface WrappedDenoiser {
  readonly model: Uint8Array;
  /** Its input, [batch, inputChannels, height, width] in HU. */
  readonly input: string;
  /** Its output, [batch, 1, height, width] in HU. */
  readonly output: string;
  /** 1, or the number of neighbouring slices. */
  readonly inputChannels: number;
  /** Names of their input and output. */
  readonly source: { readonly input: string; readonly output: string; readonly opset: number };
}

interface Node {
  readonly op_type: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly Record<string, unknown>[];
}

/** Every name that the wrapper adds starts with this. */
const PREFIX = "alara.";
/** `AttributeProto.AttributeType.TENSOR`. */
const TENSOR_ATTRIBUTE = 4;
const WRAPPED_INPUT = `${PREFIX}input`;
const WRAPPED_OUTPUT = `${PREFIX}output`;

class Surroundings {
  readonly nodes: Node[] = [];
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, number | readonly number[]>> = {},
  ): string {
    const output = `${PREFIX}v${this.nodes.length}`;
    this.nodes.push({
      op_type: opType,
      input: inputs,
      output: [output],
      attribute: Object.entries(attributes).map(([name, value]) =>
        typeof value === "number"
          ? { name, type: ATTRIBUTE_TYPES.int, i: value }
          : { name, type: ATTRIBUTE_TYPES.ints, ints: value },
      ),
    });
    return output;
  }

  /** A node, since before IR version 4 initialisers had to be inputs. */
  constant(values: readonly number[], dims: readonly number[]): string {
    const output = `${PREFIX}v${this.nodes.length}`;
    const t = { dims, data_type: DATA_TYPES.float32, float_data: values };
    this.nodes.push({
      op_type: "Constant",
      input: [],
      output: [output],
      attribute: [{ name: "value", type: TENSOR_ATTRIBUTE, t }],
    });
    return output;
  }

  scalar(value: number): string {
    return this.constant([value], []);
  }

  rename(value: string, name: string): void {
    this.nodes.push({ op_type: "Identity", input: [value], output: [name], attribute: [] });
  }
}

function fail(reason: string): never {
  throw new LearnError("UNSUPPORTED_MODEL", `the network cannot be used as a denoiser: ${reason}`);
}

function checkScaling(scaling: DenoiserScaling): { factor: number; offset: number } {
  const areFinite = Object.values(scaling)
    .flat()
    .every((value) => typeof value === "string" || Number.isFinite(value));
  if (scaling.kind === "linear") {
    const { offsetHu, scaleHu } = scaling;
    if (!areFinite || !(scaleHu > 0)) {
      throw new LearnError("OUT_OF_RANGE", `scaleHu ${scaleHu} must be above 0, offsetHu ${offsetHu} finite`);
    }
    return { factor: 1 / scaleHu, offset: -offsetHu / scaleHu };
  }
  const { lowHu, highHu, range = [0, 1] } = scaling;
  if (!areFinite || !(lowHu < highHu) || range.length !== 2 || !(range[0] < range[1])) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `the window ${lowHu} to ${highHu} HU and its range ${formatShape(range)} must be rising and finite`,
    );
  }
  const factor = (range[1] - range[0]) / (highHu - lowHu);
  return { factor, offset: range[0] - lowHu * factor };
}

/** The channel count that a file states, in the given layout. */
function readChannels(
  value: OnnxModelValue,
  layout: "NCHW" | "NHWC",
  stated: number | undefined,
  fallback: number,
): number {
  const { name, shape } = value;
  if (shape.length !== 0 && shape.length !== 4) {
    fail(`"${name}" is [${shape.join(", ")}]; images of four axes are read`);
  }
  const size = shape[layout === "NCHW" ? 1 : 3];
  if (stated !== undefined && typeof size === "number" && size !== stated) {
    fail(`"${name}" has ${size} channels, not ${stated}; check "layout"`);
  }
  const channels = stated ?? (typeof size === "number" ? size : fallback);
  if (!(Number.isInteger(channels) && channels >= 1 && channels <= 64)) {
    fail(`"${name}" would have ${channels} channels; 1 to 64 are read, check "layout"`);
  }
  return channels;
}

/** Element type numbers of values that pass in and out: float32, and float16 through casts. */
function checkType(value: OnnxModelValue): boolean {
  if (value.elementType === 1) return false;
  if (value.elementType === 10) return true;
  return fail(`"${value.name}" has ONNX element type ${value.elementType}; float32 and float16 are read`);
}

function findValue(
  values: readonly OnnxModelValue[],
  name: string | undefined,
  what: string,
): OnnxModelValue {
  const names = values.map((value) => value.name).join(", ");
  if (name !== undefined) {
    return (
      values.find((value) => value.name === name) ?? fail(`it has no ${what} "${name}"; it has ${names}`)
    );
  }
  if (what === "input" && values.length !== 1) fail(`it has ${values.length} inputs (${names}); one is read`);
  return values[0];
}

/** Nodes before theirs: HU → their input, under its own name. Returns the slice that is enhanced, held in the window. */
function writeEntry(
  around: Surroundings,
  facts: {
    input: OnnxModelValue;
    channels: number;
    options: DenoiserOptions;
    factor: number;
    offset: number;
  },
): { slice: string; held: string } {
  const { input, channels, options, factor, offset } = facts;
  const { scaling } = options;
  const isSlices = options.channels === "slices";
  const hold = (value: string): string =>
    scaling.kind === "window"
      ? around.node("Min", [
          around.node("Max", [value, around.scalar(scaling.lowHu)]),
          around.scalar(scaling.highHu),
        ])
      : value;
  const held = hold(WRAPPED_INPUT);
  const scaled = around.node("Add", [
    around.node("Mul", [held, around.scalar(factor)]),
    around.scalar(offset),
  ]);
  let image =
    isSlices || channels === 1
      ? scaled
      : around.node("Concat", new Array<string>(channels).fill(scaled), { axis: 1 });
  if (options.layout === "NHWC") image = around.node("Transpose", [image], { perm: [0, 2, 3, 1] });
  if (checkType(input)) image = around.node("Cast", [image], { to: 10 });
  around.rename(image, input.name);
  if (!isSlices || channels === 1) return { slice: WRAPPED_INPUT, held };
  const middle = (value: string): string => {
    const weights = Array.from({ length: channels }, (_, k) => Number(k === (channels - 1) / 2));
    return around.node("Conv", [value, around.constant(weights, [1, channels, 1, 1])], {
      kernel_shape: [1, 1],
    });
  };
  return { slice: middle(WRAPPED_INPUT), held: middle(held) };
}

/** Nodes after theirs: their output → HU. */
function writeExit(
  around: Surroundings,
  facts: {
    output: OnnxModelValue;
    channels: number;
    options: DenoiserOptions;
    factor: number;
    offset: number;
    slice: string;
    held: string;
  },
): void {
  const { output, channels, options, factor, offset, slice, held } = facts;
  let value = output.name;
  if (checkType(output)) value = around.node("Cast", [value], { to: 1 });
  if (options.layout === "NHWC") value = around.node("Transpose", [value], { perm: [0, 3, 1, 2] });
  if (channels > 1) {
    const weights = around.constant(new Array<number>(channels).fill(1 / channels), [1, channels, 1, 1]);
    value = around.node("Conv", [value, weights], { kernel_shape: [1, 1] });
  }
  let result: string;
  if (options.predicts === "noise") {
    const noise = around.node("Mul", [value, around.scalar(1 / factor)]);
    const keeps = options.scaling.kind === "linear" || options.outsideWindow !== "clip";
    result = around.node("Sub", [keeps ? slice : held, noise]);
  } else {
    result = around.node("Mul", [
      around.node("Sub", [value, around.scalar(offset)]),
      around.scalar(1 / factor),
    ]);
    if (options.scaling.kind === "window" && options.outsideWindow !== "clip") {
      // Inside the window this difference is 0.
      result = around.node("Add", [result, around.node("Sub", [slice, held])]);
    }
  }
  around.rename(result, WRAPPED_OUTPUT);
}

const graphType = modelType.root.lookupType("onnx.GraphProto");
/** Field numbers of onnx.proto. */
const FIELDS = { graph: 7, input: 11, output: 12, valueInfo: 13 } as const;

/** Copies the fields of a message for which `keep` holds; bytes as they are. */
function copyFields(bytes: Uint8Array, keep: (field: number, message: Uint8Array) => boolean): Uint8Array {
  const reader = protobuf.Reader.create(bytes);
  const parts: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    reader.skipType(tag & 7);
    const field = bytes.subarray(start, reader.pos);
    if (keep(tag >>> 3, field)) parts.push(field);
  }
  return joinBytes(parts);
}

/** Contents of a length-delimited field; a message that is split is put together. */
function readMessageField(bytes: Uint8Array, field: number): Uint8Array {
  const reader = protobuf.Reader.create(bytes);
  const parts: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === field && (tag & 7) === 2) parts.push(reader.bytes());
    else reader.skipType(tag & 7);
  }
  return joinBytes(parts);
}

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    joined.set(part, position);
    position += part.length;
  }
  return joined;
}

function encodeGraphPart(part: Record<string, unknown>): Uint8Array {
  return graphType.encode(graphType.fromObject(part)).finish();
}

/** The name in a `ValueInfoProto` field of a graph. */
function readInputName(field: Uint8Array): string | undefined {
  const { input } = graphType.decode(field) as unknown as { input: readonly { name: string }[] };
  return input[0]?.name;
}

function checkNames(model: OnnxModel): void {
  const names = model.nodes.flatMap((node) => [...node.inputs, ...node.outputs]);
  const taken = names.find((name) => name.startsWith(PREFIX));
  if (taken !== undefined) fail(`it is wrapped already: it uses the name "${taken}"`);
}

/**
 * Writes a user's network as a model from HU to HU.
 *
 * Their input u = factor·HU + offset; their output v becomes (v − offset)/factor HU, or is subtracted as noise v/factor.
 *
 * @param bytes - their ONNX file, opset 8 or later, float32 or float16, two-dimensional
 * @throws LearnError `UNSUPPORTED_MODEL` naming what does not fit, `OUT_OF_RANGE` for the scaling, and those of
 *   `inspectOnnxModel`
 * @remarks A file exported for one image size gets free axes; whether its nodes bear other sizes shows when it is run.
 * Tested with networks of every layout, channel count and element type against the same arithmetic on their own output.
 */
export function wrapOnnxDenoiser(bytes: Uint8Array, options: DenoiserOptions): WrappedDenoiser {
  const { factor, offset } = checkScaling(options.scaling);
  const layout = options.layout ?? "NCHW";
  const model = readOnnxModel(bytes);
  if (model.opset < 8) fail(`it has opset ${model.opset}; opset 8 and later are read`);
  checkNames(model);
  const input = findValue(model.inputs, options.input, "input");
  const output = findValue(model.outputs, options.output, "output");
  const channels = readChannels(input, layout, options.inputChannels, 1);
  const isSlices = options.channels === "slices";
  const outputChannels = readChannels(output, layout, options.outputChannels, isSlices ? 1 : channels);
  if (isSlices && channels % 2 === 0) fail(`${channels} neighbouring slices have no middle`);
  const around = new Surroundings();
  const { slice, held } = writeEntry(around, { input, channels, options, factor, offset });
  const count = around.nodes.length;
  writeExit(around, { output, channels: outputChannels, options, factor, offset, slice, held });
  const inputChannels = isSlices ? channels : 1;
  const image = (name: string, size: number): Record<string, unknown> => {
    const dim = [
      { dim_param: "batch" },
      { dim_value: size },
      { dim_param: "height" },
      { dim_param: "width" },
    ];
    return { name, type: { tensor_type: { elem_type: DATA_TYPES.float32, shape: { dim } } } };
  };
  const graph = joinBytes([
    encodeGraphPart({ node: around.nodes.slice(0, count) }),
    copyFields(readMessageField(bytes, FIELDS.graph), (field, message) => {
      if (field === FIELDS.output || field === FIELDS.valueInfo) return false;
      return field !== FIELDS.input || readInputName(message) !== input.name;
    }),
    encodeGraphPart({
      node: around.nodes.slice(count),
      input: [image(WRAPPED_INPUT, inputChannels)],
      output: [image(WRAPPED_OUTPUT, 1)],
    }),
  ]);
  const writer = protobuf.Writer.create();
  writer.uint32(FIELDS.graph * 8 + 2).bytes(graph);
  return {
    model: joinBytes([copyFields(bytes, (field) => field !== FIELDS.graph), writer.finish()]),
    input: WRAPPED_INPUT,
    output: WRAPPED_OUTPUT,
    inputChannels,
    source: { input: input.name, output: output.name, opset: model.opset },
  };
}
