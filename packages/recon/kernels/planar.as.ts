// Back-projection of four interleaved slices of planar scans (AssemblyScript, SIMD). Mirrors the float64 reference
// engine: the same sums in float32; sample positions and weights for four neighbouring pixels at once, samples of four
// slices at once. A few views are added to four pixels while those stay in registers. Plain pointers; the caller owns
// the memory layout.

// Geometry kinds as types, told apart by their size at compile time.
type Parallel = u8;
type Arc = u16;
type Flat = u32;

// atan(t)/t as a polynomial in t² on |t| ≤ 0.66, Chebyshev fit, absolute error of atan 4e-9.
const A0: f32 = 0.9999999930688217;
const A1: f32 = -0.33333173208000816;
const A2: f32 = 0.19993902787559;
const A3: f32 = -0.1419729356077997;
const A4: f32 = 0.10483505809467526;
const A5: f32 = -0.0667523404740837;
const A6: f32 = 0.024437019897143034;

// Views added to a pixel before it is stored.
const VIEW_BLOCK = 16;

@inline
function computeAngle(t: v128): v128 {
  const u = f32x4.mul(t, t);
  let q = f32x4.add(f32x4.splat(A5), f32x4.mul(u, f32x4.splat(A6)));
  q = f32x4.add(f32x4.splat(A4), f32x4.mul(u, q));
  q = f32x4.add(f32x4.splat(A3), f32x4.mul(u, q));
  q = f32x4.add(f32x4.splat(A2), f32x4.mul(u, q));
  q = f32x4.add(f32x4.splat(A1), f32x4.mul(u, q));
  q = f32x4.add(f32x4.splat(A0), f32x4.mul(u, q));
  return f32x4.mul(t, q);
}

// Adds one view of one group of slices to one pixel: low · sample + high · next sample.
@inline
function interpolate(row: usize, place: usize): v128 {
  const p = row + <usize>load<u32>(place);
  return f32x4.add(
    f32x4.mul(v128.load32_splat(place, 16), v128.load(p)),
    f32x4.mul(v128.load32_splat(place, 32), v128.load(p, 16)),
  );
}

