/**
 * Loads a WebAssembly kernel that owns its memory and takes plain byte offsets: the glue between typed arrays
 * and the SIMD kernels of `physics` and `recon`. No allocator: the caller lays its arrays out once.
 */

/** A running kernel. */
export interface WasmKernel {
  readonly functions: Readonly<Record<string, (...values: number[]) => number>>;
  /** First byte after the kernel's own static data, 16-byte aligned. */
  readonly heapBase: number;
  /** Makes the memory at least `byteLength` long; earlier views become detached when it grows. */
  reserve(byteLength: number): void;
  /** Float32 view of the memory; take it again after `reserve`. */
  viewFloat32(byteOffset: number, length: number): Float32Array;
  /** Int32 view of the memory; take it again after `reserve`. */
  viewInt32(byteOffset: number, length: number): Int32Array;
}

const PAGE_BYTES = 65536;

/**
 * Compiles and starts a kernel.
 *
 * @param base64 - the module's bytes as the build script embeds them; exports `memory` and functions of numbers
 */
export function createWasmKernel(base64: string): WasmKernel {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
  const memory = instance.exports.memory as WebAssembly.Memory;
  const functions: Record<string, (...values: number[]) => number> = {};
  for (const [name, item] of Object.entries(instance.exports)) {
    if (typeof item === "function") functions[name] = item as (...values: number[]) => number;
  }
  return {
    functions,
    heapBase: 1024,
    reserve(byteLength) {
      const missing = byteLength - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
    },
    viewFloat32: (byteOffset, length) => new Float32Array(memory.buffer, byteOffset, length),
    viewInt32: (byteOffset, length) => new Int32Array(memory.buffer, byteOffset, length),
  };
}
