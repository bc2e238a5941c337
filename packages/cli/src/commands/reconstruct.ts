/** `alara reconstruct <in> -o <out>`: projections to images, and with `--enhance` on to an enhanced series. */
import { isPlanarGeometry, type Volume } from "@alara/core";
import { volumeFormats } from "@alara/dicom";
import { measureScanCoverage } from "@alara/physics";
import { convertMuToHu, rampWindows } from "@alara/recon";
import { type Command, Option } from "commander";
import { parseMoment, parseNumber, parseWholeNumber } from "../arguments.ts";
import { type CommandContext, printNote, printResult, runCommand, UsageError } from "../context.ts";
import { hashVolume } from "../convert-volume.ts";
import {
  chooseOutputFormat,
  createFormatOption,
  type OutputFormat,
  requireFreeOutput,
  writeHuVolume,
} from "../hu-output.ts";
import { type MethodChoice, openMethod } from "../method-choice.ts";
import { type OpenedProjections, openProjections } from "../projections.ts";
import { ENGINES } from "../simulation/fbp-engine-choice.ts";
import {
  createImageGrid,
  type PlacedGrid,
  parseCentre,
  parseRange,
  parseSliceSpacing,
} from "../simulation/image-grid.ts";
import { chooseMemoryLimit, MEMORY_HELP } from "../simulation/memory-limit.ts";
import {
  checkMethodOptions,
  DEFAULT_WINDOW,
  isFilteredMethod,
  LEVELS,
  type MethodOptionTexts,
  reconstructByMethod,
  reconstructionMethods,
} from "../simulation/reconstruction-methods.ts";
import { CODE_VERSION } from "../version.ts";
import { DEFAULT_ENHANCE_OPTIONS, enhanceInput } from "./enhance.ts";

interface ReconstructOptions extends MethodOptionTexts {
  readonly output: string;
  readonly format?: string;
  readonly size: string;
  readonly fov?: string;
  readonly slices?: string;
  readonly sliceSpacing?: string;
  readonly centre?: string;
  readonly heights?: string;
  readonly views?: string;
  readonly muWater?: string;
  readonly memory?: string;
  readonly enhance?: boolean;
  readonly enhanceMethod?: string;
  readonly enhanceModel?: string;
  readonly enhanceStrength?: string;
  readonly force?: boolean;
  readonly description?: string;
  readonly patientId: string;
  readonly date?: string;
  readonly json?: boolean;
}

