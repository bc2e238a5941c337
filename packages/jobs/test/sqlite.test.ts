/**
 * The SQLite store: the conformance suite, and what only it can be asked: sync before acknowledging, fake clocks, files
 * that are something else.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createTemporaryFolder, requireTool } from "@alara/testing";
import { afterAll, expect, test } from "vitest";
import { JobsError, openJobQueue } from "../src/index.ts";
import { describeJobQueue } from "./conformance.ts";

const folder = createTemporaryFolder("jobs");
const file = folder.resolve("store", "jobs.db");

describeJobQueue({
  name: "SQLite",
  table: "alara_job",
  open: (_context, options) => openJobQueue(`sqlite:${file}`, options),
  address: () => `sqlite:${file}`,
  async sql(statement, parameters = []) {
    const database = new DatabaseSync(file, { timeout: 5000 });
    try {
      const bound = Object.fromEntries(parameters.map((value, index) => [`$${index + 1}`, value]));
      return database
        .prepare(statement)
        .all(bound)
        .map((row) => ({ ...row }));
    } finally {
      database.close();
    }
  },
  close: async () => undefined,
});

afterAll(() => folder.dispose());

/** Two clocks of a test: time passes on both, a jump is on the wall only. */
function createClocks(): {
  now(): number;
  monotonic(): number;
  pass(ms: number): void;
  jump(ms: number): void;
} {
  let wall = 1.8e12;
  let steady = 0;
  return {
    now: () => wall,
    monotonic: () => steady,
    pass(ms) {
      wall += ms;
      steady += ms;
    },
    jump(ms) {
      wall += ms;
    },
  };
}

test("a wall clock set forward costs a living worker nothing, and a dead one's job one lease", async () => {
  const clocks = createClocks();
  const queue = await openJobQueue(`sqlite:${folder.resolve("forward.db")}`, clocks);
  await queue.enqueue("k", null, { key: "a" });
  const job = await queue.claim("k", { leaseMs: 60_000 });
  if (job === undefined) throw new Error("nothing claimed");
  clocks.pass(10_000);
  expect(await queue.claim("k")).toBeUndefined();
  clocks.jump(86_400_000);
  // A day ahead the lease is long over; but the clock jumped, so it begins anew.
  expect(await queue.claim("k")).toBeUndefined();
  clocks.pass(59_000);
  expect(await queue.claim("k")).toBeUndefined();
  expect(await queue.heartbeat(job)).toBe(true);
  clocks.pass(59_000);
  expect(await queue.claim("k")).toBeUndefined();
  clocks.pass(1001);
  expect(await queue.claim("k")).toMatchObject({ attempts: 2 });
  await queue.close();
});

test("a process that did not see the jump takes over, and the fence keeps the effect single", async () => {
  const clocks = createClocks();
  const url = `sqlite:${folder.resolve("fence.db")}`;
  const queue = await openJobQueue(url, clocks);
  await queue.enqueue("k", null, { key: "a" });
  const first = await queue.claim("k");
  clocks.jump(86_400_000);
  const fresh = await openJobQueue(url, clocks);
  const second = await fresh.claim("k");
  expect(second).toMatchObject({ attempts: 2 });
  if (first === undefined || second === undefined) throw new Error("nothing claimed");
  await expect(queue.complete(first, "first")).rejects.toMatchObject({ code: "LEASE_LOST" });
  await fresh.complete(second, "second");
  expect(await queue.findJob("k", "a")).toMatchObject({ result: "second" });
  await queue.close();
  await fresh.close();
});

test("a wall clock set back: leases, retries and jobs that are due go on", async () => {
  const clocks = createClocks();
  const url = `sqlite:${folder.resolve("back.db")}`;
  const queue = await openJobQueue(url, { ...clocks, retry: { baseMs: 5000 } });
  for (const key of ["silent", "retry", "due"]) await queue.enqueue("k", null, { key });
  await queue.claim("k", { leaseMs: 30_000 });
  const failing = await queue.claim("k");
  if (failing === undefined) throw new Error("nothing claimed");
  await queue.fail(failing);
  clocks.jump(-7 * 86_400_000);
  // Enqueued "in the future", and due all the same.
  expect(await queue.claim("k")).toMatchObject({ key: "due" });
  expect(await queue.claim("k")).toBeUndefined();
  clocks.pass(5000);
  expect(await queue.claim("k")).toMatchObject({ key: "retry", attempts: 2 });
  clocks.pass(25_001);
  expect(await queue.claim("k")).toMatchObject({ key: "silent", attempts: 2 });
  await queue.close();
});

