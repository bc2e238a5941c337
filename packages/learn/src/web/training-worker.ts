/**
 * Training in a worker, seen from the page: opens the worker with a runtime and posts jobs to it, so that the page stays
 * responsive. The trainer in there is the one of Node; what it tells its sink arrives at the page's sink in order.
 */
import type { LongWorkOptions } from "@alara/core";
import { LearnError, type LearnErrorCode } from "../errors.ts";
import type { TrainSink } from "../train-log.ts";
import type { TrainResult } from "../trainer.ts";
import type { RuntimeReport, WorkerReply, WorkerRequest } from "../workers/messages.ts";
import type { TrainingJob } from "../workers/training-job.ts";
import type { WebRuntimeOptions } from "./runtime.ts";

/** Options of {@link openTrainingWorker}. */
export interface TrainingWorkerOptions extends WebRuntimeOptions {
  /** Starts the worker's script where a bundler does not find it by itself; default: `worker-entry.ts` as a module. */
  readonly startWorker?: () => Worker;
}

/** A finished run. */
export interface WorkerRun {
  /** Group → averaged weights: the best by validation, or the last without one. */
  readonly values: Readonly<Record<string, Float32Array>>;
  readonly reason: TrainResult["reason"];
}

/** Options of {@link TrainingWorker.train}. */
export interface WorkerTrainOptions extends LongWorkOptions {
  /** Receives log lines, checkpoints and samples, in order. */
  readonly sink?: TrainSink;
}

/** An open worker. Owns a thread: `dispose` it. */
export interface TrainingWorker {
  /** What it computes with. */
  readonly runtime: RuntimeReport;
  /**
   * Trains one job; jobs are refused while one runs.
   *
   * @throws LearnError as `runTrainingJob`, `RUN_FAILED` while another job runs or when the worker ends; after an abort
   *   rejects with the signal's reason, the last checkpoint having gone to the sink
   */
  train(job: TrainingJob, options?: WorkerTrainOptions): Promise<WorkerRun>;
  /** Ends the worker at once; a running job rejects. */
  dispose(): void;
}

type Request = WorkerRequest<WebRuntimeOptions>;

/** The literal form is what bundlers look for. */
function startOwnWorker(): Worker {
  return new Worker(new URL("./worker-entry.ts", import.meta.url), {
    type: "module",
    name: "alara-training",
  });
}

function toError(reply: Extract<WorkerReply, { kind: "failed" }>): LearnError {
  return new LearnError((reply.code as LearnErrorCode | undefined) ?? "RUN_FAILED", reply.message);
}

/** Where the replies of the moment go. */
interface Listener {
  receive(reply: WorkerReply): void;
  fail(error: unknown): void;
}

/** One job's life on the page. */
function followJob(
  { sink, onProgress, signal }: WorkerTrainOptions,
  settle: { resolve(run: WorkerRun): void; reject(error: unknown): void },
): Listener {
  let told: Promise<void> = Promise.resolve();
  const tell = (work: () => Promise<void> | undefined): void => {
    told = told.then(work);
    told.catch(settle.reject);
  };
  return {
    receive(reply) {
      if (reply.kind === "log") tell(() => sink?.log(reply.entry));
      else if (reply.kind === "checkpoint") tell(() => sink?.saveCheckpoint(reply.bytes));
      else if (reply.kind === "sample") tell(() => sink?.saveSample?.(reply.sample));
      else if (reply.kind === "batch that failed") tell(() => sink?.saveFailure?.(reply.step, reply.bytes));
      else if (reply.kind === "progress") onProgress?.(reply.progress);
      else if (reply.kind === "done") {
        tell(async () => settle.resolve({ values: reply.values, reason: reply.reason }));
      } else if (reply.kind === "failed") {
        tell(async () => settle.reject(signal?.aborted ? signal.reason : toError(reply)));
      }
    },
    fail: settle.reject,
  };
}

/**
 * Starts a training worker and opens its runtime.
 *
 * @throws LearnError `NO_PROVIDER`, or `RUN_FAILED` when the script does not start
 * Tested in Chromium: losses as in Node, on "wasm" and "webgpu", with and without cross-origin isolation.
 */
export async function openTrainingWorker(options: TrainingWorkerOptions = {}): Promise<TrainingWorker> {
  const { startWorker = startOwnWorker, ...runtimeOptions } = options;
  const worker = startWorker();
  let listener: Listener | undefined;
  const post = (request: Request): void => worker.postMessage(request);
  const end = (error: LearnError): void => {
    listener?.fail(error);
    listener = undefined;
  };
  worker.onmessage = ({ data }: { readonly data: WorkerReply }) => listener?.receive(data);
  worker.onerror = (event) =>
    end(
      new LearnError(
        "RUN_FAILED",
        `the training worker failed: ${event.message || "its script did not load"}`,
      ),
    );
  const opening = new Promise<RuntimeReport>((resolve, reject) => {
    listener = {
      receive(reply) {
        if (reply.kind === "opened") resolve(reply.report);
        else if (reply.kind === "failed") reject(toError(reply));
      },
      fail: reject,
    };
  });
  post({ kind: "open", options: runtimeOptions });
  let runtime: RuntimeReport;
  try {
    runtime = await opening;
  } catch (error) {
    worker.terminate();
    throw error;
  }
  listener = undefined;
  return {
    runtime,
    async train(job, trainOptions = {}) {
      const { signal } = trainOptions;
      signal?.throwIfAborted();
      if (listener !== undefined) {
        throw new LearnError("RUN_FAILED", "this worker trains a job already; wait for it or open another");
      }
      const abort = (): void => post({ kind: "abort" });
      (signal as globalThis.AbortSignal | undefined)?.addEventListener("abort", abort);
      try {
        return await new Promise<WorkerRun>((resolve, reject) => {
          listener = followJob(trainOptions, { resolve, reject });
          post({ kind: "train", job });
        });
      } finally {
        listener = undefined;
        (signal as globalThis.AbortSignal | undefined)?.removeEventListener("abort", abort);
      }
    },
    dispose() {
      worker.terminate();
      end(new LearnError("RUN_FAILED", "the training worker was disposed of"));
    },
  };
}
