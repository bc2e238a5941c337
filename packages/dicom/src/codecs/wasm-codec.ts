/**
 * Codecs compiled to WebAssembly: loaded on first use, in Node and in browsers, silent, and replaced after any fault.
 */
import { DicomError } from "../errors.ts";

/** Memory from which an instance is given up after use: WebAssembly memory never shrinks. */
const MAX_KEPT_BYTES = 2 ** 27;

/** What is needed of any instance. */
interface WasmInstance {
  readonly HEAPU8: Uint8Array;
}

/** A codec whose instance is made on first use. */
export interface WasmCodec<T extends WasmInstance> {
  /**
   * Runs something synchronous on the instance.
   *
   * @throws DicomError `INVALID_COMPRESSED_DATA` for anything that is thrown inside; the instance is then made anew
   */
  run<R>(use: (instance: T) => R): Promise<R>;
}

/** Creates a codec around a function that makes instances. */
export function createWasmCodec<T extends WasmInstance>(
  name: string,
  createInstance: () => Promise<T>,
): WasmCodec<T> {
  let loading: Promise<T> | undefined;
  return {
    async run(use) {
      loading ??= createInstance();
      const current = loading;
      let instance: T;
      try {
        instance = await current;
      } catch (cause) {
        if (loading === current) loading = undefined;
        throw new DicomError(
          "UNSUPPORTED_TRANSFER_SYNTAX",
          `the codec ${name} could not be loaded; check that its .wasm file is served and that WebAssembly is allowed`,
          { cause },
        );
      }
      let isSound = false;
      try {
        const result = use(instance);
        isSound = instance.HEAPU8.length <= MAX_KEPT_BYTES;
        return result;
      } catch (cause) {
        if (cause instanceof DicomError) throw cause;
        throw new DicomError("INVALID_COMPRESSED_DATA", `the codec ${name} failed on the frame`, { cause });
      } finally {
        // After a fault the instance's memory is not to be trusted.
        if (!isSound && loading === current) loading = undefined;
      }
    },
  };
}
