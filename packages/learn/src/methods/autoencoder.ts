/**
 * Autoencoder: a network that returns its input through a narrow middle. Its encoder is the feature network φ of
 * perceptual losses, trained on CT instead of photographs.
 */
import { createTrainingContext } from "../network.ts";
import { networks } from "../networks/index.ts";
import { add } from "../operators/arithmetic.ts";
import { checkPatch, createField, listMasks, type Method, readOptions } from "./method.ts";
import { buildContentLosses } from "./paired-setup.ts";
import { buildSingleProgram } from "./single-program.ts";

/** Autoencoder training. */
export const autoencoder: Method = {
  summary: "one network that must return its input through a narrow middle",
  when: "to make a feature network for perceptual losses from CT slices of any kind",
  fields: ["input"],
  options: {
    noiseHu: { description: "noise added to the input, HU; the target stays as it is", defaultValue: 0 },
  },
  build(recipe) {
    const { noiseHu } = readOptions(recipe.method, this.options, recipe.options) as { noiseHu: number };
    const network = networks.get(recipe.networks.main.name)(recipe.networks.main.config);
    checkPatch(network, recipe.patch);
    const fields = { input: { channels: network.inputChannels, scale: 1 } };
    const input = createField(recipe, "input", fields.input);
    const noise = createField(recipe, "noise", fields.input);
    const context = createTrainingContext("main");
    const isNoisy = noiseHu > 0;
    const output = network.apply(isNoisy ? add(input, noise) : input, context);
    const noised = { input: noise, distribution: { kind: "normal", mean: 0, sigma: noiseHu } } as const;
    return buildSingleProgram(recipe, {
      network,
      fields,
      inputs: [input],
      random: [...(isNoisy ? [noised] : []), ...listMasks(context)],
      losses: buildContentLosses(recipe, output, input),
      assignments: context.assignments,
    });
  },
};
