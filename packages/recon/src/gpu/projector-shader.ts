/**
 * The Joseph projector and its adjoint in WGSL, gather-type both ways (there are no atomic float additions): a thread
 * sums along its ray, or over all rays that meet its voxel (tomography.md §2.1). Both take the same weights from the
 * same table (ray-tables.ts). Mirrors joseph.ts of physics in float32.
 */

/**
 * arctan in single precision: WGSL's own may err by 4096 units in the last place. Odd polynomial fitted by Chebyshev
 * interpolation on |t| ≤ tan(π/8), error 7e-9, after folding t to there.
 */
export const arctanSource = /* wgsl */ `
fn arctan(value: f32) -> f32 {
  let t = abs(value);
  var base = 0.0;
  var u = t;
  if (t > 2.414213562) {
    base = 1.570796327;
    u = -1.0 / t;
  } else if (t > 0.4142135624) {
    base = 0.7853981634;
    u = (t - 1.0) / (t + 1.0);
  }
  let z = u * u;
  let p = 0.99999998 + z * (-0.33332797 + z * (0.19974405 + z * (-0.13851478 + z * 0.07984963)));
  return sign(value) * (base + u * p);
}
`;

const common = /* wgsl */ `
override columns: i32;
override rows: i32;
override channels: i32;
override firstColumn: f32;
override firstRow: f32;
override columnSpacing: f32;
override rowSpacing: f32;
// 0 parallel, 1 arc, 2 flat.
override kind: i32;
override middle: f32;
// Arc: rad; parallel: mm; flat: pitch / source-to-detector.
override pitch: f32;
override sourceToIso: f32;

struct Ray {
  whole: f32,
  rest: f32,
  coarse: f32,
  fine: f32,
  // Negative where steps are rows.
  length: f32,
  climb: f32,
  climbIncrement: f32,
  inverseReach: f32,
}

@group(0) @binding(0) var<uniform> part: vec4<i32>;
${arctanSource}
fn channelAt(x: f32, y: f32, turn: vec2<f32>) -> f32 {
  let along = x * turn.x + y * turn.y;
  if (kind == 0) {
    return middle + along / pitch;
  }
  let t = (y * turn.x - x * turn.y) / (sourceToIso - along);
  return middle + select(t, arctan(t), kind == 1) / pitch;
}

// Place of a ray across its dominant axis: whole pixels and the rest in [0, 1).
fn locate(ray: Ray, step: i32, steps: i32) -> vec2<f32> {
  let run = f32(step - steps / 2);
  let far = run * ray.coarse;
  let whole = floor(far);
  let rest = (far - whole) + (ray.rest + run * ray.fine);
  let carry = floor(rest);
  return vec2<f32>(ray.whole + whole + carry, rest - carry);
}

// Channels whose rays may pass within one pixel of (x, y) on a grid line.
fn channelsNear(x: f32, y: f32, turn: vec2<f32>) -> vec2<i32> {
  let a = channelAt(x - columnSpacing, y, turn);
  let b = channelAt(x + columnSpacing, y, turn);
  let c = channelAt(x, y - rowSpacing, turn);
  let d = channelAt(x, y + rowSpacing, turn);
  let low = min(min(a, b), min(c, d)) - 0.05;
  let high = max(max(a, b), max(c, d)) + 0.05;
  return vec2<i32>(
    i32(ceil(clamp(low, 0.0, f32(channels)))),
    i32(floor(clamp(high, -1.0, f32(channels - 1)))),
  );
}
`;

/** Slices that one thread does at once, where it does several. */
export const SLICES_PER_THREAD = 4;

/**
 * Planar scans. `part`: views of this part, slices. Forward: a thread per (channel, view, four slices); adjoint: per
 * (column, row, four slices), adds to the image.
 */
