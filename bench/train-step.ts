/**
 * One training step of the 8-layer network (1 → 64, 6 × 64 → 64, 64 → 1, 3×3, ReLU; batch 16 of 64×64; L1; Adam) as
 * one ONNX graph on onnxruntime's CPU provider, against the same step in PyTorch on as many threads. Both sides start
 * from the same weights and data, and their losses must agree. Prints the operator profile and the roofline: what the
 * arithmetic alone takes at the machine's measured matrix-product peak.
 */
import fs from "node:fs";
import { createRandom } from "@alara/core";
import {
  compileTrainStep,
  countParameters,
  createInput,
  createResidualCnn,
  createTrainState,
  initialiseParameters,
  losses,
  matmul,
  writeOnnxModel,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { createTemporaryFolder } from "@alara/testing";
import { measureAlternating } from "./measure.ts";
import { startNetworkPeer } from "./peers/network.ts";
import type { BenchResult } from "./result.ts";

const THREADS = 2;
const LIMIT = 1.5;
const WORKLOAD = {
  channels: 64,
  layers: 8,
  unshuffle: 1,
  kernel: 3,
  scaleHu: 500,
  batch: 16,
  rows: 64,
  columns: 64,
  learningRate: 1e-4,
} as const;
const GEMM_SIZE = 1536;

/** Floating-point operations of the convolutions of one step: forward, input gradient, weight gradient. */
function countConvolutionFlops(): number {
  const pixels = WORKLOAD.batch * WORKLOAD.rows * WORKLOAD.columns;
  const perPair = 2 * WORKLOAD.kernel ** 2 * pixels;
  const hidden = (WORKLOAD.layers - 2) * WORKLOAD.channels ** 2;
  // The first layer needs no input gradient.
  return perPair * (3 * hidden + 2 * WORKLOAD.channels + 3 * WORKLOAD.channels);
}

interface TraceEvent {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

/** Milliseconds per run by operator from an onnxruntime profile, largest first. */
function summariseProfile(path: string, runs: number): Record<string, number> {
  const events = JSON.parse(fs.readFileSync(path, "utf8")) as TraceEvent[];
  const totals = new Map<string, number>();
  for (const { cat, name, dur, args } of events) {
    if (cat !== "Node" || !name.endsWith("_kernel_time") || args?.op_name === undefined) continue;
    totals.set(args.op_name, (totals.get(args.op_name) ?? 0) + dur / 1000 / runs);
  }
  const sorted = [...totals].sort(([, a], [, b]) => b - a).slice(0, 12);
  return Object.fromEntries(sorted.map(([name, ms]) => [name, Number(ms.toFixed(2))]));
}

/** Best rate of a square matrix product on onnxruntime, GFLOP/s. */
async function measureGemmPeak(): Promise<number> {
  const runtime = await createNodeRuntime({ threads: THREADS });
  const [a, b] = ["a", "b"].map((name) => createInput(name, [GEMM_SIZE, GEMM_SIZE]));
  const session = await runtime.createSession(
    writeOnnxModel({ inputs: [a, b], outputs: { c: matmul(a, b) } }),
  );
  const data = new Float32Array(GEMM_SIZE ** 2).fill(0.5);
  const feed = { dtype: "float32" as const, dims: [GEMM_SIZE, GEMM_SIZE], data };
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 6; run++) {
    const start = performance.now();
    await session.run({ a: feed, b: feed });
    best = Math.min(best, performance.now() - start);
  }
  await session.dispose();
  return (2e-6 * GEMM_SIZE ** 3) / best;
}

/** Runs the bench; needs PyTorch for the system's Python. */
export default async function benchTrainStep(): Promise<BenchResult> {
  const { batch, rows, columns, learningRate, channels, layers, unshuffle, kernel, scaleHu } = WORKLOAD;
  const network = createResidualCnn({ channels, layers, unshuffle, kernel, scaleHu, lastLayerGain: 0.1 });
  const random = createRandom(1);
  const parameters = initialiseParameters(network.parameters, random.derive("weights"));
  const target = Float32Array.from({ length: batch * rows * columns }, (_, k) => 100 * Math.sin(k / 700));
  const input = target.map((x) => x + 30 * random.nextNormal());
  const shape = [batch, 1, rows, columns];
  const [x, t] = [createInput("input", shape), createInput("target", shape)];
  const definition = {
    parameters: network.parameters,
    inputs: [x, t],
    losses: { l1: { value: losses.get("l1").build(network.apply(x), t) } },
    optimiser: { kind: "adam" },
  } as const;
  const runtime = await createNodeRuntime({ threads: THREADS });
  const state = createTrainState(parameters);
  const folder = createTemporaryFolder("bench-train-step");
  const peer = await startNetworkPeer(folder.path, WORKLOAD, { parameters, input, target }, THREADS);
  try {
    const step = await compileTrainStep(definition, runtime, { state });
    const [ourLosses, peerLosses]: [number[], number[]] = [[], []];
    const { ours, peer: theirs } = await measureAlternating(
      async () => ourLosses.push((await step.run({ input, target }, { learningRate })).losses.l1),
      async () => peerLosses.push((await peer.ask("train")).loss),
      { repeats: 15, warmups: 3 },
    );
    await step.dispose();
    const worst = Math.max(...ourLosses.map((loss, k) => Math.abs(loss / peerLosses[k] - 1)));
    if (!(worst < 1e-3)) throw new Error(`the losses of both sides differ by ${worst} (relative)`);

    const profiled = await compileTrainStep(definition, runtime, {
      state,
      profilePath: folder.resolve("profile"),
    });
    const runs = 5;
    for (let run = 0; run < runs; run++) await profiled.run({ input, target }, { learningRate });
    await profiled.dispose();
    const profileFile = fs.readdirSync(folder.path).find((name) => name.startsWith("profile"));
    const profile = profileFile === undefined ? {} : summariseProfile(folder.resolve(profileFile), runs);
    const gemmPeak = await measureGemmPeak();
    const gflop = countConvolutionFlops() / 1e9;
    const ratio = ours.medianS / theirs.medianS;
    return {
      name: "train-step",
      ours: ours.medianS,
      peer: theirs.medianS,
      peerName: peer.name,
      unit: "s",
      target: `ratio ≤ ${LIMIT}`,
      ok: ratio <= LIMIT,
      details: {
        parameters: countParameters(network.parameters),
        "largest relative difference of the losses": worst,
        "operator profile, ms per step": profile,
        "roofline, GFLOP of the convolutions": gflop,
        "GEMM peak, GFLOP/s (onnxruntime)": gemmPeak,
        "GEMM peak, GFLOP/s (PyTorch)": (await peer.ask(`gemm ${GEMM_SIZE}`)).gflops,
        "step at GEMM peak, s": gflop / gemmPeak,
        "rate over the whole step, GFLOP/s (ours, peer)": [gflop / ours.medianS, gflop / theirs.medianS],
        "fastest step, s (ours, peer)": [ours.sortedS[0], theirs.sortedS[0]],
        "slowest step, s (ours, peer)": [ours.sortedS.at(-1), theirs.sortedS.at(-1)],
      },
    };
  } finally {
    peer.stop();
    folder.dispose();
  }
}
