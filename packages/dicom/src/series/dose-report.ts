/**
 * The dose that a CT radiation dose structured report states (PS3.16 TID 10011 to 10013): DLP in total and per
 * irradiation event, CTDIvol and its phantom. Not a reader for reports in general.
 */
import type { DicomDataset } from "../dataset/dataset.ts";
import { readItems } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { readNumber, readText, readUid } from "../dataset/values.ts";

/** One irradiation event. */
export interface DoseEvent {
  readonly dlpMgyCm: number | null;
  readonly meanCtdiVolMgy: number | null;
  readonly ctdiPhantomDiameterCm: 16 | 32 | null;
  readonly irradiationEventUid: string | null;
}

/** What a report states; absent values are `null`. */
export interface DoseReport {
  /** CT Dose Length Product Total. */
  readonly totalDlpMgyCm: number | null;
  readonly events: readonly DoseEvent[];
}

/** DCM codes (PS3.16 annex D) of TID 10012 and 10013. */
const CODE = {
  dlpTotal: "113813",
  acquisition: "113819",
  dlp: "113838",
  meanCtdiVol: "113830",
  phantomType: "113835",
  irradiationEventUid: "113769",
} as const;

const PHANTOM_DIAMETERS_CM: Readonly<Record<string, 16 | 32 | undefined>> = { "113690": 16, "113691": 32 };

function readCode(item: DicomDataset, tag: number): string | undefined {
  const code = readItems(item, tag)?.[0];
  return code === undefined ? undefined : readText(code, TAG.CodeValue);
}

/** Every content item of a tree below one with the given concept; the tree's depth is bounded by the reader. */
function findAll(item: DicomDataset, concept: string): DicomDataset[] {
  const found: DicomDataset[] = [];
  for (const child of readItems(item, TAG.ContentSequence) ?? []) {
    if (readCode(child, TAG.ConceptNameCodeSequence) === concept) found.push(child);
    found.push(...findAll(child, concept));
  }
  return found;
}

function readMeasured(item: DicomDataset, concept: string): number | null {
  const found = findAll(item, concept)[0];
  const measured = found === undefined ? undefined : readItems(found, TAG.MeasuredValueSequence)?.[0];
  return measured === undefined ? null : (readNumber(measured, TAG.NumericValue) ?? null);
}

/**
 * Reads a dose report.
 *
 * @param dataset - of an SR object; without dose content everything is `null` or empty
 * @throws DicomError for broken sequences and numbers
 */
export function readDoseReport(dataset: DicomDataset): DoseReport {
  const events = findAll(dataset, CODE.acquisition).map((item): DoseEvent => {
    const phantom = findAll(item, CODE.phantomType)[0];
    const code = phantom === undefined ? undefined : readCode(phantom, TAG.ConceptCodeSequence);
    const event = findAll(item, CODE.irradiationEventUid)[0];
    return {
      dlpMgyCm: readMeasured(item, CODE.dlp),
      meanCtdiVolMgy: readMeasured(item, CODE.meanCtdiVol),
      ctdiPhantomDiameterCm: (code === undefined ? undefined : PHANTOM_DIAMETERS_CM[code]) ?? null,
      irradiationEventUid: (event === undefined ? undefined : readUid(event, TAG.UID)) ?? null,
    };
  });
  return { totalDlpMgyCm: readMeasured(dataset, CODE.dlpTotal), events };
}
