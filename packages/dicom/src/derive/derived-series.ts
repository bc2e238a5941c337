/**
 * Writes the derived series of an enhanced (or otherwise processed) CT series: same patient and study, same geometry
 * unless another grid is given, new deterministic UIDs, and a header that says what was done by what to which slices
 * (PS3.3 C.7.6.1.1.2–C.7.6.1.1.4). Single CT images, from frames of enhanced objects too; derived-object.ts writes
 * those as one object. Pixels that did not change keep their stored value bit for bit.
 */
import { readFrameBytes } from "../codecs/encapsulation.ts";
import type { TransferSyntax } from "../codecs/transfer-syntaxes.ts";
import { convertToExplicit, removePrivateElements } from "../dataset/convert.ts";
import { type DicomDataset, type DicomFile, editDataset } from "../dataset/dataset.ts";
import { convertDateTime } from "../dataset/date-time.ts";
import { createIntegerElement, createTextElement } from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import { createHashedUid } from "../dataset/uids.ts";
import { readText } from "../dataset/values.ts";
import { writeDicomFile } from "../dataset/write.ts";
import { DicomError } from "../errors.ts";
import { hasFunctionalGroups, readFrameDataset } from "../images/functional-groups.ts";
import type { InstanceSummary } from "../images/instance.ts";
import { encodeHu, readHuFormat } from "../images/pixels.ts";
import { SOP_CLASS } from "../images/sop-classes.ts";
import { createClassicElements } from "../objects/classic-elements.ts";
import { createLossyElements, createPixelData } from "../objects/pixel-data.ts";
import { listReferences } from "../objects/references.ts";
import { readSeriesFile, type Series } from "../series/series.ts";
import {
  chooseSyntax,
  type DerivedSeriesOptions,
  describeDerivation,
  listSourceNames,
  prepareDerivation,
} from "./derivation.ts";
import { createDerivedEdits } from "./derived-attributes.ts";
import { checkResampledGrid, createGridElements, findSourceSlices, resampleWords } from "./resampling.ts";

/** A derived series to be written slice by slice, in any order. */
export interface DerivedSeries {
  readonly seriesInstanceUid: string;
  /** By slice index of the source series, or of `options.geometry`. */
  readonly sopInstanceUids: readonly string[];
  /**
   * One Part 10 file.
   *
   * @param slice - index into the source series, or into `options.geometry`
   * @param hu - the slice's new values, `[row][column]`
   * @param sourceSlices - every slice that was read to make it; default the slice itself, or those on either side
   * @throws DicomError `OUT_OF_RANGE`, `SHAPE_MISMATCH`, `NON_FINITE_VALUE`, `SOURCE_CHANGED` and as reading
   */
  writeInstance(slice: number, hu: Float32Array, sourceSlices?: readonly number[]): Promise<Uint8Array>;
}

/**
 * Prepares a derived series.
 *
 * @throws DicomError `NOT_HU`, `INVALID_VALUE`, `OUT_OF_RANGE`, `UNSUPPORTED_TRANSFER_SYNTAX`
 * @remarks UIDs: series = hash(sorted source SOP Instance UIDs, model digest, parameters, code version, provider
 * class); instance = hash(source SOP Instance UID, series UID). Tested with dciodvfy, dcentvfy and pydicom.
 */
