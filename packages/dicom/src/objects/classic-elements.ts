/**
 * Frames of enhanced CT as classic images: the way back from enhanced-groups.ts.
 */
import type { DicomDataset, DicomElement } from "../dataset/dataset.ts";
import { createTextElement } from "../dataset/elements.ts";
import { TAG } from "../dataset/tags.ts";
import { readNumber, readText, readTexts } from "../dataset/values.ts";
import { readCodedBodyPart } from "../images/body-parts.ts";
import { RENAMED } from "./enhanced-tables.ts";

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

/** Attributes that a classic CT image must have, if only empty; Laterality too where no body part is named. */
const CLASSIC_TYPE_2: readonly number[] = [
  TAG.AccessionNumber,
  TAG.SliceThickness,
  TAG.KVP,
  TAG.PatientPosition,
  TAG.StudyID,
  TAG.AcquisitionNumber,
  TAG.PositionReferenceIndicator,
];

/**
 * A frame's dataset (see readFrameDataset) as a classic CT image's, pixel data and UIDs left to the caller: renamed
 * attributes get their classic names, those of frames alone are dropped. Attributes that must be there are, if only empty.
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
  for (const tag of CLASSIC_TYPE_2) if (!elements.has(tag)) set(createTextElement(tag, ""));
  if (!elements.has(TAG.BodyPartExamined) && !elements.has(TAG.Laterality)) {
    set(createTextElement(TAG.Laterality, ""));
  }
  return elements;
}
