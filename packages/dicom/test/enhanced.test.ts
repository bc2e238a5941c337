/** Enhanced CT written, read, converted and derived: the same HU, geometry and facts in every form. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createCentredGrid, createRandom, createVolume, getSliceData, type Volume } from "@alara/core";
import {
  type CtSeriesAttributes,
  convertToClassic,
  convertToEnhanced,
  createCtSeries,
  createDerivedObject,
  createDerivedSeries,
  type DicomFile,
  decodeSliceHu,
  decodeVolume,
  type EnhancedCtScan,
  type EnhancedKind,
  editDataset,
  isSingleObject,
  joinFragments,
  readDicomFile,
  readFrameDataset,
  readFrameFormat,
  readItems,
  readNumbers,
  readText,
  readTexts,
  requireTransferSyntax,
  type Series,
  type SeriesFacts,
  scanSeries,
  TAG,
  TRANSFER_SYNTAX_UID,
  transferSyntaxes,
  writeDicomFile,
  writeEnhancedCt,
} from "@alara/dicom";
import { createTemporaryFolder, requireTool } from "@alara/testing";
import { describe, expect, it } from "vitest";
import { convertToImplicit } from "../src/dataset/convert.ts";
import { type CtSliceOptions, createMemorySource, makeCtSlice, uint16 } from "./make-dicom.ts";
import { validate } from "./validators.ts";

const DATE_TIME = "2026-01-02T03:04:05Z";
const ATTRIBUTES: CtSeriesAttributes = {
  identity: { phantom: "enhanced" },
  patientId: "PHANTOM",
  patientName: "Phantom^Water",
  dateTime: DATE_TIME,
  seriesDescription: "phantom",
  softwareVersion: "0.1.0",
  bodyPart: "CHEST",
  kernel: "B40f",
  tubeVoltageKv: 120,
  tubeCurrentMa: 200,
  exposureMas: 100,
  exposureTimeMs: 500,
};
const SCAN: EnhancedCtScan = {
  reconstructionAlgorithm: "FILTER_BACK_PROJ",
  kernelGroup: "SOFT_TISSUE",
  reconstructionAngleDegrees: 360,
  imageFilter: "NONE",
  exposureModulation: "NONE",
  ctdiPhantomDiameterCm: 32,
  focalSpotMm: 1.2,
  filterType: "NONE",
  filterMaterial: "ALUMINUM",
};

function makeVolume(): Volume<"HU"> {
  const random = createRandom(4);
  const volume = createVolume("HU", createCentredGrid([5, 12, 10], [2.5, 0.75, 0.8]));
  for (let i = 0; i < volume.data.length; i++) volume.data[i] = Math.round(60 * random.nextNormal()) + 0;
  return volume;
}

async function scan(...files: readonly Uint8Array[]): Promise<Series> {
  const { series, skipped } = await scanSeries(files.map((bytes, i) => createMemorySource(bytes, `f${i}`)));
  expect(skipped).toEqual([]);
  expect(series.length).toBe(1);
  return series[0];
}

async function makeClassic(volume: Volume<"HU">): Promise<Uint8Array[]> {
  const series = await createCtSeries(volume.geometry, { ...ATTRIBUTES, ctdiVolMgy: 6.5 });
  return Array.from({ length: 5 }, (_, i) => series.writeInstance(i, getSliceData(volume, i)));
}

/** Facts that are about the object, not about the scan. */
function dropForm(facts: SeriesFacts): Partial<SeriesFacts> {
  const { imageType: _imageType, transferSyntaxUids: _syntaxes, ...rest } = facts;
  return rest;
}

const WRITABLE = [...transferSyntaxes.entries()].filter(
  ([, syntax]) =>
    !syntax.lossy && syntax.encoding === "explicit-le" && (!syntax.encapsulated || syntax.encodeFrame),
);

