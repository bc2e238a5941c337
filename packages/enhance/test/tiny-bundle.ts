/** A small untrained network in a valid bundle: enough to test everything around the weights. */
import { createRandom } from "@alara/core";
import {
  createResidualCnn,
  exportInferenceModel,
  initialiseParameters,
  MODEL_INPUT,
  MODEL_OUTPUT,
} from "@alara/learn";
import { type ModelCard, packBundle } from "../src/index.ts";

/** Files of the bundle; `change` edits the card before it is packed. */
export function makeTinyBundle(
  change: (card: Omit<ModelCard, "files" | "schema">) => Omit<ModelCard, "files" | "schema"> = (card) => card,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const network = createResidualCnn({ channels: 6, layers: 3, unshuffle: 2, lastLayerGain: 0.2 });
  const values = initialiseParameters(network.parameters, createRandom(5));
  return packBundle(
    change({
      name: "tiny",
      version: "0",
      summary: "an untrained network",
      licence: "Apache-2.0",
      intendedUse: "tests",
      code: { version: "0.1.0", commit: "test" },
      network: { name: network.name, config: network.config },
      inference: {
        input: MODEL_INPUT,
        output: MODEL_OUTPUT,
        unit: "HU",
        multipleOf: network.sizeMultiple,
        receptiveRadius: network.receptiveRadius,
        contextSlices: 0,
      },
      recipe: {},
      trainingData: { ids: [], validationIds: [], notes: "" },
      intendedRange: {
        modality: "CT",
        pixelSpacingMm: [0.1, 10],
        sliceThicknessMm: [0.1, 10],
        kvp: [60, 160],
        noiseHu: [0, 1000],
        bodyParts: [],
      },
      validation: {},
    }),
    exportInferenceModel(network, { values }),
  );
}
