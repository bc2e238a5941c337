/**
 * The kinds of store by the scheme of their address. A line here puts a store under `openJobQueue`; the conformance
 * suite has one test file for each.
 */
import { fileURLToPath } from "node:url";
import { JobsError } from "./errors.ts";
import type { JobQueue, JobQueueOptions } from "./queue.ts";

/** Opens the store at an address with its scheme. */
type Opener = (url: string, options: JobQueueOptions) => Promise<JobQueue>;

const openSqliteUrl: Opener = async (url, options) => {
  const rest = url.slice("sqlite:".length);
  const file = rest.startsWith("//") ? fileURLToPath(`file:${rest}`) : rest;
  if (file === "" || file.startsWith(":memory:")) {
    throw new JobsError("INVALID_URL", "a SQLite queue needs a file, as in sqlite:runs/jobs.db");
  }
  const { openSqliteQueue } = await import("./sqlite.ts");
  return openSqliteQueue(file, options);
};

// Each store's libraries are loaded when it is used.
const openPostgresUrl: Opener = async (url, options) => {
  const { openPostgresQueue } = await import("./postgres.ts");
  return openPostgresQueue(url, options);
};

/** The stores that there are. */
export const jobStores: Readonly<Record<string, Opener>> = {
  sqlite: openSqliteUrl,
  postgres: openPostgresUrl,
  postgresql: openPostgresUrl,
};

/**
 * Opens the queue at an address: `sqlite:<file>` or `postgres://user:password@host:port/database`.
 *
 * @throws JobsError `INVALID_URL`, `STORE_UNAVAILABLE`, `STORE_MISMATCH`, `NOT_DURABLE`, `OUT_OF_RANGE`
 */
export async function openJobQueue(url: string, options: JobQueueOptions = {}): Promise<JobQueue> {
  const scheme = /^([a-z]+):/.exec(url)?.[1] ?? "";
  const open = Object.hasOwn(jobStores, scheme) ? jobStores[scheme] : undefined;
  if (open === undefined) {
    throw new JobsError(
      "INVALID_URL",
      `a queue's address begins with ${Object.keys(jobStores).join(": or ")}:, got "${scheme}:"; try sqlite:jobs.db`,
    );
  }
  return open(url, options);
}
