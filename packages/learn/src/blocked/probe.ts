/**
 * Finds the channel block of onnxruntime's CPU provider on this processor: 16 with AVX-512, 8 with AVX2, none elsewhere.
 * The blocked operators are onnxruntime's own and not part of a standard, so a small convolution must come out right
 * before they are used.
 */
import { evaluateGraph } from "../graph.ts";
import { writeOnnxModel } from "../onnx/write.ts";
import { conv2d } from "../operators/convolution.ts";
import { createFloatData, getFloatOutput, type Runtime } from "../runtime.ts";
import { applyOperator, countElements, createInput, type Operator } from "../tensor.ts";
import { BLOCKED_DOMAIN } from "./layout.ts";
import { blockChannels } from "./pass.ts";

/** The operator that brings channels into blocks; it fills up to whole blocks and so tells their size. */
const fillOperator: Operator = {
  name: "fillBlock",
  summary: "4 channels filled up to a block",
  inferShape: () => [1, 4, 1, 1],
  lower: (context, inputs) => context.addNode("ReorderInput", inputs, {}, { domain: BLOCKED_DOMAIN }),
  pullBack: () => [null],
  evaluate: ([input]) => input,
  examples: [],
};

/** Channels of a block; 4 or fewer where the processor has none. */
async function readBlock(runtime: Runtime): Promise<number> {
  const x = createInput("x", [1, 4, 1, 1]);
  const y = applyOperator(fillOperator, [x]);
  const session = await runtime.createSession(
    writeOnnxModel({ inputs: [x], outputs: { y }, dialect: "cpu" }),
  );
  const outputs = await session.run({ x: createFloatData(new Float32Array(4), x.shape) });
  await session.dispose();
  return outputs.y.dims[1];
}

async function isRight(runtime: Runtime, block: number): Promise<boolean> {
  const x = createInput("x", [1, 2 * block, 4, 5]);
  const w = createInput("w", [block, 2 * block, 3, 3]);
  const plain = conv2d(x, w);
  const makeWave = (length: number, step: number): Float32Array =>
    Float32Array.from({ length }, (_, k) => Math.sin(step * k));
  const values = { x: makeWave(countElements(x.shape), 0.9), w: makeWave(countElements(w.shape), 1.7) };
  const [y] = blockChannels([plain], { block });
  const session = await runtime.createSession(
    writeOnnxModel({ inputs: [x, w], outputs: { y }, dialect: "cpu" }),
  );
  const outputs = await session.run({
    x: createFloatData(values.x, x.shape),
    w: createFloatData(values.w, w.shape),
  });
  await session.dispose();
  const [expected] = evaluateGraph([plain], values);
  const result = getFloatOutput(outputs, "y");
  // A wrong layout mixes channels: errors are then of the size of the values, about 10.
  return result.every((value, k) => Math.abs(value - expected[k]) < 1e-3);
}

async function findBlock(runtime: Runtime): Promise<number | undefined> {
  try {
    const block = await readBlock(runtime);
    return block > 4 && (await isRight(runtime, block)) ? block : undefined;
  } catch {
    return undefined;
  }
}

const found = new WeakMap<Runtime, Promise<number | undefined>>();

/**
 * The channel block to pass to `blockChannels`; found once per runtime.
 *
 * @returns 16 or 8, or undefined where the provider has no blocked convolution (every provider but "cpu")
 */
export function probeChannelBlock(runtime: Runtime): Promise<number | undefined> {
  if (runtime.provider !== "cpu") return Promise.resolve(undefined);
  const known = found.get(runtime) ?? findBlock(runtime);
  found.set(runtime, known);
  return known;
}
