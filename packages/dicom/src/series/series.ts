/**
 * Series assembly: from a pile of files to stacks of CT slices sorted along their normal, with what is wrong with
 * each said in coded findings. Pixels stay where they are until a slice is asked for.
 */
import { createVolume, type GridGeometry, type LongWorkOptions, type Volume } from "@alara/core";
import type { DicomFile } from "../dataset/dataset.ts";
import { readDicomFile } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { readUid } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";
import {
  type InstanceSource,
  type InstanceSummary,
  type SkippedInstance,
  scanInstance,
} from "../images/instance.ts";
import { type DecodeHuOptions, decodeHu, type HuSlice } from "../images/pixels.ts";
import type { DicomLimits } from "../limits.ts";
import { type SeriesFacts, summariseFacts } from "./series-facts.ts";
import { findSeriesProblems, type SeriesFinding } from "./series-findings.ts";
import { createSeriesGrid, measureLayout } from "./series-geometry.ts";

/** One slice of a series. */
export interface SeriesSlice {
  readonly source: InstanceSource;
  readonly summary: InstanceSummary;
  /** Position along the series' normal, mm. */
  readonly alongNormalMm: number;
}

/** A stack of CT slices of one size and orientation. */
export interface Series {
  readonly seriesInstanceUid: string;
  readonly studyInstanceUid: string;
  readonly seriesNumber: number | undefined;
  /** Sorted along the normal. */
  readonly slices: readonly SeriesSlice[];
  /**
   * The grid of the slices. When `isRegular` is false, single slices lie elsewhere: see `slices[i].alongNormalMm`.
   */
  readonly geometry: GridGeometry;
  /** Evenly spaced without gaps or duplicates, so that neighbours are neighbours. False for a single slice. */
  readonly isRegular: boolean;
  readonly findings: readonly SeriesFinding[];
  readonly facts: SeriesFacts;
  readonly limits: DicomLimits | undefined;
}

/** All that a pile of files holds. */
export interface SeriesCollection {
  /** Most slices first. */
  readonly series: readonly Series[];
  readonly skipped: readonly SkippedInstance[];
}

/** Options of {@link scanSeries}. */
export interface ScanSeriesOptions extends LongWorkOptions {
  readonly limits?: DicomLimits;
}

/**
 * Reads every file's header and assembles series.
 *
 * Files that are no CT slices are listed in `skipped`, each with a code; nothing is dropped silently.
 *
 * @returns possibly no series at all: the caller decides what that means
 * @throws the signal's reason, and uncoded errors of `source.read()`
 */
export async function scanSeries(
  sources: readonly InstanceSource[],
  options: ScanSeriesOptions = {},
): Promise<SeriesCollection> {
  const found: ScannedSlice[] = [];
  const skipped: SkippedInstance[] = [];
  const scanOptions = options.limits === undefined ? {} : { limits: options.limits };
  let done = 0;
  for (const source of sources) {
    options.signal?.throwIfAborted();
    const scanned = await scanInstance(source, scanOptions);
    if (scanned.kind === "ct") found.push(scanned);
    else skipped.push(scanned.skipped);
    options.onProgress?.({ phase: "reading headers", done: ++done, total: sources.length, unit: "files" });
  }
  const unique = await dropDuplicates(found, skipped);
  return { series: assembleSeries(unique, scanOptions), skipped };
}

/** A CT slice that scanning found. */
export interface ScannedSlice {
  readonly source: InstanceSource;
  readonly summary: InstanceSummary;
}

