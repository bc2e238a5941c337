/**
 * Networks as data: a name and a JSON configuration make a network; recipes and model cards hold both.
 */
import { createRegistry, type Registry } from "@alara/core";
import type { NetworkFactory } from "../network.ts";
import { readNumbers } from "./config.ts";
import { createResidualCnn, RESIDUAL_CNN_KEYS, type ResidualCnnConfig } from "./residual-cnn.ts";

export { createResidualCnn, type ResidualCnnConfig } from "./residual-cnn.ts";

/** Networks by name. A new network is one line here. */
export const networks: Registry<NetworkFactory> = createRegistry<NetworkFactory>("network", [
  [
    "residual-cnn",
    (config) =>
      createResidualCnn(readNumbers(config, RESIDUAL_CNN_KEYS, "residual-cnn") as ResidualCnnConfig),
  ],
]);
