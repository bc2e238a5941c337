/**
 * Names from files never become paths: every way in which the package opens or makes a file is asked with names that
 * try to leave its folder. An escape is anything opened, made or changed outside; there must be none in 10⁵ attempts.
 */
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, sep } from "node:path";
import process from "node:process";
import { AlaraError, createRandom } from "@alara/core";
import {
  createPseudonyms,
  DEFAULT_VOLUME_LIMITS,
  deidentifyFile,
  isValidUid,
  readDicomFile,
  readText,
  readUid,
  readVolumeFile,
  scanSeries,
  TAG,
  writeDicomFile,
} from "@alara/dicom";
import {
  createOutputFolder,
  findInputFiles,
  findMediaFiles,
  openVolumeFile,
  scanSeriesFiles,
} from "@alara/dicom/node";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { createHostileName, HOSTILE_NAMES } from "@alara/testing/hostile";
import { zipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  ascii,
  concat,
  createMemorySource,
  explicit,
  item,
  makeCtSlice,
  part10,
  uint16,
  uint32,
} from "./make-dicom.ts";

const ATTEMPTS = process.env.ALARA_FULL ? 1_000_000 : 100_000;
const SECRET = "outside, must not be read";

/** A folder `inside` to work in, and beside it what must stay untouched. */
let place: TemporaryFolder;
let inside: string;
let before: string;

beforeAll(() => {
  place = createTemporaryFolder("paths");
  inside = place.resolve("inside");
  mkdirSync(inside);
  mkdirSync(place.resolve("outside"));
  writeFileSync(place.resolve("outside", "secret.raw"), SECRET.padEnd(64));
  writeFileSync(place.resolve("outside", "secret.dcm"), makeCtSlice());
  before = listTree(place.path, "inside");
});

afterAll(() => place.dispose());

/** Every name and size below a folder, without following links, `leaveOut` apart. */
function listTree(folder: string, leaveOut?: string): string {
  const lines: string[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    if (entry.name === leaveOut) continue;
    const path = join(folder, entry.name);
    lines.push(`${path} ${lstatSync(path).size}`);
    if (entry.isDirectory()) lines.push(listTree(path));
  }
  return lines.join("\n");
}

/** Whether a path, links resolved, lies in a folder. */
function isWithin(folder: string, path: string): boolean {
  return realpathSync(path).startsWith(realpathSync(folder) + sep);
}

async function getCode(run: () => unknown): Promise<string> {
  try {
    await run();
    return "none";
  } catch (error) {
    if (error instanceof AlaraError) return error.code;
    throw error;
  }
}

/** Attempts are counted over all tests of this file. */
let attempts = 0;

