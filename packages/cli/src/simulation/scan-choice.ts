/** From the options of `alara simulate scan` to geometry, beam and detector. */
import { readFile } from "node:fs/promises";
import type { ScanGeometry } from "@alara/core";
import {
  createConeCurvedGeometry,
  createConeFlatGeometry,
  createFanFlatGeometry,
  createScanGeometry,
  createTubeSpectrum,
  type FlatPanelScanner,
  flatPanelScanners,
  materials,
  parseSpectrumCsv,
  type Scanner,
  type Spectrum,
  scanners,
  spectra,
} from "@alara/physics";
import { parseNumber, parseWholeNumber } from "../arguments.ts";
import { UsageError } from "../context.ts";

/** Options that make a geometry. */
export interface GeometryOptions {
  readonly scanner: string;
  readonly beam: "fan" | "cone";
  readonly arc: "full" | "short";
  readonly views?: string;
  readonly channelBinning: string;
  readonly rows?: string;
  readonly rowBinning: string;
}

/** Names of all scanners. */
export function listScanners(): readonly { readonly name: string; readonly summary: string }[] {
  return [...scanners.entries(), ...flatPanelScanners.entries()].map(([name, { summary }]) => ({
    name,
    summary,
  }));
}

/**
 * The scanner of a name.
 *
 * @throws UsageError
 */
export function chooseScanner(name: string): Scanner | FlatPanelScanner {
  if (scanners.has(name)) return scanners.get(name);
  if (flatPanelScanners.has(name)) return flatPanelScanners.get(name);
  throw new UsageError(
    `there is no scanner "${name}"; known: ${listScanners()
      .map((scanner) => scanner.name)
      .join(", ")}`,
  );
}

function isFlatPanel(scanner: Scanner | FlatPanelScanner): scanner is FlatPanelScanner {
  return scanner.detectorShape === "flat";
}

/** The geometry of a scan. */
export function chooseGeometry(options: GeometryOptions): ScanGeometry {
  const scanner = chooseScanner(options.scanner);
  const common = {
    arc: options.arc,
    channelBinning: parseWholeNumber("--channel-binning", options.channelBinning, {
      minimum: 1,
      maximum: 64,
    }),
    ...(options.views === undefined
      ? {}
      : { views: parseWholeNumber("--views", options.views, { minimum: 2, maximum: 1e6 }) }),
  };
  if (options.beam === "fan") {
    for (const [name, value] of [
      ["--rows", options.rows],
      ["--row-binning", options.rowBinning === "1" ? undefined : options.rowBinning],
    ]) {
      if (value !== undefined) throw new UsageError(`${name} is for --beam cone`);
    }
    return isFlatPanel(scanner)
      ? createFanFlatGeometry(scanner, common)
      : createScanGeometry(scanner, common);
  }
  const rows = {
    ...common,
    rowBinning: parseWholeNumber("--row-binning", options.rowBinning, { minimum: 1, maximum: 64 }),
    ...(options.rows === undefined
      ? {}
      : { rows: parseWholeNumber("--rows", options.rows, { maximum: 4096 }) }),
  };
  return isFlatPanel(scanner)
    ? createConeFlatGeometry(scanner, rows)
    : createConeCurvedGeometry(scanner, rows);
}

/** Options that make a beam. */
export interface BeamOptions {
  readonly kv?: string;
  readonly spectrum?: string;
  readonly energy?: string;
  readonly filter?: readonly string[];
}

/**
 * The beam: one energy, a preset, a file, or a tube voltage with filters.
 *
 * @throws UsageError for contradicting choices; PhysicsError `BAD_SPECTRUM` for files
 */
export async function chooseSpectrum(options: BeamOptions): Promise<Spectrum | number> {
  if (options.energy !== undefined) {
    if (options.spectrum !== undefined || options.filter !== undefined) {
      throw new UsageError("--energy is one energy; leave out --spectrum and --filter");
    }
    return parseNumber("--energy", options.energy, { minimum: 1, maximum: 20_000 });
  }
  if (options.spectrum !== undefined) {
    if (options.filter !== undefined) throw new UsageError("--filter goes with --kv, not with --spectrum");
    if (spectra.has(options.spectrum)) return spectra.get(options.spectrum).create();
    if (!options.spectrum.toLowerCase().endsWith(".csv")) {
      throw new UsageError(
        `--spectrum "${options.spectrum}" is neither a preset (${spectra.names.join(", ")}) nor a .csv file`,
      );
    }
    return parseSpectrumCsv(await readFile(options.spectrum, "utf8"));
  }
  const kilovolts = parseNumber("--kv", options.kv ?? "120", { minimum: 40, maximum: 150 });
  return createTubeSpectrum(kilovolts, { filters: (options.filter ?? []).map(parseFilter) });
}

/** `copper:0.1` in mm. */
function parseFilter(text: string): { material: ReturnType<typeof materials.get>; thicknessMm: number } {
  const [name, thickness = ""] = text.split(":");
  if (thickness === "") throw new UsageError(`--filter "${text}" has no thickness; e.g. copper:0.1 (mm)`);
  if (!materials.has(name))
    throw new UsageError(`--filter names no material "${name}"; e.g. copper:0.1 (mm)`);
  return {
    material: materials.get(name),
    thicknessMm: parseNumber("--filter", thickness, { minimum: 0, maximum: 1000 }),
  };
}
