/** `alara simulate scan <object> -o <dir>`: a measured scan of a phantom or of images, as a sinogram file. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import {
  countDetectorRows,
  isPlanarGeometry,
  type ScanGeometry,
  type Sinogram,
  type Unit,
} from "@alara/core";
import { writeSinogram } from "@alara/dicom";
import { createOutputFolder } from "@alara/dicom/node";
import {
  type Acquisition,
  computeEffectiveEnergyKev,
  computeEffectiveMuPerMm,
  computeMeanEnergyKev,
  computeMuPerMm,
  createDetectedSpectrum,
  createMaterialProjector,
  createValueProjector,
  createVoxelPhantom,
  createVoxelScannedObject,
  materials,
  type ScannedObject,
  type Spectrum,
  scanDetectors,
  simulateScan,
  spectra,
} from "@alara/physics";
import { correctBeamHardening, fitBeamHardening } from "@alara/recon";
import { type Command, Option } from "commander";
import { parseNumber, parseSeriesChoice, parseWholeNumber } from "../arguments.ts";
import { type CommandContext, printNote, printResult, runCommand, UsageError } from "../context.ts";
import { makeOrthogonal, readSeriesVolume, requireHu, UNIT_NAMES } from "../convert-volume.ts";
import { openSeries } from "../input.ts";
import { chooseMemoryLimit, MEMORY_HELP } from "../simulation/memory-limit.ts";
import { choosePhantom, isPhantomName } from "../simulation/phantom-choice.ts";
import { chooseGeometry, chooseScanner, chooseSpectrum, listScanners } from "../simulation/scan-choice.ts";
import { alignToScanner } from "../simulation/scanner-axes.ts";
import { CODE_VERSION } from "../version.ts";
import { openHuVolume } from "../volumes.ts";

interface ScanOptions {
  readonly output?: string;
  readonly listScanners?: boolean;
  readonly scanner: string;
  readonly beam: "fan" | "cone";
  readonly arc: "full" | "short";
  readonly views?: string;
  readonly channelBinning: string;
  readonly rows?: string;
  readonly rowBinning: string;
  readonly slices?: string;
  readonly sliceSpacing?: string;
  readonly kv?: string;
  readonly spectrum?: string;
  readonly filter?: readonly string[];
  readonly energy?: string;
  readonly mas?: string;
  readonly quanta?: string;
  readonly detector?: string;
  readonly bowtie?: string;
  readonly scatter?: string;
  readonly focalSpot?: string;
  readonly aperture?: boolean;
  readonly doseFraction: string;
  readonly seed: string;
  readonly realisation: string;
  readonly noise: boolean;
  readonly waterCorrection: boolean;
  readonly counts?: boolean;
  readonly series?: string;
  readonly unit?: Unit;
  readonly memory?: string;
  readonly json?: boolean;
}

/** Adds the command. */
export function addSimulateScanCommand(simulate: Command): void {
  simulate
    .command("scan")
    .description("scan a phantom or images: writes <dir>/scan.sino.npz and <dir>/scan.json")
    .argument("[object]", "a phantom of `alara simulate phantom --list`, a CT series, or a volume file in HU")
    .option("-o, --output <dir>", "output folder; must not exist or be empty")
    .option("--list-scanners", "list the scanners")
    .option("--scanner <name>", "geometry of a scanner", "ge-lightspeed")
    .addOption(
      new Option("--beam <name>", "one row per slice, or all rows at once")
        .choices(["fan", "cone"])
        .default("fan"),
    )
    .addOption(
      new Option("--arc <name>", "whole turn, or π and the fan angle")
        .choices(["full", "short"])
        .default("full"),
    )
    .option("--views <number>", "views (default: the scanner's)")
    .option("--channel-binning <number>", "channels merged into one", "1")
    .option("--rows <number>", "detector rows in the middle, of --beam cone (default: all)")
    .option("--row-binning <number>", "rows merged into one", "1")
    .option("--slices <number>", "slices, of --beam fan (default: those of the images, else 1)")
    .option("--slice-spacing <mm>", "distance of slices, of --beam fan (default: that of the images, else 1)")
    .option("--kv <number>", "tube voltage, 40 to 150 (default: 120)")
    .option("--spectrum <name>", `a preset (${spectra.names.join(", ")}) or a CSV file of keV and photons`)
    .option(
      "--filter <material:mm>",
      "filter in the tube's beam, e.g. copper:0.1; may be repeated",
      (text: string, before: readonly string[] = []) => [...before, text],
    )
    .option("--energy <keV>", "one energy instead of a spectrum; needs --quanta")
    .option("--mas <number>", "tube load of all views of a slice (default: 200)")
    .option("--quanta <number>", "quanta on the central channel per view without object, instead of --mas")
    .addOption(
      new Option("--detector <name>", "detector (default: gos; ideal-counting for one energy)").choices([
        ...scanDetectors.names,
      ]),
    )
    .option("--bowtie <mm>", "ideal bowtie for a water cylinder of this diameter")
    .option("--scatter <coefficient>", "scatter; 0.025 is about 15 % of the primary behind 35 cm of water")
    .option("--focal-spot <mm>", "width of the focal spot (default: a point)")
    .option("--aperture", "average over each channel's width (default: its middle)")
    .option("--dose-fraction <number>", "share of the dose", "1")
    .option("--seed <number>", "seed of the noise", "1")
    .option("--realisation <number>", "which of the independent noises of the seed", "0")
    .option("--no-noise", "expected values")
    .option("--no-water-correction", "leave beam hardening in the line integrals")
    .option(
      "--counts",
      "write the measured signal, and beside it that without object, instead of line integrals",
    )
    .option("--series <choice>", "which series of several: number as in `alara inspect`, or part of its UID")
    .addOption(
      new Option("--unit <name>", "what the values of a volume file are, when it does not say").choices([
        ...UNIT_NAMES,
      ]),
    )
    .option("--memory <GiB>", MEMORY_HELP)
    .option("--json", "machine-readable output")
    .action((object: string | undefined, options: ScanOptions) =>
      runCommand(options, (context) => simulateProjections(object, options, context)),
    );
}

