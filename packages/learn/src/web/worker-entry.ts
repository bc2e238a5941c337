/**
 * The script of the training worker: opens a runtime, trains the jobs it is posted, reports what the trainer's sink is
 * told. Start it through `openTrainingWorker` (training-worker.ts), which speaks its messages.
 */
import { LearnError } from "../errors.ts";
import type { Runtime } from "../runtime.ts";
import type { TrainSink } from "../train-log.ts";
import type { WorkerReply, WorkerRequest } from "../workers/messages.ts";
import { runTrainingJob, type TrainingJob } from "../workers/training-job.ts";
import { createWebRuntime, type WebRuntimeOptions } from "./runtime.ts";

/** The worker's own scope; `lib: "dom"` knows the page's only. */
interface WorkerScope {
  postMessage(message: WorkerReply, transfer?: readonly ArrayBufferLike[]): void;
  onmessage: ((event: { readonly data: WorkerRequest<WebRuntimeOptions> }) => void) | null;
}
const scope = globalThis as unknown as WorkerScope;

let runtime: Runtime | undefined;
let training: AbortController | undefined;

const sink: TrainSink = {
  async log(entry) {
    scope.postMessage({ kind: "log", entry });
  },
  async saveCheckpoint(bytes) {
    scope.postMessage({ kind: "checkpoint", bytes });
  },
  async saveSample(sample) {
    scope.postMessage({ kind: "sample", sample });
  },
  async saveFailure(step, bytes) {
    scope.postMessage({ kind: "batch that failed", step, bytes });
  },
};

/** Lets the worker read its messages: WebAssembly computes without ever giving way, and an abort would not be heard. */
function giveWay(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** The runtime, giving way before each run. */
function makeInterruptible(whole: Runtime): Runtime {
  return {
    ...whole,
    async createSession(model, options) {
      const session = await whole.createSession(model, options);
      const { runOnDevice } = session;
      return {
        ...session,
        async run(feeds, outputs) {
          await giveWay();
          return session.run(feeds, outputs);
        },
        ...(runOnDevice === undefined
          ? {}
          : {
              async runOnDevice(feeds) {
                await giveWay();
                return runOnDevice(feeds);
              },
            }),
      };
    },
  };
}

async function open(options: WebRuntimeOptions): Promise<void> {
  runtime = makeInterruptible(await createWebRuntime(options));
  const { provider, device, version, unavailable } = runtime;
  const report = { provider, version, unavailable, ...(device === undefined ? {} : { device }) };
  scope.postMessage({ kind: "opened", report });
}

async function train(job: TrainingJob): Promise<void> {
  if (runtime === undefined)
    throw new LearnError("RUN_FAILED", "the worker was given a job before it was opened");
  const controller = new AbortController();
  training = controller;
  try {
    const { values, reason } = await runTrainingJob(job, runtime, {
      sink,
      signal: controller.signal,
      onProgress(progress) {
        scope.postMessage({ kind: "progress", progress });
      },
    });
    scope.postMessage({ kind: "done", values, reason });
  } finally {
    training = undefined;
  }
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  scope.postMessage({
    kind: "failed",
    message,
    ...(error instanceof LearnError ? { code: error.code } : {}),
  });
}

scope.onmessage = ({ data }) => {
  if (data.kind === "open") open(data.options).catch(fail);
  else if (data.kind === "train") train(data.job).catch(fail);
  else training?.abort(new Error("training was aborted"));
};
