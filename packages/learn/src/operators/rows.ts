/** Rows of a table taken by fixed indices, and the adjoint that adds rows up: relative position biases need them. */
import { formatShape, LearnError } from "../errors.ts";
import { type Attributes, applyOperator, countElements, type Operator, type Tensor } from "../tensor.ts";
import { getList } from "./structure.ts";

function checkIndices(table: readonly number[], attributes: Attributes, name: string): void {
  const indices = getList(attributes, "indices");
  if (table.length < 1 || indices.length === 0) {
    throw new LearnError("SHAPE_MISMATCH", `${name}: needs rows and indices, got ${formatShape(table)}`);
  }
  const wrong = indices.find((index) => !(Number.isInteger(index) && index >= 0 && index < table[0]));
  if (wrong !== undefined) {
    throw new LearnError("OUT_OF_RANGE", `${name}: index ${wrong} is no row of ${formatShape(table)}`);
  }
}

const takeRowsOperator: Operator = {
  name: "takeRows",
  summary: "rows (axis 0) at fixed indices",
  inferShape([table], attributes) {
    checkIndices(table, attributes, "takeRows");
    return [getList(attributes, "indices").length, ...table.slice(1)];
  },
  lower(context, [table], { attributes }) {
    const indices = getList(attributes, "indices");
    return context.addNode("Gather", [table, context.addConstant("int64", [indices.length], indices)], {
      axis: { int: 0 },
    });
  },
  pullBack: ({ inputs, attributes, upstream }) => [
    addRows(upstream, { indices: getList(attributes, "indices"), rows: inputs[0].shape[0] }),
  ],
  evaluate([table], { inputShapes, outputShape, attributes }) {
    const width = countElements(inputShapes[0].slice(1));
    const indices = getList(attributes, "indices");
    return Float64Array.from(
      { length: countElements(outputShape) },
      (_, p) => table[indices[Math.floor(p / width)] * width + (p % width)],
    );
  },
  examples: [
    { shapes: [[4, 3]], attributes: { indices: [2, 0, 2, 1, 2] } },
    { shapes: [[3]], attributes: { indices: [1, 1] } },
  ],
};

/** Rows (axis 0) at fixed indices; an index may occur often. @throws LearnError `OUT_OF_RANGE` */
export function takeRows(table: Tensor, options: { indices: readonly number[] }): Tensor {
  return applyOperator(takeRowsOperator, [table], { indices: options.indices });
}

const addRowsOperator: Operator = {
  name: "addRows",
  summary: "adjoint of takeRows: row k is added to row `indices[k]` of a table of zeros",
  inferShape([values], attributes) {
    const indices = getList(attributes, "indices");
    const rows = attributes.rows as number;
    if (values.length < 1 || values[0] !== indices.length) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `addRows: ${formatShape(values)} must have one row for each of the ${indices.length} indices`,
      );
    }
    checkIndices([rows], attributes, "addRows");
    return [rows, ...values.slice(1)];
  },
  lower(context, [values], { inputShapes: [shape], outputShape, attributes }) {
    const indices = getList(attributes, "indices");
    const rows = attributes.rows as number;
    // A product with a selection matrix: runs on every provider, and adds in a fixed order.
    const selection = new Float32Array(rows * indices.length);
    indices.forEach((index, k) => {
      selection[index * indices.length + k] = 1;
    });
    const reshape = (value: string, target: readonly number[]): string =>
      context.addNode("Reshape", [value, context.addConstant("int64", [target.length], target)]);
    const flat = reshape(values, [shape[0], countElements(shape.slice(1))]);
    const matrix = context.addConstant("float32", [rows, indices.length], selection);
    return reshape(context.addNode("MatMul", [matrix, flat]), outputShape);
  },
  pullBack: ({ attributes, upstream }) => [takeRows(upstream, { indices: getList(attributes, "indices") })],
  evaluate([values], { inputShapes, outputShape, attributes }) {
    const width = countElements(inputShapes[0].slice(1));
    const output = new Float64Array(countElements(outputShape));
    getList(attributes, "indices").forEach((index, k) => {
      for (let p = 0; p < width; p++) output[index * width + p] += values[k * width + p];
    });
    return output;
  },
  examples: [{ shapes: [[5, 3]], attributes: { indices: [2, 0, 2, 1, 2], rows: 4 } }],
};

/** Adds row k of `values` to row `indices[k]` of a table of zeros with `rows` rows. */
export function addRows(values: Tensor, options: { indices: readonly number[]; rows: number }): Tensor {
  return applyOperator(addRowsOperator, [values], { indices: options.indices, rows: options.rows });
}

/** Entries of the operator table. */
export const rowOperators: readonly Operator[] = [takeRowsOperator, addRowsOperator];
