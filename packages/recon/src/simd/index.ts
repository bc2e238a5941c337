/** Exports of fast back-projection. */
export {
  createFastBackprojector,
  type FastBackprojector,
  type RowSpans,
} from "./fan-backprojection-simd.ts";
