/**
 * Small inputs that ask for much: time, memory or depth out of proportion to their size. Each ends in a value or a
 * coded error in less than a second of CPU, under the default limits.
 */
import { deflateRawSync } from "node:zlib";
import {
  createPseudonyms,
  DEFAULT_DICOM_LIMITS,
  decodeTexts,
  decodeVolume,
  deidentifyFile,
  readDicomFile,
  readFrameBytes,
  readFrameFormat,
  readImageVolume,
  readNumber,
  readText,
  readTexts,
  readVolumeFile,
  scanSeries,
  writeDicomFile,
} from "@alara/dicom";
import { describe, expect, it } from "vitest";
import { readGoldenFrames } from "./hostile-seeds.ts";
import {
  ascii,
  concat,
  createMemorySource,
  explicit,
  IMPLICIT_LE,
  implicit,
  item,
  makeCtSlice,
  part10,
  SEQUENCE_END,
  tagBytes,
  UNDEFINED,
  uint16,
  uint32,
} from "./make-dicom.ts";

/** Code, or "none", with the least CPU time of two runs, ms: collecting what other tests left is not this input's. */
async function measure(run: () => unknown): Promise<{ code: string; ms: number }> {
  let code = "none";
  let ms = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 2 && ms > 200; attempt++) {
    const start = process.cpuUsage();
    try {
      await run();
      code = "none";
    } catch (error) {
      code = (error as { code?: string }).code ?? String(error);
    }
    const { user, system } = process.cpuUsage(start);
    ms = Math.min(ms, (user + system) / 1000);
  }
  return { code, ms };
}

async function expectCode(run: () => unknown, expected: string | RegExp): Promise<void> {
  const { code, ms } = await measure(run);
  expect(code).toMatch(expected);
  expect(ms).toBeLessThan(1000);
}

describe("deflate", () => {
  const bomb = (plainBytes: number): Uint8Array => {
    const head = part10(new Uint8Array(0), "1.2.840.10008.1.2.1.99");
    return concat(head, new Uint8Array(deflateRawSync(new Uint8Array(plainBytes))));
  };

  it("refuses 97 KB that unfold to 100 MB", async () => {
    const file = bomb(100_000_000);
    expect(file.length).toBeLessThan(100_000);
    await expectCode(() => readDicomFile(file), "LIMIT_EXCEEDED");
  });

  it("stops at the declared limit, however small", async () => {
    const limits = { ...DEFAULT_DICOM_LIMITS, maxInflatedBytes: 1000 };
    await expectCode(() => readDicomFile(bomb(5000), { limits }), "LIMIT_EXCEEDED");
  });
});

