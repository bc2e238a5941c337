// Ramp filtering of detector rows (AssemblyScript, SIMD). Mirrors the filter of the float64 reference engine: weights,
// FFT, real and even response, inverse FFT, optionally on twice the samples. Four rows side by side in a vector, and
// two such groups as real and imaginary part of one complex transform. Forward transform decimates in frequency
// (natural → bit-reversed order), inverse in time (back), two radix-2 stages per pass; so nothing is reordered and the
// response comes bit-reversed. Plain pointers; the caller owns the memory layout.

// One complex value of four rows: real vector, imaginary vector.
const ELEMENT: usize = 32;

// `twiddles` [¾ length][2] f32: exp(−2πik/length).
function transformForward(data: usize, length: i32, twiddles: usize): void {
  let block = length;
  while (block >= 4) {
    const quarter = block >> 2;
    const step = <usize>(length / block) << 3;
    const q = <usize>quarter * ELEMENT;
    for (let start = 0; start < length; start += block) {
      let p = data + <usize>start * ELEMENT;
      let w = <usize>0;
      for (let j = 0; j < quarter; j++, p += ELEMENT, w += step) {
        const r0 = v128.load(p);
        const i0 = v128.load(p, 16);
        const r1 = v128.load(p + q);
        const i1 = v128.load(p + q, 16);
        const r2 = v128.load(p + 2 * q);
        const i2 = v128.load(p + 2 * q, 16);
        const r3 = v128.load(p + 3 * q);
        const i3 = v128.load(p + 3 * q, 16);
        const sr02 = f32x4.add(r0, r2);
        const si02 = f32x4.add(i0, i2);
        const dr02 = f32x4.sub(r0, r2);
        const di02 = f32x4.sub(i0, i2);
        const sr13 = f32x4.add(r1, r3);
        const si13 = f32x4.add(i1, i3);
        const dr13 = f32x4.sub(r1, r3);
        const di13 = f32x4.sub(i1, i3);
        v128.store(p, f32x4.add(sr02, sr13));
        v128.store(p, f32x4.add(si02, si13), 16);
        storeTurned(p + q, f32x4.sub(sr02, sr13), f32x4.sub(si02, si13), twiddles + 2 * w);
        storeTurned(p + 2 * q, f32x4.add(dr02, di13), f32x4.sub(di02, dr13), twiddles + w);
        storeTurned(p + 3 * q, f32x4.sub(dr02, di13), f32x4.add(di02, dr13), twiddles + 3 * w);
      }
    }
    block = quarter;
  }
  if (block == 2) transformPairs(data, length);
}

