/**
 * Training on noisy images alone, one image at a time: Noise2Void's blind spots, Neighbor2Neighbor's half images,
 * Stein's unbiased risk. All three assume noise that is independent between pixels; CT noise is not, so each states
 * what to do about it. Methods with two noisy images are in regression.ts.
 */
import type { Random } from "@alara/core";
import { LearnError } from "../errors.ts";
import {
  buildMaskedLoss,
  buildNeighbourLoss,
  buildSureLoss,
  drawNeighbourSelectors,
} from "../losses/index.ts";
import { createTrainingContext, type Network } from "../network.ts";
import { networks } from "../networks/index.ts";
import { createInput } from "../tensor.ts";
import { checkPatch, createField, listMasks, type Method, type MethodRecipe, readOptions } from "./method.ts";
import { buildSingleProgram } from "./single-program.ts";

function openNetwork(recipe: MethodRecipe): Network {
  const network = networks.get(recipe.networks.main.name)(recipe.networks.main.config);
  checkPatch(network, recipe.patch);
  if (network.dimensions !== 2 || network.inputChannels !== 1 || network.outputScale !== 1) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `method "${recipe.method}" needs a 2D network from one slice to one slice of the same matrix, "${network.name}" has ${network.inputChannels} input channel(s), scale ${network.outputScale}`,
    );
  }
  return network;
}

const FIELDS = { input: { channels: 1, scale: 1 } } as const;

/** Blind spots of a batch: where they are, and the image with them filled. */
export interface BlindSpots {
  /** 1 at each blind pixel. */
  readonly mask: Float32Array;
  /** The image, with blind pixels (and `spread` pixels around them) replaced by neighbours'. */
  readonly blind: Float32Array;
}

/** Settings of {@link drawBlindSpots}. */
export interface BlindSpotOptions {
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  /** Blind pixels as a share of all. */
  readonly share: number;
  /** A replacement comes from at most this many pixels away. */
  readonly radius: number;
  /** Pixels around a blind pixel, on each side, that are replaced as well. */
  readonly spread: number;
}

/**
 * Draws blind spots, stratified: one in every cell of about 1/share pixels (Krull et al. 2019, §3.4, uniform pixel
 * selection). With `spread` the neighbours are replaced too, so that noise that reaches over them cannot be guessed
 * (Broaddus et al. 2020, structured Noise2Void).
 */
export function drawBlindSpots(images: Float32Array, random: Random, options: BlindSpotOptions): BlindSpots {
  const { batch, rows, columns, share, radius, spread } = options;
  const mask = new Float32Array(images.length);
  const blind = images.slice();
  const cell = Math.max(1, Math.round(Math.sqrt(1 / share)));
  const plane = rows * columns;
  for (let n = 0; n < batch; n++) {
    for (let top = 0; top < rows; top += cell) {
      for (let left = 0; left < columns; left += cell) {
        const row = top + random.nextInteger(Math.min(cell, rows - top));
        const column = left + random.nextInteger(Math.min(cell, columns - left));
        mask[n * plane + row * columns + column] = 1;
        for (let r = Math.max(0, row - spread); r <= Math.min(rows - 1, row + spread); r++) {
          for (let c = Math.max(0, column - spread); c <= Math.min(columns - 1, column + spread); c++) {
            let from = 0;
            do {
              const y = Math.max(0, Math.min(rows - 1, row + random.nextInteger(2 * radius + 1) - radius));
              const x = Math.max(
                0,
                Math.min(columns - 1, column + random.nextInteger(2 * radius + 1) - radius),
              );
              const isInside = Math.abs(y - row) <= spread && Math.abs(x - column) <= spread;
              from = isInside ? -1 : n * plane + y * columns + x;
            } while (from < 0);
            blind[n * plane + r * columns + c] = images[from];
          }
        }
      }
    }
  }
  return { mask, blind };
}

