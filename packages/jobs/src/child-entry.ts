/**
 * The main program of a job's child process: receives one job, imports its module, runs the default export, sends the
 * answer and ends.
 */
import process from "node:process";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import type { FromChild, ToChild } from "./child-messages.ts";
import { isJobsError, JobsError } from "./errors.ts";
import { encodeJson, MAX_RESULT_BYTES } from "./json.ts";
import type { ChildHandler } from "./run-worker.ts";
import { describeError } from "./work.ts";

const abort = new AbortController();

function send(message: FromChild): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) return resolve();
    process.send(message, undefined, {}, () => resolve());
  });
}

async function answer(message: Extract<ToChild, { type: "job" }>): Promise<FromChild> {
  try {
    const loaded = (await import(pathToFileURL(message.modulePath).href)) as { default?: unknown };
    if (typeof loaded.default !== "function") {
      throw new JobsError(
        "PERMANENT_FAILURE",
        `${message.modulePath} has no default export that is a function`,
      );
    }
    const handler = loaded.default as ChildHandler;
    const result =
      (await handler({
        job: message.job,
        signal: abort.signal,
        device: message.device ?? undefined,
        report(progress) {
          encodeJson(progress, "progress", MAX_RESULT_BYTES);
          void send({ type: "progress", progress });
        },
      })) ?? null;
    encodeJson(result, "result", MAX_RESULT_BYTES);
    return { type: "result", result };
  } catch (error) {
    const retryable = !isJobsError(error, "PERMANENT_FAILURE", "NOT_JSON", "TOO_LARGE");
    return { type: "error", message: describeError(error), retryable };
  }
}

// The worker is gone: nobody can commit any more.
process.on("disconnect", () => process.exit(1));
new Worker(new URL("./orphan-watch.ts", import.meta.url), { workerData: { parent: process.ppid } }).unref();

process.on("message", async (message: ToChild) => {
  if (message.type === "abort") {
    abort.abort(new DOMException("the worker shuts down", "AbortError"));
    return;
  }
  await send(await answer(message));
  process.exit(0);
});
