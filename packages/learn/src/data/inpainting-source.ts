/**
 * Inpainting (B6): patches with holes of known content, fields `input` (holes filled with a stated value), `mask` (1 in
 * the holes) and `target`. Holes are boxes, or blobs: unions of overlapping ellipses (in 3D ellipsoids).
 */
import type { Random } from "@alara/core";
import { LearnError } from "../errors.ts";
import { type BatchSource, countFieldSamples } from "./batch-source.ts";
import { createImageSource, type ImageSourceOptions, type TrainingImage } from "./image-sources.ts";

/** How holes are drawn. */
export interface HoleOptions {
  /** Default both. */
  readonly shapes?: readonly ("box" | "blob")[];
  /** Holes per patch `[least, most]`; default `[1, 3]`. */
  readonly count?: readonly [number, number];
  /** Side of a hole as a share of the patch's, `[least, most]` in (0, 1]; default `[0.1, 0.35]`. */
  readonly sizeShare?: readonly [number, number];
  /** What stands in the holes, HU; default 0. */
  readonly fillHu?: number;
}

/** Options of {@link createInpaintingSource}. */
export interface InpaintingOptions extends Omit<ImageSourceOptions, "field"> {
  readonly holes?: HoleOptions;
}

/** An ellipse or box with centre and half sizes per patch axis. */
interface Part {
  readonly centre: readonly number[];
  readonly half: readonly number[];
  readonly kind: "box" | "ellipse";
}

const BLOB_PARTS: readonly [number, number] = [3, 6];

function drawHole(
  random: Random,
  shapes: readonly ("box" | "blob")[],
  sizeShare: readonly [number, number],
  patch: readonly number[],
): Part[] {
  const shape = shapes[random.nextInteger(shapes.length)];
  const between = (low: number, high: number): number => low + (high - low) * random.nextUniform();
  const half = patch.map((n) => Math.max(0.5, (n * between(sizeShare[0], sizeShare[1])) / 2));
  const centre = patch.map((n, axis) => between(half[axis] - 0.5, n - 0.5 - half[axis]));
  if (shape === "box") return [{ centre, half, kind: "box" }];
  const parts = BLOB_PARTS[0] + random.nextInteger(BLOB_PARTS[1] - BLOB_PARTS[0] + 1);
  return Array.from({ length: parts }, () => ({
    centre: centre.map((at, axis) => at + half[axis] * between(-0.6, 0.6)),
    half: half.map((size) => Math.max(0.5, size * between(0.4, 0.8))),
    kind: "ellipse" as const,
  }));
}

/** Sets the samples that a part covers to 1. */
function markPart({ centre, half, kind }: Part, patch: readonly number[], mask: Float32Array): void {
  const [rows, columns] = patch.slice(-2);
  const depth = patch.length === 3 ? patch[0] : 1;
  const [r0, c0] = centre.slice(-2);
  const [hr, hc] = half.slice(-2);
  for (let s = 0; s < depth; s++) {
    const z = patch.length === 3 ? (s - centre[0]) / half[0] : 0;
    for (let r = 0; r < rows; r++) {
      const y = (r - r0) / hr;
      for (let c = 0; c < columns; c++) {
        const x = (c - c0) / hc;
        const isIn =
          kind === "box" ? Math.max(Math.abs(x), Math.abs(y), Math.abs(z)) <= 1 : x * x + y * y + z * z <= 1;
        if (isIn) mask[(s * rows + r) * columns + c] = 1;
      }
    }
  }
}

/**
 * A source of patches with holes.
 *
 * @returns fields `input`, `mask`, `target`; with context slices the hole goes through all channels, and mask and target
 *   hold the middle slice
 * @throws LearnError `NO_DATA`, `SHAPE_MISMATCH`, `OUT_OF_RANGE`
 * @remarks A hole never covers the whole patch. Tested: input equals target outside and the fill inside, both shapes
 *   occur, sizes stay within the stated shares.
 */
export function createInpaintingSource(
  images: readonly TrainingImage[],
  options: InpaintingOptions = {},
): BatchSource {
  const { holes = {}, contextSlices = 0 } = options;
  const { shapes = ["box", "blob"], count = [1, 3], sizeShare = [0.1, 0.35], fillHu = 0 } = holes;
  const isSound =
    shapes.length > 0 &&
    count.every((n) => Number.isInteger(n) && n >= 1) &&
    count[0] <= count[1] &&
    sizeShare[0] > 0 &&
    sizeShare[0] <= sizeShare[1] &&
    sizeShare[1] <= 1 &&
    Number.isFinite(fillHu);
  if (!isSound) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `holes: ${shapes.length} shapes, count ${count.join("..")}, size ${sizeShare.join("..")}, fill ${fillHu}; pass box or blob, counts ≥ 1, shares in (0, 1] and a finite fill`,
    );
  }
  const source = createImageSource(images, { ...options, field: "input" });
  const fields = {
    input: source.fields.input,
    mask: { channels: 1, scale: 1 },
    target: { channels: 1, scale: 1 },
  };
  return {
    fields,
    drawBatch(random, request) {
      const { batch, patch } = request;
      const { input } = source.drawBatch(random, request);
      const size = countFieldSamples(fields.mask, patch);
      const mask = new Float32Array(batch * size);
      const target = new Float32Array(batch * size);
      const channels = 2 * contextSlices + 1;
      for (let n = 0; n < batch; n++) {
        const holeMask = mask.subarray(n * size, (n + 1) * size);
        const start = (n * channels + contextSlices) * size;
        target.set(input.subarray(start, start + size), n * size);
        const drawn = count[0] + random.nextInteger(count[1] - count[0] + 1);
        for (let k = 0; k < drawn; k++) {
          const before = holeMask.slice();
          for (const part of drawHole(random, shapes, sizeShare, patch)) markPart(part, patch, holeMask);
          if (holeMask.every((value) => value === 1)) holeMask.set(before);
        }
        if (holeMask.every((value) => value === 0)) holeMask[random.nextInteger(Math.max(1, size - 1))] = 1;
        for (let channel = 0; channel < channels; channel++) {
          const offset = (n * channels + channel) * size;
          for (let k = 0; k < size; k++) if (holeMask[k] === 1) input[offset + k] = fillHu;
        }
      }
      return { input, mask, target };
    },
  };
}
