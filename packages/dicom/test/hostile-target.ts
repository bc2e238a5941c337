/**
 * Everything the package may be asked of one input, in the order in which a program asks it. Every step gives a value
 * or an error with a known code; what one step refuses, the next ones that need it do not get.
 */
import { readdirSync, readFileSync } from "node:fs";
import { AlaraError } from "@alara/core";
import {
  convertToExplicit,
  DEFAULT_DICOM_LIMITS,
  type DicomDataset,
  type DicomFile,
  type DicomLimits,
  decodeGrayscale,
  readDicomFile,
  readFrameBytes,
  readFrameFormat,
  readImageVolume,
  readItems,
  readNumbers,
  readTexts,
  readUid,
  removePrivateElements,
  scanSeries,
  writeDataset,
  writeDicomFile,
} from "@alara/dicom";
import { createMutator, type FuzzTask } from "@alara/testing/hostile";
import { createHostileSeeds } from "./hostile-seeds.ts";

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

/** Reads every value in every way, sequences too. A malformed value must not stop the others. */
function visitValues(dataset: DicomDataset, tally: { refused: number }): void {
  for (const { tag, vr } of dataset.elements.values()) {
    for (const read of [readTexts, readNumbers, readUid]) {
      try {
        read(dataset, tag);
      } catch (error) {
        if (!(error instanceof AlaraError)) throw error;
        tally.refused++;
      }
    }
    if (vr !== "SQ" && vr !== "UN") continue;
    let items: readonly DicomDataset[];
    try {
      items = readItems(dataset, tag) ?? [];
    } catch (error) {
      if (!(error instanceof AlaraError)) throw error;
      tally.refused++;
      continue;
    }
    for (const inner of items) visitValues(inner, tally);
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

/** Runs the chain on one DICOM input; the outcome is that of the last step that says what the input is. */
export async function exerciseDicom(bytes: Uint8Array): Promise<string> {
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
  const name = "input";
  const source = { name, read: async () => bytes };
  const limits = FUZZ_LIMITS;
  const { series } = await scanSeries([source], { limits, modalities: "any" });
  const file = await attempt("read", () => readDicomFile(bytes, { limits }));
  if (file === undefined) {
    if (series.length > 0) fail("found a series in what cannot be read");
    return outcome;
  }
  const { dataset } = file;
  visitValues(file.meta, { refused: 0 });
  visitValues(dataset, { refused: 0 });
  await attempt("write dataset", () => writeDataset(dataset));
  await attempt("convert", () => writeDataset(convertToExplicit(dataset)));
  await attempt("clean", () => writeDataset(removePrivateElements(dataset)));
  await attempt("write", () => checkRoundTrip(file));
  outcome = "read";
  const decoded = await attempt("decode", () => decodeFrames(file));
  if (decoded !== undefined) outcome = decoded;
  await attemptSilently(() => decodeGrayscale(file));
  for (const stack of series.slice(0, 2)) await attemptSilently(() => readImageVolume(stack));
  return outcome;
}

async function attemptSilently(run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof AlaraError) || !KNOWN_CODES.has(error.code)) throw error;
  }
}

const KNOWN_CODES = readKnownCodes();

/** The task of the fuzz run: all seeds, all steps. */
export async function createFuzzTask(seed: number): Promise<FuzzTask> {
  const { transferSyntaxes } = await import("@alara/dicom");
  const seeds = await createHostileSeeds();
  const mutator = createMutator(seeds, {
    seed,
    transferSyntaxUids: [...transferSyntaxes.names, "1.2.840.10008.1.2.4.100", "../x", ""],
  });
  return { mutator, knownCodes: KNOWN_CODES, target: exerciseDicom };
}
