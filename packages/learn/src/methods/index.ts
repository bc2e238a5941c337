/**
 * Training methods by name. A new method is a file and one line here.
 */
import { createRegistry, type Registry } from "@alara/core";
import { gan } from "./adversarial.ts";
import { autoencoder } from "./autoencoder.ts";
import { lungRegions } from "./lung-regions.ts";
import type { Method } from "./method.ts";
import { noise2inverse, noise2noise, regression } from "./regression.ts";
import { neighbor2neighbor, noise2void, sure } from "./self-supervised.ts";
import { cyclegan, ozaki } from "./unpaired.ts";

export type {
  LossSpecification,
  Method,
  MethodOption,
  MethodRecipe,
  MethodResources,
  NetworkSpecification,
} from "./method.ts";
export { type BlindSpotOptions, type BlindSpots, drawBlindSpots } from "./self-supervised.ts";

/** Training methods by name. */
export const methods: Registry<Method> = createRegistry<Method>("training method", [
  ["regression", regression],
  ["lung-regions", lungRegions],
  ["noise2noise", noise2noise],
  ["noise2inverse", noise2inverse],
  ["noise2void", noise2void],
  ["neighbor2neighbor", neighbor2neighbor],
  ["sure", sure],
  ["gan", gan],
  ["cyclegan", cyclegan],
  ["ozaki", ozaki],
  ["autoencoder", autoencoder],
]);
