/**
 * Where the attributes of classic CT images go in an enhanced object (PS3.3 C.7.6.16, C.8.15.3 and, for converted
 * ones, C.7.6.16.2.25–26): top level, a functional group, or an Unassigned Converted Attributes macro; and back. Works
 * on datasets alone and knows no pixels.
 */
import type { DicomDataset, DicomElement } from "../dataset/dataset.ts";
import {
  type CodedConcept,
  createCodeItem,
  createDecimalElement,
  createDoubleElement,
  createElement,
  createSequenceElement,
  createShortElement,
  createTextElement,
} from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import { readNumber, readNumbers, readText, readTexts } from "../dataset/values.ts";
import { findAnatomicRegion, readCodedBodyPart } from "../images/body-parts.ts";

/** Enhanced CT, or the class that the standard has for what scanners once wrote as single slices. */
export type EnhancedKind = "enhanced" | "legacy-converted";

/** Attributes of patient, study, series, equipment and frame of reference that stay at the top level, by module. */
const TOP_LEVEL: ReadonlySet<number> = new Set(
  [
    // SOP Common (C.12.1)
    "00080005 00080012 00080013 00080014 00080016 00080018 00080201 0018A001",
    // General Study, Patient Study, General Series, CT Series
    "00080020 00080021 00080030 00080031 00080050 00080051 00080060 00080090 00081030 00081032 0008103E 0008103F",
    "00081048 00081049 00081050 00081052 00081060 00081062 00081070 00081072 00081080 00081084 00081110 00081111",
    "00180015 00181030 00185100 0020000D 0020000E 00200010 00200011 00200060 00400244 00400245 00400253",
    "00400254 00400275 00400280",
    // Frame of Reference, Synchronization
    "00200052 00201040 00200200",
    // General and Enhanced General Equipment
    "00080070 00080080 00080081 00081010 00081040 00081090 00181000 00181020 00181050 00181200 00181201",
    "00280120 00280121",
    // Contrast/Bolus
    "00180012",
    // Image Pixel and what every enhanced image says of itself
    "00280002 00280004 00280010 00280011 00280100 00280101 00280102 00280103 00280301 00282110 00282112 00282114",
    "0008002A 00204000",
  ]
    .join(" ")
    .split(" ")
    .map((tag) => Number.parseInt(tag, 16)),
);

/** Attributes that change their place but not their form: macro → tags. */
const MACROS: readonly (readonly [number, readonly number[]])[] = [
  [TAG.PixelMeasuresSequence, [TAG.PixelSpacing, TAG.SliceThickness, TAG.SpacingBetweenSlices]],
  [TAG.PlanePositionSequence, [TAG.ImagePositionPatient]],
  [TAG.PlaneOrientationSequence, [TAG.ImageOrientationPatient]],
  [TAG.PixelValueTransformationSequence, [TAG.RescaleIntercept, TAG.RescaleSlope, TAG.RescaleType]],
  [
    TAG.FrameVOILUTSequence,
    [TAG.WindowCenter, TAG.WindowWidth, TAG.WindowCenterWidthExplanation, TAG.VOILUTFunction],
  ],
  [TAG.IrradiationEventIdentificationSequence, [TAG.IrradiationEventUID]],
];

/** A macro that only Enhanced CT has; it is written where the frame has all it must say, since half of one says little. */
interface CtMacro {
  readonly tag: number;
  readonly required: readonly number[];
  readonly optional: readonly number[];
}

