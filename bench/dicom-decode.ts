/**
 * Decoding one compressed 512² slice per transfer syntax: the whole path from the file's bytes to stored values (parse,
 * find the frame, check its header, decode, native words) against the codec alone on the bare frame. The codec alone
 * is the WebAssembly codec called directly, or Alara's own decoder where it is its own; those are also timed against
 * the foreign codec that could have been used instead. Times are the tenth percentile of 41 runs in turns. Files come from dcmtk and GDCM, HTJ2K from Alara.
 */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import {
  createElement,
  editDataset,
  type FrameFormat,
  joinFragments,
  readDicomFile,
  readFrameBytes,
  readFrameFormat,
  splitFragments,
  TAG,
  TRANSFER_SYNTAX_UID,
  transferSyntaxes,
  writeDicomFile,
} from "@alara/dicom";
import { createTemporaryFolder, findTool } from "@alara/testing";
import createCharls from "@cornerstonejs/codec-charls/decodewasmjs";
import createTurbo from "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs";
import createOpenjpeg from "@cornerstonejs/codec-openjpeg/decodewasmjs";
import createOpenjph from "@cornerstonejs/codec-openjph/wasmjs";
import { Decoder as LosslessDecoder } from "jpeg-lossless-decoder-js";
import { measureAlternating, runMeasured, type Timing } from "./measure.ts";
import { findPython } from "./peers/python.ts";
import type { BenchResult } from "./result.ts";
import { prepareDicomFiles } from "./workload/dicom-files.ts";

const LIMIT = 1.2;
const REPEATS = 41;
const SILENT = { print: (): void => {}, printErr: (): void => {} };

