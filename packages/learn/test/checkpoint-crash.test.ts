/** Checkpoints on a machine that fails: killed in the middle of a write, or a disk that takes no more. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createRandom } from "@alara/core";
import { decodeCheckpoint } from "@alara/learn";
import { createTemporaryFolder } from "@alara/testing";
import { afterEach, beforeEach, expect, it } from "vitest";

const WRITER = fileURLToPath(new URL("./write-checkpoints.ts", import.meta.url));
let folder: ReturnType<typeof createTemporaryFolder>;
beforeEach(() => {
  folder = createTemporaryFolder("checkpoint-crash");
});
afterEach(() => folder.dispose());

/** The checkpoint in the folder: whole, and of one step throughout. */
async function readStep(): Promise<number> {
  const { step, phases } = await decodeCheckpoint(readFileSync(folder.resolve("run/checkpoint.bin")));
  expect(new Set(phases.train.parameters)).toEqual(new Set([step]));
  return step;
}

it("leaves a readable checkpoint, not older than the last acknowledged one, whenever it is killed", async () => {
  const random = createRandom(5);
  for (let round = 0; round < 6; round++) {
    const child = spawn(process.execPath, [WRITER, folder.resolve("run"), "8192", "1000000"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let acknowledged = 0;
    const started = new Promise<void>((resolve) => {
      child.stdout.on("data", (text: Buffer) => {
        acknowledged = Number(text.toString().trim().split("\n").at(-1));
        if (acknowledged >= 2) resolve();
      });
    });
    await started;
    await new Promise((wait) => setTimeout(wait, 120 * random.nextUniform()));
    child.kill("SIGKILL");
    await new Promise((ended) => child.once("exit", ended));
    expect(await readStep()).toBeGreaterThanOrEqual(acknowledged);
  }
});

it.skipIf(process.platform === "win32")(
  "keeps the checkpoint before when the disk takes no more, says so, and leaves nothing half-written",
  async () => {
    const write = (kibibytes: string): Promise<{ code: number | null; stderr: string }> =>
      new Promise((resolve) => {
        // No file may grow beyond 512 KiB; without the trap the limit would end the process.
        const command = `trap '' XFSZ; ulimit -f 512; exec "$@"`;
        const args = [WRITER, folder.resolve("run"), kibibytes, "3"];
        const child = spawn("bash", ["-c", command, "bash", process.execPath, ...args], {
          stdio: ["ignore", "ignore", "pipe"],
        });
        let stderr = "";
        child.stderr.on("data", (text: Buffer) => {
          stderr += text.toString();
        });
        child.once("exit", (code) => resolve({ code, stderr }));
      });
    expect((await write("100")).code).toBe(0);
    const failed = await write("2000");
    expect(failed.code).not.toBe(0);
    expect(failed.stderr).toMatch(/EFBIG|ENOSPC/);
    expect(await readStep()).toBe(3);
    expect(readdirSync(folder.resolve("run")).sort()).toEqual(["checkpoint.bin"]);
  },
);
