/**
 * Pairs for artifact reduction (B3): images with a known fault and the same without. Faults come from the registry of
 * degradations (streaks, rings, sparse views, limited angle, motion, breathing, beam hardening, blur …), one per pair,
 * with a drawn severity. Targets keep the faults and the noise that their source has: take clean ones.
 */
import { createRandom, getSlab, type LongWorkOptions } from "@alara/core";
import type { ExplicitPair } from "@alara/learn";
import { type ChainOptions, type DegradationSource, degradations } from "@alara/recon";
import { EnhanceError } from "../errors.ts";
import { roundToInt16 } from "./training-series.ts";

/** Something to put faults into. */
export interface FaultSource {
  /** Stable name, free of patient data. */
  readonly id: string;
  /** A volume of HU, or a phantom and its grid. */
  readonly source: DegradationSource;
}

/** A fault that may be drawn. */
export interface FaultChoice {
  /** Name in `degradations`. */
  readonly name: string;
  /** Severity `[least, most]` in 0..1, uniform; default `[0.2, 1]`. */
  readonly severity?: readonly [number, number];
  /** How often it is drawn relative to others; default 1. */
  readonly share?: number;
}

/** Options of {@link buildFaultPairs}. */
export interface FaultPairOptions extends LongWorkOptions {
  readonly faults: readonly FaultChoice[];
  /** Seed of faults, severities and everything in them. */
  readonly seed: number;
  /** Faulty versions per source; default 1. */
  readonly perSource?: number;
  /** Slices used per volume, around the middle; default 4. Phantoms: all of their grid. */
  readonly maximumSlices?: number;
  /** Share of pairs without any fault (input = target), so that a network learns to leave clean images; default 0. */
  readonly cleanShare?: number;
  /** Scan chain: scanner, views, channel binning, window. */
  readonly chain?: Omit<ChainOptions, "onProgress" | "signal">;
}

/** A pair with the fault it has. */
export interface FaultPair extends ExplicitPair {
  /** `null` for a clean pair. */
  readonly fault: {
    readonly name: string;
    readonly severity: number;
    readonly seed: number;
    /** What made it, fit for JSON. */
    readonly parameters: Readonly<Record<string, unknown>>;
  } | null;
}

function checkOptions({ faults, perSource = 1, cleanShare = 0, maximumSlices = 4 }: FaultPairOptions): void {
  for (const { name, severity = [0.2, 1], share = 1 } of faults) {
    degradations.get(name);
    if (!(severity[0] >= 0 && severity[0] <= severity[1] && severity[1] <= 1 && share >= 0)) {
      throw new EnhanceError(
        "OUT_OF_RANGE",
        `fault "${name}": severity ${severity.join("..")} must ascend within 0..1 and share ${share} be ≥ 0`,
      );
    }
  }
  const total = faults.reduce((sum, { share = 1 }) => sum + share, 0);
  const isSound =
    total > 0 &&
    Number.isInteger(perSource) &&
    perSource >= 1 &&
    Number.isInteger(maximumSlices) &&
    maximumSlices >= 1 &&
    cleanShare >= 0 &&
    cleanShare < 1;
  if (!isSound) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `${faults.length} faults with shares of ${total} in sum, ${perSource} per source, ${maximumSlices} slices, clean share ${cleanShare}; pass a fault, counts ≥ 1 and a clean share in 0..1`,
    );
  }
}

/** The fault at a point 0..1 of the shares laid end to end. */
function chooseFault(faults: readonly FaultChoice[], point: number): FaultChoice {
  const total = faults.reduce((sum, { share = 1 }) => sum + share, 0);
  let end = 0;
  for (const fault of faults) {
    end += (fault.share ?? 1) / total;
    if (point < end) return fault;
  }
  return faults[faults.length - 1];
}

/** The middle slices of a volume; a phantom as it is. */
function limitSource(source: DegradationSource, maximum: number): DegradationSource {
  if ("phantom" in source) return source;
  const slices = source.geometry.size[0];
  const start = Math.floor((slices - maximum) / 2);
  return slices <= maximum ? source : getSlab(source, start, start + maximum);
}

/**
 * Builds pairs with known faults.
 *
 * @returns `perSource` pairs per source, HU rounded to whole numbers
 * @throws EnhanceError `OUT_OF_RANGE`; CoreError `UNKNOWN_NAME` for a fault that does not exist; what the degradation
 *   throws
 * Truth: the source itself (phantoms: their fault-free reconstruction); see `degradeThroughChain` in recon. Tested: the
 * input less the target is the stated fault's difference, seeds repeat, shares and clean pairs.
 */
export async function buildFaultPairs(
  sources: readonly FaultSource[],
  options: FaultPairOptions,
): Promise<FaultPair[]> {
  checkOptions(options);
  const { faults, seed, perSource = 1, maximumSlices = 4, cleanShare = 0, chain = {}, signal } = options;
  const root = createRandom(seed).derive("faults");
  const pairs: FaultPair[] = [];
  for (const { id, source } of sources) {
    for (let version = 0; version < perSource; version++) {
      signal?.throwIfAborted();
      const random = root.derive(`${id}/${version}`);
      const choice = chooseFault(faults, random.nextUniform());
      const [least, most] = choice.severity ?? [0.2, 1];
      const drawn = least + (most - least) * random.nextUniform();
      const isClean = random.nextUniform() < cleanShare;
      const severity = isClean ? 0 : drawn;
      const faultSeed = random.derive("fault").nextUint32();
      const { clean, degraded, parameters } = await degradations
        .get(choice.name)
        .apply(limitSource(source, maximumSlices), {
          ...chain,
          seed: faultSeed,
          severity,
          ...(signal && { signal }),
        });
      const [slices, rows, columns] = clean.geometry.size;
      pairs.push({
        id: `${id}/${choice.name}/${version}`,
        slices,
        rows,
        columns,
        input: roundToInt16(degraded.data),
        target: roundToInt16(clean.data),
        fault: isClean ? null : { name: choice.name, severity, seed: faultSeed, parameters },
      });
      options.onProgress?.({
        phase: "faults",
        done: pairs.length,
        total: sources.length * perSource,
        unit: "pairs",
      });
    }
  }
  return pairs;
}