@inline
function backproject<Kind>(
  thread: i32,
  sinogram: usize,
  groups: i32,
  groupBytes: usize,
  stride: i32,
  viewStart: i32,
  viewEnd: i32,
  angles: usize,
  image: usize,
  imageBytes: usize,
  columnsPadded: i32,
  spans: usize,
  rowStart: i32,
  rowEnd: i32,
  firstRow: f32,
  rowSpacing: f32,
  firstColumn: f32,
  columnSpacing: f32,
  sourceToIso: f32,
  scaleFactor: f32,
  centre: f32,
  work: usize,
): void {
  const lane = f32x4(0, 1, 2, 3);
  const lowest = f32x4.splat(0);
  const highest = f32x4.splat(<f32>(stride - 2));
  const scale = f32x4.splat(scaleFactor);
  const middle = f32x4.splat(centre);
  const one = f32x4.splat(1);
  const bias = f32x4.splat(8388608);
  const places = work + <usize>(thread * VIEW_BLOCK * 48);
  const rowBytes = <usize>stride << 4;
  for (let block = viewStart; block < viewEnd; block += VIEW_BLOCK) {
    const blockEnd = min(viewEnd, block + VIEW_BLOCK);
    const placesEnd = places + <usize>((blockEnd - block) * 48);
    for (let r = rowStart; r < rowEnd; r++) {
      const y = f32x4.splat(firstRow + <f32>r * rowSpacing);
      const start = load<i32>(spans + (<usize>r << 3)) & ~3;
      const end = load<i32>(spans + (<usize>r << 3), 4);
      for (let c = start; c < end; c += 4) {
        const x = f32x4.add(
          f32x4.splat(firstColumn),
          f32x4.mul(f32x4.add(f32x4.splat(<f32>c), lane), f32x4.splat(columnSpacing)),
        );
        let angle = angles + (<usize>block << 3);
        for (let place = places; place < placesEnd; place += 48, angle += 8) {
          const cosine = v128.load32_splat(angle);
          const sine = v128.load32_splat(angle, 4);
          let position: v128;
          let weight = one;
          if (sizeof<Kind>() == sizeof<Parallel>()) {
            position = f32x4.add(f32x4.mul(x, cosine), f32x4.mul(y, sine));
            position = f32x4.add(f32x4.mul(position, scale), middle);
          } else {
            const distance = f32x4.sub(
              f32x4.sub(f32x4.splat(sourceToIso), f32x4.mul(x, cosine)),
              f32x4.mul(y, sine),
            );
            const f = f32x4.sub(f32x4.mul(y, cosine), f32x4.mul(x, sine));
            if (sizeof<Kind>() == sizeof<Arc>()) {
              const t = f32x4.pmax(
                f32x4.splat(-0.66),
                f32x4.pmin(f32x4.splat(0.66), f32x4.div(f, distance)),
              );
              position = f32x4.add(f32x4.mul(computeAngle(t), scale), middle);
              weight = f32x4.div(one, f32x4.add(f32x4.mul(distance, distance), f32x4.mul(f, f)));
            } else {
              const magnification = f32x4.div(f32x4.splat(sourceToIso), distance);
              position = f32x4.add(f32x4.mul(f32x4.mul(f, magnification), scale), middle);
              weight = f32x4.mul(magnification, magnification);
            }
          }
          position = f32x4.pmax(lowest, f32x4.pmin(highest, position));
          const whole = f32x4.floor(position);
          // Adding 2^23 puts the integer into the low mantissa bits: cheaper than a saturating conversion.
          v128.store(place, i32x4.shl(i32x4.sub(f32x4.add(whole, bias), i32x4.splat(0x4b000000)), 4));
          let high = f32x4.sub(position, whole);
          if (sizeof<Kind>() != sizeof<Parallel>()) high = f32x4.mul(high, weight);
          v128.store(place, f32x4.sub(weight, high), 16);
          v128.store(place, high, 32);
        }
        let pixel = image + (<usize>(r * columnsPadded + c) << 4);
        let firstSample = sinogram + <usize>block * rowBytes;
        for (let group = 0; group < groups; group++) {
          let sum0 = v128.load(pixel);
          let sum1 = v128.load(pixel, 16);
          let sum2 = v128.load(pixel, 32);
          let sum3 = v128.load(pixel, 48);
          let row = firstSample;
          for (let place = places; place < placesEnd; place += 48, row += rowBytes) {
            sum0 = f32x4.add(sum0, interpolate(row, place));
            sum1 = f32x4.add(sum1, interpolate(row, place + 4));
            sum2 = f32x4.add(sum2, interpolate(row, place + 8));
            sum3 = f32x4.add(sum3, interpolate(row, place + 12));
          }
          v128.store(pixel, sum0);
          v128.store(pixel, sum1, 16);
          v128.store(pixel, sum2, 32);
          v128.store(pixel, sum3, 48);
          pixel += imageBytes;
          firstSample += groupBytes;
        }
      }
    }
  }
}

/**
 * Adds views to rows [rowStart, rowEnd) of the image: the parameters of all three functions.
 *
 * @param sinogram [groups][views][stride][4] f32, zero-padded at both ends of each row; groups `groupBytes` apart
 * @param stride samples per view including padding
 * @param angles [views][2] f32: cosine, sine
 * @param image [groups][rows][columnsPadded][4] f32, columnsPadded a multiple of four; groups `imageBytes` apart
 * @param spans [rows][2] i32: first and one-past-last column to compute
 * @param scale samples per rad (arc) or mm at the axis
 * @param centre place of the central ray in a padded row
 * @param work 768 bytes per thread
 */
