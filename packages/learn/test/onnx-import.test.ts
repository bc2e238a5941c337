/**
 * ONNX graphs in: files of torch.onnx.export give PyTorch's outputs and input gradients; every importable operator gives
 * what onnxruntime gives for the same file; what cannot be read is named; hostile bytes never escape as other errors.
 */
import { readFileSync } from "node:fs";
import { createRandom } from "@alara/core";
import {
  createConstant,
  createInput,
  evaluateGraph,
  grad,
  importableOperators,
  importOnnxGraph,
  LearnError,
  loadFrozenFeatures,
  mul,
  openOnnxGraph,
  reduceSum,
  simplifyGraph,
  sortGraph,
  writeOnnxModel,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createModel, expectClose, operatorCases } from "./onnx-cases.ts";

interface Golden {
  readonly models: Readonly<
    Record<
      string,
      {
        readonly model: string;
        readonly shape: readonly number[];
        readonly input: readonly number[];
        readonly output: readonly number[];
        readonly outputShape: readonly number[];
        readonly gradient: readonly number[];
      }
    >
  >;
  readonly features: { readonly name: string; readonly values: readonly number[] };
}
const golden: Golden = JSON.parse(readFileSync(new URL("golden/torch-onnx.json", import.meta.url), "utf8"));
const decode = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
const files = Object.entries(golden.models).map(([name, item]) => ({
  name,
  ...item,
  bytes: decode(item.model),
}));
const vgg = files.find(({ name }) => name === "vgg, opset 13") as (typeof files)[0];

describe("files of torch.onnx.export", () => {
  it.each(files.map((item) => [item.name, item] as const))("%s: output and input gradient", (_, item) => {
    const { inputs, outputs } = importOnnxGraph(item.bytes, { inputs: { x: item.shape } });
    expect(outputs.y.shape).toEqual(item.outputShape);
    const weights = createConstant(
      item.output.map((_, k) => Math.sin(1.3 * k)),
      outputs.y.shape,
    );
    const [gradient] = grad(reduceSum(mul(outputs.y, weights)), [inputs.x]);
    const [y, g] = evaluateGraph([outputs.y, gradient], { x: item.input });
    // torch computed in float32
    expectClose(y, item.output, { relative: 1e-4, absolute: 2e-5 });
    expectClose(g, item.gradient, { relative: 1e-4, absolute: 2e-5 });
  });

  it.each(files.map((item) => [item.name, item] as const))("%s: runs in a graph of ours", async (_, item) => {
    const { inputs, outputs } = importOnnxGraph(item.bytes, { inputs: { x: item.shape } });
    const [gradient] = grad(reduceSum(mul(outputs.y, outputs.y)), [inputs.x]);
    const graph = { y: outputs.y, gradient };
    const runtime = await createNodeRuntime({ threads: 1 });
    const session = await runtime.createSession(writeOnnxModel({ inputs: [inputs.x], outputs: graph }));
    const x = { dtype: "float32" as const, dims: item.shape, data: Float32Array.from(item.input) };
    const results = await session.run({ x });
    await session.dispose();
    const [, g] = evaluateGraph([outputs.y, gradient], { x: item.input });
    expectClose(results.y.data as Float32Array, item.output, { relative: 1e-4, absolute: 2e-5 });
    expectClose(results.gradient.data as Float32Array, g, { relative: 1e-3, absolute: 1e-3 });
  });
});

describe("inner values", () => {
  it("are chosen by name, as the second activation of a VGG, and take nothing with them", () => {
    const { inputs, outputs } = importOnnxGraph(vgg.bytes, {
      inputs: { x: vgg.shape },
      outputs: [golden.features.name],
    });
    const features = outputs[golden.features.name];
    const [values] = evaluateGraph([features], { x: vgg.input });
    expectClose(values, golden.features.values, { relative: 1e-5, absolute: 1e-6 });
    const used = sortGraph([features]).flatMap(({ producer }) =>
      producer.kind === "operator" ? [producer.operator.name] : [],
    );
    expect(used.filter((name) => name !== "relu")).toHaveLength(2);
    expect(inputs.x.shape).toEqual(vgg.shape);
  });

  it("make a frozen φ with the file's digest, whose constants are shared between its uses", async () => {
    const phi = await loadFrozenFeatures(vgg.bytes, { output: golden.features.name });
    expect(phi.digest).toMatch(/^[0-9a-f]{64}$/);
    const x = createInput("x", vgg.shape);
    const twice = [phi.apply(x), phi.apply(x)];
    expect(simplifyGraph(twice)[0]).toBe(simplifyGraph(twice)[0]);
    const [a, b] = simplifyGraph(twice);
    expect(a).toBe(b);
    const other = phi.apply(createInput("z", [2, 3, 12, 10]));
    expect(other.shape).toEqual([2, 4, 12, 10]);
  });

  it("are listed, and a wrong name is answered with names that exist", () => {
    expect(openOnnxGraph(vgg.bytes).valueNames).toContain(golden.features.name);
    expect(() => openOnnxGraph(vgg.bytes, { outputs: ["relu7"] })).toThrow(
      expect.objectContaining({ code: "UNKNOWN_TENSOR", message: expect.stringMatching(/"relu7".* y$/) }),
    );
  });
});

