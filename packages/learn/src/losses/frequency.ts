/**
 * `frequency`: the spectrum of the error, so that texture and sharpness count as much as the mean.
 */
import { LearnError } from "../errors.ts";
import { add, mul, sqrt, square } from "../operators/arithmetic.ts";
import { fft2 } from "../operators/fourier.ts";
import { reduceSum } from "../operators/structure.ts";
import { createConstant } from "../tensor.ts";
import { checkPositive, defineLoss, foldPlanes, type Loss, scaleDifference } from "./loss.ts";

/** 1 for the frequencies of an unshifted `rows` × `columns` spectrum inside [low, high] cycles per pixel, else 0. */
function createBand(rows: number, columns: number, low: number, high: number): Float64Array {
  const frequency = (k: number, size: number): number => Math.min(k, size - k) / size;
  return Float64Array.from({ length: rows * columns }, (_, p) => {
    const f = Math.hypot(frequency(Math.floor(p / columns), rows), frequency(p % columns, columns));
    return f >= low && f <= high ? 1 : 0;
  });
}

/**
 * `frequency` mean over the band of √(|F(p − t)|² + ε²), F the orthonormal discrete Fourier transform of each slice
 * over scale. Band: radial frequencies from `bandLow` to `bandHigh`. After Fuoli, Van Gool & Timofte 2021 (ICCV,
 * §3.2), with the error's spectrum in place of amplitude and phase apart.
 */
const frequency: readonly [string, Loss] = defineLoss("frequency", {
  summary: "mean magnitude of the error's spectrum, in a band",
  unit: "HU",
  options: ["scale", "epsilon", "bandLow", "bandHigh"],
  build(p, t, options) {
    const { epsilon = 1e-3, bandLow = 0, bandHigh = 1 } = options;
    checkPositive("frequency", "epsilon", epsilon);
    const difference = foldPlanes(scaleDifference(p, t, options), "frequency");
    const [planes, , rows, columns] = difference.shape;
    const band = createBand(rows, columns, bandLow, bandHigh);
    const count = band.reduce((sum, weight) => sum + weight, 0);
    if (count === 0) {
      throw new LearnError(
        "OUT_OF_RANGE",
        `loss "frequency": no frequency of ${rows} × ${columns} pixels lies from ${bandLow} to ${bandHigh} cycles per pixel`,
      );
    }
    const { real, imaginary } = fft2(mul(difference, 1 / Math.sqrt(rows * columns)));
    const magnitude = sqrt(add(add(square(real), square(imaginary)), epsilon * epsilon));
    const weight = createConstant(
      band.map((inside) => inside / (count * planes)),
      [1, 1, rows, columns],
    );
    return reduceSum(mul(magnitude, weight));
  },
});

/** Entries of the registry. */
export const frequencyLosses: readonly (readonly [string, Loss])[] = [frequency];
