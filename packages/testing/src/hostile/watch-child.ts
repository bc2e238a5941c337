/** The child of watch.ts: runs orders of inputs and leaves the number of the present one in the heartbeat file. */
import fs from "node:fs";
import process from "node:process";
import { runFuzz } from "./fuzz.ts";
import { type FuzzTask, readPeakRssBytes } from "./watch.ts";

const [taskModule, seed, heartbeatFile] = process.argv.slice(2);
const { createFuzzTask } = (await import(taskModule)) as {
  createFuzzTask: (seed: number) => Promise<FuzzTask>;
};
const task = await createFuzzTask(Number(seed));
const heartbeat = fs.openSync(heartbeatFile, "r+");
const number = Buffer.alloc(8);

process.on("message", async ({ first, count }: { first: number; count: number }) => {
  const report = await runFuzz(task.mutator, task.target, {
    first,
    count,
    knownCodes: task.knownCodes,
    onInput: (input) => {
      number.writeBigUInt64LE(BigInt(input));
      fs.writeSync(heartbeat, number, 0, 8, 0);
    },
  });
  process.send?.({ report, peakRssBytes: readPeakRssBytes() });
});
process.send?.("ready");