const CT_MACROS: readonly CtMacro[] = [
  {
    tag: TAG.CTAcquisitionDetailsSequence,
    required: [
      TAG.DataCollectionDiameter,
      TAG.GantryDetectorTilt,
      TAG.TableHeight,
      TAG.RotationDirection,
      TAG.RevolutionTime,
      TAG.SingleCollimationWidth,
      TAG.TotalCollimationWidth,
    ],
    optional: [],
  },
  {
    tag: TAG.CTTableDynamicsSequence,
    required: [TAG.TableSpeed, TAG.TableFeedPerRotation, TAG.SpiralPitchFactor],
    optional: [],
  },
  {
    tag: TAG.CTGeometrySequence,
    required: [TAG.DistanceSourceToDetector, TAG.DistanceSourceToDataCollectionCenter],
    optional: [],
  },
  {
    tag: TAG.CTReconstructionSequence,
    required: [
      TAG.ReconstructionAlgorithm,
      TAG.ConvolutionKernel,
      TAG.ConvolutionKernelGroup,
      TAG.ReconstructionDiameter,
      TAG.ReconstructionPixelSpacing,
      TAG.ReconstructionAngle,
      TAG.ImageFilter,
    ],
    optional: [],
  },
  {
    tag: TAG.CTExposureSequence,
    required: [TAG.ExposureTime, TAG.XRayTubeCurrent, TAG.Exposure, TAG.ExposureModulationType],
    optional: [TAG.CTDIvol, TAG.CTDIPhantomTypeCodeSequence],
  },
  {
    tag: TAG.CTXRayDetailsSequence,
    required: [TAG.KVP, TAG.FocalSpots, TAG.FilterType, TAG.FilterMaterial],
    optional: [],
  },
];

/** Integer strings of classic CT that are numbers of another tag in Enhanced CT. */
const RENAMED: ReadonlyMap<number, number> = new Map([
  [TAG.ExposureTime, TAG.ExposureTimeInms],
  [TAG.XRayTubeCurrent, TAG.XRayTubeCurrentInmA],
  [TAG.Exposure, TAG.ExposureInmAs],
]);

/** Facts of classic CT that stay under their own tags where their macro cannot be written. */
const CT_FACTS: ReadonlySet<number> = new Set([
  ...CT_MACROS.flatMap(({ required, optional }) => [...required, ...optional]),
  TAG.ContrastBolusAgent,
  TAG.ScanOptions,
]);

/**
 * Attributes that the object or the frame says anew. References to other images stay with the classic image, which
 * the frame names as its source: repeating them would need the series of each.
 */
