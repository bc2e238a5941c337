/**
 * Greyscale PNG of bytes (PNG 1.2, ISO/IEC 15948: signature, IHDR, IDAT, IEND; filter "up", which suits images).
 * Writing only, eight bits, no palette. Tested by undoing it with zlib, and in Chromium.
 */
import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Filter type 2 of the standard: each byte minus the one above. */
const FILTER_UP = 2;

function writeChunk(type: string, data: Uint8Array): Buffer {
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
 * @param pixels - `[row][column]`, 0 is black and 255 white
 */
export function encodeGreyPng(pixels: Uint8Array, rows: number, columns: number): Uint8Array {
  const lines = new Uint8Array(rows * (columns + 1));
  for (let r = 0; r < rows; r++) {
    const start = r * (columns + 1);
    lines[start] = FILTER_UP;
    for (let c = 0; c < columns; c++) {
      const above = r > 0 ? pixels[(r - 1) * columns + c] : 0;
      lines[start + 1 + c] = pixels[r * columns + c] - above;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(columns, 0);
  header.writeUInt32BE(rows, 4);
  header.set([8, 0, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from(SIGNATURE),
    writeChunk("IHDR", header),
    writeChunk("IDAT", deflateSync(lines)),
    writeChunk("IEND", new Uint8Array()),
  ]);
}
