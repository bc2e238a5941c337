/**
 * The operator table: the heart of the engine and its test table. Every entry is gradient-checked in float64
 * by finite differences and compared with the runtime, with no test written by hand.
 */
import { createRegistry, type Registry } from "@alara/core";
import type { Operator } from "../tensor.ts";
import * as arithmetic from "./arithmetic.ts";
import * as convolution from "./convolution.ts";
import { matmulOperator } from "./linear.ts";
import * as resample from "./resample.ts";
import * as structure from "./structure.ts";

const ENTRIES: readonly Operator[] = [
  structure.reshapeOperator,
  structure.transposeOperator,
  structure.sliceOperator,
  structure.padOperator,
  structure.concatOperator,
  structure.expandOperator,
  structure.reduceSumOperator,
  arithmetic.addOperator,
  arithmetic.subOperator,
  arithmetic.mulOperator,
  arithmetic.divOperator,
  arithmetic.negOperator,
  arithmetic.signOperator,
  arithmetic.absOperator,
  arithmetic.sqrtOperator,
  arithmetic.squareOperator,
  arithmetic.expOperator,
  arithmetic.logOperator,
  arithmetic.sigmoidOperator,
  arithmetic.tanhOperator,
  arithmetic.stepOperator,
  arithmetic.reluOperator,
  arithmetic.leakyReluOperator,
  arithmetic.clipOperator,
  arithmetic.reduceMeanOperator,
  matmulOperator,
  convolution.conv2dOperator,
  convolution.conv2dInputGradientOperator,
  convolution.conv2dWeightGradientOperator,
  resample.spaceToDepthOperator,
  resample.depthToSpaceOperator,
  resample.averagePoolOperator,
  resample.enlargeNearestOperator,
];

/** Every operator by name. */
export const operators: Registry<Operator> = createRegistry(
  "operator",
  ENTRIES.map((operator) => [operator.name, operator] as const),
);
