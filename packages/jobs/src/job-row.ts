/**
 * A job as a row of either store, and back as a record. The columns have the same names and meanings in SQLite and
 * PostgreSQL; drivers may return numbers as text.
 */
import { decodeJson } from "./json.ts";
import type { ClaimedJob, JobRecord, JobState } from "./queue.ts";

/** A row of the job table. */
export interface JobRow {
  readonly seq: number | string;
  readonly id: string;
  readonly kind: string;
  readonly key: string;
  readonly payload: string;
  readonly priority: number;
  readonly state: JobState;
  readonly attempts: number;
  readonly max_attempts: number;
  readonly run_after: number;
  /** Delay of the retry that `run_after` stands for; null when the caller or nobody set it. */
  readonly retry_delay: number | null;
  readonly fence: number;
  readonly worker: string | null;
  readonly lease_ms: number | null;
  readonly lease_until: number | null;
  readonly progress: string | null;
  readonly result: string | null;
  readonly reason: string | null;
  readonly redrives: number;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly finished_at: number | null;
}

/** The record of a row. */
export function toJobRecord(row: JobRow): JobRecord {
  return {
    id: row.id,
    kind: row.kind,
    key: row.key,
    payload: decodeJson(row.payload),
    priority: row.priority,
    state: row.state,
    attempts: row.attempts,
    maxAttempts: row.max_attempts,
    runAfterMs: row.run_after,
    worker: row.worker ?? undefined,
    progress: row.progress === null ? undefined : decodeJson(row.progress),
    result: row.result === null ? undefined : decodeJson(row.result),
    reason: row.reason ?? undefined,
    redrives: row.redrives,
    sequence: Number(row.seq),
    createdAtMs: row.created_at,
    startedAtMs: row.started_at ?? undefined,
    finishedAtMs: row.finished_at ?? undefined,
  };
}

/** The claim that a row of a running job stands for. */
export function toClaimedJob(row: JobRow): ClaimedJob {
  return { ...toJobRecord(row), token: row.fence, leaseMs: row.lease_ms ?? 0 };
}

/**
 * The job table and its indexes, for either store.
 *
 * @param table - name, with schema where there is one
 * @param types - the store's type of the growing number and of times in milliseconds
 */
export function formatJobTable(
  table: string,
  types: { readonly sequence: string; readonly milliseconds: string; readonly indexPrefix: string },
): readonly string[] {
  const { sequence, milliseconds, indexPrefix } = types;
  return [
    `CREATE TABLE IF NOT EXISTS ${table} (
      seq ${sequence},
      id text NOT NULL UNIQUE,
      kind text NOT NULL,
      "key" text NOT NULL,
      payload text NOT NULL,
      priority integer NOT NULL,
      state text NOT NULL CHECK (state IN ('queued', 'running', 'done', 'dead')),
      attempts integer NOT NULL DEFAULT 0,
      max_attempts integer NOT NULL,
      run_after ${milliseconds} NOT NULL,
      retry_delay ${milliseconds},
      fence integer NOT NULL DEFAULT 0,
      worker text,
      lease_ms ${milliseconds},
      lease_until ${milliseconds},
      progress text,
      result text,
      reason text,
      redrives integer NOT NULL DEFAULT 0,
      created_at ${milliseconds} NOT NULL,
      started_at ${milliseconds},
      finished_at ${milliseconds},
      UNIQUE (kind, "key")
    )`,
    `CREATE INDEX IF NOT EXISTS ${indexPrefix}_queued ON ${table} (kind, priority DESC, seq) WHERE state = 'queued'`,
    `CREATE INDEX IF NOT EXISTS ${indexPrefix}_running ON ${table} (lease_until) WHERE state = 'running'`,
    `CREATE INDEX IF NOT EXISTS ${indexPrefix}_kind ON ${table} (kind, seq)`,
    `CREATE INDEX IF NOT EXISTS ${indexPrefix}_dead ON ${table} (finished_at) WHERE state = 'dead'`,
  ];
}
