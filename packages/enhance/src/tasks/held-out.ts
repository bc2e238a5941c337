/**
 * Validation of tasks: held-out pairs cut to what a network takes, networks with a strength channel at full strength, and
 * networks that fill holes. Not here: how pairs are made.
 */
import { createRandom } from "@alara/core";
import {
  createInpaintingSource,
  createPairValidation,
  type ExplicitPair,
  type HoleOptions,
  type TrainingImage,
  type Validation,
  type ValidationPair,
} from "@alara/learn";
import type { TrainingDataOptions } from "../training-data.ts";
import type { BatchShape } from "./batch-shape.ts";

type Samples = Float32Array | Int16Array;

/** Cuts planes and a centred part of rows and columns out of a stack; planes beyond the ends repeat the last one. */
function cutStack(
  data: Samples,
  size: { readonly slices: number; readonly rows: number; readonly columns: number },
  cut: { readonly first: number; readonly planes: number; readonly rows: number; readonly columns: number },
  scale = 1,
): Float32Array {
  const [rows, columns] = [cut.rows * scale, cut.columns * scale];
  const [fullRows, fullColumns] = [size.rows * scale, size.columns * scale];
  const top = Math.floor((size.rows - cut.rows) / 2) * scale;
  const left = Math.floor((size.columns - cut.columns) / 2) * scale;
  const out = new Float32Array(cut.planes * rows * columns);
  for (let k = 0; k < cut.planes; k++) {
    const slice = Math.min(size.slices - 1, Math.max(0, cut.first + k));
    for (let r = 0; r < rows; r++) {
      const from = (slice * fullRows + top + r) * fullColumns + left;
      out.set(data.subarray(from, from + columns), (k * rows + r) * columns);
    }
  }
  return out;
}

/**
 * The middle of each pair (a slice, a slice with its neighbours, or a slab), cut to the network's multiple; of noise
 * fields the first is added as it is.
 */
export function cutValidationPairs(
  pairs: readonly ExplicitPair[],
  shape: BatchShape,
  options: TrainingDataOptions = {},
): ValidationPair[] {
  const { contextSlices, depth, scale, sizeMultiple, planes } = shape;
  return pairs.flatMap((pair): ValidationPair[] => {
    const { id, slices = 1, input, target, noises = [] } = pair;
    const [rows, columns] = [pair.rows, pair.columns].map((n) => n - (n % sizeMultiple));
    if (rows === 0 || columns === 0 || depth > slices || (depth > 1 && depth % sizeMultiple !== 0)) {
      options.onSkipped?.({
        id,
        code: "ODD_SIZE",
        reason: `${slices} × ${pair.rows} × ${pair.columns} holds no ${depth > 1 ? `slab of ${depth} slices` : "slice"} of multiples of ${sizeMultiple}`,
      });
      return [];
    }
    const size = { slices, rows: pair.rows, columns: pair.columns };
    const middle = Math.floor(slices / 2);
    const first =
      depth > 1 ? Math.max(0, Math.min(slices - depth, middle - (depth >> 1))) : middle - contextSlices;
    const cut = { first, planes, rows, columns };
    const image = cutStack(input, size, cut);
    if (noises.length > 0) {
      const noise = cutStack(noises[0], size, cut);
      for (let k = 0; k < image.length; k++) image[k] += noise[k];
    }
    const truth = depth > 1 ? cut : { ...cut, first: middle, planes: 1 };
    return [
      {
        id,
        rows,
        columns,
        ...(planes > 1 && { slices: planes }),
        input: image,
        target: cutStack(target, size, truth, scale),
      },
    ];
  });
}

/** Lets a validation without a strength channel judge a network with one, at strength 1. */
function atFullStrength(validation: Validation): Validation {
  return {
    id: validation.id,
    validate(run, networks) {
      const { main } = networks;
      const shown = { ...networks, main: { ...main, inputChannels: main.inputChannels - 1 } };
      return validation.validate((name, input, dims) => {
        const [batch, channels, ...sides] = dims;
        const plane = sides.reduce((product, side) => product * side, 1);
        const wider = new Float32Array(input.length + plane).fill(1, input.length);
        wider.set(input);
        return run(name, wider, [batch, channels + 1, ...sides]);
      }, shown);
    },
  };
}

