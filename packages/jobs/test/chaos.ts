/**
 * Producers and workers as real processes, killed with SIGKILL at random moments and at chosen ones (before the commit,
 * inside it, just after it), with an optional fault of the store itself in between. The count at the end says what was
 * lost and what was done twice. Also the machinery of `bench/evidence/jobs.ts`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import readline from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createRandom } from "@alara/core";
import type { JobQueue } from "../src/queue.ts";

/** What a job of the run does. */
export interface ChaosPayload {
  readonly ms: number;
  readonly dieAt: "never" | "before" | "inside" | "after";
  readonly poison: boolean;
  readonly [name: string]: string | number | boolean;
}

/** Orders for one process. */
export interface ChaosProcess {
  readonly role: "producer" | "worker";
  readonly url: string;
  readonly kind: string;
  readonly leaseMs: number;
  readonly first: number;
  readonly end: number;
  readonly payloads: readonly ChaosPayload[];
}

export interface ChaosOptions {
  readonly queue: JobQueue;
  /** Address for the processes. */
  readonly url: string;
  readonly kind: string;
  /** Runs a statement with `$1` … on the store, beside the queue. */
  readonly sql: (statement: string) => Promise<readonly Record<string, unknown>[]>;
  readonly jobs: number;
  readonly producers: number;
  readonly workers: number;
  /** SIGKILLs from outside, of producers and workers, before the run may end. */
  readonly kills: number;
  /** Longest pause between them, in ms; default 400. */
  readonly killEveryMs?: number;
  readonly leaseMs: number;
  readonly seed: number;
  /** Jobs that kill every worker they meet; they come first. Default 1. */
  readonly poison?: number;
  /** Faults of the store: called after every so many kills. */
  readonly storeFault?: { readonly every: number; inject(): Promise<void> };
  readonly limitMs: number;
}

export interface ChaosReport {
  readonly jobs: number;
  /** Acknowledged keys that the store does not have. */
  readonly lostAcknowledged: number;
  /** Good jobs without an effect. */
  readonly lost: number;
  /** Effects beyond the first of a job. */
  readonly duplicated: number;
  /** Completed jobs that needed more than one attempt. */
  readonly recovered: number;
  readonly killed: number;
  /** Processes that jobs killed themselves. */
  readonly died: number;
  readonly storeFaults: number;
  readonly dead: number;
  /** Attempts of dead jobs, sorted. */
  readonly deadAttempts: readonly number[];
  readonly seconds: number;
}

const SCRIPT = fileURLToPath(new URL("./chaos-process.ts", import.meta.url));

/** Runs the whole of it. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { queue, kind, jobs, producers, workers, sql, poison = 1 } = options;
  const random = createRandom(options.seed);
  await sql("CREATE TABLE IF NOT EXISTS chaos_effect (job text NOT NULL, token integer NOT NULL)");
  await sql("DELETE FROM chaos_effect");
  const deaths = ["before", "inside", "after"] as const;
  const payloads = Array.from({ length: jobs }, (_, index): ChaosPayload => {
    const isPoison = index < poison;
    // Every twentieth job kills its first worker at one of the three moments.
    const dieAt = index % 20 === 10 ? deaths[Math.floor(index / 20) % 3] : "never";
    return { ms: 5 + Math.floor(random.nextUniform() * 60), dieAt, poison: isPoison };
  });
  const acknowledged = new Set<string>();
  const running = new Map<number, ChildProcess>();
  const ready = new Set<ChildProcess>();
  const killing = new Set<ChildProcess>();
  const failures: string[] = [];
  let isOver = false;
  let killed = 0;
  let died = 0;
  const start = performance.now();

  const launch = (slot: number): void => {
    const role = slot < producers ? "producer" : "worker";
    const share = Math.ceil(jobs / Math.max(1, producers));
    const orders: ChaosProcess = {
      role,
      url: options.url,
      kind,
      leaseMs: options.leaseMs,
      first: role === "producer" ? slot * share : 0,
      end: role === "producer" ? Math.min(jobs, (slot + 1) * share) : 0,
      payloads: role === "producer" ? payloads : [],
    };
    const child = spawn(process.execPath, [SCRIPT, JSON.stringify(orders)], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.set(slot, child);
    let complaint = "";
    child.stderr.on("data", (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-1000);
    });
    readline.createInterface({ input: child.stdout }).on("line", (line) => {
      ready.add(child);
      if (role === "producer") acknowledged.add(line);
    });
    child.once("close", (code, signal) => {
      running.delete(slot);
      if (isOver) return;
      if (role === "producer" && code === 0) return;
      if (signal !== "SIGKILL") failures.push(`${role} ended with ${code ?? signal}: ${complaint}`);
      else {
        if (!killing.has(child)) died += 1;
        launch(slot);
      }
    });
  };

  const killOne = (): void => {
    // Only those that have begun: killing a process that still starts proves nothing.
    const children = [...running.values()].filter((child) => ready.has(child) && !killing.has(child));
    const child = children[Math.floor(random.nextUniform() * children.length)];
    if (child === undefined) return;
    killing.add(child);
    if (child.kill("SIGKILL")) killed += 1;
  };

  for (let slot = 0; slot < producers + workers; slot += 1) launch(slot);
  let storeFaults = 0;
  try {
    for (;;) {
      await sleep(20 + random.nextUniform() * (options.killEveryMs ?? 400));
      if (failures.length > 0) throw new Error(failures.join("\n"));
      if (performance.now() - start > options.limitMs) {
        throw new Error(`not done after ${options.limitMs} ms: ${JSON.stringify(await queue.stats())}`);
      }
      if (killed < options.kills) {
        killOne();
        const { storeFault } = options;
        if (storeFault !== undefined && killed >= (storeFaults + 1) * storeFault.every) {
          storeFaults += 1;
          await storeFault.inject();
        }
      }
      if (acknowledged.size < jobs || killed < options.kills) continue;
      // A connection that the last fault broke may show here once.
      const stats = (await queue.stats().catch(() => undefined))?.kinds[kind];
      if (stats !== undefined && stats.queued + stats.running === 0) break;
    }
  } finally {
    isOver = true;
    const ends = [...running.values()].map((child) => new Promise((resolve) => child.once("close", resolve)));
    for (const child of running.values()) child.kill("SIGKILL");
    await Promise.all(ends);
  }
  const records = await queue.listJobs(kind, { limit: 1_000_000 });
  const keys = new Set(records.map((record) => record.key));
  const effects = new Map<string, number>();
  for (const row of await sql("SELECT job FROM chaos_effect")) {
    effects.set(String(row.job), (effects.get(String(row.job)) ?? 0) + 1);
  }
  const good = payloads.flatMap((payload, index) => (payload.poison ? [] : [`job-${index}`]));
  const dead = records.filter((record) => record.state === "dead");
  return {
    jobs,
    lostAcknowledged: [...acknowledged].filter((key) => !keys.has(key)).length,
    lost: good.filter((key) => !effects.has(key)).length,
    duplicated: [...effects.values()].reduce((sum, count) => sum + count - 1, 0),
    recovered: records.filter((record) => record.state === "done" && record.attempts > 1).length,
    killed,
    died,
    storeFaults,
    dead: dead.length,
    deadAttempts: dead.map((record) => record.attempts).sort((a, b) => a - b),
    seconds: (performance.now() - start) / 1000,
  };
}
