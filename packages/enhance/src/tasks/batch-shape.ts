/**
 * The shape of what a program asks for: flat slices, slices with neighbours (2.5D) or slabs (3D), how much finer targets
 * are, and whether the network has a channel beside the image (strength, or the mask of a hole).
 */
import { listPatchSides, type TrainingProgram } from "@alara/learn";
import { EnhanceError } from "../errors.ts";
import type { Recipe } from "../recipe.ts";

/** Shape of the batches of a program. */
export interface BatchShape {
  /** Slices on each side that are further channels of the input. */
  readonly contextSlices: number;
  /** Slices of a 3D patch; 1 for 2D. */
  readonly depth: number;
  /** Rows and columns of the target over those of the input. */
  readonly scale: number;
  /** Rows, columns (3D: slices) of a whole image must be multiples of this. */
  readonly sizeMultiple: number;
  /** The main network has one channel more than the image has slices. */
  readonly hasExtraChannel: boolean;
  /** Neighbouring slices that a sample spans. */
  readonly planes: number;
}

/**
 * Reads the shape from a field of the program and its main network.
 *
 * @param field - the field that holds the network's image
 * @throws EnhanceError `RECIPE_INVALID` when the program has no such field
 */
export function readBatchShape(
  { recipe, program }: { readonly recipe: Recipe; readonly program: TrainingProgram },
  field: string,
): BatchShape {
  const asked = program.fields[field];
  if (asked === undefined) {
    throw new EnhanceError(
      "RECIPE_INVALID",
      `method "${program.name}" asks for ${Object.keys(program.fields).join(", ")}, not for "${field}", which the data task gives`,
    );
  }
  const { main } = program.networks;
  const patch = asked.patch ?? listPatchSides(recipe.training.patch);
  const depth = patch.length === 3 ? patch[0] : 1;
  const contextSlices = (asked.channels - 1) / 2;
  return {
    contextSlices,
    depth,
    scale: main.outputScale,
    sizeMultiple: main.sizeMultiple,
    hasExtraChannel: main.inputChannels > asked.channels,
    planes: Math.max(depth, 2 * contextSlices + 1),
  };
}

/**
 * Throws unless the targets' matrix is that of the inputs.
 *
 * @throws EnhanceError `RECIPE_INVALID`
 */
export function requireSameMatrix(shape: BatchShape, task: string): void {
  if (shape.scale === 1) return;
  throw new EnhanceError(
    "RECIPE_INVALID",
    `task "${task}" gives targets of the input's matrix, the network's outputScale is ${shape.scale}; use the task "super-resolution" or outputScale 1`,
  );
}
