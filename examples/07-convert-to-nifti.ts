/**
 * Converts the first CT series of a folder to NIfTI, in HU.
 *
 *     node examples/07-convert-to-nifti.ts <folder> <output.nii.gz>
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { decodeVolume, volumeFormats } from "@alara/dicom";
import { scanSeriesFiles } from "@alara/dicom/node";

const [input, output] = process.argv.slice(2);
const { series } = await scanSeriesFiles([input]);
// A grid has one spacing: a series with gaps does not fit on it, and says why.
if (!series[0].isRegular) throw new Error(series[0].findings.map(({ message }) => message).join("; "));
const volume = await decodeVolume(series[0]);
const [file] = volumeFormats.get("nii.gz").write(volume, { baseName: "volume" });
writeFileSync(output, file.bytes);
console.log(`${volume.geometry.size.join(" × ")} voxels, ${file.bytes.length} bytes`);
