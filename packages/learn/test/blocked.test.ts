/** The blocked layout: graphs mean the same before and after, in float64 and on onnxruntime. */
import { createRandom } from "@alara/core";
import {
  averagePool,
  blockChannels,
  concat,
  conv2d,
  conv3d,
  countElements,
  createInput,
  enlargeNearest,
  evaluateGraph,
  grad,
  maxPool,
  mul,
  probeChannelBlock,
  reduceMean,
  relu,
  sortGraph,
  square,
  type Tensor,
  writeOnnxModel,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { describe, expect, it } from "vitest";

interface Case {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** A small U-Net-like graph with its gradients: every kind of operator that the pass knows, and some that it does not. */
function buildCase(axes: 2 | 3, block: number): Case {
  const sizes = axes === 2 ? [4, 6] : [4, 2, 6];
  const taps = axes === 2 ? [3, 3] : [3, 3, 3];
  const x = createInput("x", [2, 1, ...sizes]);
  const shapes = {
    w0: [block, 1, ...taps],
    b0: [block],
    w1: [2 * block, block, ...taps],
    b1: [2 * block],
    w2: [block, 3 * block, ...taps],
    w3: [1, block, ...taps.map(() => 1)],
    w4: [3, block, ...taps],
  };
  const inputs = Object.entries(shapes).map(([name, shape]) => createInput(name, shape));
  const [w0, b0, w1, b1, w2, w3, w4] = inputs;
  const convolve = axes === 2 ? conv2d : conv3d;
  const first = relu(convolve(x, w0, { bias: b0 }));
  const low = relu(convolve(maxPool(first, { size: 2 }), w1, { bias: b1 }));
  const raised = enlargeNearest(low, { block: 2 });
  const joined = convolve(concat([first, raised], { axis: 1 }), w2);
  const head = convolve(relu(joined), w3);
  const side = convolve(averagePool(first, { block: 2 }), w4, { padding: taps.map(() => 2) });
  const loss = reduceMean(square(mul(head, 0.5)));
  const total = [loss, reduceMean(square(side))];
  const gradients = total.flatMap((value) => grad(value, inputs));
  return { inputs: [x, ...inputs], outputs: [head, side, ...gradients] };
}

function drawFeeds(inputs: readonly Tensor[]): Record<string, Float64Array> {
  const random = createRandom(3);
  return Object.fromEntries(
    inputs.map((input) => {
      const { producer, shape } = input;
      if (producer.kind !== "input") throw new Error("not an input");
      const values = Float64Array.from({ length: countElements(shape) }, () =>
        Math.fround(random.nextNormal() * 0.3),
      );
      return [producer.name, values];
    }),
  );
}

function countOperators(outputs: readonly Tensor[], name: string): number {
  return sortGraph(outputs).filter(
    ({ producer }) => producer.kind === "operator" && producer.operator.name === name,
  ).length;
}

const runtime = await createNodeRuntime();
const block = await probeChannelBlock(runtime);

describe.each([2, 3] as const)("blocked layout in %i axes", (axes) => {
  it("does not change a graph's values", () => {
    const { inputs, outputs } = buildCase(axes, 4);
    const blocked = blockChannels(outputs, { block: 4 });
    expect(countOperators(blocked, "convolveBlocked")).toBeGreaterThan(4);
    expect(countOperators(blocked, "blockedWeightGradient")).toBeGreaterThan(3);
    const feeds = drawFeeds(inputs);
    const expected = evaluateGraph(outputs, feeds);
    evaluateGraph(blocked, feeds).forEach((values, k) => {
      expect(blocked[k].shape).toEqual(outputs[k].shape);
      for (let p = 0; p < values.length; p++) expect(values[p]).toBeCloseTo(expected[k][p], 11);
    });
  });

  // Processors without blocked kernels have nothing to run.
  it.skipIf(block === undefined)("runs on onnxruntime", async () => {
    if (block === undefined) throw new Error("no block");
    const { inputs, outputs } = buildCase(axes, block);
    const names = outputs.map((_, k) => `y${k}`);
    const blocked = blockChannels(outputs, { block });
    const session = await runtime.createSession(
      writeOnnxModel({
        inputs,
        outputs: Object.fromEntries(names.map((name, k) => [name, blocked[k]])),
        dialect: "cpu",
      }),
    );
    const feeds = drawFeeds(inputs);
    const results = await session.run(
      Object.fromEntries(
        inputs.map((input) => {
          const name = input.producer.kind === "input" ? input.producer.name : "";
          return [name, { dtype: "float32", dims: input.shape, data: Float32Array.from(feeds[name]) }];
        }),
      ),
    );
    await session.dispose();
    evaluateGraph(outputs, feeds).forEach((expected, k) => {
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
      for (let p = 0; p < expected.length; p++) {
        expect(Math.abs(Number(results[names[k]].data[p]) - expected[p])).toBeLessThan(1e-5 * largest);
      }
    });
  });
});

it("has no blocks off the CPU provider", async () => {
  expect(await probeChannelBlock({ ...runtime, provider: "webgpu" })).toBeUndefined();
});
