/**
 * The grid and the plain image of a doubled matrix: what a network that doubles rows and columns is laid on, and what its
 * result is blended with. Linear, half-pixel, as the residual path of such networks (learn: resizeLinear). No enhancement.
 */
import { createVolume, type GridGeometry, getSliceData, type Volume } from "@alara/core";
import { PADDING_AS_HU, PADDING_BELOW_HU } from "./padding.ts";

/**
 * The grid with rows and columns cut into `factor` parts: the same field of view, so the centre of the first pixel moves
 * by ½ − 1/(2·factor) of a spacing towards the corner.
 *
 * @param factor - whole, ≥ 1
 * @returns the geometry itself for factor 1
 * Tested: corners stay where they are; equals `refineGrid` of `@alara/dicom`, which writes it into headers.
 */
export function refineInPlane(geometry: GridGeometry, factor: number): GridGeometry {
  if (factor === 1) return geometry;
  const { size, spacingMm, originMm, direction } = geometry;
  const share = 0.5 - 0.5 / factor;
  const move = (axis: number): number =>
    originMm[axis] - share * (spacingMm[1] * direction.row[axis] + spacingMm[2] * direction.column[axis]);
  return {
    size: [size[0], size[1] * factor, size[2] * factor],
    spacingMm: [spacingMm[0], spacingMm[1] / factor, spacingMm[2] / factor],
    originMm: [move(0), move(1), move(2)],
    direction,
  };
}

/**
 * Doubles a slice linearly: each new pixel is 9/16 its own old one, 3/16 each of the two nearest neighbours and 1/16 the
 * diagonal one; borders repeated. Pixels of padding stay as they are, and count as air for their neighbours.
 *
 * @param data - HU, `[row][column]`
 * @returns `[2·rows][2·columns]`
 * PyTorch `interpolate(scale_factor=2, mode="bilinear", align_corners=False)`.
 */
export function doubleSlice(data: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(4 * rows * columns);
  const read = (r: number, c: number): number => {
    const value = data[Math.max(0, Math.min(r, rows - 1)) * columns + Math.max(0, Math.min(c, columns - 1))];
    return value < PADDING_BELOW_HU ? PADDING_AS_HU : value;
  };
  for (let r = 0; r < 2 * rows; r++) {
    const row = r >> 1;
    const nextRow = row + ((r & 1) === 0 ? -1 : 1);
    for (let c = 0; c < 2 * columns; c++) {
      const column = c >> 1;
      const own = data[row * columns + column];
      const nextColumn = column + ((c & 1) === 0 ? -1 : 1);
      out[r * 2 * columns + c] =
        own < PADDING_BELOW_HU
          ? own
          : (9 * own + 3 * (read(nextRow, column) + read(row, nextColumn)) + read(nextRow, nextColumn)) / 16;
    }
  }
  return out;
}

/**
 * The volume on the grid of a method's result, not enhanced: the volume itself for scale 1, doubled linearly for 2.
 *
 * @param scale - `outputScale` of the method
 */
export function enlargeVolume(volume: Volume<"HU">, scale: number): Volume<"HU"> {
  if (scale === 1) return volume;
  const [slices, rows, columns] = volume.geometry.size;
  const out = createVolume("HU", refineInPlane(volume.geometry, scale));
  for (let s = 0; s < slices; s++) {
    getSliceData(out, s).set(doubleSlice(getSliceData(volume, s), rows, columns));
  }
  return out;
}
