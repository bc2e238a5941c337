/** Every registered transfer syntax: round trip through its own codec, and against dcmtk's. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRandom } from "@alara/core";
import {
  createElement,
  type DicomFile,
  decodeHu,
  editDataset,
  extractStoredValues,
  type FrameFormat,
  joinFragments,
  readDicomFile,
  readFrameBytes,
  readFrameFormat,
  splitFragments,
  TAG,
  TRANSFER_SYNTAX_UID,
  transferSyntaxes,
  writeDicomFile,
} from "@alara/dicom";
import { createTemporaryFolder, requireTool } from "@alara/testing";
import { describe, expect, it } from "vitest";
import {
  concat,
  EXPLICIT_LE,
  explicit,
  item,
  makeCtSlice,
  SEQUENCE_END,
  UNDEFINED,
  uint16,
  uint32,
} from "./make-dicom.ts";

const ROWS = 61;
const COLUMNS = 47;

/** Noisy, runny and extreme values, so that every branch of a codec is taken. */
function makePixels(bitsStored: number, signed: boolean, seed: number): Uint8Array {
  const random = createRandom(seed);
  const span = 2 ** bitsStored;
  const words = Array.from({ length: ROWS * COLUMNS }, (_, i) => {
    const row = Math.floor(i / COLUMNS);
    if (row < 10) return 0;
    if (row < 20) return row % 2 === 0 ? span - 1 : span / 2;
    if (row < 40) return Math.floor(span / 3 + 20 * random.nextNormal()) % span;
    return random.nextInteger(span);
  });
  const stored = words.map((word) => {
    const value = Math.max(0, word);
    return signed && value >= span / 2 ? value - span : value;
  });
  return uint16(...stored.map((value) => value & 0xffff));
}

function makeFile(bitsStored: number, signed: boolean): DicomFile {
  const pixels = makePixels(bitsStored, signed, bitsStored);
  return readDicomFile(makeCtSlice({ rows: ROWS, columns: COLUMNS, bitsStored, signed, pixels }));
}

async function compress(file: DicomFile, uid: string): Promise<Uint8Array> {
  const format = readFrameFormat(file.dataset);
  const encoded = await transferSyntaxes.get(uid).encodeFrame?.(await readFrameBytes(file, format), format);
  if (encoded === undefined) throw new Error(`${uid} has no encoder`);
  const element = { ...createElement(TAG.PixelData, joinFragments([encoded]), "OB"), undefinedLength: true };
  return writeDicomFile(editDataset(file.dataset, new Map([[TAG.PixelData, element]])), uid);
}

const FORMATS = [
  [16, true],
  [16, false],
  [12, false],
  [12, true],
  [13, true],
  [8, false],
] as const;

const compressed = [...transferSyntaxes.entries()].filter(([, syntax]) => syntax.encodeFrame !== undefined);

describe.each(compressed)("%s", (uid, syntax) => {
  it.each(FORMATS)(
    `${syntax.name}: %i bits, signed %s, decodes to what was encoded`,
    async (bits, signed) => {
      const file = makeFile(bits, signed);
      const again = readDicomFile(await compress(file, uid));
      expect((await decodeHu(again)).hu).toEqual((await decodeHu(file)).hu);
    },
  );

  it("refuses damaged frames by code", async () => {
    const random = createRandom(5);
    const file = makeFile(16, true);
    const format = readFrameFormat(file.dataset);
    const encoded = (await syntax.encodeFrame?.(await readFrameBytes(file, format), format)) as Uint8Array;
    const decode = syntax.decodeFrame as NonNullable<typeof syntax.decodeFrame>;
    let failures = 0;
    for (let run = 0; run < 150; run++) {
      const damaged = run % 3 === 0 ? encoded.slice(0, random.nextInteger(encoded.length)) : encoded.slice();
      if (damaged.length > 0)
        damaged[random.nextInteger(Math.min(damaged.length, run % 2 ? 40 : 1e9))] ^=
          1 + random.nextInteger(255);
      try {
        expect((await decode(damaged, format)).length).toBe(ROWS * COLUMNS * 2);
      } catch (error) {
        expect(error).toMatchObject({ code: "INVALID_COMPRESSED_DATA" });
        failures++;
      }
    }
    expect(failures).toBeGreaterThan(40);
    // After all that the codec still works.
    expect(await decode(encoded, format)).toEqual(new Uint8Array(await readFrameBytes(file, format)));
  });

  it("never sizes its output by the frame's own header", async () => {
    const file = makeFile(16, true);
    const format = readFrameFormat(file.dataset);
    const encoded = (await syntax.encodeFrame?.(await readFrameBytes(file, format), format)) as Uint8Array;
    const other: FrameFormat = { ...format, rows: 60_000, columns: 60_000 };
    const start = process.cpuUsage();
    await expect(syntax.decodeFrame?.(encoded, other)).rejects.toMatchObject({
      code: "INVALID_COMPRESSED_DATA",
    });
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(500);
  });
});

