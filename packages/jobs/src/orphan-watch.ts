/**
 * A thread inside a job's child process that ends the process when the worker above it is gone. The job's compute may
 * block the main thread for minutes, so only a thread notices; without it a job could go on writing files while its
 * next attempt runs.
 */
import process from "node:process";
import { workerData } from "node:worker_threads";

const CHECK_MS = 250;
const { parent } = workerData as { readonly parent: number };

setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
}, CHECK_MS);
