// Joseph's projector and its exact adjoint for cone beams with upright detectors, flat or curved (AssemblyScript, SIMD).
// Mirrors ../src/projectors/joseph.ts: the same samples and weights; places in the plane in float64, heights and sums in
// float32. All detector rows of a channel see the volume through the same upright plane: two neighbouring lines of
// voxels along z are mixed once per step, then each four detector rows take their slice pairs from that. Forward and
// adjoint compute places by the same code, so the pair is matched to rounding. Plain pointers; the caller owns the
// memory layout.
//
// The volume lies as [rows + 2][columns + 2][slicesPadded] f32 with a line of zeros on all four sides and zeros from
// `slices` to `slicesPadded`, a multiple of four.
import { aim, alongColumns, firstStep, length, listPlaces } from "./joseph-ray.shared.as";

// Empty places before the first slice of a mixed line.
const FRONT = 4;
const FRONT_BYTES: usize = 16;

// Height of detector row r at a step: slice place base + (r − rowCentre) · rise, with FRONT added.
let base: f32 = 0;
let rise: f32 = 0;
// Slices [lowest, highest) that rows of this step can meet, multiples of four.
let lowest: i32 = 0;
let highest: i32 = 0;

// `heights` [4] f64: first slice, slice spacing, row pitch at the detector, place of the source's plane among the rows.
// `channel` f64s, see `aim`; the fourth is the distance from the source to the detector in the plane.
@inline
function setHeights(
  step: i32,
  stepAxis: usize,
  stepOrigin: f64,
  perDirection: f64,
  channel: usize,
  heights: usize,
  rowsPadded: i32,
  slices: i32,
): void {
  const distance = Math.abs(load<f64>(stepAxis) + <f64>step * load<f64>(stepAxis, 8) - stepOrigin) * perDirection;
  const perSlice = 1.0 / load<f64>(heights, 8);
  const slope = (load<f64>(heights, 16) * distance * perSlice) / load<f64>(channel, 24);
  const first = <f64>FRONT - load<f64>(heights) * perSlice - load<f64>(heights, 24) * slope;
  base = <f32>first;
  rise = <f32>slope;
  const top = <f64>FRONT + <f64>slices;
  const low = max(0, min(first, top + 8));
  const high = min(first + <f64>(rowsPadded - 1) * slope, top);
  // One more on both sides against rounding.
  lowest = max(0, <i32>low - FRONT - 1) & ~3;
  highest = high <= 0 ? 0 : min(slices, <i32>high - FRONT + 3);
  highest = (highest + 3) & ~3;
}

@inline
function findPlaces(index: v128, largest: v128): v128 {
  // Places outside go to the empty ones: 2 before the first slice, the first after the last.
  return f32x4.pmax(
    f32x4.splat(2),
    f32x4.pmin(largest, f32x4.add(f32x4.splat(base), f32x4.mul(index, f32x4.splat(rise)))),
  );
}

@inline
function findOffsets(whole: v128): v128 {
  // Adding 2^23 puts the integer into the low mantissa bits.
  return i32x4.shl(i32x4.sub(f32x4.add(whole, f32x4.splat(8388608)), i32x4.splat(0x4b000000)), 2);
}

/**
 * Projects views [viewStart, viewEnd).
 *
 * @param volume see above
 * @param angles [views][2] f64: cosine, sine
 * @param channelTable [channels][4] f64
 * @param grid, heights f64s, see `aim` and `setHeights`
 * @param inclinations [channels][rowsPadded] f32: √(1 + tan²) of the angle between ray and plane
 * @param work per thread `workBytes`: two lists of `listBytes` = 4 × (max(rows, columns) + 8), then mixed lines of
 *   4 × (slicesPadded + 8) bytes (adjoint: four), then 4 × rowsPadded bytes
 * @param out [views][detectorRows][channels] f32
 */
