/**
 * Element-wise functions beyond arithmetic: erf, sin, cos and powers. Derivatives are written with `arithmetic.ts`.
 */
import { applyOperator, type Operator, type Tensor } from "../tensor.ts";
import { defineUnary, exp, mul, neg, square } from "./arithmetic.ts";

const TWO_OVER_ROOT_PI = 2 / Math.sqrt(Math.PI);

/**
 * The error function in float64: below |x| = 3 the series 2/√π·e^(−x²)·Σ 2ⁿx^(2n+1)/(2n+1)!! (DLMF 7.6.2), above it the
 * continued fraction of erfc (DLMF 7.9.2). Relative error below 10⁻¹⁴.
 */
export function computeErf(x: number): number {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  const gauss = Math.exp(-size * size);
  if (size > 3) {
    let tail = size;
    for (let k = 60; k >= 1; k--) tail = size + k / 2 / tail;
    return Math.sign(x) * (1 - gauss / (Math.sqrt(Math.PI) * tail));
  }
  let term = size;
  let sum = size;
  for (let n = 1; term > 1e-17 * sum; n++) {
    term *= (2 * size * size) / (2 * n + 1);
    sum += term;
  }
  return Math.sign(x) * TWO_OVER_ROOT_PI * gauss * sum;
}

const erfOperator: Operator = defineUnary({
  name: "erf",
  summary: "error function, 2/√π·∫₀ˣ e^(−t²) dt",
  lower: (context, inputs) => context.addNode("Erf", inputs),
  compute: computeErf,
  pullBack: (x, _y, g) => mul(g, mul(exp(neg(square(x))), TWO_OVER_ROOT_PI)),
  example: { range: [-4, 4] },
});
/** Error function, 2/√π·∫₀ˣ e^(−t²) dt. */
export function erf(x: Tensor): Tensor {
  return applyOperator(erfOperator, [x]);
}

const sinOperator: Operator = defineUnary({
  name: "sin",
  summary: "sin x, radians",
  lower: (context, inputs) => context.addNode("Sin", inputs),
  compute: Math.sin,
  pullBack: (x, _y, g) => mul(g, cos(x)),
  example: { range: [-4, 4] },
});
/** sin x, radians. */
export function sin(x: Tensor): Tensor {
  return applyOperator(sinOperator, [x]);
}

const cosOperator: Operator = defineUnary({
  name: "cos",
  summary: "cos x, radians",
  lower: (context, inputs) => context.addNode("Cos", inputs),
  compute: Math.cos,
  pullBack: (x, _y, g) => neg(mul(g, sin(x))),
  example: { range: [-4, 4] },
});
/** cos x, radians. */
export function cos(x: Tensor): Tensor {
  return applyOperator(cosOperator, [x]);
}

const powOperator: Operator = defineUnary({
  name: "pow",
  summary: "x to a fixed power; for x > 0 (providers differ on negative bases)",
  lower: (context, [input], { attributes }) =>
    context.addNode("Pow", [input, context.addConstant("float32", [], [attributes.exponent as number])]),
  compute: (x, attributes) => x ** (attributes.exponent as number),
  pullBack(x, _y, g, attributes) {
    const exponent = attributes.exponent as number;
    return mul(g, mul(pow(x, exponent - 1), exponent));
  },
  example: { range: [0.2, 2], attributes: { exponent: 1.7 } },
});
/** x to a fixed power, for x > 0. Whole powers of either sign of x are products: use `square` and `mul`. */
export function pow(x: Tensor, exponent: number): Tensor {
  return exponent === 1 ? x : applyOperator(powOperator, [x], { exponent });
}

/** Element-wise functions. Entries of the operator table. */
export const specialFunctionOperators: readonly Operator[] = [
  erfOperator,
  sinOperator,
  cosOperator,
  powOperator,
];
