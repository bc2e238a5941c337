/** Values of every VR: binary numbers, tags, private blocks, odd decimal strings, dates, names from the dictionary. */
import {
  type BinaryVr,
  createNumberElement,
  editDataset,
  findPrivateCreator,
  findPrivateTag,
  loadDictionary,
  parseDicomDate,
  parseDicomDateTime,
  parseDicomTime,
  readBigIntegers,
  readDataset,
  readInteger,
  readNumbers,
  readTags,
  TAG,
} from "@alara/dicom";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concat, expectCode, explicit, uint16 } from "./make-dicom.ts";

const EMPTY = readDataset(new Uint8Array(0), "explicit-le");

describe("createNumberElement", () => {
  const ranges: readonly (readonly [BinaryVr, bigint, bigint])[] = [
    ["US", 0n, 0xffffn],
    ["SS", -0x8000n, 0x7fffn],
    ["UL", 0n, 0xffffffffn],
    ["SL", -0x80000000n, 0x7fffffffn],
    ["UV", 0n, 0xffffffffffffffffn],
    ["SV", -0x8000000000000000n, 0x7fffffffffffffffn],
  ];
  it.each(ranges)("%s: what is written is read, and what is out of range is refused", (vr, min, max) => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min, max }), { minLength: 1, maxLength: 5 }), (values) => {
        const element = createNumberElement(0x00091001, values, vr);
        const dataset = editDataset(EMPTY, new Map([[element.tag, element]]));
        expect(readBigIntegers(dataset, element.tag)).toEqual(values);
      }),
      { numRuns: 50, seed: 1 },
    );
    for (const value of [min - 1n, max + 1n, 0.5]) {
      expectCode(() => createNumberElement(0x00091001, [value], vr), "INVALID_VALUE");
    }
  });

  it("writes tags and floats", () => {
    const at = createNumberElement(0x00280009, [0x00181063, 0xfffe_e000], "AT");
    const fd = createNumberElement(0x00189073, [-1.5, 1e300], "FD");
    const dataset = editDataset(
      EMPTY,
      new Map([
        [at.tag, at],
        [fd.tag, fd],
      ]),
    );
    expect(readTags(dataset, at.tag)).toEqual([0x00181063, 0xfffee000]);
    expect([...at.bytes.subarray(0, 4)]).toEqual([0x18, 0, 0x63, 0x10]);
    expect(readNumbers(dataset, fd.tag)).toEqual([-1.5, 1e300]);
    expectCode(() => readTags(dataset, fd.tag), "INVALID_VALUE");
    expectCode(() => readBigIntegers(dataset, fd.tag), "INVALID_VALUE");
    expect(readTags(dataset, TAG.Rows)).toBeUndefined();
  });
});

describe("decimal strings", () => {
  it.each([
    ["007.812500e-01", [0.78125]],
    ["000140", [140]],
    [" 1.5 \\ -2", [1.5, -2]],
    ["+.5", [0.5]],
    ["1e3 ", [1000]],
    ["-0", [-0]],
  ] as const)("%j is read", (text, values) => {
    expect(readNumbers(readDataset(explicit(0x00180050, "DS", text), "explicit-le"), 0x00180050)).toEqual(
      values,
    );
  });
  it.each(["1,5", "1\\\\3", "1 2", "0x10", "NaN", "Infinity", "1e999", "--1", "1e", "."])(
    "%j is refused by code",
    (text) => {
      const dataset = readDataset(explicit(0x00180050, "DS", text), "explicit-le");
      expectCode(() => readNumbers(dataset, 0x00180050), "INVALID_VALUE");
    },
  );
  it("reads whole IS written with decimals and refuses others", () => {
    const read = (text: string): number | undefined =>
      readInteger(readDataset(explicit(TAG.InstanceNumber, "IS", text), "explicit-le"), TAG.InstanceNumber);
    expect(read("12.0")).toBe(12);
    expectCode(() => read("12.5"), "INVALID_VALUE");
  });
});

