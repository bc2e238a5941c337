/**
 * Lists the elements of a DICOM file: tag, VR, name and length, but no values, which may name a patient.
 *
 *     node examples/05-list-tags.ts <file.dcm>
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { formatTag, loadDictionary, readDicomFile } from "@alara/dicom";

const [path] = process.argv.slice(2);
const { dataset, storedTransferSyntaxUid } = readDicomFile(readFileSync(path));
const dictionary = await loadDictionary();

console.log(`transfer syntax ${storedTransferSyntaxUid}`);
for (const { tag, vr, bytes } of dataset.elements.values()) {
  const name = dictionary.find(tag)?.keyword ?? "unknown";
  console.log(`${formatTag(tag)} ${vr} ${name}, ${bytes.length} bytes`);
}