describe("text", () => {
  const read = (vr: string, value: Uint8Array | string, tag = 0x00180060) =>
    readDicomFile(
      part10(
        vr === "" ? implicit(tag, value) : explicit(tag, vr, value),
        vr === "" ? IMPLICIT_LE : undefined,
      ),
    ).dataset;

  it("refuses long nonsense where a number belongs in one pass", async () => {
    for (const run of ["1", ".", "e", "-", " ", "\\", "1.1", "0x"]) {
      const text = `${run.repeat(Math.floor(60_000 / run.length))}x`;
      const dataset = read("DS", text);
      await expectCode(() => readNumber(dataset, 0x00180060), "INVALID_VALUE");
    }
    const long = read("", ascii(`${"1".repeat(1_000_000)}x`));
    await expectCode(() => readNumber(long, 0x00180060), "INVALID_VALUE");
  });

  it("trims runs of spaces in one pass", async () => {
    const text = `x${" ".repeat(1_000_000)}x`;
    await expectCode(() => decodeTexts(read("UT", text, 0x0040a160), 0x0040a160), "none");
    await expectCode(() => readTexts(read("UT", text, 0x0040a160), 0x0040a160), "none");
  });

  it("refuses more text than the limit, before it is decoded", async () => {
    const dataset = read("", new Uint8Array(50_000_000).fill(0x41), 0x00100010);
    await expectCode(() => readText(dataset, 0x00100010), "LIMIT_EXCEEDED");
    await expectCode(() => decodeTexts(dataset, 0x00100010), "LIMIT_EXCEEDED");
  });

  it("decodes a megabyte of escapes and wide characters", async () => {
    const text = "\u001b$B!!\u001b(B".repeat(100_000);
    const charset = explicit(0x00080005, "CS", "\\ISO 2022 IR 87");
    const { dataset } = readDicomFile(part10(concat(charset, explicit(0x0040a160, "UT", text))));
    await expectCode(() => decodeTexts(dataset, 0x0040a160), "none");
  });

  it("refuses to make numbers of a value of 50 MB", async () => {
    const dataset = read("", new Uint8Array(50_000_000), 0x00280010);
    await expectCode(() => readNumber(dataset, 0x00280010), "LIMIT_EXCEEDED");
  });

  it("de-identifies long nonsense in one pass", async () => {
    const slice = readDicomFile(
      makeCtSlice({
        extra: [
          [0x00180060, "DS", `${"1".repeat(60_000)}x`],
          [0x00204000, "LT", "(a ".repeat(20_000)],
        ],
      }),
    );
    const pseudonyms = createPseudonyms(new Uint8Array(32));
    await expectCode(
      () => deidentifyFile(slice, { pseudonyms, descriptors: "clean", burnedInText: "allow" }),
      "none",
    );
  });
});

describe("pixel dimensions", () => {
  it("multiplies what it is told without overflow", async () => {
    const extras: readonly (readonly (readonly [number, string, Uint8Array | string])[])[] = [
      [
        [0x00280010, "UL", uint32(0x80000000)],
        [0x00280011, "UL", uint32(0x80000000)],
      ],
      [
        [0x00280010, "UL", uint32(0xffffffff)],
        [0x00280011, "UL", uint32(0xffffffff)],
        [0x00280002, "UL", uint32(0xffffffff)],
      ],
      [
        [0x00280010, "US", uint16(0xffff)],
        [0x00280011, "US", uint16(0xffff)],
        [0x00280008, "IS", "2147483647"],
      ],
      [
        [0x00280010, "UL", uint32(0x10000)],
        [0x00280011, "UL", uint32(0x10000)],
      ],
    ];
    for (const extra of extras) {
      await expectCode(
        () => readFrameFormat(readDicomFile(makeCtSlice({ extra })).dataset),
        "LIMIT_EXCEEDED",
      );
    }
  });

  it("refuses a modality table whose descriptor lies", async () => {
    for (const words of [
      [0, 0, 16],
      [65535, 0, 16],
      [4, 0, 32],
      [4, 65535, 8],
    ]) {
      const lut = item(
        concat(
          explicit(0x00283002, "US", uint16(...words)),
          explicit(0x00283004, "LO", "HU"),
          explicit(0x00283006, "US", uint16(1, 2)),
        ),
      );
      const file = makeCtSlice({ extra: [[0x00283000, "SQ", lut]], omit: [0x00281052, 0x00281053] });
      const { series, skipped } = await scanSeries([createMemorySource(file, "lut")]);
      expect(series.length + skipped.length).toBe(1);
      expect(skipped.map(({ code }) => code)).not.toContain("UNEXPECTED");
    }
  });
});

/** A compressed file around one codestream, of whatever size. */
function makeFile(
  uid: string,
  codestream: Uint8Array,
  rows: number,
  columns: number,
  bits = 16,
  samples = 1,
): Uint8Array {
  const head = makeCtSlice({
    rows,
    columns,
    samplesPerPixel: samples,
    photometric: samples === 1 ? "MONOCHROME2" : "RGB",
    bitsAllocated: bits <= 8 ? 8 : 16,
    bitsStored: bits,
    signed: false,
    transferSyntax: uid,
    pixels: new Uint8Array(0),
    omit: [0x7fe00010],
  });
  const padded = codestream.length % 2 === 0 ? codestream : concat(codestream, Uint8Array.of(0));
  const fragments = concat(tagBytes(0xfffee000), uint32(0), item(padded), SEQUENCE_END);
  return concat(head, explicit(0x7fe00010, "OB", fragments, UNDEFINED));
}