const REPLACED: ReadonlySet<number> = new Set([
  TAG.LengthToEnd,
  TAG.ImageType,
  TAG.SOPClassUID,
  TAG.SOPInstanceUID,
  TAG.ContentDate,
  TAG.ContentTime,
  TAG.SmallestImagePixelValue,
  TAG.LargestImagePixelValue,
  TAG.SmallestPixelValueInSeries,
  TAG.LargestPixelValueInSeries,
  TAG.IconImageSequence,
  TAG.ReferencedImageSequence,
  TAG.SourceImageSequence,
  TAG.PixelData,
  TAG.ExtendedOffsetTable,
  TAG.ExtendedOffsetTableLengths,
  TAG.MACParametersSequence,
  TAG.DigitalSignaturesSequence,
  TAG.DataSetTrailingPadding,
]);

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
  if (unassigned.shared.length > 0) {
    shared.push(createMacro(TAG.UnassignedSharedConvertedAttributesSequence, unassigned.shared));
  }
  const perFrame = places.map((place, i) => {
    const item: DicomElement[] = [...(descriptions[i].extraGroups ?? [])];
    for (const [macro, elements] of place.macros) {
      if (macro === TAG.UnassignedSharedConvertedAttributesSequence || isShared.get(macro) === true) continue;
      item.push(createMacro(macro, elements));
    }
    const own = unassigned.perFrame[i];
    if (own.length > 0) item.push(createMacro(TAG.UnassignedPerFrameConvertedAttributesSequence, own));
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
export function createMacro(tag: number, elements: readonly DicomElement[]): DicomElement {
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
  put(macro, createUnsignedLongElement(TAG.InStackPositionNumber, [frame + 1]));
  const acquisition = readNumber(dataset, TAG.AcquisitionNumber);
  if (acquisition !== undefined && Number.isInteger(acquisition) && acquisition >= 0 && acquisition < 65536) {
    put(macro, createShortElement(TAG.FrameAcquisitionNumber, [acquisition]));
  }
  put(macro, createUnsignedLongElement(TAG.DimensionIndexValues, [1, frame + 1]));
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

/** UL values. */
function createUnsignedLongElement(tag: number, values: readonly number[]): DicomElement {
  return createElement(tag, new Uint8Array(Uint32Array.from(values).buffer), "UL");
}

/** Elements that only mean something in a multi-frame object. */
const FRAME_ONLY: ReadonlySet<number> = new Set([
  TAG.NumberOfFrames,
  TAG.FrameType,
  TAG.PixelPresentation,
  TAG.VolumetricProperties,
  TAG.VolumeBasedCalculationTechnique,
  TAG.ContentQualification,
  TAG.PresentationLUTShape,
  TAG.AcquisitionContextSequence,
  TAG.FrameAcquisitionDateTime,
  TAG.FrameReferenceDateTime,
  TAG.FrameAcquisitionDuration,
  TAG.FrameAcquisitionNumber,
  TAG.FrameLaterality,
  TAG.AnatomicRegionSequence,
  TAG.StackID,
  TAG.InStackPositionNumber,
  TAG.DimensionIndexValues,
  TAG.DimensionOrganizationSequence,
  TAG.DimensionIndexSequence,
  TAG.ConversionSourceAttributesSequence,
  TAG.DerivationImageSequence,
  TAG.SourceImageEvidenceSequence,
  TAG.ReferencedImageEvidenceSequence,
  TAG.ExposureTimeInms,
  TAG.XRayTubeCurrentInmA,
  TAG.ExposureInmAs,
  TAG.ReconstructionAlgorithm,
  TAG.ConvolutionKernelGroup,
  TAG.ReconstructionPixelSpacing,
  TAG.ReconstructionFieldOfView,
  TAG.ReconstructionAngle,
  TAG.ImageFilter,
  TAG.FilterMaterial,
]);

/**
 * A frame's dataset (see readFrameDataset) as a classic CT image's, pixel data and UIDs left to the caller: renamed
 * attributes get their classic names, those of frames alone are dropped.
 */
export function createClassicElements(frame: DicomDataset): Map<number, DicomElement> {
  const elements = new Map<number, DicomElement>();
  for (const element of frame.elements.values()) {
    if (!FRAME_ONLY.has(element.tag)) elements.set(element.tag, element);
  }
  const set = (element: DicomElement): void => {
    elements.set(element.tag, element);
  };
  for (const [classic, enhanced] of RENAMED) {
    const value = readNumber(frame, enhanced);
    if (value !== undefined && !elements.has(classic))
      set(createTextElement(classic, String(Math.round(value))));
  }
  const [origin = "DERIVED", patient = "PRIMARY"] =
    readTexts(frame, TAG.FrameType) ?? readTexts(frame, TAG.ImageType) ?? [];
  set(createTextElement(TAG.ImageType, [origin === "ORIGINAL" ? origin : "DERIVED", patient, "AXIAL"]));
  const laterality = readText(frame, TAG.FrameLaterality);
  if ((laterality === "L" || laterality === "R") && !elements.has(TAG.Laterality)) {
    set(createTextElement(TAG.Laterality, laterality));
  }
  const bodyPart = elements.has(TAG.BodyPartExamined) ? undefined : readCodedBodyPart(frame);
  if (bodyPart !== undefined) set(createTextElement(TAG.BodyPartExamined, bodyPart));
  const acquisition = readNumber(frame, TAG.FrameAcquisitionNumber);
  if (acquisition !== undefined && !elements.has(TAG.AcquisitionNumber)) {
    set(createTextElement(TAG.AcquisitionNumber, String(acquisition)));
  }
  const moment = readText(frame, TAG.FrameAcquisitionDateTime) ?? readText(frame, TAG.AcquisitionDateTime);
  const match = moment === undefined ? null : /^(\d{8})(\d{6}(?:\.\d{1,6})?)/.exec(moment);
  if (match !== null && !elements.has(TAG.AcquisitionDate)) {
    set(createTextElement(TAG.AcquisitionDate, match[1]));
    set(createTextElement(TAG.AcquisitionTime, match[2]));
  }
  const thickness = readNumber(frame, TAG.SliceThickness);
  if (thickness === undefined) set(createTextElement(TAG.SliceThickness, ""));
  else if (!elements.has(TAG.SliceThickness)) set(createDecimalElement(TAG.SliceThickness, [thickness]));
  return elements;
}
