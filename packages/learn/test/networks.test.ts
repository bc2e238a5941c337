/** Every network against PyTorch: float64 output, loss and gradients, and float32 on onnxruntime. */
import { readFileSync } from "node:fs";
import {
  type ApplyContext,
  type AttentionNetwork,
  createInput,
  createTrainingContext,
  critics,
  evaluateGraph,
  type FeatureExtractor,
  grad,
  INFERENCE,
  losses,
  networks,
  type Tensor,
  writeOnnxModel,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { describe, expect, it } from "vitest";

interface GoldenCase {
  readonly network: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly size: readonly number[];
  readonly mode: "train" | "infer";
  readonly shape: readonly number[];
  readonly output: readonly number[];
  readonly outputDigest: readonly number[];
  readonly loss: number;
  readonly shapes: readonly (readonly number[])[];
  readonly gradients: readonly (readonly number[])[];
  readonly assigned?: readonly (readonly number[])[];
  readonly maps?: readonly (readonly number[])[];
  readonly features?: readonly (readonly number[])[];
}

const { cases } = JSON.parse(readFileSync(new URL("./golden/networks.json", import.meta.url), "utf8")) as {
  cases: readonly GoldenCase[];
};

interface Applicable {
  readonly parameters: readonly Tensor[];
  readonly inputChannels: number;
  apply(input: Tensor, context?: ApplyContext): Tensor;
}

function open(item: GoldenCase): Applicable {
  return critics.has(item.network)
    ? critics.get(item.network)(item.config)
    : networks.get(item.network)(item.config);
}

function makeWave(count: number, frequency: number, phase: number, amplitude: number): Float64Array {
  return Float64Array.from({ length: count }, (_, k) => amplitude * Math.sin(frequency * k + phase));
}

function getLeafName({ producer }: Tensor): string {
  return producer.kind === "input" || producer.kind === "parameter" ? producer.name : "";
}

function countAll(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** The parameter values of the golden script. */
function feedParameters(parameters: readonly Tensor[]): Record<string, Float64Array> {
  return Object.fromEntries(
    parameters.map((parameter, n) => {
      const name = getLeafName(parameter);
      const values = makeWave(countAll(parameter.shape), 1.7, n, 1);
      const kind = name.slice(name.lastIndexOf(".") + 1);
      if (kind === "weight") {
        const size = 1.5 / Math.sqrt(countAll(parameter.shape.slice(1)));
        return [name, values.map((x) => x * size)];
      }
      if (kind === "bias" || kind === "mean") return [name, values.map((x) => x * 0.1)];
      return [name, values.map((x) => 1 + 0.3 * x)];
    }),
  );
}

function digest(values: ArrayLike<number>): [number, number] {
  let sum = 0;
  let squares = 0;
  for (let k = 0; k < values.length; k++) {
    sum += values[k] * Math.sin(0.61 * k + 1);
    squares += values[k] ** 2;
  }
  return [sum, Math.sqrt(squares)];
}

/** Compares digests relative to the norm. */
function expectDigest(actual: ArrayLike<number>, [sum, norm]: readonly number[], relative: number): void {
  const found = digest(actual);
  const size = Math.max(norm, 1e-9);
  expect(Math.abs(found[0] - sum) / size).toBeLessThan(relative * 10);
  expect(Math.abs(found[1] - norm) / size).toBeLessThan(relative);
}

function prepare(item: GoldenCase) {
  const network = open(item);
  const shape = [2, network.inputChannels, ...item.size];
  const isLung = item.network === "lung-split";
  const image = makeWave(countAll(shape), isLung ? 0.21 : 0.9, 0.1, 300).map((x) => x + (isLung ? -600 : 0));
  const input = createInput("input", shape);
  const context = createTrainingContext("t");
  const output = network.apply(input, item.mode === "train" ? context : INFERENCE);
  const feeds = {
    input: image,
    target: makeWave(countAll(output.shape), 0.8, 0.3, 280),
    ...feedParameters(network.parameters),
  };
  return { network, input, output, context, feeds };
}

const titled = cases.map(
  (item) => [`${item.network} ${JSON.stringify(item.config)} ${item.mode}`, item] as const,
);

describe("agreement with PyTorch, float64", () => {
  it("covers every network of the registries", () => {
    const covered = new Set(cases.map(({ network }) => network));
    // residual-cnn has a golden of its own (train-step.test.ts)
    expect([...networks.names, ...critics.names].filter((name) => !covered.has(name))).toEqual([
      "residual-cnn",
    ]);
  });

  it.each(titled)("%s", (_, item) => {
    const { network, output, feeds, context } = prepare(item);
    expect(network.parameters.map(({ shape }) => shape)).toEqual(item.shapes);
    expect(output.shape).toEqual(item.shape);
    const target = createInput("target", output.shape);
    const loss = losses.get("l2").build(output, target);
    const trained = network.parameters.filter(
      (parameter) => !/\.(mean|variance)$/.test(getLeafName(parameter)),
    );
    const assigned = context.assignments.map(({ value }) => value);
    const values = evaluateGraph([output, loss, ...assigned, ...grad(loss, trained)], feeds);
    item.output.forEach((value, k) => {
      expect(Math.abs(values[0][k] - value)).toBeLessThan(1e-9 * (1 + Math.abs(value)));
    });
    expectDigest(values[0], item.outputDigest, 1e-10);
    expect(values[1][0] / item.loss).toBeCloseTo(1, 10);
    expect(assigned).toHaveLength(item.assigned?.length ?? 0);
    item.assigned?.forEach((expected, k) => {
      expectDigest(values[2 + k], expected, 1e-10);
    });
    trained.forEach((parameter, k) => {
      const n = network.parameters.indexOf(parameter);
      expectDigest(values[2 + assigned.length + k], item.gradients[n], 1e-9);
      expect(item.gradients[n][1], `gradient of ${getLeafName(parameter)}`).toBeGreaterThan(0);
    });
  });

  it("gives the same attention maps", () => {
    const item = cases.find(({ maps }) => maps !== undefined) as GoldenCase;
    const { network, input, feeds } = prepare(item);
    const maps = (network as AttentionNetwork).getAttentionMaps(input);
    expect(maps.map(({ shape }) => shape)).toEqual([
      [2, 1, 8, 8],
      [2, 1, 4, 4],
    ]);
    evaluateGraph(maps, feeds).forEach((values, k) => {
      expectDigest(values, (item.maps as number[][])[k], 1e-10);
      expect(Math.min(...values)).toBeGreaterThan(0);
      expect(Math.max(...values)).toBeLessThan(1);
    });
  });

  it("gives the same features at every layer of the autoencoder", () => {
    const item = cases.find(({ features }) => features !== undefined) as GoldenCase;
    const { network, input, feeds } = prepare(item);
    const extractor = network as unknown as FeatureExtractor;
    const features = extractor.layers.map((layer) => extractor.getFeatures(input, { layer }));
    expect(features[1]).toEqual(extractor.getFeatures(input));
    evaluateGraph(features, feeds).forEach((values, k) => {
      expectDigest(values, (item.features as number[][])[k], 1e-10);
    });
    expect(() => extractor.getFeatures(input, { layer: "conv9" })).toThrow(/"conv9"; known: encoder0.conv0/);
  });
});

describe("onnxruntime, float32", () => {
  it.each(titled)("%s", async (_, item) => {
    const { network, input, output, feeds } = prepare(item);
    const runtime = await createNodeRuntime({ threads: 1 });
    const inputs = [input, ...network.parameters];
    const session = await runtime.createSession(
      writeOnnxModel({ inputs, outputs: { y: output }, dialect: "standard" }),
    );
    const data = Object.fromEntries(
      inputs.map((leaf) => {
        const name = getLeafName(leaf);
        const values = Float32Array.from(feeds[name as keyof typeof feeds]);
        return [name, { dtype: "float32" as const, dims: leaf.shape, data: values }];
      }),
    );
    const { y } = await session.run(data);
    await session.dispose();
    expect(y.dims).toEqual(item.shape);
    expectDigest(Array.from(y.data, Number), item.outputDigest, 1e-4);
  });
});
