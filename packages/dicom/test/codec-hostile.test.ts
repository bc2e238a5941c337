/**
 * Codecs under damage and under random images: mutated frames of every codec give pixels or a coded error in bounded
 * time; every syntax that is written gives its pixels back.
 */
import { readFileSync } from "node:fs";
import { createRandom, type Random } from "@alara/core";
import { DicomError, type FrameFormat, transferSyntaxes } from "@alara/dicom";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

interface GoldenFrame {
  readonly name: string;
  readonly uid: string;
  readonly format: Omit<FrameFormat, "frames">;
  readonly encoded: string;
}

const golden = JSON.parse(readFileSync(new URL("golden/codecs.json", import.meta.url), "utf8")) as {
  readonly cases: readonly GoldenFrame[];
};

/** Changes bytes anywhere or in the headers, cuts, doubles and moves pieces, sets lengths to their extremes. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let out = bytes.slice();
  const region = random.nextInteger(2) === 0 ? out.length : Math.min(out.length, 150);
  for (let i = random.nextInteger(4); i >= 0; i--) {
    const at = random.nextInteger(region);
    const kind = random.nextInteger(8);
    if (kind < 3) out[at] = random.nextInteger(256);
    else if (kind === 3) out[at] ^= 1 << random.nextInteger(8);
    else if (kind === 4) out.fill(255 * random.nextInteger(2), at, at + 1 + random.nextInteger(4));
    else if (kind === 5) out.copyWithin(at, random.nextInteger(region), at + random.nextInteger(20));
    else if (kind === 6 && i === 0) out = out.slice(0, random.nextInteger(out.length));
  }
  return out;
}

describe("damaged frames", () => {
  it("of JPEG that name a DC table that is not there are refused, whatever they say of the spectrum", async () => {
    const uid = "1.2.840.10008.1.2.4.50";
    const item = golden.cases.find((candidate) => candidate.uid === uid);
    if (item === undefined) throw new Error("no baseline JPEG among the golden frames");
    const bytes = new Uint8Array(Buffer.from(item.encoded, "base64"));
    const scan = bytes.findIndex((value, at) => value === 0xff && bytes[at + 1] === 0xda);
    const components = bytes[scan + 4];
    bytes[scan + 6] = 0x30 | (bytes[scan + 6] & 15);
    for (const spectralStart of [0, 1]) {
      bytes[scan + 5 + 2 * components] = spectralStart;
      await expect(
        transferSyntaxes.get(uid).decodeFrame?.(bytes, { ...item.format, frames: 1 }),
      ).rejects.toMatchObject({ code: "INVALID_COMPRESSED_DATA" });
    }
  });

  it("give pixels or a coded error, each within a second", { timeout: 600_000 }, async () => {
    const random = createRandom(20261121);
    const full = process.env.ALARA_FULL !== undefined;
    const seeds = golden.cases.map((item) => ({
      ...item,
      format: { ...item.format, frames: 1 },
      bytes: new Uint8Array(Buffer.from(item.encoded, "base64")),
    }));
    // The JPEG 2000 codecs take most of the time: fewer of them in the short run.
    const isSlow = (uid: string): boolean => uid.startsWith("1.2.840.10008.1.2.4.9");
    const runs = full ? 500_000 : 20_000;
    const counts = new Map<string, number>();
    let slowestMs = 0;
    for (let run = 0, turn = 0; run < runs; turn++) {
      const seed = seeds[turn % seeds.length];
      if (!full && isSlow(seed.uid) && (turn / seeds.length) % 4 >= 1) continue;
      run++;
      const damaged = mutate(seed.bytes, random);
      const start = process.cpuUsage();
      let outcome = "decoded";
      try {
        const bytes = await transferSyntaxes.get(seed.uid).decodeFrame?.(damaged, seed.format);
        const { rows, columns, samplesPerPixel, bitsAllocated } = seed.format;
        expect(bytes?.length).toBe((rows * columns * samplesPerPixel * bitsAllocated) / 8);
      } catch (error) {
        if (!(error instanceof DicomError)) throw error;
        outcome = error.code;
      }
      const { user, system } = process.cpuUsage(start);
      slowestMs = Math.max(slowestMs, (user + system) / 1000);
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(["INVALID_COMPRESSED_DATA", "decoded"]);
    expect(Math.min(...counts.values())).toBeGreaterThan(runs / 10);
    expect(slowestMs).toBeLessThan(1000);
    // After all that every codec still works.
    for (const seed of seeds) await transferSyntaxes.get(seed.uid).decodeFrame?.(seed.bytes, seed.format);
  });

  it("cannot make a decoder allocate what its header declares", async () => {
    for (const { uid, format, encoded, name } of golden.cases) {
      const huge: FrameFormat = { ...format, rows: 40_000, columns: 40_000, frames: 1 };
      const before = process.memoryUsage();
      const outcome = transferSyntaxes
        .get(uid)
        .decodeFrame?.(new Uint8Array(Buffer.from(encoded, "base64")), huge);
      await expect(outcome, name).rejects.toMatchObject({ code: "INVALID_COMPRESSED_DATA" });
      const after = process.memoryUsage();
      expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(100e6);
    }
  });

  it("whose own header and dataset agree on a size their bytes cannot fill are refused at once", async () => {
    const sofs = golden.cases.filter(({ uid }) => /4\.(50|51|57|70|80)$/.test(uid));
    for (const { uid, format, encoded, name } of sofs) {
      const bytes = new Uint8Array(Buffer.from(encoded, "base64"));
      // Rows and columns follow marker, length and precision of the frame header.
      const at = bytes.findIndex(
        (byte, i) =>
          byte === 0xff && [0xc0, 0xc1, 0xc2, 0xc3, 0xf7].includes(bytes[i + 1]) && bytes[i + 2] === 0,
      );
      bytes.set([0xea, 0x60, 0xea, 0x60], at + 5);
      const huge: FrameFormat = { ...format, rows: 60_000, columns: 60_000, frames: 1 };
      const start = process.cpuUsage();
      await expect(transferSyntaxes.get(uid).decodeFrame?.(bytes, huge), name).rejects.toMatchObject({
        code: "INVALID_COMPRESSED_DATA",
      });
      expect(process.cpuUsage(start).user / 1000).toBeLessThan(300);
    }
  });
});

const writable = [...transferSyntaxes.entries()].filter(([, syntax]) => syntax.encodeFrame !== undefined);

/** Images of runs, ramps and noise in any depth and sign. */
const arbitraryFrame = fc
  .record({
    bitsStored: fc.integer({ min: 1, max: 16 }),
    signed: fc.boolean(),
    rows: fc.integer({ min: 1, max: 40 }),
    columns: fc.integer({ min: 1, max: 40 }),
    seed: fc.nat(),
    smoothness: fc.nat({ max: 16 }),
  })
  .map(({ bitsStored, signed, rows, columns, seed, smoothness }) => {
    const random = createRandom(seed);
    const span = 2 ** bitsStored;
    const noise = Math.max(1, span >> smoothness);
    const words = Int32Array.from({ length: rows * columns }, (_, i) => {
      const value = (Math.floor(i / 7) * (seed % 5) + random.nextInteger(noise)) % span;
      return signed && value >= span / 2 ? value - span : value;
    });
    const format: FrameFormat = {
      rows,
      columns,
      samplesPerPixel: 1,
      bitsAllocated: 16,
      bitsStored,
      highBit: bitsStored - 1,
      signed,
      photometricInterpretation: "MONOCHROME2",
      frames: 1,
    };
    return { format, native: new Uint8Array(Int16Array.from(words).buffer) };
  });

describe.each(writable)("%s", (_uid, syntax) => {
  it(`${syntax.name}: decoding undoes encoding for any image`, async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryFrame, async ({ format, native }) => {
        const encoded = (await syntax.encodeFrame?.(native, format)) as Uint8Array;
        expect(await syntax.decodeFrame?.(encoded, format)).toEqual(native);
      }),
      { numRuns: process.env.ALARA_FULL ? 10_000 : 200, seed: 3 },
    );
  });

  it(`${syntax.name}: ten thousand frames leave no memory behind`, { timeout: 600_000 }, async (context) => {
    if (!process.env.ALARA_FULL) return context.skip("a long test: ALARA_FULL=1 runs it");
    const [{ format, native }] = fc.sample(arbitraryFrame, { numRuns: 1, seed: 8 });
    const run = async (count: number): Promise<number> => {
      for (let i = 0; i < count; i++) {
        await syntax.decodeFrame?.((await syntax.encodeFrame?.(native, format)) as Uint8Array, format);
      }
      return process.memoryUsage().rss;
    };
    const before = await run(2_000);
    expect((await run(10_000)) - before).toBeLessThan(100e6);
  });
});
