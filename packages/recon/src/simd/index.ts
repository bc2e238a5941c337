/** Exports of fast back-projection. */
export {
  createFastBackprojector,
  type FastBackprojector,
} from "./fan-backprojection-simd.ts";
export type { RowSpans } from "./planar-engine.ts";
export { createSimdEngine, type SimdEngineOptions, simdEngine } from "./simd-engine.ts";
