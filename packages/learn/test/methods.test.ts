/** Every training method: each loss term has a gradient, resuming is exact, the networks come out whole. */
import { createRandom } from "@alara/core";
import {
  type Checkpoint,
  countElements,
  createTrainState,
  decodeCheckpoint,
  encodeCheckpoint,
  evaluateGraph,
  exportInferenceModel,
  gatherParameters,
  grad,
  initialiseParameters,
  methods,
  runTraining,
  splitParameters,
  type TrainingPhase,
  type TrainingProgram,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { describe, expect, it } from "vitest";
import { drawValues } from "../src/program.ts";
import { getLeafName } from "../src/tensor.ts";
import { buildCase, createSyntheticSource, METHOD_RECIPES } from "./method-cases.ts";

const runtime = await createNodeRuntime({ threads: 1 });
const titles = Object.keys(METHOD_RECIPES);
const settings = { seed: 3, batch: 2, patch: [16, 16], steps: 6, logEvery: 4, validateEvery: 100 };

/** Values for every input of a phase, and for every parameter. */
function feedPhase(program: TrainingProgram, phase: TrainingPhase): Record<string, ArrayLike<number>> {
  const random = createRandom(8);
  const drawn = createSyntheticSource(program).drawBatch(random, { batch: 2, patch: [16, 16] });
  const feeds: Record<string, ArrayLike<number>> = { ...(program.prepare?.(drawn, random) ?? drawn) };
  for (const { input, distribution } of phase.random ?? []) {
    feeds[getLeafName(input)] = drawValues(distribution, countElements(input.shape), random);
  }
  for (const { input } of phase.buffered ?? []) {
    const noise = { kind: "normal", mean: 0, sigma: 150 } as const;
    feeds[getLeafName(input)] = drawValues(noise, countElements(input.shape), random);
  }
  for (const parameters of Object.values(program.groups)) {
    const values = initialiseParameters(parameters, createRandom(3).derive("weights"));
    for (const [name, part] of splitParameters(parameters, values)) feeds[name] = part;
  }
  return feeds;
}

it("has a case for every method", () => {
  const covered = new Set(Object.values(METHOD_RECIPES).map(({ method }) => method));
  expect([...covered].sort()).toEqual([...methods.names].sort());
});

describe.each(titles)("%s", (title) => {
  const program = buildCase(title);

  it("pulls its own parameters with every loss term", () => {
    for (const phase of program.phases) {
      const feeds = feedPhase(program, phase);
      for (const [name, { value }] of Object.entries(phase.losses)) {
        const gradients = evaluateGraph(grad(value, program.groups[phase.group]), feeds);
        const size = Math.max(
          ...gradients.map((list) => list.reduce((most, x) => Math.max(most, Math.abs(x)), 0)),
        );
        expect(size, `${phase.name}.${name}`).toBeGreaterThan(1e-7);
        expect(Number.isFinite(size)).toBe(true);
      }
    }
  });

  it("resumes bit for bit, buffers and all", async () => {
    const base = { program, settings, source: createSyntheticSource(program), runtime };
    const whole = await runTraining(base);
    let saved: Checkpoint | null = null;
    const controller = new AbortController();
    const sink = {
      log: async () => {},
      saveCheckpoint: async (bytes: Uint8Array) => {
        saved = await decodeCheckpoint(bytes);
      },
    };
    const onProgress = ({ done }: { done: number }): void => {
      if (done === 3) controller.abort(new Error("stop"));
    };
    await expect(runTraining({ ...base, sink, signal: controller.signal, onProgress })).rejects.toThrow(
      "stop",
    );
    const resumed = await runTraining({ ...base, resume: saved as unknown as Checkpoint });
    expect(await encodeCheckpoint(resumed.checkpoint)).toEqual(await encodeCheckpoint(whole.checkpoint));
    for (const phase of program.phases) {
      const start = createTrainState(
        initialiseParameters(program.groups[phase.group], createRandom(3).derive("weights")),
      );
      expect(whole.checkpoint.phases[phase.name].parameters).not.toEqual(start.parameters);
    }
  });

  it("gives networks that export", async () => {
    const { values } = await runTraining({
      program,
      settings: { ...settings, steps: 1 },
      source: createSyntheticSource(program),
      runtime,
    });
    for (const network of Object.values(program.networks)) {
      const model = exportInferenceModel(network, { values: gatherParameters(program, values, network) });
      const session = await runtime.createSession(model);
      const side = 16;
      const dims = [1, network.inputChannels, side, side];
      const data = new Float32Array(countElements(dims)).fill(50);
      const { output } = await session.run({ input: { dtype: "float32", dims, data } });
      expect(output.dims).toEqual([1, network.outputChannels, side, side]);
      expect(Array.from(output.data as Float32Array).every(Number.isFinite)).toBe(true);
      await session.dispose();
    }
  });
});
