/** Users' denoisers: HU in and HU out around any scaling, layout and element type; what tiles need is measured. */
import { createRandom } from "@alara/core";
import {
  createFloatData,
  createResidualCnn,
  createUnet,
  type DenoiserOptions,
  evaluateGraph,
  exportInferenceModel,
  getFloatOutput,
  importOnnxGraph,
  initialiseParameters,
  inspectOnnxModel,
  LearnError,
  measureReceptiveRadius,
  measureSizeMultiple,
  type Network,
  wrapOnnxDenoiser,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createModel, expectClose, type OnnxCase } from "./onnx-cases.ts";

const runtime = await createNodeRuntime({ threads: 1 });
const SIDE = 8;

function createFilter(inputs: number, outputs: number): NonNullable<OnnxCase["constants"]>[string] {
  const values = Array.from({ length: outputs * inputs * 9 }, (_, k) => 0.1 + 0.05 * Math.sin(2.1 * k));
  return { dtype: "float32", shape: [outputs, inputs, 3, 3], values };
}

/** A convolution with a rectifier; named as torch names it. */
function createDenoiser(channels: number, rest: Partial<OnnxCase> = {}): Uint8Array {
  return createModel({
    title: "denoiser",
    inputs: { input: [1, channels, SIDE, SIDE] },
    constants: { w: createFilter(channels, channels) },
    nodes: [
      { operator: "Conv", inputs: ["input", "w"], output: "filtered", attributes: { pads: [1, 1, 1, 1] } },
      { operator: "Relu", inputs: ["filtered"], output: "output" },
    ],
    ...rest,
  });
}

async function run(
  model: Uint8Array,
  names: { readonly input: string; readonly output: string },
  dims: readonly number[],
  data: Float32Array,
): Promise<Float32Array> {
  const session = await runtime.createSession(model);
  const results = await session.run({ [names.input]: createFloatData(data, dims) });
  await session.dispose();
  return getFloatOutput(results, names.output);
}

/** Noise about −100 HU; a third lies outside the window of −200 to 200 HU. */
function drawImage(count: number): Float32Array {
  const random = createRandom(8);
  return Float32Array.from({ length: count }, () => -100 + 250 * random.nextNormal());
}
/** What their network gives, by the definition of its one layer. */
function denoise(bytes: Uint8Array, u: ArrayLike<number>, shape: readonly number[]): Float64Array {
  const { outputs } = importOnnxGraph(bytes, { inputs: { input: shape } });
  return evaluateGraph([outputs.output], { input: u })[0];
}
const free = (channels: number): Partial<OnnxCase> => ({ inputs: { input: [1, channels, 8, 10] } });

