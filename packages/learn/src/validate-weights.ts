/**
 * Judging weights by a validation: each network of a program runs through its exported inference model.
 */
import { exportInferenceModel, MODEL_INPUT, MODEL_OUTPUT } from "./export-model.ts";
import { gatherParameters, type TrainingProgram } from "./program.ts";
import { createFloatData, getFloatOutput, type Runtime, type Session } from "./runtime.ts";
import type { Validation, ValidationResult } from "./validation.ts";

/**
 * Runs a validation with given weights.
 *
 * @param weights - group → flat values
 */
export async function validateWeights(
  program: TrainingProgram,
  weights: Readonly<Record<string, Float32Array>>,
  validation: Validation,
  runtime: Runtime,
): Promise<ValidationResult> {
  const sessions = new Map<string, Session>();
  try {
    return await validation.validate(async (name, input, dims) => {
      let session = sessions.get(name);
      if (session === undefined) {
        const network = program.networks[name];
        const values = gatherParameters(program, weights, network);
        session = await runtime.createSession(exportInferenceModel(network, { values }));
        sessions.set(name, session);
      }
      return getFloatOutput(await session.run({ [MODEL_INPUT]: createFloatData(input, dims) }), MODEL_OUTPUT);
    }, program.networks);
  } finally {
    for (const session of sessions.values()) await session.dispose();
  }
}