describe("writeEnhancedCt", () => {
  it.each(
    WRITABLE.filter(([, syntax]) => syntax.storage === undefined).map(([uid, { name }]) => [name, uid]),
  )("reads back the same HU and geometry: %s", async (_, transferSyntaxUid) => {
    const volume = makeVolume();
    const { bytes, sopInstanceUid } = await writeEnhancedCt(volume, ATTRIBUTES, { transferSyntaxUid });
    const series = await scan(bytes);
    const back = await decodeVolume(series);
    expect(back.geometry).toEqual(volume.geometry);
    expect(back.data).toEqual(volume.data);
    expect(series.findings).toEqual([]);
    expect(series.slices.map(({ summary }) => summary.frame)).toEqual([0, 1, 2, 3, 4]);
    expect(series.slices[3].summary).toMatchObject({ sopInstanceUid, stackId: "1" });
    const { dataset } = readDicomFile(bytes);
    const compressed = transferSyntaxUid !== TRANSFER_SYNTAX_UID.explicitLittleEndian;
    expect(dataset.elements.get(TAG.PixelData)?.vr).toBe(compressed ? "OB" : "OW");
  });

  it("states the facts in the groups of Enhanced CT", async () => {
    const attributes = { ...ATTRIBUTES, ctdiVolMgy: 6.5 };
    const { bytes } = await writeEnhancedCt(makeVolume(), attributes, { scan: SCAN });
    const { facts } = await scan(bytes);
    expect(facts).toMatchObject({
      bodyPart: "CHEST",
      kernels: ["B40f"],
      tubeVoltageKv: { median: 120 },
      tubeCurrentMa: { median: 200 },
      exposureMas: { median: 100 },
      exposureTimeMs: { median: 500 },
      ctdiVolMgy: { median: 6.5 },
      sliceThicknessMm: 2.5,
      reconstructionDiameterMm: 8,
    });
    const [shared] = readItems(readDicomFile(bytes).dataset, TAG.SharedFunctionalGroupsSequence) ?? [];
    const [exposure] = readItems(shared, TAG.CTExposureSequence) ?? [];
    expect(readNumbers(exposure, TAG.XRayTubeCurrentInmA)).toEqual([200]);
    expect(shared.elements.has(TAG.UnassignedSharedConvertedAttributesSequence)).toBe(false);
  });

  it("keeps facts whose group is incomplete", async () => {
    const { bytes } = await writeEnhancedCt(makeVolume(), ATTRIBUTES);
    expect((await scan(bytes)).facts).toMatchObject({ kernels: ["B40f"], tubeVoltageKv: { median: 120 } });
  });

  it("refuses lossy and unknown syntaxes", async () => {
    for (const transferSyntaxUid of [TRANSFER_SYNTAX_UID.jpegLsNearLossless, "1.2.3"]) {
      await expect(writeEnhancedCt(makeVolume(), ATTRIBUTES, { transferSyntaxUid })).rejects.toMatchObject({
        code: "UNSUPPORTED_TRANSFER_SYNTAX",
      });
    }
  });
});

describe("conversion", () => {
  it.each(["legacy-converted", "enhanced"] as const)(
    "classic → %s → classic keeps pixels and facts",
    async (kind) => {
      const volume = makeVolume();
      const classic = await scan(...(await makeClassic(volume)));
      const { bytes } = await convertToEnhanced(classic, { kind, dateTime: DATE_TIME });
      const enhanced = await scan(bytes);
      expect(isSingleObject(enhanced)).toBe(true);
      expect((await decodeVolume(enhanced)).data).toEqual(volume.data);
      expect(enhanced.geometry).toEqual(classic.geometry);
      expect(dropForm(enhanced.facts)).toEqual(dropForm(classic.facts));
      const back = await convertToClassic(enhanced, {
        dateTime: DATE_TIME,
        transferSyntaxUid: TRANSFER_SYNTAX_UID.rleLossless,
      });
      const files = await Promise.all([0, 1, 2, 3, 4].map((i) => back.writeInstance(i)));
      const again = await scan(...files);
      expect((await decodeVolume(again)).data).toEqual(volume.data);
      expect(again.geometry).toEqual(classic.geometry);
      expect(dropForm(again.facts)).toEqual(dropForm(classic.facts));
      expect(again.facts.imageType[0]).toBe(kind === "enhanced" ? "DERIVED" : "ORIGINAL");
      expect(new Set(again.slices.map(({ summary }) => summary.sopInstanceUid)).size).toBe(5);
    },
  );

  it("names the image that each frame was", async () => {
    const classic = await scan(...(await makeClassic(makeVolume())));
    const { bytes } = await convertToEnhanced(classic, { dateTime: DATE_TIME });
    const { dataset } = readDicomFile(bytes);
    const sources = classic.slices.map((_, i) => {
      const [item] = readItems(readFrameDataset(dataset, i), TAG.ConversionSourceAttributesSequence) ?? [];
      return readText(item, TAG.ReferencedSOPInstanceUID);
    });
    expect(sources).toEqual(classic.slices.map(({ summary }) => summary.sopInstanceUid));
  });

  it("is the same every time", async () => {
    const classic = await scan(...(await makeClassic(makeVolume())));
    const convert = async (): Promise<Uint8Array> =>
      (await convertToEnhanced(classic, { dateTime: DATE_TIME })).bytes;
    expect(await convert()).toEqual(await convert());
  });
});

