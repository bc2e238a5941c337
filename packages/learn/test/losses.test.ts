/** Every loss against PyTorch; gradients reach what they should and nothing else; unit, range and option checks. */
import { readFileSync } from "node:fs";
import { createRandom } from "@alara/core";
import {
  buildAirLoss,
  buildAutoencoderLoss,
  buildCycleLoss,
  buildGradientPenalty,
  buildHingeCriticLoss,
  buildIdempotenceLoss,
  buildIdentityLoss,
  buildLatentLoss,
  buildLsganCriticLoss,
  buildLsganGeneratorLoss,
  buildMaskedLoss,
  buildNeighbourLoss,
  buildPerceptualLoss,
  buildSureLoss,
  buildWganCriticLoss,
  buildWganGeneratorLoss,
  conv2d,
  createCnn10,
  createConstant,
  createInput,
  createParameter,
  drawNeighbourSelectors,
  evaluateGraph,
  grad,
  type LossOptions,
  losses,
  mul,
  pickNeighbours,
  prefixParameters,
  relu,
  stopGradient,
  sub,
  type Tensor,
  tanh,
  writeOnnxModel,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { describe, expect, it } from "vitest";

type Digest = readonly [number, number];

interface Golden {
  readonly registry: readonly {
    readonly loss: string;
    readonly shape: readonly number[];
    readonly options: LossOptions;
    readonly value: number;
    readonly gradient: Digest;
  }[];
  readonly functions: Readonly<
    Record<
      string,
      {
        readonly value: number;
        readonly generator: readonly Digest[];
        readonly backward: readonly Digest[];
        readonly critic: readonly Digest[];
      }
    >
  >;
}

const golden = JSON.parse(readFileSync(new URL("./golden/losses.json", import.meta.url), "utf8")) as Golden;

function countAll(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

function makeWave(
  shape: readonly number[],
  frequency: number,
  phase: number,
  amplitude: number,
): Float64Array {
  return Float64Array.from(
    { length: countAll(shape) },
    (_, k) => amplitude * Math.sin(frequency * k + phase),
  );
}

function expectDigest(actual: Float64Array, [sum, norm]: Digest, relative: number): void {
  const found = actual.reduce((total, value, k) => total + value * Math.sin(0.61 * k + 1), 0);
  const size = Math.max(norm, 1e-12);
  expect(Math.abs(found - sum) / size).toBeLessThan(relative * 10);
  expect(Math.abs(Math.hypot(...actual) - norm) / size).toBeLessThan(relative);
}

describe("registry losses", () => {
  const titled = golden.registry.map(
    (item) => [`${item.loss} ${item.shape} ${JSON.stringify(item.options)}`, item] as const,
  );

  it("are all in the golden file", () => {
    expect([...new Set(golden.registry.map(({ loss }) => loss))].sort()).toEqual([...losses.names].sort());
  });

  it.each(titled)("equal PyTorch's: %s", (_, { loss, shape, options, value, gradient }) => {
    const [p, t] = [createInput("p", shape), createInput("t", shape)];
    const built = losses.get(loss).build(p, t, options);
    const base = makeWave(shape, 0.9, 0.1, 300);
    const other = makeWave(shape, 2.3, 0.3, 90);
    const feeds = { p: base, t: base.map((x, k) => 0.7 * x + other[k]) };
    const [found, slope] = evaluateGraph([built, ...grad(built, [p])], feeds);
    expect(Math.abs(found[0] / value - 1)).toBeLessThan(1e-9);
    expectDigest(slope, gradient, 1e-9);
    expect(gradient[1]).toBeGreaterThan(0);
  });

  it.each(titled)(
    "agree on onnxruntime, value and gradient: %s",
    async (_, { loss, shape, options, value, gradient }) => {
      const [p, t] = [createInput("p", shape), createInput("t", shape)];
      const built = losses.get(loss).build(p, t, options);
      const [slope] = grad(built, [p]);
      const runtime = await createNodeRuntime({ threads: 1 });
      const session = await runtime.createSession(
        writeOnnxModel({ inputs: [p, t], outputs: { built, slope }, dialect: "cpu" }),
      );
      const base = makeWave(shape, 0.9, 0.1, 300);
      const other = makeWave(shape, 2.3, 0.3, 90);
      const results = await session.run({
        p: { dtype: "float32", dims: shape, data: Float32Array.from(base) },
        t: { dtype: "float32", dims: shape, data: Float32Array.from(base, (x, k) => 0.7 * x + other[k]) },
      });
      await session.dispose();
      expect(Math.abs(Number(results.built?.data[0]) / value - 1)).toBeLessThan(1e-4);
      expectDigest(Float64Array.from(results.slope.data, Number), gradient, 1e-3);
    },
  );

  const comparing = losses.names.filter((name) => name !== "total-variation");
  it.each(comparing)("%s is (nearly) 0 for a perfect prediction and grows with the error", (name) => {
    const shape = [1, 1, 48, 48];
    const [p, t] = [createInput("p", shape), createInput("t", shape)];
    const loss = losses.get(name).build(p, t);
    const target = makeWave(shape, 0.9, 0.1, 300);
    const measure = (error: number): number =>
      evaluateGraph([loss], {
        p: target.map((x, k) => x + error * (1 + Math.sin(1.3 * k))),
        t: target,
      })[0][0];
    expect(measure(0)).toBeLessThan(2e-3);
    expect(measure(20)).toBeGreaterThan(measure(5));
    expect(measure(5)).toBeGreaterThan(measure(0));
  });

  it.each(losses.names)("%s passes a gradient to a network and none to a stopped prediction", (name) => {
    const network = createCnn10({ channels: 2, layers: 2, lastLayerGain: 1 });
    const shape = [1, 1, 48, 48];
    const x = createInput("x", shape);
    const made = network.apply(x);
    const target = createConstant(makeWave(shape, 0.7, 0.2, 200), shape);
    const feeds = { x: makeWave(shape, 0.9, 0.1, 300), ...feedNetwork(network.parameters, 0) };
    const slopes = (prediction: Tensor): Float64Array[] =>
      evaluateGraph(grad(losses.get(name).build(prediction, target), network.parameters), feeds);
    // A constant added to the whole image is invisible to differences.
    const seen = slopes(made).filter((_, k) => k < 3);
    for (const slope of seen) expect(Math.hypot(...slope)).toBeGreaterThan(1e-12);
    for (const slope of slopes(stopGradient(made))) expect(slope.every((value) => value === 0)).toBe(true);
  });

  it("measure in the unit they state: hu-bias and l1 of a shift by 3 HU", () => {
    const [p, t] = [createInput("p", [1, 1, 32, 32]), createInput("t", [1, 1, 32, 32])];
    const target = makeWave([32, 32], 0.9, 0, 100);
    const feeds = { t: target, p: target.map((x) => x + 3) };
    const [bias, l1, gradient] = evaluateGraph(
      ["hu-bias", "l1", "gradient"].map((name) => losses.get(name).build(p, t)),
      feeds,
    );
    expect(bias[0]).toBeCloseTo(9, 9);
    expect(l1[0]).toBeCloseTo(3, 9);
    expect(gradient[0]).toBeCloseTo(0, 9);
  });

  it("hu-bias forgives noise that averages out", () => {
    const [p, t] = [createInput("p", [1, 1, 64, 64]), createInput("t", [1, 1, 64, 64])];
    const random = createRandom(3);
    const noise = Float64Array.from({ length: 4096 }, () => 30 * random.nextNormal());
    const [bias] = evaluateGraph([losses.get("hu-bias").build(p, t)], {
      p: noise,
      t: new Float64Array(4096),
    });
    expect(bias[0]).toBeGreaterThan(900 / 256 / 2.5);
    expect(bias[0]).toBeLessThan((900 / 256) * 2.5);
  });

  it("refuse other shapes, unknown options and images that are too small", () => {
    const [p, q] = [createInput("p", [1, 1, 8, 8]), createInput("q", [1, 1, 8, 9])];
    expect(() => losses.get("l1").build(p, q)).toThrow(/\[1, 1, 8, 8\].*\[1, 1, 8, 9\]/);
    expect(() => losses.get("l1").build(p, p, { rangeHu: 3 })).toThrow(/"rangeHu": 3.*known: scale/);
    expect(() => losses.get("l1").build(p, p, { scale: 0 })).toThrow(/scale 0/);
    expect(() => losses.get("ssim").build(p, p)).toThrow(/8 × 8.*11/);
    expect(() => losses.get("ms-ssim").build(p, p, { levels: 6 })).toThrow(/levels 6/);
    expect(() => losses.get("hu-bias").build(p, p)).toThrow(/window 16/);
    expect(() => losses.get("frequency").build(p, p, { bandLow: 0.8 })).toThrow(/no frequency/);
    expect(() => losses.get("gradient").build(p, p, { sobel: 2 })).toThrow(/sobel 2/);
    expect(() => losses.get("ssim").build(createInput("a", [8, 8]), createInput("b", [8, 8]))).toThrow(
      /\[8, 8\]/,
    );
  });
});

/** The weights of the golden script. */
function feedNetwork(parameters: readonly Tensor[], offset: number): Record<string, Float64Array> {
  return Object.fromEntries(
    parameters.map(({ shape, producer }, k) => {
      const size = shape.length > 1 ? 1.5 / Math.sqrt(countAll(shape.slice(1))) : 0.1;
      return [producer.kind === "parameter" ? producer.name : "", makeWave(shape, 1.7, offset + k, size)];
    }),
  );
}

const SHAPE = [2, 1, 8, 8];
const generator = createCnn10({ channels: 2, layers: 2 });
const backward = prefixParameters(createCnn10({ channels: 2, layers: 2 }), "back.");
const criticParameters = [[3, 1, 4, 4], [3], [1, 3, 4, 4], [1]].map((shape, k) =>
  createParameter(`critic${k}`, shape, { kind: "zero" }),
);

function applyCritic(images: Tensor): Tensor {
  const [a, b, c, d] = criticParameters;
  const hidden = tanh(conv2d(mul(images, 1 / 500), a, { bias: b, stride: 2, padding: 1 }));
  return conv2d(hidden, c, { bias: d, padding: 1 });
}

const phiWeight = createConstant(makeWave([3, 1, 3, 3], 0.9, 2, 0.5), [3, 1, 3, 3]);
const phi = (image: Tensor): Tensor => relu(conv2d(mul(image, 1 / 500), phiWeight));

const PAIRS = [
  [0, 1],
  [1, 0],
  [0, 2],
  [2, 0],
  [1, 3],
  [3, 1],
  [2, 3],
  [3, 2],
];

function selectGoldenNeighbours(side: 0 | 1): Float64Array {
  const selector = new Float64Array(2 * 4 * 16);
  for (let k = 0; k < 32; k++) {
    const pixel = PAIRS[(k * 5) % 8][side];
    selector[(Math.floor(k / 16) * 4 + pixel) * 16 + (k % 16)] = 1;
  }
  return selector;
}

const x = createInput("x", SHAPE);
const y = createInput("y", SHAPE);
const mask = createInput("mask", SHAPE);
const probe = createInput("probe", SHAPE);
const mix = createInput("mix", [2, 1, 1, 1]);
const [realJitter, fakeJitter] = [createInput("j0", [2, 1, 3, 3]), createInput("j1", [2, 1, 3, 3])];
const selectors = { first: createInput("first", [2, 4, 4, 4]), second: createInput("second", [2, 4, 4, 4]) };
const sigmaMap = createInput("sigma", SHAPE);
const feeds = {
  x: makeWave(SHAPE, 0.9, 0.1, 500).map((value) => value - 300),
  y: makeWave(SHAPE, 0.7, 0.4, 450).map((value) => value - 250),
  mask: makeWave(SHAPE, 3.1, 0.2, 1).map((value) => (value > 0.5 ? 1 : 0)),
  probe: makeWave(SHAPE, 5.3, 0.7, 1).map(Math.sign),
  mix: [0.3, 0.8],
  j0: makeWave([2, 1, 3, 3], 1.1, 0.2, 0.2),
  j1: makeWave([2, 1, 3, 3], 1.3, 0.5, 0.2),
  first: selectGoldenNeighbours(0),
  second: selectGoldenNeighbours(1),
  sigma: makeWave(SHAPE, 0.3, 0, 5).map((value) => 20 + value),
  ...feedNetwork(generator.parameters, 0),
  ...feedNetwork(backward.parameters, 10),
  ...feedNetwork(criticParameters, 20),
};
const G = (image: Tensor): Tensor => generator.apply(image);
const H = (image: Tensor): Tensor => backward.apply(image);
const scale = 100;
const scores = { real: applyCritic(y), fake: applyCritic(x) };

/** Name → the loss and the groups of parameters that it must reach. */
const FUNCTIONS: Readonly<Record<string, { readonly loss: Tensor; readonly reaches: string }>> = {
  cycle: { loss: buildCycleLoss(x, { forward: G, backward: H }, { scale }), reaches: "generator backward" },
  identity: { loss: buildIdentityLoss(y, G, { scale }), reaches: "generator" },
  autoencoder: {
    loss: buildAutoencoderLoss(x, { encoder: G, decoder: H }, { scale }),
    reaches: "generator backward",
  },
  idempotence: { loss: buildIdempotenceLoss(x, G, { scale }), reaches: "generator" },
  perceptual: { loss: buildPerceptualLoss({ input: x, output: G(x) }, phi), reaches: "generator" },
  "air-psi": { loss: buildAirLoss({ input: x, output: G(x) }, { scale }), reaches: "generator" },
  "air-xor": { loss: buildAirLoss({ input: x, output: G(x) }, { scale, form: "xor" }), reaches: "generator" },
  latent: { loss: buildLatentLoss(G(x)), reaches: "generator" },
  "masked-l2": {
    loss: buildMaskedLoss({ prediction: G(x), target: y, mask }, { scale }),
    reaches: "generator",
  },
  "masked-l1": {
    loss: buildMaskedLoss({ prediction: G(x), target: y, mask }, { power: 1 }),
    reaches: "generator",
  },
  neighbour: { loss: buildNeighbourLoss(x, G, selectors, { scale, gamma: 1.5 }), reaches: "generator" },
  sure: { loss: buildSureLoss(x, G, { sigmaHu: 20, probe, probeHu: 2, scale }), reaches: "generator" },
  "sure-map": {
    loss: buildSureLoss(x, G, { sigmaHu: sigmaMap, probe, probeHu: 2, scale }),
    reaches: "generator",
  },
  "lsgan-critic": { loss: buildLsganCriticLoss(scores, { realJitter, fakeJitter }), reaches: "critic" },
  "lsgan-generator": { loss: buildLsganGeneratorLoss(applyCritic(G(x))), reaches: "generator critic" },
  "wgan-critic": { loss: buildWganCriticLoss(scores), reaches: "critic" },
  "wgan-generator": { loss: buildWganGeneratorLoss(applyCritic(G(x))), reaches: "generator critic" },
  "hinge-critic": { loss: buildHingeCriticLoss(scores), reaches: "critic" },
  "gradient-penalty": {
    loss: buildGradientPenalty(applyCritic, { real: x, fake: y, mix, scale: 300 }),
    reaches: "critic",
  },
};

describe("losses as functions", () => {
  it("are all in the golden file", () => {
    expect(Object.keys(FUNCTIONS).sort()).toEqual(Object.keys(golden.functions).sort());
  });

  it.each(Object.entries(FUNCTIONS))(
    "%s equals PyTorch's and reaches its parameters alone",
    (name, { loss, reaches }) => {
      const expected = golden.functions[name];
      const groups = {
        generator: generator.parameters,
        backward: backward.parameters,
        critic: criticParameters,
      };
      const [value] = evaluateGraph([loss], feeds);
      expect(Math.abs(value[0] / expected.value - 1)).toBeLessThan(1e-9);
      for (const [group, parameters] of Object.entries(groups)) {
        const slopes = evaluateGraph(grad(loss, parameters), feeds);
        slopes.forEach((slope, k) => {
          expectDigest(slope, expected[group as keyof typeof groups][k], 1e-8);
          // Biases of the scoring layer cancel between real and fake, or have no slope in the image.
          const isLive = reaches.split(" ").includes(group);
          if (!isLive) expect(slope.every((part) => part === 0)).toBe(true);
          else if (k < 3) expect(Math.hypot(...slope)).toBeGreaterThan(1e-9);
        });
      }
    },
  );

  it("a stopped image carries the critic's loss to the critic alone", () => {
    const loss = buildLsganCriticLoss({ real: applyCritic(y), fake: applyCritic(stopGradient(G(x))) });
    for (const slope of evaluateGraph(grad(loss, generator.parameters), feeds)) {
      expect(slope.every((value) => value === 0)).toBe(true);
    }
    const [slope] = evaluateGraph(grad(loss, criticParameters), feeds);
    expect(Math.hypot(...slope)).toBeGreaterThan(0);
  });

  it("the masked loss sees the mask alone, and an empty mask costs nothing", () => {
    const loss = buildMaskedLoss({ prediction: x, target: y, mask });
    const [slope] = evaluateGraph(grad(loss, [x]), feeds);
    slope.forEach((value, k) => {
      expect(value !== 0).toBe(feeds.mask[k] === 1);
    });
    const empty = { ...feeds, mask: new Float64Array(128) };
    expect(evaluateGraph([loss, ...grad(loss, [x])], empty).map((values) => Math.hypot(...values))).toEqual([
      0, 0,
    ]);
  });

  it("the risk estimate's mean over noise is the true error of a linear filter", () => {
    const shape = [1, 1, 24, 24];
    const noisy = createInput("noisy", shape);
    const draw = createInput("draw", shape);
    const kernel = createConstant(
      [1, 2, 1, 2, 4, 2, 1, 2, 1].map((w) => w / 16),
      [1, 1, 3, 3],
    );
    const filter = (image: Tensor): Tensor => conv2d(image, kernel);
    const risk = buildSureLoss(noisy, filter, { sigmaHu: 25, probe: draw });
    const clean = makeWave(shape, 0.15, 0.2, 100);
    const cleanInput = createConstant(clean, shape);
    const truth = losses.get("l2").build(filter(noisy), cleanInput);
    const random = createRandom(11);
    let [estimated, actual] = [0, 0];
    for (let n = 0; n < 60; n++) {
      const values = {
        noisy: clean.map((value) => value + 25 * random.nextNormal()),
        draw: clean.map(() => (random.nextUniform() < 0.5 ? -1 : 1)),
      };
      const [a, b] = evaluateGraph([risk, truth], values);
      estimated += a[0] / 60;
      actual += b[0] / 60;
    }
    // The standard error of the mean is about 1 %.
    expect(Math.abs(estimated / actual - 1)).toBeLessThan(0.05);
  });

  it("neighbour selectors pick two different touching pixels of each cell, evenly", () => {
    const { first, second } = drawNeighbourSelectors([2, 1, 40, 60], createRandom(5));
    const cells = 600;
    const counts = new Map<string, number>();
    for (let k = 0; k < 2 * cells; k++) {
      const at = (selector: Float32Array): number[] =>
        [0, 1, 2, 3].filter(
          (pixel) => selector[(Math.floor(k / cells) * 4 + pixel) * cells + (k % cells)] === 1,
        );
      const [a, b] = [at(first), at(second)];
      expect([a.length, b.length]).toEqual([1, 1]);
      const key = `${a[0]}${b[0]}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(["01", "02", "10", "13", "20", "23", "31", "32"]);
    expect(Math.min(...counts.values())).toBeGreaterThan(100);
    const image = createInput("image", [1, 1, 2, 4]);
    const selector = createInput("selector", [1, 4, 1, 2]);
    const [picked] = evaluateGraph([pickNeighbours(image, selector)], {
      image: [10, 11, 12, 13, 20, 21, 22, 23],
      selector: [0, 0, 1, 0, 0, 0, 0, 1],
    });
    expect([...picked]).toEqual([11, 23]);
    expect(() => drawNeighbourSelectors([1, 1, 3, 4], createRandom(1))).toThrow(/even/);
  });

  it("refuse what makes no sense", () => {
    expect(() => buildAirLoss({ input: x, output: y }, { form: "and" as "xor" })).toThrow(/"and"/);
    expect(() => buildGradientPenalty(applyCritic, { real: x, fake: y, mix: y })).toThrow(/\[2, 1, 1, 1\]/);
    expect(() => buildSureLoss(x, G, { sigmaHu: 1, probe, probeHu: 0 })).toThrow(/probeHu 0/);
    expect(() =>
      buildCycleLoss(x, { forward: G, backward: (z) => sub(z, createInput("z", [3, 8])) }),
    ).toThrow();
  });
});
