/** `alara crossval <recipe> -o <folder>`: cross-validation over patients, a table of what each fold found. */
import { join } from "node:path";
import { writeFileAtomically } from "@alara/core/node";
import type { Json } from "@alara/jobs";
import {
  computeJobKey,
  formatCrossValidation,
  planCrossValidation,
  StudiesError,
  summariseCrossValidation,
  TRIAL_KIND,
  type TrialResult,
} from "@alara/studies";
import type { Command } from "commander";
import { parseWholeNumber } from "../arguments.ts";
import { type CommandContext, printNote, printResult, runCommand } from "../context.ts";
import {
  computeSplitDigest,
  listLocalDevices,
  listPatients,
  openStudyQueue,
  openTrainingSides,
  workOnTrials,
} from "../study-jobs.ts";
import { readRecipe } from "./train.ts";

interface CrossvalCommandOptions {
  readonly output: string;
  readonly data: string;
  readonly folds: string;
  readonly validationPatients: string;
  readonly seed?: string;
  readonly queue?: string;
  readonly workers?: string;
  readonly device?: string;
  readonly json?: boolean;
}

/** Adds the command. */
export function addCrossvalCommand(program: Command): void {
  program
    .command("crossval")
    .description("train and judge a recipe on folds of patients; the test side of the split stays untouched")
    .argument("<recipe>", "recipe file")
    .requiredOption("-o, --output <folder>", "folder of the study: queue, runs, crossval.json, crossval.txt")
    .requiredOption("--data <folder>", "folder that holds the split file and the image folders")
    .option("--folds <number>", "number of folds, or leave-one-out", "leave-one-out")
    .option("--validation-patients <number>", "patients of each fold that choose the best weights", "1")
    .option("--seed <number>", "use this seed instead of the recipe's")
    .option(
      "--queue <url>",
      "queue (default: sqlite:<output>/queue.db); others may work on it with alara work",
    )
    .option("--workers <number>", "trainings at a time on this machine; 0 leaves the work to others", "1")
    .option("--device <list>", "devices of this machine's workers, in place of --workers")
    .option("--json", "machine-readable output")
    .action((recipePath: string, options: CrossvalCommandOptions) =>
      runCommand(options, (context) => crossValidate(recipePath, options, context)),
    );
}

async function crossValidate(
  recipePath: string,
  options: CrossvalCommandOptions,
  context: CommandContext,
): Promise<void> {
  const recipe = readRecipe(recipePath, options.seed);
  const split = await openTrainingSides(options.data, recipe.data.split, context);
  const validationPatients = parseWholeNumber("--validation-patients", options.validationPatients, {
    minimum: 0,
  });
  const { folds, trials } = planCrossValidation(recipe, listPatients(split), {
    folds:
      options.folds === "leave-one-out"
        ? "leave-one-out"
        : parseWholeNumber("--folds", options.folds, { minimum: 2 }),
    seed: recipe.training.seed,
    validationPatients,
    dataDigest: computeSplitDigest(split),
  });
  const devices = listLocalDevices(options.workers, options.device);
  const queue = await openStudyQueue(options.queue, options.output);
  try {
    const keys = await Promise.all(trials.map(computeJobKey));
    await queue.enqueueMany(
      TRIAL_KIND,
      trials.map((payload, k) => ({ key: keys[k], payload: payload as unknown as Json, maxAttempts: 3 })),
    );
    printNote(`${folds.length} folds on ${queue.url}`);
    const places = { data: options.data, runs: join(options.output, "runs") };
    const working =
      devices.length === 0
        ? undefined
        : workOnTrials(queue, { places, devices, until: "drained", signal: context.signal });
    let stopped = false;
    void working?.finally(() => {
      stopped = true;
    });
    const results: TrialResult[] = [];
    const dead: string[] = [];
    for (const [k, key] of keys.entries()) {
      for (;;) {
        context.signal.throwIfAborted();
        const job = await queue.findJob(TRIAL_KIND, key);
        if (job?.state === "done") {
          results.push(job.result as unknown as TrialResult);
          break;
        }
        if (job?.state === "dead") {
          dead.push(`fold ${k + 1}: ${job.reason ?? "no reason known"}`);
          break;
        }
        if (stopped) await working; // a worker that failed says why
        await new Promise((wait) => setTimeout(wait, 300));
      }
      context.onProgress({ phase: "folds", done: k + 1, total: keys.length, unit: "folds" });
    }
    await working;
    if (dead.length > 0) {
      throw new StudiesError(
        "NO_TRIAL",
        `${dead.length} fold(s) failed: ${dead.join("; ")}; mend the cause, then run the command again`,
      );
    }
    const summary = summariseCrossValidation(results);
    const text = formatCrossValidation(summary);
    const report = { recipe, folds, results, summary };
    await writeFileAtomically(join(options.output, "crossval.json"), `${JSON.stringify(report, null, 2)}\n`);
    await writeFileAtomically(join(options.output, "crossval.txt"), text);
    printResult(context, text.trimEnd(), { folder: options.output, summary });
  } finally {
    await queue.close();
  }
}
