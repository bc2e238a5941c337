/**
 * Voxel phantoms: a volume of HU segmented into materials, each voxel one material or a mixture of two, so that its
 * attenuation at the reference energy is exactly the HU it came from. Borders after Schneider, Bortfeld & Schlegel
 * 2000 (doi 10.1088/0031-9155/45/2/314); their 24 tissues are reduced to air, lung, fat, soft tissue and bone.
 * What HU alone cannot tell (iodine from bone, metal from enamel) is told by masks and thresholds.
 */
import { countVoxels, createVolume, type GridGeometry, type Volume } from "@alara/core";
import { PhysicsError } from "../errors.ts";
import { computeMuPerMm } from "../materials/attenuation.ts";
import type { Material } from "../materials/material.ts";
import { materials } from "../materials/materials.ts";

/** A volume of materials. */
export interface VoxelPhantom {
  readonly name: string;
  readonly geometry: GridGeometry;
  /** Energy at which the attenuation equals the HU it was made from, keV. */
  readonly referenceEnergyKev: number;
  readonly materials: readonly Material[];
  /** Per voxel: number of its first material. */
  readonly firstMaterials: Uint8Array;
  /** Per voxel: amount of it, 1 at the material's own density. */
  readonly firstAmounts: Float32Array;
  /** Per voxel: number of its second material; its amount may be 0. */
  readonly secondMaterials: Uint8Array;
  readonly secondAmounts: Float32Array;
}

/** Options of {@link createVoxelPhantom}. */
export interface VoxelPhantomOptions {
  readonly name?: string;
  /** Energy at which HU are met, keV; default 70 (effective energy of 120 kV behind a body). */
  readonly referenceEnergyKev?: number;
  /**
   * `"mixture"` (default) goes over from one tissue to the next by volume shares, as partial volumes do;
   * `"classes"` gives each voxel one tissue of scaled density.
   */
  readonly method?: "mixture" | "classes";
  /** Below: air; default −950 HU (Schneider 2000). */
  readonly airHu?: number;
  /** Below: lung of scaled density; default −120 HU (Schneider 2000). Kept 10 HU under fat. */
  readonly lungHu?: number;
  /** Above: bone; default 120 HU (Schneider 2000). */
  readonly boneHu?: number;
  /** From here on: metal; default 3000 HU (enamel ends about there). */
  readonly metalHu?: number;
  /** Default titanium. */
  readonly metal?: Material;
  /** `[slice][row][column]`, not 0 where a voxel holds blood with iodine; default none. */
  readonly contrastMask?: ArrayLike<number>;
  /** `[slice][row][column]`, not 0 where a voxel is metal whatever its HU; default none. */
  readonly metalMask?: ArrayLike<number>;
}

/** A point of the segmentation: at this HU the voxel is all of one material. */
interface Node {
  readonly hu: number;
  readonly material: number;
  readonly amount: number;
}

const TISSUES = ["air", "lung", "adipose", "soft-tissue", "cortical-bone", "blood", "iodine"] as const;
const [AIR, LUNG, FAT, SOFT, BONE, BLOOD, IODINE, METAL] = [0, 1, 2, 3, 4, 5, 6, 7];

/**
 * Segments a volume of HU into materials.
 *
 * With `"mixture"`, amounts are linear in HU between nodes: nothing at −1000, air at its own HU, lung from `airHu` to
 * `lungHu` by density, fat and soft tissue at their own HU, soft tissue of raised density at `boneHu`, cortical bone
 * at its own HU and above by density.
 *
 * @throws PhysicsError `NON_FINITE`, `OUT_OF_RANGE`, `SHAPE_MISMATCH`, `ENERGY_OUT_OF_TABLE`
 * @remarks 10 bytes per voxel; large volumes go slab by slab. HU below −1000 are nothing.
 * Tested: HU come back to 0.01 HU at the reference energy and are those of the materials at others.
 */
