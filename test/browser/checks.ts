/** What the browser test runs on both sides, in Node and in the page: the same inputs must give the same check sums. */
import { computeSha256 } from "@alara/core";
import { type FrameFormat, readVolumeFile, requireTransferSyntax } from "@alara/dicom";
import { readDroppedFiles } from "./dropped-files.ts";

/** Inputs as the page gets them: bytes in base64. */
export interface CheckInputs {
  readonly frames: readonly {
    readonly name: string;
    readonly uid: string;
    readonly format: Omit<FrameFormat, "frames">;
    readonly encoded: string;
  }[];
  readonly slices: readonly string[];
  readonly nifti: string;
}

/** Check sums by name. */
export type CheckResults = Readonly<Record<string, string>>;

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function digestFloats(data: Float32Array): Promise<string> {
  return computeSha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

/** Assembles a series from Blobs and decodes it: uncompressed, so no codec is needed. */
export async function checkSeries(inputs: CheckInputs): Promise<CheckResults> {
  const { volumes } = await readDroppedFiles(inputs.slices.map((text) => new Blob([fromBase64(text)])));
  return { series: await digestFloats(volumes[0].data) };
}

/** Decodes every frame and a NIfTI file. */
export async function checkCodecs(inputs: CheckInputs): Promise<CheckResults> {
  const results: Record<string, string> = {};
  for (const { name, uid, format, encoded } of inputs.frames) {
    const decode = requireTransferSyntax(uid).decodeFrame;
    const bytes = await decode?.(fromBase64(encoded), { ...format, frames: 1 });
    results[`${uid} ${name}`] = bytes === undefined ? "no decoder" : await computeSha256(bytes);
  }
  const { volume } = await readVolumeFile(fromBase64(inputs.nifti));
  results.nifti = await digestFloats(volume.data);
  return results;
}