/** Runs a dcmtk tool from bytes to bytes. */
function runTool(tool: string, options: readonly string[], bytes: Uint8Array): Uint8Array {
  using folder = createTemporaryFolder("dcmtk");
  writeFileSync(folder.resolve("in.dcm"), bytes);
  execFileSync(tool, [...options, folder.resolve("in.dcm"), folder.resolve("out.dcm")], { stdio: "pipe" });
  return new Uint8Array(readFileSync(folder.resolve("out.dcm")));
}

describe("against dcmtk", () => {
  const readers = [
    ["dcmdrle", TRANSFER_SYNTAX_UID.rleLossless],
    ["dcmdjpls", TRANSFER_SYNTAX_UID.jpegLsLossless],
  ] as const;
  it.for(readers)("%s reads what is written here", async ([tool, uid], context) => {
    const path = requireTool(context, tool, "dcmtk");
    for (const [bits, signed] of FORMATS) {
      const file = makeFile(bits, signed);
      const again = readDicomFile(runTool(path, [], await compress(file, uid)));
      expect(again.transferSyntaxUid).toBe(EXPLICIT_LE);
      expect((await decodeHu(again)).hu).toEqual((await decodeHu(file)).hu);
    }
  });

  it.for(["opj_decompress"])("%s (OpenJPEG) reads the HTJ2K written here", async (tool, context) => {
    const path = requireTool(context, tool, "libopenjp2-tools");
    using folder = createTemporaryFolder("openjpeg");
    for (const [bits, signed] of FORMATS) {
      const file = makeFile(bits, signed);
      const format = readFrameFormat(file.dataset);
      const native = await readFrameBytes(file, format);
      const encoded = await transferSyntaxes
        .get(TRANSFER_SYNTAX_UID.htj2kLossless)
        .encodeFrame?.(native, format);
      writeFileSync(folder.resolve("in.j2k"), encoded as Uint8Array);
      execFileSync(path, ["-i", folder.resolve("in.j2k"), "-o", folder.resolve("out.rawl")], {
        stdio: "pipe",
      });
      const decoded = new Uint8Array(readFileSync(folder.resolve("out.rawl")));
      expect(extractStoredValues(decoded, format)).toEqual(extractStoredValues(native, format));
    }
  });

  const writers = [
    ["dcmcrle", [], TRANSFER_SYNTAX_UID.rleLossless, 0],
    ["dcmcjpls", [], TRANSFER_SYNTAX_UID.jpegLsLossless, 0],
    ["dcmcjpls", ["+fs", "1"], TRANSFER_SYNTAX_UID.jpegLsLossless, 0],
    ["dcmcjpls", ["+en", "+md", "3"], TRANSFER_SYNTAX_UID.jpegLsNearLossless, 3],
  ] as const;
  it.for(writers)("reads what %s %s writes", async ([tool, options, uid, maxDeviation], context) => {
    const path = requireTool(context, tool, "dcmtk");
    // dcmtk writes near-lossless for unsigned pixels only.
    for (const [bits, signed] of FORMATS.filter((format) => maxDeviation === 0 || !format[1])) {
      const file = makeFile(bits, signed);
      const again = readDicomFile(runTool(path, options, writeDicomFile(file.dataset, EXPLICIT_LE)));
      expect(again.transferSyntaxUid).toBe(uid);
      const before = (await decodeHu(file)).hu;
      const after = (await decodeHu(again)).hu;
      expect(after.length).toBe(before.length);
      expect(after.every((value, i) => Math.abs(value - before[i]) <= maxDeviation)).toBe(true);
    }
  });
});

