/** `alara simulate low-dose <in> -o <dir>`: the series or the projections as a lower dose would have given them. */

import { getSliceData, type Unit } from "@alara/core";
import { decodeVolume, findTransferSyntax, TRANSFER_SYNTAX_UID, writeSinogram } from "@alara/dicom";
import { createOutputFolder, isSinogramPath, openSinogram } from "@alara/dicom/node";
import { insertSinogramNoise } from "@alara/physics";
import { createLowDoseSimulator } from "@alara/recon";
import { type Command, Option } from "commander";
import { parseMoment, parseNumber, parseSeriesChoice, parseWholeNumber } from "../arguments.ts";
import { type CommandContext, printResult, runCommand, UsageError } from "../context.ts";
import { UNIT_NAMES } from "../convert-volume.ts";
import { CliError, openSeries } from "../input.ts";
import { createSeriesWriter, createVolumeWriter } from "../subjects.ts";
import { describeCode } from "../version.ts";
import { openHuVolume } from "../volumes.ts";

const SYNTAXES = {
  uncompressed: TRANSFER_SYNTAX_UID.explicitLittleEndian,
  "jpeg-ls": TRANSFER_SYNTAX_UID.jpegLsLossless,
  rle: TRANSFER_SYNTAX_UID.rleLossless,
} as const;

interface LowDoseCommandOptions {
  readonly output: string;
  readonly doseFraction: string;
  readonly seed: string;
  readonly realisation: string;
  readonly series?: string;
  readonly unit?: Unit;
  readonly compression: keyof typeof SYNTAXES;
  readonly date?: string;
  readonly json?: boolean;
}

/** Adds the command. */
export function addSimulateLowDoseCommand(simulate: Command): void {
  simulate
    .command("low-dose")
    .description("insert the noise of a lower dose into a reconstructed CT series, or into projections")
    .argument(
      "<in>",
      "DICOM folder of the full-dose series, a volume file in Hounsfield units, or a sinogram file",
    )
    .requiredOption("-o, --output <dir>", "output folder; must not exist or be empty")
    .option("--dose-fraction <number>", "dose relative to the input, 0.02 to 1", "0.25")
    .option("--seed <number>", "seed of the noise", "1")
    .option("--realisation <number>", "which of the independent noises of the seed", "0")
    .option("--series <choice>", "which series of several: number as in `alara inspect`, or part of its UID")
    .addOption(
      new Option("--unit <name>", "what the values of a volume file are, when it does not say").choices([
        ...UNIT_NAMES,
      ]),
    )
    .addOption(
      new Option("--compression <name>", "how pixels are stored, all without loss")
        .choices(Object.keys(SYNTAXES))
        .default("uncompressed"),
    )
    .option("--date <iso>", "moment written into the result (default: now)")
    .option("--json", "machine-readable output")
    .action((input: string, options: LowDoseCommandOptions) =>
      runCommand(options, (context) => simulateLowDose(input, options, context)),
    );
}

