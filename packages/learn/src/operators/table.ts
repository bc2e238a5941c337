/**
 * The operator table: the heart of the engine and its test table. Every entry is gradient-checked in float64
 * by finite differences and compared with the runtime, with no test written by hand.
 */
import { createRegistry, type Registry } from "@alara/core";
import type { Operator } from "../tensor.ts";
import { activationOperators } from "./activation.ts";
import { arithmeticOperators } from "./arithmetic.ts";
import { axisMatrixOperators } from "./axis-matrix.ts";
import { convolutionOperators } from "./convolution-operators.ts";
import { extremaOperators } from "./extrema.ts";
import { interpolationOperators } from "./interpolation.ts";
import { linearOperators } from "./linear.ts";
import { normalisationOperators } from "./normalisation.ts";
import { maxPoolOperators } from "./pooling.ts";
import { reflectionOperators } from "./reflection.ts";
import { replicationOperators } from "./replication.ts";
import { resampleOperators } from "./resample.ts";
import { rowOperators } from "./rows.ts";
import { shuffleOperators } from "./shuffle.ts";
import { specialFunctionOperators } from "./special-functions.ts";
import { stopGradientOperators } from "./stop-gradient.ts";
import { structureOperators } from "./structure.ts";

/** Every operator by name. A new operator is one entry in its file's list. */
export const operators: Registry<Operator> = createRegistry(
  "operator",
  [
    ...structureOperators,
    ...arithmeticOperators,
    ...linearOperators,
    ...convolutionOperators,
    ...resampleOperators,
    ...reflectionOperators,
    ...replicationOperators,
    ...activationOperators,
    ...axisMatrixOperators,
    ...extremaOperators,
    ...interpolationOperators,
    ...maxPoolOperators,
    ...normalisationOperators,
    ...rowOperators,
    ...shuffleOperators,
    ...specialFunctionOperators,
    ...stopGradientOperators,
  ].map((operator) => [operator.name, operator] as const),
);
