/**
 * What every store of `@alara/jobs` must do, as one suite; `sqlite.test.ts` and `postgres.test.ts` run it. Each test
 * has a kind of its own in one shared store.
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { computeJobId, type JobQueue, type Json } from "../src/index.ts";
import { describeWork } from "./conformance-work.ts";
import { expectCode, expireLeases, mustClaim, openStore, type StoreHarness } from "./store-harness.ts";

/** Defines the suite. */
export function describeJobQueue(harness: StoreHarness): void {
  afterAll(() => harness.close());

  describe(`job queue in ${harness.name}`, () => {
    test("a known key is free and gives the job that is there", async (context) => {
      await using store = await openStore(harness, context);
      const { queue, kind } = store;
      const first = await queue.enqueue(kind, { fold: 1 }, { key: "a", priority: 3 });
      expect(first.isNew).toBe(true);
      expect(first.job).toMatchObject({
        id: computeJobId(kind, "a"),
        state: "queued",
        attempts: 0,
        priority: 3,
      });
      const again = await queue.enqueue(kind, { fold: 1 }, { key: "a" });
      expect(again).toEqual({ job: first.job, isNew: false });
      await queue.complete(await mustClaim(queue, kind), { psnr: 31.5 });
      const done = await queue.enqueue(kind, { fold: 1 }, { key: "a" });
      expect(done).toMatchObject({ isNew: false, job: { state: "done", result: { psnr: 31.5 } } });
      expect(await queue.claim(kind)).toBeUndefined();
      const other = await queue.enqueue(`${kind}-other`, null, { key: "a" });
      expect(other.isNew).toBe(true);
    });

    test("many at a time: one key once, all or none", async (context) => {
      await using store = await openStore(harness, context);
      const { queue, kind } = store;
      const results = await queue.enqueueMany(kind, [
        { key: "a", payload: 1 },
        { key: "b", payload: 2 },
        { key: "a", payload: 3 },
      ]);
      expect(results.map((result) => result.isNew)).toEqual([true, true, false]);
      const bad = [
        { key: "c", payload: 1 },
        { key: "d", payload: Number.NaN },
      ];
      await expectCode(queue.enqueueMany(kind, bad), "NOT_JSON");
      expect((await queue.listJobs(kind)).map((job) => job.key)).toEqual(["a", "b"]);
      expect(await queue.enqueueMany(kind, [])).toEqual([]);
    });

    test("callers at the same time make one job of one key", async (context) => {
      await using store = await openStore(harness, context);
      await using second = await openStore(harness, context);
      const calls = Array.from({ length: 12 }, (_, index) =>
        (index % 2 === 0 ? store : second).queue.enqueue(store.kind, index, { key: "same" }),
      );
      const results = await Promise.all(calls);
      expect(results.filter((result) => result.isNew)).toHaveLength(1);
      expect(new Set(results.map((result) => JSON.stringify(result.job.payload))).size).toBe(1);
    });

    test("what cannot be stored is refused by name", async (context) => {
      await using store = await openStore(harness, context);
      const { queue, kind } = store;
      for (const payload of [
        Number.POSITIVE_INFINITY,
        new Date(0),
        new Float32Array(1),
        { a: undefined },
        1n,
      ]) {
        await expectCode(queue.enqueue(kind, payload as unknown as Json, { key: "x" }), "NOT_JSON");
      }
      await expectCode(queue.enqueue(kind, "x".repeat(2 ** 20), { key: "x" }), "TOO_LARGE");
      await expectCode(queue.enqueue("no kind", 1, { key: "x" }), "INVALID_NAME");
      await expectCode(queue.enqueue("x'; DROP", 1, { key: "x" }), "INVALID_NAME");
      await expectCode(queue.enqueue(kind, 1, { key: "" }), "INVALID_NAME");
      await expectCode(queue.enqueue(kind, 1, { key: "a\0b" }), "INVALID_NAME");
      await expectCode(queue.enqueue(kind, 1, { key: "x", priority: 0.5 }), "OUT_OF_RANGE");
      await expectCode(queue.enqueue(kind, 1, { key: "x", maxAttempts: 0 }), "OUT_OF_RANGE");
      await expectCode(queue.enqueue(kind, 1, { key: "x", runAfter: Number.NaN }), "OUT_OF_RANGE");
      await expectCode(queue.claim(kind, { leaseMs: 0 }), "OUT_OF_RANGE");
      expect(await queue.listJobs(kind)).toEqual([]);
    });

    test("any JSON comes back as it was: payload, progress, result, key", async (context) => {
      await using store = await openStore(harness, context);
      const { queue, kind } = store;
      const values = fc.sample(fc.jsonValue({ maxDepth: 3 }), { numRuns: 25, seed: 7 });
      const awkward: unknown[] = [
        "\0 nul \ud800 ž 例 🫁",
        "'; DROP TABLE alara_job; --",
        1e-308,
        [],
        {},
        null,
      ];
      for (const [index, sampled] of [...values, ...awkward].entries()) {
        const value = JSON.parse(JSON.stringify(sampled)) as Json;
        const key = `${index} $1 ' " \\ 例`;
        await queue.enqueue(kind, value, { key });
        const job = await mustClaim(queue, kind);
        expect(job.payload).toEqual(value);
        expect(await queue.heartbeat(job, { progress: value })).toBe(true);
        await queue.complete(job, value);
        const found = await queue.findJob(kind, key);
        expect(found).toMatchObject({ key, state: "done" });
        expect(found?.result).toEqual(value);
        expect(found?.progress).toEqual(value);
      }
    });

    test("higher priority first, then order of arrival; also after a retry", async (context) => {
      await using store = await openStore(harness, context, { retry: { baseMs: 0 } });
      const { queue, kind } = store;
      const requests = [0, 5, 0, -1, 5, 0].map((priority, index) => ({
        key: `${index}`,
        payload: null,
        priority,
      }));
      await queue.enqueueMany(kind, requests);
      const first = await mustClaim(queue, kind);
      expect(first.key).toBe("1");
      await queue.fail(first);
      const order: string[] = [];
      for (let job = await queue.claim(kind); job !== undefined; job = await queue.claim(kind))
        order.push(job.key);
      expect(order).toEqual(["1", "4", "0", "2", "5", "3"]);
    });

    test("not before its time", async (context) => {
      await using store = await openStore(harness, context);
      const { queue, kind } = store;
      await queue.enqueue(kind, null, { key: "later", runAfter: Date.now() + 1200, priority: 9 });
      await queue.enqueue(kind, null, { key: "far", runAfter: new Date(Date.now() + 3_600_000) });
      await queue.enqueue(kind, null, { key: "now" });
      expect((await mustClaim(queue, kind)).key).toBe("now");
      expect(await queue.claim(kind)).toBeUndefined();
      expect((await queue.stats()).kinds[kind]).toMatchObject({ queued: 2, delayed: 2, running: 1 });
      await sleep(1250);
      expect((await mustClaim(queue, kind)).key).toBe("later");
      expect(await queue.claim(kind)).toBeUndefined();
    });

    test("one job goes to one claimer", async (context) => {
      await using store = await openStore(harness, context);
      await using second = await openStore(harness, context);
      const { kind } = store;
      await store.queue.enqueueMany(
        kind,
        Array.from({ length: 15 }, (_, index) => ({ key: `${index}`, payload: index })),
      );
      const claims = await Promise.all(
        Array.from({ length: 24 }, (_, index) => (index % 2 === 0 ? store : second).queue.claim(kind)),
      );
      // A claim may come back empty while others hold their rows; none may come twice.
      const keys = claims.flatMap((job) => (job === undefined ? [] : [job.key]));
      for (let job = await store.queue.claim(kind); job !== undefined; job = await store.queue.claim(kind)) {
        keys.push(job.key);
      }
      expect(keys).toHaveLength(15);
      expect(new Set(keys).size).toBe(15);
    });

    test("a lease that ran out goes to another, and the zombie commits nothing", async (context) => {
      await using store = await openStore(harness, context);
      await using second = await openStore(harness, context);
      const { queue, kind } = store;
      await harness.sql("CREATE TABLE IF NOT EXISTS zombie_effect (token integer NOT NULL)");
      await queue.enqueue(kind, null, { key: "a" });
      const zombie = await mustClaim(queue, kind, 700);
      expect(zombie).toMatchObject({ attempts: 1, leaseMs: 700, state: "running" });
      expect(await second.queue.claim(kind)).toBeUndefined();
      await sleep(750);
      const heir = await mustClaim(second.queue, kind);
      expect(heir).toMatchObject({ id: zombie.id, attempts: 2 });
      expect(heir.token).toBeGreaterThan(zombie.token);
      expect(heir.reason).toMatch(
        /lease expired: worker .+ gave no sign of life for 700 ms \(attempt 1 of 5\)/,
      );
      expect(await queue.heartbeat(zombie)).toBe(false);
      let ran = false;
      const effect = queue.complete(zombie, async (transaction) => {
        ran = true;
        await transaction.execute("INSERT INTO zombie_effect (token) VALUES ($1)", [zombie.token]);
      });
      await expectCode(effect, "LEASE_LOST");
      await expectCode(queue.fail(zombie), "LEASE_LOST");
      await expectCode(queue.release(zombie), "LEASE_LOST");
      await second.queue.complete(heir, async (transaction) => {
        await transaction.execute("INSERT INTO zombie_effect (token) VALUES ($1)", [heir.token]);
        return "heir";
      });
      await expectCode(queue.complete(zombie, "zombie"), "LEASE_LOST");
      expect(ran).toBe(false);
      expect(await harness.sql("SELECT token FROM zombie_effect")).toEqual([{ token: heir.token }]);
      expect((await queue.getJob(zombie.id))?.result).toBe("heir");
    });

    test("heartbeats keep a lease; late but not taken over still counts", async (context) => {
      await using store = await openStore(harness, context);
      const { queue, kind } = store;
      await queue.enqueue(kind, null, { key: "a" });
      const job = await mustClaim(queue, kind, 1000);
      for (let beat = 0; beat < 4; beat += 1) {
        await sleep(300);
        expect(await queue.heartbeat(job, { progress: { step: beat } })).toBe(true);
        expect(await queue.claim(kind)).toBeUndefined();
      }
      expect((await queue.getJob(job.id))?.progress).toEqual({ step: 3 });
      await sleep(1100);
      await queue.complete(job, "late");
      expect(await queue.getJob(job.id)).toMatchObject({ state: "done", result: "late", attempts: 1 });
    });

    test("retries wait twice as long each time, up to the limit", async (context) => {
      await using store = await openStore(harness, context, { retry: { baseMs: 10_000, maxMs: 30_000 } });
      const { queue, kind } = store;
      await queue.enqueue(kind, null, { key: "a" });
      for (const delayMs of [10_000, 20_000, 30_000, 30_000]) {
        const failed = await queue.fail(await mustClaim(queue, kind), { reason: "no memory" });
        expect(failed).toMatchObject({ state: "queued", reason: "no memory" });
        expect(Math.abs(failed.runAfterMs - Date.now() - delayMs)).toBeLessThan(5000);
        expect(await queue.claim(kind)).toBeUndefined();
        await hurry(kind);
      }
      const dead = await queue.fail(await mustClaim(queue, kind), { reason: "no memory" });
      expect(dead).toMatchObject({ state: "dead", attempts: 5 });
    });

    /** Makes delayed retries of a kind due, as if their time had passed. */
    const hurry = async (kind: string): Promise<void> => {
      await harness.sql(
        `UPDATE ${harness.table} SET run_after = run_after + 100000000 WHERE state = 'queued' AND kind = $1`,
        [kind],
      );
      await harness.sql(`UPDATE ${harness.table} SET retry_delay = 1 WHERE state = 'queued' AND kind = $1`, [
        kind,
      ]);
      const queue = await harness.open({ skip: () => process.exit(1) });
      // The next claim finds a retry further away than its delay and pulls it in: the repair of a clock set back.
      expect(await queue.claim(kind)).toBeUndefined();
      await queue.close();
      await sleep(5);
    };

    test("attempts are counted at the claim: a job that only kills ends among the dead", async (context) => {
      await using store = await openStore(harness, context);
      const { queue, kind } = store;
      await queue.enqueue(kind, null, { key: "poison", maxAttempts: 3 });
      await queue.enqueue(kind, null, { key: "good", priority: -1 });
      for (let attempt = 1; attempt <= 3; attempt += 1) {
        expect(await mustClaim(queue, kind)).toMatchObject({ key: "poison", attempts: attempt });
        await expireLeases(harness, kind);
      }
      expect(await mustClaim(queue, kind)).toMatchObject({ key: "good", attempts: 1 });
      const [letter, ...others] = await queue.deadLetters(kind);
      expect(others).toEqual([]);
      expect(letter).toMatchObject({ key: "poison", kind, state: "dead", attempts: 3 });
      expect(letter.reason).toMatch(/lease expired: worker .*:\d+ gave .*attempt 3 of 3/);
      expect(letter.worker).toMatch(/:\d+$/);
      expect(letter.finishedAtMs).toBeGreaterThan(letter.createdAtMs - 1);
    });

    test("what cannot succeed is dead at once; redriven, it begins anew and keeps its fence", async (context) => {
      await using store = await openStore(harness, context);
      const { queue, kind } = store;
      await queue.enqueue(kind, { series: "x" }, { key: "a" });
      const first = await mustClaim(queue, kind);
      await queue.fail(first, { retryable: false, reason: "unknown kernel" });
      expect(await queue.deadLetters(kind)).toMatchObject([
        { id: first.id, reason: "unknown kernel", attempts: 1 },
      ]);
      expect((await queue.deadLetters()).map((letter) => letter.id)).toContain(first.id);
      expect((await queue.enqueue(kind, { series: "x" }, { key: "a" })).job.state).toBe("dead");
      expect(await queue.claim(kind)).toBeUndefined();
      expect(await queue.redrive(first.id)).toMatchObject({ state: "queued", attempts: 0, redrives: 1 });
      await expectCode(queue.redrive(first.id), "NOT_DEAD");
      await expectCode(queue.redrive("0".repeat(32)), "UNKNOWN_JOB");
      const second = await mustClaim(queue, kind);
      expect(second).toMatchObject({ id: first.id, attempts: 1, payload: { series: "x" } });
      expect(second.token).toBeGreaterThan(first.token);
      await expectCode(queue.complete(first), "LEASE_LOST");
      await queue.complete(second);
      expect(await queue.deadLetters(kind)).toEqual([]);
      expect(await queue.getJob(first.id)).toMatchObject({ state: "done", result: null });
    });

    test("released jobs come back without an attempt", async (context) => {
      await using store = await openStore(harness, context);
      const { queue, kind } = store;
      await queue.enqueue(kind, null, { key: "a", maxAttempts: 1 });
      for (let round = 0; round < 3; round += 1) {
        const job = await mustClaim(queue, kind);
        expect(job.attempts).toBe(1);
        expect(await queue.release(job)).toMatchObject({ state: "queued", attempts: 0 });
      }
      await queue.complete(await mustClaim(queue, kind));
    });

    test("an effect is stored with the completion or not at all", async (context) => {
      await using store = await openStore(harness, context);
      const { queue, kind } = store;
      await harness.sql("CREATE TABLE IF NOT EXISTS atomic_effect (note text NOT NULL)");
      await queue.enqueue(kind, null, { key: "a" });
      const job = await mustClaim(queue, kind);
      const broken = queue.complete(job, async (transaction) => {
        await transaction.execute("INSERT INTO atomic_effect (note) VALUES ($1)", ["broken"]);
        await transaction.enqueue(kind, null, { key: "follows-broken" });
        throw new Error("disk quota");
      });
      await expect(broken).rejects.toThrow("disk quota");
      const unfit = queue.complete(job, async (transaction) => {
        await transaction.execute("INSERT INTO atomic_effect (note) VALUES ($1)", ["unfit"]);
        return Number.NaN;
      });
      await expectCode(unfit, "NOT_JSON");
      expect(await queue.getJob(job.id)).toMatchObject({ state: "running" });
      let calls = 0;
      const effect = async (
        transaction: Parameters<Extract<Parameters<JobQueue["complete"]>[1], (...a: never) => unknown>>[0],
      ) => {
        calls += 1;
        await transaction.execute("INSERT INTO atomic_effect (note) VALUES ($1)", ["stored"]);
        const follow = await transaction.enqueue(kind, { after: job.id }, { key: "follows" });
        expect(follow.isNew).toBe(true);
        const [row] = await transaction.execute(
          "SELECT count(*) AS notes FROM atomic_effect WHERE note = $1",
          ["stored"],
        );
        return { notes: Number(row.notes) };
      };
      const record = await queue.complete(job, effect);
      expect(record).toMatchObject({ state: "done", result: { notes: 1 } });
      // The same claim again, as after an outage at the commit: done already, no second effect.
      expect(await queue.complete(job, effect)).toEqual(record);
      expect(calls).toBe(1);
      expect(await harness.sql("SELECT note FROM atomic_effect")).toEqual([{ note: "stored" }]);
      expect((await queue.listJobs(kind)).map((listed) => listed.key)).toEqual(["a", "follows"]);
      expect((await mustClaim(queue, kind)).payload).toEqual({ after: job.id });
    });

    test("an effect cannot begin or end a transaction", async (context) => {
      await using store = await openStore(harness, context);
      const { queue, kind } = store;
      await queue.enqueue(kind, null, { key: "a" });
      const job = await mustClaim(queue, kind);
      for (const sql of ["ROLLBACK", " -- note\n /* more */ ;commit", "BEGIN", "select 1; rollback"]) {
        const ending = queue.complete(job, async (transaction) => {
          await transaction.execute(sql).catch(() => undefined);
          throw new Error("effect given up");
        });
        await expect(ending).rejects.toThrow("effect given up");
      }
      await expectCode(
        queue.complete(job, async (transaction) => {
          await transaction.execute("COMMIT");
        }),
        "NESTED_CALL",
      );
      expect(await queue.getJob(job.id)).toMatchObject({ state: "running" });
      await queue.complete(job);
    });

    test("a queue method inside an effect is an error, not a standstill", async (context) => {
      await using store = await openStore(harness, context);
      const { queue, kind } = store;
      await queue.enqueue(kind, null, { key: "a" });
      const job = await mustClaim(queue, kind);
      await expectCode(
        queue.complete(job, async () => {
          await queue.enqueue(kind, null, { key: "b" });
        }),
        "NESTED_CALL",
      );
      await expectCode(
        queue.complete(job, async () => {
          await queue.heartbeat(job);
        }),
        "NESTED_CALL",
      );
      await queue.complete(job);
    });

    test("figures, lists, pages", async (context) => {
      await using store = await openStore(harness, context);
      const { queue, kind } = store;
      await queue.enqueueMany(
        kind,
        Array.from({ length: 7 }, (_, index) => ({ key: `${index}`, payload: index, maxAttempts: 1 })),
      );
      await queue.enqueue(kind, null, { key: "later", runAfter: Date.now() + 1e7 });
      await queue.complete(await mustClaim(queue, kind), { ok: true });
      await queue.fail(await mustClaim(queue, kind));
      await mustClaim(queue, kind);
      const stats = await queue.stats();
      expect(stats.kinds[kind]).toEqual({ queued: 5, delayed: 1, running: 1, done: 1, dead: 1 });
      expect(stats.done).toBeGreaterThanOrEqual(1);
      expect([await queue.isDrained(kind), await queue.isDrained("nothing-here")]).toEqual([false, true]);
      expect(stats.oldestReadyMs).toBeGreaterThanOrEqual(0);
      expect(stats.oldestReadyMs).toBeLessThan(120_000);
      const page = await queue.listJobs(kind, { limit: 3 });
      expect(page.map((job) => job.key)).toEqual(["0", "1", "2"]);
      const rest = await queue.listJobs(kind, { after: page[2].sequence });
      expect(rest.map((job) => job.key)).toEqual(["3", "4", "5", "6", "later"]);
      expect((await queue.listJobs(kind, { state: "done" })).map((job) => job.result)).toEqual([
        { ok: true },
      ]);
      expect(await queue.listJobs("nothing-here")).toEqual([]);
      expect(await queue.getJob("nothing")).toBeUndefined();
    });

    test("the store's clock set back holds nothing up for longer than a lease or a delay", async (context) => {
      await using store = await openStore(harness, context, { retry: { baseMs: 200 } });
      const { queue, kind } = store;
      await queue.enqueueMany(
        kind,
        ["dead-worker", "retry"].map((key) => ({ key, payload: null })),
      );
      await mustClaim(queue, kind, 300);
      await queue.fail(await mustClaim(queue, kind));
      // The same as the clock going back a day: all that was written is a day ahead.
      await harness.sql(
        `UPDATE ${harness.table} SET lease_until = lease_until + 86400000, created_at = created_at + 86400000,
         run_after = CASE WHEN run_after > 0 THEN run_after + 86400000 ELSE 0 END WHERE kind = $1`,
        [kind],
      );
      const start = performance.now();
      const keys: string[] = [];
      while (keys.length < 2 && performance.now() - start < 10_000) {
        const job = await queue.claim(kind);
        if (job === undefined) await sleep(20);
        else keys.push(job.key);
      }
      expect(keys.sort()).toEqual(["dead-worker", "retry"]);
      expect(performance.now() - start).toBeGreaterThan(150);
      expect(performance.now() - start).toBeLessThan(5000);
    });

    describeWork(harness);

    test("closed is closed", async (context) => {
      const queue = await harness.open(context);
      await queue.close();
      await queue.close();
      await expectCode(queue.enqueue("any", null, { key: "a" }), "CLOSED");
      await expectCode(queue.stats(), "CLOSED");
    });
  });
}
