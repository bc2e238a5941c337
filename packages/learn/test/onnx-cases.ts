/** Small ONNX files, made from descriptions: one case per importable operator and setting. */
import { expect } from "vitest";
import { modelType } from "../src/onnx/schema.ts";

type Attribute =
  | number
  | { readonly float: number }
  | string
  | readonly number[]
  | { readonly floats: readonly number[] }
  | { readonly tensor: StoredTensor };
interface StoredTensor {
  readonly dtype: keyof typeof TYPES;
  readonly shape: readonly number[];
  readonly values: readonly number[];
  /** In the typed field instead of raw bytes. */
  readonly isTyped?: boolean;
}
interface NodeCase {
  readonly operator: string;
  readonly inputs: readonly string[];
  /** Several outputs: separated by commas. */
  readonly output: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly name?: string;
}
/** A file: graph inputs by shape, stored values, nodes; the outputs are those of the last node. */
export interface OnnxCase {
  readonly title: string;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly constants?: Readonly<Record<string, StoredTensor>>;
  readonly nodes: readonly NodeCase[];
  /** Default 17. */
  readonly opset?: number;
  readonly range?: readonly [number, number];
  /** Type of inputs and outputs; default float32. */
  readonly elementType?: keyof typeof TYPES;
  /** Default 8. */
  readonly irVersion?: number;
}

const TYPES = { float32: 1, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11 } as const;

/** Bits of values that float16 holds exactly: 0, ±1, ±0.5, ±2, 0.25, 1.5. */
function encodeHalf(value: number): number {
  const sign = value < 0 ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size === 0) return sign;
  const exponent = Math.floor(Math.log2(size));
  return sign | ((exponent + 15) << 10) | Math.round((size / 2 ** exponent - 1) * 1024);
}

function encodeTensor(
  name: string,
  { dtype, shape, values, isTyped }: StoredTensor,
): Record<string, unknown> {
  const base = { name, dims: shape, data_type: TYPES[dtype] };
  if (isTyped) {
    if (dtype === "float32") return { ...base, float_data: values };
    if (dtype === "float64") return { ...base, double_data: values };
    if (dtype === "int64") return { ...base, int64_data: values };
    return { ...base, int32_data: dtype === "float16" ? values.map(encodeHalf) : values };
  }
  const size = { float32: 4, int32: 4, int64: 8, bool: 1, float16: 2, float64: 8 }[dtype];
  const view = new DataView(new ArrayBuffer(size * values.length));
  values.forEach((value, k) => {
    if (dtype === "float32") view.setFloat32(4 * k, value, true);
    else if (dtype === "float64") view.setFloat64(8 * k, value, true);
    else if (dtype === "int64") view.setBigInt64(8 * k, BigInt(value), true);
    else if (dtype === "int32") view.setInt32(4 * k, value, true);
    else if (dtype === "float16") view.setUint16(2 * k, encodeHalf(value), true);
    else view.setUint8(k, value);
  });
  return { ...base, raw_data: new Uint8Array(view.buffer) };
}

function encodeAttribute(name: string, value: Attribute): Record<string, unknown> {
  if (typeof value === "number") return { name, type: 2, i: value };
  if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
  if ("float" in value) return { name, type: 1, f: value.float };
  if ("floats" in value) return { name, type: 6, floats: value.floats };
  if ("tensor" in value) return { name, type: 4, t: encodeTensor("", value.tensor) };
  return { name, type: 7, ints: value };
}

/** The file of a case. */
export function createModel(item: OnnxCase): Uint8Array {
  const { inputs, constants = {}, nodes, opset = 17, elementType = "float32", irVersion = 8 } = item;
  const value = (name: string, shape?: readonly number[]): Record<string, unknown> => ({
    name,
    type: {
      tensor_type: {
        elem_type: TYPES[elementType],
        ...(shape === undefined ? {} : { shape: { dim: shape.map((size) => ({ dim_value: size })) } }),
      },
    },
  });
  const message = modelType.fromObject({
    ir_version: irVersion,
    opset_import: [{ domain: "", version: opset }],
    graph: {
      name: "case",
      node: nodes.map((node) => ({
        op_type: node.operator,
        name: node.name ?? "",
        input: node.inputs,
        output: node.output.split(","),
        attribute: Object.entries(node.attributes ?? {}).map(([name, item]) => encodeAttribute(name, item)),
      })),
      initializer: Object.entries(constants).map(([name, tensor]) => encodeTensor(name, tensor)),
      input: Object.entries(inputs).map(([name, shape]) => value(name, shape)),
      output: nodes[nodes.length - 1].output.split(",").map((name) => value(name)),
    },
  });
  return modelType.encode(message).finish();
}

