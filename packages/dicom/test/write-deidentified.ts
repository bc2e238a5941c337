/** Writes the canary, de-identified under each option, for golden/make-deidentified.py: `node write-deidentified.ts <folder>`. */
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  createPseudonyms,
  type DeidentifyOptions,
  deidentifyFile,
  RETAIN_OPTIONS,
  readDicomFile,
  writeDicomFile,
} from "@alara/dicom";
import { makeCanary } from "./make-canary.ts";

/** Every set of options whose retained attributes are pinned. */
export const PINNED_PROFILES: ReadonlyMap<string, Omit<DeidentifyOptions, "pseudonyms">> = new Map<
  string,
  Omit<DeidentifyOptions, "pseudonyms">
>([
  ["basic", {}],
  ["clean-descriptors", { descriptors: "clean" }],
  ...RETAIN_OPTIONS.map((option) => [option, { retain: [option] }] as const),
]);

/** The canary under one of {@link PINNED_PROFILES}, with a fixed key. */
export async function writePinned(name: string): Promise<Uint8Array> {
  const { file } = await deidentifyFile(readDicomFile(makeCanary(), { preamble: "any" }), {
    pseudonyms: createPseudonyms(new Uint8Array(32).fill(9)),
    burnedInText: "allow",
    ...PINNED_PROFILES.get(name),
  });
  return writeDicomFile(file.dataset, file.transferSyntaxUid);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of PINNED_PROFILES.keys()) {
    fs.writeFileSync(path.join(process.argv[2], `${name}.dcm`), await writePinned(name));
  }
}
