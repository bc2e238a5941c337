/**
 * Connections to one PostgreSQL database with the transactions of the ledger on them. Synced before acknowledged:
 * `synchronous_commit` is set on every connection and a server with `fsync` off is refused. Outages become
 * `STORE_UNAVAILABLE`; deadlocks are tried again.
 */
import pg from "pg";
import { JobsError } from "./errors.ts";
import type { LedgerTransaction, Row } from "./ledger.ts";

/** An open database. */
export interface PostgresConnection {
  /** Address without user and password. */
  readonly url: string;
  /**
   * One statement, or several without parameters, outside a transaction and on a connection of its own: it may be
   * called while a transaction is waiting for it.
   */
  execute(sql: string, parameters?: unknown[]): Promise<{ rows: Row[] }>;
  transact<T>(body: (transaction: LedgerTransaction) => Promise<T>): Promise<T>;
  read<T>(body: (transaction: LedgerTransaction) => Promise<T>): Promise<T>;
  /** Runs something that talks to the database by itself. */
  translateErrors<T>(call: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const CONNECT_MS = 10_000;
const MOST_TRIES = 5;
const NOW = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::double precision AS now";
/** System errors of a connection that is gone or cannot be made. */
const SYSTEM_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
  "ECONNABORTED",
]);
/** Messages of `pg` that come without a code. */
const LOST_CONNECTION =
  /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable|Connection ended/i;

/**
 * Whether an error says that the database is away or cannot work now: connection exceptions (class 08), shutdown and
 * crash (57P01 to 57P05), insufficient resources (class 53), system errors (class 58), read-only standby (25006).
 */
function isOutage(error: unknown): boolean {
  const { code, message, errors } = error as { code?: unknown; message?: unknown; errors?: unknown };
  if (typeof code === "string") {
    if (SYSTEM_CODES.has(code)) return true;
    if (/^(08...|57P0[1-5]|53...|58...|25006)$/.test(code)) return true;
  }
  if (Array.isArray(errors) && errors.some(isOutage)) return true;
  return typeof message === "string" && LOST_CONNECTION.test(message);
}

/** A query in the extended protocol, which takes one statement at a time, so that none can hide behind another. */
function oneStatement(text: string, values: readonly unknown[]): pg.QueryConfig {
  return { text, values: [...values], queryMode: "extended" } as pg.QueryConfig;
}

/** Serialisation failure or deadlock: the transaction was undone and may be tried again. */
function isConflict(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === "40001" || code === "40P01";
}

/**
 * Opens a pool.
 *
 * @throws JobsError `INVALID_URL`, `STORE_UNAVAILABLE`, `NOT_DURABLE`
 */
export async function openPostgres(address: string, connections: number): Promise<PostgresConnection> {
  let parsed: URL;
  try {
    parsed = new URL(address);
  } catch {
    throw new JobsError("INVALID_URL", "not an address; write postgres://user:password@host:port/database");
  }
  const url = `postgres://${parsed.host}${parsed.pathname}`;
  const settings: pg.PoolConfig = {
    connectionString: address,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    application_name: "alara-jobs",
    options: "-c synchronous_commit=on -c default_transaction_isolation=read\\ committed",
  };
  const pool = new pg.Pool({ ...settings, max: connections });
  const side = new pg.Pool({ ...settings, max: 1 });
  // An idle connection that breaks is replaced; outages show in calls.
  pool.on("error", () => undefined);
  side.on("error", () => undefined);
  const close = async (): Promise<void> => {
    await Promise.all([pool.end(), side.end()]);
  };

  const translate = (error: unknown): unknown => {
    if (error instanceof JobsError || !isOutage(error)) return error;
    const detail = (error as { code?: unknown }).code ?? "connection lost";
    return new JobsError(
      "STORE_UNAVAILABLE",
      `PostgreSQL at ${url} cannot be reached or cannot work (${detail})`,
      {
        cause: error,
      },
    );
  };
  const translateErrors = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      throw translate(error);
    }
  };

  const runTransaction = async <T>(
    opening: string,
    body: (transaction: LedgerTransaction) => Promise<T>,
  ): Promise<T> => {
    const client = await pool.connect();
    let broken: Error | undefined;
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on("error", onError);
    try {
      const begun = (await client.query(`${opening}; ${NOW}`)) as unknown as readonly { rows: Row[] }[];
      const run = async (sql: string, parameters?: readonly unknown[]): Promise<Row[]> =>
        (await client.query(sql, parameters as unknown[])).rows;
      const runForCaller = async (text: string, values: readonly unknown[]): Promise<Row[]> =>
        (await client.query(oneStatement(text, values))).rows;
      const value = await body({ nowMs: Number(begun[1].rows[0].now), run, runForCaller });
      await client.query("COMMIT");
      return value;
    } catch (error) {
      if (isOutage(error)) broken = error as Error;
      else await client.query("ROLLBACK").catch((failure: Error) => (broken = failure));
      throw error;
    } finally {
      client.off("error", onError);
      client.release(broken);
    }
  };

  const transact = async <T>(
    opening: string,
    body: (transaction: LedgerTransaction) => Promise<T>,
  ): Promise<T> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await translateErrors(() => runTransaction(opening, body));
      } catch (error) {
        if (!isConflict(error) || attempt >= MOST_TRIES) throw error;
      }
    }
  };

  try {
    const { rows } = await translateErrors(() => pool.query("SHOW fsync"));
    if (rows[0].fsync !== "on") {
      throw new JobsError(
        "NOT_DURABLE",
        `PostgreSQL at ${url} runs with fsync=${rows[0].fsync}: what it acknowledges can be lost; set fsync=on`,
      );
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url,
    execute: (sql, parameters) => side.query(sql, parameters),
    transact: (body) => transact("BEGIN", body),
    read: (body) => transact("BEGIN READ ONLY", body),
    translateErrors,
    close,
  };
}
