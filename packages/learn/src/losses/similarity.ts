/**
 * Structural similarity as a loss: 1 − SSIM (Wang et al. 2004, IEEE TIP 13:600, eq. 13) and 1 − MS-SSIM (Wang,
 * Simoncelli & Bovik 2003, Asilomar, eq. 7). 11 × 11 Gaussian of σ 1.5, K1 0.01, K2 0.03, population covariance, only
 * windows that lie inside the image. Not the metric: that is `measureSsim` of `@alara/evaluate`.
 */
import { LearnError } from "../errors.ts";
import { add, clip, div, exp, log, mul, reduceMean, square, sub } from "../operators/arithmetic.ts";
import { conv2d } from "../operators/convolution.ts";
import { averagePool } from "../operators/resample.ts";
import { slice } from "../operators/structure.ts";
import { createConstant, type Tensor } from "../tensor.ts";
import { checkPositive, defineLoss, foldPlanes, type Loss, type LossOptions } from "./loss.ts";

const TAPS = 11;
const SIGMA = 1.5;
const C1 = 0.01 ** 2;
const C2 = 0.03 ** 2;
/** Weights of the scales, finest first (Wang et al. 2003, §3.2). */
const SCALE_WEIGHTS = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

function createGaussian(): Float64Array {
  const taps = Float64Array.from({ length: TAPS }, (_, k) => Math.exp(-((k - 5) ** 2) / (2 * SIGMA ** 2)));
  const sum = taps.reduce((a, b) => a + b, 0);
  return taps.map((tap) => tap / sum);
}

function blur(x: Tensor): Tensor {
  const taps = createGaussian();
  const down = conv2d(x, createConstant(taps, [1, 1, TAPS, 1]), { padding: 0 });
  return conv2d(down, createConstant(taps, [1, 1, 1, TAPS]), { padding: 0 });
}

/** The luminance map and the contrast–structure map of two images in units of L. */
function compareImages(x: Tensor, y: Tensor): { luminance: Tensor; structure: Tensor } {
  const [meanX, meanY] = [blur(x), blur(y)];
  const product = mul(meanX, meanY);
  const squares = add(square(meanX), square(meanY));
  const covariance = sub(blur(mul(x, y)), product);
  const variances = sub(blur(add(square(x), square(y))), squares);
  return {
    luminance: div(add(mul(product, 2), C1), add(squares, C1)),
    structure: div(add(mul(covariance, 2), C2), add(variances, C2)),
  };
}

function readRange(name: string, p: Tensor, t: Tensor, options: LossOptions): [Tensor, Tensor] {
  const { rangeHu = 1000 } = options;
  checkPositive(name, "rangeHu", rangeHu);
  return [mul(foldPlanes(p, name), 1 / rangeHu), mul(foldPlanes(t, name), 1 / rangeHu)];
}

function checkSize(name: string, [rows, columns]: readonly number[], needed: number): void {
  if (Math.min(rows, columns) < needed) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `loss "${name}": images of ${rows} × ${columns} pixels are smaller than the ${needed} that it needs a side; take larger patches${name === "ms-ssim" ? " or fewer levels" : ""}`,
    );
  }
}

const ssim: readonly [string, Loss] = defineLoss("ssim", {
  summary: "1 − structural similarity",
  unit: "1",
  options: ["scale", "rangeHu"],
  build(p, t, options) {
    const [x, y] = readRange("ssim", p, t, options);
    checkSize("ssim", x.shape.slice(2), TAPS);
    const { luminance, structure } = compareImages(x, y);
    return sub(1, reduceMean(mul(luminance, structure)));
  },
});

/** Crops to even sizes and halves them. */
function halve(x: Tensor): Tensor {
  const [planes, channels, rows, columns] = x.shape;
  const ends = [planes, channels, rows - (rows % 2), columns - (columns % 2)];
  return averagePool(slice(x, { starts: [0, 0, 0, 0], ends }), { block: 2 });
}

/** Mean over the image, kept above 10⁻⁶: a power of a negative number is none, and of 0 has no slope. */
function averagePositive(x: Tensor): Tensor {
  return clip(reduceMean(x, { axes: [1, 2, 3] }), { low: 1e-6, high: 2 });
}

/**
 * 1 − mean over images of l_M^w_M · Π_j cs_j^w_j, with cs_j and l_M averaged over each image and held at 10⁻⁶ from
 * below. Weights are the first `levels` of Wang's, made to sum to 1.
 */
const msSsim: readonly [string, Loss] = defineLoss("ms-ssim", {
  summary: "1 − multi-scale structural similarity",
  unit: "1",
  options: ["scale", "rangeHu", "levels"],
  build(p, t, options) {
    const { levels = 3 } = options;
    if (!Number.isInteger(levels) || levels < 1 || levels > SCALE_WEIGHTS.length) {
      throw new LearnError("OUT_OF_RANGE", `loss "ms-ssim": levels ${levels} must be 1 to 5`);
    }
    let [x, y] = readRange("ms-ssim", p, t, options);
    checkSize("ms-ssim", x.shape.slice(2), TAPS * 2 ** (levels - 1));
    const weights = SCALE_WEIGHTS.slice(0, levels);
    const total = weights.reduce((a, b) => a + b, 0);
    let exponent: Tensor | null = null;
    for (let level = 0; level < levels; level++) {
      const { luminance, structure } = compareImages(x, y);
      const map = level === levels - 1 ? mul(luminance, structure) : structure;
      const term = mul(log(averagePositive(map)), weights[level] / total);
      exponent = exponent === null ? term : add(exponent, term);
      if (level < levels - 1) [x, y] = [halve(x), halve(y)];
    }
    return sub(1, reduceMean(exp(exponent as Tensor)));
  },
});

/** Entries of the registry. */
export const similarityLosses: readonly (readonly [string, Loss])[] = [ssim, msSsim];