describe("wrapOnnxDenoiser", () => {
  const image = drawImage(80);
  const dims = [1, 1, 8, 10];
  const window = { kind: "window", lowHu: -200, highHu: 200 } as const;
  const hold = (hu: number): number => Math.min(Math.max(hu, -200), 200);
  const wrapAndRun = async (bytes: Uint8Array, options: DenoiserOptions): Promise<Float32Array> => {
    const wrapped = wrapOnnxDenoiser(bytes, options);
    expect(inspectOnnxModel(wrapped.model).inputs).toEqual([
      { name: "alara.input", shape: ["batch", wrapped.inputChannels, "height", "width"] },
    ]);
    return run(wrapped.model, wrapped, dims, image);
  };

  it("scales a window, keeps what lies outside it, and opens the image axes", async () => {
    const bytes = createDenoiser(1);
    const output = await wrapAndRun(bytes, { scaling: { ...window, range: [-1, 1] } });
    const u = image.map((hu) => hold(hu) / 200);
    const v = denoise(createDenoiser(1, free(1)), u, dims);
    const expected = v.map((value, k) => value * 200 + image[k] - hold(image[k]));
    expectClose(output, expected, { relative: 1e-5, absolute: 1e-3 });
    expect(image.filter((hu) => hold(hu) !== hu).length).toBeGreaterThan(20);
    const clipped = await wrapAndRun(bytes, {
      scaling: { ...window, range: [-1, 1] },
      outsideWindow: "clip",
    });
    expectClose(
      clipped,
      v.map((value) => value * 200),
      { relative: 1e-5, absolute: 1e-3 },
    );
  });

  it("subtracts predicted noise", async () => {
    const scaling = { kind: "linear", offsetHu: -50, scaleHu: 300 } as const;
    const output = await wrapAndRun(createDenoiser(1), { scaling, predicts: "noise" });
    const v = denoise(
      createDenoiser(1, free(1)),
      image.map((hu) => (hu + 50) / 300),
      dims,
    );
    expectClose(
      output,
      v.map((value, k) => image[k] - 300 * value),
      { relative: 1e-5, absolute: 1e-3 },
    );
    const held = await wrapAndRun(createDenoiser(1), { scaling: window, predicts: "noise" });
    const w = denoise(
      createDenoiser(1, free(1)),
      image.map((hu) => (hold(hu) + 200) / 400),
      dims,
    );
    expectClose(
      held,
      w.map((value, k) => image[k] - 400 * value),
      { relative: 1e-5, absolute: 1e-3 },
    );
  });

  it("repeats a slice for colour networks and takes the mean", async () => {
    const output = await wrapAndRun(createDenoiser(3), { scaling: window });
    const u = image.map((hu) => (hold(hu) + 200) / 400);
    const v = denoise(createDenoiser(3, free(3)), Float32Array.of(...u, ...u, ...u), [1, 3, 8, 10]);
    const expected = image.map((hu, k) => {
      const mean = (v[k] + v[80 + k] + v[160 + k]) / 3;
      return mean * 400 - 200 + hu - hold(hu);
    });
    expectClose(output, expected, { relative: 1e-5, absolute: 1e-3 });
  });

  it("feeds neighbouring slices and enhances the middle one", async () => {
    const bytes = createModel({
      title: "2.5D",
      inputs: { stack: [1, 3, SIDE, SIDE] },
      constants: { w: createFilter(3, 1) },
      nodes: [
        { operator: "Conv", inputs: ["stack", "w"], output: "plane", attributes: { pads: [1, 1, 1, 1] } },
      ],
    });
    const wrapped = wrapOnnxDenoiser(bytes, {
      scaling: { kind: "linear", offsetHu: 0, scaleHu: 100 },
      channels: "slices",
      predicts: "noise",
      outputChannels: 1,
    });
    expect(wrapped).toMatchObject({
      inputChannels: 3,
      source: { input: "stack", output: "plane", opset: 17 },
    });
    const stack = drawImage(192);
    const output = await run(wrapped.model, wrapped, [1, 3, 8, 8], stack);
    const [noise] = evaluateGraph([importOnnxGraph(bytes).outputs.plane], {
      stack: stack.map((hu) => hu / 100),
    });
    expectClose(
      output,
      noise.map((value, k) => stack[64 + k] - 100 * value),
      { relative: 1e-5, absolute: 1e-3 },
    );
  });

  it("turns channels-last images of float16, in files of an old version, at opset 9", async () => {
    const bytes = createModel({
      title: "half",
      inputs: { pixels: [1, SIDE, SIDE, 1] },
      constants: { half: { dtype: "float16", shape: [1], values: [0.5] } },
      nodes: [{ operator: "Mul", inputs: ["pixels", "half"], output: "y" }],
      elementType: "float16",
      opset: 9,
      irVersion: 4,
    });
    const output = await wrapAndRun(bytes, {
      scaling: { kind: "linear", offsetHu: 0, scaleHu: 256 },
      layout: "NHWC",
    });
    // float16 has 11 significant bits
    expectClose(
      output,
      image.map((hu) => hu / 2),
      { relative: 1e-3, absolute: 0.05 },
    );
  });

  it("refuses what it cannot know, by name", () => {
    const scaling = window;
    const expectMessage = (work: () => unknown, message: RegExp): void =>
      expect(work).toThrow(
        expect.objectContaining({ code: "UNSUPPORTED_MODEL", message: expect.stringMatching(message) }),
      );
    expectMessage(
      () => wrapOnnxDenoiser(createDenoiser(1), { scaling, input: "x" }),
      /no input "x"; it has input/,
    );
    expectMessage(
      () => wrapOnnxDenoiser(createDenoiser(3), { scaling, inputChannels: 1 }),
      /has 3 channels, not 1/,
    );
    expectMessage(() => wrapOnnxDenoiser(createDenoiser(2), { scaling, channels: "slices" }), /no middle/);
    expectMessage(() => wrapOnnxDenoiser(createDenoiser(1, { opset: 7 }), { scaling }), /opset 7/);
    expectMessage(
      () => wrapOnnxDenoiser(wrapOnnxDenoiser(createDenoiser(1), { scaling }).model, { scaling }),
      /wrapped already/,
    );
    expect(() =>
      wrapOnnxDenoiser(createDenoiser(1), { scaling: { kind: "window", lowHu: 3, highHu: 3 } }),
    ).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
  });
});

