// Where a ray meets an image, for Joseph's projector and its adjoint (AssemblyScript, SIMD). Mirrors the planar part of
// ../src/projectors/joseph.ts in float64. A ray runs along the axis it is closer to, one sample per row or column.
// Images have one line of zeros on all four sides. Compiled into the kernels that import it.

// The ray that `aim` found: runs along columns or rows, place = start + step · increment across, mm per step.
export let alongColumns: bool = false;
export let start: f64 = 0;
export let increment: f64 = 0;
export let length: f64 = 0;
// The first step that `listPlaces` listed.
export let firstStep: i32 = 0;

// `grid` [4] f64: first column, column spacing, first row, row spacing, mm.
// `channel` f64s: part of the direction along the central ray, part across, origin along it, mm.
@inline
export function aim(cosine: f64, sine: f64, channel: usize, grid: usize): void {
  const depth = load<f64>(channel);
  const lateral = load<f64>(channel, 8);
  const origin = load<f64>(channel, 16);
  const directionX = -depth * cosine - lateral * sine;
  const directionY = lateral * cosine - depth * sine;
  const originX = origin * cosine;
  const originY = origin * sine;
  // Ties go to x within 1e-9, as `isDominant` of projection-operator.ts: rounding must not choose the axis at 45°.
  alongColumns = Math.abs(directionX) * (1.0 + 1e-9) >= Math.abs(directionY);
  const stepAxis = grid + (alongColumns ? 0 : 16);
  const crossAxis = grid + (alongColumns ? 16 : 0);
  const stepDirection = alongColumns ? directionX : directionY;
  const slope = (alongColumns ? directionY : directionX) / stepDirection;
  const stepOrigin = alongColumns ? originX : originY;
  const crossOrigin = alongColumns ? originY : originX;
  const perCross = 1.0 / load<f64>(crossAxis, 8);
  const stepSpacing = load<f64>(stepAxis, 8);
  start = (crossOrigin + slope * (load<f64>(stepAxis) - stepOrigin) - load<f64>(crossAxis)) * perCross;
  increment = slope * stepSpacing * perCross;
  length = stepSpacing / Math.abs(stepDirection);
}

const ROUND: f64 = 6755399441055744; // 1.5 · 2^52: adding it leaves the integer in the low bits

// Lists steps [begin, end) that meet the image: byte offsets of the nearer neighbour at `places`, fraction of the
// farther one at `fractions`. Returns how many; both lists have room for three more.
export function listPlaces(
  begin: i32,
  end: i32,
  cross: i32,
  stepBytes: i32,
  crossBytes: i32,
  places: usize,
  fractions: usize,
): i32 {
  const limit = <f64>cross;
  let first = begin;
  let last = end - 1;
  if (increment != 0) {
    const a = (-1.0 - start) / increment;
    const b = (limit - start) / increment;
    first = <i32>max(<f64>begin, min(<f64>end, Math.ceil(min(a, b))));
    last = <i32>max(<f64>begin - 1, min(<f64>end - 1, Math.floor(max(a, b))));
  }
  while (first <= last) {
    const place = start + <f64>first * increment;
    if (place >= -1 && place < limit) break;
    first++;
  }
  while (last >= first) {
    const place = start + <f64>last * increment;
    if (place >= -1 && place < limit) break;
    last--;
  }
  const count = last - first + 1;
  if (count <= 0) return 0;
  firstStep = first;
  const slope = f64x2.splat(increment);
  const origin = f64x2.splat(start);
  const round = f64x2.splat(ROUND);
  const across = i32x4.splat(crossBytes);
  // One pixel of padding in both directions.
  let offset = i32x4.add(
    i32x4.splat((first + 1) * stepBytes + crossBytes),
    i32x4.mul(i32x4(0, 1, 2, 3), i32x4.splat(stepBytes)),
  );
  const advance = i32x4.splat(4 * stepBytes);
  let step = f64x2.add(f64x2.splat(<f64>first), f64x2(0, 1));
  const two = f64x2.splat(2);
  for (let i = <usize>0; i < <usize>count << 2; i += 16) {
    const placeA = f64x2.add(origin, f64x2.mul(step, slope));
    step = f64x2.add(step, two);
    const placeB = f64x2.add(origin, f64x2.mul(step, slope));
    step = f64x2.add(step, two);
    const lowA = f64x2.floor(placeA);
    const lowB = f64x2.floor(placeB);
    const low = i32x4.shuffle(f64x2.add(lowA, round), f64x2.add(lowB, round), 0, 2, 4, 6);
    const fraction = i32x4.shuffle(
      f32x4.demote_f64x2_zero(f64x2.sub(placeA, lowA)),
      f32x4.demote_f64x2_zero(f64x2.sub(placeB, lowB)),
      0, 1, 4, 5,
    );
    v128.store(places + i, i32x4.add(offset, i32x4.mul(low, across)));
    v128.store(fractions + i, fraction);
    offset = i32x4.add(offset, advance);
  }
  return count;
}
