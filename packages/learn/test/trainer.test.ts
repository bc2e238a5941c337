/** The trainer: the loss falls, resuming is exact, stopping early and aborting behave, bad input is refused. */
import {
  type Checkpoint,
  computeLearningRate,
  createResidualCnn,
  decodeCheckpoint,
  drawLossCurve,
  encodeCheckpoint,
  exportInferenceModel,
  LearnError,
  trainNetwork,
  validateNetwork,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { describe, expect, it } from "vitest";
import {
  createMemorySink,
  createValidation,
  network,
  recipe,
  source,
  validation,
} from "./training-fixture.ts";

const runtime = await createNodeRuntime({ threads: 2 });
const base = { network, recipe, source, validation, runtime };

describe("trainNetwork", () => {
  it("lowers the error on a held-out slice well below the input's", async () => {
    const { sink, entries } = createMemorySink();
    const result = await trainNetwork({
      ...base,
      recipe: { ...recipe, steps: 240, validateEvery: 80 },
      sink,
    });
    const rmse = entries.flatMap((entry) => (entry.kind === "validation" ? [entry] : []));
    expect(rmse.map((entry) => entry.step)).toEqual([0, 80, 160, 240]);
    // The last layer starts at zero, so the untrained network is the identity.
    expect(rmse[0].rmseHu).toBe(rmse[0].inputRmseHu);
    expect(result.best?.rmseHu).toBeLessThan(0.7 * rmse[0].inputRmseHu);
    const check = await validateNetwork(network, result.values, validation, runtime);
    expect(check.rmseHu).toBe(result.best?.rmseHu);
  });

  it("is repeatable, and another seed gives other weights", async () => {
    const first = await trainNetwork(base);
    const second = await trainNetwork(base);
    const other = await trainNetwork({ ...base, recipe: { ...recipe, seed: 12 } });
    expect(second.checkpoint).toEqual(first.checkpoint);
    expect(other.values).not.toEqual(first.values);
  });

  it("resumes bit for bit, also from the middle of a log interval", async () => {
    const whole = createMemorySink();
    const uninterrupted = await trainNetwork({ ...base, sink: whole.sink });
    const controller = new AbortController();
    const part = createMemorySink();
    const onProgress = ({ done }: { done: number }): void => {
      if (done === 13) controller.abort(new Error("stop here"));
    };
    await expect(
      trainNetwork({ ...base, sink: part.sink, signal: controller.signal, onProgress }),
    ).rejects.toThrow("stop here");
    const resume = await decodeCheckpoint(part.checkpoints[part.checkpoints.length - 1]);
    expect(resume.state.step).toBe(13);
    const rest = createMemorySink();
    const resumed = await trainNetwork({ ...base, sink: rest.sink, resume });
    expect(resumed).toEqual(uninterrupted);
    const lines = (entries: typeof whole.entries): string[] =>
      entries.filter((entry) => entry.kind !== "end").map((entry) => JSON.stringify(entry));
    expect([...lines(part.entries), ...lines(rest.entries)]).toEqual(lines(whole.entries));
  });

  it("stops early when validation does not improve", async () => {
    const hopeless = { ...createValidation("perfect", 5) };
    const perfect = { ...hopeless, input: hopeless.target };
    const result = await trainNetwork({
      ...base,
      validation: [perfect],
      recipe: { ...recipe, steps: 100, validateEvery: 4, patience: 2 },
    });
    expect(result.reason).toBe("early stop");
    expect(result.checkpoint.state.step).toBe(8);
    expect(result.best?.step).toBe(0);
  });

  it("works without validation: the last averaged weights win", async () => {
    const result = await trainNetwork({ ...base, validation: [] });
    expect(result.best).toBeNull();
    expect(result.values).toEqual(result.checkpoint.state.average);
  });

  it("refuses a checkpoint of another recipe and stops when the loss explodes", async () => {
    const { checkpoint } = await trainNetwork({ ...base, recipe: { ...recipe, steps: 2 } });
    await expect(trainNetwork({ ...base, resume: checkpoint })).rejects.toMatchObject({
      code: "CHECKPOINT_MISMATCH",
    });
    const wild = { ...recipe, learningRate: { kind: "constant", value: 1e20 } } as const;
    await expect(trainNetwork({ ...base, recipe: wild })).rejects.toMatchObject({ code: "DIVERGED" });
  });

  it("refuses sizes that do not fit", async () => {
    await expect(
      trainNetwork({ ...base, recipe: { ...recipe, patch: 25 }, network: createResidualCnn() }),
    ).rejects.toThrow(/multiple/);
    await expect(trainNetwork({ ...base, recipe: { ...recipe, batch: 0 } })).rejects.toThrow(/batch is 0/);
    await expect(trainNetwork({ ...base, recipe: { ...recipe, losses: [] } })).rejects.toThrow(/losses/);
    await expect(trainNetwork({ ...base, recipe: { ...recipe, patch: 128 } })).rejects.toThrow(
      /does not fit/,
    );
    const odd = [{ ...validation[0], rows: 63 }];
    await expect(trainNetwork({ ...base, validation: odd })).rejects.toMatchObject({
      code: "SHAPE_MISMATCH",
    });
    expect(() => exportInferenceModel(network, { values: new Float32Array(7) })).toThrow(LearnError);
  });
});

describe("checkpoints", () => {
  const checkpoint: Checkpoint = {
    recipeDigest: "abc",
    state: {
      step: 7,
      parameters: Float32Array.of(1, -2.5),
      firstMoment: Float32Array.of(0, Number.MIN_VALUE),
      secondMoment: Float32Array.of(3e-38, 4),
      average: Float32Array.of(5, 6),
    },
    random: { words: [1, 2, 3, 4], spareNormal: -0.123456789012345 },
    best: { step: 5, rmseHu: 1 / 3, values: Float32Array.of(7, 8) },
    validationsSinceBest: 2,
    pending: { count: 3, sums: { "loss.l1": 0.1 + 0.2 } },
  };

  it("survive a round trip unchanged", async () => {
    expect(await decodeCheckpoint(await encodeCheckpoint(checkpoint))).toEqual(checkpoint);
    const fresh = { ...checkpoint, best: null };
    expect(await decodeCheckpoint(await encodeCheckpoint(fresh))).toEqual(fresh);
  });

  it("are refused when cut short, changed in any byte, or of another format", async () => {
    const bytes = await encodeCheckpoint(checkpoint);
    const expectBroken = (broken: Uint8Array): Promise<void> =>
      expect(decodeCheckpoint(broken)).rejects.toMatchObject({ code: "BROKEN_CHECKPOINT" });
    await expectBroken(bytes.subarray(0, bytes.length - 1));
    await expectBroken(new Uint8Array());
    await expectBroken(new Uint8Array(500));
    for (let k = 0; k < bytes.length; k += 37) {
      const changed = bytes.slice();
      changed[k] ^= 1;
      await expectBroken(changed);
    }
  });
});

describe("computeLearningRate", () => {
  it("warms up linearly and then follows half a cosine", () => {
    const schedule = { kind: "cosine", value: 2, finalValue: 1, warmupSteps: 4 } as const;
    expect([1, 2, 4].map((step) => computeLearningRate(schedule, step, 24))).toEqual([0.5, 1, 2]);
    expect(computeLearningRate(schedule, 14, 24)).toBeCloseTo(1.5, 12);
    expect(computeLearningRate(schedule, 24, 24)).toBeCloseTo(1, 12);
    expect(computeLearningRate({ kind: "constant", value: 0.3 }, 9, 10)).toBe(0.3);
    expect(() => computeLearningRate({ kind: "constant", value: 0 }, 1, 10)).toThrow(/learning rate 0/);
  });
});

describe("drawLossCurve", () => {
  it("draws one polyline per series with a point per entry", () => {
    const svg = drawLossCurve([
      { kind: "validation", step: 0, rmseHu: 40, inputRmseHu: 40, perPair: [], isBest: true },
      { kind: "train", step: 10, learningRate: 1, means: { "loss.l1": 3, gradientNorm: 9 } },
      { kind: "train", step: 20, learningRate: 1, means: { "loss.l1": 1, gradientNorm: 9 } },
      { kind: "validation", step: 20, rmseHu: 30, inputRmseHu: 40, perPair: [], isBest: true },
    ]);
    const points = [...svg.matchAll(/points="([^"]*)"/g)].map((match) => match[1].split(" "));
    expect(points).toEqual([
      ["360.0,28.0", "656.0,320.0"],
      ["64.0,28.0", "656.0,320.0"],
    ]);
    expect(drawLossCurve([])).toContain("</svg>");
  });
});
