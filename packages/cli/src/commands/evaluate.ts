/** `alara evaluate <candidate> --reference <ref>`: noise, error and HU bias of one series against another. */
import type { Unit } from "@alara/core";
import { compareVolumes, type ReferenceNoise, spreadSlices } from "@alara/evaluate";
import { type Command, Option } from "commander";
import { parseWholeNumber } from "../arguments.ts";
import { type CommandContext, printResult, runCommand } from "../context.ts";
import { UNIT_NAMES } from "../convert-volume.ts";
import { formatQualityTable } from "../quality-table.ts";
import { assertSameGrid, openScan, readSlices } from "../volumes.ts";

interface EvaluateCommandOptions {
  readonly reference: string;
  readonly input?: string;
  readonly unit?: Unit;
  readonly referenceNoise: ReferenceNoise;
  readonly maximumSlices: string;
  readonly json?: boolean;
}

/** Adds the command. */
export function addEvaluateCommand(program: Command): void {
  program
    .command("evaluate")
    .description("measure noise, RMSE, PSNR, SSIM and HU bias of a series against a reference")
    .argument("<candidate>", "DICOM folder or volume file to judge")
    .requiredOption("--reference <path>", "DICOM folder or volume file of the reference")
    .option(
      "--input <path>",
      "DICOM folder or volume file of what the candidate was made from, judged beside it",
    )
    .addOption(
      new Option("--reference-noise <kind>", "what noise the reference has")
        .choices(["none", "independent", "shared", "unknown"])
        .default("unknown"),
    )
    .addOption(
      new Option("--unit <name>", "what the values of volume files are, when they do not say").choices([
        ...UNIT_NAMES,
      ]),
    )
    .option("--maximum-slices <number>", "slices compared, evenly spread over the series", "64")
    .option("--json", "machine-readable output")
    .action((candidate: string, options: EvaluateCommandOptions) =>
      runCommand(options, (context) => evaluate(candidate, options, context)),
    );
}

async function evaluate(
  candidate: string,
  options: EvaluateCommandOptions,
  context: CommandContext,
): Promise<void> {
  const maximum = parseWholeNumber("--maximum-slices", options.maximumSlices);
  const opening = { ...context, ...(options.unit === undefined ? {} : { unit: options.unit }) };
  const judged = await openScan(candidate, opening);
  const reference = await openScan(options.reference, opening);
  assertSameGrid(judged, reference, ["the candidate", "the reference"]);
  const chosen = spreadSlices(judged.geometry.size[0], maximum);
  const candidateVolume = { name: "candidate", volume: await readSlices(judged, chosen, context) };
  let input = candidateVolume;
  if (options.input !== undefined) {
    const source = await openScan(options.input, opening);
    assertSameGrid(judged, source, ["the candidate", "the input"]);
    input = { name: "input", volume: await readSlices(source, chosen, context) };
  }
  const report = await compareVolumes(
    {
      input,
      candidates: options.input === undefined ? [] : [candidateVolume],
      reference: {
        name: "reference",
        volume: await readSlices(reference, chosen, context),
        noise: options.referenceNoise,
      },
    },
    context,
  );
  const text = [formatQualityTable(report), "", ...report.caveats].join("\n");
  printResult(context, text, { chosenSlices: chosen, ...report });
}