describe("every operator", () => {
  it.each(operatorCases.map((item) => [item.title, item] as const))("%s", async (_, item) => {
    const bytes = createModel(item);
    const random = createRandom(3).derive(item.title);
    const [low, high] = item.range ?? [-1.5, 1.5];
    const data = Object.fromEntries(
      Object.entries(item.inputs).map(([name, shape]) => {
        const count = shape.reduce((product, size) => product * size, 1);
        return [name, Float32Array.from({ length: count }, () => low + (high - low) * random.nextUniform())];
      }),
    );
    const session = await (await createNodeRuntime({ threads: 1 })).createSession(bytes);
    const feeds = Object.fromEntries(
      Object.entries(item.inputs).map(([name, dims]) => [
        name,
        { dtype: "float32" as const, dims, data: data[name] },
      ]),
    );
    const results = await session.run(feeds);
    await session.dispose();
    const { outputs } = importOnnxGraph(bytes);
    const names = Object.keys(outputs);
    const values = evaluateGraph(Object.values(outputs), data);
    names.forEach((name, k) => {
      expect(outputs[name].shape).toEqual(results[name].dims);
      expectClose(results[name].data as Float32Array, values[k], { relative: 2e-5, absolute: 2e-5 });
    });
  });

  it("is run at least once", () => {
    const seen = new Set(operatorCases.flatMap(({ nodes }) => nodes.map(({ operator }) => operator)));
    expect(importableOperators.filter((name) => !seen.has(name))).toEqual([]);
  });
});

describe("what cannot be imported", () => {
  const expectCode = (work: () => unknown, code: string, message: RegExp): void =>
    expect(work).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  const model = (nodes: Parameters<typeof createModel>[0]["nodes"], rest = {}): Uint8Array =>
    createModel({ title: "", inputs: { x: [1, 1, 4, 4] }, nodes, ...rest });

  it("is named in one error with its nodes, unless no output needs it", () => {
    const bytes = model([
      { operator: "Relu", inputs: ["x"], output: "a" },
      { operator: "NonZero", inputs: ["a"], output: "b", name: "find" },
      { operator: "LSTM", inputs: ["b"], output: "c" },
      { operator: "NonZero", inputs: ["c"], output: "y", name: "again" },
    ]);
    expectCode(
      () => importOnnxGraph(bytes),
      "UNSUPPORTED_MODEL",
      /NonZero \(find, again\); LSTM \(#2 \(c\)\)/,
    );
    expect(importOnnxGraph(bytes, { outputs: ["a"] }).outputs.a.shape).toEqual([1, 1, 4, 4]);
  });

  it("is named with its setting", () => {
    const fail = (nodes: Parameters<typeof createModel>[0]["nodes"], message: RegExp, rest = {}): void =>
      expectCode(() => importOnnxGraph(model(nodes, rest)), "UNSUPPORTED_MODEL", message);
    fail(
      [{ operator: "Pad", inputs: ["x", "p"], output: "y", attributes: { mode: "wrap" }, name: "frame" }],
      /"frame" \(Pad\).*mode "wrap"/,
      {
        constants: { p: { dtype: "int64", shape: [8], values: [0, 0, 1, 1, 0, 0, 1, 1] } },
      },
    );
    fail([{ operator: "Reshape", inputs: ["x", "x"], output: "y" }], /depends on the data/);
    fail(
      [{ operator: "Cast", inputs: ["x"], output: "y", attributes: { to: 7 } }],
      /only constants are cast/,
    );
    fail([{ operator: "Relu", inputs: ["x"], output: "y" }], /opset 6/, { opset: 6 });
  });

  it("is a value that nobody makes, a wrong shape, or an input without a size", () => {
    expectCode(
      () => importOnnxGraph(model([{ operator: "Add", inputs: ["x", "later"], output: "y" }])),
      "BROKEN_MODEL",
      /"later" is used by node "#0 \(y\)"/,
    );
    expectCode(
      () =>
        importOnnxGraph(
          model([{ operator: "MatMul", inputs: ["x", "w"], output: "y", name: "product" }], {
            constants: { w: { dtype: "float32", shape: [3, 2], values: [1, 2, 3, 4, 5, 6] } },
          }),
        ),
      "SHAPE_MISMATCH",
      /node "product" \(MatMul\)/,
    );
    expectCode(() => importOnnxGraph(vgg.bytes), "SHAPE_MISMATCH", /\[batch, 3, height, width\].*"x"/);
    expectCode(
      () => importOnnxGraph(vgg.bytes, { inputs: { x: [1, 1, 8, 8] } }),
      "SHAPE_MISMATCH",
      /\[1, 1, 8, 8\].*\[batch, 3, height, width\]/,
    );
  });

  it("never escapes as another error: changed bytes of real files", () => {
    const small = files.filter(({ name }) => name === "vgg, opset 13" || name === "attention, opset 14");
    const attempt = (bytes: Uint8Array, shape: readonly number[]): void => {
      try {
        importOnnxGraph(bytes, { inputs: { x: shape } });
      } catch (error) {
        if (!(error instanceof LearnError)) throw error;
      }
    };
    const change = fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255));
    for (const { bytes, shape } of small) {
      fc.assert(
        fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
          const changed = bytes.slice();
          for (const [place, value] of changes) changed[Math.floor(place * changed.length)] = value;
          attempt(changed, shape);
        }),
        { numRuns: 250 },
      );
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => attempt(bytes, [1])),
      { numRuns: 200 },
    );
  });
});