interface OpenedObject {
  readonly scanned: ScannedObject;
  /** The slices of images, which are scanned one by one unless the caller says otherwise. */
  readonly images?: { readonly slices: number; readonly sliceSpacingMm: number };
}

/** What lies in the beam. */
async function openObject(
  object: string,
  options: ScanOptions,
  context: CommandContext,
): Promise<OpenedObject> {
  const choice = parseSeriesChoice(options.series);
  if (isPhantomName(object)) {
    for (const [name, value] of [
      ["--series", options.series],
      ["--unit", options.unit],
    ]) {
      if (value !== undefined) throw new UsageError(`${name} is for images, but the object is a phantom`);
    }
    const chosen = choosePhantom(object);
    if (chosen.content === "materials") return { scanned: createMaterialProjector(chosen.phantom) };
    // Plain values are taken as water of another density.
    const projector = createValueProjector(chosen.phantom);
    return {
      scanned: {
        materials: [materials.get("water")],
        integrate(ray, lengthsMm) {
          lengthsMm[0] = projector.integrate(ray) / chosen.muWaterPerMm;
        },
      },
    };
  }
  if (!existsSync(object)) {
    throw new UsageError(
      `"${object}" is neither a phantom of \`alara simulate phantom --list\` nor a file or folder`,
    );
  }
  const opened = await openHuVolume(object, options.unit);
  if (opened !== undefined && options.series !== undefined) {
    throw new UsageError("--series is for DICOM, but the input is a volume file");
  }
  if (opened === undefined && options.unit !== undefined) {
    throw new UsageError("--unit is for volume files, but the input is DICOM, which states its unit");
  }
  const { volume: stored, notes } = opened
    ? makeOrthogonal(opened.volume, context)
    : await readSeriesVolume(await openSeries(object, { ...context, ...choice }), {
        ...context,
        orthogonal: true,
      });
  for (const note of notes) printNote(`! ${note}`);
  requireHu(stored);
  const { volume, leanRad } = alignToScanner(stored);
  if (leanRad > 0.01) {
    printNote(
      `! the images lean ${((180 * leanRad) / Math.PI).toFixed(1)}° away from the scanner's axes; they are scanned as if they did not`,
    );
  }
  const [slices] = volume.geometry.size;
  return {
    scanned: createVoxelScannedObject(createVoxelPhantom(volume), slices === 1 ? { isEndless: true } : {}),
    images: { slices, sliceSpacingMm: volume.geometry.spacingMm[0] },
  };
}