/** Noise2Void: Krull, Buchholz & Jug 2019. */
export const noise2void: Method = {
  summary: "one network; guesses pixels that were replaced in its input from their surroundings",
  when: "single noisy scans only, pixels' noise independent or short-ranged (set spread to its reach)",
  fields: ["input"],
  options: {
    share: { description: "blind pixels as a share of all", defaultValue: 0.02 },
    radius: { description: "replacements come from at most this many pixels away", defaultValue: 4 },
    spread: {
      description: "pixels around a blind one replaced as well: the reach of the noise",
      defaultValue: 0,
    },
    scaleHu: { description: "HU that count as 1 in the loss", defaultValue: 50 },
    power: { description: "1: absolute, 2: squared differences", defaultValue: 2 },
  },
  build(recipe) {
    const { share, radius, spread, scaleHu, power } = readOptions(
      recipe.method,
      this.options,
      recipe.options,
    ) as Record<string, number>;
    const [rows, columns] = recipe.patch;
    if (!(share > 0 && share <= 0.25) || !(radius > spread) || (power !== 1 && power !== 2)) {
      throw new LearnError(
        "OUT_OF_RANGE",
        `noise2void needs 0 < share ≤ 0.25, radius > spread and power 1 or 2, got ${share}, ${radius}, ${spread}, ${power}`,
      );
    }
    const network = openNetwork(recipe);
    const [input, blind, mask] = ["input", "blind", "mask"].map((name) =>
      createField(recipe, name, FIELDS.input),
    );
    const context = createTrainingContext("main");
    const images = { prediction: network.apply(blind, context), target: input, mask };
    return buildSingleProgram(recipe, {
      network,
      fields: FIELDS,
      inputs: [input, blind, mask],
      losses: { masked: { value: buildMaskedLoss(images, { scale: scaleHu, power }) } },
      random: listMasks(context),
      assignments: context.assignments,
      prepare: (batch, random) => ({
        ...batch,
        ...drawBlindSpots(batch.input, random, { batch: recipe.batch, rows, columns, share, radius, spread }),
      }),
    });
  },
};

/** Neighbor2Neighbor: Huang et al. 2021. */
export const neighbor2neighbor: Method = {
  summary: "one network; from one half image to the other, of neighbouring pixels, with a regulariser",
  when: "single noisy scans only, reconstructed with a sharp kernel or large pixels so that neighbours' noise is independent",
  fields: ["input"],
  options: {
    gamma: { description: "weight of the regulariser", defaultValue: 2 },
    scaleHu: { description: "HU that count as 1 in the loss", defaultValue: 50 },
  },
  build(recipe) {
    const { gamma, scaleHu } = readOptions(recipe.method, this.options, recipe.options) as Record<
      string,
      number
    >;
    const network = openNetwork(recipe);
    checkPatch(
      network,
      recipe.patch.map((side) => side / 2),
    );
    const input = createField(recipe, "input", FIELDS.input);
    const [batch, , rows, columns] = input.shape;
    const half = [batch, 4, rows / 2, columns / 2];
    const [first, second] = ["first", "second"].map((name) => createInput(name, half));
    const apply = (images: typeof input): typeof input => network.apply(images);
    const loss = buildNeighbourLoss(input, apply, { first, second }, { gamma, scale: scaleHu });
    return buildSingleProgram(recipe, {
      network,
      fields: FIELDS,
      inputs: [input, first, second],
      losses: { neighbour: { value: loss } },
      prepare: (drawn, random) => ({ ...drawn, ...drawNeighbourSelectors(input.shape, random) }),
    });
  },
};

/** SURE: Stein 1981; Soltanayev & Chun 2018. */
export const sure: Method = {
  summary: "one network; minimises an unbiased estimate of its error that needs no clean image",
  when: "single noisy scans whose noise is known and independent between pixels (after whitening, or inserted)",
  fields: ["input"],
  options: {
    sigmaHu: { description: "standard deviation of the noise, HU", defaultValue: 30 },
    probeHu: { description: "length of the probe's step, HU", defaultValue: 1 },
    scaleHu: { description: "HU that count as 1 in the loss", defaultValue: 30 },
  },
  build(recipe) {
    const { sigmaHu, probeHu, scaleHu } = readOptions(recipe.method, this.options, recipe.options) as Record<
      string,
      number
    >;
    const network = openNetwork(recipe);
    const input = createField(recipe, "input", FIELDS.input);
    const probe = createInput("probe", input.shape);
    const apply = (images: typeof input): typeof input => network.apply(images);
    const loss = buildSureLoss(input, apply, { sigmaHu, probe, probeHu, scale: scaleHu });
    return buildSingleProgram(recipe, {
      network,
      fields: FIELDS,
      inputs: [input],
      random: [{ input: probe, distribution: { kind: "sign" } }],
      losses: { sure: { value: loss } },
    });
  },
};
