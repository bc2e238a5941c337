/** `alara convert <in> -o <out>`: DICOM series and volume files into one another, pixels unchanged. */
import type { Unit } from "@alara/core";
import { type SampleType, TRANSFER_SYNTAX_UID, volumeFormats } from "@alara/dicom";
import { isVolumePath, type OpenedVolume, openVolumeFile, requireNoFile } from "@alara/dicom/node";
import { type Command, Option } from "commander";
import { parseMoment, parseNumber, parseSeriesChoice, parseWholeNumber } from "../arguments.ts";
import { type CommandContext, printNote, printResult, runCommand, UsageError } from "../context.ts";
import {
  convertSeries,
  describeFindings,
  getOrientation,
  hashVolume,
  makeOrthogonal,
  questionHu,
  type ReadVolume,
  readSeriesVolume,
  UNIT_NAMES,
  type WrittenSeries,
  writeVolume,
  writeVolumeAsCt,
} from "../convert-volume.ts";
import { chooseOutputFormat, createFormatOption } from "../hu-output.ts";
import { openSeries } from "../input.ts";
import { CODE_VERSION } from "../version.ts";

const SYNTAXES = {
  explicit: TRANSFER_SYNTAX_UID.explicitLittleEndian,
  implicit: TRANSFER_SYNTAX_UID.implicitLittleEndian,
  deflated: TRANSFER_SYNTAX_UID.deflatedExplicitLittleEndian,
  rle: TRANSFER_SYNTAX_UID.rleLossless,
  "jpeg-ls": TRANSFER_SYNTAX_UID.jpegLsLossless,
  htj2k: TRANSFER_SYNTAX_UID.htj2kLossless,
} as const;