const DERIVATION = {
  methodDescription: "Test filter",
  parameters: { sigma: 2 },
  strength: 0.5,
  codeVersion: "0.1.0",
  dateTime: DATE_TIME,
};

async function derive(series: Series, transferSyntaxUid?: string): Promise<Uint8Array> {
  const options = transferSyntaxUid === undefined ? DERIVATION : { ...DERIVATION, transferSyntaxUid };
  const object = await createDerivedObject(series, options);
  for (const i of [3, 1, 0, 2, 4]) {
    const { hu } = await decodeSliceHu(series, i);
    await object.setFrame(
      i,
      hu.map((value) => value + 7),
      i === 2 ? [1, 2, 3] : [i],
    );
  }
  return object.finish();
}

describe("sources that differ from slice to slice or lack attributes", () => {
  const convert = async (kind: EnhancedKind, ...slices: readonly CtSliceOptions[]): Promise<DicomFile> => {
    const files = slices.map((options, i) =>
      makeCtSlice({ sopUid: `1.2.3.4.${i}`, position: [0, 0, 3 * i], instanceNumber: i + 1, ...options }),
    );
    return readDicomFile(
      (await convertToEnhanced(await scan(...files), { kind, dateTime: DATE_TIME })).bytes,
    );
  };

  it.each(["legacy-converted", "enhanced"] as const)("%s: one lossy frame marks the object", async (kind) => {
    const loss: CtSliceOptions = {
      extra: [
        [TAG.LossyImageCompression, "CS", "01"],
        [TAG.LossyImageCompressionRatio, "DS", "9.5"],
        [TAG.LossyImageCompressionMethod, "CS", "ISO_10918_1 "],
      ],
    };
    const { dataset } = await convert(kind, {}, loss, {});
    expect(readText(dataset, TAG.LossyImageCompression)).toBe("01");
    expect(readText(dataset, TAG.LossyImageCompressionRatio)).toBe("9.5");
    expect(readText(dataset, TAG.LossyImageCompressionMethod)).toBe("ISO_10918_1");
    const plain = await convert(kind, {}, {});
    expect(readText(plain.dataset, TAG.LossyImageCompression)).toBe("00");
  });

  it("marks frames of a lossy syntax whose header is silent", async () => {
    const raw = uint16(...Array.from({ length: 64 }, (_, i) => 100 + 3 * i));
    const shape = { rows: 8, columns: 8, signed: false, pixels: raw };
    const format = readFrameFormat(readDicomFile(makeCtSlice(shape)).dataset);
    // Coded without loss; the syntax allows it, but says that there may be some.
    const encode = requireTransferSyntax(TRANSFER_SYNTAX_UID.jpegLsLossless).encodeFrame;
    const pixels = joinFragments([(await encode?.(raw, format)) ?? raw]);
    const plain = readDicomFile(makeCtSlice(shape));
    const file = {
      ...plain.dataset.elements.get(TAG.PixelData),
      tag: TAG.PixelData,
      vr: "OB",
      bytes: pixels,
      undefinedLength: true,
      offset: -1,
    };
    const lossy = writeDicomFile(
      editDataset(plain.dataset, new Map([[TAG.PixelData, file]])),
      TRANSFER_SYNTAX_UID.jpegLsNearLossless,
    );
    const classic = await scan(lossy);
    const enhanced = await convertToEnhanced(classic, { dateTime: DATE_TIME });
    const back = await convertToClassic(classic, { dateTime: DATE_TIME });
    for (const bytes of [enhanced.bytes, await back.writeInstance(0)]) {
      const { dataset } = readDicomFile(bytes);
      expect(readText(dataset, TAG.LossyImageCompression)).toBe("01");
      expect(readText(dataset, TAG.LossyImageCompressionMethod)).toBe("ISO_14495_1");
    }
  });

  it("refuses slices that mark padding by different values", async () => {
    await expect(convert("enhanced", { paddingValue: -2000 }, { paddingValue: -3024 })).rejects.toMatchObject(
      {
        code: "UNSUPPORTED_PIXEL_FORMAT",
      },
    );
    const { dataset } = await convert("enhanced", { paddingValue: -2000 }, {});
    expect(readNumbers(dataset, TAG.PixelPaddingValue)).toEqual([-2000]);
  });

  it("classic images from frames have what they must, if only empty", async (context) => {
    const bare: CtSliceOptions = {
      omit: [0x00080050, 0x00180050, 0x00180060, 0x00185100, 0x00200010, 0x00200012, 0x00201040],
    };
    const { dataset } = await convert("legacy-converted", bare, bare);
    const enhanced = writeDicomFile(dataset, TRANSFER_SYNTAX_UID.explicitLittleEndian);
    const source = await scan(enhanced);
    const { hu } = await decodeSliceHu(source, 0);
    const files = [
      await (await createDerivedSeries(source, DERIVATION)).writeInstance(0, hu),
      await (await convertToClassic(source, { dateTime: DATE_TIME })).writeInstance(0),
    ];
    const tool = requireTool(context, "dciodvfy", "dicom3tools");
    for (const bytes of files) {
      const classic = readDicomFile(bytes).dataset;
      for (const tag of bare.omit ?? []) expect(classic.elements.get(tag)?.bytes.length).toBe(0);
      expect(validate(tool, bytes).filter((line) => line.startsWith("Error"))).toEqual([]);
    }
  });

  it("a single frame has both groups of unassigned attributes", async (context) => {
    const { dataset } = await convert("legacy-converted", {});
    const [frame] = readItems(dataset, TAG.PerFrameFunctionalGroupsSequence) ?? [];
    expect(readItems(frame, TAG.UnassignedPerFrameConvertedAttributesSequence)?.length).toBe(1);
    const tool = requireTool(context, "dciodvfy", "dicom3tools");
    const bytes = writeDicomFile(dataset, TRANSFER_SYNTAX_UID.explicitLittleEndian);
    expect(validate(tool, bytes).filter((line) => line.startsWith("Error"))).toEqual([]);
  });

  it("groups written as UN are derived from like any other", async () => {
    const volume = makeVolume();
    const file = readDicomFile((await writeEnhancedCt(volume, ATTRIBUTES, { scan: SCAN })).bytes);
    const implicit = convertToImplicit(file.dataset);
    const tags = [TAG.SharedFunctionalGroupsSequence, TAG.PerFrameFunctionalGroupsSequence];
    const edits = tags.map((tag) => {
      const bytes = implicit.elements.get(tag)?.bytes ?? new Uint8Array(0);
      return [tag, { tag, vr: "UN", bytes, undefinedLength: false, offset: -1 }] as const;
    });
    const unknown = writeDicomFile(
      editDataset(file.dataset, new Map(edits)),
      TRANSFER_SYNTAX_UID.explicitLittleEndian,
    );
    const series = await scan(await derive(await scan(unknown)));
    expect((await decodeVolume(series)).data).toEqual(volume.data.map((value) => value + 7));
    expect(series.geometry).toEqual(volume.geometry);
    expect(series.facts.kernels).toEqual(["B40f"]);
  });
});

