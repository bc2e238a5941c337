/**
 * The one interface behind which every way to make a volume better stands: filters, TV, networks, hybrids.
 */
import type { LongWorkOptions } from "./progress.ts";
import type { Volume } from "./volume.ts";

/** How an enhancer presents itself in lists, reports and DICOM attributes. */
export interface EnhancerDescription {
  /** Stable registry name, lower-case. */
  readonly name: string;
  readonly summary: string;
  /** Neighbouring slices needed on each side; 0 for 2D methods. */
  readonly contextSlices: number;
  /**
   * For methods that work on blocks of slices (3D): slices of a block's result. Whoever hands over a part of a volume
   * cuts at multiples of it. Absent for methods that make one slice at a time.
   */
  readonly blockSlices?: number;
  /** Rows and columns of the result per row and column of the input; default 1. */
  readonly outputScale?: number;
  /**
   * `"blend"` (default): strengths are mixed from input and result; `"trained"`: the method takes the strength itself and
   * has learned what it means.
   */
  readonly strengthKind?: "blend" | "trained";
  /** What made the result: method version, parameters, model digest. Enters derived UIDs. */
  readonly parameters: Readonly<Record<string, string | number>>;
}

/** Options of {@link Enhancer.enhance}. */
export interface EnhanceOptions extends LongWorkOptions {
  /** For methods whose `strengthKind` is `"trained"`: 0 (the input, bit for bit) to 1. Default 1. */
  readonly strength?: number;
  /**
   * First slice whose result is wanted and one past the last; default all. The result has all slices; the others may
   * come back as they were: they serve as neighbours.
   */
  readonly wantedSlices?: readonly [start: number, end: number];
}

/**
 * Makes a volume better. Same field of view, same unit, mean HU of tissues unchanged; same geometry unless
 * `description.outputScale` says that rows and columns are refined.
 */
export interface Enhancer {
  readonly description: EnhancerDescription;
  /**
   * @param volume - HU, `[slice][row][column]`
   * @returns the fully enhanced volume (strength 1); blend with `blendStrength`
   */
  enhance(volume: Volume<"HU">, options?: EnhanceOptions): Promise<Volume<"HU">>;
  /** Frees what the enhancer owns (sessions, memory). */
  dispose(): Promise<void>;
}
