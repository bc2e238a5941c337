/** The module of `run-worker.test.ts`: one behaviour per payload. */
import fs from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { type ChildContext, JobsError, type Json } from "../src/index.ts";

interface Payload {
  readonly act: string;
  readonly ms?: number;
  readonly file?: string;
}

/** Holds the event loop as compute does. */
function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

export default async function childJob({ job, signal, device, report }: ChildContext): Promise<Json> {
  const { act, ms = 0, file = "" } = job.payload as unknown as Payload;
  if (act === "echo") {
    report({ step: 1 });
    return {
      device: device ?? null,
      environment: process.env.ALARA_DEVICE ?? null,
      extra: process.env.EXTRA ?? null,
    };
  }
  if (act === "block") {
    block(ms);
    return { attempts: job.attempts };
  }
  if (act === "crash-once" && job.attempts === 1) process.kill(process.pid, "SIGSEGV");
  if (act === "crash") process.abort();
  if (act === "exit") process.exit(7);
  if (act === "throw") throw new Error("wrong kernel");
  if (act === "permanent") throw new JobsError("PERMANENT_FAILURE", "no such series");
  if (act === "not-json") return Number.NaN;
  if (act === "heavy") {
    // On the heap, whose limit the test sets.
    const objects: object[] = [];
    for (;;) objects.push({ index: objects.length });
  }
  if (act === "write") {
    // Writes for as long as the process lives, deaf to everything.
    for (;;) {
      fs.writeFileSync(file, `${process.pid} ${Date.now()}`);
      block(20);
    }
  }
  if (act === "save-on-abort") {
    report("waiting");
    while (!signal.aborted) await sleep(10);
    fs.writeFileSync(file, "saved");
    return { saved: true };
  }
  if (act === "sleep") {
    report("sleeping");
    await sleep(ms);
  }
  return { act };
}
