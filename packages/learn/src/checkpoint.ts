/**
 * Checkpoints: everything needed to continue a training run exactly. One file: magic, header length, JSON header,
 * float32 arrays (little-endian), and the SHA-256 of all that. The batch that made a run diverge is saved in the same
 * container.
 */
import { computeSha256, type RandomState } from "@alara/core";
import { LearnError } from "./errors.ts";
import type { TrainState } from "./train-step.ts";

/** A training run, stopped between two steps. */
export interface Checkpoint {
  /** Digest of program, recipe and data name; a run resumes only from its own kind. */
  readonly recipeDigest: string;
  /** Steps of the program done. */
  readonly step: number;
  /** Phase → parameters and optimiser state of the group that it trains. */
  readonly phases: Readonly<Record<string, TrainState>>;
  /** `<phase>.<input>` → images kept for it. */
  readonly buffers: Readonly<Record<string, readonly Float32Array[]>>;
  readonly random: RandomState;
  /** Best validation so far; null before the first. */
  readonly best: BestWeights | null;
  /** Validations since the best one. */
  readonly validationsSinceBest: number;
  /** Loss sums since the last log line. */
  readonly pending: PendingLog;
}

/** The weights that did best on the validation set. */
export interface BestWeights {
  readonly step: number;
  /** The figure that decides; in HU when it is `rmseHu`. Lower is better. */
  readonly score: number;
  /** Group → averaged weights at that step. */
  readonly values: Readonly<Record<string, Float32Array>>;
}

/** Sums that the next log line will average, by name. */
export type PendingLog = Readonly<Record<string, { readonly sum: number; readonly count: number }>>;

const MAGIC = "ALARACK2";
const DIGEST_HEX = 64;
const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

interface Section {
  readonly name: string;
  readonly length: number;
}

/** A JSON header and named float32 arrays as one file. */
export async function encodeArrays(
  header: unknown,
  arrays: readonly (readonly [name: string, values: Float32Array])[],
): Promise<Uint8Array> {
  const sections: Section[] = arrays.map(([name, values]) => ({ name, length: values.length }));
  const headerBytes = new TextEncoder().encode(JSON.stringify({ header, sections }));
  const body = sections.reduce((sum, { length }) => sum + 4 * length, 0);
  const bytes = new Uint8Array(MAGIC.length + 4 + headerBytes.length + body + DIGEST_HEX);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC));
  view.setUint32(MAGIC.length, headerBytes.length, true);
  bytes.set(headerBytes, MAGIC.length + 4);
  let offset = MAGIC.length + 4 + headerBytes.length;
  for (const [, values] of arrays) {
    if (IS_LITTLE_ENDIAN) {
      bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), offset);
    } else {
      values.forEach((value, k) => {
        view.setFloat32(offset + 4 * k, value, true);
      });
    }
    offset += values.byteLength;
  }
  bytes.set(new TextEncoder().encode(await computeSha256(bytes.subarray(0, offset))), offset);
  return bytes;
}

/**
 * Decodes what {@link encodeArrays} wrote.
 *
 * @throws LearnError `BROKEN_CHECKPOINT` when the bytes are of another format, cut short or changed
 */
