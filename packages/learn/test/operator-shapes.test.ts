/** Every operator of the table on shapes it was not made for: accepted with a whole shape, or refused by name. */
import { LearnError, type Operator, operators } from "@alara/learn";
import { describe, expect, it } from "vitest";
import { formatShape } from "../src/errors.ts";

type Shapes = readonly (readonly number[])[];

/** Shapes near the given ones: every size one more or less, an axis added or dropped, all axes dropped. */
function listNeighbours(shapes: Shapes): { shapes: Shapes; changed: number; isSizeOnly: boolean }[] {
  return shapes.flatMap((shape, changed) => {
    const resized = shape.flatMap((size, axis) =>
      [size + 1, size - 1, size + 7].filter((value) => value >= 1).map((value) => shape.with(axis, value)),
    );
    const reshaped = [[...shape, 2], [2, ...shape], shape.slice(1), shape.slice(0, -1), []];
    const put = (other: readonly number[], isSizeOnly: boolean) => ({
      shapes: shapes.with(changed, other),
      changed,
      isSizeOnly,
    });
    return [...resized.map((other) => put(other, true)), ...reshaped.map((other) => put(other, false))];
  });
}

/** The refusal of a call, or null; anything thrown but a LearnError fails. */
function refuse(operator: Operator, shapes: Shapes, attributes = {}): LearnError | null {
  try {
    const shape = operator.inferShape(shapes, attributes);
    expect(
      shape.every((size) => Number.isInteger(size) && size >= 1),
      `${operator.name} ${JSON.stringify(shapes)} gave ${formatShape(shape)}`,
    ).toBe(true);
    return null;
  } catch (error) {
    if (error instanceof LearnError) return error;
    throw error;
  }
}

describe("shapes", () => {
  it.each([...operators.entries()].map(([name, operator]) => [name, operator] as const))(
    "%s refuses shapes that do not fit, naming them",
    (_, operator) => {
      const refused = new Set<number>();
      for (const example of operator.examples) {
        expect(refuse(operator, example.shapes, example.attributes)).toBeNull();
        for (const { shapes, changed, isSizeOnly } of listNeighbours(example.shapes)) {
          const error = refuse(operator, shapes, example.attributes);
          if (error === null) continue;
          refused.add(changed);
          const label = `${operator.name} ${JSON.stringify(shapes)}: ${error.message}`;
          expect(["SHAPE_MISMATCH", "OUT_OF_RANGE"], label).toContain(error.code);
          expect(error.message, label).toMatch(/^\w+: /);
          // a wrong rank concerns one tensor; sizes that disagree concern two, or a tensor and a window
          const named = shapes.filter((shape) =>
            [shape, shape.slice(2)].some((part) => error.message.includes(formatShape(part))),
          );
          expect(named.length, label).toBeGreaterThan(0);
          const lists = error.message.match(/\[[\d., ·]*\]/g) ?? [];
          if (isSizeOnly && shapes.length > 1) expect(lists.length, label).toBeGreaterThan(1);
        }
      }
      const count = Math.max(...operator.examples.map(({ shapes }) => shapes.length));
      if (count > 1) expect(refused.size, `${operator.name} refuses nothing`).toBeGreaterThan(0);
    },
  );
});
