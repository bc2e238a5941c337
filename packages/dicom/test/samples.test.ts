/** Samples to float32 and back over more than one piece: byte orders, odd offsets, scaling, what float32 cannot hold. */
import { describe, expect, it } from "vitest";
import {
  chooseSampleType,
  countSampleBytes,
  decodeSamples,
  encodeSamples,
  type SampleType,
} from "../src/formats/samples.ts";

/** Two pieces and a little. */
const COUNT = 2 * 65_536 + 77;

function putSamples(type: SampleType, littleEndian: boolean): { bytes: Uint8Array; values: number[] } {
  const size = countSampleBytes(type);
  // One byte off every alignment.
  const bytes = new Uint8Array(COUNT * size + 1).subarray(1);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const values = Array.from({ length: COUNT }, (_, i) => {
    const value = (i * 7919) % 251;
    return /^u/.test(type) ? value : value - 128;
  });
  for (const [i, value] of values.entries()) {
    const at = i * size;
    if (type === "uint8") view.setUint8(at, value);
    else if (type === "int8") view.setInt8(at, value);
    else if (type === "uint16") view.setUint16(at, value, littleEndian);
    else if (type === "int16") view.setInt16(at, value, littleEndian);
    else if (type === "uint32") view.setUint32(at, value, littleEndian);
    else if (type === "int32") view.setInt32(at, value, littleEndian);
    else if (type === "uint64") view.setBigUint64(at, BigInt(value), littleEndian);
    else if (type === "int64") view.setBigInt64(at, BigInt(value), littleEndian);
    else if (type === "float32") view.setFloat32(at, value, littleEndian);
    else view.setFloat64(at, value, littleEndian);
  }
  return { bytes, values };
}

describe("samples", () => {
  const types: readonly SampleType[] = [
    ...(["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"] as const),
    ...(["float32", "float64"] as const),
  ];
  it.each(types)("%s of both byte orders, plain and scaled", (type) => {
    for (const littleEndian of [true, false]) {
      const { bytes, values } = putSamples(type, littleEndian);
      const plain = decodeSamples(bytes, type, COUNT, { littleEndian });
      expect(plain.data).toEqual(Float32Array.from(values));
      expect([plain.inexact, plain.nonFinite]).toEqual([0, 0]);
      const scaled = decodeSamples(bytes, type, COUNT, { littleEndian, slope: 0.1, intercept: -7 });
      expect(scaled.data).toEqual(Float32Array.from(values, (value) => 0.1 * value - 7));
      expect(scaled.inexact).toBe(values.filter((x) => Math.fround(0.1 * x - 7) !== 0.1 * x - 7).length);
    }
  });

  it("counts what float32 rounds, also where a double already did, and what is not finite", () => {
    const big = new Uint8Array(BigInt64Array.of(2n ** 53n + 1n, 2n ** 53n, -(2n ** 24n) - 1n, 5n).buffer);
    expect(decodeSamples(big, "int64", 4, { littleEndian: true }).inexact).toBe(2);
    const wide = new Uint8Array(Float64Array.of(0.1, Number.NaN, -Infinity, 1e300, 2).buffer);
    const { inexact, nonFinite } = decodeSamples(wide, "float64", 5, { littleEndian: true });
    expect([inexact, nonFinite]).toEqual([1, 3]);
  });

  it("writes whole numbers and rounded ones alike, and numbers the voxel that does not fit", () => {
    const data = Float32Array.from({ length: COUNT }, (_, i) => (i % 4001) - 2000);
    expect(chooseSampleType(data)).toBe("int16");
    const whole = encodeSamples(data, "int16");
    data[9] += 0.25;
    expect(chooseSampleType(data)).toBe("float32");
    expect(encodeSamples(data, "int16")).toEqual(whole);
    data[70_000] = 40_000;
    expect(() => encodeSamples(data, "int16")).toThrow("voxel 70000 is 40000, outside int16's -32768..32767");
    expect(chooseSampleType(Float32Array.of(1, -0))).toBe("float32");
    expect(chooseSampleType(Float32Array.of(0, 65_535))).toBe("uint16");
    expect(chooseSampleType(Float32Array.of(-1, 65_535))).toBe("float32");
  });
});
