/** The trainer: the loss falls, resuming is exact, stopping early and aborting behave, bad input is refused. */
import {
  type Checkpoint,
  computeLearningRate,
  createPairValidation,
  createResidualCnn,
  decodeArrays,
  decodeCheckpoint,
  drawLossCurve,
  encodeCheckpoint,
  exportInferenceModel,
  gatherParameters,
  LearnError,
  runTraining,
  type TrainLogEntry,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { describe, expect, it } from "vitest";
import {
  buildProgram,
  createMemorySink,
  createValidation,
  recipe,
  settings,
  source,
  validationPairs,
} from "./training-fixture.ts";

const runtime = await createNodeRuntime({ threads: 2 });
const validation = createPairValidation(validationPairs);
const base = { program: buildProgram(), settings, source, validation, runtime };

describe("runTraining", () => {
  it("lowers the error on a held-out slice well below the input's", async () => {
    const { sink, entries } = createMemorySink();
    const long = { ...settings, steps: 240, validateEvery: 80 };
    const result = await runTraining({ ...base, settings: long, sink });
    const rmse = entries.flatMap((entry) => (entry.kind === "validation" ? [entry] : []));
    expect(rmse.map((entry) => entry.step)).toEqual([0, 80, 160, 240]);
    // The last layer starts at zero, so the untrained network is the identity.
    expect(rmse[0].rmseHu).toBe(rmse[0].inputRmseHu);
    expect(result.best?.score).toBeLessThan(0.7 * (rmse[0].inputRmseHu as number));
    const values = gatherParameters(base.program, result.values, base.program.networks.main);
    const session = await runtime.createSession(exportInferenceModel(base.program.networks.main, { values }));
    const check = await validation.validate(async (_, data, dims) => {
      const { output } = await session.run({ input: { dtype: "float32", dims, data } });
      return output.data as Float32Array;
    }, base.program.networks);
    await session.dispose();
    expect(check.score).toBe(result.best?.score);
    expect(check.samples[0].images.map(({ name }) => name)).toEqual(["input", "output", "target"]);
  });

  it("is repeatable, and another seed gives other weights", async () => {
    const first = await runTraining(base);
    const second = await runTraining(base);
    const other = await runTraining({ ...base, settings: { ...settings, seed: 12 } });
    expect(second.checkpoint).toEqual(first.checkpoint);
    expect(other.values).not.toEqual(first.values);
  });

  it("resumes bit for bit, also from the middle of a log interval", async () => {
    const whole = createMemorySink();
    const uninterrupted = await runTraining({ ...base, sink: whole.sink });
    const controller = new AbortController();
    const part = createMemorySink();
    const onProgress = ({ done }: { done: number }): void => {
      if (done === 13) controller.abort(new Error("stop here"));
    };
    await expect(
      runTraining({ ...base, sink: part.sink, signal: controller.signal, onProgress }),
    ).rejects.toThrow("stop here");
    const resume = await decodeCheckpoint(part.checkpoints[part.checkpoints.length - 1]);
    expect(resume.step).toBe(13);
    const rest = createMemorySink();
    const resumed = await runTraining({ ...base, sink: rest.sink, resume });
    expect(resumed).toEqual(uninterrupted);
    const lines = (entries: readonly TrainLogEntry[]): string[] =>
      entries.filter((entry) => entry.kind !== "end").map((entry) => JSON.stringify(entry));
    expect([...lines(part.entries), ...lines(rest.entries)]).toEqual(lines(whole.entries));
  });

  it("averages the gradients of several batches as one batch of all of them would", async () => {
    // A source that deals the same images in the same order, whatever the batch.
    let next = 0;
    const deal = {
      ...source,
      drawBatch(_random: Parameters<typeof source.drawBatch>[0], options: { batch: number }) {
        const images = Array.from({ length: options.batch }, () => {
          const k = next++;
          return Float32Array.from({ length: 576 }, (_, p) => 90 * Math.sin(0.1 * p + k));
        });
        const input = Float32Array.from(images.flatMap((image) => [...image]));
        return { input, target: input.map((x) => 0.5 * x) };
      },
    };
    const run = (batch: number, accumulate: number) => {
      next = 0;
      return runTraining({
        ...base,
        program: buildProgram({ batch, losses: [{ name: "l2", options: { scale: 40 } }] }),
        source: deal,
        settings: { ...settings, batch, accumulate, steps: 6 },
      });
    };
    const whole = await run(4, 1);
    const parts = await run(2, 2);
    expect(parts.checkpoint.phases.train.step).toBe(6);
    const [a, b] = [whole, parts].map(({ checkpoint }) => checkpoint.phases.train.parameters);
    const size = Math.max(...a.map(Math.abs));
    a.forEach((value, k) => {
      expect(Math.abs(value - b[k]) / size).toBeLessThan(2e-5);
    });
    const single = await run(2, 1);
    expect(single.checkpoint.phases.train.parameters).not.toEqual(b);
  });

  it("stops early when validation does not improve", async () => {
    const hopeless = { ...createValidation("perfect", 5) };
    const perfect = { ...hopeless, input: hopeless.target };
    const result = await runTraining({
      ...base,
      validation: createPairValidation([perfect]),
      settings: { ...settings, steps: 100, validateEvery: 4, patience: 2 },
    });
    expect(result.reason).toBe("early stop");
    expect(result.checkpoint.step).toBe(8);
    expect(result.best?.step).toBe(0);
  });

  it("works without validation: the last averaged weights win", async () => {
    const { validation: _, ...bare } = base;
    const result = await runTraining(bare);
    expect(result.best).toBeNull();
    expect(result.values).toEqual({ main: result.checkpoint.phases.train.average });
  });

  it("starts from given weights: fine-tuning", async () => {
    const { checkpoint } = await runTraining(base);
    const start = { main: checkpoint.phases.train.average };
    const { sink, entries } = createMemorySink();
    await runTraining({ ...base, start, sink, settings: { ...settings, steps: 1 } });
    const [first] = entries.flatMap((entry) => (entry.kind === "validation" ? [entry] : []));
    expect(first.rmseHu).toBeLessThan(first.inputRmseHu as number);
  });

  it("refuses a checkpoint of another recipe", async () => {
    const { checkpoint } = await runTraining({ ...base, settings: { ...settings, steps: 2 } });
    await expect(runTraining({ ...base, resume: checkpoint })).rejects.toMatchObject({
      code: "CHECKPOINT_MISMATCH",
    });
  });

  it("stops when the loss explodes and saves the batch that did it", async () => {
    const { sink, failures } = createMemorySink();
    const program = buildProgram({ learningRate: { kind: "constant", value: 1e20 } });
    await expect(runTraining({ ...base, program, sink })).rejects.toMatchObject({ code: "DIVERGED" });
    const { header, arrays } = await decodeArrays(failures[0]);
    expect(header).toMatchObject({ phase: "train" });
    expect(arrays.get("input")).toHaveLength(4 * 24 * 24);
    expect(arrays.get("target")?.some((x) => x !== 0)).toBe(true);
  });

  it("refuses sizes and fields that do not fit", async () => {
    expect(() =>
      buildProgram({ patch: [25, 25], networks: { main: { name: "residual-cnn", config: {} } } }),
    ).toThrow(/multiples/);
    await expect(runTraining({ ...base, settings: { ...settings, batch: 0 } })).rejects.toThrow(/batch is 0/);
    await expect(runTraining({ ...base, program: buildProgram({ losses: [] }) })).rejects.toThrow(/loss/);
    const large = { ...settings, patch: 128 };
    await expect(
      runTraining({ ...base, program: buildProgram({ patch: [128, 128] }), settings: large }),
    ).rejects.toThrow(/does not fit/);
    const odd = createPairValidation([{ ...validationPairs[0], rows: 63 }]);
    await expect(runTraining({ ...base, validation: odd })).rejects.toMatchObject({
      code: "SHAPE_MISMATCH",
    });
    const { target: _, ...poor } = source.fields;
    await expect(runTraining({ ...base, source: { ...source, fields: poor } })).rejects.toThrow(/"target"/);
    const small = createResidualCnn({ channels: 8, layers: 3, unshuffle: 1 });
    expect(() => exportInferenceModel(small, { values: new Float32Array(7) })).toThrow(LearnError);
    expect(() => buildProgram({ options: { nonsense: 1 } })).toThrow(/nonsense/);
    expect(recipe.options).toBeUndefined();
  });
});

describe("checkpoints", () => {
  const checkpoint: Checkpoint = {
    recipeDigest: "abc",
    step: 7,
    phases: {
      train: {
        step: 14,
        parameters: Float32Array.of(1, -2.5),
        average: Float32Array.of(5, 6),
        moments: {
          firstMoment: Float32Array.of(0, Number.MIN_VALUE),
          secondMoment: Float32Array.of(3e-38, 4),
        },
      },
      critic: { step: 7, parameters: Float32Array.of(9), average: Float32Array.of(9), moments: {} },
    },
    buffers: { "critic.fake": [Float32Array.of(1, 2), Float32Array.of(3, 4)], "critic.other": [] },
    random: { words: [1, 2, 3, 4], spareNormal: -0.123456789012345 },
    best: { step: 5, score: 1 / 3, values: { main: Float32Array.of(7, 8) } },
    validationsSinceBest: 2,
    pending: { "train.loss.l1": { sum: 0.1 + 0.2, count: 3 } },
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

  it("falls in steps, or linearly after a while", () => {
    const steps = { kind: "step", value: 1, milestones: [3, 6], factor: 0.5 } as const;
    expect([1, 3, 4, 6, 7].map((step) => computeLearningRate(steps, step, 9))).toEqual([
      1, 1, 0.5, 0.5, 0.25,
    ]);
    const linear = { kind: "linear", value: 2, decayStart: 5 } as const;
    expect([1, 5, 7.5, 10].map((step) => computeLearningRate(linear, step, 10))).toEqual([2, 2, 1, 0]);
  });

  it("runs one cycle as PyTorch's OneCycleLR(max_lr=0.1, total_steps=20, pct_start=0.3) does", () => {
    // torch 1.13.1: [group["lr"] for each of 20 steps], rounded to 9 digits
    const expected = [
      0.004, 0.013167184, 0.037167184, 0.066832816, 0.090832816, 0.1, 0.098746401, 0.095048463, 0.089091618,
      0.081174565, 0.0716943, 0.061126202, 0.0500002, 0.038874198, 0.0283061, 0.018825835, 0.010908782,
      0.004951937, 0.001253999, 4e-7,
    ];
    const schedule = { kind: "one-cycle", value: 0.1 } as const;
    expected.forEach((value, k) => {
      expect(computeLearningRate(schedule, k + 1, 20)).toBeCloseTo(value, 8);
    });
  });
});

describe("drawLossCurve", () => {
  it("draws one polyline per series with a point per entry", () => {
    const same = { inputRmseHu: 40, figures: {}, score: 0, perPair: [], isBest: true } as const;
    const svg = drawLossCurve([
      { kind: "validation", step: 0, rmseHu: 40, ...same },
      { kind: "train", step: 10, learningRates: { train: 1 }, means: { "train.loss.l1": 3 } },
      { kind: "train", step: 20, learningRates: { train: 1 }, means: { "train.loss.l1": 1 } },
      { kind: "validation", step: 20, rmseHu: 30, ...same },
    ]);
    const points = [...svg.matchAll(/points="([^"]*)"/g)].map((match) => match[1].split(" "));
    expect(points).toEqual([
      ["360.0,28.0", "656.0,320.0"],
      ["64.0,28.0", "656.0,320.0"],
    ]);
    expect(drawLossCurve([])).toContain("</svg>");
  });
});
