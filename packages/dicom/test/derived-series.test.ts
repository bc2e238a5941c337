/** Derived and plain series: every attribute that changes or must not, determinism, and what validators say. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createCentredGrid, createRandom } from "@alara/core";
import {
  createCtSeries,
  createDerivedSeries,
  createHashedUid,
  type DerivedSeriesOptions,
  type DicomDataset,
  decodeSliceHu,
  decodeVolume,
  IMPLEMENTATION_CLASS_UID,
  isDerivedByAlara,
  isValidUid,
  readDicomFile,
  readItems,
  readNumber,
  readText,
  readTexts,
  type Series,
  scanSeries,
  TAG,
  TRANSFER_SYNTAX_UID,
} from "@alara/dicom";
import { createTemporaryFolder, findTool, requireTool } from "@alara/testing";
import { describe, expect, it } from "vitest";
import {
  type CtSliceOptions,
  concat,
  createMemorySource,
  explicit,
  IMPLICIT_LE,
  item,
  makeCtSlice,
  uint16,
} from "./make-dicom.ts";
import { validate } from "./validators.ts";

const OPTIONS: DerivedSeriesOptions = {
  methodDescription: "Noise reduction by a residual CNN",
  parameters: { method: "residual-cnn", tile: 128 },
  strength: 0.75,
  modelDigest: "0123456789abcdef".repeat(4),
  codeVersion: "0.1.0",
  dateTime: "2026-01-31T23:30:15+00:00",
};

async function makeSeries(options: CtSliceOptions = {}, count = 3): Promise<Series> {
  const files = Array.from({ length: count }, (_, i) =>
    makeCtSlice({
      sopUid: `1.2.3.4.${i + 1}`,
      position: [0, 0, 3 * i],
      instanceNumber: i + 1,
      ...options,
    }),
  );
  const { series } = await scanSeries(files.map((bytes, i) => createMemorySource(bytes, `f${i}`)));
  return series[0];
}

async function deriveSlice(
  series: Series,
  options: Partial<DerivedSeriesOptions> = {},
  change: (hu: Float32Array) => void = () => {},
): Promise<{ readonly bytes: Uint8Array; readonly dataset: DicomDataset; readonly syntax: string }> {
  const derived = await createDerivedSeries(series, { ...OPTIONS, ...options });
  const { hu } = await decodeSliceHu(series, 1);
  change(hu);
  const bytes = await derived.writeInstance(1, hu, [0, 1, 2]);
  const file = readDicomFile(bytes);
  return { bytes, dataset: file.dataset, syntax: file.transferSyntaxUid };
}

describe("derived attributes", () => {
  it("says what it is, where it comes from and who made it", async () => {
    const series = await makeSeries({ extra: [[0x00080201, "SH", "+0100"]] });
    const { dataset, bytes } = await deriveSlice(series);
    const text = (tag: number): string | undefined => readText(dataset, tag);
    expect(readTexts(dataset, TAG.ImageType)).toEqual(["DERIVED", "SECONDARY", "AXIAL"]);
    expect(text(TAG.SeriesDescription)).toBe("THORAX ALARA");
    expect(readNumber(dataset, TAG.SeriesNumber)).toBe(301);
    expect(text(TAG.DerivationDescription)).toBe(
      "Noise reduction by a residual CNN; Alara 0.1.0; model 0123456789abcdef; strength 0.75; investigational, not for diagnosis",
    );
    expect(readText((readItems(dataset, TAG.DerivationCodeSequence) ?? [])[0], TAG.CodeValue)).toBe("113087");
    const sources = readItems(dataset, TAG.SourceImageSequence) ?? [];
    expect(sources.map((source) => readText(source, TAG.ReferencedSOPInstanceUID))).toEqual([
      "1.2.3.4.1",
      "1.2.3.4.2",
      "1.2.3.4.3",
    ]);
    for (const source of sources) {
      expect(readText(source, TAG.SpatialLocationsPreserved)).toBe("YES");
      const purpose = (readItems(source, TAG.PurposeOfReferenceCodeSequence) ?? [])[0];
      expect(readText(purpose, TAG.CodeValue)).toBe("121322");
    }
    const equipment = (readItems(dataset, TAG.ContributingEquipmentSequence) ?? [])[0];
    expect(readText(equipment, TAG.Manufacturer)).toBe("Alara");
    expect(readText(equipment, TAG.SoftwareVersions)).toBe("0.1.0");
    expect(readText(equipment, TAG.ContributionDateTime)).toBe("20260201003015+0100");
    expect(readText(equipment, TAG.ContributionDescription)).toContain(
      `weights sha256 ${OPTIONS.modelDigest}`,
    );
    expect(text(TAG.Manufacturer)).toBe("ACME");
    // 23:30 UTC is 00:30 of the next day in the source's time zone.
    for (const tag of [TAG.InstanceCreationDate, TAG.SeriesDate, TAG.ContentDate])
      expect(text(tag)).toBe("20260201");
    for (const tag of [TAG.InstanceCreationTime, TAG.SeriesTime, TAG.ContentTime])
      expect(text(tag)).toBe("003015");
    expect(text(TAG.StudyDate)).toBe("20200102");
    expect(text(TAG.BurnedInAnnotation)).toBe("NO");
    expect(isDerivedByAlara(dataset)).toBe(true);
    expect(isDerivedByAlara(readDicomFile(makeCtSlice()).dataset)).toBe(false);
    const { meta } = readDicomFile(bytes);
    expect(readText(meta, TAG.ImplementationClassUID)).toBe(IMPLEMENTATION_CLASS_UID);
    expect(readText(meta, TAG.ImplementationVersionName)).toBe("ALARA_010");
    expect(readText(meta, TAG.MediaStorageSOPInstanceUID)).toBe(text(TAG.SOPInstanceUID));
  });

  it("keeps patient, study, geometry, dose and untouched bytes, byte for byte", async () => {
    const extra: NonNullable<CtSliceOptions["extra"]> = [
      [0x00100010, "PN", Uint8Array.of(0x4d, 0xfc, 0x6c, 0x6c, 0x65, 0x72)],
      [0x00083010, "UI", "1.2.3.77"],
      [0x00189345, "FD", new Uint8Array(Float64Array.of(6.5).buffer)],
      [0x00080022, "DA", "20200101"],
      [0x00400275, "SQ", item(explicit(0x00401001, "SH", "RP1"))],
      [0x00280301, "CS", "YES"],
    ];
    const series = await makeSeries({ extra, seriesUid: "1.2.3.1" });
    const source = readDicomFile(await series.slices[1].source.read()).dataset;
    const { dataset } = await deriveSlice(series);
    const changed = new Set<number>([
      TAG.ImageType,
      TAG.SOPInstanceUID,
      TAG.SeriesDescription,
      TAG.SeriesInstanceUID,
      TAG.SeriesNumber,
    ]);
    let kept = 0;
    for (const element of source.elements.values()) {
      if (changed.has(element.tag)) continue;
      expect(dataset.elements.get(element.tag)?.bytes).toEqual(element.bytes);
      kept++;
    }
    expect(kept).toBe(source.elements.size - changed.size);
  });

  it("removes what would be untrue, private elements and overlays, and keeps the latter two on request", async () => {
    const extra: NonNullable<CtSliceOptions["extra"]> = [
      [0x00080000, "UL", new Uint8Array(4)],
      [0x00081111, "SQ", item(explicit(0x00081150, "UI", "1.2"))],
      [0x00090010, "LO", "ACME"],
      [0x00091001, "LO", "secret"],
      [0x00280109, "SS", uint16(5)],
      [0x00880200, "SQ", item(explicit(0x00280010, "US", uint16(1)))],
      [0x60000010, "US", uint16(4)],
      [0xfffafffa, "SQ", item(explicit(0x04000005, "US", uint16(1)))],
      [0xfffcfffc, "OB", new Uint8Array(2)],
    ];
    const series = await makeSeries({ extra });
    const { dataset } = await deriveSlice(series);
    for (const [tag] of extra) expect(dataset.elements.has(tag), tag.toString(16)).toBe(false);
    const kept = await deriveSlice(series, { privateElements: "keep", overlays: "keep" });
    for (const [tag] of extra) {
      expect(kept.dataset.elements.has(tag)).toBe([0x00090010, 0x00091001, 0x60000010].includes(tag));
    }
  });

  it("replaces earlier derivation, appends to contributing equipment, and keeps loss", async () => {
    const series = await makeSeries({
      imageType: "DERIVED\\PRIMARY\\AXIAL\\HELIX\\ADD",
      extra: [
        [0x00082111, "ST", "old"],
        [0x00082112, "SQ", item(explicit(0x00081155, "UI", "9.9"))],
        [
          0x0018a001,
          "SQ",
          item(concat(explicit(0x00080070, "LO", "OTHER"), explicit(0x00091001, "LO", "p"))),
        ],
        [0x00282110, "CS", "01"],
        [0x00282112, "DS", "12.5"],
        [0x00282114, "CS", "ISO_15444_1"],
      ],
    });
    const { dataset } = await deriveSlice(series, { imageTypeOrigin: "PRIMARY" });
    expect(readTexts(dataset, TAG.ImageType)).toEqual(["DERIVED", "PRIMARY", "AXIAL", "HELIX", "ADD"]);
    expect(readText(dataset, TAG.DerivationDescription)).not.toContain("old");
    expect((readItems(dataset, TAG.SourceImageSequence) ?? []).length).toBe(3);
    const equipment = readItems(dataset, TAG.ContributingEquipmentSequence) ?? [];
    expect(equipment.map((entry) => readText(entry, TAG.Manufacturer))).toEqual(["OTHER", "Alara"]);
    expect(equipment[0].elements.size).toBe(1);
    expect(readText(dataset, TAG.LossyImageCompression)).toBe("01");
    expect(readNumber(dataset, TAG.LossyImageCompressionRatio)).toBe(12.5);
    expect(readText(dataset, TAG.LossyImageCompressionMethod)).toBe("ISO_15444_1");
  });

  it("keeps the description within 64 characters and never cuts a multi-byte one", async () => {
    const describe64 = async (bytes: Uint8Array | string): Promise<string> => {
      const series = await makeSeries({ extra: [[0x0008103e, "LO", bytes]] });
      const { dataset } = await deriveSlice(series, { seriesDescriptionSuffix: "ALARA 75%" });
      return readText(dataset, TAG.SeriesDescription) ?? "";
    };
    expect(await describe64("A".repeat(64))).toBe(`${"A".repeat(54)} ALARA 75%`);
    expect(await describe64("")).toBe("ALARA 75%");
    expect(await describe64(new TextEncoder().encode("é".repeat(31)))).toBe("ALARA 75%");
    expect(await describe64(Uint8Array.of(0xe9, 0x20))).toBe("\xe9 ALARA 75%");
  });

  it("numbers the series 100·n + k within IS", async () => {
    const number = async (seriesNumber: string, k: number): Promise<number | undefined> =>
      readNumber(
        (await deriveSlice(await makeSeries({ seriesNumber }), { seriesNumberIndex: k })).dataset,
        TAG.SeriesNumber,
      );
    expect(await number("12", 7)).toBe(1207);
    expect(await number("", 1)).toBe(1);
    expect(await number("2147483647", 99)).toBeLessThanOrEqual(2147483647);
    await expect(number("1", 100)).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
  });

  it("refuses text that is not ASCII, digests that are none, and dates that are no dates", async () => {
    const series = await makeSeries();
    const tries: readonly Partial<DerivedSeriesOptions>[] = [
      { seriesDescriptionSuffix: "größer" },
      { modelDigest: "abc" },
      { dateTime: "yesterday" },
      { dateTime: "2026-02-30T00:00:00Z" },
      { methodDescription: "é" },
    ];
    for (const options of tries) {
      await expect(deriveSlice(series, options)).rejects.toMatchObject({ code: "INVALID_VALUE" });
    }
    await expect(deriveSlice(series, { transferSyntaxUid: "1.2.840.10008.1.2.4.81" })).rejects.toMatchObject({
      code: "UNSUPPORTED_TRANSFER_SYNTAX",
    });
  });
});

describe("derived pixels", () => {
  it("are the source's, bit for bit, when nothing changed, in every transfer syntax", async () => {
    const random = createRandom(1);
    const pixels = uint16(...Array.from({ length: 24 }, () => random.nextInteger(65536)));
    for (const transferSyntax of [undefined, IMPLICIT_LE]) {
      const series = await makeSeries({
        pixels,
        paddingValue: -2000,
        ...(transferSyntax === undefined ? {} : { transferSyntax }),
      });
      for (const target of [
        undefined,
        TRANSFER_SYNTAX_UID.explicitLittleEndian,
        TRANSFER_SYNTAX_UID.rleLossless,
        TRANSFER_SYNTAX_UID.jpegLsLossless,
      ]) {
        const { bytes, dataset, syntax } = await deriveSlice(
          series,
          target === undefined ? {} : { transferSyntaxUid: target },
        );
        expect(syntax).toBe(target ?? transferSyntax ?? TRANSFER_SYNTAX_UID.explicitLittleEndian);
        if (!syntax.includes(".4.") && !syntax.endsWith(".5")) {
          expect(dataset.elements.get(TAG.PixelData)?.bytes).toEqual(pixels);
        }
        const { series: again } = await scanSeries([createMemorySource(bytes, "again")]);
        expect((await decodeSliceHu(again[0], 0)).hu).toEqual((await decodeSliceHu(series, 1)).hu);
      }
    }
  });

  it("come with their smallest and largest value in the right representation", async () => {
    const signed = await deriveSlice(await makeSeries(), {}, (hu) => hu.fill(-2000.4, 0, 1));
    expect(signed.dataset.elements.get(TAG.SmallestImagePixelValue)?.vr).toBe("SS");
    expect(readNumber(signed.dataset, TAG.SmallestImagePixelValue)).toBe(-976);
    expect(readNumber(signed.dataset, TAG.LargestImagePixelValue)).toBe(1161);
    const unsigned = await deriveSlice(await makeSeries({ signed: false, bitsStored: 12 }));
    expect(unsigned.dataset.elements.get(TAG.LargestImagePixelValue)?.vr).toBe("US");
  });

  it("mark the loss of a lossy syntax that its file forgot to mention", async (context) => {
    const tool = requireTool(context, "dcmcjpls", "dcmtk");
    using folder = createTemporaryFolder("lossy");
    writeFileSync(folder.resolve("in.dcm"), makeCtSlice({ signed: false, rows: 61, columns: 47 }));
    execFileSync(tool, ["+en", "+md", "2", folder.resolve("in.dcm"), folder.resolve("out.dcm")]);
    const file = new Uint8Array(readFileSync(folder.resolve("out.dcm")));
    const { series } = await scanSeries([createMemorySource(file, "lossy")]);
    const derived = await createDerivedSeries(series[0], OPTIONS);
    const { hu } = await decodeSliceHu(series[0], 0);
    const { dataset, transferSyntaxUid } = readDicomFile(await derived.writeInstance(0, hu));
    expect(transferSyntaxUid).toBe(TRANSFER_SYNTAX_UID.explicitLittleEndian);
    expect(readText(dataset, TAG.LossyImageCompression)).toBe("01");
    expect(readText(dataset, TAG.LossyImageCompressionMethod)).toBe("ISO_14495_1");
    expect(readText(dataset, TAG.PixelData)).toBeDefined();
  });
});

describe("identity of results", () => {
  it("gives the same bytes for the same job and new UIDs for any other", async () => {
    const series = await makeSeries();
    const first = await deriveSlice(series);
    expect((await deriveSlice(series)).bytes).toEqual(first.bytes);
    const uids = new Set<string>();
    const variants: readonly [Series, Partial<DerivedSeriesOptions>][] = [
      [series, {}],
      [series, { strength: 0.5 }],
      [series, { parameters: { method: "residual-cnn", tile: 64 } }],
      [series, { modelDigest: "f".repeat(64) }],
      [series, { codeVersion: "0.1.1" }],
      [series, { providerClass: "cuda" }],
      [await makeSeries({}, 4), {}],
    ];
    for (const [source, options] of variants) {
      const derived = await createDerivedSeries(source, { ...OPTIONS, ...options });
      expect(isValidUid(derived.seriesInstanceUid)).toBe(true);
      uids.add(derived.seriesInstanceUid);
      for (const uid of derived.sopInstanceUids) {
        expect(isValidUid(uid)).toBe(true);
        uids.add(uid);
      }
    }
    expect(uids.size).toBe(variants.length + 6 * 3 + 4);
    const later = await createDerivedSeries(series, { ...OPTIONS, dateTime: "2027-01-01T00:00:00Z" });
    expect(later.seriesInstanceUid).toBe(readText(first.dataset, TAG.SeriesInstanceUID));
  });

  it("does not depend on the order in which files were found", async () => {
    const files = [1, 2, 3].map((i) => makeCtSlice({ sopUid: `1.2.3.4.${i}`, position: [0, 0, 3 * i] }));
    const scanIn = async (order: readonly number[]): Promise<string> => {
      const { series } = await scanSeries(order.map((i) => createMemorySource(files[i], String(i))));
      return (await createDerivedSeries(series[0], OPTIONS)).seriesInstanceUid;
    };
    expect(await scanIn([2, 0, 1])).toBe(await scanIn([0, 1, 2]));
  });

  it("hashes to UUIDs under 2.25 as computed by Python", async () => {
    // python3 -c: b = bytearray(hashlib.sha256(b'{"a":1}').digest()[:16]); b[6] = b[6] & 15 | 128; b[8] = b[8] & 63 | 128
    expect(await createHashedUid({ a: 1 })).toBe("2.25.1800378179156211654504551514974640136");
  });
});

describe("createCtSeries", () => {
  it("writes volumes that read back on the same grid", async () => {
    const grid = createCentredGrid([3, 8, 10], [2.5, 0.75, 0.8]);
    const attributes = {
      identity: { phantom: "test", seed: 1 },
      patientId: "PHANTOM-1",
      dateTime: "2026-01-01T00:00:00Z",
      seriesDescription: "test phantom",
      softwareVersion: "0.1.0",
      kernel: "RAMP",
      tubeVoltageKv: 120,
      tubeCurrentMa: 99.6,
      ctdiVolMgy: 3.25,
    };
    const written = await createCtSeries(grid, attributes);
    const values = Float32Array.from({ length: 80 }, (_, i) => i * 13 - 700);
    const files = [2, 0, 1].map((i) =>
      written.writeInstance(
        i,
        values.map((value) => value + i),
      ),
    );
    const { series } = await scanSeries(files.map((bytes, i) => createMemorySource(bytes, `p${i}`)));
    const volume = await decodeVolume(series[0]);
    expect(volume.geometry).toEqual(grid);
    expect([...volume.data.subarray(80, 160)]).toEqual([...values.map((value) => value + 1)]);
    expect(series[0].facts).toMatchObject({
      kernels: ["RAMP"],
      ctdiVolMgy: { median: 3.25 },
      tubeCurrentMa: { median: 100 },
    });
    expect(series[0].findings).toEqual([]);
    expect((await createCtSeries(grid, attributes)).sopInstanceUids).toEqual(written.sopInstanceUids);
    for (const bitsStored of [1, 12.5, 17]) {
      await expect(createCtSeries(grid, { ...attributes, bitsStored })).rejects.toMatchObject({
        code: "OUT_OF_RANGE",
      });
    }
    const other = await createCtSeries(grid, { ...attributes, identity: { phantom: "test", seed: 2 } });
    expect(other.seriesInstanceUid).not.toBe(written.seriesInstanceUid);
    expect(() => written.writeInstance(3, values)).toThrowError(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
  });
});

describe("validators", () => {
  const makePlain = async (): Promise<Uint8Array[]> => {
    const grid = createCentredGrid([4, 16, 16], [3, 0.7, 0.7]);
    const random = createRandom(9);
    const written = await createCtSeries(grid, {
      identity: { phantom: "validated" },
      patientId: "PHANTOM",
      patientName: "Phantom^Water",
      dateTime: "2026-01-01T10:00:00+01:00",
      seriesDescription: "plain",
      softwareVersion: "0.1.0",
      bodyPart: "ABDOMEN",
      tubeVoltageKv: 120,
      kernel: "RAMP",
    });
    return [0, 1, 2, 3].map((i) =>
      written.writeInstance(
        i,
        Float32Array.from({ length: 256 }, () => 40 * random.nextNormal()),
      ),
    );
  };
  const derive = async (files: readonly Uint8Array[], syntax?: string): Promise<Uint8Array[]> => {
    const { series } = await scanSeries(files.map((bytes, i) => createMemorySource(bytes, `f${i}`)));
    const derived = await createDerivedSeries(series[0], {
      ...OPTIONS,
      ...(syntax === undefined ? {} : { transferSyntaxUid: syntax }),
    });
    const out: Uint8Array[] = [];
    for (let i = 0; i < files.length; i++) {
      const { hu } = await decodeSliceHu(series[0], i);
      out.push(
        await derived.writeInstance(
          i,
          hu.map((value) => 0.7 * value),
          [i],
        ),
      );
    }
    return out;
  };

  it("dciodvfy finds no error and no warning in plain and derived series", async (context) => {
    const tool = requireTool(context, "dciodvfy", "dicom3tools");
    const plain = await makePlain();
    for (const bytes of [...plain, ...(await derive(plain))]) expect(validate(tool, bytes)).toEqual([]);
    for (const syntax of [TRANSFER_SYNTAX_UID.rleLossless, TRANSFER_SYNTAX_UID.jpegLsLossless]) {
      for (const bytes of await derive(plain, syntax)) expect(validate(tool, bytes)).toEqual([]);
    }
  });

  it("dcentvfy finds the plain and the derived series of one study consistent", async (context) => {
    const tool = requireTool(context, "dcentvfy", "dicom3tools");
    const plain = await makePlain();
    using folder = createTemporaryFolder("dcentvfy");
    const names = [...plain, ...(await derive(plain))].map((bytes, i) => {
      writeFileSync(folder.resolve(`${i}.dcm`), bytes);
      return folder.resolve(`${i}.dcm`);
    });
    const { stdout, stderr, status } = spawnSync(tool, names, { encoding: "utf8" });
    expect(`${stdout}${stderr}`).toBe("");
    expect(status).toBe(0);
  });

  it("dcmdump and dcm2json read the derived series", async (context) => {
    const dump = requireTool(context, "dcmdump", "dcmtk");
    const json = findTool("dcm2json") ?? context.skip("dcm2json is not installed (Debian package dcmtk)");
    const [bytes] = await derive(await makePlain());
    using folder = createTemporaryFolder("dcmdump");
    writeFileSync(folder.resolve("x.dcm"), bytes);
    const text = execFileSync(dump, [folder.resolve("x.dcm")], { encoding: "utf8" });
    expect(text).toContain("DERIVED\\SECONDARY\\AXIAL");
    expect(text).not.toMatch(/^[WE]:/m);
    const parsed = JSON.parse(execFileSync(json, [folder.resolve("x.dcm")], { encoding: "utf8" })) as Record<
      string,
      { Value?: unknown[] }
    >;
    expect(parsed["0008103E"].Value).toEqual(["plain ALARA"]);
    expect(parsed["00082112"].Value?.length).toBe(1);
  });
});
