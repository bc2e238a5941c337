/**
 * Checks of what callers hand to a queue, the same for every store, and the figures that follow from them.
 */
import { createHash } from "node:crypto";
import os from "node:os";
import process from "node:process";
import { JobsError } from "./errors.ts";
import { encodeJson, MAX_PAYLOAD_BYTES } from "./json.ts";
import type { ClaimOptions, EnqueueOptions, RetryOptions } from "./queue.ts";

const MAX_KEY = 512;
const MAX_REASON = 2000;
const MAX_TIME_MS = 8.64e15;
const DEFAULT_LEASE_MS = 60_000;

/** A checked job to be stored. */
export interface NewJob {
  readonly id: string;
  readonly kind: string;
  readonly key: string;
  readonly payload: string;
  readonly priority: number;
  /** 0 = at once; also what keeps a clock that jumps back from holding the job up. */
  readonly runAfterMs: number;
  readonly maxAttempts: number;
}

/** Complete retry figures. */
export type RetryPolicy = Required<RetryOptions>;

/** @throws JobsError `OUT_OF_RANGE` */
export function checkNumber(value: number, name: string, least: number, most: number): number {
  if (!(value >= least && value <= most)) {
    throw new JobsError("OUT_OF_RANGE", `${name} must be between ${least} and ${most}, got ${value}`);
  }
  return value;
}

/** @throws JobsError `OUT_OF_RANGE` */
export function checkInteger(value: number, name: string, least: number, most: number): number {
  if (!Number.isInteger(value))
    throw new JobsError("OUT_OF_RANGE", `${name} must be an integer, got ${value}`);
  return checkNumber(value, name, least, most);
}

/** @throws JobsError `INVALID_NAME` */
export function checkKind(kind: string): string {
  if (!/^[A-Za-z][\w.-]{0,63}$/.test(kind)) {
    throw new JobsError(
      "INVALID_NAME",
      "a kind begins with a letter and has at most 64 letters, digits, dots, hyphens and underscores",
    );
  }
  return kind;
}

/** @throws JobsError `INVALID_NAME` */
export function checkKey(key: string): string {
  if (key.length === 0 || key.length > MAX_KEY || key.includes("\0") || !key.isWellFormed()) {
    throw new JobsError(
      "INVALID_NAME",
      `a key has 1 to ${MAX_KEY} characters and no NUL, got ${key.length}; pass a hash of the configuration`,
    );
  }
  return key;
}

/** The id of a job: 128 bits of SHA-256 over kind, NUL and key. */
export function computeJobId(kind: string, key: string): string {
  return createHash("sha256").update(`${kind}\0${key}`).digest("hex").slice(0, 32);
}

/** Checks a job before it is stored. */
export function checkJob(kind: string, payload: unknown, options: EnqueueOptions): NewJob {
  const runAfter = options.runAfter ?? 0;
  return {
    kind: checkKind(kind),
    key: checkKey(options.key),
    id: computeJobId(kind, options.key),
    payload: encodeJson(payload, "payload", MAX_PAYLOAD_BYTES),
    priority: checkInteger(options.priority ?? 0, "priority", -1_000_000, 1_000_000),
    runAfterMs: Math.ceil(checkNumber(Number(runAfter), "runAfter", 0, MAX_TIME_MS)),
    maxAttempts: checkInteger(options.maxAttempts ?? 5, "maxAttempts", 1, 1000),
  };
}

/** Checks and completes a claim's options. */
export function checkClaim(options: ClaimOptions): Required<ClaimOptions> {
  return {
    leaseMs: checkInteger(options.leaseMs ?? DEFAULT_LEASE_MS, "leaseMs", 10, 7 * 86_400_000),
    worker: (options.worker ?? `${os.hostname()}:${process.pid}`).slice(0, 200),
  };
}

/** Checks and completes the retry figures. */
export function checkRetry(options: RetryOptions = {}): RetryPolicy {
  const baseMs = checkInteger(options.baseMs ?? 1000, "retry.baseMs", 0, 86_400_000);
  return { baseMs, maxMs: checkInteger(options.maxMs ?? 600_000, "retry.maxMs", 0, 86_400_000) };
}

/** Delay after the given number of attempts: baseMs · 2^(attempts − 1), at most maxMs. */
export function computeBackoffMs(policy: RetryPolicy, attempts: number): number {
  return Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(40, attempts - 1));
}

/** A reason as it is stored: well-formed, without NUL, of bounded length. */
export function formatReason(reason: string | undefined): string {
  const text = (reason ?? "").replaceAll("\0", " ").toWellFormed().trim().slice(0, MAX_REASON);
  return (text === "" ? "no reason given" : text).toWellFormed();
}

/** The reason of an attempt whose worker fell silent. */
export function formatExpiry(worker: string | null, leaseMs: number, attempts: number, max: number): string {
  return `lease expired: worker ${worker ?? "unknown"} gave no sign of life for ${leaseMs} ms (attempt ${attempts} of ${max})`;
}

/**
 * Refuses statements of an effect that would begin or end a transaction: the queue's own does that.
 *
 * @throws JobsError `NESTED_CALL`
 */
export function checkEffectStatement(sql: string): string {
  const bare = sql.replace(/^(?:\s+|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/, "");
  if (/^(begin|start|commit|end|rollback|abort|savepoint|release|prepare)\b/i.test(bare)) {
    throw new JobsError("NESTED_CALL", "an effect cannot begin or end transactions; leave that to the queue");
  }
  return sql;
}
