/**
 * Every network of the registry as an inference model: valid for onnx.checker in strict mode, of standard operators,
 * and equal to the float64 evaluation at sizes other than those at which it was traced.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "@alara/core";
import {
  add,
  concat,
  createConstant,
  createInput,
  createParameter,
  div,
  evaluateGraph,
  exportInferenceModel,
  getFloatOutput,
  initialiseParameters,
  inspectOnnxModel,
  matmul,
  mul,
  type Network,
  networks,
  reduceMean,
  reduceSum,
  reshape,
  slice,
  splitParameters,
  type Tensor,
  transpose,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { afterAll, describe, expect, it } from "vitest";

/** Small configurations of each network of the registry, so that the float64 evaluation stays fast. */
const smallConfigs: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>> = {
  "residual-cnn": [{ channels: 4, layers: 3, unshuffle: 2, lastLayerGain: 0.5 }],
  "cnn-10": [{ channels: 3, layers: 3, inputChannels: 3 }],
  "red-cnn": [
    { channels: 3, kernel: 3 },
    { channels: 2, kernel: 3, border: "none", outputScale: 2, hasStrength: true },
  ],
  dncnn: [{ channels: 3, layers: 4, norm: "batch" }],
  unet: [
    { channels: 2, levels: 2, down: "maxpool", up: "nearest", norm: "batch" },
    { channels: 4, levels: 2, down: "stride", up: "transposed", norm: "group", groups: 2 },
    { channels: 2, levels: 2, dimensions: 3, convolutionsPerLevel: 1, down: "average", norm: "instance" },
    { channels: 2, levels: 2, convolutionsPerLevel: 1, inputChannels: 3, outputScale: 2 },
  ],
  "attention-unet": [{ channels: 2, levels: 2, convolutionsPerLevel: 1 }],
  efficient: [{ channels: 3, shallowBlocks: 1, deepChannels: 4, deepBlocks: 1 }],
  "lung-split": [
    {
      "inside.channels": 2,
      "inside.shallowBlocks": 1,
      "inside.deepChannels": 2,
      "inside.deepBlocks": 1,
      outside: "cnn-10",
      "outside.channels": 2,
      "outside.layers": 2,
    },
  ],
  "cyclegan-generator": [{ channels: 2, encoderBlocks: 1, decoderBlocks: 1 }],
  autoencoder: [{ channels: 2, levels: 2, convolutionsPerLevel: 1, latentChannels: 2 }],
};

const PYTHON = "/usr/bin/python3";
const CHECK = `
import sys, onnx
for path in sys.argv[1:]:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, strict_mode=True)
`;
const scratch = mkdtempSync(join(tmpdir(), "alara-export-"));
afterAll(() => rmSync(scratch, { recursive: true }));

