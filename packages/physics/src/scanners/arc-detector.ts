/**
 * Detectors on an arc that is not centred on the source (TomoTherapy's MVCT): the true angle of every channel, an
 * equiangular geometry over the same fan, and the resampling of measured rows onto it. The arc's centre lies on the
 * central ray; rows are not modelled.
 *
 * A channel at arc angle α lies at depth SDD − R + R cosα and R sinα aside, so γ = atan2(R sinα, SDD − R + R cosα).
 */
import {
  createSinogram,
  type FanArcGeometry,
  type PlanarGeometry,
  type Sinogram,
  type Unit,
} from "@alara/core";
import { PhysicsError } from "../errors.ts";

/** A detector on an arc of its own centre. */
export interface ArcDetector {
  readonly name: string;
  readonly summary: string;
  readonly sourceToIsoMm: number;
  /** Source to the arc along the central ray, mm. */
  readonly sourceToDetectorMm: number;
  /** Radius of the arc, mm; `sourceToDetectorMm` for an arc around the source. */
  readonly arcRadiusMm: number;
  readonly channels: number;
  /** Arc length between channels, mm. */
  readonly channelPitchMm: number;
  /** Channel that the central ray meets, may be fractional. */
  readonly centralChannel: number;
  readonly viewsPerRotation: number;
}

/**
 * TomoTherapy's MVCT detector: channels 65–592 of the arc, iso channel 328.01 (tomography.md §2.9). The half-fan
 * that follows is 0.231 rad, as the source states.
 */
export const tomotherapyArc: ArcDetector = {
  name: "tomotherapy-mvct",
  summary: "TomoTherapy MVCT: 528 channels on an arc of radius 998 mm, 1426 mm from the source",
  sourceToIsoMm: 850,
  sourceToDetectorMm: 1426,
  arcRadiusMm: 998,
  channels: 528,
  channelPitchMm: 1.25,
  centralChannel: 328.01 - 65,
  viewsPerRotation: 800,
};

/** γ of the point at a (fractional) channel, rad. */
function angleOfChannel(detector: ArcDetector, channel: number): number {
  const alpha = ((channel - detector.centralChannel) * detector.channelPitchMm) / detector.arcRadiusMm;
  return Math.atan2(
    detector.arcRadiusMm * Math.sin(alpha),
    detector.sourceToDetectorMm - detector.arcRadiusMm + detector.arcRadiusMm * Math.cos(alpha),
  );
}

/**
 * True ray angles γ of all channels, rad, ascending. Tested: half-fan of the TomoTherapy detector; an arc around the
 * source has equal angles.
 *
 * @throws PhysicsError `OUT_OF_RANGE` when the arc is not a detector seen from the source
 */
export function computeArcChannelAngles(detector: ArcDetector): Float64Array {
  const angles = Float64Array.from({ length: detector.channels }, (_, c) => angleOfChannel(detector, c));
  for (let c = 1; c < angles.length; c++) {
    if (!(angles[c] > angles[c - 1])) {
      throw new PhysicsError(
        "OUT_OF_RANGE",
        `channels ${c - 1} and ${c} of ${detector.name} are seen at ${angles[c - 1]} and ${angles[c]} rad; the angles must ascend: check radius ${detector.arcRadiusMm} mm, distance ${detector.sourceToDetectorMm} mm and ${detector.channels} channels of ${detector.channelPitchMm} mm`,
      );
    }
  }
  return angles;
}

/** Result of {@link fitEquiangularGeometry}. */
export interface EquiangularFit {
  /** As many channels, evenly from the first channel's true angle to the last one's, full turn. */
  readonly geometry: FanArcGeometry;
  /** Where each true channel lies among the even ones (fractional, ascending); what scans are simulated at. */
  readonly channelPositions: Float64Array;
  /** Largest distance of a true channel from the even one of its number, channels: the error without resampling. */
  readonly largestDeviationChannels: number;
}

