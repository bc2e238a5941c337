// Back-projection of filtered cone-beam views (AssemblyScript, SIMD). Mirrors the float64 reference engine: the same
// sums in float32. Voxels of one line along z share the channel position and the weight: two neighbouring detector
// columns are mixed once per line and view, then each four slices take their row pairs from that. Plain pointers; the
// caller owns the memory layout.

// atan(t)/t as a polynomial in t² on |t| ≤ 0.66, Chebyshev fit, absolute error of atan 4e-9.
const A0: f64 = 0.9999999930688217;
const A1: f64 = -0.33333173208000816;
const A2: f64 = 0.19993902787559;
const A3: f64 = -0.1419729356077997;
const A4: f64 = 0.10483505809467526;
const A5: f64 = -0.0667523404740837;
const A6: f64 = 0.024437019897143034;

// Views added to a line of voxels before the next line, and voxel columns per tile.
const VIEW_BLOCK = 8;
const COLUMN_BLOCK = 16;

/**
 * Adds views to rows [rowStart, rowEnd) of the volume.
 *
 * @param isCurved 1 for a cylindrical detector, 0 for a flat one
 * @param views [views][stride][rowStride] f32, zero around the samples; neighbouring detector rows side by side
 * @param angles [views][2] f64: cosine, sine
 * @param volume [rows][columns][slicesPadded] f32, slicesPadded a multiple of four
 * @param spans [rows][2] i32: first and one-past-last column to compute
 * @param scale filtered samples per rad (curved) or mm at the axis
 * @param centre place of the central ray among the padded samples
 * @param rowScale detector rows per mm: at the axis (flat), or times the source's distance from the detector (curved)
 * @param rowCentre place of the source's plane among the padded rows
 * @param lastRow place from which on all rows are zero
 * @param work per thread rowStride × 4 bytes
 */
export function backprojectCone(
  thread: i32,
  isCurved: i32,
  views: usize,
  stride: i32,
  rowStride: i32,
  viewCount: i32,
  angles: usize,
  volume: usize,
  slicesPadded: i32,
  columns: i32,
  spans: usize,
  rowStart: i32,
  rowEnd: i32,
  firstRow: f64,
  rowSpacing: f64,
  firstColumn: f64,
  columnSpacing: f64,
  firstSlice: f64,
  sliceSpacing: f64,
  sourceToIso: f64,
  scale: f64,
  centre: f64,
  rowScale: f64,
  rowCentre: f64,
  lastRow: i32,
  work: usize,
): void {
  const mixed = work + <usize>(thread * rowStride) * 4;
  const sampleBytes = <usize>rowStride << 2;
  const viewBytes = <usize>stride * sampleBytes;
  const lineBytes = <usize>slicesPadded << 2;
  const highest = <f64>(stride - 2);
  for (let left = 0; left < columns; left += COLUMN_BLOCK) {
    for (let block = 0; block < viewCount; block += VIEW_BLOCK) {
      const blockEnd = min(viewCount, block + VIEW_BLOCK);
      for (let r = rowStart; r < rowEnd; r++) {
        const y = firstRow + <f64>r * rowSpacing;
        const start = max(left, load<i32>(spans + (<usize>r << 3)));
        const end = min(left + COLUMN_BLOCK, load<i32>(spans + (<usize>r << 3), 4));
        for (let c = start; c < end; c++) {
          const x = firstColumn + <f64>c * columnSpacing;
          const line = volume + <usize>(r * columns + c) * lineBytes;
          for (let view = block; view < blockEnd; view++) {
            const cosine = load<f64>(angles + (<usize>view << 4));
            const sine = load<f64>(angles + (<usize>view << 4), 8);
            const distance = sourceToIso - x * cosine - y * sine;
            const f = y * cosine - x * sine;
            let position: f64;
            let weight: f64;
            let rowFactor: f64;
            if (isCurved) {
              const t = f / distance;
              const u = t * t;
              const angle = t * (A0 + u * (A1 + u * (A2 + u * (A3 + u * (A4 + u * (A5 + u * A6))))));
              position = angle * scale + centre;
              weight = 1.0 / (distance * distance + f * f);
              rowFactor = rowScale * Math.sqrt(weight);
            } else {
              const magnification = sourceToIso / distance;
              position = f * magnification * scale + centre;
              weight = magnification * magnification;
              rowFactor = rowScale * magnification;
            }
            if (!(position >= 0 && position < highest)) continue;
            const sample = <i32>position;
            const high = weight * (position - <f64>sample);
            const source = views + <usize>view * viewBytes + <usize>sample * sampleBytes;
            addLine(
              source, sampleBytes, <f32>(weight - high), <f32>high,
              line, slicesPadded, <f32>(firstSlice * rowFactor + rowCentre), <f32>(sliceSpacing * rowFactor),
              lastRow, mixed,
            );
          }
        }
      }
    }
  }
}

