/**
 * Everything the package may be asked of one input, in the order in which a program asks it. Every step gives a value
 * or an error with a known code; what one step refuses, the next ones that need it do not get.
 */
import { readdirSync, readFileSync } from "node:fs";
import { AlaraError } from "@alara/core";
import {
  convertToClassic,
  convertToEnhanced,
  convertToExplicit,
  createDerivedSeries,
  createPseudonyms,
  DEFAULT_DICOM_LIMITS,
  type DicomDataset,
  type DicomFile,
  type DicomLimits,
  decodeGrayscale,
  decodeSliceHu,
  decodeTexts,
  deidentifyFile,
  findDanglingReferences,
  findPrivateCreator,
  listObjectReferences,
  listRecords,
  parseDicomDate,
  parseDicomDateTime,
  parseDicomTime,
  RETAIN_OPTIONS,
  readBigIntegers,
  readContentTree,
  readDicomDir,
  readDicomFile,
  readDicomJson,
  readDoseReport,
  readFrameBytes,
  readFrameFormat,
  readImageVolume,
  readItems,
  readKeyObjectSelection,
  readNumbers,
  readPresentationState,
  readQualityReport,
  readTags,
  readTexts,
  readUid,
  readVolumeFile,
  removePrivateElements,
  type Series,
  scanSeries,
  splitPersonName,
  transcodeFile,
  transferSyntaxes,
  type VolumeLimits,
  volumeFormats,
  writeDataset,
  writeDicomFile,
  writeDicomJson,
} from "@alara/dicom";
import { createMutator, type FuzzTask } from "@alara/testing/hostile";
import { COMPANIONS, createHostileSeeds } from "./hostile-seeds.ts";

/** Limits of a fuzz run: small enough that an accepted claim costs milliseconds. */
export const FUZZ_LIMITS: DicomLimits = {
  ...DEFAULT_DICOM_LIMITS,
  maxElements: 20_000,
  maxFileBytes: 2 ** 20,
  maxFrameBytes: 2 ** 22,
  maxFrames: 4096,
};

/** A step that may be refused: its value, or `undefined` with the code noted. */
export type Attempt = <T>(step: string, run: () => T | Promise<T>) => Promise<T | undefined>;

/** A fault of the package under test that is no error of its own: what was accepted did not hold. */
function fail(what: string): never {
  throw new Error(what);
}

const sources = new URL("../../", import.meta.url);

/** Every code that any package's error union names, read from their sources. */
export function readKnownCodes(): Set<string> {
  const codes = new Set<string>();
  for (const name of readdirSync(sources)) {
    let text: string;
    try {
      text = readFileSync(new URL(`${name}/src/errors.ts`, sources), "utf8");
    } catch {
      continue;
    }
    for (const [, code] of text.matchAll(/"([A-Z][A-Z0-9_]+)"/g)) codes.add(code);
  }
  return codes;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const READERS = [readTexts, readNumbers, readUid];

/** Reads every value, sequences too, and one in eight in a way that its VR does not promise. */
function visitValues(dataset: DicomDataset, number: number): void {
  let count = number;
  for (const { tag, vr } of dataset.elements.values()) {
    if (vr === "SQ" || vr === "UN") {
      const items = refuse(() => readItems(dataset, tag)) ?? [];
      for (const inner of items) visitValues(inner, number);
    }
    if (count % 16 === 0) visitText(dataset, tag);
    const usual = vr === "UI" ? readUid : NUMERIC_VRS.has(vr) ? readNumbers : readTexts;
    const read = count++ % 8 === 0 ? READERS[(count >> 3) % READERS.length] : usual;
    refuse(() => read(dataset, tag));
  }
}

/** Text by its character set, names, dates and whatever else a value may be taken for. */
function visitText(dataset: DicomDataset, tag: number): void {
  for (const text of refuse(() => decodeTexts(dataset, tag)) ?? []) {
    refuse(() => splitPersonName(text));
    refuse(() => parseDicomDate(text));
    refuse(() => parseDicomTime(text));
    refuse(() => parseDicomDateTime(text));
  }
  refuse(() => readBigIntegers(dataset, tag));
  refuse(() => readTags(dataset, tag));
  refuse(() => findPrivateCreator(dataset, tag));
}

const NUMERIC_VRS = new Set("DS IS US SS UL SL FL FD UV SV".split(" "));

/** The value, or nothing where a known code was thrown. */
function refuse<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof AlaraError) || !KNOWN_CODES.has(error.code)) throw error;
    return undefined;
  }
}

