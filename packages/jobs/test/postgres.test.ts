/**
 * The PostgreSQL store on a server of its own: the conformance suite, and what only it can be asked: an outage,
 * tickets that vanish, a server that does not sync.
 */
import type { SkippableContext } from "@alara/testing";
import pg from "pg";
import { expect, test } from "vitest";
import { type JobQueueOptions, openJobQueue } from "../src/index.ts";
import { describeJobQueue } from "./conformance.ts";
import { type PostgresCluster, startPostgresCluster } from "./postgres-cluster.ts";
import type { StoreHarness } from "./store-harness.ts";

let starting: Promise<PostgresCluster | undefined> | undefined;

async function requireCluster(context: SkippableContext): Promise<PostgresCluster> {
  starting ??= startPostgresCluster();
  cluster = await starting;
  return cluster ?? context.skip("initdb and pg_ctl are not installed (Debian package postgresql)");
}

let cluster: PostgresCluster | undefined;

function address(): string {
  if (cluster === undefined) throw new Error("the server was not started");
  return cluster.url;
}

/** One statement on a connection of its own. */
async function sql(statement: string, parameters: readonly (string | number)[] = []) {
  const client = new pg.Client({ connectionString: address() });
  await client.connect();
  try {
    const { rows } = await client.query(statement, [...parameters]);
    return rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

let faults = 0;

const harness: StoreHarness = {
  name: "PostgreSQL",
  table: "alara_jobs.job",
  async open(context, options) {
    await requireCluster(context);
    return openJobQueue(address(), options);
  },
  address,
  sql,
  async fault() {
    faults += 1;
    if (faults % 2 === 1) await cluster?.kill();
    else await cluster?.stopImmediately();
    await cluster?.start();
  },
  close: async () => cluster?.dispose(),
};

test("a server that is away is an error with a code, and its return is noticed", async (context) => {
  const server = await requireCluster(context);
  const queue = await openJobQueue(server.url);
  await queue.enqueue("away", null, { key: "before" });
  await server.kill();
  await expect(queue.enqueue("away", null, { key: "during" })).rejects.toMatchObject({
    code: "STORE_UNAVAILABLE",
  });
  await expect(openJobQueue(server.url)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  const working = queue.work("away", async () => "worked", { until: "drained", pollMs: 50 });
  await server.start();
  await queue.enqueue("away", null, { key: "after" });
  expect((await working).done).toBeGreaterThanOrEqual(1);
  expect(await queue.findJob("away", "before")).toMatchObject({ result: "worked" });
  expect(await queue.findJob("away", "during")).toBeUndefined();
  await queue.close();
});

test("a queued job whose ticket vanished gets a new one; a ticket without a job counts for nothing", async (context) => {
  await requireCluster(context);
  const queue = await openJobQueue(address());
  await queue.enqueue("ticket", null, { key: "a" });
  await sql("DELETE FROM alara_jobs_boss.job WHERE name = 'ticket'");
  await sql(
    "INSERT INTO alara_jobs_boss.job (name, id) VALUES ('ticket', '00000000-0000-4000-8000-0fffffffffff')",
  );
  expect(await queue.claim("ticket")).toBeUndefined();
  const job = await queue.claim("ticket");
  if (job === undefined) throw new Error("the job did not come back");
  await queue.complete(job);
  expect(await sql("SELECT id FROM alara_jobs_boss.job WHERE name = 'ticket'")).toEqual([]);
  await queue.close();
});

test("a worker's clock is not asked", async (context) => {
  await requireCluster(context);
  const wrong: JobQueueOptions = { now: () => 4e12, monotonic: () => 0 };
  const ahead = await openJobQueue(address(), wrong);
  const right = await openJobQueue(address());
  await right.enqueue("clock", null, { key: "a" });
  await right.enqueue("clock", null, { key: "later", runAfter: Date.now() + 60_000 });
  expect(await right.claim("clock")).toMatchObject({ key: "a" });
  expect(await ahead.claim("clock")).toBeUndefined();
  await ahead.close();
  await right.close();
});

test("a server that acknowledges before it syncs is refused", async (context) => {
  await requireCluster(context);
  await sql("ALTER SYSTEM SET fsync = off");
  await sql("SELECT pg_reload_conf()");
  await expect.poll(async () => (await sql("SHOW fsync"))[0].fsync).toBe("off");
  await expect(openJobQueue(address())).rejects.toMatchObject({ code: "NOT_DURABLE" });
  await sql("ALTER SYSTEM RESET fsync");
  await sql("SELECT pg_reload_conf()");
  await expect.poll(async () => (await sql("SHOW fsync"))[0].fsync).toBe("on");
});

test("addresses and options that do not fit", async (context) => {
  await requireCluster(context);
  await expect(openJobQueue("postgres://")).rejects.toMatchObject({ name: "JobsError" });
  await expect(openJobQueue(address(), { schema: "x; drop" })).rejects.toMatchObject({
    code: "OUT_OF_RANGE",
  });
  const secret = address().replace("alara@", "alara:secret-word@");
  const queue = await openJobQueue(secret, { schema: "other_place" });
  expect(queue.url).not.toContain("secret-word");
  expect((await queue.stats()).queued).toBe(0);
  await queue.close();
});

// Last, since it closes the server at its end.
describeJobQueue(harness);
