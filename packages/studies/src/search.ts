/**
 * Running a search on the queue: enqueue what is to be trained, wait, look at the results, enqueue what they call for.
 * The planner keeps nothing of its own: it can be killed and started again, and finds every result by its key.
 */
import type { JobQueue, JobRecord, Json } from "@alara/jobs";
import { listRungs, planRungs, type RungResult } from "./halving.ts";
import { listVariants, type Search } from "./search-file.ts";
import type { Settings } from "./search-space.ts";
import { computeJobKey, type Trial, type TrialResult } from "./trial.ts";

/** Kind of the jobs that train trials. */
export const TRIAL_KIND = "train-trial";

/** One variant as far as it has come. */
export interface VariantRecord {
  readonly trial: number;
  readonly settings: Settings;
  readonly state: "waiting" | "running" | "done" | "failed";
  /** Steps of its last finished rung. */
  readonly steps: number;
  /** Score at its last finished rung; lower is better. */
  readonly score?: number;
  readonly seconds: number;
  readonly parameters?: number;
  readonly reason?: string;
  /** Key of its run folder. */
  readonly folder: string;
}

/** Options of {@link runSearch}. */
export interface RunSearchOptions {
  readonly queue: JobQueue;
  readonly dataDigest: string;
  readonly signal?: AbortSignal;
  /** Milliseconds between looks at the queue; default 500. */
  readonly pollMs?: number;
  /** Waits; in tests it may do the work of the workers. */
  readonly wait: (ms: number) => Promise<void>;
  readonly onProgress?: (records: readonly VariantRecord[]) => void;
}

function readScore(job: JobRecord | undefined): number | undefined {
  if (job?.state === "dead") return Number.POSITIVE_INFINITY;
  return job?.state === "done" ? (job.result as unknown as TrialResult).score : undefined;
}

function readSeconds(job: JobRecord | undefined): number {
  return (job?.result as unknown as TrialResult | undefined)?.seconds ?? 0;
}

/**
 * Runs a search until nothing is left to train.
 *
 * @returns a record of every variant, in the order of the variants
 * @throws what the queue throws; on abort, the signal's reason (jobs stay in the queue)
 * Tested: started again after a kill it trains nothing twice; halving promotes what it should.
 */
export async function runSearch(search: Search, options: RunSearchOptions): Promise<VariantRecord[]> {
  const { queue, dataDigest, signal, pollMs = 500, wait, onProgress } = options;
  const variants = listVariants(search);
  const whole = search.recipe.training.steps;
  const halving = { lastSteps: whole, ...(search.halving ?? { firstSteps: whole }) };
  const rungs = listRungs(halving);
  const makeTrial = (trial: number, rung: number): Trial => ({
    recipe: variants[trial].recipe,
    dataDigest,
    ...(rung === rungs.length - 1 ? {} : { until: rungs[rung] }),
  });
  const jobs = new Map<string, { readonly trial: number; readonly rung: number; readonly key: string }>();
  for (;;) {
    signal?.throwIfAborted();
    const found = new Map<string, JobRecord | undefined>();
    for (const [name, { key }] of jobs) found.set(name, await queue.findJob(TRIAL_KIND, key));
    const results: RungResult[] = [...jobs].map(([name, { trial, rung }]) => {
      const score = readScore(found.get(name));
      return { trial, rung, ...(score === undefined ? {} : { score }) };
    });
    const tasks = planRungs(results, variants.length, halving);
    const requests = await Promise.all(
      tasks.map(async ({ trial, rung }) => {
        const payload = makeTrial(trial, rung);
        const key = await computeJobKey(payload);
        jobs.set(`${trial} ${rung}`, { trial, rung, key });
        // Later rungs first, so that good variants finish.
        return { key, payload: payload as unknown as Json, priority: rung, maxAttempts: 3 };
      }),
    );
    if (requests.length > 0) {
      await queue.enqueueMany(TRIAL_KIND, requests);
      continue;
    }
    const records = await describeVariants(variants, jobs, found, rungs);
    onProgress?.(records);
    if (results.every(({ score }) => score !== undefined)) return records;
    await wait(pollMs);
  }
}

