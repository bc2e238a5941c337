/**
 * De-identifies everything below a folder into a new one. Nothing that the input says becomes part of a name, a message
 * or the summary: outputs are numbered by series and image, inputs are told apart by their position in the listing,
 * errors are reduced to their codes. The only place where originals appear is the table that the caller asks for.
 */
import { AlaraError } from "@alara/core";
import {
  createPseudonyms,
  type DeidentifyOptions,
  type DicomFile,
  deidentifyFile,
  isDicomDir,
  type Pseudonyms,
  readDicomFile,
  readNumber,
  readPatientIdentity,
  readText,
  TABLE_EDITION,
  TAG,
  writeDicomFile,
} from "@alara/dicom";
import { createFileSource, createOutputFolder, findInputFiles } from "@alara/dicom/node";
import type { CommandContext } from "./context.ts";
import { CliError } from "./input.ts";

/** Codes of files that are no images at all: left out, not refused. */
const LEFT_OUT: ReadonlySet<string> = new Set(["NOT_DICOM"]);

/** Options of {@link deidentifyFolder}. */
export interface DeidentifyFolderOptions
  extends Omit<DeidentifyOptions, "pseudonyms">,
    Pick<CommandContext, "signal" | "onProgress"> {
  readonly key: Uint8Array;
  /** Original Patient ID → new one. */
  readonly patientIds?: ReadonlyMap<string, string>;
}

/** What a run did, free of identity: this is `summary.json`. */
export interface DeidentifySummary {
  readonly profile: string;
  readonly retain: readonly string[];
  readonly descriptors: "remove" | "clean";
  readonly images: number;
  readonly patients: number;
  readonly series: readonly { readonly folder: string; readonly images: number }[];
  /** Code → number of images in which it was found. */
  readonly findings: Readonly<Record<string, number>>;
  /** By position in the sorted listing of the input, from 1. */
  readonly refused: readonly { readonly input: number; readonly code: string }[];
  readonly leftOut: number;
}

/** A summary and what identifies people again. */
export interface DeidentifyFolderResult {
  readonly summary: DeidentifySummary;
  readonly pseudonyms: Pseudonyms;
  /** Input path, and what became of it. */
  readonly files: readonly { readonly input: string; readonly output?: string; readonly code?: string }[];
}

interface Candidate {
  readonly index: number;
  readonly patient: string;
  readonly series: string;
  readonly instance: string;
  readonly seriesNumber: number;
  readonly instanceNumber: number;
}

/** The code of an error and nothing else of it: messages may name files. */
function getCode(error: unknown): string {
  return error instanceof AlaraError ? error.code : "UNEXPECTED";
}

function findWholeNumber(file: DicomFile, tag: number): number {
  try {
    return readNumber(file.dataset, tag) ?? 0;
  } catch {
    return 0;
  }
}

/** Where an image belongs in the output, from its own header and never from its name. */
async function describeCandidate(index: number, file: DicomFile, pseudonyms: Pseudonyms): Promise<Candidate> {
  const { dataset } = file;
  return {
    index,
    patient: await pseudonyms.replacePatient(readPatientIdentity(dataset)),
    series: await pseudonyms.replaceUid(readText(dataset, TAG.SeriesInstanceUID) ?? ""),
    instance: await pseudonyms.replaceUid(readText(dataset, TAG.SOPInstanceUID) ?? ""),
    seriesNumber: findWholeNumber(file, TAG.SeriesNumber),
    instanceNumber: findWholeNumber(file, TAG.InstanceNumber),
  };
}

function compareCandidates(a: Candidate, b: Candidate): number {
  const byText = (x: string, y: string): number => (x < y ? -1 : x > y ? 1 : 0);
  return (
    byText(a.patient, b.patient) ||
    a.seriesNumber - b.seriesNumber ||
    byText(a.series, b.series) ||
    a.instanceNumber - b.instanceNumber ||
    byText(a.instance, b.instance) ||
    a.index - b.index
  );
}

/**
 * De-identifies the images below a folder. Refused files are not written; the others are.
 *
 * @returns what was done; `refused` names what was not
 * @throws CliError `NOTHING_DEIDENTIFIED` when no file passes, `INPUT_NOT_FOUND`; DicomError of the output folder
 */
