/**
 * Where the channels of a scan lie on the line that is filtered: mm from the axis for parallel rays, mm on the virtual
 * detector through the axis for flat detectors, radians from the central ray for arcs (tomography.md §2.3). And
 * whether the geometry is one at all.
 */
import { type ConeGeometry, isConeGeometry, type PlanarGeometry } from "@alara/core";
import { ReconError } from "../errors.ts";

/** Geometries that filtered back-projection takes. */
export type FbpGeometry = PlanarGeometry | ConeGeometry;

/** The line of channels and rows of one view. */
export interface DetectorLine {
  /** Whether the channels are spaced by angle. */
  readonly isAngular: boolean;
  /** Distance of channels: rad or mm at the axis. */
  readonly pitch: number;
  /** Place of the central ray among the channels. */
  readonly centre: number;
  /** Distance of channels as seen at the axis, mm. */
  readonly pitchAtAxisMm: number;
  /** Distance of rows, mm: at the axis for flat detectors, at the detector for curved ones; 1 for planar scans. */
  readonly rowPitchMm: number;
  /** Place of the plane of the source among the rows; 0 for planar scans. */
  readonly rowCentre: number;
}

/** Resolves where channels and rows lie. Tested through the bias of every geometry. */
export function createDetectorLine(geometry: FbpGeometry): DetectorLine {
  const centre = (geometry.channels - 1) / 2 + geometry.channelOffset;
  if (geometry.kind === "parallel") {
    const pitch = geometry.channelPitchMm;
    return { isAngular: false, pitch, centre, pitchAtAxisMm: pitch, rowPitchMm: 1, rowCentre: 0 };
  }
  const isAngular = geometry.kind === "fan-arc" || geometry.kind === "cone-curved";
  const shrink = geometry.sourceToIsoMm / geometry.sourceToDetectorMm;
  const pitch = isAngular ? geometry.channelPitchRad : geometry.channelPitchMm * shrink;
  const pitchAtAxisMm = isAngular ? pitch * geometry.sourceToIsoMm : pitch;
  const hasRows = isConeGeometry(geometry);
  return {
    isAngular,
    pitch,
    centre,
    pitchAtAxisMm,
    rowPitchMm: hasRows ? geometry.rowPitchMm * (isAngular ? 1 : shrink) : 1,
    rowCentre: hasRows ? (geometry.rows - 1) / 2 + geometry.rowOffset : 0,
  };
}

/** Angle γ of a channel from the central ray, rad; 0 for parallel rays. The channel may be fractional. */
export function getFanAngleRad(geometry: FbpGeometry, line: DetectorLine, channel: number): number {
  const across = (channel - line.centre) * line.pitch;
  if (line.isAngular) return across;
  return geometry.kind === "parallel" ? 0 : Math.atan2(across, geometry.sourceToIsoMm);
}

/**
 * Refuses numbers that are no geometry.
 *
 * @throws ReconError `OUT_OF_RANGE`, `NON_FINITE`, `TOO_FEW_VIEWS`, `UNSUPPORTED_GEOMETRY`
 */
export function checkFbpGeometry(geometry: FbpGeometry): void {
  const kinds: readonly string[] = ["parallel", "fan-arc", "fan-flat", "cone-flat", "cone-curved"];
  if (!kinds.includes(geometry.kind)) {
    throw new ReconError(
      "UNSUPPORTED_GEOMETRY",
      `filtered back-projection knows ${kinds.join(", ")}, not "${geometry.kind}"; reconstruct scans with poses of their own iteratively`,
    );
  }
  const requirePositive = (name: string, value: number): void => {
    if (!(value > 0 && Number.isFinite(value))) {
      throw new ReconError("OUT_OF_RANGE", `${name} ${value} of the ${geometry.kind} scan is not above 0`);
    }
  };
  const requireCount = (name: string, value: number, least: number): void => {
    if (!(Number.isInteger(value) && value >= least)) {
      throw new ReconError("OUT_OF_RANGE", `${name} ${value} is not an integer ≥ ${least}`);
    }
  };
  const offsets =
    "rowOffset" in geometry ? [geometry.channelOffset, geometry.rowOffset] : [geometry.channelOffset];
  const broken = [...offsets, ...geometry.anglesRad].find((value) => !Number.isFinite(value));
  if (broken !== undefined) {
    throw new ReconError("NON_FINITE", `the ${geometry.kind} scan has an angle or offset of ${broken}`);
  }
  requireCount("channels", geometry.channels, 2);
  if (geometry.kind !== "parallel") {
    requirePositive("sourceToIsoMm", geometry.sourceToIsoMm);
    requirePositive("sourceToDetectorMm", geometry.sourceToDetectorMm);
  }
  if (isConeGeometry(geometry)) {
    requireCount("rows", geometry.rows, 1);
    requirePositive("rowPitchMm", geometry.rowPitchMm);
  }
  if (geometry.kind === "fan-arc" || geometry.kind === "cone-curved") {
    requirePositive("channelPitchRad", geometry.channelPitchRad);
    const line = createDetectorLine(geometry);
    const widest = Math.max(line.centre, geometry.channels - 1 - line.centre) * line.pitch;
    if (!(widest < Math.PI / 2)) {
      throw new ReconError(
        "OUT_OF_RANGE",
        `the arc reaches ${widest.toFixed(3)} rad from the central ray, which is not below π/2; check channelPitchRad (${geometry.channelPitchRad}) and channelOffset (${geometry.channelOffset})`,
      );
    }
  } else {
    requirePositive("channelPitchMm", geometry.channelPitchMm);
  }
  if (geometry.anglesRad.length < 3) {
    throw new ReconError(
      "TOO_FEW_VIEWS",
      `the scan has ${geometry.anglesRad.length} views; filtered back-projection needs at least 3 and hundreds for a picture`,
    );
  }
}
