/**
 * Projections as the command line opens them: sinogram files and DICOM-CT-PD, made ready for reconstruction.
 */
import { existsSync } from "node:fs";
import type { LongWorkOptions, Sinogram } from "@alara/core";
import type { SinogramFacts } from "@alara/dicom";
import { isCtProjectionPath, isSinogramPath, openCtProjections, openSinogram } from "@alara/dicom/node";
import {
  checkHelicalScan,
  createCircularSinogram,
  type HelicalScan,
  isCircularScan,
  measureHelix,
  rebinHelicalScan,
} from "@alara/recon";
import { UsageError } from "./context.ts";
import { CliError } from "./input.ts";

/** Which slices of a helix are wanted. */
export interface HelixChoice {
  /** Distance of slices, mm. */
  readonly sliceSpacingMm: number;
  /** First and last height, mm; default: all with a whole turn. */
  readonly heightsMm?: readonly [number, number];
  /** First and last instance number to read; default all. */
  readonly views?: readonly [number, number];
}

/** Projections ready for reconstruction. */
export interface OpenedProjections {
  readonly sinogram: Sinogram<"line integral">;
  readonly facts: SinogramFacts;
  /** Heights of the planar slices where the scan knows them, mm. */
  readonly sliceHeightsMm?: readonly number[];
  /** Height of the source's plane in the scan's own coordinates, mm; default 0. */
  readonly sourceHeightMm?: number;
  /** What a person should know about how the scan was made ready. */
  readonly notes: readonly string[];
}

/**
 * Opens a sinogram file or a folder of DICOM-CT-PD; a helix is rebinned to one fan-beam turn per slice.
 *
 * @throws CliError `INPUT_NOT_READABLE` for other inputs and for counts; DicomError and ReconError as reading and
 *   rebinning
 */
export async function openProjections(
  input: string,
  choice: HelixChoice,
  work: LongWorkOptions,
): Promise<OpenedProjections> {
  if (await isSinogramPath(input)) {
    if (choice.heightsMm !== undefined || choice.views !== undefined) {
      throw new UsageError("--heights and --views are for DICOM-CT-PD, but the input is a sinogram file");
    }
    const { sinogram, facts } = await openSinogram(input);
    if (sinogram.unit !== "line integral") {
      throw new CliError(
        "INPUT_NOT_READABLE",
        "the file holds counts; take −ln(counts/air) first (`alara simulate scan` without --counts does)",
      );
    }
    return { sinogram, facts, notes: [] };
  }
  if (!existsSync(input)) throw new CliError("INPUT_NOT_READABLE", `there is no ${input}`);
  if (!(await isCtProjectionPath(input))) {
    throw new CliError(
      "INPUT_NOT_READABLE",
      `${input} holds no projections: neither a sinogram file (.sino.npz) nor a folder of DICOM-CT-PD; images go to \`alara enhance\``,
    );
  }
  const scan = await openCtProjections(input, {
    ...work,
    ...(choice.views === undefined ? {} : { range: choice.views }),
  });
  const facts: SinogramFacts =
    scan.facts.muWaterPerMm === undefined ? {} : { muWaterPerMm: scan.facts.muWaterPerMm };
  checkHelicalScan(scan);
  if (isCircularScan(scan)) {
    if (choice.heightsMm !== undefined)
      throw new UsageError("--heights is for helical scans; this table stood still");
    return {
      sinogram: createCircularSinogram(scan),
      facts,
      sourceHeightMm: scan.heightsMm[0],
      notes: [],
    };
  }
  const heights = chooseHeights(scan, choice);
  const sinogram = await rebinHelicalScan(scan, { ...work, sliceHeightsMm: heights });
  const helix = measureHelix(scan);
  return {
    sinogram,
    facts: { ...facts, sliceSpacingMm: choice.sliceSpacingMm },
    sliceHeightsMm: heights,
    notes: [
      `helix of ${Math.abs(helix.feedPerTurnMm).toFixed(2)} mm per turn, ${scan.facts.rows} rows, rebinned slice by slice (cone angle neglected): slices are about ${Math.abs(helix.feedPerTurnMm).toFixed(1)} mm thick`,
    ],
  };
}

function chooseHeights(scan: HelicalScan, choice: HelixChoice): readonly number[] {
  const helix = measureHelix(scan);
  const [from, to] = choice.heightsMm ?? [helix.lowestSliceMm, helix.highestSliceMm];
  if (!(to >= from)) {
    throw new CliError(
      "INPUT_NOT_READABLE",
      `the scan is shorter than one turn of the helix: no height has a whole turn (${from.toFixed(1)}..${to.toFixed(1)} mm)`,
    );
  }
  const count = Math.floor((to - from) / choice.sliceSpacingMm + 1e-9) + 1;
  return Array.from({ length: count }, (_, i) => from + i * choice.sliceSpacingMm);
}
