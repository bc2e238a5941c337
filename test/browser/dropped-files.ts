/** Reads the CT series of files that a user chose or dropped; shown in the README of @alara/dicom. */
import type { Volume } from "@alara/core";
import { decodeVolume, type SkippedInstance, scanSeries } from "@alara/dicom";

/** Volumes in HU, the longest series first; `skipped` says what was left out and why. */
export async function readDroppedFiles(
  files: Iterable<Blob>,
): Promise<{ volumes: Volume<"HU">[]; skipped: readonly SkippedInstance[] }> {
  const sources = Array.from(files, (file, i) => ({
    name: `file ${i + 1}`,
    read: async () => new Uint8Array(await file.arrayBuffer()),
  }));
  const { series, skipped } = await scanSeries(sources);
  const volumes: Volume<"HU">[] = [];
  for (const found of series) volumes.push(await decodeVolume(found));
  return { volumes, skipped };
}
