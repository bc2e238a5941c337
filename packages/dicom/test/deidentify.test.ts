/** De-identification: keys, dates, choices by type, refusals, descriptions, private elements, and real series after it. */

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import {
  createPseudonyms,
  type DeidentifyOptions,
  type DicomDataset,
  deidentifyFile,
  readDicomFile,
  readItems,
  readNumber,
  readText,
  readTexts,
  scanSeries,
  TAG,
  writeDicomFile,
} from "@alara/dicom";
import { createTemporaryFolder, findDataFolder, requireTool } from "@alara/testing";
import { describe, expect, it } from "vitest";
import { cleanDescription } from "../src/deidentify/descriptors.ts";
import { CONFIDENTIALITY_TABLE, TABLE_EDITION } from "../src/deidentify/generated/confidentiality-table.ts";
import { findProfileRow, listProfileTags } from "../src/deidentify/profile-table.ts";
import { computeHmacSha256 } from "../src/deidentify/pseudonyms.ts";
import { shiftTemporalValue } from "../src/deidentify/temporal.ts";
import {
  ascii,
  concat,
  createMemorySource,
  explicit,
  implicit,
  item,
  makeCtSlice,
  makeStack,
  uint16,
} from "./make-dicom.ts";

const KEY = new Uint8Array(32).fill(1);
type Profile = Partial<DeidentifyOptions>;

async function clean(bytes: Uint8Array, profile: Profile = {}): Promise<DicomDataset> {
  const { file } = await deidentifyFile(readDicomFile(bytes), {
    pseudonyms: createPseudonyms(KEY),
    ...profile,
  });
  return readDicomFile(writeDicomFile(file.dataset, file.transferSyntaxUid)).dataset;
}

async function listFindings(bytes: Uint8Array, profile: Profile = {}): Promise<string[]> {
  const { findings } = await deidentifyFile(readDicomFile(bytes), {
    pseudonyms: createPseudonyms(KEY),
    ...profile,
  });
  return findings.map((finding) => finding.code);
}

function coded(code: string): unknown {
  return expect.objectContaining({ code });
}

/** "absent", "empty", or the text. */
function look(dataset: DicomDataset, tag: number): string {
  const element = dataset.elements.get(tag);
  return element === undefined
    ? "absent"
    : element.bytes.length === 0
      ? "empty"
      : (readText(dataset, tag) ?? "");
}

describe("Table E.1-1", () => {
  it("has the 657 rows of 2026d", () => {
    const rows = CONFIDENTIALITY_TABLE.trim().split(/\s+/);
    const counts = new Map<string, number>();
    for (const row of rows) counts.set(row.split(":")[1], (counts.get(row.split(":")[1]) ?? 0) + 1);
    expect(TABLE_EDITION).toBe("2026d");
    expect(rows.length).toBe(657);
    expect(listProfileTags().length).toBe(653);
    expect(Object.fromEntries(counts)).toMatchInlineSnapshot(`
      {
        "D": 93,
        "U": 55,
        "X": 417,
        "X/D": 23,
        "X/Z": 11,
        "X/Z/D": 8,
        "X/Z/U*": 2,
        "Z": 42,
        "Z/D": 6,
      }
    `);
  });

  // Rows picked by hand from the standard, each option column at least once.
  it.each([
    [0x00100010, "Z", ""],
    [0x00080018, "U", "uid"],
    [0x00080023, "Z/D", "temporal"],
    [0x00181000, "X/Z/D", "device"],
    [0x00080080, "X/Z/D", "institution"],
    [0x00101010, "X", "patient"],
    [0x00102110, "X", "patientText"],
    [0x0008103e, "X", "descriptor"],
    [0x00082112, "X/Z/U*", "uid"],
    [0x60023000, "X", ""],
    [0x00091001, "X", ""],
  ] as const)("row %i", (tag, action, option) => {
    const row = findProfileRow(tag);
    expect(row?.action).toBe(action);
    if (option !== "") expect(row?.[option]).toBe(true);
  });
});

