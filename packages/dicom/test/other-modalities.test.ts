/** Images that are not CT: read as volumes of arbitrary unit, refused by what is made for CT, written plainly. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createCentredGrid, createVolume, getSliceData } from "@alara/core";
import {
  convertToClassic,
  convertToEnhanced,
  createDerivedSeries,
  createMrSeries,
  decodeGrayscale,
  decodeSliceHu,
  decodeVolume,
  readDicomFile,
  readFrameBytes,
  readGrayscaleFormat,
  readImageVolume,
  type SeriesCollection,
  scanSeries,
  TAG,
  TRANSFER_SYNTAX_UID,
  writeUltrasound,
} from "@alara/dicom";
import { findDataFolder, requireTool } from "@alara/testing";
import { describe, expect, it } from "vitest";
import { concat, createMemorySource, explicit, item, makeCtSlice, uint16, uint32 } from "./make-dicom.ts";
import { validate } from "./validators.ts";

const MR_ATTRIBUTES = {
  identity: { phantom: "mr" },
  patientId: "PHANTOM",
  patientName: "Phantom^Gel",
  dateTime: "2026-01-02T03:04:05Z",
  seriesDescription: "phantom",
  softwareVersion: "0.1.0",
  bodyPart: "HEAD",
} as const;

function scanAny(files: readonly Uint8Array[]): Promise<SeriesCollection> {
  return scanSeries(
    files.map((bytes, i) => createMemorySource(bytes, `f${i}`)),
    { modalities: "any" },
  );
}

async function makeMr(rescale?: { slope: number; intercept: number }): Promise<{
  files: Uint8Array[];
  data: Float32Array;
}> {
  const volume = createVolume("arbitrary", createCentredGrid([3, 4, 6], [2, 1, 1]));
  for (let i = 0; i < volume.data.length; i++) volume.data[i] = rescale ? i * rescale.slope : i * 11;
  const series = await createMrSeries(volume.geometry, { ...MR_ATTRIBUTES, ...(rescale ? { rescale } : {}) });
  return {
    files: [0, 1, 2].map((i) => series.writeInstance(i, getSliceData(volume, i))),
    data: volume.data,
  };
}

describe("other modalities", () => {
  it("are left out unless asked for", async () => {
    const { files } = await makeMr();
    const { series, skipped } = await scanSeries(files.map((bytes, i) => createMemorySource(bytes, `f${i}`)));
    expect(series).toEqual([]);
    expect(skipped.map(({ code }) => code)).toEqual(["NOT_CT", "NOT_CT", "NOT_CT"]);
  });

  it.each([undefined, { slope: 0.25, intercept: 0 }])(
    "give volumes of arbitrary unit, rescale %o",
    async (rescale) => {
      const { files, data } = await makeMr(rescale);
      const { series } = await scanAny(files);
      expect(series[0]).toMatchObject({ modality: "MR", unit: "arbitrary" });
      const volume = await readImageVolume(series[0]);
      expect(volume.unit).toBe("arbitrary");
      expect(volume.data).toEqual(data);
      expect(volume.geometry).toEqual(createCentredGrid([3, 4, 6], [2, 1, 1]));
    },
  );

  it("are refused by every step made for CT", async () => {
    const [series] = (await scanAny((await makeMr()).files)).series;
    const options = {
      methodDescription: "x",
      parameters: {},
      codeVersion: "1",
      dateTime: "2026-01-02T03:04:05Z",
    };
    for (const step of [
      decodeVolume(series),
      decodeSliceHu(series, 0),
      createDerivedSeries(series, options),
      convertToEnhanced(series, options),
      convertToClassic(series, options),
    ]) {
      await expect(step).rejects.toMatchObject({ code: "NOT_HU" });
    }
  });

  it("do not mix with CT of the same series", async () => {
    const mr = makeCtSlice({ modality: "MR", sopUid: "1.2.5", sopClass: "1.2.840.10008.5.1.4.1.1.4" });
    const { series } = await scanAny([makeCtSlice(), mr]);
    expect(series.map(({ unit }) => unit).sort()).toEqual(["HU", "arbitrary"]);
  });

  it("reads CT that is not in HU only when asked for any values", async () => {
    const map = makeCtSlice({ extra: [[TAG.RescaleType, "LO", "US"]] });
    const asCt = await scanSeries([createMemorySource(map, "map")]);
    expect(asCt.skipped[0].code).toBe("NOT_HU");
    expect((await scanAny([map])).series[0].unit).toBe("arbitrary");
  });
});

describe("enhanced MR", () => {
  const text = (tag: number, vr: string, value: string): Uint8Array => explicit(tag, vr, value);
  const macro = (tag: number, ...elements: readonly Uint8Array[]): Uint8Array =>
    explicit(tag, "SQ", item(concat(...elements)));

  /** Three planes at two moments; each frame has its own slope, as some scanners write them. */
  function makeEnhancedMr(more: (frame: number) => Uint8Array = () => new Uint8Array(0)): Uint8Array {
    const frames = [0, 1, 2, 3, 4, 5].map((i) =>
      item(
        concat(
          macro(
            TAG.FrameContentSequence,
            text(TAG.StackID, "SH", "1"),
            explicit(TAG.TemporalPositionIndex, "UL", uint32(1 + Math.floor(i / 3))),
          ),
          macro(TAG.PlanePositionSequence, text(TAG.ImagePositionPatient, "DS", `${2 * (i % 3)}\\0\\0`)),
          macro(
            TAG.PixelValueTransformationSequence,
            text(TAG.RescaleIntercept, "DS", "0"),
            text(TAG.RescaleSlope, "DS", String(i + 1)),
            text(TAG.RescaleType, "LO", "US"),
          ),
          more(i),
        ),
      ),
    );
    const shared = concat(
      macro(TAG.PlaneOrientationSequence, text(TAG.ImageOrientationPatient, "DS", "0\\1\\0\\0\\0\\-1")),
      macro(
        TAG.PixelMeasuresSequence,
        text(TAG.SliceThickness, "DS", "2"),
        text(TAG.PixelSpacing, "DS", "0.9\\0.9"),
      ),
    );
    return makeCtSlice({
      modality: "MR",
      sopClass: "1.2.840.10008.5.1.4.1.1.4.1",
      rows: 2,
      columns: 2,
      pixels: uint16(...Array.from({ length: 24 }, () => 10)),
      omit: [TAG.ImagePositionPatient, TAG.ImageOrientationPatient, TAG.PixelSpacing, TAG.RescaleSlope],
      extra: [
        [TAG.NumberOfFrames, "IS", "6"],
        [TAG.SharedFunctionalGroupsSequence, "SQ", item(shared)],
        [TAG.PerFrameFunctionalGroupsSequence, "SQ", concat(...frames)],
      ],
    });
  }

  it("tells frames apart by what their groups say of diffusion, echo and heartbeat", async () => {
    const cases: readonly (readonly [number, number, string])[] = [
      [TAG.MRDiffusionSequence, TAG.DiffusionBValue, "diffusionBValue"],
      [TAG.MREchoSequence, TAG.EffectiveEchoTime, "echoTimeMs"],
      [TAG.CardiacSynchronizationSequence, TAG.NominalPercentageOfCardiacPhase, "cardiacPhasePercent"],
    ];
    for (const [sequence, tag, fact] of cases) {
      const value = (frame: number): number => (frame < 3 ? 20 : 70);
      const bytes = makeEnhancedMr((i) =>
        macro(sequence, explicit(tag, "FD", new Uint8Array(Float64Array.of(value(i)).buffer))),
      );
      const { series } = await scanAny([bytes]);
      expect(series.length).toBe(2);
      for (const { summary } of series.flatMap((one) => one.slices)) {
        expect(summary.facts).toMatchObject({ [fact]: value(summary.frame) });
      }
    }
  });

  it("gives one volume per moment, each frame by its own slope", async () => {
    const bytes = makeEnhancedMr();
    expect((await scanSeries([createMemorySource(bytes, "mr")])).skipped[0].code).toBe("NOT_CT");
    const { series, skipped } = await scanAny([bytes]);
    expect(skipped).toEqual([]);
    expect(series.map((one) => one.slices.map(({ summary }) => summary.temporalPosition))).toEqual(
      expect.arrayContaining([
        [1, 1, 1],
        [2, 2, 2],
      ]),
    );
    for (const one of series) {
      const volume = await readImageVolume(one);
      expect(volume.unit).toBe("arbitrary");
      const values = one.slices.map((_, i) => getSliceData(volume, i)[0]);
      expect(values).toEqual(one.slices.map(({ summary }) => 10 * (summary.frame + 1)));
      expect(volume.geometry.spacingMm.slice(1)).toEqual([0.9, 0.9]);
    }
  });
});

