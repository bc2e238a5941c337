/** `alara models import <file.onnx> -o <bundle>`: somebody's ONNX denoiser as a model bundle. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { type ImportBundleOptions, importDenoiserBundle, type Range } from "@alara/enhance";
import { writeBundle } from "@alara/enhance/node";
import type { DenoiserOptions, DenoiserScaling } from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import type { Command } from "commander";
import { parseNumber, parseWholeNumber } from "../arguments.ts";
import { type CommandContext, printResult, runCommand, UsageError } from "../context.ts";
import { CODE_VERSION, readCommit } from "../version.ts";

interface ImportCommandOptions {
  readonly output: string;
  readonly window?: string;
  readonly unitRange: string;
  readonly linear?: string;
  readonly predicts: string;
  readonly layout: string;
  readonly channels: string;
  readonly outside: string;
  readonly input?: string;
  readonly outputName?: string;
  readonly multiple?: string;
  readonly radius?: string;
  readonly name?: string;
  readonly modelVersion: string;
  readonly summary: string;
  readonly licence: string;
  readonly spacing: string;
  readonly thickness: string;
  readonly kvp: string;
  readonly noise: string;
  readonly json?: boolean;
}

/** Adds the command below `alara models`. */
export function addImportModelCommand(models: Command): void {
  models
    .command("import")
    .description("make a model bundle of an ONNX denoiser (image to image)")
    .argument("<file>", "ONNX file, weights inside")
    .requiredOption("-o, --output <folder>", "folder of the new bundle")
    .option("--window <low,high>", "HU that become the ends of --unit-range; values beyond are held there")
    .option("--unit-range <low,high>", "values that the network was trained on", "0,1")
    .option("--linear <offset,scale>", "instead of a window: (HU − offset) / scale")
    .option("--predicts <what>", "image, or noise to be subtracted", "image")
    .option("--layout <axes>", "NCHW or NHWC", "NCHW")
    .option("--channels <use>", "repeat a slice in every channel, or feed neighbouring slices", "repeat")
    .option("--outside <what>", "beyond the window: keep the input's difference, or clip", "keep")
    .option("--input <name>", "input of the network (default: its only one)")
    .option("--output-name <name>", "output of the network (default: its first)")
    .option("--multiple <pixels>", "sizes must be multiples of this (default: measured)")
    .option("--radius <pixels>", "receptive radius (default: measured)")
    .option("--name <text>", "name of the model (default: the file's)")
    .option("--model-version <text>", "its version", "1")
    .option("--summary <text>", "one line about it", "an imported denoiser")
    .option("--licence <text>", "licence of the network", "not stated")
    .requiredOption("--kvp <low,high>", "tube voltages that it is for, kV")
    .requiredOption("--spacing <low,high>", "pixel spacings that it is for, mm")
    .requiredOption("--thickness <low,high>", "slice thicknesses that it is for, mm")
    .requiredOption("--noise <low,high>", "noise of inputs that it is for, HU")
    .option("--json", "machine-readable output")
    .action((path: string, options: ImportCommandOptions, command: Command) =>
      // `--json` is an option of `alara models` too, which takes it first.
      runCommand({ json: command.optsWithGlobals().json === true }, (context) =>
        importModel(path, options, context),
      ),
    );
}

function parsePair(name: string, text: string): Range {
  const parts = text.split(",");
  if (parts.length !== 2) throw new UsageError(`${name} is "${text}", expected two numbers like 0,1`);
  const bounds = { minimum: -1e6, maximum: 1e6 };
  return [parseNumber(name, parts[0], bounds), parseNumber(name, parts[1], bounds)];
}

function parseRising(name: string, text: string): Range {
  const pair = parsePair(name, text);
  if (pair[0] > pair[1]) throw new UsageError(`${name} is "${text}", expected the lower number first`);
  return pair;
}

function parseChoice<Choice extends string>(name: string, text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((word) => word === text);
  if (choice === undefined) throw new UsageError(`${name} is "${text}", expected ${choices.join(" or ")}`);
  return choice;
}

function parseScaling({ window, unitRange, linear }: ImportCommandOptions): DenoiserScaling {
  if ((window === undefined) === (linear === undefined)) {
    throw new UsageError(
      "give either --window or --linear: without it the network's numbers have no meaning",
    );
  }
  if (linear !== undefined) {
    const [offsetHu, scaleHu] = parsePair("--linear", linear);
    return { kind: "linear", offsetHu, scaleHu };
  }
  const [lowHu, highHu] = parseRising("--window", window ?? "");
  return { kind: "window", lowHu, highHu, range: parseRising("--unit-range", unitRange) };
}

function parseDenoiser(options: ImportCommandOptions): DenoiserOptions {
  return {
    scaling: parseScaling(options),
    predicts: parseChoice("--predicts", options.predicts, ["image", "noise"]),
    layout: parseChoice("--layout", options.layout, ["NCHW", "NHWC"]),
    channels: parseChoice("--channels", options.channels, ["repeat", "slices"]),
    outsideWindow: parseChoice("--outside", options.outside, ["keep", "clip"]),
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.outputName === undefined ? {} : { output: options.outputName }),
  };
}

function readModel(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch {
    throw new UsageError(`cannot read the ONNX file "${path}"`);
  }
}

async function importModel(
  path: string,
  options: ImportCommandOptions,
  context: CommandContext,
): Promise<void> {
  const denoiser = parseDenoiser(options);
  const intendedRange: ImportBundleOptions["intendedRange"] = {
    modality: "CT",
    pixelSpacingMm: parseRising("--spacing", options.spacing),
    sliceThicknessMm: parseRising("--thickness", options.thickness),
    kvp: parseRising("--kvp", options.kvp),
    noiseHu: parseRising("--noise", options.noise),
    bodyParts: [],
  };
  const sizes = {
    ...(options.multiple === undefined
      ? {}
      : { sizeMultiple: parseWholeNumber("--multiple", options.multiple, { maximum: 4096 }) }),
    ...(options.radius === undefined
      ? {}
      : { receptiveRadius: parseWholeNumber("--radius", options.radius, { minimum: 0, maximum: 4096 }) }),
  };
  const bytes = readModel(path);
  const imported = await importDenoiserBundle(bytes, {
    name: options.name ?? basename(path).replace(/\.onnx$/, ""),
    version: options.modelVersion,
    summary: options.summary,
    licence: options.licence,
    intendedUse: "Research only; not a medical device. Imported; its training is not known to Alara.",
    intendedRange,
    denoiser,
    ...sizes,
    code: { version: CODE_VERSION, commit: readCommit() },
    runtime: await createNodeRuntime(),
  });
  await writeBundle(options.output, imported.files);
  const { sizeMultiple, receptiveRadius, uniformShiftHu } = imported;
  const shift = `${uniformShiftHu.toPrecision(3)} HU`;
  printResult(
    context,
    `model bundle: ${options.output}\nsizes: multiples of ${sizeMultiple}; receptive radius ${receptiveRadius} pixels\nuniform regions are shifted by up to ${shift}${uniformShiftHu > 20 ? ": check the scaling" : ""}`,
    { folder: options.output, sizeMultiple, receptiveRadius, uniformShiftHu },
  );
}
