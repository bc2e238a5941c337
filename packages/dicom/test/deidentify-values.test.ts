/** De-identification looks at bytes: segments of compressed streams, and numbers that are none. */
import {
  createPseudonyms,
  deidentifyFile,
  readDicomFile,
  readText,
  TAG,
  TRANSFER_SYNTAX_UID,
} from "@alara/dicom";
import { describe, expect, it } from "vitest";
import { concat, explicit, item, makeCtSlice, SEQUENCE_END, UNDEFINED, uint16 } from "./make-dicom.ts";

const pseudonyms = createPseudonyms(new Uint8Array(16));

describe("segments of a compressed stream", () => {
  const segment = (marker: number): Uint8Array => Uint8Array.of(0xff, marker, 0, 4, 65, 66);
  const hasComment = async (...markers: number[]): Promise<boolean> => {
    const end = Uint8Array.of(0xff, 0xda, 0, 2);
    const stream = concat(Uint8Array.of(0xff, 0xd8), ...markers.map(segment), end);
    const fragments = concat(item(new Uint8Array(0)), item(stream), SEQUENCE_END);
    const bytes = concat(
      makeCtSlice({ omit: [TAG.PixelData], transferSyntax: TRANSFER_SYNTAX_UID.jpegLsLossless }),
      explicit(TAG.PixelData, "OB", fragments, UNDEFINED),
    );
    const { findings } = await deidentifyFile(readDicomFile(bytes), { pseudonyms });
    return findings.some(({ code }) => code === "STREAM_COMMENT");
  };

  it("are warned of when they are comments or an application's", async () => {
    for (const marker of [0xfe, 0xe1, 0xed, 0xef]) expect(await hasComment(marker)).toBe(true);
    expect(await hasComment(0xe0, 0xee, 0xf7, 0xfe)).toBe(true);
  });

  it("are not when they are the format's own, or data of the scan", async () => {
    expect(await hasComment(0xe0, 0xee, 0xf7)).toBe(false);
    expect(await hasComment(0xda, 0xfe)).toBe(false);
  });
});

it("keeps no name in a private block that its object declares safe", async () => {
  const declaration = concat(
    explicit(0x00080301, "US", uint16(0x0009)),
    explicit(0x00080302, "LO", "ACME"),
    explicit(0x00080303, "CS", "SAFE"),
  );
  const bytes = makeCtSlice({
    extra: [
      [0x00080300, "SQ", item(declaration)],
      [0x00090010, "LO", "ACME"],
      [0x00091001, "PN", "DOE^JOHN"],
      [0x00091002, "DS", "12.5"],
    ],
  });
  const { file } = await deidentifyFile(readDicomFile(bytes), { pseudonyms, retain: ["safe-private"] });
  expect(file.dataset.elements.has(0x00091001)).toBe(false);
  expect(readText(file.dataset, 0x00091002)).toBe("12.5");
});

it("tells overlays in the pixels from those that have data of their own", async () => {
  const position = [0x60000102, "US", uint16(12)] as const;
  const make = (...extra: readonly (readonly [number, string, Uint8Array])[]): Promise<unknown> =>
    deidentifyFile(readDicomFile(makeCtSlice({ extra: [position, ...extra] })), { pseudonyms });
  await expect(make()).rejects.toMatchObject({ code: "BURNED_IN_TEXT" });
  await expect(make([0x60003000, "OW", new Uint8Array(4)])).resolves.toBeDefined();
});

it("removes decimal strings longer than any number", async () => {
  const bytes = makeCtSlice({
    extra: [
      [0x00181100, "DS", "1".repeat(33)],
      [0x00181110, "DS", "1".repeat(32)],
    ],
  });
  const { file, findings } = await deidentifyFile(readDicomFile(bytes), { pseudonyms });
  expect(file.dataset.elements.has(0x00181100)).toBe(false);
  expect(readText(file.dataset, 0x00181110)).toBe("1".repeat(32));
  expect(findings.map(({ code }) => code)).toContain("INVALID_VALUE_REMOVED");
});
