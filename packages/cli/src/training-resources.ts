/** What a training may be given besides data: the feature network of perceptual losses, and weights to start from. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Recipe } from "@alara/enhance";
import { readBundle } from "@alara/enhance/node";
import {
  createAutoencoder,
  type FrozenFeatures,
  freezeNetwork,
  loadFrozenFeatures,
  methods,
  readModelWeights,
  type WeightTensor,
} from "@alara/learn";
import { UsageError } from "./context.ts";
import { MODELS_FOLDER } from "./models.ts";

/** Folder of the feature network that comes with Alara, below the models folder. */
const OWN_FEATURES = "ct-features";

/** Whether the recipe's method compares features. */
function wantsFeatures(recipe: Recipe): boolean {
  const method = methods.get(recipe.method?.name ?? "regression");
  const weight = recipe.method?.options?.perceptualWeight ?? method.options.perceptualWeight?.defaultValue;
  return typeof weight === "number" && weight > 0;
}

/** The features of one layer of an autoencoder's bundle. */
async function openBundleFeatures(folder: string, layer: string | undefined): Promise<FrozenFeatures> {
  const { card, model, digest } = await readBundle(folder);
  if (card.network.name !== "autoencoder") {
    throw new UsageError(
      `the bundle "${card.name}" holds the network "${card.network.name}"; features need an "autoencoder", or pass an ONNX file`,
    );
  }
  const network = createAutoencoder(card.network.config);
  const options = layer === undefined ? {} : { layer };
  const apply = freezeNetwork(network, readModelWeights(model), (x) => network.getFeatures(x, options));
  return { digest: layer === undefined ? digest : `${digest}:${layer}`, apply };
}

/**
 * Opens the feature network φ of a recipe: the user's ONNX file or bundle, else the CT autoencoder of Alara; nothing when
 * the recipe does not compare features.
 *
 * @throws UsageError, LearnError, EnhanceError
 */
export async function openFeatures(
  recipe: Recipe,
  options: { readonly features?: string; readonly featuresOutput?: string },
): Promise<FrozenFeatures | undefined> {
  const { features, featuresOutput } = options;
  if (!wantsFeatures(recipe)) {
    if (features === undefined) return undefined;
    throw new UsageError(
      "--features was given, but the recipe's perceptualWeight is 0: set it, or leave the option",
    );
  }
  if (features === undefined) return openBundleFeatures(join(MODELS_FOLDER, OWN_FEATURES), featuresOutput);
  if (!existsSync(features)) throw new UsageError(`cannot read the feature network "${features}"`);
  if (statSync(features).isDirectory()) return openBundleFeatures(features, featuresOutput);
  const bytes = new Uint8Array(readFileSync(features));
  const frozen = await loadFrozenFeatures(
    bytes,
    featuresOutput === undefined ? {} : { output: featuresOutput },
  );
  return { ...frozen, digest: `${frozen.digest}:${featuresOutput ?? ""}` };
}

/** The weights of a model bundle, by parameter name. */
export async function readStartWeights(bundle: string): Promise<ReadonlyMap<string, WeightTensor>> {
  return readModelWeights((await readBundle(bundle)).model);
}
