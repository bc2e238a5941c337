/** Claims one job, says so, and holds it until it is killed. */
import process from "node:process";
import { openJobQueue } from "../src/open.ts";

const [, , url, kind, leaseMs] = process.argv;
const queue = await openJobQueue(url);
const job = await queue.claim(kind, { leaseMs: Number(leaseMs) });
process.stdout.write(`${job?.id}\n`);
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(1);
}, 500);