export const planarSource: string = /* wgsl */ `
${common}
@group(0) @binding(1) var<storage, read> rays: array<Ray>;
@group(0) @binding(2) var<storage, read> input: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(4) var<storage, read> turns: array<vec2<f32>>;

fn load(offsets: vec4<i32>, index: i32) -> vec4<f32> {
  return vec4<f32>(
    input[offsets.x + index],
    input[offsets.y + index],
    input[offsets.z + index],
    input[offsets.w + index],
  );
}

// Four slices; beyond the last the last once more, which is not written.
fn slicesFrom(first: i32) -> vec4<i32> {
  return min(vec4<i32>(first) + vec4<i32>(0, 1, 2, 3), vec4<i32>(part.y - 1));
}

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id: vec3<u32>) {
  let channel = i32(id.x);
  let view = i32(id.y);
  let first = i32(id.z) * 4;
  if (channel >= channels) {
    return;
  }
  let ray = rays[view * channels + channel];
  let isAlongX = ray.length > 0.0;
  let steps = select(rows, columns, isAlongX);
  let cross = select(columns, rows, isAlongX);
  let stepStride = select(columns, 1, isAlongX);
  let crossStride = select(1, columns, isAlongX);
  let slices = slicesFrom(first);
  let offsets = slices * (rows * columns);
  var sum = vec4<f32>(0.0);
  for (var i = 0; i < steps; i++) {
    let place = locate(ray, i, steps);
    if (place.x < -1.0 || place.x >= f32(cross)) {
      continue;
    }
    let low = i32(place.x);
    let index = i * stepStride + low * crossStride;
    if (low >= 0) {
      sum += (1.0 - place.y) * load(offsets, index);
    }
    if (low + 1 < cross) {
      sum += place.y * load(offsets, index + crossStride);
    }
  }
  sum *= abs(ray.length);
  for (var s = 0; s < min(4, part.y - first); s++) {
    output[((first + s) * part.x + view) * channels + channel] = sum[s];
  }
}

@compute @workgroup_size(8, 8)
fn adjoint(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = i32(id.x);
  let row = i32(id.y);
  let first = i32(id.z) * 4;
  if (column >= columns || row >= rows) {
    return;
  }
  let x = firstColumn + f32(column) * columnSpacing;
  let y = firstRow + f32(row) * rowSpacing;
  let offsets = slicesFrom(first) * (part.x * channels);
  var sum = vec4<f32>(0.0);
  for (var view = 0; view < part.x; view++) {
    let near = channelsNear(x, y, turns[view]);
    for (var channel = near.x; channel <= near.y; channel++) {
      let ray = rays[view * channels + channel];
      let isAlongX = ray.length > 0.0;
      let place = locate(ray, select(row, column, isAlongX), select(rows, columns, isAlongX));
      let weight = 1.0 - abs(place.x - f32(select(column, row, isAlongX)) + place.y);
      if (weight > 0.0) {
        sum += weight * abs(ray.length) * load(offsets, view * channels + channel);
      }
    }
  }
  for (var s = 0; s < min(4, part.y - first); s++) {
    output[((first + s) * rows + row) * columns + column] += sum[s];
  }
}
`;

/**
 * Cone beams. `part`: views of this part, slices of this slab, first slice of the slab. Forward: a thread per (channel,
 * detector row, view), the share of the slab; adjoint: per (column, row, four slices), adds to the slab.
 */
