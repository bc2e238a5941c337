/** What lies beside the series: DICOM objects that are no images, and files of other formats. */
import { open, stat } from "node:fs/promises";
import { resolve } from "node:path";
import {
  type DoseReport,
  detectFormat,
  type ObjectSummary,
  readDicomFile,
  readDoseReport,
  type SkippedInstance,
} from "@alara/dicom";
import { isVolumePath } from "@alara/dicom/node";

/** What a folder holds besides. */
export interface OtherFiles {
  /** Objects that were read far enough to say what they are. */
  readonly objects: readonly (ObjectSummary & { readonly name: string })[];
  /** Volumes in other formats, by their first bytes. */
  readonly formats: readonly { readonly name: string; readonly format: string; readonly path: string }[];
  /** Names of ZIP archives, which are not looked into. */
  readonly archives: readonly string[];
  /** DLP and CTDIvol of radiation dose structured reports. */
  readonly doseReports: readonly (DoseReport & { readonly name: string })[];
}

/** First bytes that tell formats apart; a NIfTI header is 540 bytes long at most. */
const HEAD_BYTES = 1024;
const LARGEST_REPORT_BYTES = 2 ** 26;

async function readHead(path: string, length: number): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path);
    try {
      const head = new Uint8Array(length);
      const { bytesRead } = await file.read(head, 0, length, 0);
      return head.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

function isZip(head: Uint8Array): boolean {
  return head.length > 3 && [0x50, 0x4b, 0x03, 0x04].every((byte, i) => head[i] === byte);
}

async function findPath(base: string, name: string): Promise<string> {
  const info = await stat(base).catch(() => undefined);
  return info?.isDirectory() ? resolve(base, name) : resolve(base);
}

/**
 * Looks at what a scan left out.
 *
 * @param base - the path that was scanned; names of skipped files are relative to it
 */
export async function listOtherFiles(base: string, skipped: readonly SkippedInstance[]): Promise<OtherFiles> {
  const objects: (ObjectSummary & { name: string })[] = [];
  const formats: { name: string; format: string; path: string }[] = [];
  const archives: string[] = [];
  const doseReports: (DoseReport & { name: string })[] = [];
  for (const { name, code, object } of skipped) {
    if (object !== undefined) objects.push({ name, ...object });
    if (code === "NOT_DICOM") {
      const filePath = await findPath(base, name);
      const head = await readHead(filePath, HEAD_BYTES);
      if (head === undefined) continue;
      const format = (await isVolumePath(filePath)) ? detectFormat(head) : undefined;
      if (format !== undefined) formats.push({ name, format, path: filePath });
      else if (isZip(head)) archives.push(name);
    }
    if (object?.kind === "dose report") {
      const bytes = await readHead(await findPath(base, name), LARGEST_REPORT_BYTES);
      const report = bytes === undefined ? undefined : tryReadReport(bytes);
      if (report !== undefined) doseReports.push({ name, ...report });
    }
  }
  return { objects, formats, archives, doseReports };
}

/** A damaged report is listed as an object all the same. */
function tryReadReport(bytes: Uint8Array): DoseReport | undefined {
  try {
    return readDoseReport(readDicomFile(bytes).dataset);
  } catch {
    return undefined;
  }
}
