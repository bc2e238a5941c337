/**
 * Importers of ONNX arithmetic: element-wise operators, activations, reductions and matrix products.
 * Meaning: the ONNX operator reference, opsets 7 to 17.
 */
import { formatShape } from "../errors.ts";
import { softmax, softplus } from "../operators/activation.ts";
import {
  abs,
  add,
  clip,
  div,
  exp,
  leakyRelu,
  log,
  mul,
  neg,
  reduceMean,
  relu,
  sigmoid,
  sign,
  sqrt,
  square,
  sub,
  tanh,
} from "../operators/arithmetic.ts";
import { maximum, minimum, reduceMax, reduceMin } from "../operators/extrema.ts";
import { matmul } from "../operators/linear.ts";
import { cos, erf, pow, sin } from "../operators/special-functions.ts";
import { expand, reduceSum, reshape, transpose } from "../operators/structure.ts";
import { countElements, type Tensor } from "../tensor.ts";
import type { ImportCall, Importer } from "./onnx-call.ts";

/** Stands for "no bound": the largest float32. */
const LARGEST = 3.4028234663852886e38;

function binary(compute: (a: Tensor, b: Tensor) => Tensor): Importer {
  return (call) => compute(call.tensor(0), call.tensor(1));
}

function unary(compute: (x: Tensor) => Tensor): Importer {
  return (call) => compute(call.tensor(0));
}

function fold(compute: (a: Tensor, b: Tensor) => Tensor): (call: ImportCall) => Tensor {
  return (call) => call.inputs.map((_, k) => call.tensor(k)).reduce(compute);
}

const importPow: Importer = (call) => {
  const base = call.tensor(0);
  const { values, shape } = call.known(1);
  if (countElements(shape) !== 1) call.fail(`exponents of shape ${formatShape(shape)}; one number is read`);
  const [exponent] = values;
  if (exponent === 1) return base;
  if (exponent === 2) return square(base);
  if (exponent === 3) return mul(square(base), base);
  if (exponent === 4) return square(square(base));
  if (exponent === 0.5) return sqrt(base);
  if (exponent === -1) return div(1, base);
  if (exponent === -0.5) return div(1, sqrt(base));
  return pow(base, exponent);
};

const importClip: Importer = (call) => {
  const bound = (index: number, name: string, fallback: number): number => {
    if (call.opset < 11) return call.float(name, fallback);
    return call.has(index) ? call.known(index).values[0] : fallback;
  };
  const low = bound(1, "min", -LARGEST);
  const high = bound(2, "max", LARGEST);
  return clip(call.tensor(0), { low: Math.max(low, -LARGEST), high: Math.min(high, LARGEST) });
};

/** x above 0, slope·x below; the slope broadcasts from the right. */
const importPRelu: Importer = (call) => {
  const x = call.tensor(0);
  return sub(relu(x), mul(relu(neg(x)), call.tensor(1)));
};

const importElu: Importer = (call) => {
  const x = call.tensor(0);
  const below = sub(exp(neg(relu(neg(x)))), 1);
  return add(relu(x), mul(below, call.float("alpha", 1)));
};

const importHardSigmoid: Importer = (call) => {
  const scaled = add(mul(call.tensor(0), call.float("alpha", 0.2)), call.float("beta", 0.5));
  return clip(scaled, { low: 0, high: 1 });
};

const importHardSwish: Importer = (call) => {
  const x = call.tensor(0);
  return mul(x, clip(add(mul(x, 1 / 6), 0.5), { low: 0, high: 1 }));
};

const importSoftmax: Importer = (call) => {
  const x = call.tensor(0);
  const rank = x.shape.length;
  const axis = call.axis(call.int("axis", call.opset >= 13 ? -1 : 1), rank);
  if (call.opset >= 13 || axis === rank - 1) return softmax(x, { axis });
  // Before opset 13 all axes from `axis` on are one.
  const lead = countElements(x.shape.slice(0, axis));
  return reshape(softmax(reshape(x, [lead, countElements(x.shape) / lead]), { axis: 1 }), x.shape);
};

type Reduction = (x: Tensor, options: { axes: readonly number[]; keepDims: boolean }) => Tensor;

