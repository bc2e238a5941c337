/**
 * The seeded mutator: input number n of a run is a function of the seeds, the run's seed and n alone, so that any
 * finding can be made again from its number.
 */
import { createRandom, joinBytes, type Random } from "@alara/core";
import { type DicomTree, parseDicomTree } from "./dicom-tree.ts";
import { isOneIn, pickFrom } from "./interesting.ts";
import { mutateBytes, mutateGzip, mutateTextHeader, mutateZip, spliceBytes } from "./mutate-bytes.ts";
import { mutateCodestream } from "./mutate-codestream.ts";
import { type DicomDonors, mutateDicom } from "./mutate-dicom.ts";

/** How a seed is laid out, which decides how it is damaged. */
export type SeedLayout = "dicom" | "codestream" | "text-header" | "binary" | "gzip" | "zip";

/** A well-formed input that mutations start from. */
export interface HostileSeed {
  readonly name: string;
  readonly layout: SeedLayout;
  readonly bytes: Uint8Array;
  /** How often it is drawn against others; default 1. Slow ones get less. */
  readonly weight?: number;
}

/** One input of a run. */
export interface HostileInput {
  /** Index into the seeds. */
  readonly seed: number;
  readonly bytes: Uint8Array;
}

/** Makes inputs by number. */
export interface Mutator {
  readonly seeds: readonly HostileSeed[];
  createInput(number: number): HostileInput;
}

/** Options of {@link createMutator}. */
export interface MutatorOptions {
  /** The run's seed. */
  readonly seed: number;
  /** Transfer syntax UIDs that DICOM mutants may claim. */
  readonly transferSyntaxUids?: readonly string[];
}

function mutateByLayout(
  seed: HostileSeed,
  tree: DicomTree | undefined,
  random: Random,
  donors: DicomDonors,
): Uint8Array {
  switch (seed.layout) {
    case "dicom":
      return tree === undefined ? mutateBytes(seed.bytes, random) : mutateDicom(tree, random, donors);
    case "codestream":
      return mutateCodestream(seed.bytes, random);
    case "text-header":
      return isOneIn(random, 3) ? mutateBytes(seed.bytes, random) : mutateTextHeader(seed.bytes, random);
    case "gzip":
      return mutateGzip(seed.bytes, random, mutateBytes);
    case "zip":
      return mutateZip(seed.bytes, random);
    case "binary":
      return mutateBytes(seed.bytes, random);
  }
}

/**
 * Prepares a mutator.
 *
 * @param seeds - well-formed; at least one
 */
export function createMutator(seeds: readonly HostileSeed[], options: MutatorOptions): Mutator {
  const trees = seeds.map((seed) => (seed.layout === "dicom" ? parseDicomTree(seed.bytes) : undefined));
  const donors: DicomDonors = {
    trees: trees.filter((tree) => tree !== undefined),
    transferSyntaxUids: options.transferSyntaxUids ?? ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"],
  };
  const ends: number[] = [];
  let total = 0;
  for (const { weight = 1 } of seeds) {
    total += weight;
    ends.push(total);
  }
  const base = createRandom(options.seed);
  return {
    seeds,
    createInput(number) {
      const random = base.derive(number);
      const point = random.nextUniform() * total;
      const which = Math.max(
        0,
        ends.findIndex((end) => point < end),
      );
      const seed = seeds[which];
      const kind = random.nextInteger(40);
      if (kind === 0)
        return { seed: which, bytes: spliceBytes(seed.bytes, pickFrom(random, seeds).bytes, random) };
      if (kind === 1)
        return { seed: which, bytes: seed.bytes.slice(0, random.nextInteger(seed.bytes.length)) };
      if (kind === 2) {
        let bytes = seed.bytes;
        for (let i = random.nextInteger(8); i >= 0; i--) bytes = mutateBytes(bytes, random);
        return { seed: which, bytes };
      }
      if (kind === 3) {
        const junk = Uint8Array.from({ length: random.nextInteger(512) }, () => random.nextInteger(256));
        return {
          seed: which,
          bytes: isOneIn(random, 2) ? junk : joinBytes([seed.bytes.subarray(0, 132), junk]),
        };
      }
      let bytes = mutateByLayout(seed, trees[which], random, donors);
      if (seed.layout !== "dicom" && isOneIn(random, 3)) {
        bytes = mutateByLayout(
          { ...seed, bytes: seed.layout === "gzip" ? seed.bytes : bytes },
          undefined,
          random,
          donors,
        );
      }
      return { seed: which, bytes };
    },
  };
}