export function project(
  thread: i32,
  volume: usize,
  slices: i32,
  rows: i32,
  columns: i32,
  detectorRows: i32,
  channels: i32,
  viewStart: i32,
  viewEnd: i32,
  angles: usize,
  channelTable: usize,
  grid: usize,
  heights: usize,
  inclinations: usize,
  work: usize,
  workBytes: usize,
  listBytes: usize,
  out: usize,
): void {
  const places = work + <usize>thread * workBytes;
  const fractions = places + listBytes;
  const mixed = fractions + listBytes;
  const slicesPadded = (slices + 3) & ~3;
  const lineBytes = slicesPadded << 2;
  const mixedBytes = <usize>lineBytes + 32;
  const sums = mixed + mixedBytes;
  const rowsPadded = (detectorRows + 3) & ~3;
  const rowBytes = (columns + 2) * lineBytes;
  const largest = f32x4.splat(<f32>(slices + FRONT));
  memory.fill(mixed, 0, mixedBytes);
  for (let view = viewStart; view < viewEnd; view++) {
    const cosine = load<f64>(angles + (<usize>view << 4));
    const sine = load<f64>(angles + (<usize>view << 4), 8);
    for (let c = 0; c < channels; c++) {
      const channel = channelTable + (<usize>c << 5);
      aim(cosine, sine, channel, grid);
      const stepBytes = alongColumns ? lineBytes : rowBytes;
      const crossBytes = alongColumns ? rowBytes : lineBytes;
      const stepAxis = grid + (alongColumns ? 0 : 16);
      const stepOrigin = load<f64>(channel, 16) * (alongColumns ? cosine : sine);
      const perDirection = length / load<f64>(stepAxis, 8);
      const count = listPlaces(
        0, alongColumns ? columns : rows, alongColumns ? rows : columns,
        stepBytes, crossBytes, places, fractions,
      );
      memory.fill(sums, 0, <usize>rowsPadded << 2);
      for (let i = 0; i < count; i++) {
        setHeights(firstStep + i, stepAxis, stepOrigin, perDirection, channel, heights, rowsPadded, slices);
        if (lowest >= highest) continue;
        const fraction = v128.load32_splat(fractions + (<usize>i << 2));
        let p = volume + <usize>load<u32>(places + (<usize>i << 2)) + (<usize>lowest << 2);
        let m = mixed + FRONT_BYTES + (<usize>lowest << 2);
        const end = mixed + FRONT_BYTES + (<usize>highest << 2);
        for (; m < end; m += 16, p += 16) {
          const a = v128.load(p);
          v128.store(m, f32x4.add(a, f32x4.mul(fraction, f32x4.sub(v128.load(p + crossBytes), a))));
        }
        let index = f32x4(0, 1, 2, 3);
        const sumsEnd = sums + (<usize>rowsPadded << 2);
        for (let q = sums; q < sumsEnd; q += 16) {
          const place = findPlaces(index, largest);
          index = f32x4.add(index, f32x4.splat(4));
          const whole = f32x4.floor(place);
          const offsets = findOffsets(whole);
          const pairs01 = v128.load64_lane(
            mixed + <usize>i32x4.extract_lane(offsets, 1),
            v128.load64_zero(mixed + <usize>i32x4.extract_lane(offsets, 0)),
            1,
          );
          const pairs23 = v128.load64_lane(
            mixed + <usize>i32x4.extract_lane(offsets, 3),
            v128.load64_zero(mixed + <usize>i32x4.extract_lane(offsets, 2)),
            1,
          );
          const low = i32x4.shuffle(pairs01, pairs23, 0, 2, 4, 6);
          const high = i32x4.shuffle(pairs01, pairs23, 1, 3, 5, 7);
          const value = f32x4.add(low, f32x4.mul(f32x4.sub(place, whole), f32x4.sub(high, low)));
          v128.store(q, f32x4.add(v128.load(q), value));
        }
      }
      let target = out + (<usize>(view * detectorRows * channels + c) << 2);
      let inclination = inclinations + (<usize>(c * rowsPadded) << 2);
      const scale = f32x4.splat(<f32>length);
      for (let row = 0; row < rowsPadded; row += 4, inclination += 16) {
        const sum = f32x4.mul(v128.load(sums + (<usize>row << 2)), f32x4.mul(scale, v128.load(inclination)));
        v128.store(sums + (<usize>row << 2), sum);
      }
      for (let row = 0; row < detectorRows; row++, target += <usize>channels << 2) {
        store<f32>(target, load<f32>(sums + (<usize>row << 2)));
      }
    }
  }
}

