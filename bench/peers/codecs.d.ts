/** Types of codecs that the bench dicom-decode compares with and that ship none. Only what it uses. */
declare module "@cornerstonejs/codec-charls/decodewasmjs" {
  export default function createModule(): Promise<{ JpegLSDecoder: new () => WasmDecoder }>;
}
declare module "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs" {
  export default function createModule(): Promise<{ JPEGDecoder: new () => WasmDecoder }>;
}
interface WasmDecoder {
  getEncodedBuffer(bytes: number): Uint8Array;
  getDecodedBuffer(): Uint8Array;
  decode(): void;
  delete(): void;
}
declare module "jpeg-lossless-decoder-js" {
  export class Decoder {
    decode(
      buffer: ArrayBuffer,
      offset: number,
      length: number,
      bytesPerComponent: number,
    ): Uint8Array | Uint16Array;
  }
}
