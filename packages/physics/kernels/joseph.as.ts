// Joseph forward projection of four interleaved slices (AssemblyScript, SIMD). Mirrors `walkRay` and
// `createJosephProjector` in ../src/joseph.ts: the same samples in float32; the gather of one grid line serves
// four slices. Plain pointers; the caller owns the memory layout.

/**
 * Projects rays [rayStart, rayEnd).
 *
 * @param image [rows][columns][4] f32 with one zero pixel of padding on all four sides
 * @param columns columns without padding
 * @param rays [rays][4] f32 per ray: along-columns flag (1 or 0), start, increment, length (grid units, mm)
 * @param out [rays][4] f32
 */
export function project(
  image: usize,
  rows: i32,
  columns: i32,
  rays: usize,
  rayStart: i32,
  rayEnd: i32,
  out: usize,
): void {
  const stride = columns + 2;
  for (let ray = rayStart; ray < rayEnd; ray++) {
    const p = rays + (<usize>ray << 4);
    const alongColumns = load<f32>(p) != 0;
    const start = load<f32>(p, 4);
    const increment = load<f32>(p, 8);
    const steps = alongColumns ? columns : rows;
    const cross = <f32>(alongColumns ? rows : columns);
    const stepBytes = <usize>(alongColumns ? 16 : stride << 4);
    const crossBytes = <usize>(alongColumns ? stride << 4 : 16);
    // Steps whose position lies inside (−1, cross).
    let first = 0;
    let last = steps - 1;
    if (increment > 0) {
      first = max(first, <i32>Math.ceil((-1.0 - start) / increment));
      last = min(last, <i32>Math.floor((cross - start) / increment));
    } else if (increment < 0) {
      first = max(first, <i32>Math.ceil((cross - start) / increment));
      last = min(last, <i32>Math.floor((-1.0 - start) / increment));
    } else if (!(start > -1 && start < cross)) {
      last = -1;
    }
    let sum = f32x4.splat(0);
    for (let i = first; i <= last; i++) {
      // Shifted by one for the padding; clamped against rounding at the ends.
      const position = max<f32>(0, min<f32>(start + <f32>i * increment + 1, cross + <f32>0.99999));
      const low = <i32>position;
      const fraction = f32x4.splat(position - <f32>low);
      const q = image + <usize>(i + 1) * stepBytes + <usize>low * crossBytes;
      const a = v128.load(q);
      const b = v128.load(q + crossBytes);
      sum = f32x4.add(sum, f32x4.add(a, f32x4.mul(fraction, f32x4.sub(b, a))));
    }
    v128.store(out + (<usize>ray << 4), f32x4.mul(sum, f32x4.splat(load<f32>(p, 12))));
  }
}
