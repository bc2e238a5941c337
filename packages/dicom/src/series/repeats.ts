/**
 * Images that occur more than once: copies of a file, one instance in two transfer syntaxes, one image under two
 * UIDs. What is the same is dropped and said; what is not stays, with a finding or a code.
 */
import { computeSha256 } from "@alara/core";
import type { DicomFile } from "../dataset/dataset.ts";
import { readDicomFile } from "../dataset/read.ts";
import { DicomError } from "../errors.ts";
import { completeUids } from "../images/identity.ts";
import {
  type InstanceSource,
  type InstanceSummary,
  type ScannedSlice,
  type SkippedInstance,
  scanFile,
} from "../images/instance.ts";
import { decodeGrayscale } from "../images/pixels.ts";
import type { DicomLimits } from "../limits.ts";
import { listPlaces, splitIntoStacks } from "./series-stacks.ts";

/** Options of both functions here. */
export interface RepeatOptions {
  readonly limits?: DicomLimits;
  readonly signal?: AbortSignal;
}

/**
 * Says what a second file with a known SOP Instance UID is: the same file, the same images in another encoding, or a
 * contradiction. Either way it takes no part.
 *
 * @throws errors of `source.read()`
 */
export async function describeRepeat(
  earlier: InstanceSource,
  source: InstanceSource,
  options: RepeatOptions = {},
): Promise<SkippedInstance> {
  const [a, b] = [await earlier.read(), await source.read()];
  if (equalValues(a, b)) {
    return { name: source.name, code: "DUPLICATE_INSTANCE", reason: `the same file as ${earlier.name}` };
  }
  const isSame = await catchCoded(() =>
    haveSameImages({ source: earlier, bytes: a }, { source, bytes: b }, options),
  );
  return {
    name: source.name,
    code: isSame === true ? "DUPLICATE_INSTANCE" : "SOP_UID_CONFLICT",
    reason:
      isSame === true
        ? `the same images as ${earlier.name}, encoded otherwise`
        : `has the SOP Instance UID of ${earlier.name} but other content; the first one is used`,
  };
}

function equalValues(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A result, or `undefined` when a coded error of this package stood in the way. */
async function catchCoded<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DicomError) return undefined;
    throw error;
  }
}

interface ReadSource {
  readonly source: InstanceSource;
  readonly bytes: Uint8Array;
}

async function haveSameImages(a: ReadSource, b: ReadSource, options: RepeatOptions): Promise<boolean> {
  const files = [a, b].map(({ bytes }) => readDicomFile(bytes, pickLimits(options)));
  const [first, second] = await Promise.all(
    [a, b].map(async ({ source }, i) => scanFile(source, await completeUids(files[i]), "any")),
  );
  if (first.kind === "skipped" || second.kind === "skipped") return false;
  if (first.frames.length !== second.frames.length) return false;
  for (const [i, frame] of first.frames.entries()) {
    options.signal?.throwIfAborted();
    const other = second.frames[i];
    if (!haveSamePlace(frame, other) || frame.frame !== other.frame) return false;
    if (frame.seriesInstanceUid !== other.seriesInstanceUid) return false;
    if (!(await haveSamePixels(files[0], files[1], frame, other))) return false;
  }
  return true;
}

function pickLimits({ limits }: RepeatOptions): { readonly limits?: DicomLimits } {
  return limits === undefined ? {} : { limits };
}

function haveSamePlace(a: InstanceSummary, b: InstanceSummary): boolean {
  return (
    equalValues(a.positionMm, b.positionMm) &&
    equalValues(a.columnDirection, b.columnDirection) &&
    equalValues(a.rowDirection, b.rowDirection) &&
    equalValues(a.pixelSpacingMm, b.pixelSpacingMm)
  );
}

/** Compares what the stored values mean; padding too. */
async function haveSamePixels(
  a: DicomFile,
  b: DicomFile,
  first: InstanceSummary,
  second: InstanceSummary,
): Promise<boolean> {
  const left = await decodeGrayscale(a, { frame: first.frame });
  const right = await decodeGrayscale(b, { frame: second.frame });
  return (
    left.format.unit === right.format.unit &&
    equalValues(left.values, right.values) &&
    equalValues(left.paddingMask ?? [], right.paddingMask ?? [])
  );
}

/**
 * Drops images that lie where another one does and hold the same pixels, one series after the other. Only images that
 * no header tells apart are decoded.
 *
 * @param groups - the slices of each series
 * @returns the slices that remain, in their order, and what was dropped
 */
export async function dropRepeatedPixels(
  groups: readonly (readonly ScannedSlice[])[],
  options: RepeatOptions = {},
): Promise<{ readonly slices: readonly ScannedSlice[]; readonly skipped: readonly SkippedInstance[] }> {
  const dropped = new Set<ScannedSlice>();
  const skipped: SkippedInstance[] = [];
  for (const group of groups) {
    for (const stack of splitIntoStacks(group, { byRepetition: "never" })) {
      for (const place of listPlaces(stack.slices)) {
        if (place.length < 2) continue;
        for (const { slice, like } of await findCopies(place, options)) {
          dropped.add(slice);
          skipped.push({
            name: slice.source.name,
            code: "DUPLICATE_PIXELS",
            reason:
              like.source === slice.source
                ? `frame ${slice.summary.frame + 1} repeats frame ${like.summary.frame + 1} at its position`
                : `the same pixels at the same position as ${like.source.name}, under another SOP Instance UID`,
          });
        }
      }
    }
  }
  return { slices: groups.flat().filter((slice) => !dropped.has(slice)), skipped };
}

/**
 * The slices of one position that repeat an earlier one of it. Each is decoded once and known by its digest: a file of
 * thousands of frames at one position costs as many decodings, not their square.
 */
async function findCopies(
  place: readonly ScannedSlice[],
  options: RepeatOptions,
): Promise<{ readonly slice: ScannedSlice; readonly like: ScannedSlice }[]> {
  const copies: { slice: ScannedSlice; like: ScannedSlice }[] = [];
  const known = new Map<string, ScannedSlice>();
  let opened: { readonly source: InstanceSource; readonly file: DicomFile | undefined } | undefined;
  for (const slice of place) {
    options.signal?.throwIfAborted();
    const { source, summary } = slice;
    if (opened?.source !== source) {
      const bytes = await source.read();
      opened = { source, file: await catchCoded(async () => readDicomFile(bytes, pickLimits(options))) };
    }
    const { file } = opened;
    if (file === undefined) continue;
    const digest = await catchCoded(() => computePixelDigest(file, summary));
    if (digest === undefined) continue;
    const like = known.get(digest);
    if (like === undefined) known.set(digest, slice);
    else copies.push({ slice, like });
  }
  return copies;
}

/** Equal for images that lie in one place and mean the same, padding too. */
async function computePixelDigest(file: DicomFile, summary: InstanceSummary): Promise<string> {
  const { format, values, paddingMask } = await decodeGrayscale(file, { frame: summary.frame });
  const { positionMm, columnDirection, rowDirection, pixelSpacingMm } = summary;
  const pixels = await computeSha256(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  const padding = paddingMask === undefined ? "" : await computeSha256(paddingMask);
  return JSON.stringify([
    format.unit,
    pixels,
    padding,
    positionMm,
    columnDirection,
    rowDirection,
    pixelSpacingMm,
  ]);
}
