/**
 * The worker loop, the same for every store: claim, heartbeat, run the handler, complete. It outlives outages of the
 * store, and gives up a job whose lease it may have lost. Heartbeats come from this process's event loop: compute that
 * blocks it belongs in a child process (`run-worker.ts`).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { checkClaim, checkInteger, checkKind } from "./check.ts";
import { isJobsError, isStoreOutage, JobsError } from "./errors.ts";
import { encodeJson, type Json, MAX_RESULT_BYTES } from "./json.ts";
import type {
  ClaimedJob,
  JobContext,
  JobEffect,
  JobHandler,
  JobQueue,
  JobRecord,
  WorkEvent,
  WorkOptions,
  WorkSummary,
} from "./queue.ts";

/** Time that settling a job may take after the end of the work was asked for, when the store is away. */
const SETTLE_AFTER_ABORT_MS = 10_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

interface Settings {
  readonly queue: JobQueue;
  readonly kind: string;
  readonly handler: JobHandler;
  readonly leaseMs: number;
  readonly worker: string;
  readonly heartbeatMs: number;
  readonly pollMs: number;
  readonly maxRunMs: number | undefined;
  readonly until: "aborted" | "drained";
  readonly signal: AbortSignal;
  readonly emit: (event: WorkEvent) => void;
}

type Counts = { -readonly [name in keyof WorkSummary]: number };

/** Sleeps; an abort ends it early without an error. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

/** Text of an error for a dead letter. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: unknown }).code;
  return typeof code === "string"
    ? `${error.name} ${code}: ${error.message}`
    : `${error.name}: ${error.message}`;
}

/** Calls until the store answers; every outage is reported. */
async function persist<T>(settings: Settings, call: () => Promise<T>): Promise<T> {
  let pauseMs = FIRST_PAUSE_MS;
  let giveUpAt: number | undefined;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isStoreOutage(error)) throw error;
      settings.emit({ type: "storeError", error });
      if (settings.signal.aborted) {
        giveUpAt ??= performance.now() + SETTLE_AFTER_ABORT_MS;
        if (performance.now() >= giveUpAt) throw error;
      }
    }
    await sleep(pauseMs);
    pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
  }
}

