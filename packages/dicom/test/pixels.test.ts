/** Stored values to HU and back: against pydicom, and the promises of rounding, clamping, padding and identity. */
import { readFileSync } from "node:fs";
import {
  decodeHu,
  encodeHu,
  extractStoredValues,
  type HuFormat,
  readDicomFile,
  readFrameBytes,
  readHuFormat,
} from "@alara/dicom";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeCtSlice, uint16 } from "./make-dicom.ts";

interface GoldenCase {
  readonly name: string;
  readonly file: string;
  readonly stored: readonly number[];
  readonly hu: readonly number[];
  readonly padding: number | null;
}
const golden = JSON.parse(readFileSync(new URL("golden/hu.json", import.meta.url), "utf8")) as {
  readonly cases: readonly GoldenCase[];
};

describe.each(golden.cases)("pydicom: $name", ({ file: base64, stored, hu, padding }) => {
  const file = readDicomFile(new Uint8Array(Buffer.from(base64, "base64")));

  it("decodes to the same stored values and HU", async () => {
    const slice = await decodeHu(file);
    const bytes = await readFrameBytes(file, slice.format);
    expect([...extractStoredValues(bytes, slice.format)]).toEqual(stored);
    expect([...slice.hu]).toEqual(hu.map(Math.fround));
    expect(slice.paddingMask?.reduce((sum, value) => sum + value, 0) ?? null).toBe(padding);
  });

  it("encodes unchanged values to the same bytes", async () => {
    const slice = await decodeHu(file);
    const bytes = await readFrameBytes(file, slice.format);
    const encoded = encodeHu(bytes, slice.format, slice.hu);
    expect(encoded.bytes).toEqual(new Uint8Array(bytes));
    const { padding } = slice.format;
    const real = stored.filter((v) => padding === undefined || v < padding.minimum || v > padding.maximum);
    expect(encoded.smallest).toBe(Math.min(...real));
    expect(encoded.largest).toBe(Math.max(...real));
    expect(encoded.clampedPixels).toBe(0);
  });
});

const BASE: HuFormat = {
  rows: 1,
  columns: 1,
  samplesPerPixel: 1,
  bitsAllocated: 16,
  bitsStored: 12,
  highBit: 11,
  signed: false,
  photometricInterpretation: "MONOCHROME2",
  frames: 1,
  unit: "HU",
  valueType: "HU",
  lut: undefined,
  rescale: { slope: 1, intercept: -1024 },
  padding: undefined,
};

/** Writes `hu` over one pixel holding `word`; returns the word and the stored value after. */
function encodeOne(word: number, hu: number, change: Partial<HuFormat> = {}): readonly [number, number] {
  const format = { ...BASE, ...change };
  const { bytes } = encodeHu(uint16(word), format, Float32Array.of(hu));
  return [bytes[0] | (bytes[1] << 8), extractStoredValues(bytes, format)[0]];
}

