/**
 * Importers of ONNX operators that move, cut, join and pad values, with what only exists at import: shapes, constants,
 * casts. Meaning: the ONNX operator reference, opsets 7 to 17. Shapes are static here, so shape arithmetic becomes numbers.
 * Not here: arithmetic (onnx-arithmetic.ts), layers (onnx-layers.ts), resizing (onnx-resize.ts).
 */
import { formatShape } from "../errors.ts";
import { flip } from "../operators/reflection.ts";
import {
  broadcastShapes,
  computeBroadcastStrides,
  concat,
  expand,
  forEachStrided,
  pad,
  reshape,
  slice,
  transpose,
} from "../operators/structure.ts";
import { countElements, createConstant, type Tensor } from "../tensor.ts";
import {
  createStatic,
  type ImportCall,
  type Importer,
  isStatic,
  LARGEST_KNOWN,
  toTensor,
  type Value,
} from "./onnx-call.ts";
import { isFractionalType, type StaticValue } from "./onnx-model.ts";

/** The part of one axis from `start` to `end`. */
export function sliceAxis(input: Tensor, axis: number, start: number, end: number): Tensor {
  if (start === 0 && end === input.shape[axis]) return input;
  return slice(input, {
    starts: input.shape.map((_, k) => (k === axis ? start : 0)),
    ends: input.shape.map((size, k) => (k === axis ? end : size)),
  });
}

/** Every `step`-th entry of an axis, from the first. */
export function strideAxis(input: Tensor, axis: number, step: number): Tensor {
  const size = input.shape[axis];
  if (step === 1 || size === 1) return input;
  const count = Math.ceil(size / step);
  const whole = input.shape.map((length, k) => (k === axis ? count * step : length));
  const padded = pad(input, {
    before: whole.map(() => 0),
    after: whole.map((length, k) => length - input.shape[k]),
  });
  const cells = reshape(padded, [...whole.slice(0, axis), count, step, ...whole.slice(axis + 1)]);
  return reshape(
    sliceAxis(cells, axis + 1, 0, 1),
    whole.map((length, k) => (k === axis ? count : length)),
  );
}

/** Surrounds a tensor with a value; negative amounts cut. */
export function frameConstant(
  input: Tensor,
  before: readonly number[],
  after: readonly number[],
  value: number,
): Tensor {
  let cut = input;
  input.shape.forEach((_, axis) => {
    const start = Math.max(0, -before[axis]);
    cut = sliceAxis(cut, axis, start, cut.shape[axis] - Math.max(0, -after[axis]));
  });
  const lead = before.map((amount) => Math.max(0, amount));
  const trail = after.map((amount) => Math.max(0, amount));
  if (value === 0) return pad(cut, { before: lead, after: trail });
  return lead.reduce((framed, amount, axis) => {
    const side = (length: number): readonly Tensor[] =>
      length === 0
        ? []
        : [
            expand(
              createConstant(value),
              framed.shape.map((size, k) => (k === axis ? length : size)),
            ),
          ];
    return concat([...side(amount), framed, ...side(trail[axis])], { axis });
  }, cut);
}

function mirrorAxis(input: Tensor, axis: number, before: number, after: number): Tensor {
  const size = input.shape[axis];
  const parts: Tensor[] = [input];
  if (before > 0) parts.unshift(flip(sliceAxis(input, axis, 1, 1 + before), { axes: [axis] }));
  if (after > 0) parts.push(flip(sliceAxis(input, axis, size - 1 - after, size - 1), { axes: [axis] }));
  return concat(parts, { axis });
}

function repeatBorder(input: Tensor, axis: number, before: number, after: number): Tensor {
  const size = input.shape[axis];
  const repeat = (start: number, count: number): readonly Tensor[] => {
    if (count === 0) return [];
    const border = sliceAxis(input, axis, start, start + 1);
    return [
      expand(
        border,
        border.shape.map((length, k) => (k === axis ? count : length)),
      ),
    ];
  };
  return concat([...repeat(0, before), input, ...repeat(size - 1, after)], { axis });
}

