/**
 * Draws `docs/images/before-after.png` for the README: one slice of the sample at low dose, enhanced, and the
 * original, soft-tissue window. Usage: node scripts/docs/draw-before-after.ts <enhanced series folder>
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { decodeSliceHu } from "@alara/dicom";
import { SOFT_TISSUE_WINDOW } from "@alara/evaluate";
import { openSeries } from "../../packages/cli/src/input.ts";
import { encodePng } from "./png.ts";

const SLICE = 13;
const CROP = { top: 75, left: 60, rows: 330, columns: 392 };
const GAP = 6;

const sample = (name: string): string =>
  fileURLToPath(new URL(`../../samples/crlm-ct-1004/${name}`, import.meta.url));
const enhanced = process.argv[2];
if (enhanced === undefined)
  throw new Error("usage: node scripts/docs/draw-before-after.ts <enhanced series>");
const folders = [sample("low-dose-25"), enhanced, sample("original")];

const width = folders.length * CROP.columns + (folders.length - 1) * GAP;
const picture = new Float32Array(CROP.rows * width).fill(Number.POSITIVE_INFINITY);
const { lowHu, highHu } = SOFT_TISSUE_WINDOW;
for (const [index, folder] of folders.entries()) {
  const series = await openSeries(folder);
  const { hu } = await decodeSliceHu(series, SLICE);
  const columns = series.geometry.size[2];
  for (let r = 0; r < CROP.rows; r++) {
    const start = (CROP.top + r) * columns + CROP.left;
    picture.set(hu.subarray(start, start + CROP.columns), r * width + index * (CROP.columns + GAP));
  }
}
mkdirSync(new URL("../../docs/images/", import.meta.url), { recursive: true });
writeFileSync(
  new URL("../../docs/images/before-after.png", import.meta.url),
  encodePng(picture, CROP.rows, width, [lowHu, highHu]),
);
