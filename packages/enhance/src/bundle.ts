/**
 * Model bundles: `model.onnx` + `model.json`. The card states what the model is, what it learned from, where it
 * may be used and what was measured; every file's sha256 is verified before anything is parsed.
 */
import { computeSha256 } from "@alara/core";
import { inspectOnnxModel, type NetworkConfig } from "@alara/learn";
import { EnhanceError } from "./errors.ts";

/** Schema identifier of model.json. */
export const MODEL_SCHEMA = "alara-model/1";

/** Closed interval. */
export type Range = readonly [minimum: number, maximum: number];

/** Where a model may be used; outside it the input is refused or marked (design §3.6). */
export interface IntendedRange {
  readonly modality: "CT";
  readonly pixelSpacingMm: Range;
  readonly sliceThicknessMm: Range;
  readonly kvp: Range;
  /** Noise of the input in homogeneous soft tissue, HU. */
  readonly noiseHu: Range;
  /** Body parts seen in training; a note for the reader, header values are too unreliable to refuse on. */
  readonly bodyParts: readonly string[];
}

/** The content of model.json. */
export interface ModelCard {
  readonly schema: typeof MODEL_SCHEMA;
  readonly name: string;
  readonly version: string;
  readonly summary: string;
  readonly licence: string;
  readonly intendedUse: string;
  /** Version and commit of the code that trained it. */
  readonly code: { readonly version: string; readonly commit: string };
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly bytes: number }>>;
  readonly network: { readonly name: string; readonly config: NetworkConfig };
  readonly inference: {
    readonly input: string;
    readonly output: string;
    readonly unit: "HU";
    /** Input sides must be multiples of this. */
    readonly multipleOf: number;
    /** Pixels on each side that an output pixel depends on. */
    readonly receptiveRadius: number;
    /** Slices on each side that the network reads. */
    readonly contextSlices: number;
    /** 2: slice by slice; 3: on blocks of slices. Default 2. */
    readonly dimensions?: 2 | 3;
    /** Output rows per input row; default 1. */
    readonly outputScale?: number;
    /** The last input channel is a constant image of the strength, 0 to 1; default false. */
    readonly hasStrength?: boolean;
    /** The last input channel is the mask of holes to fill; default false. Not with `hasStrength`. */
    readonly needsMask?: boolean;
    /** Statistics of the whole image enter every pixel, so it cannot be run in tiles; default false. */
    readonly hasGlobalReach?: boolean;
    /** HU that the network can give: pixels outside pass through; default: any. */
    readonly windowHu?: Range;
  };
  /** The recipe, whole, with its seed. */
  readonly recipe: unknown;
  readonly trainingData: {
    readonly ids: readonly string[];
    readonly validationIds: readonly string[];
    readonly notes: string;
  };
  readonly intendedRange: IntendedRange;
  /** Figures measured at the end of training, named as in the run log. */
  readonly validation: Readonly<Record<string, number>>;
}

/** A verified bundle in memory. */
export interface ModelBundle {
  readonly card: ModelCard;
  readonly model: Uint8Array;
  /** sha256 of model.onnx: the identity of the model in reports and DICOM attributes. */
  readonly digest: string;
}

function fail(reason: string): never {
  throw new EnhanceError(
    "BUNDLE_INVALID",
    `not a usable model bundle: ${reason}; make one with \`alara train\``,
  );
}

function isRange(value: unknown): value is Range {
  return Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) && value[0] <= value[1];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Checks the optional fields of `inference`: which kind of network it is. */
function checkKind(inference: Record<string, unknown>): void {
  const { dimensions = 2, outputScale = 1, windowHu, contextSlices } = inference;
  for (const [key, value, known] of [
    ["dimensions", dimensions, [2, 3]],
    ["outputScale", outputScale, [1, 2]],
    ...["hasStrength", "needsMask", "hasGlobalReach"].map(
      (name) => [name, inference[name] ?? false, [false, true]] as const,
    ),
  ] as const) {
    if (!(known as readonly unknown[]).includes(value)) {
      fail(`"inference.${key}" is ${JSON.stringify(value)}, expected ${known.join(" or ")}`);
    }
  }
  if (windowHu !== undefined && !(isRange(windowHu) && windowHu[0] < windowHu[1])) {
    fail(`"inference.windowHu" must be [low, high], in HU`);
  }
  if (dimensions === 3 && (contextSlices !== 0 || outputScale !== 1)) {
    fail(
      `"inference" of a model of blocks has contextSlices ${contextSlices} and outputScale ${outputScale}; such models have 0 and 1`,
    );
  }
  if (inference.hasStrength === true && inference.needsMask === true) {
    fail(`"inference" states both hasStrength and needsMask, but there is one last channel`);
  }
}