export async function deidentifyFolder(
  input: string,
  output: string,
  options: DeidentifyFolderOptions,
): Promise<DeidentifyFolderResult> {
  const { key, patientIds, signal, onProgress, ...profile } = options;
  const { paths, skipped } = await findInputFiles([input]).catch((error: unknown) => {
    throw new CliError("INPUT_NOT_READABLE", `the input cannot be read (${getCode(error)})`);
  });
  const pseudonyms = createPseudonyms(key, patientIds === undefined ? {} : { patientIds });
  const codes: (string | undefined)[] = paths.map(() => undefined);
  const outputs: (string | undefined)[] = paths.map(() => undefined);
  const candidates: Candidate[] = [];
  for (const [index, path] of paths.entries()) {
    signal.throwIfAborted();
    onProgress({ phase: "reading", done: index + 1, total: paths.length, unit: "files" });
    try {
      const file = readDicomFile(await createFileSource(path).read(), { preamble: "any" });
      if (isDicomDir(file)) codes[index] = "NOT_DICOM";
      else candidates.push(await describeCandidate(index, file, pseudonyms));
    } catch (error) {
      codes[index] = getCode(error);
    }
  }
  candidates.sort(compareCandidates);
  const folder = await createOutputFolder(output);
  try {
    const findings = new Map<string, number>();
    const series: { folder: string; images: number }[] = [];
    const patients = new Set<string>();
    let lastSeries = "";
    for (const [done, candidate] of candidates.entries()) {
      signal.throwIfAborted();
      onProgress({ phase: "writing", done: done + 1, total: candidates.length, unit: "files" });
      try {
        const file = readDicomFile(await createFileSource(paths[candidate.index]).read(), {
          preamble: "any",
        });
        const result = await deidentifyFile(file, { ...profile, pseudonyms });
        const bytes = writeDicomFile(result.file.dataset, result.file.transferSyntaxUid);
        const isNew = `${candidate.patient} ${candidate.series}` !== lastSeries;
        const number = series.length + (isNew ? 1 : 0);
        const images = isNew ? 1 : series[number - 1].images + 1;
        const name = `series-${String(number).padStart(4, "0")}`;
        const path = `${name}/image-${String(images).padStart(5, "0")}.dcm`;
        await folder.writeFile(path, bytes);
        series[number - 1] = { folder: name, images };
        lastSeries = `${candidate.patient} ${candidate.series}`;
        patients.add(candidate.patient);
        outputs[candidate.index] = path;
        for (const code of new Set(result.findings.map((finding) => finding.code))) {
          findings.set(code, (findings.get(code) ?? 0) + 1);
        }
      } catch (error) {
        const code = getCode(error);
        if (code.startsWith("OUTPUT_")) throw error;
        codes[candidate.index] = code;
      }
    }
    const refused = codes.flatMap((code, index) =>
      code === undefined || LEFT_OUT.has(code) ? [] : [{ input: index + 1, code }],
    );
    const summary: DeidentifySummary = {
      profile: `DICOM PS3.15 ${TABLE_EDITION} Basic Application Confidentiality Profile`,
      retain: profile.retain ?? [],
      descriptors: profile.descriptors ?? "remove",
      images: series.reduce((sum, item) => sum + item.images, 0),
      patients: patients.size,
      series,
      findings: Object.fromEntries([...findings].sort()),
      refused,
      leftOut: codes.filter((code) => code !== undefined && LEFT_OUT.has(code)).length + skipped.length,
    };
    if (summary.images === 0) {
      throw new CliError(
        "NOTHING_DEIDENTIFIED",
        `none of ${paths.length} file(s) was written: ${formatRefusals(refused) || "no DICOM images"}`,
      );
    }
    await folder.writeFile("summary.json", `${JSON.stringify(summary, null, 2)}\n`);
    await folder.commit();
    const files = paths.map((path, index) => ({
      input: path,
      ...(outputs[index] === undefined ? {} : { output: outputs[index] }),
      ...(codes[index] === undefined ? {} : { code: codes[index] }),
    }));
    return { summary, pseudonyms, files };
  } finally {
    await folder.dispose();
  }
}

/** "BURNED_IN_TEXT × 2 (files 3, 7)", by code; at most ten positions each. */
export function formatRefusals(refused: DeidentifySummary["refused"]): string {
  const byCode = new Map<string, number[]>();
  for (const { input, code } of refused) byCode.set(code, [...(byCode.get(code) ?? []), input]);
  return [...byCode]
    .map(([code, inputs]) => {
      const shown = inputs.slice(0, 10).join(", ");
      return `${code} × ${inputs.length} (files ${shown}${inputs.length > 10 ? ", …" : ""})`;
    })
    .join(", ");
}
