/**
 * The operator table: the heart of the engine and its test table. Every entry is gradient-checked in float64
 * by finite differences and compared with the runtime, with no test written by hand.
 */
import { createRegistry, type Registry } from "@alara/core";
import type { Operator } from "../tensor.ts";
import { arithmeticOperators } from "./arithmetic.ts";
import { convolutionOperators } from "./convolution-operators.ts";
import { linearOperators } from "./linear.ts";
import { reflectionOperators } from "./reflection.ts";
import { replicationOperators } from "./replication.ts";
import { resampleOperators } from "./resample.ts";
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
  ].map((operator) => [operator.name, operator] as const),
);