interface ConvertCommandOptions {
  readonly output: string;
  readonly format?: string;
  readonly series?: string;
  readonly volume?: string;
  readonly unit?: Unit;
  readonly spacing?: string;
  readonly sampleType?: SampleType;
  readonly orthogonal?: boolean;
  readonly transferSyntax?: keyof typeof SYNTAXES;
  readonly enhanced?: boolean;
  readonly classic?: boolean;
  readonly patientId?: string;
  readonly description?: string;
  readonly date?: string;
  readonly overwrite?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Adds the command. */
export function addConvertCommand(program: Command): void {
  program
    .command("convert")
    .description("convert DICOM series and volume files into one another; values are not changed")
    .argument("<in>", "DICOM folder or file, volume file, or folder of TIFF pages")
    .requiredOption(
      "-o, --output <path>",
      `volume file (${volumeFormats.names.join(", ")}), or a folder for DICOM`,
    )
    .addOption(createFormatOption())
    .option(
      "--series <number>",
      "which series, when the input holds several: number in `alara inspect`, or the beginning or end of its UID",
    )
    .option("--volume <number>", "which time point or channel of a volume file, from 0")
    .addOption(
      new Option("--unit <name>", "what the values of a volume file are, when it does not say").choices([
        ...UNIT_NAMES,
      ]),
    )
    .option("--spacing <slice,row,column>", "mm; for NPY and TIFF, which may not say")
    .addOption(
      new Option(
        "--sample-type <name>",
        "how a volume file stores its values (default: the smallest of int16, uint16 and float32 that is exact)",
      ).choices(["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]),
    )
    .option("--orthogonal", "resample the slices of a tilted gantry onto a grid with right angles")
    .addOption(
      new Option("--transfer-syntax <name>", "how DICOM is written, all without loss").choices(
        Object.keys(SYNTAXES),
      ),
    )
    .option("--enhanced", "write one enhanced multi-frame object")
    .option("--classic", "write single images from an enhanced object")
    .option("--patient-id <text>", "Patient ID of DICOM made from a volume file", "ANONYMOUS")
    .option("--description <text>", "Series Description of DICOM made from a volume file", "converted volume")
    .option("--date <iso>", "moment written into new DICOM objects (default: now)")
    .option("--overwrite", "replace a volume file that exists")
    .option("--force", "go on without DICOM files that cannot be read")
    .option("--json", "machine-readable output")
    .action((input: string, options: ConvertCommandOptions) =>
      runCommand(options, (context) => convert(input, options, context)),
    );
}

interface Target {
  readonly format: string;
  readonly isDicom: boolean;
}

function chooseTarget(options: ConvertCommandOptions): Target {
  const format = chooseOutputFormat(options.output, options.format);
  const isDicom = format === "dicom";
  if (isDicom && options.orthogonal) {
    throw new UsageError("--orthogonal is for volume files; DICOM keeps tilted slices as they are");
  }
  const dicomOnly = [
    ["--transfer-syntax", options.transferSyntax],
    ["--enhanced", options.enhanced],
    ["--classic", options.classic],
  ].filter(([, value]) => value !== undefined);
  if (!isDicom && dicomOnly.length > 0) {
    throw new UsageError(`${dicomOnly[0][0]} is for DICOM, but the output is ${format}`);
  }
  if (isDicom && (options.sampleType !== undefined || options.overwrite)) {
    throw new UsageError(
      `${options.overwrite ? "--overwrite" : "--sample-type"} is for volume files, but the output is DICOM`,
    );
  }
  if (options.enhanced && options.classic)
    throw new UsageError("--enhanced and --classic exclude each other");
  return { format, isDicom };
}

function parseSpacing(text: string | undefined): { spacingMm?: readonly [number, number, number] } {
  if (text === undefined) return {};
  const parts = text.split(",");
  if (parts.length !== 3) throw new UsageError(`--spacing is "${text}", expected slice,row,column in mm`);
  const [slice, row, column] = parts.map((part) =>
    parseNumber("--spacing", part, { minimum: 1e-6, maximum: 1e6 }),
  );
  return { spacingMm: [slice, row, column] };
}

async function convert(
  input: string,
  options: ConvertCommandOptions,
  context: CommandContext,
): Promise<void> {
  const target = chooseTarget(options);
  const choice = parseSeriesChoice(options.series);
  const spacing = parseSpacing(options.spacing);
  const dateTime = parseMoment(options.date);
  const volumeIndex =
    options.volume === undefined
      ? {}
      : { volumeIndex: parseWholeNumber("--volume", options.volume, { minimum: 0 }) };
  if (!target.isDicom && !options.overwrite) await requireNoFile(options.output);
  if (await isVolumePath(input)) {
    const opened = await openVolumeFile(input, {
      ...volumeIndex,
      ...spacing,
      ...(options.unit === undefined ? {} : { unit: options.unit }),
    });
    const notes = [...describeFindings(opened)];
    if (opened.volume.unit === "HU") {
      const question = questionHu(opened.volume);
      if (question !== undefined) notes.push(question);
    }
    if (target.isDicom) {
      const written = await writeVolumeAsCt(
        opened.volume,
        options.output,
        {
          identity: {
            converted: await hashVolume(opened.volume),
            patientId: options.patientId ?? "ANONYMOUS",
          },
          patientId: options.patientId ?? "ANONYMOUS",
          dateTime,
          seriesDescription: options.description ?? "converted volume",
          softwareVersion: CODE_VERSION,
          model: "converted volume",
          imageTypeOrigin: "DERIVED",
          imageComments: `Made from a volume file (${opened.format}); headers are not those of a scanner`,
        },
        {
          ...context,
          transferSyntaxUid: SYNTAXES[options.transferSyntax ?? "explicit"],
          layout: options.enhanced ? "enhanced" : "classic",
        },
      );
      notes.push("headers are not those of a scanner: patient, dates and scan are placeholders");
      reportSeries(written, notes, context);
      return;
    }
    const straight =
      options.orthogonal === true
        ? makeOrthogonal(opened.volume, context)
        : { volume: opened.volume, notes: [] };
    const source = { volume: straight.volume, notes: [...notes, ...straight.notes] };
    await finishVolume({ ...opened, ...source }, target, options, context);
    return;
  }
  for (const [name, value] of [
    ["--volume", options.volume],
    ["--unit", options.unit],
    ["--spacing", options.spacing],
  ]) {
    if (value !== undefined) throw new UsageError(`${name} is for volume files, but the input is DICOM`);
  }
  const series = await openSeries(input, {
    ...context,
    ...choice,
    modalities: "any",
    damaged: options.force ? "continue" : "refuse",
  });
  if (target.isDicom) {
    const written = await convertSeries(series, options.output, {
      ...context,
      dateTime,
      ...(options.transferSyntax === undefined
        ? {}
        : { transferSyntaxUid: SYNTAXES[options.transferSyntax] }),
      ...(options.enhanced ? { layout: "enhanced" as const } : {}),
      ...(options.classic ? { layout: "classic" as const } : {}),
    });
    reportSeries(written, [], context);
    return;
  }
  const read = await readSeriesVolume(series, { ...context, orthogonal: options.orthogonal === true });
  await finishVolume(read, target, options, context);
}

async function finishVolume(
  source: ReadVolume & { readonly description?: string; readonly findings?: OpenedVolume["findings"] },
  target: Target,
  options: ConvertCommandOptions,
  context: CommandContext,
): Promise<void> {
  const { volume, notes, description } = source;
  const written = await writeVolume(volume, options.output, target.format, {
    orientation: getOrientation(source),
    ...(description === undefined ? {} : { description }),
    existing: options.overwrite ? "replace" : "refuse",
    ...(options.sampleType === undefined ? {} : { sampleType: options.sampleType }),
  });
  const all = [...notes, ...written.notes];
  for (const note of all) printNote(`! ${note}`);
  const { size, spacingMm } = volume.geometry;
  printResult(
    context,
    `${size.join(" × ")} voxels of ${spacingMm.map((mm) => Number(mm.toPrecision(6))).join(" × ")} mm, unit ${volume.unit} → ${written.path}`,
    { ...written, format: target.format, size, spacingMm, unit: volume.unit, notes: all },
  );
}

function reportSeries(written: WrittenSeries, notes: readonly string[], context: CommandContext): void {
  for (const note of notes) printNote(`! ${note}`);
  printResult(context, `${written.files} file(s) → ${written.path}`, { ...written, format: "dicom", notes });
}
