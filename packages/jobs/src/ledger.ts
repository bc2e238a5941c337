/**
 * The rules of the queue, written once: every change of a job is a conditional statement in one transaction of the
 * store. A store brings transactions, a clock and the choice of the next job (`LedgerStore`); the statements below are
 * the common SQL of SQLite and PostgreSQL with parameters `$1`, `$2` …
 *
 * The fencing token is the column `fence`: it grows by one with every claim and is never reset, so a conditional
 * completion can only come from the newest claim (the scheme of Kleppmann, "How to do distributed locking", 2016,
 * applied inside the store itself). Attempts are counted in the same statement.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import {
  checkClaim,
  checkEffectStatement,
  checkInteger,
  checkJob,
  checkKind,
  checkRetry,
  computeBackoffMs,
  computeJobId,
  formatExpiry,
  formatReason,
  type NewJob,
} from "./check.ts";
import { createLeapWatch } from "./clock.ts";
import { JobsError } from "./errors.ts";
import { type JobRow, toClaimedJob, toJobRecord } from "./job-row.ts";
import { encodeJson, type Json, MAX_RESULT_BYTES } from "./json.ts";
import type {
  ClaimedJob,
  ClaimOptions,
  DeadLetter,
  EffectTransaction,
  Enqueued,
  FailOptions,
  JobEffect,
  JobQueue,
  JobQueueOptions,
  JobRecord,
  JobRequest,
  ListOptions,
  SqlValue,
} from "./queue.ts";
import { summariseStats } from "./stats.ts";
import { workQueue } from "./work.ts";

/** A row of any statement. */
export type Row = Record<string, unknown>;

/** One transaction of a store. */
export interface LedgerTransaction {
  /** The store's wall clock when the transaction had begun, in milliseconds. */
  readonly nowMs: number;
  run(sql: string, parameters?: readonly SqlValue[]): Promise<Row[]>;
  /** The same for a caller's statement. */
  runForCaller(sql: string, parameters: readonly SqlValue[]): Promise<Row[]>;
}

/** What a store brings. */
export interface LedgerStore {
  readonly url: string;
  /** The job table. */
  readonly table: string;
  /** What ends a SELECT of rows that are about to be changed. */
  readonly forUpdate: string;
  /** The same where rows that another transaction holds are to be left out. */
  readonly forUpdateFree: string;
  /** Runs a body in a write transaction, which is synced when this returns. */
  transact<T>(body: (transaction: LedgerTransaction) => Promise<T>): Promise<T>;
  /** Runs reads. */
  read<T>(body: (transaction: LedgerTransaction) => Promise<T>): Promise<T>;
  /** Called before a kind is first used. */
  openKind(kind: string): Promise<void>;
  /** Called when a job was put into the queue. */
  queued(transaction: LedgerTransaction, row: JobRow): Promise<void>;
  /** Called when a job left the queue or the hands of a worker. */
  withdrawn(transaction: LedgerTransaction, row: JobRow): Promise<void>;
  /** Sequence number of the next job that may run, locked for this transaction. */
  pick(transaction: LedgerTransaction, kind: string): Promise<number | undefined>;
  close(): Promise<void>;
}

/** Expired leases dealt with in one claim. */
const REAPED_AT_ONCE = 50;
/** Jobs enqueued in one transaction. */
const MAX_REQUESTS = 100_000;

function rowsOf(rows: Row[]): JobRow[] {
  return rows as unknown as JobRow[];
}

