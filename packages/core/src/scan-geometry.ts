/**
 * Scan geometries: where the rays of a scan run. Conventions (tomography.md §2): scanner coordinates in mm with the
 * rotation axis on z; angles in radians; source at D(cosβ, sinβ, 0); ray angle γ from the central ray, positive
 * towards (−sinβ, cosβ); normal angle θ = β + π/2 − γ, s = x cosθ + y sinθ = D sinγ; detector rows grow towards +z.
 * Samples lie `[view][row][channel]`; geometries of one row are stacked by slice, `[slice][view][channel]`.
 */
import { CoreError } from "./errors.ts";

/** Parallel rays of one row; views are normal angles θ, the ray of channel i lies at s_i. */
export interface ParallelGeometry {
  readonly kind: "parallel";
  readonly channels: number;
  /** Distance between neighbouring rays, mm. */
  readonly channelPitchMm: number;
  /** The axis is met by channel (channels − 1)/2 + channelOffset. */
  readonly channelOffset: number;
  /** Normal angle θ of each view, rad; direction of the rays (−sinθ, cosθ). */
  readonly anglesRad: Float64Array;
}

/** What the turning-source geometries share. */
interface TurningSource {
  /** Source to isocentre D, mm. */
  readonly sourceToIsoMm: number;
  /** Source to detector, mm. */
  readonly sourceToDetectorMm: number;
  readonly channels: number;
  /** The central ray meets the detector at channel (channels − 1)/2 + channelOffset. */
  readonly channelOffset: number;
  /** Source angle β of each view, rad. */
  readonly anglesRad: Float64Array;
}

/** What detectors of several rows have. */
interface DetectorRows {
  readonly rows: number;
  /** Distance between rows at the detector, mm. */
  readonly rowPitchMm: number;
  /** The plane of the source is met by row (rows − 1)/2 + rowOffset. */
  readonly rowOffset: number;
}

/** A third-generation fan-beam scan with an equiangular (arc) detector of one row. */
export interface FanArcGeometry extends TurningSource {
  readonly kind: "fan-arc";
  /** Angle between neighbouring channels Δγ, rad. */
  readonly channelPitchRad: number;
}

/** A fan beam on a flat detector of one row, at right angles to the central ray. */
export interface FanFlatGeometry extends TurningSource {
  readonly kind: "fan-flat";
  /** Distance between channels at the detector, mm. */
  readonly channelPitchMm: number;
}

/** A cone beam on a flat detector, at right angles to the central ray. */
export interface ConeFlatGeometry extends TurningSource, DetectorRows {
  readonly kind: "cone-flat";
  /** Distance between channels at the detector, mm. */
  readonly channelPitchMm: number;
}

/** A cone beam on a cylindrical detector around an axis through the source, parallel to z. */
export interface ConeCurvedGeometry extends TurningSource, DetectorRows {
  readonly kind: "cone-curved";
  /** Angle between neighbouring channels Δγ, rad. */
  readonly channelPitchRad: number;
}

/** Numbers per view in {@link PosedGeometry.poses}. */
export const POSE_LENGTH = 12;

/**
 * A flat detector with a pose of its own in every view: robots, helical and tilted scans.
 * Channel c, row r lies at centre + (c − (channels − 1)/2)·channelStep + (r − (rows − 1)/2)·rowStep.
 */
export interface PosedGeometry {
  readonly kind: "posed";
  readonly channels: number;
  readonly rows: number;
  /** `[view][12]`: source, detector centre, channel step, row step; each x, y, z in mm. */
  readonly poses: Float64Array;
}

/** Scan geometries of one detector row, reconstructed slice by slice. */
export type PlanarGeometry = ParallelGeometry | FanArcGeometry | FanFlatGeometry;

/** Scan geometries of a whole volume. */
export type ConeGeometry = ConeFlatGeometry | ConeCurvedGeometry;

/** All scan geometries. */
export type ScanGeometry = PlanarGeometry | ConeGeometry | PosedGeometry;

/** Whether a geometry has one row and is stacked by slice. */
export function isPlanarGeometry(geometry: ScanGeometry): geometry is PlanarGeometry {
  return geometry.kind === "parallel" || geometry.kind === "fan-arc" || geometry.kind === "fan-flat";
}

/** Whether a geometry has a detector of several rows at a fixed place, turning with the source around the axis. */
export function isConeGeometry(geometry: ScanGeometry): geometry is ConeGeometry {
  return geometry.kind === "cone-flat" || geometry.kind === "cone-curved";
}

/** Number of views. */
export function countViews(geometry: ScanGeometry): number {
  return geometry.kind === "posed" ? geometry.poses.length / POSE_LENGTH : geometry.anglesRad.length;
}

