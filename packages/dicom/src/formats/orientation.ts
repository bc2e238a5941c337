/**
 * From a file's axis vectors to a grid and back. Alara and DICOM count patient axes to the left, to the back and up
 * (LPS); NIfTI and some NRRD to the right, to the front and up (RAS): the first two coordinates change sign.
 */
import { crossVectors, dotVectors, type GridGeometry, type Vector3 } from "@alara/core";
import { DicomError } from "../errors.ts";

/** Turns LPS into RAS, and back. */
export function flipRasLps(vector: Vector3): Vector3 {
  return [negate(vector[0]), negate(vector[1]), vector[2]];
}

/** −x without negative zeros. */
function negate(x: number): number {
  return x === 0 ? 0 : -x;
}

/** Steps from a voxel to its neighbours along each index, in mm. */
export interface GridSteps {
  readonly slice: Vector3;
  readonly row: Vector3;
  readonly column: Vector3;
}

/** The steps of a grid: unit vectors times spacing. */
export function getGridSteps({ direction, spacingMm }: GridGeometry): GridSteps {
  return {
    slice: scale(direction.slice, spacingMm[0]),
    row: scale(direction.row, spacingMm[1]),
    column: scale(direction.column, spacingMm[2]),
  };
}

function scale(vector: Vector3, factor: number): Vector3 {
  return [vector[0] * factor, vector[1] * factor, vector[2] * factor];
}

/** Below this sine of the angles between its axes a grid is flat. */
const FLAT = 1e-4;

/**
 * A grid of the given steps, in LPS.
 *
 * @param size - `[slices, rows, columns]`
 * @throws DicomError `INVALID_VALUE` for steps that are not finite, have no length or lie in one plane
 */
export function createGridOfSteps(
  size: readonly [number, number, number],
  steps: GridSteps,
  originMm: Vector3,
): GridGeometry {
  const vectors = [steps.slice, steps.row, steps.column];
  const lengths = vectors.map((vector) => Math.hypot(...vector));
  const isUsable =
    lengths.every((length) => Number.isFinite(length) && length > 1e-9 && length < 1e9) &&
    originMm.every((value) => Number.isFinite(value) && Math.abs(value) < 1e12);
  if (!isUsable) {
    throw new DicomError(
      "INVALID_VALUE",
      `the grid's steps of ${lengths.join(", ")} mm and its origin must be finite, and the steps positive`,
    );
  }
  const [slice, row, column] = vectors.map((vector, i) => scale(vector, 1 / lengths[i]));
  if (!(Math.abs(dotVectors(slice, crossVectors(column, row))) > FLAT)) {
    throw new DicomError("INVALID_VALUE", "the grid's axes lie in one plane, so it has no volume");
  }
  return {
    size,
    spacingMm: [lengths[0], lengths[1], lengths[2]],
    originMm,
    direction: { slice, row, column },
  };
}

/** Whether the three axes are perpendicular within header rounding; a tilted gantry's are not. */
export function isOrthogonal({ direction }: GridGeometry): boolean {
  const { slice, row, column } = direction;
  return [dotVectors(slice, row), dotVectors(slice, column), dotVectors(row, column)].every(
    (value) => Math.abs(value) < 1e-3,
  );
}

/** A rotation as NIfTI writes it: quaternion with non-negative real part (a left out), and the sense of axis k. */
export interface Quaternion {
  readonly b: number;
  readonly c: number;
  readonly d: number;
  /** −1 when the axes are left-handed: the third is turned round. */
  readonly sense: 1 | -1;
}

/**
 * The quaternion of three perpendicular unit axes (nifti1.h, method 2).
 *
 * @param axes - directions of the first, second and third index
 */
export function computeQuaternion(axes: readonly [Vector3, Vector3, Vector3]): Quaternion {
  const [x, y] = axes;
  const sense = dotVectors(crossVectors(x, y), axes[2]) < 0 ? -1 : 1;
  const z = scale(axes[2], sense);
  // Column k of the rotation matrix is axis k. The largest of the four components keeps the division well behaved.
  const trace = x[0] + y[1] + z[2];
  let q: [number, number, number, number];
  if (trace > 0) {
    const s = 2 * Math.sqrt(1 + trace);
    q = [s / 4, (y[2] - z[1]) / s, (z[0] - x[2]) / s, (x[1] - y[0]) / s];
  } else if (x[0] >= y[1] && x[0] >= z[2]) {
    const s = 2 * Math.sqrt(Math.max(0, 1 + x[0] - y[1] - z[2]));
    q = [(y[2] - z[1]) / s, s / 4, (y[0] + x[1]) / s, (z[0] + x[2]) / s];
  } else if (y[1] >= z[2]) {
    const s = 2 * Math.sqrt(Math.max(0, 1 + y[1] - x[0] - z[2]));
    q = [(z[0] - x[2]) / s, (y[0] + x[1]) / s, s / 4, (z[1] + y[2]) / s];
  } else {
    const s = 2 * Math.sqrt(Math.max(0, 1 + z[2] - x[0] - y[1]));
    q = [(x[1] - y[0]) / s, (z[0] + x[2]) / s, (z[1] + y[2]) / s, s / 4];
  }
  const length = Math.hypot(...q) * (q[0] < 0 ? -1 : 1);
  return { b: q[1] / length, c: q[2] / length, d: q[3] / length, sense };
}

/**
 * The axes of a quaternion: what {@link computeQuaternion} inverts.
 *
 * @throws DicomError `INVALID_VALUE` when b² + c² + d² exceeds 1 by more than rounding
 */
export function expandQuaternion({ b, c, d, sense }: Quaternion): [Vector3, Vector3, Vector3] {
  const sum = b * b + c * c + d * d;
  if (!(sum <= 1 + 1e-4)) {
    throw new DicomError(
      "INVALID_VALUE",
      `the orientation's quaternion has b² + c² + d² = ${sum}, more than 1`,
    );
  }
  // With rounding above 1 the rotation is by half a turn: a = 0 and the vector part is normalised.
  const a = Math.sqrt(Math.max(0, 1 - sum));
  const norm = Math.hypot(a, b, c, d);
  const [qa, qb, qc, qd] = [a / norm, b / norm, c / norm, d / norm];
  return [
    [qa * qa + qb * qb - qc * qc - qd * qd, 2 * (qb * qc + qa * qd), 2 * (qb * qd - qa * qc)],
    [2 * (qb * qc - qa * qd), qa * qa + qc * qc - qb * qb - qd * qd, 2 * (qc * qd + qa * qb)],
    scale([2 * (qb * qd + qa * qc), 2 * (qc * qd - qa * qb), qa * qa + qd * qd - qc * qc - qb * qb], sense),
  ];
}

/** A single row or slice still has a place: missing axes get 1 mm perpendicular to the others. */
export function completeAxes(axes: readonly Vector3[]): [Vector3, Vector3, Vector3] {
  const [column, row, slice] = axes;
  const second: Vector3 = row ?? perpendicular(column);
  if (slice !== undefined) return [column, second, slice];
  const normal: Vector3 = [
    column[1] * second[2] - column[2] * second[1],
    column[2] * second[0] - column[0] * second[2],
    column[0] * second[1] - column[1] * second[0],
  ];
  const length = Math.hypot(...normal);
  return [column, second, [normal[0] / length, normal[1] / length, normal[2] / length]];
}

function perpendicular([x, y, z]: Vector3): Vector3 {
  const length = Math.hypot(x, y);
  return length > 1e-6 * Math.abs(z) ? [-y / length, x / length, 0] : [1, 0, 0];
}
