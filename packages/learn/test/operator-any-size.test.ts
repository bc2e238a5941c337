/** Blocks of networks in one inference model for any batch and image size, run at sizes that were not traced. */
import {
  add,
  attentionGate,
  averagePool,
  batchNorm,
  channelAttention,
  createConstant,
  createInput,
  depthToSpace,
  enlargeNearest,
  evaluateGraph,
  gelu,
  groupNorm,
  instanceNorm,
  layerNorm,
  maxPool,
  mul,
  padReflect,
  padReplicate,
  pixelShuffle,
  pixelUnshuffle,
  prelu,
  type Runtime,
  reduceMax,
  reduceMean,
  resizeLinear,
  silu,
  softmax,
  softplus,
  spaceToDepth,
  type Tensor,
  windowAttention,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { beforeAll, describe, expect, it } from "vitest";
import { writeAnySizeModel } from "../src/onnx/any-size.ts";

const CHANNELS = 4;

function wave(shape: readonly number[], phase: number): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return createConstant(
    Float64Array.from({ length: count }, (_, k) => Math.sin(1.7 * k + phase)),
    shape,
  );
}

const scale = wave([CHANNELS], 0.3);
const bias = wave([CHANNELS], 0.8);
const gate = {
  inputWeight: wave([3, CHANNELS, 1, 1], 0.1),
  gateWeight: wave([3, CHANNELS, 1, 1], 0.2),
  gateBias: wave([3], 0.3),
  attentionWeight: wave([1, 3, 1, 1], 0.4),
  attentionBias: wave([1], 0.5),
};
const excitation = { squeezeWeight: wave([2, CHANNELS], 0.1), exciteWeight: wave([CHANNELS, 2], 0.2) };
const attention = {
  tokenWeight: wave([3 * CHANNELS, CHANNELS, 1, 1], 0.6),
  outputWeight: wave([CHANNELS, CHANNELS, 1, 1], 0.7),
  positionBias: wave([9, 2], 0.9),
};

const flat: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  instanceNorm: (x) => instanceNorm(x, { scale, bias }),
  groupNorm: (x) => groupNorm(x, { groups: 2, scale, bias }),
  layerNorm: (x) => layerNorm(x, { axes: [1], scale, bias }),
  batchNorm: (x) => batchNorm(x, { scale, bias, mean: bias, variance: createConstant([1, 2, 3, 4], [4]) }),
  pooling: (x) => enlargeNearest(add(maxPool(x, { size: 2 }), averagePool(x, { block: 2 })), { block: 2 }),
  resizeLinear: (x) => resizeLinear(resizeLinear(x, { factor: 2 }), { factor: 0.5 }),
  padding: (x) => maxPool(padReplicate(padReflect(x, { amount: 1 }), { amount: 1 }), { size: 5, stride: 1 }),
  pixelShuffle: (x) => pixelShuffle(gelu(pixelUnshuffle(x, { factor: 2 })), { factor: 2 }),
  spaceToDepth: (x) => depthToSpace(silu(spaceToDepth(x, { block: 2 })), { block: 2 }),
  softmax: (x) => softplus(softmax(prelu(x, scale), { axis: 1 })),
  reductions: (x) =>
    mul(x, add(reduceMean(x, { axes: [2, 3], keepDims: true }), reduceMax(x, { axes: [1], keepDims: true }))),
  channelAttention: (x) => channelAttention(x, excitation),
  attentionGate: (x) => attentionGate(x, averagePool(x, { block: 2 }), gate).output,
  windowAttention: (x) => windowAttention(x, attention, { window: 2, heads: 2 }),
  "windowAttention shifted": (x) => windowAttention(x, attention, { window: 2, heads: 2, shift: 1 }),
};

const solid: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  instanceNorm: (x) => instanceNorm(x, { scale, bias }),
  groupNorm: (x) => groupNorm(x, { groups: 2, scale, bias }),
  pooling: (x) => enlargeNearest(add(maxPool(x, { size: 2 }), averagePool(x, { block: 2 })), { block: 2 }),
  resizeLinear: (x) => resizeLinear(averagePool(x, { block: 2 }), { factor: 2 }),
  padding: (x) => maxPool(padReplicate(padReflect(x, { amount: 1 }), { amount: 1 }), { size: 5, stride: 1 }),
  pixelShuffle: (x) => pixelShuffle(gelu(pixelUnshuffle(x, { factor: 2 })), { factor: 2 }),
  spaceToDepth: (x) => depthToSpace(silu(spaceToDepth(x, { block: 2 })), { block: 2 }),
  channelAttention: (x) => channelAttention(x, excitation),
};

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime();
});

async function expectAnySize(apply: (x: Tensor) => Tensor, shape: readonly number[]): Promise<void> {
  const axes = ["batch", CHANNELS, ...(shape.length === 5 ? ["slices"] : []), "height", "width"];
  const model = writeAnySizeModel({
    trace(traced) {
      const input = createInput("x", traced);
      return { input, output: apply(input) };
    },
    inputName: "x",
    outputName: "y",
    inputAxes: axes,
    outputAxes: axes,
    sizes: { batch: [2, 3, 5], slices: [12, 14, 22], height: [4, 6, 16], width: [8, 10, 18] },
    weights: new Map(),
    metadata: {},
  });
  const session = await runtime.createSession(model);
  const input = createInput("x", shape);
  const output = apply(input);
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length: count }, (_, k) => Math.sin(0.9 * k + 0.1));
  const { y } = await session.run({ x: { dtype: "float32", dims: shape, data: values } });
  await session.dispose();
  expect(y.dims).toEqual(output.shape);
  const [expected] = evaluateGraph([output], { x: values });
  for (let p = 0; p < expected.length; p++) {
    expect(Math.abs(Number(y.data[p]) - expected[p])).toBeLessThan(2e-5 * (1 + Math.abs(expected[p])));
  }
}

describe("one model for any size", () => {
  it.each(Object.keys(flat))("%s, images", async (name) => {
    await expectAnySize(flat[name], [1, CHANNELS, 12, 6]);
    await expectAnySize(flat[name], [4, CHANNELS, 8, 20]);
  });

  it.each(Object.keys(solid))("%s, volumes", async (name) => {
    await expectAnySize(solid[name], [1, CHANNELS, 4, 12, 6]);
  });
});
