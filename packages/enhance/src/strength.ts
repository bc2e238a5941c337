/**
 * Strength: how much of an enhancement to keep. For most methods a blend of two finished images, so changing it needs no
 * second run of the method; for those that learned strengths, an input of the network.
 */
import type { EnhanceOptions, Enhancer, Volume } from "@alara/core";
import { enlargeVolume } from "./enlargement.ts";
import { EnhanceError } from "./errors.ts";

/** Throws `OUT_OF_RANGE` unless 0 ≤ strength ≤ 1. */
export function checkStrength(strength: number): void {
  if (!(strength >= 0 && strength <= 1)) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `strength ${strength} is outside 0..1; 0 keeps the original, 1 is full effect`,
    );
  }
}

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
  checkStrength(strength);
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

/**
 * Enhances at a strength, in whatever way the method knows strengths: one with `strengthKind` `"trained"` is given it,
 * the results of all others are blended.
 *
 * @param strength - 0: the input, bit for bit, without a run (for methods with `outputScale` 2 the input doubled
 *   linearly, see `enlargeVolume`); 1: full effect
 * @throws EnhanceError `OUT_OF_RANGE` and as the method
 */
export async function enhanceAtStrength(
  enhancer: Enhancer,
  volume: Volume<"HU">,
  strength: number,
  options: Omit<EnhanceOptions, "strength"> = {},
): Promise<Volume<"HU">> {
  checkStrength(strength);
  const { outputScale = 1, strengthKind = "blend" } = enhancer.description;
  if (strength === 0) return enlargeVolume(volume, outputScale);
  if (strengthKind === "trained") return enhancer.enhance(volume, { ...options, strength });
  const full = await enhancer.enhance(volume, options);
  return strength === 1 ? full : blendStrength(enlargeVolume(volume, outputScale), full, strength);
}