function reduction(reduce: Reduction, options: { readonly axesInputFrom: number }): Importer {
  return (call) => {
    const x = call.tensor(0);
    const fromInput = call.opset >= options.axesInputFrom;
    const stated = fromInput ? call.axes(1, x.shape.length) : call.axes(-1, x.shape.length);
    const none = stated === undefined || stated.length === 0;
    if (none && call.int("noop_with_empty_axes", 0) !== 0) return x;
    const axes = none ? x.shape.map((_, k) => k) : stated;
    return reduce(x, { axes, keepDims: call.int("keepdims", 1) !== 0 });
  };
}

/** Matrix product with numpy's rules for vectors and leading axes. */
function multiplyMatrices(call: ImportCall, left: Tensor, right: Tensor): Tensor {
  if (left.shape.length === 0 || right.shape.length === 0) call.fail("a scalar is no matrix");
  const a = left.shape.length === 1 ? reshape(left, [1, left.shape[0]]) : left;
  const b = right.shape.length === 1 ? reshape(right, [right.shape[0], 1]) : right;
  const rank = Math.max(a.shape.length, b.shape.length);
  const lead = (shape: readonly number[]): number[] => [
    ...new Array<number>(rank - shape.length).fill(1),
    ...shape.slice(0, -2),
  ];
  const [leadA, leadB] = [lead(a.shape), lead(b.shape)];
  const joint = leadA.map((size, k) => (size === 1 ? leadB[k] : size));
  let product: Tensor;
  if (b.shape.length === 2 && a.shape.length > 2) {
    // One matrix for all leading axes: rows are put together.
    const rows = countElements(a.shape.slice(0, -1));
    const flat = matmul(reshape(a, [rows, a.shape[a.shape.length - 1]]), b);
    product = reshape(flat, [...a.shape.slice(0, -1), b.shape[1]]);
  } else {
    const repeat = (x: Tensor): Tensor => expand(x, [...joint, ...x.shape.slice(-2)]);
    product = matmul(repeat(a), repeat(b));
  }
  const shape = [...product.shape];
  if (right.shape.length === 1) shape.pop();
  if (left.shape.length === 1) shape.splice(shape.length - (right.shape.length === 1 ? 1 : 2), 1);
  return reshape(product, shape);
}

const importGemm: Importer = (call) => {
  const turn = (x: Tensor, name: string): Tensor => (call.int(name, 0) === 0 ? x : transpose(x, [1, 0]));
  const product = matmul(turn(call.tensor(0), "transA"), turn(call.tensor(1), "transB"));
  const alpha = call.float("alpha", 1);
  const scaled = alpha === 1 ? product : mul(product, alpha);
  if (!call.has(2)) return scaled;
  const beta = call.float("beta", 1);
  return add(scaled, beta === 1 ? call.tensor(2) : mul(call.tensor(2), beta));
};

/** Importers of arithmetic; results of known inputs are known. */
export const arithmeticImporters: Readonly<Record<string, Importer>> = {
  Add: binary(add),
  Sub: binary(sub),
  Mul: binary(mul),
  Div: binary(div),
  Pow: importPow,
  Neg: unary(neg),
  Abs: unary(abs),
  Sqrt: unary(sqrt),
  Exp: unary(exp),
  Log: unary(log),
  Sin: unary(sin),
  Cos: unary(cos),
  Erf: unary(erf),
  Sign: unary(sign),
  Reciprocal: unary((x) => div(1, x)),
  Sum: fold(add),
  Mean: (call) => mul(fold(add)(call), 1 / call.inputs.length),
  Max: fold(maximum),
  Min: fold(minimum),
  Relu: unary(relu),
  LeakyRelu: (call) => leakyRelu(call.tensor(0), { slope: call.float("alpha", 0.01) }),
  PRelu: importPRelu,
  Elu: importElu,
  Sigmoid: unary(sigmoid),
  HardSigmoid: importHardSigmoid,
  HardSwish: importHardSwish,
  Tanh: unary(tanh),
  Softplus: unary(softplus),
  Softmax: importSoftmax,
  Clip: importClip,
  ReduceMean: reduction(reduceMean, { axesInputFrom: 18 }),
  ReduceSum: reduction(reduceSum, { axesInputFrom: 13 }),
  ReduceMax: reduction(reduceMax, { axesInputFrom: 18 }),
  ReduceMin: reduction(reduceMin, { axesInputFrom: 18 }),
  ReduceL2: reduction((x, options) => sqrt(reduceSum(square(x), options)), { axesInputFrom: 18 }),
  MatMul: (call) => multiplyMatrices(call, call.tensor(0), call.tensor(1)),
  Gemm: importGemm,
};
