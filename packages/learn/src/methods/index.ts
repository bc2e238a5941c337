/**
 * Training methods by name. A new method is a file and one line here.
 */
import { createRegistry, type Registry } from "@alara/core";
import type { Method } from "./method.ts";
import { regression } from "./regression.ts";

export type {
  LossSpecification,
  Method,
  MethodOption,
  MethodRecipe,
  NetworkSpecification,
} from "./method.ts";

/** Training methods by name. */
export const methods: Registry<Method> = createRegistry<Method>("training method", [
  ["regression", regression],
]);
