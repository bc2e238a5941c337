/**
 * A producer or a worker as a process of its own, to be killed: `chaos-process.ts <json>`. A producer prints one line
 * for each acknowledged job. A worker's effect is one row per completed job in a table without any uniqueness, so that
 * a second effect would show.
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { openJobQueue } from "../src/open.ts";
import type { ChaosProcess } from "./chaos.ts";

const settings = JSON.parse(process.argv[2]) as ChaosProcess;

// Nothing of a run outlives it.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(1);
}, 500).unref();

/** Until the store is there. */
async function openPatiently(): Promise<Awaited<ReturnType<typeof openJobQueue>>> {
  for (;;) {
    try {
      return await openJobQueue(settings.url, { retry: { baseMs: 50, maxMs: 500 } });
    } catch (error) {
      if ((error as { code?: unknown }).code !== "STORE_UNAVAILABLE") throw error;
      await sleep(100);
    }
  }
}

const queue = await openPatiently();

if (settings.role === "producer") {
  for (let index = settings.first; index < settings.end; ) {
    const payload = settings.payloads[index % settings.payloads.length];
    const key = `job-${index}`;
    try {
      await queue.enqueue(settings.kind, payload, { key, maxAttempts: payload.poison ? 3 : 1000 });
      process.stdout.write(`${key}\n`);
      index += 1;
    } catch (error) {
      if ((error as { code?: unknown }).code !== "STORE_UNAVAILABLE") throw error;
      await sleep(100);
    }
  }
  await queue.close();
} else {
  process.stdout.write("ready\n");
  await queue.work(
    settings.kind,
    async ({ job, commit }) => {
      const payload = job.payload as unknown as (typeof settings.payloads)[number];
      const die = (at: typeof payload.dieAt): void => {
        if (payload.poison || (payload.dieAt === at && job.attempts === 1))
          process.kill(process.pid, "SIGKILL");
      };
      await sleep(payload.ms);
      die("before");
      await commit(async (transaction) => {
        await transaction.execute("INSERT INTO chaos_effect (job, token) VALUES ($1, $2)", [
          job.key,
          job.token,
        ]);
        die("inside");
        return { key: job.key };
      });
      die("after");
    },
    { leaseMs: settings.leaseMs, concurrency: 2, pollMs: 50 },
  );
}
