/** The compiled training step against PyTorch (golden), against an Adam written by hand, and against float64. */
import { readFileSync } from "node:fs";
import { createRandom } from "@alara/core";
import {
  buildTrainStep,
  compileTrainStep,
  computeStepScalars,
  countParameters,
  createInput,
  createOptimiser,
  createResidualCnn,
  createTrainState,
  evaluateGraph,
  grad,
  initialiseParameters,
  layOutParameters,
  losses,
  type Network,
  type OptimiserOptions,
  reduceMean,
  type Tensor,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { describe, expect, it } from "vitest";

interface Golden {
  readonly output: readonly number[];
  readonly losses: Readonly<Record<string, number>>;
  readonly gradients: Readonly<Record<string, readonly number[]>>;
  readonly adam: readonly number[];
  readonly "adamw-clipped": readonly number[];
  readonly "sgd-nesterov": readonly number[];
  readonly "sgd-momentum": readonly number[];
  readonly "adam-l2": readonly number[];
}

const golden = JSON.parse(
  readFileSync(new URL("./golden/residual-cnn-gradient.json", import.meta.url), "utf8"),
) as Golden;

const SHAPE = [2, 1, 6, 6];
const network = createResidualCnn({ channels: 3, layers: 4, unshuffle: 2, scaleHu: 200 });

function makeWave(count: number, frequency: number, phase: number, amplitude: number): Float64Array {
  return Float64Array.from({ length: count }, (_, k) => amplitude * Math.sin(frequency * k + phase));
}

/** The parameter values of the golden script, flat. */
function createGoldenParameters(net: Network): Float64Array {
  const values = new Float64Array(countParameters(net.parameters));
  layOutParameters(net.parameters).forEach(({ offset, length }, n) => {
    const layer = Math.floor(n / 2);
    const isWeight = n % 2 === 0;
    values.set(
      isWeight ? makeWave(length, 1.7, layer, 0.35) : makeWave(length, 2.3, layer + 0.5, 0.1),
      offset,
    );
  });
  return values;
}

const input = createInput("input", SHAPE);
const target = createInput("target", SHAPE);
const prediction = network.apply(input);
const batch = { input: makeWave(72, 0.9, 0.1, 300), target: makeWave(72, 0.8, 0.3, 280) };

function feedParameters(values: Float64Array): Record<string, Float64Array> {
  return Object.fromEntries(
    layOutParameters(network.parameters).map(({ name, offset, length }) => [
      name,
      values.subarray(offset, offset + length),
    ]),
  );
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, relative: number): void {
  expect(actual.length).toBe(expected.length);
  const size = Math.max(...Array.from(expected, Math.abs));
  let worst = 0;
  for (let k = 0; k < expected.length; k++) worst = Math.max(worst, Math.abs(actual[k] - expected[k]));
  expect(worst / size).toBeLessThan(relative);
}

/** Runs the symbolic step in float64. */
function runInFloat64(
  loss: Tensor,
  optimiser: OptimiserOptions,
  learningRate: number,
  steps: number,
): Float64Array[] {
  const graph = buildTrainStep({
    parameters: network.parameters,
    inputs: [input, target],
    losses: { loss: { value: loss } },
    optimiser,
  });
  const start = createGoldenParameters(network);
  const { stateNames } = createOptimiser(optimiser);
  const vectors = ["parameters", "average", ...stateNames];
  let state = [start, start, ...stateNames.map(() => new Float64Array(start.length))];
  for (let step = 1; step <= steps; step++) {
    const scalars = Object.entries(computeStepScalars(optimiser, step)).map(([name, value]) => [
      name,
      [value],
    ]);
    state = evaluateGraph(
      vectors.map((name) => graph.outputs[`new.${name}`]),
      {
        ...batch,
        ...Object.fromEntries(vectors.map((name, k) => [name, state[k]])),
        ...Object.fromEntries(scalars),
        learningRate: [learningRate],
      },
    );
  }
  return state;
}

describe("agreement with PyTorch, float64", () => {
  const feeds = { ...batch, ...feedParameters(createGoldenParameters(network)) };

  it("computes the same output", () => {
    expectClose(evaluateGraph([prediction], feeds)[0], golden.output, 1e-12);
  });

  it.each(Object.keys(golden.losses))("computes the same %s and its gradient in every parameter", (name) => {
    const loss = losses.get(name).build(prediction, target);
    const [value, ...gradients] = evaluateGraph([loss, ...grad(loss, network.parameters)], feeds);
    expect(value[0] / golden.losses[name]).toBeCloseTo(1, 12);
    expectClose(
      gradients.flatMap((gradient) => [...gradient]),
      golden.gradients[name],
      1e-11,
    );
  });

  it("takes the same Adam steps", () => {
    const [parameters] = runInFloat64(losses.get("l1").build(prediction, target), { kind: "adam" }, 0.01, 3);
    // A gradient that is zero but for rounding (1e-15) still moves its weight by lr·1e-15/ε.
    expectClose(parameters, golden.adam, 1e-8);
  });

  it("takes the same AdamW steps with clipped gradients", () => {
    const optimiser = { kind: "adamw", weightDecay: 0.1, clipNorm: 0.5 } as const;
    const [parameters] = runInFloat64(losses.get("l2").build(prediction, target), optimiser, 0.01, 3);
    // PyTorch's clip adds 1e-6 to the norm, this engine 1e-12.
    expectClose(parameters, golden["adamw-clipped"], 1e-7);
  });
});

describe("other optimisers against PyTorch, float64", () => {
  const cases: Readonly<Record<string, OptimiserOptions>> = {
    "sgd-nesterov": { kind: "sgd", momentum: 0.9, nesterov: 1, weightDecay: 0.1, clipValue: 0.5 },
    "sgd-momentum": { kind: "sgd", momentum: 0.9, clipValue: 0.5 },
    "adam-l2": { kind: "adam", beta1: 0.1, weightDecay: 0.1, clipValue: 0.5 },
  };
  it.each(Object.entries(cases))("takes the same steps as %s", (name, settings) => {
    const [parameters] = runInFloat64(losses.get("l2").build(prediction, target), settings, 0.01, 3);
    expectClose(parameters, golden[name as "adam"], 1e-9);
  });
});

describe("the compiled step", () => {
  const optimiser = { kind: "adam", beta1: 0.8, beta2: 0.99, averageDecay: 0.9 } as const;

  it("follows an Adam written by hand in float64, with the average of the weights", async () => {
    const loss = losses.get("l2").build(prediction, target, { scale: 100 });
    const gradients = grad(loss, network.parameters);
    let p = createGoldenParameters(network);
    let [m, v, average] = [p.map(() => 0), p.map(() => 0), p.slice()];
    const runtime = await createNodeRuntime({ threads: 1 });
    const step = await compileTrainStep(
      { parameters: network.parameters, inputs: [input, target], losses: { l2: { value: loss } }, optimiser },
      runtime,
      { state: createTrainState(Float32Array.from(p)) },
    );
    for (let t = 1; t <= 5; t++) {
      const feeds = { ...batch, ...feedParameters(p) };
      const [value, ...parts] = evaluateGraph([loss, ...gradients], feeds);
      const g = Float64Array.from(parts.flatMap((part) => [...part]));
      m = m.map((x, k) => 0.8 * x + 0.2 * g[k]);
      v = v.map((x, k) => 0.99 * x + 0.01 * g[k] ** 2);
      p = p.map((x, k) => x - (0.02 * (m[k] / (1 - 0.8 ** t))) / (Math.sqrt(v[k] / (1 - 0.99 ** t)) + 1e-8));
      const decay = Math.min(0.9, (1 + t) / (10 + t));
      average = average.map((x, k) => decay * x + (1 - decay) * p[k]);
      const result = await step.run({
        batch: { input: Float32Array.from(batch.input), target: Float32Array.from(batch.target) },
        learningRate: 0.02,
      });
      expect(result.losses.l2 / value[0]).toBeCloseTo(1, 4);
      expect(result.gradientNorm / Math.hypot(...g)).toBeCloseTo(1, 4);
    }
    const state = await step.getState();
    expect(state.step).toBe(5);
    expectClose(state.parameters, p, 1e-4);
    expectClose(state.moments.firstMoment, m, 1e-4);
    expectClose(state.moments.secondMoment, v, 1e-4);
    expectClose(state.average, average, 1e-4);
    await step.dispose();
  });

  it("weighs several losses and reports each", async () => {
    const l1 = losses.get("l1").build(prediction, target);
    const l2 = losses.get("l2").build(prediction, target, { scale: 50 });
    const runtime = await createNodeRuntime({ threads: 1 });
    const start = Float32Array.from(createGoldenParameters(network));
    const step = await compileTrainStep(
      {
        parameters: network.parameters,
        inputs: [input, target],
        losses: { l1: { value: l1, weight: 0.25 }, l2: { value: l2 } },
        optimiser,
      },
      runtime,
      { state: createTrainState(start) },
    );
    const feeds = { ...batch, ...feedParameters(Float64Array.from(start)) };
    const expected = evaluateGraph([l1, l2], feeds);
    const parts = [grad(l1, network.parameters), grad(l2, network.parameters)].map((list) =>
      evaluateGraph(list, feeds).flatMap((values) => [...values]),
    );
    const result = await step.run({
      batch: { input: Float32Array.from(batch.input), target: Float32Array.from(batch.target) },
      learningRate: 0.01,
    });
    await step.dispose();
    expect(result.losses.l1 / expected[0][0]).toBeCloseTo(1, 5);
    expect(result.losses.l2 / expected[1][0]).toBeCloseTo(1, 5);
    const norm = Math.hypot(...parts[0].map((value, k) => 0.25 * value + parts[1][k]));
    expect(result.gradientNorm / norm).toBeCloseTo(1, 4);
  });

  it("refuses states of another network, losses that are no scalars, and options out of range", async () => {
    const runtime = await createNodeRuntime();
    const loss = reduceMean(prediction);
    const definition = {
      parameters: network.parameters,
      inputs: [input],
      losses: { mean: { value: loss } },
      optimiser,
    };
    const state = createTrainState(new Float32Array(3));
    await expect(compileTrainStep(definition, runtime, { state })).rejects.toMatchObject({
      code: "SHAPE_MISMATCH",
    });
    expect(() => buildTrainStep({ ...definition, losses: { p: { value: prediction } } })).toThrow(
      /NOT_SCALAR|shape/,
    );
    expect(() => buildTrainStep({ ...definition, optimiser: { kind: "adam", beta1: 1 } })).toThrow(/β1 1/);
  });

  it("starts from He's distribution, the same for the same seed", () => {
    const wide = createResidualCnn({ channels: 64, layers: 3 });
    const values = initialiseParameters(wide.parameters, createRandom(4));
    expect(values).toEqual(initialiseParameters(wide.parameters, createRandom(4)));
    expect(values).not.toEqual(initialiseParameters(wide.parameters, createRandom(5)));
    const place = layOutParameters(wide.parameters).find(({ name }) => name === "conv1.weight");
    const part = values.subarray(place?.offset, (place?.offset ?? 0) + (place?.length ?? 0));
    const variance = part.reduce((sum, x) => sum + x * x, 0) / part.length;
    expect(variance / (2 / (64 * 9))).toBeCloseTo(1, 1);
    const last = layOutParameters(wide.parameters).find(({ name }) => name === "conv2.weight");
    expect(values.subarray(last?.offset).every((x) => x === 0)).toBe(true);
  });
});
