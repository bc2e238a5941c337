/** Types of the WebAssembly codecs, which ship none. Only what is used here. */
interface WasmModuleOptions {
  /** Where the `.wasm` file is; by default beside the script. */
  locateFile?: (path: string) => string;
  print?: (text: string) => void;
  printErr?: (text: string) => void;
}
interface J2kFrameInfo {
  width: number;
  height: number;
  bitsPerSample: number;
  componentCount: number;
  isSigned: boolean;
  isUsingColorTransform?: boolean;
}
interface J2kDecoder {
  getEncodedBuffer(bytes: number): Uint8Array;
  getDecodedBuffer(): Uint8Array;
  getFrameInfo(): J2kFrameInfo;
  decode(): void;
  delete(): void;
}
interface HtJ2kEncoder {
  getDecodedBuffer(frame: J2kFrameInfo): Uint8Array;
  getEncodedBuffer(): Uint8Array;
  setQuality(reversible: boolean, quantisation: number): void;
  setProgressionOrder(order: number): void;
  setDecompositions(levels: number): void;
  setTLMMarker(isWritten: boolean): void;
  setTilePartDivisionsAtResolutions(isDivided: boolean): void;
  encode(): void;
  delete(): void;
}
declare module "@cornerstonejs/codec-openjpeg/decodewasmjs" {
  export default function createModule(
    options?: WasmModuleOptions,
  ): Promise<{ HEAPU8: Uint8Array; J2KDecoder: new () => J2kDecoder }>;
}
declare module "@cornerstonejs/codec-openjph/wasmjs" {
  export default function createModule(options?: WasmModuleOptions): Promise<{
    HEAPU8: Uint8Array;
    HTJ2KDecoder: new () => J2kDecoder;
    HTJ2KEncoder: new () => HtJ2kEncoder;
  }>;
}
declare module "@cornerstonejs/codec-charls/wasmjs" {
  interface FrameInfo {
    width: number;
    height: number;
    bitsPerSample: number;
    componentCount: number;
  }
  interface JpegLSEncoder {
    getDecodedBuffer(frame: FrameInfo): Uint8Array;
    getEncodedBuffer(): Uint8Array;
    setNearLossless(near: number): void;
    encode(): void;
    delete(): void;
  }
  export default function createModule(
    options?: WasmModuleOptions,
  ): Promise<{ HEAPU8: Uint8Array; JpegLSEncoder: new () => JpegLSEncoder }>;
}
