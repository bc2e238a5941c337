/**
 * A prepared filtered back-projection: every weight, the filter's response and where filtered samples lie, resolved
 * from geometry and options. What engines (float64 reference, WebAssembly SIMD, WebGPU) take; they know no options.
 *
 * For view k: q = filter(p · preWeights · viewWeights), then `scale` × Σ_k of, with a = x cosβ + y sinβ,
 * f = −x sinβ + y cosβ, L² = (D − a)² + f², U = (D − a)/D:
 *
 * - parallel: q(s), s = x cosθ + y sinθ
 * - fan-arc: q(γ)/L², γ = atan2(f, D − a)
 * - fan-flat: q(f/U)/U²; samples on the virtual detector through the axis
 * - cone-flat: q(z/U, f/U)/U², both on the virtual detector; bilinear
 * - cone-curved: q(v, γ)/L², v = z · SDD / L on the detector; bilinear
 *
 * A place p on the detector is sample p / samplePitch + centre and row v / rowPitchMm + rowCentre. Linear
 * interpolation between samples and zero outside them (tomography.md §2.3). The filter multiplies the transform of the
 * weighted row, with `padding` zeros before and after it and more up to `fftLength`, by `response`; oversampling 2 pads the product with zeros to twice the
 * length (half of the middle frequency to each side, everything times 2), so sample
 * 2 (c + padding[0]) lies on channel c.
 */
import { type GridGeometry, isConeGeometry, selectViews } from "@alara/core";
import type { VolumeGrid } from "@alara/physics";
import { type AxisOffset, createAxisGrid } from "../axis-offset.ts";
import { ReconError } from "../errors.ts";
import {
  checkFbpGeometry,
  createDetectorLine,
  type DetectorLine,
  type FbpGeometry,
} from "./detector-line.ts";
import { createRampResponse, getFilterLength } from "./ramp.ts";
import { createViewWeights, type DetectorOffsetMode, getGridRadiusMm } from "./view-weights.ts";
import { cutWindow, type RampWindow, rampWindows } from "./windows.ts";

/** See the file's comment. */
export interface FbpPlan {
  readonly geometry: FbpGeometry;
  /** Where to reconstruct; planar geometries take one sinogram per slice and ignore its heights. */
  readonly grid: VolumeGrid;
  /** `[row][channel]`; one row for planar geometries. */
  readonly preWeights: Float64Array;
  /** `[view][channel]` (Parker, offset detector, uneven angles), or none. */
  readonly viewWeights?: Float64Array;
  /** Gain of the filter at each of `fftLength` frequencies, real and even, pitch and window included. */
  readonly response: Float64Array;
  /** Power of two, at least twice the channels and padding. */
  readonly fftLength: number;
  /**
   * Channels of zeros before the first and after the last channel that are filtered and back-projected too: the
   * shorter side of a displaced detector, where the filtered row is not zero. Else `[0, 0]`.
   */
  readonly padding: readonly [number, number];
  /** Filtered samples per channel. */
  readonly oversampling: 1 | 2;
  /** Filtered samples per row: (padding[0] + channels + padding[1]) × oversampling. */
  readonly samples: number;
  /** Place of the central ray (parallel: of the axis) among the filtered samples. */
  readonly centre: number;
  /** Distance of filtered samples: rad for arc and curved detectors, else mm at the axis. */
  readonly samplePitch: number;
  /** Cone geometries: place of the plane of the source among the rows; else 0. */
  readonly rowCentre: number;
  /** Cone geometries: distance of rows, mm; flat: at the axis, curved: at the detector; else 1. */
  readonly rowPitchMm: number;
  /** Multiplies the sum over the views. */
  readonly scale: number;
  /** What the angles were taken for: whole turns, a short scan with Parker weights, or parallel half turns. */
  readonly scan: "full" | "short" | "half";
  /** Whether displaced-detector weights are in `viewWeights`. */
  readonly isDisplaced: boolean;
}