/** Expects |found − expected| ≤ absolute + relative·|expected| everywhere. */
export function expectClose(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  bounds: { readonly relative: number; readonly absolute: number },
): void {
  expect(found.length).toBe(expected.length);
  for (let k = 0; k < expected.length; k++) {
    const bound = bounds.absolute + bounds.relative * Math.abs(expected[k]);
    if (!(Math.abs(found[k] - expected[k]) <= bound)) {
      expect.fail(`element ${k} of ${expected.length} is ${found[k]}, expected ${expected[k]} ± ${bound}`);
    }
  }
}

const whole = (...values: number[]): StoredTensor => ({ dtype: "int64", shape: [values.length], values });
const scalar = (value: number): StoredTensor => ({ dtype: "float32", shape: [], values: [value] });
const wave = (...shape: number[]): StoredTensor => ({
  dtype: "float32",
  shape,
  values: Array.from({ length: shape.reduce((p, s) => p * s, 1) }, (_, k) => Math.sin(1.7 * k + 0.4)),
});

interface Extra {
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly constants?: Readonly<Record<string, StoredTensor>>;
  readonly opset?: number;
  readonly range?: readonly [number, number];
  readonly shape?: readonly number[];
  readonly note?: string;
  readonly outputs?: string;
}

/** One node on x and the constants, in their order; "" among the keys stands for a left-out input. */
function one(operator: string, extra: Extra = {}): OnnxCase {
  const { attributes = {}, constants = {}, shape = [2, 3, 4, 6], opset = 17, note = "" } = extra;
  const stored = Object.fromEntries(Object.entries(constants).filter(([name]) => !name.startsWith("-")));
  return {
    title: `${operator} ${note} ${JSON.stringify(attributes)} opset ${opset}`,
    inputs: { x: shape },
    constants: stored,
    nodes: [
      {
        operator,
        inputs: ["x", ...Object.keys(constants).map((name) => (name.startsWith("-") ? "" : name))],
        output: extra.outputs ?? "y",
        attributes,
      },
    ],
    opset,
    ...(extra.range === undefined ? {} : { range: extra.range }),
  };
}
const none: StoredTensor = whole();
const positive = [0.3, 2] as const;
const plain = [
  "Neg",
  "Abs",
  "Exp",
  "Sin",
  "Cos",
  "Erf",
  "Sign",
  "Relu",
  "Sigmoid",
  "HardSwish",
  "Tanh",
  "Softplus",
];
const w = wave(4, 3, 3, 3);