async function describeVariants(
  variants: ReturnType<typeof listVariants>,
  jobs: ReadonlyMap<string, { readonly trial: number; readonly rung: number; readonly key: string }>,
  found: ReadonlyMap<string, JobRecord | undefined>,
  rungs: readonly number[],
): Promise<VariantRecord[]> {
  return variants.map(({ settings }, trial) => {
    const own = [...jobs]
      .filter(([, job]) => job.trial === trial)
      .sort(([, a], [, b]) => a.rung - b.rung)
      .map(([name, job]) => ({ ...job, record: found.get(name) }));
    const finished = own.filter(({ record }) => record?.state === "done");
    const last = own.at(-1)?.record;
    const result = finished.at(-1)?.record?.result as unknown as TrialResult | undefined;
    const rung = finished.at(-1)?.rung;
    return {
      trial,
      settings,
      state:
        last?.state === "dead"
          ? "failed"
          : last?.state === "done"
            ? "done"
            : last?.state === "running"
              ? "running"
              : "waiting",
      steps: rung === undefined ? 0 : rungs[rung],
      ...(result === undefined ? {} : { score: result.score, parameters: result.parameters }),
      seconds: finished.reduce((sum, { record }) => sum + readSeconds(record), 0),
      ...(last?.reason === undefined ? {} : { reason: last.reason }),
      folder: own[0]?.key.replace(/@.*$/, "") ?? "",
    };
  });
}

/** Best first: those trained longest stand before others, as their scores mean more. */
export function rankVariants(records: readonly VariantRecord[]): VariantRecord[] {
  const order = (value: number | undefined): number => value ?? Number.POSITIVE_INFINITY;
  return [...records].sort(
    (a, b) => b.steps - a.steps || order(a.score) - order(b.score) || a.trial - b.trial,
  );
}

function formatSetting(value: unknown): string {
  return typeof value === "number" && !Number.isInteger(value) ? value.toPrecision(3) : JSON.stringify(value);
}

/** The table as text, best first. */
export function formatSearch(records: readonly VariantRecord[]): string {
  const paths = Object.keys(records[0]?.settings ?? {});
  const rows = rankVariants(records).map(({ trial, settings, state, steps, score, seconds, parameters }) => [
    String(trial + 1),
    ...paths.map((path) => formatSetting(settings[path])),
    score === undefined ? "–" : score.toFixed(3),
    String(steps),
    parameters === undefined ? "–" : String(parameters),
    `${seconds.toFixed(0)} s`,
    state,
  ]);
  const names = paths.map((path) => path.split(".").at(-1) as string);
  const head = ["trial", ...names, "score", "steps", "weights", "time", "state"];
  const widths = head.map((name, k) => Math.max(name.length, ...rows.map((row) => row[k].length)));
  return `${[head, ...rows].map((row) => row.map((cell, k) => cell.padStart(widths[k])).join("  ")).join("\n")}\n`;
}

/** The table as comma-separated values (RFC 4180), in the order of the variants. */
export function writeSearchCsv(records: readonly VariantRecord[]): string {
  const paths = Object.keys(records[0]?.settings ?? {});
  const quote = (value: unknown): string => {
    const text = typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const head = ["trial", ...paths, "score", "steps", "parameters", "seconds", "state", "folder"];
  const rows = records.map((record) => [
    record.trial + 1,
    ...paths.map((path) => record.settings[path]),
    record.score,
    record.steps,
    record.parameters,
    Number(record.seconds.toFixed(1)),
    record.state,
    record.folder,
  ]);
  return `${[head, ...rows].map((row) => row.map(quote).join(",")).join("\r\n")}\r\n`;
}
