/**
 * Judging a network during training: a function from the current networks to figures, of which one decides.
 * Not here: metrics for reports (package evaluate).
 */
import { LearnError } from "./errors.ts";
import type { Network } from "./network.ts";

/** A held-out image, HU. */
export interface ValidationPair {
  readonly id: string;
  /** Of the input; multiples of the network's `sizeMultiple`. */
  readonly rows: number;
  readonly columns: number;
  /** Slices of a 3D input, or input channels of a 2D one with neighbouring slices; default 1. */
  readonly slices?: number;
  /** `[slice][row][column]` */
  readonly input: Float32Array;
  /** `[slice][row][column]`; for a network with a doubled matrix, of twice the rows and columns. */
  readonly target: Float32Array;
}

/** Images of one validation case, for the eye. */
export interface ValidationSample {
  readonly step: number;
  readonly id: string;
  readonly rows: number;
  readonly columns: number;
  /** HU, `[row][column]` */
  readonly images: readonly { readonly name: string; readonly data: Float32Array }[];
}

/** Figures of one validation case. */
export interface PairFigures {
  readonly id: string;
  readonly rmseHu: number;
  /** Of the unprocessed input; absent where the matrices differ. */
  readonly inputRmseHu?: number;
}

/** What a validation found. */
export interface ValidationResult {
  /** Decides which weights are best: lower is better. */
  readonly score: number;
  /** Named figures for the log; `rmseHu` and `inputRmseHu` where there is a truth. */
  readonly figures: Readonly<Record<string, number>>;
  readonly perPair: readonly PairFigures[];
  readonly samples: readonly Omit<ValidationSample, "step">[];
}

/** Runs a network of the program with its averaged weights: [N, C, …] → the flat output. */
export type RunNetwork = (
  name: string,
  input: Float32Array,
  dims: readonly number[],
) => Promise<Float32Array>;

/** A validation. */
export interface Validation {
  /** Names the data, for the digest that guards resuming. */
  readonly id: string;
  validate(run: RunNetwork, networks: Readonly<Record<string, Network>>): Promise<ValidationResult>;
}

/** Options of {@link createPairValidation}. */
export interface PairValidationOptions {
  /** Pairs whose images are kept as samples; default 2. */
  readonly samples?: number;
  /** Network to judge; default "main". */
  readonly network?: string;
}

function takeMiddle(data: Float32Array, size: number): Float32Array {
  const slices = data.length / size;
  const start = Math.floor(slices / 2) * size;
  return data.slice(start, start + size);
}

/**
 * RMSE against held-out targets, in HU, pooled over all pixels; the input's own RMSE stands beside it where the
 * matrix is the same.
 *
 * @throws LearnError `SHAPE_MISMATCH` when a pair does not fit the network
 */
export function createPairValidation(
  pairs: readonly ValidationPair[],
  options: PairValidationOptions = {},
): Validation {
  const { samples: kept = 2, network: name = "main" } = options;
  return {
    id: pairs.map(({ id }) => id).join(" "),
    async validate(run, networks) {
      const network = networks[name];
      const { sizeMultiple, dimensions, outputScale } = network;
      let [sum, inputSum, count] = [0, 0, 0];
      const perPair: PairFigures[] = [];
      const samples: Omit<ValidationSample, "step">[] = [];
      for (const [k, { id, rows, columns, slices = 1, input, target }] of pairs.entries()) {
        const outputLength =
          (dimensions === 3 ? slices : network.outputChannels) * rows * columns * outputScale ** 2;
        const fits = rows % sizeMultiple === 0 && columns % sizeMultiple === 0;
        const channelsFit = dimensions === 3 ? slices % sizeMultiple === 0 : slices === network.inputChannels;
        if (
          !fits ||
          !channelsFit ||
          input.length !== slices * rows * columns ||
          target.length !== outputLength
        ) {
          throw new LearnError(
            "SHAPE_MISMATCH",
            `validation pair "${id}" is ${slices} × ${rows} × ${columns} with ${input.length} and ${target.length} samples; network "${network.name}" needs multiples of ${sizeMultiple}, ${network.inputChannels} input channel(s) and ${outputLength} target samples`,
          );
        }
        const dims = dimensions === 3 ? [1, 1, slices, rows, columns] : [1, slices, rows, columns];
        const output = await run(name, input, dims);
        let pairSum = 0;
        for (let p = 0; p < target.length; p++) pairSum += (output[p] - target[p]) ** 2;
        const plane = rows * columns;
        let pairInputSum = 0;
        if (outputScale === 1) {
          const reference = input.length === target.length ? input : takeMiddle(input, plane);
          for (let p = 0; p < target.length; p++) pairInputSum += (reference[p] - target[p]) ** 2;
          inputSum += pairInputSum;
        }
        perPair.push({
          id,
          rmseHu: Math.sqrt(pairSum / target.length),
          ...(outputScale === 1 ? { inputRmseHu: Math.sqrt(pairInputSum / target.length) } : {}),
        });
        sum += pairSum;
        count += target.length;
        if (k < kept) {
          const large = plane * outputScale ** 2;
          const images = [
            { name: "output", data: takeMiddle(output, large) },
            { name: "target", data: takeMiddle(target, large) },
          ];
          if (outputScale === 1) images.unshift({ name: "input", data: takeMiddle(input, plane) });
          samples.push({ id, rows: rows * outputScale, columns: columns * outputScale, images });
        }
      }
      const rmseHu = Math.sqrt(sum / count);
      const figures: Record<string, number> = { rmseHu };
      if (outputScale === 1) figures.inputRmseHu = Math.sqrt(inputSum / count);
      return { score: rmseHu, figures, perPair, samples };
    },
  };
}
