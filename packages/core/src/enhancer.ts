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
  /** What made the result: method version, parameters, model digest. Enters derived UIDs. */
  readonly parameters: Readonly<Record<string, string | number>>;
}

/** Makes a volume better. Same geometry, same unit, mean HU of tissues unchanged. */
export interface Enhancer {
  readonly description: EnhancerDescription;
  /**
   * @param volume - HU, `[slice][row][column]`
   * @returns the fully enhanced volume (strength 1); blend with `blendStrength`
   */
  enhance(volume: Volume<"HU">, options?: LongWorkOptions): Promise<Volume<"HU">>;
  /** Frees what the enhancer owns (sessions, memory). */
  dispose(): Promise<void>;
}