describe("pseudonyms", () => {
  it("computes HMAC-SHA256 as RFC 4231 states it (cases 1, 2, 6)", async () => {
    const bytes = (value: number, count: number): Uint8Array => new Uint8Array(count).fill(value);
    expect(await computeHmacSha256(bytes(0x0b, 20), ascii("Hi There"))).toBe(
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    );
    expect(await computeHmacSha256(ascii("Jefe"), ascii("what do ya want for nothing?"))).toBe(
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
    const long = "Test Using Larger Than Block-Size Key - Hash Key First";
    expect(await computeHmacSha256(bytes(0xaa, 131), ascii(long))).toBe(
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    );
  });

  it("repeats with the same key, differs with another, and refuses a short one", async () => {
    const patient = { id: "4711", fallback: "" };
    const [a, b] = [createPseudonyms(KEY), createPseudonyms(KEY)];
    const other = createPseudonyms(new Uint8Array(32).fill(2));
    expect(await a.replaceUid("1.2.3")).toBe(await b.replaceUid("1.2.3"));
    expect(await a.replaceUid("1.2.3")).not.toBe(await other.replaceUid("1.2.3"));
    expect(await a.replacePatient(patient)).toBe(await b.replacePatient(patient));
    expect(await a.replacePatient(patient)).not.toBe(await other.replacePatient(patient));
    expect(await a.replaceUid("1.2.3")).toMatch(/^2\.25\.[1-9]\d{1,38}$/);
    expect(() => createPseudonyms(new Uint8Array(15))).toThrow(coded("OUT_OF_RANGE") as Error);
  });

  it("takes new Patient IDs from a table and refuses who is not in it", async () => {
    const pseudonyms = createPseudonyms(KEY, { patientIds: new Map([["TEST-1", "SUBJECT-7"]]) });
    const dataset = await clean(makeCtSlice(), { pseudonyms });
    expect(look(dataset, TAG.PatientID)).toBe("SUBJECT-7");
    expect(look(dataset, TAG.PatientName)).toBe("SUBJECT-7^");
    const stranger = makeCtSlice({ extra: [[TAG.PatientID, "LO", "OTHER"]] });
    await expect(clean(stranger, { pseudonyms })).rejects.toThrow(coded("OUT_OF_RANGE") as Error);
  });
});

describe("UIDs", () => {
  it("keeps references within a set, public UIDs and the series together", async () => {
    const reference = (uid: string): Uint8Array =>
      item(concat(explicit(0x00081150, "UI", "1.2.840.10008.5.1.4.1.1.2"), explicit(0x00081155, "UI", uid)));
    const pseudonyms = createPseudonyms(KEY);
    const talairach = "1.2.840.10008.1.4.1.1";
    const first = await clean(makeCtSlice({ sopUid: "1.2.3.4.1" }), { pseudonyms });
    const second = await clean(
      makeCtSlice({
        sopUid: "1.2.3.4.2",
        extra: [
          [0x00082112, "SQ", reference("1.2.3.4.1")],
          [0x00200052, "UI", talairach],
        ],
      }),
      { pseudonyms },
    );
    const [link] = readItems(second, 0x00082112) ?? [];
    expect(look(link, 0x00081155)).toBe(look(first, TAG.SOPInstanceUID));
    expect(look(link, 0x00081150)).toBe("1.2.840.10008.5.1.4.1.1.2");
    expect(look(second, 0x00200052)).toBe(talairach);
    expect(look(first, 0x00200052)).toMatch(/^2\.25\./);
    expect(look(second, TAG.SeriesInstanceUID)).toBe(look(first, TAG.SeriesInstanceUID));
    expect(pseudonyms.uids.get("1.2.3.4.1")).toBe(look(first, TAG.SOPInstanceUID));
  });

  it("leaves a stack of slices one regular series", async () => {
    const pseudonyms = createPseudonyms(KEY);
    const files: Uint8Array[] = [];
    for (const slice of makeStack(7, 3)) {
      const { file } = await deidentifyFile(readDicomFile(slice), { pseudonyms });
      files.push(writeDicomFile(file.dataset, file.transferSyntaxUid));
    }
    const { series, skipped } = await scanSeries(
      files.map((bytes, i) => createMemorySource(bytes, String(i))),
    );
    expect(skipped).toEqual([]);
    expect(series.map((one) => [one.slices.length, one.isRegular])).toEqual([[7, true]]);
  });
});

describe("dates", () => {
  it("moves whole weeks back, keeps weekdays and intervals, and leaves what is no full date", async () => {
    const make = (date: string): Uint8Array =>
      makeCtSlice({
        extra: [
          [0x00080020, "DA", date],
          [0x0008002a, "DT", `${date}101112.5+0100`],
          [0x00100030, "DA", "19500102"],
        ],
      });
    const days = (text: string): number =>
      Date.UTC(Number(text.slice(0, 4)), Number(text.slice(4, 6)) - 1, Number(text.slice(6, 8))) / 86_400_000;
    const a = await clean(make("20200228"), { retain: ["modified-dates"] });
    const b = await clean(make("20200301"), { retain: ["modified-dates"] });
    const shift = days(look(a, 0x00080020)) - days("20200228");
    expect(shift % 7).toBeCloseTo(0);
    expect(shift).toBeLessThanOrEqual(-364);
    expect(shift).toBeGreaterThanOrEqual(-3654);
    expect(days(look(b, 0x00080020)) - days(look(a, 0x00080020))).toBe(2);
    expect(look(a, 0x0008002a)).toBe(`${look(a, 0x00080020)}101112.5+0100`);
    expect(look(a, 0x00080030)).toBe("101112");
    expect(look(a, 0x00100030)).toBe("empty");
    expect(look(a, 0x00280303)).toBe("MODIFIED");
    const partial = await clean(
      makeCtSlice({
        extra: [
          [0x0008002a, "DT", "2020"],
          [0x00080020, "DA", "20200230"],
          [0x00080021, "DA", "soon"],
        ],
      }),
      { retain: ["modified-dates"] },
    );
    expect([0x0008002a, 0x00080020, 0x00080021].map((tag) => look(partial, tag))).toEqual([
      "absent",
      "empty",
      "absent",
    ]);
  });

  it.each([
    ["20240229", "DA", 366, "20250301"],
    ["2024.02.29", "DA", 0, "20240229"],
    ["20231231235959", "DT", 1, "20240101235959"],
    ["202312", "DT", 1, undefined],
    ["101112.123456", "TM", 5, "101112.123456"],
    ["ten", "TM", 0, undefined],
  ] as const)("shifts %s as %s by %i days", (value, vr, days, expected) => {
    expect(shiftTemporalValue(value, vr, days)).toBe(expected);
  });

  it("refuses full and modified dates together", async () => {
    await expect(clean(makeCtSlice(), { retain: ["full-dates", "modified-dates"] })).rejects.toThrow(
      coded("OUT_OF_RANGE") as Error,
    );
  });
});

describe("objects whose dataset does not say what they are", () => {
  it("are what their file meta information says", async () => {
    const whole = await clean(makeCtSlice());
    for (const extra of [[], [[0x00080016, "UI", ""] as const, [0x00080018, "UI", ""] as const]]) {
      const bytes = makeCtSlice({ omit: extra.length === 0 ? [0x00080016, 0x00080018] : [], extra });
      const dataset = await clean(bytes);
      expect(look(dataset, TAG.SOPClassUID)).toBe("1.2.840.10008.5.1.4.1.1.2");
      expect(look(dataset, TAG.SOPInstanceUID)).toBe(look(whole, TAG.SOPInstanceUID));
    }
  });
});

describe("choices that the table leaves", () => {
  const extra = [
    [0x00080021, "DA", "20200102"],
    [0x00080022, "DA", "20200102"],
    [0x00080023, "DA", "20200102"],
    [0x0008002a, "DT", "20200102101112"],
    [0x00181000, "LO", "SERIAL"],
  ] as const;
  it.each([
    ["1.2.840.10008.5.1.4.1.1.2", ["absent", "absent", "empty", "absent", "absent"]],
    ["1.2.840.10008.5.1.4.1.1.128", ["19000101", "empty", "empty", "absent", "absent"]],
    ["1.2.840.10008.5.1.4.1.1.2.1", ["absent", "absent", "19000101", "19000101000000", "REMOVED"]],
    ["1.2.840.10008.5.1.4.1.1.12.1", ["19000101", "empty", "19000101", "19000101000000", "REMOVED"]],
  ])("follow the attribute's type in %s", async (sopClass, expected) => {
    const dataset = await clean(makeCtSlice({ sopClass, extra }));
    expect(extra.map(([tag]) => look(dataset, tag))).toEqual(expected);
  });
});

describe("marks", () => {
  it("says what was done, by name and by code, and keeps what was done before", async () => {
    const earlier = item(
      concat(
        explicit(0x00080100, "SH", "113109"),
        explicit(0x00080102, "SH", "DCM"),
        explicit(0x00080104, "LO", "Dr. Smith"),
      ),
    );
    const dataset = await clean(
      makeCtSlice({
        extra: [
          [0x00120064, "SQ", earlier],
          [0x00120063, "LO", "by Dr. Smith"],
        ],
      }),
      {
        retain: ["patient", "full-dates"],
        descriptors: "clean",
      },
    );
    expect(look(dataset, 0x00120062)).toBe("YES");
    expect(look(dataset, 0x00280303)).toBe("UNMODIFIED");
    expect(readTexts(dataset, 0x00120063)?.[0]).toBe("Alara, DICOM PS3.15 2026d Annex E");
    const codes = (readItems(dataset, 0x00120064) ?? []).map((code) => look(code, 0x00080100));
    expect(codes).toEqual(["113100", "113105", "113106", "113108", "113109"]);
    const text = Buffer.from(writeDicomFile(dataset, "1.2.840.10008.1.2.1")).toString("latin1");
    expect(text).not.toContain("Smith");
    expect(look(await clean(makeCtSlice()), 0x00280303)).toBe("REMOVED");
  });
});

describe("pixels", () => {
  it.each([
    ["Burned In Annotation YES", { extra: [[0x00280301, "CS", "YES"]] }],
    ["secondary capture", { sopClass: "1.2.840.10008.5.1.4.1.1.7", modality: "CT" }],
    ["ultrasound", { sopClass: "1.2.840.10008.5.1.4.1.1.6.1", modality: "US" }],
    ["dose sheet", { imageType: "DERIVED\\SECONDARY\\DOSE_INFO" }],
    ["screen save", { imageType: "ORIGINAL\\SECONDARY\\SCREEN SAVE" }],
    ["converted", { extra: [[0x00080064, "CS", "WSD"]] }],
    ["overlay in the pixels", { extra: [[0x60000102, "US", uint16(12)]] }],
  ] as const)("refuses %s, or passes it marked as not clean", async (_, slice) => {
    const bytes = makeCtSlice(slice as Parameters<typeof makeCtSlice>[0]);
    await expect(clean(bytes)).rejects.toThrow(coded("BURNED_IN_TEXT") as Error);
    expect(look(await clean(bytes, { burnedInText: "allow" }), 0x00120062)).toBe("NO");
  });

  it("notes what is not stated, and heads", async () => {
    expect(await listFindings(makeCtSlice())).toEqual(["BURNED_IN_NOT_STATED"]);
    const head = makeCtSlice({
      extra: [
        [0x00280301, "CS", "NO"],
        [0x00180015, "CS", "HEAD"],
      ],
    });
    expect(await listFindings(head)).toEqual(["FACE_MAY_BE_RECOGNISED"]);
    const chest = makeCtSlice({
      extra: [
        [0x00280301, "CS", "NO"],
        [0x00180015, "CS", "CHEST"],
      ],
    });
    expect(await listFindings(chest)).toEqual([]);
    for (const [description, code] of [
      ["CT_HEAD nativ", ["FACE_MAY_BE_RECOGNISED"]],
      ["CARDIAC", []],
    ] as const) {
      const slice = makeCtSlice({
        extra: [
          [0x00280301, "CS", "NO"],
          [0x0008103e, "LO", description],
        ],
      });
      expect(await listFindings(slice)).toEqual(code);
    }
  });

  it.each([
    "1.2.840.10008.5.1.4.1.1.88.33",
    "1.2.840.10008.5.1.4.1.1.481.3",
    "1.3.12.2.1107.5.9.1",
    "1.2.840.10008.5.1.4.1.1.104.1",
  ])("refuses what is no image of a standard class: %s", async (sopClass) => {
    await expect(clean(makeCtSlice({ sopClass }))).rejects.toThrow(coded("UNSUPPORTED_OBJECT") as Error);
  });
});

describe("descriptions", () => {
  it.each([
    ["STD BRAIN 5MM Smith", "STD BRAIN 5MM"],
    ["Thorax  5.0  B70f Dr. Huber 12.03.1999", "Thorax 5.0 B70f"],
    ["CT ABD/PELVIS W CONTRAST - JOHN DOE 555-1234", "CT ABD PELVIS W CONTRAST"],
    ["Lunge nativ\0Maier", "Lunge nativ"],
    ["Herr M\xfcller", ""],
    ["1234567", ""],
    ["L", ""],
  ])("cleans %j to %j", (text, expected) => {
    expect(cleanDescription(text)).toBe(expected);
  });

  it("keeps them only when asked, and never an identifier", async () => {
    const bytes = makeCtSlice({
      extra: [
        [0x0008103e, "LO", "CHEST 5mm for Mrs X"],
        [0x00081030, "LO", "Head of HEAD"],
        [TAG.PatientName, "PN", "HEAD^Anna"],
      ],
    });
    expect(look(await clean(bytes), 0x0008103e)).toBe("absent");
    const dataset = await clean(bytes, { descriptors: "clean" });
    expect(look(dataset, 0x0008103e)).toBe("CHEST 5mm");
    expect(look(dataset, 0x00081030)).toBe("absent");
  });

  it("empties kept texts that repeat an identifier", async () => {
    const bytes = makeCtSlice({
      extra: [
        [TAG.PatientName, "PN", "Mustermann^Max"],
        [0x00180024, "SH", "seq MUSTERMANN"],
        [0x00181020, "LO", "v1 TEST-1"],
      ],
    });
    const dataset = await clean(bytes);
    expect([look(dataset, 0x00180024), look(dataset, 0x00181020)]).toEqual(["empty", "empty"]);
    expect(await listFindings(bytes)).toContain("IDENTIFIER_ECHO");
  });

  it("lets no sequence through that is newer than the dictionary and stands in implicit VR", async () => {
    // (0010,0043) and (0018,1204) are in the profile's table but not in the dictionary: implicit VR names no VR.
    const nested = item(implicit(TAG.PatientName, "ZQNESTED"));
    const bytes = makeCtSlice({
      transferSyntax: "1.2.840.10008.1.2",
      extra: [
        [0x00100043, "SQ", nested],
        [0x00181204, "UN", ascii("ZQMADE")],
      ],
    });
    for (const retain of [["patient"], ["device"], ["full-dates"]] as const) {
      const dataset = await clean(bytes, { retain });
      expect(Buffer.from(writeDicomFile(dataset, "1.2.840.10008.1.2.1")).includes("ZQ")).toBe(false);
    }
  });

  it("tells numbers whose bytes happen to be printable from sentences", async () => {
    const double = (value: number): Uint8Array => new Uint8Array(Float64Array.of(value).buffer);
    const dataset = await clean(
      makeCtSlice({
        extra: [
          [0x00189307, "FD", double(19.2)],
          [0x00189309, "FD", double(46.3)],
          [0x00189310, "FD", ascii("Mr Smith")],
          [0x00189311, "UN", ascii("of Room 4 North.")],
          [0x00280106, "SS", ascii("Mr Smith")],
        ],
      }),
    );
    expect([0x00189307, 0x00189309].map((tag) => readNumber(dataset, tag))).toEqual([19.2, 46.3]);
    expect([0x00189310, 0x00189311, 0x00280106].map((tag) => look(dataset, tag))).toEqual([
      "absent",
      "absent",
      "absent",
    ]);
  });

  it("caps very old ages", async () => {
    const age = async (value: string): Promise<string> =>
      look(
        await clean(makeCtSlice({ extra: [[0x00101010, "AS", value]] }), { retain: ["patient"] }),
        0x00101010,
      );
    expect([await age("089Y"), await age("097Y"), await age("old")]).toEqual(["089Y", "090Y", "absent"]);
  });
});

describe("private elements", () => {
  const characteristics = (
    group: number,
    creator: string,
    status: string,
    safe: readonly number[],
  ): Uint8Array =>
    item(
      concat(
        explicit(0x00080301, "US", uint16(group)),
        explicit(0x00080302, "LO", creator),
        explicit(0x00080303, "CS", status),
        explicit(0x00080304, "US", uint16(...safe)),
      ),
    );
  const bytes = makeCtSlice({
    extra: [
      [
        0x00080300,
        "SQ",
        concat(
          characteristics(0x0029, "ACME", "MIXED", [0x02]),
          characteristics(0x0031, "EVIL", "UNSAFE", [0x01]),
        ),
      ],
      [0x00190011, "LO", "GEMS_ACQU_01"],
      [0x00191123, "DS", "12.5"],
      [0x00191130, "LO", "Mrs X"],
      [0x00290010, "LO", "ACME"],
      [0x00291001, "LO", "Mrs X"],
      [0x00291002, "LO", "kernel 7"],
      [0x00310010, "LO", "EVIL"],
      [0x00311001, "LO", "Mrs X"],
    ],
  });

  it("go, all of them", async () => {
    const dataset = await clean(bytes);
    expect([...dataset.elements.keys()].filter((tag) => ((tag >>> 16) & 1) === 1)).toEqual([]);
    expect(look(dataset, 0x00080300)).toBe("absent");
  });

  it("stay where the standard or the object says that they are safe", async () => {
    const dataset = await clean(bytes, { retain: ["safe-private"] });
    const kept = [...dataset.elements.keys()].filter((tag) => ((tag >>> 16) & 1) === 1);
    expect(kept).toEqual([0x00190011, 0x00191123, 0x00290010, 0x00291002]);
    const [block, ...rest] = readItems(dataset, 0x00080300) ?? [];
    expect(rest).toEqual([]);
    expect([look(block, 0x00080302), look(block, 0x00080303)]).toEqual(["ACME", "SAFE"]);
  });
});

describe("real objects", () => {
  const data = findDataFolder();
  const samples = [
    "ct-volumes/sts_001-lowdose-ct",
    "ct-volumes/ge-head-tilt",
    "phantoms/philips-plastic-head/5mm-UB",
    "other-modalities/sts_001-mr-pet",
    "dicom-syntaxes/enhanced-multiframe",
    "dicom-syntaxes/pydicom-small",
  ];

  function listFiles(folder: string): string[] {
    if (!fs.existsSync(folder)) return [];
    const entries = fs.readdirSync(folder, { withFileTypes: true, recursive: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .sort();
  }

  it("keep their pixels byte for byte and their series together", async (context) => {
    if (data === undefined) context.skip("ALARA_DATA names no data folder");
    const pseudonyms = createPseudonyms(KEY);
    const before: Uint8Array[] = [];
    const after: Uint8Array[] = [];
    for (const file of samples.flatMap((sample) => listFiles(path.join(data as string, sample)))) {
      const bytes = new Uint8Array(fs.readFileSync(file));
      let source: ReturnType<typeof readDicomFile>;
      try {
        source = readDicomFile(bytes, { preamble: "any" });
      } catch {
        continue;
      }
      const result = await deidentifyFile(source, {
        pseudonyms,
        burnedInText: "allow",
        retain: ["safe-private"],
      });
      const written = writeDicomFile(result.file.dataset, result.file.transferSyntaxUid);
      const pixels = readDicomFile(written).dataset.elements.get(TAG.PixelData)?.bytes ?? new Uint8Array(0);
      expect(
        Buffer.compare(pixels, source.dataset.elements.get(TAG.PixelData)?.bytes ?? new Uint8Array(0)),
      ).toBe(0);
      before.push(bytes);
      after.push(written);
    }
    expect(after.length).toBeGreaterThan(100);
    const describeSeries = async (files: readonly Uint8Array[]): Promise<string[]> => {
      const { series } = await scanSeries(files.map((bytes, i) => createMemorySource(bytes, String(i))));
      return series.map((one) => `${one.slices.length} ${one.isRegular} ${one.facts.kernels}`).sort();
    };
    expect(await describeSeries(after)).toEqual(await describeSeries(before));
  });

  it("get no new error from dciodvfy, and dcmdump reads them", async (context) => {
    if (data === undefined) context.skip("ALARA_DATA names no data folder");
    const verify = requireTool(context, "dciodvfy", "dicom3tools");
    const dump = requireTool(context, "dcmdump", "dcmtk");
    using folder = createTemporaryFolder("deidentify");
    const listErrors = (file: string): string[] =>
      spawnSync(verify, [file], { encoding: "utf8" })
        .stderr.split("\n")
        .filter((line) => line.startsWith("Error"))
        .sort();
    for (const sample of samples) {
      const file = listFiles(path.join(data as string, sample)).find((name) =>
        name.endsWith(".dcm"),
      ) as string;
      const { file: result } = await deidentifyFile(
        readDicomFile(new Uint8Array(fs.readFileSync(file)), { preamble: "any" }),
        {
          pseudonyms: createPseudonyms(KEY),
          burnedInText: "allow",
        },
      );
      const target = folder.resolve("out.dcm");
      fs.writeFileSync(target, writeDicomFile(result.dataset, result.transferSyntaxUid));
      const known = new Set(listErrors(file));
      expect(listErrors(target).filter((line) => !known.has(line))).toEqual([]);
      expect(spawnSync(dump, [target]).status).toBe(0);
    }
  });
});