/**
 * An equiangular fan over the same rays. Reconstruct on `geometry` after {@link resampleChannels}.
 *
 * @param options.views - default the detector's per rotation
 * @remarks For TomoTherapy the even channels differ from the true ones by up to 0.23 channels.
 */
export function fitEquiangularGeometry(
  detector: ArcDetector,
  options: { readonly views?: number; readonly startAngleRad?: number } = {},
): EquiangularFit {
  const angles = computeArcChannelAngles(detector);
  const { channels } = detector;
  const views = options.views ?? detector.viewsPerRotation;
  if (!(Number.isInteger(views) && views >= 2)) {
    throw new PhysicsError("OUT_OF_RANGE", `views ${views} is not an integer ≥ 2; pass e.g. 800`);
  }
  const pitch = (angles[channels - 1] - angles[0]) / (channels - 1);
  const centre = -angles[0] / pitch;
  const channelPositions = angles.map((angle) => centre + angle / pitch);
  let largestDeviationChannels = 0;
  for (let c = 0; c < channels; c++) {
    largestDeviationChannels = Math.max(largestDeviationChannels, Math.abs(channelPositions[c] - c));
  }
  const start = options.startAngleRad ?? 0;
  return {
    geometry: {
      kind: "fan-arc",
      sourceToIsoMm: detector.sourceToIsoMm,
      sourceToDetectorMm: detector.sourceToDetectorMm,
      channels,
      channelPitchRad: pitch,
      channelOffset: centre - (channels - 1) / 2,
      anglesRad: Float64Array.from({ length: views }, (_, v) => start + (2 * Math.PI * v) / views),
    },
    channelPositions,
    largestDeviationChannels,
  };
}

/**
 * Moves samples measured at uneven channel positions onto the geometry's even channels: Lagrange's cubic through the
 * four nearest.
 *
 * @param sinogram - sample c of a row was measured at `positions[c]`
 * @param positions - ascending, in channels of the geometry; even channels outside are extrapolated from the border
 * @throws PhysicsError `SHAPE_MISMATCH`, `OUT_OF_RANGE`
 * Tested on 20 cm of water with TomoTherapy's channels: 4e-6 within the disc, 6e-3 (of 1.0) where rays graze its rim.
 */
export function resampleChannels<U extends Unit, G extends PlanarGeometry>(
  sinogram: Sinogram<U, G>,
  positions: ArrayLike<number>,
): Sinogram<U, G> {
  const { channels } = sinogram.geometry;
  if (positions.length !== channels || channels < 4) {
    throw new PhysicsError(
      "SHAPE_MISMATCH",
      `${positions.length} channel positions for ${channels} channels; pass one per channel, at least 4`,
    );
  }
  const first = new Int32Array(channels);
  const weights = new Float64Array(4 * channels);
  let low = 0;
  for (let c = 0; c < channels; c++) {
    if (c > 0 && !(positions[c] > positions[c - 1])) {
      throw new PhysicsError(
        "OUT_OF_RANGE",
        `channel positions must ascend; got ${positions[c - 1]}, ${positions[c]}`,
      );
    }
    while (low + 2 < channels && positions[low + 1] <= c) low++;
    const start = Math.min(channels - 4, Math.max(0, low - 1));
    first[c] = start;
    for (let i = 0; i < 4; i++) {
      let weight = 1;
      for (let k = 0; k < 4; k++) {
        if (k !== i) weight *= (c - positions[start + k]) / (positions[start + i] - positions[start + k]);
      }
      weights[4 * c + i] = weight;
    }
  }
  const result = createSinogram(sinogram.unit, sinogram.geometry, sinogram.slices);
  for (let row = 0; row < result.data.length; row += channels) {
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let i = 0; i < 4; i++) sum += weights[4 * c + i] * sinogram.data[row + first[c] + i];
      result.data[row + c] = sum;
    }
  }
  return result;
}