/** The validation of held-out pairs; nothing without any. */
export function createHeldValidation(
  pairs: readonly ValidationPair[],
  shape: Pick<BatchShape, "hasExtraChannel">,
  options: { readonly samples?: number } = {},
): Validation | undefined {
  if (pairs.length === 0) return undefined;
  const { samples } = options;
  const validation = createPairValidation(pairs, samples === undefined ? {} : { samples });
  return shape.hasExtraChannel ? atFullStrength(validation) : validation;
}

/** Options of {@link createHoleValidation}. */
export interface HoleValidationOptions {
  readonly holes: HoleOptions;
  /** Holes are the same at every validation. */
  readonly seed: number;
  readonly sizeMultiple: number;
  /** Sides of a patch, so that holes have the size that training shows. */
  readonly patch: readonly number[];
  readonly samples?: number;
}

/** One image with holes. */
interface HoleCase {
  readonly id: string;
  readonly rows: number;
  readonly columns: number;
  readonly input: Float32Array;
  readonly mask: Float32Array;
  readonly target: Float32Array;
}

/**
 * RMSE inside holes with known content, of the network and of the fill (`inputRmseHu`), HU; the figure outside is 0 by
 * construction of the network. One slice of each image, the middle one.
 */
export function createHoleValidation(
  images: readonly TrainingImage[],
  options: HoleValidationOptions,
): Validation | undefined {
  const { holes, seed, sizeMultiple, patch, samples: kept = 2 } = options;
  const { sizeShare = [0.1, 0.35] } = holes;
  const random = createRandom(seed).derive("validation-holes");
  const cases = images.flatMap((image): HoleCase[] => {
    const { id, slices = 1, data } = image;
    const [rows, columns] = [image.rows, image.columns].map((n) => n - (n % sizeMultiple));
    if (rows === 0 || columns === 0) return [];
    const cut = { first: Math.floor(slices / 2), planes: 1, rows, columns };
    const slice = cutStack(data, { slices, rows: image.rows, columns: image.columns }, cut);
    const share = patch[0] / Math.max(rows, columns);
    const source = createInpaintingSource([{ id, rows, columns, data: slice }], {
      augmentation: "none",
      holes: { ...holes, sizeShare: [sizeShare[0] * share, sizeShare[1] * share] },
    });
    const { input, mask, target } = source.drawBatch(random.derive(id), { batch: 1, patch: [rows, columns] });
    return [{ id, rows, columns, input, mask, target }];
  });
  if (cases.length === 0) return undefined;
  return {
    id: cases.map(({ id }) => id).join(" "),
    async validate(run) {
      let [sum, inputSum, count] = [0, 0, 0];
      const perPair = [];
      const samples = [];
      for (const [k, { id, rows, columns, input, mask, target }] of cases.entries()) {
        const plane = rows * columns;
        const fed = new Float32Array(2 * plane);
        fed.set(input);
        fed.set(mask, plane);
        const output = await run("main", fed, [1, 2, rows, columns]);
        let [own, ownInput, inside] = [0, 0, 0];
        for (let p = 0; p < plane; p++) {
          if (mask[p] === 0) continue;
          own += (output[p] - target[p]) ** 2;
          ownInput += (input[p] - target[p]) ** 2;
          inside++;
        }
        perPair.push({ id, rmseHu: Math.sqrt(own / inside), inputRmseHu: Math.sqrt(ownInput / inside) });
        [sum, inputSum, count] = [sum + own, inputSum + ownInput, count + inside];
        if (k < kept) {
          const images = Object.entries({ input, output: output.slice(0, plane), target });
          samples.push({ id, rows, columns, images: images.map(([name, data]) => ({ name, data })) });
        }
      }
      const rmseHu = Math.sqrt(sum / count);
      return {
        score: rmseHu,
        figures: { rmseHu, inputRmseHu: Math.sqrt(inputSum / count) },
        perPair,
        samples,
      };
    },
  };
}