export function createVoxelPhantom(volume: Volume<"HU">, options: VoxelPhantomOptions = {}): VoxelPhantom {
  const {
    name = "voxel phantom",
    referenceEnergyKev = 70,
    method = "mixture",
    airHu = -950,
    boneHu = 120,
    metalHu = 3000,
    metal = materials.get("titanium"),
    contrastMask,
    metalMask,
  } = options;
  const all: Material[] = [...TISSUES.map((tissue) => materials.get(tissue)), metal];
  const water = computeMuPerMm(materials.get("water"), referenceEnergyKev);
  // Attenuation in units of water's: 1 + HU/1000.
  const relative = all.map((material) => computeMuPerMm(material, referenceEnergyKev) / water);
  const ownHu = relative.map((value) => 1000 * (value - 1));
  const lungHu = Math.min(options.lungHu ?? -120, ownHu[FAT] - 10);
  const borders = [ownHu[AIR], airHu, lungHu, boneHu, metalHu];
  if (
    !borders.every((hu, i) => Number.isFinite(hu) && (i === 0 || hu > borders[i - 1])) ||
    boneHu <= ownHu[SOFT]
  ) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `borders air ${airHu}, lung ${lungHu}, bone ${boneHu}, metal ${metalHu} HU must ascend from ${ownHu[AIR].toFixed(0)} HU with bone above ${ownHu[SOFT].toFixed(0)} HU`,
    );
  }
  for (const [mask, label] of [
    [contrastMask, "contrastMask"],
    [metalMask, "metalMask"],
  ] as const) {
    if (mask && mask.length !== volume.data.length) {
      throw new PhysicsError(
        "SHAPE_MISMATCH",
        `${label} has ${mask.length} voxels but the volume ${volume.data.length}; pass one per voxel`,
      );
    }
  }
  const scaled = (hu: number, material: number): Node => ({
    hu,
    material,
    amount: (1 + hu / 1000) / relative[material],
  });
  const nodes: Node[] = [
    { hu: -1000, material: AIR, amount: 0 },
    scaled(ownHu[AIR], AIR),
    scaled(airHu, LUNG),
    scaled(lungHu, LUNG),
    scaled(ownHu[FAT], FAT),
    scaled(ownHu[SOFT], SOFT),
    scaled(boneHu, SOFT),
  ];
  if (ownHu[BONE] > boneHu) nodes.push(scaled(ownHu[BONE], BONE));
  nodes.push(scaled(Math.max(metalHu, ownHu[BONE]) + 1, BONE));
  // Hard classes end where the tissues' own HU meet in the middle, except for the borders given.
  const classEnds: readonly (readonly [number, number])[] = [
    [airHu, AIR],
    [lungHu, LUNG],
    [(ownHu[FAT] + ownHu[SOFT]) / 2, FAT],
    [boneHu, SOFT],
    [Number.POSITIVE_INFINITY, BONE],
  ];

  const count = countVoxels(volume.geometry);
  const firstMaterials = new Uint8Array(count);
  const secondMaterials = new Uint8Array(count);
  const firstAmounts = new Float32Array(count);
  const secondAmounts = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const hu = volume.data[i];
    if (!Number.isFinite(hu)) {
      throw new PhysicsError("NON_FINITE", `voxel ${i} is ${hu}; replace padding by −1000 HU first`);
    }
    const value = 1 + hu / 1000;
    if (value <= 0) continue;
    if (hu >= metalHu || (metalMask && metalMask[i] !== 0)) {
      firstMaterials[i] = METAL;
      secondMaterials[i] = METAL;
      firstAmounts[i] = value / relative[METAL];
    } else if (contrastMask && contrastMask[i] !== 0) {
      const excess = Math.max(0, value - relative[BLOOD]);
      firstMaterials[i] = BLOOD;
      firstAmounts[i] = (value - excess) / relative[BLOOD];
      secondMaterials[i] = IODINE;
      secondAmounts[i] = excess / relative[IODINE];
    } else if (method === "classes") {
      let k = 0;
      while (hu >= classEnds[k][0]) k++;
      const material = classEnds[k][1];
      firstMaterials[i] = material;
      secondMaterials[i] = material;
      firstAmounts[i] = value / relative[material];
    } else {
      let k = 1;
      while (k < nodes.length - 1 && hu >= nodes[k].hu) k++;
      const low = nodes[k - 1];
      const high = nodes[k];
      const share = (hu - low.hu) / (high.hu - low.hu);
      firstMaterials[i] = low.material;
      secondMaterials[i] = high.material;
      firstAmounts[i] = low.amount * (1 - share);
      secondAmounts[i] = high.amount * share;
    }
  }
  return dropUnused({
    name,
    geometry: volume.geometry,
    referenceEnergyKev,
    materials: all,
    firstMaterials,
    firstAmounts,
    secondMaterials,
    secondAmounts,
  });
}

