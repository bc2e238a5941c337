/**
 * The durable job queue: its words and its one interface. At-least-once execution, exactly-once effects: a job may run
 * more than once, but it is completed once, together with the effect it commits. Adapters are in `sqlite.ts` and
 * `postgres.ts`; one conformance suite holds for both. Not a workflow engine: a job knows no other job.
 */
import type { Json } from "./json.ts";

/**
 * Where a job stands. `queued` (also while it waits for its time or a retry) → `running` → `done`, or back to `queued`,
 * or `dead` when its attempts are used up or it cannot succeed.
 */
export type JobState = "queued" | "running" | "done" | "dead";

/** One job as the store has it. Times are milliseconds since 1970 by the store's clock. */
export interface JobRecord {
  /** 32 hexadecimal digits of SHA-256 over kind and key: the same configuration has the same id in every store. */
  readonly id: string;
  readonly kind: string;
  /** The caller's hash of the configuration. */
  readonly key: string;
  readonly payload: Json;
  /** Larger runs earlier. */
  readonly priority: number;
  readonly state: JobState;
  /** Attempts begun, counted when a worker claims the job. */
  readonly attempts: number;
  readonly maxAttempts: number;
  /** Not to be claimed before; 0 = at once. */
  readonly runAfterMs: number;
  /** The worker that has it or had it last. */
  readonly worker: string | undefined;
  /** Last progress that a worker reported. */
  readonly progress: Json | undefined;
  /** What the job was completed with; null when nothing was given. */
  readonly result: Json | undefined;
  /** Why the last attempt failed, or why the job is dead. */
  readonly reason: string | undefined;
  /** How often the job was brought back from the dead letters. */
  readonly redrives: number;
  /** Order of arrival in this store. */
  readonly sequence: number;
  readonly createdAtMs: number;
  /** Begin of the last attempt. */
  readonly startedAtMs: number | undefined;
  /** When it became done or dead. */
  readonly finishedAtMs: number | undefined;
}

/** A job that this worker holds. */
export interface ClaimedJob extends JobRecord {
  /** Fencing token: grows with every claim of the job; whoever holds an older one commits nothing. */
  readonly token: number;
  readonly leaseMs: number;
}

/** A job that will not run again by itself. */
export interface DeadLetter extends JobRecord {
  readonly state: "dead";
  readonly reason: string;
}

/** How a job is enqueued. */
export interface EnqueueOptions {
  /** The caller's hash of the configuration, 1 to 512 characters. A key is known for ever. */
  readonly key: string;
  /** Integer, default 0; larger runs earlier. */
  readonly priority?: number;
  /** Not before this time (milliseconds since 1970, by the store's clock); default at once. */
  readonly runAfter?: number | Date;
  /** Attempts before the job is dead, 1 to 1000; default 5. */
  readonly maxAttempts?: number;
}

/** One of several jobs for `enqueueMany`. */
export interface JobRequest extends EnqueueOptions {
  readonly payload: Json;
}

/** The job that has the key, and whether this call brought it. */
export interface Enqueued {
  readonly job: JobRecord;
  readonly isNew: boolean;
}

/** A value that SQL parameters may have here. */
export type SqlValue = string | number | null;

/**
 * The database transaction in which a job is completed. What is written through it is stored exactly when the job is
 * `done`, and once.
 */
export interface EffectTransaction {
  /**
   * Runs one statement with parameters `$1`, `$2` … in the store's own database.
   *
   * @returns the rows; none for statements that give none
   */
  execute(sql: string, parameters?: readonly SqlValue[]): Promise<readonly Record<string, unknown>[]>;
  /** Enqueues a following job, which exists when this one is done. */
  enqueue(kind: string, payload: Json, options: EnqueueOptions): Promise<Enqueued>;
}

