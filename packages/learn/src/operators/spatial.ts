/** Walks over the spatial axes of [N, C, rows, columns] and [N, C, slices, rows, columns], shared by the resamplers. */
import type { Tensor } from "../tensor.ts";
import { computeStrides, forEachStrided } from "./structure.ts";

/** One number for all spatial axes, or one per axis. */
export type SpatialSizes = number | readonly number[];

/** One number per spatial axis. */
export function toSpatialList(input: Tensor, sizes: SpatialSizes): readonly number[] {
  return typeof sizes === "number" ? input.shape.slice(2).map(() => sizes) : sizes;
}

/** Visits (fine position, coarse position) for every element of every window, in row-major order of both. */
export function forEachCellOf(
  fine: readonly number[],
  coarse: readonly number[],
  window: { readonly size: readonly number[]; readonly stride: readonly number[] },
  visit: (fine: number, coarse: number) => void,
): void {
  const strides = computeStrides(fine);
  const steps = strides.map((stride, axis) => (axis < 2 ? stride : stride * window.stride[axis - 2]));
  forEachStrided(coarse, steps, 0, (origin, linear) => {
    forEachStrided(window.size, strides.slice(2), origin, (position) => visit(position, linear));
  });
}
