/**
 * Frames of multi-frame objects as datasets of their own: the top-level elements with those of the Shared and
 * Per-frame Functional Groups laid over them (PS3.3 C.7.6.16), so that whatever reads a classic image reads a frame.
 * Each per-frame item is opened once. Not a list of every macro: those that hold several items stay sequences.
 */
import { convertToExplicit } from "../dataset/convert.ts";
import type { DicomDataset, DicomElement } from "../dataset/dataset.ts";
import { readItems } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { readInteger } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";

/** Macros of one item, whose elements are laid into the frame's dataset. */
const SINGLE_ITEM_MACROS: ReadonlySet<number> = new Set([
  TAG.CTImageFrameTypeSequence,
  TAG.CTAcquisitionTypeSequence,
  TAG.CTAcquisitionDetailsSequence,
  TAG.CTTableDynamicsSequence,
  TAG.CTGeometrySequence,
  TAG.CTReconstructionSequence,
  TAG.CTExposureSequence,
  TAG.CTXRayDetailsSequence,
  TAG.CTPositionSequence,
  TAG.IrradiationEventIdentificationSequence,
  TAG.MRImageFrameTypeSequence,
  TAG.MRTimingAndRelatedParametersSequence,
  TAG.MREchoSequence,
  TAG.MRDiffusionSequence,
  TAG.CardiacSynchronizationSequence,
  TAG.PETFrameTypeSequence,
  TAG.FrameAnatomySequence,
  TAG.FrameContentSequence,
  TAG.PlanePositionSequence,
  TAG.PlaneOrientationSequence,
  TAG.PixelMeasuresSequence,
  TAG.FrameVOILUTSequence,
  TAG.PixelValueTransformationSequence,
  TAG.TemporalPositionSequence,
  TAG.UnassignedSharedConvertedAttributesSequence,
  TAG.UnassignedPerFrameConvertedAttributesSequence,
]);

/** What a group cannot say: the identity of the object and the layout of its pixels are those of the top level. */
const TOP_LEVEL_ONLY: ReadonlySet<number> = new Set([
  TAG.SpecificCharacterSet,
  TAG.SOPClassUID,
  TAG.SOPInstanceUID,
  TAG.Modality,
  TAG.StudyInstanceUID,
  TAG.SeriesInstanceUID,
  TAG.FrameOfReferenceUID,
  TAG.SamplesPerPixel,
  TAG.PhotometricInterpretation,
  TAG.PlanarConfiguration,
  TAG.NumberOfFrames,
  TAG.Rows,
  TAG.Columns,
  TAG.BitsAllocated,
  TAG.BitsStored,
  TAG.HighBit,
  TAG.PixelRepresentation,
  TAG.PixelData,
]);

/** A multi-frame object's groups, opened to the level of frames. */
interface FunctionalGroups {
  /** Top level and shared groups. */
  readonly shared: ReadonlyMap<number, DicomElement>;
  readonly perFrame: readonly DicomDataset[];
}

const opened = new WeakMap<DicomDataset, FunctionalGroups>();

/** Whether an object keeps its frames' attributes in functional groups. */
export function hasFunctionalGroups(dataset: DicomDataset): boolean {
  return (
    dataset.elements.has(TAG.SharedFunctionalGroupsSequence) ||
    dataset.elements.has(TAG.PerFrameFunctionalGroupsSequence)
  );
}

/**
 * The dataset of one frame: top level, then shared, then per-frame groups, later ones winning; the two group
 * sequences themselves are left out. An object without functional groups is returned as it is.
 *
 * @param frame - from 0
 * @throws DicomError `OUT_OF_RANGE`; `INVALID_VALUE` when there are not as many per-frame items as frames, and as
 * reading sequences
 * @remarks The items are parsed once per dataset. Tested on enhanced CT and MR against pydicom's values.
 */
export function readFrameDataset(dataset: DicomDataset, frame: number): DicomDataset {
  if (!hasFunctionalGroups(dataset)) return dataset;
  const { shared, perFrame } = openGroups(dataset);
  const item = perFrame[frame];
  if (item === undefined) {
    throw new DicomError("OUT_OF_RANGE", `frame ${frame} is outside 0..${perFrame.length - 1}`);
  }
  const own = new Map<number, DicomElement>();
  layMacros(own, item, dataset);
  return { ...dataset, elements: layOver(shared, own) };
}

/** Two maps as one, `own` winning; merged only when someone walks it, since most readers ask for a few tags. */
function layOver(
  shared: ReadonlyMap<number, DicomElement>,
  own: ReadonlyMap<number, DicomElement>,
): ReadonlyMap<number, DicomElement> {
  let merged: ReadonlyMap<number, DicomElement> | undefined;
  const merge = (): ReadonlyMap<number, DicomElement> => {
    merged ??= new Map([...shared, ...own]);
    return merged;
  };
  return {
    get: (tag) => own.get(tag) ?? shared.get(tag),
    has: (tag) => own.has(tag) || shared.has(tag),
    get size() {
      return merge().size;
    },
    forEach: (visit) => merge().forEach(visit),
    entries: () => merge().entries(),
    keys: () => merge().keys(),
    values: () => merge().values(),
    [Symbol.iterator]: () => merge()[Symbol.iterator](),
  };
}

function openGroups(dataset: DicomDataset): FunctionalGroups {
  const known = opened.get(dataset);
  if (known !== undefined) return known;
  const perFrame = readItems(dataset, TAG.PerFrameFunctionalGroupsSequence) ?? [];
  const frames = readInteger(dataset, TAG.NumberOfFrames) ?? 1;
  if (perFrame.length !== frames) {
    throw new DicomError(
      "INVALID_VALUE",
      `Number of Frames is ${frames} but the Per-frame Functional Groups Sequence has ${perFrame.length} items`,
    );
  }
  const shared = new Map(dataset.elements);
  shared.delete(TAG.SharedFunctionalGroupsSequence);
  shared.delete(TAG.PerFrameFunctionalGroupsSequence);
  const sharedItems = readItems(dataset, TAG.SharedFunctionalGroupsSequence) ?? [];
  if (sharedItems.length > 1) {
    throw new DicomError(
      "INVALID_VALUE",
      `the Shared Functional Groups Sequence has ${sharedItems.length} items; one is allowed`,
    );
  }
  for (const item of sharedItems) layMacros(shared, item, dataset);
  const groups: FunctionalGroups = { shared, perFrame };
  opened.set(dataset, groups);
  return groups;
}

function layMacros(elements: Map<number, DicomElement>, item: DicomDataset, outer: DicomDataset): void {
  const group = matchEncoding(item, outer);
  for (const element of group.elements.values()) {
    if (!SINGLE_ITEM_MACROS.has(element.tag)) {
      if (!TOP_LEVEL_ONLY.has(element.tag)) elements.set(element.tag, element);
      continue;
    }
    const macro = readItems(group, element.tag)?.[0];
    if (macro === undefined) continue;
    for (const inner of matchEncoding(macro, outer).elements.values()) {
      if (!TOP_LEVEL_ONLY.has(inner.tag)) elements.set(inner.tag, inner);
    }
  }
}

/** Items of UN-encoded sequences are implicit whatever surrounds them (PS3.5 §6.2.2). */
function matchEncoding(item: DicomDataset, outer: DicomDataset): DicomDataset {
  return item.encoding === outer.encoding ? item : convertToExplicit(item);
}
