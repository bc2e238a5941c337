/**
 * Writes what was derived from an enhanced CT object as one enhanced CT object: the source's functional groups frame
 * by frame, each with a Derivation Image group that names the frames it was made from (PS3.3 C.7.6.16.2.6). The policy
 * for other attributes is that of derived-attributes.ts.
 */
import { readFrameBytes } from "../codecs/encapsulation.ts";
import { TRANSFER_SYNTAX_UID } from "../codecs/transfer-syntaxes.ts";
import { convertToExplicit, removePrivateElements } from "../dataset/convert.ts";
import { type DicomDataset, type DicomElement, type DicomFile, editDataset } from "../dataset/dataset.ts";
import { convertDateTime } from "../dataset/date-time.ts";
import { createIntegerElement, createSequenceElement, createTextElement } from "../dataset/elements.ts";
import { readItems } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { createHashedUid } from "../dataset/uids.ts";
import { readText, readTexts } from "../dataset/values.ts";
import { writeDicomFile } from "../dataset/write.ts";
import { DicomError } from "../errors.ts";
import { readFrameDataset } from "../images/functional-groups.ts";
import { encodeHu, readHuFormat } from "../images/pixels.ts";
import {
  createFrameBuffer,
  createLossyElements,
  createPixelData,
  requireWritableSyntax,
} from "../objects/pixel-data.ts";
import {
  createDerivationGroup,
  createSourceEvidence,
  type ImageReference,
  listReferences,
} from "../objects/references.ts";
import { readSeriesFile, type Series } from "../series/series.ts";
import {
  type DerivedSeriesOptions,
  describeDerivation,
  listSourceNames,
  prepareDerivation,
} from "./derivation.ts";
import { createDerivedEdits } from "./derived-attributes.ts";
import { readSourceSummaries } from "./derived-series.ts";

/** A derived multi-frame object, filled frame by frame in any order; the pixels of all frames are held. */
export interface DerivedObject {
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  /**
   * Gives a frame its new values.
   *
   * @param slice - index into the source series
   * @param hu - `[row][column]`
   * @param sourceSlices - every slice that was read to make it; default the slice itself
   * @throws DicomError `OUT_OF_RANGE`, `SHAPE_MISMATCH`, `NON_FINITE_VALUE`, `SOURCE_CHANGED` and as reading
   */
  setFrame(slice: number, hu: Float32Array, sourceSlices?: readonly number[]): Promise<void>;
  /**
   * The Part 10 file.
   *
   * @throws DicomError `SHAPE_MISMATCH` while frames are missing, `LIMIT_EXCEEDED` from 4 GiB
   */
  finish(): Promise<Uint8Array>;
}

/** Whether a series lies in one enhanced object, so that createDerivedObject can take it. */
export function isSingleObject(series: Series): boolean {
  const [{ source, summary }] = series.slices;
  return summary.format.frames > 1 && series.slices.every((slice) => slice.source === source);
}

/**
 * Prepares a derived object of a series whose slices are the frames of one enhanced CT object.
 *
 * @throws DicomError `NOT_HU`, `INVALID_VALUE`, `OUT_OF_RANGE`, `UNSUPPORTED_TRANSFER_SYNTAX`, `LIMIT_EXCEEDED` from
 * 4 GiB; `UNSUPPORTED_PIXEL_FORMAT` for series of single images, which createDerivedSeries takes
 * @remarks UIDs as in createDerivedSeries. Memory: the source file, the new frames and, in the end, the new file; the
 * frames are not held twice. Tested with dciodvfy and by reading back.
 */
