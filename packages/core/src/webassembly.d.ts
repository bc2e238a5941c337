/**
 * The part of the WebAssembly JavaScript API that kernels need, which neither `lib: es2023` nor Node's types
 * declare. Not a polyfill: nothing here exists at run time.
 */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: ArrayBufferView | ArrayBuffer);
  }
  function compile(bytes: ArrayBufferView | ArrayBuffer): Promise<Module>;
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Instance {
    constructor(module: Module, imports?: Record<string, Record<string, unknown>>);
    readonly exports: Record<string, unknown>;
  }
}
