/** What every network must keep: its stated reach and sizes, the identity start, its configuration, its cost; its parts. */
import { createRandom } from "@alara/core";
import {
  buildGradientPenalty,
  countMacs,
  createAttentionUnet,
  createAutoencoder,
  createCnn10,
  createConstant,
  createCycleganGenerator,
  createDncnn,
  createInput,
  createOzakiDecoder,
  createOzakiEncoder,
  createPatchgan,
  createTrainingContext,
  critics,
  evaluateGraph,
  featureNetworks,
  grad,
  initialiseParameters,
  layOutParameters,
  mul,
  type Network,
  networks,
  prefixParameters,
  reduceMean,
  sortGraph,
  splitParameters,
  writeOnnxModel,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { describe, expect, it } from "vitest";

function countAll(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

interface Applied {
  readonly shape: readonly number[];
  run(image: Float32Array): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** A network of given weights on onnxruntime. */
async function open(
  network: Network,
  size: readonly number[],
  weights: ReadonlyMap<string, Float32Array>,
): Promise<Applied> {
  const input = createInput("x", [1, network.inputChannels, ...size]);
  const output = network.apply(input);
  const runtime = await createNodeRuntime({ threads: 1 });
  const session = await runtime.createSession(
    writeOnnxModel({ inputs: [input], outputs: { y: output }, weights }),
  );
  return {
    shape: output.shape,
    async run(image) {
      const { y } = await session.run({ x: { dtype: "float32", dims: input.shape, data: image } });
      return y.data as Float32Array;
    },
    dispose: () => session.dispose(),
  };
}

/** Weights under which every path carries: all 0.3, biases and means 0, scales and variances 1. */
function makeCarryingWeights(network: Network): Map<string, Float32Array> {
  return new Map(
    layOutParameters(network.parameters).map(({ name, length }) => {
      const value = /\.(bias|mean)$/.test(name) ? 0 : name.endsWith(".weight") ? 0.3 : 1;
      return [name, new Float32Array(length).fill(value)];
    }),
  );
}

/**
 * The farthest input pixel that an output pixel sees, along one axis: half of the image is set, and what becomes other
 * than 0 beyond its edge is measured for every phase of the edge.
 */
async function probeReach(network: Network, axis: number): Promise<number> {
  const { sizeMultiple, receptiveRadius, outputScale, dimensions } = network;
  const length = sizeMultiple * Math.ceil((2 * receptiveRadius + 8) / sizeMultiple) + 2 * sizeMultiple;
  // Enough for convolutions without a border, few enough to be quick in volumes.
  const short = sizeMultiple * Math.ceil((dimensions === 2 ? 12 : 4) / sizeMultiple);
  const size = Array.from({ length: dimensions }, (_, k) => (k === axis ? length : short));
  const applied = await open(network, size, makeCarryingWeights(network));
  const inputShape = [network.inputChannels, ...size];
  const outputShape = applied.shape.slice(1);
  const position = (linear: number, shape: readonly number[]): number =>
    Math.floor(linear / countAll(shape.slice(axis + 2))) % shape[axis + 1];
  let farthest = 0;
  for (let phase = 0; phase < sizeMultiple; phase++) {
    const edge = Math.floor(length / 2) + phase;
    for (const side of [-1, 1]) {
      const image = Float32Array.from({ length: countAll(inputShape) }, (_, k) =>
        side * (position(k, inputShape) - edge + 0.5) > 0 ? 100 : 0,
      );
      const output = await applied.run(image);
      const last = side < 0 ? edge - 1 : edge;
      output.forEach((value, k) => {
        if (value !== 0)
          farthest = Math.max(farthest, -side * (position(k, outputShape) / outputScale - last));
      });
    }
  }
  await applied.dispose();
  return Math.ceil(farthest);
}

const SMALL: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ["residual-cnn", { channels: 2, layers: 3 }],
  ["cnn-10", { channels: 2, layers: 4 }],
  ["cnn-10", { channels: 2, layers: 3, kernel: 5, inputChannels: 3, hasStrength: true }],
  ["cnn-10", { channels: 2, layers: 3, outputScale: 2 }],
  ["red-cnn", { channels: 2 }],
  ["red-cnn", { channels: 2, border: "none", kernel: 3 }],
  ["dncnn", { channels: 2, layers: 5 }],
  ["unet", { channels: 2, levels: 3 }],
  ["unet", { channels: 2, levels: 3, down: "average", up: "transposed" }],
  ["unet", { channels: 2, levels: 3, down: "stride", norm: "batch" }],
  ["unet", { channels: 1, levels: 2, dimensions: 3 }],
  ["unet", { channels: 2, levels: 2, outputScale: 2 }],
  ["attention-unet", { channels: 2, levels: 3 }],
  ["efficient", { channels: 2, deepChannels: 2, deepBlocks: 2 }],
  ["efficient", { channels: 2, deepChannels: 2, deepBlocks: 2, block: "separable", unshuffle: 4 }],
  [
    "cyclegan-generator",
    { channels: 1, norm: "none", lowHu: -500, highHu: 500, encoderBlocks: 1, decoderBlocks: 1 },
  ],
  ["autoencoder", { channels: 2, latentChannels: 2 }],
];

describe("reach and sizes", () => {
  it.each(SMALL)("%s %j sees as far as it says and no further", async (name, config) => {
    const network = networks.get(name)(config);
    expect(network.hasGlobalReach ?? false).toBe(false);
    for (let axis = 0; axis < network.dimensions; axis++) {
      expect(await probeReach(network, axis)).toBe(network.receptiveRadius);
    }
  });

  it("probes every network (lung-split: in its own file)", () => {
    const probed = new Set([...SMALL.map(([name]) => name), "lung-split"]);
    expect(networks.names.filter((name) => !probed.has(name))).toEqual([]);
  });

  it.each(networks.names)("%s takes multiples of its size and refuses others with the way out", (name) => {
    const network = networks.get(name)({});
    const unit = network.sizeMultiple;
    const size = Array.from({ length: network.dimensions }, (_, k) => unit * (Math.ceil(32 / unit) + k));
    const output = network.apply(createInput("x", [2, network.inputChannels, ...size]));
    const { outputScale } = network;
    expect(output.shape).toEqual([2, network.outputChannels, ...size.map((side) => side * outputScale)]);
    if (unit > 1) {
      const odd = createInput("x", [1, network.inputChannels, ...size.map((side) => side + 1)]);
      expect(() => network.apply(odd)).toThrow(expect.objectContaining({ code: "SHAPE_MISMATCH" }));
    }
    if (name !== "residual-cnn") {
      expect(() => network.apply(createInput("x", [1, 7, ...size]))).toThrow(/\[1, 7, .*pad or crop/);
    }
  });

  it("instance and group normalisation say that they see everything, and do", async () => {
    for (const norm of ["instance", "group"] as const) {
      const network = networks.get("unet")({
        norm,
        channels: 8,
        levels: 1,
        convolutionsPerLevel: 1,
        lastLayerGain: 1,
      });
      expect(network.hasGlobalReach).toBe(true);
      const weights = splitParameters(
        network.parameters,
        initialiseParameters(network.parameters, createRandom(2)),
      );
      const applied = await open(network, [24, 24], weights);
      const image = Float32Array.from({ length: 576 }, (_, k) => Math.sin(k));
      const before = (await applied.run(image)).slice();
      image[575] = 500;
      const after = await applied.run(image);
      await applied.dispose();
      expect(after[0]).not.toBe(before[0]);
    }
    expect(networks.get("cyclegan-generator")({}).hasGlobalReach).toBe(true);
  });
});

describe("start and frame", () => {
  const residual = [
    "residual-cnn",
    "cnn-10",
    "red-cnn",
    "dncnn",
    "unet",
    "attention-unet",
    "efficient",
    "lung-split",
  ];
  it.each(residual)("%s starts as the identity, bit for bit", async (name) => {
    const network = networks.get(name)({});
    const size = [48, 40];
    const values = initialiseParameters(network.parameters, createRandom(7));
    const applied = await open(network, size, splitParameters(network.parameters, values));
    const image = Float32Array.from({ length: 48 * 40 }, (_, k) => 900 * Math.sin(1.1 * k) - 100);
    const output = await applied.run(image);
    await applied.dispose();
    expect(output).toEqual(image);
  });

  it("the residual of neighbouring slices is the middle one; a strength channel is no HU", () => {
    const network = createCnn10({ channels: 2, layers: 2, inputChannels: 3, hasStrength: true });
    expect(network.inputChannels).toBe(4);
    const x = createInput("x", [1, 4, 3, 3]);
    const weights = splitParameters(
      network.parameters,
      initialiseParameters(network.parameters, createRandom(1)),
    );
    const image = Float64Array.from({ length: 36 }, (_, k) => k);
    const [output] = evaluateGraph([network.apply(x)], { x: image, ...Object.fromEntries(weights) });
    expect([...output]).toEqual([...image.subarray(9, 18)]);
    // One unit of strength weighs as much as scaleHu of a slice.
    const live = createCnn10({
      channels: 2,
      layers: 2,
      hasStrength: true,
      lastLayerGain: 1,
      isResidual: false,
    });
    const y = createInput("x", [1, 2, 1, 1]);
    const even = Object.fromEntries(
      layOutParameters(live.parameters).map(({ name, length }) => [name, new Float64Array(length).fill(0.1)]),
    );
    const [a] = evaluateGraph([live.apply(y)], { x: [500, 0], ...even });
    const [b] = evaluateGraph([live.apply(y)], { x: [0, 1], ...even });
    expect(a[0]).toBeCloseTo(b[0], 9);
  });

  it("a doubled matrix starts as linear enlarging", () => {
    const network = createCnn10({ channels: 2, layers: 2, outputScale: 2 });
    const x = createInput("x", [1, 1, 1, 4]);
    const zero = layOutParameters(network.parameters).map(
      ({ name, length }) => [name, new Float64Array(length)] as const,
    );
    const [output] = evaluateGraph([network.apply(x)], { x: [0, 4, 8, 12], ...Object.fromEntries(zero) });
    expect([...output.subarray(0, 8)]).toEqual([0, 1, 3, 5, 7, 9, 11, 12]);
  });

  it("weights start from He's distribution", () => {
    const network = networks.get("unet")({ channels: 32, levels: 2 });
    const values = initialiseParameters(network.parameters, createRandom(3));
    for (const [name, fanIn] of [
      ["encoder1.conv1.weight", 64 * 9],
      ["decoder0.conv0.weight", 64 * 9],
      ["up0.weight", 64 * 9],
    ] as const) {
      const part = splitParameters(network.parameters, values).get(name) as Float32Array;
      const variance = part.reduce((sum, x) => sum + x * x, 0) / part.length;
      expect(variance * fanIn * 0.5).toBeGreaterThan(0.93);
      expect(variance * fanIn * 0.5).toBeLessThan(1.07);
    }
  });
});

describe("configuration", () => {
  it.each([...networks.names])("%s gives back its complete configuration and rebuilds from it", (name) => {
    const network = networks.get(name)({});
    const again = networks.get(name)(JSON.parse(JSON.stringify(network.config)) as Record<string, unknown>);
    expect(again.config).toEqual(network.config);
    expect(layOutParameters(again.parameters)).toEqual(layOutParameters(network.parameters));
    expect(() => networks.get(name)({ chanels: 3 })).toThrow(/chanels/);
  });

  it("names every fault", () => {
    const make = networks.get("unet");
    const faults = { levels: 0, channels: "x", foo: 1, norm: "layer", isResidual: 1, scaleHu: Number.NaN };
    for (const text of [
      /levels is 0, no whole number from 1 to 7/,
      /channels is "x"/,
      /"foo" is unknown \(known: /,
      /norm is "layer", none of none, instance/,
      /isResidual is 1, not true or false/,
      /scaleHu is null/,
    ]) {
      expect(() => make(faults)).toThrow(
        expect.objectContaining({ code: "OUT_OF_RANGE", message: expect.stringMatching(text) }),
      );
    }
    expect(() => make({ norm: "group", groups: 3 })).toThrow(/groups is 3, which does not divide 32/);
    expect(() => make({ dimensions: 3, outputScale: 2 })).toThrow(/volumes/);
    expect(() => networks.get("cnn-10")({ inputChannels: 2 })).toThrow(/inputChannels is 2, no odd number/);
    expect(() => createPatchgan({ lowHu: 5, highHu: 5 })).toThrow(/lowHu 5 must be below highHu 5/);
    expect(() => networks.get("lung-split")({ inside: "unet", "inside.dimensions": 3 })).toThrow(
      /2D networks/,
    );
    expect(() => networks.get("lung-split")({ "inside.layers": 0, inside: "cnn-10" })).toThrow(/layers is 0/);
  });
});

describe("cost", () => {
  it("RED-CNN takes 484 · 10⁹ multiplications for 512 × 512, the efficient network at most 15 · 10⁹", () => {
    expect(countMacs(networks.get("red-cnn")({}), [512, 512])).toBe(
      (2 * 96 * 25 + 8 * 96 * 96 * 25) * 512 * 512,
    );
    expect(countMacs(networks.get("red-cnn")({}), [512, 512]) / 1e9).toBeCloseTo(484.4, 1);
    expect(countMacs(networks.get("efficient")({}), [512, 512])).toBeLessThan(15e9);
  });

  it("counts strides, groups, transposed convolutions and volumes", () => {
    const cnn = networks.get("cnn-10")({ inputChannels: 3 });
    // The middle slice is picked by a 1 × 1 convolution of 3 constants.
    expect(countMacs(cnn, [16, 8])).toBe((3 * 32 * 9 + 8 * 32 * 32 * 9 + 32 * 9 + 3) * 128);
    const unet = networks.get("unet")({
      levels: 2,
      channels: 2,
      convolutionsPerLevel: 1,
      down: "stride",
      up: "transposed",
    });
    const half = 16 * 8;
    expect(countMacs(unet, [32, 16])).toBe(
      (2 * 9 + 4 * 2 * 9 + 2) * 4 * half + (2 * 2 * 9 + 2 * 4 * 9) * half + 4 * 2 * 4 * half,
    );
    const volume = networks.get("unet")({ dimensions: 3, levels: 1, channels: 2, convolutionsPerLevel: 1 });
    expect(countMacs(volume, [4, 8, 8])).toBe((2 * 27 + 2) * 256);
    const separable = networks.get("efficient")({
      channels: 2,
      deepChannels: 4,
      deepBlocks: 1,
      shallowBlocks: 0,
      block: "separable",
    });
    const [fine, deep] = [16 * 16, 8 * 8];
    expect(countMacs(separable, [32, 32])).toBe(
      4 * 2 * 9 * fine + 8 * 4 * deep + (4 * 8 + 8 * 9 + 8 * 4) * deep + 4 * 8 * deep + 2 * 4 * 9 * fine,
    );
  });
});

describe("parts", () => {
  it("encoder and decoder apply alone, and across domains", () => {
    const [a, b] = ["mv", "kv"].map((domain) => ({
      encoder: prefixParameters(createOzakiEncoder({ channels: 4, blocks: 1 }), `${domain}.encoder.`),
      decoder: prefixParameters(createOzakiDecoder({ channels: 4, blocks: 1 }), `${domain}.decoder.`),
    }));
    const x = createInput("x", [1, 1, 16, 24]);
    const latent = a.encoder.apply(x);
    expect(latent.shape).toEqual([1, 16, 4, 6]);
    const crossed = b.decoder.apply(latent);
    expect(crossed.shape).toEqual([1, 1, 16, 24]);
    const parts = [a.encoder, a.decoder, b.encoder, b.decoder];
    layOutParameters(parts.flatMap(({ parameters }) => [...parameters]));
    const slopes = grad(reduceMean(crossed), [a.encoder.parameters[0], a.decoder.parameters[0]]);
    const feeds = Object.fromEntries(
      parts.flatMap(({ parameters }) => [
        ...splitParameters(parameters, initialiseParameters(parameters, createRandom(4))),
      ]),
    );
    const image = Float64Array.from({ length: 384 }, (_, k) => 300 * Math.sin(k) - 100);
    const [used, unused] = evaluateGraph(slopes, { x: image, ...feeds });
    expect(Math.hypot(...used)).toBeGreaterThan(0);
    expect(Math.hypot(...unused)).toBe(0);
  });

  it("the generator equals its decoder after its encoder and stays inside its window", () => {
    const generator = createCycleganGenerator({ channels: 2, encoderBlocks: 1, decoderBlocks: 1 });
    const x = createInput("x", [1, 1, 16, 16]);
    const feeds = {
      x: Float64Array.from({ length: 256 }, (_, k) => 2000 * Math.sin(k)),
      ...Object.fromEntries(
        splitParameters(generator.parameters, initialiseParameters(generator.parameters, createRandom(9))),
      ),
    };
    const [whole, parts] = evaluateGraph(
      [generator.apply(x), generator.decoder.apply(generator.encoder.apply(x))],
      feeds,
    );
    expect(whole).toEqual(parts);
    expect(Math.min(...whole)).toBeGreaterThanOrEqual(-600);
    expect(Math.max(...whole)).toBeLessThanOrEqual(400);
  });

  it("the critic judges patches of 70 pixels", () => {
    const critic = critics.get("patchgan")({ channels: 2, norm: "none" }) as ReturnType<
      typeof createPatchgan
    >;
    expect(critic.patchSize).toBe(70);
    const x = createInput("x", [1, 1, 128, 128]);
    const scores = critic.apply(x);
    expect(scores.shape).toEqual([1, 1, 14, 14]);
    const pick = new Float64Array(196);
    pick[7 * 14 + 7] = 1;
    const one = reduceMean(mul(scores, createConstant(pick, [1, 1, 14, 14])));
    const weights = Object.fromEntries(
      layOutParameters(critic.parameters).map(({ name, length }) => [
        name,
        new Float64Array(length).fill(0.1),
      ]),
    );
    const [slope] = evaluateGraph(grad(one, [x]), { x: new Float64Array(128 * 128), ...weights });
    const columns = [...slope.keys()].filter((k) => slope[k] !== 0).map((k) => k % 128);
    expect(Math.max(...columns) - Math.min(...columns) + 1).toBe(70);
    for (const [name, make] of featureNetworks.entries()) expect(make({}).name).toBe(name);
  });

  it("prefixed networks rename running statistics and leave the input's graph alone", () => {
    const network = prefixParameters(createDncnn({ channels: 2, layers: 3 }), "a.");
    const context = createTrainingContext("t");
    const x = createInput("x", [2, 1, 4, 4]);
    network.apply(x, context);
    expect(context.assignments.map(({ parameter }) => network.parameters.includes(parameter))).toEqual([
      true,
      true,
    ]);
    for (const { value } of context.assignments) {
      const feeds = Object.fromEntries(
        layOutParameters(network.parameters).map(({ name, length }) => [
          name,
          new Float64Array(length).fill(0.5),
        ]),
      );
      expect(evaluateGraph([value], { ...feeds, x: new Float64Array(32) })[0].every(Number.isFinite)).toBe(
        true,
      );
    }
    // The penalty differentiates with respect to an inner tensor, which must stay the same object.
    const critic = prefixParameters(createPatchgan({ channels: 2, layers: 1, norm: "none" }), "d.");
    const [real, fake] = [createInput("real", [1, 1, 12, 12]), createInput("fake", [1, 1, 12, 12])];
    const penalty = buildGradientPenalty((image) => critic.apply(image), {
      real,
      fake,
      mix: createInput("mix", [1, 1, 1, 1]),
      scale: 500,
    });
    const weights = Object.fromEntries(
      splitParameters(critic.parameters, initialiseParameters(critic.parameters, createRandom(2))),
    );
    const image = Float64Array.from({ length: 144 }, (_, k) => 300 * Math.sin(k) - 100);
    const feeds = { ...weights, real: image, fake: image.map((value) => value / 2), mix: [0.4] };
    const [value, slope] = evaluateGraph([penalty, ...grad(penalty, [critic.parameters[0]])], feeds);
    expect(value[0]).not.toBeCloseTo(1, 6);
    expect(Math.hypot(...slope)).toBeGreaterThan(1e-6);
  });

  it("prefixed networks keep what else they can do", () => {
    const unet = prefixParameters(createAttentionUnet({ levels: 2, channels: 2 }), "u.");
    const generator = prefixParameters(createCycleganGenerator({ channels: 2, encoderBlocks: 0 }), "g.");
    const features = prefixParameters(createAutoencoder({ channels: 2, levels: 2 }), "f.");
    const x = createInput("x", [1, 1, 16, 16]);
    const outputs = [
      ...unet.getAttentionMaps(x),
      generator.encoder.apply(x),
      generator.decoder.apply(generator.encoder.apply(x)),
      features.getFeatures(x),
    ];
    const names = sortGraph(outputs).flatMap(({ producer }) =>
      producer.kind === "parameter" ? [producer.name] : [],
    );
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !/^[ugf]\./.test(name))).toEqual([]);
    const known = [unet, generator, features].flatMap(({ parameters }) => layOutParameters(parameters));
    expect(names.filter((name) => !known.some((place) => place.name === name))).toEqual([]);
  });

  it("attention maps are between 0 and 1 at the sizes of their levels, in volumes too", () => {
    const network = createAttentionUnet({ levels: 3, channels: 2, dimensions: 3 });
    const maps = network.getAttentionMaps(createInput("x", [1, 1, 4, 8, 12]));
    expect(maps.map(({ shape }) => shape)).toEqual([
      [1, 1, 4, 8, 12],
      [1, 1, 2, 4, 6],
    ]);
  });
});
