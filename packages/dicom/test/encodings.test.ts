/** Byte order, deflate, preambles, missing meta information: the same dataset however it was stored. */
import { readFileSync } from "node:fs";
import {
  convertToExplicit,
  DEFAULT_DICOM_LIMITS,
  type DicomDataset,
  DicomError,
  decodeHu,
  decodeTexts,
  getKnownVr,
  readBigIntegers,
  readDataset,
  readDicomFile,
  readFrameBytes,
  readFrameFormat,
  readItems,
  readNumbers,
  readTags,
  readText,
  TAG,
  TRANSFER_SYNTAX_UID,
  writeDataset,
  writeDicomFile,
} from "@alara/dicom";
import fc from "fast-check";
import { deflateSync } from "fflate";
import { describe, expect, it } from "vitest";
import { arbitraryBody } from "./arbitrary-body.ts";
import {
  ascii,
  concat,
  EXPLICIT_LE,
  expectCode,
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

const DEFLATED = TRANSFER_SYNTAX_UID.deflatedExplicitLittleEndian;
const BIG_ENDIAN = TRANSFER_SYNTAX_UID.explicitBigEndian;

type GoldenElement = readonly [
  string,
  string,
  string | readonly (string | number)[] | readonly GoldenElement[][],
];
interface Golden {
  readonly tool: string;
  readonly sets: readonly {
    readonly bits: number;
    readonly pixels: readonly number[];
    readonly elements: readonly GoldenElement[];
    readonly files: Readonly<Record<string, string>>;
  }[];
}
const golden = JSON.parse(readFileSync(new URL("./golden/every-vr.json", import.meta.url), "utf8")) as Golden;

/** The values of an element as the golden file lists them. */
function describeElement(dataset: DicomDataset, tag: number, vr: string): unknown {
  const element = dataset.elements.get(tag);
  if (element === undefined) return "absent";
  if (vr === "SQ") {
    return (readItems(dataset, tag) ?? []).map((content) =>
      [...content.elements.values()].map((inner) => [
        inner.tag.toString(16).toUpperCase().padStart(8, "0"),
        inner.vr,
        describeElement(content, inner.tag, inner.vr),
      ]),
    );
  }
  if (/^(O.|UN)$/.test(vr)) return Buffer.from(element.bytes).toString("hex");
  if (vr === "SV" || vr === "UV") return (readBigIntegers(dataset, tag) ?? []).map(String);
  if (vr === "AT") return readTags(dataset, tag) ?? [];
  if (/^(DS|IS|F.|S[LS]|U[LS])$/.test(vr)) return readNumbers(dataset, tag) ?? [];
  return decodeTexts(dataset, tag) ?? [];
}

describe.each(golden.sets)(`every VR with $bits-bit pixels, as ${golden.tool} reads them`, (set) => {
  it.each(Object.keys(set.files))("%s", async (name) => {
    const file = readDicomFile(new Uint8Array(Buffer.from(set.files[name], "base64")));
    for (const [hex, vr, value] of set.elements) {
      const tag = Number.parseInt(hex, 16);
      const element = file.dataset.elements.get(tag);
      if (element === undefined) throw new Error(`${hex} is missing`);
      // Implicit VR has no VR for private elements.
      if (name === "implicit" && getKnownVr(element) === "UN") continue;
      expect([hex, element.vr]).toEqual([hex, vr]);
      expect([hex, describeElement(file.dataset, tag, vr)]).toEqual([hex, value]);
    }
    const format = readFrameFormat(file.dataset);
    const bytes = await readFrameBytes(file, format);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const words = set.pixels.map((_, i) =>
      set.bits === 8 ? bytes[i] : set.bits === 16 ? view.getUint16(2 * i, true) : view.getUint32(4 * i, true),
    );
    expect(words).toEqual(set.pixels);
  });
});

/** Explicit big endian by hand, independent of the package: items and elements from a little description. */
function big(tag: number, vr: string, value: Uint8Array, length = value.length): Uint8Array {
  const head = Uint8Array.of((tag >>> 24) & 255, (tag >>> 16) & 255, (tag >>> 8) & 255, tag & 255);
  const long = Uint8Array.of(
    (length >>> 24) & 255,
    (length >>> 16) & 255,
    (length >>> 8) & 255,
    length & 255,
  );
  if (vr === "") return concat(head, long, value);
  if (/^(OB|OW|SQ|UN|UT)$/.test(vr)) return concat(head, ascii(vr), Uint8Array.of(0, 0), long, value);
  return concat(head, ascii(vr), long.subarray(2), value);
}

describe("big endian", () => {
  const end = big(0xfffee0dd, "", new Uint8Array(0));
  const itemEnd = big(0xfffee00d, "", new Uint8Array(0));

  it("reads nested open sequences, and leaves UN as the little endian it always is", () => {
    const code = big(0x00280010, "US", Uint8Array.of(1, 2));
    const openSequence = big(
      0x0040a170,
      "SQ",
      concat(big(0xfffee000, "", concat(code, itemEnd), UNDEFINED), end),
      UNDEFINED,
    );
    const hidden = concat(item(concat(tagBytes(0x00080100), uint32(2), ascii("X "))), SEQUENCE_END);
    const unknown = big(0x0040a730, "UN", hidden, UNDEFINED);
    const file = readDicomFile(part10(concat(openSequence, unknown), BIG_ENDIAN));
    expect(readNumbers((readItems(file.dataset, 0x0040a170) ?? [])[0], TAG.Rows)).toEqual([258]);
    expect(readText((readItems(file.dataset, 0x0040a730) ?? [])[0], TAG.CodeValue)).toBe("X");
    expect(file.storedTransferSyntaxUid).toBe(BIG_ENDIAN);
    expect(file.transferSyntaxUid).toBe(EXPLICIT_LE);
  });

  it("is found in files without meta information", () => {
    const body = concat(
      big(0x00080005, "CS", ascii("ISO_IR 100")),
      big(0x00280010, "US", Uint8Array.of(0, 7)),
    );
    const file = readDicomFile(body);
    expect(file.storedTransferSyntaxUid).toBe(BIG_ENDIAN);
    expect(readNumbers(file.dataset, TAG.Rows)).toEqual([7]);
  });

  it("keeps elements within their item", () => {
    const long = big(0x00280010, "US", Uint8Array.of(0, 7), 4);
    const items = concat(big(0xfffee000, "", long), big(0xfffee000, "", new Uint8Array(0)));
    const error = expectCode(
      () => readDicomFile(part10(big(0x0040a170, "SQ", items), BIG_ENDIAN)),
      "VALUE_BEYOND_END",
    );
    expect(error.message).toContain("only 2 are present");
  });

  it("does not touch the given bytes, and is written as little endian only", () => {
    const bytes = part10(
      concat(
        big(0x00080016, "UI", ascii("1.2\0")),
        big(0x00080018, "UI", ascii("1.3\0")),
        big(0x00280010, "US", Uint8Array.of(0, 7)),
      ),
      BIG_ENDIAN,
    );
    const before = bytes.slice();
    const file = readDicomFile(bytes);
    expect(bytes).toEqual(before);
    const written = readDicomFile(writeDicomFile(file.dataset, file.transferSyntaxUid));
    expect(written.storedTransferSyntaxUid).toBe(EXPLICIT_LE);
    expect(readNumbers(written.dataset, TAG.Rows)).toEqual([7]);
    expectCode(() => writeDicomFile(file.dataset, BIG_ENDIAN), "UNSUPPORTED_TRANSFER_SYNTAX");
  });

  it("refuses damage by code", () => {
    const cases: readonly (readonly [Uint8Array, string])[] = [
      [big(0x00280010, "US", Uint8Array.of(0, 7), 90), "VALUE_BEYOND_END"],
      [Uint8Array.of(0, 8, 0, 5, 67), "TRUNCATED"],
      [big(0x00280010, "us", Uint8Array.of(0, 7)), "INVALID_VR"],
      [big(0x7fe00010, "OW", new Uint8Array(0), UNDEFINED), "INVALID_LENGTH"],
      [end, "INVALID_SEQUENCE"],
      [big(0x0040a170, "SQ", big(0x00280010, "US", Uint8Array.of(0, 7))), "INVALID_SEQUENCE"],
      [big(0x0040a170, "SQ", new Uint8Array(0), UNDEFINED), "TRUNCATED"],
    ];
    for (const [body, code] of cases) expectCode(() => readDicomFile(part10(body, BIG_ENDIAN)), code);
    let nested = new Uint8Array(0) as Uint8Array;
    for (let i = 0; i < 33; i++) nested = big(0x0040a730, "SQ", big(0xfffee000, "", nested));
    expectCode(() => readDicomFile(part10(nested, BIG_ENDIAN)), "NESTING_TOO_DEEP");
    const limits = { ...DEFAULT_DICOM_LIMITS, maxElements: 20 };
    expectCode(() => readDicomFile(part10(nested, BIG_ENDIAN), { limits }), "LIMIT_EXCEEDED");
  });
});

describe("deflated", () => {
  it("reads what fflate and zlib deflated and writes what zlib inflates", async () => {
    const { deflateRawSync, inflateRawSync } = await import("node:zlib");
    const plain = makeCtSlice();
    const file = readDicomFile(plain);
    const body = writeDataset(file.dataset);
    for (const deflated of [
      deflateRawSync(body),
      deflateSync(body),
      concat(deflateSync(body), Uint8Array.of(0)),
    ]) {
      const read = readDicomFile(part10(deflated, DEFLATED));
      expect(writeDataset(read.dataset)).toEqual(body);
      expect(read.transferSyntaxUid).toBe(EXPLICIT_LE);
      expect(read.storedTransferSyntaxUid).toBe(DEFLATED);
      expect((await decodeHu(read)).hu).toEqual((await decodeHu(file)).hu);
    }
    const written = writeDicomFile(file.dataset, DEFLATED);
    expect(written.length % 2).toBe(0);
    const metaEnd = 132 + 12 + new DataView(written.buffer).getUint32(140, true);
    expect(new Uint8Array(inflateRawSync(written.subarray(metaEnd)))).toEqual(body);
    expect(writeDataset(readDicomFile(written).dataset)).toEqual(body);
  });

  it("trusts the group length where the stream starts with the bytes of group 0002", () => {
    // An empty block of fixed codes is 02 00; a stored block with the dataset and an empty last one follow.
    const body = writeDataset(readDicomFile(makeCtSlice()).dataset);
    const head = concat(Uint8Array.of(2, 0), uint16(body.length, 0xffff - body.length));
    const stream = concat(head, body, Uint8Array.of(1, 0, 0, 0xff, 0xff));
    expect(writeDataset(readDicomFile(part10(stream, DEFLATED)).dataset)).toEqual(body);
  });

  it("ends a bomb of 97 KB early, with little memory and time", () => {
    const bomb = part10(deflateSync(new Uint8Array(100_000_000), { level: 9 }), DEFLATED);
    expect(bomb.length).toBeLessThan(120_000);
    const before = process.memoryUsage().arrayBuffers;
    const start = process.cpuUsage();
    const error = expectCode(() => readDicomFile(bomb), "LIMIT_EXCEEDED");
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(1000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 26);
    expect(error.message).toContain("maxInflatedBytes");
    const limits = { ...DEFAULT_DICOM_LIMITS, maxInflatedBytes: 1000 };
    const small = part10(deflateSync(new Uint8Array(2000)), DEFLATED);
    expectCode(() => readDicomFile(small, { limits }), "LIMIT_EXCEEDED");
  });

  it("refuses streams that are cut off or damaged", () => {
    const deflated = deflateSync(writeDataset(readDicomFile(makeCtSlice()).dataset));
    for (let length = 0; length < deflated.length - 1; length += 7) {
      const error = expectCode(
        () => readDicomFile(part10(deflated.subarray(0, length), DEFLATED)),
        "TRUNCATED",
      );
      expect(error.message).toContain("cut off");
    }
    expectCode(() => readDicomFile(part10(Uint8Array.of(7, 7, 7, 7), DEFLATED)), "INVALID_COMPRESSED_DATA");
  });
});

describe("preamble", () => {
  const withPreamble = (start: Uint8Array): Uint8Array => {
    const bytes = makeCtSlice();
    bytes.set(start);
    return bytes;
  };
  it.each([
    ["zeros", Uint8Array.of(0)],
    ["TIFF, little endian", Uint8Array.of(0x49, 0x49, 0x2a, 0, 8)],
    ["TIFF, big endian", Uint8Array.of(0x4d, 0x4d, 0, 0x2a, 8)],
    ["BigTIFF", Uint8Array.of(0x49, 0x49, 0x2b, 0, 8)],
    ["an application's own bytes", Uint8Array.of(0, 0, 0, 9, 0x41, 0x42, 0x43, 200)],
  ])("%s: read, and written as zeros", (_, start) => {
    const file = readDicomFile(withPreamble(start));
    const written = writeDicomFile(file.dataset, file.transferSyntaxUid);
    expect(written.subarray(0, 128)).toEqual(new Uint8Array(128));
  });
  it.each([
    ["PE", ascii("MZ")],
    ["ELF", concat(Uint8Array.of(0x7f), ascii("ELF"))],
    ["Mach-O", Uint8Array.of(0xcf, 0xfa, 0xed, 0xfe)],
    ["HTML", ascii("<html><script>")],
    ["script", ascii("#!/bin/sh\n")],
    ["WebAssembly", concat(Uint8Array.of(0), ascii("asm"))],
    ["page behind other bytes", concat(Uint8Array.of(0, 9, 200), ascii("<svg"))],
    ["text", ascii("copy a b")],
  ])("%s: refused unless asked for, and gone after writing", (_, start) => {
    const bytes = withPreamble(start);
    expectCode(() => readDicomFile(bytes), "UNSAFE_PREAMBLE");
    const file = readDicomFile(bytes, { preamble: "any" });
    expect(writeDicomFile(file.dataset, file.transferSyntaxUid).subarray(0, 128)).toEqual(
      new Uint8Array(128),
    );
  });
});

describe("meta information", () => {
  it("is read whatever its group length says", () => {
    const good = makeCtSlice();
    const wrong = good.slice();
    new DataView(wrong.buffer).setUint32(140, 9999, true);
    const missing = concat(good.subarray(0, 132), good.subarray(144));
    for (const bytes of [wrong, missing]) {
      expect(writeDataset(readDicomFile(bytes).dataset)).toEqual(writeDataset(readDicomFile(good).dataset));
    }
  });

  it("may lack the transfer syntax, which is guessed", () => {
    const body = makeCtSlice().subarray(part10(new Uint8Array(0)).length);
    expect(readDicomFile(part10(body, "")).storedTransferSyntaxUid).toBe(EXPLICIT_LE);
  });

  it("and commands have no place in a dataset, read or written", () => {
    const command = explicit(0x00000100, "US", uint16(1));
    const late = explicit(0x00020010, "UI", "1.2");
    const rest = explicit(0x00080016, "UI", "1.2");
    for (const body of [concat(command, rest), concat(rest, late)]) {
      expectCode(() => readDicomFile(part10(body)), "UNEXPECTED_ELEMENT");
    }
    // Implicit VR reads zeros in front of the data as an element of group 0000.
    const zeros = concat(new Uint8Array(8), implicit(0x00080016, "1.2"));
    expectCode(() => readDicomFile(part10(zeros, IMPLICIT_LE)), "UNEXPECTED_ELEMENT");
    const message = readDataset(
      concat(command, explicit(0x00080016, "UI", "1.2"), explicit(0x00080018, "UI", "1.3")),
      "explicit-le",
    );
    expect(message.elements.size).toBe(3);
    expectCode(() => writeDicomFile(message, EXPLICIT_LE), "UNEXPECTED_ELEMENT");
  });

  it("is followed by a dataset that may end in zeros, which are not written back", async () => {
    const explicitBody = explicit(0x00080016, "UI", "1.2");
    const bigEndianBody = concat(
      Uint8Array.of(0, 8, 0, 0x16),
      ascii("UI"),
      Uint8Array.of(0, 4),
      ascii("1.2\0"),
    );
    const cases: readonly (readonly [string, Uint8Array])[] = [
      [EXPLICIT_LE, explicitBody],
      [IMPLICIT_LE, implicit(0x00080016, "1.2\0")],
      [BIG_ENDIAN, bigEndianBody],
    ];
    for (const [syntax, body] of cases) {
      const file = readDicomFile(part10(body, syntax));
      for (const zeros of [1, 7, 8, 12, 511, 4096]) {
        const padded = readDicomFile(part10(concat(body, new Uint8Array(zeros)), syntax));
        expect(padded.dataset.elements.size).toBe(1);
        expect(writeDataset(padded.dataset)).toEqual(writeDataset(file.dataset));
        const garbage = concat(body, new Uint8Array(zeros), Uint8Array.of(1));
        expect(() => readDicomFile(part10(garbage, syntax))).toThrow(DicomError);
      }
    }
    const slice = makeCtSlice();
    const { hu } = await decodeHu(readDicomFile(concat(slice, new Uint8Array(1000))));
    expect(hu).toEqual((await decodeHu(readDicomFile(slice))).hu);
    // Items and bare datasets are not files: nothing fills them up.
    expectCode(() => readDataset(concat(explicitBody, new Uint8Array(8)), "explicit-le"), "INVALID_VR");
  });

  it("is followed by trailing padding that stays", () => {
    const body = concat(explicit(0x00080016, "UI", "1.2"), explicit(0xfffcfffc, "OB", new Uint8Array(10)));
    expect(writeDataset(readDicomFile(part10(body)).dataset)).toEqual(body);
  });
});

describe("group lengths", () => {
  it("stay when they are right and are made right when they are not", () => {
    const content = concat(explicit(0x00080016, "UI", "1.2"), explicit(0x00080060, "CS", "CT"));
    const make = (length: number): Uint8Array => concat(explicit(0x00080000, "UL", uint32(length)), content);
    for (const length of [content.length, 7]) {
      expect(writeDataset(readDataset(make(length), "explicit-le"))).toEqual(make(content.length));
    }
  });
});

describe("round trip in every encoding", () => {
  it("gives the same dataset back", () => {
    const uids = concat(explicit(0x00080016, "UI", "1.2"), explicit(0x00080018, "UI", "1.3"));
    fc.assert(
      fc.property(arbitraryBody(3), (random) => {
        const body = concat(uids, random);
        const dataset = readDataset(body, "explicit-le");
        for (const syntax of [EXPLICIT_LE, DEFLATED]) {
          expect(writeDataset(readDicomFile(writeDicomFile(dataset, syntax)).dataset)).toEqual(body);
        }
      }),
      { numRuns: 150, seed: 11 },
    );
  });

  it("and implicit VR becomes explicit with the values untouched", () => {
    const dataset = readDicomFile(makeCtSlice({ transferSyntax: IMPLICIT_LE })).dataset;
    const converted = convertToExplicit(dataset);
    expect(writeDataset(converted)).toEqual(writeDataset(readDicomFile(makeCtSlice()).dataset));
  });
});

describe("UN", () => {
  it("holds sequences of either length form in implicit VR, and numbers of known elements", () => {
    const hidden = item(concat(tagBytes(0x00080100), uint32(4), ascii("1234")));
    const body = concat(
      explicit(0x00280010, "UN", uint16(512)),
      explicit(0x00081140, "UN", hidden),
      explicit(0x0040a170, "UN", concat(openItem(new Uint8Array(0)), SEQUENCE_END), UNDEFINED),
    );
    const dataset = readDataset(concat(body.subarray(0)), "explicit-le");
    expect(readNumbers(dataset, TAG.Rows)).toEqual([512]);
    expect(readText((readItems(dataset, 0x00081140) ?? [])[0], TAG.CodeValue)).toBe("1234");
    expect(readItems(dataset, 0x0040a170)?.length).toBe(1);
  });
});
