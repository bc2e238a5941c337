/** Exports of fast back-projection. */
export type { RowSpans } from "./planar-engine.ts";
export { createSimdEngine, type SimdEngineOptions, simdEngine } from "./simd-engine.ts";
