/**
 * Model bundles on disk; Node only. Files are read whole and verified in memory, written atomically.
 */
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { writeFileAtomically } from "@alara/core/node";
import { type ModelBundle, openBundle } from "./bundle.ts";
import { EnhanceError } from "./errors.ts";

const MAXIMUM_FILE_BYTES = 2 ** 31 - 1;

/**
 * Reads and verifies the bundle in a folder.
 *
 * @throws EnhanceError `BUNDLE_INVALID`, `DIGEST_MISMATCH`
 */
export async function readBundle(folder: string): Promise<ModelBundle> {
  const files = new Map<string, Uint8Array>();
  const names = await readdir(folder).catch((cause) => {
    throw new EnhanceError(
      "BUNDLE_INVALID",
      `cannot read the model bundle folder "${basename(folder)}"; pass a folder with model.json and model.onnx`,
      { cause },
    );
  });
  for (const name of names) {
    const path = join(folder, name);
    const facts = await stat(path);
    if (!facts.isFile() || !/\.(json|onnx)$/.test(name)) continue;
    if (facts.size > MAXIMUM_FILE_BYTES) {
      throw new EnhanceError(
        "BUNDLE_INVALID",
        `"${name}" has ${facts.size} bytes; models over 2 GiB are refused`,
      );
    }
    files.set(name, new Uint8Array(await readFile(path)));
  }
  return openBundle(files);
}

/** Writes a bundle's files into a folder (made when absent), each atomically, `model.json` last. */
export async function writeBundle(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  await mkdir(folder, { recursive: true });
  const names = [...files.keys()].sort((a, b) => Number(a === "model.json") - Number(b === "model.json"));
  for (const name of names) await writeFileAtomically(join(folder, name), files.get(name) as Uint8Array);
}
