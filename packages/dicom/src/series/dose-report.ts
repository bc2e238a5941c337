/**
 * The dose that a CT radiation dose structured report states (PS3.16 TID 10011 to 10013): DLP in total and per
 * irradiation event, CTDIvol and its phantom. Not a reader for reports in general.
 */
import type { DicomDataset } from "../dataset/dataset.ts";
import { findPhantomDiameterCm } from "../images/instance-facts.ts";
import { type ContentItem, findContentItems, readContentTree } from "../reports/content-tree.ts";

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

function find(root: ContentItem, value: string): ContentItem | undefined {
  return findContentItems(root, { value, scheme: "DCM" })[0];
}

function readMeasured(root: ContentItem, concept: string): number | null {
  const value = find(root, concept)?.value;
  return value?.type === "NUM" ? value.value : null;
}

function readEvent(item: ContentItem): DoseEvent {
  const phantom = find(item, CODE.phantomType)?.value;
  const event = find(item, CODE.irradiationEventUid)?.value;
  return {
    dlpMgyCm: readMeasured(item, CODE.dlp),
    meanCtdiVolMgy: readMeasured(item, CODE.meanCtdiVol),
    ctdiPhantomDiameterCm:
      (phantom?.type === "CODE" ? findPhantomDiameterCm(phantom.code.value) : null) ?? null,
    irradiationEventUid: event?.type === "UIDREF" && event.uid !== "" ? event.uid : null,
  };
}

/**
 * Reads a dose report.
 *
 * @param dataset - of an SR object; without dose content everything is `null` or empty
 * @throws DicomError for broken sequences and numbers
 */
export function readDoseReport(dataset: DicomDataset): DoseReport {
  const root = readContentTree(dataset);
  const events = findContentItems(root, { value: CODE.acquisition, scheme: "DCM" });
  return { totalDlpMgyCm: readMeasured(root, CODE.dlpTotal), events: events.map(readEvent) };
}