/** Options of {@link createFbpPlan}. */
export interface FbpPlanOptions {
  /** Name in `rampWindows` or a gain function; default `"ram-lak"`. */
  readonly window?: string | RampWindow;
  /** Where the window ends, as a fraction of the detector's Nyquist frequency at the axis; default 1. */
  readonly cutoff?: number;
  /** Filtered samples per channel; default 1. */
  readonly oversampling?: 1 | 2;
  /**
   * Rotation axis (and, with three numbers, plane of the source) from the middle of the volume, `[row, column]` or
   * `[slice, row, column]` mm; default zeros.
   */
  readonly axisOffsetMm?: AxisOffset;
  /**
   * A detector that reaches much less far (10 % and two channels) on one side is `"auto"` weighted as displaced over a
   * full turn; `"weight"` and `"ignore"` decide for it. Default `"auto"`.
   */
  readonly detectorOffset?: DetectorOffsetMode;
}

/**
 * Prepares a filtered back-projection. The weighting follows from the angles: whole turns, more than a turn, short
 * scans of at least π + 2Γ with Γ the smaller of the detector's and the grid's half-angle (the object must then lie
 * within the fan of (range − π)/2), half turns of parallel rays; uneven angles by the trapezoid rule.
 *
 * @param geometry - parallel, fan-arc, fan-flat, cone-flat or cone-curved
 * @param gridGeometry - size and spacing count; the rotation axis lies in its middle, moved by `axisOffsetMm`
 * @throws ReconError `OUT_OF_RANGE`, `NON_FINITE`, `TOO_FEW_VIEWS`, `UNEVEN_ANGLES`, `INCOMPLETE_TURN`,
 *   `UNSUPPORTED_GEOMETRY`; CoreError `UNKNOWN_NAME` for a window
 * @remarks tomography.md §2.2, §2.3; Kak & Slaney 1988 ch. 3; Feldkamp, Davis & Kress 1984. Tested by the bias of every
 * geometry, the identities of the weights and closed forms of noise and sharpness.
 */
export function createFbpPlan(
  geometry: FbpGeometry,
  gridGeometry: GridGeometry,
  options: FbpPlanOptions = {},
): FbpPlan {
  checkFbpGeometry(geometry);
  checkGrid(gridGeometry);
  const oversampling = options.oversampling ?? 1;
  if (oversampling !== 1 && oversampling !== 2) {
    throw new ReconError("OUT_OF_RANGE", `oversampling ${oversampling} is neither 1 nor 2`);
  }
  const mode = options.detectorOffset ?? "auto";
  if (!["auto", "weight", "ignore"].includes(mode)) {
    throw new ReconError("OUT_OF_RANGE", `detectorOffset "${mode}" is none of auto, weight, ignore`);
  }
  const grid = createAxisGrid(gridGeometry, options.axisOffsetMm);
  if (geometry.kind !== "parallel" && getGridRadiusMm(grid) >= geometry.sourceToIsoMm) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `the grid reaches ${getGridRadiusMm(grid).toFixed(1)} mm from the axis, beyond the source at ${geometry.sourceToIsoMm} mm; make it smaller`,
    );
  }
  const line = createDetectorLine(geometry);
  const window = resolveRampWindow(options.window, options.cutoff);
  const { weights, scale, scan, isDisplaced, padding } = createViewWeights(geometry, line, grid, mode);
  const width = padding[0] + geometry.channels + padding[1];
  return {
    geometry,
    grid,
    preWeights: createPreWeights(geometry, line),
    ...(weights === undefined ? {} : { viewWeights: weights }),
    response: createRampResponse(line, width, window),
    fftLength: getFilterLength(width),
    padding,
    oversampling,
    samples: width * oversampling,
    centre: (line.centre + padding[0]) * oversampling,
    samplePitch: line.pitch / oversampling,
    rowCentre: line.rowCentre,
    rowPitchMm: line.rowPitchMm,
    scale,
    scan,
    isDisplaced,
  };
}

/** The window of a name or function, squeezed to `cutoff`. */
function resolveRampWindow(window: string | RampWindow = "ram-lak", cutoff = 1): RampWindow {
  return cutWindow(typeof window === "function" ? window : rampWindows.get(window), cutoff);
}

