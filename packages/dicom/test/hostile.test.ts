/** Hostile and broken input by name: coded errors, bounded time and memory. Mutated input: hostile-fuzz.test.ts. */

import {
  DEFAULT_DICOM_LIMITS,
  DicomError,
  decodeHu,
  readDicomFile,
  readFrameFormat,
  readItems,
  scanSeries,
} from "@alara/dicom";
import { describe, expect, it } from "vitest";
import {
  ascii,
  concat,
  createMemorySource,
  explicit,
  IMPLICIT_LE,
  implicit,
  item,
  makeCtSlice,
  openItem,
  part10,
  SEQUENCE_END,
  tagBytes,
  UNDEFINED,
  uint16,
  uint32,
} from "./make-dicom.ts";

function readCode(run: () => unknown): string {
  try {
    run();
    return "none";
  } catch (error) {
    if (error instanceof DicomError) return error.code;
    throw error;
  }
}

/** Everything a reader may be asked of one file. */
async function exercise(bytes: Uint8Array): Promise<string> {
  try {
    const file = readDicomFile(bytes);
    for (const element of file.dataset.elements.values()) {
      if (element.vr === "SQ") readItems(file.dataset, element.tag);
    }
    const { hu } = await decodeHu(file);
    return `decoded ${hu.length}`;
  } catch (error) {
    if (error instanceof DicomError) return error.code;
    throw error;
  }
}

describe("lengths that lie", () => {
  it("refuses a 248-byte file that declares 4 GB of pixels", () => {
    const head = concat(explicit(0x00280010, "US", uint16(512)), explicit(0x00280011, "US", uint16(512)));
    const file = part10(concat(head, explicit(0x7fe00010, "OW", Uint8Array.of(1, 2), 0xfffffff0)));
    expect(file.length).toBeLessThan(300);
    expect(readCode(() => readDicomFile(file))).toBe("VALUE_BEYOND_END");
  });

  it("refuses an image larger than its limits or its bytes before allocating it", async () => {
    const huge = makeCtSlice({ rows: 65535, columns: 65535, pixels: new Uint8Array(8), bitsAllocated: 32 });
    expect(await exercise(huge)).toBe("LIMIT_EXCEEDED");
    expect(await exercise(makeCtSlice({ rows: 4096, columns: 4096, pixels: new Uint8Array(8) }))).toBe(
      "PIXEL_DATA_MISMATCH",
    );
    const many = makeCtSlice({ extra: [[0x00280008, "IS", "2000000000"]] });
    expect(await exercise(many)).toBe("LIMIT_EXCEEDED");
    const file = readDicomFile(many, { limits: { ...DEFAULT_DICOM_LIMITS, maxFrames: 2 ** 31 } });
    expect(readFrameFormat(file.dataset).frames).toBe(2_000_000_000);
    await expect(decodeHu(file)).rejects.toMatchObject({ code: "PIXEL_DATA_MISMATCH" });
  });

  it("refuses US dimensions given in other sizes", async () => {
    expect(await exercise(makeCtSlice({ extra: [[0x00280010, "UL", uint32(0x80000000)]] }))).toBe(
      "LIMIT_EXCEEDED",
    );
    expect(await exercise(makeCtSlice({ extra: [[0x00280010, "DS", "4.5"]] }))).toBe("INVALID_VALUE");
    expect(await exercise(makeCtSlice({ extra: [[0x00280010, "SS", uint16(0xffff)]] }))).toBe(
      "INVALID_VALUE",
    );
  });

  it("limits files and elements", () => {
    const limits = { ...DEFAULT_DICOM_LIMITS, maxElements: 10 };
    expect(readCode(() => readDicomFile(makeCtSlice(), { limits }))).toBe("LIMIT_EXCEEDED");
    expect(
      readCode(() =>
        readDicomFile(makeCtSlice(), { limits: { ...DEFAULT_DICOM_LIMITS, maxFileBytes: 100 } }),
      ),
    ).toBe("FILE_TOO_LARGE");
    const items = explicit(
      0x00081140,
      "SQ",
      concat(...Array.from({ length: 40 }, () => item(new Uint8Array(0)))),
    );
    const file = readDicomFile(part10(items), { limits: { ...DEFAULT_DICOM_LIMITS, maxElements: 30 } });
    expect(readCode(() => readItems(file.dataset, 0x00081140))).toBe("LIMIT_EXCEEDED");
  });
});

