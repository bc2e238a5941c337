/** The engines of filtered back-projection by name. */
import { createRegistry, type Registry } from "@alara/core";
import type { FbpEngine } from "./engine.ts";
import { fanArcEngine } from "./fan-arc-engine.ts";
import { referenceEngine } from "./reference-engine.ts";

/** Engines that every platform has; an engine on a GPU is made at run time and passed as an object. */
export const fbpEngines: Registry<FbpEngine> = createRegistry<FbpEngine>("FBP engine", [
  ["simd", fanArcEngine],
  ["reference", referenceEngine],
]);