describe("derived from enhanced CT", () => {
  it("writes an enhanced object that says what its frames come from", async () => {
    const volume = makeVolume();
    const { bytes, sopInstanceUid } = await writeEnhancedCt(volume, ATTRIBUTES, { scan: SCAN });
    const source = await scan(bytes);
    const derived = await derive(source, TRANSFER_SYNTAX_UID.jpegLsLossless);
    const series = await scan(derived);
    expect((await decodeVolume(series)).data).toEqual(volume.data.map((value) => value + 7));
    expect(series.geometry).toEqual(source.geometry);
    expect(series.findings.map(({ code }) => code)).toEqual(["DERIVED_BY_ALARA"]);
    expect(series.studyInstanceUid).toBe(source.studyInstanceUid);
    const { dataset } = readDicomFile(derived);
    expect(readTexts(dataset, TAG.ImageType)).toEqual(["DERIVED", "PRIMARY", "VOLUME", "NONE"]);
    const [group] = readItems(readFrameDataset(dataset, 2), TAG.DerivationImageSequence) ?? [];
    const [image] = readItems(group, TAG.SourceImageSequence) ?? [];
    expect(readText(image, TAG.ReferencedSOPInstanceUID)).toBe(sopInstanceUid);
    expect(readNumbers(image, TAG.ReferencedFrameNumber)).toEqual([2, 3, 4]);
    expect(readText(image, TAG.SpatialLocationsPreserved)).toBe("YES");
  });

  it("writes single CT images too", async () => {
    const { bytes, sopInstanceUid } = await writeEnhancedCt(makeVolume(), ATTRIBUTES, { scan: SCAN });
    const source = await scan(bytes);
    const derived = await createDerivedSeries(source, DERIVATION);
    const files: Uint8Array[] = [];
    for (let i = 0; i < 5; i++) {
      files.push(await derived.writeInstance(i, (await decodeSliceHu(source, i)).hu, [i]));
    }
    const series = await scan(...files);
    expect((await decodeVolume(series)).data).toEqual((await decodeVolume(source)).data);
    expect(series.slices[0].summary.sopClassUid).toBe("1.2.840.10008.5.1.4.1.1.2");
    expect(series.facts).toMatchObject({ kernels: ["B40f"], tubeCurrentMa: { median: 200 } });
    const [image] = readItems(readDicomFile(files[1]).dataset, TAG.SourceImageSequence) ?? [];
    expect(readText(image, TAG.ReferencedSOPInstanceUID)).toBe(sopInstanceUid);
    expect(readNumbers(image, TAG.ReferencedFrameNumber)).toEqual([2]);
  });

  it("refuses an unfinished object and series of single images", async () => {
    const { bytes } = await writeEnhancedCt(makeVolume(), ATTRIBUTES);
    const object = await createDerivedObject(await scan(bytes), DERIVATION);
    await expect(object.finish()).rejects.toMatchObject({ code: "SHAPE_MISMATCH" });
    const classic = await scan(...(await makeClassic(makeVolume())));
    await expect(createDerivedObject(classic, DERIVATION)).rejects.toMatchObject({
      code: "UNSUPPORTED_PIXEL_FORMAT",
    });
  });
});