/**
 * Weights of the rays before filtering: 1 (parallel), D cosγ (arc), cosγ (flat), each times the cosine of the angle
 * between the ray and the plane of the source for cones (tomography.md §2.3).
 */
export function createPreWeights(geometry: FbpGeometry, line: DetectorLine): Float64Array {
  const { channels } = geometry;
  const rows = isConeGeometry(geometry) ? geometry.rows : 1;
  const weights = new Float64Array(rows * channels).fill(1);
  if (geometry.kind === "parallel") return weights;
  const { sourceToIsoMm, sourceToDetectorMm } = geometry;
  for (let r = 0; r < rows; r++) {
    const height = (r - line.rowCentre) * line.rowPitchMm;
    for (let c = 0; c < channels; c++) {
      const across = (c - line.centre) * line.pitch;
      weights[r * channels + c] = line.isAngular
        ? sourceToIsoMm *
          Math.cos(across) *
          (height === 0 ? 1 : sourceToDetectorMm / Math.hypot(sourceToDetectorMm, height))
        : sourceToIsoMm / Math.sqrt(sourceToIsoMm ** 2 + across ** 2 + height ** 2);
    }
  }
  return weights;
}

function checkGrid({ size, spacingMm }: GridGeometry): void {
  if (
    !size.every((n) => Number.isInteger(n) && n >= 1) ||
    !spacingMm.every((mm) => mm > 0 && Number.isFinite(mm))
  ) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `a grid of ${size.join(" × ")} voxels of ${spacingMm.join(" × ")} mm is none; sizes are integers ≥ 1, spacings above 0`,
    );
  }
}

/**
 * The part of a plan for some of its views. The sums of the parts over all views are the whole.
 *
 * @param start - first view
 * @param end - one past the last view
 */
export function selectPlanViews(plan: FbpPlan, start: number, end: number): FbpPlan {
  const { geometry, viewWeights } = plan;
  const views = Array.from({ length: end - start }, (_, k) => start + k);
  return {
    ...plan,
    geometry: selectViews(geometry, views),
    ...(viewWeights === undefined
      ? {}
      : { viewWeights: viewWeights.subarray(start * geometry.channels, end * geometry.channels) }),
  };
}

/**
 * The same plan for a run of neighbouring slices.
 *
 * @param start - first slice
 * @param end - one past the last slice
 */
export function selectPlanSlices(plan: FbpPlan, start: number, end: number): FbpPlan {
  const { grid } = plan;
  return {
    ...plan,
    grid: { ...grid, slices: end - start, firstSliceMm: grid.firstSliceMm + start * grid.sliceSpacingMm },
  };
}

/**
 * Detector rows `[first, end)` that the grid's voxels can meet in any view; the others need no filtering.
 * `[0, 1]` for planar geometries; empty when the slices lie beyond the detector.
 */
export function getPlanRows(plan: FbpPlan): readonly [number, number] {
  const { geometry, grid, rowCentre, rowPitchMm } = plan;
  if (geometry.kind !== "cone-flat" && geometry.kind !== "cone-curved") return [0, 1];
  const { sourceToIsoMm, sourceToDetectorMm, rows } = geometry;
  const radius = getGridRadiusMm(grid);
  // Largest and smallest magnification of a height onto the rows' place.
  const onto = geometry.kind === "cone-flat" ? sourceToIsoMm : sourceToDetectorMm;
  const largest = onto / (sourceToIsoMm - radius);
  const smallest = onto / (sourceToIsoMm + radius);
  const low = grid.firstSliceMm;
  const high = low + (grid.slices - 1) * grid.sliceSpacingMm;
  const lowRow = (low * (low < 0 ? largest : smallest)) / rowPitchMm + rowCentre;
  const highRow = (high * (high > 0 ? largest : smallest)) / rowPitchMm + rowCentre;
  // A hair wider, for kernels that compute places in float32.
  const first = Math.min(rows, Math.max(0, Math.floor(lowRow - 0.01)));
  return [first, Math.max(first, Math.min(rows, Math.floor(highRow + 0.01) + 2))];
}
