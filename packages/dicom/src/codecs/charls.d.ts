/** Types of the CharLS WebAssembly build, which ships none. Only what jpeg-ls.ts uses. */
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
  export default function createModule(): Promise<{
    JpegLSEncoder: new () => JpegLSEncoder;
  }>;
}
