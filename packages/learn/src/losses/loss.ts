/**
 * What a loss of the registry is: a scalar built from a prediction and a target of one shape. Not here: losses that
 * need more than two tensors (adversarial.ts, unpaired.ts, self-supervised.ts).
 */
import { formatShape, LearnError } from "../errors.ts";
import { mul, sub } from "../operators/arithmetic.ts";
import { reshape } from "../operators/structure.ts";
import type { Tensor } from "../tensor.ts";

/** Options of losses, plain JSON. Which of them a loss takes stands in its entry; others are refused. */
export interface LossOptions {
  /** Divides differences in HU first, so that losses have a size near 1; default 1. No effect on `ssim`, `ms-ssim`. */
  readonly scale?: number;
  /** `charbonnier`, `frequency`, `total-variation`: ε of √(x² + ε²), in scaled units; default 10⁻³. */
  readonly epsilon?: number;
  /** `ssim`, `ms-ssim`: L, the range of the images in HU; default 1000. Report it with the loss. */
  readonly rangeHu?: number;
  /** `ms-ssim`: scales, 1 to 5; default 3, which needs 44 pixels a side (5: 176). */
  readonly levels?: number;
  /** `gradient`: 0 forward differences, 1 Sobel's operator; default 0. */
  readonly sobel?: number;
  /** `frequency`: only frequencies from here on, cycles per pixel; default 0. */
  readonly bandLow?: number;
  /** `frequency`: only frequencies up to here, cycles per pixel (0.5 = Nyquist, √½ the corner); default 1. */
  readonly bandHigh?: number;
  /** `hu-bias`: side of the windows in pixels, about the size of a tissue; default 16. */
  readonly window?: number;
  /** `edge-l1`: weight of a sharp edge above that of flat tissue; default 4. */
  readonly edgeGain?: number;
  /** `edge-l1`: step between neighbouring pixels of the target, in HU, at which half the gain is reached; default 50. */
  readonly edgeHu?: number;
}

/** Builds a scalar from two tensors of one shape. */
export interface Loss {
  readonly summary: string;
  /** Unit of the value when `scale` is 1. */
  readonly unit: string;
  /** Options that it takes. */
  readonly options: readonly (keyof LossOptions)[];
  /**
   * @param prediction - HU, [N, C, rows, columns] or [N, C, slices, rows, columns]
   * @param target - HU, same shape
   * @throws LearnError `SHAPE_MISMATCH`, `OUT_OF_RANGE`
   */
  build(prediction: Tensor, target: Tensor, options?: LossOptions): Tensor;
}

/** A loss as its file writes it: shapes and options are checked before `build` is called. */
export interface LossRule {
  readonly summary: string;
  readonly unit: string;
  readonly options: readonly (keyof LossOptions)[];
  build(prediction: Tensor, target: Tensor, options: LossOptions): Tensor;
}

/** Adds the checks that every loss makes. */
export function defineLoss(name: string, rule: LossRule): readonly [string, Loss] {
  return [
    name,
    {
      ...rule,
      build(prediction, target, options = {}) {
        if (formatShape(prediction.shape) !== formatShape(target.shape)) {
          throw new LearnError(
            "SHAPE_MISMATCH",
            `loss "${name}": prediction ${formatShape(prediction.shape)} and target ${formatShape(target.shape)} must have one shape`,
          );
        }
        for (const [key, value] of Object.entries(options)) {
          if (!rule.options.includes(key as keyof LossOptions) || !Number.isFinite(value)) {
            throw new LearnError(
              "OUT_OF_RANGE",
              `loss "${name}": "${key}": ${JSON.stringify(value)} is no known number; known: ${rule.options.join(", ")}`,
            );
          }
        }
        checkPositive(name, "scale", options.scale ?? 1);
        return rule.build(prediction, target, options);
      },
    },
  ];
}

/** Throws `OUT_OF_RANGE` unless `value` is above 0. */
export function checkPositive(loss: string, option: string, value: number): void {
  if (!(value > 0)) throw new LearnError("OUT_OF_RANGE", `loss "${loss}": ${option} ${value} must be > 0`);
}

/** x / scale. */
export function scaleBy(x: Tensor, scale: number | undefined): Tensor {
  return scale === undefined || scale === 1 ? x : mul(x, 1 / scale);
}

/** (prediction − target) / scale. */
export function scaleDifference(prediction: Tensor, target: Tensor, options: LossOptions): Tensor {
  return scaleBy(sub(prediction, target), options.scale);
}

/**
 * Every slice of every channel as an image of its own: [N, C, rows, columns] or [N, C, slices, rows, columns]
 * → [M, 1, rows, columns].
 */
export function foldPlanes(x: Tensor, name: string): Tensor {
  const { shape } = x;
  if (shape.length !== 4 && shape.length !== 5) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `loss "${name}": needs [N, C, rows, columns] or [N, C, slices, rows, columns], got ${formatShape(shape)}`,
    );
  }
  const [rows, columns] = shape.slice(-2);
  return reshape(x, [shape.slice(0, -2).reduce((a, b) => a * b, 1), 1, rows, columns]);
}