/** Adds the command. */
export function addReconstructCommand(program: Command): void {
  program
    .command("reconstruct")
    .description("reconstruct projections to images in HU; with --enhance, enhance them too")
    .argument("<in>", "sinogram file (.sino.npz) or folder of DICOM-CT-PD")
    .requiredOption(
      "-o, --output <path>",
      `volume file (${volumeFormats.names.join(", ")}), or a folder for DICOM`,
    )
    .addOption(createFormatOption())
    .addOption(
      new Option("--method <name>", "how to reconstruct").choices([...reconstructionMethods]).default("fbp"),
    )
    .addOption(
      new Option("--window <name>", `ramp window of FBP (default: ${DEFAULT_WINDOW})`).choices([
        ...rampWindows.names,
      ]),
    )
    .option("--cutoff <number>", "where the window ends, as a fraction of the detector's Nyquist frequency")
    .addOption(
      new Option(
        "--truncation <name>",
        "what FBP does where the detector cuts the object off (default: refuse)",
      ).choices(["refuse", "extrapolate"]),
    )
    .addOption(
      new Option("--level <name>", "strength of hybrid-iterative and model-based").choices([...LEVELS]),
    )
    .option("--iterations <number>", "passes over the data (default: the method's)")
    .option("--subsets <number>", "ordered subsets (default: the method's)")
    .option("--relaxation <number>", "step of sirt, sart, os-sart and asd-pocs, below 2")
    .option("--tv-weight <number>", "weight of the total variation in fista-tv and pdhg")
    .option("--penalty <number>", "weight of the roughness in pwls")
    .option(
      "--quanta <number>",
      "quanta per sample without an object, for weights (default: what the input says)",
    )
    .option("--size <pixels>", "rows and columns", "512")
    .option("--fov <mm>", "field of view (default: what the scan covers)")
    .option("--slices <number>", "slices of a cone-beam scan (default: what the scan covers)")
    .option("--slice-spacing <mm>", "distance of slices (default: what the scan says, else 1)")
    .option("--centre <x,y,z>", "middle of the images from the isocentre, mm; z for cone beams", "0,0,0")
    .option(
      "--heights <first..last>",
      "heights of the slices of a helical scan, mm (default: all with a whole turn)",
    )
    .option("--views <first..last>", "instance numbers of DICOM-CT-PD to read (default: all)")
    .option(
      "--mu-water <number>",
      "attenuation of water in 1/mm, for HU (default: what the input says, else 0.0193)",
    )
    .addOption(
      new Option("--engine <name>", `what computes FBP (default: ${ENGINES[0]})`).choices([...ENGINES]),
    )
    .option("--threads <number>", "threads of FBP (default: by the work, at most all cores)")
    .option("--memory <GiB>", MEMORY_HELP)
    .option("--enhance", "then enhance: writes <out>/reconstruction and <out>/enhanced")
    .option("--enhance-method <name>", "method of `alara methods` (default: the shipped model)")
    .option("--enhance-model <bundle>", "model of `alara models`")
    .option("--enhance-strength <number>", "0 keeps the reconstruction, 1 is full effect (default: 1)")
    .option("--force", "enhance outside the model's intended range; the result is marked")
    .option("--description <text>", "Series Description")
    .option("--patient-id <text>", "Patient ID", "ANONYMOUS")
    .option("--date <iso>", "moment written into the result (default: now)")
    .option("--json", "machine-readable output")
    .action((input: string, options: ReconstructOptions) =>
      runCommand(options, (context) => reconstruct(input, options, context)),
    );
}

/** The grid of the images and where the isocentre lies from its middle. */
function createOutputGrid(opened: OpenedProjections, options: ReconstructOptions): PlacedGrid {
  const { geometry, slices } = opened.sinogram;
  const coverage = measureScanCoverage(geometry);
  const fovMm = 2 * coverage.radiusMm;
  const given = options.sliceSpacing === undefined ? undefined : parseSliceSpacing(options.sliceSpacing);
  if (isPlanarGeometry(geometry)) {
    if (options.slices !== undefined) {
      throw new UsageError("--slices is for cone beams; this scan has one image per measured slice");
    }
    if (parseCentre(options.centre)[2] !== 0) {
      throw new UsageError("--centre has a height, but the slices of this scan lie where they were measured");
    }
    const { sliceSpacingMm: measured } = opened.facts;
    if (measured !== undefined && given !== undefined && Math.abs(given / measured - 1) > 1e-6) {
      throw new UsageError(
        `--slice-spacing is ${given} mm, but the slices were measured every ${measured} mm`,
      );
    }
    const [first] = opened.sliceHeightsMm ?? [];
    const sliceSpacingMm = measured ?? given ?? 1;
    const middleMm = first === undefined ? 0 : first + ((slices - 1) / 2) * sliceSpacingMm;
    return createImageGrid(options, { slices, sliceSpacingMm, middleMm, fovMm });
  }
  const [low, high] = coverage.heightMm;
  const sliceSpacingMm = given ?? 1;
  const count =
    options.slices === undefined
      ? Math.max(1, Math.floor((high - low) / sliceSpacingMm))
      : parseWholeNumber("--slices", options.slices, { minimum: 1, maximum: 65_536 });
  const middleMm = (low + high) / 2;
  const placed = createImageGrid(options, { slices: count, sliceSpacingMm, middleMm, fovMm });
  const [x, y, z] = placed.grid.originMm;
  return { ...placed, grid: { ...placed.grid, originMm: [x, y, z + (opened.sourceHeightMm ?? 0)] } };
}

