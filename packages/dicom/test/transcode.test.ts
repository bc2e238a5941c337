/** One object in every writable transfer syntax: the same elements, the same pixels, the same UID. */
import { describe, expect, it } from "vitest";
import { readFrameBytes } from "../src/codecs/encapsulation.ts";
import { readFrameFormat } from "../src/codecs/frame-format.ts";
import { transferSyntaxes } from "../src/codecs/transfer-syntaxes.ts";
import { convertToImplicit } from "../src/dataset/convert.ts";
import { type DicomElement, type DicomFile, editDataset } from "../src/dataset/dataset.ts";
import { createTextElement } from "../src/dataset/elements.ts";
import { readDicomFile, readItems } from "../src/dataset/read.ts";
import { TAG } from "../src/dataset/tags.ts";
import { readText, readUid } from "../src/dataset/values.ts";
import { DicomError } from "../src/errors.ts";
import { transcodeFile } from "../src/objects/transcode.ts";
import { concat, explicit, item, makeCtSlice, SEQUENCE_END, UNDEFINED } from "./make-dicom.ts";

const SEQUENCE = 0x00081140;
const PRIVATE = 0x00091001;

const source = readDicomFile(
  makeCtSlice({
    extra: [
      [SEQUENCE, "SQ", item(concat(explicit(0x00081150, "UI", "1.2"), explicit(0x00081155, "UI", "1.2.3")))],
      [0x00090010, "LO", "ALARA TEST"],
      [PRIVATE, "UN", Uint8Array.of(1, 2, 3, 4)],
      [0x00101010, "AS", "040Y"],
    ],
  }),
);

const writable = [...transferSyntaxes.entries()].filter(
  ([, syntax]) =>
    !syntax.lossy &&
    syntax.storage !== "big-endian" &&
    (!syntax.encapsulated || syntax.encodeFrame !== undefined),
);

async function readPixels(file: DicomFile): Promise<Uint8Array> {
  return (await readFrameBytes(file, readFrameFormat(file.dataset))).slice();
}

describe.each(writable.map(([uid, syntax]) => [syntax.name, uid] as const))("%s", (_, uid) => {
  it("keeps every element and pixel, and back again", async () => {
    const there = readDicomFile(await transcodeFile(source, uid));
    expect(readUid(there.meta, TAG.TransferSyntaxUID)).toBe(uid);
    expect(readUid(there.dataset, TAG.SOPInstanceUID)).toBe(readUid(source.dataset, TAG.SOPInstanceUID));
    expect(await readPixels(there)).toEqual(await readPixels(source));
    for (const element of source.dataset.elements.values()) {
      if (element.tag === TAG.PixelData || element.tag === SEQUENCE) continue;
      expect(there.dataset.elements.get(element.tag)?.bytes).toEqual(element.bytes);
    }
    const [reference] = readItems(there.dataset, SEQUENCE) ?? [];
    expect(readText(reference, 0x00081155)).toBe("1.2.3");
    const back = readDicomFile(await transcodeFile(there, source.transferSyntaxUid));
    expect(await readPixels(back)).toEqual(await readPixels(source));
    expect([...back.dataset.elements.keys()]).toEqual([...source.dataset.elements.keys()]);
  });
});

it("refuses lossy targets and colour that would be re-encoded", async () => {
  const refuse = async (file: DicomFile, uid: string): Promise<string> => {
    try {
      await transcodeFile(file, uid);
      return "written";
    } catch (error) {
      return error instanceof DicomError ? error.code : "untyped";
    }
  };
  expect(await refuse(source, "1.2.840.10008.1.2.4.81")).toBe("UNSUPPORTED_TRANSFER_SYNTAX");
  const colour = makeCtSlice({
    samplesPerPixel: 3,
    photometric: "RGB",
    pixels: new Uint8Array(4 * 6 * 3 * 2),
  });
  expect(await refuse(readDicomFile(colour), "1.2.840.10008.1.2.5")).toBe("UNSUPPORTED_PHOTOMETRIC");
  expect(await refuse(readDicomFile(colour), "1.2.840.10008.1.2")).toBe("written");
});

it("leaves out offset tables of pixels that are no longer in fragments", async () => {
  const file = readDicomFile(await transcodeFile(source, "1.2.840.10008.1.2.5"));
  const table = (tag: number, value: number): DicomElement => ({
    tag,
    vr: "OV",
    bytes: new Uint8Array(new BigUint64Array([BigInt(value)]).buffer),
    undefinedLength: false,
    offset: -1,
  });
  const size = (await readPixels(file)).length;
  const tables = [table(TAG.ExtendedOffsetTable, 0), table(TAG.ExtendedOffsetTableLengths, size)];
  const dataset = editDataset(file.dataset, new Map(tables.map((one) => [one.tag, one])));
  const back = readDicomFile(await transcodeFile({ ...file, dataset }, source.transferSyntaxUid));
  for (const { tag } of tables) expect(back.dataset.elements.has(tag)).toBe(false);
});

it("does not hide a loss that the header does not state", async () => {
  const lossless = readDicomFile(await transcodeFile(source, "1.2.840.10008.1.2.4.80"));
  const silent = { ...lossless, transferSyntaxUid: "1.2.840.10008.1.2.4.81" };
  await expect(transcodeFile(silent, source.transferSyntaxUid)).rejects.toMatchObject({
    code: "MISSING_ATTRIBUTE",
  });
  const mark = createTextElement(TAG.LossyImageCompression, "01");
  const stated = { ...silent, dataset: editDataset(silent.dataset, new Map([[mark.tag, mark]])) };
  const plain = readDicomFile(await transcodeFile(stated, source.transferSyntaxUid));
  expect(await readPixels(plain)).toEqual(await readPixels(source));
});

it("writes sequences in implicit VR as items of defined length", () => {
  const implicit = convertToImplicit(source.dataset);
  expect(convertToImplicit(implicit)).toBe(implicit);
  const [reference] = readItems(implicit, SEQUENCE) ?? [];
  expect(reference.encoding).toBe("implicit-le");
  expect(readText(reference, 0x00081150)).toBe("1.2");
});

it("leaves out a compressed icon when pixels are re-encoded, and keeps a plain one", async () => {
  const fragments = concat(item(new Uint8Array(0)), item(Uint8Array.of(1, 2)), SEQUENCE_END);
  const rle = "1.2.840.10008.1.2.5";
  const make = (pixels: Uint8Array): Promise<Uint8Array> =>
    transcodeFile(readDicomFile(makeCtSlice({ extra: [[TAG.IconImageSequence, "SQ", item(pixels)]] })), rle);
  const compressed = explicit(TAG.PixelData, "OB", fragments, UNDEFINED);
  const plain = explicit(TAG.PixelData, "OB", Uint8Array.of(1, 2));
  for (const [icon, kept] of [
    [compressed, false],
    [plain, true],
  ] as const) {
    expect(readDicomFile(await make(icon)).dataset.elements.has(TAG.IconImageSequence)).toBe(kept);
  }
});
