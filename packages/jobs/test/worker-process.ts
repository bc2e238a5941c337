/** A worker with child processes as a process of its own, to be killed by `run-worker.test.ts`. */
import process from "node:process";
import { openJobQueue, runWorker } from "../src/index.ts";

const [, , url, kind, modulePath] = process.argv;
const queue = await openJobQueue(url);
await runWorker({ queue, kind, modulePath, leaseMs: 500, output: "ignore" });
