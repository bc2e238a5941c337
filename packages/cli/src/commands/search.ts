/** `alara search <search.json> -o <folder>`: variants of a recipe, a table and a plot of what they reached. */
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { writeFileAtomically } from "@alara/core/node";
import {
  drawParallelCoordinates,
  formatSearch,
  listVariants,
  parseSearch,
  rankVariants,
  runSearch,
  type VariantRecord,
  writeSearchCsv,
} from "@alara/studies";
import type { Command } from "commander";
import { type CommandContext, printNote, printResult, runCommand, UsageError } from "../context.ts";
import {
  computeSplitDigest,
  listLocalDevices,
  openStudyQueue,
  openTrainingSides,
  workOnTrials,
} from "../study-jobs.ts";
import { readRecipe } from "./train.ts";

interface SearchCommandOptions {
  readonly output: string;
  readonly data: string;
  readonly queue?: string;
  readonly workers?: string;
  readonly device?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Adds the command. */
export function addSearchCommand(program: Command): void {
  program
    .command("search")
    .description("train variants of a recipe: grid, random, successive halving; goes on where it was left")
    .argument("<search>", "search file (JSON; see docs/guide/studies.md)")
    .requiredOption(
      "-o, --output <folder>",
      "folder of the study: queue, runs, search.csv, search.svg, search.txt",
    )
    .requiredOption("--data <folder>", "folder that holds the split file and the image folders")
    .option(
      "--queue <url>",
      "queue (default: sqlite:<output>/queue.db); others may work on it with alara work",
    )
    .option("--workers <number>", "trainings at a time on this machine; 0 leaves the work to others", "1")
    .option("--device <list>", "devices of this machine's workers, in place of --workers")
    .option("--dry-run", "only list the variants")
    .option("--json", "machine-readable output")
    .action((path: string, options: SearchCommandOptions) =>
      runCommand(options, (context) => search(path, options, context)),
    );
}

async function writeTables(folder: string, records: readonly VariantRecord[]): Promise<void> {
  await writeFileAtomically(join(folder, "search.csv"), writeSearchCsv(records));
  await writeFileAtomically(join(folder, "search.txt"), formatSearch(records));
  await writeFileAtomically(join(folder, "search.svg"), drawParallelCoordinates(records));
}

async function search(path: string, options: SearchCommandOptions, context: CommandContext): Promise<void> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new UsageError(`cannot read the search "${path}"`);
  }
  const plan = parseSearch(text, (name) => readRecipe(resolve(dirname(path), name)));
  const variants = listVariants(plan);
  if (options.dryRun) {
    const lines = variants.map(({ settings }, k) => `${k + 1}: ${JSON.stringify(settings)}`);
    printResult(context, lines.join("\n"), { variants: variants.map(({ settings }) => settings) });
    return;
  }
  const split = await openTrainingSides(options.data, plan.recipe.data.split, context);
  const devices = listLocalDevices(options.workers, options.device);
  const queue = await openStudyQueue(options.queue, options.output);
  // Workers end with the search, not with an empty queue: the next rung comes later.
  const ending = new AbortController();
  const signal = AbortSignal.any([context.signal, ending.signal]);
  try {
    printNote(`${variants.length} variants on ${queue.url}`);
    const places = { data: options.data, runs: join(options.output, "runs") };
    const working =
      devices.length === 0 ? undefined : workOnTrials(queue, { places, devices, until: "aborted", signal });
    let failure: unknown;
    working?.catch((error: unknown) => {
      failure = error;
    });
    const records = await runSearch(plan, {
      queue,
      dataDigest: computeSplitDigest(split),
      signal: context.signal,
      wait: async (ms) => {
        if (failure !== undefined) throw failure;
        await new Promise((done) => setTimeout(done, ms));
      },
      onProgress: (now) => {
        const done = now.filter(({ state }) => state === "done" || state === "failed").length;
        context.onProgress({ phase: "search", done, total: now.length, unit: "variants" });
      },
    });
    ending.abort(new Error("the search is done"));
    await working;
    await writeTables(options.output, records);
    const [best] = rankVariants(records);
    printResult(
      context,
      `${formatSearch(records).split("\n").slice(0, 12).join("\n")}\nbest: trial ${best.trial + 1}, run ${join(options.output, "runs", best.folder)}`,
      { folder: options.output, best, records },
    );
  } finally {
    ending.abort(new Error("the search ended"));
    await queue.close();
  }
}
