/**
 * Reading uncompressed 512² CT slices: bytes in memory → every element parsed, a view of the pixels, size and
 * rescale. Peers do the same work on the same bytes in turns: dicom-parser, dcmjs, and pydicom in a process of its
 * own; the fastest is the one compared with. From files, the same with reading the file before it.
 */
import fs from "node:fs";
import {
  DEFAULT_DICOM_LIMITS,
  readDicomFile,
  readFrameBytes,
  readFrameFormat,
  readNumber,
  TAG,
} from "@alara/dicom";
import dcmjs from "dcmjs";
import dicomParser from "dicom-parser";
import { measureAlternating, runMeasured } from "./measure.ts";
import { findPython } from "./peers/python.ts";
import type { BenchResult } from "./result.ts";
import { prepareDicomFiles } from "./workload/dicom-files.ts";

const LIMIT_MS = 0.1;
const REPEATS = 40;

/** What every reader must hand over; compared before anything is timed. */
interface Opened {
  readonly rows: number;
  readonly columns: number;
  readonly slope: number;
  readonly intercept: number;
  readonly pixels: Uint16Array;
}

async function openOurs(content: Uint8Array): Promise<Opened> {
  const file = readDicomFile(content, { limits: DEFAULT_DICOM_LIMITS });
  const format = readFrameFormat(file.dataset);
  const bytes = await readFrameBytes(file, format);
  return {
    rows: format.rows,
    columns: format.columns,
    slope: readNumber(file.dataset, TAG.RescaleSlope) ?? Number.NaN,
    intercept: readNumber(file.dataset, TAG.RescaleIntercept) ?? Number.NaN,
    pixels: viewWords(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length),
  };
}

function openDicomParser(content: Uint8Array): Opened {
  const dataset = dicomParser.parseDicom(content);
  const { dataOffset, length } = dataset.elements.x7fe00010;
  return {
    rows: dataset.uint16("x00280010") ?? 0,
    columns: dataset.uint16("x00280011") ?? 0,
    slope: dataset.floatString("x00281053") ?? Number.NaN,
    intercept: dataset.floatString("x00281052") ?? Number.NaN,
    pixels: viewWords(content.buffer as ArrayBuffer, content.byteOffset + dataOffset, length),
  };
}

function openDcmjs(content: Uint8Array<ArrayBuffer>): Opened {
  const { dict } = dcmjs.data.DicomMessage.readFile(content.buffer);
  const pixels = dict["7FE00010"].Value[0] as ArrayBuffer;
  return {
    rows: Number(dict["00280010"].Value[0]),
    columns: Number(dict["00280011"].Value[0]),
    slope: Number(dict["00281053"].Value[0]),
    intercept: Number(dict["00281052"].Value[0]),
    pixels: viewWords(pixels, 0, pixels.byteLength),
  };
}

/** A view where the words are aligned, else a copy: the same rule for all. */
function viewWords(buffer: ArrayBuffer, offset: number, length: number): Uint16Array {
  return offset % 2 === 0
    ? new Uint16Array(buffer, offset, length / 2)
    : new Uint16Array(buffer.slice(offset, offset + length));
}

/** Runs the bench; needs pydicom for the system's Python. */
export default async function benchDicomRead(): Promise<BenchResult> {
  const python = findPython(["pydicom", "numpy"], "python3-pydicom python3-numpy");
  dcmjs.log.setLevel(5);
  using files = await prepareDicomFiles();
  const { contents, paths } = files;
  for (const content of contents) {
    const ours = await openOurs(content);
    for (const peer of [openDicomParser(content), openDcmjs(content)]) {
      const same =
        peer.rows === ours.rows &&
        peer.columns === ours.columns &&
        peer.slope === ours.slope &&
        peer.intercept === ours.intercept &&
        peer.pixels.every((word, i) => word === ours.pixels[i]);
      if (!same) throw new Error("a peer reads other values than Alara does");
    }
  }
  const passOurs = async (): Promise<void> => {
    for (const content of contents) await openOurs(content);
  };
  const passParser = (): void => {
    for (const content of contents) openDicomParser(content);
  };
  const passDcmjs = (): void => {
    for (const content of contents) openDcmjs(content);
  };
  const options = { repeats: REPEATS, warmups: 3 };
  const parser = await measureAlternating(passOurs, passParser, options);
  const dcm = await measureAlternating(passOurs, passDcmjs, { ...options, repeats: 5 });
  const fromFiles = await measureAlternating(
    async () => {
      for (const path of paths) await openOurs(fs.readFileSync(path));
    },
    () => {
      for (const path of paths) openDicomParser(new Uint8Array(fs.readFileSync(path)));
    },
    options,
  );
  const run = await runMeasured(python, [
    new URL("./peers/dicom-io.py", import.meta.url).pathname,
    files.folder,
    "5",
  ]);
  if (run.exitCode !== 0) throw new Error(`the peer ended with ${run.exitCode}: ${run.stderr.slice(-2000)}`);
  const pydicom = JSON.parse(run.stdout) as { version: string; readMemoryS: number; readFilesS: number };
  const perSlice = (seconds: number): number => (1000 * seconds) / contents.length;
  const ours = perSlice(parser.ours.medianS);
  const peers = {
    "dicom-parser": perSlice(parser.peer.medianS),
    dcmjs: perSlice(dcm.peer.medianS),
    [`pydicom ${pydicom.version}`]: perSlice(pydicom.readMemoryS),
  };
  const [peerName, peer] = Object.entries(peers).reduce((best, next) => (next[1] < best[1] ? next : best));
  return {
    name: "dicom-read",
    ours,
    peer,
    peerName: `${peerName}, the fastest of ${Object.keys(peers).join(", ")}`,
    unit: "ms",
    target: `≤ ${LIMIT_MS} ms per uncompressed 512² slice from memory`,
    ok: ours <= LIMIT_MS,
    details: {
      source: files.source,
      slices: contents.length,
      peersMs: peers,
      fromFilesMs: {
        ours: perSlice(fromFiles.ours.medianS),
        "dicom-parser": perSlice(fromFiles.peer.medianS),
        pydicom: perSlice(pydicom.readFilesS),
      },
      spreadMs: parser.ours.sortedS.map(perSlice),
    },
  };
}
