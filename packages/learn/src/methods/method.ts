/**
 * What a training method is: a name, the networks and data fields it needs, and a function that writes its program.
 * Methods are data: a recipe names one and gives its numbers. Not here: the methods (one file each) and the trainer.
 */
import { LearnError } from "../errors.ts";
import type { LossOptions } from "../losses/index.ts";
import type { Network, TrainingContext } from "../network.ts";
import type { OptimiserOptions } from "../optimisers.ts";
import type { BatchField, RandomInput, TrainingProgram } from "../program.ts";
import type { Schedule } from "../schedule.ts";
import { createInput, type Tensor } from "../tensor.ts";

/** A loss by its registry name. */
export interface LossSpecification {
  readonly name: string;
  /** Default 1. */
  readonly weight?: number;
  readonly options?: LossOptions;
}

/** A network by its registry name. */
export interface NetworkSpecification {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** The part of a recipe that decides a program; plain JSON. */
export interface MethodRecipe {
  readonly method: string;
  /** Numbers and words of the method; each has a default. */
  readonly options?: Readonly<Record<string, number | string | boolean | readonly number[]>>;
  /** Role → network; every method has a `main`, others have defaults. */
  readonly networks: Readonly<Record<string, NetworkSpecification>> & { readonly main: NetworkSpecification };
  readonly losses: readonly LossSpecification[];
  readonly optimiser: OptimiserOptions;
  readonly learningRate: Schedule;
  readonly batch: number;
  /** Sides of a patch: [rows, columns] or [slices, rows, columns]. */
  readonly patch: readonly number[];
}

/** What a method may be given besides its recipe. */
export interface MethodResources {
  /** φ of perceptual losses: a frozen network, and the digest that names it. */
  readonly features?: { readonly digest: string; readonly apply: (images: Tensor) => Tensor };
}

/** A line of the registry. */
export interface Method {
  readonly summary: string;
  /** When to use it. */
  readonly when: string;
  /** Names of the batch fields that it reads: what the data must supply. */
  readonly fields: readonly string[];
  /** Options with their defaults: what a recipe may set. */
  readonly options: Readonly<Record<string, MethodOption>>;
  /**
   * Writes the program.
   *
   * @throws LearnError `OUT_OF_RANGE`, `SHAPE_MISMATCH`, CoreError `UNKNOWN_NAME`
   */
  build(recipe: MethodRecipe, resources?: MethodResources): TrainingProgram;
}

/** An option of a method. */
export interface MethodOption {
  readonly description: string;
  readonly defaultValue: number | string | boolean | readonly number[];
}

/** The option values of a recipe with defaults filled in. */
export function readOptions(
  method: string,
  known: Method["options"],
  given: MethodRecipe["options"] = {},
): Readonly<Record<string, number | string | boolean | readonly number[]>> {
  for (const [name, value] of Object.entries(given)) {
    const expected = known[name]?.defaultValue;
    if (expected === undefined || typeof expected !== typeof value || Number.isNaN(value)) {
      throw new LearnError(
        "OUT_OF_RANGE",
        `method "${method}": option "${name}" = ${JSON.stringify(value)} is unknown or of the wrong type; known: ${Object.entries(
          known,
        )
          .map(([key, option]) => `${key} (${typeof option.defaultValue})`)
          .join(", ")}`,
      );
    }
  }
  return {
    ...Object.fromEntries(Object.entries(known).map(([name, option]) => [name, option.defaultValue])),
    ...given,
  };
}

/** An input of a program's batch: [batch, channels, …patch·scale]. */
export function createField(recipe: MethodRecipe, name: string, field: BatchField): Tensor {
  const { scale = 1, channels } = field;
  const sides = field.patch ?? recipe.patch;
  const inPlane = sides.map((side, axis) => (axis >= sides.length - 2 ? side * scale : side));
  return createInput(name, [recipe.batch, channels, ...inPlane]);
}

/** Throws unless patches of the recipe fit the network. */
export function checkPatch(network: Network, sides: readonly number[]): void {
  if (sides.length !== network.dimensions || sides.some((side) => side % network.sizeMultiple !== 0)) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `a patch of ${sides.join(" × ")} does not fit network "${network.name}", which needs ${network.dimensions} sides, multiples of ${network.sizeMultiple}`,
    );
  }
}

/** The random inputs that layers asked a context for. */
export function listMasks({ masks }: TrainingContext): RandomInput[] {
  return masks.map(({ mask, keep }) => ({ input: mask, distribution: { kind: "bernoulli", keep } }));
}
