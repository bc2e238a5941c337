/**
 * Series assembly: from a pile of files to stacks of slices sorted along their normal, with what is wrong with each
 * said in coded findings. A slice is a classic image or a frame of a multi-frame one. Pixels stay where they are
 * until a slice is asked for.
 */
import { createVolume, type GridGeometry, type LongWorkOptions, type Unit, type Volume } from "@alara/core";
import type { DicomFile } from "../dataset/dataset.ts";
import { readDicomFile } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { readUid } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";
import { completeUids } from "../images/identity.ts";
import {
  type InstanceSource,
  type ModalityChoice,
  type ScannedSlice,
  type SkippedInstance,
  scanInstance,
} from "../images/instance.ts";
import { type DecodeHuOptions, decodeGrayscale, decodeHu, type HuSlice } from "../images/pixels.ts";
import type { DicomLimits } from "../limits.ts";
import { describeRepeat, dropRepeatedPixels } from "./repeats.ts";
import { type SeriesFacts, summariseFacts } from "./series-facts.ts";
import { findSeriesProblems, type SeriesFinding } from "./series-findings.ts";
import { createSeriesGrid, measureLayout } from "./series-geometry.ts";
import { formatStackName, type Stack, splitIntoStacks } from "./series-stacks.ts";

/** One slice of a series. */
export interface SeriesSlice extends ScannedSlice {
  /** Position along the series' normal, mm. */
  readonly alongNormalMm: number;
}

