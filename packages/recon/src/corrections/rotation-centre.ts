/**
 * Finds where the axis meets the detector (`channelOffset`) from the measurement itself. Full turns: every ray is
 * measured twice, p(β, γ) = p(β + π − 2γ, −γ) (parallel: p(θ, s) = p(θ + π, −s)), and the offset is the one for which
 * both agree best. Parallel scans of less: the centroid of a view moves as x cosθ + y sinθ around the axis
 * (Helgason–Ludwig, first order; Azevedo et al. 1990, IEEE Trans. Nucl. Sci. 37:1525).
 */
import type { FanArcGeometry, FanFlatGeometry, ParallelGeometry, Sinogram } from "@alara/core";
import { createDetectorLine, getFanAngleRad } from "../analytic/detector-line.ts";
import { unwrapAngles } from "../analytic/view-sampling.ts";
import { ReconError } from "../errors.ts";

/** Scans whose axis can be looked for. */
export type CentredGeometry = ParallelGeometry | FanArcGeometry | FanFlatGeometry;

/** Options of {@link findChannelOffset}. */
export interface RotationCentreOptions {
  /** Slice that is looked at; default the middle one. */
  readonly slice?: number;
  /** Offsets within this many channels around the geometry's are tried; default 8. */
  readonly searchChannels?: number;
  /** Views that are compared with their opposites, at most; default 180. */
  readonly views?: number;
}

/** What {@link findChannelOffset} found. */
export interface RotationCentre {
  /** To be used as `geometry.channelOffset`. */
  readonly channelOffset: number;
  /** Which rule was used. */
  readonly method: "redundancy" | "centroid";
  /** Root mean square of what opposite rays (redundancy, line integrals) or centroids (channels) disagree by. */
  readonly residual: number;
}

/** Interpolates by a cubic through four samples (Lagrange); the ends are repeated. */
function sampleCubic(data: Float32Array, start: number, length: number, position: number): number {
  const low = Math.floor(position);
  const t = position - low;
  const at = (i: number): number => data[start + Math.min(length - 1, Math.max(0, i))];
  return (
    (at(low - 1) * -t * (t - 1) * (t - 2)) / 6 +
    (at(low) * (t + 1) * (t - 1) * (t - 2)) / 2 -
    (at(low + 1) * (t + 1) * t * (t - 2)) / 2 +
    (at(low + 2) * (t + 1) * t * (t - 1)) / 6
  );
}

/**
 * Finds the channel offset of the rotation axis.
 *
 * @param sinogram - line integrals of a planar scan that is not truncated; fans: a full turn of even steps,
 *   angles continuous or modulo a turn
 * @throws ReconError `INCOMPLETE_TURN` (fans), `OUT_OF_RANGE` (also when the axis lies beyond the search), `NON_FINITE`, `TRUNCATED`,
 *   `UNSUPPORTED_GEOMETRY` (nothing in the beam, or less than 90° of parallel views)
 * @remarks Channels of finite width blur both partners alike; noise averages over all pairs.
 * Tested: error ≤ 0.05 channels for phantoms in fan-arc, fan-flat and parallel scans, noise included; an axis beyond
 * the search is refused.
 */