/** Number of detector rows; 1 for planar geometries. */
export function countDetectorRows(geometry: ScanGeometry): number {
  return isPlanarGeometry(geometry) ? 1 : geometry.rows;
}

/** Samples of one slice (planar) or of the whole scan (others): views × rows × channels. */
export function countScanSamples(geometry: ScanGeometry): number {
  return countViews(geometry) * countDetectorRows(geometry) * geometry.channels;
}

/**
 * The same scan with some of its views, in the order given; for subsets and sparse views.
 *
 * @throws CoreError `OUT_OF_RANGE`
 */
export function selectViews<G extends ScanGeometry>(geometry: G, views: ArrayLike<number>): G {
  const count = countViews(geometry);
  for (let i = 0; i < views.length; i++) {
    if (!(Number.isInteger(views[i]) && views[i] >= 0 && views[i] < count)) {
      throw new CoreError("OUT_OF_RANGE", `view ${views[i]} is not one of 0..${count - 1}`);
    }
  }
  if (geometry.kind === "posed") {
    const poses = new Float64Array(views.length * POSE_LENGTH);
    for (let i = 0; i < views.length; i++) {
      poses.set(
        geometry.poses.subarray(views[i] * POSE_LENGTH, (views[i] + 1) * POSE_LENGTH),
        i * POSE_LENGTH,
      );
    }
    return { ...geometry, poses };
  }
  const { anglesRad } = geometry;
  return {
    ...geometry,
    anglesRad: Float64Array.from({ length: views.length }, (_, i) => anglesRad[views[i]]),
  };
}

/**
 * Refuses numbers that no scan can have: without this, rays of non-finite direction meet nothing and look like air.
 * What a method cannot do (e.g. too few views) is its own affair.
 *
 * @throws CoreError `OUT_OF_RANGE` for counts that are no integers ≥ 1, lengths and pitches that are not finite and > 0,
 *   angles, offsets and poses that are not finite, a detector nearer than the isocentre; `SHAPE_MISMATCH` for poses of
 *   a length that is no multiple of {@link POSE_LENGTH}
 */
export function checkScanGeometry(geometry: ScanGeometry): void {
  const refuse = (what: string): never => {
    throw new CoreError("OUT_OF_RANGE", `${geometry.kind} geometry: ${what}`);
  };
  const checkCounted = (name: string, count: number): void => {
    if (!(Number.isInteger(count) && count >= 1)) refuse(`${name} ${count} is not an integer ≥ 1`);
  };
  const checkLengths = (lengths: Readonly<Record<string, number>>): void => {
    for (const [name, length] of Object.entries(lengths)) {
      if (!(length > 0 && length < Infinity)) refuse(`${name} ${length} is not a number > 0`);
    }
  };
  const checkFinite = (name: string, values: ArrayLike<number>): void => {
    for (let i = 0; i < values.length; i++) {
      if (!Number.isFinite(values[i])) refuse(`${name} ${values[i]} (number ${i}) is not finite`);
    }
  };
  checkCounted("channels", geometry.channels);
  if (geometry.kind === "posed") {
    checkCounted("rows", geometry.rows);
    if (geometry.poses.length === 0 || geometry.poses.length % POSE_LENGTH !== 0) {
      throw new CoreError(
        "SHAPE_MISMATCH",
        `posed geometry: ${geometry.poses.length} numbers of poses; each view takes ${POSE_LENGTH}`,
      );
    }
    checkFinite("poses", geometry.poses);
    return;
  }
  checkCounted("the number of views", geometry.anglesRad.length);
  checkFinite("anglesRad", geometry.anglesRad);
  checkFinite("channelOffset", [geometry.channelOffset]);
  if ("channelPitchMm" in geometry) checkLengths({ channelPitchMm: geometry.channelPitchMm });
  if ("channelPitchRad" in geometry) checkLengths({ channelPitchRad: geometry.channelPitchRad });
  if (geometry.kind === "parallel") return;
  const { sourceToIsoMm, sourceToDetectorMm } = geometry;
  checkLengths({ sourceToIsoMm, sourceToDetectorMm });
  if (sourceToDetectorMm < sourceToIsoMm) {
    refuse(`sourceToDetectorMm ${sourceToDetectorMm} is less than sourceToIsoMm ${sourceToIsoMm}`);
  }
  if ("rows" in geometry) {
    checkCounted("rows", geometry.rows);
    checkLengths({ rowPitchMm: geometry.rowPitchMm });
    checkFinite("rowOffset", [geometry.rowOffset]);
  }
}
