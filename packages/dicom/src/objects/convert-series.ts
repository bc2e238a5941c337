/**
 * Classic CT series into one enhanced object and back (PS3.3 A.70 for Legacy Converted Enhanced CT). Pixels are the
 * same stored values; nothing is processed. CT only.
 */
import { readFrameBytes } from "../codecs/encapsulation.ts";
import { requireTransferSyntax, TRANSFER_SYNTAX_UID } from "../codecs/transfer-syntaxes.ts";
import { convertToExplicit, removePrivateElements } from "../dataset/convert.ts";
import { type DicomDataset, type DicomElement, editDataset } from "../dataset/dataset.ts";
import { convertDateTime } from "../dataset/date-time.ts";
import { createIntegerElement, createSequenceElement, createTextElement } from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import { createHashedUid } from "../dataset/uids.ts";
import { readNumber, readText, readTexts } from "../dataset/values.ts";
import { writeDicomFile } from "../dataset/write.ts";
import { DicomError } from "../errors.ts";
import { readFrameDataset } from "../images/functional-groups.ts";
import { readHuFormat } from "../images/pixels.ts";
import { SOP_CLASS } from "../images/sop-classes.ts";
import { readSeriesFile, type Series } from "../series/series.ts";
import { createClassicElements } from "./classic-elements.ts";
import type { EnhancedKind } from "./enhanced-groups.ts";
import { requireSameFormat, writeEnhancedObject } from "./enhanced-object.ts";
import {
  createFrameBuffer,
  createLossyElements,
  createPixelData,
  requireWritableSyntax,
} from "./pixel-data.ts";
import {
  createDerivationGroup,
  createReference,
  createSourceEvidence,
  type ImageReference,
  listReferences,
} from "./references.ts";

/** Options of {@link convertToEnhanced} and {@link convertToClassic}. */
export interface ConvertSeriesOptions {
  /** The moment of conversion, ISO 8601. */
  readonly dateTime: string;
  /** Lossless syntax to write; default Explicit VR Little Endian. */
  readonly transferSyntaxUid?: string;
}

/** Options of {@link convertToEnhanced}. */
export interface ConvertToEnhancedOptions extends ConvertSeriesOptions {
  /**
   * `"legacy-converted"` keeps every standard attribute and is meant for images of scanners; `"enhanced"` drops what
   * Enhanced CT has no place for and is marked DERIVED, since classic headers lack what an original must state.
   * Default `"legacy-converted"`.
   */
  readonly kind?: EnhancedKind;
}

/** A multi-frame object. */
export interface ConvertedObject {
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  /** A Part 10 file. */
  readonly bytes: Uint8Array;
}

/** A series of single images, written one by one. */
export interface ConvertedSeries {
  readonly seriesInstanceUid: string;
  readonly sopInstanceUids: readonly string[];
  /** A Part 10 file. @param slice - index in the source series */
  writeInstance(slice: number): Promise<Uint8Array>;
}

/**
 * Writes a CT series as one enhanced object, frames in the order of the slices. Private elements, overlays and
 * thumbnails are left out.
 *
 * @throws DicomError `NOT_HU`, `UNSUPPORTED_PIXEL_FORMAT` when slices differ in their stored format, `LIMIT_EXCEEDED`
 * from 4 GiB, `UNSUPPORTED_TRANSFER_SYNTAX`, and as reading
 * @remarks UIDs are hashes of the source's and the kind. Tested with dciodvfy and by converting back.
 */