type Decode = (encoded: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** One syntax of the bench. */
interface Subject {
  readonly name: string;
  readonly uid: string;
  /** Command that compresses a file; none: Alara's encoder. */
  readonly command?: readonly string[];
  /** The WebAssembly codec itself; none: Alara's own decoder. */
  readonly codec?: Decode;
  /** The foreign codec that Alara's own one stands in for. */
  readonly foreign?: { readonly name: string; readonly decode: Decode };
}

/** Calls a decoder of an Emscripten build as its authors show. */
function runWasm(decoder: WasmDecoder, encoded: Uint8Array): Uint8Array {
  try {
    decoder.getEncodedBuffer(encoded.length).set(encoded);
    decoder.decode();
    return new Uint8Array(decoder.getDecodedBuffer().slice().buffer);
  } finally {
    decoder.delete();
  }
}

async function listSubjects(): Promise<readonly Subject[]> {
  const openjpeg = await createOpenjpeg(SILENT);
  const openjph = await createOpenjph(SILENT);
  const charls = await createCharls();
  const turbo = await createTurbo();
  const decodeLossless: Decode = (encoded) => {
    const own = encoded.slice();
    const { buffer, byteOffset, byteLength } = new LosslessDecoder().decode(own.buffer, 0, own.length, 2);
    return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  };
  const lossless = { name: "jpeg-lossless-decoder-js 2.1.2", decode: decodeLossless };
  const uids = TRANSFER_SYNTAX_UID;
  return [
    {
      name: "JPEG baseline, 8 bits",
      uid: uids.jpegBaseline,
      command: ["dcmcjpeg", "+eb"],
      foreign: {
        name: "libjpeg-turbo (WebAssembly)",
        decode: (encoded) => runWasm(new turbo.JPEGDecoder(), encoded),
      },
    },
    { name: "JPEG extended, 12 bits", uid: uids.jpegExtended, command: ["dcmcjpeg", "+ee", "+bt"] },
    { name: "JPEG progressive, 12 bits", uid: uids.jpegFullProgression, command: ["dcmcjpeg", "+ep", "+bt"] },
    {
      name: "JPEG lossless, predictor 6",
      uid: uids.jpegLossless,
      command: ["dcmcjpeg", "+el"],
      foreign: lossless,
    },
    { name: "JPEG lossless SV1", uid: uids.jpegLosslessSv1, command: ["dcmcjpeg", "+e1"], foreign: lossless },
    {
      name: "JPEG-LS",
      uid: uids.jpegLsLossless,
      command: ["dcmcjpls"],
      foreign: {
        name: "CharLS (WebAssembly)",
        decode: (encoded) => runWasm(new charls.JpegLSDecoder(), encoded),
      },
    },
    {
      name: "JPEG 2000 lossless",
      uid: uids.jpeg2000Lossless,
      command: ["gdcmconv", "--j2k"],
      codec: (encoded) => runWasm(new openjpeg.J2KDecoder(), encoded),
    },
    {
      name: "HTJ2K lossless",
      uid: uids.htj2kLossless,
      codec: (encoded) => runWasm(new openjph.HTJ2KDecoder(), encoded),
    },
    { name: "RLE", uid: uids.rleLossless, command: ["dcmcrle"] },
  ];
}

async function compress(subject: Subject, source: string, target: string): Promise<void> {
  if (subject.command !== undefined) {
    const [tool, ...options] = subject.command;
    if (findTool(tool) === undefined)
      throw new Error(`the bench needs ${tool} (Debian: dcmtk libgdcm-tools)`);
    execFileSync(tool, [...options, source, target], { stdio: "pipe" });
    return;
  }
  const file = readDicomFile(new Uint8Array(fs.readFileSync(source)));
  const format = readFrameFormat(file.dataset);
  const native = await readFrameBytes(file, format);
  const encoded = (await transferSyntaxes.get(subject.uid).encodeFrame?.(native, format)) as Uint8Array;
  const pixels = { ...createElement(TAG.PixelData, joinFragments([encoded]), "OB"), undefinedLength: true };
  fs.writeFileSync(
    target,
    writeDicomFile(editDataset(file.dataset, new Map([[TAG.PixelData, pixels]])), subject.uid),
  );
}

/** File bytes → stored values. */
async function readStored(content: Uint8Array): Promise<Uint8Array> {
  const file = readDicomFile(content);
  return readFrameBytes(file, readFrameFormat(file.dataset));
}

async function measureSubject(
  subject: Subject,
  content: Uint8Array,
): Promise<Record<string, unknown> & Measured> {
  const file = readDicomFile(content);
  if (file.transferSyntaxUid !== subject.uid)
    throw new Error(`${subject.name}: the file is in ${file.transferSyntaxUid}`);
  const format: FrameFormat = readFrameFormat(file.dataset);
  const pixels = file.dataset.elements.get(TAG.PixelData);
  if (pixels === undefined) throw new Error("no pixels");
  const [encoded] = splitFragments(pixels).fragments;
  const own: Decode = (bytes) =>
    transferSyntaxes.get(subject.uid).decodeFrame?.(bytes, format) as Promise<Uint8Array>;
  const codec = subject.codec ?? own;
  const values = await readStored(content);
  if (Buffer.compare(values, await codec(encoded)) !== 0)
    throw new Error(`${subject.name}: the codec alone differs`);
  const options = { repeats: REPEATS, warmups: 8 };
  const timed = await measureAlternating(
    () => readStored(content),
    () => codec(encoded),
    options,
  );
  const { foreign } = subject;
  let against: Record<string, unknown> = {};
  if (foreign !== undefined) {
    if (Buffer.compare(values, await foreign.decode(encoded)) !== 0)
      throw new Error(`${foreign.name} differs`);
    const other = await measureAlternating(
      () => own(encoded),
      () => foreign.decode(encoded),
      options,
    );
    against = {
      foreign: foreign.name,
      ownMs: round(findFastMs(other.ours)),
      foreignMs: round(findFastMs(other.peer)),
    };
  }
  const wholeMs = findFastMs(timed.ours);
  const codecMs = findFastMs(timed.peer);
  return {
    wholeMs,
    codecMs,
    ratio: round(wholeMs / codecMs),
    codec: subject.codec === undefined ? "Alara's own" : "WebAssembly",
    encodedKb: round(encoded.length / 1000),
    ...against,
  };
}

interface Measured {
  readonly wholeMs: number;
  readonly codecMs: number;
}

/** Milliseconds of the fastest tenth: what the work takes when nothing else wants the processor. */
function findFastMs(timing: Timing): number {
  return 1000 * timing.sortedS[Math.floor(timing.sortedS.length / 10)];
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

/** Runs the bench; needs dcmtk, GDCM's tools and pydicom. */
export default async function benchDicomDecode(): Promise<BenchResult> {
  const python = findPython(["pydicom", "numpy"], "python3-pydicom python3-numpy python3-gdcm");
  using files = await prepareDicomFiles();
  using folder = createTemporaryFolder("bench-decode");
  const subjects = await listSubjects();
  const source = files.paths[files.paths.length >> 1];
  const paths: string[] = [];
  const results: Record<string, Record<string, unknown> & Measured> = {};
  for (const [i, subject] of subjects.entries()) {
    const target = folder.resolve(`${i}.dcm`);
    await compress(subject, source, target);
    paths.push(target);
    results[subject.name] = await measureSubject(subject, new Uint8Array(fs.readFileSync(target)));
  }
  const run = await runMeasured(python, [
    new URL("./peers/dicom-decode.py", import.meta.url).pathname,
    "21",
    ...paths,
  ]);
  if (run.exitCode !== 0) throw new Error(`the peer ended with ${run.exitCode}: ${run.stderr.slice(-2000)}`);
  const pydicom = JSON.parse(run.stdout) as { version: string; fastMs: (number | null)[] };
  const table = Object.fromEntries(
    subjects.map(({ name }, i) => [
      name,
      {
        ...results[name],
        wholeMs: round(results[name].wholeMs),
        codecMs: round(results[name].codecMs),
        pydicomMs: pydicom.fastMs[i] === null ? "no handler" : round(pydicom.fastMs[i]),
      },
    ]),
  );
  const [worstName, worst] = Object.entries(results).reduce((a, b) =>
    b[1].wholeMs / b[1].codecMs > a[1].wholeMs / a[1].codecMs ? b : a,
  );
  return {
    name: "dicom-decode",
    ours: worst.wholeMs,
    peer: worst.codecMs,
    peerName: `the codec alone, in the syntax with the worst ratio of ${subjects.length}: ${worstName}`,
    unit: "ms",
    target: `whole path ≤ ${LIMIT} × the codec alone in every syntax`,
    ok: worst.wholeMs <= LIMIT * worst.codecMs,
    details: { source: files.source, pydicom: pydicom.version, ...table },
  };
}