const importPad: Importer = (call) => {
  const input = call.tensor(0);
  const rank = input.shape.length;
  const pads = call.opset >= 11 ? call.wholes(1) : (call.ints("pads") ?? call.fail("it has no pads"));
  call.list("pads", pads, 2 * rank);
  const before = pads.slice(0, rank);
  const after = pads.slice(rank);
  call.checkSize(input.shape.map((size, axis) => size + before[axis] + after[axis]));
  const mode = call.text("mode", "constant");
  if (mode === "constant") {
    const value = call.opset < 11 ? call.float("value", 0) : call.has(2) ? call.known(2).values[0] : 0;
    return frameConstant(input, before, after, value);
  }
  if (pads.some((amount) => amount < 0)) call.fail(`mode "${mode}" with negative pads ${formatShape(pads)}`);
  if (mode !== "reflect" && mode !== "edge") call.fail(`mode "${mode}"`);
  const border = mode === "reflect" ? mirrorAxis : repeatBorder;
  return before.reduce(
    (framed, amount, axis) =>
      amount + after[axis] === 0 ? framed : border(framed, axis, amount, after[axis]),
    input,
  );
};

const importReshape: Importer = (call) => {
  const input = call.tensor(0);
  const wanted = call.wholes(1);
  const copiesZero = call.int("allowzero", 0) === 0;
  const shape = wanted.map((size, k) => (size === 0 && copiesZero ? (input.shape[k] ?? 0) : size));
  const rest = shape.reduce((product, size) => (size === -1 ? product : product * size), 1);
  return reshape(
    input,
    shape.map((size) => (size === -1 ? countElements(input.shape) / rest : size)),
  );
};

const importFlatten: Importer = (call) => {
  const input = call.tensor(0);
  const rank = input.shape.length;
  const stated = call.int("axis", 1);
  const axis = stated === rank ? rank : call.axis(stated, rank);
  const lead = countElements(input.shape.slice(0, axis));
  return reshape(input, [lead, countElements(input.shape) / lead]);
};

const importTranspose: Importer = (call) => {
  const input = call.tensor(0);
  const axes = call.ints("perm") ?? input.shape.map((_, k) => input.shape.length - 1 - k);
  return axes.every((axis, k) => axis === k) && axes.length === input.shape.length
    ? input
    : transpose(input, axes);
};

const importSqueeze: Importer = (call) => {
  const input = call.tensor(0);
  const axes = call.axes(1, input.shape.length);
  const dropped = axes ?? input.shape.flatMap((size, k) => (size === 1 ? [k] : []));
  return reshape(
    input,
    input.shape.filter((_, k) => !dropped.includes(k)),
  );
};

const importUnsqueeze: Importer = (call) => {
  const input = call.tensor(0);
  const count = call.has(1) ? call.wholes(1).length : (call.ints("axes")?.length ?? 0);
  const rank = input.shape.length + count;
  const axes = call.axes(1, rank) ?? call.fail("it has no axes");
  let next = 0;
  const shape = Array.from({ length: rank }, (_, k) => (axes.includes(k) ? 1 : (input.shape[next++] ?? 0)));
  return reshape(input, shape);
};

const importSlice: Importer = (call) => {
  const input = call.tensor(0);
  const rank = input.shape.length;
  const isOld = call.opset < 10;
  const starts = isOld ? (call.ints("starts") ?? []) : call.wholes(1);
  const ends = isOld ? (call.ints("ends") ?? []) : call.wholes(2);
  const axes = (isOld ? call.axes(-1, rank) : call.axes(3, rank)) ?? starts.map((_, k) => k);
  const steps = !isOld && call.has(4) ? call.wholes(4) : starts.map(() => 1);
  for (const [what, list] of Object.entries({ ends, axes, steps })) call.list(what, list, starts.length);
  return axes.reduce((cut, axis, k) => {
    const size = cut.shape[axis];
    const step = steps[k];
    if (step === 0) call.fail("a step of 0");
    const place = (position: number): number => (position < 0 ? position + size : position);
    if (step > 0) {
      const start = Math.min(Math.max(place(starts[k]), 0), size);
      const end = Math.min(Math.max(place(ends[k]), 0), size);
      return strideAxis(sliceAxis(cut, axis, start, end), axis, step);
    }
    // Backwards from `last` to above `first`.
    const last = Math.min(Math.max(place(starts[k]), -1), size - 1);
    const first = Math.min(Math.max(place(ends[k]), -1), size - 1) + 1;
    return strideAxis(flip(sliceAxis(cut, axis, first, last + 1), { axes: [axis] }), axis, -step);
  }, input);
};

const importConcat: Importer = (call) => {
  const values = call.inputs.filter((value) => value !== null);
  // Empty lists occur in shape arithmetic.
  const filled = values.filter((value) => countElements(value.shape) > 0).map(toTensor);
  if (filled.length === 0) return call.value(0);
  return concat(filled, { axis: call.axis(call.int("axis", 1), filled[0].shape.length) });
};

