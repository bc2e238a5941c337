// Joseph's projector and its exact adjoint for stacks of slices of planar scans (AssemblyScript, SIMD). Mirrors
// ../src/projectors/joseph.ts: the same samples and weights; places in float64, sums in float32, four slices in a
// vector. The places of one ray are computed once and used for all slices; forward and adjoint compute them by the same
// code (joseph-ray.shared.as.ts), so the pair is matched to rounding. Plain pointers; the caller owns the memory layout.
//
// Images are interleaved, [groups][rows + 2][columns + 2][4] f32 with one zero pixel around. A ray runs along the axis
// it is closer to, one sample per row or column. All samples of a step along rows (columns) touch that row (column)
// only, so bands of rows (columns) can take their part of the adjoint at the same time.
import { aim, alongColumns, length, listPlaces } from "./joseph-ray.shared.as";

@inline
function interpolate(image: usize, crossBytes: usize, place: usize, fraction: usize): v128 {
  const p = image + <usize>load<u32>(place);
  const a = v128.load(p);
  return f32x4.add(a, f32x4.mul(v128.load32_splat(fraction), f32x4.sub(v128.load(p + crossBytes), a)));
}

/**
 * Projects views [viewStart, viewEnd).
 *
 * @param images interleaved images of all groups, `imageBytes` apart
 * @param slices slices in all groups
 * @param angles [views][2] f64: cosine, sine
 * @param channelTable see `aim`
 * @param grid see `aim`
 * @param work per thread `workBytes`: 8 × (max(rows, columns) + 8)
 * @param out [slice][view][channel] f32, slices `sliceBytes` apart
 */
export function project(
  thread: i32,
  images: usize,
  imageBytes: usize,
  slices: i32,
  rows: i32,
  columns: i32,
  viewStart: i32,
  viewEnd: i32,
  channels: i32,
  angles: usize,
  channelTable: usize,
  grid: usize,
  work: usize,
  workBytes: usize,
  out: usize,
  sliceBytes: usize,
): void {
  const places = work + <usize>thread * workBytes;
  const fractions = places + (workBytes >> 1);
  const rowBytes = (columns + 2) << 4;
  for (let view = viewStart; view < viewEnd; view++) {
    const cosine = load<f64>(angles + (<usize>view << 4));
    const sine = load<f64>(angles + (<usize>view << 4), 8);
    for (let channel = 0; channel < channels; channel++) {
      aim(cosine, sine, channelTable + <usize>channel * 24, grid);
      const stepBytes = alongColumns ? 16 : rowBytes;
      const crossBytes = alongColumns ? rowBytes : 16;
      const count = alongColumns
        ? listPlaces(0, columns, rows, stepBytes, crossBytes, places, fractions)
        : listPlaces(0, rows, columns, stepBytes, crossBytes, places, fractions);
      const end = places + (<usize>count << 2);
      const evenEnd = places + (<usize>(count & ~1) << 2);
      const scale = f32x4.splat(<f32>length);
      let target = out + (<usize>(view * channels + channel) << 2);
      let image = images;
      for (let left = slices; left > 0; left -= 4, image += imageBytes) {
        let sumA = f32x4.splat(0);
        let sumB = f32x4.splat(0);
        let place = places;
        let fraction = fractions;
        for (; place < evenEnd; place += 8, fraction += 8) {
          sumA = f32x4.add(sumA, interpolate(image, crossBytes, place, fraction));
          sumB = f32x4.add(sumB, interpolate(image, crossBytes, place + 4, fraction + 4));
        }
        if (place < end) sumA = f32x4.add(sumA, interpolate(image, crossBytes, place, fraction));
        const sum = f32x4.mul(scale, f32x4.add(sumA, sumB));
        v128.store32_lane(target, sum, 0);
        if (left > 1) v128.store32_lane(target + sliceBytes, sum, 1);
        if (left > 2) v128.store32_lane(target + 2 * sliceBytes, sum, 2);
        if (left > 3) v128.store32_lane(target + 3 * sliceBytes, sum, 3);
        target += 4 * sliceBytes;
      }
    }
  }
}

/**
 * Adds the adjoint of all rays that run along rows (columns) within a band of rows (columns).
 *
 * @param isColumnBand 1: rays along columns, steps are columns; 0: rays along rows
 * @param bandStart, bandEnd rows or columns of the band
 * @param sinogram [slice][view][channel] f32, slices `sliceBytes` apart
 */
