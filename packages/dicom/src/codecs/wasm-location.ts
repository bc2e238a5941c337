/**
 * Where a codec's `.wasm` file is: in Node the codec's script finds it; bundlers for browsers copy it because of the URLs
 * written here.
 */

/** Silent options for a codec's script. */
export function createWasmOptions(codec: "charls" | "openjpeg" | "openjph"): WasmModuleOptions {
  const silent = { print: (): void => {}, printErr: (): void => {} };
  if (import.meta.url.startsWith("file:")) return silent;
  const urls = {
    charls: () => new URL("@cornerstonejs/codec-charls/wasm", import.meta.url),
    openjpeg: () => new URL("@cornerstonejs/codec-openjpeg/decodewasm", import.meta.url),
    openjph: () => new URL("@cornerstonejs/codec-openjph/wasm", import.meta.url),
  };
  return { ...silent, locateFile: () => urls[codec]().href };
}
