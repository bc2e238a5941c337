/**
 * Makes formats-itk.json: what ITK (@itk-wasm/image-io, not a dependency) reads from the files of
 * write-format-samples.ts, and files that ITK writes. Run in a folder where `npm install @itk-wasm/image-io` was done:
 * node make-formats-itk.mjs <samples> formats-itk.json
 */
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(process.cwd(), "x.js"));
const root = join(process.cwd(), "node_modules/@itk-wasm/image-io");
const itk = await import(pathToFileURL(join(root, "dist/index-node.js")).href);
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const samples = process.argv[2];
const readers = { nii: "nifti", nrrd: "nrrd", nhdr: "nrrd", mha: "meta", mhd: "meta" };

const describe = (image) => ({
  size: [...image.size].map(Number),
  spacing: [...image.spacing],
  origin: [...image.origin],
  direction: [...image.direction],
  componentType: image.imageType.componentType,
  values: [...image.data].map(Number),
});

const read = [];
for (const folder of readdirSync(samples).sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))) {
  const format = folder.split("-").slice(1).join("-");
  if (!(format in readers)) continue;
  const names = readdirSync(join(samples, folder)).sort();
  const main = join(samples, folder, `volume.${format}`);
  const others = names.map((name) => join(samples, folder, name)).filter((name) => name !== main);
  // ITK takes no NIfTI whose axes are not perpendicular.
  const image = await itk.readImageNode(main, { others }).catch(() => null);
  if (image === null && format !== "nii") throw new Error(`${folder} could not be read`);
  read.push({
    case: Number.parseInt(folder, 10),
    format,
    sha256: Object.fromEntries(
      names.map((name) => [name, createHash("sha256").update(readFileSync(join(samples, folder, name))).digest("hex")]),
    ),
    ...(image === null ? { isRefused: true } : describe(image)),
  });
}

const written = [];
const template = await itk.readImageNode(join(samples, "8-mha/volume.mha"));
const output = mkdtempSync(join(tmpdir(), "itk-"));
for (const [name, options] of [
  ["itk.nrrd", { useCompression: true }],
  ["raw.nrrd", {}],
  ["itk.mha", { useCompression: true }],
  ["raw.mha", {}],
  ["itk.nii", {}],
  ["itk.nii.gz", {}],
]) {
  await itk.writeImageNode(template, join(output, name), options);
  const bytes = readFileSync(join(output, name));
  written.push({ name, file: bytes.toString("base64"), ...describe(await itk.readImageNode(join(output, name))) });
}
writeFileSync(process.argv[3], JSON.stringify({ "made by": "make-formats-itk.mjs", version: `@itk-wasm/image-io ${version}`, read, written }));
