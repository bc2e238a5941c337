/**
 * One connection to a SQLite file, shared by all calls of this process: transactions run one after another here, and
 * wait for other processes without blocking the event loop. WAL with `synchronous=FULL`: a commit returns after the
 * log is synced. Needs a local file system; SQLite's log does not work on network shares.
 */
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { syncFolder } from "@alara/core/node";
import { JobsError } from "./errors.ts";
import type { SqlValue } from "./queue.ts";

/** A row of a result. */
export type SqliteRow = Record<string, string | number | null>;

/** One open file. */
export interface SqliteConnection {
  /** Rows of a statement with parameters `$1`, `$2` …; prepared once. For use inside `transact` or for single reads. */
  run(sql: string, parameters?: readonly SqlValue[]): SqliteRow[];
  /** The same for statements that are not to be kept. */
  runOnce(sql: string, parameters?: readonly SqlValue[]): SqliteRow[];
  /** Runs a body in one write transaction; it is rolled back when the body throws. */
  transact<T>(body: () => T | Promise<T>): Promise<T>;
  /** Runs a read between transactions. */
  read<T>(body: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

function readPrimaryCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof code === "number" ? code & 0xff : undefined;
}

function isLocked(error: unknown): boolean {
  const code = readPrimaryCode(error);
  return code === SQLITE_BUSY || code === SQLITE_LOCKED;
}

/** Our error for one of SQLite's; others pass unchanged. */
function translate(error: unknown, file: string): unknown {
  const code = readPrimaryCode(error);
  const options = { cause: error };
  if (code === SQLITE_IOERR || code === SQLITE_FULL || code === SQLITE_CANTOPEN || code === SQLITE_READONLY) {
    return new JobsError(
      "STORE_UNAVAILABLE",
      `cannot read or write ${file}: ${(error as Error).message}`,
      options,
    );
  }
  if (code === SQLITE_NOTADB || code === SQLITE_CORRUPT) {
    return new JobsError("STORE_MISMATCH", `${file} is no SQLite database or is damaged`, options);
  }
  return error;
}

function bind(parameters: readonly SqlValue[]): Record<string, SQLInputValue> {
  return Object.fromEntries(parameters.map((value, index) => [`$${index + 1}`, value]));
}

/**
 * Opens a file, making it and its folder when absent.
 *
 * @param prepare - makes or checks the tables, in a transaction
 * @throws JobsError `STORE_UNAVAILABLE`, `STORE_MISMATCH`, `STORE_BUSY`
 */
export async function openSqlite(
  file: string,
  busyMs: number,
  prepare: (connection: SqliteConnection) => void,
): Promise<SqliteConnection> {
  const folder = path.dirname(file);
  let database: DatabaseSync;
  try {
    fs.mkdirSync(folder, { recursive: true });
    database = new DatabaseSync(file, { timeout: 0 });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new JobsError("STORE_UNAVAILABLE", `cannot open ${file}: ${detail}`, { cause: error });
  }
  const connection = connect(database, file, busyMs);
  try {
    await connection.configure();
    await connection.transact(() => prepare(connection));
    await syncFolder(folder);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return connection;
}

function connect(
  database: DatabaseSync,
  file: string,
  busyMs: number,
): SqliteConnection & { configure(): Promise<void> } {
  const statements = new Map<string, StatementSync>();
  let last: Promise<unknown> = Promise.resolve();
  let isClosed = false;

  /** Runs bodies one after another. */
  const enter = <T>(body: () => Promise<T>): Promise<T> => {
    if (isClosed) return Promise.reject(new JobsError("CLOSED", "the queue was closed"));
    const turn = last.then(body);
    last = turn.catch(() => undefined);
    return turn;
  };

  /** Retries what another process's lock stops, with growing pauses. */
  const waitForLock = async <T>(call: () => T | Promise<T>): Promise<T> => {
    const giveUpAt = performance.now() + busyMs;
    for (let pauseMs = 1; ; pauseMs = Math.min(25, pauseMs * 2)) {
      try {
        return await call();
      } catch (error) {
        if (!isLocked(error)) throw translate(error, file);
        if (performance.now() > giveUpAt) {
          throw new JobsError("STORE_BUSY", `${file} was locked by another process for ${busyMs} ms`, {
            cause: error,
          });
        }
      }
      await sleep(pauseMs);
    }
  };

  const prepare = (sql: string): StatementSync => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = database.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  };

  const rollBack = (): void => {
    try {
      if (database.isTransaction) database.exec("ROLLBACK");
    } catch {
      // The first error tells more.
    }
  };

  return {
    configure: () =>
      waitForLock(() => {
        database.exec("PRAGMA journal_mode = WAL");
        database.exec("PRAGMA synchronous = FULL");
        database.exec("PRAGMA foreign_keys = ON");
      }),
    run: (sql, parameters = []) => prepare(sql).all(bind(parameters)) as SqliteRow[],
    runOnce: (sql, parameters = []) => database.prepare(sql).all(bind(parameters)) as SqliteRow[],
    transact: (body) =>
      enter(async () => {
        await waitForLock(() => database.exec("BEGIN IMMEDIATE"));
        try {
          const value = await body();
          await waitForLock(() => database.exec("COMMIT"));
          return value;
        } catch (error) {
          rollBack();
          throw translate(error, file);
        }
      }),
    read: (body) => enter(() => waitForLock(body)),
    async close() {
      if (isClosed) return;
      const turn = enter(async () => {
        statements.clear();
        database.close();
      });
      isClosed = true;
      await turn;
    },
  };
}
