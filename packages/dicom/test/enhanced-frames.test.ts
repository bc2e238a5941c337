/** Frames that stand in another order than their slices, that differ in what they say, and headers back to classic. */
import { createCentredGrid, createVolume, getSliceData, type Volume } from "@alara/core";
import {
  convertToEnhanced,
  createDerivedObject,
  createTextElement,
  type DicomDataset,
  type DicomFile,
  decodeSliceHu,
  decodeVolume,
  editDataset,
  readDicomFile,
  readFrameDataset,
  readItems,
  readNumbers,
  readText,
  readTexts,
  type Series,
  scanSeries,
  TAG,
  TRANSFER_SYNTAX_UID,
  writeDicomFile,
  writeEnhancedCt,
} from "@alara/dicom";
import { describe, expect, it } from "vitest";
import { createSequenceElement } from "../src/dataset/elements.ts";
import { createClassicElements } from "../src/objects/classic-elements.ts";
import { type CtSliceOptions, createMemorySource, makeCtSlice } from "./make-dicom.ts";

const DATE_TIME = "2026-01-02T03:04:05Z";
const EXPLICIT = TRANSFER_SYNTAX_UID.explicitLittleEndian;

async function scan(...files: readonly Uint8Array[]): Promise<Series> {
  const { series, skipped } = await scanSeries(files.map((bytes, i) => createMemorySource(bytes, `f${i}`)));
  expect(skipped).toEqual([]);
  expect(series.length).toBe(1);
  return series[0];
}

function makeVolume(): Volume<"HU"> {
  const volume = createVolume("HU", createCentredGrid([4, 3, 5], [2.5, 0.75, 0.8]));
  for (let i = 0; i < volume.data.length; i++) volume.data[i] = 7 * i - 100;
  return volume;
}

/** The object with its frames, groups and pixels, the other way round. */
async function makeReversed(volume: Volume<"HU">): Promise<Uint8Array> {
  const { bytes } = await writeEnhancedCt(volume, {
    identity: { phantom: "reversed" },
    patientId: "PHANTOM",
    dateTime: DATE_TIME,
    seriesDescription: "phantom",
    softwareVersion: "0.1.0",
  });
  const { dataset } = readDicomFile(bytes);
  const items = readItems(dataset, TAG.PerFrameFunctionalGroupsSequence) ?? [];
  const groups = createSequenceElement(
    TAG.PerFrameFunctionalGroupsSequence,
    items.reverse().map((item) => [...item.elements.values()]),
    "explicit-le",
  );
  const pixels = dataset.elements.get(TAG.PixelData);
  if (pixels === undefined) throw new Error("no pixels");
  const size = pixels.bytes.length / items.length;
  const reversed = new Uint8Array(pixels.bytes.length);
  items.forEach((_, i) => {
    reversed.set(pixels.bytes.subarray(i * size, (i + 1) * size), (items.length - 1 - i) * size);
  });
  const edits = new Map([
    [groups.tag, groups],
    [TAG.PixelData, { ...pixels, bytes: reversed }],
  ]);
  return writeDicomFile(editDataset(dataset, edits), EXPLICIT);
}

describe("frames in reverse", () => {
  it("are slices in order, and so is what is derived from them", async () => {
    const volume = makeVolume();
    const series = await scan(await makeReversed(volume));
    expect(series.slices.map(({ summary }) => summary.frame)).toEqual([3, 2, 1, 0]);
    expect((await decodeVolume(series)).data).toEqual(volume.data);
    const object = await createDerivedObject(series, {
      methodDescription: "Test filter",
      parameters: {},
      codeVersion: "0.1.0",
      dateTime: DATE_TIME,
    });
    for (const i of [2, 0, 3, 1]) {
      await object.setFrame(
        i,
        (await decodeSliceHu(series, i)).hu.map((value) => value + i),
      );
    }
    const bytes = await object.finish();
    const derived = await scan(bytes);
    expect(derived.geometry).toEqual(volume.geometry);
    const { data } = await decodeVolume(derived);
    for (let i = 0; i < 4; i++) {
      expect(data.subarray(15 * i, 15 * (i + 1))).toEqual(getSliceData(volume, i).map((value) => value + i));
    }
    // Each new frame keeps its slice's place in the stack and names the frame that it was.
    const { dataset } = readDicomFile(bytes);
    for (let i = 0; i < 4; i++) {
      const frame = readFrameDataset(dataset, i);
      expect(readNumbers(frame, TAG.InStackPositionNumber)).toEqual([i + 1]);
      expect(readNumbers(frame, TAG.DimensionIndexValues)).toEqual([1, i + 1]);
      const [derivation] = readItems(frame, TAG.DerivationImageSequence) ?? [];
      const [image] = readItems(derivation, TAG.SourceImageSequence) ?? [];
      expect(readNumbers(image, TAG.ReferencedFrameNumber)).toEqual([4 - i]);
    }
  });
});

