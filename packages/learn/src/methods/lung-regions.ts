/**
 * Two networks, one for lungs and one for the rest, each trained on regions of its own tissue and size (Nakayama 2018:
 * 32 × 32 and 64 × 64). What comes out is one network with the gate inside (lung-split).
 */
import { LearnError } from "../errors.ts";
import { createTrainingContext } from "../network.ts";
import { createLungSplit, networks } from "../networks/index.ts";
import type { TrainingPhase } from "../program.ts";
import { checkPatch, createField, listMasks, type Method, readOptions } from "./method.ts";
import { buildContentLosses } from "./paired-setup.ts";

/** Two networks by region. */
export const lungRegions: Method = {
  summary: "two networks, for lung and for the rest, trained on their own regions and joined by a soft gate",
  when: "chest CT where lung texture and soft tissue want different treatment",
  fields: ["lung.input", "lung.target", "other.input", "other.target"],
  options: {
    lungRegion: { description: "side of the lung regions in pixels, 5 to 128", defaultValue: 32 },
    otherRegion: { description: "side of the other regions in pixels, 5 to 128", defaultValue: 64 },
  },
  build(recipe) {
    const { lungRegion, otherRegion } = readOptions(recipe.method, this.options, recipe.options) as Record<
      string,
      number
    >;
    for (const side of [lungRegion, otherRegion]) {
      if (!Number.isInteger(side) || side < 5 || side > 128) {
        throw new LearnError("OUT_OF_RANGE", `a region of ${side} pixels is outside 5 to 128`);
      }
    }
    const { main, lung = main, other = main } = recipe.networks;
    const split = createLungSplit({
      inside: networks.get(lung.name)(lung.config),
      outside: networks.get(other.name)(other.config),
    });
    const parts = [
      { role: "lung", network: split.inside, side: lungRegion },
      { role: "other", network: split.outside, side: otherRegion },
    ];
    const described = parts.map(({ role, network, side }) => {
      const patch = [side, side];
      checkPatch(network, patch);
      const fields = {
        [`${role}.input`]: { channels: network.inputChannels, scale: 1, patch },
        [`${role}.target`]: { channels: 1, scale: 1, patch },
      };
      const [input, target] = Object.entries(fields).map(([name, field]) => createField(recipe, name, field));
      const context = createTrainingContext(role);
      const phase: TrainingPhase = {
        name: role,
        group: role,
        inputs: [input, target],
        random: listMasks(context),
        losses: buildContentLosses(recipe, network.apply(input, context), target),
        assignments: context.assignments,
        optimiser: recipe.optimiser,
        learningRate: recipe.learningRate,
      };
      return { fields, phase };
    });
    return {
      name: recipe.method,
      description: recipe,
      groups: { lung: split.inside.parameters, other: split.outside.parameters },
      fields: Object.assign({}, ...described.map(({ fields }) => fields)),
      phases: described.map(({ phase }) => phase),
      networks: { main: split },
    };
  },
};
