/**
 * Training steps whose state stays on the device: weights after several steps must be those of the CPU, also where one
 * step uses the parameters that another keeps. Runs with `ALARA_PROVIDERS=webgpu`, as runtime.test.ts.
 */
import { createRandom } from "@alara/core";
import {
  compileTrainStep,
  createInput,
  createResidualCnn,
  createTrainState,
  initialiseParameters,
  losses,
  type Runtime,
  type TrainState,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { describe, expect, it } from "vitest";

const SHAPE = [2, 1, 12, 12];
const STEPS = 6;
const config = { channels: 6, layers: 3, unshuffle: 1, lastLayerGain: 0.1, scaleHu: 100 };
const teacher = createResidualCnn(config);
const pupil = createResidualCnn(config);
const input = createInput("input", SHAPE);
const target = createInput("target", SHAPE);

function drawBatch(seed: number): { readonly input: Float32Array; readonly target: Float32Array } {
  const random = createRandom(seed);
  const clean = Float32Array.from({ length: 288 }, (_, k) => 80 * Math.sin(k / 5 + seed));
  return { target: clean, input: clean.map((x) => x + 20 * random.nextNormal()) };
}

interface Outcome {
  readonly states: readonly TrainState[];
  readonly losses: readonly number[];
  readonly keepsOnDevice: boolean;
}

/** A teacher learns the target, and a pupil learns what the teacher of the moment says, by averaged pairs of batches. */
async function trainBoth(runtime: Runtime): Promise<Outcome> {
  const optimiser = { kind: "adam", averageDecay: 0.9, clipNorm: 1 } as const;
  const l2 = losses.get("l2");
  const draw = (label: string): ReturnType<typeof createTrainState> =>
    createTrainState(initialiseParameters(teacher.parameters, createRandom(3).derive(label)));
  const first = await compileTrainStep(
    {
      parameters: teacher.parameters,
      inputs: [input, target],
      losses: { l2: { value: l2.build(teacher.apply(input), target, { scale: 100 }) } },
      optimiser,
    },
    runtime,
    { state: draw("teacher") },
  );
  const second = await compileTrainStep(
    {
      parameters: pupil.parameters,
      frozen: { teacher: teacher.parameters },
      inputs: [input],
      losses: { l2: { value: l2.build(pupil.apply(input), teacher.apply(input), { scale: 100 }) } },
      optimiser,
      accumulate: 2,
    },
    runtime,
    { state: draw("pupil") },
  );
  const found: number[] = [];
  for (let step = 1; step <= STEPS; step++) {
    const batch = drawBatch(step);
    found.push((await first.run({ batch, learningRate: 0.01 })).losses.l2);
    const frozen = { teacher: first.getParameters() };
    found.push((await second.run({ batch, frozen, learningRate: 0.01 })).losses.l2);
  }
  const keepsOnDevice = !(first.getParameters() instanceof Float32Array);
  const states = [await first.getState(), await second.getState()];
  await first.dispose();
  await second.dispose();
  return { states, losses: found, keepsOnDevice };
}

function findWorst(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  expect(got.length).toBe(wanted.length);
  const largest = Math.max(...Array.from(wanted, Math.abs));
  let worst = 0;
  for (let k = 0; k < wanted.length; k++) worst = Math.max(worst, Math.abs(got[k] - wanted[k]));
  return worst / largest;
}

describe("state on the device", () => {
  it("is not claimed on the CPU, and gives what the step reports", async () => {
    const { keepsOnDevice, states } = await trainBoth(await createNodeRuntime({ threads: 1 }));
    expect(keepsOnDevice).toBe(false);
    expect(states.map(({ step }) => step)).toEqual([STEPS, STEPS / 2]);
  });

  it("on webgpu follows the CPU: weights, averages, moments and losses", async (context) => {
    if (!(process.env.ALARA_PROVIDERS ?? "").split(",").includes("webgpu")) {
      context.skip("ALARA_PROVIDERS does not name webgpu");
    }
    const cpu = await trainBoth(await createNodeRuntime({ threads: 1 }));
    const gpu = await trainBoth(await createNodeRuntime({ providers: ["webgpu"] }));
    expect(gpu.keepsOnDevice).toBe(true);
    // float32 on both sides, summed in other orders; measured at most 7e-7 (SwiftShader).
    expect(findWorst(gpu.losses, cpu.losses)).toBeLessThan(1e-5);
    for (const [k, wanted] of cpu.states.entries()) {
      const got = gpu.states[k];
      expect(got.step).toBe(wanted.step);
      expect(findWorst(got.parameters, wanted.parameters)).toBeLessThan(1e-5);
      expect(findWorst(got.average, wanted.average)).toBeLessThan(1e-5);
      expect(Object.keys(got.moments)).toEqual(Object.keys(wanted.moments));
      for (const [name, values] of Object.entries(wanted.moments)) {
        expect(findWorst(got.moments[name], values)).toBeLessThan(1e-5);
      }
    }
  });
});
