// Fan-arc back-projection of four interleaved slices (AssemblyScript, SIMD). Mirrors
// `backprojectFanArcReference` in ../src/fan-backprojection.ts: the same loop in float32, addresses for four
// neighbouring pixels at once, samples of four slices at once. Plain pointers; the caller owns the memory layout.

// atan(t)/t as a polynomial in t² on |t| ≤ 0.66, Chebyshev fit, absolute error of atan 4e-9.
const A0: f32 = 0.9999999930688217;
const A1: f32 = -0.33333173208000816;
const A2: f32 = 0.19993902787559;
const A3: f32 = -0.1419729356077997;
const A4: f32 = 0.10483505809467526;
const A5: f32 = -0.0667523404740837;
const A6: f32 = 0.024437019897143034;

// Adds one sample pair of four slices to one pixel.
@inline
function accumulate(row: usize, index: i32, fraction: v128, weight: v128, pixel: usize): void {
  const p = row + ((<usize>index) << 4);
  const low = v128.load(p);
  const high = v128.load(p, 16);
  const value = f32x4.add(low, f32x4.mul(fraction, f32x4.sub(high, low)));
  v128.store(pixel, f32x4.add(v128.load(pixel), f32x4.mul(weight, value)));
}

/**
 * Adds all views to rows [rowStart, rowEnd).
 *
 * @param sinogram [views][stride][4] f32, zero-padded at both ends of each row
 * @param stride samples per view including padding
 * @param angles [views][2] f32: cos β, sin β
 * @param image [rows][columnsPadded][4] f32, columnsPadded a multiple of four
 * @param spans [rows][2] i32: first and one-past-last column to compute
 */
export function backproject(
  sinogram: usize,
  stride: i32,
  views: i32,
  angles: usize,
  image: usize,
  columnsPadded: i32,
  spans: usize,
  rowStart: i32,
  rowEnd: i32,
  firstRow: f32,
  rowSpacing: f32,
  firstColumn: f32,
  columnSpacing: f32,
  sourceToIso: f32,
  samplesPerRadian: f32,
  centre: f32,
): void {
  const lane = f32x4(0, 1, 2, 3);
  const lowest = f32x4.splat(0);
  const highest = f32x4.splat(<f32>(stride - 2));
  const tMax = f32x4.splat(0.66);
  const tMin = f32x4.splat(-0.66);
  const scale = f32x4.splat(samplesPerRadian);
  const middle = f32x4.splat(centre);
  const one = f32x4.splat(1);
  const bias = f32x4.splat(8388608);
  for (let view = 0; view < views; view++) {
    const cosine = load<f32>(angles + (<usize>view << 3));
    const sine = load<f32>(angles + (<usize>view << 3), 4);
    const row = sinogram + (<usize>(view * stride) << 4);
    const stepA = f32x4.splat(columnSpacing * cosine);
    const stepF = f32x4.splat(-columnSpacing * sine);
    for (let r = rowStart; r < rowEnd; r++) {
      const y = firstRow + <f32>r * rowSpacing;
      const start = load<i32>(spans + (<usize>r << 3)) & ~3;
      const end = load<i32>(spans + (<usize>r << 3), 4);
      const baseDistance = f32x4.splat(sourceToIso - firstColumn * cosine - y * sine);
      const baseF = f32x4.splat(-firstColumn * sine + y * cosine);
      let pixel = image + (<usize>(r * columnsPadded + start) << 4);
      for (let c = start; c < end; c += 4) {
        const column = f32x4.add(f32x4.splat(<f32>c), lane);
        const distance = f32x4.sub(baseDistance, f32x4.mul(column, stepA));
        const f = f32x4.add(baseF, f32x4.mul(column, stepF));
        const t = f32x4.pmax(tMin, f32x4.pmin(tMax, f32x4.div(f, distance)));
        const u = f32x4.mul(t, t);
        let q = f32x4.add(f32x4.splat(A5), f32x4.mul(u, f32x4.splat(A6)));
        q = f32x4.add(f32x4.splat(A4), f32x4.mul(u, q));
        q = f32x4.add(f32x4.splat(A3), f32x4.mul(u, q));
        q = f32x4.add(f32x4.splat(A2), f32x4.mul(u, q));
        q = f32x4.add(f32x4.splat(A1), f32x4.mul(u, q));
        q = f32x4.add(f32x4.splat(A0), f32x4.mul(u, q));
        const gamma = f32x4.mul(t, q);
        const position = f32x4.pmax(lowest, f32x4.pmin(highest, f32x4.add(f32x4.mul(gamma, scale), middle)));
        const whole = f32x4.floor(position);
        // Adding 2^23 puts the integer into the low mantissa bits: cheaper than a saturating conversion.
        const index = i32x4.sub(f32x4.add(whole, bias), i32x4.splat(0x4b000000));
        const fraction = f32x4.sub(position, whole);
        const weight = f32x4.div(one, f32x4.add(f32x4.mul(distance, distance), f32x4.mul(f, f)));
        accumulate(
          row,
          i32x4.extract_lane(index, 0),
          i32x4.shuffle(fraction, fraction, 0, 0, 0, 0),
          i32x4.shuffle(weight, weight, 0, 0, 0, 0),
          pixel,
        );
        accumulate(
          row,
          i32x4.extract_lane(index, 1),
          i32x4.shuffle(fraction, fraction, 1, 1, 1, 1),
          i32x4.shuffle(weight, weight, 1, 1, 1, 1),
          pixel + 16,
        );
        accumulate(
          row,
          i32x4.extract_lane(index, 2),
          i32x4.shuffle(fraction, fraction, 2, 2, 2, 2),
          i32x4.shuffle(weight, weight, 2, 2, 2, 2),
          pixel + 32,
        );
        accumulate(
          row,
          i32x4.extract_lane(index, 3),
          i32x4.shuffle(fraction, fraction, 3, 3, 3, 3),
          i32x4.shuffle(weight, weight, 3, 3, 3, 3),
          pixel + 48,
        );
        pixel += 64;
      }
    }
  }
}
