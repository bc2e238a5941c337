/**
 * Follows a run folder that this or another process writes: new lines of `log.jsonl`, and `run.json` and
 * `samples/index.json` when they change. By asking the file system again and again, since notifications do not work on
 * network drives. A last line that is not complete is left until it is; a log that was replaced (a resumed run) is read
 * anew. Nothing is written, and files above a size are not read on.
 */
import type { Stats } from "node:fs";
import { lstat, open, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import {
  parseLogLine,
  parseRunFacts,
  parseSampleIndex,
  type RunRecord,
  type SampleEntry,
  type StoredRunFacts,
} from "@alara/learn";

/** Largest log that is followed. */
const MOST_LOG_BYTES = 256 * 2 ** 20;
/** Longest line; longer ones are no log lines. */
const MOST_LINE_BYTES = 2 ** 20;
/** Largest `run.json` and `index.json`. */
const MOST_JSON_BYTES = 16 * 2 ** 20;
const CHUNK_BYTES = 2 ** 18;

/** A followed run. Arrays are replaced, not changed, when something is new. */
export interface RunTail {
  /** The folder, absolute. */
  readonly folder: string;
  /** Its last part, for people. */
  readonly name: string;
  readonly records: readonly RunRecord[];
  readonly facts: StoredRunFacts | null;
  readonly samples: readonly SampleEntry[];
  /** Reads what is new. */
  poll(): Promise<RunChanges>;
}

/** What a {@link RunTail.poll} found. */
export interface RunChanges {
  readonly records: boolean;
  readonly facts: boolean;
  readonly samples: boolean;
}

async function statFile(path: string): Promise<Stats | null> {
  try {
    const found = await stat(path);
    return found.isFile() ? found : null;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw error;
  }
}

/** Whether a folder holds, or is about to hold, a training run. */
export async function isRunFolder(folder: string): Promise<boolean> {
  const found = await Promise.all(["log.jsonl", "run.json"].map((name) => statFile(join(folder, name))));
  return found.some((file) => file !== null);
}

/** Reads a part of a file; null when it has vanished. */
async function readPart(path: string, from: number, to: number): Promise<Buffer | null> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, "r");
  } catch {
    return null;
  }
  try {
    const buffer = Buffer.alloc(to - from);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Follows the lines of a log. */
function createLineReader(path: string): () => Promise<{ isNew: boolean; lines: readonly string[] }> {
  let inode = 0;
  let offset = 0;
  let rest: Buffer = Buffer.alloc(0);
  let isSkipping = false;
  return async () => {
    const lines: string[] = [];
    const found = await statFile(path);
    const isNew = offset > 0 && (found === null || found.ino !== inode || found.size < offset);
    if (isNew || offset === 0) {
      [offset, rest, isSkipping] = [0, Buffer.alloc(0), false];
    }
    if (found === null) return { isNew, lines };
    inode = found.ino;
    const end = Math.min(found.size, MOST_LOG_BYTES);
    while (offset < end) {
      const part = await readPart(path, offset, Math.min(end, offset + CHUNK_BYTES));
      if (part === null || part.length === 0) break;
      offset += part.length;
      let bytes = Buffer.concat([rest, part]);
      for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10)) {
        if (!isSkipping) lines.push(bytes.toString("utf8", 0, at));
        isSkipping = false;
        bytes = bytes.subarray(at + 1);
      }
      if (bytes.length > MOST_LINE_BYTES) isSkipping = true;
      rest = isSkipping ? Buffer.alloc(0) : Buffer.from(bytes);
    }
    return { isNew, lines };
  };
}

/** Reads a small file again when it has changed; undefined when it has not. */
function createChangeReader(path: string): () => Promise<string | null | undefined> {
  let known = "none";
  return async () => {
    const found = await statFile(path);
    const mark = found === null ? "none" : `${found.ino} ${found.size} ${found.mtimeMs}`;
    if (mark === known) return undefined;
    known = mark;
    if (found === null || found.size > MOST_JSON_BYTES) return null;
    return (await readPart(path, 0, found.size))?.toString("utf8") ?? null;
  };
}

/** Starts following; nothing has been read before the first `poll`. */
export function followRun(folder: string): RunTail {
  const root = resolve(folder);
  const readLines = createLineReader(join(root, "log.jsonl"));
  const readFacts = createChangeReader(join(root, "run.json"));
  const readIndex = createChangeReader(join(root, "samples", "index.json"));
  let records: readonly RunRecord[] = [];
  let facts: StoredRunFacts | null = null;
  let samples: readonly SampleEntry[] = [];
  let busy: Promise<RunChanges> | null = null;
  const poll = async (): Promise<RunChanges> => {
    const { isNew, lines } = await readLines();
    const parsed = lines.flatMap((line) => parseLogLine(line) ?? []);
    if (isNew || parsed.length > 0) records = [...(isNew ? [] : records), ...parsed];
    const factsText = await readFacts();
    if (factsText !== undefined) facts = factsText === null ? null : parseRunFacts(factsText);
    const indexText = await readIndex();
    if (indexText !== undefined) samples = indexText === null ? [] : parseSampleIndex(indexText);
    return {
      records: isNew || parsed.length > 0,
      facts: factsText !== undefined,
      samples: indexText !== undefined,
    };
  };
  return {
    folder: root,
    name: basename(root),
    get records() {
      return records;
    },
    get facts() {
      return facts;
    },
    get samples() {
      return samples;
    },
    poll() {
      // Two readers of one offset would read lines twice.
      busy ??= poll().finally(() => {
        busy = null;
      });
      return busy;
    },
  };
}

const PNG_SIGNATURE: Buffer = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Largest sample image that is handed out. */
const MOST_IMAGE_BYTES = 64 * 2 ** 20;

/**
 * Reads a sample image.
 *
 * @param name - must be the `file` of an entry of the index: no other name reaches the file system
 * @returns null when the index does not name it, or it is no plain PNG file of bearable size
 */
export async function readSample(run: RunTail, name: string): Promise<Buffer | null> {
  const entry = run.samples.find(({ file }) => file === name);
  if (entry === undefined) return null;
  const folder = join(run.folder, "samples");
  const path = join(folder, entry.file);
  try {
    const [outer, found] = await Promise.all([lstat(folder), lstat(path)]);
    if (!outer.isDirectory() || !found.isFile() || found.size > MOST_IMAGE_BYTES) return null;
    const bytes = await readPart(path, 0, found.size);
    return bytes?.subarray(0, PNG_SIGNATURE.length).equals(PNG_SIGNATURE) ? bytes : null;
  } catch {
    return null;
  }
}