async function decode(bytes: Uint8Array): Promise<void> {
  const file = readDicomFile(bytes);
  await readFrameBytes(file, readFrameFormat(file.dataset), 0);
}

const CODED =
  /^(INVALID_COMPRESSED_DATA|LIMIT_EXCEEDED|PIXEL_DATA_MISMATCH|UNSUPPORTED_PIXEL_FORMAT|UNSUPPORTED_TRANSFER_SYNTAX|TRUNCATED)$/;

describe("codestreams", () => {
  const golden = new Map(readGoldenFrames().map((frame) => [frame.name, frame]));

  const getGolden = (name: string): { uid: string; encoded: Uint8Array; bits: number; samples: number } => {
    const frame = golden.get(name);
    if (frame === undefined) throw new Error(`no golden frame "${name}"`);
    const { format, uid, encoded } = frame;
    return { uid, encoded: encoded.slice(), bits: format.bitsStored, samples: format.samplesPerPixel };
  };
  const findMarker = (bytes: Uint8Array, code: number): number => {
    for (let at = 0; at + 1 < bytes.length; at++) if (bytes[at] === 0xff && bytes[at + 1] === code) return at;
    throw new Error(`no marker ${code.toString(16)}`);
  };
  const put = (bytes: Uint8Array, at: number, value: number, size: number): void => {
    for (let i = 0; i < size; i++) bytes[at + i] = Math.floor(value / 256 ** (size - 1 - i)) % 256;
  };

  const putAll = (
    bytes: Uint8Array,
    start: number,
    offsets: readonly number[],
    value: number,
    size: number,
  ): void => {
    for (const offset of offsets) put(bytes, start + offset, value, size);
  };

  it("of JPEG 2000 with a few bytes claim the largest image, and a thousandth of it", async () => {
    for (const name of ["one tile", "tiles, layers, markers", "colour"]) {
      for (const side of [65_535, 8192, 4096]) {
        const { uid, encoded, bits, samples } = getGolden(name);
        const siz = findMarker(encoded, 0x51);
        for (const at of [6, 10, 22, 26]) put(encoded, siz + at, side, 4);
        await expectCode(() => decode(makeFile(uid, encoded, side, side, bits, samples)), CODED);
      }
    }
  });

  it("of JPEG 2000 claim a million tiles, 65 535 layers, 32 levels, single-pixel precincts", async () => {
    const lies: readonly ((bytes: Uint8Array, siz: number, cod: number) => void)[] = [
      (bytes, siz) => putAll(bytes, siz, [22, 26], 1, 4),
      (bytes, siz) => putAll(bytes, siz, [22, 26], 4, 4),
      (bytes, _siz, cod) => put(bytes, cod + 6, 65_535, 2),
      (bytes, _siz, cod) => put(bytes, cod + 9, 32, 1),
      (bytes, _siz, cod) => put(bytes, cod + 9, 33, 1),
      (bytes, _siz, cod) => putAll(bytes, cod, [10, 11], 8, 1),
      (bytes, siz) => put(bytes, siz + 38, 16_384, 2),
    ];
    for (const name of ["one tile", "tiles, layers, markers"]) {
      for (const lie of lies) {
        for (const side of [12, 1024, 4096]) {
          const { uid, encoded, bits } = getGolden(name);
          const siz = findMarker(encoded, 0x51);
          const columns = side === 12 ? 16 : side;
          if (side !== 12) {
            put(encoded, siz + 6, columns, 4);
            put(encoded, siz + 10, side, 4);
          }
          lie(encoded, siz, findMarker(encoded, 0x52));
          const { code, ms } = await measure(() => decode(makeFile(uid, encoded, side, columns, bits)));
          expect(code).toMatch(/^[A-Z_]+$|^none$/);
          expect(ms, `${name}, side ${side}`).toBeLessThan(1000);
        }
      }
    }
  }, 120_000);

  it("of JPEG with a few bytes claim the largest image, and a thousandth of it", async () => {
    for (const name of ["baseline grey", "extended 12 bit", "progressive", "lossless", "lossless SV1"]) {
      for (const side of [65_535, 8192, 2048]) {
        const { uid, encoded, bits } = getGolden(name);
        const sof = [0xc0, 0xc1, 0xc2, 0xc3].map((code) => {
          try {
            return findMarker(encoded, code);
          } catch {
            return -1;
          }
        });
        const start = sof.find((at) => at >= 0) as number;
        put(encoded, start + 5, side, 2);
        put(encoded, start + 7, side, 2);
        const { code, ms } = await measure(() => decode(makeFile(uid, encoded, side, side, bits)));
        expect(code, `${name} ${side}`).toMatch(/^[A-Z_]+$|^none$/);
        expect(ms, `${name} ${side}`).toBeLessThan(1000);
      }
    }
  }, 120_000);

  it("of progressive JPEG bring ten thousand scans of a large image", async () => {
    const { uid, encoded, bits } = getGolden("progressive");
    const sof = findMarker(encoded, 0xc2);
    const sos = findMarker(encoded, 0xda);
    for (const [side, scans] of [
      [12, 10_000],
      [2048, 10_000],
      [512, 40_000],
    ]) {
      const head = encoded.slice(0, sos);
      put(head, sof + 5, side, 2);
      put(head, sof + 7, side === 12 ? 16 : side, 2);
      const scan = encoded.slice(sos, sos + 14);
      const body = concat(head, ...Array.from({ length: scans }, () => scan), Uint8Array.of(0xff, 0xd9));
      const { code, ms } = await measure(() =>
        decode(makeFile(uid, body, side, side === 12 ? 16 : side, bits)),
      );
      expect(code).toMatch(/^[A-Z_]+$|^none$/);
      expect(ms, `${scans} scans of ${side}`).toBeLessThan(1000);
    }
  }, 120_000);

  it("of JPEG bring ten thousand Huffman tables, or one that overflows", async () => {
    const { uid, encoded, bits } = getGolden("baseline grey");
    const dht = findMarker(encoded, 0xc4);
    const length = 2 + encoded[dht + 2] * 256 + encoded[dht + 3];
    const table = encoded.slice(dht, dht + length);
    const many = concat(
      encoded.slice(0, dht),
      ...Array.from({ length: 10_000 }, () => table),
      encoded.slice(dht),
    );
    await expectCode(() => decode(makeFile(uid, many, 12, 16, bits)), /^[A-Z_]+$|^none$/);
    const full = encoded.slice();
    full.fill(255, dht + 5, dht + 21);
    await expectCode(() => decode(makeFile(uid, full, 12, 16, bits)), CODED);
  });

  it("of JPEG-LS claim the largest image with no data behind it", async () => {
    const { uid, encoded, bits } = getGolden("ls near");
    const sof = findMarker(encoded, 0xf7);
    put(encoded, sof + 5, 8192, 2);
    put(encoded, sof + 7, 8192, 2);
    await expectCode(() => decode(makeFile(uid, encoded, 8192, 8192, bits)), CODED);
  });

  it("of RLE declare segments beyond their bytes and runs across their tail", async () => {
    const uid = "1.2.840.10008.1.2.5";
    const header = (...values: readonly number[]): Uint8Array =>
      concat(uint32(...values), new Uint8Array(64 - 4 * values.length));
    for (const frame of [
      concat(header(2, 64, 0xfffffff0), Uint8Array.of(233, 4)),
      concat(header(2, 64, 66), Uint8Array.of(127, 4)),
      concat(header(2, 64, 66), Uint8Array.of(129, 4, 129)),
      concat(header(0xffffffff, 64, 66), Uint8Array.of(129, 4, 129, 4)),
      header(2, 0, 0),
    ]) {
      await expectCode(() => decode(makeFile(uid, frame, 12, 16)), "INVALID_COMPRESSED_DATA");
      await expectCode(() => decode(makeFile(uid, frame, 8192, 8192)), "INVALID_COMPRESSED_DATA");
    }
  });
});

