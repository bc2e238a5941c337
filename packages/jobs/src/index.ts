/**
 * `@alara/jobs`: the durable job queue, its stores and its worker.
 */

export { computeJobId } from "./check.ts";
export type { FromChild } from "./child-messages.ts";
export { isJobsError, JobsError, type JobsErrorCode } from "./errors.ts";
export { type Json, MAX_PAYLOAD_BYTES, MAX_RESULT_BYTES } from "./json.ts";
export { jobStores, openJobQueue } from "./open.ts";
export type {
  ClaimedJob,
  ClaimOptions,
  DeadLetter,
  EffectTransaction,
  Enqueued,
  EnqueueOptions,
  FailOptions,
  JobContext,
  JobEffect,
  JobHandler,
  JobQueue,
  JobQueueOptions,
  JobRecord,
  JobRequest,
  JobState,
  KindStats,
  ListOptions,
  QueueStats,
  RetryOptions,
  SqlValue,
  WorkEvent,
  WorkOptions,
  WorkSummary,
} from "./queue.ts";
export { type ChildContext, type ChildHandler, type RunWorkerOptions, runWorker } from "./run-worker.ts";