test("the caller's own time holds by the wall clock", async () => {
  const clocks = createClocks();
  const queue = await openJobQueue(`sqlite:${folder.resolve("own.db")}`, clocks);
  await queue.enqueue("k", null, { key: "a", runAfter: clocks.now() + 1000 });
  clocks.jump(-5000);
  clocks.pass(2000);
  expect(await queue.claim("k")).toBeUndefined();
  clocks.pass(4000);
  expect(await queue.claim("k")).toMatchObject({ key: "a" });
  await queue.close();
});

test("what is acknowledged is synced first", async (context) => {
  const strace = requireTool(context, "strace", "strace");
  const trace = folder.resolve("trace");
  const script = fileURLToPath(new URL("./acknowledge.ts", import.meta.url));
  const args = ["-f", "-e", "trace=fsync,fdatasync,write", "-s", "60", "-o", trace, process.execPath, script];
  const run = spawnSync(strace, [...args, `sqlite:${folder.resolve("synced.db")}`], { encoding: "utf8" });
  if (run.status !== 0 && /ptrace|PTRACE|not permitted/.test(run.stderr))
    context.skip("strace may not trace here");
  expect(run.stderr).toBe("");
  let synced = false;
  let acknowledged = 0;
  for (const line of fs.readFileSync(trace, "utf8").split("\n")) {
    if (/\bf(data)?sync\(.*= 0/.test(line) || /<\.\.\. f(data)?sync resumed>.*= 0/.test(line)) synced = true;
    if (!/write\(1, "ack /.test(line)) continue;
    expect(synced, `not synced before ${line}`).toBe(true);
    synced = false;
    acknowledged += 1;
  }
  expect(acknowledged).toBe(40);
});

test("files that are something else are refused, not overwritten", async () => {
  const text = folder.resolve("notes.txt");
  fs.writeFileSync(text, "not a database, but long enough to be looked at as one\n".repeat(50));
  await expect(openJobQueue(`sqlite:${text}`)).rejects.toMatchObject({ code: "STORE_MISMATCH" });
  expect(fs.readFileSync(text, "utf8")).toContain("not a database");
  const newer = folder.resolve("newer.db");
  const database = new DatabaseSync(newer);
  database.exec("PRAGMA user_version = 99");
  database.close();
  await expect(openJobQueue(`sqlite:${newer}`)).rejects.toMatchObject({ code: "STORE_MISMATCH" });
  await expect(openJobQueue(`sqlite:${folder.path}`)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
});

test("another process's lock is waited for, up to the limit", async () => {
  const busy = folder.resolve("busy.db");
  const queue = await openJobQueue(`sqlite:${busy}`, { busyMs: 300 });
  await queue.enqueue("k", null, { key: "a" });
  const other = new DatabaseSync(busy);
  other.exec("BEGIN IMMEDIATE");
  const waiting = queue.enqueue("k", null, { key: "b" });
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
  }, 10);
  await expect(waiting).rejects.toMatchObject({ code: "STORE_BUSY" });
  clearInterval(timer);
  // The event loop went on meanwhile, and reads are not held up.
  expect(ticks).toBeGreaterThan(5);
  expect((await queue.stats()).queued).toBe(1);
  const patient = queue.enqueue("k", null, { key: "b" });
  await sleep(50);
  other.exec("COMMIT");
  other.close();
  expect((await patient).isNew).toBe(true);
  await queue.close();
});

test.each(["jobs.db", "redis://host", "sqlite:", "sqlite::memory:", "constructor:x"])(
  "%s is no queue's address",
  async (url) => {
    const error = await openJobQueue(url).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(JobsError);
    expect((error as JobsError).code).toBe("INVALID_URL");
  },
);
