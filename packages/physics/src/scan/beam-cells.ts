/**
 * How the beam meets a detector cell: ray angle, cone angle, distance and obliquity, from the geometry. Parallel
 * rays have no source: they count as meeting cells head-on at 1 m.
 */
import { isConeGeometry, POSE_LENGTH, type ScanGeometry } from "@alara/core";

/** Beam at the centre of a cell. */
export interface BeamCell {
  /** Angle γ from the central ray in the plane across z; 0 for parallel rays. */
  gammaRad: number;
  /** Cosine of the angle to the plane of the source. */
  coneCosine: number;
  /** Source to cell, mm. */
  distanceMm: number;
  /** Cosine of the angle between ray and detector normal. */
  obliquityCosine: number;
}

/** Whether the beam at a cell is the same in every view. */
export function hasFixedBeam(geometry: ScanGeometry): boolean {
  return geometry.kind !== "posed";
}

/** Area of a cell, mm²; `rowHeightMm` stands in for the row pitch of planar geometries. */
export function getCellAreaMm2(geometry: ScanGeometry, rowHeightMm: number): number {
  switch (geometry.kind) {
    case "parallel":
    case "fan-flat":
      return geometry.channelPitchMm * rowHeightMm;
    case "fan-arc":
      return geometry.channelPitchRad * geometry.sourceToDetectorMm * rowHeightMm;
    case "cone-flat":
      return geometry.channelPitchMm * geometry.rowPitchMm;
    case "cone-curved":
      return geometry.channelPitchRad * geometry.sourceToDetectorMm * geometry.rowPitchMm;
    case "posed": {
      const { poses } = geometry;
      return Math.hypot(poses[6], poses[7], poses[8]) * Math.hypot(poses[9], poses[10], poses[11]);
    }
  }
}

/** The beam where the central ray meets the detector. */
export function getCentralCell(geometry: ScanGeometry): BeamCell {
  let distanceMm = 1000;
  if (geometry.kind === "posed") {
    distanceMm = measurePosedCell(geometry.poses, 0, null).distanceMm;
  } else if (geometry.kind !== "parallel") {
    distanceMm = geometry.sourceToDetectorMm;
  }
  return { gammaRad: 0, coneCosine: 1, distanceMm, obliquityCosine: 1 };
}

/** Computes the beam at a cell; row and channel may be fractional. */
export function computeBeamCell(
  geometry: ScanGeometry,
  view: number,
  row: number,
  channel: number,
): BeamCell {
  if (geometry.kind === "parallel") {
    return { gammaRad: 0, coneCosine: 1, distanceMm: 1000, obliquityCosine: 1 };
  }
  if (geometry.kind === "posed") {
    return measurePosedCell(geometry.poses, view, [
      channel - (geometry.channels - 1) / 2,
      row - (geometry.rows - 1) / 2,
    ]);
  }
  const { sourceToDetectorMm } = geometry;
  const across = channel - (geometry.channels - 1) / 2 - geometry.channelOffset;
  const hasRows = isConeGeometry(geometry);
  const v = hasRows ? (row - (geometry.rows - 1) / 2 - geometry.rowOffset) * geometry.rowPitchMm : 0;
  if (geometry.kind === "fan-flat" || geometry.kind === "cone-flat") {
    const u = across * geometry.channelPitchMm;
    const inPlane = Math.hypot(sourceToDetectorMm, u);
    const distanceMm = Math.hypot(inPlane, v);
    return {
      gammaRad: Math.atan2(u, sourceToDetectorMm),
      coneCosine: inPlane / distanceMm,
      distanceMm,
      obliquityCosine: sourceToDetectorMm / distanceMm,
    };
  }
  const distanceMm = Math.hypot(sourceToDetectorMm, v);
  const cosine = sourceToDetectorMm / distanceMm;
  return {
    gammaRad: across * geometry.channelPitchRad,
    coneCosine: cosine,
    distanceMm,
    obliquityCosine: cosine,
  };
}

/** The beam at a cell of a posed detector (steps from its middle), or at the foot of its perpendicular (null). */
function measurePosedCell(
  poses: Float64Array,
  view: number,
  cell: readonly [number, number] | null,
): BeamCell {
  const p = view * POSE_LENGTH;
  const step = (at: number): [number, number, number] => [
    poses[p + at],
    poses[p + at + 1],
    poses[p + at + 2],
  ];
  const source = step(0);
  const centre = step(3);
  const across = step(6);
  const up = step(9);
  const normal = [
    across[1] * up[2] - across[2] * up[1],
    across[2] * up[0] - across[0] * up[2],
    across[0] * up[1] - across[1] * up[0],
  ];
  const size = Math.hypot(normal[0], normal[1], normal[2]);
  const dot = (a: readonly number[], b: readonly number[]): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const [c, r] = cell ?? [0, 0];
  const toCell = [0, 1, 2].map((i) => centre[i] + c * across[i] + r * up[i] - source[i]);
  const depth = Math.abs(dot(toCell, normal)) / size;
  if (cell === null) return { gammaRad: 0, coneCosine: 1, distanceMm: depth, obliquityCosine: 1 };
  const distanceMm = Math.hypot(toCell[0], toCell[1], toCell[2]);
  const lateral = dot(toCell, across) / Math.hypot(across[0], across[1], across[2]);
  return {
    gammaRad: Math.atan2(lateral, depth),
    coneCosine: Math.hypot(lateral, depth) / distanceMm,
    distanceMm,
    obliquityCosine: depth / distanceMm,
  };
}
