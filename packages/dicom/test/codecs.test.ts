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

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

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

describe("frames whose encoder forgot the end marker", () => {
  const ended = golden.cases.filter(({ encoded }) => /ffd90*$/.test(hex(fromBase64(encoded))));

  it.each(ended.map((item) => [item.name, item] as const))("%s", async (_name, item) => {
    const format: FrameFormat = { ...item.format, frames: 1 };
    const decode = requireTransferSyntax(item.uid).decodeFrame;
    const whole = fromBase64(item.encoded);
    const expected = (await decode?.(whole, format)) as Uint8Array;
    const size = whole.findLastIndex((byte) => byte !== 0) - 1;
    for (const padding of [0, 1, 2]) {
      const cut = new Uint8Array(size + padding);
      cut.set(whole.subarray(0, size));
      expect(hex((await decode?.(cut, format)) as Uint8Array)).toBe(hex(expected));
    }
  });
});

describe("HTJ2K as written", () => {
  it("is lossless, in RPCL order, with tile lengths and a small lowest resolution, as PS3.5 §10.18 asks", async () => {
    for (const [side, levels] of [
      [40, 5],
      [512, 5],
      [1100, 5],
      [2100, 6],
    ]) {
      const format: FrameFormat = {
        rows: side,
        columns: side,
        samplesPerPixel: 1,
        bitsAllocated: 16,
        bitsStored: 12,
        highBit: 11,
        signed: true,
        photometricInterpretation: "MONOCHROME2",
        frames: 1,
      };
      const encode = requireTransferSyntax("1.2.840.10008.1.2.4.202").encodeFrame;
      const encoded = (await encode?.(new Uint8Array(2 * side * side), format)) as Uint8Array;
      const findMarker = (marker: number): number =>
        encoded.findIndex((byte, i) => byte === 0xff && encoded[i + 1] === marker);
      const cod = findMarker(0x52);
      // Progression order, decomposition levels, reversible transform.
      expect([encoded[cod + 5], encoded[cod + 9], encoded[cod + 13]]).toEqual([2, levels, 1]);
      expect(findMarker(0x55)).toBeGreaterThan(0);
      expect(side / 2 ** levels).toBeLessThanOrEqual(64);
    }
  });
});
