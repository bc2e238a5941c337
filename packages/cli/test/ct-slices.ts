/**
 * Slices with headers of a test's choosing: series that the `dicom` package writes, with elements set or removed
 * through its public functions.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { createCentredGrid, createVolume, getSliceData, type Volume } from "@alara/core";
import {
  createCtSeries,
  createTextElement,
  type DicomElement,
  editDataset,
  readDicomFile,
  TAG,
  TRANSFER_SYNTAX_UID,
  writeDicomFile,
} from "@alara/dicom";

/** What the slices vary. */
export interface SliceChoice {
  /** Also the beginning of SOP Instance UIDs and file names; default 1.2.3.1. */
  readonly seriesUid?: string;
  /** Between series UID and slice number in SOP Instance UIDs; default none. */
  readonly part?: string;
  /** Default: slices of 4 × 6 pixels, 3 mm apart, 0 HU. */
  readonly volume?: Volume<"HU">;
  /** Text to set, by tag; `null` removes the element. */
  readonly texts?: readonly (readonly [tag: number, text: string | null])[];
  /** Elements to set. */
  readonly elements?: readonly DicomElement[];
}

/** A volume of one value with slices 3 mm apart. */
export function makeFlatVolume(slices: number, hu = 0): Volume<"HU"> {
  const grid = createCentredGrid([slices, 4, 6], [3, 0.7, 0.8]);
  return createVolume("HU", grid, new Float32Array(slices * 24).fill(hu));
}

/** Bytes of every slice. */
export async function makeSlices(count: number, choice: SliceChoice = {}): Promise<Uint8Array[]> {
  const volume = choice.volume ?? makeFlatVolume(count);
  const seriesUid = choice.seriesUid ?? "1.2.3.1";
  const series = await createCtSeries(volume.geometry, {
    identity: { test: "slices" },
    patientId: "TEST",
    dateTime: "2026-01-02T03:04:05+00:00",
    seriesDescription: "slices",
    softwareVersion: "0",
    tubeVoltageKv: 120,
    sliceThicknessMm: 3,
  });
  return Array.from({ length: count }, (_, i) => {
    const { dataset } = readDicomFile(series.writeInstance(i, getSliceData(volume, i)));
    const edits = new Map<number, DicomElement | null>([
      [TAG.SeriesInstanceUID, createTextElement(TAG.SeriesInstanceUID, seriesUid)],
      [
        TAG.SOPInstanceUID,
        createTextElement(TAG.SOPInstanceUID, `${seriesUid}${choice.part ?? ""}.${i + 1}`),
      ],
    ]);
    for (const element of choice.elements ?? []) edits.set(element.tag, element);
    for (const [tag, text] of choice.texts ?? []) {
      edits.set(tag, text === null ? null : createTextElement(tag, text));
    }
    return writeDicomFile(editDataset(dataset, edits), TRANSFER_SYNTAX_UID.explicitLittleEndian);
  });
}

/** Writes slices into a folder, one file each. */
export async function writeSlices(path: string, count: number, choice: SliceChoice = {}): Promise<void> {
  mkdirSync(path, { recursive: true });
  for (const [i, bytes] of (await makeSlices(count, choice)).entries()) {
    writeFileSync(`${path}/${choice.seriesUid ?? "1.2.3.1"}${choice.part ?? ""}.${i + 1}.dcm`, bytes);
  }
}
