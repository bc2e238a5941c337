/**
 * De-identifies one DICOM file and prints what was found. The key decides the pseudonyms: keep it, or throw it away.
 *
 *     node examples/08-de-identify.ts <file.dcm> <output.dcm>
 */
import { webcrypto } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { createPseudonyms, deidentifyFile, readDicomFile, writeDicomFile } from "@alara/dicom";

const [input, output] = process.argv.slice(2);
const key = webcrypto.getRandomValues(new Uint8Array(32));
const { file, findings } = await deidentifyFile(readDicomFile(readFileSync(input)), {
  pseudonyms: createPseudonyms(key),
});
writeFileSync(output, writeDicomFile(file.dataset, file.transferSyntaxUid));
for (const { code, message } of findings) console.log(`${code}: ${message}`);
console.log(`written, ${file.dataset.elements.size} elements`);
