/** Run folders: what is on disk after a run, after a crash, and when a folder is already used. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPairValidation, decodeCheckpoint, runTraining } from "@alara/learn";
import { createNodeRuntime, openRunFolder } from "@alara/learn/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildProgram, settings, source, validationPairs } from "./training-fixture.ts";

const runtime = await createNodeRuntime({ threads: 2 });
const validation = createPairValidation(validationPairs);
const base = { program: buildProgram(), settings, source, validation, runtime };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "alara-run-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function readLog(): { kind: string; step: number }[] {
  const text = readFileSync(join(folder, "log.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe("openRunFolder", () => {
  it("keeps log, checkpoint and plot, and leaves no temporary file", async () => {
    const run = await openRunFolder(folder);
    const { checkpoint } = await runTraining({ ...base, sink: run.sink });
    expect(readdirSync(folder).sort()).toEqual(["checkpoint.bin", "log.jsonl", "loss.svg", "samples"]);
    expect(await decodeCheckpoint(readFileSync(join(folder, "checkpoint.bin")))).toEqual(checkpoint);
    expect(readLog().map(({ kind, step }) => `${kind} ${step}`)).toEqual([
      "validation 0",
      "train 5",
      "validation 8",
      "train 10",
      "train 15",
      "validation 16",
      "train 20",
      "validation 24",
      "end 24",
    ]);
  });

  it("continues after a crash that lost everything since the last checkpoint and cut the log", async () => {
    const crash = new AbortController();
    const run = await openRunFolder(folder);
    const losing = { ...run.sink, saveCheckpoint: async (): Promise<void> => {} };
    let saved = 0;
    const sink = {
      ...run.sink,
      saveCheckpoint: (bytes: Uint8Array): Promise<void> =>
        saved++ === 0 ? run.sink.saveCheckpoint(bytes) : losing.saveCheckpoint(),
    };
    const onProgress = ({ done }: { done: number }): void => {
      if (done === 11) crash.abort(new Error("crash"));
    };
    await expect(runTraining({ ...base, sink, signal: crash.signal, onProgress })).rejects.toThrow("crash");
    const log = readFileSync(join(folder, "log.jsonl"), "utf8");
    writeFileSync(join(folder, "log.jsonl"), log.slice(0, -9));

    const again = await openRunFolder(folder, { resume: "if-present" });
    expect(again.resume?.step).toBe(8);
    const resumed = await runTraining({
      ...base,
      sink: again.sink,
      ...(again.resume === undefined ? {} : { resume: again.resume }),
    });
    expect(resumed).toEqual(await runTraining(base));
    expect(readLog().map(({ kind, step }) => `${kind} ${step}`)).toEqual([
      "validation 0",
      "train 5",
      "validation 8",
      "train 10",
      "train 15",
      "validation 16",
      "train 20",
      "validation 24",
      "end 24",
    ]);
  });

  it("refuses a folder that holds a run, and a damaged checkpoint", async () => {
    const run = await openRunFolder(folder);
    await run.sink.saveCheckpoint(Uint8Array.of(1, 2, 3));
    await expect(openRunFolder(folder)).rejects.toMatchObject({ code: "FOLDER_NOT_EMPTY" });
    await expect(openRunFolder(folder, { resume: "if-present" })).rejects.toMatchObject({
      code: "BROKEN_CHECKPOINT",
    });
  });
});