function hasOnnxChecker(): boolean {
  try {
    execFileSync(PYTHON, ["-c", "import onnx"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
const checkerPresent = hasOnnxChecker();
if (!checkerPresent) console.warn("python3-onnx is absent: exported models are not checked by onnx.checker");

/** Small random values everywhere, so that no layer is at a start that hides it. */
function drawValues(network: Network): Float32Array {
  const values = initialiseParameters(network.parameters, createRandom(4));
  const random = createRandom(6);
  return values.map((value) => value + 0.05 * random.nextNormal());
}

async function expectAgreement(network: Network, bytes: Uint8Array, values: Float32Array): Promise<void> {
  const session = await (await createNodeRuntime({ threads: 1 })).createSession(bytes);
  const random = createRandom(9);
  const multiple = network.sizeMultiple;
  // red-cnn without borders needs more than 10 pixels
  const least = Math.ceil((network.dimensions === 2 ? 12 : 6) / multiple);
  for (const [batch, grow] of [
    [1, [0, 0, 0]],
    [2, [0, 1, 2]],
  ] as const) {
    const spatial = grow.slice(3 - network.dimensions).map((extra) => multiple * (least + extra));
    const shape = [batch, network.inputChannels, ...spatial];
    const count = shape.reduce((product, size) => product * size, 1);
    const data = Float32Array.from({ length: count }, () => 200 * random.nextNormal());
    const input = createInput("input", shape);
    const output = network.apply(input);
    const weights = Object.fromEntries(splitParameters(network.parameters, values));
    const [expected] = evaluateGraph([output], { input: data, ...weights });
    const results = await session.run({ input: { dtype: "float32", dims: shape, data } });
    expect(results.output.dims).toEqual(output.shape);
    expect(output.shape[1]).toBe(network.outputChannels);
    const scaled = spatial.map((size, k) => (k < spatial.length - 2 ? size : size * network.outputScale));
    expect(output.shape.slice(2)).toEqual(scaled);
    const found = getFloatOutput(results, "output");
    const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    let worst = 0;
    expected.forEach((value, k) => {
      worst = Math.max(worst, Math.abs(found[k] - value));
    });
    // float32 through some tens of layers, relative to the largest output
    expect(worst / scale).toBeLessThan(2e-5);
  }
  await session.dispose();
}

describe("networks of the registry", () => {
  const names = [...networks.entries()].map(([name]) => name);
  const cases = names.flatMap((name) =>
    (smallConfigs[name] ?? []).map((config) => ({
      title: `${name} ${JSON.stringify(config)}`,
      name,
      config,
    })),
  );

  it.each(names)("%s has a small configuration", (name) => {
    if (smallConfigs[name] === undefined) {
      throw new Error(
        `network "${name}" is not tested; add a small configuration to smallConfigs in export.test.ts`,
      );
    }
  });

  it.each(cases.map((item, k) => [item.title, item, k] as const))(
    "%s",
    async (_, { name, config }, position) => {
      const network = networks.get(name)(config);
      const values = drawValues(network);
      const bytes = exportInferenceModel(network, { values });
      const summary = inspectOnnxModel(bytes);
      expect(summary.opsets).toEqual({ "": 17 });
      const slices = network.dimensions === 3 ? ["slices"] : [];
      expect(summary.inputs).toEqual([
        { name: "input", shape: ["batch", network.inputChannels, ...slices, "height", "width"] },
      ]);
      writeFileSync(join(scratch, `${position}.onnx`), bytes);
      await expectAgreement(network, bytes, values);
    },
  );

  it("are valid for onnx.checker in strict mode", (context) => {
    if (!checkerPresent) context.skip("python3-onnx is absent");
    const paths = cases
      .map((_, position) => join(scratch, `${position}.onnx`))
      .filter((path) => existsSync(path));
    expect(paths.length).toBeGreaterThan(0);
    execFileSync(PYTHON, ["-c", CHECK, ...paths], { stdio: ["ignore", "ignore", "pipe"] });
  });

  it("have no stale small configurations", () => {
    expect(Object.keys(smallConfigs).filter((name) => !names.includes(name))).toEqual([]);
  });
});

const BASE: Omit<Network, "apply"> = {
  name: "test",
  config: {},
  parameters: [],
  dimensions: 2,
  sizeMultiple: 2,
  receptiveRadius: 3,
  inputChannels: 1,
  outputChannels: 1,
  outputScale: 1,
};

/** Networks whose graphs hold sizes. */
const sized: Readonly<Record<string, Network>> = {
  "windows of 2 × 2 pixels with attention between them": {
    ...BASE,
    apply(x) {
      const [n, , h, w] = x.shape;
      const cells = reshape(x, [n, h / 2, 2, w / 2, 2]);
      const tokens = reshape(transpose(cells, [0, 1, 3, 2, 4]), [(n * h * w) / 4, 2, 2]);
      const mixed = matmul(tokens, transpose(tokens, [0, 2, 1]));
      const back = transpose(reshape(mixed, [n, h / 2, w / 2, 2, 2]), [0, 1, 3, 2, 4]);
      return add(x, mul(reshape(back, [n, 1, h, w]), 1e-3));
    },
  },
  "the mean over the image by a stored reciprocal": {
    ...BASE,
    apply(x) {
      const [n, , h, w] = x.shape;
      const mean = mul(reduceSum(x, { axes: [2, 3] }), 1 / (h * w));
      return add(x, reshape(mean, [n, 1, 1, 1]));
    },
  },
  "division by a stored pixel count": {
    ...BASE,
    apply(x) {
      const [n, , h, w] = x.shape;
      return add(x, reshape(div(reduceSum(x, { axes: [1, 2, 3] }), h * w), [n, 1, 1, 1]));
    },
  },
  "a shift by one pixel, halves exchanged, and a frame cut off again": {
    ...BASE,
    apply(x) {
      const [n, c, h, w] = x.shape;
      const head = slice(x, { starts: [0, 0, 0, 0], ends: [n, c, 1, w] });
      const tail = slice(x, { starts: [0, 0, 1, 0], ends: [n, c, h, w] });
      const left = slice(x, { starts: [0, 0, 0, 0], ends: [n, c, h, w / 2] });
      const right = slice(x, { starts: [0, 0, 0, w / 2], ends: [n, c, h, w] });
      return add(concat([tail, head], { axis: 2 }), concat([right, left], { axis: 3 }));
    },
  },
  "volumes, two channels in, three out, planes doubled": {
    ...BASE,
    dimensions: 3,
    inputChannels: 2,
    outputChannels: 3,
    outputScale: 2,
    parameters: [createParameter("mix", [2, 12], { kind: "heNormal", fanIn: 2, gain: 1 })],
    apply(x) {
      const [n, , d, h, w] = x.shape;
      const weight = sizedMix();
      const pixels = reshape(transpose(x, [0, 2, 3, 4, 1]), [n * d * h * w, 2]);
      const mixed = reshape(matmul(pixels, weight), [n, d, h, w, 3, 2, 2]);
      return reshape(transpose(mixed, [0, 4, 1, 2, 5, 3, 6]), [n, 3, d, 2 * h, 2 * w]);
    },
  },
  "the mean of everything": { ...BASE, apply: (x) => add(x, reduceMean(x)) },
};
function sizedMix(): Tensor {
  return sized["volumes, two channels in, three out, planes doubled"].parameters[0];
}

describe("exportInferenceModel", () => {
  it.each(Object.entries(sized))("computes what depends on the size: %s", async (title, network) => {
    const values = drawValues(network);
    const bytes = exportInferenceModel(network, { values });
    await expectAgreement(network, bytes, values);
    if (!checkerPresent) return;
    const path = join(scratch, `sized-${Object.keys(sized).indexOf(title)}.onnx`);
    writeFileSync(path, bytes);
    execFileSync(PYTHON, ["-c", CHECK, path], { stdio: ["ignore", "ignore", "pipe"] });
  });

  it.each<readonly [string, RegExp, Network["apply"]]>([
    [
      "a table of the image's size",
      /shape \[1, 1, .*changes shape/,
      (x) =>
        add(x, createConstant(new Float64Array(x.shape[2] * x.shape[3]), [1, 1, x.shape[2], x.shape[3]])),
    ],
    ["a value that is no multi-affine function", /no simple function/, (x) => mul(x, Math.sqrt(x.shape[2]))],
    [
      "as many layers as rows",
      /changes with the size/,
      (x) => Array.from({ length: x.shape[2] }).reduce<Tensor>((sum) => add(sum, 1), x),
    ],
    [
      "a table whose values change",
      /table of 2 values/,
      (x) => add(x, reshape(reduceSum(createConstant([x.shape[2], 1], [2])), [1, 1, 1, 1])),
    ],
  ])("refuses %s", (_, message, apply) => {
    expect(() => exportInferenceModel({ ...BASE, apply }, { values: new Float32Array() })).toThrow(
      expect.objectContaining({ code: "FIXED_SIZE", message: expect.stringMatching(message) }),
    );
  });
});