@inline
function addLine(
  source: usize,
  sampleBytes: usize,
  low: f32,
  high: f32,
  line: usize,
  slices: i32,
  firstPosition: f32,
  step: f32,
  lastRow: i32,
  mixed: usize,
): void {
  const limit = <f32>lastRow;
  const lastPosition = firstPosition + <f32>(slices - 1) * step;
  const lowest = max<f32>(0, min(firstPosition, lastPosition));
  const highest = min(limit, max(firstPosition, lastPosition));
  if (lowest >= limit || highest <= 0) return;
  // Rows between the outermost slices' pairs, and the zero places that slices outside are sent to.
  const a = f32x4.splat(low);
  const b = f32x4.splat(high);
  const mixedEnd = (<usize>(<i32>highest + 2) << 2) + mixed;
  let p = (<usize>(<i32>lowest & ~3) << 2);
  source += p;
  for (let target = mixed + p; target < mixedEnd; target += 16, source += 16) {
    v128.store(
      target,
      f32x4.add(f32x4.mul(a, v128.load(source)), f32x4.mul(b, v128.load(source + sampleBytes))),
    );
  }
  const bias = f32x4.splat(8388608);
  const smallest = f32x4.splat(lowest);
  const largest = f32x4.splat(highest);
  const start = f32x4.splat(firstPosition);
  const increment = f32x4.splat(step);
  let index = f32x4(0, 1, 2, 3);
  const end = line + (<usize>slices << 2);
  for (let q = line; q < end; q += 16) {
    const position = f32x4.pmax(
      smallest,
      f32x4.pmin(largest, f32x4.add(start, f32x4.mul(index, increment))),
    );
    index = f32x4.add(index, f32x4.splat(4));
    const whole = f32x4.floor(position);
    const place = i32x4.shl(i32x4.sub(f32x4.add(whole, bias), i32x4.splat(0x4b000000)), 2);
    const fraction = f32x4.sub(position, whole);
    const pairs01 = v128.load64_lane(
      mixed + <usize>i32x4.extract_lane(place, 1),
      v128.load64_zero(mixed + <usize>i32x4.extract_lane(place, 0)),
      1,
    );
    const pairs23 = v128.load64_lane(
      mixed + <usize>i32x4.extract_lane(place, 3),
      v128.load64_zero(mixed + <usize>i32x4.extract_lane(place, 2)),
      1,
    );
    const first = i32x4.shuffle(pairs01, pairs23, 0, 2, 4, 6);
    const second = i32x4.shuffle(pairs01, pairs23, 1, 3, 5, 7);
    v128.store(
      q,
      f32x4.add(
        v128.load(q),
        f32x4.add(first, f32x4.mul(fraction, f32x4.sub(second, first))),
      ),
    );
  }
}

/**
 * Takes slices [sliceStart, sliceEnd) of rows [rowStart, rowEnd) into slice order.
 *
 * @param out [sliceEnd − sliceStart][rows][columns] f32
 */
export function separateCone(
  thread: i32,
  volume: usize,
  slicesPadded: i32,
  rows: i32,
  columns: i32,
  sliceStart: i32,
  sliceEnd: i32,
  rowStart: i32,
  rowEnd: i32,
  out: usize,
): void {
  const planeBytes = <usize>(rows * columns) << 2;
  const lineBytes = <usize>slicesPadded << 2;
  for (let r = rowStart; r < rowEnd; r++) {
    // Eight slices at a time: their rows in the output stay in the first-level cache.
    for (let slice = sliceStart; slice < sliceEnd; slice += 8) {
      const last = min(sliceEnd, slice + 8);
      let p = volume + <usize>(r * columns) * lineBytes + (<usize>slice << 2);
      const firstTarget = out + <usize>(slice - sliceStart) * planeBytes + (<usize>(r * columns) << 2);
      for (let c = <usize>0; c < <usize>columns; c++, p += lineBytes) {
        let target = firstTarget + (c << 2);
        for (let s = <usize>0; s < <usize>(last - slice); s++, target += planeBytes) {
          store<f32>(target, load<f32>(p + (s << 2)));
        }
      }
    }
  }
}