/** Makes the queue of a store. */
export function createLedgerQueue(store: LedgerStore, options: JobQueueOptions): JobQueue {
  const { table } = store;
  const retry = checkRetry(options.retry);
  const steady = options.monotonic ?? options.now ?? (() => performance.now());
  const leaps = createLeapWatch();
  const insideEffect = new AsyncLocalStorage<true>();
  const openKinds = new Set<string>();
  let isClosed = false;

  const checkOpen = (): void => {
    if (isClosed) throw new JobsError("CLOSED", "the queue was closed");
    if (insideEffect.getStore() === true) {
      throw new JobsError(
        "NESTED_CALL",
        "a queue method was called inside an effect; use the effect's transaction",
      );
    }
  };
  const transact = async <T>(body: (transaction: LedgerTransaction) => Promise<T>): Promise<T> => {
    checkOpen();
    return store.transact(body);
  };
  const read = async <T>(body: (transaction: LedgerTransaction) => Promise<T>): Promise<T> => {
    checkOpen();
    return store.read(body);
  };
  const openKind = async (kind: string): Promise<void> => {
    checkOpen();
    if (openKinds.has(checkKind(kind))) return;
    await store.openKind(kind);
    openKinds.add(kind);
  };

  const findRow = async (transaction: LedgerTransaction, id: string): Promise<JobRow | undefined> =>
    rowsOf(await transaction.run(`SELECT * FROM ${table} WHERE id = $1`, [id]))[0];

  /** Stores a new job unless its key is known. */
  const insert = async (transaction: LedgerTransaction, job: NewJob): Promise<Enqueued> => {
    const inserted = rowsOf(
      await transaction.run(
        `INSERT INTO ${table} (id, kind, "key", payload, priority, state, max_attempts, run_after, created_at)
         VALUES ($1, $2, $3, $4, $5, 'queued', $6, $7, $8) ON CONFLICT DO NOTHING RETURNING *`,
        [
          job.id,
          job.kind,
          job.key,
          job.payload,
          job.priority,
          job.maxAttempts,
          job.runAfterMs,
          transaction.nowMs,
        ],
      ),
    )[0];
    if (inserted !== undefined) {
      await store.queued(transaction, inserted);
      return { job: toJobRecord(inserted), isNew: true };
    }
    const known = await findRow(transaction, job.id);
    if (known === undefined) throw new Error(`job ${job.id} is neither new nor known`);
    return { job: toJobRecord(known), isNew: false };
  };

  const enqueueAll = async (jobs: readonly NewJob[]): Promise<readonly Enqueued[]> => {
    // Known keys need no transaction and no sync.
    const known = await read(async (transaction) => {
      const rows = new Map<string, JobRow>();
      for (const job of jobs) {
        const row = await findRow(transaction, job.id);
        if (row === undefined) return undefined;
        rows.set(job.id, row);
      }
      return rows;
    });
    if (known !== undefined) {
      return jobs.map((job) => ({ job: toJobRecord(known.get(job.id) as JobRow), isNew: false }));
    }
    return transact(async (transaction) => {
      const results: Enqueued[] = [];
      for (const job of jobs) results.push(await insert(transaction, job));
      return results;
    });
  };

  /** Pulls in times that only a clock set back can have left so far away. */
  const clamp = async (transaction: LedgerTransaction): Promise<void> => {
    const { nowMs } = transaction;
    await transaction.run(
      `UPDATE ${table} SET lease_until = $1 + lease_ms WHERE state = 'running' AND lease_until > $1 + lease_ms`,
      [nowMs],
    );
    const far = await transaction.run(
      `UPDATE ${table} SET run_after = $1 + retry_delay
       WHERE state = 'queued' AND retry_delay > 0 AND run_after > $1 + retry_delay RETURNING *`,
      [nowMs],
    );
    for (const row of rowsOf(far)) {
      await store.withdrawn(transaction, row);
      await store.queued(transaction, row);
    }
  };

  /** Puts a job back into the queue, due at `runAfterMs`. */
  const requeue = async (
    transaction: LedgerTransaction,
    row: JobRow,
    change: { readonly delayMs: number | null; readonly attempts: number; readonly reason: string | null },
  ): Promise<JobRow> => {
    const runAfterMs = change.delayMs === null ? 0 : transaction.nowMs + change.delayMs;
    const [next] = rowsOf(
      await transaction.run(
        `UPDATE ${table} SET state = 'queued', run_after = $2, retry_delay = $3, attempts = $4, reason = $5,
           lease_ms = NULL, lease_until = NULL WHERE id = $1 RETURNING *`,
        [row.id, runAfterMs, change.delayMs, change.attempts, change.reason],
      ),
    );
    await store.withdrawn(transaction, next);
    await store.queued(transaction, next);
    return next;
  };

  const bury = async (transaction: LedgerTransaction, row: JobRow, reason: string): Promise<JobRow> => {
    const [dead] = rowsOf(
      await transaction.run(
        `UPDATE ${table} SET state = 'dead', reason = $2, finished_at = $3, retry_delay = NULL, lease_ms = NULL,
           lease_until = NULL WHERE id = $1 RETURNING *`,
        [row.id, reason, transaction.nowMs],
      ),
    );
    await store.withdrawn(transaction, dead);
    return dead;
  };

  /** Deals with jobs whose worker fell silent. */
  const reap = async (transaction: LedgerTransaction): Promise<void> => {
    const { nowMs } = transaction;
    const expired = await transaction.run(
      `SELECT * FROM ${table} WHERE state = 'running' AND lease_until <= $1
       ORDER BY seq LIMIT ${REAPED_AT_ONCE} ${store.forUpdateFree}`,
      [nowMs],
    );
    for (const row of rowsOf(expired)) {
      const reason = formatExpiry(row.worker, row.lease_ms ?? 0, row.attempts, row.max_attempts);
      if (row.attempts >= row.max_attempts) await bury(transaction, row, reason);
      else await requeue(transaction, row, { delayMs: null, attempts: row.attempts, reason });
    }
  };

  /** Gives every running job a fresh lease after the wall clock leapt. */
  const renewAll = async (transaction: LedgerTransaction): Promise<void> => {
    await transaction.run(
      `UPDATE ${table} SET lease_until = $1 + lease_ms WHERE state = 'running' AND lease_until < $1 + lease_ms`,
      [transaction.nowMs],
    );
  };

  /** Whether a claim would find anything to change; a read only, so that idle workers write nothing. */
  const hasWork = async (kind: string): Promise<boolean> =>
    read(async (transaction) => {
      const [row] = await transaction.run(
        `SELECT EXISTS (SELECT 1 FROM ${table} WHERE state = 'queued' AND kind = $2 AND run_after <= $1) AS due,
           EXISTS (SELECT 1 FROM ${table} WHERE state = 'running'
             AND (lease_until <= $1 OR lease_until > $1 + lease_ms)) AS overdue,
           EXISTS (SELECT 1 FROM ${table} WHERE state = 'queued' AND retry_delay > 0
             AND run_after > $1 + retry_delay) AS far`,
        [transaction.nowMs, kind],
      );
      return (
        leaps.observe(transaction.nowMs, steady()) ||
        Boolean(row.due) ||
        Boolean(row.overdue) ||
        Boolean(row.far)
      );
    });

  const claim = async (kind: string, claimOptions: ClaimOptions = {}): Promise<ClaimedJob | undefined> => {
    const { leaseMs, worker } = checkClaim(claimOptions);
    await openKind(kind);
    if (!(await hasWork(kind))) return undefined;
    return transact(async (transaction) => {
      if (leaps.observe(transaction.nowMs, steady())) await renewAll(transaction);
      leaps.settle();
      await clamp(transaction);
      await reap(transaction);
      const sequence = await store.pick(transaction, kind);
      if (sequence === undefined) return undefined;
      const [row] = rowsOf(
        await transaction.run(
          `UPDATE ${table} SET state = 'running', attempts = attempts + 1, fence = fence + 1, worker = $2,
             lease_ms = $3, lease_until = $4, started_at = $5, retry_delay = NULL WHERE seq = $1 RETURNING *`,
          [sequence, worker, leaseMs, transaction.nowMs + leaseMs, transaction.nowMs],
        ),
      );
      return toClaimedJob(row);
    });
  };

  const lose = (job: ClaimedJob, row: JobRow | undefined): JobsError =>
    new JobsError(
      "LEASE_LOST",
      `job ${job.id} was claimed with token ${job.token}, and is now ${row?.state ?? "absent"} with token ${row?.fence ?? "none"}; nothing was stored`,
    );

  /** Row of a job, locked, when this claim still holds it. */
  const lockClaimed = async (transaction: LedgerTransaction, job: ClaimedJob): Promise<JobRow> => {
    const [row] = rowsOf(
      await transaction.run(`SELECT * FROM ${table} WHERE id = $1 ${store.forUpdate}`, [job.id]),
    );
    if (row === undefined || row.state !== "running" || row.fence !== job.token) throw lose(job, row);
    return row;
  };

  const runEffect = async (transaction: LedgerTransaction, effect: JobEffect): Promise<Json> => {
    const handed: EffectTransaction = {
      execute: async (sql, parameters = []) =>
        transaction.runForCaller(checkEffectStatement(sql), parameters),
      enqueue: (kind, payload, enqueueOptions) =>
        insert(transaction, checkJob(kind, payload, enqueueOptions)),
    };
    return (await insideEffect.run(true, () => effect(handed))) ?? null;
  };

  const complete = async (job: ClaimedJob, result?: Json | JobEffect): Promise<JobRecord> =>
    transact(async (transaction) => {
      const [row] = rowsOf(
        await transaction.run(`SELECT * FROM ${table} WHERE id = $1 ${store.forUpdate}`, [job.id]),
      );
      // A commit whose answer was lost in an outage has happened.
      if (row?.state === "done" && row.fence === job.token) return toJobRecord(row);
      if (row === undefined || row.state !== "running" || row.fence !== job.token) throw lose(job, row);
      const value = typeof result === "function" ? await runEffect(transaction, result) : (result ?? null);
      const text = encodeJson(value, "result", MAX_RESULT_BYTES);
      const [done] = rowsOf(
        await transaction.run(
          `UPDATE ${table} SET state = 'done', result = $2, reason = NULL, finished_at = $3, lease_ms = NULL,
             lease_until = NULL WHERE id = $1 RETURNING *`,
          [job.id, text, transaction.nowMs],
        ),
      );
      await store.withdrawn(transaction, done);
      return toJobRecord(done);
    });

  const fail = async (job: ClaimedJob, failOptions: FailOptions = {}): Promise<JobRecord> =>
    transact(async (transaction) => {
      const row = await lockClaimed(transaction, job);
      const reason = formatReason(failOptions.reason);
      if (failOptions.retryable === false || row.attempts >= row.max_attempts) {
        return toJobRecord(await bury(transaction, row, reason));
      }
      const delayMs = computeBackoffMs(retry, row.attempts);
      return toJobRecord(await requeue(transaction, row, { delayMs, attempts: row.attempts, reason }));
    });

  const release = async (job: ClaimedJob): Promise<JobRecord> =>
    transact(async (transaction) => {
      const row = await lockClaimed(transaction, job);
      const change = { delayMs: null, attempts: row.attempts - 1, reason: row.reason };
      return toJobRecord(await requeue(transaction, row, change));
    });

  const heartbeat = async (job: ClaimedJob, beat: { readonly progress?: Json } = {}): Promise<boolean> => {
    const progress =
      beat.progress === undefined ? null : encodeJson(beat.progress, "progress", MAX_RESULT_BYTES);
    return transact(async (transaction) => {
      leaps.observe(transaction.nowMs, steady());
      const rows = await transaction.run(
        `UPDATE ${table} SET lease_until = $1 + lease_ms, progress = COALESCE($2, progress)
         WHERE id = $3 AND fence = $4 AND state = 'running' RETURNING seq`,
        [transaction.nowMs, progress, job.id, job.token],
      );
      return rows.length === 1;
    });
  };

  const redrive = async (id: string): Promise<JobRecord> => {
    const known = await read((transaction) => findRow(transaction, id));
    if (known !== undefined) await openKind(known.kind);
    return transact(async (transaction) => {
      const [row] = rowsOf(
        await transaction.run(`SELECT * FROM ${table} WHERE id = $1 ${store.forUpdate}`, [id]),
      );
      if (row === undefined) throw new JobsError("UNKNOWN_JOB", `no job has the id ${id}`);
      if (row.state !== "dead") {
        throw new JobsError("NOT_DEAD", `job ${id} is ${row.state}; only a dead job can be redriven`);
      }
      await transaction.run(`UPDATE ${table} SET redrives = redrives + 1, finished_at = NULL WHERE id = $1`, [
        id,
      ]);
      return toJobRecord(await requeue(transaction, row, { delayMs: null, attempts: 0, reason: row.reason }));
    });
  };

  const listJobs = async (kind: string, list: ListOptions = {}): Promise<readonly JobRecord[]> => {
    const limit = checkInteger(list.limit ?? 1000, "limit", 1, 1_000_000);
    const after = checkInteger(list.after ?? 0, "after", 0, Number.MAX_SAFE_INTEGER);
    const rows = await read((transaction) =>
      list.state === undefined
        ? transaction.run(`SELECT * FROM ${table} WHERE kind = $1 AND seq > $2 ORDER BY seq LIMIT $3`, [
            checkKind(kind),
            after,
            limit,
          ])
        : transaction.run(
            `SELECT * FROM ${table} WHERE kind = $1 AND seq > $2 AND state = $4 ORDER BY seq LIMIT $3`,
            [checkKind(kind), after, limit, list.state],
          ),
    );
    return rowsOf(rows).map(toJobRecord);
  };

  const deadLetters = async (kind?: string): Promise<readonly DeadLetter[]> => {
    const rows = await read((transaction) =>
      kind === undefined
        ? transaction.run(`SELECT * FROM ${table} WHERE state = 'dead' ORDER BY finished_at, seq`)
        : transaction.run(
            `SELECT * FROM ${table} WHERE state = 'dead' AND kind = $1 ORDER BY finished_at, seq`,
            [checkKind(kind)],
          ),
    );
    return rowsOf(rows).map((row) => ({
      ...toJobRecord(row),
      state: "dead",
      reason: formatReason(row.reason ?? undefined),
    }));
  };

  const queue: JobQueue = {
    url: store.url,
    async enqueue(kind, payload, enqueueOptions) {
      const job = checkJob(kind, payload, enqueueOptions);
      await openKind(kind);
      return (await enqueueAll([job]))[0];
    },
    async enqueueMany(kind, requests: readonly JobRequest[]) {
      checkInteger(requests.length, "number of jobs", 0, MAX_REQUESTS);
      const jobs = requests.map((request) => checkJob(kind, request.payload, request));
      if (jobs.length === 0) return [];
      await openKind(kind);
      return enqueueAll(jobs);
    },
    claim,
    heartbeat,
    complete,
    fail,
    release,
    work: (kind, handler, workOptions) => workQueue(queue, kind, handler, workOptions),
    getJob: async (id) => {
      const row = await read((transaction) => findRow(transaction, id));
      return row === undefined ? undefined : toJobRecord(row);
    },
    findJob: (kind, key) => queue.getJob(computeJobId(kind, key)),
    listJobs,
    async isDrained(kind) {
      checkKind(kind);
      const [row] = await read((transaction) =>
        transaction.run(
          `SELECT EXISTS (SELECT 1 FROM ${table} WHERE state = 'queued' AND kind = $1) AS queued,
             EXISTS (SELECT 1 FROM ${table} WHERE state = 'running' AND kind = $1) AS running`,
          [kind],
        ),
      );
      return !(row.queued || row.running);
    },
    deadLetters,
    redrive,
    stats: () =>
      read(async (transaction) =>
        summariseStats(
          await transaction.run(
            `SELECT kind, state, count(*) AS jobs, sum(CASE WHEN run_after > $1 THEN 1 ELSE 0 END) AS delayed,
               min(CASE WHEN run_after > $1 THEN NULL WHEN run_after > created_at THEN run_after
                 ELSE created_at END) AS oldest
             FROM ${table} GROUP BY kind, state`,
            [transaction.nowMs],
          ),
          transaction.nowMs,
        ),
      ),
    async close() {
      if (isClosed) return;
      isClosed = true;
      await store.close();
    },
  };
  return queue;
}
