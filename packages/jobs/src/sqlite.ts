/**
 * The job queue in one SQLite file, with Node's built-in `node:sqlite`: no server, several processes at a time on one
 * machine. SQLite has one writer, so a claim is exclusive without further locks. The rules are in `ledger.ts`.
 */
import path from "node:path";
import { checkInteger } from "./check.ts";
import { JobsError } from "./errors.ts";
import { formatJobTable } from "./job-row.ts";
import { createLedgerQueue, type LedgerTransaction } from "./ledger.ts";
import type { JobQueue, JobQueueOptions } from "./queue.ts";
import { openSqlite, type SqliteConnection } from "./sqlite-connection.ts";

const TABLE = "alara_job";
const SCHEMA_VERSION = 1;
const DEFAULT_BUSY_MS = 15_000;

/** Makes the table, or checks that the file's is of this version. */
function prepareTables(connection: SqliteConnection, file: string): void {
  const version = Number(connection.runOnce("PRAGMA user_version")[0].user_version);
  if (version === SCHEMA_VERSION) return;
  if (version !== 0) {
    throw new JobsError(
      "STORE_MISMATCH",
      `${file} has version ${version}, this program knows ${SCHEMA_VERSION}; it is another program's or a newer one's`,
    );
  }
  const types = {
    sequence: "integer PRIMARY KEY AUTOINCREMENT",
    milliseconds: "real",
    indexPrefix: TABLE,
  };
  for (const statement of formatJobTable(TABLE, types)) connection.runOnce(statement);
  connection.runOnce(`PRAGMA user_version = ${SCHEMA_VERSION}`);
}

/**
 * Opens the queue in a file, making file and folder when absent.
 *
 * @param file - path on a local file system (SQLite's log does not work on network shares)
 * @throws JobsError `STORE_UNAVAILABLE`, `STORE_MISMATCH`, `STORE_BUSY`, `OUT_OF_RANGE`
 */
export async function openSqliteQueue(file: string, options: JobQueueOptions = {}): Promise<JobQueue> {
  const now = options.now ?? Date.now;
  const busyMs = checkInteger(options.busyMs ?? DEFAULT_BUSY_MS, "busyMs", 0, 3_600_000);
  const place = path.resolve(file);
  const connection = await openSqlite(place, busyMs, (opened) => prepareTables(opened, place));

  const begin = (): LedgerTransaction => ({
    nowMs: now(),
    run: async (sql, parameters) => connection.run(sql, parameters),
    runForCaller: async (sql, parameters) => connection.runOnce(sql, parameters),
  });
  return createLedgerQueue(
    {
      url: `sqlite:${place}`,
      table: TABLE,
      forUpdate: "",
      forUpdateFree: "",
      transact: (body) => connection.transact(() => body(begin())),
      read: (body) => connection.read(() => body(begin())),
      openKind: async () => undefined,
      queued: async () => undefined,
      withdrawn: async () => undefined,
      async pick(transaction, kind) {
        const [row] = await transaction.run(
          `SELECT seq FROM ${TABLE} WHERE state = 'queued' AND kind = $1 AND run_after <= $2
           ORDER BY priority DESC, seq LIMIT 1`,
          [kind, transaction.nowMs],
        );
        return row === undefined ? undefined : Number(row.seq);
      },
      close: () => connection.close(),
    },
    options,
  );
}
