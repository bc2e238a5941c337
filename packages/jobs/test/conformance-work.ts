/**
 * The part of the conformance suite that works: handlers, abort, lost leases, and processes under kill -9.
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { type ClaimedJob, JobsError, type WorkEvent } from "../src/index.ts";
import { runChaos } from "./chaos.ts";
import { expectCode, expireLeases, openStore, type StoreHarness } from "./store-harness.ts";

const FULL = process.env.ALARA_FULL !== undefined;

/** Defines the tests. */
export function describeWork(harness: StoreHarness): void {
  test("work: results, retries, the dead, no more at a time than asked", async (context) => {
    await using store = await openStore(harness, context, { retry: { baseMs: 20, maxMs: 40 } });
    const { queue, kind } = store;
    await queue.enqueueMany(
      kind,
      Array.from({ length: 12 }, (_, index) => ({ key: `${index}`, payload: index, maxAttempts: 3 })),
    );
    let now = 0;
    let most = 0;
    const events: WorkEvent[] = [];
    const summary = await queue.work(
      kind,
      async ({ job, commit, report }) => {
        now += 1;
        most = Math.max(most, now);
        try {
          report({ at: job.payload });
          // The first wait until as many run as may.
          do await sleep(15);
          while (most < 3);
          if (job.payload === 3 && job.attempts < 3) throw new Error("flaky");
          if (job.payload === 4) throw new Error("always");
          if (job.payload === 5) throw new JobsError("PERMANENT_FAILURE", "never");
          if (job.payload === 6) {
            await commit({ committed: true });
            await expectCode(commit({ committed: "again" }), "ALREADY_COMMITTED");
            throw new Error("after the commit");
          }
          if (job.payload === 7) return Number.NaN;
          return { double: (job.payload as number) * 2 };
        } finally {
          now -= 1;
        }
      },
      { concurrency: 3, pollMs: 20, until: "drained", onEvent: (event) => events.push(event) },
    );
    expect(most).toBe(3);
    expect(summary).toEqual({ done: 9, failed: 2 + 3 + 1 + 1, lost: 0, released: 0 });
    const records = await queue.listJobs(kind);
    expect(records[2]).toMatchObject({ state: "done", result: { double: 4 }, attempts: 1 });
    expect(records[3]).toMatchObject({
      state: "done",
      result: { double: 6 },
      attempts: 3,
      reason: undefined,
    });
    expect(records[4]).toMatchObject({ state: "dead", attempts: 3, reason: "Error: always" });
    expect(records[5]).toMatchObject({
      state: "dead",
      attempts: 1,
      reason: "JobsError PERMANENT_FAILURE: never",
    });
    expect(records[6]).toMatchObject({ state: "done", result: { committed: true } });
    expect(records[7]).toMatchObject({ state: "dead", attempts: 1 });
    expect(events.filter((event) => event.type === "claimed")).toHaveLength(16);
  });

  test("abort: handlers are told, their jobs go back untried, the next worker finishes them", async (context) => {
    await using store = await openStore(harness, context);
    const { queue, kind } = store;
    await queue.enqueueMany(
      kind,
      ["a", "b", "c"].map((key) => ({ key, payload: null, maxAttempts: 1 })),
    );
    const controller = new AbortController();
    let told = 0;
    const working = queue.work(
      kind,
      async ({ signal }) => {
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
        told += 1;
        throw signal.reason;
      },
      { concurrency: 2, signal: controller.signal, pollMs: 20 },
    );
    while ((await queue.stats()).kinds[kind].running < 2) await sleep(20);
    controller.abort(new Error("shutdown"));
    expect(await working).toEqual({ done: 0, failed: 0, lost: 0, released: 2 });
    expect(told).toBe(2);
    expect((await queue.listJobs(kind)).map((job) => [job.state, job.attempts])).toEqual(
      Array.from({ length: 3 }, () => ["queued", 0]),
    );
    expect(await queue.work(kind, async () => "ok", { until: "drained" })).toMatchObject({ done: 3 });
  });

  test("a handler learns that its lease is lost, and its job runs elsewhere once", async (context) => {
    await using store = await openStore(harness, context);
    await using second = await openStore(harness, context);
    const { queue, kind } = store;
    await queue.enqueue(kind, null, { key: "a" });
    const controller = new AbortController();
    let seen: unknown;
    const working = queue.work(
      kind,
      async ({ signal, commit }) => {
        let heir: ClaimedJob | undefined;
        while (heir === undefined) {
          // A heartbeat may come in between.
          await expireLeases(harness, kind);
          heir = await second.queue.claim(kind);
        }
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        seen = signal.reason;
        await second.queue.complete(heir, "heir");
        controller.abort();
        await commit("zombie");
      },
      { leaseMs: 400, heartbeatMs: 50, signal: controller.signal },
    );
    expect(await working).toEqual({ done: 0, failed: 0, lost: 1, released: 0 });
    expect((seen as JobsError).code).toBe("LEASE_LOST");
    expect(await queue.findJob(kind, "a")).toMatchObject({ result: "heir", attempts: 2 });
  });

  test("an attempt that runs too long is a failed one", async (context) => {
    await using store = await openStore(harness, context);
    const { queue, kind } = store;
    await queue.enqueue(kind, null, { key: "a", maxAttempts: 1 });
    const summary = await queue.work(
      kind,
      async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        throw signal.reason;
      },
      { maxRunMs: 60, until: "drained", pollMs: 20 },
    );
    expect(summary.failed).toBe(1);
    expect((await queue.deadLetters(kind))[0].reason).toMatch(/TIMED_OUT: the attempt ran longer than 60 ms/);
  });

  test("kill -9 of producers, workers and the store: every effect once, poison contained", {
    timeout: 900_000,
  }, async (context) => {
    await using store = await openStore(harness, context);
    const report = await runChaos({
      queue: store.queue,
      url: harness.address(),
      kind: store.kind,
      sql: harness.sql,
      jobs: FULL ? 2500 : 60,
      producers: FULL ? 2 : 1,
      workers: FULL ? 4 : 2,
      kills: FULL ? 200 : 4,
      killEveryMs: 500,
      leaseMs: 800,
      ...(harness.fault === undefined
        ? {}
        : { storeFault: { every: FULL ? 10 : 2, inject: () => harness.fault?.() ?? Promise.resolve() } }),
      seed: 20261121,
      limitMs: FULL ? 850_000 : 300_000,
    });
    expect(report).toMatchObject({
      lost: 0,
      lostAcknowledged: 0,
      duplicated: 0,
      dead: 1,
      deadAttempts: [3],
    });
    expect(report.storeFaults).toBe(harness.fault === undefined ? 0 : FULL ? 20 : 2);
    expect(report.recovered).toBeGreaterThan(0);
    expect(report.died).toBeGreaterThanOrEqual(3);
  });
}