describe("fragments", () => {
  const frame = (value: number): Uint8Array =>
    concat(uint32(2, 64, 66), new Uint8Array(52), Uint8Array.of(233, value, 233, 7));
  const build = (offsets: Uint8Array, fragments: readonly Uint8Array[], frames: number): DicomFile => {
    const value = concat(item(offsets), ...fragments.map(item), SEQUENCE_END);
    const head = makeCtSlice({
      omit: [0x7fe00010],
      extra: [[0x00280008, "IS", String(frames)]],
      transferSyntax: TRANSFER_SYNTAX_UID.rleLossless,
    });
    return readDicomFile(concat(head, explicit(0x7fe00010, "OB", value, UNDEFINED)));
  };
  const readFirst = async (file: DicomFile, index: number): Promise<number> =>
    (await readFrameBytes(file, readFrameFormat(file.dataset), index))[1];

  it("joins the fragments of a single frame, with or without an offset table", async () => {
    const whole = frame(9);
    for (const offsets of [new Uint8Array(0), uint32(0)]) {
      const file = build(offsets, [whole.subarray(0, 30), whole.subarray(30, 64), whole.subarray(64)], 1);
      expect(await readFirst(file, 0)).toBe(9);
    }
  });

  it("finds frames by offset table, or one fragment each", async () => {
    const split = [frame(1), frame(2).subarray(0, 40), frame(2).subarray(40), frame(3)];
    const table = build(uint32(0, 76, 160), split, 3);
    expect(await Promise.all([0, 1, 2].map((i) => readFirst(table, i)))).toEqual([1, 2, 3]);
    const plain = build(new Uint8Array(0), [frame(4), frame(5)], 2);
    expect(await Promise.all([0, 1].map((i) => readFirst(plain, i)))).toEqual([4, 5]);
  });

  it("finds frames by the extended offset table, which may also say where padding begins", async () => {
    const split = [
      frame(1),
      frame(2).subarray(0, 40),
      concat(frame(2).subarray(40), new Uint8Array(2)),
      frame(3),
    ];
    const long = (...values: number[]): Uint8Array => uint32(...values.flatMap((value) => [value, 0]));
    const build64 = (offsets: Uint8Array, lengths: Uint8Array): DicomFile =>
      readDicomFile(
        concat(
          makeCtSlice({
            omit: [0x7fe00010],
            extra: [[0x00280008, "IS", "3"]],
            transferSyntax: TRANSFER_SYNTAX_UID.rleLossless,
          }),
          explicit(0x7fe00001, "OV", offsets),
          explicit(0x7fe00002, "OV", lengths),
          explicit(
            0x7fe00010,
            "OB",
            concat(item(new Uint8Array(0)), ...split.map(item), SEQUENCE_END),
            UNDEFINED,
          ),
        ),
      );
    const file = build64(long(0, 76, 162), long(68, 68, 68));
    expect(await Promise.all([0, 1, 2].map((i) => readFirst(file, i)))).toEqual([1, 2, 3]);
    await expect(readFirst(build64(long(0, 77, 162), long(68, 68, 68)), 0)).rejects.toMatchObject({
      code: "PIXEL_DATA_MISMATCH",
    });
  });

  it("finds frames without any table where fragments begin as frames do", async () => {
    const format = readFrameFormat(readDicomFile(makeCtSlice()).dataset);
    const native = (value: number): Uint8Array => uint16(...new Array(24).fill(value));
    for (const uid of [TRANSFER_SYNTAX_UID.jpegLsLossless, TRANSFER_SYNTAX_UID.htj2kLossless]) {
      const frames = await Promise.all(
        [5, 6, 7].map(
          async (value) =>
            (await transferSyntaxes.get(uid).encodeFrame?.(native(value), format)) as Uint8Array,
        ),
      );
      const fragments = frames.flatMap((bytes) => [bytes.subarray(0, 30), bytes.subarray(30)]);
      const value = concat(item(new Uint8Array(0)), ...fragments.map((part) => item(part)), SEQUENCE_END);
      const head = makeCtSlice({
        omit: [0x7fe00010],
        extra: [[0x00280008, "IS", "3"]],
        transferSyntax: uid,
      });
      const file = readDicomFile(concat(head, explicit(0x7fe00010, "OB", value, UNDEFINED)));
      for (const [i, expected] of [5, 6, 7].entries()) {
        expect(await readFrameBytes(file, readFrameFormat(file.dataset), i)).toEqual(native(expected));
      }
    }
  });

  it("reads every frame of a large object in time that grows with their number, not its square", async () => {
    const time = async (frames: number): Promise<number> => {
      const file = build(new Uint8Array(0), new Array(frames).fill(frame(3)), frames);
      const start = process.cpuUsage();
      for (let i = 0; i < frames; i++) expect(await readFirst(file, i)).toBe(3);
      return process.cpuUsage(start).user / 1000;
    };
    await time(500);
    const short = await time(1000);
    expect(await time(8000)).toBeLessThan(8 * short * 4 + 50);
  });

  it("puts colour by plane into colour by pixel, and refuses floating point pixels", async () => {
    const planes = Uint8Array.from({ length: 4 * 6 * 3 }, (_, i) => i);
    const file = readDicomFile(
      makeCtSlice({
        bitsAllocated: 8,
        bitsStored: 8,
        signed: false,
        samplesPerPixel: 3,
        photometric: "RGB",
        pixels: planes,
        extra: [[0x00280006, "US", uint16(1)]],
      }),
    );
    const bytes = await readFrameBytes(file, readFrameFormat(file.dataset));
    expect([...bytes.subarray(0, 6)]).toEqual([0, 24, 48, 1, 25, 49]);
    const float = makeCtSlice({ omit: [0x7fe00010] });
    const floatFile = readDicomFile(concat(float, explicit(0x7fe00008, "OF", new Uint8Array(96))));
    await expect(readFrameBytes(floatFile, readFrameFormat(floatFile.dataset))).rejects.toMatchObject({
      code: "UNSUPPORTED_PIXEL_FORMAT",
    });
  });

  it("refuses what cannot be assigned", async () => {
    const mismatch = { code: "PIXEL_DATA_MISMATCH" };
    await expect(
      readFirst(build(new Uint8Array(0), [frame(1), frame(2), frame(3)], 2), 0),
    ).rejects.toMatchObject(mismatch);
    await expect(readFirst(build(uint32(0, 5), [frame(1), frame(2)], 2), 0)).rejects.toMatchObject(mismatch);
    await expect(readFirst(build(new Uint8Array(0), [], 1), 0)).rejects.toMatchObject(mismatch);
    await expect(readFirst(build(new Uint8Array(0), [frame(1)], 1), 1)).rejects.toMatchObject({
      code: "OUT_OF_RANGE",
    });
    const native = readDicomFile(makeCtSlice({ transferSyntax: TRANSFER_SYNTAX_UID.rleLossless }));
    await expect(readFirst(native, 0)).rejects.toMatchObject(mismatch);
  });

  it("writes one fragment per frame with an offset table", () => {
    const value = joinFragments([Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)]);
    const parts = splitFragments({
      tag: TAG.PixelData,
      vr: "OB",
      bytes: value,
      undefinedLength: true,
      offset: -1,
    });
    expect(parts.offsets).toEqual([0, 12]);
    expect(parts.fragments).toEqual([Uint8Array.of(1, 2, 3, 0), Uint8Array.of(4, 5)]);
    expect(parts.positions).toEqual([0, 12]);
  });
});

