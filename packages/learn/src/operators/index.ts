/**
 * The operators as functions that build graphs, and the table of all of them.
 */
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
  type ConvolutionOptions,
  type ConvolutionPadding,
  type ConvTransposeOptions,
  conv2d,
  conv3d,
  convTranspose2d,
  convTranspose3d,
} from "./convolution.ts";
export { matmul } from "./linear.ts";
export { flip, padReflect } from "./reflection.ts";
export { padReplicate } from "./replication.ts";
export { averagePool, depthToSpace, enlargeNearest, spaceToDepth } from "./resample.ts";
export { concat, expand, pad, reduceSum, reshape, slice, transpose } from "./structure.ts";
export { operators } from "./table.ts";