describe("fragments and frames", () => {
  it("reads every frame of a file of 20 000 in one pass over its fragments", async () => {
    const frames = 20_000;
    const rle = concat(uint32(2, 64, 66), new Uint8Array(52), Uint8Array.of(0, 1, 0, 1));
    const fragment = item(rle);
    const pixels = concat(
      tagBytes(0xfffee000),
      uint32(0),
      ...Array.from({ length: frames }, () => fragment),
      SEQUENCE_END,
    );
    const head = makeCtSlice({
      rows: 1,
      columns: 1,
      transferSyntax: "1.2.840.10008.1.2.5",
      omit: [0x7fe00010],
      extra: [[0x00280008, "IS", String(frames)]],
    });
    const file = readDicomFile(concat(head, explicit(0x7fe00010, "OB", pixels, UNDEFINED)));
    const format = readFrameFormat(file.dataset);
    await expectCode(async () => {
      for (let frame = 0; frame < frames; frame++) await readFrameBytes(file, format, frame);
    }, "none");
  });

  it("takes no memory for a volume of slices that are not there", async () => {
    const slices = Array.from({ length: 300 }, (_, i) =>
      makeCtSlice({
        sopUid: `1.2.3.4.${i + 1}`,
        position: [0, 0, i],
        rows: 60_000,
        columns: 2000,
        pixels: i === 0 ? new Uint8Array(0) : new Uint8Array(2),
      }),
    );
    const { series } = await scanSeries(slices.map((bytes, i) => createMemorySource(bytes, `slice-${i}`)));
    expect(series[0].slices.length).toBe(300);
    await expectCode(() => decodeVolume(series[0]), "PIXEL_DATA_MISMATCH");
    await expectCode(() => readImageVolume(series[0]), "PIXEL_DATA_MISMATCH");
  });

  it("says so when there is no memory for a volume whose first slice is there", async () => {
    const rle = (side: number): Uint8Array => {
      const plane = new Uint8Array(2 * Math.ceil((side * side) / 128)).map((_, i) => (i % 2 === 0 ? 129 : 0));
      return concat(uint32(2, 64, 64 + plane.length), new Uint8Array(52), plane, plane);
    };
    const uid = "1.2.840.10008.1.2.5";
    const [frame, broken] = [rle(4096), new Uint8Array(64)];
    const summaries = [frame, broken].map((bytes, i) => {
      const fragments = concat(tagBytes(0xfffee000), uint32(0), item(bytes), SEQUENCE_END);
      const head = makeCtSlice({
        sopUid: `1.2.3.4.${i + 1}`,
        position: [0, 0, i],
        rows: 4096,
        columns: 4096,
        transferSyntax: uid,
        pixels: new Uint8Array(0),
        omit: [0x7fe00010],
      });
      return createMemorySource(concat(head, explicit(0x7fe00010, "OB", fragments, UNDEFINED)), `slice-${i}`);
    });
    const { series } = await scanSeries(summaries);
    const many = { ...series[0], geometry: { ...series[0].geometry, size: [2 ** 24, 4096, 4096] as const } };
    await expectCode(() => decodeVolume(many), "LIMIT_EXCEEDED");
  });

  it("decodes a volume of many frames with one reading of their file", async () => {
    const frames = 2000;
    const place = (i: number): Uint8Array =>
      item(explicit(0x00209113, "SQ", item(explicit(0x00200032, "DS", `0\\0\\${i}`))));
    const perFrame = concat(...Array.from({ length: frames }, (_, i) => place(i)));
    const slice = makeCtSlice({
      sopClass: "1.2.840.10008.5.1.4.1.1.2.1",
      rows: 1,
      columns: 1,
      pixels: new Uint8Array(2 * frames),
      extra: [
        [0x00280008, "IS", String(frames)],
        [0x52009229, "SQ", item(new Uint8Array(0))],
        [0x52009230, "SQ", perFrame],
      ],
    });
    const source = createMemorySource(slice, "enhanced");
    const { series } = await scanSeries([source]);
    expect(series[0].slices.length).toBe(frames);
    const before = source.readCount();
    await expectCode(() => decodeVolume(series[0]), "none");
    expect(source.readCount() - before).toBeLessThanOrEqual(2);
  });

  it("scans many frames under many top-level elements without multiplying the two", async () => {
    const frames = 3000;
    const perFrame = concat(...Array.from({ length: frames }, () => item(new Uint8Array(0))));
    const junk = concat(...Array.from({ length: 3000 }, (_, i) => explicit(0x00311000 + i, "LO", "")));
    const slice = makeCtSlice({
      sopClass: "1.2.840.10008.5.1.4.1.1.2.1",
      extra: [
        [0x00280008, "IS", String(frames)],
        [0x52009229, "SQ", item(new Uint8Array(0))],
        [0x52009230, "SQ", perFrame],
      ],
    });
    const at = 0x00311000;
    const split = slice.findIndex(
      (_, i) => slice[i] === 0xe0 && slice[i + 1] === 0x7f && slice[i + 2] === 0x10,
    );
    const before = slice.findIndex(
      (_, i) => slice[i] === 0x00 && slice[i + 1] === 0x52 && slice[i + 2] === 0x29,
    );
    expect(split).toBeGreaterThan(before);
    expect(at).toBeGreaterThan(0x00281053);
    const file = concat(slice.slice(0, before), junk, slice.slice(before));
    await expectCode(() => scanSeries([createMemorySource(file, "enhanced")]), "none");
  });
});