/**
 * What iterative methods cannot know: they put all that the rays met into the images, also what lies beside them.
 *
 * @returns a remark, where the scan sees more than the images hold
 */
function describeUncovered(
  { sinogram }: OpenedProjections,
  { grid, isocentreOffsetMm }: PlacedGrid,
): string[] {
  const { radiusMm, heightMm } = measureScanCoverage(sinogram.geometry);
  const half = grid.size.map((count, axis) => (count * grid.spacingMm[axis]) / 2);
  const [z, y, x] = isocentreOffsetMm.map((mm) => -mm);
  const reach = Math.min(half[1] - Math.abs(y), half[2] - Math.abs(x));
  const parts: string[] = [];
  if (reach < 0.999 * radiusMm) {
    parts.push(`${reach.toFixed(1)} mm around the axis of ${radiusMm.toFixed(1)} mm`);
  }
  const [low, high] = [z - half[0], z + half[0]];
  const slice = grid.spacingMm[0];
  if (!isPlanarGeometry(sinogram.geometry) && (low > heightMm[0] + slice || high < heightMm[1] - slice)) {
    parts.push(
      `heights ${low.toFixed(1)}..${high.toFixed(1)} mm of ${heightMm.map((mm) => mm.toFixed(1)).join("..")} mm`,
    );
  }
  if (parts.length === 0) return [];
  return [
    `the images hold ${parts.join(" and ")} that the scan sees, and an iterative method puts all that the rays met into them: if the object reaches further, take a larger --fov or more --slices`,
  ];
}

interface Reconstructed {
  readonly volume: Volume<"HU">;
  readonly muWaterPerMm: number;
}

async function reconstructHu(
  opened: OpenedProjections,
  options: ReconstructOptions,
  context: CommandContext,
): Promise<Reconstructed> {
  const placed = createOutputGrid(opened, options);
  const { grid, isocentreOffsetMm } = placed;
  if (!isFilteredMethod(options.method)) {
    for (const note of describeUncovered(opened, placed)) printNote(`! ${note}`);
  }
  const muWaterPerMm =
    options.muWater === undefined
      ? (opened.facts.muWaterPerMm ?? 0.0193)
      : parseNumber("--mu-water", options.muWater, { minimum: 1e-5, maximum: 10 });
  if (options.muWater === undefined && opened.facts.muWaterPerMm === undefined) {
    printNote(
      "! the input does not say the attenuation of water: 0.0193/mm (70 keV) is taken; pass --mu-water",
    );
  }
  const volume = await reconstructByMethod(opened.sinogram, opened.facts, options, {
    ...context,
    grid,
    axisOffsetMm: isocentreOffsetMm,
    memoryLimitBytes: chooseMemoryLimit(options.memory),
  });
  return { volume: convertMuToHu(volume, muWaterPerMm), muWaterPerMm };
}

