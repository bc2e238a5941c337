/** `alara work`: a worker on a queue; several may work on one study, on one machine or many. */
import { openJobQueue } from "@alara/jobs";
import type { Command } from "commander";
import { type CommandContext, printNote, printResult, runCommand } from "../context.ts";
import { parseDevices, workOnTrials } from "../study-jobs.ts";

interface WorkCommandOptions {
  readonly queue: string;
  readonly data: string;
  readonly output: string;
  readonly device: string;
  readonly drain?: boolean;
  readonly json?: boolean;
}

/** Adds the command. */
export function addWorkCommand(program: Command): void {
  program
    .command("work")
    .description("work on the trainings of a search or cross-validation, until interrupted")
    .requiredOption("--queue <url>", "sqlite:<file> or postgres://user:password@host/database")
    .requiredOption(
      "--data <folder>",
      "folder that holds the split file and the image folders, on this machine",
    )
    .requiredOption("-o, --output <folder>", "folder of the runs; shared by machines that work on one study")
    .option("--device <list>", "cpu, webgpu, cuda:<number>; one training at a time on each", "cpu")
    .option("--drain", "end when nothing is queued or running")
    .option("--json", "machine-readable output")
    .action((options: WorkCommandOptions) => runCommand(options, (context) => work(options, context)));
}

async function work(options: WorkCommandOptions, context: CommandContext): Promise<void> {
  const devices = parseDevices(options.device);
  const queue = await openJobQueue(options.queue);
  try {
    printNote(`working on ${queue.url} with ${devices.join(", ")}`);
    const summary = await workOnTrials(queue, {
      places: { data: options.data, runs: options.output },
      devices,
      until: options.drain ? "drained" : "aborted",
      signal: context.signal,
    });
    printResult(
      context,
      `${summary.done} trainings done, ${summary.failed} failed, ${summary.released} given back`,
      summary,
    );
  } finally {
    await queue.close();
  }
}