/** At least one case per importable operator. */
export const operatorCases: readonly OnnxCase[] = [
  ...plain.map((operator) => one(operator)),
  ...["Sqrt", "Log", "Reciprocal"].map((operator) => one(operator, { range: positive })),
  ...["Identity", "Dropout", "GlobalAveragePool", "GlobalMaxPool"].map((operator) => one(operator)),
  ...["Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean"].flatMap((operator) => [
    one(operator, { constants: { b: wave(3, 1, 6) } }),
    one(operator, { constants: { b: wave(3, 1, 1) }, opset: 8 }),
  ]),
  ...[2, 3, 4, 1].map((value) => one("Pow", { constants: { e: scalar(value) }, note: `${value}` })),
  ...[0.5, -1, -0.5, 1.3].map((value) =>
    one("Pow", { constants: { e: scalar(value) }, note: `${value}`, range: positive }),
  ),
  one("LeakyRelu"),
  one("LeakyRelu", { attributes: { alpha: { float: 0.3 } } }),
  one("Elu", { attributes: { alpha: { float: 0.7 } } }),
  one("HardSigmoid"),
  one("PRelu", { constants: { slope: wave(3, 1, 1) } }),
  one("Clip", { constants: { low: scalar(-0.3), high: scalar(0.6) } }),
  one("Clip", { constants: { "-": none, high: scalar(0.6) }, note: "one bound" }),
  one("Clip", { attributes: { min: { float: -0.2 }, max: { float: 0.9 } }, opset: 9 }),
  one("Clip"),
  one("Softmax", { attributes: { axis: 1 } }),
  one("Softmax"),
  one("Softmax", { attributes: { axis: 2 }, opset: 11 }),
  ...["ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2"].flatMap((operator) => [
    one(operator, { attributes: { axes: [1, -1] } }),
    one(operator, { attributes: { axes: [2], keepdims: 0 } }),
    one(operator),
  ]),
  one("ReduceSum", { constants: { axes: whole(-1, 0) }, attributes: { keepdims: 0 } }),
  one("ReduceSum", { attributes: { axes: [3] }, opset: 11 }),
  one("ReduceSum", { attributes: { noop_with_empty_axes: 1 } }),
  one("MatMul", { constants: { b: wave(6, 5) } }),
  one("MatMul", { constants: { b: wave(2, 1, 6, 5) }, note: "batched" }),
  one("MatMul", { constants: { b: wave(6) }, note: "by a vector" }),
  one("MatMul", { constants: { b: wave(2, 6, 5) }, shape: [6], note: "of a vector" }),
  one("MatMul", { constants: { b: wave(6) }, shape: [6], note: "of vectors" }),
  one("Gemm", { constants: { b: wave(4, 5), c: wave(5) }, shape: [3, 4] }),
  one("Gemm", {
    constants: { b: wave(5, 4), c: wave(3, 1) },
    shape: [4, 3],
    attributes: { transA: 1, transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } },
  }),
  one("Gemm", { constants: { b: wave(4, 5) }, shape: [3, 4], note: "no bias" }),
  one("Conv", { constants: { w, b: wave(4) }, attributes: { pads: [1, 1, 1, 1] } }),
  one("Conv", { constants: { w }, attributes: { strides: [2, 1], pads: [0, 2, 1, 1], dilations: [1, 2] } }),
  one("Conv", { constants: { w: wave(6, 1, 3, 3) }, attributes: { group: 3 } }),
  one("Conv", {
    constants: { w: wave(4, 3, 1, 1) },
    attributes: { pads: [1, 1, 2, 0] },
    note: "padding beyond the kernel",
  }),
  ...["SAME_UPPER", "SAME_LOWER", "VALID"].map((automatic) =>
    one("Conv", {
      constants: { w },
      attributes: { auto_pad: automatic, strides: [2, 2] },
      shape: [1, 3, 6, 7],
    }),
  ),
  one("Conv", {
    constants: { w: wave(2, 1, 3, 3, 3) },
    shape: [1, 1, 3, 4, 5],
    attributes: { pads: [1, 1, 1, 1, 1, 1] },
  }),
  one("ConvTranspose", { constants: { w: wave(3, 2, 3, 3), b: wave(2) }, attributes: { strides: [2, 2] } }),
  one("ConvTranspose", {
    constants: { w: wave(3, 2, 3, 3) },
    attributes: { strides: [2, 2], pads: [1, 0, 1, 1], output_padding: [1, 1] },
  }),
  one("ConvTranspose", { constants: { w: wave(3, 2, 2, 3) }, attributes: { group: 3, dilations: [2, 1] } }),
  one("ConvTranspose", {
    constants: { w: wave(1, 2, 1, 2, 2) },
    shape: [1, 1, 2, 3, 3],
    attributes: { strides: [1, 2, 2] },
  }),
  one("MaxPool", { attributes: { kernel_shape: [2, 2], strides: [2, 2] } }),
  one("MaxPool", { attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] } }),
  one("MaxPool", {
    attributes: { kernel_shape: [3, 2], strides: [2, 3], ceil_mode: 1 },
    shape: [1, 2, 6, 7],
  }),
  one("MaxPool", { attributes: { kernel_shape: [1, 2, 2], strides: [1, 2, 2] }, shape: [1, 2, 2, 4, 4] }),
  one("AveragePool", { attributes: { kernel_shape: [2, 2], strides: [2, 2] } }),
  one("AveragePool", { attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } }),
  one("AveragePool", { attributes: { kernel_shape: [3, 3], pads: [1, 0, 1, 1], count_include_pad: 1 } }),
  one("BatchNormalization", {
    constants: {
      s: wave(3),
      b: wave(3),
      m: wave(3),
      v: { dtype: "float32", shape: [3], values: [1, 0.5, 2] },
    },
    attributes: { epsilon: { float: 1e-3 } },
  }),
  one("InstanceNormalization", { constants: { s: wave(3), b: wave(3) } }),
  one("LayerNormalization", { constants: { s: wave(4, 6), b: wave(4, 6) }, attributes: { axis: 2 } }),
  one("LayerNormalization", { constants: { s: wave(6) } }),
  one("Reshape", { constants: { s: whole(0, -1, 2) } }),
  one("Flatten"),
  one("Flatten", { attributes: { axis: -1 } }),
  one("Transpose", { attributes: { perm: [0, 2, 3, 1] } }),
  one("Transpose"),
  one("Squeeze", { shape: [1, 3, 1, 2], constants: { axes: whole(-2) } }),
  one("Squeeze", { shape: [1, 3, 1, 2], attributes: { axes: [0] }, opset: 11 }),
  one("Squeeze", { shape: [1, 3, 1, 2], note: "all" }),
  one("Unsqueeze", { constants: { axes: whole(0, -1) }, shape: [2, 3] }),
  one("Unsqueeze", { attributes: { axes: [1] }, shape: [2, 3], opset: 9 }),
  one("Slice", { attributes: { starts: [1, 0], ends: [99, -1], axes: [2, 3] }, opset: 9 }),
  one("Slice", { constants: { s: whole(0, 5), e: whole(2 ** 53, -99), a: whole(2, 3), t: whole(3, -2) } }),
  one("Slice", { constants: { s: whole(1), e: whole(2) } }),
  one("Concat", { constants: { b: wave(2, 1, 4, 6) }, attributes: { axis: 1 } }),
  one("Split", { attributes: { axis: 1, split: [1, 2] }, opset: 11, outputs: "y,z" }),
  one("Split", { attributes: { axis: -1 }, outputs: "y,z,u" }),
  one("Split", { attributes: { axis: 1 }, constants: { parts: whole(2, 1) }, outputs: "y,z" }),
  one("Gather", {
    constants: { i: { dtype: "int64", shape: [2, 2], values: [0, 2, -1, 1] } },
    attributes: { axis: 1 },
  }),
  one("Gather", { constants: { i: { dtype: "int64", shape: [], values: [1] } } }),
  one("Expand", { constants: { s: whole(2, 1, 4) }, shape: [3, 1] }),
  one("Tile", { constants: { s: whole(1, 2, 1, 3) } }),
  ...["constant", "reflect", "edge"].map((mode) =>
    one("Pad", {
      constants: { p: whole(0, 0, 1, 2, 0, 1, 2, 0) },
      attributes: { mode },
      shape: [1, 3, 4, 6],
    }),
  ),
  one("Pad", { constants: { p: whole(0, 0, 1, -2, 0, 0, 2, 0), v: scalar(0.7) }, note: "a value and a cut" }),
  one("Pad", { attributes: { pads: [0, 0, 1, 1, 0, 0, 0, 2], value: { float: 3 } }, opset: 9 }),
  one("DepthToSpace", { attributes: { blocksize: 2 }, shape: [1, 8, 2, 3] }),
  one("DepthToSpace", { attributes: { blocksize: 2, mode: "CRD" }, shape: [1, 8, 2, 3] }),
  one("SpaceToDepth", { attributes: { blocksize: 2 } }),
  one("Upsample", { constants: { s: { dtype: "float32", shape: [4], values: [1, 1, 2, 3] } }, opset: 9 }),
  one("Resize", { constants: { s: { dtype: "float32", shape: [4], values: [1, 1, 2, 2] } }, opset: 10 }),
  ...["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"].flatMap((coordinates) =>
    [
      ["nearest", 2, 3],
      ["nearest", 0.5, 1.5],
      ["linear", 2, 2],
      ["linear", 1.7, 0.5],
      ["cubic", 2, 0.75],
    ].map(([mode, a, b]) =>
      one("Resize", {
        constants: {
          "-roi": none,
          s: { dtype: "float32", shape: [4], values: [1, 1, Number(a), Number(b)] },
        },
        attributes: { mode: String(mode), coordinate_transformation_mode: coordinates },
        note: `${a} × ${b}`,
        shape: [1, 1, 4, 6],
      }),
    ),
  ),
  ...["floor", "ceil", "round_prefer_ceil"].map((nearest) =>
    one("Resize", {
      constants: { "-roi": none, s: { dtype: "float32", shape: [4], values: [1, 1, 2, 1.5] } },
      attributes: { nearest_mode: nearest, coordinate_transformation_mode: "asymmetric" },
    }),
  ),
  one("Resize", {
    constants: { "-roi": none, "-scales": none, sizes: whole(2, 3, 7, 9) },
    attributes: { mode: "linear" },
  }),
  one("Resize", {
    constants: { "-roi": none, s: { dtype: "float32", shape: [4], values: [1, 1, 2, 2] } },
    attributes: { mode: "cubic", exclude_outside: 1, cubic_coeff_a: { float: -0.5 } },
  }),
  {
    title:
      "shape arithmetic: Shape, Gather, Size, Range, Equal, Where, Floor, Ceil, Cast, ConstantOfShape, Constant",
    inputs: { x: [2, 3, 4, 6] },
    constants: { last: { dtype: "int64", shape: [], values: [3] }, one: scalar(1), three: scalar(3) },
    nodes: [
      { operator: "Shape", inputs: ["x"], output: "shape" },
      { operator: "Gather", inputs: ["shape", "last"], output: "width" },
      { operator: "Cast", inputs: ["width"], output: "fraction", attributes: { to: 1 } },
      { operator: "Constant", inputs: [], output: "quarter", attributes: { value_float: { float: 0.27 } } },
      { operator: "Mul", inputs: ["fraction", "quarter"], output: "part" },
      { operator: "Floor", inputs: ["part"], output: "low" },
      { operator: "Ceil", inputs: ["part"], output: "high" },
      { operator: "Add", inputs: ["low", "high"], output: "both" },
      { operator: "Range", inputs: ["one", "both", "one"], output: "range" },
      { operator: "Equal", inputs: ["range", "one"], output: "isOne" },
      { operator: "Where", inputs: ["isOne", "three", "range"], output: "chosen" },
      { operator: "Size", inputs: ["x"], output: "count" },
      { operator: "Constant", inputs: [], output: "seven", attributes: { value_int: 7 } },
      { operator: "Div", inputs: ["count", "seven"], output: "truncated" },
      { operator: "Cast", inputs: ["truncated"], output: "number", attributes: { to: 1 } },
      {
        operator: "ConstantOfShape",
        inputs: ["shape"],
        output: "filled",
        attributes: { value: { tensor: { dtype: "float32", shape: [1], values: [0.5] } } },
      },
      { operator: "Sum", inputs: ["x", "filled", "number"], output: "sum" },
      { operator: "ReduceSum", inputs: ["chosen"], output: "total" },
      { operator: "Add", inputs: ["sum", "total"], output: "y" },
    ],
  },
  ...(["float32", "float64", "float16"] as const).flatMap((dtype) =>
    [false, true].map(
      (isTyped): OnnxCase => ({
        title: `weights of ${dtype}, ${isTyped ? "typed field" : "raw"}`,
        inputs: { x: [2, 3] },
        constants: { w: { dtype, shape: [3], values: [-0.5, 1.5, 2], isTyped } },
        nodes: [
          { operator: "Cast", inputs: ["w"], output: "f", attributes: { to: 1 } },
          { operator: "Mul", inputs: ["x", "f"], output: "y" },
        ],
      }),
    ),
  ),
  ...(["int32", "int64", "bool"] as const).flatMap((dtype) =>
    [false, true].map(
      (isTyped): OnnxCase => ({
        title: `weights of ${dtype}, ${isTyped ? "typed field" : "raw"}`,
        inputs: { x: [2, 3] },
        constants: { w: { dtype, shape: [3], values: dtype === "bool" ? [1, 0, 1] : [-5, 0, 3], isTyped } },
        nodes: [
          { operator: "Cast", inputs: ["w"], output: "f", attributes: { to: 1 } },
          { operator: "Add", inputs: ["x", "f"], output: "y" },
        ],
      }),
    ),
  ),
];
