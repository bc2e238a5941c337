/** Grayscale PNG of images in HU or 1/mm, for the pictures of the documentation (PNG 1.2, ISO/IEC 15948). */
import { crc32, deflateSync } from "node:zlib";

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

/**
 * Encodes an image.
 *
 * @param image - `[row][column]`
 * @param window - values shown black and white
 */
export function encodePng(
  image: ArrayLike<number>,
  rows: number,
  columns: number,
  window: readonly [number, number],
): Uint8Array {
  const [black, white] = window;
  const lines = Buffer.alloc(rows * (columns + 1));
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const grey = Math.round((255 * (image[r * columns + c] - black)) / (white - black));
      lines[r * (columns + 1) + 1 + c] = Math.max(0, Math.min(255, grey));
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(columns, 0);
  header.writeUInt32BE(rows, 4);
  header.set([8, 0, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(lines, { level: 9 })),
    chunk("IEND", new Uint8Array()),
  ]);
}
