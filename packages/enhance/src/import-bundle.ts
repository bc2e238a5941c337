/**
 * A user's ONNX denoiser as a model bundle: wrapped to take and give HU, its size multiple and receptive radius measured
 * unless stated, its shift of uniform regions measured, and the card filled in from what is known. Whatever enhances
 * with bundles then enhances with it.
 * Not here: the wrapper and the measurements (learn), writing files (node.ts).
 */
import { computeSha256, createRandom } from "@alara/core";
import {
  createFloatData,
  type DenoiserOptions,
  inspectOnnxModel,
  type MeasuredModel,
  measureReceptiveRadius,
  measureSizeMultiple,
  type NetworkConfig,
  type Runtime,
  wrapOnnxDenoiser,
} from "@alara/learn";
import { type IntendedRange, packBundle } from "./bundle.ts";
import { EnhanceError } from "./errors.ts";

/** Options of {@link importDenoiserBundle}. */
export interface ImportBundleOptions {
  readonly name: string;
  readonly version: string;
  readonly summary: string;
  /** The licence under which their network may be used. */
  readonly licence: string;
  readonly intendedUse: string;
  readonly intendedRange: IntendedRange;
  /** Scaling, layout and meaning of their network. */
  readonly denoiser: DenoiserOptions;
  /** Input sides must be multiples of this; default: measured. */
  readonly sizeMultiple?: number;
  /** Pixels that an output pixel sees on each side; default: measured. */
  readonly receptiveRadius?: number;
  /** What is known of its training; default "not stated". */
  readonly trainingNotes?: string;
  /** The code that imports it. */
  readonly code: { readonly version: string; readonly commit: string };
  /** Where it is measured; who passes it in disposes of it. */
  readonly runtime: Runtime;
  /** Seed of the measurements; default 1. */
  readonly seed?: number;
}

/** A bundle in memory and what was measured. */
export interface ImportedBundle {
  /** File name → bytes, ready for `openBundle` or `writeBundle`. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly sizeMultiple: number;
  readonly receptiveRadius: number;
  /** Largest |output − input| in the middle of uniform images, HU: large where the scaling is wrong. */
  readonly uniformShiftHu: number;
}

/** Levels at which the shift is measured: lung, fat, water, liver, and dense contrast agent. */
const UNIFORM_LEVELS_HU: readonly number[] = [-800, -100, 0, 60, 300];

async function measureShift(
  model: MeasuredModel,
  sizes: { readonly sizeMultiple: number; readonly receptiveRadius: number },
): Promise<number> {
  const channels = model.inputChannels ?? 1;
  const side = sizes.sizeMultiple * Math.ceil((2 * sizes.receptiveRadius + 8) / sizes.sizeMultiple);
  const middle = Math.floor(side / 2) * side + Math.floor(side / 2);
  let largest = 0;
  for (const level of UNIFORM_LEVELS_HU) {
    const data = new Float32Array(channels * side * side).fill(level);
    const results = await model.session.run({
      [model.input]: createFloatData(data, [1, channels, side, side]),
    });
    const shift = Math.abs(Number(results[model.output].data[middle]) - level);
    if (!Number.isFinite(shift)) {
      throw new EnhanceError(
        "BAD_NETWORK_OUTPUT",
        `the network gives no finite value for a uniform image of ${level} HU; check the scaling and the file`,
      );
    }
    largest = Math.max(largest, shift);
  }
  return largest;
}

async function measureModel(
  model: MeasuredModel,
  options: ImportBundleOptions,
): Promise<Omit<ImportedBundle, "files">> {
  const sizeMultiple = options.sizeMultiple ?? (await measureSizeMultiple(model));
  const random = createRandom(options.seed ?? 1);
  const receptiveRadius =
    options.receptiveRadius ?? (await measureReceptiveRadius(model, { random, sizeMultiple }));
  if (receptiveRadius === null) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      "every output pixel of the network sees the whole image, so tiles would not fit together; state the receptive radius to be used for margins and enhance whole slices",
    );
  }
  const uniformShiftHu = await measureShift(model, { sizeMultiple, receptiveRadius });
  return { sizeMultiple, receptiveRadius, uniformShiftHu };
}

/** What the card keeps of how the network was wrapped. */
function describeDenoiser(
  options: DenoiserOptions,
  source: Readonly<Record<string, string | number>>,
): NetworkConfig {
  const { scaling, ...rest } = options;
  const { kind, ...bounds } = scaling;
  return { ...source, scaling: kind, ...bounds, ...rest };
}

/**
 * Makes a bundle of a user's ONNX denoiser.
 *
 * @param bytes - their file
 * @throws EnhanceError `OUT_OF_RANGE` when the radius is unbounded and not stated, `BAD_NETWORK_OUTPUT`
 * @throws LearnError `UNSUPPORTED_MODEL`, `FIXED_SIZE`, `RUN_FAILED` and those of `inspectOnnxModel`
 * Tested end to end: bundle, enhancer, tiles against the whole slice.
 */
export async function importDenoiserBundle(
  bytes: Uint8Array,
  options: ImportBundleOptions,
): Promise<ImportedBundle> {
  const summary = inspectOnnxModel(bytes);
  const wrapped = wrapOnnxDenoiser(bytes, options.denoiser);
  const { input, output, inputChannels } = wrapped;
  const session = await options.runtime.createSession(wrapped.model);
  let measured: Omit<ImportedBundle, "files">;
  try {
    measured = await measureModel({ session, input, output, inputChannels }, options);
  } finally {
    await session.dispose();
  }
  const source = {
    sourceSha256: await computeSha256(bytes),
    sourceBytes: bytes.length,
    sourceProducer: summary.producer,
    sourceInput: wrapped.source.input,
    sourceOutput: wrapped.source.output,
    sourceOpset: wrapped.source.opset,
  };
  const files = await packBundle(
    {
      name: options.name,
      version: options.version,
      summary: options.summary,
      licence: options.licence,
      intendedUse: options.intendedUse,
      code: options.code,
      network: { name: "onnx", config: describeDenoiser(options.denoiser, source) },
      inference: {
        input,
        output,
        unit: "HU",
        multipleOf: measured.sizeMultiple,
        receptiveRadius: measured.receptiveRadius,
        contextSlices: (inputChannels - 1) / 2,
      },
      recipe: null,
      trainingData: { ids: [], validationIds: [], notes: options.trainingNotes ?? "not stated" },
      intendedRange: options.intendedRange,
      validation: { uniformShiftHu: measured.uniformShiftHu },
    },
    wrapped.model,
  );
  return { files, ...measured };
}
