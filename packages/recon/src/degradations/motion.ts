/**
 * Motion during the turn: the object shifts, turns or breathes from view to view. The clean image is the object in its
 * resting pose. In-plane only; what moves through the slice is not modelled.
 */
import { ReconError } from "../errors.ts";
import { type PlaneMotion, projectMovedView } from "./affine-projection.ts";
import {
  type ChainOptions,
  checkOption,
  type DegradationSource,
  type DegradedPair,
  degradeThroughChain,
  reconstructDifferences,
} from "./degradation.ts";

/** Pose of the object at one moment. */
export interface MotionPose {
  /** Shift, mm; default 0. */
  readonly xMm?: number;
  readonly yMm?: number;
  /** Rotation about the pivot from +x to +y, rad; default 0. */
  readonly rotationRad?: number;
  /** Stretch of y about the pivot, as the chest does; default 1. */
  readonly stretchY?: number;
  /** Default the axis. */
  readonly pivotMm?: readonly [number, number];
}

/** When the motion happens during the turn, from 0 to 1 of it. */
export interface MotionCourse {
  /**
   * `"periodic"`: sin(2π·cycles·t + phase), breathing (1 − cos)/2 of the same; `"drift"`: evenly from 0 to 1;
   * `"sudden"`: 0, and 1 from `startFraction` on. Default `"periodic"`.
   */
  readonly course?: "periodic" | "drift" | "sudden";
  /** Default 1.5. */
  readonly cycles?: number;
  /** Default 0. */
  readonly phaseRad?: number;
  /** Default 0.5. */
  readonly startFraction?: number;
}

/** A kind of motion. */
export type Motion = MotionCourse &
  (
    | {
        readonly kind: "translation";
        readonly amplitudeMm: number;
        /** From +x to +y; default 0. */
        readonly directionRad?: number;
      }
    | {
        readonly kind: "rotation";
        readonly amplitudeRad: number;
        readonly pivotMm?: readonly [number, number];
      }
    | {
        readonly kind: "breathing";
        /** How far the front wall rises at most, mm. */
        readonly amplitudeMm: number;
        /** Height of the back that lies still, mm; default 90. */
        readonly pivotYMm?: number;
        /** From there to the front wall, mm; default 200. */
        readonly depthMm?: number;
      }
  );

/** Options of {@link degradeByMotion}. */
export interface MotionOptions extends ChainOptions {
  /** A kind of motion, or the pose at each fraction of the turn. */
  readonly motion: Motion | ((turnFraction: number) => MotionPose);
  /** What lies at y ≥ this stays still, as the table does (y from the axis, mm, growing with rows); default nothing. */
  readonly stillFromYMm?: number;
}

/**
 * Pose of a kind of motion at a fraction of the turn.
 *
 * @throws ReconError `OUT_OF_RANGE` for an unknown kind
 */
export function computePose(motion: Motion, turnFraction: number): MotionPose {
  const { course = "periodic", cycles = 1.5, phaseRad = 0, startFraction = 0.5 } = motion;
  const angle = 2 * Math.PI * cycles * turnFraction + phaseRad;
  const at =
    course === "drift"
      ? turnFraction
      : course === "sudden"
        ? Number(turnFraction >= startFraction)
        : motion.kind === "breathing"
          ? 0.5 - 0.5 * Math.cos(angle)
          : Math.sin(angle);
  if (motion.kind === "translation") {
    const direction = motion.directionRad ?? 0;
    return {
      xMm: at * motion.amplitudeMm * Math.cos(direction),
      yMm: at * motion.amplitudeMm * Math.sin(direction),
    };
  }
  if (motion.kind === "rotation") {
    return { rotationRad: at * motion.amplitudeRad, ...(motion.pivotMm && { pivotMm: motion.pivotMm }) };
  }
  const { kind, amplitudeMm, pivotYMm = 90, depthMm = 200 } = motion;
  if (kind !== "breathing") {
    throw new ReconError("OUT_OF_RANGE", `motion "${kind}" is none of translation, rotation, breathing`);
  }
  return { stretchY: 1 + (at * amplitudeMm) / depthMm, pivotMm: [0, pivotYMm] };
}

/** The affine map of a pose, or null at rest. */
function toPlaneMotion(pose: MotionPose): PlaneMotion | null {
  const { xMm = 0, yMm = 0, rotationRad = 0, stretchY = 1, pivotMm = [0, 0] } = pose;
  checkOption("pose.xMm", xMm, -200, 200, "mm");
  checkOption("pose.yMm", yMm, -200, 200, "mm");
  checkOption("pose.rotationRad", rotationRad, -7, 7, "radians");
  checkOption("pose.stretchY", stretchY, 0.5, 2, "1 is at rest");
  if (xMm === 0 && yMm === 0 && rotationRad === 0 && stretchY === 1) return null;
  const c = Math.cos(rotationRad);
  const s = Math.sin(rotationRad);
  const matrix = [c, -s * stretchY, s, c * stretchY] as const;
  const [px, py] = pivotMm;
  return {
    matrix,
    shiftMm: [px + xMm - (matrix[0] * px + matrix[1] * py), py + yMm - (matrix[2] * px + matrix[3] * py)],
  };
}

/**
 * Adds motion artifacts.
 *
 * @throws ReconError `OUT_OF_RANGE`, `NON_FINITE`
 * @remarks Both sinograms of the difference are Joseph's of the same image, so phantoms are moved as voxels.
 * Tested: a shift, turn or stretch that lasts the whole turn moves the image so, what is still stays, no amplitude is
 * clean bit for bit.
 */
export async function degradeByMotion(
  source: DegradationSource,
  options: MotionOptions,
): Promise<DegradedPair> {
  const { motion, stillFromYMm = Number.POSITIVE_INFINITY } = options;
  if (Number.isNaN(stillFromYMm)) checkOption("stillFromYMm", stillFromYMm, -1000, 1000, "mm from the axis");
  const poseAt = typeof motion === "function" ? motion : (t: number) => computePose(motion, t);
  return degradeThroughChain(
    source,
    options,
    {
      degradation: "motion",
      motion: typeof motion === "function" ? "custom" : motion,
      stillFromYMm: options.stillFromYMm ?? null,
    },
    ({ chain, start, lineIntegrals }) => {
      const { geometry, grid } = chain;
      const views = geometry.anglesRad.length;
      const { channels } = geometry;
      const moved = new Float64Array(channels);
      const differences = lineIntegrals.map((line, i) => {
        // The difference of the moving part alone: what is still drops out.
        const image = chain.getAttenuation(start + i);
        const moving = Math.ceil((stillFromYMm - grid.firstRowMm) / grid.rowSpacingMm);
        if (moving < grid.rows) image.fill(0, Math.max(0, moving) * grid.columns);
        const difference = new Float32Array(line.length);
        const [still] = chain.project([image]);
        for (let view = 0; view < views; view++) {
          const plane = toPlaneMotion(poseAt(view / views));
          if (plane === null) continue;
          projectMovedView(image, grid, geometry, view, plane, moved);
          for (let c = 0; c < channels; c++)
            difference[view * channels + c] = moved[c] - still[view * channels + c];
        }
        return difference;
      });
      return reconstructDifferences(chain, differences);
    },
  );
}
