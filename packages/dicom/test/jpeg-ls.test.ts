/** The JPEG-LS decoder against CharLS as encoder: every precision, near-lossless, tiny and odd images. */
import { type FrameFormat, requireTransferSyntax, TRANSFER_SYNTAX_UID } from "@alara/dicom";
import createCharls from "@cornerstonejs/codec-charls/wasmjs";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { computeDefaultThresholds } from "../src/codecs/jpeg-ls-scan.ts";

let charls: Awaited<ReturnType<typeof createCharls>>;
beforeAll(async () => {
  charls = await createCharls();
});

function encode(samples: Uint16Array, width: number, bitsPerSample: number, near: number): Uint8Array {
  const encoder = new charls.JpegLSEncoder();
  const height = samples.length / width;
  const bytes = bitsPerSample <= 8 ? Uint8Array.from(samples) : new Uint8Array(samples.buffer);
  encoder.getDecodedBuffer({ width, height, bitsPerSample, componentCount: 1 }).set(bytes);
  encoder.setNearLossless(near);
  encoder.encode();
  const encoded = Uint8Array.from(encoder.getEncodedBuffer());
  encoder.delete();
  return encoded;
}

async function decode(
  encoded: Uint8Array,
  width: number,
  height: number,
  bitsStored: number,
): Promise<number[]> {
  const format: FrameFormat = {
    rows: height,
    columns: width,
    samplesPerPixel: 1,
    bitsAllocated: bitsStored <= 8 ? 8 : 16,
    bitsStored,
    highBit: bitsStored - 1,
    signed: false,
    photometricInterpretation: "MONOCHROME2",
    frames: 1,
  };
  const syntax = requireTransferSyntax(TRANSFER_SYNTAX_UID.jpegLsLossless);
  const bytes = (await syntax.decodeFrame?.(encoded, format)) as Uint8Array;
  return bitsStored <= 8
    ? [...bytes]
    : [...new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)];
}

/** Images made of flat runs, steps, ramps and noise. */
const arbitraryImage = fc
  .tuple(
    fc.integer({ min: 2, max: 16 }),
    fc.integer({ min: 1, max: 70 }),
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 0, max: 4 }),
    fc.array(fc.tuple(fc.integer({ min: 1, max: 90 }), fc.nat(), fc.nat({ max: 3 })), {
      minLength: 1,
      maxLength: 40,
    }),
  )
  .map(([bits, width, height, near, pieces]) => {
    const samples = new Uint16Array(width * height);
    const span = 2 ** bits;
    let at = 0;
    for (let turn = 0; at < samples.length; turn++) {
      const [length, value, kind] = pieces[turn % pieces.length];
      for (let i = 0; i < length && at < samples.length; i++, at++) {
        const noise = Math.imul(at + 1, 2654435761) >>> 16;
        samples[at] = (value + (kind === 0 ? 0 : kind === 1 ? i : kind === 2 ? noise % 5 : noise)) % span;
      }
    }
    return { bits, width, height, near: Math.min(near, Math.floor((span - 1) / 2)), samples };
  });

describe("JPEG-LS decoder", () => {
  it("undoes CharLS without loss, for any precision, size and content", async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryImage, async ({ bits, width, height, samples }) => {
        expect(await decode(encode(samples, width, bits, 0), width, height, bits)).toEqual([...samples]);
      }),
      { numRuns: process.env.ALARA_FULL ? 20_000 : 250, seed: 11 },
    );
  });

  it("stays within NEAR of what CharLS was given", async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryImage, async ({ bits, width, height, near, samples }) => {
        const decoded = await decode(encode(samples, width, bits, near), width, height, bits);
        expect(decoded.every((value, i) => Math.abs(value - samples[i]) <= near)).toBe(true);
      }),
      { numRuns: process.env.ALARA_FULL ? 20_000 : 250, seed: 12 },
    );
  });

  it("has the default thresholds of T.87, table C.3", () => {
    expect(computeDefaultThresholds(255, 0)).toEqual([3, 7, 21]);
    expect(computeDefaultThresholds(4095, 0)).toEqual([18, 67, 276]);
    expect(computeDefaultThresholds(65535, 0)).toEqual([18, 67, 276]);
    expect(computeDefaultThresholds(255, 2)).toEqual([9, 17, 35]);
  });

  it("ends in bounded time on any damage", async () => {
    const samples = Uint16Array.from(
      { length: 64 * 64 },
      (_, i) => (Math.imul(i + 1, 2654435761) >>> 16) & 0xfff,
    );
    const encoded = encode(samples, 64, 12, 0);
    let failures = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat({ max: encoded.length - 1 }), fc.nat({ max: 255 })), {
          minLength: 1,
          maxLength: 6,
        }),
        fc.nat({ max: 9 }),
        fc.nat({ max: encoded.length }),
        async (changes, cut, length) => {
          const damaged = cut === 0 ? encoded.slice(0, length) : encoded.slice();
          for (const [at, value] of changes) if (at < damaged.length) damaged[at] = value;
          const start = process.cpuUsage();
          await decode(damaged, 64, 64, 12).catch((error: unknown) => {
            expect(error).toMatchObject({ code: "INVALID_COMPRESSED_DATA" });
            failures++;
          });
          expect(process.cpuUsage(start).user / 1000).toBeLessThan(1000);
        },
      ),
      { numRuns: 500, seed: 13 },
    );
    expect(failures).toBeGreaterThan(50);
  });
});