/** One SOP Instance UID must stand for one content: repeats are dropped and said so, contradictions too. */
async function dropDuplicates(
  found: readonly ScannedSlice[],
  skipped: SkippedInstance[],
): Promise<ScannedSlice[]> {
  const byUid = new Map<string, ScannedSlice>();
  for (const slice of found) {
    const uid = slice.summary.sopInstanceUid;
    const earlier = byUid.get(uid);
    if (earlier === undefined) {
      byUid.set(uid, slice);
      continue;
    }
    const isSame = equalBytes(await earlier.source.read(), await slice.source.read());
    skipped.push({
      name: slice.source.name,
      code: isSame ? "DUPLICATE_INSTANCE" : "SOP_UID_CONFLICT",
      reason: isSame
        ? `the same file as ${earlier.source.name}`
        : `has the SOP Instance UID of ${earlier.source.name} but other content; the first one is used`,
    });
  }
  return [...byUid.values()];
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * Groups slices into series: by Series Instance UID, split by size, pixel spacing and orientation, and by acquisition
 * or kernel where several share one position.
 *
 * @returns most slices first
 */
export function assembleSeries(
  slices: readonly ScannedSlice[],
  options: { readonly limits?: DicomLimits } = {},
): Series[] {
  const series: Series[] = [];
  for (const group of groupBy(slices, (slice) => slice.summary.seriesInstanceUid)) {
    const stacks = splitByOrientation(group).flatMap(splitRepeatedPositions);
    for (const stack of stacks) series.push(createSeries(stack, stacks.length, options.limits));
  }
  return series.sort(
    (a, b) =>
      b.slices.length - a.slices.length ||
      (a.seriesNumber ?? 0) - (b.seriesNumber ?? 0) ||
      (a.slices[0].summary.sopInstanceUid < b.slices[0].summary.sopInstanceUid ? -1 : 1),
  );
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const name = key(item);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

/** Splits by matrix, pixel spacing and orientation; orientations within 0.1° (header rounding) are one. */
function splitByOrientation(slices: readonly ScannedSlice[]): ScannedSlice[][] {
  const stacks: ScannedSlice[][] = [];
  for (const slice of slices) {
    const stack = stacks.find((candidate) => hasSamePlane(candidate[0].summary, slice.summary));
    if (stack === undefined) stacks.push([slice]);
    else stack.push(slice);
  }
  return stacks;
}

function hasSamePlane(a: InstanceSummary, b: InstanceSummary): boolean {
  const isClose = (x: number, y: number, tolerance: number): boolean => Math.abs(x - y) <= tolerance;
  return (
    a.format.rows === b.format.rows &&
    a.format.columns === b.format.columns &&
    isClose(a.pixelSpacingMm[0], b.pixelSpacingMm[0], 1e-4 * a.pixelSpacingMm[0]) &&
    isClose(a.pixelSpacingMm[1], b.pixelSpacingMm[1], 1e-4 * a.pixelSpacingMm[1]) &&
    a.columnDirection.every((value, i) => isClose(value, b.columnDirection[i], 0.002)) &&
    a.rowDirection.every((value, i) => isClose(value, b.rowDirection[i], 0.002))
  );
}

/** Where positions repeat, tries acquisition number and then kernel as what tells the stacks apart. */
function splitRepeatedPositions(slices: readonly ScannedSlice[]): ScannedSlice[][] {
  const countRepeats = (stack: readonly ScannedSlice[]): number =>
    measureLayout(stack.map((slice) => slice.summary)).duplicatePositions;
  if (countRepeats(slices) === 0) return [[...slices]];
  const keys: ((slice: ScannedSlice) => string)[] = [
    (slice) => String(slice.summary.acquisitionNumber),
    (slice) => String(slice.summary.facts.kernel),
  ];
  for (const key of keys) {
    const groups = groupBy(slices, key);
    if (groups.length > 1 && groups.every((group) => countRepeats(group) === 0)) return groups;
  }
  return [[...slices]];
}

function createSeries(
  stack: readonly ScannedSlice[],
  stacksInUid: number,
  limits: DicomLimits | undefined,
): Series {
  const layout = measureLayout(stack.map((slice) => slice.summary));
  const slices = layout.order.map((index, i) => ({
    ...stack[index],
    alongNormalMm: layout.alongNormalMm[i],
  }));
  const summaries = slices.map((slice) => slice.summary);
  const first = summaries[0];
  const facts = summariseFacts(summaries, layout.stepMm);
  const findings = findSeriesProblems(summaries, layout, facts, stacksInUid);
  return {
    seriesInstanceUid: first.seriesInstanceUid,
    studyInstanceUid: first.studyInstanceUid,
    seriesNumber: first.seriesNumber,
    slices,
    geometry: createSeriesGrid(
      layout,
      first,
      [slices.length, first.format.rows, first.format.columns],
      first.pixelSpacingMm,
      facts.sliceThicknessMm,
    ),
    isRegular: !findings.some((finding) => finding.breaksNeighbours),
    findings,
    facts,
    limits,
  };
}

/**
 * Reads one slice's file again.
 *
 * @throws DicomError `OUT_OF_RANGE`; `SOURCE_CHANGED` when the source now holds another instance
 */
export async function readSeriesFile(series: Series, slice: number): Promise<DicomFile> {
  const entry = series.slices[slice];
  if (entry === undefined) {
    throw new DicomError("OUT_OF_RANGE", `slice ${slice} is outside 0..${series.slices.length - 1}`);
  }
  const bytes = await entry.source.read();
  const file = readDicomFile(bytes, series.limits === undefined ? {} : { limits: series.limits });
  if (readUid(file.dataset, TAG.SOPInstanceUID) !== entry.summary.sopInstanceUid) {
    throw new DicomError(
      "SOURCE_CHANGED",
      `${entry.source.name} holds another instance than when it was scanned`,
    );
  }
  return file;
}

/**
 * Decodes one slice to HU, reading its file now.
 *
 * @returns HU `[row][column]` and the padding mask
 * @throws DicomError as {@link readSeriesFile} and {@link decodeHu}
 */
export async function decodeSliceHu(
  series: Series,
  slice: number,
  options: Pick<DecodeHuOptions, "paddingHu"> = {},
): Promise<HuSlice> {
  return decodeHu(await readSeriesFile(series, slice), options);
}

/** Options of {@link decodeVolume}. */
export interface DecodeVolumeOptions extends LongWorkOptions, Pick<DecodeHuOptions, "paddingHu"> {}

/**
 * Decodes a whole series; 4 bytes per voxel are held. For long series prefer {@link decodeSliceHu} slice by slice.
 *
 * Irregular series are decoded too: slices stand at their index, and `series.isRegular` says what that is worth.
 *
 * @throws DicomError as {@link decodeSliceHu}; the signal's reason
 */
export async function decodeVolume(series: Series, options: DecodeVolumeOptions = {}): Promise<Volume<"HU">> {
  const volume = createVolume("HU", series.geometry);
  const plane = series.geometry.size[1] * series.geometry.size[2];
  const sliceOptions = options.paddingHu === undefined ? {} : { paddingHu: options.paddingHu };
  const total = series.slices.length;
  for (let i = 0; i < total; i++) {
    options.signal?.throwIfAborted();
    const { hu } = await decodeSliceHu(series, i, sliceOptions);
    volume.data.set(hu, i * plane);
    options.onProgress?.({ phase: "decoding", done: i + 1, total, unit: "slices" });
  }
  return volume;
}