const importSplit: Importer = (call) => {
  const input = call.tensor(0);
  const axis = call.axis(call.int("axis", 0), input.shape.length);
  const count = call.node.outputs.length;
  const size = input.shape[axis];
  const equal = Array.from({ length: count }, (_, k) =>
    Math.min(Math.ceil(size / count), size - k * Math.ceil(size / count)),
  );
  const parts = (call.opset >= 13 && call.has(1) ? call.wholes(1) : call.ints("split")) ?? equal;
  call.list("split", parts, count);
  let start = 0;
  return parts.map((length) => {
    start += length;
    return sliceAxis(input, axis, start - length, start);
  });
};

const importGather: Importer = (call) => {
  const input = call.tensor(0);
  const axis = call.axis(call.int("axis", 0), input.shape.length);
  const indices = call.known(1);
  const picked = call.wholes(1).map((index) => {
    const start = call.axis(index, input.shape[axis]);
    return sliceAxis(input, axis, start, start + 1);
  });
  if (picked.length === 0) call.fail("no indices");
  const joined = concat(picked, { axis });
  return reshape(joined, [...input.shape.slice(0, axis), ...indices.shape, ...input.shape.slice(axis + 1)]);
};

const importExpand: Importer = (call) => {
  const input = call.tensor(0);
  const wanted = call.wholes(1);
  const rank = Math.max(wanted.length, input.shape.length);
  const align = (shape: readonly number[]): number[] => [
    ...new Array<number>(rank - shape.length).fill(1),
    ...shape,
  ];
  const own = align(input.shape);
  const shape = align(wanted).map((size, k) => (size === 1 ? own[k] : size));
  call.checkSize(shape);
  return expand(input, shape);
};

const importTile: Importer = (call) => {
  const input = call.tensor(0);
  const repeats = call.list("repeats", call.wholes(1), input.shape.length);
  call.checkSize(input.shape.map((size, k) => size * repeats[k]));
  call.checkSize(repeats, 1024);
  return repeats.reduce((tiled, count, axis) => {
    if (!(count >= 1)) call.fail(`repeats ${formatShape(repeats)}`);
    return concat(new Array<Tensor>(count).fill(tiled), { axis });
  }, input);
};

/** Pixels of a block into channels and back; `CRD` is PyTorch's pixel shuffle. */
const importDepthToSpace: Importer = (call) => {
  const input = call.tensor(0);
  const block = call.int("blocksize", 0);
  if (input.shape.length !== 4) call.fail(`input ${formatShape(input.shape)} has not four axes`);
  const [n, c, h, w] = input.shape;
  const depth = c / (block * block);
  if (!Number.isInteger(depth)) call.fail(`${c} channels for blocks of ${block}`);
  const isCrd = call.text("mode", "DCR") === "CRD";
  const cells = reshape(input, isCrd ? [n, depth, block, block, h, w] : [n, block, block, depth, h, w]);
  const order = isCrd ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
  return reshape(transpose(cells, order), [n, depth, h * block, w * block]);
};

const importSpaceToDepth: Importer = (call) => {
  const input = call.tensor(0);
  const block = call.int("blocksize", 0);
  if (input.shape.length !== 4) call.fail(`input ${formatShape(input.shape)} has not four axes`);
  const [n, c, h, w] = input.shape;
  const [rows, columns] = [h / block, w / block];
  if (!Number.isInteger(rows) || !Number.isInteger(columns)) {
    call.fail(`input ${formatShape(input.shape)} for blocks of ${block}`);
  }
  const cells = reshape(input, [n, c, rows, block, columns, block]);
  return reshape(transpose(cells, [0, 3, 5, 1, 2, 4]), [n, c * block * block, rows, columns]);
};

const importShape: Importer = (call) => {
  const { shape } = call.value(0);
  const rank = shape.length;
  const place = (position: number): number =>
    Math.min(Math.max(position < 0 ? position + rank : position, 0), rank);
  const part = shape.slice(place(call.int("start", 0)), place(call.int("end", rank)));
  return createStatic(part, [part.length], { isWhole: true });
};