describe("private blocks", () => {
  const dataset = readDataset(
    concat(
      explicit(0x00190010, "LO", "SOMEONE"),
      explicit(0x00190011, "LO", "SIEMENS CT VA0  COAD"),
      explicit(0x00191108, "US", uint16(7)),
    ),
    "explicit-le",
  );
  it("are found by their creator, wherever they stand", () => {
    expect(findPrivateTag(dataset, "SIEMENS CT VA0  COAD", 0x00191008)).toBe(0x00191108);
    expect(findPrivateTag(dataset, "NOBODY", 0x00191008)).toBeUndefined();
    expect(findPrivateTag(dataset, "SOMEONE", 0x00181008)).toBeUndefined();
    expect(findPrivateCreator(dataset, 0x00191108)).toBe("SIEMENS CT VA0  COAD");
    expect(findPrivateCreator(dataset, 0x00191208)).toBeUndefined();
    expect(findPrivateCreator(dataset, 0x00190011)).toBeUndefined();
  });
});

describe("dates", () => {
  it.each([
    ["20240229", { year: 2024, month: 2, day: 29 }],
    ["1999.12.31", { year: 1999, month: 12, day: 31 }],
    ["00010101", { year: 1, month: 1, day: 1 }],
    ["20230229", undefined],
    ["20241301", undefined],
    ["20240100", undefined],
    ["1999.1231", undefined],
    ["2024-01-01", undefined],
    ["", undefined],
  ])("DA %j", (text, expected) => {
    expect(parseDicomDate(text)).toEqual(expected);
  });

  it.each([
    ["10", { hour: 10 }],
    ["1011", { hour: 10, minute: 11 }],
    ["101112.5", { hour: 10, minute: 11, second: 12, microsecond: 500_000 }],
    ["10:11:12", { hour: 10, minute: 11, second: 12 }],
    ["10:11:12.000001", { hour: 10, minute: 11, second: 12, microsecond: 1 }],
    ["235960", { hour: 23, minute: 59, second: 60 }],
    ["24", undefined],
    ["1060", undefined],
    ["10:1112", undefined],
    ["1", undefined],
    ["101112.", undefined],
  ])("TM %j", (text, expected) => {
    const time = parseDicomTime(text);
    expect(time === undefined ? undefined : JSON.parse(JSON.stringify(time))).toEqual(expected);
  });

  it.each([
    ["2024", { year: 2024 }],
    [
      "20240229101112.25+0130",
      {
        year: 2024,
        month: 2,
        day: 29,
        time: { hour: 10, minute: 11, second: 12, microsecond: 250_000 },
        offsetMinutes: 90,
      },
    ],
    ["2024022910-0500", { year: 2024, month: 2, day: 29, time: { hour: 10 }, offsetMinutes: -300 }],
    ["2024+0000", { year: 2024, offsetMinutes: 0 }],
    ["20240229101112+1500", undefined],
    ["20240230", undefined],
    ["202402291", undefined],
  ])("DT %j", (text, expected) => {
    const moment = parseDicomDateTime(text);
    expect(moment === undefined ? undefined : JSON.parse(JSON.stringify(moment))).toEqual(expected);
  });
});

describe("loadDictionary", () => {
  it("names standard elements, repeating groups too, and every tag of TAG", async () => {
    const dictionary = await loadDictionary();
    expect(dictionary.size).toBeGreaterThan(4900);
    expect(dictionary.find(0x00180050)).toEqual({
      tag: 0x00180050,
      keyword: "SliceThickness",
      name: "Slice Thickness",
    });
    expect(dictionary.find(0x60023000)?.keyword).toBe("OverlayData");
    expect(dictionary.find(0x00091001)).toBeUndefined();
    expect(dictionary.findKeyword("PixelData")?.tag).toBe(0x7fe00010);
    // Items and delimiters have no entry.
    const own = Object.entries(TAG).filter(([, tag]) => dictionary.find(tag) !== undefined);
    expect(own.length).toBeGreaterThan(100);
    for (const [keyword, tag] of own) expect([tag, dictionary.find(tag)?.keyword]).toEqual([tag, keyword]);
    expect(await loadDictionary()).toBe(dictionary);
  });
});