describe("names that every object has", () => {
  it("are no types, encodings, units or fields of a NRRD file, and no codes", async () => {
    for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
      const read = (text: string) => readVolumeFile(ascii(`NRRD0004\n${text}\n\n`.padEnd(400, "\0")));
      const rest = "dimension: 3\nsizes: 2 2 2\nendian: little";
      await expectCode(() => read(`type: ${name}\n${rest}\nencoding: raw`), /^[A-Z_]+$/);
      await expectCode(() => read(`type: short\n${rest}\nencoding: ${name}`), /^[A-Z_]+$/);
      await expectCode(
        () => read(`type: short\n${rest}\nencoding: raw\nspace units: "${name}"`),
        /^[A-Z_]+$|^none$/,
      );
      await expectCode(() => read(`type: short\n${rest}\nencoding: raw\n${name}: 1`), /^[A-Z_]+$|^none$/);
      const phantom = item(explicit(0x00080100, "SH", name));
      const slice = makeCtSlice({ extra: [[0x00189346, "SQ", phantom]] });
      const { series } = await scanSeries([createMemorySource(slice, "phantom")]);
      expect(series[0].slices[0].summary.facts.ctdiPhantomDiameterCm).toBeUndefined();
    }
  });
});

describe("preambles", () => {
  it("that are programs or pages are refused, and never written", async () => {
    for (const start of [
      "MZ\u0090\0",
      "\u007fELF",
      "\u00cf\u00fa\u00ed\u00fe",
      "\u00ca\u00fe\u00ba\u00be",
      "#!/bin/sh\n",
      "<html>",
      "PK\u0003\u0004",
      "%PDF-1.4",
    ]) {
      const file = makeCtSlice();
      file.set(Uint8Array.from(start, (letter) => letter.charCodeAt(0)));
      await expectCode(() => readDicomFile(file), "UNSAFE_PREAMBLE");
      const read = readDicomFile(file, { preamble: "any" });
      const written = writeDicomFile(read.dataset, read.transferSyntaxUid);
      expect(written.subarray(0, 128)).toEqual(new Uint8Array(128));
    }
  });
});
