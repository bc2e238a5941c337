/** Every decoder against foreign encoders and decoders: golden/codecs.json, made by golden/make-codecs.py. */
import { readFileSync } from "node:fs";
import { type FrameFormat, requireTransferSyntax } from "@alara/dicom";
import { describe, expect, it } from "vitest";

interface GoldenFrame {
  readonly name: string;
  readonly uid: string;
  readonly format: Omit<FrameFormat, "frames">;
  readonly lossless: boolean;
  readonly encoded: string;
  readonly decoded: string;
}

const golden = JSON.parse(readFileSync(new URL("golden/codecs.json", import.meta.url), "utf8")) as {
  readonly cases: readonly GoldenFrame[];
};

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

function viewSamples(bytes: Uint8Array, format: Pick<FrameFormat, "bitsAllocated" | "signed">): number[] {
  const aligned = bytes.slice().buffer;
  if (format.bitsAllocated === 8)
    return [...(format.signed ? new Int8Array(aligned) : new Uint8Array(aligned))];
  return [...(format.signed ? new Int16Array(aligned) : new Uint16Array(aligned))];
}

describe("frames of foreign encoders", () => {
  it.each(golden.cases.map((item) => [item.name, item] as const))("%s", async (_name, item) => {
    const format: FrameFormat = { ...item.format, frames: 1 };
    const bytes = await requireTransferSyntax(item.uid).decodeFrame?.(fromBase64(item.encoded), format);
    const ours = viewSamples(bytes as Uint8Array, format);
    const theirs = viewSamples(fromBase64(item.decoded), format);
    expect(ours.length).toBe(theirs.length);
    const deviation = Math.max(...ours.map((value, i) => Math.abs(value - theirs[i])));
    expect(deviation).toBeLessThanOrEqual(item.lossless ? 0 : 1);
  });
});