export function findChannelOffset(
  sinogram: Sinogram<"line integral", CentredGeometry>,
  options: RotationCentreOptions = {},
): RotationCentre {
  const { slices } = sinogram;
  const geometry = { ...sinogram.geometry, anglesRad: unwrapAngles(sinogram.geometry.anglesRad) };
  const { slice = slices >> 1, searchChannels = 8, views: mostViews = 180 } = options;
  const views = geometry.anglesRad.length;
  if (!(Number.isInteger(slice) && slice >= 0 && slice < slices)) {
    throw new ReconError("OUT_OF_RANGE", `slice ${slice} is not one of 0..${slices - 1}`);
  }
  if (!(searchChannels > 0 && searchChannels < geometry.channels / 2 && mostViews >= 1)) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `a search of ±${searchChannels} channels in ${mostViews} views; pass numbers > 0, less than half the detector`,
    );
  }
  const data = sinogram.data.subarray(
    slice * views * geometry.channels,
    (slice + 1) * views * geometry.channels,
  );
  let largest = 0;
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) {
      throw new ReconError("NON_FINITE", `line integral ${i} is ${data[i]}; calibrate counts first`);
    }
    largest = Math.max(largest, data[i]);
  }
  if (largest <= 0) {
    throw new ReconError(
      "UNSUPPORTED_GEOMETRY",
      "nothing is in the beam; the axis cannot be found without an object",
    );
  }
  const step = (2 * Math.PI) / views;
  const direction = views > 1 && geometry.anglesRad[1] < geometry.anglesRad[0] ? -1 : 1;
  const isFullTurn =
    views >= 8 &&
    geometry.anglesRad.every(
      (angle, v) => Math.abs(angle - geometry.anglesRad[0] - direction * v * step) < 1e-4,
    );
  if (isFullTurn) return searchRedundancy(data, geometry, direction, searchChannels, mostViews);
  if (geometry.kind !== "parallel") {
    throw new ReconError(
      "INCOMPLETE_TURN",
      `${views} views of a fan are no full turn of even steps; opposite rays are not all measured`,
    );
  }
  return fitCentroids(data, geometry);
}

function searchRedundancy(
  data: Float32Array,
  geometry: CentredGeometry,
  direction: number,
  searchChannels: number,
  mostViews: number,
): RotationCentre {
  const { channels } = geometry;
  const views = geometry.anglesRad.length;
  const stride = Math.max(1, Math.floor(views / mostViews));
  const viewsPerRad = (direction * views) / (2 * Math.PI);
  // Channels around the nominal axis: the same for every offset tried. Partners beyond the detector, where offsets are
  // large, take its outermost sample: 0 unless the object is cut off.
  const nominal = (channels - 1) / 2 + geometry.channelOffset;
  const half = Math.min(nominal, channels - 1 - nominal) - searchChannels - 2;
  if (half < 4) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `only ${Math.max(0, Math.floor(half))} channels lie on both sides of the axis for ±${searchChannels} channels; search less far`,
    );
  }
  const compare = (offset: number): number => {
    const line = createDetectorLine({ ...geometry, channelOffset: offset });
    const first = Math.ceil(nominal - half);
    const end = Math.floor(nominal + half);
    let sum = 0;
    let count = 0;
    for (let c = first; c <= end; c++) {
      const partner = 2 * line.centre - c;
      // View of the partner: β + π − 2γ; for parallel rays γ is 0.
      const turn = (Math.PI - 2 * getFanAngleRad(geometry, line, c)) * viewsPerRad;
      const whole = Math.floor(turn);
      const t = turn - whole;
      for (let v = 0; v < views; v += stride) {
        let opposite = 0;
        for (let k = -1; k <= 2; k++) {
          const weight =
            k === -1
              ? (-t * (t - 1) * (t - 2)) / 6
              : k === 0
                ? ((t + 1) * (t - 1) * (t - 2)) / 2
                : k === 1
                  ? (-(t + 1) * t * (t - 2)) / 2
                  : ((t + 1) * t * (t - 1)) / 6;
          if (weight === 0) continue;
          const view = (((v + whole + k) % views) + views) % views;
          opposite += weight * sampleCubic(data, view * channels, channels, partner);
        }
        sum += (data[v * channels + c] - opposite) ** 2;
        count++;
      }
    }
    return sum / count;
  };
  // Coarse steps of half a channel, one beyond either end, then golden sections around the best.
  const start = geometry.channelOffset - searchChannels;
  let best = start;
  let least = Number.POSITIVE_INFINITY;
  for (let i = -1; i <= 4 * searchChannels + 1; i++) {
    const value = compare(start + i / 2);
    if (value < least) {
      least = value;
      best = start + i / 2;
    }
  }
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [a, b] = [best - 0.75, best + 0.75];
  let x = b - ratio * (b - a);
  let y = a + ratio * (b - a);
  let [fx, fy] = [compare(x), compare(y)];
  while (b - a > 2e-3) {
    if (fx < fy) {
      [b, y, fy] = [y, x, fx];
      x = b - ratio * (b - a);
      fx = compare(x);
    } else {
      [a, x, fx] = [x, y, fy];
      y = a + ratio * (b - a);
      fy = compare(y);
    }
  }
  const channelOffset = (a + b) / 2;
  if (Math.abs(channelOffset - geometry.channelOffset) > searchChannels + 0.05) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `opposite rays agree best at the end of the search (channel offset ${channelOffset.toFixed(2)}): the axis lies farther than ${searchChannels} channels from ${geometry.channelOffset}; pass more searchChannels or a better channelOffset`,
    );
  }
  return { channelOffset, method: "redundancy", residual: Math.sqrt(compare(channelOffset)) };
}

