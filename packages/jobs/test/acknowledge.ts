/** Enqueues and completes jobs and writes a line after each acknowledgement, to be traced. */
import fs from "node:fs";
import process from "node:process";
import { openJobQueue } from "../src/open.ts";

const queue = await openJobQueue(process.argv[2]);
for (let index = 0; index < 20; index += 1) {
  await queue.enqueue("k", null, { key: `${index}` });
  fs.writeSync(1, `ack enqueue ${index}\n`);
}
for (let job = await queue.claim("k"); job !== undefined; job = await queue.claim("k")) {
  await queue.complete(job);
  fs.writeSync(1, `ack complete ${job.key}\n`);
}
await queue.close();
