/**
 * Where the attributes of classic CT images go in an enhanced object (PS3.3 C.7.6.16, C.8.15.3 and, for converted
 * ones, C.7.6.16.2.25–26): top level, a functional group, or an Unassigned Converted Attributes macro. Works
 * on datasets alone and knows no pixels; classic-elements.ts goes back.
 */
import type { DicomDataset, DicomElement } from "../dataset/dataset.ts";
import {
  type CodedConcept,
  createCodeItem,
  createDoubleElement,
  createNumberElement,
  createSequenceElement,
  createShortElement,
  createTextElement,
} from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import { readNumber, readNumbers, readText } from "../dataset/values.ts";
import { findAnatomicRegion } from "../images/body-parts.ts";
import { CT_FACTS, CT_MACROS, MACROS, RENAMED, REPLACED, TOP_LEVEL } from "./enhanced-tables.ts";

/** Enhanced CT, or the class that the standard has for what scanners once wrote as single slices. */
export type EnhancedKind = "enhanced" | "legacy-converted";

/** The elements of one frame, sorted into places. */
interface FramePlaces {
  readonly top: Map<number, DicomElement>;
  /** Macro → its elements. */
  readonly macros: Map<number, DicomElement[]>;
}

/** The groups of an object, ready to be written. */
export interface EnhancedGroups {
  readonly top: readonly DicomElement[];
  readonly shared: DicomElement;
  readonly perFrame: DicomElement;
}

/** What the frames say about themselves besides their attributes. */
export interface FrameDescription {
  readonly frameType: readonly [string, string, string, string];
  /** Further functional group macros, in explicit VR; in per-frame items. */
  readonly extraGroups?: readonly DicomElement[];
}

/**
 * Sorts classic CT datasets into an enhanced object: values that are equal in all frames are written once.
 *
 * @param frames - classic images in explicit VR, in the order of the frames; at least one
 * @param describe - by frame index
 * @remarks Legacy Converted keeps every standard attribute. Enhanced CT keeps those it has a place for; acquisition
 * facts whose macro is incomplete stay under their classic tags in an Unassigned Converted Attributes macro, which
 * makes the object one of a Standard Extended SOP Class.
 */
export function createEnhancedGroups(
  frames: readonly DicomDataset[],
  kind: EnhancedKind,
  describe: (frame: number) => FrameDescription,
): EnhancedGroups {
  const descriptions = frames.map((_, i) => describe(i));
  const places = frames.map((dataset, i) => placeFrame(dataset, i, kind, descriptions[i]));
  const top = new Map(places[0].top);
  if (kind === "legacy-converted") keepVaryingTopLevel(places);
  const shared: DicomElement[] = [];
  const isShared = new Map<number, boolean>();
  const macros = new Set(places.flatMap((place) => [...place.macros.keys()]));
  const unassigned = splitUnassigned(places);
  macros.delete(TAG.UnassignedSharedConvertedAttributesSequence);
  for (const macro of macros) {
    if (macro === TAG.FrameContentSequence) continue;
    const first = places[0].macros.get(macro);
    const same = places.every((place) => equalElements(place.macros.get(macro), first));
    isShared.set(macro, same);
    if (same && first !== undefined) shared.push(createMacro(macro, first));
  }
  // Of type 2 in Legacy Converted objects, with one item that may say nothing (PS3.3 C.7.6.16.2.25–26).
  const createUnassigned = (tag: number, elements: readonly DicomElement[]): DicomElement[] =>
    elements.length > 0 || kind === "legacy-converted" ? [createMacro(tag, elements)] : [];
  shared.push(...createUnassigned(TAG.UnassignedSharedConvertedAttributesSequence, unassigned.shared));
  const perFrame = places.map((place, i) => {
    const item: DicomElement[] = [...(descriptions[i].extraGroups ?? [])];
    for (const [macro, elements] of place.macros) {
      if (macro === TAG.UnassignedSharedConvertedAttributesSequence || isShared.get(macro) === true) continue;
      item.push(createMacro(macro, elements));
    }
    item.push(...createUnassigned(TAG.UnassignedPerFrameConvertedAttributesSequence, unassigned.perFrame[i]));
    return sortByTag(item);
  });
  return {
    top: [...top.values()],
    shared: createSequenceElement(TAG.SharedFunctionalGroupsSequence, [sortByTag(shared)], "explicit-le"),
    perFrame: createSequenceElement(TAG.PerFrameFunctionalGroupsSequence, perFrame, "explicit-le"),
  };
}

