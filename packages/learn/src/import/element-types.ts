/**
 * Element types of weight files as little-endian bytes → float32 values. IEEE 754 binary16 and bfloat16 are decoded
 * here, since not every platform has arrays of them. float64 is rounded and whole numbers above 2²⁴ lose digits.
 * Not here: what a file calls its types.
 */

/** Element types that are read. */
export type ElementType =
  | "float16"
  | "bfloat16"
  | "float32"
  | "float64"
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "bool";

/** Bytes of one element. */
export const ELEMENT_BYTES: Readonly<Record<ElementType, number>> = {
  float16: 2,
  bfloat16: 2,
  float32: 4,
  float64: 8,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  bool: 1,
};

/** Value of an IEEE 754 binary16 (IEEE 754-2008, §3.4): 1 sign, 5 exponent (bias 15), 10 fraction bits. */
export function decodeHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

type Reader = (view: DataView, position: number) => number;

const scratch = new DataView(new ArrayBuffer(4));
const READERS: Readonly<Record<ElementType, Reader>> = {
  float16: (view, p) => decodeHalf(view.getUint16(p, true)),
  bfloat16(view, p) {
    // The upper half of a float32.
    scratch.setUint32(0, view.getUint16(p, true) * 0x10000);
    return scratch.getFloat32(0);
  },
  float32: (view, p) => view.getFloat32(p, true),
  float64: (view, p) => view.getFloat64(p, true),
  int8: (view, p) => view.getInt8(p),
  uint8: (view, p) => view.getUint8(p),
  int16: (view, p) => view.getInt16(p, true),
  uint16: (view, p) => view.getUint16(p, true),
  int32: (view, p) => view.getInt32(p, true),
  uint32: (view, p) => view.getUint32(p, true),
  int64: (view, p) => Number(view.getBigInt64(p, true)),
  uint64: (view, p) => Number(view.getBigUint64(p, true)),
  bool: (view, p) => (view.getUint8(p) === 0 ? 0 : 1),
};

/**
 * Reads little-endian elements, whatever the machine's byte order and the bytes' alignment.
 *
 * @param bytes - a whole number of elements
 * @returns float64, so that whole numbers keep their digits up to 2⁵³
 */
export function decodeElements(type: ElementType, bytes: Uint8Array): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = READERS[type];
  const size = ELEMENT_BYTES[type];
  const values = new Float64Array(bytes.length / size);
  for (let k = 0; k < values.length; k++) values[k] = read(view, k * size);
  return values;
}