describe("validators of enhanced objects", () => {
  it("dciodvfy finds no error and no warning", async (context) => {
    const tool = requireTool(context, "dciodvfy", "dicom3tools");
    const { bytes } = await writeEnhancedCt(makeVolume(), ATTRIBUTES, { scan: SCAN });
    expect(validate(tool, bytes)).toEqual([]);
    const series = await scan(bytes);
    expect(validate(tool, await derive(series))).toEqual([]);
    expect(validate(tool, await derive(series, TRANSFER_SYNTAX_UID.rleLossless))).toEqual([]);
    const classic = await scan(...(await makeClassic(makeVolume())));
    const legacy = await convertToEnhanced(classic, { dateTime: DATE_TIME });
    expect(validate(tool, legacy.bytes)).toEqual([]);
    expect(validate(tool, await derive(await scan(legacy.bytes)))).toEqual([]);
    const back = await convertToClassic(series, { dateTime: DATE_TIME });
    expect(validate(tool, await back.writeInstance(0))).toEqual([]);
    const single = await createDerivedSeries(series, DERIVATION);
    const { hu } = await decodeSliceHu(series, 0);
    expect(validate(tool, await single.writeInstance(0, hu))).toEqual([]);
  });

  it("GDCM decodes every frame to the same bytes", async (context) => {
    const tool = requireTool(context, "gdcmconv", "libgdcm-tools");
    const volume = makeVolume();
    const plain = readDicomFile((await writeEnhancedCt(volume, ATTRIBUTES)).bytes);
    for (const transferSyntaxUid of [TRANSFER_SYNTAX_UID.rleLossless, TRANSFER_SYNTAX_UID.jpegLsLossless]) {
      const { bytes } = await writeEnhancedCt(volume, ATTRIBUTES, { transferSyntaxUid });
      using folder = createTemporaryFolder("gdcm");
      writeFileSync(folder.resolve("in.dcm"), bytes);
      execFileSync(tool, ["--raw", folder.resolve("in.dcm"), folder.resolve("out.dcm")]);
      const out = readDicomFile(new Uint8Array(readFileSync(folder.resolve("out.dcm"))));
      expect(out.dataset.elements.get(TAG.PixelData)?.bytes).toEqual(
        plain.dataset.elements.get(TAG.PixelData)?.bytes,
      );
    }
  });
});
