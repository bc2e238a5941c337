/**
 * The files of dicom-read and dicom-write: a clinical series of at least 100 uncompressed 512² slices with its private
 * elements where the data folder is at hand, else a synthetic series of the same size with a short header.
 */
import fs from "node:fs";
import path from "node:path";
import { createTemporaryFolder, findDataFolder } from "@alara/testing";
import { writeSyntheticSeries } from "./synthetic-series.ts";

const CLINICAL = "ct-volumes/cptac-pda-c3n-00249";
const SLICES = 100;

/** A folder of slices and their bytes. */
export interface DicomFiles extends Disposable {
  readonly source: string;
  readonly folder: string;
  readonly paths: readonly string[];
  /** One buffer of its own per file, offset 0. */
  readonly contents: readonly Uint8Array<ArrayBuffer>[];
}

/** Copies or makes exactly 100 slices in a temporary folder. */
export async function prepareDicomFiles(): Promise<DicomFiles> {
  const temporary = createTemporaryFolder("bench-dicom");
  const folder = temporary.resolve("series");
  fs.mkdirSync(folder);
  const data = findDataFolder();
  const clinical = data === undefined ? undefined : path.join(data, CLINICAL);
  let source = "synthetic series";
  if (clinical !== undefined && fs.existsSync(clinical)) {
    const names = fs
      .readdirSync(clinical)
      .filter((name) => name.endsWith(".dcm"))
      .sort();
    for (const name of names.slice(0, SLICES))
      fs.copyFileSync(path.join(clinical, name), path.join(folder, name));
    source = "clinical series C3N-00249";
  } else {
    await writeSyntheticSeries(folder, { slices: SLICES });
  }
  const paths = fs
    .readdirSync(folder)
    .sort()
    .map((name) => path.join(folder, name));
  if (paths.length !== SLICES) throw new Error(`expected ${SLICES} slices, found ${paths.length}`);
  const contents = paths.map((file) => new Uint8Array(fs.readFileSync(file)));
  return { source, folder, paths, contents, [Symbol.dispose]: () => temporary.dispose() };
}