describe("encodeHu", () => {
  it("rounds to the nearest value, ties to even", () => {
    expect(encodeOne(0, 10.4)[1]).toBe(1034);
    expect(encodeOne(0, 10.6)[1]).toBe(1035);
    expect(encodeOne(0, 10.5)[1]).toBe(1034);
    expect(encodeOne(0, 11.5)[1]).toBe(1036);
    expect(encodeOne(0, -1000.6)[1]).toBe(23);
    expect(encodeOne(0, -0.6, { signed: true, rescale: { slope: 1, intercept: 0 } })[1]).toBe(-1);
    expect(encodeOne(0, -10, { rescale: { slope: -2, intercept: 0 } })[1]).toBe(5);
  });

  it("shifts no mean by rounding half values", () => {
    const format = { ...BASE, columns: 1000 };
    const hu = Float32Array.from({ length: 1000 }, (_, i) => i + 0.5);
    const stored = extractStoredValues(encodeHu(new Uint8Array(2000), format, hu).bytes, format);
    expect(stored.reduce((sum, value, i) => sum + value - 1024 - hu[i], 0)).toBe(0);
  });

  it("clamps to Bits Stored and counts it", () => {
    expect(encodeOne(5, 1e6)[1]).toBe(4095);
    expect(encodeOne(5, -1e6)[1]).toBe(0);
    expect(encodeOne(5, 1e6, { signed: true })[1]).toBe(2047);
    expect(encodeOne(5, -1e6, { signed: true })[1]).toBe(-2048);
    const { clampedPixels } = encodeHu(
      uint16(0, 0, 0),
      { ...BASE, columns: 3 },
      Float32Array.of(1e6, 0, -1e6),
    );
    expect(clampedPixels).toBe(2);
  });

  it("refuses values that are not finite and slices of another size", () => {
    expect(() => encodeOne(0, Number.NaN)).toThrowError(
      expect.objectContaining({ code: "NON_FINITE_VALUE" }),
    );
    expect(() => encodeOne(0, Number.POSITIVE_INFINITY)).toThrowError(
      expect.objectContaining({ code: "NON_FINITE_VALUE" }),
    );
    expect(() => encodeHu(uint16(0, 0), BASE, new Float32Array(1))).toThrowError(
      expect.objectContaining({ code: "SHAPE_MISMATCH" }),
    );
  });

  it("copies padding untouched and makes no new padding", () => {
    const padding = { minimum: -2000, maximum: -2000 };
    const signed = { signed: true, bitsStored: 16, highBit: 15, padding };
    expect(encodeOne(0x10000 - 2000, 55, signed)[1]).toBe(-2000);
    expect(encodeOne(0x10000 - 2000, Number.NaN, signed)[1]).toBe(-2000);
    expect(encodeOne(0, -3024, signed)[1]).toBe(-1999);
    expect(encodeOne(0, -3024.4, signed)[1]).toBe(-2001);
    expect(encodeOne(0, -3023.8, signed)[1]).toBe(-1999);
    expect(encodeOne(7, -5000, { padding: { minimum: 0, maximum: 0 } })[1]).toBe(1);
    expect(encodeOne(7, 5000, { padding: { minimum: 4000, maximum: 4095 } })[1]).toBe(3999);
    const range = { ...signed, padding: { minimum: -2100, maximum: -1900 } };
    expect(encodeOne(0, -1024 - 1910, range)[1]).toBe(-1899);
    expect(encodeOne(0, -1024 - 2090, range)[1]).toBe(-2101);
  });

  it("keeps bits outside Bits Stored, and sign extension right", () => {
    const overlay = { bitsStored: 12, highBit: 11 };
    expect(encodeOne(0xa123, 0, overlay)).toEqual([0xa400, 1024]);
    expect(encodeOne(0x1230, 0, { bitsStored: 12, highBit: 15 })).toEqual([0x4000, 1024]);
    expect(encodeOne(0x1235, 0, { bitsStored: 12, highBit: 15 })).toEqual([0x4005, 1024]);
    const signed = { ...overlay, signed: true, rescale: { slope: 1, intercept: 0 } };
    expect(encodeOne(0xffff, 5, signed)).toEqual([0x0005, 5]);
    expect(encodeOne(0x0005, -1, signed)).toEqual([0xffff, -1]);
    expect(encodeOne(0x0fff, 5, signed)).toEqual([0x0005, 5]);
  });

  it("is the identity on its own decoding, for any format and rescale", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 16 }),
        fc.boolean(),
        fc.double({ min: 1e-3, max: 100, noNaN: true }),
        fc.double({ min: -3000, max: 3000, noNaN: true }),
        fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 30 }),
        async (bitsStored, signed, slope, intercept, words) => {
          const bytes = makeCtSlice({
            rows: 1,
            columns: words.length,
            bitsStored,
            signed,
            slope: slope.toPrecision(9),
            intercept: intercept.toPrecision(9),
            pixels: uint16(...words),
          });
          const file = readDicomFile(bytes);
          const { hu, format } = await decodeHu(file);
          const source = await readFrameBytes(file, format);
          expect(encodeHu(source, format, hu).bytes).toEqual(new Uint8Array(source));
        },
      ),
      { numRuns: 200, seed: 3 },
    );
  });

  it("errs by at most half a step inside the range", () => {
    fc.assert(
      fc.property(fc.double({ min: -1000, max: 3000, noNaN: true }), (value) => {
        const hu = Math.fround(value);
        expect(Math.abs(encodeOne(0, hu)[1] - 1024 - hu)).toBeLessThanOrEqual(0.5);
      }),
      { seed: 4 },
    );
  });
});

describe("readHuFormat", () => {
  it("reads padding by the pixel representation, whatever VR the file gives it", () => {
    const read = (options: Parameters<typeof makeCtSlice>[0]) =>
      readHuFormat(readDicomFile(makeCtSlice(options)).dataset).padding;
    expect(read({})).toBeUndefined();
    expect(read({ paddingValue: -2000 })).toEqual({ minimum: -2000, maximum: -2000 });
    expect(read({ extra: [[0x00280120, "US", uint16(0x10000 - 2000)]] })).toEqual({
      minimum: -2000,
      maximum: -2000,
    });
    expect(read({ signed: false, paddingValue: 63536 })).toEqual({ minimum: 63536, maximum: 63536 });
    expect(read({ paddingValue: -1000, paddingLimit: -2000 })).toEqual({ minimum: -2000, maximum: -1000 });
  });

  it("puts the asked value where the image is padding", async () => {
    const file = readDicomFile(
      makeCtSlice({ rows: 1, columns: 2, pixels: uint16(0x10000 - 2000, 1024), paddingValue: -2000 }),
    );
    expect([...(await decodeHu(file)).hu]).toEqual([-3024, 0]);
    expect([...(await decodeHu(file, { paddingHu: -1024 })).hu]).toEqual([-1024, 0]);
  });
});
