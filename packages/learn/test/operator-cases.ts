/** Cases of the operator table as graphs with values: what the table-driven suites run over. */
import { createRandom, type Random } from "@alara/core";
import {
  add,
  countElements,
  createConstant,
  createInput,
  grad,
  mul,
  type Operator,
  type OperatorExample,
  operators,
  reduceSum,
  type Tensor,
} from "@alara/learn";
import { applyOperator } from "../src/tensor.ts";

/** One operator call with concrete input values. */
export interface OperatorCase {
  readonly title: string;
  readonly operator: Operator;
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  readonly feeds: Readonly<Record<string, Float64Array>>;
  readonly stopsGradient: boolean;
}

function drawValues(example: OperatorExample, length: number, random: Random): Float64Array {
  const [low, high] = example.range ?? [-1, 1];
  const gap = example.awayFromZero ?? 0;
  const values = Float64Array.from({ length }, () => {
    const x = low + (high - low) * random.nextUniform();
    return Math.abs(x) < gap ? (x < 0 ? x - gap : x + gap) : x;
  });
  // float32 values, so that every runtime starts from the same numbers
  return Float64Array.from(values, Math.fround);
}

/** Every example of every operator. */
export function listOperatorCases(): OperatorCase[] {
  const cases: OperatorCase[] = [];
  for (const [name, operator] of operators.entries()) {
    operator.examples.forEach((example, n) => {
      const random = createRandom(17).derive(`${name} ${n}`);
      const inputs = example.shapes.map((shape, k) => createInput(`x${k}`, shape));
      const feeds = Object.fromEntries(
        inputs.map((input, k) => [`x${k}`, drawValues(example, countElements(input.shape), random)]),
      );
      cases.push({
        title: `${name} ${JSON.stringify(example.shapes)} ${JSON.stringify(example.attributes ?? {})}`,
        operator,
        inputs,
        output: applyOperator(operator, inputs, example.attributes),
        feeds,
        stopsGradient: example.stopsGradient ?? false,
      });
    });
  }
  return cases;
}

/** Random weights that turn a tensor into a scalar: Σ r·t. */
export function projectRandomly(tensor: Tensor, label: string): Tensor {
  const random = createRandom(5).derive(label);
  const weights = Float64Array.from(
    { length: countElements(tensor.shape) },
    () => random.nextUniform() - 0.5,
  );
  return reduceSum(mul(tensor, createConstant(weights, tensor.shape)));
}

/** Scalar of first order (Σ r·output) and of second order (Σ over inputs of Σ r·gradient). */
export function createScalars(item: OperatorCase): { first: Tensor; second: Tensor } {
  const first = projectRandomly(item.output, "output");
  const parts = grad(first, item.inputs).map((gradient, k) => projectRandomly(gradient, `gradient ${k}`));
  return { first, second: parts.reduce((sum, part) => add(sum, part)) };
}