/**
 * Adds the adjoint of all rays that run along rows (columns) within a band of rows (columns).
 *
 * @param projections [views][detectorRows][channels] f32
 * @param isColumnBand 1: rays along columns, steps are columns; 0: rays along rows
 * @param bandStart, bandEnd rows or columns of the band
 */
export function backproject(
  thread: i32,
  volume: usize,
  slices: i32,
  rows: i32,
  columns: i32,
  detectorRows: i32,
  channels: i32,
  views: i32,
  angles: usize,
  channelTable: usize,
  grid: usize,
  heights: usize,
  inclinations: usize,
  work: usize,
  workBytes: usize,
  listBytes: usize,
  projections: usize,
  isColumnBand: i32,
  bandStart: i32,
  bandEnd: i32,
): void {
  const places = work + <usize>thread * workBytes;
  const fractions = places + listBytes;
  const mixed = fractions + listBytes;
  const slicesPadded = (slices + 3) & ~3;
  const lineBytes = slicesPadded << 2;
  // Four lines, one for each place in a vector, so that neighbouring rows do not wait for one another.
  const mixedBytes = <usize>lineBytes + 32;
  const mixed1 = mixed + mixedBytes;
  const mixed2 = mixed1 + mixedBytes;
  const mixed3 = mixed2 + mixedBytes;
  const values = mixed3 + mixedBytes;
  const rowsPadded = (detectorRows + 3) & ~3;
  const rowBytes = (columns + 2) * lineBytes;
  const wanted = isColumnBand != 0;
  const stepBytes = wanted ? lineBytes : rowBytes;
  const crossBytes = wanted ? rowBytes : lineBytes;
  const stepAxis = grid + (wanted ? 0 : 16);
  const cross = wanted ? rows : columns;
  const largest = f32x4.splat(<f32>(slices + FRONT));
  const zero = f32x4.splat(0);
  memory.fill(mixed, 0, 4 * mixedBytes);
  memory.fill(values, 0, <usize>rowsPadded << 2);
  for (let view = 0; view < views; view++) {
    const cosine = load<f64>(angles + (<usize>view << 4));
    const sine = load<f64>(angles + (<usize>view << 4), 8);
    for (let c = 0; c < channels; c++) {
      const channel = channelTable + (<usize>c << 5);
      aim(cosine, sine, channel, grid);
      if (alongColumns != wanted) continue;
      const count = listPlaces(bandStart, bandEnd, cross, stepBytes, crossBytes, places, fractions);
      if (count == 0) continue;
      const stepOrigin = load<f64>(channel, 16) * (wanted ? cosine : sine);
      const perDirection = length / load<f64>(stepAxis, 8);
      let source = projections + (<usize>(view * detectorRows * channels + c) << 2);
      for (let row = 0; row < detectorRows; row++, source += <usize>channels << 2) {
        store<f32>(values + (<usize>row << 2), load<f32>(source));
      }
      let inclination = inclinations + (<usize>(c * rowsPadded) << 2);
      const scale = f32x4.splat(<f32>length);
      for (let row = 0; row < rowsPadded; row += 4, inclination += 16) {
        const value = f32x4.mul(v128.load(values + (<usize>row << 2)), f32x4.mul(scale, v128.load(inclination)));
        v128.store(values + (<usize>row << 2), value);
      }
      for (let i = 0; i < count; i++) {
        setHeights(firstStep + i, stepAxis, stepOrigin, perDirection, channel, heights, rowsPadded, slices);
        if (lowest >= highest) continue;
        let index = f32x4(0, 1, 2, 3);
        const valuesEnd = values + (<usize>rowsPadded << 2);
        for (let q = values; q < valuesEnd; q += 16) {
          const place = findPlaces(index, largest);
          index = f32x4.add(index, f32x4.splat(4));
          const whole = f32x4.floor(place);
          const offsets = findOffsets(whole);
          const value = v128.load(q);
          const high = f32x4.mul(value, f32x4.sub(place, whole));
          const low = f32x4.sub(value, high);
          const p0 = mixed + <usize>i32x4.extract_lane(offsets, 0);
          const p1 = mixed1 + <usize>i32x4.extract_lane(offsets, 1);
          const p2 = mixed2 + <usize>i32x4.extract_lane(offsets, 2);
          const p3 = mixed3 + <usize>i32x4.extract_lane(offsets, 3);
          const pairs01 = f32x4.add(
            i32x4.shuffle(low, high, 0, 4, 1, 5),
            v128.load64_lane(p1, v128.load64_zero(p0), 1),
          );
          const pairs23 = f32x4.add(
            i32x4.shuffle(low, high, 2, 6, 3, 7),
            v128.load64_lane(p3, v128.load64_zero(p2), 1),
          );
          v128.store64_lane(p0, pairs01, 0);
          v128.store64_lane(p1, pairs01, 1);
          v128.store64_lane(p2, pairs23, 0);
          v128.store64_lane(p3, pairs23, 1);
        }
        const fraction = v128.load32_splat(fractions + (<usize>i << 2));
        let p = volume + <usize>load<u32>(places + (<usize>i << 2)) + (<usize>lowest << 2);
        let m = FRONT_BYTES + (<usize>lowest << 2);
        const end = FRONT_BYTES + (<usize>highest << 2);
        for (; m < end; m += 16, p += 16) {
          const sum = f32x4.add(
            f32x4.add(v128.load(mixed + m), v128.load(mixed1 + m)),
            f32x4.add(v128.load(mixed2 + m), v128.load(mixed3 + m)),
          );
          v128.store(mixed + m, zero);
          v128.store(mixed1 + m, zero);
          v128.store(mixed2 + m, zero);
          v128.store(mixed3 + m, zero);
          const high = f32x4.mul(sum, fraction);
          v128.store(p, f32x4.add(v128.load(p), f32x4.sub(sum, high)));
          v128.store(p + crossBytes, f32x4.add(v128.load(p + crossBytes), high));
        }
      }
    }
  }
}