describe("Modality LUT", () => {
  const makeLut = (descriptor: Uint8Array, data: Uint8Array): Uint8Array =>
    makeCtSlice({
      rows: 1,
      columns: 6,
      signed: false,
      pixels: uint16(0, 9, 10, 11, 12, 900),
      omit: [TAG.RescaleSlope, TAG.RescaleIntercept],
      extra: [
        [
          TAG.ModalityLUTSequence,
          "SQ",
          item(
            new Uint8Array([
              ...explicit(TAG.LUTDescriptor, "US", descriptor),
              ...explicit(TAG.ModalityLUTType, "LO", "HU"),
              ...explicit(TAG.LUTData, "OW", data),
            ]),
          ),
        ],
      ],
    });

  it("maps stored values, ends included (PS3.3 C.11.1.1)", async () => {
    const file = readDicomFile(makeLut(uint16(3, 10, 16), uint16(50, 700, 90)));
    const { format, values } = await decodeGrayscale(file);
    expect(format.unit).toBe("HU");
    expect([...values]).toEqual([50, 50, 50, 700, 90, 90]);
  });

  it("counts from a signed first value, and 0 entries are 65536", async () => {
    const make = (descriptor: Uint8Array, data: Uint8Array): Uint8Array => {
      const lut = concat(
        explicit(TAG.LUTDescriptor, "SS", descriptor),
        explicit(TAG.ModalityLUTType, "LO", "HU"),
        explicit(TAG.LUTData, "OW", data),
      );
      return makeCtSlice({
        rows: 1,
        columns: 3,
        pixels: uint16(0xfffe, 0xffff, 0),
        omit: [TAG.RescaleSlope, TAG.RescaleIntercept],
        extra: [[TAG.ModalityLUTSequence, "SQ", item(lut)]],
      });
    };
    const short = await decodeGrayscale(readDicomFile(make(uint16(3, 0xfffe, 16), uint16(50, 700, 90))));
    expect([...short.values]).toEqual([50, 700, 90]);
    const all = uint16(...Array.from({ length: 65536 }, (_, i) => i));
    const long = await decodeGrayscale(readDicomFile(make(uint16(0, 0x8000, 16), all)));
    expect([...long.values]).toEqual([32766, 32767, 32768]);
  });

  it("refuses tables that contradict themselves, and to write through one", async () => {
    for (const bytes of [
      makeLut(uint16(4, 10, 16), uint16(50, 700, 90)),
      makeLut(uint16(3, 10), uint16(1, 2, 3)),
    ]) {
      expect(() => readGrayscaleFormat(readDicomFile(bytes).dataset)).toThrowError(
        expect.objectContaining({ code: "INVALID_VALUE" }),
      );
    }
    const [series] = (await scanAny([makeLut(uint16(3, 10, 16), uint16(50, 700, 90))])).series;
    const derived = await createDerivedSeries(series, {
      methodDescription: "x",
      parameters: {},
      codeVersion: "1",
      dateTime: "2026-01-02T03:04:05Z",
    });
    await expect(derived.writeInstance(0, new Float32Array(6))).rejects.toMatchObject({
      code: "UNSUPPORTED_PIXEL_FORMAT",
    });
  });
});

