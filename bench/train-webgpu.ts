/**
 * One training step of the chain of convolutions on onnxruntime's WebGPU provider, with the state kept on the device,
 * against the CPU provider in the same run: same weights, same data, and the losses must agree. The adapter's name is
 * part of the result. On a software adapter (SwiftShader) the figure says what WebGPU costs there and nothing of any
 * graphics card; the network is then a small one. Environment, for Chromium's adapter:
 * `VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json`.
 */
import { createRandom } from "@alara/core";
import {
  compileTrainStep,
  countParameters,
  createInput,
  createResidualCnn,
  createTrainState,
  initialiseParameters,
  losses,
  type Runtime,
  type TrainStepDefinition,
  writeTrainStep,
} from "@alara/learn";
import { createNodeRuntime, inspectPlacement } from "@alara/learn/node";
import { create } from "webgpu";
import { measureAlternating } from "./measure.ts";
import type { BenchResult } from "./result.ts";

const THREADS = 2;
const LEARNING_RATE = 1e-4;
const LARGEST_ERROR = 1e-3;

interface Workload {
  readonly channels: number;
  readonly layers: number;
  readonly batch: number;
  readonly side: number;
  readonly repeats: number;
}
/** The 8-layer network of the bench `train-step`. */
const FULL: Workload = { channels: 64, layers: 8, batch: 16, side: 64, repeats: 15 };
/** What a software adapter computes in seconds. */
const SMALL: Workload = { channels: 16, layers: 4, batch: 2, side: 32, repeats: 5 };

/** The adapter that Dawn, the WebGPU inside onnxruntime too, offers first in this environment. */
async function describeAdapter(): Promise<{ readonly name: string; readonly isSoftware: boolean }> {
  const adapter = await create([]).requestAdapter();
  if (adapter === null)
    throw new Error("there is no WebGPU adapter; set VK_ICD_FILENAMES for a software one");
  const { vendor, architecture, device, description } = adapter.info;
  const name = [vendor, architecture, device, description].filter((word) => word !== "").join(" ");
  return { name, isSoftware: /swiftshader|llvmpipe|lavapipe|software/i.test(name) };
}

/** The same runtime with every value brought to the host after each run. */
function forgetDevice(runtime: Runtime): Runtime {
  return {
    ...runtime,
    createSession: (model, { keepOnDevice: _, ...options } = {}) => runtime.createSession(model, options),
  };
}

/** Runs the bench; needs a WebGPU adapter. */
export default async function benchTrainWebGpu(): Promise<BenchResult> {
  const adapter = await describeAdapter();
  const { channels, layers, batch, side, repeats } = adapter.isSoftware ? SMALL : FULL;
  const network = createResidualCnn({ channels, layers, unshuffle: 1, lastLayerGain: 0.1 });
  const random = createRandom(1);
  const state = createTrainState(initialiseParameters(network.parameters, random.derive("weights")));
  const target = Float32Array.from({ length: batch * side * side }, (_, k) => 100 * Math.sin(k / 700));
  const feeds = { batch: { input: target.map((x) => x + 30 * random.nextNormal()), target } };
  const [x, t] = ["input", "target"].map((name) => createInput(name, [batch, 1, side, side]));
  const definition: TrainStepDefinition = {
    parameters: network.parameters,
    inputs: [x, t],
    losses: { l1: { value: losses.get("l1").build(network.apply(x), t) } },
    optimiser: { kind: "adam" },
  };
  const gpu = await createNodeRuntime({ providers: ["webgpu"] });
  const cpu = await createNodeRuntime({ threads: THREADS });
  const onDevice = await compileTrainStep(definition, gpu, { state });
  const overBus = await compileTrainStep(definition, forgetDevice(gpu), { state });
  const onCpu = await compileTrainStep(definition, cpu, { state });
  const found: Record<"device" | "bus" | "cpu", number[]> = { device: [], bus: [], cpu: [] };
  const take = async (step: typeof onCpu, into: number[]): Promise<void> => {
    into.push((await step.run({ ...feeds, learningRate: LEARNING_RATE })).losses.l1);
  };
  const main = await measureAlternating(
    () => take(onDevice, found.device),
    () => take(onCpu, found.cpu),
    { repeats, warmups: 2 },
  );
  const bus = await measureAlternating(
    () => take(onDevice, found.device),
    () => take(overBus, found.bus),
    { repeats, warmups: 2 },
  );
  const compare = (list: readonly number[]): number =>
    Math.max(...list.slice(0, repeats).map((loss, k) => Math.abs(loss / found.cpu[k] - 1)));
  const worst = Math.max(compare(found.device), compare(found.bus));
  for (const step of [onDevice, overBus, onCpu]) await step.dispose();
  if (!(worst < LARGEST_ERROR)) throw new Error(`the losses of both sides differ by ${worst} (relative)`);
  const placement = await inspectPlacement(writeTrainStep(definition, { dialect: "standard" }), {
    provider: "webgpu",
  });
  const kind = adapter.isSoftware ? "SOFTWARE adapter on the processor, no figure of a GPU" : "adapter";
  return {
    name: "train-webgpu",
    ours: main.ours.medianS,
    peer: main.peer.medianS,
    peerName: `onnxruntime CPU provider, ${THREADS} threads; ours: WebGPU on "${adapter.name}" (${kind})`,
    unit: "s",
    target: `losses agree to ${LARGEST_ERROR} (relative); no target for the time`,
    ok: worst < LARGEST_ERROR,
    details: {
      adapter: adapter.name,
      "adapter is software": adapter.isSoftware,
      workload: { channels, layers, batch, side, parameters: countParameters(network.parameters) },
      "largest relative difference of the losses": worst,
      "state kept on the device, s": bus.ours.medianS,
      "state over the bus each step, s": bus.peer.medianS,
      "operators left to the CPU": placement.onCpu,
      "copies between device and host within a step": placement.copies,
      "fastest step, s (WebGPU, CPU)": [main.ours.sortedS[0], main.peer.sortedS[0]],
      "slowest step, s (WebGPU, CPU)": [main.ours.sortedS.at(-1), main.peer.sortedS.at(-1)],
    },
  };
}
