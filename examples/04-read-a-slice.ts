/**
 * Reads one CT image and prints its size and the HU in its middle.
 *
 *     node examples/04-read-a-slice.ts <file.dcm>
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { decodeHu, readDicomFile, readText, TAG } from "@alara/dicom";

const [path] = process.argv.slice(2);
const file = readDicomFile(readFileSync(path));
const { hu, format } = await decodeHu(file);
const middle = Math.floor(format.rows / 2) * format.columns + Math.floor(format.columns / 2);

console.log(`kernel ${readText(file.dataset, TAG.ConvolutionKernel) ?? "not stated"}`);
console.log(`${format.columns} × ${format.rows} pixels, ${hu[middle]} HU in the middle`);