/** Leaves out materials that no voxel holds. */
function dropUnused(phantom: VoxelPhantom): VoxelPhantom {
  const { firstMaterials, firstAmounts, secondMaterials, secondAmounts } = phantom;
  const isUsed = phantom.materials.map(() => false);
  for (let i = 0; i < firstMaterials.length; i++) {
    if (firstAmounts[i] > 0) isUsed[firstMaterials[i]] = true;
    if (secondAmounts[i] > 0) isUsed[secondMaterials[i]] = true;
  }
  const kept = phantom.materials.filter((_, k) => isUsed[k]);
  const numbers = Uint8Array.from(phantom.materials, (material, k) =>
    isUsed[k] ? kept.indexOf(material) : 0,
  );
  for (let i = 0; i < firstMaterials.length; i++) {
    firstMaterials[i] = numbers[firstMaterials[i]];
    secondMaterials[i] = numbers[secondMaterials[i]];
  }
  return { ...phantom, materials: kept };
}

/**
 * How much of one material each voxel holds, 1 at the material's own density.
 *
 * @param material - its number in `phantom.materials`
 * @param out - receives `[slice][row][column]`; default a new array
 * @throws PhysicsError `OUT_OF_RANGE`, `SHAPE_MISMATCH`
 */
export function getMaterialAmounts<A extends Float32Array | Float64Array = Float32Array>(
  phantom: VoxelPhantom,
  material: number,
  out: A = new Float32Array(phantom.firstAmounts.length) as A,
): A {
  if (!(Number.isInteger(material) && material >= 0 && material < phantom.materials.length)) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `material ${material} is not one of 0..${phantom.materials.length - 1}`,
    );
  }
  if (out.length !== phantom.firstAmounts.length) {
    throw new PhysicsError(
      "SHAPE_MISMATCH",
      `out has ${out.length} samples but the phantom ${phantom.firstAmounts.length} voxels`,
    );
  }
  const { firstMaterials, firstAmounts, secondMaterials, secondAmounts } = phantom;
  for (let i = 0; i < out.length; i++) {
    out[i] =
      (firstMaterials[i] === material ? firstAmounts[i] : 0) +
      (secondMaterials[i] === material ? secondAmounts[i] : 0);
  }
  return out;
}

/**
 * What an ideal monoenergetic scan at any energy would show: µ = Σ amount · µ(E).
 *
 * @throws PhysicsError `ENERGY_OUT_OF_TABLE`
 */
export function computeVoxelHu(phantom: VoxelPhantom, energyKev: number): Volume<"HU"> {
  const water = computeMuPerMm(materials.get("water"), energyKev);
  const relative = phantom.materials.map((material) => computeMuPerMm(material, energyKev) / water);
  const volume = createVolume("HU", phantom.geometry);
  const { firstMaterials, firstAmounts, secondMaterials, secondAmounts } = phantom;
  for (let i = 0; i < volume.data.length; i++) {
    const value =
      firstAmounts[i] * (relative[firstMaterials[i]] ?? 0) +
      secondAmounts[i] * (relative[secondMaterials[i]] ?? 0);
    volume.data[i] = 1000 * (value - 1);
  }
  return volume;
}
