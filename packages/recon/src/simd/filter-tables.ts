/**
 * What the filter kernel (kernels/filter.as.ts) needs of a plan, laid out in a pool's memory: weights, twiddle factors,
 * the response in the bit-reversed order in which the kernel's transform leaves frequencies, and work space per thread.
 */
import type { WasmScratch } from "@alara/core";
import type { FbpPlan } from "../analytic/plan.ts";

/** Byte offsets of a plan's tables. */
export interface FilterTables {
  /** `[row][channel]` of the rows asked for. */
  readonly weights: number;
  /** `[view][channel]`, or 0. */
  readonly viewWeights: number;
  readonly response: number;
  readonly twiddles: number;
  readonly fineTwiddles: number;
  readonly work: number;
  readonly workBytes: number;
}

/** Zero samples at each end of a filtered row, so that interpolation never looks outside. */
export const SAMPLE_PADDING = 2;

/** Copies numbers into fresh memory as float32; three values of slack for kernels that read whole vectors. */
export function loadFloats(scratch: WasmScratch, values: ArrayLike<number>): number {
  const offset = scratch.allocate(4 * (values.length + 3));
  scratch.viewFloat32(offset, values.length).set(values);
  return offset;
}

/** exp(−2πik/length) for k < ¾ length, cosine and sine in turn. */
function createTwiddles(length: number): Float64Array {
  const count = Math.ceil((3 * length) / 4);
  const table = new Float64Array(2 * count);
  for (let k = 0; k < count; k++) {
    table[2 * k] = Math.cos((2 * Math.PI * k) / length);
    table[2 * k + 1] = -Math.sin((2 * Math.PI * k) / length);
  }
  return table;
}

/** The response × scale / length in bit-reversed order: the inverse transform of the kernel does not scale. */
function reorderResponse(plan: FbpPlan): Float64Array {
  const { response, fftLength, scale } = plan;
  const bits = Math.round(Math.log2(fftLength));
  return Float64Array.from(response, (_, place) => {
    let frequency = 0;
    for (let bit = 0; bit < bits; bit++) frequency = (frequency << 1) | ((place >> bit) & 1);
    return (response[frequency] * scale) / fftLength;
  });
}

/**
 * Lays the tables out.
 *
 * @param firstRow - first detector row whose weights are wanted; 0 for planar scans
 * @param endRow - one past the last; 1 for planar scans
 */
export function loadFilterTables(
  scratch: WasmScratch,
  plan: FbpPlan,
  firstRow: number,
  endRow: number,
): FilterTables {
  const { channels } = plan.geometry;
  const workBytes = 32 * plan.fftLength * plan.oversampling;
  return {
    weights: loadFloats(scratch, plan.preWeights.subarray(firstRow * channels, endRow * channels)),
    viewWeights: plan.viewWeights === undefined ? 0 : loadFloats(scratch, plan.viewWeights),
    response: loadFloats(scratch, reorderResponse(plan)),
    twiddles: loadFloats(scratch, createTwiddles(plan.fftLength)),
    fineTwiddles: loadFloats(scratch, createTwiddles(2 * plan.fftLength)),
    work: scratch.allocate(workBytes * scratch.threads),
    workBytes,
  };
}

/** Bytes of the tables and of the work space of `threads` threads. */
export function estimateFilterTableBytes(plan: FbpPlan, threads: number): number {
  const weights = plan.preWeights.length + (plan.viewWeights?.length ?? 0);
  return 4 * weights + 22 * plan.fftLength + 32 * plan.fftLength * plan.oversampling * threads;
}