async function reconstruct(
  input: string,
  options: ReconstructOptions,
  context: CommandContext,
): Promise<void> {
  const dateTime = parseMoment(options.date);
  checkMethodOptions(options);
  if (options.enhance) await checkEnhancement(options);
  const format: OutputFormat = options.enhance ? "dicom" : chooseOutputFormat(options.output, options.format);
  if (options.enhance && options.format !== undefined && options.format !== "dicom") {
    throw new UsageError("--enhance writes DICOM; leave out --format");
  }
  if (options.enhance && chooseOutputFormat(options.output) !== "dicom") {
    throw new UsageError("--enhance writes a folder of DICOM; name one with -o");
  }
  for (const [name, value] of [
    ["--enhance-method", options.enhanceMethod],
    ["--enhance-model", options.enhanceModel],
    ["--enhance-strength", options.enhanceStrength],
    ["--force", options.force],
  ]) {
    if (!options.enhance && value !== undefined) throw new UsageError(`${name} needs --enhance`);
  }
  await requireFreeOutput(options.output, format);
  const views = parseRange("--views", options.views);
  const heightsMm = parseRange("--heights", options.heights);
  const opened = await openProjections(
    input,
    {
      sliceSpacingMm: parseSliceSpacing(options.sliceSpacing ?? "1"),
      ...(views === undefined ? {} : { views }),
      ...(heightsMm === undefined ? {} : { heightsMm }),
    },
    context,
  );
  const { volume, muWaterPerMm } = await reconstructHu(opened, options, context);
  const isFiltered = isFilteredMethod(options.method);
  const window = options.window ?? DEFAULT_WINDOW;
  const target = options.enhance ? `${options.output}/reconstruction` : options.output;
  const written = await writeHuVolume(
    volume,
    target,
    format,
    {
      identity: {
        method: options.method,
        pixels: await hashVolume(volume),
        patientId: options.patientId,
      },
      patientId: options.patientId,
      dateTime,
      seriesDescription: options.description ?? describeMethod(options),
      kernel: isFiltered ? window.toUpperCase() : options.method.toUpperCase(),
      ...(opened.facts.tubeVoltageKv === undefined ? {} : { tubeVoltageKv: opened.facts.tubeVoltageKv }),
      softwareVersion: CODE_VERSION,
      model: "reconstruction",
      imageTypeOrigin: "DERIVED",
      imageComments: "Reconstructed from projections; headers are not those of a scanner",
    },
    context,
  );
  for (const note of [...opened.notes, ...written.notes]) printNote(`! ${note}`);
  const { size, spacingMm } = volume.geometry;
  const facts = {
    method: options.method,
    ...(isFiltered ? { window } : {}),
    size,
    spacingMm,
    muWaterPerMm,
    geometry: opened.sinogram.geometry.kind,
    notes: opened.notes,
    path: written.path,
    files: written.files,
    ...(written.seriesInstanceUid === undefined ? {} : { seriesInstanceUid: written.seriesInstanceUid }),
  };
  const text = `${size.join(" × ")} voxels of ${spacingMm.map((mm) => Number(mm.toFixed(4))).join(" × ")} mm → ${written.path}`;
  if (!options.enhance) {
    printResult(context, text, facts);
    return;
  }
  if (!context.json) printResult(context, text, facts);
  const { result, text: summary } = await enhanceInput(
    written.path,
    {
      ...DEFAULT_ENHANCE_OPTIONS,
      ...chooseEnhancement(options),
      output: `${options.output}/enhanced`,
      strength: options.enhanceStrength ?? DEFAULT_ENHANCE_OPTIONS.strength,
      date: dateTime,
      force: options.force === true,
    },
    context,
  ).catch((error: unknown) => {
    printNote(`! the reconstruction is whole and stays in ${written.path}`);
    throw error;
  });
  printResult(context, summary, { reconstruction: facts, enhancement: result });
}

function chooseEnhancement({ enhanceMethod, enhanceModel }: ReconstructOptions): MethodChoice {
  return {
    ...(enhanceMethod === undefined ? {} : { method: enhanceMethod }),
    ...(enhanceModel === undefined ? {} : { model: enhanceModel }),
  };
}

/** Wrong choices of enhancement end here, not after the reconstruction. */
async function checkEnhancement(options: ReconstructOptions): Promise<void> {
  const { strength } = DEFAULT_ENHANCE_OPTIONS;
  parseNumber("--enhance-strength", options.enhanceStrength ?? strength, { minimum: 0, maximum: 1 });
  const method = await openMethod({ ...DEFAULT_ENHANCE_OPTIONS, ...chooseEnhancement(options) });
  await method.enhancer.dispose();
}

/** The Series Description: method, and what decides its look. */
function describeMethod(options: ReconstructOptions): string {
  const parts = [options.method.toUpperCase()];
  if (options.method === "fbp") parts.push(options.window ?? DEFAULT_WINDOW);
  if (options.level !== undefined) parts.push(options.level);
  return parts.join(" ");
}
