/**
 * Checkpoints: everything needed to continue a training run exactly. One file: magic, header length, JSON
 * header, float32 arrays (little-endian), and the SHA-256 of all that.
 */
import { computeSha256, type RandomState } from "@alara/core";
import { LearnError } from "./errors.ts";
import type { TrainState } from "./train-step.ts";

/** A training run, stopped between two steps. */
export interface Checkpoint {
  /** Digest of network, recipe and data name; a run resumes only from its own kind. */
  readonly recipeDigest: string;
  readonly state: TrainState;
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
  readonly rmseHu: number;
  /** Averaged weights at that step. */
  readonly values: Float32Array;
}

/** Sums that the next log line will average. */
export interface PendingLog {
  readonly count: number;
  readonly sums: Readonly<Record<string, number>>;
}

const MAGIC = "ALARACK1";
const DIGEST_HEX = 64;

interface Header {
  readonly recipeDigest: string;
  readonly step: number;
  readonly length: number;
  readonly random: RandomState;
  readonly best: { readonly step: number; readonly rmseHu: number } | null;
  readonly validationsSinceBest: number;
  readonly pending: PendingLog;
}

/** Encodes a checkpoint. */
export async function encodeCheckpoint(checkpoint: Checkpoint): Promise<Uint8Array> {
  const { state, best } = checkpoint;
  const header: Header = {
    recipeDigest: checkpoint.recipeDigest,
    step: state.step,
    length: state.parameters.length,
    random: checkpoint.random,
    best: best === null ? null : { step: best.step, rmseHu: best.rmseHu },
    validationsSinceBest: checkpoint.validationsSinceBest,
    pending: checkpoint.pending,
  };
  const arrays = [state.parameters, state.firstMoment, state.secondMoment, state.average];
  if (best !== null) arrays.push(best.values);
  const headerBytes = new TextEncoder().encode(JSON.stringify(header));
  const body = arrays.reduce((sum, array) => sum + 4 * array.length, 0);
  const bytes = new Uint8Array(MAGIC.length + 4 + headerBytes.length + body + DIGEST_HEX);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC));
  view.setUint32(MAGIC.length, headerBytes.length, true);
  bytes.set(headerBytes, MAGIC.length + 4);
  let offset = MAGIC.length + 4 + headerBytes.length;
  for (const array of arrays) {
    for (const value of array) {
      view.setFloat32(offset, value, true);
      offset += 4;
    }
  }
  bytes.set(new TextEncoder().encode(await computeSha256(bytes.subarray(0, offset))), offset);
  return bytes;
}

/**
 * Decodes a checkpoint.
 *
 * @throws LearnError `BROKEN_CHECKPOINT` when the bytes are of another format, cut short or changed
 */
export async function decodeCheckpoint(bytes: Uint8Array): Promise<Checkpoint> {
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
  const header = JSON.parse(decoder.decode(bytes.subarray(prefix, prefix + headerLength))) as Header;
  let offset = prefix + headerLength;
  const readArray = (): Float32Array => {
    const array = new Float32Array(header.length);
    for (let k = 0; k < array.length; k++) array[k] = view.getFloat32(offset + 4 * k, true);
    offset += 4 * array.length;
    return array;
  };
  const state: TrainState = {
    step: header.step,
    parameters: readArray(),
    firstMoment: readArray(),
    secondMoment: readArray(),
    average: readArray(),
  };
  return {
    recipeDigest: header.recipeDigest,
    state,
    random: header.random,
    best: header.best === null ? null : { ...header.best, values: readArray() },
    validationsSinceBest: header.validationsSinceBest,
    pending: header.pending,
  };
}
