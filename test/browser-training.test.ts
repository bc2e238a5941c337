/**
 * Training in a real browser, in a worker: bundled by Vite, served from this process, run in headless Chromium. Losses
 * and weights must be those of Node's CPU provider, and every file must come from this process.
 */
import { type RuntimeReport, runTrainingJob, type TrainingJob } from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { createTemporaryFolder, requireTool, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPage, type PageRun, runPage } from "./browser/run-page.ts";

/** As `browser/train-page.ts`, which is checked with a browser's types. */
interface TrainAnswer {
  readonly isIsolated: boolean;
  readonly runtime: RuntimeReport;
  readonly losses: readonly number[];
  readonly parameters: readonly number[];
  readonly keptOnDevice?: readonly number[];
}

const STEPS = 24;
/** Seconds on an idle machine, and half a minute on a busy one: large WebAssembly files, shaders on a processor. */
const LONGEST_MS = 140_000;
const SLOW = { timeout: LONGEST_MS + 10_000 };
/**
 * Both sides compute in float32 and sum in different orders, 1e-7 relative a sum, which Adam's division by small second
 * moments amplifies. Measured: 1.4e-6 after 24 steps on WebAssembly, 7e-8 after 4 on WebGPU.
 */
const LARGEST_LOSS_ERROR = 2e-5;
/** Against the largest weight. Measured: 9e-8 and 5e-8. */
const LARGEST_WEIGHT_ERROR = 5e-6;

const job: TrainingJob = {
  recipe: {
    method: "regression",
    networks: { main: { name: "residual-cnn", config: { channels: 8, layers: 3, unshuffle: 1 } } },
    losses: [{ name: "l1", options: { scale: 40 } }],
    optimiser: { kind: "adam", averageDecay: 0.95 },
    learningRate: { kind: "cosine", value: 8e-3, warmupSteps: 5 },
    batch: 4,
    patch: [24, 24],
  },
  settings: { seed: 11, batch: 4, patch: 24, steps: STEPS, logEvery: 1 },
  data: { kind: "discs", seed: 5, count: 2, side: 64, noiseHu: 40 },
};

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = createTemporaryFolder("browser-training");
  await buildPage("train-page", folder);
});
afterAll(() => folder?.dispose());

/** The same job on Node's CPU. */
async function trainInNode(same: TrainingJob): Promise<Pick<TrainAnswer, "losses" | "parameters">> {
  const losses: number[] = [];
  const { values } = await runTrainingJob(same, await createNodeRuntime({ threads: 1 }), {
    sink: {
      async log(entry) {
        if (entry.kind === "train") losses.push(entry.means["train.loss.l1"]);
      },
      async saveCheckpoint() {},
    },
  });
  return { losses, parameters: [...values.main] };
}

function findWorst(got: readonly number[], wanted: readonly number[], size: (k: number) => number): number {
  expect(got).toHaveLength(wanted.length);
  return Math.max(...wanted.map((value, k) => Math.abs(got[k] - value) / size(k)));
}

async function expectNodesTraining(answer: TrainAnswer, same: TrainingJob): Promise<void> {
  const node = await trainInNode(same);
  const lossError = findWorst(answer.losses, node.losses, (k) => node.losses[k]);
  const largest = Math.max(...node.parameters.map(Math.abs));
  const weightError = findWorst(answer.parameters, node.parameters, () => largest);
  const { provider, device } = answer.runtime;
  console.info(
    `${provider} (${device}) against Node's CPU, ${node.losses.length} steps: losses ${lossError.toExponential(1)}, weights ${weightError.toExponential(1)} relative`,
  );
  expect(lossError).toBeLessThan(LARGEST_LOSS_ERROR);
  expect(weightError).toBeLessThan(LARGEST_WEIGHT_ERROR);
}

function getAnswer({ answer }: PageRun<TrainAnswer>): TrainAnswer {
  if ("error" in answer) throw new Error(answer.error);
  return answer;
}

const listWasm = (requested: readonly string[]): readonly string[] => [
  ...new Set(
    requested.filter((name) => name.endsWith(".wasm")).map((name) => name.replace(/-[^-]+\.wasm$/, "")),
  ),
];

describe("training in a browser's worker", () => {
  it("falls and gives Node's losses and weights on one WebAssembly thread", SLOW, async (context) => {
    const chromium = requireTool(context, "chromium", "chromium");
    const run = await runPage<TrainAnswer>(chromium, folder, {
      inputs: { job, providers: ["webgl", "wasm"] },
      longestMs: LONGEST_MS,
    });
    const answer = getAnswer(run);
    expect(answer.isIsolated).toBe(false);
    expect(answer.runtime).toMatchObject({ provider: "wasm", device: "WebAssembly, 1 thread(s)" });
    expect(answer.runtime.unavailable).toMatchObject([{ provider: "webgl", reason: /no "webgl"/ }]);
    expect(answer.keptOnDevice).toBeUndefined();
    expect(answer.losses).toHaveLength(STEPS);
    const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
    expect(mean(answer.losses.slice(-4))).toBeLessThan(0.7 * mean(answer.losses.slice(0, 4)));
    expect(listWasm(run.requested)).toEqual(["/assets/ort-wasm-simd-threaded"]);
    await expectNodesTraining(answer, job);
  });

  it(
    "uses threads on an isolated page; an aborted run goes on from its checkpoint",
    SLOW,
    async (context) => {
      const chromium = requireTool(context, "chromium", "chromium");
      const run = await runPage<TrainAnswer>(chromium, folder, {
        inputs: { job, providers: ["wasm"], threads: 2, interruptAt: 8 },
        isIsolated: true,
        longestMs: LONGEST_MS,
      });
      const answer = getAnswer(run);
      expect(answer.isIsolated).toBe(true);
      expect(answer.runtime.device).toBe("WebAssembly, 2 thread(s)");
      await expectNodesTraining(answer, job);
    },
  );

  it("gives them on WebGPU too, and keeps values on the device", SLOW, async (context) => {
    const chromium = requireTool(context, "chromium", "chromium");
    const small: TrainingJob = {
      ...job,
      recipe: { ...job.recipe, batch: 2, patch: [16, 16] },
      settings: { ...job.settings, batch: 2, patch: 16, steps: 4 },
    };
    const run = await runPage<TrainAnswer>(chromium, folder, {
      inputs: { job: small, providers: ["webgpu", "wasm"] },
      flags: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"],
      longestMs: LONGEST_MS,
    });
    const answer = getAnswer(run);
    if (answer.runtime.provider !== "webgpu") {
      context.skip(`no WebGPU in this Chromium: ${answer.runtime.unavailable[0]?.reason}`);
    }
    expect(answer.keptOnDevice).toEqual([8, 16, 24, 32, 40]);
    expect(listWasm(run.requested)).toEqual(["/assets/ort-wasm-simd-threaded.asyncify"]);
    await expectNodesTraining(answer, small);
  });
});