export function backprojectParallel(
  thread: i32,
  sinogram: usize,
  groups: i32,
  groupBytes: usize,
  stride: i32,
  viewStart: i32,
  viewEnd: i32,
  angles: usize,
  image: usize,
  imageBytes: usize,
  columnsPadded: i32,
  spans: usize,
  rowStart: i32,
  rowEnd: i32,
  firstRow: f32,
  rowSpacing: f32,
  firstColumn: f32,
  columnSpacing: f32,
  sourceToIso: f32,
  scale: f32,
  centre: f32,
  work: usize,
): void {
  backproject<Parallel>(
    thread, sinogram, groups, groupBytes, stride, viewStart, viewEnd, angles, image, imageBytes, columnsPadded, spans,
    rowStart, rowEnd, firstRow, rowSpacing, firstColumn, columnSpacing, sourceToIso, scale, centre, work,
  );
}

export function backprojectFanArc(
  thread: i32,
  sinogram: usize,
  groups: i32,
  groupBytes: usize,
  stride: i32,
  viewStart: i32,
  viewEnd: i32,
  angles: usize,
  image: usize,
  imageBytes: usize,
  columnsPadded: i32,
  spans: usize,
  rowStart: i32,
  rowEnd: i32,
  firstRow: f32,
  rowSpacing: f32,
  firstColumn: f32,
  columnSpacing: f32,
  sourceToIso: f32,
  scale: f32,
  centre: f32,
  work: usize,
): void {
  backproject<Arc>(
    thread, sinogram, groups, groupBytes, stride, viewStart, viewEnd, angles, image, imageBytes, columnsPadded, spans,
    rowStart, rowEnd, firstRow, rowSpacing, firstColumn, columnSpacing, sourceToIso, scale, centre, work,
  );
}

export function backprojectFanFlat(
  thread: i32,
  sinogram: usize,
  groups: i32,
  groupBytes: usize,
  stride: i32,
  viewStart: i32,
  viewEnd: i32,
  angles: usize,
  image: usize,
  imageBytes: usize,
  columnsPadded: i32,
  spans: usize,
  rowStart: i32,
  rowEnd: i32,
  firstRow: f32,
  rowSpacing: f32,
  firstColumn: f32,
  columnSpacing: f32,
  sourceToIso: f32,
  scale: f32,
  centre: f32,
  work: usize,
): void {
  backproject<Flat>(
    thread, sinogram, groups, groupBytes, stride, viewStart, viewEnd, angles, image, imageBytes, columnsPadded, spans,
    rowStart, rowEnd, firstRow, rowSpacing, firstColumn, columnSpacing, sourceToIso, scale, centre, work,
  );
}

/**
 * Takes rows [rowStart, rowEnd) of the interleaved image apart; columns outside the spans become zero.
 *
 * @param out first of the slices, [slice][rows][columns] f32, `laneBytes` apart
 * @param lanes slices, 1..4
 */
export function separateSlices(
  thread: i32,
  image: usize,
  columnsPadded: i32,
  columns: i32,
  spans: usize,
  rowStart: i32,
  rowEnd: i32,
  out: usize,
  laneBytes: usize,
  lanes: i32,
): void {
  for (let lane = 0; lane < lanes; lane++) {
    for (let r = rowStart; r < rowEnd; r++) {
      const first = load<i32>(spans + (<usize>r << 3));
      const last = max(first, load<i32>(spans + (<usize>r << 3), 4));
      let p = image + (<usize>(r * columnsPadded + first) << 4) + (<usize>lane << 2);
      const row = out + <usize>lane * laneBytes + (<usize>(r * columns) << 2);
      const end = row + (<usize>last << 2);
      memory.fill(row, 0, <usize>first << 2);
      for (let q = row + (<usize>first << 2); q < end; q += 4, p += 16) store<f32>(q, load<f32>(p));
      memory.fill(end, 0, <usize>(columns - last) << 2);
    }
  }
}
