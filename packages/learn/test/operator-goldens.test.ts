/** Composite operators, and the tie rules, against PyTorch: outputs and gradients in float64, and on onnxruntime. */
import { readFileSync } from "node:fs";
import {
  add,
  attentionGate,
  averagePool,
  batchNorm,
  channelAttention,
  computeChannelMoments,
  concat,
  countElements,
  createConstant,
  createInput,
  erf,
  evaluateGraph,
  fft2,
  gelu,
  grad,
  groupNorm,
  instanceNorm,
  layerNorm,
  maximum,
  maxPool,
  minimum,
  mul,
  padReflect,
  padReplicate,
  pixelShuffle,
  pixelUnshuffle,
  prelu,
  type Runtime,
  reduceMax,
  reduceSum,
  reshape,
  resizeLinear,
  silu,
  softmax,
  softplus,
  square,
  type Tensor,
  type WindowAttentionOptions,
  windowAttention,
  writeOnnxModel,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { beforeAll, describe, expect, it } from "vitest";

interface Golden {
  readonly shapes: readonly (readonly number[])[];
  readonly roundTo: number | null;
  readonly outputShape: readonly number[];
  readonly output: readonly number[];
  readonly gradients: readonly (readonly number[])[];
}

const goldens: Readonly<Record<string, Golden>> = JSON.parse(
  readFileSync(new URL("golden/operators.json", import.meta.url), "utf8"),
).cases;

function stackSpectrum(x: Tensor, isHalf: boolean): Tensor {
  const { real, imaginary } = fft2(x, { isHalf });
  return concat(
    [real, imaginary].map((part) => reshape(part, [1, ...part.shape])),
    { axis: 0 },
  );
}

function attendWindows(inputs: readonly Tensor[], options: WindowAttentionOptions): Tensor {
  const [x, tokenWeight, tokenBias, outputWeight, outputBias, positionBias] = inputs;
  return windowAttention(x, { tokenWeight, tokenBias, outputWeight, outputBias, positionBias }, options);
}

const apply: Readonly<Record<string, (...inputs: Tensor[]) => Tensor>> = {
  "maxPool ties": (x) => maxPool(x, { size: 2 }),
  "maxPool overlapping ties": (x) => maxPool(x, { size: 3, stride: 2 }),
  "maxPool remainder": (x) => maxPool(x, { size: 2 }),
  "maxPool volume": (x) => maxPool(x, { size: 2 }),
  "averagePool volume": (x) => averagePool(x, { block: [1, 2, 2] }),
  "resizeLinear 2": (x) => resizeLinear(x, { factor: 2 }),
  "resizeLinear half": (x) => resizeLinear(x, { factor: 0.5 }),
  "resizeLinear volume": (x) => resizeLinear(x, { factor: 2 }),
  padReflect: (x) => padReflect(x, { amount: [3, 2] }),
  "padReflect volume": (x) => padReflect(x, { amount: [2, 1, 1] }),
  "padReplicate volume": (x) => padReplicate(x, { amount: [1, 2, 1] }),
  pixelShuffle: (x) => pixelShuffle(x, { factor: 2 }),
  pixelUnshuffle: (x) => pixelUnshuffle(x, { factor: 2 }),
  instanceNorm: (x, scale, bias) => instanceNorm(x, { scale, bias }),
  "instanceNorm volume": (x) => instanceNorm(x),
  groupNorm: (x, scale, bias) => groupNorm(x, { groups: 2, scale, bias }),
  "layerNorm tokens": (x, scale, bias) => layerNorm(x, { axes: [2], scale, bias }),
  "layerNorm channels": (x, scale, bias) => layerNorm(x, { axes: [1], scale, bias }),
  "batchNorm training": (x, scale, bias) => batchNorm(x, { ...computeChannelMoments(x), scale, bias }),
  "batchNorm inference": (x, scale, bias, mean, deviation) => {
    // The golden's gradient stops at the statistics.
    const variance = add(square(deviation), 0.5);
    return batchNorm(x, { scale, bias, mean, variance });
  },
  prelu: (x, slope) => prelu(x, slope),
  gelu: (x) => gelu(mul(x, 3)),
  silu: (x) => silu(mul(x, 3)),
  softplus: (x) => softplus(mul(x, 3)),
  "softmax channels": (x) => softmax(x, { axis: 1 }),
  "maximum ties": (a, b) => maximum(a, b),
  "minimum ties": (a, b) => minimum(a, b),
  "reduceMax ties": (x) => reduceMax(x, { axes: [1, 3] }),
  erf: (x) => erf(mul(x, 3)),
  fft2: (x) => stackSpectrum(x, false),
  rfft2: (x) => stackSpectrum(x, true),
  attentionGate: (x, gate, inputWeight, gateWeight, gateBias, attentionWeight, attentionBias) =>
    attentionGate(x, gate, { inputWeight, gateWeight, gateBias, attentionWeight, attentionBias }).output,
  channelAttention: (x, squeezeWeight, squeezeBias, exciteWeight, exciteBias) =>
    channelAttention(x, { squeezeWeight, squeezeBias, exciteWeight, exciteBias }),
  windowAttention: (...inputs) => attendWindows(inputs, { window: 2, heads: 2 }),
  "windowAttention shifted": (...inputs) => attendWindows(inputs, { window: 2, heads: 2, shift: 1 }),
};

/** Statistics of batch normalisation in inference are data: their gradient is not compared. */
const COMPARED_INPUTS: Readonly<Record<string, number>> = { "batchNorm inference": 3 };

function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

function createWave(shape: readonly number[], frequency: number, phase: number): Float64Array {
  return Float64Array.from({ length: countElements(shape) }, (_, k) => Math.sin(frequency * k + phase));
}

/** Inputs with their values, the output and its gradients. */
function build(name: string) {
  const { shapes, roundTo } = goldens[name];
  const inputs = shapes.map((shape, k) => createInput(`x${k}`, shape));
  const feeds = Object.fromEntries(
    shapes.map((shape, k) => {
      const wave = createWave(shape, 1.3 + 0.4 * k, 0.2 + k);
      return [`x${k}`, roundTo === null ? wave : wave.map((x) => roundHalfToEven(x * roundTo) / roundTo)];
    }),
  );
  const output = apply[name](...inputs);
  const weights = createConstant(createWave(output.shape, 0.7, 0.4), output.shape);
  const gradients = grad(reduceSum(mul(output, weights)), inputs);
  return { inputs, feeds, output, gradients };
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  for (let p = 0; p < expected.length; p++) {
    expect(Math.abs(Number(actual[p]) - expected[p])).toBeLessThan(tolerance * (1 + Math.abs(expected[p])));
  }
}

describe("against PyTorch", () => {
  it("compares every golden", () => {
    expect(Object.keys(apply).toSorted()).toEqual(Object.keys(goldens).toSorted());
  });

  it.each(Object.keys(goldens))("%s: output and gradients", (name) => {
    const { feeds, output, gradients } = build(name);
    const golden = goldens[name];
    expect(output.shape).toEqual(golden.outputShape);
    const [values, ...slopes] = evaluateGraph([output, ...gradients], feeds);
    expectClose(values, golden.output, 1e-9);
    slopes.slice(0, COMPARED_INPUTS[name]).forEach((slope, k) => {
      expectClose(slope, golden.gradients[k], 1e-9);
    });
  });
});

describe("on onnxruntime", () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await createNodeRuntime();
  });

  it.each(
    Object.keys(goldens).flatMap((name) =>
      (["standard", "cpu"] as const).map((dialect) => [name, dialect] as const),
    ),
  )("%s: output and gradients, %s dialect", async (name, dialect) => {
    const { inputs, feeds, output, gradients } = build(name);
    const outputs = Object.fromEntries([output, ...gradients].map((tensor, k) => [`y${k}`, tensor]));
    const session = await runtime.createSession(writeOnnxModel({ inputs, outputs, dialect }));
    const values = Object.fromEntries(
      inputs.map(({ shape }, k) => [
        `x${k}`,
        { dtype: "float32" as const, dims: shape, data: Float32Array.from(feeds[`x${k}`]) },
      ]),
    );
    const results = await session.run(values);
    await session.dispose();
    const expected = [goldens[name].output, ...goldens[name].gradients];
    expected.slice(0, 1 + (COMPARED_INPUTS[name] ?? inputs.length)).forEach((golden, k) => {
      expectClose(results[`y${k}`].data as Float32Array, golden, 3e-5);
    });
  });
});
