/** Text for display by Specific Character Set: against pydicom, and what pydicom does not cover. */
import { readFileSync } from "node:fs";
import { decodeText, decodeTexts, readDataset, readItems, splitPersonName } from "@alara/dicom";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concat, explicit, item } from "./make-dicom.ts";

interface Golden {
  readonly tool: string;
  readonly cases: readonly { vr: string; sets: string; bytes: string; text: string }[];
}

const golden = JSON.parse(
  readFileSync(new URL("./golden/character-sets.json", import.meta.url), "utf8"),
) as Golden;

function makeDataset(sets: string, vr: string, bytes: Uint8Array): ReturnType<typeof readDataset> {
  const even = bytes.length % 2 === 0 ? bytes : concat(bytes, Uint8Array.of(32));
  return readDataset(concat(explicit(0x00080005, "CS", sets), explicit(0x00100010, vr, even)), "explicit-le");
}

describe("decodeTexts", () => {
  it.each(golden.cases.map((row, i) => [i, row.sets, row] as const))(
    `case %i, %j, as ${golden.tool} reads it`,
    (_, __, row) => {
      // pydicom leaves the escape sequences of ISO 2022 IR 58 in its text.
      const expected = row.text.replaceAll("\u001b$)A", "");
      const bytes = new Uint8Array(Buffer.from(row.bytes, "hex"));
      const values = decodeTexts(makeDataset(row.sets, row.vr, bytes), 0x00100010);
      expect(values).toEqual(row.vr === "LT" ? [expected] : expected.split("\\"));
    },
  );

  it("starts every value and name component from the first set again", () => {
    // The katakana escape of the first component must not reach the second, where D4 is undefined.
    const bytes = concat(Uint8Array.of(0x1b, 0x29, 0x49, 0xd4, 0x5e, 0xd4));
    expect(decodeText(makeDataset("\\ISO 2022 IR 13", "PN", bytes), 0x00100010)).toBe("ﾔ^\ufffd");
    const two = concat(Uint8Array.of(0x1b, 0x29, 0x49, 0xd4, 0x5c, 0xd4));
    expect(decodeTexts(makeDataset("\\ISO 2022 IR 13", "LO", two), 0x00100010)).toEqual(["ﾔ", "\ufffd"]);
  });

  it("uses the character set around an item unless the item has its own", () => {
    const name = explicit(0x00100010, "PN", Uint8Array.of(0xc9, 0x20));
    const own = concat(explicit(0x00080005, "CS", "ISO_IR 144"), name);
    const dataset = readDataset(
      concat(
        explicit(0x00080005, "CS", "ISO_IR 126"),
        explicit(0x00081140, "SQ", concat(item(explicit(0x00081115, "SQ", item(name))), item(own))),
      ),
      "explicit-le",
    );
    const items = readItems(dataset, 0x00081140) ?? [];
    const nested = readItems(items[0], 0x00081115) ?? [];
    expect(decodeText(nested[0], 0x00100010)).toBe("Ι");
    expect(decodeText(items[1], 0x00100010)).toBe("Щ");
  });

  it("reads typists' variants, and unknown sets as Latin-1", () => {
    for (const sets of ["ISO-IR 100", "ISO 2022 IR 100", "ISO_IR_100", "NO SUCH SET", ""]) {
      expect(decodeText(makeDataset(sets, "PN", Uint8Array.of(0xe9, 0x20)), 0x00100010)).toBe("é");
    }
  });

  it("leaves ASCII VRs alone and keeps the backslash of single-valued ones", () => {
    expect(decodeTexts(makeDataset("GB18030", "CS", Uint8Array.of(0x81, 0x5c)), 0x00100010)).toEqual([
      "\u0081",
      "",
    ]);
    expect(decodeTexts(makeDataset("", "LT", Uint8Array.of(65, 0x5c)), 0x00100010)).toEqual(["A\\"]);
    expect(decodeTexts(makeDataset("", "LO", Uint8Array.of(32, 32)), 0x00100010)).toBeUndefined();
    expect(decodeTexts(makeDataset("", "LO", Uint8Array.of(32, 32)), 0x00100020)).toBeUndefined();
  });

  it("never fails, whatever the bytes", () => {
    const sets = fc.constantFrom(
      ...new Set(golden.cases.map((row) => row.sets)),
      "\\ISO 2022 IR 58\\ISO 2022 IR 149",
    );
    const bytes = fc.array(fc.oneof(fc.constantFrom(0x1b, 0x24, 0x28, 0x29, 0x42, 0x5c), fc.nat(255)), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(sets, bytes, (terms, raw) => {
        const values = decodeTexts(makeDataset(terms, "PN", Uint8Array.from(raw)), 0x00100010);
        expect(values === undefined || values.every((value) => typeof value === "string")).toBe(true);
      }),
      { numRuns: 500, seed: 3 },
    );
  });
});

describe("splitPersonName", () => {
  it("takes groups and components apart", () => {
    expect(splitPersonName("Adams^John^Robert^Rev.^B.A.=亜")).toEqual({
      alphabetic: { family: "Adams", given: "John", middle: "Robert", prefix: "Rev.", suffix: "B.A." },
      ideographic: { family: "亜", given: "", middle: "", prefix: "", suffix: "" },
      phonetic: undefined,
    });
    expect(splitPersonName("").alphabetic).toBeUndefined();
  });
});