describe("writeUltrasound", () => {
  const plain = (count: number, size: number): Uint8Array[] =>
    Array.from({ length: count }, (_, f) =>
      Uint8Array.from({ length: size }, (_, i) => (7 * i + 31 * f) % 256),
    );
  const ramp = Uint16Array.from({ length: 256 }, (_, i) => i * 257);
  const palette = { red: ramp, green: ramp.map((v) => 65535 - v), blue: ramp };
  const kinds = [
    ["gray", {}, 1, TRANSFER_SYNTAX_UID.explicitLittleEndian],
    ["gray", {}, 1, TRANSFER_SYNTAX_UID.jpegLsLossless],
    ["palette", { palette }, 1, TRANSFER_SYNTAX_UID.rleLossless],
    ["rgb", {}, 3, TRANSFER_SYNTAX_UID.explicitLittleEndian],
  ] as const;

  it.each(kinds)("passes %s frames through", async (kind, extra, samples, transferSyntaxUid) => {
    const frames = plain(4, 5 * 7 * samples);
    const { bytes } = await writeUltrasound(
      { rows: 5, columns: 7, kind, frames, frameTimeMs: 40, ...extra },
      MR_ATTRIBUTES,
      { transferSyntaxUid },
    );
    const file = readDicomFile(bytes);
    const format = {
      rows: 5,
      columns: 7,
      samplesPerPixel: samples,
      bitsAllocated: 8,
      bitsStored: 8,
      highBit: 7,
      signed: false,
      photometricInterpretation: "",
      frames: 4,
    } as const;
    for (const [i, frame] of frames.entries()) expect(await readFrameBytes(file, format, i)).toEqual(frame);
    expect(file.dataset.elements.get(TAG.PixelData)?.vr).toBe("OB");
  });

  it("is left out of series: its frames lie nowhere in the patient", async () => {
    const { bytes } = await writeUltrasound(
      { rows: 5, columns: 7, kind: "gray", frames: plain(2, 35), frameTimeMs: 40 },
      MR_ATTRIBUTES,
    );
    const { series, skipped } = await scanAny([bytes]);
    expect(series).toEqual([]);
    expect(skipped[0].code).toBe("NO_GEOMETRY");
  });

  it("refuses frames of the wrong size and palettes out of place", async () => {
    const image = { rows: 5, columns: 7, kind: "gray", frames: plain(2, 34), frameTimeMs: 40 } as const;
    await expect(writeUltrasound(image, MR_ATTRIBUTES)).rejects.toMatchObject({ code: "SHAPE_MISMATCH" });
    await expect(writeUltrasound({ ...image, kind: "palette" }, MR_ATTRIBUTES)).rejects.toMatchObject({
      code: "INVALID_VALUE",
    });
    const rgb = { ...image, kind: "rgb", frames: plain(1, 105) } as const;
    await expect(
      writeUltrasound(rgb, MR_ATTRIBUTES, { transferSyntaxUid: TRANSFER_SYNTAX_UID.rleLossless }),
    ).rejects.toMatchObject({ code: "UNSUPPORTED_TRANSFER_SYNTAX" });
  });

  it("refuses pixel data of 4 GiB before it allocates any", async () => {
    const frame = new Uint8Array(1024 * 1024);
    const image = { rows: 1024, columns: 1024, kind: "gray", frameTimeMs: 40 } as const;
    const frames = Array.from({ length: 4096 }, () => frame);
    await expect(writeUltrasound({ ...image, frames }, MR_ATTRIBUTES)).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
    });
  });

  it("dciodvfy finds no error and no warning in MR and ultrasound", async (context) => {
    const tool = requireTool(context, "dciodvfy", "dicom3tools");
    for (const bytes of (await makeMr()).files) expect(validate(tool, bytes)).toEqual([]);
    for (const [kind, extra, samples, transferSyntaxUid] of kinds) {
      const image = { rows: 5, columns: 7, kind, frames: plain(4, 35 * samples), frameTimeMs: 40, ...extra };
      const { bytes } = await writeUltrasound(image, MR_ATTRIBUTES, { transferSyntaxUid });
      expect(validate(tool, bytes)).toEqual([]);
    }
  });
});