// Unscaled.
function transformInverse(data: usize, length: i32, twiddles: usize): void {
  let block = 4;
  let bits = 0;
  while (1 << bits < length) bits++;
  if (bits & 1) {
    transformPairs(data, length);
    block = 8;
  }
  for (; block <= length; block <<= 2) {
    const quarter = block >> 2;
    const step = <usize>(length / block) << 3;
    const q = <usize>quarter * ELEMENT;
    for (let start = 0; start < length; start += block) {
      let p = data + <usize>start * ELEMENT;
      let w = <usize>0;
      for (let j = 0; j < quarter; j++, p += ELEMENT, w += step) {
        const c0 = v128.load(p);
        const e0 = v128.load(p, 16);
        let wr = v128.load32_splat(twiddles + 2 * w);
        let wi = v128.load32_splat(twiddles + 2 * w, 4);
        let r = v128.load(p + q);
        let i = v128.load(p + q, 16);
        const r1 = f32x4.add(f32x4.mul(r, wr), f32x4.mul(i, wi));
        const i1 = f32x4.sub(f32x4.mul(i, wr), f32x4.mul(r, wi));
        wr = v128.load32_splat(twiddles + w);
        wi = v128.load32_splat(twiddles + w, 4);
        r = v128.load(p + 2 * q);
        i = v128.load(p + 2 * q, 16);
        const r2 = f32x4.add(f32x4.mul(r, wr), f32x4.mul(i, wi));
        const i2 = f32x4.sub(f32x4.mul(i, wr), f32x4.mul(r, wi));
        wr = v128.load32_splat(twiddles + 3 * w);
        wi = v128.load32_splat(twiddles + 3 * w, 4);
        r = v128.load(p + 3 * q);
        i = v128.load(p + 3 * q, 16);
        const r3 = f32x4.add(f32x4.mul(r, wr), f32x4.mul(i, wi));
        const i3 = f32x4.sub(f32x4.mul(i, wr), f32x4.mul(r, wi));
        const sr02 = f32x4.add(c0, r1);
        const si02 = f32x4.add(e0, i1);
        const sr13 = f32x4.sub(c0, r1);
        const si13 = f32x4.sub(e0, i1);
        const dr02 = f32x4.add(r2, r3);
        const di02 = f32x4.add(i2, i3);
        // i (t2 − t3)
        const dr13 = f32x4.sub(i3, i2);
        const di13 = f32x4.sub(r2, r3);
        v128.store(p, f32x4.add(sr02, dr02));
        v128.store(p, f32x4.add(si02, di02), 16);
        v128.store(p + q, f32x4.add(sr13, dr13));
        v128.store(p + q, f32x4.add(si13, di13), 16);
        v128.store(p + 2 * q, f32x4.sub(sr02, dr02));
        v128.store(p + 2 * q, f32x4.sub(si02, di02), 16);
        v128.store(p + 3 * q, f32x4.sub(sr13, dr13));
        v128.store(p + 3 * q, f32x4.sub(si13, di13), 16);
      }
    }
  }
}

@inline
function storeTurned(p: usize, r: v128, i: v128, twiddle: usize): void {
  const wr = v128.load32_splat(twiddle);
  const wi = v128.load32_splat(twiddle, 4);
  v128.store(p, f32x4.sub(f32x4.mul(r, wr), f32x4.mul(i, wi)));
  v128.store(p, f32x4.add(f32x4.mul(i, wr), f32x4.mul(r, wi)), 16);
}

function transformPairs(data: usize, length: i32): void {
  const end = data + <usize>length * ELEMENT;
  for (let p = data; p < end; p += 2 * ELEMENT) {
    const r0 = v128.load(p);
    const i0 = v128.load(p, 16);
    const r1 = v128.load(p, 32);
    const i1 = v128.load(p, 48);
    v128.store(p, f32x4.add(r0, r1));
    v128.store(p, f32x4.add(i0, i1), 16);
    v128.store(p, f32x4.sub(r0, r1), 32);
    v128.store(p, f32x4.sub(i0, i1), 48);
  }
}

// Weighs four rows and puts them side by side into the real (part 0) or imaginary (part 16) vectors of `data`.
// Reads up to three values past each row; the caller clears what that leaves behind.
function loadRows(
  data: usize,
  part: usize,
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  channels: i32,
  weights: usize,
  weightLane: usize,
  viewWeights: usize,
): void {
  let p = data + part;
  const end = <usize>channels << 2;
  for (let c = <usize>0; c < end; c += 16, p += 4 * ELEMENT) {
    const w = weights + c;
    let a = f32x4.mul(v128.load(row0 + c), v128.load(w));
    let b = f32x4.mul(v128.load(row1 + c), v128.load(w + weightLane));
    let d = f32x4.mul(v128.load(row2 + c), v128.load(w + 2 * weightLane));
    let e = f32x4.mul(v128.load(row3 + c), v128.load(w + 3 * weightLane));
    if (viewWeights != 0) {
      const view = v128.load(viewWeights + c);
      a = f32x4.mul(a, view);
      b = f32x4.mul(b, view);
      d = f32x4.mul(d, view);
      e = f32x4.mul(e, view);
    }
    const ab = i32x4.shuffle(a, b, 0, 4, 1, 5);
    const de = i32x4.shuffle(d, e, 0, 4, 1, 5);
    const ab2 = i32x4.shuffle(a, b, 2, 6, 3, 7);
    const de2 = i32x4.shuffle(d, e, 2, 6, 3, 7);
    v128.store(p, i32x4.shuffle(ab, de, 0, 1, 4, 5));
    v128.store(p + ELEMENT, i32x4.shuffle(ab, de, 2, 3, 6, 7));
    v128.store(p + 2 * ELEMENT, i32x4.shuffle(ab2, de2, 0, 1, 4, 5));
    v128.store(p + 3 * ELEMENT, i32x4.shuffle(ab2, de2, 2, 3, 6, 7));
  }
}