async function simulateLowDose(
  input: string,
  options: LowDoseCommandOptions,
  context: CommandContext,
): Promise<void> {
  const doseFraction = parseNumber("--dose-fraction", options.doseFraction, { minimum: 0.02, maximum: 1 });
  const seed = parseWholeNumber("--seed", options.seed, { minimum: 0 });
  const realisation = parseWholeNumber("--realisation", options.realisation, { minimum: 0 });
  const choice = parseSeriesChoice(options.series);
  const dateTime = parseMoment(options.date);
  if (await isSinogramPath(input)) {
    await simulateLowDoseSinogram(input, options, context, { doseFraction, seed, realisation });
    return;
  }
  const folder = await createOutputFolder(options.output);
  try {
    const opened = await openHuVolume(input, options.unit);
    if (opened !== undefined && options.series !== undefined) {
      throw new UsageError("--series is for DICOM, but the input is a volume file");
    }
    if (opened === undefined && options.unit !== undefined) {
      throw new UsageError("--unit is for volume files, but the input is DICOM, which states its unit");
    }
    const source = opened ?? { series: await openSeries(input, { ...context, ...choice }) };
    const volume = "series" in source ? await decodeVolume(source.series, context) : source.volume;
    const simulator = await createLowDoseSimulator(volume, { seed, ...context });
    const lowDose = await simulator.insert(doseFraction, { realisation, ...context });
    const { calibration } = simulator;
    const writer =
      "series" in source
        ? await createSeriesWriter(source.series, folder, {
            methodDescription: `Simulated low dose: ${100 * doseFraction} % by image-domain noise insertion`,
            parameters: {
              method: "low-dose insertion",
              doseFraction,
              seed,
              realisation,
              scanner: calibration.scanner,
            },
            product: "simulation",
            derivationCode: { value: "LOWDOSE", scheme: "99ALARA", meaning: "Simulated low dose" },
            codeVersion: describeCode(),
            dateTime,
            seriesDescriptionSuffix: `SIM ${100 * doseFraction}% DOSE`,
            transferSyntaxUid: SYNTAXES[options.compression],
          })
        : createVolumeWriter(
            source,
            folder,
            "low-dose",
            `simulated low dose, ${100 * doseFraction} %; seed ${seed}; realisation ${realisation}; version ${describeCode()}`,
          );
    for (let slice = 0; slice < volume.geometry.size[0]; slice++) {
      context.signal.throwIfAborted();
      await writer.writeSlice(slice, getSliceData(lowDose, slice), [slice]);
    }
    await writer.finish();
    await folder.commit();
    const result = {
      folder: folder.path,
      slices: volume.geometry.size[0],
      doseFraction,
      seed,
      fullDoseNoiseHu: calibration.sigmaHu,
      kernelWindow: calibration.window,
      sliceCorrelation: calibration.sliceCorrelation,
      incidentQuanta: calibration.incidentQuanta,
      ...("series" in source ? { compression: findTransferSyntax(SYNTAXES[options.compression])?.name } : {}),
    };
    printResult(
      context,
      `${result.slices} slices at ${100 * doseFraction} % dose → ${folder.path}\nnoise of the input ${calibration.sigmaHu.toFixed(1)} HU; ${Math.round(calibration.incidentQuanta)} quanta per channel and view at full dose`,
      result,
    );
  } finally {
    await folder.dispose();
  }
}

/** Where the projections are there: quanta are thinned, which is exact from many quanta down to none. */
async function simulateLowDoseSinogram(
  input: string,
  options: LowDoseCommandOptions,
  context: CommandContext,
  choice: { readonly doseFraction: number; readonly seed: number; readonly realisation: number },
): Promise<void> {
  for (const [name, value] of [
    ["--series", options.series],
    ["--unit", options.unit],
    ["--compression", options.compression === "uncompressed" ? undefined : options.compression],
  ]) {
    if (value !== undefined) throw new UsageError(`${name} is for images, but the input is a sinogram file`);
  }
  const { sinogram, facts } = await openSinogram(input);
  const { incidentQuanta, electronicNoiseQuanta = 0 } = facts;
  if (sinogram.unit !== "line integral" || incidentQuanta === undefined) {
    throw new CliError(
      "INPUT_NOT_READABLE",
      "a lower dose needs line integrals and the quanta per sample without an object (incidentQuanta), which the file does not hold",
    );
  }
  const folder = await createOutputFolder(options.output);
  try {
    const lowDose = insertSinogramNoise(sinogram, {
      ...choice,
      airQuanta: incidentQuanta,
      electronicNoiseQuanta,
    });
    const quanta = incidentQuanta * choice.doseFraction;
    await folder.writeFile(
      "scan.sino.npz",
      writeSinogram(lowDose.lineIntegrals, { ...facts, incidentQuanta: quanta }),
    );
    await folder.commit();
    const { clampedSamples } = lowDose;
    printResult(
      context,
      `${sinogram.data.length} samples at ${100 * choice.doseFraction} % dose, ${Math.round(quanta)} quanta per sample in air → ${folder.path}/scan.sino.npz`,
      { folder: folder.path, ...choice, incidentQuanta: quanta, clampedSamples },
    );
  } finally {
    await folder.dispose();
  }
}
