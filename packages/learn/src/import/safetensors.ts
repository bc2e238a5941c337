/**
 * Reads and writes safetensors, the format in which weights are exchanged without code (huggingface/safetensors,
 * README "Format"): the length of a JSON header as u64, the header with type, shape and byte range of every tensor,
 * and the bytes. Everything the header says is checked before a value is read.
 * Not here: which tensor belongs to which parameter (load-weights.ts).
 */
import { formatShape, LearnError } from "../errors.ts";
import { countElements } from "../tensor.ts";
import { decodeElements, ELEMENT_BYTES, type ElementType } from "./element-types.ts";

/** A named value of a weight file. */
export interface WeightTensor {
  /** As in the file; may hold zeros and be empty, unlike shapes of graphs. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Float32Array;
}

/** The content of a safetensors file. */
export interface SafetensorsContent {
  /** In the order of the header. */
  readonly tensors: ReadonlyMap<string, WeightTensor>;
  /** `__metadata__` of the header. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Longest header that is read: 100 MB, as in the format's reference implementation. */
export const MAXIMUM_HEADER_BYTES = 100_000_000;

const TYPES: Readonly<Record<string, ElementType>> = {
  F16: "float16",
  BF16: "bfloat16",
  F32: "float32",
  F64: "float64",
  I8: "int8",
  U8: "uint8",
  I16: "int16",
  U16: "uint16",
  I32: "int32",
  U32: "uint32",
  I64: "int64",
  U64: "uint64",
  BOOL: "bool",
};

interface Entry {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

function fail(reason: string, cause?: unknown): never {
  throw new LearnError(
    "BROKEN_WEIGHTS",
    `not a usable safetensors file: ${reason}; write it again, for example with safetensors.torch.save_file`,
    cause === undefined ? {} : { cause },
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; dataStart: number } {
  if (bytes.length < 8) fail(`${bytes.length} bytes are fewer than the 8 of the header's length`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MAXIMUM_HEADER_BYTES)) {
    fail(`it states a header of ${length} bytes; ${MAXIMUM_HEADER_BYTES} are allowed`);
  }
  const dataStart = 8 + Number(length);
  if (dataStart > bytes.length) fail(`it states a header of ${length} bytes but has ${bytes.length} in all`);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, dataStart)));
  } catch (cause) {
    fail("the header is no UTF-8 JSON", cause);
  }
  if (!isRecord(header)) fail("the header is no JSON object");
  return { header, dataStart };
}

function readMetadata(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (!isRecord(value)) fail("__metadata__ is no object");
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") fail(`__metadata__ "${key}" is no text`);
  }
  return value as Record<string, string>;
}

function readEntry(name: string, value: unknown, dataBytes: number): Entry {
  if (!isRecord(value)) fail(`the entry of "${name}" is no object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string") fail(`"${name}" states no dtype`);
  if (!Object.hasOwn(TYPES, dtype)) {
    throw new LearnError(
      "UNSUPPORTED_DTYPE",
      `"${name}" has the element type ${JSON.stringify(dtype.slice(0, 40))}; read are ${Object.keys(TYPES).join(", ")}; convert the weights to float32 before saving`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) fail(`the shape of "${name}" is no list of sizes`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    fail(`data_offsets of "${name}" are no two positions`);
  }
  const [start, end] = offsets as [number, number];
  const type = TYPES[dtype];
  const needed = countElements(shape) * ELEMENT_BYTES[type];
  if (start > end || end > dataBytes) {
    fail(`"${name}" lies at bytes ${start} to ${end} but there are ${dataBytes}`);
  }
  if (end - start !== needed) {
    fail(
      `"${name}" of shape ${formatShape(shape)} and type ${dtype} needs ${needed} bytes but has ${end - start}`,
    );
  }
  return { name, type, shape, start, end };
}

/** Byte ranges must cover the data once: no overlap, no gap. */
function checkRanges(entries: readonly Entry[], dataBytes: number): void {
  const order = [...entries].sort((a, b) => a.start - b.start || a.end - b.end);
  let reached = 0;
  for (const { name, start, end } of order) {
    if (start < reached) fail(`"${name}" starts at byte ${start}, inside another tensor`);
    if (start > reached) fail(`bytes ${reached} to ${start} before "${name}" belong to no tensor`);
    reached = end;
  }
  if (reached !== dataBytes) fail(`the last ${dataBytes - reached} bytes belong to no tensor`);
}

/**
 * Reads a safetensors file. All element types become float32: float64 is rounded, whole numbers above 2²⁴ lose digits.
 *
 * @param bytes - the whole file
 * @throws LearnError `BROKEN_WEIGHTS` when lengths, types, ranges or the JSON do not fit; `UNSUPPORTED_DTYPE`
 * @remarks A name that stands twice in the header counts once, as JSON has it.
 * Format: huggingface/safetensors, README. Tested against files written by PyTorch and numpy, and with random bytes.
 */
export function readSafetensors(bytes: Uint8Array): SafetensorsContent {
  const { header, dataStart } = readHeader(bytes);
  const dataBytes = bytes.length - dataStart;
  const metadata = readMetadata(header.__metadata__);
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => readEntry(name, value, dataBytes));
  checkRanges(entries, dataBytes);
  const tensors = new Map<string, WeightTensor>();
  for (const { name, type, shape, start, end } of entries) {
    const part = bytes.subarray(dataStart + start, dataStart + end);
    tensors.set(name, { shape, values: Float32Array.from(decodeElements(type, part)) });
  }
  return { tensors, metadata };
}

/**
 * Writes a safetensors file of float32 tensors, which `safetensors.torch.load_file` reads.
 *
 * @param tensors - written in the order of the map
 * @param options.metadata - text by key; default none
 * @throws LearnError `SHAPE_MISMATCH` when values do not fit their shape
 * Format: huggingface/safetensors, README. Tested by reading back, in PyTorch too.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, WeightTensor>,
  options: { readonly metadata?: Readonly<Record<string, string>> } = {},
): Uint8Array {
  const entries: [string, unknown][] = [];
  if (options.metadata !== undefined) entries.push(["__metadata__", options.metadata]);
  let end = 0;
  for (const [name, { shape, values }] of tensors) {
    if (countElements(shape) !== values.length || name === "__metadata__") {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `"${name}" has ${values.length} values for shape ${formatShape(shape)}; "__metadata__" cannot be a name`,
      );
    }
    const start = end;
    end += 4 * values.length;
    entries.push([name, { dtype: "F32", shape, data_offsets: [start, end] }]);
  }
  const text = JSON.stringify(Object.fromEntries(entries));
  const json = new TextEncoder().encode(text);
  // Spaces after the header bring the values to a multiple of 8.
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + end).fill(0x20, 8, 8 + headerBytes);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(json, 8);
  let position = 8 + headerBytes;
  for (const { values } of tensors.values()) {
    for (const value of values) {
      view.setFloat32(position, value, true);
      position += 4;
    }
  }
  return bytes;
}
