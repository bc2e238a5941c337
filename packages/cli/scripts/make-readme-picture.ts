/**
 * Draws `docs/images/before-after.png` for the README: one slice of the sample at low dose, enhanced, and the
 * original, soft-tissue window. Usage: node packages/cli/scripts/make-readme-picture.ts <enhanced series folder>
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { crc32, deflateSync } from "node:zlib";
import { decodeSliceHu } from "@alara/dicom";
import { SOFT_TISSUE_WINDOW } from "@alara/evaluate";
import { openSeries } from "../src/input.ts";

const SLICE = 13;
const CROP = { top: 75, left: 60, rows: 330, columns: 392 };
const GAP = 6;

/** An 8-bit greyscale PNG (ISO/IEC 15948). */
function encodePng(pixels: Uint8Array, rows: number, columns: number): Buffer {
  const chunk = (type: string, content: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), content]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(content.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(columns, 0);
  header.writeUInt32BE(rows, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const lines = Buffer.alloc(rows * (columns + 1));
  for (let r = 0; r < rows; r++)
    lines.set(pixels.subarray(r * columns, (r + 1) * columns), r * (columns + 1) + 1);
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(lines, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

const sample = (name: string): string =>
  fileURLToPath(new URL(`../../../samples/crlm-ct-1004/${name}`, import.meta.url));
const enhanced = process.argv[2];
if (enhanced === undefined)
  throw new Error("usage: node packages/cli/scripts/make-readme-picture.ts <enhanced series>");
const folders = [sample("low-dose-25"), enhanced, sample("original")];

const width = folders.length * CROP.columns + (folders.length - 1) * GAP;
const picture = new Uint8Array(CROP.rows * width).fill(255);
for (const [index, folder] of folders.entries()) {
  const series = await openSeries(folder);
  const { hu } = await decodeSliceHu(series, SLICE);
  const columns = series.geometry.size[2];
  const { lowHu, highHu } = SOFT_TISSUE_WINDOW;
  for (let r = 0; r < CROP.rows; r++) {
    for (let c = 0; c < CROP.columns; c++) {
      const value = hu[(CROP.top + r) * columns + CROP.left + c];
      const grey = Math.round((255 * (value - lowHu)) / (highHu - lowHu));
      picture[r * width + index * (CROP.columns + GAP) + c] = Math.max(0, Math.min(255, grey));
    }
  }
}
mkdirSync(new URL("../../../docs/images/", import.meta.url), { recursive: true });
writeFileSync(
  new URL("../../../docs/images/before-after.png", import.meta.url),
  encodePng(picture, CROP.rows, width),
);