/**
 * The effect of a job. May be called again when the transaction could not be committed; only what the last call wrote
 * counts. Keep it short: it holds locks. Its value is the job's result.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: an effect without a value is an ordinary async function
export type JobEffect = (transaction: EffectTransaction) => Promise<Json | undefined | void>;

/** How a job is claimed. */
export interface ClaimOptions {
  /** Time without a heartbeat after which another worker may take the job; default 60 000. */
  readonly leaseMs?: number;
  /** Name of the worker; default `<host>:<process id>`. */
  readonly worker?: string;
}

/** How an attempt failed. */
export interface FailOptions {
  /** Whether another attempt may help; default true. */
  readonly retryable?: boolean;
  /** Why, for people; at most 2000 characters are kept. Nothing a patient could be known by. */
  readonly reason?: string;
}

/** What a handler is given. */
export interface JobContext {
  readonly job: ClaimedJob;
  /**
   * Aborted when the work is to end: the lease was lost (`LEASE_LOST`), the attempt ran too long (`TIMED_OUT`), or the
   * worker shuts down.
   */
  readonly signal: AbortSignal;
  /**
   * Completes the job with a result or with an effect in the same transaction. A handler that does not call it completes
   * the job with the value it returns.
   *
   * @throws JobsError `LEASE_LOST`, `ALREADY_COMMITTED`
   */
  commit(result?: Json | JobEffect): Promise<JobRecord>;
  /** Progress to be stored with the next heartbeat. */
  report(progress: Json): void;
}

/** Does the work of one attempt. What it returns becomes the job's result unless it committed itself. */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler without a value is an ordinary async function
export type JobHandler = (context: JobContext) => Promise<Json | undefined | void>;

/** What a worker reports while it works. */
export type WorkEvent =
  | { readonly type: "claimed" | "done" | "released"; readonly job: ClaimedJob }
  | { readonly type: "failed" | "lost"; readonly job: ClaimedJob; readonly error: unknown }
  | { readonly type: "progress"; readonly job: ClaimedJob; readonly progress: Json }
  | { readonly type: "storeError"; readonly error: unknown };

/** How a worker works. */
export interface WorkOptions extends ClaimOptions {
  /** Jobs at a time; default 1. */
  readonly concurrency?: number;
  /** Time between heartbeats; default a quarter of the lease. */
  readonly heartbeatMs?: number;
  /** Time between looks at an empty queue; default 500. */
  readonly pollMs?: number;
  /** Longest time of one attempt; default none. */
  readonly maxRunMs?: number;
  /** Ends the work: handlers are told, and jobs they give up go back without costing an attempt. */
  readonly signal?: AbortSignal;
  /** `"aborted"` (default) works until `signal`; `"drained"` also ends when no job of the kind is queued or running. */
  readonly until?: "aborted" | "drained";
  readonly onEvent?: (event: WorkEvent) => void;
}

/** What a worker did. */
export interface WorkSummary {
  readonly done: number;
  readonly failed: number;
  readonly lost: number;
  readonly released: number;
}

/** Jobs of one kind by state. `delayed` are those `queued` ones whose time has not come. */
export interface KindStats {
  readonly queued: number;
  readonly delayed: number;
  readonly running: number;
  readonly done: number;
  readonly dead: number;
}

/** The whole store in figures. */
export interface QueueStats extends KindStats {
  readonly kinds: Readonly<Record<string, KindStats>>;
  /** Age of the oldest job that could run now; 0 when there is none. */
  readonly oldestReadyMs: number;
}

/** Which jobs to list. */
export interface ListOptions {
  readonly state?: JobState;
  /** Only jobs that arrived after this `sequence`: the last of the page before. */
  readonly after?: number;
  /** Most jobs to return; default 1000. */
  readonly limit?: number;
}

/**
 * A durable queue that several processes may share. Every call that changes something returns after the store has
 * synced it.
 */
export interface JobQueue {
  /** The store's address, without a password. */
  readonly url: string;

