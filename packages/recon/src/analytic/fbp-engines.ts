/** The engines of filtered back-projection by name. */
import { createRegistry, type Registry } from "@alara/core";
import { simdEngine } from "../simd/simd-engine.ts";
import type { FbpEngine } from "./engine.ts";
import { referenceEngine } from "./reference-engine.ts";

/** Engines that every platform has; an engine on a GPU is made at run time and passed as an object. */
export const fbpEngines: Registry<FbpEngine> = createRegistry<FbpEngine>("FBP engine", [
  ["simd", simdEngine],
  ["reference", referenceEngine],
]);
