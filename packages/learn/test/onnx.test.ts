/** ONNX files: what is written is valid for other tools and any image size; what is read is judged first. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "@alara/core";
import {
  createInput,
  createResidualCnn,
  evaluateGraph,
  exportInferenceModel,
  getFloatOutput,
  initialiseParameters,
  inspectOnnxModel,
  losses,
  reshape,
  splitParameters,
  writeOnnxModel,
  writeTrainStep,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { afterAll, describe, expect, it } from "vitest";
import { modelType } from "../src/onnx/schema.ts";

const PYTHON = "/usr/bin/python3";
const scratch = mkdtempSync(join(tmpdir(), "alara-onnx-"));
afterAll(() => rmSync(scratch, { recursive: true }));

function runPython(code: string, ...args: string[]): string {
  return execFileSync(PYTHON, ["-c", code, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
function hasOnnxChecker(): boolean {
  try {
    runPython("import onnx");
    return true;
  } catch {
    return false;
  }
}
const CHECK = `
import sys, onnx, onnx.numpy_helper, json
model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=sys.argv[2] == "full")
print(json.dumps({
  "inputs": [[d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.input],
  "weights": sum(int(onnx.numpy_helper.to_array(t).size) for t in model.graph.initializer),
  "opsets": {o.domain: o.version for o in model.opset_import},
  "metadata": {p.key: p.value for p in model.metadata_props},
}))`;

const network = createResidualCnn({ channels: 6, layers: 4, unshuffle: 2, lastLayerGain: 0.5 });
const values = initialiseParameters(network.parameters, createRandom(2));
const exported = exportInferenceModel(network, { values, metadata: { recipe: "test" } });

describe("exportInferenceModel", () => {
  it("runs on any batch and size and agrees with float64", async () => {
    const session = await (await createNodeRuntime()).createSession(exported);
    const random = createRandom(9);
    for (const shape of [
      [1, 1, 8, 8],
      [3, 1, 10, 26],
    ]) {
      const data = Float32Array.from(
        { length: shape[0] * shape[2] * shape[3] },
        () => 300 * random.nextNormal(),
      );
      const results = await session.run({ input: { dtype: "float32", dims: shape, data } });
      const input = createInput("input", shape);
      const weights = Object.fromEntries(splitParameters(network.parameters, values));
      const [expected] = evaluateGraph([network.apply(input)], { input: data, ...weights });
      const output = getFloatOutput(results, "output");
      expect(results.output.dims).toEqual(shape);
      for (let k = 0; k < expected.length; k++) expect(Math.abs(output[k] - expected[k])).toBeLessThan(2e-3);
      expect(output.some((x, k) => Math.abs(x - data[k]) > 10)).toBe(true);
    }
    await session.dispose();
  });

  it("states its signature, standard operators and metadata", () => {
    const summary = inspectOnnxModel(exported);
    expect(summary.inputs).toEqual([{ name: "input", shape: ["batch", 1, "height", "width"] }]);
    expect(summary.outputs).toEqual([{ name: "output", shape: ["batch", 1, "height", "width"] }]);
    expect(summary.opsets).toEqual({ "": 17 });
    // "domain:Name" would be an operator outside the standard
    expect(summary.operators.filter((name) => name.includes(":"))).toEqual([]);
    expect(summary.operators).toEqual(expect.arrayContaining(["Add", "Conv", "DepthToSpace", "Relu"]));
    expect(summary.metadata).toEqual({ recipe: "test" });
    // beside the network's weights only scales and the like
    expect(summary.weightCount).toBeGreaterThanOrEqual(values.length + 2);
    expect(summary.weightCount).toBeLessThan(values.length + 50);
  });

  it("refuses operators that hold fixed sizes", () => {
    const fixed = {
      ...network,
      apply: (x: (typeof network.parameters)[0]) => reshape(reshape(x, [x.shape[2] * x.shape[3]]), x.shape),
    };
    expect(() => exportInferenceModel(fixed, { values })).toThrow(
      expect.objectContaining({ code: "FIXED_SIZE" }),
    );
  });

  it("is valid for onnx.checker, as the training step is", (context) => {
    if (!hasOnnxChecker()) context.skip("python3-onnx is absent");
    const check = (name: string, bytes: Uint8Array, mode: "full" | "plain"): Record<string, unknown> => {
      const path = join(scratch, name);
      writeFileSync(path, bytes);
      return JSON.parse(runPython(CHECK, path, mode));
    };
    const facts = check("inference.onnx", exported, "full");
    expect(facts).toMatchObject({
      inputs: [["batch", 1, "height", "width"]],
      weights: inspectOnnxModel(exported).weightCount,
      opsets: { "": 17 },
      metadata: { recipe: "test" },
    });
    const [input, target] = [createInput("input", [2, 1, 8, 8]), createInput("target", [2, 1, 8, 8])];
    const definition = {
      parameters: network.parameters,
      inputs: [input, target],
      losses: { l1: { value: losses.get("l1").build(network.apply(input), target) } },
      optimiser: { kind: "adam", clipNorm: 1, weightDecay: 0.1 },
    } as const;
    check("standard.onnx", writeTrainStep(definition, { dialect: "standard" }), "full");
    check("cpu.onnx", writeTrainStep(definition, { dialect: "cpu" }), "plain");
  });
});

describe("writeOnnxModel", () => {
  it("shares common sub-expressions and drops what no output needs", () => {
    const x = createInput("x", [2, 3]);
    const model = writeOnnxModel({ inputs: [x], outputs: { y: reshape(x, [6]), z: reshape(x, [6]) } });
    const decoded = modelType.toObject(modelType.decode(model)) as { graph: { node: { op_type: string }[] } };
    expect(decoded.graph.node.map((node) => node.op_type)).toEqual(["Reshape", "Identity", "Identity"]);
  });

  it("names a leaf that nobody supplies", () => {
    const [x, forgotten] = [createInput("x", [2]), createInput("forgotten", [2])];
    expect(() => writeOnnxModel({ inputs: [x], outputs: { y: forgotten } })).toThrow(/"forgotten"/);
  });
});

const external = {
  name: "w",
  dims: [4],
  data_type: 1,
  data_location: 1,
  external_data: [{ key: "location", value: "/etc/passwd" }],
};
const inline = { name: "w", dims: [1], data_type: 1, raw_data: new Uint8Array(4) };
const y = { name: "y", type: { tensor_type: { elem_type: 1, shape: { dim: [{ dim_value: 1 }] } } } };

function encode(graph: Record<string, unknown>, rest: Record<string, unknown> = {}): Uint8Array {
  const model = {
    ir_version: 8,
    opset_import: [{ domain: "", version: 17 }],
    graph: { output: [y], ...graph },
    ...rest,
  };
  return modelType.encode(modelType.fromObject(model)).finish();
}
const nodeWith = (attribute: Record<string, unknown>): Record<string, unknown> => ({
  node: [{ op_type: "If", output: ["y"], attribute: [attribute] }],
});

describe("inspectOnnxModel", () => {
  const places: readonly (readonly [string, Uint8Array])[] = [
    ["an initialiser", encode({ initializer: [external] })],
    [
      "an initialiser that only lists a location",
      encode({ initializer: [{ ...external, data_location: 0 }] }),
    ],
    [
      "an initialiser that only claims to be external",
      encode({ initializer: [{ ...external, external_data: [] }] }),
    ],
    [
      "values of a sparse initialiser",
      encode({ sparse_initializer: [{ values: external, indices: inline }] }),
    ],
    [
      "indices of a sparse initialiser",
      encode({ sparse_initializer: [{ values: inline, indices: external }] }),
    ],
    ["a tensor attribute", encode(nodeWith({ name: "value", type: 4, t: external }))],
    [
      "a list of tensor attributes",
      encode(nodeWith({ name: "values", type: 9, tensors: [inline, external] })),
    ],
    [
      "a sparse tensor attribute",
      encode(nodeWith({ name: "v", type: 11, sparse_tensor: { values: external } })),
    ],
    [
      "a list of sparse tensors",
      encode(nodeWith({ name: "v", type: 12, sparse_tensors: [{ indices: external }] })),
    ],
    ["a subgraph", encode(nodeWith({ name: "then_branch", type: 5, g: { initializer: [external] } }))],
    [
      "a list of subgraphs",
      encode(nodeWith({ name: "g", type: 10, graphs: [{}, { initializer: [external] }] })),
    ],
    [
      "a subgraph of a subgraph",
      encode(
        nodeWith({ name: "g", type: 5, g: nodeWith({ name: "g", type: 5, g: { initializer: [external] } }) }),
      ),
    ],
    [
      "a function",
      encode({}, { functions: [{ name: "f", ...nodeWith({ name: "v", type: 4, t: external }) }] }),
    ],
    [
      "a default of a function's attribute",
      encode({}, { functions: [{ attribute_proto: [{ name: "v", t: external }] }] }),
    ],
    ["a training graph", encode({}, { training_info: [{ algorithm: { initializer: [external] } }] })],
    [
      "an initialisation graph",
      encode({}, { training_info: [{ initialization: { initializer: [external] } }] }),
    ],
  ];

  it.each(places)("refuses external data in %s", (_, bytes) => {
    expect(() => inspectOnnxModel(bytes)).toThrow(expect.objectContaining({ code: "EXTERNAL_DATA_REFUSED" }));
  });

  it("accepts the same model with its values inside", () => {
    expect(inspectOnnxModel(encode({ initializer: [inline] })).weightCount).toBe(1);
  });

  it("refuses what is no model, is cut short, or is larger than ONNX allows", () => {
    const expectCode = (bytes: Uint8Array, code: string): void =>
      expect(() => inspectOnnxModel(bytes)).toThrow(expect.objectContaining({ code }));
    expectCode(new Uint8Array(), "BROKEN_MODEL");
    expectCode(new TextEncoder().encode("not a model at all"), "BROKEN_MODEL");
    expectCode(exported.subarray(0, exported.length - 5), "BROKEN_MODEL");
    expectCode(encode({ output: [] }), "BROKEN_MODEL");
    // Only the length is looked at, so nothing of this size is held.
    expectCode({ length: 2 ** 31 } as Uint8Array, "MODEL_TOO_LARGE");
  });

  it("survives hostile bytes: it reads them or refuses them, with a code", () => {
    const random = createRandom(3);
    for (let round = 0; round < 300; round++) {
      const bytes = exported.slice();
      for (let k = 0; k < 4; k++)
        bytes[random.nextInteger(Math.min(bytes.length, 2000))] = random.nextInteger(256);
      try {
        inspectOnnxModel(bytes);
      } catch (error) {
        expect(error).toMatchObject({ name: "LearnError" });
      }
    }
  });
});
