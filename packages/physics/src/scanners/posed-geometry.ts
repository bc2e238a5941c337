/**
 * Poses per view from a flat cone beam: exact copies, misaligned and wobbling detectors, moving sources, helices.
 * Flat detectors only; a curved detector's helix cannot be stated as poses.
 */
import { type ConeFlatGeometry, POSE_LENGTH, type PosedGeometry } from "@alara/core";
import { PhysicsError } from "../errors.ts";

/**
 * How one view departs from the circle. Local axes of view β: radial (cosβ, sinβ, 0), tangential (−sinβ, cosβ, 0),
 * axial z; all distances mm.
 */
export interface ViewPerturbation {
  /** Source moved along radial, tangential, axial; default none. */
  readonly sourceShiftMm?: readonly [number, number, number];
  /** Detector moved along radial, tangential, axial; default none. */
  readonly detectorShiftMm?: readonly [number, number, number];
  /** Detector turned around the radial axis (roll), rad; positive turns channels towards +z. Default 0. */
  readonly rollRad?: number;
  /** Detector turned around its tangential axis (pitch), rad; positive turns rows away from the source. Default 0. */
  readonly pitchRad?: number;
  /** Detector turned around its axial axis (yaw), rad; positive turns channels towards the source. Default 0. */
  readonly yawRad?: number;
}

const NO_SHIFT = [0, 0, 0] as const;

/**
 * Poses of a flat cone beam, view by view.
 *
 * The detector turns around the point where the unperturbed central ray meets it: first roll, then pitch, then yaw.
 *
 * @param perturb - departures of each view; default none: the same rays as `geometry`
 * @throws PhysicsError `NON_FINITE` for departures that are not numbers
 * Tested: posed copies give the rays of the flat cone; shifts and turns move rays as stated.
 */
export function createPosedGeometry(
  geometry: ConeFlatGeometry,
  perturb: (view: number) => ViewPerturbation = () => ({}),
): PosedGeometry {
  const { anglesRad, channels, rows, channelPitchMm, rowPitchMm, sourceToIsoMm, sourceToDetectorMm } =
    geometry;
  const poses = new Float64Array(anglesRad.length * POSE_LENGTH);
  anglesRad.forEach((angle, view) => {
    const change = perturb(view);
    const source = change.sourceShiftMm ?? NO_SHIFT;
    const detector = change.detectorShiftMm ?? NO_SHIFT;
    const roll = change.rollRad ?? 0;
    const pitch = change.pitchRad ?? 0;
    const yaw = change.yawRad ?? 0;
    // Detector axes in local coordinates (radial, tangential, axial).
    const turn = (x: readonly [number, number, number]): [number, number, number] => {
      const [r0, t0, z0] = x;
      const t1 = t0 * Math.cos(roll) - z0 * Math.sin(roll);
      const z1 = t0 * Math.sin(roll) + z0 * Math.cos(roll);
      const r2 = r0 * Math.cos(pitch) - z1 * Math.sin(pitch);
      const z2 = r0 * Math.sin(pitch) + z1 * Math.cos(pitch);
      return [r2 * Math.cos(yaw) + t1 * Math.sin(yaw), -r2 * Math.sin(yaw) + t1 * Math.cos(yaw), z2];
    };
    const channelStep = turn([0, channelPitchMm, 0]);
    const rowStep = turn([0, 0, rowPitchMm]);
    const centre = [sourceToIsoMm - sourceToDetectorMm, 0, 0].map(
      (x, i) => x + detector[i] - geometry.channelOffset * channelStep[i] - geometry.rowOffset * rowStep[i],
    );
    const cosine = Math.cos(angle);
    const sine = Math.sin(angle);
    [[sourceToIsoMm + source[0], source[1], source[2]], centre, channelStep, rowStep].forEach((local, k) => {
      const at = view * POSE_LENGTH + 3 * k;
      poses[at] = local[0] * cosine - local[1] * sine;
      poses[at + 1] = local[0] * sine + local[1] * cosine;
      poses[at + 2] = local[2];
    });
    for (let i = view * POSE_LENGTH; i < (view + 1) * POSE_LENGTH; i++) {
      if (!Number.isFinite(poses[i])) {
        throw new PhysicsError(
          "NON_FINITE",
          `the pose of view ${view} is not finite; check what the perturbation returns for it`,
        );
      }
    }
  });
  return { kind: "posed", channels, rows, poses };
}

/** Options of {@link createHelicalGeometry}. */
export interface HelicalOptions {
  /** Table feed per turn, mm; negative moves the source towards −z. */
  readonly feedMmPerTurn: number;
  /** Height of the first view's source, mm; default: the helix is centred on z = 0. */
  readonly startMm?: number;
}

/**
 * A helix of a flat cone beam: source and detector rise with the angle.
 *
 * @param geometry - its angles may run over several turns (an `arc` of n · 2π)
 * @throws PhysicsError `NON_FINITE`
 * Tested: after a turn the rays are those of the turn before, one feed higher.
 */
export function createHelicalGeometry(geometry: ConeFlatGeometry, options: HelicalOptions): PosedGeometry {
  const { anglesRad } = geometry;
  const rise = options.feedMmPerTurn / (2 * Math.PI);
  const last = anglesRad.length - 1;
  const start = options.startMm ?? (-rise * (anglesRad[last] - anglesRad[0])) / 2;
  return createPosedGeometry(geometry, (view) => {
    const z = start + rise * (anglesRad[view] - anglesRad[0]);
    return { sourceShiftMm: [0, 0, z], detectorShiftMm: [0, 0, z] };
  });
}
