/**
 * Writing uncompressed 512² CT slices: a parsed dataset gets a new SOP Instance UID and new pixels and becomes the
 * bytes of a Part 10 file. Peers do the same from their own datasets in turns: dcmjs, and pydicom in a process of its
 * own; the faster is the one compared with. To files, the same with writing the file after it (not synced).
 */
import fs from "node:fs";
import path from "node:path";
import {
  createElement,
  createTextElement,
  editDataset,
  readDicomFile,
  readText,
  TAG,
  writeDicomFile,
} from "@alara/dicom";
import dcmjs from "dcmjs";
import { measureAlternating, runMeasured } from "./measure.ts";
import { findPython } from "./peers/python.ts";
import type { BenchResult } from "./result.ts";
import { prepareDicomFiles } from "./workload/dicom-files.ts";

const LIMIT_MS = 0.5;
const REPEATS = 15;

/** Runs the bench; needs pydicom for the system's Python. */
export default async function benchDicomWrite(): Promise<BenchResult> {
  const python = findPython(["pydicom", "numpy"], "python3-pydicom python3-numpy");
  dcmjs.log.setLevel(5);
  using files = await prepareDicomFiles();
  const { contents } = files;
  const ours = contents.map((content) => readDicomFile(content));
  const theirs = contents.map((content) => dcmjs.data.DicomMessage.readFile(content.buffer));
  const pixels = new Uint8Array(ours[0].dataset.elements.get(TAG.PixelData)?.bytes ?? []);

  const writeOurs = (i: number): Uint8Array => {
    const edits = new Map([
      [TAG.SOPInstanceUID, createTextElement(TAG.SOPInstanceUID, `1.2.3.${i}`)],
      [TAG.PixelData, createElement(TAG.PixelData, pixels, "OW")],
    ]);
    return writeDicomFile(editDataset(ours[i].dataset, edits), ours[i].transferSyntaxUid);
  };
  const writeTheirs = (i: number): Uint8Array => {
    const { dict } = theirs[i];
    dict["00080018"] = { vr: "UI", Value: [`1.2.3.${i}`] };
    dict["7FE00010"] = { vr: "OW", Value: [pixels.buffer] };
    return new Uint8Array(theirs[i].write());
  };
  for (const write of [writeOurs, writeTheirs]) {
    const again = readDicomFile(write(7));
    const written = again.dataset.elements.get(TAG.PixelData)?.bytes ?? new Uint8Array(0);
    if (readText(again.dataset, TAG.SOPInstanceUID) !== "1.2.3.7" || Buffer.compare(written, pixels) !== 0) {
      throw new Error("a written file does not hold what was to be written");
    }
  }
  const options = { repeats: REPEATS, warmups: 3 };
  const pass = (write: (i: number) => void) => (): void => {
    for (let i = 0; i < contents.length; i++) write(i);
  };
  const { ours: own, peer: other } = await measureAlternating(pass(writeOurs), pass(writeTheirs), options);
  const target = path.join(files.folder, "written.bin");
  const toFiles = await measureAlternating(
    pass((i) => fs.writeFileSync(target, writeOurs(i))),
    pass((i) => fs.writeFileSync(target, writeTheirs(i))),
    options,
  );
  fs.rmSync(target);
  const run = await runMeasured(python, [
    new URL("./peers/dicom-io.py", import.meta.url).pathname,
    files.folder,
    "5",
  ]);
  if (run.exitCode !== 0) throw new Error(`the peer ended with ${run.exitCode}: ${run.stderr.slice(-2000)}`);
  const pydicom = JSON.parse(run.stdout) as { version: string; writeMemoryS: number };
  const perSlice = (seconds: number): number => (1000 * seconds) / contents.length;
  const figure = perSlice(own.medianS);
  const peers = {
    dcmjs: perSlice(other.medianS),
    [`pydicom ${pydicom.version}`]: perSlice(pydicom.writeMemoryS),
  };
  const [peerName, peer] = Object.entries(peers).reduce((best, next) => (next[1] < best[1] ? next : best));
  return {
    name: "dicom-write",
    ours: figure,
    peer,
    peerName: `${peerName}, the faster of ${Object.keys(peers).join(", ")}`,
    unit: "ms",
    target: `≤ ${LIMIT_MS} ms per uncompressed 512² slice to memory`,
    ok: figure <= LIMIT_MS,
    details: {
      source: files.source,
      slices: contents.length,
      bytesOurs: writeOurs(0).length,
      bytesDcmjs: writeTheirs(0).length,
      peersMs: peers,
      toFilesMs: { ours: perSlice(toFiles.ours.medianS), dcmjs: perSlice(toFiles.peer.medianS) },
      spreadMs: own.sortedS.map(perSlice),
    },
  };
}
