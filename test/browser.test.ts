/**
 * `@alara/dicom` in a real browser: bundled by Vite, served from this process, run in headless Chromium. What every
 * transfer syntax decodes to, a series from Blobs and a NIfTI file must have Node's check sums, and reading
 * uncompressed images must load no WebAssembly.
 */
import fs from "node:fs";
import { createCentredGrid, createVolume } from "@alara/core";
import { createCtSeries, TRANSFER_SYNTAX_UID, transferSyntaxes, volumeFormats } from "@alara/dicom";
import { createTemporaryFolder, requireTool, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CheckInputs, checkCodecs, checkSeries } from "./browser/checks.ts";
import { buildPage, runPage } from "./browser/run-page.ts";

const GOLDEN = new URL("../packages/dicom/test/golden/codecs.json", import.meta.url);
/** Everything that reading uncompressed DICOM needs, the page included. */
const LARGEST_CORE_BYTES = 400_000;

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = createTemporaryFolder("browser");
  await buildPage("page", folder);
});
afterAll(() => folder?.dispose());

/** Inputs: foreign frames of every syntax that dcmtk, GDCM and OpenJPEG write, three slices, one NIfTI volume. */
async function createInputs(): Promise<CheckInputs> {
  const { cases } = JSON.parse(fs.readFileSync(GOLDEN, "utf8")) as { readonly cases: CheckInputs["frames"] };
  const geometry = createCentredGrid([3, 16, 16], [2, 1, 1]);
  const hu = createVolume("HU", geometry);
  hu.data.forEach((_, i) => {
    hu.data[i] = (i % 97) - 40;
  });
  const series = await createCtSeries(geometry, {
    identity: { test: "browser" },
    patientId: "TEST",
    dateTime: "2026-01-31T12:00:00+00:00",
    seriesDescription: "browser",
    softwareVersion: "0",
  });
  const slices = [2, 0, 1].map((slice) =>
    Buffer.from(series.writeInstance(slice, hu.data.slice(slice * 256, (slice + 1) * 256))).toString(
      "base64",
    ),
  );
  const [nifti] = volumeFormats.get("nii.gz").write(hu, { baseName: "volume" });
  return {
    frames: [...cases, ...(await createHtj2kFrames(cases))],
    slices,
    nifti: Buffer.from(nifti.bytes).toString("base64"),
  };
}

/** No tool here writes HTJ2K: our own lossless stream stands for the three syntaxes, whose decoder is one. */
async function createHtj2kFrames(cases: CheckInputs["frames"]): Promise<CheckInputs["frames"]> {
  const { htj2kLossless, htj2kLosslessRpcl, htj2k, rleLossless } = TRANSFER_SYNTAX_UID;
  const rle = cases.find(({ uid, format }) => uid === rleLossless && format.samplesPerPixel === 1);
  if (rle === undefined) throw new Error("the golden holds no grayscale RLE frame");
  const format = { ...rle.format, frames: 1 };
  const native = await transferSyntaxes
    .get(rleLossless)
    .decodeFrame?.(Buffer.from(rle.encoded, "base64"), format);
  const encoded = native && (await transferSyntaxes.get(htj2kLossless).encodeFrame?.(native, format));
  if (encoded === undefined) throw new Error("HTJ2K has no encoder");
  return [htj2kLossless, htj2kLosslessRpcl, htj2k].map((uid) => ({
    name: "own encoder",
    uid,
    format: rle.format,
    encoded: Buffer.from(encoded).toString("base64"),
  }));
}

interface PageAnswer {
  readonly results?: Readonly<Record<string, string>>;
  readonly error?: string;
}

describe("@alara/dicom in a browser", () => {
  it("has Node's check sums in every transfer syntax, for Blobs and NIfTI; plain images load no WebAssembly", async (context) => {
    const chromium = requireTool(context, "chromium", "chromium");
    const inputs = await createInputs();
    const { answer, requested, requestsBefore } = await runPage<PageAnswer>(chromium, folder, { inputs });
    const coreRequests = requested.slice(0, requestsBefore["/series-done"]);
    expect(answer.error).toBeUndefined();
    expect("results" in answer && answer.results).toEqual({
      ...(await checkSeries(inputs)),
      ...(await checkCodecs(inputs)),
    });
    expect(requested.filter((name) => name.endsWith(".wasm"))).not.toEqual([]);
    expect(coreRequests.filter((name) => name.endsWith(".wasm"))).toEqual([]);
    const scripts = [...new Set(coreRequests)].filter((name) => name.endsWith(".js"));
    const bytes = scripts.reduce(
      (sum, name) => sum + fs.statSync(folder.resolve("site", name.slice(1))).size,
      0,
    );
    console.info(`uncompressed reading loads ${scripts.length} scripts of ${bytes} bytes`);
    expect(bytes).toBeLessThan(LARGEST_CORE_BYTES);
  });

  it("tries every compressed transfer syntax of the registry", async () => {
    const { frames } = await createInputs();
    const tried = new Set(frames.map(({ uid }) => uid));
    const missing = [...transferSyntaxes.entries()]
      .filter(([uid, syntax]) => syntax.encapsulated && !tried.has(uid))
      .map(([, syntax]) => syntax.name);
    expect(missing).toEqual([]);
    expect(tried.has(TRANSFER_SYNTAX_UID.jpegBaseline)).toBe(true);
  });
});
