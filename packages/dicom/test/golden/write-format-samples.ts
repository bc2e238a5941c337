/**
 * Writes the volumes of ../format-cases.ts in every format that has a foreign reader, for make-formats-itk.mjs
 * and make-formats-python.py. Run: node write-format-samples.ts <folder>
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { volumeFormats } from "../../src/formats/formats.ts";
import { createCaseVolume, FORMAT_CASES } from "../format-cases.ts";

const folder = process.argv[2];
for (const [index, { geometry }] of FORMAT_CASES.entries()) {
  for (const name of ["nii", "hdr", "nrrd", "nhdr", "mha", "mhd", "npy", "npz", "tiff"]) {
    const target = join(folder, `${index}-${name.replace(".", "-")}`);
    mkdirSync(target, { recursive: true });
    const files = volumeFormats.get(name).write(createCaseVolume("HU", geometry), { baseName: "volume" });
    for (const file of files) writeFileSync(join(target, file.name), file.bytes);
  }
}
