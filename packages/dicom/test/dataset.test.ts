/** Reading and writing datasets: byte identity, sequences in every form, values, conversion. */
import {
  convertToExplicit,
  editDataset,
  findVr,
  readDataset,
  readDicomFile,
  readItems,
  readNumber,
  readNumbers,
  readText,
  readTexts,
  readUid,
  removePrivateElements,
  TAG,
  writeDataset,
  writeDicomFile,
} from "@alara/dicom";
import fc from "fast-check";
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

describe("readDicomFile", () => {
  it("keeps every byte of an explicit dataset with private, UN, UV and undefined-length elements", () => {
    const nested = openItem(concat(explicit(0x00080100, "SH", "113087"), explicit(0x00090010, "LO", "ACME")));
    const body = concat(
      explicit(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2"),
      explicit(0x00080018, "UI", "1.2.3.4"),
      explicit(0x00081140, "SQ", concat(nested, SEQUENCE_END), UNDEFINED),
      explicit(0x00090010, "LO", "ACME"),
      explicit(0x00091001, "UN", Uint8Array.of(1, 2, 3, 4)),
      explicit(0x00091002, "UN", concat(item(implicit(0x00080100, "X ")), SEQUENCE_END), UNDEFINED),
      explicit(0x00189999, "UV", concat(uint32(5, 0))),
      explicit(0x0040a170, "SQ", item(explicit(0x00080100, "SH", "121322"))),
    );
    const file = readDicomFile(part10(body));
    expect(writeDataset(file.dataset)).toEqual(body);
    const written = writeDicomFile(file.dataset, EXPLICIT_LE);
    expect(written.subarray(written.length - body.length)).toEqual(body);
    expect(written.subarray(0, 128).every((byte) => byte === 0)).toBe(true);
    expect(readNumber(file.dataset, 0x00189999)).toBe(5);
    expect(readText((readItems(file.dataset, 0x00081140) ?? [])[0], TAG.CodeValue)).toBe("113087");
    expect(readText((readItems(file.dataset, 0x00091002) ?? [])[0], TAG.CodeValue)).toBe("X");
  });

  it("walks over compressed icons in sequences of either length", () => {
    const fragments = concat(
      item(new Uint8Array(0)),
      item(Uint8Array.of(0xff, 0xd8, 0xff, 0xd9)),
      SEQUENCE_END,
    );
    const icon = concat(
      explicit(0x00280010, "US", uint16(2)),
      explicit(TAG.PixelData, "OB", fragments, UNDEFINED),
    );
    const open = explicit(TAG.IconImageSequence, "SQ", concat(openItem(icon), SEQUENCE_END), UNDEFINED);
    const closed = explicit(TAG.IconImageSequence, "SQ", item(icon));
    for (const sequence of [open, closed]) {
      const body = concat(explicit(0x00080016, "UI", "1.2"), sequence);
      const dataset = readDataset(body, "explicit-le");
      expect(writeDataset(dataset)).toEqual(body);
      const [inner] = readItems(dataset, TAG.IconImageSequence) ?? [];
      expect(inner.elements.get(TAG.PixelData)?.bytes).toEqual(fragments);
    }
  });

  it("keeps every byte of an implicit dataset", () => {
    const body = concat(
      implicit(0x00080018, ascii("1.2.3.4\0")),
      implicit(0x00081140, concat(openItem(implicit(0x00081150, ascii("1.2\0"))), SEQUENCE_END), UNDEFINED),
      implicit(0x00091001, Uint8Array.of(1, 2)),
      implicit(0x0040a170, item(implicit(0x00080100, "A "))),
    );
    const file = readDicomFile(part10(body, IMPLICIT_LE));
    expect(writeDataset(file.dataset)).toEqual(body);
    expect(file.dataset.elements.get(0x00080018)?.vr).toBe("UI");
    expect(readText((readItems(file.dataset, 0x0040a170) ?? [])[0], TAG.CodeValue)).toBe("A");
  });

  it("copies nothing: values are views on the file", () => {
    const bytes = makeCtSlice();
    const { dataset } = readDicomFile(bytes);
    for (const element of dataset.elements.values()) expect(element.bytes.buffer).toBe(bytes.buffer);
  });

  it("reads files without preamble and without meta information", () => {
    const bytes = makeCtSlice();
    const bare = bytes.slice(132);
    expect(readDicomFile(bare).dataset.elements.size).toBe(readDicomFile(bytes).dataset.elements.size);
    const { dataset } = readDicomFile(bytes);
    const noMeta = writeDataset(dataset);
    expect(readDicomFile(noMeta).transferSyntaxUid).toBe(EXPLICIT_LE);
    const implicitBody = concat(implicit(0x00080005, "ISO_IR 100"), implicit(0x00080060, "CT"));
    expect(readDicomFile(implicitBody).transferSyntaxUid).toBe(IMPLICIT_LE);
    expect(readText(readDicomFile(implicitBody).dataset, TAG.Modality)).toBe("CT");
  });

  it("reads Node buffers at odd offsets", () => {
    const shifted = new Uint8Array(concat(Uint8Array.of(7), makeCtSlice()).buffer, 1);
    expect(readText(readDicomFile(Buffer.from(shifted.buffer, 1)).dataset, TAG.Modality)).toBe("CT");
  });

  it("sorts elements that are out of order and refuses doubled ones", () => {
    const a = explicit(0x00080060, "CS", "CT");
    const b = explicit(0x00080018, "UI", "1.2");
    expect([...readDicomFile(part10(concat(a, b))).dataset.elements.keys()]).toEqual([
      0x00080018, 0x00080060,
    ]);
    expectCode(() => readDicomFile(part10(concat(a, a))), "DUPLICATE_ELEMENT");
  });

  it("pads odd values when writing", () => {
    const body = concat(explicit(0x00080060, "CS", ascii("CTX")), explicit(0x00080018, "UI", ascii("1.2")));
    const { dataset } = readDicomFile(part10(body));
    expect(readText(dataset, TAG.Modality)).toBe("CTX");
    expect(writeDataset(dataset)).toEqual(
      concat(explicit(0x00080018, "UI", ascii("1.2\0")), explicit(0x00080060, "CS", ascii("CTX "))),
    );
  });

  it("says where and why reading failed", () => {
    const error = expectCode(
      () => readDicomFile(part10(explicit(0x7fe00010, "OW", Uint8Array.of(1, 2), 4_294_967_292))),
      "VALUE_BEYOND_END",
    );
    expect(error.message).toContain("(7FE0,0010) declares 4294967292 bytes but only 2 are present");
    expect(error.offset).toBe(132 + readMetaLength());
    expectCode(() => readDicomFile(new Uint8Array(300)), "NOT_DICOM");
    expectCode(() => readDicomFile(new Uint8Array(0)), "NOT_DICOM");
    expectCode(() => readDicomFile(part10(explicit(0x00080060, "c!", "CT"))), "INVALID_VR");
    expectCode(() => readDicomFile(part10(explicit(0x00080060, "OB", "", UNDEFINED))), "INVALID_LENGTH");
    expectCode(() => readDicomFile(part10(SEQUENCE_END)), "INVALID_SEQUENCE");
    const unknown = expectCode(
      () => readDicomFile(part10(new Uint8Array(0), "1.2.3.99")),
      "UNSUPPORTED_TRANSFER_SYNTAX",
    );
    expect(unknown.message).toContain("1.2.3.99");
    expectCode(() => readDicomFile(part10(new Uint8Array(0), "../../x")), "UNSUPPORTED_TRANSFER_SYNTAX");
  });
});

function readMetaLength(): number {
  return part10(new Uint8Array(0)).length - 132;
}

describe("values", () => {
  const { dataset } = readDicomFile(
    part10(
      concat(
        explicit(0x00080018, "UI", "1.2.840.1"),
        explicit(0x00081155, "UI", "../../x"),
        explicit(0x00180060, "DS", "000140"),
        explicit(0x00180088, "DS", " 007.812500e-01 "),
        explicit(0x00180090, "DS", "12,5"),
        explicit(0x00181100, "DS", "1e999"),
        explicit(0x00189345, "FD", new Uint8Array(Float64Array.of(6.25).buffer)),
        explicit(0x00200013, "IS", "-12"),
        explicit(0x00200032, "DS", "-1.5\\ 2\\+3.25e1"),
        explicit(0x00280010, "US", uint16(512)),
        explicit(0x00280030, "DS", "0.5\\"),
        explicit(0x00280106, "SS", uint16(0xfffe)),
        explicit(0x00280107, "US", Uint8Array.of(1, 2, 3)),
      ),
    ),
  );

  it("reads numbers of every representation", () => {
    expect(readNumber(dataset, TAG.KVP)).toBe(140);
    expect(readNumber(dataset, TAG.SpacingBetweenSlices)).toBe(0.78125);
    expect(readNumber(dataset, TAG.CTDIvol)).toBe(6.25);
    expect(readNumber(dataset, TAG.InstanceNumber)).toBe(-12);
    expect(readNumbers(dataset, TAG.ImagePositionPatient)).toEqual([-1.5, 2, 32.5]);
    expect(readNumber(dataset, TAG.Rows)).toBe(512);
    expect(readNumber(dataset, TAG.SmallestImagePixelValue)).toBe(-2);
    expect(readNumber(dataset, TAG.XRayTubeCurrent)).toBeUndefined();
  });

  it("refuses malformed numbers and UIDs by code, without showing the value", () => {
    for (const tag of [TAG.DataCollectionDiameter, TAG.ReconstructionDiameter, TAG.LargestImagePixelValue]) {
      expectCode(() => readNumbers(dataset, tag), "INVALID_VALUE");
    }
    expectCode(() => readNumbers(dataset, TAG.PixelSpacing), "INVALID_VALUE");
    const error = expectCode(() => readUid(dataset, TAG.ReferencedSOPInstanceUID), "INVALID_VALUE");
    expect(error.message).not.toContain("..");
    expectCode(() => readNumber(dataset, TAG.SOPInstanceUID), "INVALID_VALUE");
  });
});

describe("convertToExplicit", () => {
  it("gives every element its VR, by the pixel representation where it decides, sequences included", () => {
    const body = concat(
      implicit(0x00081140, concat(openItem(implicit(0x00081150, ascii("1.2\0"))), SEQUENCE_END), UNDEFINED),
      implicit(0x00091001, Uint8Array.of(1, 2)),
      implicit(0x00280103, uint16(1)),
      implicit(0x00280106, uint16(0xffff)),
      implicit(0x60003000, uint16(1)),
      implicit(0x7fe00010, uint16(5)),
    );
    const converted = convertToExplicit(readDataset(body, "implicit-le"));
    expect([...converted.elements.values()].map((element) => element.vr)).toEqual([
      "SQ",
      "UN",
      "US",
      "SS",
      "OW",
      "OW",
    ]);
    const again = readDataset(writeDataset(converted), "explicit-le");
    expect(readNumber(again, TAG.SmallestImagePixelValue)).toBe(-1);
    expect(readTexts((readItems(again, 0x00081140) ?? [])[0], 0x00081150)).toEqual(["1.2"]);
  });

  it("makes UN of values too long for their VR's length field", () => {
    const long = convertToExplicit(
      readDataset(implicit(0x00204000, new Uint8Array(70_000).fill(65)), "implicit-le"),
    );
    expect(long.elements.get(TAG.ImageComments)?.vr).toBe("UN");
    expect(readDataset(writeDataset(long), "explicit-le").elements.get(TAG.ImageComments)?.bytes.length).toBe(
      70_000,
    );
  });
});

describe("removePrivateElements", () => {
  it("removes them at every depth and leaves clean sequences as they are", () => {
    const clean = explicit(
      0x00081140,
      "SQ",
      concat(openItem(explicit(0x00081150, "UI", "1.2")), SEQUENCE_END),
      UNDEFINED,
    );
    const dirty = explicit(
      0x0040a170,
      "SQ",
      item(
        concat(
          explicit(0x00080100, "SH", "A"),
          explicit(0x00091001, "LO", "B"),
          explicit(0x0040a043, "SQ", item(explicit(0x00130010, "LO", "C"))),
        ),
      ),
    );
    const dataset = readDataset(concat(clean, explicit(0x00090010, "LO", "ACME"), dirty), "explicit-le");
    const removed = removePrivateElements(dataset);
    expect(writeDataset(removed)).toEqual(
      concat(
        clean,
        explicit(
          0x0040a170,
          "SQ",
          item(concat(explicit(0x00080100, "SH", "A"), explicit(0x0040a043, "SQ", item(new Uint8Array(0))))),
        ),
      ),
    );
    expect(removePrivateElements(removed)).toBe(removed);
  });

  it("looks into sequences that the dictionary does not know", () => {
    const content = concat(implicit(0x00080100, "A "), implicit(0x00090010, "ACME"));
    const body = explicit(0x00189998, "UN", concat(item(content), SEQUENCE_END), UNDEFINED);
    const removed = removePrivateElements(readDataset(body, "explicit-le"));
    const [inner] = readItems(readDataset(writeDataset(removed), "explicit-le"), 0x00189998) ?? [];
    expect([...inner.elements.keys()]).toEqual([0x00080100]);
  });
});

describe("findVr", () => {
  it("knows standard, repeating, private and unknown tags", () => {
    expect(findVr(0x00100010)).toBe("PN");
    expect(findVr(0x60220010)).toBe("US");
    expect(findVr(0x00090010)).toBe("LO");
    expect(findVr(0x00091010)).toBe("UN");
    expect(findVr(0x00080000)).toBe("UL");
    expect(findVr(0x00280106, { pixelRepresentation: 1 })).toBe("SS");
    expect(findVr(0x00089999)).toBe("UN");
  });
});

describe("round trip", () => {
  it("writes what it read, for any legal dataset", () => {
    fc.assert(
      fc.property(arbitraryBody(3), (body) => {
        const dataset = readDataset(body, "explicit-le");
        expect(writeDataset(dataset)).toEqual(body);
        for (const element of dataset.elements.values()) {
          if (element.vr === "SQ") readItems(dataset, element.tag);
        }
      }),
      { numRuns: 400, seed: 7 },
    );
  });

  it("leaves all other elements alone when one is edited", () => {
    fc.assert(
      fc.property(arbitraryBody(1), (body) => {
        const dataset = readDataset(body, "explicit-le");
        const [first] = dataset.elements.keys();
        if (first === undefined) return;
        const without = editDataset(dataset, new Map([[first, null]]));
        const rest = [...dataset.elements.values()].slice(1);
        expect([...without.elements.values()]).toEqual(rest);
      }),
      { numRuns: 100, seed: 8 },
    );
  });

  it("reads back a tag at the top of the range", () => {
    const body = explicit(0xfffcfffc, "OB", new Uint8Array(4));
    expect(tagBytes(0xfffcfffc)).toEqual(Uint8Array.of(0xfc, 0xff, 0xfc, 0xff));
    expect([...readDataset(body, "explicit-le").elements.keys()]).toEqual([0xfffcfffc]);
  });
});
