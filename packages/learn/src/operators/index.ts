/**
 * The operators as functions that build graphs, and the table of all of them.
 */
export { gelu, prelu, silu, softmax, softplus } from "./activation.ts";
export {
  abs,
  add,
  clip,
  div,
  exp,
  leakyRelu,
  log,
  mul,
  neg,
  reduceMean,
  relu,
  sigmoid,
  sign,
  sqrt,
  square,
  step,
  sub,
  tanh,
} from "./arithmetic.ts";
export {
  type AttentionGateParameters,
  attentionGate,
  type ChannelAttentionParameters,
  channelAttention,
  type WindowAttentionOptions,
  type WindowAttentionParameters,
  windowAttention,
} from "./attention.ts";
export { applyMatrix } from "./axis-matrix.ts";
export {
  type ConvolutionOptions,
  type ConvolutionPadding,
  type ConvTransposeOptions,
  conv2d,
  conv3d,
  convTranspose2d,
  convTranspose3d,
} from "./convolution.ts";
export { maximum, minimum, reduceMax, reduceMin } from "./extrema.ts";
export { fft2, inverseFft2, type Spectrum } from "./fourier.ts";
export { resizeLinear } from "./interpolation.ts";
export { matmul } from "./linear.ts";
export {
  batchNorm,
  type ChannelMoments,
  computeChannelMoments,
  groupNorm,
  instanceNorm,
  layerNorm,
  type NormOptions,
} from "./normalisation.ts";
export { type MaxPoolOptions, maxPool } from "./pooling.ts";
export { flip, padReflect } from "./reflection.ts";
export { padReplicate } from "./replication.ts";
export { averagePool, enlargeNearest } from "./resample.ts";
export { addRows, takeRows } from "./rows.ts";
export { depthToSpace, pixelShuffle, pixelUnshuffle, spaceToDepth } from "./shuffle.ts";
export type { SpatialSizes } from "./spatial.ts";
export { cos, erf, pow, sin } from "./special-functions.ts";
export { applyDropout, stopGradient } from "./stop-gradient.ts";
export {
  concat,
  expand,
  pad,
  type ReductionOptions,
  reduceSum,
  reshape,
  slice,
  transpose,
} from "./structure.ts";
export { operators } from "./table.ts";
