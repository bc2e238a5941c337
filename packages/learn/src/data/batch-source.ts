/**
 * What the trainer draws from: a source hands over every array of one training step by name, whatever the method
 * (pairs, unpaired pools, repeats, holes …). Sources are plain values and can be mixed. Not here: the sources.
 */
import type { Random } from "@alara/core";
import { LearnError } from "../errors.ts";

/** One array of a batch. */
export interface BatchField {
  /** Channels: 1, or 2k + 1 for a slice with k neighbours on each side (2.5D). */
  readonly channels: number;
  /** Size factor against the patch: 1, or 2 for a doubled matrix. */
  readonly scale: number;
}

/** What one draw asks for. */
export interface BatchRequest {
  /** Samples in the batch. */
  readonly batch: number;
  /** `[rows, columns]`, or `[slices, rows, columns]` for volumes. */
  readonly patch: readonly number[];
}

/** Arrays of a batch by field: `[batch, channels, …patch·scale]`, HU (masks: 0 to 1). */
export type BatchArrays = Readonly<Record<string, Float32Array>>;

/** Draws training batches; everything random comes from `random`, so equal states give equal batches. */
export interface BatchSource {
  /** Arrays a batch holds, with channels and size factor. */
  readonly fields: Readonly<Record<string, BatchField>>;
  /**
   * One batch.
   *
   * @throws LearnError `OUT_OF_RANGE` for a patch that does not fit the images
   */
  drawBatch(random: Random, options: BatchRequest): BatchArrays;
}

/** One part of a mixture. */
export interface MixedSource {
  readonly source: BatchSource;
  /** Share of samples, ≥ 0; shares are normalised to sum 1. */
  readonly share: number;
}

/**
 * Samples of one field: `channels · Π patch·scale`.
 *
 * @throws LearnError `OUT_OF_RANGE` unless the patch has two or three whole sizes ≥ 1
 */
export function countFieldSamples(field: BatchField, patch: readonly number[]): number {
  checkPatch(patch);
  return patch.reduce((product, size) => product * size * field.scale, field.channels);
}

/** @throws LearnError `OUT_OF_RANGE` unless the patch has two or three whole sizes ≥ 1 */
export function checkPatch(patch: readonly number[]): void {
  if ((patch.length !== 2 && patch.length !== 3) || patch.some((n) => !Number.isInteger(n) || n < 1)) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `a patch of ${patch.join(" × ")}; pass [rows, columns] or [slices, rows, columns], whole numbers ≥ 1`,
    );
  }
}

/** Makes the arrays of a batch, all zero. */
export function createBatchArrays(
  fields: Readonly<Record<string, BatchField>>,
  { batch, patch }: BatchRequest,
): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      new Float32Array(batch * countFieldSamples(field, patch)),
    ]),
  );
}

/** Index of the first entry of an ascending list that lies above `x`; the last index when none does. */
export function findAbove(cumulative: ArrayLike<number>, x: number): number {
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulative[middle] > x) high = middle;
    else low = middle + 1;
  }
  return low;
}

function describeFields(source: BatchSource): string {
  return Object.entries(source.fields)
    .map(([name, { channels, scale }]) => `${name} (${channels} channels, ×${scale})`)
    .sort()
    .join(", ");
}

/**
 * Mixes sources: each sample of a batch is drawn from one of them, by share (real scans and phantoms; several faults).
 *
 * @throws LearnError `NO_DATA` without parts or with all shares 0, `OUT_OF_RANGE` for negative shares,
 *   `SHAPE_MISMATCH` when their fields differ
 * Tested: shares within counting error, samples stay whole, seeded repetition.
 */
export function mixSources(parts: readonly MixedSource[]): BatchSource {
  const total = parts.reduce((sum, { share }) => sum + share, 0);
  if (parts.some(({ share }) => !(share >= 0))) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `shares ${parts.map((part) => part.share).join(", ")}; pass numbers ≥ 0`,
    );
  }
  if (!(total > 0)) throw new LearnError("NO_DATA", "a mixture needs a source with a share above 0");
  const [{ source: first }] = parts;
  for (const { source } of parts) {
    if (describeFields(source) !== describeFields(first)) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `mixed sources differ: ${describeFields(first)} against ${describeFields(source)}; give all the same fields`,
      );
    }
  }
  let sum = 0;
  const cumulative = parts.map(({ share }) => {
    sum += share;
    return sum;
  });
  return {
    fields: first.fields,
    drawBatch(random, request) {
      const choices = Array.from({ length: request.batch }, () =>
        findAbove(cumulative, random.nextUniform() * total),
      );
      const out = createBatchArrays(first.fields, request);
      parts.forEach(({ source }, part) => {
        const places = choices.flatMap((choice, n) => (choice === part ? [n] : []));
        if (places.length === 0) return;
        const drawn = source.drawBatch(random, { ...request, batch: places.length });
        for (const [name, array] of Object.entries(out)) {
          const size = array.length / request.batch;
          places.forEach((n, k) => {
            array.set(drawn[name].subarray(k * size, (k + 1) * size), n * size);
          });
        }
      });
      return out;
    },
  };
}