/** Least squares of centroid(θ) = centre + x cosθ + y sinθ, in channels. */
function fitCentroids(data: Float32Array, geometry: ParallelGeometry): RotationCentre {
  const { channels, anglesRad } = geometry;
  const views = anglesRad.length;
  const span =
    views < 2 ? 0 : Math.abs(anglesRad[views - 1] - anglesRad[0]) + Math.abs(anglesRad[1] - anglesRad[0]);
  if (!(views >= 4 && channels >= 8 && span > Math.PI / 2)) {
    throw new ReconError(
      "UNSUPPORTED_GEOMETRY",
      `${views} parallel views over ${span.toFixed(3)} rad are too few to find the axis; measure half a turn`,
    );
  }
  const normal = new Float64Array(9);
  const right = new Float64Array(3);
  const centroids = new Float64Array(views);
  const basis = (v: number): readonly number[] => [1, Math.cos(anglesRad[v]), Math.sin(anglesRad[v])];
  for (let v = 0; v < views; v++) {
    let mass = 0;
    let moment = 0;
    let most = 0;
    for (let c = 0; c < channels; c++) {
      most = Math.max(most, data[v * channels + c]);
      mass += data[v * channels + c];
      moment += data[v * channels + c] * c;
    }
    if (!(mass > 0)) {
      throw new ReconError(
        "UNSUPPORTED_GEOMETRY",
        `view ${v} has nothing in the beam; the axis cannot be found`,
      );
    }
    // The four channels at each end, so that noise is no truncation.
    for (const start of [0, channels - 4]) {
      const end = data.subarray(v * channels + start, v * channels + start + 4);
      const mean = (end[0] + end[1] + end[2] + end[3]) / 4;
      if (mean > 0.1 * most) {
        throw new ReconError(
          "TRUNCATED",
          `view ${v} has ${mean.toFixed(3)} of at most ${most.toFixed(3)} at the detector's end; the centroid of a truncated object is not known, measure a full turn`,
        );
      }
    }
    centroids[v] = moment / mass;
    const row = basis(v);
    for (let i = 0; i < 3; i++) {
      right[i] += row[i] * centroids[v];
      for (let j = 0; j < 3; j++) normal[3 * i + j] += row[i] * row[j];
    }
  }
  // Gauss–Jordan on 3 × 3, positive definite for views over more than 90°.
  for (let i = 0; i < 3; i++) {
    const pivot = normal[4 * i];
    for (let j = 0; j < 3; j++) normal[3 * i + j] /= pivot;
    right[i] /= pivot;
    for (let k = 0; k < 3; k++) {
      if (k === i) continue;
      const factor = normal[3 * k + i];
      for (let j = 0; j < 3; j++) normal[3 * k + j] -= factor * normal[3 * i + j];
      right[k] -= factor * right[i];
    }
  }
  let sum = 0;
  for (let v = 0; v < views; v++) {
    const row = basis(v);
    sum += (centroids[v] - row[0] * right[0] - row[1] * right[1] - row[2] * right[2]) ** 2;
  }
  return {
    channelOffset: right[0] - (channels - 1) / 2,
    method: "centroid",
    residual: Math.sqrt(sum / views),
  };
}