function sortByTag(elements: readonly DicomElement[]): DicomElement[] {
  return [...elements].sort((a, b) => a.tag - b.tag);
}

/** A macro: a sequence of one item. */
function createMacro(tag: number, elements: readonly DicomElement[]): DicomElement {
  return createSequenceElement(tag, [sortByTag(elements)], "explicit-le");
}

function equalElements(
  a: readonly DicomElement[] | undefined,
  b: readonly DicomElement[] | undefined,
): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((element, i) => equalElement(element, b[i]));
}

function equalElement(a: DicomElement, b: DicomElement): boolean {
  if (a.tag !== b.tag || a.bytes.length !== b.bytes.length) return false;
  for (let i = 0; i < a.bytes.length; i++) if (a.bytes[i] !== b.bytes[i]) return false;
  return true;
}

function placeFrame(
  dataset: DicomDataset,
  frame: number,
  kind: EnhancedKind,
  description: FrameDescription,
): FramePlaces {
  const top = new Map<number, DicomElement>();
  const macros = new Map<number, DicomElement[]>();
  const left = new Map(dataset.elements);
  const put = (macro: number, element: DicomElement): void => {
    const list = macros.get(macro);
    if (list === undefined) macros.set(macro, [element]);
    else list.push(element);
  };
  const move = (macro: number, tags: readonly number[]): void => {
    for (const tag of tags) {
      const element = left.get(tag);
      left.delete(tag);
      if (element !== undefined && element.bytes.length > 0) put(macro, element);
    }
  };
  for (const tag of REPLACED) left.delete(tag);
  if (kind === "enhanced") left.delete(TAG.Laterality);
  placeFrameContent(dataset, frame, kind, put);
  placeFrameType(description, put);
  placeAnatomy(dataset, kind, put);
  for (const [macro, tags] of MACROS) move(macro, tags);
  if (!macros.get(TAG.PixelValueTransformationSequence)?.some(({ tag }) => tag === TAG.RescaleType)) {
    put(TAG.PixelValueTransformationSequence, createTextElement(TAG.RescaleType, "HU"));
  }
  if (kind === "enhanced") {
    for (const { tag, required, optional } of CT_MACROS) {
      if (required.some((one) => (left.get(one)?.bytes.length ?? 0) === 0)) continue;
      for (const one of [...required, ...optional]) {
        const renamed = RENAMED.get(one);
        if (renamed === undefined) move(tag, [one]);
        else {
          put(tag, createDoubleElement(renamed, readNumbers(dataset, one) ?? []));
          left.delete(one);
        }
      }
    }
  }
  for (const element of left.values()) {
    const group = Math.floor(element.tag / 65536);
    const isTop = group === 0x0010 || group === 0x0012 || TOP_LEVEL.has(element.tag);
    if (!isConvertible(element.tag)) continue;
    if (isTop) top.set(element.tag, element);
    else if (element.bytes.length > 0 && (kind === "legacy-converted" || CT_FACTS.has(element.tag))) {
      put(TAG.UnassignedSharedConvertedAttributesSequence, element);
    }
  }
  return { top, macros };
}

/** Standard attributes; no group lengths, curves, overlays. */
function isConvertible(tag: number): boolean {
  const group = Math.floor(tag / 65536);
  return tag % 65536 !== 0 && group % 2 === 0 && group < 0x5000;
}

