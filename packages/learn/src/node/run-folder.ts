/**
 * A run folder on disk: `log.jsonl` (one line per log entry), `checkpoint.bin`, `loss.svg`. Every replaced
 * file is written beside its place, synced, and renamed, so that a crash leaves the old one or the new one.
 */
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "@alara/core/node";
import { type Checkpoint, decodeCheckpoint } from "../checkpoint.ts";
import { LearnError } from "../errors.ts";
import { drawLossCurve } from "../loss-plot.ts";
import type { TrainLogEntry, TrainSink } from "../trainer.ts";

/** An open run folder. */
export interface RunFolder {
  readonly folder: string;
  readonly sink: TrainSink;
  /** Present when the folder holds a run to continue. */
  readonly resume?: Checkpoint;
}

async function readIfPresent(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw error;
  }
}

function parseLog(bytes: Uint8Array | null): TrainLogEntry[] {
  const lines = new TextDecoder().decode(bytes ?? new Uint8Array()).split("\n");
  const entries: TrainLogEntry[] = [];
  for (const line of lines) {
    if (line === "") continue;
    try {
      entries.push(JSON.parse(line) as TrainLogEntry);
    } catch {
      break; // a crash can cut the last line
    }
  }
  return entries;
}

/**
 * Opens a run folder, making it when absent.
 *
 * @param options.resume - `"if-present"` continues from `checkpoint.bin` where there is one (log lines after
 *   the checkpoint are dropped); `"never"` refuses a folder that holds a run. Default `"never"`.
 * @throws LearnError `FOLDER_NOT_EMPTY`, `BROKEN_CHECKPOINT`
 */
export async function openRunFolder(
  folder: string,
  options: { readonly resume?: "if-present" | "never" } = {},
): Promise<RunFolder> {
  await mkdir(folder, { recursive: true });
  const logPath = join(folder, "log.jsonl");
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
  const entries = parseLog(logBytes).filter(
    (entry) => resume !== undefined && entry.step <= resume.state.step && entry.kind !== "end",
  );
  let isStarted = false;
  const sink: TrainSink = {
    async log(entry) {
      if (!isStarted) {
        // Only now is it sure that the run goes on: what lies behind the checkpoint is dropped.
        await writeFileAtomically(logPath, entries.map((item) => `${JSON.stringify(item)}\n`).join(""));
        isStarted = true;
      }
      entries.push(entry);
      await appendFile(logPath, `${JSON.stringify(entry)}\n`);
      if (entry.kind !== "train") await writeFileAtomically(join(folder, "loss.svg"), drawLossCurve(entries));
    },
    saveCheckpoint: (bytes) => writeFileAtomically(checkpointPath, bytes),
  };
  return resume === undefined ? { folder, sink } : { folder, sink, resume };
}
