/**
 * The efficient network against RED-CNN (Chen et al. 2017) on one denoising task: body phantoms with the noise of a
 * simulated scan at a quarter of the dose, noise-free truth. RED-CNN trains for a number of steps, the efficient network for
 * as long as that took; both are judged by RMSE on phantoms that neither saw. The target is RED-CNN's quality in the same
 * training time, at 15 billion multiplications a 512² slice at most. RED-CNN takes the rate of its paper, 10⁻⁴ (with 10⁻³ it
 * learns nothing here), the efficient network that of the recipes of its kind. Not shown: where either would end after days.
 *
 * `ALARA_REDCNN_STEPS=<n>` trains another number of steps; default 200. About eight minutes on two idle cores.
 */

import fs from "node:fs";
import process from "node:process";
import { buildPhantomPairs, parseRecipe } from "@alara/enhance";
import {
  countMacs,
  createPairSource,
  createPairValidation,
  type MethodRecipe,
  methods,
  networks,
  runTraining,
  type TrainingPair,
  type ValidationPair,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import type { BenchResult } from "../result.ts";

const STEPS = Number(process.env.ALARA_REDCNN_STEPS ?? 200);
const SEED = 20261121;
const LIMIT_GMAC = 15;
const HELD = 4;
const RATES = { "red-cnn": 1e-4, efficient: 7e-4 } as const;
/** A standard body kernel's window and the noise of a full dose, as measured on the training series. */
const KERNEL = { window: { boostMm2: 0, cutoffPerMm: 0.5, order: 2 }, sigmaHu: 11 };

/** Phantoms with noise-free truth and noise fields. */
async function makePairs(count: number): Promise<TrainingPair[]> {
  const text = fs.readFileSync(new URL("../../recipes/residual-cnn.json", import.meta.url), "utf8");
  const base = parseRecipe(text);
  const recipe = {
    ...base,
    training: { ...base.training, seed: SEED },
    data: { ...base.data, phantoms: { count, realisations: 2, share: 0.5 } },
  };
  const pairs = await buildPhantomPairs(recipe, { pairs: [], kernels: [KERNEL] });
  return pairs.map((pair) => ({ ...pair, weight: 1, levelRange: [0.7, 1.3] as const }));
}

function hold({ id, rows, columns, target, noises }: TrainingPair): ValidationPair {
  const clean = Float32Array.from(target);
  return { id, rows, columns, target: clean, input: clean.map((x, k) => x + noises[0][k]) };
}

interface Outcome {
  readonly rmseHu: number;
  readonly seconds: number;
  readonly steps: number;
}

/** Runs the evidence. */
export default async function showEfficientNetwork(): Promise<BenchResult> {
  const pairs = await makePairs(16 + HELD);
  const held = pairs.slice(-HELD).map(hold);
  const source = createPairSource(pairs.slice(0, -HELD));
  const runtime = await createNodeRuntime({ threads: 2 });
  const validation = createPairValidation(held);
  const train = async (name: keyof typeof RATES, steps: number): Promise<Outcome> => {
    const recipe: MethodRecipe = {
      method: "regression",
      networks: { main: { name, config: {} } },
      losses: [{ name: "l1", options: { scale: 30 } }],
      optimiser: { kind: "adam", averageDecay: 0.99 },
      learningRate: { kind: "cosine", value: RATES[name], warmupSteps: Math.min(50, Math.ceil(steps / 10)) },
      batch: 4,
      patch: [64, 64],
    };
    let trainingMs = 0;
    let last = performance.now();
    let rmseHu = Number.NaN;
    await runTraining({
      program: methods.get(recipe.method).build(recipe),
      settings: { seed: SEED, batch: 4, patch: [64, 64], steps, validateEvery: steps },
      source,
      runtime,
      validation: {
        ...validation,
        // Judging large slices takes its time; only training counts.
        async validate(run, found) {
          trainingMs += performance.now() - last;
          const result = await validation.validate(run, found);
          last = performance.now();
          // The last one counts, whether or not it is the best.
          rmseHu = result.score;
          return { ...result, samples: [] };
        },
      },
    });
    return { rmseHu, seconds: trainingMs / 1000, steps };
  };
  const red = await train("red-cnn", STEPS);
  const probe = await train("efficient", 40);
  const equalSteps = await train("efficient", STEPS);
  const equalTime = await train("efficient", Math.round((40 * red.seconds) / probe.seconds));
  const gmac = (name: keyof typeof RATES): number => countMacs(networks.get(name)({}), [512, 512]) / 1e9;
  const inputs = held.map(({ input, target }) => {
    let sum = 0;
    for (let k = 0; k < input.length; k++) sum += (input[k] - target[k]) ** 2;
    return sum / input.length;
  });
  return {
    name: "efficient-network",
    ours: equalTime.rmseHu,
    peer: red.rmseHu,
    peerName: `RED-CNN, ${red.steps} steps, the same trainer`,
    unit: "HU",
    target: `RMSE ratio ≤ 1 in the same training time, ≤ ${LIMIT_GMAC} GMAC per 512² slice`,
    ok: equalTime.rmseHu <= red.rmseHu && gmac("efficient") <= LIMIT_GMAC,
    details: {
      "GMAC per 512² slice (ours, peer)": [gmac("efficient"), gmac("red-cnn")],
      "unprocessed, HU": Math.sqrt(inputs.reduce((sum, x) => sum + x, 0) / inputs.length),
      "RED-CNN": { rate: RATES["red-cnn"], ...red },
      "efficient, the same steps": { rate: RATES.efficient, ...equalSteps },
      "efficient, the same training time": { rate: RATES.efficient, ...equalTime },
      seed: SEED,
    },
  };
}