export async function createDerivedObject(
  series: Series,
  options: DerivedSeriesOptions,
): Promise<DerivedObject> {
  if (!isSingleObject(series) || options.geometry !== undefined) {
    throw new DicomError(
      "UNSUPPORTED_PIXEL_FORMAT",
      "a derived object needs the frames of one enhanced object on their own grid; use createDerivedSeries",
    );
  }
  const { seriesInstanceUid, seriesNumberIndex, target } = await prepareDerivation(series, options);
  const sopInstanceUid = await createHashedUid({
    sources: listSourceNames(series),
    series: seriesInstanceUid,
  });
  const sources: (readonly ImageReference[] | undefined)[] = series.slices.map(() => undefined);
  const pixels = createFrameBuffer(series.slices[0].summary.format, sources.length);

  const setFrame = async (
    slice: number,
    hu: Float32Array,
    sourceSlices: readonly number[] = [slice],
  ): Promise<void> => {
    const file = await readSeriesFile(series, slice);
    const { frame } = series.slices[slice].summary;
    const format = readHuFormat(readFrameDataset(file.dataset, frame));
    const { bytes } = encodeHu(await readFrameBytes(file, format, frame), format, hu);
    pixels[slice].set(bytes);
    sources[slice] = listReferences(readSourceSummaries(series, sourceSlices));
  };

  const finish = async (): Promise<Uint8Array> => {
    const present = sources.filter((frame) => frame !== undefined);
    if (present.length < sources.length) {
      throw new DicomError(
        "SHAPE_MISMATCH",
        `${sources.length - present.length} of ${sources.length} frames have no new values yet`,
      );
    }
    const file = await readSeriesFile(series, 0);
    const format = { ...readHuFormat(readFrameDataset(file.dataset, 0)), frames: sources.length };
    const dataset = prepareDataset(file, options.privateElements ?? "remove");
    const syntax = target?.encoding === "explicit-le" ? target : requireWritableSyntax(EXPLICIT);
    const description = describeDerivation(options);
    const edits = createDerivedEdits(
      dataset,
      format,
      { bytes: new Uint8Array(0), smallest: 0, largest: 0, clampedPixels: 0 },
      {
        ...description,
        sopInstanceUid,
        seriesInstanceUid,
        seriesNumberIndex,
        sourceImages: [],
        spatialLocationsPreserved: "YES",
        moment: convertDateTime(options.dateTime, readText(dataset, TAG.TimezoneOffsetFromUTC)),
      },
    );
    for (const tag of NOT_AT_TOP) edits.set(tag, null);
    const set = (element: DicomElement): void => {
      edits.set(element.tag, element);
    };
    for (const element of createLossyElements(file, format)) set(element);
    set(createTextElement(TAG.ImageType, createEnhancedType(readTexts(dataset, TAG.ImageType))));
    set(createIntegerElement(TAG.NumberOfFrames, sources.length));
    set(createSourceEvidence(series.studyInstanceUid, series.seriesInstanceUid, present.flat()));
    const readGroups = (tag: number): DicomDataset[] =>
      (readItems(dataset, tag) ?? []).map(convertToExplicit);
    const shared = readGroups(TAG.SharedFunctionalGroupsSequence);
    set(
      createSequenceElement(
        TAG.SharedFunctionalGroupsSequence,
        shared.map((item) => [...markDerived(item).elements.values()]),
        "explicit-le",
      ),
    );
    const items = readGroups(TAG.PerFrameFunctionalGroupsSequence);
    const perFrame = present.map((frame, slice) => {
      const group = createDerivationGroup(
        description.derivationDescription,
        description.derivationCode,
        frame,
        "YES",
      );
      const item = markDerived(items[series.slices[slice].summary.frame]);
      return [...editDataset(item, new Map([[group.tag, group]])).elements.values()];
    });
    set(createSequenceElement(TAG.PerFrameFunctionalGroupsSequence, perFrame, "explicit-le"));
    set(await createPixelData(syntax, format, pixels));
    return writeDicomFile(editDataset(dataset, edits), syntax.uid);
  };
  return { seriesInstanceUid, sopInstanceUid, setFrame, finish };
}

const EXPLICIT = TRANSFER_SYNTAX_UID.explicitLittleEndian;

/** Attributes of derived classic images that enhanced ones keep in their frames or not at all. */
const NOT_AT_TOP: readonly number[] = [
  TAG.DerivationDescription,
  TAG.DerivationCodeSequence,
  TAG.SourceImageSequence,
  TAG.SmallestImagePixelValue,
  TAG.LargestImagePixelValue,
];

function prepareDataset(file: DicomFile, privateElements: "remove" | "keep"): DicomDataset {
  const kept = privateElements === "remove" ? removePrivateElements(file.dataset) : file.dataset;
  return convertToExplicit(kept);
}

/** DERIVED \ PRIMARY \ the source's flavour and contrast; SECONDARY is not for enhanced images (PS3.3 C.8.16.1). */
function createEnhancedType(source: readonly string[] | undefined): string[] {
  return ["DERIVED", "PRIMARY", source?.[2] ?? "VOLUME", source?.[3] ?? "NONE"];
}

/** The groups with their Frame Type saying DERIVED, where they hold one. */
function markDerived(item: DicomDataset): DicomDataset {
  const first = readItems(item, TAG.CTImageFrameTypeSequence)?.[0];
  if (first === undefined) return item;
  const macro = convertToExplicit(first);
  const type = createTextElement(TAG.FrameType, createEnhancedType(readTexts(macro, TAG.FrameType)));
  const elements = editDataset(macro, new Map([[type.tag, type]])).elements;
  const sequence = createSequenceElement(
    TAG.CTImageFrameTypeSequence,
    [[...elements.values()]],
    item.encoding,
  );
  return editDataset(item, new Map([[sequence.tag, sequence]]));
}