/** Keeps a lease alive; aborts the attempt when the lease is lost, or was not renewed for its whole length. */
function startHeartbeat(settings: Settings, job: ClaimedJob, attempt: Attempt): () => void {
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let renewedAt = performance.now();
  const lose = (why: string): void => {
    attempt.abort.abort(new JobsError("LEASE_LOST", `job ${job.id}, token ${job.token}: ${why}`));
  };
  const beat = async (): Promise<void> => {
    const askedAt = performance.now();
    const progress = attempt.takeProgress();
    try {
      const isOurs = await settings.queue.heartbeat(job, progress === undefined ? {} : { progress });
      if (isStopped || attempt.isCommitted()) return;
      if (!isOurs) return lose("another worker has it or it was settled");
      renewedAt = askedAt;
    } catch (error) {
      if (isStopped || attempt.isCommitted()) return;
      settings.emit({ type: "storeError", error });
      if (performance.now() - renewedAt > job.leaseMs) {
        return lose(`the store could not be reached for ${job.leaseMs} ms`);
      }
    }
    timer = setTimeout(beat, settings.heartbeatMs);
  };
  timer = setTimeout(beat, settings.heartbeatMs);
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

interface Attempt {
  readonly context: JobContext;
  readonly abort: AbortController;
  readonly isCommitted: () => boolean;
  readonly takeProgress: () => Json | undefined;
}

function createAttempt(settings: Settings, job: ClaimedJob): Attempt {
  const abort = new AbortController();
  let committing = false;
  let committed = false;
  let news: Json | undefined;
  const context: JobContext = {
    job,
    signal: abort.signal,
    async commit(result?: Json | JobEffect): Promise<JobRecord> {
      if (committing) {
        throw new JobsError(
          "ALREADY_COMMITTED",
          `job ${job.id} was committed before; commit once per attempt`,
        );
      }
      committing = true;
      const record = await persist(settings, () => settings.queue.complete(job, result)).catch((error) => {
        committing = false;
        throw error;
      });
      committed = true;
      return record;
    },
    report(progress) {
      encodeJson(progress, "progress", MAX_RESULT_BYTES);
      news = progress;
      settings.emit({ type: "progress", job, progress });
    },
  };
  return {
    context,
    abort,
    isCommitted: () => committed,
    takeProgress() {
      const taken = news;
      news = undefined;
      return taken;
    },
  };
}

/** Ends an attempt that did not commit. */
async function settleFailure(
  settings: Settings,
  counts: Counts,
  job: ClaimedJob,
  error: unknown,
  attempt: AbortSignal,
): Promise<void> {
  const { queue } = settings;
  const isLost = isJobsError(attempt.reason, "LEASE_LOST") || isJobsError(error, "LEASE_LOST");
  const isTimedOut = isJobsError(attempt.reason, "TIMED_OUT");
  const isShutdown = attempt.aborted && !isTimedOut && !isLost;
  try {
    if (isLost || isShutdown) {
      // A lease that only ran out unseen may still be ours: giving it back spares the job an attempt.
      await persist(settings, () => queue.release(job));
      counts.released += 1;
      settings.emit({ type: "released", job });
      return;
    }
    const cause = isTimedOut ? attempt.reason : error;
    const retryable = !isJobsError(cause, "PERMANENT_FAILURE", "NOT_JSON", "TOO_LARGE");
    await persist(settings, () => queue.fail(job, { retryable, reason: describeError(cause) }));
    counts.failed += 1;
    settings.emit({ type: "failed", job, error: cause });
  } catch (settling) {
    counts.lost += 1;
    settings.emit({ type: "lost", job, error: settling });
  }
}

async function runAttempt(settings: Settings, counts: Counts, job: ClaimedJob): Promise<void> {
  const attempt = createAttempt(settings, job);
  const stopHeartbeat = startHeartbeat(settings, job, attempt);
  const shutDown = (): void => attempt.abort.abort(settings.signal.reason);
  settings.signal.addEventListener("abort", shutDown, { once: true });
  if (settings.signal.aborted) shutDown();
  const { maxRunMs } = settings;
  const timeout =
    maxRunMs === undefined
      ? undefined
      : setTimeout(
          () => attempt.abort.abort(new JobsError("TIMED_OUT", `the attempt ran longer than ${maxRunMs} ms`)),
          maxRunMs,
        );
  try {
    const value = await settings.handler(attempt.context);
    if (!attempt.isCommitted()) await attempt.context.commit(value ?? null);
    counts.done += 1;
    settings.emit({ type: "done", job });
  } catch (error) {
    if (attempt.isCommitted()) {
      // The job is done; what the handler did afterwards is its own matter.
      counts.done += 1;
      settings.emit({ type: "done", job });
    } else {
      await settleFailure(settings, counts, job, error, attempt.abort.signal);
    }
  } finally {
    clearTimeout(timeout);
    stopHeartbeat();
    settings.signal.removeEventListener("abort", shutDown);
  }
}

/** One of `concurrency` lines of work. */
async function runLane(settings: Settings, counts: Counts): Promise<void> {
  let outagePauseMs = FIRST_PAUSE_MS;
  while (!settings.signal.aborted) {
    try {
      const { leaseMs, worker } = settings;
      const job = await settings.queue.claim(settings.kind, { leaseMs, worker });
      outagePauseMs = FIRST_PAUSE_MS;
      if (job !== undefined) {
        settings.emit({ type: "claimed", job });
        await runAttempt(settings, counts, job);
        continue;
      }
      if (settings.until === "drained" && (await settings.queue.isDrained(settings.kind))) return;
      await pause(settings.pollMs, settings.signal);
    } catch (error) {
      if (!isStoreOutage(error)) throw error;
      settings.emit({ type: "storeError", error });
      await pause(outagePauseMs, settings.signal);
      outagePauseMs = Math.min(LONGEST_PAUSE_MS, outagePauseMs * 2);
    }
  }
}

/**
 * Works on jobs of a kind until told to end: what `JobQueue.work` does. Handlers that ignore their signal are waited
 * for.
 *
 * @throws JobsError `OUT_OF_RANGE`, `INVALID_NAME`; what the store throws beyond outages, which are waited out
 */
export async function workQueue(
  queue: JobQueue,
  kind: string,
  handler: JobHandler,
  options: WorkOptions = {},
): Promise<WorkSummary> {
  const { leaseMs, worker } = checkClaim(options);
  const concurrency = checkInteger(options.concurrency ?? 1, "concurrency", 1, 1024);
  const heartbeatMs = checkInteger(
    options.heartbeatMs ?? Math.max(1, Math.floor(leaseMs / 4)),
    "heartbeatMs",
    1,
    Math.max(1, Math.floor(leaseMs / 2)),
  );
  const failure = new AbortController();
  const settings: Settings = {
    queue,
    kind: checkKind(kind),
    handler,
    leaseMs,
    worker,
    heartbeatMs,
    pollMs: checkInteger(options.pollMs ?? 500, "pollMs", 1, 3_600_000),
    maxRunMs:
      options.maxRunMs === undefined ? undefined : checkInteger(options.maxRunMs, "maxRunMs", 1, 2 ** 31 - 1),
    until: options.until ?? "aborted",
    signal: options.signal === undefined ? failure.signal : AbortSignal.any([options.signal, failure.signal]),
    emit: options.onEvent ?? (() => undefined),
  };
  const counts: Counts = { done: 0, failed: 0, lost: 0, released: 0 };
  const lanes = Array.from({ length: concurrency }, () =>
    runLane(settings, counts).catch((error) => {
      failure.abort(error);
      throw error;
    }),
  );
  const ends = await Promise.allSettled(lanes);
  const broken = ends.find((end) => end.status === "rejected");
  if (broken !== undefined) throw broken.reason;
  return counts;
}
