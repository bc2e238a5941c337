/**
 * A run folder on disk: `log.jsonl` (one line per log entry, with the time it was written), `run.json` (what the run
 * is), `checkpoint.bin`, `loss.svg`, `samples/` (validation images and their index). Every replaced file is written
 * beside its place, synced, and renamed, so that a crash leaves the old one or the new one.
 */
import { createHash } from "node:crypto";
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "@alara/core/node";
import { type Checkpoint, decodeCheckpoint } from "../checkpoint.ts";
import { LearnError } from "../errors.ts";
import { drawLossCurve } from "../loss-plot.ts";
import { parseRunFacts, RUN_FACTS_SCHEMA, type RunFacts, type StoredRunFacts } from "../monitor/run-facts.ts";
import { parseSampleIndex, SAMPLE_INDEX_SCHEMA, type SampleEntry } from "../monitor/sample-index.ts";
import type { TrainLogEntry, TrainSink } from "../train-log.ts";
import type { ValidationSample } from "../validation.ts";
import { encodeGreyPng } from "./png.ts";
import { drawSampleSheet, type SheetWindows } from "./sample-sheet.ts";

/** A line of `log.jsonl`: the trainer's entry and when it was written, ISO 8601; runs of before have no time. */
export type StampedLogEntry = TrainLogEntry & { readonly time?: string };

/** An open run folder. */
export interface RunFolder {
  readonly folder: string;
  /** Has every method of {@link TrainSink}. */
  readonly sink: Required<TrainSink>;
  /** Present when the folder holds a run to continue. */
  readonly resume?: Checkpoint;
  /** Lines of the run so far that count: those up to the checkpoint, and what the sink has logged since. */
  readonly history: readonly StampedLogEntry[];
  /**
   * Says what the run is, in `run.json`; a new session with its start is added. A continued run's file is replaced
   * with the first log line, when it is sure that the run goes on.
   */
  describe(facts: RunFacts): Promise<void>;
}

/** Options of {@link openRunFolder}. */
export interface RunFolderOptions extends SheetWindows {
  /**
   * `"if-present"` continues from `checkpoint.bin` where there is one (log lines after the checkpoint are dropped);
   * `"never"` refuses a folder that holds a run. Default `"never"`.
   */
  readonly resume?: "if-present" | "never";
  /** Clock for the times in the log; default the system's. */
  readonly now?: () => Date;
}

async function readIfPresent(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw error;
  }
}

async function readTextIfPresent(path: string): Promise<string> {
  return new TextDecoder().decode((await readIfPresent(path)) ?? new Uint8Array());
}

function parseLog(bytes: Uint8Array | null): StampedLogEntry[] {
  const lines = new TextDecoder().decode(bytes ?? new Uint8Array()).split("\n");
  const entries: StampedLogEntry[] = [];
  for (const line of lines) {
    if (line === "") continue;
    try {
      entries.push(JSON.parse(line) as StampedLogEntry);
    } catch {
      break; // a crash can cut the last line
    }
  }
  return entries;
}

/** File name of a sample: readable, without anything but letters, digits, - and _, and one per id. */
function nameSample(step: number, id: string): string {
  const plain = id.replace(/[^A-Za-z0-9_-]+/g, "-").slice(0, 48);
  const digest = createHash("sha256").update(id).digest("hex").slice(0, 8);
  return `step-${String(step).padStart(6, "0")}-${plain === id && id !== "" ? plain : `${plain}-${digest}`}.png`;
}

