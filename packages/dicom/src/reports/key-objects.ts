/**
 * Key object selections (PS3.3 A.35.4, PS3.16 TID 2010) and grayscale softcopy presentation states (PS3.3 A.33.1), as
 * far as is needed to know what they point at and how it is to be shown. Graphic and text annotations are not read.
 */
import { decodeText } from "../dataset/character-sets.ts";
import type { DicomDataset } from "../dataset/dataset.ts";
import type { CodedConcept } from "../dataset/elements.ts";
import { readItems } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { readNumber, readNumbers, readText, readUid } from "../dataset/values.ts";
import { type ContentItem, isSameConcept, readContentTree } from "./content-tree.ts";
import { listObjectReferences, type ObjectReference } from "./object-references.ts";

/** An instance, or frames of it, that a key object selection or presentation state names. */
export interface NamedInstance {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  /** From 1; absent: all frames. */
  readonly frames?: readonly number[];
}

/** A key object selection. */
export interface KeyObjectSelection {
  /** Document title, PS3.16 CID 7010: "Of Interest", "Rejected for Quality Reasons". */
  readonly title: CodedConcept | undefined;
  /** Key Object Description: free text that somebody wrote. */
  readonly description: string | undefined;
  readonly instances: readonly NamedInstance[];
  /** With series and study, from the evidence. */
  readonly references: readonly ObjectReference[];
}

const KEY_OBJECT_DESCRIPTION = { scheme: "DCM", value: "113012" };

function collectInstances(item: ContentItem): NamedInstance[] {
  const { value } = item;
  const own: NamedInstance[] =
    value.type === "IMAGE" || value.type === "COMPOSITE" || value.type === "WAVEFORM"
      ? [
          {
            sopClassUid: value.sopClassUid,
            sopInstanceUid: value.sopInstanceUid,
            ...(value.frames === undefined ? {} : { frames: value.frames }),
          },
        ]
      : [];
  return [...own, ...item.children.flatMap(collectInstances)];
}

/**
 * Reads a key object selection.
 *
 * @param dataset - of the object
 * @throws DicomError for broken sequences and UIDs
 * @remarks Tested on documents made here that dcmtk's dsrdump reads.
 */
export function readKeyObjectSelection(dataset: DicomDataset): KeyObjectSelection {
  const root = readContentTree(dataset);
  const description = root.children.find((child) => isSameConcept(child.concept, KEY_OBJECT_DESCRIPTION));
  return {
    title: root.concept,
    description: description?.value.type === "TEXT" ? description.value.text : undefined,
    instances: collectInstances(root),
    references: listObjectReferences(dataset).filter(
      ({ path }) => path[0] === TAG.CurrentRequestedProcedureEvidenceSequence,
    ),
  };
}

/** A window of a presentation state. */
export interface SoftcopyWindow {
  /** In the units of the modality: HU for CT. */
  readonly center: number;
  readonly width: number;
  readonly explanation: string | undefined;
  /** Empty: all referenced images. */
  readonly instances: readonly NamedInstance[];
}

/** A displayed area of a presentation state. */
export interface DisplayedArea {
  /** Column and row from 1; may lie outside of the image. */
  readonly topLeft: readonly [number, number];
  readonly bottomRight: readonly [number, number];
  /** "SCALE TO FIT", "TRUE SIZE" or "MAGNIFY". */
  readonly sizeMode: string | undefined;
  /** Row, column. */
  readonly pixelSpacingMm: readonly [number, number] | undefined;
  /** Empty: all referenced images. */
  readonly instances: readonly NamedInstance[];
}

/** What a presentation state shows, and how. */
export interface PresentationState {
  /** Content Label, a word of the maker's choice. */
  readonly label: string | undefined;
  /** With series. */
  readonly references: readonly ObjectReference[];
  readonly windows: readonly SoftcopyWindow[];
  readonly displayedAreas: readonly DisplayedArea[];
}

function readNamedInstances(item: DicomDataset): NamedInstance[] {
  return (readItems(item, TAG.ReferencedImageSequence) ?? []).map((reference) => {
    const frames = readNumbers(reference, TAG.ReferencedFrameNumber);
    return {
      sopClassUid: readUid(reference, TAG.ReferencedSOPClassUID) ?? "",
      sopInstanceUid: readUid(reference, TAG.ReferencedSOPInstanceUID) ?? "",
      ...(frames === undefined ? {} : { frames }),
    };
  });
}

function readPair(item: DicomDataset, tag: number): readonly [number, number] | undefined {
  const values = readNumbers(item, tag);
  return values !== undefined && values.length >= 2 ? [values[0], values[1]] : undefined;
}

/**
 * Reads a presentation state: references, windows, displayed areas. VOI LUTs that are tables are not windows.
 *
 * @param dataset - of the object
 * @throws DicomError for broken sequences, numbers and UIDs
 * @remarks PS3.3 C.11.8, C.10.4, C.11.11. Tested on a state that dcmtk's dcmpsmk makes of a CT slice.
 */
export function readPresentationState(dataset: DicomDataset): PresentationState {
  const windows = (readItems(dataset, TAG.SoftcopyVOILUTSequence) ?? []).flatMap((item): SoftcopyWindow[] => {
    const center = readNumber(item, TAG.WindowCenter);
    const width = readNumber(item, TAG.WindowWidth);
    if (center === undefined || width === undefined) return [];
    const explanation = decodeText(item, TAG.WindowCenterWidthExplanation);
    return [{ center, width, explanation, instances: readNamedInstances(item) }];
  });
  const areas = readItems(dataset, TAG.DisplayedAreaSelectionSequence) ?? [];
  return {
    label: readText(dataset, TAG.ContentLabel),
    references: listObjectReferences(dataset).filter(({ path }) => path[0] === TAG.ReferencedSeriesSequence),
    windows,
    displayedAreas: areas.flatMap((item): DisplayedArea[] => {
      const topLeft = readPair(item, TAG.DisplayedAreaTopLeftHandCorner);
      const bottomRight = readPair(item, TAG.DisplayedAreaBottomRightHandCorner);
      if (topLeft === undefined || bottomRight === undefined) return [];
      return [
        {
          topLeft,
          bottomRight,
          sizeMode: readText(item, TAG.PresentationSizeMode),
          pixelSpacingMm: readPair(item, TAG.PresentationPixelSpacing),
          instances: readNamedInstances(item),
        },
      ];
    }),
  };
}