/** A stack of slices of one size and orientation. */
export interface Series {
  /** Modality (0008,0060): "CT", "MR", "PT", … */
  readonly modality: string;
  /** What a voxel holds; `"arbitrary"` series are read as volumes and refused by everything made for CT. */
  readonly unit: "HU" | "arbitrary";
  readonly seriesInstanceUid: string;
  readonly studyInstanceUid: string;
  readonly seriesNumber: number | undefined;
  /**
   * What tells this stack from the others of its Series Instance UID, e.g. "phase 40 %"; `undefined` when there is
   * one.
   */
  readonly stackName: string | undefined;
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
  /** `"any"` takes grayscale images of other modalities too, e.g. for conversion. Default `"CT"`. */
  readonly modalities?: ModalityChoice;
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
  const found = new Map<string, ScannedSlice[]>();
  const skipped: SkippedInstance[] = [];
  const limits = options.limits === undefined ? {} : { limits: options.limits };
  const scanOptions = { ...limits, modalities: options.modalities ?? "CT" };
  let done = 0;
  for (const source of sources) {
    options.signal?.throwIfAborted();
    const scanned = await scanInstance(source, scanOptions);
    if (scanned.kind === "skipped") skipped.push(scanned.skipped);
    else {
      skipped.push(...scanned.skipped);
      const uid = scanned.frames[0].sopInstanceUid;
      const earlier = found.get(uid)?.[0].source;
      if (earlier !== undefined) skipped.push(await describeRepeat(earlier, source, limits));
      else
        found.set(
          uid,
          scanned.frames.map((summary) => ({ source, summary })),
        );
    }
    options.onProgress?.({ phase: "reading headers", done: ++done, total: sources.length, unit: "files" });
  }
  const kept = await dropRepeatedPixels(groupBySeries([...found.values()].flat()), {
    ...limits,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return { series: assembleSeries(kept.slices, limits), skipped: [...skipped, ...kept.skipped] };
}

/**
 * Groups slices into series: by Series Instance UID, split into stacks as {@link splitIntoStacks} does.
 *
 * @returns most slices first
 */
export function assembleSeries(
  slices: readonly ScannedSlice[],
  options: { readonly limits?: DicomLimits } = {},
): Series[] {
  const series: Series[] = [];
  for (const group of groupBySeries(slices)) {
    const stacks = splitIntoStacks(group);
    for (const stack of stacks) series.push(createSeries(stack, stacks.length, options.limits));
  }
  return series.sort(
    (a, b) =>
      b.slices.length - a.slices.length ||
      (a.seriesNumber ?? 0) - (b.seriesNumber ?? 0) ||
      (a.slices[0].summary.sopInstanceUid < b.slices[0].summary.sopInstanceUid ? -1 : 1),
  );
}

function groupBySeries(slices: readonly ScannedSlice[]): ScannedSlice[][] {
  const groups = new Map<string, ScannedSlice[]>();
  for (const slice of slices) {
    const group = groups.get(slice.summary.seriesInstanceUid);
    if (group === undefined) groups.set(slice.summary.seriesInstanceUid, [slice]);
    else group.push(slice);
  }
  return [...groups.values()];
}

function createSeries(
  stack: Stack<ScannedSlice>,
  stacksInUid: number,
  limits: DicomLimits | undefined,
): Series {
  const unsorted = stack.slices.map((slice) => slice.summary);
  const { spacingBetweenSlicesMm, sliceThicknessMm } = unsorted[0].facts;
  const layout = measureLayout(unsorted, { spacingBetweenSlicesMm, sliceThicknessMm });
  const slices = layout.order.map((index, i) => ({
    ...stack.slices[index],
    alongNormalMm: layout.alongNormalMm[i],
  }));
  const summaries = slices.map((slice) => slice.summary);
  const first = summaries[0];
  const facts = summariseFacts(summaries, layout);
  const findings = findSeriesProblems(summaries, layout, facts, { parts: stack.parts, stacksInUid });
  return {
    modality: first.modality,
    unit: first.format.unit,
    seriesInstanceUid: first.seriesInstanceUid,
    studyInstanceUid: first.studyInstanceUid,
    seriesNumber: first.seriesNumber,
    stackName: stacksInUid === 1 ? undefined : formatStackName(stack.parts),
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

/** The multi-frame file that a series was read from last: its frames are asked for one after the other. */
const openFiles = new WeakMap<Series, { readonly source: InstanceSource; readonly file: DicomFile }>();

/**
 * Reads the file that holds a slice again, with the UIDs filled in that it left empty. A multi-frame file is kept until a slice of another one is asked for.
 *
 * @throws DicomError `OUT_OF_RANGE`; `SOURCE_CHANGED` when the source now holds another instance
 */
export async function readSeriesFile(series: Series, slice: number): Promise<DicomFile> {
  const entry = series.slices[slice];
  if (entry === undefined) {
    throw new DicomError("OUT_OF_RANGE", `slice ${slice} is outside 0..${series.slices.length - 1}`);
  }
  const open = openFiles.get(series);
  if (open !== undefined && open.source === entry.source) return open.file;
  const bytes = await entry.source.read();
  const limits = series.limits === undefined ? {} : { limits: series.limits };
  const { file } = await completeUids(readDicomFile(bytes, limits));
  if (readUid(file.dataset, TAG.SOPInstanceUID) !== entry.summary.sopInstanceUid) {
    throw new DicomError(
      "SOURCE_CHANGED",
      `${entry.source.name} holds another instance than when it was scanned`,
    );
  }
  if (entry.summary.format.frames > 1) openFiles.set(series, { source: entry.source, file });
  return file;
}

/**
 * Decodes one slice to HU, reading its file now.
 *
 * @returns HU `[row][column]` and the padding mask
 * @throws DicomError `NOT_HU` for other modalities; as {@link readSeriesFile} and {@link decodeHu}
 */
export async function decodeSliceHu(
  series: Series,
  slice: number,
  options: Pick<DecodeHuOptions, "paddingHu"> = {},
): Promise<HuSlice> {
  const file = await readSeriesFile(series, slice);
  return decodeHu(file, { ...options, frame: series.slices[slice].summary.frame });
}

/** Options of {@link decodeVolume}. */
export interface DecodeVolumeOptions extends LongWorkOptions, Pick<DecodeHuOptions, "paddingHu"> {}

/**
 * Decodes a whole CT series; 4 bytes per voxel are held. For long series prefer {@link decodeSliceHu} slice by slice.
 *
 * Irregular series are decoded too: slices stand at their index, and `series.isRegular` says what that is worth.
 *
 * @throws DicomError `NOT_HU` for other modalities; `LIMIT_EXCEEDED` when there is no memory for the volume; as
 * {@link decodeSliceHu}; the signal's reason
 */
export async function decodeVolume(series: Series, options: DecodeVolumeOptions = {}): Promise<Volume<"HU">> {
  if (series.unit !== "HU") {
    throw new DicomError(
      "NOT_HU",
      `the series (${series.modality}) holds no Hounsfield units; this step is for CT`,
    );
  }
  const sliceOptions = options.paddingHu === undefined ? {} : { paddingHu: options.paddingHu };
  const readFile = createSliceReader(series);
  return decodeSlices("HU", series.geometry, options, async (i) => {
    const { hu } = await decodeHu(await readFile(i), {
      ...sliceOptions,
      frame: series.slices[i].summary.frame,
    });
    return hu;
  });
}

/** Options of {@link readImageVolume}. */
export interface ReadImageVolumeOptions extends LongWorkOptions {
  /** Put where the image is padding; default: what the mapping gives. */
  readonly paddingValue?: number;
}

/**
 * Decodes a whole series of any modality: CT in HU, everything else in the units its header maps to (`"arbitrary"`).
 *
 * @throws DicomError `LIMIT_EXCEEDED` when there is no memory for the volume; as {@link readSeriesFile} and
 * {@link decodeGrayscale}; the signal's reason
 */
export async function readImageVolume(
  series: Series,
  options: ReadImageVolumeOptions = {},
): Promise<Volume<"HU" | "arbitrary">> {
  const readFile = createSliceReader(series);
  const padding = options.paddingValue === undefined ? {} : { paddingValue: options.paddingValue };
  return decodeSlices(series.unit, series.geometry, options, async (i) => {
    const { frame } = series.slices[i].summary;
    return (await decodeGrayscale(await readFile(i), { ...padding, frame })).values;
  });
}

/** Reads the files of slices; one that holds several slices in a row is read and parsed once for them. */
function createSliceReader(series: Series): (slice: number) => Promise<DicomFile> {
  let last: { readonly source: InstanceSource; readonly file: DicomFile } | undefined;
  return async (slice) => {
    const { source } = series.slices[slice];
    if (last?.source !== source) last = { source, file: await readSeriesFile(series, slice) };
    return last.file;
  };
}

/** Decodes all slices; the first one before memory is taken for what the headers merely say. */
async function decodeSlices<U extends Unit>(
  unit: U,
  geometry: GridGeometry,
  options: LongWorkOptions,
  decode: (slice: number) => Promise<Float32Array>,
): Promise<Volume<U>> {
  const [total, rows, columns] = geometry.size;
  options.signal?.throwIfAborted();
  const first = await decode(0);
  const volume = allocateVolume(unit, geometry);
  for (let i = 0; i < total; i++) {
    options.signal?.throwIfAborted();
    volume.data.set(i === 0 ? first : await decode(i), i * rows * columns);
    options.onProgress?.({ phase: "decoding", done: i + 1, total, unit: "slices" });
  }
  return volume;
}

function allocateVolume<U extends Unit>(unit: U, geometry: GridGeometry): Volume<U> {
  try {
    return createVolume(unit, geometry);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new DicomError(
      "LIMIT_EXCEEDED",
      `there is no memory for a volume of ${geometry.size.join(" × ")} voxels; read it slice by slice`,
      { cause },
    );
  }
}
