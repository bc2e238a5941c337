/**
 * Phantoms of materials as attenuation and HU at one energy: as a phantom of values, and as voxels.
 */
import type { GridGeometry, Volume } from "@alara/core";
import { computeMuPerMm } from "../materials/attenuation.ts";
import { materials } from "../materials/materials.ts";
import type { MaterialPhantom, ValuePhantom } from "./solid.ts";
import type { VoxelizeSolidsOptions } from "./solid-rows.ts";
import { voxelizeSolids } from "./voxelize-solids.ts";

/**
 * The phantom as an X-ray of one energy sees it.
 *
 * @returns values in 1/mm
 * @throws PhysicsError as `computeMuPerMm`
 */
export function evaluatePhantom(phantom: MaterialPhantom, energyKev: number): ValuePhantom {
  const values = new Map(
    phantom.solids.map(({ content }) => [content, computeMuPerMm(content, energyKev)] as const),
  );
  return {
    name: phantom.name,
    composition: "replace",
    solids: phantom.solids.map((solid) => ({ ...solid, content: values.get(solid.content) ?? 0 })),
  };
}

/**
 * Attenuation of a phantom at one energy.
 *
 * @returns mean of each voxel, `[slice][row][column]`; 0 outside
 * @throws PhysicsError as `computeMuPerMm` and `voxelizeSolids`
 */
export function voxelizeMu(
  phantom: MaterialPhantom,
  energyKev: number,
  geometry: GridGeometry,
  options: VoxelizeSolidsOptions = {},
): Volume<"1/mm"> {
  return voxelizeSolids(evaluatePhantom(phantom, energyKev), geometry, options);
}

/**
 * CT numbers of a phantom at one energy, 1000 (µ − µ_water)/µ_water: what a perfect scanner shows.
 *
 * @returns mean of each voxel, `[slice][row][column]`; −1000 outside
 * @throws PhysicsError as `computeMuPerMm` and `voxelizeSolids`
 */
export function voxelizeHu(
  phantom: MaterialPhantom,
  energyKev: number,
  geometry: GridGeometry,
  options: VoxelizeSolidsOptions = {},
): Volume<"HU"> {
  const { data } = voxelizeMu(phantom, energyKev, geometry, options);
  const muWater = computeMuPerMm(materials.get("water"), energyKev);
  for (let i = 0; i < data.length; i++) data[i] = 1000 * (data[i] / muWater - 1);
  return { unit: "HU", geometry, data };
}
