/** `alara train <recipe.json> -o <run>`: data, training, and a model bundle in the run folder. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { computeSha256, stringifyCanonical } from "@alara/core";
import {
  buildPhantomPairs,
  buildTrainingPairs,
  buildValidationPairs,
  packBundle,
  parseRecipe,
  type Recipe,
  type SkippedSeries,
} from "@alara/enhance";
import { writeBundle } from "@alara/enhance/node";
import {
  createPairSource,
  exportInferenceModel,
  MODEL_INPUT,
  MODEL_OUTPUT,
  type Network,
  networks,
  type TrainResult,
  trainNetwork,
} from "@alara/learn";
import { createNodeRuntime, openRunFolder } from "@alara/learn/node";
import type { Command } from "commander";
import { parseProviders, parseWholeNumber } from "../arguments.ts";
import { type CommandContext, printNote, printResult, runCommand, UsageError } from "../context.ts";
import { openSplit, readSplitSeries } from "../training-input.ts";
import { CODE_VERSION, readCommit } from "../version.ts";

interface TrainCommandOptions {
  readonly output: string;
  readonly data: string;
  readonly resume?: boolean;
  readonly seed?: string;
  readonly threads?: string;
  readonly providers: string;
  readonly json?: boolean;
}

/** Adds the command. */
export function addTrainCommand(program: Command): void {
  program
    .command("train")
    .description("train a network from a recipe and write a model bundle")
    .argument("<recipe>", "recipe file (JSON; see docs/guide/training.md)")
    .requiredOption("-o, --output <folder>", "run folder: log.jsonl, loss.svg, checkpoint.bin, model/")
    .requiredOption("--data <folder>", "folder that holds the split file and the image folders")
    .option("--resume", "continue the run in the output folder, bit for bit")
    .option("--seed <number>", "use this seed instead of the recipe's")
    .option("--threads <number>", "threads of one operator (default: all cores)")
    .option("--providers <list>", "execution providers in order of preference", "cpu")
    .option("--json", "machine-readable output")
    .action((recipePath: string, options: TrainCommandOptions) =>
      runCommand(options, (context) => train(recipePath, options, context)),
    );
}

function readRecipe(path: string, seed: string | undefined): Recipe {
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

async function train(
  recipePath: string,
  options: TrainCommandOptions,
  context: CommandContext,
): Promise<void> {
  const recipe = readRecipe(recipePath, options.seed);
  const network = networks.get(recipe.network.name)(recipe.network.config);
  const threads =
    options.threads === undefined
      ? {}
      : { threads: parseWholeNumber("--threads", options.threads, { maximum: 1024 }) };
  const runtime = await createNodeRuntime({
    providers: parseProviders(options.providers),
    ...threads,
  });
  for (const { provider, reason } of runtime.unavailable)
    printNote(`provider ${provider} is not there: ${reason}`);
  const run = await openRunFolder(options.output, { resume: options.resume ? "if-present" : "never" });

  const commit = readCommit();
  const skipped: SkippedSeries[] = [];
  const work = {
    signal: context.signal,
    onProgress: context.onProgress,
    onSkipped: (item: SkippedSeries): void => {
      skipped.push(item);
      printNote(`left out ${item.id}: ${item.code}: ${item.reason}`);
    },
  };
  const sides = { needed: ["train", "val"], held: ["test"] };
  const split = await openSplit(options.data, recipe.data.split, sides, work);
  const trainingSeries = await readSplitSeries(split, "train", work);
  const real = await buildTrainingPairs(trainingSeries, recipe, work);
  const phantoms = await buildPhantomPairs(recipe, real, work);
  const validationSeries = await readSplitSeries(split, "val", work);
  const validation = await buildValidationPairs(validationSeries, recipe, network.sizeMultiple, work);
  printNote(
    `${real.pairs.length} slices of ${real.kernels.length} series, ${phantoms.length} phantoms; validation on ${validation.length} slices`,
  );

  const trainingIds = [...new Set(real.pairs.map((pair) => pair.id.replace(/\/\d+$/, "")))];
  const validationIds = validation.map((pair) => pair.id);
  const result = await trainNetwork({
    network,
    recipe: recipe.training,
    source: createPairSource([...real.pairs, ...phantoms], { tissueFraction: recipe.data.bodyShare }),
    validation,
    runtime,
    dataId: stringifyCanonical({
      trainingIds,
      validationIds,
      data: recipe.data,
      provider: runtime.provider,
      threads: options.threads ?? "default",
    }),
    sink: run.sink,
    ...(run.resume ? { resume: run.resume } : {}),
    ...threads,
    signal: context.signal,
    onProgress: context.onProgress,
  });

  const folder = join(options.output, "model");
  const files = await packRun({
    recipe,
    network,
    result,
    trainingIds,
    validationIds,
    provider: runtime.provider,
    commit,
  });
  await writeBundle(folder, files);
  const digest = await computeSha256(files.get("model.onnx") as Uint8Array);
  printResult(
    context,
    `${result.reason} after ${result.checkpoint.state.step} steps; best validation RMSE ${result.best?.rmseHu.toFixed(3) ?? "–"} HU at step ${result.best?.step ?? "–"}\nmodel bundle: ${folder} (sha256 ${digest.slice(0, 12)})`,
    {
      folder,
      digest,
      reason: result.reason,
      steps: result.checkpoint.state.step,
      best: result.best && { step: result.best.step, rmseHu: result.best.rmseHu },
      skipped,
    },
  );
}

/** Puts a finished run into a bundle with its card. */
function packRun(run: {
  readonly recipe: Recipe;
  readonly network: Network;
  readonly result: TrainResult;
  readonly trainingIds: readonly string[];
  readonly validationIds: readonly string[];
  readonly provider: string;
  readonly commit: string;
}): Promise<ReadonlyMap<string, Uint8Array>> {
  const { recipe, network, result } = run;
  const validation = {
    step: result.checkpoint.state.step,
    ...(result.best ? { bestStep: result.best.step, rmseHu: result.best.rmseHu } : {}),
  };
  return packBundle(
    {
      name: recipe.name,
      version: recipe.version,
      summary: recipe.summary,
      licence: "Apache-2.0",
      intendedUse: "Research only; not a medical device. Lowers quantum noise of reconstructed CT slices.",
      code: { version: CODE_VERSION, commit: run.commit },
      network: { name: network.name, config: network.config },
      inference: {
        input: MODEL_INPUT,
        output: MODEL_OUTPUT,
        unit: "HU",
        multipleOf: network.sizeMultiple,
        receptiveRadius: network.receptiveRadius,
        contextSlices: (network.inputChannels - 1) / 2,
      },
      recipe,
      trainingData: {
        ids: run.trainingIds,
        validationIds: run.validationIds,
        notes:
          "Pairs by image-domain low-dose insertion: targets keep the noise of the original scan. Phantom pairs have noise-free targets.",
      },
      intendedRange: { modality: "CT", ...recipe.intendedRange },
      validation,
    },
    exportInferenceModel(network, { values: result.values }),
  );
}