export async function convertToEnhanced(
  series: Series,
  options: ConvertToEnhancedOptions,
): Promise<ConvertedObject> {
  requireCt(series);
  const kind = options.kind ?? "legacy-converted";
  const syntax = requireWritableSyntax(options.transferSyntaxUid ?? TRANSFER_SYNTAX_UID.explicitLittleEndian);
  requireSameFormat(series.slices.map((slice) => slice.summary.format));
  const frames: DicomDataset[] = [];
  const frameBytes = createFrameBuffer(series.slices[0].summary.format, series.slices.length);
  for (const [i, place] of frameBytes.entries()) {
    const { dataset, bytes } = await readSlice(series, i);
    frames.push(detachHeader(dataset));
    place.set(bytes);
  }
  const sources = series.slices.map(({ summary }) => listReferences([summary])[0]);
  const uids = { sources: sources.map(([, uid, numbers]) => [uid, ...(numbers ?? [])]), kind };
  const seriesInstanceUid = await createHashedUid({ convertedSeries: uids });
  const sopInstanceUid = await createHashedUid({ convertedObject: uids });
  if (kind === "enhanced") {
    for (const [i, frame] of frames.entries()) frames[i] = await ensureIrradiationEvent(frame, series);
  }
  const types = frames.map((frame) => createFrameType(frame, kind));
  const imageType = types.every((type) => type.join() === types[0].join()) ? types[0] : mixTypes(types);
  const evidence = createSourceEvidence(series.studyInstanceUid, series.seriesInstanceUid, sources);
  const bytes = await writeEnhancedObject(
    {
      kind,
      frames,
      format: series.slices[0].summary.format,
      frameBytes,
      imageType,
      sopInstanceUid,
      seriesInstanceUid,
      moment: convertDateTime(options.dateTime, readText(frames[0], TAG.TimezoneOffsetFromUTC)),
      describe: (i) => ({
        frameType: types[i],
        extraGroups: [
          kind === "enhanced" ? createConversion(sources[i]) : createConversionSource(sources[i]),
        ],
      }),
      extraTop: [...listLoss(frames), ...(kind === "enhanced" ? [evidence] : [])],
    },
    syntax,
  );
  return { seriesInstanceUid, sopInstanceUid, bytes };
}

/** The dataset without pixels and in memory of its own, so that the file that it was read from can go. */
function detachHeader(dataset: DicomDataset): DicomDataset {
  const elements = new Map<number, DicomElement>();
  for (const element of dataset.elements.values()) {
    if (element.tag !== TAG.PixelData)
      elements.set(element.tag, { ...element, bytes: element.bytes.slice() });
  }
  return { ...dataset, elements };
}

/** A slice as a classic dataset in explicit VR, without private elements, and its native pixels. */
async function readSlice(
  series: Series,
  slice: number,
): Promise<{ readonly dataset: DicomDataset; readonly bytes: Uint8Array }> {
  const file = await readSeriesFile(series, slice);
  const { frame } = series.slices[slice].summary;
  const flat = readFrameDataset(file.dataset, frame);
  const format = readHuFormat(flat);
  const bytes = await readFrameBytes(file, format, frame);
  const loss = new Map(createLossyElements(file, format).map((element) => [element.tag, element]));
  const explicit = editDataset(convertToExplicit(removePrivateElements(flat)), loss);
  const isFrame = flat !== file.dataset;
  return {
    dataset: isFrame ? { ...explicit, elements: createClassicElements(explicit) } : explicit,
    bytes,
  };
}

const LOSS_TAGS: readonly number[] = [
  TAG.LossyImageCompression,
  TAG.LossyImageCompressionRatio,
  TAG.LossyImageCompressionMethod,
];

/** What says that an object was compressed with loss, when one of its frames was. */
function listLoss(frames: readonly DicomDataset[]): DicomElement[] {
  const lossy = frames.find((frame) => readText(frame, TAG.LossyImageCompression) === "01");
  return LOSS_TAGS.flatMap((tag) => lossy?.elements.get(tag) ?? []);
}

/** Enhanced CT names the irradiation event: one that no header names is known by study and acquisition. */
async function ensureIrradiationEvent(frame: DicomDataset, series: Series): Promise<DicomDataset> {
  if (frame.elements.has(TAG.IrradiationEventUID)) return frame;
  const acquisition = readNumber(frame, TAG.AcquisitionNumber) ?? null;
  const uid = await createHashedUid({ irradiationEvent: { study: series.studyInstanceUid, acquisition } });
  return editDataset(
    frame,
    new Map([[TAG.IrradiationEventUID, createTextElement(TAG.IrradiationEventUID, uid)]]),
  );
}

