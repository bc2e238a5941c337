/**
 * Back-projection of filtered samples in WGSL: a thread per voxel sums over the views of a part, with linear (planar) or
 * bilinear (cones) interpolation by hand. Mirrors planar-backprojection.ts and cone-backprojection.ts in float32; the
 * equations stand in plan.ts.
 */
import { arctanSource } from "./projector-shader.ts";

/** `part`: views of this part, first slice of this slab. A thread per (column, row, slice), adds to the slab. */
export const fbpSource: string = /* wgsl */ `
override columns: i32;
override rows: i32;
override samples: i32;
// Rows of samples: [0, lines), the first of them being row firstLine of the detector.
override lines: i32;
override firstLine: f32;
override firstColumn: f32;
override firstRow: f32;
override firstSlice: f32;
override columnSpacing: f32;
override rowSpacing: f32;
override sliceSpacing: f32;
// 0 parallel, 1 arc, 2 flat.
override kind: i32;
override isCone: bool;
override centre: f32;
override samplePitch: f32;
override sourceToIso: f32;
override rowCentre: f32;
// Times height and the root of the weight: detector rows.
override heightGain: f32;

@group(0) @binding(0) var<uniform> part: vec4<i32>;
@group(0) @binding(1) var<storage, read> turns: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> filtered: array<f32>;
@group(0) @binding(3) var<storage, read_write> volume: array<f32>;
${arctanSource}
fn interpolate(line: i32, low: i32, fraction: f32) -> f32 {
  var a = 0.0;
  var b = 0.0;
  if (low >= 0) {
    a = filtered[line * samples + low];
  }
  if (low + 1 < samples) {
    b = filtered[line * samples + low + 1];
  }
  return a + fraction * (b - a);
}

@compute @workgroup_size(8, 8)
fn backproject(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = i32(id.x);
  let row = i32(id.y);
  let slice = i32(id.z);
  if (column >= columns || row >= rows) {
    return;
  }
  let x = firstColumn + f32(column) * columnSpacing;
  let y = firstRow + f32(row) * rowSpacing;
  let z = firstSlice + f32(part.y + slice) * sliceSpacing;
  var sum = 0.0;
  for (var view = 0; view < part.x; view++) {
    let turn = turns[view];
    let along = x * turn.x + y * turn.y;
    var place = along;
    var root = 1.0;
    if (kind != 0) {
      let distance = sourceToIso - along;
      let across = y * turn.x - x * turn.y;
      if (kind == 1) {
        place = arctan(across / distance);
        root = 1.0 / sqrt(distance * distance + across * across);
      } else {
        root = sourceToIso / distance;
        place = across * root;
      }
    }
    let position = place / samplePitch + centre;
    let floored = floor(position);
    if (floored < -1.0 || floored >= f32(samples)) {
      continue;
    }
    let low = i32(floored);
    let fraction = position - floored;
    if (!isCone) {
      // Planar: [slice][view][sample].
      sum += root * root * interpolate(slice * part.x + view, low, fraction);
      continue;
    }
    let positionZ = z * heightGain * root + (rowCentre - firstLine);
    let flooredZ = floor(positionZ);
    if (flooredZ < -1.0 || flooredZ >= f32(lines)) {
      continue;
    }
    let line = i32(flooredZ);
    var below = 0.0;
    var above = 0.0;
    if (line >= 0) {
      below = interpolate(view * lines + line, low, fraction);
    }
    if (line + 1 < lines) {
      above = interpolate(view * lines + line + 1, low, fraction);
    }
    sum += root * root * (below + (positionZ - flooredZ) * (above - below));
  }
  volume[(slice * rows + row) * columns + column] += sum;
}
`;
