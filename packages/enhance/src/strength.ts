/**
 * Strength: how much of an enhancement to keep. A blend of two finished images, so changing it needs no
 * second run of the method.
 */
import type { Volume } from "@alara/core";
import { EnhanceError } from "./errors.ts";

/**
 * result = original + strength · (enhanced − original), per voxel.
 *
 * @param original - HU, `[slice][row][column]`
 * @param enhanced - the fully enhanced volume, same size
 * @param strength - 0 (the original, bit for bit) to 1 (the enhanced, bit for bit)
 * @throws EnhanceError `OUT_OF_RANGE` for another strength or volumes of different size
 * Tested: end points are exact, linear between.
 */
export function blendStrength(
  original: Volume<"HU">,
  enhanced: Volume<"HU">,
  strength: number,
): Volume<"HU"> {
  if (!(strength >= 0 && strength <= 1)) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `strength ${strength} is outside 0..1; 0 keeps the original, 1 is full effect`,
    );
  }
  if (original.data.length !== enhanced.data.length) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `cannot blend ${original.geometry.size.join(" × ")} with ${enhanced.geometry.size.join(" × ")} voxels`,
    );
  }
  if (strength === 0) return original;
  if (strength === 1) return enhanced;
  const data = new Float32Array(original.data.length);
  for (let i = 0; i < data.length; i++) {
    data[i] = original.data[i] + strength * (enhanced.data[i] - original.data[i]);
  }
  return { unit: "HU", geometry: original.geometry, data };
}
