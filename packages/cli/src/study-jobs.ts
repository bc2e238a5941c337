/**
 * What the commands that run many trainings share: the queue's address, the digest and patients of the data, and workers
 * whose trials run in child processes (trial-job.ts).
 */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { stringifyCanonical } from "@alara/core";
import { type JobQueue, openJobQueue, runWorker, type WorkSummary } from "@alara/jobs";
import { TRIAL_KIND } from "@alara/studies";
import { parseWholeNumber } from "./arguments.ts";
import { type CommandContext, printNote, UsageError } from "./context.ts";
import { openSplit, type Split } from "./training-input.ts";

const TRIAL_MODULE = fileURLToPath(new URL("./trial-job.ts", import.meta.url));

/** Where data and runs are on this machine; children read it from their environment. */
export interface StudyPlaces {
  readonly data: string;
  readonly runs: string;
}

/** Name of the environment variable that holds {@link StudyPlaces} as JSON. */
export const PLACES_VARIABLE = "ALARA_STUDY";

/** A stand-in for a patient's identifier, the same everywhere. */
export function makePseudonym(subject: string): string {
  return `p-${createHash("sha256").update(`alara patient ${subject}`).digest("hex").slice(0, 12)}`;
}

/** Opens the sides of a split that may be trained on, and never "test". */
export function openTrainingSides(data: string, splitFile: string, context: CommandContext): Promise<Split> {
  return openSplit(
    data,
    splitFile,
    { needed: ["train"], held: ["val", "test"] },
    {
      signal: context.signal,
      onSkipped: ({ id, code, reason }) => printNote(`left out ${id}: ${code}: ${reason}`),
    },
  );
}

/** Digest of which series the data hold: other data are other trials. */
export function computeSplitDigest(split: Split): string {
  const list = [...split].map(([side, items]) => [
    side,
    items.map(({ id, series }) => [id, series.seriesInstanceUid]),
  ]);
  return createHash("sha256").update(stringifyCanonical(list)).digest("hex");
}

/** Pseudonyms of the patients of training and validation, in a stable order. */
export function listPatients(split: Split): string[] {
  const items = ["train", "val"].flatMap((side) => [...(split.get(side) ?? [])]);
  return [...new Set(items.map(({ subject, id }) => makePseudonym(subject || id)))].sort();
}

/** Opens a queue, by default a file in the study's folder. */
export function openStudyQueue(url: string | undefined, folder: string): Promise<JobQueue> {
  mkdirSync(folder, { recursive: true });
  return openJobQueue(url ?? `sqlite:${join(folder, "queue.db")}`);
}

/** Options of {@link workOnTrials}. */
export interface WorkTrialsOptions {
  readonly places: StudyPlaces;
  /** One worker lane per device. */
  readonly devices: readonly string[];
  readonly until: "drained" | "aborted";
  readonly signal: AbortSignal;
}

/** Works on trials until told to end; one trial at a time on each device. */
export function workOnTrials(queue: JobQueue, options: WorkTrialsOptions): Promise<WorkSummary> {
  const { places, devices, until, signal } = options;
  const absolute = { data: resolve(places.data), runs: resolve(places.runs) };
  return runWorker({
    queue,
    kind: TRIAL_KIND,
    modulePath: TRIAL_MODULE,
    concurrency: devices.length,
    device: devices,
    env: { [PLACES_VARIABLE]: JSON.stringify(absolute) },
    // Heartbeats come from this process, which only waits: another may take over soon after it dies.
    leaseMs: 15_000,
    until,
    signal,
    // A trial saves its checkpoint before it ends.
    graceMs: 30_000,
    onEvent: (event) => {
      if (event.type === "failed" || event.type === "lost") {
        const why = event.error instanceof Error ? event.error.message : String(event.error);
        printNote(`trial ${event.job.key.slice(0, 12)} attempt ${event.job.attempts} ${event.type}: ${why}`);
      }
      if (event.type === "storeError") printNote(`queue: ${String(event.error)}`);
    },
  });
}

/**
 * `--device`: a list such as `cpu` or `cuda:0,cuda:1`; one worker lane for each.
 *
 * @throws UsageError
 */
export function parseDevices(text: string): string[] {
  const devices = text.split(",").map((item) => item.trim());
  for (const device of devices) {
    if (!/^(cpu|webgpu|cuda(:\d+)?)$/.test(device)) {
      throw new UsageError(`--device "${device}" is none of cpu, webgpu, cuda, cuda:<number>`);
    }
  }
  return devices;
}

/** `--workers`: trials at a time on the CPU. */
export function listLocalDevices(workers: string | undefined, device: string | undefined): string[] {
  if (device !== undefined) return parseDevices(device);
  const count =
    workers === undefined ? 1 : parseWholeNumber("--workers", workers, { minimum: 0, maximum: 256 });
  return Array.from({ length: count }, () => "cpu");
}