function chooseAcquisition(
  options: ScanOptions,
  spectrum: Spectrum | number,
  geometry: ScanGeometry,
  images: OpenedObject["images"],
): Acquisition {
  const isPlanar = isPlanarGeometry(geometry);
  const number = (name: string, text: string, minimum: number, maximum = 1e9): number =>
    parseNumber(name, text, { minimum, maximum });
  const slices =
    options.slices === undefined
      ? (images?.slices ?? 1)
      : parseWholeNumber("--slices", options.slices, { maximum: 4096 });
  const spacing =
    options.sliceSpacing === undefined
      ? (images?.sliceSpacingMm ?? 1)
      : number("--slice-spacing", options.sliceSpacing, 1e-4, 1e3);
  return {
    spectrum,
    exposure:
      options.quanta === undefined
        ? { mAs: number("--mas", options.mas ?? "200", 1e-6) }
        : { incidentQuanta: number("--quanta", options.quanta, 1e-3, 1e15) },
    detector: options.detector ?? (typeof spectrum === "number" ? "ideal-counting" : "gos"),
    ...(options.bowtie === undefined
      ? {}
      : {
          bowtie: {
            kind: "ideal" as const,
            material: materials.get("water"),
            diameterMm: number("--bowtie", options.bowtie, 1, 2000),
          },
        }),
    ...(options.scatter === undefined
      ? {}
      : { scatter: { coefficient: number("--scatter", options.scatter, 0, 10) } }),
    ...(options.focalSpot === undefined
      ? {}
      : { focalSpot: { widthMm: number("--focal-spot", options.focalSpot, 0, 20), lengthMm: 0 } }),
    ...(options.aperture ? { aperture: {} } : {}),
    ...(isPlanar
      ? {
          sliceHeightsMm: Array.from({ length: slices }, (_, i) => (i - (slices - 1) / 2) * spacing),
          // As thick as the slices are apart, at the axis.
          rowHeightMm: spacing * getMagnification(geometry),
        }
      : {}),
  };
}

function getMagnification(geometry: ScanGeometry): number {
  return "sourceToIsoMm" in geometry ? geometry.sourceToDetectorMm / geometry.sourceToIsoMm : 1;
}

/**
 * Checks what can be said before anything is opened.
 *
 * @throws UsageError
 */
function checkOptions(options: ScanOptions): void {
  const refuse = (message: string): never => {
    throw new UsageError(message);
  };
  if (options.energy !== undefined && options.quanta === undefined) {
    refuse("--energy has no photons per mAs: pass --quanta, e.g. --quanta 200000");
  }
  if (options.spectrum?.startsWith("mv-") && options.quanta === undefined) {
    refuse("spectra of accelerators have no photons per mAs: pass --quanta, e.g. --quanta 200000");
  }
  if (/\.csv$/i.test(options.spectrum ?? "") && options.quanta === undefined && options.mas === undefined) {
    refuse(
      "pass --quanta with a spectrum of your own; or --mas when it is in photons per mAs and mm² at 1 m from the tube",
    );
  }
  if (options.mas !== undefined && options.quanta !== undefined) {
    refuse("--mas and --quanta both say how much radiation; leave out one of them");
  }
  if (options.kv !== undefined && options.energy !== undefined) {
    refuse("--energy is one energy; leave out --kv");
  }
  if (options.kv !== undefined && options.spectrum !== undefined) {
    refuse("--spectrum says its tube voltage itself; leave out --kv");
  }
  if (options.beam === "cone") {
    for (const [name, value] of [
      ["--slices", options.slices],
      ["--slice-spacing", options.sliceSpacing],
    ]) {
      if (value !== undefined) refuse(`${name} is for --beam fan; cones take --rows`);
    }
  }
}

/** What the line integrals refer to, after the correction of water. */
interface Calibrated {
  readonly sinogram: Sinogram<"line integral">;
  readonly muWaterPerMm: number;
  readonly energyKev: number;
}

function calibrate(
  lineIntegrals: Sinogram<"line integral">,
  acquisition: Acquisition,
  options: ScanOptions,
): Calibrated {
  const water = materials.get("water");
  if (typeof acquisition.spectrum === "number") {
    const energyKev = acquisition.spectrum;
    return { sinogram: lineIntegrals, muWaterPerMm: computeMuPerMm(water, energyKev), energyKev };
  }
  const detected = createDetectedSpectrum(acquisition);
  const energyKev = computeEffectiveEnergyKev(detected, { weighting: "photons" });
  if (!options.waterCorrection || options.counts) {
    const muWaterPerMm = computeEffectiveMuPerMm(water, detected, { waterPathMm: 200, weighting: "photons" });
    return { sinogram: lineIntegrals, muWaterPerMm, energyKev };
  }
  const polynomial = fitBeamHardening(detected, { energyKev, order: 6, weighting: "photons" });
  return {
    sinogram: correctBeamHardening(lineIntegrals, polynomial),
    muWaterPerMm: polynomial.muPerMm,
    energyKev,
  };
}