/** Image Type of four values. An original stays one in a Legacy Converted object only. */
function createFrameType(dataset: DicomDataset, kind: EnhancedKind): [string, string, string, string] {
  const [origin = "DERIVED"] = readTexts(dataset, TAG.ImageType) ?? [];
  const isOriginal = origin === "ORIGINAL" && kind === "legacy-converted";
  return [isOriginal ? "ORIGINAL" : "DERIVED", "PRIMARY", "VOLUME", "NONE"];
}

function mixTypes(
  types: readonly (readonly [string, string, string, string])[],
): [string, string, string, string] {
  return ["MIXED", types[0][1], types[0][2], types[0][3]];
}

function createConversionSource(source: ImageReference): DicomElement {
  return createSequenceElement(
    TAG.ConversionSourceAttributesSequence,
    [createReference(source)],
    "explicit-le",
  );
}

function createConversion(source: ImageReference): DicomElement {
  const conversion = { value: "113072", scheme: "DCM", meaning: "Multiplexing" };
  return createDerivationGroup(
    "Converted to Enhanced CT without change of pixels",
    conversion,
    [source],
    "YES",
  );
}

/**
 * Writes the frames of an enhanced CT series as classic CT images.
 *
 * @throws DicomError `NOT_HU`, `UNSUPPORTED_TRANSFER_SYNTAX`, and as reading
 * @remarks UIDs are hashes of the source's. Tested with dciodvfy, dcentvfy and by converting there and back.
 */
export async function convertToClassic(
  series: Series,
  options: ConvertSeriesOptions,
): Promise<ConvertedSeries> {
  requireCt(series);
  const syntax = requireWritableSyntax(options.transferSyntaxUid ?? TRANSFER_SYNTAX_UID.explicitLittleEndian);
  const target =
    syntax.encoding === "explicit-le"
      ? syntax
      : requireTransferSyntax(TRANSFER_SYNTAX_UID.explicitLittleEndian);
  const sources = series.slices.map(({ summary }) => [summary.sopInstanceUid, summary.frame] as const);
  const seriesInstanceUid = await createHashedUid({ classicSeries: sources });
  const sopInstanceUids: string[] = [];
  for (const [source, frame] of sources) {
    sopInstanceUids.push(await createHashedUid({ source, frame, series: seriesInstanceUid }));
  }
  const writeInstance = async (slice: number): Promise<Uint8Array> => {
    const { dataset, bytes } = await readSlice(series, slice);
    const { summary } = series.slices[slice];
    const moment = convertDateTime(options.dateTime, readText(dataset, TAG.TimezoneOffsetFromUTC));
    const elements = new Map(dataset.elements);
    for (const element of [
      createTextElement(TAG.SOPClassUID, SOP_CLASS.ctImage),
      createTextElement(TAG.SOPInstanceUID, sopInstanceUids[slice]),
      createTextElement(TAG.SeriesInstanceUID, seriesInstanceUid),
      createTextElement(TAG.InstanceCreationDate, moment.date),
      createTextElement(TAG.InstanceCreationTime, moment.time),
      createIntegerElement(TAG.InstanceNumber, slice + 1),
      await createPixelData(target, { ...summary.format, frames: 1 }, [bytes]),
    ]) {
      elements.set(element.tag, element);
    }
    for (const tag of [TAG.IconImageSequence, TAG.ExtendedOffsetTable, TAG.ExtendedOffsetTableLengths]) {
      elements.delete(tag);
    }
    const sorted = [...elements].sort(([a], [b]) => a - b);
    return writeDicomFile({ ...dataset, depth: 0, elements: new Map(sorted) }, target.uid);
  };
  return { seriesInstanceUid, sopInstanceUids, writeInstance };
}

function requireCt(series: Series): void {
  if (series.unit === "HU") return;
  throw new DicomError(
    "NOT_HU",
    `the series (${series.modality}) holds no Hounsfield units; only CT is converted between classic and enhanced; keep it as it is, or write it as a volume file (alara convert)`,
  );
}
