/**
 * Jobs in child processes: answers, crashes, blocked event loops, shutdown, orphans. On a SQLite store; the rules of
 * the queue itself are in the conformance suite.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createTemporaryFolder } from "@alara/testing";
import { afterAll, expect, test } from "vitest";
import { type JobQueue, type Json, openJobQueue, type RunWorkerOptions, runWorker } from "../src/index.ts";

const folder = createTemporaryFolder("run-worker");
const modulePath = fileURLToPath(new URL("./child-job.ts", import.meta.url));
let stores = 0;

afterAll(() => folder.dispose());

async function openFresh(): Promise<JobQueue> {
  stores += 1;
  return openJobQueue(`sqlite:${folder.resolve(`store-${stores}.db`)}`, { retry: { baseMs: 10 } });
}

async function runAll(
  queue: JobQueue,
  payloads: readonly Json[],
  options: Partial<RunWorkerOptions> = {},
): Promise<void> {
  const requests = payloads.map((payload, index) => ({ key: `${index}`, payload, maxAttempts: 2 }));
  await queue.enqueueMany("k", requests);
  const what = options.command === undefined ? { modulePath } : {};
  await runWorker({
    queue,
    kind: "k",
    ...what,
    until: "drained",
    pollMs: 20,
    output: "ignore",
    execArgv: [],
    ...options,
  });
}

test("results, progress, device and environment; an effect in this process", async () => {
  const queue = await openFresh();
  const events: string[] = [];
  await runAll(queue, [{ act: "echo" }, { act: "throw" }, { act: "permanent" }, { act: "not-json" }], {
    device: ["cuda:0", "cuda:1"],
    env: { EXTRA: "yes" },
    onEvent: (event) => events.push(event.type),
    effect: async (transaction, { job, result }) => {
      await transaction.execute("CREATE TABLE IF NOT EXISTS shown (job text)");
      await transaction.execute("INSERT INTO shown VALUES ($1)", [job.key]);
      return { result, shown: (await transaction.execute("SELECT job FROM shown")).length };
    },
  });
  const [echo, thrown, permanent, notJson] = await queue.listJobs("k");
  const result = { device: "cuda:0", environment: "cuda:0", extra: "yes" };
  expect(echo).toMatchObject({ state: "done", result: { result, shown: 1 } });
  expect(events).toContain("progress");
  expect(thrown).toMatchObject({
    state: "dead",
    attempts: 2,
    reason: expect.stringContaining("Error: wrong kernel"),
  });
  expect(permanent).toMatchObject({
    state: "dead",
    attempts: 1,
    reason: expect.stringContaining("no such series"),
  });
  expect(notJson).toMatchObject({ state: "dead", attempts: 1, reason: expect.stringContaining("NOT_JSON") });
  await queue.close();
});

test("crashes are failed attempts of the job, not of the worker", async () => {
  const queue = await openFresh();
  const acts = ["crash-once", "crash", "exit", "heavy", "last"];
  await runAll(
    queue,
    acts.map((act) => ({ act })),
    { concurrency: 2, execArgv: ["--max-old-space-size=64"] },
  );
  const [once, crash, exit, heavy, last] = await queue.listJobs("k");
  expect(once).toMatchObject({ state: "done", attempts: 2 });
  expect(crash).toMatchObject({ state: "dead", attempts: 2 });
  expect(crash.reason).toMatch(/CHILD_FAILED: the job's process was ended by SIG(ABRT|TRAP|ILL)/);
  expect(exit.reason).toMatch(/CHILD_FAILED: the job's process ended with status 7/);
  expect(heavy.reason).toMatch(/CHILD_FAILED: the job's process was ended by SIG/);
  expect(last).toMatchObject({ state: "done", result: { act: "last" } });
  await queue.close();
});

test("an endless loop is ended at the limit", async () => {
  const queue = await openFresh();
  await queue.enqueue("k", { act: "block", ms: 1e9 }, { key: "0", maxAttempts: 1 });
  await runAll(queue, [], { maxRunMs: 600 });
  expect((await queue.deadLetters("k"))[0].reason).toMatch(/TIMED_OUT: the attempt ran longer than 600 ms/);
  await queue.close();
});

test("compute that blocks for longer than the lease keeps its lease", async () => {
  const queue = await openFresh();
  await runAll(queue, [{ act: "block", ms: 1500 }], { leaseMs: 400, heartbeatMs: 80 });
  expect(await queue.findJob("k", "0")).toMatchObject({
    state: "done",
    attempts: 1,
    result: { attempts: 1 },
  });
  await queue.close();
});

test("shutdown: a child may save and finish, one that does not is killed and its job goes back untried", async () => {
  const queue = await openFresh();
  const saved = folder.resolve("saved");
  const controller = new AbortController();
  let reports = 0;
  const working = runAll(
    queue,
    [
      { act: "save-on-abort", file: saved },
      { act: "sleep", ms: 60_000 },
    ],
    {
      concurrency: 2,
      signal: controller.signal,
      graceMs: 2500,
      onEvent: (event) => {
        if (event.type === "progress") reports += 1;
        if (reports === 2) controller.abort();
      },
    },
  );
  await working;
  expect(fs.readFileSync(saved, "utf8")).toBe("saved");
  expect(await queue.listJobs("k")).toMatchObject([
    { state: "done", result: { saved: true } },
    { state: "queued", attempts: 0 },
  ]);
  await queue.close();
});

test("a child of a lost lease is killed at once", async () => {
  const queue = await openFresh();
  const file = folder.resolve("zombie-file");
  await queue.enqueue("k", { act: "write", file }, { key: "0" });
  const controller = new AbortController();
  const working = runWorker({
    queue,
    kind: "k",
    modulePath,
    leaseMs: 60_000,
    heartbeatMs: 50,
    signal: controller.signal,
    output: "ignore",
    execArgv: [],
    onEvent: (event) => {
      if (event.type === "lost") controller.abort();
    },
  });
  while (!fs.existsSync(file)) await sleep(20);
  const record = await queue.findJob("k", "0");
  if (record === undefined) throw new Error("no job");
  // Somebody else settles it.
  await queue.fail({ ...record, token: 1, leaseMs: 60_000 }, { retryable: false, reason: "cancelled" });
  expect(await working).toMatchObject({ lost: 1 });
  const pid = Number(fs.readFileSync(file, "utf8").split(" ")[0]);
  expect(() => process.kill(pid, 0)).toThrow();
  await queue.close();
});

test("kill -9 of a worker also ends its child, though that is deaf with compute", async () => {
  const url = `sqlite:${folder.resolve("orphan.db")}`;
  const queue = await openJobQueue(url);
  const file = folder.resolve("orphan-file");
  await queue.enqueue("k", { act: "write", file }, { key: "0" });
  const script = fileURLToPath(new URL("./worker-process.ts", import.meta.url));
  const worker = spawn(process.execPath, [script, url, "k", modulePath], { stdio: "ignore" });
  while (!fs.existsSync(file) || fs.readFileSync(file, "utf8") === "") await sleep(20);
  const pid = Number(fs.readFileSync(file, "utf8").split(" ")[0]);
  worker.kill("SIGKILL");
  const isAlive = (): boolean => {
    try {
      // A zombie process that nobody has waited for yet counts as ended.
      return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
    } catch {
      return false;
    }
  };
  if (process.platform === "linux") await expect.poll(isAlive, { timeout: 20_000 }).toBe(false);
  await expect.poll(() => queue.claim("k"), { timeout: 20_000 }).toMatchObject({ attempts: 2 });
  await queue.close();
});

test("any program: the job on standard input, lines of JSON on standard output", async () => {
  const queue = await openFresh();
  const program = `
    process.stdin.on("data", (text) => {
      const job = JSON.parse(text);
      console.log("a line that is no message");
      console.log(JSON.stringify({ type: "progress", progress: 0.5 }));
      if (job.payload === "refuse") console.log(JSON.stringify({ type: "error", message: "refused", retryable: false }));
      else if (job.payload === "silent") process.exit(0);
      else if (job.payload === "fail") process.exit(3);
      else console.log(JSON.stringify({ type: "result", result: { got: job.payload, on: process.env.ALARA_DEVICE } }));
    });`;
  await runAll(queue, ["work", "refuse", "silent", "fail"], {
    command: [process.execPath, "-e", program],
    device: "cpu",
  });
  const [work, refuse, silent, fail] = await queue.listJobs("k");
  expect(work).toMatchObject({ state: "done", result: { got: "work", on: "cpu" }, attempts: 1 });
  expect(refuse).toMatchObject({ state: "dead", attempts: 1, reason: expect.stringContaining("refused") });
  expect(silent).toMatchObject({ state: "done", result: null });
  expect(fail).toMatchObject({ state: "dead", attempts: 2, reason: expect.stringContaining("status 3") });
  await queue.close();
});

test("a program that is not there, and options that do not fit", async () => {
  const queue = await openFresh();
  await runAll(queue, ["x"], { command: ["/nonexistent/program"] });
  expect((await queue.deadLetters("k"))[0].reason).toMatch(
    /CHILD_FAILED: the job's process could not be started/,
  );
  await expect(runWorker({ queue, kind: "k" })).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
  await expect(runWorker({ queue, kind: "k", modulePath, command: ["x"] })).rejects.toMatchObject({
    code: "OUT_OF_RANGE",
  });
  await expect(runWorker({ queue, kind: "k", modulePath, heartbeatMs: 59_000 })).rejects.toMatchObject({
    code: "OUT_OF_RANGE",
  });
  await queue.close();
});