/** Writes sample images and keeps their index; samples behind the checkpoint of a continued run are dropped. */
function createSampleWriter(
  folder: string,
  lastStep: number | null,
  windows: SheetWindows,
): (sample: ValidationSample) => Promise<void> {
  const indexPath = join(folder, "index.json");
  let samples: readonly SampleEntry[] | null = null;
  return async (sample) => {
    await mkdir(folder, { recursive: true });
    samples ??= parseSampleIndex(await readTextIfPresent(indexPath)).filter(
      ({ step }) => lastStep !== null && step <= lastStep,
    );
    const sheet = drawSampleSheet(sample, windows);
    const file = nameSample(sample.step, sample.id);
    await writeFileAtomically(join(folder, file), encodeGreyPng(sheet.pixels, sheet.rows, sheet.columns));
    const entry: SampleEntry = {
      step: sample.step,
      id: sample.id,
      file,
      rows: sample.rows,
      columns: sample.columns,
      width: sheet.columns,
      height: sheet.rows,
      panels: sheet.panels,
      windowHu: sheet.windowHu,
      differenceHu: sheet.differenceHu,
    };
    samples = [...samples.filter((known) => known.file !== file), entry];
    await writeFileAtomically(indexPath, `${JSON.stringify({ schema: SAMPLE_INDEX_SCHEMA, samples })}\n`);
  };
}

/**
 * Opens a run folder, making it when absent.
 *
 * @throws LearnError `FOLDER_NOT_EMPTY`, `BROKEN_CHECKPOINT`
 */
export async function openRunFolder(folder: string, options: RunFolderOptions = {}): Promise<RunFolder> {
  const { now = () => new Date(), ...windows } = options;
  await mkdir(folder, { recursive: true });
  const logPath = join(folder, "log.jsonl");
  const factsPath = join(folder, "run.json");
  const checkpointPath = join(folder, "checkpoint.bin");
  const checkpointBytes = await readIfPresent(checkpointPath);
  const logBytes = await readIfPresent(logPath);
  if ((options.resume ?? "never") === "never" && (checkpointBytes !== null || (logBytes?.length ?? 0) > 0)) {
    throw new LearnError(
      "FOLDER_NOT_EMPTY",
      `${folder} already holds a training run; resume it or choose another folder`,
    );
  }
  const resume = checkpointBytes === null ? undefined : await decodeCheckpoint(checkpointBytes);
  const resumeStep = resume?.step ?? null;
  const history = parseLog(logBytes).filter(
    (entry) => resumeStep !== null && entry.step <= resumeStep && entry.kind !== "end",
  );
  let isStarted = false;
  let facts: StoredRunFacts | null = null;
  const writeFacts = async (): Promise<void> => {
    if (facts !== null) await writeFileAtomically(factsPath, `${JSON.stringify(facts, null, 2)}\n`);
  };
  const sink: Required<TrainSink> = {
    async log(entry) {
      if (!isStarted) {
        // Only now is it sure that the run goes on: what lies behind the checkpoint is dropped.
        if (resume !== undefined) await writeFacts();
        await writeFileAtomically(logPath, history.map((item) => `${JSON.stringify(item)}\n`).join(""));
        isStarted = true;
      }
      const stamped = { ...entry, time: now().toISOString() };
      history.push(stamped);
      await appendFile(logPath, `${JSON.stringify(stamped)}\n`);
      if (entry.kind !== "train") await writeFileAtomically(join(folder, "loss.svg"), drawLossCurve(history));
    },
    saveCheckpoint: (bytes) => writeFileAtomically(checkpointPath, bytes),
    saveSample: createSampleWriter(join(folder, "samples"), resumeStep, windows),
    saveFailure: (step, bytes) =>
      writeFileAtomically(join(folder, `failure-step-${String(step).padStart(6, "0")}.bin`), bytes),
  };
  return {
    folder,
    sink,
    history,
    async describe(given) {
      const known = resume === undefined ? null : parseRunFacts(await readTextIfPresent(factsPath));
      const sessions = (known?.sessions ?? []).filter(({ fromStep }) => fromStep <= (resumeStep ?? 0));
      const session = { startedAt: now().toISOString(), fromStep: resumeStep ?? 0 };
      facts = { ...given, schema: RUN_FACTS_SCHEMA, sessions: [...sessions, session] };
      if (resume === undefined || isStarted) await writeFacts();
    },
    ...(resume === undefined ? {} : { resume }),
  };
}
