/** DICOMDIR: dcmtk's as pydicom reads it, hostile ones, and its files on disk. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { type DirectoryRecord, listRecords, readDicomDir, readText } from "@alara/dicom";
import { findInputFiles, findMediaFiles, scanSeriesFiles } from "@alara/dicom/node";
import { createTemporaryFolder } from "@alara/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ascii,
  concat,
  expectCode,
  explicit,
  item,
  makeCtSlice,
  openItem,
  SEQUENCE_END,
  UNDEFINED,
  uint16,
  uint32,
} from "./make-dicom.ts";

type GoldenNode = readonly [string, readonly string[] | null, readonly GoldenNode[]];
const golden = JSON.parse(readFileSync(new URL("./golden/dicomdir.json", import.meta.url), "utf8")) as {
  tool: string;
  content: string;
  tree: readonly GoldenNode[];
};
const GOLDEN_CONTENT = new Uint8Array(Buffer.from(golden.content, "base64"));

function describeTree(records: readonly DirectoryRecord[]): unknown[] {
  return records.map(({ type, file, children }) => [
    type,
    file === undefined ? null : file.kind === "path" ? file.components : "unsafe",
    describeTree(children),
  ]);
}

interface RecordSpec {
  readonly type?: string;
  readonly fileId?: string;
  /** Index of another record, or a bare offset when negative. */
  readonly next?: number;
  readonly lower?: number;
  readonly inUse?: number;
}

/** A DICOMDIR of the given records; the first is the root's first. */
function makeDicomDir(specs: readonly RecordSpec[], isOpen = false): Uint8Array {
  const meta = concat(
    explicit(0x00020002, "UI", "1.2.840.10008.1.3.10"),
    explicit(0x00020003, "UI", "1.2.3.4"),
    explicit(0x00020010, "UI", "1.2.840.10008.1.2.1"),
  );
  const encode = (offsets: readonly number[]): { bytes: Uint8Array; offsets: number[] } => {
    const point = (to: number | undefined): Uint8Array =>
      uint32(to === undefined ? 0 : to < 0 ? -to : (offsets[to] ?? 0));
    const head = concat(new Uint8Array(128), ascii("DICM"), meta, explicit(0x00041200, "UL", point(0)));
    const items = specs.map((spec) => {
      const body = concat(
        explicit(0x00041400, "UL", point(spec.next)),
        explicit(0x00041410, "US", uint16(spec.inUse ?? 0xffff)),
        explicit(0x00041420, "UL", point(spec.lower)),
        explicit(0x00041430, "CS", spec.type ?? "IMAGE"),
        ...(spec.fileId === undefined ? [] : [explicit(0x00041500, "CS", spec.fileId)]),
      );
      return isOpen ? openItem(body) : item(body);
    });
    let at = head.length + 12;
    const found = items.map((bytes) => {
      at += bytes.length;
      return at - bytes.length;
    });
    const sequence = isOpen
      ? explicit(0x00041220, "SQ", concat(...items, SEQUENCE_END), UNDEFINED)
      : explicit(0x00041220, "SQ", concat(...items));
    return { bytes: concat(head, sequence), offsets: found };
  };
  return encode(encode([]).offsets).bytes;
}

describe("readDicomDir", () => {
  it(`reads ${golden.tool}'s tree`, () => {
    const records = readDicomDir(GOLDEN_CONTENT);
    expect(describeTree(records)).toEqual(golden.tree);
    expect(listRecords(records).length).toBe(8);
    expect(readText(records[0].dataset, 0x00100020)).toBe("TEST-1");
  });

  it.each([false, true])("follows siblings and children, open items %s", (isOpen) => {
    const records = readDicomDir(
      makeDicomDir(
        [
          { type: "PATIENT", lower: 2, next: 1 },
          { type: "PATIENT", inUse: 0, lower: 3 },
          { type: "STUDY", fileId: "A\\B" },
          { type: "STUDY", fileId: "GONE" },
        ],
        isOpen,
      ),
    );
    expect(describeTree(records)).toEqual([["PATIENT", null, [["STUDY", ["A", "B"], []]]]]);
  });

  it("refuses loops, shared records, offsets into nowhere and other files by code", () => {
    const cases: readonly (readonly [Uint8Array, string])[] = [
      [makeDicomDir([{ next: 0 }]), "INVALID_SEQUENCE"],
      [makeDicomDir([{ lower: 0 }]), "INVALID_SEQUENCE"],
      [makeDicomDir([{ next: 1 }, { lower: 0 }]), "INVALID_SEQUENCE"],
      [makeDicomDir([{ next: 1, lower: 2 }, { lower: 2 }, {}]), "INVALID_SEQUENCE"],
      [makeDicomDir([{ next: 1, lower: 2, inUse: 0 }, { lower: 2 }, {}]), "INVALID_SEQUENCE"],
      [makeDicomDir([{ next: -5 }]), "INVALID_VALUE"],
      [makeDicomDir([{ lower: -4_000_000_000 }]), "INVALID_VALUE"],
      [
        makeDicomDir(Array.from({ length: 20 }, (_, i) => (i < 19 ? { lower: i + 1 } : {}))),
        "NESTING_TOO_DEEP",
      ],
      [makeCtSlice(), "NOT_DICOM"],
    ];
    for (const [bytes, code] of cases) expectCode(() => readDicomDir(bytes), code);
  });

  it("walks 50 000 siblings without recursion", () => {
    const specs = Array.from({ length: 50_000 }, (_, i) => (i < 49_999 ? { next: i + 1 } : {}));
    expect(readDicomDir(makeDicomDir(specs)).length).toBe(50_000);
  });

  it("meets only coded errors on mutated directories", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(GOLDEN_CONTENT.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const bytes = GOLDEN_CONTENT.slice();
          for (const [at, byte] of changes) bytes[at] = byte;
          try {
            readDicomDir(bytes);
          } catch (error) {
            expect((error as { code?: string }).code).toMatch(/^[A-Z_]+$/);
          }
        },
      ),
      { numRuns: 3000, seed: 5 },
    );
  });
});