function placeFrameContent(
  dataset: DicomDataset,
  frame: number,
  kind: EnhancedKind,
  put: (macro: number, element: DicomElement) => void,
): void {
  const date = readText(dataset, TAG.AcquisitionDate);
  const time = readText(dataset, TAG.AcquisitionTime);
  const macro = TAG.FrameContentSequence;
  if (date !== undefined && time !== undefined && /^\d{8}$/.test(date) && /^\d{6}(\.\d{1,6})?$/.test(time)) {
    put(macro, createTextElement(TAG.FrameAcquisitionDateTime, date + time));
    if (kind === "enhanced") put(macro, createTextElement(TAG.FrameReferenceDateTime, date + time));
  }
  put(macro, createTextElement(TAG.StackID, "1"));
  put(macro, createNumberElement(TAG.InStackPositionNumber, [frame + 1], "UL"));
  const acquisition = readNumber(dataset, TAG.AcquisitionNumber);
  if (acquisition !== undefined && Number.isInteger(acquisition) && acquisition >= 0 && acquisition < 65536) {
    put(macro, createShortElement(TAG.FrameAcquisitionNumber, [acquisition]));
  }
  put(macro, createNumberElement(TAG.DimensionIndexValues, [1, frame + 1], "UL"));
}

function placeFrameType(
  description: FrameDescription,
  put: (macro: number, element: DicomElement) => void,
): void {
  const macro = TAG.CTImageFrameTypeSequence;
  put(macro, createTextElement(TAG.FrameType, description.frameType));
  put(macro, createTextElement(TAG.PixelPresentation, "MONOCHROME"));
  put(macro, createTextElement(TAG.VolumetricProperties, "VOLUME"));
  put(macro, createTextElement(TAG.VolumeBasedCalculationTechnique, "NONE"));
}

/** Enhanced CT must name a region; of one that the header does not name, no more is known than that it is of a body. */
const UNKNOWN_REGION: CodedConcept = { value: "38266002", scheme: "SCT", meaning: "Entire body" };

function placeAnatomy(
  dataset: DicomDataset,
  kind: EnhancedKind,
  put: (macro: number, element: DicomElement) => void,
): void {
  const bodyPart = readText(dataset, TAG.BodyPartExamined);
  const region = findAnatomicRegion(bodyPart ?? "") ?? (kind === "enhanced" ? UNKNOWN_REGION : undefined);
  if (region === undefined) return;
  const laterality = readText(dataset, TAG.Laterality);
  put(
    TAG.FrameAnatomySequence,
    createSequenceElement(TAG.AnatomicRegionSequence, [createCodeItem(region)], "explicit-le"),
  );
  put(
    TAG.FrameAnatomySequence,
    createTextElement(TAG.FrameLaterality, laterality === "L" || laterality === "R" ? laterality : "U"),
  );
}

/** Top-level attributes that differ between frames are kept per frame too, beside the first one's at the top. */
function keepVaryingTopLevel(places: readonly FramePlaces[]): void {
  for (const [tag, first] of places[0].top) {
    const varies = places.some((place) => {
      const element = place.top.get(tag);
      return element === undefined || !equalElement(element, first);
    });
    if (!varies) continue;
    for (const place of places) {
      const element = place.top.get(tag);
      const list = place.macros.get(TAG.UnassignedSharedConvertedAttributesSequence) ?? [];
      if (element !== undefined) list.push(element);
      place.macros.set(TAG.UnassignedSharedConvertedAttributesSequence, list);
    }
  }
}

/** Unassigned attributes that all frames share, and those of each frame. */
function splitUnassigned(places: readonly FramePlaces[]): {
  readonly shared: readonly DicomElement[];
  readonly perFrame: readonly (readonly DicomElement[])[];
} {
  const lists = places.map(
    (place) => place.macros.get(TAG.UnassignedSharedConvertedAttributesSequence) ?? [],
  );
  const byTag = lists.map((list) => new Map(list.map((element) => [element.tag, element])));
  const isShared = (element: DicomElement): boolean =>
    byTag.every((frame) => {
      const other = frame.get(element.tag);
      return other !== undefined && equalElement(other, element);
    });
  const shared = new Map(lists[0].filter(isShared).map((element) => [element.tag, element]));
  return {
    shared: [...shared.values()],
    perFrame: lists.map((list) => list.filter((element) => !shared.has(element.tag))),
  };
}
