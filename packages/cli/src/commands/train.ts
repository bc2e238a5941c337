/** `alara train <recipe.json> -o <run>`: data, training, and a model bundle in the run folder. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { computeSha256 } from "@alara/core";
import {
  type PreparedRecipe,
  packTrainedModel,
  parseRecipe,
  prepareRecipe,
  type Recipe,
  type SkippedSeries,
  trainRecipe,
} from "@alara/enhance";
import { writeBundle } from "@alara/enhance/node";
import { countParameters, type TrainResult } from "@alara/learn";
import { createNodeRuntime, openRunFolder } from "@alara/learn/node";
import type { Command } from "commander";
import { parseProviders, parseWholeNumber } from "../arguments.ts";
import { type CommandContext, printNote, printResult, runCommand, UsageError } from "../context.ts";
import { startTrainingMonitor } from "../monitor/training-monitor.ts";
import { openSplit, readSplitSeries } from "../training-input.ts";
import { openFeatures, readStartWeights } from "../training-resources.ts";
import { CODE_VERSION, readCommit } from "../version.ts";

interface TrainCommandOptions {
  readonly output: string;
  readonly data: string;
  readonly resume?: boolean;
  readonly seed?: string;
  readonly threads?: string;
  readonly providers: string;
  readonly start?: string;
  readonly features?: string;
  readonly featuresOutput?: string;
  readonly monitor?: string | true;
  readonly faultyData?: boolean;
  readonly json?: boolean;
}

/** Adds the command. */
export function addTrainCommand(program: Command): void {
  program
    .command("train")
    .description("train a network from a recipe and write a model bundle")
    .argument("<recipe>", "recipe file (JSON; see docs/guide/training.md)")
    .requiredOption(
      "-o, --output <folder>",
      "run folder: log.jsonl, loss.svg, samples/, checkpoint.bin, model/",
    )
    .requiredOption("--data <folder>", "folder that holds the split file and the image folders")
    .option("--resume", "continue the run in the output folder, bit for bit")
    .option("--start <bundle>", "start from this model's weights (fine-tuning) instead of drawn ones")
    .option("--features <file>", "feature network of perceptual losses: an ONNX file or a model bundle")
    .option(
      "--features-output <value>",
      "the value inside the feature network to compare (default: its output)",
    )
    .option("--monitor [port]", "show the run on a page of this machine while it trains")
    .option("--seed <number>", "use this seed instead of the recipe's")
    .option("--threads <number>", "threads of one operator (default: all cores)")
    .option("--providers <list>", "execution providers in order of preference", "cpu")
    .option("--faulty-data", "train although the data have faults; they are still listed")
    .option("--json", "machine-readable output")
    .action((recipePath: string, options: TrainCommandOptions) =>
      runCommand(options, (context) => train(recipePath, options, context)),
    );
}

/** Reads a recipe file, with another seed where one is given. */
export function readRecipe(path: string, seed?: string): Recipe {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new UsageError(`cannot read the recipe "${path}"`);
  }
  const recipe = parseRecipe(text);
  return seed === undefined
    ? recipe
    : { ...recipe, training: { ...recipe.training, seed: parseWholeNumber("--seed", seed, { minimum: 0 }) } };
}

async function prepare(
  recipe: Recipe,
  options: TrainCommandOptions,
  context: CommandContext,
  skipped: SkippedSeries[],
): Promise<PreparedRecipe> {
  const work = {
    signal: context.signal,
    onProgress: context.onProgress,
    onSkipped: (item: SkippedSeries): void => {
      skipped.push(item);
      printNote(`left out ${item.id}: ${item.code}: ${item.reason}`);
    },
  };
  const features = await openFeatures(recipe, options);
  const split = await openSplit(
    options.data,
    recipe.data.split,
    { needed: ["train", "val"], held: ["test"] },
    work,
  );
  const prepared = await prepareRecipe(
    recipe,
    {
      training: await readSplitSeries(split, "train", work),
      validation: await readSplitSeries(split, "val", work),
    },
    {
      ...work,
      quality: options.faultyData ? "report" : "refuse",
      ...(features ? { resources: { features } } : {}),
    },
  );
  for (const { severity, code, ids, message } of prepared.quality?.findings ?? []) {
    if (severity !== "note") printNote(`data ${severity} ${code}: ${ids.join(", ")}: ${message}`);
  }
  printNote(prepared.data.summary);
  return prepared;
}

async function train(
  recipePath: string,
  options: TrainCommandOptions,
  context: CommandContext,
): Promise<void> {
  const recipe = readRecipe(recipePath, options.seed);
  const threads =
    options.threads === undefined
      ? {}
      : { threads: parseWholeNumber("--threads", options.threads, { maximum: 1024 }) };
  const runtime = await createNodeRuntime({ providers: parseProviders(options.providers), ...threads });
  for (const { provider, reason } of runtime.unavailable)
    printNote(`provider ${provider} is not there: ${reason}`);
  const startWeights = options.start === undefined ? undefined : await readStartWeights(options.start);
  const run = await openRunFolder(options.output, { resume: options.resume ? "if-present" : "never" });
  const commit = readCommit();
  const skipped: SkippedSeries[] = [];
  const prepared = await prepare(recipe, options, context, skipped);
  const { main } = prepared.program.networks;
  const monitor = await startTrainingMonitor({
    run,
    facts: {
      name: recipe.name,
      summary: recipe.summary,
      steps: recipe.training.steps,
      provider: runtime.provider,
      ...threads,
      network: { name: main.name, parameters: countParameters(main.parameters) },
      more: { method: prepared.program.name, task: recipe.data.task?.name ?? "low-dose" },
      recipe,
    },
    ...(options.monitor === undefined
      ? {}
      : {
          port:
            options.monitor === true
              ? ("default" as const)
              : parseWholeNumber("--monitor", options.monitor, { minimum: 0, maximum: 65535 }),
        }),
    onProgress: context.onProgress,
  });
  let result: TrainResult;
  try {
    result = await trainRecipe(prepared, {
      runtime,
      sink: monitor.sink,
      ...(run.resume ? { resume: run.resume } : {}),
      ...(startWeights ? { startWeights } : {}),
      ...threads,
      signal: context.signal,
      onProgress: monitor.onProgress,
    });
  } finally {
    await monitor.close();
  }

  const roles = Object.keys(prepared.program.networks);
  const folders: Record<string, string> = {};
  for (const role of roles) {
    const files = await packTrainedModel(prepared, result, { codeVersion: CODE_VERSION, commit }, role);
    folders[role] = join(options.output, role === "main" ? "model" : `model-${role}`);
    await writeBundle(folders[role], files);
    if (role === "main") folders.digest = await computeSha256(files.get("model.onnx") as Uint8Array);
  }
  const { digest, main: folder } = folders;
  printResult(
    context,
    `${result.reason} after ${result.checkpoint.step} steps; best validation ${result.best?.score.toFixed(3) ?? "–"} at step ${result.best?.step ?? "–"}\nmodel bundle: ${folder} (sha256 ${digest.slice(0, 12)})`,
    {
      folder,
      folders: Object.fromEntries(roles.map((role) => [role, folders[role]])),
      digest,
      reason: result.reason,
      steps: result.checkpoint.step,
      best: result.best && { step: result.best.step, score: result.best.score },
      skipped,
    },
  );
}