// Forward, response (scaled by 1/length), inverse; on twice the samples when `oversampling` is 2.
function convolve(
  data: usize,
  length: i32,
  oversampling: i32,
  response: usize,
  twiddles: usize,
  fineTwiddles: usize,
): void {
  transformForward(data, length, twiddles);
  if (oversampling == 1) {
    let p = data;
    for (let j = <usize>0; j < <usize>length; j++, p += ELEMENT) {
      const gain = v128.load32_splat(response + (j << 2));
      v128.store(p, f32x4.mul(v128.load(p), gain));
      v128.store(p, f32x4.mul(v128.load(p, 16), gain), 16);
    }
    transformInverse(data, length, twiddles);
    return;
  }
  // Bit-reversed place j holds a frequency below half the sampling rate if j is even, else a negative one; on the fine
  // grid these lie at 2j and 2j + 1. Half the rate itself (place 1) goes to both.
  const zero = f32x4.splat(0);
  for (let j = <isize>length - 1; j >= 0; j--) {
    const p = data + <usize>j * ELEMENT;
    const t = data + <usize>(2 * j) * ELEMENT;
    const gain = v128.load32_splat(response + ((<usize>j) << 2));
    let real = f32x4.mul(v128.load(p), gain);
    let imaginary = f32x4.mul(v128.load(p, 16), gain);
    const isNegative = (j & 1) != 0;
    if (j == 1) {
      real = f32x4.mul(real, f32x4.splat(0.5));
      imaginary = f32x4.mul(imaginary, f32x4.splat(0.5));
    }
    v128.store(t, isNegative && j != 1 ? zero : real);
    v128.store(t, isNegative && j != 1 ? zero : imaginary, 16);
    v128.store(t, isNegative ? real : zero, 32);
    v128.store(t, isNegative ? imaginary : zero, 48);
  }
  transformInverse(data, 2 * length, fineTwiddles);
}

/**
 * Filters views [viewStart, viewEnd) of up to four slices of a planar scan.
 *
 * @param source first of the slices, [slice][view][channels] f32, `laneBytes` apart
 * @param lanes slices, 1..4; missing ones repeat the last
 * @param lead zeros before the first channel
 * @param samples filtered samples per row that are kept
 * @param weights [channels] f32
 * @param viewWeights [view][channels] f32, or 0
 * @param response [length] f32, bit-reversed order, divided by length
 * @param twiddles, fineTwiddles for `length` and twice that
 * @param work per thread `workBytes`: oversampling × length × 32
 * @param out [view][stride][4] f32; `padding` zeros, the samples, zeros
 */
