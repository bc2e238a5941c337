/**
 * The blocked layout of onnxruntime's CPU provider (NCHWc): channels in blocks of 16 or 8, the block innermost, so that
 * one vector register holds one pixel's block. Images are [N, C/b, H, W, b]; volumes are kept as stacks of images,
 * [N, D, C/b, H, W, b], because onnxruntime's blocked operators know two spatial axes. Here: shapes and the moves
 * between this layout and the plain one. What uses it is in `operators.ts`, what decides where is in `pass.ts`.
 */
import type { LoweringContext } from "../tensor.ts";

/** Domain of onnxruntime's blocked operators. */
export const BLOCKED_DOMAIN = "com.microsoft.nchwc";

/** Sizes of an image or volume whatever its layout; `depth` is 1 for images. */
export interface Sizes {
  readonly batch: number;
  readonly channels: number;
  readonly depth: number;
  readonly rows: number;
  readonly columns: number;
}

/** Sizes of a plain shape [N, C, H, W] or [N, C, D, H, W]. */
export function readPlainSizes(shape: readonly number[]): Sizes {
  const [batch, channels, ...spatial] = shape;
  const [depth, rows, columns] = spatial.length === 3 ? spatial : [1, ...spatial];
  return { batch, channels, depth, rows, columns };
}

/** Sizes of a blocked shape [N, C/b, H, W, b] or [N, D, C/b, H, W, b]. */
export function readBlockedSizes(shape: readonly number[]): Sizes {
  const block = shape[shape.length - 1];
  const [batch, depth, blocks, rows, columns] = shape.length === 6 ? shape : [shape[0], 1, ...shape.slice(1)];
  return { batch, channels: blocks * block, depth, rows, columns };
}

/** The plain shape of some sizes in `axes` spatial axes. */
export function toPlainShape({ batch, channels, depth, rows, columns }: Sizes, axes: number): number[] {
  return axes === 3 ? [batch, channels, depth, rows, columns] : [batch, channels, rows, columns];
}

/** The blocked shape of some sizes in `axes` spatial axes. */
export function toBlockedShape(sizes: Sizes, axes: number, block: number): number[] {
  const { batch, channels, depth, rows, columns } = sizes;
  const inner = [channels / block, rows, columns, block];
  return axes === 3 ? [batch, depth, ...inner] : [batch, ...inner];
}

/** Visits (plain index, blocked index) pairs. */
export function forEachPlace(
  { batch, channels, depth, rows, columns }: Sizes,
  block: number,
  visit: (plain: number, blocked: number) => void,
): void {
  const blocks = channels / block;
  let plain = 0;
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      for (let d = 0; d < depth; d++) {
        for (let pixel = 0; pixel < rows * columns; pixel++) {
          const plane = (n * depth + d) * blocks + Math.floor(c / block);
          visit(plain++, (plane * rows * columns + pixel) * block + (c % block));
        }
      }
    }
  }
}

/** The values of a plain array in blocked order. */
export function blockValues(values: Float64Array, sizes: Sizes, block: number): Float64Array {
  const output = new Float64Array(values.length);
  forEachPlace(sizes, block, (plain, blocked) => {
    output[blocked] = values[plain];
  });
  return output;
}

/** The values of a blocked array in plain order. */
export function unblockValues(values: Float64Array, sizes: Sizes, block: number): Float64Array {
  const output = new Float64Array(values.length);
  forEachPlace(sizes, block, (plain, blocked) => {
    output[plain] = values[blocked];
  });
  return output;
}

/** An int64 vector. */
export function addList(context: LoweringContext, values: readonly number[]): string {
  return context.addConstant("int64", [values.length], values);
}

/** Writes `Reshape` to constant sizes. */
export function lowerReshape(context: LoweringContext, value: string, shape: readonly number[]): string {
  return context.addNode("Reshape", [value, addList(context, shape)]);
}

/** Writes `Transpose`. */
export function lowerTranspose(context: LoweringContext, value: string, perm: readonly number[]): string {
  return context.addNode("Transpose", [value], { perm: { ints: perm } });
}

/** A blocked value as the stack of images that onnxruntime's operators take: [N·D, C, H, W] in name only. */
export function lowerToStack(context: LoweringContext, value: string, sizes: Sizes): string {
  const { batch, depth, channels, rows, columns } = sizes;
  return lowerReshape(context, value, [batch * depth, channels, rows, columns]);
}

/** A plain value as a plain stack of images [N·D, C, H, W]. */
export function lowerPlainToStack(context: LoweringContext, value: string, sizes: Sizes): string {
  const { batch, depth, channels, rows, columns } = sizes;
  const isMoved = depth > 1 && channels > 1;
  const moved = isMoved ? lowerTranspose(context, value, [0, 2, 1, 3, 4]) : value;
  return lowerReshape(context, moved, [batch * depth, channels, rows, columns]);
}