describe("nesting", () => {
  it("refuses 200 000 nested sequences of undefined length, quickly and without recursion", () => {
    const step = concat(
      tagBytes(0x0040a730),
      ascii("SQ"),
      uint16(0),
      uint32(UNDEFINED),
      tagBytes(0xfffee000),
      uint32(UNDEFINED),
    );
    const body = new Uint8Array(step.length * 200_000);
    for (let i = 0; i < 200_000; i++) body.set(step, i * step.length);
    const start = process.cpuUsage();
    expect(readCode(() => readDicomFile(part10(body)))).toBe("NESTING_TOO_DEEP");
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(1000);
    const implicitStep = concat(
      tagBytes(0x0040a730),
      uint32(UNDEFINED),
      tagBytes(0xfffee000),
      uint32(UNDEFINED),
    );
    const implicitBody = concat(...Array.from({ length: 1000 }, () => implicitStep));
    expect(readCode(() => readDicomFile(part10(implicitBody, IMPLICIT_LE)))).toBe("NESTING_TOO_DEEP");
  });

  it("reads 32 levels and refuses the 33rd, whatever the length form", () => {
    for (const isOpen of [true, false]) {
      const nest = (levels: number): Uint8Array => {
        let body = explicit(0x00080100, "SH", "X");
        for (let i = 0; i < levels; i++) {
          body = isOpen
            ? explicit(0x0040a730, "SQ", concat(openItem(body), SEQUENCE_END), UNDEFINED)
            : explicit(0x0040a730, "SQ", item(body));
        }
        return part10(body);
      };
      const descend = (bytes: Uint8Array): void => {
        let dataset = readDicomFile(bytes).dataset;
        while (dataset.elements.has(0x0040a730)) dataset = (readItems(dataset, 0x0040a730) ?? [])[0];
      };
      expect(readCode(() => descend(nest(32)))).toBe("none");
      expect(readCode(() => descend(nest(33)))).toBe("NESTING_TOO_DEEP");
    }
  });

  it("keeps the size of a file with a large UN-encoded sequence", () => {
    const content = concat(...Array.from({ length: 2000 }, () => item(implicit(0x00080100, "ABCD"))));
    const bytes = part10(explicit(0x00091001, "UN", concat(content, SEQUENCE_END), UNDEFINED));
    const file = readDicomFile(bytes);
    expect(file.dataset.elements.get(0x00091001)?.bytes.length).toBe(content.length + 8);
    expect(readItems(file.dataset, 0x00091001)?.length).toBe(2000);
  });
});

describe("truncation", () => {
  it("gives a coded error or a shorter dataset at every length of a small file", async () => {
    const fragments = concat(tagBytes(0xfffee000), uint32(0), item(Uint8Array.of(1, 2, 3, 4)), SEQUENCE_END);
    const files = [
      makeCtSlice({
        extra: [
          [0x00081140, "SQ", item(explicit(0x00081150, "UI", "1.2"))],
          [0x00189999, "UV", uint32(1, 0)],
        ],
      }),
      makeCtSlice({ transferSyntax: IMPLICIT_LE }),
      part10(
        concat(
          explicit(
            0x00081140,
            "SQ",
            concat(openItem(explicit(0x00081150, "UI", "1.2")), SEQUENCE_END),
            UNDEFINED,
          ),
        ),
      ),
      part10(explicit(0x7fe00010, "OB", fragments, UNDEFINED), "1.2.840.10008.1.2.5"),
    ];
    const codes = new Set<string>();
    for (const bytes of files) {
      for (let length = 0; length < bytes.length; length++) codes.add(await exercise(bytes.slice(0, length)));
    }
    expect([...codes].sort()).toEqual(
      ["INVALID_VALUE", "MISSING_ATTRIBUTE", "NOT_DICOM", "TRUNCATED", "VALUE_BEYOND_END"].filter((code) =>
        codes.has(code),
      ),
    );
    expect(codes).toContain("TRUNCATED");
    expect(codes).toContain("VALUE_BEYOND_END");
  });
});

