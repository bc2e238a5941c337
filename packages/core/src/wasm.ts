/**
 * Loads WebAssembly kernels: modules without memory or static data of their own that import the memory they work on
 * and take plain byte offsets. One binary serves shared and unshared memory. No allocator; pools of threads are in
 * wasm-pool.ts.
 */
import { CoreError } from "./errors.ts";

/** A kernel's functions; numbers are byte offsets, counts and factors. */
export type WasmFunctions = Readonly<Record<string, (...values: number[]) => number>>;

/** A kernel with a memory of its own, run in the calling thread. */
export interface WasmKernel {
  readonly functions: WasmFunctions;
  /** First byte for the caller, 64-byte aligned. */
  readonly heapBase: number;
  /** Makes the memory at least `byteLength` long; earlier views become detached when it grows. */
  reserve(byteLength: number): void;
  /** Float32 view of the memory; take it again after `reserve`. */
  viewFloat32(byteOffset: number, length: number): Float32Array;
  /** Int32 view of the memory; take it again after `reserve`. */
  viewInt32(byteOffset: number, length: number): Int32Array;
}

/** Bytes of a memory page. */
const WASM_PAGE_BYTES = 65536;
/** Largest memory that modules declare, pages (4 GiB). */
const WASM_MAXIMUM_PAGES = 65536;
/** Bytes kept free for the pool's own counters at the start of every memory. */
export const WASM_HEAP_BASE = 1024;

const IMPORT_SECTION = 2;
const MEMORY_KIND = 2;
const SHARED_FLAG = 2;

/** Reads an unsigned LEB128 number; returns value and next offset. */
function readUnsigned(bytes: Uint8Array, offset: number): readonly [number, number] {
  let value = 0;
  let shift = 0;
  for (;;) {
    const byte = bytes[offset++];
    value |= (byte & 127) << shift;
    if (byte < 128) return [value, offset];
    shift += 7;
  }
}

/** Place of the limits flags of the one import, which must be a memory. */
function findMemoryFlags(bytes: Uint8Array): number {
  let offset = 8;
  while (offset < bytes.length) {
    const section = bytes[offset];
    const [size, start] = readUnsigned(bytes, offset + 1);
    if (section === IMPORT_SECTION) {
      const [imports, first] = readUnsigned(bytes, start);
      const [moduleLength, moduleName] = readUnsigned(bytes, first);
      const [fieldLength, fieldName] = readUnsigned(bytes, moduleName + moduleLength);
      const kind = fieldName + fieldLength;
      if (imports === 1 && bytes[kind] === MEMORY_KIND) return kind + 1;
      break;
    }
    offset = start + size;
  }
  throw new CoreError(
    "OUT_OF_RANGE",
    "kernel does not import exactly one memory; build it with scripts/build-kernels.mjs",
  );
}

/**
 * A kernel's module for shared or unshared memory: the declared kind is one bit, kernels use no atomic instructions.
 *
 * @param base64 - the module's bytes as the build script embeds them
 */
export function decodeWasmKernel(base64: string, isShared: boolean): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const flags = findMemoryFlags(bytes);
  bytes[flags] = isShared ? bytes[flags] | SHARED_FLAG : bytes[flags] & ~SHARED_FLAG;
  return bytes;
}

/**
 * Makes a memory.
 *
 * @throws CoreError `OUT_OF_MEMORY` when not even 1 GiB can be promised
 */
export function createWasmMemory(isShared: boolean): WebAssembly.Memory {
  let cause: unknown;
  for (let maximum = WASM_MAXIMUM_PAGES; maximum >= WASM_MAXIMUM_PAGES / 4; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: 1, maximum, shared: isShared });
    } catch (error) {
      cause = error;
    }
  }
  throw new CoreError("OUT_OF_MEMORY", "no WebAssembly memory could be reserved; close other programs", {
    cause,
  });
}

/**
 * Makes a memory at least `byteLength` long.
 *
 * @throws CoreError `OUT_OF_MEMORY`
 */
export function growWasmMemory(memory: WebAssembly.Memory, byteLength: number): void {
  const missing = byteLength - memory.buffer.byteLength;
  if (missing <= 0) return;
  try {
    memory.grow(Math.ceil(missing / WASM_PAGE_BYTES));
  } catch (cause) {
    throw new CoreError(
      "OUT_OF_MEMORY",
      `${(byteLength / 2 ** 20).toFixed(0)} MiB of WebAssembly memory are needed and ${(memory.buffer.byteLength / 2 ** 20).toFixed(0)} MiB are there; work on fewer slices, views or voxels at once`,
      { cause },
    );
  }
}

/**
 * Compiles and starts a kernel in the calling thread, with unshared memory of its own.
 *
 * @param base64 - the module's bytes as the build script embeds them
 * @throws CoreError `OUT_OF_MEMORY`
 */
export function createWasmKernel(base64: string): WasmKernel {
  const memory = createWasmMemory(false);
  const module = new WebAssembly.Module(decodeWasmKernel(base64, false));
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  return {
    functions: instance.exports as WasmFunctions,
    heapBase: WASM_HEAP_BASE,
    reserve: (byteLength) => growWasmMemory(memory, byteLength),
    viewFloat32: (byteOffset, length) => new Float32Array(memory.buffer, byteOffset, length),
    viewInt32: (byteOffset, length) => new Int32Array(memory.buffer, byteOffset, length),
  };
}