/**
 * Brings slices [sliceStart, sliceEnd) of rows [rowStart, rowEnd) into the kernel's order. Zeros elsewhere are the
 * caller's.
 *
 * @param source [sliceEnd − sliceStart][rows][columns] f32
 */
export function interleave(
  thread: i32,
  source: usize,
  slices: i32,
  rows: i32,
  columns: i32,
  sliceStart: i32,
  sliceEnd: i32,
  rowStart: i32,
  rowEnd: i32,
  volume: usize,
): void {
  const lineBytes = <usize>((slices + 3) & ~3) << 2;
  const planeBytes = <usize>(rows * columns) << 2;
  for (let r = rowStart; r < rowEnd; r++) {
    for (let slice = sliceStart; slice < sliceEnd; slice += 8) {
      const count = <usize>(min(sliceEnd, slice + 8) - slice);
      let q = volume + <usize>((r + 1) * (columns + 2) + 1) * lineBytes + (<usize>slice << 2);
      let p = source + <usize>(slice - sliceStart) * planeBytes + (<usize>(r * columns) << 2);
      for (let c = 0; c < columns; c++, p += 4, q += lineBytes) {
        for (let s = <usize>0; s < count; s++) store<f32>(q + (s << 2), load<f32>(p + s * planeBytes));
      }
    }
  }
}

/**
 * Takes slices [sliceStart, sliceEnd) of rows [rowStart, rowEnd) out of the kernel's order.
 *
 * @param out [sliceEnd − sliceStart][rows][columns] f32
 */
export function separate(
  thread: i32,
  volume: usize,
  slices: i32,
  rows: i32,
  columns: i32,
  sliceStart: i32,
  sliceEnd: i32,
  rowStart: i32,
  rowEnd: i32,
  out: usize,
): void {
  const lineBytes = <usize>((slices + 3) & ~3) << 2;
  const planeBytes = <usize>(rows * columns) << 2;
  for (let r = rowStart; r < rowEnd; r++) {
    for (let slice = sliceStart; slice < sliceEnd; slice += 8) {
      const count = <usize>(min(sliceEnd, slice + 8) - slice);
      let p = volume + <usize>((r + 1) * (columns + 2) + 1) * lineBytes + (<usize>slice << 2);
      let q = out + <usize>(slice - sliceStart) * planeBytes + (<usize>(r * columns) << 2);
      for (let c = 0; c < columns; c++, q += 4, p += lineBytes) {
        for (let s = <usize>0; s < count; s++) store<f32>(q + s * planeBytes, load<f32>(p + (s << 2)));
      }
    }
  }
}
