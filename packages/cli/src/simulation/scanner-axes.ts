/**
 * Volumes with their axes as a scanner has them: slices towards the head (+z), rows towards the back (+y), columns
 * towards the patient's left (+x). Axes are exchanged and turned over, never resampled.
 */
import type { GridGeometry, Vector3, Volume } from "@alara/core";

/** A volume along the scanner's axes. */
export interface AlignedVolume<V extends Volume> {
  readonly volume: V;
  /** How far its axes still lean away, rad. */
  readonly leanRad: number;
}

const AXES = ["slice", "row", "column"] as const;

/**
 * Exchanges and turns over the axes of a volume until each lies nearest to the scanner's.
 *
 * @returns the same volume when nothing is to be done
 * Tested: the same object stored in other orders gives the same scan.
 */
export function alignToScanner<V extends Volume>(volume: V): AlignedVolume<V> {
  const { size, spacingMm, originMm, direction } = volume.geometry;
  const vectors = AXES.map((axis) => direction[axis]);
  // For slices, rows and columns of the result: the old axis that runs most along z, y and x.
  const free = new Set([0, 1, 2]);
  const sources = [2, 1, 0].map((world) => {
    const [best] = [...free].sort((a, b) => Math.abs(vectors[b][world]) - Math.abs(vectors[a][world]));
    free.delete(best);
    return { axis: best, isTurned: vectors[best][world] < 0, along: Math.abs(vectors[best][world]) };
  });
  const leanRad = Math.acos(Math.min(1, Math.min(...sources.map(({ along }) => along))));
  if (sources.every(({ axis, isTurned }, i) => axis === i && !isTurned)) return { volume, leanRad };

  const strides = [size[1] * size[2], size[2], 1];
  const steps = sources.map(({ axis, isTurned }) => (isTurned ? -strides[axis] : strides[axis]));
  let start = 0;
  const origin: [number, number, number] = [...originMm];
  for (const { axis, isTurned } of sources) {
    if (!isTurned) continue;
    start += (size[axis] - 1) * strides[axis];
    for (const i of [0, 1, 2]) origin[i] += (size[axis] - 1) * spacingMm[axis] * vectors[axis][i];
  }
  const pick = (list: readonly number[]): [number, number, number] => [
    list[sources[0].axis],
    list[sources[1].axis],
    list[sources[2].axis],
  ];
  const turn = ({ axis, isTurned }: (typeof sources)[number]): Vector3 => {
    const [x, y, z] = vectors[axis];
    return isTurned ? [-x, -y, -z] : [x, y, z];
  };
  const geometry: GridGeometry = {
    size: pick(size),
    spacingMm: pick(spacingMm),
    originMm: origin,
    direction: { slice: turn(sources[0]), row: turn(sources[1]), column: turn(sources[2]) },
  };
  const data = new Float32Array(volume.data.length);
  let at = 0;
  for (let s = 0; s < geometry.size[0]; s++) {
    for (let r = 0; r < geometry.size[1]; r++) {
      let from = start + s * steps[0] + r * steps[1];
      for (let c = 0; c < geometry.size[2]; c++, from += steps[2]) data[at++] = volume.data[from];
    }
  }
  return { volume: { ...volume, geometry, data }, leanRad };
}
