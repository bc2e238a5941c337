/**
 * Voxels of phantoms of solids: attenuation, HU at an energy, shares of each material, and which solid lies where.
 * Voxel values are means over the voxel, as a perfect scanner without blur would give.
 */
import { countVoxels, createVolume, type GridGeometry, type Volume } from "@alara/core";
import { PhysicsError } from "../errors.ts";
import type { Material } from "../materials/material.ts";
import type { MaterialPhantom, SolidPhantom, SolidShape, ValuePhantom } from "./solid.ts";
import { addSpan, type RowVisitor, type VoxelizeSolidsOptions, walkSolidRows } from "./solid-rows.ts";
import { listMaterials } from "./trace-solids.ts";

/** The first slice in all others, for phantoms that are the same in every slice. */
function repeatFirstSlice(data: Float32Array | Int32Array, slices: number, walked: number): void {
  const plane = data.length / slices;
  for (let slice = walked; slice < slices; slice++) data.copyWithin(slice * plane, 0, plane);
}

/**
 * Voxelises a phantom of values.
 *
 * @returns mean value of each voxel, `[slice][row][column]`; 0 outside
 * @throws PhysicsError `OUT_OF_RANGE` for options or solids that are none, `NON_FINITE` for values
 * Tested: mass against exact line integrals for every registered phantom, volumes of balls and boxes.
 */
export function voxelizeSolids(
  phantom: ValuePhantom,
  geometry: GridGeometry,
  options: VoxelizeSolidsOptions = {},
): Volume<"1/mm"> {
  const volume = createVolume("1/mm", geometry);
  const values = phantom.solids.map((solid) => solid.content);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new PhysicsError("NON_FINITE", `solid ${bad} of "${phantom.name}" has the value ${values[bad]}`);
  }
  const row = new Float64Array(geometry.size[2]);
  const { slicesWalked } = walkSolidRows(phantom, geometry, options, (lines): RowVisitor => {
    return {
      visitPiece: (solid, from, to) => addSpan(row, from, to, values[solid]),
      finishRow(at) {
        for (let i = 0; i < row.length; i++) volume.data[at + i] = row[i] / lines;
        row.fill(0);
      },
    };
  });
  repeatFirstSlice(volume.data, geometry.size[0], slicesWalked);
  return volume;
}

/** How much of each voxel is filled with which material. */
export interface MaterialFractions {
  readonly materials: readonly Material[];
  /** Per material: share 0–1 of each voxel, `[slice][row][column]`. What is missing to 1 is nothing. */
  readonly fractions: readonly Float32Array[];
}

/**
 * Share of each material in each voxel; takes 4 bytes per voxel and material.
 *
 * @throws PhysicsError as {@link voxelizeSolids}
 */
export function computeMaterialFractions(
  phantom: MaterialPhantom,
  geometry: GridGeometry,
  options: VoxelizeSolidsOptions = {},
): MaterialFractions {
  const materials = listMaterials(phantom);
  const materialOf = phantom.solids.map((solid) => materials.indexOf(solid.content));
  const fractions = materials.map(() => new Float32Array(countVoxels(geometry)));
  const rows = materials.map(() => new Float64Array(geometry.size[2]));
  const { slicesWalked } = walkSolidRows(phantom, geometry, options, (lines): RowVisitor => {
    return {
      visitPiece: (solid, from, to) => addSpan(rows[materialOf[solid]], from, to, 1 / lines),
      finishRow(at) {
        rows.forEach((row, m) => {
          fractions[m].set(row, at);
          row.fill(0);
        });
      },
    };
  });
  for (const data of fractions) repeatFirstSlice(data, geometry.size[0], slicesWalked);
  return { materials, fractions };
}

/**
 * Which solid lies at the centre of each voxel: its number in `phantom.solids`, −1 for none; of several, the last.
 *
 * @throws PhysicsError `OUT_OF_RANGE`
 */
export function labelSolids(
  phantom: SolidPhantom<unknown>,
  geometry: GridGeometry,
  options: Omit<VoxelizeSolidsOptions, "subsamples"> = {},
): Int32Array {
  const labels = new Int32Array(countVoxels(geometry)).fill(-1);
  const row = new Int32Array(geometry.size[2]).fill(-1);
  const { slicesWalked } = walkSolidRows(
    phantom,
    geometry,
    { ...options, subsamples: 1 },
    (): RowVisitor => ({
      visitPiece(solid, from, to) {
        for (let i = Math.ceil(from - 0.5); i + 0.5 < to; i++) row[i] = Math.max(row[i], solid);
      },
      finishRow(at) {
        labels.set(row, at);
        row.fill(-1);
      },
    }),
  );
  repeatFirstSlice(labels, geometry.size[0], slicesWalked);
  return labels;
}

/** Exact volume of a shape without its clip planes, mm³; `Infinity` for endless ones. */
export function computeShapeVolume(shape: SolidShape): number {
  switch (shape.kind) {
    case "ellipsoid":
      return ((4 * Math.PI) / 3) * shape.semiAxesMm[0] * shape.semiAxesMm[1] * shape.semiAxesMm[2];
    case "cylinder":
      return 2 * Math.PI * shape.semiAxesMm[0] * shape.semiAxesMm[1] * shape.halfLengthMm;
    case "box":
      return 8 * shape.halfSizesMm[0] * shape.halfSizesMm[1] * shape.halfSizesMm[2];
    case "cone": {
      const [a, b] = shape.bottomSemiAxesMm;
      const [c, d] = shape.topSemiAxesMm;
      // Prismoidal rule on the areas at the ends and in the middle, exact for quadratic cross-sections.
      const middle = ((a + c) * (b + d)) / 4;
      return (Math.PI * (a * b + 4 * middle + c * d) * 2 * shape.halfLengthMm) / 6;
    }
  }
}