/** Checks the fields that code relies on; the rest is documentation. */
function checkCard(card: unknown): ModelCard {
  if (!isRecord(card)) fail("model.json is not an object");
  if (card.schema !== MODEL_SCHEMA)
    fail(`model.json has schema ${JSON.stringify(card.schema)}, expected "${MODEL_SCHEMA}"`);
  for (const key of ["name", "version", "summary"]) {
    if (typeof card[key] !== "string") fail(`model.json lacks the text field "${key}"`);
  }
  const { files, inference, intendedRange } = card;
  for (const [name, stated] of isRecord(files) ? Object.entries(files) : []) {
    if (!isRecord(stated) || typeof stated.sha256 !== "string") fail(`"files" states no sha256 of "${name}"`);
  }
  if (!isRecord(files) || !isRecord(files["model.onnx"])) fail(`model.json lists no "model.onnx" in "files"`);
  if (!isRecord(inference)) fail(`model.json lacks "inference"`);
  for (const key of ["multipleOf", "receptiveRadius", "contextSlices"]) {
    const value = inference[key];
    if (!(Number.isInteger(value) && (value as number) >= (key === "multipleOf" ? 1 : 0))) {
      fail(`"inference.${key}" is ${JSON.stringify(value)}, expected a whole number`);
    }
  }
  checkKind(inference);
  if (
    typeof inference.input !== "string" ||
    typeof inference.output !== "string" ||
    inference.unit !== "HU"
  ) {
    fail(`"inference" must name input and output and have unit "HU"`);
  }
  if (!isRecord(intendedRange) || intendedRange.modality !== "CT")
    fail(`"intendedRange.modality" must be "CT"`);
  for (const key of ["pixelSpacingMm", "sliceThicknessMm", "kvp", "noiseHu"]) {
    if (!isRange(intendedRange[key])) fail(`"intendedRange.${key}" must be [minimum, maximum]`);
  }
  return card as unknown as ModelCard;
}

/**
 * Verifies and opens a bundle.
 *
 * @param files - file name → bytes, `model.json` among them
 * @throws EnhanceError `DIGEST_MISMATCH` before any parsing of a changed file; `BUNDLE_INVALID`
 * @throws LearnError `EXTERNAL_DATA_REFUSED` when the ONNX file points outside itself
 * Tested with flipped bits, missing files and crafted models.
 */
export async function openBundle(files: ReadonlyMap<string, Uint8Array>): Promise<ModelBundle> {
  const json = files.get("model.json");
  if (!json) fail("model.json is missing");
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch {
    fail("model.json is not UTF-8 JSON");
  }
  const card = checkCard(parsed);
  for (const [name, stated] of Object.entries(card.files)) {
    const bytes = files.get(name);
    if (!bytes) fail(`file "${name}" is listed in model.json but missing`);
    const sha256 = await computeSha256(bytes);
    if (sha256 !== stated.sha256) {
      throw new EnhanceError(
        "DIGEST_MISMATCH",
        `"${name}" has sha256 ${sha256} but model.json states ${stated.sha256}; the file was changed or damaged, fetch the bundle again`,
      );
    }
  }
  const model = files.get("model.onnx");
  if (!model) fail("model.onnx is missing");
  inspectOnnxModel(model);
  return { card, model, digest: card.files["model.onnx"].sha256 };
}

/**
 * Lays out the files of a new bundle; the card's `files` entry is computed here.
 *
 * @returns file name → bytes, ready to be written
 */
export async function packBundle(
  card: Omit<ModelCard, "files" | "schema">,
  model: Uint8Array,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const complete: ModelCard = {
    schema: MODEL_SCHEMA,
    ...card,
    files: { "model.onnx": { sha256: await computeSha256(model), bytes: model.length } },
  };
  const json = new TextEncoder().encode(`${JSON.stringify(complete, null, 2)}\n`);
  return new Map([
    ["model.json", json],
    ["model.onnx", model],
  ]);
}