export async function createDerivedSeries(
  series: Series,
  options: DerivedSeriesOptions,
): Promise<DerivedSeries> {
  const { seriesInstanceUid, seriesNumberIndex, target } = await prepareDerivation(series, options);
  const grid = checkResampledGrid(series, options.geometry ?? series.geometry);
  const sources = listSourceNames(series);
  const sopInstanceUids: string[] = [];
  for (let slice = 0; slice < grid.geometry.size[0]; slice++) {
    const source = sources[findSourceSlices(series, grid, slice).nearest];
    const position = grid.keepsSlices ? {} : { slice };
    sopInstanceUids.push(await createHashedUid({ source, series: seriesInstanceUid, ...position }));
  }

  const writeInstance = async (
    slice: number,
    hu: Float32Array,
    sourceSlices?: readonly number[],
  ): Promise<Uint8Array> => {
    if (sopInstanceUids[slice] === undefined) {
      throw new DicomError("OUT_OF_RANGE", `slice ${slice} is outside 0..${sopInstanceUids.length - 1}`);
    }
    const place = findSourceSlices(series, grid, slice);
    const file = await readSeriesFile(series, place.nearest);
    const { frame } = series.slices[place.nearest].summary;
    const flat = readFrameDataset(file.dataset, frame);
    const sourceFormat = readHuFormat(flat);
    const words = await readFrameBytes(file, sourceFormat, frame);
    const [, rows, columns] = grid.geometry.size;
    const format = { ...sourceFormat, rows, columns, frames: 1 };
    const encoded = encodeHu(
      grid.isSame ? words : resampleWords(words, sourceFormat, series.geometry, grid.geometry),
      format,
      hu,
    );
    const sourceImages = listReferences(readSourceSummaries(series, sourceSlices ?? place.sources));
    const syntax = chooseSyntax(file, target);
    const dataset = prepareDataset(file, flat, syntax, options.privateElements ?? "remove");
    const edits = createDerivedEdits(dataset, format, encoded, {
      ...describeDerivation(options),
      sopInstanceUid: sopInstanceUids[slice],
      seriesInstanceUid,
      seriesNumberIndex,
      sourceImages,
      spatialLocationsPreserved: grid.isSame ? "YES" : "NO",
      moment: convertDateTime(options.dateTime, readText(file.dataset, TAG.TimezoneOffsetFromUTC)),
    });
    for (const element of createLossyElements(file, sourceFormat)) edits.set(element.tag, element);
    if (hasFunctionalGroups(file.dataset)) {
      edits.set(TAG.SOPClassUID, createTextElement(TAG.SOPClassUID, SOP_CLASS.ctImage));
      edits.set(TAG.InstanceNumber, createIntegerElement(TAG.InstanceNumber, slice + 1));
    }
    if (!grid.isSame) {
      for (const [tag, element] of createGridElements(series, grid, slice, dataset)) edits.set(tag, element);
    }
    edits.set(TAG.PixelData, await createPixelData(syntax, format, [encoded.bytes]));
    return writeDicomFile(editDataset(dataset, edits), syntax.uid);
  };
  return { seriesInstanceUid, sopInstanceUids, writeInstance };
}

/**
 * The summaries of slices, each once and in order.
 *
 * @throws DicomError `OUT_OF_RANGE`
 */
export function readSourceSummaries(series: Series, slices: readonly number[]): InstanceSummary[] {
  return [...new Set(slices)]
    .sort((a, b) => a - b)
    .map((i) => {
      const source = series.slices[i];
      if (source === undefined) {
        throw new DicomError("OUT_OF_RANGE", `source slice ${i} is outside 0..${series.slices.length - 1}`);
      }
      return source.summary;
    });
}

function prepareDataset(
  file: DicomFile,
  flat: DicomDataset,
  syntax: TransferSyntax,
  privateElements: "remove" | "keep",
): DicomDataset {
  if (syntax.encoding === "implicit-le" && file.dataset.encoding !== "implicit-le") {
    throw new DicomError(
      "UNSUPPORTED_TRANSFER_SYNTAX",
      "a dataset in explicit VR is not written as implicit VR; choose Explicit VR Little Endian",
    );
  }
  const kept = privateElements === "remove" ? removePrivateElements(flat) : flat;
  const encoded = syntax.encoding === "explicit-le" ? convertToExplicit(kept) : kept;
  return flat === file.dataset ? encoded : { ...encoded, elements: createClassicElements(encoded) };
}
