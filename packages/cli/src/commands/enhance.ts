/** `alara enhance <in> -o <dir>`: a derived DICOM series and a report. */
import { existsSync } from "node:fs";
import type { Unit } from "@alara/core";
import { type Command, Option } from "commander";
import { parseMoment, parseNumber, parseSeriesChoice } from "../arguments.ts";
import { type CommandContext, printNote, printResult, runCommand, UsageError } from "../context.ts";
import { UNIT_NAMES } from "../convert-volume.ts";
import { type EnhanceSeriesResult, enhanceSubject } from "../enhance-series.ts";
import { openSeries } from "../input.ts";
import { type MethodChoice, openMethod } from "../method-choice.ts";
import { formatQualityTable } from "../quality-table.ts";
import { createSeriesSubject, createVolumeSubject } from "../subjects.ts";
import { openHuVolume, openScan } from "../volumes.ts";

/** The options of the command line. */
export interface EnhanceCommandOptions extends MethodChoice {
  readonly output: string;
  readonly strength: string;
  readonly series?: string;
  readonly unit?: Unit;
  readonly reference?: string;
  readonly referenceNoise: "none" | "independent" | "shared" | "unknown";
  readonly date?: string;
  readonly suffix?: string;
  readonly keepPrivate?: boolean;
  readonly force?: boolean;
  readonly report: boolean;
  readonly sr?: boolean;
  readonly json?: boolean;
}

/** What the options are when none is given. */
export const DEFAULT_ENHANCE_OPTIONS: Pick<
  EnhanceCommandOptions,
  "strength" | "referenceNoise" | "report" | "providers"
> = { strength: "1", referenceNoise: "unknown", report: true, providers: "cpu" };

/** Adds the command. */
export function addEnhanceCommand(program: Command): void {
  program
    .command("enhance")
    .description("enhance a CT series: writes <dir>/series/*.dcm, report.html and report.json")
    .argument("<in>", "DICOM folder or file, or a volume file in Hounsfield units")
    .requiredOption("-o, --output <dir>", "output folder; must not exist or be empty")
    .option("--method <name>", "enhancement method, see `alara methods` (default: the shipped model)")
    .option("--model <bundle>", "model bundle: a shipped name or a folder, see `alara models`")
    .option(
      "--set <name=value>",
      "option of the method; may be repeated",
      (text: string, before: readonly string[] = []) => [...before, text],
    )
    .option("--strength <number>", "0 keeps the original, 1 is full effect", "1")
    .option("--series <choice>", "which series of several: number as in `alara inspect`, or part of its UID")
    .addOption(
      new Option("--unit <name>", "what the values of volume files are, when they do not say").choices([
        ...UNIT_NAMES,
      ]),
    )
    .option("--reference <path>", "DICOM folder or volume file to measure the result against, slice by slice")
    .addOption(
      new Option("--reference-noise <kind>", "what noise the reference has")
        .choices(["none", "independent", "shared", "unknown"])
        .default("unknown"),
    )
    .option(
      "--date <iso>",
      "moment written into the result (default: now); the same moment gives the same bytes",
    )
    .option("--suffix <text>", "put behind the Series Description")
    .option("--keep-private", "keep private elements")
    .option(
      "--force",
      "run outside the intended range, on a result of Alara, or without damaged files; the result is marked",
    )
    .option("--threads <number>", "threads of the network (default: all cores)")
    .option("--providers <list>", "execution providers in order of preference", "cpu")
    .option("--no-report", "write the series only")
    .option("--sr", "also write the report's numbers as a DICOM structured report, <dir>/report.dcm")
    .option("--json", "machine-readable output")
    .action((input: string, options: EnhanceCommandOptions) =>
      runCommand(options, async (context) => {
        const { result, text } = await enhanceInput(input, options, context);
        printResult(context, text, result);
      }),
    );
}

/**
 * Enhances what a path holds.
 *
 * @returns what was done, for machines and for people; notes are printed
 * @throws UsageError, and as opening, enhancing and writing
 */
export async function enhanceInput(
  input: string,
  options: EnhanceCommandOptions,
  context: CommandContext,
): Promise<{ readonly result: EnhanceSeriesResult; readonly text: string }> {
  const strength = parseNumber("--strength", options.strength, { minimum: 0, maximum: 1 });
  const choice = parseSeriesChoice(options.series);
  const dateTime = parseMoment(options.date);
  const method = await openMethod(options);
  try {
    const opened = await openHuVolume(input, options.unit);
    if (opened !== undefined) refuseDicomOptions(options);
    if (opened === undefined && options.unit !== undefined && options.reference === undefined) {
      throw new UsageError("--unit is for volume files, but the input is DICOM, which states its unit");
    }
    const subject =
      opened === undefined
        ? createSeriesSubject(
            await openSeries(input, {
              ...context,
              ...choice,
              damaged: options.force ? "continue" : "refuse",
            }),
          )
        : createVolumeSubject(opened, "enhanced");
    const reference =
      options.reference === undefined
        ? undefined
        : await openScan(options.reference, {
            ...context,
            ...(options.unit === undefined ? {} : { unit: options.unit }),
          });
    const result = await enhanceSubject(subject, method, options.output, {
      ...context,
      strength,
      dateTime,
      report: options.report,
      structuredReport: options.sr === true,
      force: options.force === true,
      command: describeCommand(process.argv.slice(2)),
      ...(reference ? { reference: { scan: reference, noise: options.referenceNoise } } : {}),
      ...(options.suffix === undefined ? {} : { seriesDescriptionSuffix: options.suffix }),
      ...(options.keepPrivate ? { privateElements: "keep" as const } : {}),
    });
    return { result, text: describeEnhanced(result) };
  } finally {
    await method.enhancer.dispose();
  }
}

/** Options that have no meaning for a volume file. */
function refuseDicomOptions(options: EnhanceCommandOptions): void {
  for (const [name, value] of [
    ["--series", options.series],
    ["--suffix", options.suffix],
    ["--keep-private", options.keepPrivate],
    ["--sr", options.sr],
  ]) {
    if (value !== undefined) throw new UsageError(`${name} is for DICOM, but the input is a volume file`);
  }
}

/** The command as the report shows it: paths are left out, they may name a patient. */
function describeCommand(args: readonly string[]): string {
  const shown = args.map((text) => (/[\\/]/.test(text) || existsSync(text) ? "<path>" : text));
  return ["alara", ...shown].join(" ");
}

/** Prints findings as notes; returns the table and where to look. */
export function describeEnhanced(result: EnhanceSeriesResult): string {
  for (const item of result.seriesFindings)
    if (item.severity === "warning") printNote(`! ${item.code}: ${item.message}`);
  for (const item of result.rangeFindings) printNote(`! outside the intended range: ${item.message}`);
  const lines: string[] = [];
  if (result.report) lines.push(formatQualityTable(result.report), "");
  lines.push(`${result.slices} slices in ${result.seconds.toFixed(1)} s → ${result.folder}`);
  if (result.report) lines.push(`look at ${result.folder}/report.html`);
  return lines.join("\n");
}