/** What was accepted is written and read again, and is the same. */
function checkRoundTrip(file: DicomFile): void {
  const written = writeDicomFile(file.dataset, file.transferSyntaxUid);
  const again = readDicomFile(written, { limits: { ...FUZZ_LIMITS, maxFileBytes: 2 ** 30 } });
  if (again.transferSyntaxUid !== file.transferSyntaxUid) fail("written file has another transfer syntax");
  if (written.subarray(0, 128).some((byte) => byte !== 0))
    fail("written file has a preamble that is not zero");
  if (again.dataset.elements.size !== file.dataset.elements.size) fail("written file has other elements");
  for (const element of file.dataset.elements.values()) {
    const kept = again.dataset.elements.get(element.tag);
    if (kept === undefined) fail("written file lacks an element");
    // Group lengths are counted anew.
    if (element.tag % 65536 === 0) continue;
    const isSame = equalBytes(kept.bytes.subarray(0, element.bytes.length), element.bytes);
    if (kept.vr !== element.vr || !isSame || kept.bytes.length - element.bytes.length > 1) {
      fail(`element changed on its way through a file (VR ${element.vr} → ${kept.vr})`);
    }
  }
}

/** First and last frame, and what they must be. */
async function decodeFrames(file: DicomFile): Promise<string> {
  const format = readFrameFormat(file.dataset);
  const frames = format.frames > 1 ? [0, format.frames - 1] : [0];
  for (const frame of frames) {
    const bytes = await readFrameBytes(file, format, frame);
    const expected = (format.rows * format.columns * format.samplesPerPixel * format.bitsAllocated) / 8;
    if (bytes.length !== expected) fail(`a frame of ${expected} bytes came as ${bytes.length}`);
  }
  return "decoded";
}

/** Steps that cost more than the rest together are taken with one input in so many, other repeated ones with one in 4. */
const COSTLY_EVERY = 32;

/** Runs the chain on one DICOM input; the outcome is that of the last step that says what the input is. */
export async function exerciseDicom(bytes: Uint8Array, number: number): Promise<string> {
  let outcome = "read";
  const attempt: Attempt = async (step, run) => {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof AlaraError) || !KNOWN_CODES.has(error.code)) throw error;
      outcome = `${step}: ${error.code}`;
      return undefined;
    }
  };
  const source = { name: "input", read: async () => bytes };
  const limits = FUZZ_LIMITS;
  const { series } = await scanSeries([source], { limits, modalities: "any" }).catch((error: unknown) => {
    // A file must never stop a scan: what is wrong with it belongs into the list of what was skipped.
    if (error instanceof AlaraError) fail(`scanning threw ${error.code}`);
    throw error;
  });
  const file = await attempt("read", () => readDicomFile(bytes, { limits }));
  if (file === undefined) {
    if (series.length > 0) fail("found a series in what cannot be read");
    return outcome;
  }
  const { dataset } = file;
  visitValues(file.meta, number);
  visitValues(dataset, number);
  await attempt("write dataset", () => writeDataset(dataset));
  await attempt("convert", () => writeDataset(convertToExplicit(dataset)));
  await attempt("clean", () => writeDataset(removePrivateElements(dataset)));
  await attempt("write", () => checkRoundTrip(file));
  outcome = "read";
  const decoded = await attempt("decode", () => decodeFrames(file));
  if (decoded !== undefined) outcome = decoded;
  if (number % 4 === 0) readOtherObjects(file, bytes);
  if (number % 4 === 1) readAsJson(file);
  if (number % 4 === 2) await attemptSilently(() => decodeGrayscale(file));
  if (number % 4 === 3)
    for (const stack of series.slice(0, 2)) await attemptSilently(() => readImageVolume(stack));
  if (number % COSTLY_EVERY === 0) await attemptSilently(() => deidentify(file, number));
  if (number % COSTLY_EVERY === 1 && series.length > 0) {
    await attemptSilently(() => transcodeFile(file, RLE));
    await attemptSilently(() => derive(series[0]));
    await attemptSilently(() => convertToEnhanced(series[0], { dateTime: MOMENT }));
    await attemptSilently(async () =>
      (await convertToClassic(series[0], { dateTime: MOMENT })).writeInstance(0),
    );
  }
  return outcome;
}

/** What reports, key objects, presentation states and directories are asked for; most inputs are none. */
function readOtherObjects(file: DicomFile, bytes: Uint8Array): void {
  const { dataset } = file;
  refuse(() => readContentTree(dataset));
  refuse(() => readQualityReport(dataset));
  refuse(() => readDoseReport(dataset));
  refuse(() => readKeyObjectSelection(dataset));
  refuse(() => readPresentationState(dataset));
  refuse(() => listObjectReferences(dataset));
  refuse(() => findDanglingReferences([dataset]));
  for (const { file: named } of listRecords(
    refuse(() => readDicomDir(bytes, { limits: FUZZ_LIMITS })) ?? [],
  )) {
    if (named?.kind !== "path") continue;
    if (!named.components.every((part) => part !== "" && !/^\.{1,2}$|[/\\\0]/.test(part)))
      fail("an unsafe file id was called safe");
  }
}

