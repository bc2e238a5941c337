/**
 * Makes `samples/crlm-ct-1004`: the original series recompressed without loss, and its simulated low-dose version.
 * Usage: node packages/cli/scripts/make-sample.ts <folder of the original DICOM files>
 *
 * Run once by hand when the insertion changes; the result is committed. The patient is in the test split.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  convertToExplicit,
  createElement,
  editDataset,
  joinFragments,
  readFrameBytes,
  readHuFormat,
  readSeriesFile,
  requireTransferSyntax,
  TAG,
  TRANSFER_SYNTAX_UID,
  writeDicomFile,
} from "@alara/dicom";
import { formatSliceFileName, scanSeriesFiles } from "@alara/dicom/node";

const SEED = "20261121";
const DATE = "2026-11-21T00:00:00+00:00";

const source = process.argv[2];
if (source === undefined)
  throw new Error("usage: node packages/cli/scripts/make-sample.ts <folder of the original DICOM files>");
const target = fileURLToPath(new URL("../../../samples/crlm-ct-1004/", import.meta.url));

const { series } = await scanSeriesFiles([source]);
if (series.length !== 1) throw new Error(`expected one series, found ${series.length}`);
const original = join(target, "original");
rmSync(original, { recursive: true, force: true });
mkdirSync(original, { recursive: true });
const syntax = requireTransferSyntax(TRANSFER_SYNTAX_UID.jpegLsLossless);
for (let slice = 0; slice < series[0].slices.length; slice++) {
  const file = await readSeriesFile(series[0], slice);
  const format = readHuFormat(file.dataset);
  const encoded = await syntax.encodeFrame?.(await readFrameBytes(file, format), format);
  if (!encoded) throw new Error(`${syntax.name} has no encoder`);
  const pixels = { ...createElement(TAG.PixelData, joinFragments([encoded]), "OB"), undefinedLength: true };
  const dataset = editDataset(convertToExplicit(file.dataset), new Map([[TAG.PixelData, pixels]]));
  writeFileSync(join(original, formatSliceFileName(slice)), writeDicomFile(dataset, syntax.uid));
}

const lowDose = join(target, "low-dose-25");
rmSync(lowDose, { recursive: true, force: true });
execFileSync(
  process.execPath,
  [
    fileURLToPath(new URL("../src/main.ts", import.meta.url)),
    ...["simulate", "low-dose", original, "-o", lowDose, "--dose-fraction", "0.25"],
    ...["--seed", SEED, "--date", DATE, "--compression", "jpeg-ls"],
  ],
  { stdio: "inherit" },
);
