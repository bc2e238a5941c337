/**
 * Writes a derived series: every slice of the first series found, averaged with its neighbours.
 *
 *     node examples/06-write-a-derived-series.ts <folder> <output folder>
 */
import process from "node:process";
import { createDerivedSeries, decodeVolume } from "@alara/dicom";
import { createOutputFolder, formatSliceFileName, scanSeriesFiles } from "@alara/dicom/node";

const [input, output] = process.argv.slice(2);
const { series } = await scanSeriesFiles([input]);
const source = series[0];
// Neighbours are neighbours only where nothing is missing, doubled or shifted: see source.findings.
if (!source.isRegular) throw new Error(source.findings.map(({ message }) => message).join("; "));
const volume = await decodeVolume(source);
const [slices, rows, columns] = volume.geometry.size;
const plane = rows * columns;

const derived = await createDerivedSeries(source, {
  methodDescription: "Mean of three slices",
  parameters: { method: "mean", slices: 3 },
  codeVersion: "example",
  dateTime: "2026-01-31T12:00:00+00:00",
  seriesDescriptionSuffix: "MEAN OF 3",
});
const folder = await createOutputFolder(output);
for (let s = 0; s < slices; s++) {
  const read = [s - 1, s, s + 1].filter((k) => k >= 0 && k < slices);
  const hu = new Float32Array(plane);
  for (const k of read) {
    for (let i = 0; i < plane; i++) hu[i] += volume.data[k * plane + i] / read.length;
  }
  await folder.writeFile(formatSliceFileName(s), await derived.writeInstance(s, hu, read));
}
await folder.commit();
console.log(`${slices} slices written as series ${derived.seriesInstanceUid}`);
