/**
 * What the conformance suite of `@alara/jobs` needs of a store, and what its tests share.
 */
import type { SkippableContext } from "@alara/testing";
import { expect } from "vitest";
import { type ClaimedJob, type JobQueue, type JobQueueOptions, JobsError } from "../src/index.ts";

/** One store under test. */
export interface StoreHarness {
  readonly name: string;
  /** Table of jobs, for faults that no call of the queue makes. */
  readonly table: string;
  /** Opens the store; skips the test with a reason when it cannot be had here. */
  open(context: SkippableContext, options?: JobQueueOptions): Promise<JobQueue>;
  address(): string;
  sql(
    statement: string,
    parameters?: readonly (string | number)[],
  ): Promise<readonly Record<string, unknown>[]>;
  /** Kills the store and brings it back, where it is something that can be killed. */
  fault?(): Promise<void>;
  close(): Promise<void>;
}

/** Expects a JobsError with the code. */
export async function expectCode(call: Promise<unknown>, code: string): Promise<void> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(JobsError);
  expect((error as JobsError).code).toBe(code);
}

/** The next job, which must be there. */
export async function mustClaim(queue: JobQueue, kind: string, leaseMs = 60_000): Promise<ClaimedJob> {
  const job = await queue.claim(kind, { leaseMs });
  if (job === undefined) throw new Error(`no ${kind} to claim`);
  return job;
}

/** An open queue with a kind of its own; closed at the end of the test. */
export interface OpenStore extends AsyncDisposable {
  readonly queue: JobQueue;
  readonly kind: string;
}

let kinds = 0;

/** Opens the store for one test. */
export async function openStore(
  harness: StoreHarness,
  context: SkippableContext,
  options?: JobQueueOptions,
): Promise<OpenStore> {
  const queue = await harness.open(context, options);
  kinds += 1;
  return { queue, kind: `kind-${kinds}`, [Symbol.asyncDispose]: () => queue.close() };
}

/** Makes the leases of a kind run out now. */
export async function expireLeases(harness: StoreHarness, kind: string): Promise<void> {
  await harness.sql(`UPDATE ${harness.table} SET lease_until = 1 WHERE state = 'running' AND kind = $1`, [
    kind,
  ]);
}
