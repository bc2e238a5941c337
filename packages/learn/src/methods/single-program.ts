/**
 * The program of one network trained by one phase: what regression, the self-supervised methods and the autoencoder share.
 */
import type { Network } from "../network.ts";
import type { TrainingPhase, TrainingProgram } from "../program.ts";
import type { MethodRecipe } from "./method.ts";

/** What such a method decides. */
export interface SingleProgram
  extends Pick<TrainingProgram, "fields" | "prepare">,
    Pick<TrainingPhase, "inputs" | "losses" | "random" | "assignments"> {
  readonly network: Network;
}

/** One group, one phase, one network. */
export function buildSingleProgram(recipe: MethodRecipe, single: SingleProgram): TrainingProgram {
  const { network, fields, prepare, ...phase } = single;
  return {
    name: recipe.method,
    description: recipe,
    groups: { main: network.parameters },
    fields,
    phases: [
      {
        name: "train",
        group: "main",
        ...phase,
        optimiser: recipe.optimiser,
        learningRate: recipe.learningRate,
      },
    ],
    ...(prepare ? { prepare } : {}),
    networks: { main: network },
  };
}
