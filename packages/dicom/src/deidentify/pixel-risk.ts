/**
 * Whether the pixels of an object may show who the patient is: text burned in, overlays hidden in unused bits, faces.
 * Judged from the headers alone; pixels are neither read nor cleaned (PS3.15 §E.3.1 and §E.3.2 are not claimed).
 */
import { splitFragments } from "../codecs/encapsulation.ts";
import type { DicomDataset } from "../dataset/dataset.ts";
import { TAG } from "../dataset/tags.ts";
import { readNumbers, readText, readTexts } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";
import type { DeidentifyFinding } from "./deidentify-options.ts";

const CONVERSION_TYPE = 0x00080064;
const RECOGNIZABLE_VISUAL_FEATURES = 0x00280302;
const OVERLAY_BIT_POSITION = 0x0102;

/** SOP classes (or their branches) whose images usually carry text. */
const TEXT_CLASSES: readonly string[] = [
  "1.2.840.10008.5.1.4.1.1.7",
  "1.2.840.10008.5.1.4.1.1.3",
  "1.2.840.10008.5.1.4.1.1.6",
  "1.2.840.10008.5.1.4.1.1.77",
];
const TEXT_MODALITIES: ReadonlySet<string> = new Set("US IVUS ES XC GM OT DOC OP SC ECG".split(" "));
const SCREEN_TYPE = /SCREEN|^DOSE$|DOSE.?(INFO|REP|SUM|SHEET)|REPORT|CAPTURE|PASTED|SUMMARY|^TEXT$/;
const HEAD =
  /(?<![A-Z])(HEAD|BRAIN|SKULL|FAC(E|IAL)|CRANI|ORBIT|SINUS|NECK|IACS?\b|JAW|MAXILLA|MANDIB|DENTAL|TEETH|EYE|KOPF|TETE|NOSE|EARS?\b|WHOLE ?BODY)/;

/** What {@link assessPixelRisk} found; `mayCarryText` asks for a refusal. */
export interface PixelRisk {
  readonly mayCarryText: boolean;
  readonly findings: readonly DeidentifyFinding[];
}

/**
 * Judges an object by its header before anything is removed.
 *
 * @param dataset - the original
 * @param sopClassUid - of the object
 * @throws nothing that a value could cause: what cannot be read counts as a risk
 */
export function assessPixelRisk(dataset: DicomDataset, sopClassUid: string): PixelRisk {
  const findings: DeidentifyFinding[] = [];
  const warn = (code: DeidentifyFinding["code"], message: string): void => {
    findings.push({ severity: "warning", code, message });
  };
  const hasPixels = dataset.elements.has(TAG.PixelData);
  const text = (tag: number): string => readText(dataset, tag)?.toUpperCase() ?? "";
  const burnedIn = text(TAG.BurnedInAnnotation);
  let mayCarryText = false;
  if (burnedIn !== "NO" && burnedIn !== "") {
    mayCarryText = true;
    warn("BURNED_IN_TEXT", "Burned In Annotation says that the pixels carry text");
  }
  const imageTypes = readTexts(dataset, TAG.ImageType)?.map((value) => value.toUpperCase()) ?? [];
  const isScreen = imageTypes.slice(2).some((value) => SCREEN_TYPE.test(value));
  const isTextClass = TEXT_CLASSES.some((uid) => sopClassUid === uid || sopClassUid.startsWith(`${uid}.`));
  if (
    hasPixels &&
    (isScreen || isTextClass || TEXT_MODALITIES.has(text(TAG.Modality)) || text(CONVERSION_TYPE) !== "")
  ) {
    mayCarryText = true;
    warn(
      "BURNED_IN_TEXT",
      "a kind of image that usually carries text (screen capture, dose sheet, ultrasound, photograph)",
    );
  } else if (hasPixels && burnedIn === "") {
    findings.push({
      severity: "note",
      code: "BURNED_IN_NOT_STATED",
      message: "Burned In Annotation is not stated; look at the pixels",
    });
  }
  if (hasOverlayInPixels(dataset)) {
    mayCarryText = true;
    warn("OVERLAY_IN_PIXELS", "an overlay stands in the unused bits of the pixels, which are not cleaned");
  }
  const isHead = [TAG.BodyPartExamined, TAG.StudyDescription, TAG.SeriesDescription, 0x00181030].some((tag) =>
    HEAD.test(text(tag)),
  );
  const stated = text(RECOGNIZABLE_VISUAL_FEATURES);
  if (hasPixels && (stated === "YES" || (stated !== "NO" && isHead))) {
    warn(
      "FACE_MAY_BE_RECOGNISED",
      "a volume of the head may be rendered as a face; nothing is removed from it",
    );
  }
  const comments = hasPixels && hasStreamComment(dataset);
  if (comments) {
    warn("STREAM_COMMENT", "the compressed pixel data hold a comment or application segment, which is kept");
  }
  return { mayCarryText, findings };
}

/** Overlay Bit Position other than 0, in any overlay group: the overlay is in the pixels' high bits (retired). */
function hasOverlayInPixels(dataset: DicomDataset): boolean {
  for (const tag of dataset.elements.keys()) {
    const group = Math.floor(tag / 65536);
    if (group < 0x6000 || group > 0x60ff || tag % 65536 !== OVERLAY_BIT_POSITION) continue;
    if (dataset.elements.has(group * 65536 + 0x3000)) continue;
    try {
      if ((readNumbers(dataset, tag)?.[0] ?? 0) !== 0) return true;
    } catch (error) {
      if (!(error instanceof DicomError)) throw error;
      return true;
    }
  }
  return false;
}

/**
 * A JPEG or JPEG-LS stream with COM or APP1–APP13 or APP15 segments before its first scan. APP0 and APP14 name only
 * the format (JFIF, Adobe), JPEG 2000 comments only the encoder as a rule; both are left out.
 */
function hasStreamComment(dataset: DicomDataset): boolean {
  const element = dataset.elements.get(TAG.PixelData);
  if (element === undefined || !element.undefinedLength) return false;
  let bytes: Uint8Array | undefined;
  try {
    bytes = splitFragments(element).fragments[0];
  } catch (error) {
    if (!(error instanceof DicomError)) throw error;
    return false;
  }
  if (bytes === undefined || bytes[0] !== 0xff || bytes[1] !== 0xd8) return false;
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1];
    if (marker === 0xda) return false;
    if (marker === 0xfe || (marker > 0xe0 && marker < 0xee) || marker === 0xef) return true;
    at += 2 + bytes[at + 2] * 256 + bytes[at + 3];
  }
  return false;
}