  /**
   * Adds a job, or finds the one with this key, whatever its state: planning again is free.
   *
   * @throws JobsError `INVALID_NAME`, `OUT_OF_RANGE`, `NOT_JSON`, `TOO_LARGE`, `STORE_BUSY`, `STORE_UNAVAILABLE`
   */
  enqueue(kind: string, payload: Json, options: EnqueueOptions): Promise<Enqueued>;
  /** Adds many jobs in one transaction: all or none. */
  enqueueMany(kind: string, requests: readonly JobRequest[]): Promise<readonly Enqueued[]>;
  /**
   * Takes the next job of a kind and counts an attempt, or gives undefined. Jobs whose lease ran out are first put
   * back, or to the dead letters when their attempts are used up.
   */
  claim(kind: string, options?: ClaimOptions): Promise<ClaimedJob | undefined>;
  /**
   * Begins the lease anew.
   *
   * @returns false when the job is no longer this worker's
   */
  heartbeat(job: ClaimedJob, options?: { readonly progress?: Json }): Promise<boolean>;
  /**
   * Completes a job with a result, or with an effect in the same transaction. Calling it again after an outage with the
   * same claim gives the completed job and no second effect.
   *
   * @throws JobsError `LEASE_LOST` when the token is no longer the newest
   */
  complete(job: ClaimedJob, result?: Json | JobEffect): Promise<JobRecord>;
  /**
   * Ends an attempt without success: back to the queue after a growing delay, or to the dead letters.
   *
   * @throws JobsError `LEASE_LOST`
   */
  fail(job: ClaimedJob, options?: FailOptions): Promise<JobRecord>;
  /**
   * Gives a job back untried: the attempt does not count. For orderly shutdown.
   *
   * @throws JobsError `LEASE_LOST`
   */
  release(job: ClaimedJob): Promise<JobRecord>;
  /** Claims and handles jobs of a kind until told to end. */
  work(kind: string, handler: JobHandler, options?: WorkOptions): Promise<WorkSummary>;
  /** The job with this id. */
  getJob(id: string): Promise<JobRecord | undefined>;
  /** The job with this key. */
  findJob(kind: string, key: string): Promise<JobRecord | undefined>;
  /** Jobs of a kind in order of arrival. */
  listJobs(kind: string, options?: ListOptions): Promise<readonly JobRecord[]>;
  /** Jobs that will not run again by themselves, with reason and source, newest last; of all kinds when none is named. */
  deadLetters(kind?: string): Promise<readonly DeadLetter[]>;
  /**
   * Brings a dead job back with its attempts to begin anew.
   *
   * @throws JobsError `UNKNOWN_JOB`, `NOT_DEAD`
   */
  redrive(id: string): Promise<JobRecord>;
  /** Whether no job of the kind is queued, for whatever time, or running. */
  isDrained(kind: string): Promise<boolean>;
  /** The whole store in figures; counts every job there is. */
  stats(): Promise<QueueStats>;
  /** Closes the connection; jobs still running stay claimed until their lease ends. */
  close(): Promise<void>;
}

/** How attempts are spaced. */
export interface RetryOptions {
  /** Delay after the first failure; default 1000. Doubles with every further one. */
  readonly baseMs?: number;
  /** Longest delay; default 600 000. */
  readonly maxMs?: number;
}

/** How a queue is opened. */
export interface JobQueueOptions {
  readonly retry?: RetryOptions;
  /**
   * Wall clock in milliseconds since 1970; default `Date.now`. SQLite only: with PostgreSQL the database's clock is
   * the only one, and a worker with a wrong clock harms nobody.
   */
  readonly now?: () => number;
  /**
   * A clock that never jumps, in milliseconds; default `performance.now`, or `now` where that is given. Tells a jump
   * of the wall clock from time that passed.
   */
  readonly monotonic?: () => number;
  /** Longest wait for another process's lock (SQLite); default 15 000. */
  readonly busyMs?: number;
  /** Connections (PostgreSQL); default 4. */
  readonly connections?: number;
  /** Schema of the tables (PostgreSQL), a lower-case name of at most 40 characters; default `alara_jobs`. */
  readonly schema?: string;
}
