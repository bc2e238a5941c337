/** Grids and values that the tests of volume formats share: axial, flipped, permuted, oblique, sheared, far, fine. */
import { createVolume, type GridGeometry, type Unit, type Vector3, type Volume } from "@alara/core";

/** Three perpendicular unit vectors turned about no axis in particular. */
function rotate(vector: Vector3): Vector3 {
  const turn = ([x, y]: readonly [number, number], angle: number): [number, number] => [
    Math.cos(angle) * x - Math.sin(angle) * y,
    Math.sin(angle) * x + Math.cos(angle) * y,
  ];
  const [x1, y1] = turn([vector[0], vector[1]], 0.4);
  const [y2, z2] = turn([y1, vector[2]], -0.3);
  const [z3, x3] = turn([z2, x1], 0.2);
  return [x3, y2, z3];
}

const X: Vector3 = [1, 0, 0];
const Y: Vector3 = [0, 1, 0];
const Z: Vector3 = [0, 0, 1];
const flip = ([x, y, z]: Vector3): Vector3 => [0 - x, 0 - y, 0 - z];

const TILT = 0.32;

/** Directions of slice, row and column. */
const DIRECTIONS: readonly (readonly [string, Vector3, Vector3, Vector3])[] = [
  ["axial", Z, Y, X],
  ["axial from above", flip(Z), Y, X],
  ["left to right", Z, Y, flip(X)],
  ["face down", Z, flip(Y), flip(X)],
  ["coronal", Y, flip(Z), X],
  ["sagittal", X, flip(Z), Y],
  ["permuted", Y, X, Z],
  ["all turned", flip(Y), flip(X), flip(Z)],
  ["oblique", rotate(Z), rotate(Y), rotate(X)],
  ["oblique, left-handed", flip(rotate(Z)), rotate(Y), rotate(X)],
  ["oblique, permuted", rotate(X), flip(rotate(Z)), rotate(Y)],
  ["half a turn", Z, flip(Y), X],
  ["tilted gantry", [0, Math.sin(TILT), Math.cos(TILT)], Y, X],
];

/** One grid of the table. */
export interface FormatCase {
  readonly name: string;
  readonly geometry: GridGeometry;
  readonly isSheared: boolean;
}

/** Every direction, with sizes, spacings and origins that differ by axis. */
export const FORMAT_CASES: readonly FormatCase[] = DIRECTIONS.map(([name, slice, row, column], i) => ({
  name,
  isSheared: name === "tilted gantry",
  geometry: {
    size: [2, 3, 4],
    spacingMm: i % 2 === 0 ? [2.5, 0.78125, 0.5859375] : [0.014, 0.0071, 0.0069],
    originMm: i % 3 === 0 ? [-154.5, 38.25, -1024.75] : [12.125, -250.5, 731.0625],
    direction: { slice, row, column },
  },
}));

/** Whole numbers from −1024 on, all different. */
export function createCaseVolume<U extends Unit>(unit: U, geometry: GridGeometry): Volume<U> {
  const [slices, rows, columns] = geometry.size;
  return createVolume(
    unit,
    geometry,
    Float32Array.from({ length: slices * rows * columns }, (_, i) => ((i * 37) % 251) * 13 - 1024),
  );
}
