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
import { concat, explicit, item, makeCtSlice, SEQUENCE_END, UNDEFINED } from "./make-dicom.ts";

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
