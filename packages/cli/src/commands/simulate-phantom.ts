/** `alara simulate phantom <name> -o <out>`: a phantom as images in HU, as a perfect scanner would show it. */
import type { Volume } from "@alara/core";
import { volumeFormats } from "@alara/dicom";
import { voxelizeHu, voxelizeSolids } from "@alara/physics";
import { convertMuToHu } from "@alara/recon";
import type { Command } from "commander";
import { parseMoment, parseNumber, parseWholeNumber } from "../arguments.ts";
import { type CommandContext, printNote, printResult, runCommand, UsageError } from "../context.ts";
import { hashVolume } from "../convert-volume.ts";
import { chooseOutputFormat, createFormatOption, requireFreeOutput, writeHuVolume } from "../hu-output.ts";
import { createImageGrid, parseSliceSpacing } from "../simulation/image-grid.ts";
import { checkImageMemory, chooseMemoryLimit, MEMORY_HELP } from "../simulation/memory-limit.ts";
import { type ChosenPhantom, choosePhantom, listPhantoms } from "../simulation/phantom-choice.ts";
import { CODE_VERSION } from "../version.ts";

interface PhantomOptions {
  readonly output?: string;
  readonly format?: string;
  readonly list?: boolean;
  readonly energy?: string;
  readonly size: string;
  readonly fov?: string;
  readonly slices: string;
  readonly sliceSpacing: string;
  readonly centre?: string;
  readonly subsamples: string;
  readonly memory?: string;
  readonly date?: string;
  readonly json?: boolean;
}

/** Adds the command. */
export function addSimulatePhantomCommand(simulate: Command): void {
  simulate
    .command("phantom")
    .description("write a phantom as images in HU, noise-free; --list shows all phantoms")
    .argument("[name]", "a phantom of --list")
    .option("-o, --output <path>", `volume file (${volumeFormats.names.join(", ")}), or a folder for DICOM`)
    .addOption(createFormatOption())
    .option("--list", "list the phantoms")
    .option("--energy <keV>", "energy at which materials are seen (default: 70)")
    .option("--size <pixels>", "rows and columns", "512")
    .option("--fov <mm>", "field of view (default: the phantom with a margin of 10 %)")
    .option("--slices <number>", "slices", "1")
    .option("--slice-spacing <mm>", "distance of slices", "1")
    .option("--centre <x,y,z>", "middle of the images in the phantom's coordinates, mm", "0,0,0")
    .option("--subsamples <number>", "lines per voxel edge where surfaces cross it", "4")
    .option("--memory <GiB>", MEMORY_HELP)
    .option("--date <iso>", "moment written into the result (default: now)")
    .option("--json", "machine-readable output")
    .action((name: string | undefined, options: PhantomOptions) =>
      runCommand(options, (context) => simulatePhantom(name, options, context)),
    );
}

/** The smallest square around the axis that shows the phantom, with a margin. */
export function chooseFov(phantom: ChosenPhantom): number {
  const { lowMm, highMm } = phantom.bounds;
  const reach = Math.max(-lowMm[0], highMm[0], -lowMm[1], highMm[1]);
  return 2.2 * reach;
}

async function simulatePhantom(
  name: string | undefined,
  options: PhantomOptions,
  context: CommandContext,
): Promise<void> {
  if (options.list) {
    if (name !== undefined) throw new UsageError("--list takes no phantom; leave out one of them");
    const list = listPhantoms();
    const width = Math.max(...list.map((entry) => entry.name.length));
    printResult(
      context,
      list.map((entry) => `${entry.name.padEnd(width)}  ${entry.summary}`).join("\n"),
      list,
    );
    return;
  }
  if (name === undefined) throw new UsageError("name a phantom; `alara simulate phantom --list` lists them");
  if (options.output === undefined) throw new UsageError("-o <path> says where the images go");
  const phantom = choosePhantom(name);
  if (phantom.content === "values" && options.energy !== undefined) {
    throw new UsageError(`${name} is made of plain values, the same at all energies; leave out --energy`);
  }
  const energyKev = parseNumber("--energy", options.energy ?? "70", { minimum: 1, maximum: 20_000 });
  const slices = parseWholeNumber("--slices", options.slices, { minimum: 1, maximum: 65_536 });
  const subsamples = parseWholeNumber("--subsamples", options.subsamples, { minimum: 1, maximum: 64 });
  const dateTime = parseMoment(options.date);
  const format = chooseOutputFormat(options.output, options.format);
  await requireFreeOutput(options.output, format);
  const { grid, isocentreOffsetMm } = createImageGrid(options, {
    slices,
    sliceSpacingMm: parseSliceSpacing(options.sliceSpacing),
    middleMm: 0,
    fovMm: chooseFov(phantom),
  });
  // Attenuation, HU and what is written.
  checkImageMemory(grid, 3, chooseMemoryLimit(options.memory));
  const voxelize: { subsamples: number; isocentreOffsetMm: readonly [number, number, number] } = {
    subsamples,
    isocentreOffsetMm,
  };
  const volume: Volume<"HU"> =
    phantom.content === "materials"
      ? voxelizeHu(phantom.phantom, energyKev, grid, voxelize)
      : convertMuToHu(voxelizeSolids(phantom.phantom, grid, voxelize), phantom.muWaterPerMm);
  const written = await writeHuVolume(
    volume,
    options.output,
    format,
    {
      identity: { phantom: name, pixels: await hashVolume(volume) },
      patientId: "PHANTOM",
      dateTime,
      seriesDescription: `phantom ${name}`,
      softwareVersion: CODE_VERSION,
      model: "phantom",
      bodyPart: "PHANTOM",
      imageTypeOrigin: "DERIVED",
      imageComments:
        phantom.content === "materials"
          ? `Noise-free, materials at ${energyKev} keV`
          : "Noise-free, plain values",
    },
    context,
  );
  for (const note of written.notes) printNote(`! ${note}`);
  const { size, spacingMm } = grid;
  printResult(
    context,
    `${name}: ${size.join(" × ")} voxels of ${spacingMm.map((mm) => Number(mm.toFixed(4))).join(" × ")} mm → ${written.path}`,
    {
      phantom: name,
      energyKev: phantom.content === "materials" ? energyKev : null,
      size,
      spacingMm,
      path: written.path,
      files: written.files,
    },
  );
}