interface Golden {
  readonly enhanced: readonly {
    readonly path: string;
    readonly frames: readonly {
      readonly positionMm: readonly number[];
      readonly orientation: readonly number[];
      readonly pixelSpacingMm: readonly number[];
      readonly sum: number;
    }[];
  }[];
  readonly series: readonly {
    readonly path: string;
    readonly modality: string;
    readonly slices: readonly { readonly positionMm: readonly number[]; readonly sum: number }[];
  }[];
}

describe.skipIf(findDataFolder() === undefined)("pydicom (needs ALARA_DATA)", () => {
  const root = findDataFolder() ?? "";
  const golden = JSON.parse(
    readFileSync(new URL("./golden/multi-frame.json", import.meta.url), "utf8"),
  ) as Golden;
  const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0);
  const read = (path: string): Uint8Array => new Uint8Array(readFileSync(join(root, path)));

  it.each(golden.enhanced)("$path: frames lie and sum as pydicom says", async ({ path, frames }) => {
    const { series } = await scanAny([read(path)]);
    expect(series[0].slices.length).toBe(frames.length);
    const volume = await readImageVolume(series[0]);
    series[0].slices.forEach(({ summary }, i) => {
      const expected = frames[summary.frame];
      expect(summary.positionMm).toEqual(expected.positionMm);
      expect([...summary.columnDirection, ...summary.rowDirection]).toEqual(expected.orientation);
      expect(summary.pixelSpacingMm).toEqual(expected.pixelSpacingMm);
      expect(sum(getSliceData(volume, i))).toBe(expected.sum);
    });
  });

  it.each(golden.series)("$path: slices lie and sum as pydicom says", async ({ path, modality, slices }) => {
    const files = readdirSync(join(root, path)).sort();
    const { series } = await scanAny(files.map((name) => read(join(path, name))));
    expect(series.map((one) => one.modality)).toEqual([modality]);
    const volume = await readImageVolume(series[0]);
    expect(volume.geometry.size[0]).toBe(slices.length);
    slices.forEach((expected, i) => {
      expect(series[0].slices[i].summary.positionMm).toEqual(expected.positionMm);
      const actual = sum(getSliceData(volume, i));
      expect(Math.abs(actual - expected.sum)).toBeLessThanOrEqual(1e-5 * Math.abs(expected.sum));
    });
  });

  it("an enhanced MR object without functional groups is left out with its reason", async () => {
    for (const name of ["emri_small.dcm", "emri_small_RLE.dcm", "emri_small_jpeg_ls_lossless.dcm"]) {
      const { skipped } = await scanAny([read(join("dicom-syntaxes/enhanced-multiframe", name))]);
      expect(skipped.map(({ code }) => code)).toEqual(["MULTI_FRAME"]);
    }
  });
});