describe("what frames say", () => {
  const makeSlices = (...slices: readonly CtSliceOptions[]): Promise<Series> =>
    scan(
      ...slices.map((options, i) =>
        makeCtSlice({ sopUid: `1.2.3.4.${i}`, position: [0, 0, 3 * i], instanceNumber: i + 1, ...options }),
      ),
    );
  const convert = async (series: Series): Promise<DicomFile> =>
    readDicomFile((await convertToEnhanced(series, { dateTime: DATE_TIME })).bytes);

  it("attributes of the top level that differ between slices stay with their frames", async () => {
    const operator = (name: string): CtSliceOptions => ({ extra: [[0x00081070, "PN", name]] });
    const { dataset } = await convert(await makeSlices(operator("A^A"), operator("B^B"), operator("B^B")));
    const names = [0, 1, 2].map((i) => readText(readFrameDataset(dataset, i), 0x00081070));
    expect(names).toEqual(["A^A", "B^B", "B^B"]);
  });

  it("cannot replace the identity of the object and the layout of its pixels", async () => {
    const { dataset } = await convert(await makeSlices({}, {}));
    const items = (readItems(dataset, TAG.PerFrameFunctionalGroupsSequence) ?? []).map((item) => {
      const lies = [createTextElement(TAG.SOPInstanceUID, "9.9"), createTextElement(TAG.Modality, "MR")];
      return [...editDataset(item, new Map(lies.map((lie) => [lie.tag, lie]))).elements.values()];
    });
    const groups = createSequenceElement(TAG.PerFrameFunctionalGroupsSequence, items, "explicit-le");
    const forged = editDataset(dataset, new Map([[groups.tag, groups]]));
    const frame = readFrameDataset(forged, 1);
    expect(readText(frame, TAG.SOPInstanceUID)).toBe(readText(dataset, TAG.SOPInstanceUID));
    expect(readText(frame, TAG.Modality)).toBe("CT");
  });

  it("frames of different words are not put into one object", async () => {
    const series = await makeSlices({}, {});
    const [first, second] = series.slices;
    const format = { ...second.summary.format, bitsStored: 12, highBit: 11 };
    const mixed = { ...series, slices: [first, { ...second, summary: { ...second.summary, format } }] };
    await expect(convertToEnhanced(mixed, { dateTime: DATE_TIME })).rejects.toMatchObject({
      code: "UNSUPPORTED_PIXEL_FORMAT",
    });
  });

  it("a mixed object's frame of unknown origin is a derived classic image, with date and time apart", () => {
    const elements = [
      createTextElement(TAG.ImageType, ["MIXED", "PRIMARY", "VOLUME", "NONE"]),
      createTextElement(TAG.FrameAcquisitionDateTime, "20260102030405.25+0100"),
    ];
    const frame: DicomDataset = {
      ...readDicomFile(makeCtSlice()).dataset,
      elements: new Map(elements.map((element) => [element.tag, element])),
    };
    const classic = { ...frame, elements: createClassicElements(frame) };
    expect(readTexts(classic, TAG.ImageType)).toEqual(["DERIVED", "PRIMARY", "AXIAL"]);
    expect(readText(classic, TAG.AcquisitionDate)).toBe("20260102");
    expect(readText(classic, TAG.AcquisitionTime)).toBe("030405.25");
  });
});