export function filterPlanar(
  thread: i32,
  source: usize,
  laneBytes: usize,
  lanes: i32,
  viewStart: i32,
  viewEnd: i32,
  channels: i32,
  lead: i32,
  samples: i32,
  weights: usize,
  viewWeights: usize,
  length: i32,
  oversampling: i32,
  response: usize,
  twiddles: usize,
  fineTwiddles: usize,
  work: usize,
  workBytes: usize,
  out: usize,
  stride: i32,
  padding: i32,
): void {
  const data = work + <usize>thread * workBytes;
  const rowBytes = <usize>channels << 2;
  const lane1 = <usize>min(1, lanes - 1) * laneBytes;
  const lane2 = <usize>min(2, lanes - 1) * laneBytes;
  const lane3 = <usize>min(3, lanes - 1) * laneBytes;
  const rowData = data + <usize>lead * ELEMENT;
  for (let view = viewStart; view < viewEnd; view += 2) {
    const second = min(view + 1, viewEnd - 1);
    for (let part = 0; part < 2; part++) {
      const v = <usize>(part == 0 ? view : second);
      const row = source + v * rowBytes;
      const viewRow = viewWeights == 0 ? <usize>0 : viewWeights + v * rowBytes;
      loadRows(rowData, part << 4, row, row + lane1, row + lane2, row + lane3, channels, weights, 0, viewRow);
    }
    memory.fill(data, 0, <usize>lead * ELEMENT);
    memory.fill(rowData + <usize>channels * ELEMENT, 0, <usize>(length - lead - channels) * ELEMENT);
    convolve(data, length, oversampling, response, twiddles, fineTwiddles);
    const outA = out + (<usize>(view * stride) << 4);
    const outB = out + (<usize>(second * stride) << 4);
    const front = <usize>padding << 4;
    const back = <usize>(padding + samples) << 4;
    const backBytes = (<usize>stride << 4) - back;
    memory.fill(outB, 0, front);
    memory.fill(outB + back, 0, backBytes);
    for (let s = <usize>0; s < <usize>samples; s++) {
      v128.store(outB + front + (s << 4), v128.load(data + s * ELEMENT, 16));
    }
    memory.fill(outA, 0, front);
    memory.fill(outA + back, 0, backBytes);
    for (let s = <usize>0; s < <usize>samples; s++) {
      v128.store(outA + front + (s << 4), v128.load(data + s * ELEMENT));
    }
  }
}

@inline
function maskLanes(valid: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(valid));
}

/**
 * Filters one view of a cone-beam scan.
 *
 * @param source [rows][channels] f32
 * @param weights [rows][channels] f32
 * @param viewWeights [channels] f32, or 0
 * @param out [stride][rowStride] f32: `padding` zero samples at the start of the channels, rows from `rowPadding` on;
 *   everything else zero
 */
export function filterCone(
  thread: i32,
  source: usize,
  rows: i32,
  channels: i32,
  lead: i32,
  samples: i32,
  weights: usize,
  viewWeights: usize,
  length: i32,
  oversampling: i32,
  response: usize,
  twiddles: usize,
  fineTwiddles: usize,
  work: usize,
  workBytes: usize,
  out: usize,
  stride: i32,
  padding: i32,
  rowStride: i32,
  rowPadding: i32,
): void {
  const data = work + <usize>thread * workBytes;
  const rowBytes = <usize>channels << 2;
  const rowData = data + <usize>lead * ELEMENT;
  const sampleBytes = <usize>rowStride << 2;
  memory.fill(out, 0, <usize>stride * sampleBytes);
  for (let row = 0; row < rows; row += 8) {
    for (let part = 0; part < 2; part++) {
      // Rows past the last repeat it with any weight and are masked below.
      const first = min(row + 4 * part, rows - 1);
      const start = source + <usize>first * rowBytes;
      const r1 = <usize>(min(first + 1, rows - 1) - first) * rowBytes;
      const r2 = <usize>(min(first + 2, rows - 1) - first) * rowBytes;
      const r3 = <usize>(min(first + 3, rows - 1) - first) * rowBytes;
      const weightRow = weights + <usize>first * rowBytes;
      loadRows(rowData, part << 4, start, start + r1, start + r2, start + r3, channels, weightRow, rowBytes, viewWeights);
    }
    memory.fill(data, 0, <usize>lead * ELEMENT);
    memory.fill(rowData + <usize>channels * ELEMENT, 0, <usize>(length - lead - channels) * ELEMENT);
    convolve(data, length, oversampling, response, twiddles, fineTwiddles);
    const maskA = maskLanes(rows - row);
    const maskB = maskLanes(rows - row - 4);
    let target = out + <usize>padding * sampleBytes + (<usize>(rowPadding + row) << 2);
    for (let s = <usize>0; s < <usize>samples; s++, target += sampleBytes) {
      v128.store(target, v128.and(maskA, v128.load(data + s * ELEMENT)));
      if (row + 4 < rows) v128.store(target, v128.and(maskB, v128.load(data + s * ELEMENT, 16)), 16);
    }
  }
}
