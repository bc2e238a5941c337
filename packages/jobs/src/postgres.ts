/**
 * The job queue in PostgreSQL. Two parts in one database, changed in one transaction:
 *
 * - the ledger, our table: keys for ever, states, attempts, fencing tokens, leases, results (`ledger.ts`);
 * - pg-boss, the delivery: each queued job has one ticket there, which carries priority and time, and which
 *   `fetch` hands to one worker (`FOR UPDATE SKIP LOCKED`). A ticket without its ledger row counts for nothing, and a
 *   queued row without a ticket gets a new one.
 *
 * pg-boss's own retries, heartbeats, dead letters and maintenance are not used; why is told in
 * `docs/decisions/2026-11-21-job-queue.md`. All times are the database's.
 */
import { PgBoss } from "pg-boss";
import { checkInteger } from "./check.ts";
import { JobsError } from "./errors.ts";
import { formatJobTable, type JobRow } from "./job-row.ts";
import { createLedgerQueue, type LedgerTransaction } from "./ledger.ts";
import { openPostgres, type PostgresConnection } from "./postgres-connection.ts";
import type { JobQueue, JobQueueOptions } from "./queue.ts";

const SCHEMA_VERSION = 1;
const DEFAULT_CONNECTIONS = 4;
/** Start of tickets that are due at once: long past, so that a clock set back holds nothing up. */
const LONG_PAST = new Date("2020-01-01T00:00:00Z");
/** Retention of tickets, in seconds: never by pg-boss. */
const FOR_EVER_S = 2 ** 31 - 1;
/** Least time between searches for queued jobs without a ticket. */
const HEAL_EVERY_MS = 10_000;

/** The ticket of a job: its sequence number as a UUID, so that tickets of one priority come in order of arrival. */
function formatTicket(sequence: number | string): string {
  return `00000000-0000-4000-8000-${Number(sequence).toString(16).padStart(12, "0")}`;
}

function parseTicket(ticket: string): number {
  return Number.parseInt(ticket.slice(-12), 16);
}

async function prepareTables(connection: PostgresConnection, schema: string): Promise<void> {
  await connection.transact(async (transaction) => {
    // Two processes may come first at the same time.
    await transaction.run("SELECT pg_advisory_xact_lock(hashtext($1))", [`alara:${schema}`]);
    await transaction.run(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    await transaction.run(`CREATE TABLE IF NOT EXISTS ${schema}.version (version integer NOT NULL)`);
    const [row] = await transaction.run(`SELECT version FROM ${schema}.version`);
    if (row !== undefined) {
      if (row.version === SCHEMA_VERSION) return;
      throw new JobsError(
        "STORE_MISMATCH",
        `schema ${schema} has version ${row.version}, this program knows ${SCHEMA_VERSION}`,
      );
    }
    const types = {
      sequence: "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
      milliseconds: "double precision",
      indexPrefix: "job",
    };
    for (const statement of formatJobTable(`${schema}.job`, types)) await transaction.run(statement);
    await transaction.run(`INSERT INTO ${schema}.version VALUES ($1)`, [SCHEMA_VERSION]);
  });
}

/** pg-boss working in a transaction of ours. */
function inTransaction(transaction: LedgerTransaction): {
  db: { executeSql(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }> };
} {
  return {
    db: {
      async executeSql(text, values) {
        return { rows: await transaction.run(text, values as (string | number | null)[]) };
      },
    },
  };
}

/**
 * Opens the queue in a database, making its two schemas when absent (`<schema>` and `<schema>_boss`; the user needs the
 * right to create them, or finds them made).
 *
 * @param url - `postgres://user:password@host:port/database`, with parameters as `pg` knows them
 * @throws JobsError `INVALID_URL`, `STORE_UNAVAILABLE`, `STORE_MISMATCH`, `NOT_DURABLE` when the server runs with
 *   `fsync` off, `OUT_OF_RANGE`
 */
export async function openPostgresQueue(url: string, options: JobQueueOptions = {}): Promise<JobQueue> {
  const schema = options.schema ?? "alara_jobs";
  if (!/^[a-z][a-z0-9_]{0,39}$/.test(schema)) {
    throw new JobsError(
      "OUT_OF_RANGE",
      "schema must be a lower-case name of at most 40 letters, digits and _",
    );
  }
  const bossSchema = `${schema}_boss`;
  const connections = checkInteger(options.connections ?? DEFAULT_CONNECTIONS, "connections", 1, 100);
  const connection = await openPostgres(url, connections);
  let boss: PgBoss;
  try {
    await prepareTables(connection, schema);
    boss = new PgBoss({
      db: { executeSql: (text, values) => connection.execute(text, values) },
      schema: bossSchema,
      supervise: false,
      schedule: false,
    });
    // Outages show in our own calls.
    boss.on("error", () => undefined);
    await connection.translateErrors(() => boss.start());
  } catch (error) {
    await connection.close();
    throw error;
  }

  const send = async (transaction: LedgerTransaction, row: JobRow): Promise<void> => {
    const runAfter = Number(row.run_after);
    await boss.send(row.kind, null, {
      ...inTransaction(transaction),
      id: formatTicket(row.seq),
      priority: row.priority,
      startAfter: runAfter <= transaction.nowMs ? LONG_PAST : new Date(runAfter),
      retryLimit: 0,
      retentionSeconds: FOR_EVER_S,
    });
  };

  let healedAt = Number.NEGATIVE_INFINITY;
  /** Gives tickets to queued jobs that have none: somebody else cleared pg-boss's table. */
  const heal = async (transaction: LedgerTransaction, kind: string): Promise<void> => {
    if (performance.now() - healedAt < HEAL_EVERY_MS) return;
    healedAt = performance.now();
    const rows = await transaction.run(
      `SELECT * FROM ${schema}.job AS job WHERE state = 'queued' AND kind = $1 AND NOT EXISTS (
         SELECT 1 FROM ${bossSchema}.job AS ticket WHERE ticket.name = job.kind
         AND ticket.id = ('00000000-0000-4000-8000-' || lpad(to_hex(job.seq), 12, '0'))::uuid)
       ORDER BY seq LIMIT 1000 FOR UPDATE SKIP LOCKED`,
      [kind],
    );
    for (const row of rows) await send(transaction, row as unknown as JobRow);
  };

  return createLedgerQueue(
    {
      url: connection.url,
      table: `${schema}.job`,
      forUpdate: "FOR UPDATE",
      forUpdateFree: "FOR UPDATE SKIP LOCKED",
      transact: (body) => connection.transact(body),
      read: (body) => connection.read(body),
      openKind: (kind) => connection.translateErrors(() => boss.createQueue(kind)),
      queued: send,
      async withdrawn(transaction, row) {
        await boss.deleteJob(row.kind, formatTicket(row.seq), inTransaction(transaction));
      },
      async pick(transaction, kind) {
        for (;;) {
          const [ticket] = await boss.fetch(kind, { ...inTransaction(transaction), orderByCreatedOn: false });
          if (ticket === undefined) {
            await heal(transaction, kind);
            return undefined;
          }
          const sequence = parseTicket(ticket.id);
          const [row] = await transaction.run(
            `SELECT seq FROM ${schema}.job WHERE seq = $1 AND kind = $2 AND state = 'queued' FOR UPDATE`,
            [sequence, kind],
          );
          if (row !== undefined) return sequence;
          // A ticket that no queued job stands behind.
          await boss.deleteJob(kind, ticket.id, inTransaction(transaction));
        }
      },
      async close() {
        await boss.stop({ graceful: false, close: false });
        await connection.close();
      },
    },
    options,
  );
}
