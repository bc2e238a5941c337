/**
 * Providers of onnxruntime-node: falling through with reasons, values that stay on the device, and placement.
 * The parts for webgpu run with `ALARA_PROVIDERS=webgpu` where there is an adapter (Chromium's SwiftShader serves:
 * `VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json`).
 */
import {
  createConstant,
  createFloatData,
  createInput,
  mul,
  type Operator,
  reduceSum,
  writeOnnxModel,
} from "@alara/learn";
import { createNodeRuntime, inspectPlacement } from "@alara/learn/node";
import { describe, expect, it } from "vitest";
import { applyOperator } from "../src/tensor.ts";

const x = createInput("x", [2, 2]);
const doubling = writeOnnxModel({
  inputs: [x],
  outputs: { y: mul(x, createConstant(2)), sum: reduceSum(x) },
});
const start = createFloatData(Float32Array.of(1, 2, 3, 4), [2, 2]);

/** ONNX's own SpaceToDepth, which onnxruntime 1.30 lacks on webgpu (Alara's operators write it in other ones). */
const onnxSpaceToDepth: Operator = {
  name: "onnxSpaceToDepth",
  summary: "for this test",
  inferShape: () => [1, 4, 2, 2],
  lower: (context, [input]) => context.addNode("SpaceToDepth", [input], { blocksize: { int: 2 } }),
  pullBack: () => [null],
  evaluate: ([input]) => input,
  examples: [],
};
const image = createInput("x", [1, 1, 4, 4]);
const folding = writeOnnxModel({
  inputs: [image],
  outputs: {
    y: mul(applyOperator(onnxSpaceToDepth, [mul(image, createConstant(3))]), createConstant(2)),
  },
});

describe("providers", () => {
  it("fall through to the CPU and say why", async () => {
    const runtime = await createNodeRuntime({ providers: ["nonsense", "cpu"] });
    expect(runtime.provider).toBe("cpu");
    expect(runtime.unavailable).toMatchObject([{ provider: "nonsense", reason: /not found/ }]);
    expect(runtime.device?.length).toBeGreaterThan(0);
  });

  it("cuda, webgpu, cpu give the first that works, with a reason for each before it", async () => {
    const order = ["cuda", "webgpu", "cpu"];
    const runtime = await createNodeRuntime({ providers: order });
    const missing = runtime.unavailable.map(({ provider }) => provider);
    expect([...missing, runtime.provider]).toEqual(order.slice(0, missing.length + 1));
    for (const { reason } of runtime.unavailable) expect(reason.length).toBeGreaterThan(10);
    const session = await runtime.createSession(doubling);
    expect((await session.run({ x: start })).y.data).toEqual(Float32Array.of(2, 4, 6, 8));
    await session.dispose();
  });

  it("are all named when none works", async () => {
    await expect(createNodeRuntime({ providers: ["nonsense", "absurdity"] })).rejects.toMatchObject({
      code: "NO_PROVIDER",
      message: expect.stringMatching(/nonsense .*absurdity/s),
    });
  });

  it("that cannot keep values offer no such run, and give every output", async () => {
    const runtime = await createNodeRuntime();
    const session = await runtime.createSession(doubling, { keepOnDevice: ["y"] });
    expect(session.runOnDevice).toBeUndefined();
    expect((await session.run({ x: start })).y.data).toEqual(Float32Array.of(2, 4, 6, 8));
    await session.dispose();
  });
});

describe("placement", () => {
  it("on the CPU leaves nothing to anybody", async () => {
    const placement = await inspectPlacement(folding, { provider: "cpu" });
    expect(placement.onCpu).toEqual({});
    expect(placement.copies).toBe(0);
    expect(Object.values(placement.onProvider).reduce((a, b) => a + b, 0)).toBeGreaterThan(1);
  });

  it("refuses what is no model", async () => {
    await expect(inspectPlacement(Uint8Array.of(1, 2, 3), { provider: "cpu" })).rejects.toMatchObject({
      code: "RUN_FAILED",
    });
  });
});

const hasWebGpu = (process.env.ALARA_PROVIDERS ?? "").split(",").includes("webgpu");

describe("webgpu", () => {
  it("keeps values on the device from run to run, for other sessions too", async (context) => {
    if (!hasWebGpu) context.skip("ALARA_PROVIDERS does not name webgpu");
    const runtime = await createNodeRuntime({ providers: ["webgpu"] });
    const session = await runtime.createSession(doubling, { keepOnDevice: ["y"] });
    const other = await runtime.createSession(doubling, { keepOnDevice: ["y"] });
    const { runOnDevice } = session;
    if (runOnDevice === undefined || other.runOnDevice === undefined)
      throw new Error("runOnDevice is missing");
    let run = await runOnDevice({ x: start });
    for (let k = 0; k < 3; k++) {
      const next = await runOnDevice({ x: run.kept.y });
      run.kept.y.dispose();
      run = next;
    }
    expect(run.outputs.sum.data).toEqual(Float32Array.of(80));
    expect(Object.keys(run.outputs)).toEqual(["sum"]);
    expect(run.kept.y.dims).toEqual([2, 2]);
    expect(await run.kept.y.read()).toEqual(Float32Array.of(16, 32, 48, 64));
    const elsewhere = await other.runOnDevice({ x: run.kept.y });
    expect(await elsewhere.kept.y.read()).toEqual(Float32Array.of(32, 64, 96, 128));
    expect(await run.kept.y.read()).toEqual(Float32Array.of(16, 32, 48, 64));

    run.kept.y.dispose();
    run.kept.y.dispose();
    await expect(run.kept.y.read()).rejects.toMatchObject({ code: "RUN_FAILED" });
    await expect(runOnDevice({ x: run.kept.y })).rejects.toMatchObject({ code: "RUN_FAILED" });
    // A plain run of the same session brings everything to the host, into given arrays too.
    const place = new Float32Array(4);
    const plain = await session.run({ x: start }, { y: createFloatData(place, [2, 2]) });
    expect(place).toEqual(Float32Array.of(2, 4, 6, 8));
    expect(plain.y.data).toBe(place);
    expect(plain.sum.data).toEqual(Float32Array.of(10));
    await session.dispose();
    await other.dispose();
    await expect(elsewhere.kept.y.read()).rejects.toMatchObject({ code: "RUN_FAILED" });
  });

  it("refuses to keep an output that is not there", async (context) => {
    if (!hasWebGpu) context.skip("ALARA_PROVIDERS does not name webgpu");
    const runtime = await createNodeRuntime({ providers: ["webgpu"] });
    await expect(runtime.createSession(doubling, { keepOnDevice: ["z"] })).rejects.toMatchObject({
      code: "RUN_FAILED",
    });
  });

  it("leaves SpaceToDepth to the CPU, and nothing else", async (context) => {
    if (!hasWebGpu) context.skip("ALARA_PROVIDERS does not name webgpu");
    const folded = await inspectPlacement(folding, { provider: "webgpu" });
    expect(folded.onCpu).toEqual({ SpaceToDepth: 1 });
    expect(folded.onProvider.Mul).toBe(2);
    expect(folded.copies).toBe(2);
    expect(folded.runsWithoutCpu).toBe(false);
    const plain = await inspectPlacement(doubling, { provider: "webgpu" });
    expect(plain.onCpu).toEqual({});
    expect(plain.runsWithoutCpu).toBe(true);
  });
});
