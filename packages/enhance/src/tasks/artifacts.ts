/** Artifact reduction: images with a known fault (streaks, rings, motion …) and the same without. */
import { degradations } from "@alara/recon";
import { buildFaultPairs, type FaultSource } from "../data/fault-pairs.ts";
import { EnhanceError } from "../errors.ts";
import { createMadeTask } from "./made-pairs.ts";
import type { TrainingTask } from "./task.ts";

/** The words of a comma-separated list. */
export function splitWords(text: unknown): string[] {
  return String(text)
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

/** Options of the scan in which faults are simulated. */
export const CHAIN_OPTIONS = {
  views: { description: "views of the simulated turn; 0: the scanner's", defaultValue: 0 },
  channelBinning: { description: "detector channels merged into one", defaultValue: 1 },
};

/** The simulated scan of {@link CHAIN_OPTIONS}. */
export function readChain(values: Readonly<Record<string, unknown>>): {
  views?: number;
  channelBinning: number;
} {
  const { views, channelBinning } = values as Record<string, number>;
  return { channelBinning, ...(views > 0 ? { views } : {}) };
}

/** Images without a fault from images with one. */
export const artifacts: TrainingTask = createMadeTask({
  name: "artifacts",
  summary:
    "puts known faults into series and phantoms: streaks, rings, motion, sparse views, beam hardening …",
  truth: "the series as it is, with its own noise and faults; for phantoms the fault-free reconstruction",
  notes:
    "Inputs are the targets with a simulated fault; targets keep the noise and faults of their scan, those of phantoms have none.",
  options: {
    faults: {
      description: `names with commas between; known: ${degradations.names.join(", ")}`,
      defaultValue: "metal-streaks, rings, sparse-views, motion, beam-hardening",
    },
    severity: { description: "[least, most], 0 clean to 1 severe", defaultValue: [0.2, 1] },
    perSource: { description: "faults drawn per series and phantom", defaultValue: 2 },
    slices: { description: "slices used per series at most", defaultValue: 4 },
    cleanShare: {
      description: "share of pairs without a fault, so that clean images are left alone",
      defaultValue: 0.1,
    },
    ...CHAIN_OPTIONS,
  },
  slicesOption: "slices",
  async make({ values, series, phantoms, purpose, seed, options }) {
    const faults = splitWords(values.faults);
    const severity = values.severity as readonly number[];
    const unknown = faults.filter((name) => !degradations.has(name));
    if (faults.length === 0 || unknown.length > 0 || severity.length !== 2) {
      throw new EnhanceError(
        "RECIPE_INVALID",
        `task "artifacts": faults "${values.faults}", severity [${severity.join(", ")}]; name one or more of ${degradations.names.join(", ")}, and give [least, most]`,
      );
    }
    const isTraining = purpose === "training";
    const make = (sources: readonly FaultSource[]): ReturnType<typeof buildFaultPairs> =>
      buildFaultPairs(sources, {
        ...options,
        faults: faults.map((name) => ({ name, severity: [severity[0], severity[1]] })),
        seed,
        perSource: isTraining ? (values.perSource as number) : faults.length,
        cleanShare: isTraining ? (values.cleanShare as number) : 0,
        maximumSlices: Math.max(1, ...series.map(({ volume }) => volume.geometry.size[0])),
        chain: readChain(values),
      });
    return {
      real: await make(series.map(({ id, volume }) => ({ id, source: volume }))),
      phantoms: await make(phantoms.map(({ id, phantom, grid }) => ({ id, source: { phantom, grid } }))),
    };
  },
});
