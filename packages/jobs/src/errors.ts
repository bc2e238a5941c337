/**
 * Errors of the job queue: one class, stable codes. Payloads, results and anything a patient could be known by never
 * enter a message; job ids and kinds do.
 */
import { AlaraError } from "@alara/core";

/**
 * Codes that `jobs` throws.
 *
 * - `INVALID_URL`: a store address that names no known kind of store, or no place.
 * - `INVALID_NAME`: a kind or key that is empty, too long or holds forbidden characters.
 * - `OUT_OF_RANGE`: a numeric option outside its stated range.
 * - `NOT_JSON`: a payload, result or progress that JSON cannot hold without loss.
 * - `TOO_LARGE`: a payload, result or progress above its limit; jobs carry references, not data.
 * - `UNKNOWN_JOB`: no job has this id.
 * - `NOT_DEAD`: only a dead job can be redriven.
 * - `LEASE_LOST`: the job was taken over, settled or redriven; what this worker did has no effect on it.
 * - `ALREADY_COMMITTED`: a handler committed twice.
 * - `NESTED_CALL`: a queue method was called inside an effect; use the transaction the effect was given.
 * - `PERMANENT_FAILURE`: thrown by a handler: another attempt cannot help, the job goes to the dead letters.
 * - `TIMED_OUT`: an attempt ran longer than `maxRunMs`.
 * - `CHILD_FAILED`: a job's child process crashed, was killed or ended without an answer.
 * - `STORE_BUSY`: the store was locked by another process for too long; try again.
 * - `STORE_UNAVAILABLE`: the store cannot be reached or cannot write (connection, disk); try again.
 * - `STORE_MISMATCH`: the place holds something else, or the store of a newer version.
 * - `NOT_DURABLE`: the database acknowledges before it syncs.
 * - `CLOSED`: the queue was closed.
 */
export type JobsErrorCode =
  | "INVALID_URL"
  | "INVALID_NAME"
  | "OUT_OF_RANGE"
  | "NOT_JSON"
  | "TOO_LARGE"
  | "UNKNOWN_JOB"
  | "NOT_DEAD"
  | "LEASE_LOST"
  | "ALREADY_COMMITTED"
  | "NESTED_CALL"
  | "PERMANENT_FAILURE"
  | "TIMED_OUT"
  | "CHILD_FAILED"
  | "STORE_BUSY"
  | "STORE_UNAVAILABLE"
  | "STORE_MISMATCH"
  | "NOT_DURABLE"
  | "CLOSED";

/** Error of the `jobs` package. */
export class JobsError extends AlaraError<JobsErrorCode> {}

/** Whether an error is one of these codes. */
export function isJobsError(error: unknown, ...codes: readonly JobsErrorCode[]): error is JobsError {
  return error instanceof JobsError && (codes.length === 0 || codes.includes(error.code));
}

/** Whether trying the same call again may help: the store was busy or away. */
export function isStoreOutage(error: unknown): boolean {
  return isJobsError(error, "STORE_BUSY", "STORE_UNAVAILABLE");
}