describe("names from the outside", () => {
  it("of output files stay in the output folder", async () => {
    const random = createRandom(7);
    const folder = await createOutputFolder(join(inside, "out"));
    const codes = new Map<string, number>();
    const names = new Set<string>(HOSTILE_NAMES);
    while (names.size < 2000) names.add(createHostileName(random));
    for (const name of names) {
      attempts++;
      const code = await getCode(() => folder.writeFile(name, "x"));
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    await folder.commit();
    expect(
      [...codes.keys()].every((code) => ["none", "INVALID_VALUE", "OUTPUT_UNWRITABLE"].includes(code)),
    ).toBe(true);
    expect(codes.get("INVALID_VALUE")).toBeGreaterThan(1500);
    for (const name of readdirSync(join(inside, "out"), { recursive: true })) {
      expect(isWithin(join(inside, "out"), join(inside, "out", String(name)))).toBe(true);
      expect(String(name)).toMatch(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/);
    }
    expect(listTree(place.path, "inside")).toBe(before);
  });

  it("of output folders: links as target or parent are written through or refused, never around", async () => {
    symlinkSync(place.resolve("outside"), join(inside, "link"));
    attempts++;
    expect(await getCode(() => createOutputFolder(join(inside, "link")))).toBe("OUTPUT_NOT_EMPTY");
    symlinkSync(join(inside, "nowhere"), join(inside, "dangling"));
    attempts++;
    const code = await getCode(async () => {
      const folder = await createOutputFolder(join(inside, "dangling"));
      await folder.writeFile("x", "x");
      await folder.commit();
    });
    expect(["none", "OUTPUT_UNWRITABLE", "OUTPUT_NOT_EMPTY"]).toContain(code);
    expect(listTree(place.path, "inside")).toBe(before);
  });

  it("are not UIDs, and no UID is more than digits and dots", () => {
    const random = createRandom(11);
    for (let i = 0; i < ATTEMPTS * 0.6; i++) {
      const name = createHostileName(random);
      attempts++;
      if (isValidUid(name) && !/^\d+(\.\d+)*$/.test(name))
        throw new Error(`${JSON.stringify(name)} passed as a UID`);
      if (isValidUid(name) && name.length > 64) throw new Error("a UID of more than 64 characters");
    }
    for (const name of [
      "..",
      ".",
      "1..2",
      "../1",
      "1/2",
      "1\\2",
      "1\0",
      "1.2 ",
      "",
      "1.2\n",
      "١.٢",
      "1".repeat(65),
    ]) {
      expect(isValidUid(name), JSON.stringify(name)).toBe(false);
    }
  });

  it("in UIDs, names and descriptions of images come out as no UID, and in no name that is made", async () => {
    const random = createRandom(13);
    const rounds = Math.floor(ATTEMPTS * 0.01);
    const pseudonyms = createPseudonyms(new Uint8Array(32).fill(1));
    for (let i = 0; i < rounds; i++) {
      const name = createHostileName(random);
      attempts += 6;
      const value = ascii(name.slice(0, 250));
      const padded = value.length % 2 === 0 ? value : concat(value, Uint8Array.of(0));
      const file = makeCtSlice({
        extra: [
          [0x0020000e, "UI", padded],
          [0x00080018, "UI", padded],
          [0x0020000d, "UI", padded],
          [0x00100010, "PN", padded],
          [0x00100020, "LO", padded],
          [0x0008103e, "LO", padded],
        ],
      });
      const { series, skipped } = await scanSeries([createMemorySource(file, "input")]);
      expect(series.length + skipped.length).toBe(1);
      for (const { seriesInstanceUid, studyInstanceUid } of series) {
        expect(isValidUid(seriesInstanceUid) && isValidUid(studyInstanceUid)).toBe(true);
      }
      if (i % 10 !== 0) continue;
      const code = await getCode(async () => {
        const { dataset, transferSyntaxUid } = (
          await deidentifyFile(readDicomFile(file), { pseudonyms, burnedInText: "allow" })
        ).file;
        const again = readDicomFile(writeDicomFile(dataset, transferSyntaxUid)).dataset;
        for (const tag of [TAG.SOPInstanceUID, TAG.SeriesInstanceUID, TAG.StudyInstanceUID]) {
          expect(isValidUid(readUid(again, tag) ?? "1")).toBe(true);
        }
        expect(readText(again, TAG.PatientID)).toMatch(/^[A-Za-z0-9._-]+$/);
      });
      expect(code).toMatch(/^(none|[A-Z_]+)$/);
    }
  }, 120_000);

  it("of data files in headers of NRRD, MetaImage and NIfTI are asked for plainly or not at all", async () => {
    const random = createRandom(17);
    const asked: string[] = [];
    const openCompanion = async (name: string): Promise<Uint8Array> => {
      asked.push(name);
      return new Uint8Array(64);
    };
    const limits = { ...DEFAULT_VOLUME_LIMITS, maxParts: 16 };
    const rounds = Math.floor(ATTEMPTS * 0.1);
    for (let i = 0; i < rounds; i++) {
      const name = createHostileName(random).replaceAll("\n", "");
      attempts += 3;
      const bytes = new TextEncoder();
      const nrrd = `NRRD0004\ntype: short\ndimension: 3\nsizes: 2 2 2\nencoding: raw\nendian: little\ndata file: ${name}\n\n`;
      const mhd = `ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_SHORT\nElementDataFile = ${name}\n`;
      await getCode(() => readVolumeFile(bytes.encode(nrrd), { openCompanion, limits }));
      await getCode(() => readVolumeFile(bytes.encode(mhd), { openCompanion, limits }));
      const zip = i % 10 === 0 ? zipSync({ [`${name}.npy`]: new Uint8Array(8) }) : new Uint8Array(0);
      await getCode(() => readVolumeFile(zip, { openCompanion, limits }));
    }
    for (const name of asked) {
      if (/[/\\\0:]|^\.|[. ]$/.test(name) || name === "")
        throw new Error(`asked for ${JSON.stringify(name)}`);
    }
    expect(asked.length).toBeGreaterThan(10);
  }, 120_000);

  it("of data files on disk: links out of the folder are refused, the secret is never read", async () => {
    const head =
      "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_SHORT\nElementDataFile = ";
    symlinkSync(place.resolve("outside", "secret.raw"), join(inside, "link.raw"));
    symlinkSync(place.resolve("outside"), join(inside, "linked-folder"));
    const names = [
      "link.raw",
      "linked-folder/secret.raw",
      "../outside/secret.raw",
      place.resolve("outside", "secret.raw"),
    ];
    for (const name of [...names, ...HOSTILE_NAMES.filter((item) => !/[\n\r]/.test(item))]) {
      attempts++;
      const path = join(inside, "header.mhd");
      writeFileSync(path, `${head}${name}\n`);
      const code = await getCode(() => openVolumeFile(path));
      expect(code, JSON.stringify(name)).toMatch(
        /^(UNSAFE_PATH|INPUT_NOT_FOUND|INVALID_VALUE|INPUT_UNREADABLE|UNSUPPORTED_FORMAT|TRUNCATED)$/,
      );
    }
  });

  it("of files in a DICOMDIR lead to nothing outside its folder", async () => {
    const random = createRandom(19);
    const folder = join(inside, "medium");
    mkdirSync(folder);
    writeFileSync(join(folder, "IMAGE"), makeCtSlice());
    symlinkSync(place.resolve("outside"), join(folder, "OUT"));
    symlinkSync(place.resolve("outside", "secret.dcm"), join(folder, "SECRET"));
    const path = join(folder, "DICOMDIR");
    const rounds = Math.floor(ATTEMPTS * 0.002);
    const fixed = [
      "OUT\\secret.dcm",
      "OUT\\SECRET.DCM",
      "SECRET",
      "..\\outside\\secret.dcm",
      "../outside/secret.dcm",
      "IMAGE",
    ];
    let found = 0;
    for (let i = 0; i < rounds; i++) {
      const names = Array.from({ length: 20 }, (_, k) =>
        i === 0 && k < fixed.length ? fixed[k] : createHostileName(random),
      );
      attempts += names.length;
      writeFileSync(path, makeDicomDir(names));
      await getCode(async () => {
        const { paths } = await findMediaFiles(path);
        found += paths.length;
        for (const file of paths) {
          if (!isWithin(folder, file)) throw new Error(`${file} lies outside`);
          expect(readFileSync(file).length).toBeGreaterThan(0);
        }
      });
    }
    expect(found).toBeGreaterThan(0);
  }, 120_000);

  it("of entries in an input folder: links are not followed unless asked, and odd names are files like others", async () => {
    const folder = join(inside, "input");
    mkdirSync(folder);
    symlinkSync(place.resolve("outside"), join(folder, "folder-link"));
    symlinkSync(place.resolve("outside", "secret.dcm"), join(folder, "file-link.dcm"));
    symlinkSync(folder, join(folder, "loop"));
    const legal = HOSTILE_NAMES.filter(
      (name) =>
        name !== "" &&
        name !== "." &&
        name !== ".." &&
        !/[/\0]/.test(name) &&
        Buffer.byteLength(name) < 256 &&
        name.isWellFormed(),
    );
    for (const name of legal) writeFileSync(join(folder, name), makeCtSlice());
    attempts += legal.length + 3;
    const { paths } = await findInputFiles([folder]);
    expect(paths.length).toBe(legal.filter((name) => !name.startsWith(".")).length);
    for (const path of paths) expect(dirname(realpathSync(path))).toBe(realpathSync(folder));
    const { series, skipped } = await scanSeriesFiles([folder]);
    expect(series.length).toBeGreaterThan(0);
    expect(skipped.every((entry) => entry.code.startsWith("DUPLICATE"))).toBe(true);
    const followed = await findInputFiles([folder], { symbolicLinks: "follow" });
    expect(followed.paths.length).toBeGreaterThan(paths.length);
  });

  it(`made at least ${ATTEMPTS} attempts, and nothing outside has changed`, () => {
    expect(attempts).toBeGreaterThanOrEqual(ATTEMPTS);
    expect(listTree(place.path, "inside")).toBe(before);
  });
});

/** A DICOMDIR of image records in a row, each with the given Referenced File ID. */
function makeDicomDir(fileIds: readonly string[]): Uint8Array {
  const padText = (text: string): Uint8Array => {
    const bytes = ascii(text.slice(0, 1000));
    return bytes.length % 2 === 0 ? bytes : concat(bytes, Uint8Array.of(32));
  };
  const makeRecord = (next: number, name: string): Uint8Array =>
    item(
      concat(
        explicit(0x00041400, "UL", uint32(next)),
        explicit(0x00041410, "US", uint16(0xffff)),
        explicit(0x00041420, "UL", uint32(0)),
        explicit(0x00041430, "CS", "PATIENT"),
        explicit(0x00041500, "CS", padText(name)),
        explicit(0x00041510, "UI", "1.2.840.10008.5.1.4.1.1.2"),
        explicit(0x00041511, "UI", "1.2.3"),
        explicit(0x00041512, "UI", "1.2.840.10008.1.2.1"),
      ),
    );
  const head = (last: number, first: number): Uint8Array =>
    concat(
      explicit(0x00041130, "CS", "TEST"),
      explicit(0x00041200, "UL", uint32(first)),
      explicit(0x00041202, "UL", uint32(last)),
      explicit(0x00041212, "US", uint16(0)),
    );
  const meta = part10(new Uint8Array(0)).length;
  const start = meta + head(0, 0).length + 12;
  const sizes = fileIds.map((name) => makeRecord(0, name).length);
  const offsets = sizes.map((_, i) => start + sizes.slice(0, i).reduce((sum, size) => sum + size, 0));
  const records = fileIds.map((name, i) => makeRecord(offsets[i + 1] ?? 0, name));
  const file = part10(
    concat(head(offsets[offsets.length - 1], offsets[0]), explicit(0x00041220, "SQ", concat(...records))),
  );
  return withMediaClass(file);
}

/** The meta information of a DICOMDIR: its class has one character less than CT's, padded. */
function withMediaClass(file: Uint8Array): Uint8Array {
  const text = "1.2.840.10008.1.3.10";
  const at = 132 + 12 + 14 + 8;
  const length = file[at - 2] + 256 * file[at - 1];
  const out = file.slice();
  out.fill(0, at, at + length);
  out.set(ascii(text), at);
  return out;
}