describe("values that lie", () => {
  it("skips RGB, other modalities and unknown syntaxes with their codes", async () => {
    const rgb = makeCtSlice({
      samplesPerPixel: 3,
      photometric: "RGB",
      pixels: new Uint8Array(4 * 6 * 3 * 2),
    });
    const cases: readonly (readonly [string, Uint8Array, string])[] = [
      ["rgb", rgb, "UNSUPPORTED_PHOTOMETRIC"],
      ["mr", makeCtSlice({ modality: "MR", sopClass: "1.2.840.10008.5.1.4.1.1.4" }), "NOT_CT"],
      ["scout", makeCtSlice({ imageType: "ORIGINAL\\PRIMARY\\LOCALIZER" }), "LOCALIZER"],
      ["screen", makeCtSlice({ imageType: "DERIVED\\SECONDARY\\SCREEN SAVE" }), "SECONDARY_CAPTURE"],
      ["capture", makeCtSlice({ sopClass: "1.2.840.10008.5.1.4.1.1.7" }), "SECONDARY_CAPTURE"],
      ["enhanced", makeCtSlice({ sopClass: "1.2.840.10008.5.1.4.1.1.2.1" }), "MULTI_FRAME"],
      ["frames", makeCtSlice({ extra: [[0x00280008, "IS", "2"]] }), "UNSUPPORTED_PIXEL_FORMAT"],
      ["no pixels", makeCtSlice({ omit: [0x7fe00010] }), "NO_PIXEL_DATA"],
      ["no position", makeCtSlice({ omit: [0x00200032] }), "NO_GEOMETRY"],
      ["no rescale", makeCtSlice({ omit: [0x00281053] }), "MISSING_ATTRIBUTE"],
      ["slope 0", makeCtSlice({ slope: "0" }), "INVALID_VALUE"],
      ["slope text", makeCtSlice({ slope: "one" }), "INVALID_VALUE"],
      ["not HU", makeCtSlice({ extra: [[0x00281054, "LO", "OD"]] }), "NOT_HU"],
      ["path uid", makeCtSlice({ sopUid: "../../x" }), "INVALID_VALUE"],
      ["long uid", makeCtSlice({ seriesUid: "1.".repeat(40) }), "INVALID_VALUE"],
      ["spacing", makeCtSlice({ pixelSpacing: "0\\0" }), "INVALID_VALUE"],
      ["skewed", makeCtSlice({ orientation: [1, 0, 0, 1, 0, 0] }), "INVALID_VALUE"],
      ["bits", makeCtSlice({ bitsStored: 12, highBit: 5 }), "INVALID_VALUE"],
      ["12 allocated", makeCtSlice({ bitsAllocated: 12 }), "UNSUPPORTED_PIXEL_FORMAT"],
      ["syntax", part10(new Uint8Array(0), "1.2.840.10008.1.2.4.100"), "UNSUPPORTED_TRANSFER_SYNTAX"],
      ["text", ascii("This is a letter, not an image. ".repeat(20)), "NOT_DICOM"],
    ];
    const { series, skipped } = await scanSeries(
      cases.map(([name, bytes]) => createMemorySource(bytes, name)),
    );
    expect(series).toEqual([]);
    expect(skipped.map(({ name, code }) => [name, code])).toEqual(
      cases.map(([name, , code]) => [name, code]),
    );
  });

  it("shows no patient data in any reason", async () => {
    const canary = "CANARY^PATIENT";
    const files = [
      makeCtSlice({ slope: canary, extra: [[0x00100010, "PN", canary]] }),
      makeCtSlice({ sopUid: canary }),
      makeCtSlice({ extra: [[0x00281054, "LO", canary]] }),
      makeCtSlice({ photometric: canary }),
      makeCtSlice({ modality: canary }),
      part10(new Uint8Array(0), canary),
    ];
    const { skipped } = await scanSeries(files.map((bytes, i) => createMemorySource(bytes, `file-${i}`)));
    expect(skipped.length).toBe(files.length);
    expect(JSON.stringify(skipped)).not.toContain("CANARY");
  });

  it("passes errors of the source through when they are not its own", async () => {
    const broken = { name: "broken", read: () => Promise.reject(new Error("disk on fire")) };
    await expect(scanSeries([broken])).rejects.toThrow("disk on fire");
  });
});
