/**
 * Inference of the shipped network on 512² slices with onnxruntime's CPU provider, against the same network with the
 * same weights in PyTorch on as many threads. The outputs must agree. Without a shipped model the default
 * configuration with random weights is measured, and the details say so.
 */
import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { createRandom } from "@alara/core";
import {
  createResidualCnn,
  exportInferenceModel,
  getFloatOutput,
  initialiseParameters,
  MODEL_INPUT,
  MODEL_OUTPUT,
  type ResidualCnnConfig,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { createTemporaryFolder } from "@alara/testing";
import { measureAlternating } from "./measure.ts";
import { startNetworkPeer } from "./peers/network.ts";
import type { BenchResult } from "./result.ts";

const THREADS = 2;
const LIMIT = 1;
const SIDE = 512;
const MODELS = fileURLToPath(new URL("../models/", import.meta.url));

/** Configuration of the first shipped residual CNN, or nothing. */
function readShippedConfig(): ResidualCnnConfig | undefined {
  if (!fs.existsSync(MODELS)) return undefined;
  for (const name of fs.readdirSync(MODELS).sort()) {
    const card = `${MODELS}${name}/model.json`;
    if (!fs.existsSync(card)) continue;
    const { network } = JSON.parse(fs.readFileSync(card, "utf8")) as {
      network?: { name: string; config: ResidualCnnConfig };
    };
    if (network?.name === "residual-cnn") return network.config;
  }
  return undefined;
}

/** Runs the bench; needs PyTorch for the system's Python. */
export default async function benchInfer(): Promise<BenchResult> {
  const shipped = readShippedConfig();
  // Speed does not depend on the weights; random ones make the comparison of outputs strict.
  const network = createResidualCnn({ ...shipped, lastLayerGain: 0.2 });
  const config = network.config as Required<ResidualCnnConfig>;
  const random = createRandom(1);
  const parameters = initialiseParameters(network.parameters, random.derive("weights"));
  const input = Float32Array.from({ length: SIDE * SIDE }, () => 200 * random.nextNormal());
  const runtime = await createNodeRuntime({ threads: THREADS });
  const session = await runtime.createSession(exportInferenceModel(network, { values: parameters }));
  const feed = { [MODEL_INPUT]: { dtype: "float32" as const, dims: [1, 1, SIDE, SIDE], data: input } };
  const folder = createTemporaryFolder("bench-infer");
  const workload = { ...config, batch: 1, sizes: [SIDE, SIDE], learningRate: 0 };
  const peer = await startNetworkPeer(folder.path, workload, { parameters, input }, THREADS);
  try {
    let output = new Float32Array();
    let theirOutput = { mean: 0, std: 0 };
    const { ours, peer: theirs } = await measureAlternating(
      async () => {
        output = Float32Array.from(getFloatOutput(await session.run(feed), MODEL_OUTPUT));
      },
      async () => {
        theirOutput = (await peer.ask("infer")) as { mean: number; std: number };
      },
      { repeats: 21, warmups: 3 },
    );
    const mean = output.reduce((sum, x) => sum + x, 0) / output.length;
    const std = Math.sqrt(output.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (output.length - 1));
    const difference = Math.max(Math.abs(mean - theirOutput.mean), Math.abs(std - theirOutput.std));
    if (!(difference < 1e-2)) {
      throw new Error(
        `the outputs differ: mean ${mean} and ${theirOutput.mean}, std ${std} and ${theirOutput.std} HU`,
      );
    }
    return {
      name: "infer",
      ours: ours.medianS,
      peer: theirs.medianS,
      peerName: peer.name,
      unit: "s per slice",
      target: `ratio ≤ ${LIMIT}`,
      ok: ours.medianS / theirs.medianS <= LIMIT,
      details: {
        network: config,
        "shipped configuration": shipped !== undefined,
        "largest difference of mean and std of the outputs, HU": difference,
        "fastest, s (ours, peer)": [ours.sortedS[0], theirs.sortedS[0]],
      },
    };
  } finally {
    peer.stop();
    await session.dispose();
    folder.dispose();
  }
}
