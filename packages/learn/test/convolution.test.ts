/** Convolution and transposed convolution against PyTorch: values, gradients, second derivatives; and their errors. */
import fs from "node:fs";
import {
  type ConvolutionOptions,
  type ConvTransposeOptions,
  conv2d,
  conv3d,
  convTranspose2d,
  convTranspose3d,
  countElements,
  createInput,
  evaluateGraph,
  grad,
  reduceSum,
  square,
  type Tensor,
} from "@alara/learn";
import { describe, expect, it } from "vitest";

interface GoldenCase {
  readonly kind: "conv2d" | "conv3d" | "convTranspose2d" | "convTranspose3d";
  readonly input: readonly number[];
  readonly weight: readonly number[];
  readonly bias: readonly number[] | null;
  readonly options: ConvolutionOptions & ConvTransposeOptions;
  readonly shape: readonly number[];
  readonly output: readonly number[];
  readonly inputGradient: readonly number[];
  readonly weightGradient: readonly number[];
  readonly penaltyGradient: readonly number[];
}

const golden = JSON.parse(fs.readFileSync(new URL("./golden/convolution.json", import.meta.url), "utf8")) as {
  readonly cases: readonly GoldenCase[];
};

const functions = { conv2d, conv3d, convTranspose2d, convTranspose3d };

function makeWave(
  shape: readonly number[],
  frequency: number,
  phase: number,
  amplitude: number,
): Float64Array {
  return Float64Array.from(
    { length: countElements(shape) },
    (_, k) => amplitude * Math.sin(frequency * k + phase),
  );
}

function expectClose(values: Float64Array, expected: readonly number[]): void {
  expect(values).toHaveLength(expected.length);
  values.forEach((value, k) => {
    expect(Math.abs(value - expected[k])).toBeLessThan(1e-9 * (1 + Math.abs(expected[k])));
  });
}

describe("convolution as PyTorch computes it", () => {
  it.each(golden.cases.map((item) => [`${item.kind} ${JSON.stringify(item.options)}`, item] as const))(
    "%s",
    (_, item) => {
      const [x, w] = [createInput("x", item.input), createInput("w", item.weight)];
      const bias = item.bias === null ? undefined : createInput("b", item.bias);
      const output: Tensor = functions[item.kind](x, w, {
        ...item.options,
        ...(bias === undefined ? {} : { bias }),
      });
      expect(output.shape).toEqual(item.shape);
      const [gx, gw] = grad(reduceSum(square(output)), [x, w]);
      const [hw] = grad(reduceSum(square(gx)), [w]);
      const values = evaluateGraph([output, gx, gw, hw], {
        x: makeWave(item.input, 0.9, 0.1, 1),
        w: makeWave(item.weight, 1.7, 0.4, 0.5),
        ...(item.bias === null ? {} : { b: makeWave(item.bias, 2.3, 0.2, 0.3) }),
      });
      expectClose(values[0], item.output);
      expectClose(values[1], item.inputGradient);
      expectClose(values[2], item.weightGradient);
      expectClose(values[3], item.penaltyGradient);
    },
  );
});

describe("convolution refuses", () => {
  const image = createInput("x", [1, 4, 8, 8]);
  const weight = createInput("w", [6, 4, 3, 3]);
  it.each([
    [
      "a channel count",
      () => conv2d(image, weight, { groups: 2 }),
      /\[1, 4, 8, 8\].*\[6, 4, 3, 3\].*2 groups/,
    ],
    ["a volume", () => conv2d(createInput("v", [1, 4, 8, 8, 8]), weight), /\[1, 4, 8, 8, 8\]/],
    ["an image", () => conv3d(image, createInput("w", [6, 4, 3, 3, 3])), /\[1, 4, 8, 8\]/],
    ["strides of another rank", () => conv2d(image, weight, { stride: [1, 1, 1] }), /\[1, 1, 1\].*\[3, 3\]/],
    [
      "a kernel larger than the image",
      () => conv2d(image, weight, { dilation: 5, padding: 0 }),
      /\[1, 4, 8, 8\].*\[6, 4, 3, 3\]/,
    ],
    ["transposed channels", () => convTranspose2d(image, weight), /\[1, 4, 8, 8\].*\[6, 4, 3, 3\]/],
    [
      "a transposed bias",
      () => convTranspose2d(image, createInput("w", [4, 3, 2, 2]), { bias: createInput("b", [2]) }),
      /\[2\] must be \[3\]/,
    ],
  ])("%s", (_, build, message) => {
    expect(build).toThrow(
      expect.objectContaining({ code: "SHAPE_MISMATCH", message: expect.stringMatching(message) }),
    );
  });

  it.each([
    ["a stride of 0", () => conv2d(image, weight, { stride: 0 })],
    ["half a pixel of padding", () => conv2d(image, weight, { padding: 0.5 })],
    [
      "output padding of a stride",
      () => convTranspose2d(image, createInput("w", [4, 3, 2, 2]), { outputPadding: 1 }),
    ],
  ])("%s", (_, build) => {
    expect(build).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
  });
});
