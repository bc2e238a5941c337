/**
 * From component planes of DCT-based JPEG to pixels: chroma up to full size (triangle filter for 2 : 1, as common
 * decoders do) and YCbCr → RGB (ITU-T T.871 §7).
 */

import type { SamplePlane } from "./jpeg-dct.ts";
import type { CoefficientFrame } from "./jpeg-dct-scan.ts";
import type { JpegFrameHeader, JpegTables } from "./jpeg-markers.ts";

type Samples = Uint8Array | Uint16Array;

/**
 * Whether three components are YCbCr. The stream's own word comes first: Adobe transform, JFIF, subsampling; then
 * what the dataset says.
 */
export function isYcbcr(
  frame: JpegFrameHeader,
  tables: JpegTables,
  photometricInterpretation: string,
): boolean {
  if (frame.components.length !== 3) return false;
  if (tables.adobeTransform !== undefined) return tables.adobeTransform === 1;
  const [first, ...others] = frame.components;
  const isSubsampled = others.some(
    (other) => other.horizontal !== first.horizontal || other.vertical !== first.vertical,
  );
  return tables.isJfif || isSubsampled || photometricInterpretation.startsWith("YBR");
}

/** Lays the planes out by pixel, `[row][column][component]`, at full size. */
export function interleavePlanes(
  frame: JpegFrameHeader,
  coefficients: CoefficientFrame,
  planes: readonly SamplePlane[],
): Samples {
  const { rows, columns } = frame;
  const stride = planes.length;
  const size = rows * columns * stride;
  const out = frame.precision <= 8 ? new Uint8Array(size) : new Uint16Array(size);
  const widest = Math.max(...frame.components.map((component) => component.horizontal));
  const tallest = Math.max(...frame.components.map((component) => component.vertical));
  const line = frame.precision <= 8 ? new Uint8Array(columns + 4) : new Uint16Array(columns + 4);
  planes.forEach((plane, index) => {
    const { component } = coefficients.planes[index];
    const { horizontal, vertical } = component;
    const width = Math.ceil((columns * horizontal) / widest);
    const height = Math.ceil((rows * vertical) / tallest);
    const isWide = horizontal * 2 === widest && width > 2;
    const isTall = vertical * 2 === tallest && width > 2;
    for (let row = 0; row < rows; row++) {
      if (isWide && vertical === tallest) {
        doubleLine(plane, row, width, line);
      } else if (isWide && isTall) {
        const near = row >> 1;
        const other = Math.min(height - 1, Math.max(0, row % 2 === 0 ? near - 1 : near + 1));
        doubleBoth(plane, near, other, width, line);
      } else {
        const from = Math.floor((row * vertical) / tallest) * plane.stride;
        if (horizontal === widest) {
          for (let x = 0; x < columns; x++) line[x] = plane.samples[from + x];
        } else {
          for (let x = 0; x < columns; x++) {
            line[x] = plane.samples[from + Math.floor((x * horizontal) / widest)];
          }
        }
      }
      for (let x = 0, at = row * columns * stride + index; x < columns; x++, at += stride) out[at] = line[x];
    }
  });
  return out;
}

/** Twice as wide: each new sample is 3/4 of the nearer and 1/4 of the farther one. */
function doubleLine(plane: SamplePlane, row: number, width: number, out: Samples): void {
  const { samples, stride } = plane;
  const from = row * stride;
  for (let x = 0; x < width && 2 * x < out.length - 1; x++) {
    const value = 3 * samples[from + x];
    out[2 * x] = x === 0 ? samples[from] : (value + samples[from + x - 1] + 1) >> 2;
    out[2 * x + 1] = x === width - 1 ? samples[from + x] : (value + samples[from + x + 1] + 2) >> 2;
  }
}

/** Twice as wide and high: the same filter in both directions, rounded once. */
function doubleBoth(plane: SamplePlane, near: number, other: number, width: number, out: Samples): void {
  const { samples, stride } = plane;
  const a = near * stride;
  const b = other * stride;
  const sum = (x: number): number => 3 * samples[a + x] + samples[b + x];
  let before = sum(0);
  let here = before;
  for (let x = 0; x < width && 2 * x < out.length - 1; x++) {
    const after = x === width - 1 ? here : sum(x + 1);
    out[2 * x] = x === 0 ? (4 * here + 8) >> 4 : (3 * here + before + 8) >> 4;
    out[2 * x + 1] = x === width - 1 ? (4 * here + 7) >> 4 : (3 * here + after + 7) >> 4;
    before = here;
    here = after;
  }
}

/** Converts YCbCr by pixel to RGB in place, with 16-bit fixed point factors. */
export function convertYcbcrToRgb(samples: Samples, precision: number): void {
  const centre = 2 ** (precision - 1);
  const largest = 2 * centre - 1;
  const clamp = (value: number): number => (value < 0 ? 0 : value > largest ? largest : value);
  for (let i = 0; i + 2 < samples.length; i += 3) {
    const y = samples[i];
    const cb = samples[i + 1] - centre;
    const cr = samples[i + 2] - centre;
    samples[i] = clamp(y + ((91881 * cr + 32768) >> 16));
    samples[i + 1] = clamp(y + ((-22554 * cb - 46802 * cr + 32768) >> 16));
    samples[i + 2] = clamp(y + ((116130 * cb + 32768) >> 16));
  }
}