describe("loading", () => {
  it("reads an uncompressed file without loading any codec, and loads one when it is needed", () => {
    const code = `
      import { createRequire } from "node:module";
      import fs from "node:fs";
      import { readDicomFile, readFrameBytes, readFrameFormat } from "@alara/dicom";
      const loaded = () => Object.keys(createRequire(import.meta.url).cache).filter((name) => /codec-/.test(name)).length;
      const read = async (name) => {
        const file = readDicomFile(new Uint8Array(fs.readFileSync(name)));
        await readFrameBytes(file, readFrameFormat(file.dataset));
      };
      await read(process.argv[1]);
      const before = loaded();
      await read(process.argv[2]);
      process.stdout.write(before + " " + loaded());`;
    return (async () => {
      using folder = createTemporaryFolder("lazy");
      const file = makeFile(12, false);
      writeFileSync(folder.resolve("plain.dcm"), writeDicomFile(file.dataset, EXPLICIT_LE));
      writeFileSync(folder.resolve("htj2k.dcm"), await compress(file, TRANSFER_SYNTAX_UID.htj2kLossless));
      const out = execFileSync(
        process.execPath,
        ["--input-type=module", "-e", code, folder.resolve("plain.dcm"), folder.resolve("htj2k.dcm")],
        { cwd: new URL(".", import.meta.url), encoding: "utf8" },
      );
      expect(out).toBe("0 1");
    })();
  });
});
