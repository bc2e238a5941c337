/** Building graphs: wrong shapes throw at once with both shapes; networks and registries say what they take. */
import {
  add,
  conv2d,
  countParameters,
  createConstant,
  createInput,
  createParameter,
  createResidualCnn,
  evaluateGraph,
  grad,
  layOutParameters,
  matmul,
  mul,
  networks,
  operators,
  reduceSum,
  simplifyGraph,
  slice,
  sortGraph,
  spaceToDepth,
  square,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { describe, expect, it } from "vitest";

const image = createInput("image", [2, 3, 8, 8]);

describe("shape errors", () => {
  it.each([
    ["add", () => add(createInput("a", [2, 3]), createInput("b", [4, 3])), /\[2, 3\] and \[4, 3\]/],
    ["matmul", () => matmul(createInput("a", [2, 3]), createInput("b", [4, 3])), /\[2, 3\] and \[4, 3\]/],
    ["conv2d", () => conv2d(image, createInput("w", [4, 5, 3, 3])), /\[2, 3, 8, 8\].*\[4, 5, 3, 3\]/],
    ["conv2d rank", () => conv2d(createInput("x", [8, 8]), createInput("w", [1, 1, 3, 3])), /\[8, 8\]/],
    [
      "conv2d bias",
      () => conv2d(image, createInput("w", [4, 3, 3, 3]), { bias: createInput("b", [5]) }),
      /\[5\] must be \[4\]/,
    ],
    ["spaceToDepth", () => spaceToDepth(image, { block: 3 }), /\[2, 3, 8, 8\].*multiples of 3/],
    ["slice", () => slice(createInput("a", [4]), { starts: [2], ends: [9] }), /\[2\] to \[9\].*\[4\]/],
    ["constant", () => createConstant([1, 2, 3], [2]), /3 values.*\[2\]/],
  ])("%s", (_, build, message) => {
    expect(build).toThrow(
      expect.objectContaining({ code: "SHAPE_MISMATCH", message: expect.stringMatching(message) }),
    );
  });

  it("come with their own codes for ranges and scalars", () => {
    expect(() => createInput("x", [0, 2])).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
    expect(() => conv2d(image, createInput("w", [4, 3, 3, 3]), { padding: 3 })).toThrow(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
    expect(() => grad(image, [image])).toThrow(expect.objectContaining({ code: "NOT_SCALAR" }));
    expect(() => evaluateGraph([image], {})).toThrow(expect.objectContaining({ code: "UNKNOWN_TENSOR" }));
    expect(() => evaluateGraph([image], { image: [1] })).toThrow(
      expect.objectContaining({ code: "SHAPE_MISMATCH" }),
    );
  });
});

describe("graphs", () => {
  const x = createInput("x", [3]);

  it("share equal calls and equal small constants, in any branch", () => {
    const sum = add(mul(square(x), 2), mul(square(x), 2));
    expect(sortGraph([sum])).toHaveLength(8);
    expect(sortGraph(simplifyGraph([sum]))).toHaveLength(5);
    expect(evaluateGraph(simplifyGraph([sum]), { x: [1, 2, 3] })[0]).toEqual(Float64Array.of(4, 16, 36));
  });

  it("differentiate twice and thrice", () => {
    const cube = reduceSum(mul(square(x), x));
    const [first] = grad(cube, [x]);
    const [second] = grad(reduceSum(first), [x]);
    const [third] = grad(reduceSum(second), [x]);
    const [a, b, c] = evaluateGraph([first, second, third], { x: [1, 2, -3] });
    expect([...a]).toEqual([3, 12, 27]);
    expect([...b]).toEqual([6, 12, -18]);
    expect([...c]).toEqual([6, 6, 6]);
  });

  it("give zeros for what the loss does not depend on, and sum over every use", () => {
    const unused = createInput("unused", [2]);
    const [gx, gu] = grad(reduceSum(add(x, x)), [x, unused]);
    const values = evaluateGraph([gx, gu], { x: [1, 1, 1] });
    expect([...values[0]]).toEqual([2, 2, 2]);
    expect([...values[1]]).toEqual([0, 0]);
  });

  it("replace leaves only by tensors of their shape", () => {
    const [swapped] = simplifyGraph([square(x)], new Map([[x, createConstant([1, 2, 3], [3])]]));
    expect([...evaluateGraph([swapped], {})[0]]).toEqual([1, 4, 9]);
    expect(() => simplifyGraph([square(x)], new Map([[x, createConstant(1)]]))).toThrow(/\[\].*\[3\]/);
  });
});

describe("networks", () => {
  it("are made from JSON and state what tiles need", () => {
    const network = networks.get("residual-cnn")({ channels: 16, layers: 5, unshuffle: 2 });
    expect(network.config).toMatchObject({ channels: 16, layers: 5, unshuffle: 2, kernel: 3 });
    expect(network.sizeMultiple).toBe(2);
    expect(countParameters(network.parameters)).toBe(16 * 36 + 16 + 3 * (16 * 16 * 9 + 16) + 4 * 144 + 4);
    expect(layOutParameters(network.parameters)[1]).toEqual({
      name: "conv0.bias",
      shape: [16],
      offset: 576,
      length: 16,
    });
  });

  it("see no further than their receptive radius", () => {
    const network = createResidualCnn({ channels: 2, layers: 3, unshuffle: 2, lastLayerGain: 1 });
    const side = 2 * network.receptiveRadius + 6;
    const x = createInput("x", [1, 1, side, side]);
    const feeds = Object.fromEntries(
      layOutParameters(network.parameters).map(({ name, length }) => [
        name,
        Float64Array.from({ length }, (_, k) => 0.1 + 0.01 * k),
      ]),
    );
    const centre = Math.floor(side / 2);
    let farthest = 0;
    for (const c of [centre, centre + 1]) {
      const y = slice(network.apply(x), { starts: [0, 0, c, c], ends: [1, 1, c + 1, c + 1] });
      const [gradient] = evaluateGraph(grad(reduceSum(y), [x]), {
        x: new Float64Array(side * side).fill(9),
        ...feeds,
      });
      gradient.forEach((value, k) => {
        if (value === 0) return;
        farthest = Math.max(farthest, Math.abs(Math.floor(k / side) - c), Math.abs((k % side) - c));
      });
    }
    expect(farthest).toBe(network.receptiveRadius);
  });

  it("refuse configurations that make no sense", () => {
    const make = networks.get("residual-cnn");
    expect(() => make({ chanels: 3 })).toThrow(/"chanels".*known: channels/);
    expect(() => make({ channels: "3" })).toThrow(/"channels": "3"/);
    expect(() => make({ layers: 1 })).toThrow(/layers is 1/);
    expect(() => make({ kernel: 4 })).toThrow(/odd/);
    expect(() => createResidualCnn({ scaleHu: 0 })).toThrow(/scaleHu 0/);
    const twice = createParameter("w", [1], { kind: "zero" });
    expect(() => layOutParameters([twice, twice])).toThrow(/"w".*twice/);
  });
});

describe("the table and the runtime", () => {
  it("list every operator by its own name", () => {
    for (const [name, operator] of operators.entries()) expect(operator.name).toBe(name);
  });

  it("report missing providers and use the next", async () => {
    const runtime = await createNodeRuntime({ providers: ["no-such-provider", "cpu"] });
    expect(runtime.provider).toBe("cpu");
    expect(runtime.unavailable.map(({ provider }) => provider)).toEqual(["no-such-provider"]);
    expect(runtime.version).toMatch(/^onnxruntime-node \d+\.\d+/);
    await expect(createNodeRuntime({ providers: ["no-such-provider"] })).rejects.toMatchObject({
      code: "NO_PROVIDER",
    });
  });

  it("turn the runtime's refusals into coded errors", async () => {
    const runtime = await createNodeRuntime();
    await expect(runtime.createSession(Uint8Array.of(1, 2, 3))).rejects.toMatchObject({ code: "RUN_FAILED" });
  });
});