describe("hostile files", () => {
  it("are wrapped or refused with a code", () => {
    const bytes = createDenoiser(3);
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
    const attempt = (changes: readonly (readonly [number, number])[]): void => {
      const changed = bytes.slice();
      for (const [place, value] of changes) changed[place] = value;
      try {
        wrapOnnxDenoiser(changed, { scaling: { kind: "window", lowHu: -100, highHu: 100 } });
      } catch (error) {
        if (!(error instanceof LearnError)) throw error;
      }
    };
    fc.assert(fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), attempt), { numRuns: 2000 });
  });
});

describe("measuring", () => {
  const measure = async (network: Network): Promise<{ multiple: number; radius: number | null }> => {
    const values = initialiseParameters(network.parameters, createRandom(3));
    const session = await runtime.createSession(exportInferenceModel(network, { values }));
    const model = { session, input: "input", output: "output", inputChannels: network.inputChannels };
    const multiple = await measureSizeMultiple(model);
    const random = createRandom(1);
    const radius = await measureReceptiveRadius(model, { random, sizeMultiple: multiple, largestRadius: 64 });
    await session.dispose();
    return { multiple, radius };
  };

  it.each<readonly [string, Network]>([
    ["plain", createResidualCnn({ channels: 4, layers: 4, unshuffle: 1, lastLayerGain: 1 })],
    ["folded", createResidualCnn({ channels: 4, layers: 3, unshuffle: 3, lastLayerGain: 1 })],
    ["halved twice", createUnet({ channels: 2, levels: 3, convolutionsPerLevel: 1, lastLayerGain: 1 })],
  ])("finds what a %s network states", async (_, network) => {
    expect(await measure(network)).toEqual({
      multiple: network.sizeMultiple,
      radius: network.receptiveRadius,
    });
  });

  it("says when the whole image is seen", async () => {
    const network = createUnet({ channels: 4, levels: 2, norm: "instance", lastLayerGain: 1 });
    expect((await measure(network)).radius).toBeNull();
  });

  it("says when a file bears only its own size", async () => {
    const bytes = createModel({
      title: "fixed",
      inputs: { input: [1, 1, SIDE, SIDE] },
      constants: { s: { dtype: "int64", shape: [4], values: [1, 1, SIDE, SIDE] } },
      nodes: [{ operator: "Reshape", inputs: ["input", "s"], output: "output" }],
    });
    const wrapped = wrapOnnxDenoiser(bytes, { scaling: { kind: "linear", offsetHu: 0, scaleHu: 1 } });
    const session = await runtime.createSession(wrapped.model);
    await expect(measureSizeMultiple({ session, ...wrapped })).rejects.toMatchObject({ code: "FIXED_SIZE" });
    await session.dispose();
  });
});
