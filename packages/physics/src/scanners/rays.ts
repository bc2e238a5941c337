/**
 * The rays of any scan geometry, one at a time: what analytic phantoms are projected along and what projectors walk.
 * Fractional channels and rows are points between detector cell centres (aperture sub-sampling). Conventions of
 * core's scan-geometry.ts (tomography.md §2). Not fast: kernels keep their own tables.
 */
import {
  checkScanGeometry,
  countDetectorRows,
  countViews,
  isConeGeometry,
  POSE_LENGTH,
  type PosedGeometry,
  type ScanGeometry,
} from "@alara/core";

/** Where the focal spot is, from the nominal source. Posed scans: along the detector's channels and rows instead. */
export interface SourceShift {
  /** Along the tangent of the source circle, towards (−sinβ, cosβ), mm. */
  readonly tangentialMm: number;
  /** Along z, mm. */
  readonly axialMm: number;
  /** Away from the axis, mm; poses have no axis and ignore it. Default 0. */
  readonly radialMm?: number;
}

/** Casts the rays of one geometry. */
export interface RayCaster {
  readonly views: number;
  readonly rows: number;
  readonly channels: number;
  /**
   * The ray through a detector point.
   *
   * @param row - may be fractional; 0 for planar geometries
   * @param channel - may be fractional
   * @param out - receives origin x, y, z (mm) and unit direction x, y, z. The origin is the source; for parallel rays
   *   the point nearest the axis
   * @param shift - moves the source, not the detector; ignored for parallel rays
   */
  cast(view: number, row: number, channel: number, out: Float64Array, shift?: SourceShift): void;
}

/**
 * Prepares the rays of a geometry.
 *
 * @throws CoreError `OUT_OF_RANGE`, `SHAPE_MISMATCH` for geometries of impossible numbers (`checkScanGeometry`)
 * Tested: s = D sinγ and θ = β + π/2 − γ for fans, posed copies of flat cones give the same rays.
 */
export function createRayCaster(geometry: ScanGeometry): RayCaster {
  checkScanGeometry(geometry);
  const views = countViews(geometry);
  const rows = countDetectorRows(geometry);
  const { channels } = geometry;
  if (geometry.kind === "posed") return createPosedCaster(geometry, views);
  const cosines = geometry.anglesRad.map(Math.cos);
  const sines = geometry.anglesRad.map(Math.sin);
  const middleChannel = (channels - 1) / 2 + geometry.channelOffset;
  if (geometry.kind === "parallel") {
    return {
      views,
      rows,
      channels,
      cast(view, _row, channel, out) {
        const s = (channel - middleChannel) * geometry.channelPitchMm;
        out[0] = s * cosines[view];
        out[1] = s * sines[view];
        out[2] = 0;
        out[3] = -sines[view];
        out[4] = cosines[view];
        out[5] = 0;
      },
    };
  }
  const isFlat = geometry.kind === "fan-flat" || geometry.kind === "cone-flat";
  const pitch = isFlat ? geometry.channelPitchMm : geometry.channelPitchRad;
  const hasRows = isConeGeometry(geometry);
  const middleRow = hasRows ? (rows - 1) / 2 + geometry.rowOffset : 0;
  const rowPitch = hasRows ? geometry.rowPitchMm : 0;
  const { sourceToIsoMm, sourceToDetectorMm } = geometry;
  return {
    views,
    rows,
    channels,
    cast(view, row, channel, out, shift) {
      const cosine = cosines[view];
      const sine = sines[view];
      const across = (channel - middleChannel) * pitch;
      // Detector point relative to the nominal source: depth along the central ray, lateral, axial.
      const depth = isFlat ? sourceToDetectorMm : sourceToDetectorMm * Math.cos(across);
      const lateral = isFlat ? across : sourceToDetectorMm * Math.sin(across);
      const axial = (row - middleRow) * rowPitch;
      const radial = shift?.radialMm ?? 0;
      const tangential = shift?.tangentialMm ?? 0;
      const z = shift?.axialMm ?? 0;
      out[0] = (sourceToIsoMm + radial) * cosine - tangential * sine;
      out[1] = (sourceToIsoMm + radial) * sine + tangential * cosine;
      out[2] = z;
      const d = depth + radial;
      const l = lateral - tangential;
      const a = axial - z;
      const inverse = 1 / Math.sqrt(d * d + l * l + a * a);
      out[3] = (-d * cosine - l * sine) * inverse;
      out[4] = (-d * sine + l * cosine) * inverse;
      out[5] = a * inverse;
    },
  };
}

function createPosedCaster(geometry: PosedGeometry, views: number): RayCaster {
  const { poses, channels, rows } = geometry;
  return {
    views,
    rows,
    channels,
    cast(view, row, channel, out, shift) {
      const p = view * POSE_LENGTH;
      const c = channel - (channels - 1) / 2;
      const r = row - (rows - 1) / 2;
      let length = 0;
      for (let axis = 0; axis < 3; axis++) {
        const point = poses[p + 3 + axis] + c * poses[p + 6 + axis] + r * poses[p + 9 + axis];
        out[axis] = poses[p + axis];
        out[3 + axis] = point;
      }
      if (shift !== undefined) {
        const steps = [poses.subarray(p + 6, p + 9), poses.subarray(p + 9, p + 12)];
        [shift.tangentialMm, shift.axialMm].forEach((distance, i) => {
          const size = Math.hypot(steps[i][0], steps[i][1], steps[i][2]);
          for (let axis = 0; axis < 3; axis++) out[axis] += (distance * steps[i][axis]) / size;
        });
      }
      for (let axis = 0; axis < 3; axis++) {
        out[3 + axis] -= out[axis];
        length += out[3 + axis] ** 2;
      }
      const inverse = 1 / Math.sqrt(length);
      for (let axis = 3; axis < 6; axis++) out[axis] *= inverse;
    },
  };
}