export async function decodeArrays(
  bytes: Uint8Array,
): Promise<{ header: unknown; arrays: Map<string, Float32Array> }> {
  const fail = (why: string): never => {
    throw new LearnError("BROKEN_CHECKPOINT", `the checkpoint of ${bytes.length} bytes ${why}; train anew`);
  };
  const prefix = MAGIC.length + 4;
  const decoder = new TextDecoder("utf-8");
  if (bytes.length < prefix + DIGEST_HEX || decoder.decode(bytes.subarray(0, MAGIC.length)) !== MAGIC) {
    fail("is of another format or version");
  }
  const end = bytes.length - DIGEST_HEX;
  if (decoder.decode(bytes.subarray(end)) !== (await computeSha256(bytes.subarray(0, end)))) {
    fail("is cut short or damaged (its SHA-256 does not match)");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = view.getUint32(MAGIC.length, true);
  const { header, sections } = JSON.parse(decoder.decode(bytes.subarray(prefix, prefix + headerLength))) as {
    header: unknown;
    sections: readonly Section[];
  };
  let offset = prefix + headerLength;
  const arrays = new Map<string, Float32Array>();
  for (const { name, length } of sections) {
    const values = new Float32Array(length);
    for (let k = 0; k < length; k++) values[k] = view.getFloat32(offset + 4 * k, true);
    arrays.set(name, values);
    offset += 4 * length;
  }
  return { header, arrays };
}

interface Header {
  readonly recipeDigest: string;
  readonly step: number;
  readonly phases: Readonly<Record<string, { readonly step: number; readonly moments: readonly string[] }>>;
  readonly buffers: Readonly<Record<string, number>>;
  readonly random: RandomState;
  readonly best: { readonly step: number; readonly score: number; readonly groups: readonly string[] } | null;
  readonly validationsSinceBest: number;
  readonly pending: PendingLog;
}

/** Encodes a checkpoint. */
export function encodeCheckpoint(checkpoint: Checkpoint): Promise<Uint8Array> {
  const { phases, buffers, best, recipeDigest, step, random, validationsSinceBest, pending } = checkpoint;
  const arrays: [string, Float32Array][] = [];
  for (const [phase, state] of Object.entries(phases)) {
    arrays.push([`phase.${phase}.parameters`, state.parameters], [`phase.${phase}.average`, state.average]);
    for (const [name, values] of Object.entries(state.moments)) {
      arrays.push([`phase.${phase}.moment.${name}`, values]);
    }
  }
  for (const [name, images] of Object.entries(buffers)) {
    for (const [k, image] of images.entries()) arrays.push([`buffer.${name}.${k}`, image]);
  }
  for (const [group, values] of Object.entries(best?.values ?? {})) arrays.push([`best.${group}`, values]);
  const header: Header = {
    recipeDigest,
    step,
    phases: Object.fromEntries(
      Object.entries(phases).map(([name, state]) => [
        name,
        { step: state.step, moments: Object.keys(state.moments) },
      ]),
    ),
    buffers: Object.fromEntries(Object.entries(buffers).map(([name, images]) => [name, images.length])),
    random,
    best: best && { step: best.step, score: best.score, groups: Object.keys(best.values) },
    validationsSinceBest,
    pending,
  };
  return encodeArrays(header, arrays);
}

/**
 * Decodes a checkpoint.
 *
 * @throws LearnError `BROKEN_CHECKPOINT`
 */
export async function decodeCheckpoint(bytes: Uint8Array): Promise<Checkpoint> {
  const { header: raw, arrays } = await decodeArrays(bytes);
  const header = raw as Header;
  const read = (name: string): Float32Array => {
    const values = arrays.get(name);
    if (values === undefined) {
      throw new LearnError("BROKEN_CHECKPOINT", `the checkpoint lacks "${name}"; train anew`);
    }
    return values;
  };
  return {
    recipeDigest: header.recipeDigest,
    step: header.step,
    phases: Object.fromEntries(
      Object.entries(header.phases).map(([phase, { step, moments }]) => [
        phase,
        {
          step,
          parameters: read(`phase.${phase}.parameters`),
          average: read(`phase.${phase}.average`),
          moments: Object.fromEntries(moments.map((name) => [name, read(`phase.${phase}.moment.${name}`)])),
        },
      ]),
    ),
    buffers: Object.fromEntries(
      Object.entries(header.buffers).map(([name, count]) => [
        name,
        Array.from({ length: count }, (_, k) => read(`buffer.${name}.${k}`)),
      ]),
    ),
    random: header.random,
    best: header.best && {
      step: header.best.step,
      score: header.best.score,
      values: Object.fromEntries(header.best.groups.map((group) => [group, read(`best.${group}`)])),
    },
    validationsSinceBest: header.validationsSinceBest,
    pending: header.pending,
  };
}