/** To the JSON model and back. */
function readAsJson(file: DicomFile): void {
  const json = refuse(() => JSON.stringify(writeDicomJson(file.dataset)));
  if (json !== undefined) refuse(() => readDicomJson(JSON.parse(json), { limits: FUZZ_LIMITS }));
}

const MOMENT = "2026-01-31T12:30:00+00:00";
const RLE = "1.2.840.10008.1.2.5";
const KEY = new Uint8Array(32).fill(7);

/** De-identifies; what comes out is a file that can be read. */
async function deidentify(file: DicomFile, number: number): Promise<void> {
  const retain = RETAIN_OPTIONS.filter(
    (option, i) => ((number >> (5 + i)) & 1) === 1 && option !== "full-dates",
  );
  const result = await deidentifyFile(file, {
    pseudonyms: createPseudonyms(KEY),
    retain,
    descriptors: (number & 2048) === 0 ? "clean" : "remove",
    burnedInText: "allow",
  });
  checkRoundTrip(result.file);
}

/** Writes the first slice unchanged; what comes out is a file that can be read, with the same values. */
async function derive(series: Series): Promise<void> {
  const { hu } = await decodeSliceHu(series, 0);
  const derived = await createDerivedSeries(series, {
    dateTime: MOMENT,
    codeVersion: "0",
    methodDescription: "none",
    parameters: { method: "none" },
  });
  const written = await derived.writeInstance(0, hu);
  readDicomFile(written, { limits: FUZZ_LIMITS });
}

async function attemptSilently(run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof AlaraError) || !KNOWN_CODES.has(error.code)) throw error;
  }
}

const KNOWN_CODES = readKnownCodes();

const VOLUME_LIMITS: VolumeLimits = {
  maxFileBytes: 2 ** 20,
  maxVoxels: 2 ** 20,
  maxHeaderBytes: 65_536,
  maxParts: 64,
};

const OTHER_NAMES = ["x.hdr", "x.nii", "x.mhd", "x.nhdr"];

/** Reads a volume of another format; what is accepted is finite in size and is written and read again. */
export async function exerciseFormat(bytes: Uint8Array, seedName: string, number: number): Promise<string> {
  const openCompanion = async (name: string): Promise<Uint8Array> => {
    if (/[/\\\0:]|^\.|^$/.test(name)) fail(`asked for the companion ${JSON.stringify(name)}`);
    return COMPANIONS.get(name) ?? new Uint8Array(64);
  };
  const [, seedFormat, sampleType] = seedName.split(" ");
  const ownName = `${seedFormat.replace(".", "-")}-${sampleType}.${seedFormat}`;
  const options = {
    openCompanion,
    limits: VOLUME_LIMITS,
    name: number % 16 === 1 ? OTHER_NAMES[(number >> 4) % 4] : ownName,
    ...(number % 8 === 1 ? { volumeIndex: 0 } : {}),
  };
  const { volume, format } = await readVolumeFile(bytes, options);
  const [slices, rows, columns] = volume.geometry.size;
  if (volume.data.length !== slices * rows * columns) fail("a volume's data do not fit its size");
  const { spacingMm, originMm, direction } = volume.geometry;
  const numbers = [...spacingMm, ...originMm, ...Object.values(direction).flat()];
  if (!numbers.every(Number.isFinite)) fail("a volume's geometry is not finite");
  const isDetached = format === "hdr" || format === "nhdr" || format === "mhd";
  const [written] = volumeFormats.get(isDetached ? "npz" : format).write(volume, {});
  await readVolumeFile(written.bytes, { limits: VOLUME_LIMITS, openCompanion });
  return `read ${format}`;
}

/** Reads a dataset of the JSON model; what is accepted is written in it and read again. */
function exerciseJson(bytes: Uint8Array): string {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return "no JSON";
  }
  const dataset = readDicomJson(json, { limits: FUZZ_LIMITS });
  visitValues(dataset, 0);
  const text = JSON.stringify(writeDicomJson(dataset));
  if (readDicomJson(JSON.parse(text), { limits: FUZZ_LIMITS }).elements.size !== dataset.elements.size)
    fail("JSON lost elements");
  return "read json";
}

/** The task of the fuzz run: all seeds, all steps. */
export async function createFuzzTask(seed: number): Promise<FuzzTask> {
  const seeds = await createHostileSeeds();
  const mutator = createMutator(seeds, {
    seed,
    transferSyntaxUids: [...transferSyntaxes.names, "1.2.840.10008.1.2.4.100", "../x", ""],
  });
  return {
    mutator,
    knownCodes: KNOWN_CODES,
    target: async (bytes, seedName, number) => {
      if (seedName.startsWith("format ")) return exerciseFormat(bytes, seedName, number);
      return seedName === "json" ? exerciseJson(bytes) : exerciseDicom(bytes, number);
    },
  };
}
