/** Files that are legal but unusual, and files that mean harm: skips, lists, text, orders, bombs, paths that lead out. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import { createRandom } from "@alara/core";
import { createTemporaryFolder } from "@alara/testing";
import { describe, expect, it } from "vitest";
import { DicomError } from "../src/errors.ts";
import { parseCompanionName } from "../src/formats/companions.ts";
import { DEFAULT_VOLUME_LIMITS, type ReadVolumeOptions } from "../src/formats/format.ts";
import { readVolumeFile, volumeFormats } from "../src/formats/formats.ts";
import { readMetaImage } from "../src/formats/metaimage.ts";
import { writeNifti } from "../src/formats/nifti.ts";
import { readNrrd } from "../src/formats/nrrd.ts";
import { compareNumbered, readTiffStack } from "../src/formats/tiff.ts";
import { isVolumePath, openVolumeFile, writeVolumeFiles } from "../src/node/volume-files.ts";
import { createCaseVolume, FORMAT_CASES } from "./format-cases.ts";

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

function join2(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

async function readCode(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "read";
  } catch (error) {
    return error instanceof DicomError ? error.code : `untyped ${error}`;
  }
}

const values = Int16Array.from({ length: 24 }, (_, i) => 100 * i - 1000);
const little = new Uint8Array(values.buffer);
const big = new Uint8Array(Buffer.from(little).swap16());

describe("NRRD", () => {
  const header = (...lines: readonly string[]): Uint8Array =>
    ascii(
      ["NRRD0004", "# a comment", "type: short", "dimension: 3", "sizes: 4 3 2", ...lines, "", ""].join("\n"),
    );
  const serve = (files: Readonly<Record<string, Uint8Array>>): ReadVolumeOptions => ({
    openCompanion: async (name) => {
      if (files[name] === undefined) throw new DicomError("INPUT_NOT_FOUND", name);
      return files[name];
    },
  });
  const hex = ascii([...little].map((byte) => byte.toString(16).padStart(2, "0")).join("\n"));

  it.each<readonly [string, Uint8Array, ReadVolumeOptions]>([
    ["big endian", join2(header("encoding: raw", "endian: big"), big), {}],
    ["gzip", join2(header("encoding: gz", "endian: little"), gzipSync(little)), {}],
    ["text", join2(header("encoding: ascii"), ascii([...values].join(" "))), {}],
    ["hexadecimal", join2(header("encoding: hex", "endian: little"), hex), {}],
    [
      "CRLF",
      join2(
        ascii(Buffer.from(header("encoding: raw", "endian: little")).toString().replaceAll("\n", "\r\n")),
        little,
      ),
      {},
    ],
    [
      "bytes to skip",
      join2(header("encoding: raw", "endian: little", "byte skip: 3"), ascii("xyz"), little),
      {},
    ],
    [
      "the last bytes",
      join2(header("encoding: raw", "endian: little", "byteskip: -1"), ascii("x".repeat(77)), little),
      {},
    ],
    [
      "lines to skip",
      join2(header("encoding: raw", "endian: little", "line skip: 2"), ascii("a\nbb\n"), little),
      {},
    ],
    [
      "lines, then gzip with bytes to skip",
      join2(
        header("encoding: gzip", "endian: little", "line skip: 1", "byte skip: 2"),
        ascii("a\n"),
        gzipSync(join2(ascii("zz"), little)),
      ),
      {},
    ],
    ["detached", header("encoding: raw", "endian: little", "data file: ./a.raw"), serve({ "a.raw": little })],
    [
      "listed files",
      ascii(
        `${Buffer.from(header("encoding: raw", "endian: little")).toString().trimEnd()}\ndata file: LIST\nb.raw\na.raw\n`,
      ),
      serve({ "b.raw": little.slice(0, 24), "a.raw": little.slice(24) }),
    ],
    [
      "numbered files",
      header("encoding: raw", "endian: little", "data file: s%03d.raw 9 10 1"),
      serve({ "s009.raw": little.slice(0, 24), "s010.raw": little.slice(24) }),
    ],
  ])("reads %s", async (_, bytes, options) => {
    const { volume, findings } = await readNrrd(bytes, options);
    expect([...volume.data]).toEqual([...values]);
    expect(volume.geometry.size).toEqual([2, 3, 4]);
    expect(findings.map((finding) => finding.code)).toEqual(["ORIENTATION_UNKNOWN", "SPACING_UNKNOWN"]);
  });

  it("reads spacings, units and every named space", async () => {
    const place = async (...lines: readonly string[]): Promise<unknown> => {
      const { volume } = await readNrrd(join2(header("encoding: raw", "endian: little", ...lines), little));
      const { spacingMm, originMm, direction } = volume.geometry;
      return [spacingMm, originMm, direction.column, direction.row];
    };
    const oriented = ["space directions: (2,0,0) (0,3,0) (0,0,4)", "space origin: (10,20,30)"];
    const lps = [
      [4, 3, 2],
      [10, 20, 30],
      [1, 0, 0],
      [0, 1, 0],
    ];
    expect(await place("space: LPS", ...oriented)).toEqual(lps);
    expect(await place("space: left-posterior-superior", ...oriented)).toEqual(lps);
    expect(await place("space: right-anterior-superior", ...oriented)).toEqual([
      [4, 3, 2],
      [-10, -20, 30],
      [-1, 0, 0],
      [0, -1, 0],
    ]);
    expect(await place("space: LAS", ...oriented)).toEqual([
      [4, 3, 2],
      [10, -20, 30],
      [1, 0, 0],
      [0, -1, 0],
    ]);
    expect(await place("spacings: 0.5 0.25 2")).toEqual([
      [2, 0.25, 0.5],
      [0, 0, 0],
      [1, 0, 0],
      [0, 1, 0],
    ]);
    const fine = await place("space: LPS", 'space units: "um" "um" "um"', ...oriented);
    expect((fine as number[][])[0].map((mm) => Number(mm.toFixed(9)))).toEqual([0.004, 0.003, 0.002]);
  });

  it("takes spacings in the unit of their axis", async () => {
    const lines = ["spacings: 500 2 0.1", 'units: "um" "mm" "cm"'];
    const { volume } = await readNrrd(join2(header("encoding: raw", "endian: little", ...lines), little));
    expect(volume.geometry.spacingMm).toEqual([1, 2, 0.5]);
  });

  it("takes axes out of space for volumes, at either end", async () => {
    const channels = ascii(
      "NRRD0005\ntype: short\ndimension: 4\nsizes: 2 3 2 2\nkinds: vector domain domain domain\nencoding: raw\nendian: little\n\n",
    );
    const times = ascii(
      "NRRD0005\ntype: short\ndimension: 4\nsizes: 3 2 2 2\nspace: LPS\nspace directions: (1,0,0) (0,1,0) (0,0,1) none\nencoding: raw\nendian: little\n\n",
    );
    expect(await readCode(readNrrd(join2(channels, little)))).toBe("SEVERAL_VOLUMES");
    expect(await readCode(readNrrd(join2(channels, little), { volumeIndex: 2 }))).toBe("OUT_OF_RANGE");
    const odd = await readNrrd(join2(channels, little), { volumeIndex: 1 });
    expect([...odd.volume.data]).toEqual([...values].filter((_, i) => i % 2 === 1));
    const second = await readNrrd(join2(times, little), { volumeIndex: 1 });
    expect([...second.volume.data]).toEqual([...values].slice(12));
  });

  it.each<readonly [string, Uint8Array, string]>([
    ["bzip2", header("encoding: bzip2", "endian: little"), "UNSUPPORTED_FORMAT"],
    ["no byte order", header("encoding: raw"), "MISSING_ATTRIBUTE"],
    [
      "a block",
      ascii("NRRD0004\ntype: block\ndimension: 3\nsizes: 1 1 1\nencoding: raw\n\n"),
      "UNSUPPORTED_PIXEL_FORMAT",
    ],
    [
      "huge sizes",
      ascii(
        "NRRD0004\ntype: short\ndimension: 3\nsizes: 99999 99999 99999\nencoding: raw\nendian: little\n\n",
      ),
      "LIMIT_EXCEEDED",
    ],
    [
      "flat axes",
      header("encoding: raw", "endian: little", "space: LPS", "space directions: (1,0,0) (1,0,0) (0,0,1)"),
      "INVALID_VALUE",
    ],
    ["a field twice", header("encoding: raw", "encoding: gzip"), "INVALID_VALUE"],
    ["a header without end", join2(ascii("NRRD0004\n"), ascii("#".repeat(2 ** 20))), "LIMIT_EXCEEDED"],
    [
      "millions of data files",
      header("encoding: raw", "endian: little", "data file: %d.raw 0 4000000 1"),
      "LIMIT_EXCEEDED",
    ],
    ["a path", header("encoding: raw", "endian: little", "data file: ../a.raw"), "UNSAFE_PATH"],
    ["an absolute path", header("encoding: raw", "endian: little", "data file: /etc/passwd"), "UNSAFE_PATH"],
    [
      "a path in a list",
      header("encoding: raw", "endian: little", "data file: LIST\n../../x\ny"),
      "UNSAFE_PATH",
    ],
  ])("refuses %s", async (_, bytes, code) => {
    expect(await readCode(readNrrd(bytes, serve({})))).toBe(code);
  });
});

describe("MetaImage", () => {
  const header = (...lines: readonly string[]): Uint8Array =>
    ascii(
      `${["ObjectType = Image", "NDims = 3", "DimSize = 4 3 2", "ElementType = MET_SHORT", ...lines].join("\n")}\n`,
    );
  it.each<readonly [string, Uint8Array, Readonly<Record<string, Uint8Array>>]>([
    ["big endian", join2(header("ElementByteOrderMSB = True", "ElementDataFile = LOCAL"), big), {}],
    ["zlib", join2(header("CompressedData = True", "ElementDataFile = LOCAL"), deflateSync(little)), {}],
    [
      "text",
      join2(header("BinaryData = False", "ElementDataFile = LOCAL"), ascii([...values].join("\n"))),
      {},
    ],
    [
      "a raw file behind a header",
      header("HeaderSize = 5", "ElementDataFile = a.raw"),
      { "a.raw": join2(ascii("hello"), little) },
    ],
    [
      "the last bytes of a raw file",
      header("HeaderSize = -1", "ElementDataFile = a.raw"),
      { "a.raw": join2(ascii("hello"), little) },
    ],
    [
      "numbered files",
      header("ElementDataFile = s%02d.raw 1 2 1"),
      { "s01.raw": little.slice(0, 24), "s02.raw": little.slice(24) },
    ],
    [
      "listed files",
      header("ElementDataFile = LIST\nx.raw\ny.raw"),
      { "x.raw": little.slice(0, 24), "y.raw": little.slice(24) },
    ],
  ])("reads %s", async (_, bytes, files) => {
    const { volume, findings } = await readMetaImage(bytes, { openCompanion: async (name) => files[name] });
    expect([...volume.data]).toEqual([...values]);
    expect(findings.map((finding) => finding.code)).toEqual(["ORIENTATION_UNKNOWN", "SPACING_UNKNOWN"]);
  });

  it("takes channels for volumes", async () => {
    const bytes = join2(
      ascii(
        "NDims = 3\nDimSize = 3 2 2\nElementType = MET_SHORT\nElementNumberOfChannels = 2\nElementDataFile = LOCAL\n",
      ),
      little,
    );
    expect(await readCode(readMetaImage(bytes))).toBe("SEVERAL_VOLUMES");
    const { volume } = await readMetaImage(bytes, { volumeIndex: 0 });
    expect([...volume.data]).toEqual([...values].filter((_, i) => i % 2 === 0));
  });

  it.each<readonly [string, Uint8Array, string]>([
    ["a path", header("ElementDataFile = ..\\a.raw"), "UNSAFE_PATH"],
    [
      "an intensity function",
      header("ElementToIntensityFunctionSlope = 2", "ElementDataFile = LOCAL"),
      "UNSUPPORTED_PIXEL_FORMAT",
    ],
    ["fewer samples", join2(header("ElementDataFile = LOCAL"), little.slice(2)), "TRUNCATED"],
    ["no data file", header("BinaryData = True"), "TRUNCATED"],
  ])("refuses %s", async (_, bytes, code) => {
    expect(await readCode(readMetaImage(bytes))).toBe(code);
  });
});

describe("bombs", () => {
  it("stops at what the header announces, in little memory and time", async () => {
    const [{ bytes }] = writeNifti(createCaseVolume("HU", FORMAT_CASES[0].geometry));
    const bomb = gzipSync(Buffer.concat([bytes, Buffer.alloc(100_000_000)]), { level: 9 });
    expect(bomb.length).toBeLessThan(150_000);
    const start = process.cpuUsage();
    expect(await readCode(readVolumeFile(bomb))).toBe("LIMIT_EXCEEDED");
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1000).toBeLessThan(1000);
  });

  it("refuses sizes that the compressed bytes cannot hold before it allocates", async () => {
    const [{ bytes }] = writeNifti(createCaseVolume("HU", FORMAT_CASES[0].geometry));
    const header = bytes.slice();
    new DataView(header.buffer).setInt16(42, 800, true);
    new DataView(header.buffer).setInt16(44, 800, true);
    new DataView(header.buffer).setInt16(46, 800, true);
    expect(await readCode(readVolumeFile(gzipSync(header)))).toBe("TRUNCATED");
    expect(await readCode(readVolumeFile(header))).toBe("TRUNCATED");
  });

  it("refuses zip entries that declare more than they hold, and more entries than limits", async () => {
    const [{ bytes }] = volumeFormats.get("npz").write(createCaseVolume("HU", FORMAT_CASES[0].geometry), {});
    const limits = { ...DEFAULT_VOLUME_LIMITS, maxParts: 4 };
    expect(await readCode(readVolumeFile(bytes, { limits }))).toBe("LIMIT_EXCEEDED");
    const central = Buffer.from(bytes).indexOf("PK\x01\x02");
    const big = bytes.slice();
    new DataView(big.buffer).setUint32(central + 24, 3_000_000_000, true);
    expect(await readCode(readVolumeFile(big))).toBe("LIMIT_EXCEEDED");
    new DataView(big.buffer).setUint32(central + 24, 2 ** 24, true);
    expect(await readCode(readVolumeFile(big))).toBe("INVALID_VALUE");
  });

  it("finds TIFF directories that form a loop", async () => {
    const [{ bytes }] = volumeFormats.get("tiff").write(createCaseVolume("HU", FORMAT_CASES[0].geometry), {});
    const loop = bytes.slice();
    const view = new DataView(loop.buffer);
    const first = view.getUint32(4, true);
    view.setUint32(first + 2 + 12 * view.getUint16(first, true), first, true);
    expect(await readCode(readVolumeFile(loop))).toBe("INVALID_VALUE");
  });
});

describe("names of data files", () => {
  const CLEAN = ["a.raw", "./a.raw", "scan 1 (b).img", "café.raw", "x..y"];
  const EVIL = [
    "",
    ".",
    "..",
    "../a",
    "..\\a",
    "/etc/passwd",
    "\\\\server\\share",
    "C:\\a",
    "a:b",
    "a/b",
    "./../a",
    "././/a",
    ".hidden",
    "a\u0000.raw",
    "a\nb",
    "NUL",
    "nul.raw",
    "COM1",
    "a.",
    "a\u0301".repeat(2),
    "x".repeat(256),
    "~/../a",
    "%2e%2e/x",
    "file:///etc/passwd",
  ];
  it("are plain, or refused", () => {
    for (const name of CLEAN) expect(parseCompanionName(name)).toBe(name.replace(/^\.\//, ""));
    for (const name of EVIL) {
      expect(() => parseCompanionName(name)).toThrow(expect.objectContaining({ code: "UNSAFE_PATH" }));
    }
  });

  it("never lead out of their folder in 100 000 tries", () => {
    const random = createRandom(7);
    const parts = [
      "..",
      ".",
      "/",
      "\\",
      "a",
      "\u0000",
      ":",
      "~",
      "%2f",
      "etc",
      " ",
      "\u2215",
      "C",
      "%d",
      "\u202e",
      "NUL",
    ];
    const folder = "/data/in";
    let accepted = 0;
    let escapes = 0;
    for (let i = 0; i < 100_000; i++) {
      const name = Array.from(
        { length: 1 + random.nextInteger(6) },
        () => parts[random.nextInteger(parts.length)],
      ).join("");
      try {
        const path = join(folder, parseCompanionName(name));
        accepted++;
        if (!path.startsWith(`${folder}/`) || path.slice(folder.length + 1).includes("/")) escapes++;
      } catch (error) {
        if (!(error instanceof DicomError)) throw error;
        if (error.code !== "UNSAFE_PATH") throw error;
      }
    }
    expect(escapes).toBe(0);
    expect(accepted).toBeGreaterThan(1000);
  });

  it("are opened beside the header only, and links out of the folder are refused", async () => {
    const temporary = createTemporaryFolder("formats");
    try {
      const inside = join(temporary.path, "in");
      mkdirSync(inside);
      const files = volumeFormats
        .get("mhd")
        .write(createCaseVolume("HU", FORMAT_CASES[8].geometry), { baseName: "v" });
      const main = await writeVolumeFiles(inside, files);
      expect((await openVolumeFile(main)).volume.data.length).toBe(24);
      expect(await isVolumePath(main)).toBe(true);
      expect(await readCode(writeVolumeFiles(inside, files))).toBe("OUTPUT_NOT_EMPTY");
      expect(await readCode(writeVolumeFiles(inside, files, { existing: "replace" }))).toBe("read");
      writeFileSync(join(temporary.path, "secret.zraw"), files[1].bytes);
      symlinkSync(join(temporary.path, "secret.zraw"), join(inside, "link.zraw"));
      const header = Buffer.from(files[0].bytes).toString().replace("v.zraw", "link.zraw");
      writeFileSync(join(inside, "linked.mhd"), header);
      expect(await readCode(openVolumeFile(join(inside, "linked.mhd")))).toBe("UNSAFE_PATH");
      writeFileSync(join(inside, "lost.mhd"), header.replace("link.zraw", "none.zraw"));
      expect(await readCode(openVolumeFile(join(inside, "lost.mhd")))).toBe("INPUT_NOT_FOUND");
    } finally {
      temporary[Symbol.dispose]();
    }
  });
});

describe("folders of TIFF pages", () => {
  it("are stacked in the order of their numbers", async () => {
    expect(["s10.tif", "s9.tif", "S1.tif", "s010.tif"].sort(compareNumbered)).toEqual([
      "S1.tif",
      "s9.tif",
      "s010.tif",
      "s10.tif",
    ]);
    const volume = createCaseVolume("arbitrary", FORMAT_CASES[0].geometry);
    const pages = [0, 1].map((slice) => {
      const geometry = { ...volume.geometry, size: [1, 3, 4] as const };
      const data = volume.data.slice(slice * 12, slice * 12 + 12);
      return volumeFormats.get("tiff").write({ ...volume, geometry, data }, {})[0].bytes;
    });
    const temporary = createTemporaryFolder("formats");
    try {
      writeFileSync(join(temporary.path, "p10.tif"), pages[1]);
      writeFileSync(join(temporary.path, "p9.tif"), pages[0]);
      expect(await isVolumePath(temporary.path)).toBe(true);
      const opened = await openVolumeFile(temporary.path);
      expect(opened.volume.data).toEqual(volume.data);
      writeFileSync(join(temporary.path, "notes.txt"), "");
      expect(await isVolumePath(temporary.path)).toBe(false);
    } finally {
      temporary[Symbol.dispose]();
    }
    const wide = volumeFormats
      .get("tiff")
      .write(createCaseVolume("HU", { ...volume.geometry, size: [1, 2, 5] }), {});
    expect(await readCode(readTiffStack([pages[0], wide[0].bytes]))).toBe("SHAPE_MISMATCH");
  });
});