const importConstant: Importer = (call) => {
  const stored = call.stored("value");
  if (stored !== undefined) return stored;
  const { attributes } = call.node;
  const floats = attributes.get("value_floats")?.floats;
  const ints = attributes.get("value_ints")?.ints;
  if (floats !== undefined) return createStatic(floats, [floats.length], { isWhole: false });
  if (ints !== undefined) return createStatic(ints, [ints.length], { isWhole: true });
  if (attributes.has("value_float"))
    return createStatic([call.float("value_float", 0)], [], { isWhole: false });
  if (attributes.has("value_int")) return createStatic([call.int("value_int", 0)], [], { isWhole: true });
  return call.fail("it holds no numbers");
};

const importConstantOfShape: Importer = (call) => {
  const shape = call.wholes(0);
  const fill = call.stored("value");
  call.checkSize(shape, LARGEST_KNOWN);
  if (shape.some((size) => size < 0)) call.fail(`shape ${formatShape(shape)}`);
  const values = new Float64Array(countElements(shape)).fill(fill?.values[0] ?? 0);
  return { kind: "static", isWhole: fill?.isWhole ?? false, shape, values };
};

const importRange: Importer = (call) => {
  const [start, limit, delta] = [0, 1, 2].map((k) => call.known(k).values[0]);
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  call.checkSize([count], LARGEST_KNOWN);
  const { isWhole } = call.known(0);
  return createStatic(
    Array.from({ length: count }, (_, k) => start + k * delta),
    [count],
    { isWhole },
  );
};

const importCast: Importer = (call) => {
  const value = call.value(0);
  const to = call.int("to", 0);
  const isFractional = isFractionalType(to);
  if (!isStatic(value)) {
    return isFractional ? value : call.fail("it turns data into whole numbers; only constants are cast");
  }
  const convert = (x: number): number => (to === 9 ? Number(x !== 0) : isFractional ? x : Math.trunc(x));
  return { kind: "static", isWhole: !isFractional, shape: value.shape, values: value.values.map(convert) };
};

function forEachInteger(call: ImportCall, compute: (x: number) => number): StaticValue {
  const known = call.known(0);
  return { ...known, values: known.values.map(compute) };
}

/** Known values broadcast to a common shape. */
function broadcastKnown(call: ImportCall, count: number): { shape: number[]; lists: Float64Array[] } {
  const known = Array.from({ length: count }, (_, k) => call.known(k));
  const shape = known.reduce<number[]>(
    (joint, value) => broadcastShapes(joint, value.shape, "broadcast"),
    [],
  );
  call.checkSize(shape, LARGEST_KNOWN);
  const lists = known.map((value) => {
    const list = new Float64Array(countElements(shape));
    forEachStrided(shape, computeBroadcastStrides(value.shape, shape), 0, (position, linear) => {
      list[linear] = value.values[position];
    });
    return list;
  });
  return { shape, lists };
}

const importEqual: Importer = (call) => {
  const { shape, lists } = broadcastKnown(call, 2);
  const equal = lists[0].map((value, k) => Number(value === lists[1][k]));
  return { kind: "static", isWhole: true, shape, values: equal };
};

const importWhere: Importer = (call) => {
  const { shape, lists } = broadcastKnown(call, 3);
  const values = lists[0].map((condition, k) => (condition === 0 ? lists[2] : lists[1])[k]);
  return { kind: "static", isWhole: call.known(1).isWhole, shape, values };
};

const keepInput: Importer = (call): Value => call.value(0);

/** Importers whose result is known when all their inputs are; the driver computes it. */
export const structureImporters: Readonly<Record<string, Importer>> = {
  Reshape: importReshape,
  Flatten: importFlatten,
  Transpose: importTranspose,
  Squeeze: importSqueeze,
  Unsqueeze: importUnsqueeze,
  Slice: importSlice,
  Concat: importConcat,
  Split: importSplit,
  Gather: importGather,
  Expand: importExpand,
  Tile: importTile,
  Pad: importPad,
  DepthToSpace: importDepthToSpace,
  SpaceToDepth: importSpaceToDepth,
};

/** Importers that give values as they are, or know them themselves. */
export const valueImporters: Readonly<Record<string, Importer>> = {
  Identity: keepInput,
  Dropout: keepInput,
  Cast: importCast,
  Shape: importShape,
  Size: (call) => createStatic([countElements(call.value(0).shape)], [], { isWhole: true }),
  Constant: importConstant,
  ConstantOfShape: importConstantOfShape,
  Range: importRange,
  Equal: importEqual,
  Where: importWhere,
  Floor: (call) => forEachInteger(call, Math.floor),
  Ceil: (call) => forEachInteger(call, Math.ceil),
};
