/**
 * References from images to the images they were made from: Source Image, Derivation Image and Source Image Evidence
 * (PS3.3 C.7.6.1, C.7.6.16.2.6, C.8.15.2).
 */
import type { DicomElement, DicomEncoding } from "../dataset/dataset.ts";
import {
  type CodedConcept,
  createCodeItem,
  createSequenceElement,
  createTextElement,
} from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import type { InstanceSummary } from "../images/instance.ts";

/** A reference to an image, `[class UID, instance UID, frame numbers from 1 or none]`. */
export type ImageReference = readonly [string, string, (readonly number[])?];

/** Purpose from PS3.16 CID 7202. */
const SOURCE_IMAGE: CodedConcept = {
  value: "121322",
  scheme: "DCM",
  meaning: "Source image for image processing operation",
};

/** The three elements of a reference. */
export function createReference([sopClass, sopInstance, frames]: ImageReference): DicomElement[] {
  return [
    createTextElement(TAG.ReferencedSOPClassUID, sopClass),
    createTextElement(TAG.ReferencedSOPInstanceUID, sopInstance),
    ...(frames === undefined ? [] : [createTextElement(TAG.ReferencedFrameNumber, frames.map(String))]),
  ];
}

/** References to the images of slices; frames of one object are named in one reference. */
export function listReferences(slices: readonly InstanceSummary[]): ImageReference[] {
  const byUid = new Map<string, { readonly sopClass: string; readonly frames: number[] | undefined }>();
  for (const { sopClassUid, sopInstanceUid, frame, format } of slices) {
    const known = byUid.get(sopInstanceUid);
    if (known === undefined) {
      const frames = format.frames > 1 ? [frame + 1] : undefined;
      byUid.set(sopInstanceUid, { sopClass: sopClassUid, frames });
    } else if (known.frames?.includes(frame + 1) === false) known.frames.push(frame + 1);
  }
  return [...byUid].map(
    ([uid, { sopClass, frames }]): ImageReference =>
      frames === undefined ? [sopClass, uid] : [sopClass, uid, frames],
  );
}

/** Source Image Sequence: what an image was made from, for image processing. */
export function createSourceImageSequence(
  sources: readonly ImageReference[],
  preserved: "YES" | "NO",
  encoding: DicomEncoding,
): DicomElement {
  const items = sources.map((source) => [
    ...createReference(source),
    createTextElement(TAG.SpatialLocationsPreserved, preserved),
    createSequenceElement(TAG.PurposeOfReferenceCodeSequence, [createCodeItem(SOURCE_IMAGE)], encoding),
  ]);
  return createSequenceElement(TAG.SourceImageSequence, items, encoding);
}

/**
 * The Derivation Image functional group (PS3.3 C.7.6.16.2.6): what a frame was made from.
 *
 * @param preserved - Spatial Locations Preserved
 */
export function createDerivationGroup(
  description: string,
  code: CodedConcept,
  sources: readonly ImageReference[],
  preserved: "YES" | "NO",
): DicomElement {
  return createSequenceElement(
    TAG.DerivationImageSequence,
    [
      [
        createTextElement(TAG.DerivationDescription, description),
        createSourceImageSequence(sources, preserved, "explicit-le"),
        createSequenceElement(TAG.DerivationCodeSequence, [createCodeItem(code)], "explicit-le"),
      ],
    ],
    "explicit-le",
  );
}

/** Source Image Evidence (PS3.3 C.8.15.2 and 10-3 hierarchy): every image that any frame names as its source. */
export function createSourceEvidence(
  studyInstanceUid: string,
  seriesInstanceUid: string,
  images: readonly ImageReference[],
): DicomElement {
  const unique = new Map(images.map(([sopClass, sopInstance]) => [sopInstance, sopClass]));
  const references = [...unique].map(([sopInstance, sopClass]) => createReference([sopClass, sopInstance]));
  const series = [
    createSequenceElement(TAG.ReferencedSOPSequence, references, "explicit-le"),
    createTextElement(TAG.SeriesInstanceUID, seriesInstanceUid),
  ];
  const study = [
    createSequenceElement(TAG.ReferencedSeriesSequence, [series], "explicit-le"),
    createTextElement(TAG.StudyInstanceUID, studyInstanceUid),
  ];
  return createSequenceElement(TAG.SourceImageEvidenceSequence, [study], "explicit-le");
}
