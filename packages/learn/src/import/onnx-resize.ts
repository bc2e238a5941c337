/**
 * Importer of ONNX Resize and Upsample: nearest, linear and cubic resizing along every axis. Whole-number enlargement
 * with the usual conventions uses the table's own operators; everything else is one matrix product per axis, which is
 * exact and differentiable. Meaning: the ONNX operator reference, Resize-10 to Resize-13; Keys 1981, eq. 4, for the cubic kernel.
 */
import { formatShape } from "../errors.ts";
import { matmul } from "../operators/linear.ts";
import { expand, reshape, transpose } from "../operators/structure.ts";
import { countElements, createConstant, type Tensor } from "../tensor.ts";
import { type ImportCall, type Importer, LARGEST_KNOWN } from "./onnx-call.ts";

interface ResizeRule {
  readonly mode: string;
  readonly coordinates: string;
  readonly nearest: string;
  readonly cubicA: number;
  readonly excludesOutside: boolean;
}

const COORDINATES: readonly string[] = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"];

/** Where output pixel `position` lies in the input. */
function locate(rule: ResizeRule, position: number, size: number, output: number, scale: number): number {
  switch (rule.coordinates) {
    case "align_corners":
      return output === 1 ? 0 : (position * (size - 1)) / (output - 1);
    case "asymmetric":
      return position / scale;
    case "pytorch_half_pixel":
      return output > 1 ? (position + 0.5) / scale - 0.5 : 0;
    default:
      return (position + 0.5) / scale - 0.5;
  }
}

function roundNearest(rule: string, place: number): number {
  if (rule === "floor") return Math.floor(place);
  if (rule === "ceil") return Math.ceil(place);
  if (rule === "round_prefer_ceil") return Math.floor(place + 0.5);
  return Math.ceil(place - 0.5);
}

function weighCubic(distance: number, a: number): number {
  const d = Math.abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/** Weights of input pixels for one output pixel: [index, weight], indices may lie outside. */
function listTaps(rule: ResizeRule, place: number): [number, number][] {
  if (rule.mode === "nearest") return [[roundNearest(rule.nearest, place), 1]];
  const first = Math.floor(place);
  if (rule.mode === "linear") {
    return [
      [first, 1 - (place - first)],
      [first + 1, place - first],
    ];
  }
  return [-1, 0, 1, 2].map((k) => [first + k, weighCubic(place - first - k, rule.cubicA)]);
}

/** [size, output]: column j holds the weights of output pixel j. */
function createMatrix(rule: ResizeRule, size: number, output: number, scale: number): Float64Array {
  const matrix = new Float64Array(size * output);
  for (let j = 0; j < output; j++) {
    const taps = listTaps(rule, locate(rule, j, size, output, scale));
    const isInside = (k: number): boolean => k >= 0 && k < size;
    const used = rule.excludesOutside ? taps.filter(([k]) => isInside(k)) : taps;
    const total = rule.excludesOutside ? used.reduce((sum, [, weight]) => sum + weight, 0) : 1;
    for (const [k, weight] of used) {
      matrix[Math.min(Math.max(k, 0), size - 1) * output + j] += weight / total;
    }
  }
  return matrix;
}

/** Multiplies along one axis. */
function multiplyAxis(x: Tensor, axis: number, matrix: Float64Array, output: number): Tensor {
  const rank = x.shape.length;
  const order = x.shape.map((_, k) => k).filter((k) => k !== axis);
  order.push(axis);
  const isLast = axis === rank - 1;
  const moved = isLast ? x : transpose(x, order);
  const size = x.shape[axis];
  const rows = countElements(moved.shape) / size;
  const product = matmul(reshape(moved, [rows, size]), createConstant(matrix, [size, output]));
  const shaped = reshape(product, [...moved.shape.slice(0, -1), output]);
  return isLast
    ? shaped
    : transpose(
        shaped,
        order.map((_, k) => order.indexOf(k)),
      );
}

/** Repeats every entry of an axis. */
function repeatAxis(x: Tensor, axis: number, factor: number): Tensor {
  const [lead, rest] = [x.shape.slice(0, axis + 1), x.shape.slice(axis + 1)];
  const wide = expand(reshape(x, [...lead, 1, ...rest]), [...lead, factor, ...rest]);
  return reshape(
    wide,
    x.shape.map((size, k) => (k === axis ? size * factor : size)),
  );
}

/** True where nearest resizing by a whole factor repeats pixels. */
function isRepetition(rule: ResizeRule, factor: number): boolean {
  if (rule.mode !== "nearest" || !Number.isInteger(factor) || factor < 1) return false;
  if (rule.coordinates === "asymmetric") return rule.nearest === "floor";
  return rule.coordinates !== "align_corners" && rule.nearest.startsWith("round");
}

function readRule(call: ImportCall): ResizeRule {
  const isOld = call.opset < 11;
  const mode = call.text("mode", "nearest");
  const rule: ResizeRule = {
    mode: mode === "bilinear" || mode === "trilinear" ? "linear" : mode,
    coordinates: isOld ? "asymmetric" : call.text("coordinate_transformation_mode", "half_pixel"),
    nearest: isOld ? "floor" : call.text("nearest_mode", "round_prefer_floor"),
    cubicA: call.float("cubic_coeff_a", -0.75),
    excludesOutside: call.int("exclude_outside", 0) !== 0,
  };
  if (!["nearest", "linear", "cubic"].includes(rule.mode)) call.fail(`mode "${mode}"`);
  if (!COORDINATES.includes(rule.coordinates)) {
    call.fail(`coordinate_transformation_mode "${rule.coordinates}"`);
  }
  return rule;
}

/** Factors and output sizes of every axis. */
function readScales(call: ImportCall, shape: readonly number[]): { scales: number[]; sizes: number[] } {
  const index = call.node.operator === "Upsample" || call.opset < 11 ? 1 : 2;
  const fromInput = call.has(index) ? [...call.known(index).values] : undefined;
  const stated = fromInput ?? call.floats("scales");
  if (stated !== undefined && stated.length > 0) {
    const scales = [...call.list("scales", stated, shape.length)];
    return { scales, sizes: shape.map((size, k) => Math.floor(size * scales[k])) };
  }
  const sizes = [...call.list("sizes", call.wholes(3), shape.length)];
  return { sizes, scales: sizes.map((size, k) => size / shape[k]) };
}

const importResize: Importer = (call) => {
  const x = call.tensor(0);
  const rule = readRule(call);
  const { scales, sizes } = readScales(call, x.shape);
  if (sizes.some((size) => !(size >= 1))) call.fail(`output ${formatShape(sizes)}`);
  call.checkSize(sizes);
  return scales.reduce((resized, scale, axis) => {
    const [size, output] = [x.shape[axis], sizes[axis]];
    if (size === output && scale === 1) return resized;
    if (isRepetition(rule, scale)) return repeatAxis(resized, axis, scale);
    call.checkSize([size, output], LARGEST_KNOWN);
    return multiplyAxis(resized, axis, createMatrix(rule, size, output, scale), output);
  }, x);
};

/** Importers of resizing. */
export const resizeImporters: Readonly<Record<string, Importer>> = {
  Resize: importResize,
  Upsample: importResize,
};
