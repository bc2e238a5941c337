/** The operator table under its suite: gradients of first and second order, and agreement with onnxruntime. */
import { readFileSync } from "node:fs";
import {
  countElements,
  evaluateGraph,
  grad,
  operators,
  type Runtime,
  type Tensor,
  writeOnnxModel,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { describe, expect, it } from "vitest";
import { createScalars, listOperatorCases } from "./operator-cases.ts";

const cases = listOperatorCases();
type Feeds = Readonly<Record<string, Float64Array>>;

/** Central difference of a scalar graph in every element of one input. */
function differentiateNumerically(scalar: Tensor, feeds: Feeds, name: string): Float64Array {
  const h = 1e-5;
  return feeds[name].map((value, k) => {
    const shifted = (delta: number): number => {
      const values = feeds[name].slice();
      values[k] = value + delta;
      return evaluateGraph([scalar], { ...feeds, [name]: values })[0][0];
    };
    return (shifted(h) - shifted(-h)) / (2 * h);
  });
}

function expectGradient(
  scalar: Tensor,
  inputs: readonly Tensor[],
  feeds: Feeds,
  options: { stopsGradient: boolean },
): void {
  const gradients = evaluateGraph(grad(scalar, inputs), feeds);
  inputs.forEach((input, k) => {
    const expected = options.stopsGradient
      ? new Float64Array(countElements(input.shape))
      : differentiateNumerically(scalar, feeds, `x${k}`);
    expect(gradients[k]).toHaveLength(countElements(input.shape));
    for (let p = 0; p < expected.length; p++) {
      expect(Math.abs(gradients[k][p] - expected[p])).toBeLessThan(2e-8 * (1 + 10 * Math.abs(expected[p])));
    }
  });
}

describe("operator table", () => {
  it("has at least one example for every operator", () => {
    for (const [, operator] of operators.entries()) expect(operator.examples.length).toBeGreaterThan(0);
  });

  it("is what docs/guide/operators.md lists (node scripts/docs/list-operators.ts writes it)", () => {
    const page = readFileSync(new URL("../../../docs/guide/operators.md", import.meta.url), "utf8");
    const listed = [...page.matchAll(/^\| `(\w+)` \| .* \| \[/gm)].map(([, name]) => name);
    expect(listed).toEqual([...operators.entries()].map(([name]) => name));
  });

  it.each(cases.map((item) => [item.title, item] as const))("first derivative of %s", (_, item) => {
    expectGradient(createScalars(item).first, item.inputs, item.feeds, item);
  });

  it.each(cases.map((item) => [item.title, item] as const))("second derivative of %s", (_, item) => {
    expectGradient(createScalars(item).second, item.inputs, item.feeds, item);
  });
});

/**
 * Cases (by the beginning of their title) that a provider of onnxruntime 1.30 lacks and places on the CPU; their results
 * are compared all the same. Everything else must run on the provider itself.
 */
const CPU_FALLBACKS: Readonly<Record<string, readonly string[]>> = {};

/** Tolerances other than 10⁻⁵, by operator. WGSL promises sin and cos to 2⁻¹¹ only. */
const TOLERANCES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  webgpu: { sin: 1e-3, cos: 1e-3 },
};

/** Starting a provider takes longer than most cases, so each is started once. */
const runtimes = new Map<string, Promise<Runtime>>();
function getRuntime(options: { provider: string; strict: boolean }): Promise<Runtime> {
  const { provider, strict } = options;
  const key = `${provider} ${strict}`;
  const runtime = runtimes.get(key) ?? createNodeRuntime({ providers: [provider], strict });
  runtimes.set(key, runtime);
  return runtime;
}

/** `ALARA_PROVIDERS=webgpu,cuda` adds providers. */
const providers = ["cpu", ...(process.env.ALARA_PROVIDERS ?? "").split(",").filter((name) => name !== "")];
const targets = providers.flatMap((provider) =>
  (provider === "cpu" ? (["standard", "cpu"] as const) : (["standard"] as const)).map(
    (dialect) => [provider, dialect] as const,
  ),
);

describe.each(targets)("onnxruntime %s, %s dialect", (provider, dialect) => {
  it.each(cases.map((item) => [item.title, item] as const))("agrees with float64 on %s", async (_, item) => {
    const mayFallBack = (CPU_FALLBACKS[provider] ?? []).some((name) => item.title.startsWith(name));
    const strict = provider !== "cpu" && !mayFallBack;
    const runtime = await getRuntime({ provider, strict });
    const { first, second } = createScalars(item);
    const outputs: Record<string, Tensor> = { y: item.output };
    for (const [order, scalar] of [first, second].entries()) {
      grad(scalar, item.inputs).forEach((gradient, k) => {
        outputs[`g${order}.${k}`] = gradient;
      });
    }
    const session = await runtime.createSession(writeOnnxModel({ inputs: item.inputs, outputs, dialect }));
    const feeds = Object.fromEntries(
      item.inputs.map((input, k) => [
        `x${k}`,
        { dtype: "float32" as const, dims: input.shape, data: Float32Array.from(item.feeds[`x${k}`]) },
      ]),
    );
    const results = await session.run(feeds);
    await session.dispose();
    const expected = evaluateGraph(Object.values(outputs), item.feeds);
    // float32 arithmetic over sums of up to some hundred terms of size 1
    const tolerance = TOLERANCES[provider]?.[item.operator.name] ?? 1e-5;
    Object.keys(outputs).forEach((name, n) => {
      expect(results[name].dims).toEqual(outputs[name].shape);
      for (let p = 0; p < expected[n].length; p++) {
        const error = Math.abs(Number(results[name].data[p]) - expected[n][p]);
        expect(error).toBeLessThan(tolerance * (1 + Math.abs(expected[n][p])));
      }
    });
  });
});