export function backproject(
  thread: i32,
  images: usize,
  imageBytes: usize,
  slices: i32,
  rows: i32,
  columns: i32,
  views: i32,
  channels: i32,
  angles: usize,
  channelTable: usize,
  grid: usize,
  work: usize,
  workBytes: usize,
  sinogram: usize,
  sliceBytes: usize,
  isColumnBand: i32,
  bandStart: i32,
  bandEnd: i32,
): void {
  const places = work + <usize>thread * workBytes;
  const fractions = places + (workBytes >> 1);
  const rowBytes = (columns + 2) << 4;
  const stepBytes = isColumnBand ? 16 : rowBytes;
  const crossBytes = isColumnBand ? rowBytes : 16;
  const cross = isColumnBand ? rows : columns;
  const wanted = isColumnBand != 0;
  for (let view = 0; view < views; view++) {
    const cosine = load<f64>(angles + (<usize>view << 4));
    const sine = load<f64>(angles + (<usize>view << 4), 8);
    for (let channel = 0; channel < channels; channel++) {
      aim(cosine, sine, channelTable + <usize>channel * 24, grid);
      if (alongColumns != wanted) continue;
      const count = listPlaces(bandStart, bandEnd, cross, stepBytes, crossBytes, places, fractions);
      if (count == 0) continue;
      const end = places + (<usize>count << 2);
      const scale = f32x4.splat(<f32>length);
      let sample = sinogram + (<usize>(view * channels + channel) << 2);
      let image = images;
      for (let left = slices; left > 0; left -= 4, image += imageBytes) {
        let value = v128.load32_zero(sample);
        if (left > 1) value = v128.load32_lane(sample + sliceBytes, value, 1);
        if (left > 2) value = v128.load32_lane(sample + 2 * sliceBytes, value, 2);
        if (left > 3) value = v128.load32_lane(sample + 3 * sliceBytes, value, 3);
        sample += 4 * sliceBytes;
        value = f32x4.mul(value, scale);
        let fraction = fractions;
        for (let place = places; place < end; place += 4, fraction += 4) {
          const p = image + <usize>load<u32>(place);
          const q = p + crossBytes;
          const high = f32x4.mul(value, v128.load32_splat(fraction));
          const low = f32x4.sub(value, high);
          v128.store(p, f32x4.add(v128.load(p), low));
          v128.store(q, f32x4.add(v128.load(q), high));
        }
      }
    }
  }
}

/**
 * Puts rows [rowStart, rowEnd) of up to four slices side by side, with zeros around the image.
 *
 * @param source [slice][rows][columns] f32
 * @param image [rows + 2][columns + 2][4] f32
 */
export function interleave(
  thread: i32,
  source: usize,
  slices: i32,
  rows: i32,
  columns: i32,
  rowStart: i32,
  rowEnd: i32,
  image: usize,
): void {
  const rowBytes = <usize>(columns + 2) << 4;
  const planeBytes = <usize>(rows * columns) << 2;
  if (rowStart == 0) memory.fill(image, 0, rowBytes);
  if (rowEnd == rows) memory.fill(image + <usize>(rows + 1) * rowBytes, 0, rowBytes);
  const zero = f32x4.splat(0);
  for (let r = rowStart; r < rowEnd; r++) {
    let p = source + (<usize>(r * columns) << 2);
    let q = image + <usize>(r + 1) * rowBytes;
    v128.store(q, zero);
    const end = p + (<usize>columns << 2);
    for (; p < end; p += 4) {
      q += 16;
      let value = v128.load32_zero(p);
      if (slices > 1) value = v128.load32_lane(p + planeBytes, value, 1);
      if (slices > 2) value = v128.load32_lane(p + 2 * planeBytes, value, 2);
      if (slices > 3) value = v128.load32_lane(p + 3 * planeBytes, value, 3);
      v128.store(q, value);
    }
    v128.store(q + 16, zero);
  }
}

/**
 * Takes rows [rowStart, rowEnd) of up to four slices apart.
 *
 * @param out [slice][rows][columns] f32
 */
export function separate(
  thread: i32,
  image: usize,
  slices: i32,
  rows: i32,
  columns: i32,
  rowStart: i32,
  rowEnd: i32,
  out: usize,
): void {
  const rowBytes = <usize>(columns + 2) << 4;
  const planeBytes = <usize>(rows * columns) << 2;
  for (let r = rowStart; r < rowEnd; r++) {
    let p = image + <usize>(r + 1) * rowBytes + 16;
    let q = out + (<usize>(r * columns) << 2);
    const end = q + (<usize>columns << 2);
    for (; q < end; q += 4, p += 16) {
      const value = v128.load(p);
      v128.store32_lane(q, value, 0);
      if (slices > 1) v128.store32_lane(q + planeBytes, value, 1);
      if (slices > 2) v128.store32_lane(q + 2 * planeBytes, value, 2);
      if (slices > 3) v128.store32_lane(q + 3 * planeBytes, value, 3);
    }
  }
}