async function simulateProjections(
  object: string | undefined,
  options: ScanOptions,
  context: CommandContext,
): Promise<void> {
  if (options.listScanners) {
    const list = listScanners();
    const width = Math.max(...list.map((entry) => entry.name.length));
    printResult(
      context,
      list.map((entry) => `${entry.name.padEnd(width)}  ${entry.summary}`).join("\n"),
      list,
    );
    return;
  }
  if (object === undefined)
    throw new UsageError("name what is scanned: a phantom, a CT series or a volume file");
  if (options.output === undefined) throw new UsageError("-o <dir> says where the scan goes");
  const doseFraction = parseNumber("--dose-fraction", options.doseFraction, { minimum: 0.001, maximum: 1 });
  const seed = parseWholeNumber("--seed", options.seed, { minimum: 0 });
  const realisation = parseWholeNumber("--realisation", options.realisation, { minimum: 0 });
  checkOptions(options);
  const geometry = chooseGeometry(options);
  const spectrum = await chooseSpectrum(options);
  // Before the object is opened, which may take long.
  chooseAcquisition(options, spectrum, geometry, undefined);
  const memoryLimitBytes = chooseMemoryLimit(options.memory);
  const folder = await createOutputFolder(options.output);
  try {
    const { scanned, images } = await openObject(object, options, context);
    const acquisition = chooseAcquisition(options, spectrum, geometry, images);
    const scan = await simulateScan(scanned, geometry, acquisition, {
      ...context,
      memoryLimitBytes,
      seed,
      realisation,
      doseFraction,
      quantumNoise: options.noise,
      electronicNoise: options.noise,
    });
    const { sinogram, muWaterPerMm, energyKev } = calibrate(scan.lineIntegrals, acquisition, options);
    // The middle of the detector; with a bowtie fewer reach the others.
    const middle =
      Math.floor(countDetectorRows(geometry) / 2) * geometry.channels + Math.floor(geometry.channels / 2);
    const airQuanta = scan.air.data[middle] / scan.signalPerQuantum;
    const facts = {
      muWaterPerMm,
      incidentQuanta: airQuanta,
      electronicNoiseQuanta: scan.electronicNoiseQuanta,
      ...(options.energy === undefined && options.spectrum === undefined
        ? { tubeVoltageKv: Number(options.kv ?? "120") }
        : {}),
      ...(acquisition.rowHeightMm === undefined
        ? {}
        : { sliceSpacingMm: Number((acquisition.rowHeightMm / getMagnification(geometry)).toPrecision(12)) }),
    };
    if (options.counts) {
      await folder.writeFile("scan.sino.npz", writeSinogram(scan.signal, facts));
      await folder.writeFile("air.sino.npz", writeSinogram(scan.air, facts));
    } else {
      await folder.writeFile("scan.sino.npz", writeSinogram(sinogram, facts));
    }
    const description = {
      // Paths may name a patient.
      object: isPhantomName(object)
        ? object
        : `images ${basename(object).includes(".") ? "(file)" : "(folder)"}`,
      scanner: chooseScanner(options.scanner).name,
      geometry: geometry.kind,
      slices: sinogram.slices,
      spectrum: typeof spectrum === "number" ? `${spectrum} keV` : spectrum.name,
      ...(typeof spectrum === "number" ? {} : { meanEnergyKev: computeMeanEnergyKev(spectrum) }),
      waterCorrectedToKev:
        typeof spectrum === "number" || !options.waterCorrection || options.counts ? null : energyKev,
      ...facts,
      mAs: scan.mAs,
      doseFraction,
      seed,
      realisation,
      noise: options.noise,
      detector: acquisition.detector,
      clampedSamples: scan.clampedSamples,
      saturatedSamples: scan.saturatedSamples,
      version: CODE_VERSION,
    };
    await folder.writeFile("scan.json", `${JSON.stringify(description, null, 1)}\n`);
    await folder.commit();
    if (scan.clampedSamples > 0) {
      printNote(
        `! ${scan.clampedSamples} samples had too few quanta for the logarithm and were set to the least`,
      );
    }
    printResult(
      context,
      `${geometry.kind}, ${sinogram.data.length} samples, ${Math.round(airQuanta)} quanta per sample in air → ${folder.path}/scan.sino.npz`,
      { ...description, folder: folder.path },
    );
  } finally {
    await folder.dispose();
  }
}