const BAD_IDS = [
  "..",
  "..\\..\\etc\\passwd",
  "A\\..\\..\\B",
  ".",
  "\\A",
  "A\\\\B",
  "/etc/passwd",
  "A/B",
  "C:",
  "C:\\WINDOWS",
  "A\0B",
  "CON",
  "nul.txt",
  "COM1",
  ".HIDDEN",
  "A.",
  "A ..",
  "~",
  "$HOME",
  "%TEMP%",
  "A:B",
  "\u00e9",
  "A".repeat(65),
  "A\\B\\C\\D\\E\\F\\G\\H\\I",
];

describe("file ids", () => {
  it.each(BAD_IDS)("%j is not followed", (fileId) => {
    const [record] = readDicomDir(makeDicomDir([{ fileId }]));
    expect(record.file?.kind).toBe("unsafe");
  });

  it("that pass are plain names, whatever the bytes", () => {
    const piece = fc.constantFrom(
      ".",
      "..",
      "/",
      "\\",
      "\0",
      "A",
      "con",
      ":",
      "-",
      " ",
      "~",
      "\u00ff",
      "a.b",
    );
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), (parts) => {
        const file = readDicomDir(makeDicomDir([{ fileId: parts.join("") }]))[0].file;
        if (file?.kind !== "path") return;
        for (const component of file.components) {
          expect(component).toMatch(/^[A-Za-z0-9_-]([A-Za-z0-9._-]*[A-Za-z0-9_-])?$/);
          expect(component.toLowerCase()).not.toMatch(/^(con|nul)(\.|$)/);
        }
      }),
      { numRuns: 2000, seed: 6 },
    );
  });
});

describe("findMediaFiles", () => {
  it("resolves names in either case, says what is missing, and never leaves the folder", async () => {
    using folder = createTemporaryFolder("dicomdir");
    mkdirSync(folder.resolve("medium"));
    mkdirSync(folder.resolve("medium/se1"));
    mkdirSync(folder.resolve("outside"));
    writeFileSync(folder.resolve("outside/IM9"), makeCtSlice());
    writeFileSync(folder.resolve("medium/se1/im1"), makeCtSlice());
    symlinkSync("../outside", folder.resolve("medium/LINK"));
    symlinkSync("../../outside/IM9", folder.resolve("medium/se1/IM3"));
    const ids = ["SE1\\IM1", "SE1\\IM2", "SE1\\IM3", "LINK\\IM9", "..\\OUTSIDE\\IM9"];
    const specs = ids.map((fileId, i) => (i + 1 < ids.length ? { fileId, next: i + 1 } : { fileId }));
    writeFileSync(folder.resolve("medium/DICOMDIR"), makeDicomDir(specs));
    const media = await findMediaFiles(folder.resolve("medium/DICOMDIR"));
    expect(media.paths.map((path) => path.split("/").slice(-2).join("/"))).toEqual(["se1/im1"]);
    expect(media.skipped.map(({ code }) => code)).toEqual([
      "INPUT_NOT_FOUND",
      "UNSAFE_PATH",
      "UNSAFE_PATH",
      "UNSAFE_PATH",
    ]);
    const named = await findInputFiles([folder.resolve("medium/DICOMDIR")]);
    expect(named.paths).toEqual(media.paths);
    expect(named.skipped).toEqual(media.skipped);
    const { series } = await scanSeriesFiles([folder.resolve("medium/DICOMDIR")]);
    expect(series[0].slices.length).toBe(1);
    const whole = await findInputFiles([folder.resolve("medium")]);
    expect(whole.paths).toEqual(media.paths);
    expect(whole.skipped.map(({ code }) => code)).toEqual(["DICOMDIR"]);
  });

  it("refuses a broken DICOMDIR by code", async () => {
    using folder = createTemporaryFolder("dicomdir");
    writeFileSync(folder.resolve("DICOMDIR"), makeDicomDir([{ next: 0 }]));
    await expect(findInputFiles([folder.resolve("DICOMDIR")])).rejects.toMatchObject({
      code: "INVALID_SEQUENCE",
    });
    await expect(findMediaFiles(folder.resolve("NONE"))).rejects.toMatchObject({ code: "INPUT_UNREADABLE" });
  });
});
