/**
 * Paired regression: minimise losses between the network's output and a target. Noisy targets are allowed: with l2 the
 * network learns the conditional mean, with l1 the median (Muller 2023, MAE). Noise2Noise and Noise2Inverse are this
 * method on other data (`a`, `b` in place of `input`, `target`).
 */
import { losses } from "../losses/index.ts";
import { networks } from "../networks/index.ts";
import type { TrainingProgram } from "../program.ts";
import {
  checkPatch,
  createField,
  createTrainingContext,
  listMasks,
  type Method,
  type MethodRecipe,
} from "./method.ts";

/** Builds the loss terms of a recipe between a prediction and a target; equal names get a number. */
export function buildLosses(
  recipe: MethodRecipe,
  build: (
    name: string,
    options: MethodRecipe["losses"][number],
  ) => TrainingProgram["phases"][number]["losses"][string]["value"],
): TrainingProgram["phases"][number]["losses"] {
  const terms: Record<string, { value: ReturnType<typeof build>; weight: number }> = {};
  for (const specification of recipe.losses) {
    const { name, weight = 1 } = specification;
    const key = name in terms ? `${name}${Object.keys(terms).length}` : name;
    terms[key] = { value: build(name, specification), weight };
  }
  return terms;
}

function build(recipe: MethodRecipe): TrainingProgram {
  const network = networks.get(recipe.networks.main.name)(recipe.networks.main.config);
  checkPatch(network, recipe.patch);
  const fields = {
    input: { channels: network.inputChannels, scale: 1 },
    target: { channels: network.outputChannels, scale: network.outputScale },
  };
  const input = createField(recipe, "input", fields.input);
  const target = createField(recipe, "target", fields.target);
  const context = createTrainingContext("main");
  const prediction = network.apply(input, context);
  return {
    name: recipe.method,
    description: recipe,
    groups: { main: network.parameters },
    fields,
    phases: [
      {
        name: "train",
        group: "main",
        inputs: [input, target],
        random: listMasks(context),
        losses: buildLosses(recipe, (name, { options }) =>
          losses.get(name).build(prediction, target, options),
        ),
        assignments: context.assignments,
        optimiser: recipe.optimiser,
        learningRate: recipe.learningRate,
      },
    ],
    networks: { main: network },
  };
}

/** Paired regression. */
export const regression: Method = {
  summary: "one network, losses between its output and a target",
  when: "low-dose and higher-dose images of the same object, real or simulated",
  options: {},
  build,
};
