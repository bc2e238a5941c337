/** The DICOM JSON model: against dcmtk's dcm2json, round trips, and what it refuses. */
import { readFileSync } from "node:fs";
import {
  DEFAULT_DICOM_LIMITS,
  type DicomJsonElement,
  decodeText,
  readDataset,
  readDicomFile,
  readDicomJson,
  writeDataset,
  writeDicomJson,
} from "@alara/dicom";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryBody } from "./arbitrary-body.ts";
import { concat, expectCode, explicit, item, SEQUENCE_END, UNDEFINED, uint32 } from "./make-dicom.ts";

const golden = JSON.parse(readFileSync(new URL("./golden/every-vr.json", import.meta.url), "utf8")) as {
  tool: string;
  sets: readonly {
    bits: number;
    json: Record<string, DicomJsonElement>;
    files: Record<string, string>;
  }[];
};

describe.each(golden.sets)("DICOM JSON with $bits-bit pixels", (set) => {
  const { dataset } = readDicomFile(new Uint8Array(Buffer.from(set.files.explicit, "base64")));

  it("is what dcm2json writes", () => {
    const json = JSON.parse(JSON.stringify(writeDicomJson(dataset))) as Record<string, DicomJsonElement>;
    expect(Object.keys(json)).toEqual(Object.keys(set.json));
    for (const [key, element] of Object.entries(set.json)) expect([key, json[key]]).toEqual([key, element]);
  });

  it("comes back as the same values", () => {
    const json = writeDicomJson(dataset);
    const again = readDicomJson(JSON.parse(JSON.stringify(json)));
    expect(writeDicomJson(again)).toEqual(json);
    expect(decodeText(again, 0x00100010)).toBe("Jérôme^Nobody");
    expect(writeDataset(readDataset(writeDataset(again), "explicit-le"))).toEqual(writeDataset(again));
  });
});

describe("readDicomJson", () => {
  it("names ISO_IR 192 when text needs it, and takes empty values among several", () => {
    const dataset = readDicomJson({
      "00100010": { vr: "PN", Value: [{ Alphabetic: "Wang", Ideographic: "王" }] },
      "00280030": { vr: "DS", Value: [1, null, 0.1] },
    });
    expect(decodeText(dataset, 0x00080005)).toBe("ISO_IR 192");
    expect(writeDicomJson(dataset)).toMatchObject({
      "00100010": { Value: [{ Alphabetic: "Wang", Ideographic: "王" }] },
      "00280030": { Value: [1, null, 0.1] },
    });
  });

  it("refuses what is no DICOM JSON by code", () => {
    const cases: readonly (readonly [unknown, string])[] = [
      [null, "INVALID_VALUE"],
      [[], "INVALID_VALUE"],
      [{ PatientName: { vr: "PN" } }, "INVALID_VALUE"],
      [{ "00100010": null }, "INVALID_VALUE"],
      [{ "00100010": { vr: "pn" } }, "INVALID_VR"],
      [{ "00100010": { vr: "PN", Value: "X" } }, "INVALID_VALUE"],
      [{ "00280010": { vr: "US", Value: [70000] } }, "INVALID_VALUE"],
      [{ "00280010": { vr: "US", Value: ["x"] } }, "INVALID_VALUE"],
      [{ "7FE00010": { vr: "OW", InlineBinary: "§" } }, "INVALID_VALUE"],
      [{ "7FE00010": { vr: "OW", BulkDataURI: "http://example.org" } }, "INVALID_VALUE"],
      [{ "00280009": { vr: "AT", Value: ["18"] } }, "INVALID_VALUE"],
      [{ "00080070": { vr: "LO", Value: ["a\\b"] } }, "INVALID_VALUE"],
      [{ "0010001a": { vr: "LO" }, "0010001A": { vr: "LO" } }, "DUPLICATE_ELEMENT"],
    ];
    for (const [json, code] of cases) expectCode(() => readDicomJson(json), code);
    let nested: unknown = {};
    for (let i = 0; i < 40; i++) nested = { "0040A730": { vr: "SQ", Value: [nested] } };
    expectCode(() => readDicomJson(nested), "NESTING_TOO_DEEP");
    const items = { "0040A730": { vr: "SQ", Value: Array.from({ length: 20 }, () => ({})) } };
    const limits = { ...DEFAULT_DICOM_LIMITS, maxElements: 20 };
    expectCode(() => readDicomJson(items, { limits }), "LIMIT_EXCEEDED");
    expect(readDicomJson(items).elements.size).toBe(1);
  });

  it("leaves group lengths out, whatever they claim to be (found by mutated input 7539525)", () => {
    const json = { "00280000": { vr: "CS", Value: ["CT"] }, "00280010": { vr: "US", Value: [4] } };
    expect([...readDicomJson(json).elements.keys()]).toEqual([0x00280010]);
  });
});

describe("writeDicomJson", () => {
  it("leaves group lengths out, which mean nothing there", () => {
    const body = concat(explicit(0x00080000, "UL", uint32(10)), explicit(0x00080060, "CS", "CT"));
    expect(Object.keys(writeDicomJson(readDataset(body, "explicit-le")))).toEqual(["00080060"]);
  });

  it("puts a URI where encapsulated pixel data would stand", () => {
    const dataset = readDataset(
      explicit(0x7fe00010, "OB", concat(item(new Uint8Array(0)), SEQUENCE_END), UNDEFINED),
      "explicit-le",
    );
    expectCode(() => writeDicomJson(dataset), "INVALID_VALUE");
    expect(writeDicomJson(dataset, { findBulkDataUri: () => "/bulk/1" })).toEqual({
      "7FE00010": { vr: "OB", BulkDataURI: "/bulk/1" },
    });
  });

  it("gives JSON or a coded error for any dataset", () => {
    let written = 0;
    fc.assert(
      fc.property(arbitraryBody(2), (body) => {
        try {
          const json = JSON.stringify(writeDicomJson(readDataset(body, "explicit-le")));
          expect(JSON.stringify(writeDicomJson(readDicomJson(JSON.parse(json))))).toBeTypeOf("string");
          written++;
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^[A-Z_]+$/);
        }
      }),
      { numRuns: 300, seed: 4 },
    );
    expect(written).toBeGreaterThan(30);
  });
});
