/**
 * Slices packed for embedding in a page: int16 HU of a crop, predicted from the mean of left and upper neighbour,
 * zigzag residual, low bytes before high bytes, deflate, base64. Lossless for whole HU within int16.
 * `viewer-script.ts` holds the decoder that runs in the page; `decodeSlice` here is the same, for tests.
 */
import { encodeBase64, joinBytes } from "@alara/core";
import { EvaluateError } from "../errors.ts";

/** Part of a slice, `[start, end)`. */
export interface SliceCrop {
  readonly rows: readonly [number, number];
  readonly columns: readonly [number, number];
}

async function pump(
  bytes: Uint8Array,
  stream: CompressionStream | DecompressionStream,
): Promise<Uint8Array<ArrayBuffer>> {
  const writer = stream.writable.getWriter();
  const written = writer.write(bytes).then(() => writer.close());
  const reader = stream.readable.getReader();
  const chunks: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (value !== undefined) chunks.push(value);
    if (done) break;
  }
  await written;
  return joinBytes(chunks);
}

/**
 * Packs a crop of a slice.
 *
 * @param slice - HU, rows of `columns` samples
 * @param columns - row length of the slice
 * @returns base64; values are rounded and clamped to −32768…32767
 * @throws EvaluateError `NOT_FINITE` for NaN or infinity
 */
export async function encodeSlice(slice: Float32Array, columns: number, crop: SliceCrop): Promise<string> {
  const height = crop.rows[1] - crop.rows[0];
  const width = crop.columns[1] - crop.columns[0];
  const values = new Int16Array(height * width);
  for (let r = 0, i = 0; r < height; r++) {
    const base = (crop.rows[0] + r) * columns + crop.columns[0];
    for (let c = 0; c < width; c++, i++) {
      const v = slice[base + c];
      if (!Number.isFinite(v)) {
        throw new EvaluateError(
          "NOT_FINITE",
          `cannot show a slice with the value ${v}; repair the volume before reporting`,
        );
      }
      values[i] = Math.min(32767, Math.max(-32768, Math.round(v)));
    }
  }
  const n = values.length;
  const bytes = new Uint8Array(2 * n);
  for (let i = 0; i < n; i++) {
    const residual = ((values[i] - predict(values, i, width)) << 16) >> 16;
    const zigzag = (residual << 1) ^ (residual >> 15);
    bytes[i] = zigzag & 0xff;
    bytes[n + i] = (zigzag >> 8) & 0xff;
  }
  return encodeBase64(await pump(bytes, new CompressionStream("deflate")));
}

function predict(values: Int16Array, i: number, width: number): number {
  if (i < width) return i === 0 ? 0 : values[i - 1];
  return i % width === 0 ? values[i - width] : (values[i - 1] + values[i - width]) >> 1;
}

/** Unpacks what `encodeSlice` packed: `rows × columns` of the crop. */
export async function decodeSlice(text: string, rows: number, columns: number): Promise<Int16Array> {
  const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const bytes = await pump(packed, new DecompressionStream("deflate"));
  const n = rows * columns;
  const values = new Int16Array(n);
  for (let i = 0; i < n; i++) {
    const zigzag = bytes[i] | (bytes[n + i] << 8);
    values[i] = predict(values, i, columns) + ((zigzag >> 1) ^ -(zigzag & 1));
  }
  return values;
}
