/**
 * Trains a denoiser from pairs of noisy images alone (Noise2Noise) and prints what it does to an image it never saw. Any
 * other method of `methods` is another name and other data, not another trainer.
 *
 *     node examples/10-train-without-clean-images.ts [steps]
 */
import process from "node:process";
import { createRandom } from "@alara/core";
import { createPairValidation, createRepeatSource, methods, runTraining } from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";

const [steps = "300"] = process.argv.slice(2);
const SIDE = 96;
const size = { rows: SIDE, columns: SIDE };
/** A disc with smaller ones in it, HU. */
function drawDiscs(seed: number): Float32Array {
  const random = createRandom(seed);
  const discs = Array.from({ length: 9 }, (_, k) => ({
    row: SIDE * (k === 0 ? 0.5 : 0.25 + 0.5 * random.nextUniform()),
    column: SIDE * (k === 0 ? 0.5 : 0.25 + 0.5 * random.nextUniform()),
    radius: SIDE * (k === 0 ? 0.42 : 0.03 + 0.08 * random.nextUniform()),
    hu: k === 0 ? 1040 : 200 * random.nextUniform() - 100,
  }));
  return Float32Array.from({ length: SIDE * SIDE }, (_, k) => {
    const at = { row: Math.floor(k / SIDE), column: k % SIDE };
    const inside = discs.filter(
      (disc) => Math.hypot(at.row - disc.row, at.column - disc.column) < disc.radius,
    );
    return inside.reduce((sum, { hu }) => sum + hu, -1000);
  });
}

/** White noise of 50 HU. */
function drawNoise(seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: SIDE * SIDE }, () => 50 * random.nextNormal());
}

const source = createRepeatSource(
  [1, 2, 3, 4, 5, 6].map((seed) => ({
    id: `scan-${seed}`,
    ...size,
    base: drawDiscs(seed),
    repeats: [drawNoise(100 + seed), drawNoise(200 + seed)],
  })),
);
const truth = drawDiscs(77);
const noise = drawNoise(78);
const held = { id: "held-out", ...size, target: truth, input: truth.map((hu, k) => hu + noise[k]) };

const recipe = {
  method: "noise2noise",
  networks: {
    main: { name: "residual-cnn", config: { channels: 16, layers: 5, unshuffle: 1, scaleHu: 100 } },
  },
  losses: [{ name: "l2", options: { scale: 50 } }],
  optimiser: { kind: "adam", averageDecay: 0.98 },
  learningRate: { kind: "cosine", value: 4e-3, warmupSteps: 20 },
  batch: 8,
  patch: [32, 32],
} as const;

const result = await runTraining({
  program: methods.get(recipe.method).build(recipe),
  settings: { seed: 1, batch: recipe.batch, patch: recipe.patch, steps: Number(steps), validateEvery: 100 },
  source,
  validation: createPairValidation([held]),
  runtime: await createNodeRuntime(),
  sink: {
    async log(entry) {
      if (entry.kind !== "validation") return;
      const [before, after] = [entry.inputRmseHu ?? 0, entry.rmseHu ?? 0].map((rmse) => rmse.toFixed(1));
      console.log(`step ${entry.step}: RMSE ${before} -> ${after} HU`);
    },
    async saveCheckpoint() {},
  },
});
console.log(`best after ${result.best?.step} steps`);
