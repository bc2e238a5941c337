/** Exports of fast back-projection. */
export type { RowSpans } from "./row-spans.ts";
export { createSimdEngine, type SimdEngineOptions, simdEngine } from "./simd-engine.ts";
