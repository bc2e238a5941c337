/**
 * What a measured scan of a third-generation scanner is before rebinning: views with their own angle, height and focal
 * spot, in the conventions of core's scan-geometry.ts. `CtProjections` of `@alara/dicom` has this shape.
 */
import { type ConeGeometry, createSinogram, type Sinogram } from "@alara/core";
import { unwrapAngles } from "../analytic/view-sampling.ts";
import { ReconError } from "../errors.ts";

/** See the file's comment. */
export interface HelicalScan {
  readonly facts: {
    readonly detectorShape: "CYLINDRICAL" | "FLAT";
    readonly rows: number;
    readonly channels: number;
    /** At the detector, mm. */
    readonly channelSpacingMm: number;
    readonly rowSpacingMm: number;
    /** Centre of the detector's arc to the axis ρ0, mm. */
    readonly sourceToIsoMm: number;
    /** Centre of the arc to the detector d0, mm. */
    readonly sourceToDetectorMm: number;
    /** Place of the central ray among the channels and of the source's plane among the rows, from 0. */
    readonly centralChannel: number;
    readonly centralRow: number;
  };
  readonly views: number;
  /** Angle β of each view, rad; may jump by 2π. */
  readonly anglesRad: Float64Array;
  /** Height of the arc's centre, mm. */
  readonly heightsMm: Float64Array;
  /** Focal spot from the arc's centre: Δφ rad, Δz mm, Δρ mm, `[view][3]`. */
  readonly focalSpotShifts: Float64Array;
  /** Line integrals `[view][row][channel]`. */
  readonly data: Float32Array;
}

/** @throws ReconError `SHAPE_MISMATCH`, `NON_FINITE`, `OUT_OF_RANGE` */
export function checkHelicalScan(scan: HelicalScan): void {
  const { rows, channels } = scan.facts;
  const expected = scan.views * rows * channels;
  if (
    scan.data.length !== expected ||
    scan.anglesRad.length !== scan.views ||
    scan.heightsMm.length !== scan.views ||
    scan.focalSpotShifts.length !== 3 * scan.views
  ) {
    throw new ReconError(
      "SHAPE_MISMATCH",
      `${scan.data.length} samples, ${scan.anglesRad.length} angles, ${scan.heightsMm.length} heights, ${scan.focalSpotShifts.length} shifts do not fit ${scan.views} views of ${rows} × ${channels}`,
    );
  }
  for (const list of [scan.anglesRad, scan.heightsMm, scan.focalSpotShifts, scan.data]) {
    for (let i = 0; i < list.length; i++) {
      if (!Number.isFinite(list[i]))
        throw new ReconError("NON_FINITE", `number ${i} of the scan is ${list[i]}`);
    }
  }
  if (scan.views < 2) throw new ReconError("OUT_OF_RANGE", `${scan.views} views are no scan`);
}

/** Largest table movement of a scan that counts as standing still, mm. */
const STILL_MM = 0.01;

/** Whether the table stands still and the focal spot does not fly. */
export function isCircularScan(scan: HelicalScan): boolean {
  const { heightsMm, focalSpotShifts } = scan;
  return (
    heightsMm.every((height) => Math.abs(height - heightsMm[0]) <= STILL_MM) &&
    focalSpotShifts.every((shift) => Math.abs(shift) < 1e-6)
  );
}

/**
 * A scan without table movement as a cone-beam sinogram; nothing is resampled.
 *
 * @throws ReconError `UNSUPPORTED_GEOMETRY` when the table moves or the focal spot flies: use `rebinHelicalScan`
 */
export function createCircularSinogram(scan: HelicalScan): Sinogram<"line integral", ConeGeometry> {
  checkHelicalScan(scan);
  if (!isCircularScan(scan)) {
    throw new ReconError(
      "UNSUPPORTED_GEOMETRY",
      "the table moves or the focal spot flies during this scan; rebin it (rebinHelicalScan)",
    );
  }
  const { facts } = scan;
  const common = {
    sourceToIsoMm: facts.sourceToIsoMm,
    sourceToDetectorMm: facts.sourceToDetectorMm,
    channels: facts.channels,
    channelOffset: facts.centralChannel - (facts.channels - 1) / 2,
    rows: facts.rows,
    rowPitchMm: facts.rowSpacingMm,
    rowOffset: facts.centralRow - (facts.rows - 1) / 2,
    anglesRad: unwrapAngles(scan.anglesRad),
  };
  const geometry: ConeGeometry =
    facts.detectorShape === "FLAT"
      ? { kind: "cone-flat", ...common, channelPitchMm: facts.channelSpacingMm }
      : {
          kind: "cone-curved",
          ...common,
          channelPitchRad: facts.channelSpacingMm / facts.sourceToDetectorMm,
        };
  return createSinogram("line integral", geometry, 1, scan.data);
}
