/**
 * A training step (forward, L1, gradients, Adam) on onnxruntime's CPU provider against the same step in PyTorch: what the
 * benches train-step, train-unet2d and train-unet3d share. Both sides start from the same weights and data, run in
 * turns on as many threads, and their losses must agree. Besides the ratio: the operator profile, peak memory of both
 * processes, and the roofline: what the convolutions alone take at the machine's measured matrix-product peak.
 */
import fs from "node:fs";
import { createRandom } from "@alara/core";
import {
  buildTrainStep,
  compileTrainStep,
  countElements,
  countParameters,
  createInput,
  createTrainState,
  initialiseParameters,
  losses,
  matmul,
  type Network,
  sortGraph,
  type Tensor,
  type TrainStepDefinition,
  writeOnnxModel,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { createTemporaryFolder } from "@alara/testing";
import { measureAlternating } from "../measure.ts";
import { type NetworkWorkload, startNetworkPeer } from "../peers/network.ts";
import type { BenchResult } from "../result.ts";

const THREADS = 2;
const GEMM_SIZE = 1536;
const MEMORY_LIMIT = 1.5;

/** What a bench of a training step is made of. */
export interface TrainingBench {
  readonly name: string;
  readonly network: Network;
  readonly workload: NetworkWorkload;
  /** Largest allowed ratio of the times. */
  readonly limit: number;
  /** Timed runs of each side. */
  readonly repeats: number;
}

/** Floating-point operations of the convolutions of a graph, in units of 10⁹. */
function countConvolutionGflop(outputs: readonly Tensor[]): number {
  let total = 0;
  for (const { producer, shape } of sortGraph(outputs)) {
    if (producer.kind !== "operator") continue;
    const [a, b] = producer.inputs.map((input) => input.shape);
    // Each weight meets each pixel of the convolution's output once, in the convolution and in both its adjoints.
    const { name } = producer.operator;
    if (name === "convolution") total += countElements(b) * shape[0] * countElements(shape.slice(2));
    if (name === "convolutionInputGradient") total += countElements(b) * a[0] * countElements(a.slice(2));
    if (name === "convolutionWeightGradient") {
      total += countElements(shape) * b[0] * countElements(b.slice(2));
    }
  }
  return (2 * total) / 1e9;
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
  const sorted = [...totals].sort(([, a], [, b]) => b - a).slice(0, 14);
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

/** Largest resident set of this process in bytes (Linux). */
function readOwnPeak(): number {
  const status = fs.readFileSync("/proc/self/status", "utf8");
  return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN);
}

/** Runs the bench; needs PyTorch for the system's Python. */
export async function benchTraining(bench: TrainingBench): Promise<BenchResult> {
  const { network, workload, limit, repeats } = bench;
  const { learningRate } = workload;
  const random = createRandom(1);
  const parameters = initialiseParameters(network.parameters, random.derive("weights"));
  const shape = [workload.batch, 1, ...workload.sizes];
  const target = Float32Array.from({ length: countElements(shape) }, (_, k) => 100 * Math.sin(k / 700));
  const input = target.map((x) => x + 30 * random.nextNormal());
  const [x, t] = [createInput("input", shape), createInput("target", shape)];
  const definition: TrainStepDefinition = {
    parameters: network.parameters,
    inputs: [x, t],
    losses: { l1: { value: losses.get("l1").build(network.apply(x), t) } },
    optimiser: { kind: "adam" },
  };
  const feeds = { batch: { input, target }, learningRate };
  const runtime = await createNodeRuntime({ threads: THREADS });
  const state = createTrainState(parameters);
  const folder = createTemporaryFolder(`bench-${bench.name}`);
  const peer = await startNetworkPeer(folder.path, workload, { parameters, input, target }, THREADS);
  try {
    const step = await compileTrainStep(definition, runtime, { state });
    const [ourLosses, peerLosses]: [number[], number[]] = [[], []];
    const { ours, peer: theirs } = await measureAlternating(
      async () => ourLosses.push((await step.run(feeds)).losses.l1),
      async () => peerLosses.push((await peer.ask("train")).loss),
      { repeats, warmups: 2 },
    );
    const [ourBytes, peerBytes] = [readOwnPeak(), (await peer.ask("memory")).bytes];
    await step.dispose();
    const worst = Math.max(...ourLosses.map((loss, k) => Math.abs(loss / peerLosses[k] - 1)));
    if (!(worst < 1e-3)) throw new Error(`the losses of both sides differ by ${worst} (relative)`);

    const profiled = await compileTrainStep(definition, runtime, {
      state,
      profilePath: folder.resolve("profile"),
    });
    const runs = 4;
    for (let run = 0; run < runs; run++) await profiled.run(feeds);
    await profiled.dispose();
    const profileFile = fs.readdirSync(folder.path).find((name) => name.startsWith("profile"));
    const profile = profileFile === undefined ? {} : summariseProfile(folder.resolve(profileFile), runs);
    const gemmPeak = await measureGemmPeak();
    const gflop = countConvolutionGflop(Object.values(buildTrainStep(definition).outputs));
    const ratio = ours.medianS / theirs.medianS;
    const memoryRatio = ourBytes / peerBytes;
    return {
      name: bench.name,
      ours: ours.medianS,
      peer: theirs.medianS,
      peerName: peer.name,
      unit: "s",
      target: `ratio ≤ ${limit}, memory ratio ≤ ${MEMORY_LIMIT}`,
      ok: ratio <= limit && memoryRatio <= MEMORY_LIMIT,
      details: {
        workload,
        parameters: countParameters(network.parameters),
        "largest relative difference of the losses": worst,
        "peak resident memory, MB (ours, peer, ratio)": [
          Math.round(ourBytes / 1e6),
          Math.round(peerBytes / 1e6),
          Number(memoryRatio.toFixed(2)),
        ],
        "operator profile, ms per step": profile,
        "roofline, GFLOP of the convolutions": gflop,
        "GEMM peak, GFLOP/s (onnxruntime)": gemmPeak,
        "GEMM peak, GFLOP/s (PyTorch)": (await peer.ask(`gemm ${GEMM_SIZE}`)).gflops,
        "step at GEMM peak, s": gflop / gemmPeak,
        "rate over the whole step, GFLOP/s (ours, peer)": [gflop / ours.medianS, gflop / theirs.medianS],
        "fastest step, s (ours, peer, ratio)": [
          ours.sortedS[0],
          theirs.sortedS[0],
          ours.sortedS[0] / theirs.sortedS[0],
        ],
        "slowest step, s (ours, peer)": [ours.sortedS.at(-1), theirs.sortedS.at(-1)],
      },
    };
  } finally {
    peer.stop();
    folder.dispose();
  }
}