export const coneSource: string = /* wgsl */ `
${common}
override detectorRows: i32;
override middleRow: f32;
override rowPitch: f32;
// Height of slice 0 in slices.
override firstSlice: f32;

@group(0) @binding(1) var<storage, read> rays: array<Ray>;
@group(0) @binding(2) var<storage, read> input: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(4) var<storage, read> turns: array<vec2<f32>>;

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id: vec3<u32>) {
  let channel = i32(id.x);
  let detectorRow = i32(id.y);
  let view = i32(id.z);
  if (channel >= channels) {
    return;
  }
  let ray = rays[view * channels + channel];
  let height = (f32(detectorRow) - middleRow) * rowPitch;
  let slices = part.y;
  let bottom = firstSlice + f32(part.z);
  let isAlongX = ray.length > 0.0;
  let steps = select(rows, columns, isAlongX);
  let cross = select(columns, rows, isAlongX);
  let stepStride = select(columns, 1, isAlongX);
  let crossStride = select(1, columns, isAlongX);
  let plane = rows * columns;
  var sum = 0.0;
  for (var i = 0; i < steps; i++) {
    let place = locate(ray, i, steps);
    let floored = place.x;
    let positionZ = height * (ray.climb + f32(i) * ray.climbIncrement) - bottom;
    let flooredZ = floor(positionZ);
    if (floored < -1.0 || floored >= f32(cross) || flooredZ < -1.0 || flooredZ >= f32(slices)) {
      continue;
    }
    let low = i32(floored);
    let lowZ = i32(flooredZ);
    let fraction = place.y;
    let fractionZ = positionZ - flooredZ;
    let index = i * stepStride + low * crossStride + lowZ * plane;
    var below = 0.0;
    var above = 0.0;
    if (low >= 0) {
      if (lowZ >= 0) {
        below += (1.0 - fraction) * input[index];
      }
      if (lowZ + 1 < slices) {
        above += (1.0 - fraction) * input[index + plane];
      }
    }
    if (low + 1 < cross) {
      if (lowZ >= 0) {
        below += fraction * input[index + crossStride];
      }
      if (lowZ + 1 < slices) {
        above += fraction * input[index + crossStride + plane];
      }
    }
    sum += (1.0 - fractionZ) * below + fractionZ * above;
  }
  let tilt = height * ray.inverseReach;
  output[(view * detectorRows + detectorRow) * channels + channel] =
    sum * abs(ray.length) * sqrt(1.0 + tilt * tilt);
}

@compute @workgroup_size(8, 8)
fn adjoint(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = i32(id.x);
  let row = i32(id.y);
  let firstOfFour = i32(id.z) * 4;
  if (column >= columns || row >= rows) {
    return;
  }
  let x = firstColumn + f32(column) * columnSpacing;
  let y = firstRow + f32(row) * rowSpacing;
  // Height of the first of the four in slices.
  let bottom = firstSlice + f32(part.z) + f32(firstOfFour);
  let targets = vec4<f32>(0.0, 1.0, 2.0, 3.0);
  var sum = vec4<f32>(0.0);
  for (var view = 0; view < part.x; view++) {
    let near = channelsNear(x, y, turns[view]);
    for (var channel = near.x; channel <= near.y; channel++) {
      let ray = rays[view * channels + channel];
      let isAlongX = ray.length > 0.0;
      let step = select(row, column, isAlongX);
      let place = locate(ray, step, select(rows, columns, isAlongX));
      let weight = 1.0 - abs(place.x - f32(select(column, row, isAlongX)) + place.y);
      if (weight <= 0.0) {
        continue;
      }
      let climb = ray.climb + f32(step) * ray.climbIncrement;
      let rowsPerSlice = 1.0 / (climb * rowPitch);
      let lowest = (bottom - 1.0) * rowsPerSlice + middleRow - 0.05;
      let highest = (bottom + 4.0) * rowsPerSlice + middleRow + 0.05;
      let first = i32(ceil(clamp(lowest, 0.0, f32(detectorRows))));
      let last = i32(floor(clamp(highest, -1.0, f32(detectorRows - 1))));
      var line = vec4<f32>(0.0);
      for (var detectorRow = first; detectorRow <= last; detectorRow++) {
        let height = (f32(detectorRow) - middleRow) * rowPitch;
        let tilt = height * ray.inverseReach;
        let value = sqrt(1.0 + tilt * tilt)
          * input[(view * detectorRows + detectorRow) * channels + channel];
        let weights = vec4<f32>(1.0) - abs(vec4<f32>(height * climb - bottom) - targets);
        line += max(weights, vec4<f32>(0.0)) * value;
      }
      sum += weight * abs(ray.length) * line;
    }
  }
  for (var s = 0; s < min(4, part.y - firstOfFour); s++) {
    output[((firstOfFour + s) * rows + row) * columns + column] += sum[s];
  }
}
`;
