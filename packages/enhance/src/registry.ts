/**
 * The list of enhancement methods. One line here puts a method under the whole conformance suite
 * (geometry kept, uniform regions unbiased, determinism, abort) and into `alara methods`.
 */
import { createRegistry, type Enhancer, type Registry } from "@alara/core";
import type { Runtime } from "@alara/learn";
import type { ModelBundle } from "./bundle.ts";
import { EnhanceError } from "./errors.ts";
import { createGaussianEnhancer } from "./gaussian.ts";
import { createIdentityEnhancer } from "./identity.ts";
import { createNetworkEnhancer } from "./network.ts";

/** What a method may be given besides its numeric options. */
export interface EnhancerEnvironment {
  /** Needed by `network`. */
  readonly bundle?: ModelBundle;
  /** Needed by `network`. */
  readonly runtime?: Runtime;
}

/** A numeric option of a method, for `--set name=value`. */
export interface EnhancerOption {
  readonly description: string;
  readonly defaultValue: number;
}

/** A line of the registry. */
export interface EnhancerFactory {
  readonly summary: string;
  readonly contextSlices: number;
  readonly needsModel: boolean;
  readonly options: Readonly<Record<string, EnhancerOption>>;
  readonly create: (
    options: Readonly<Record<string, number>>,
    environment: EnhancerEnvironment,
  ) => Promise<Enhancer>;
}

/** All methods by name. */
export const enhancers: Registry<EnhancerFactory> = createRegistry<EnhancerFactory>("enhancement method", [
  [
    "identity",
    {
      summary: "returns the input unchanged; a test of the pipeline",
      contextSlices: 0,
      needsModel: false,
      options: {},
      create: async () => createIdentityEnhancer(),
    },
  ],
  [
    "gaussian",
    {
      summary: "in-plane Gaussian smoothing; the comparator that a method must beat",
      contextSlices: 0,
      needsModel: false,
      options: { sigmaPixels: { description: "standard deviation in pixels", defaultValue: 1 } },
      create: async (options) => createGaussianEnhancer(options),
    },
  ],
  [
    "network",
    {
      summary:
        "a trained network from a model bundle: slices, slices with neighbours or blocks, as its card says",
      contextSlices: 0,
      needsModel: true,
      options: {
        tileSize: { description: "side of a tile in pixels; 128 for 3D models", defaultValue: 1024 },
        blockSlices: { description: "3D models only: slices of a block", defaultValue: 32 },
      },
      create: async (options, { bundle, runtime }) => {
        if (!bundle || !runtime) {
          throw new EnhanceError(
            "BUNDLE_INVALID",
            `the method "network" needs a model bundle and a runtime; pass --model <bundle>`,
          );
        }
        return createNetworkEnhancer(bundle, { runtime, ...options });
      },
    },
  ],
]);

/**
 * Makes a method by name with options checked against its list.
 *
 * @throws CoreError `UNKNOWN_NAME` for the method, EnhanceError `OUT_OF_RANGE` for an unknown option
 */
export async function createEnhancer(
  name: string,
  options: Readonly<Record<string, number>> = {},
  environment: EnhancerEnvironment = {},
): Promise<Enhancer> {
  const factory = enhancers.get(name);
  for (const key of Object.keys(options)) {
    if (!Object.hasOwn(factory.options, key)) {
      const known = Object.keys(factory.options).join(", ") || "none";
      throw new EnhanceError(
        "OUT_OF_RANGE",
        `method "${name}" has no option "${key}"; its options: ${known}`,
      );
    }
  }
  return factory.create(options, environment);
}
