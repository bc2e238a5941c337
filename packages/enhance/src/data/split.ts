/**
 * Splits by patient and the proof that they hold: a patient, or the same pixels under another name, on two sides makes
 * every figure of the test side worthless. Folds and holdouts are planned over patients, never over slices.
 */
import { createRandom } from "@alara/core";
import { EnhanceError } from "../errors.ts";
import type { DatasetEntry } from "./dataset.ts";

/** What two sides share. */
export interface Leak {
  readonly kind: "patient" | "pixels" | "slices";
  /** Series and side of the first and the second. */
  readonly first: { readonly side: string; readonly seriesId: string };
  readonly second: { readonly side: string; readonly seriesId: string };
  /** Slices in common, for `"slices"`. */
  readonly slices?: number;
}

/** Sides of a split by name: "train", "val", "test". */
export type SplitSides = Readonly<
  Record<string, readonly Pick<DatasetEntry, "patientId" | "seriesId" | "pixelSha256" | "sliceHashes">[]>
>;

/**
 * Everything that two sides share: patients, whole series by pixels, single slices by pixels. A pair of series is
 * listed once, by the gravest: pixels before slices before patient. Slices of one value do not count.
 *
 * Tested with each kind of leak made on purpose.
 */
export function findLeaks(sides: SplitSides): Leak[] {
  const all = Object.entries(sides).flatMap(([side, entries]) =>
    entries.map((entry) => ({ side, ...entry })),
  );
  const leaks = new Map<string, Leak>();
  const record = (kind: Leak["kind"], a: number, b: number): void => {
    if (all[a].side === all[b].side) return;
    const key = `${Math.min(a, b)} ${Math.max(a, b)}`;
    const known = leaks.get(key);
    if (known && known.kind !== kind) return;
    const [first, second] = [all[Math.min(a, b)], all[Math.max(a, b)]];
    leaks.set(key, {
      kind,
      first: { side: first.side, seriesId: first.seriesId },
      second: { side: second.side, seriesId: second.seriesId },
      ...(kind === "slices" && { slices: (known?.slices ?? 0) + 1 }),
    });
  };
  const join = (kind: Leak["kind"], keysOf: (entry: (typeof all)[number]) => readonly string[]): void => {
    const holders = new Map<string, number[]>();
    all.forEach((entry, index) => {
      for (const key of new Set(keysOf(entry))) {
        if (key === "") continue;
        const earlier = holders.get(key) ?? [];
        for (const other of earlier) record(kind, other, index);
        holders.set(key, [...earlier, index]);
      }
    });
  };
  join("pixels", ({ pixelSha256 }) => [pixelSha256]);
  join("slices", ({ sliceHashes }) => sliceHashes);
  join("patient", ({ patientId }) => [patientId]);
  return [...leaks.values()];
}

const LISTED = 20;

/**
 * Refuses a split with a leak.
 *
 * @throws EnhanceError `SPLIT_LEAK` with the list of series (no patient identifiers)
 */
export function checkSplit(sides: SplitSides): void {
  const leaks = findLeaks(sides);
  if (leaks.length === 0) return;
  const lines = leaks.slice(0, LISTED).map(({ kind, first, second, slices }) => {
    const what =
      kind === "patient"
        ? "the same patient"
        : kind === "pixels"
          ? "the same pixels"
          : `${slices} equal slices`;
    return `"${first.seriesId}" (${first.side}) and "${second.seriesId}" (${second.side}): ${what}`;
  });
  const more = leaks.length > LISTED ? `; and ${leaks.length - LISTED} more` : "";
  throw new EnhanceError(
    "SPLIT_LEAK",
    `${leaks.length} leak(s) between the sides of the split: ${lines.join("; ")}${more}. Give every patient one side and remove copies`,
  );
}

/** A patient to be placed. */
export interface FoldPatient {
  readonly id: string;
  /** Patients of one stratum are spread evenly; default all in one. */
  readonly stratum?: string;
}

/** One fold: patients by side. */
export interface Fold {
  readonly index: number;
  readonly train: readonly string[];
  /** Taken from the training patients; empty unless asked for. */
  readonly validation: readonly string[];
  readonly test: readonly string[];
}

/** Options of {@link planFolds}. */
export interface FoldOptions {
  /** Number of folds, or one fold per patient. */
  readonly folds: number | "leave-one-out";
  readonly seed: number;
  /** Patients of each fold's training side that become its validation side; default 0. */
  readonly validationPatients?: number;
}

function checkPatients(patients: readonly FoldPatient[]): void {
  const ids = patients.map(({ id }) => id);
  if (new Set(ids).size !== ids.length || ids.some((id) => id === "")) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `${ids.length} patients with ${new Set(ids).size} different identifiers; name each once, not by ""`,
    );
  }
}

/** A seeded order in which strata alternate as evenly as their sizes allow. */
function shuffleByStratum(patients: readonly FoldPatient[], seed: number): FoldPatient[] {
  const strata = new Map<string, FoldPatient[]>();
  // Sorted first, so that the plan does not depend on the order in which patients come.
  for (const patient of [...patients].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const stratum = patient.stratum ?? "";
    strata.set(stratum, [...(strata.get(stratum) ?? []), patient]);
  }
  const names = [...strata.keys()].sort();
  const random = createRandom(seed).derive("folds");
  return names.flatMap((name) => {
    const list = strata.get(name)!;
    const stream = random.derive(name);
    for (let i = list.length - 1; i > 0; i--) {
      const j = stream.nextInteger(i + 1);
      [list[i], list[j]] = [list[j], list[i]];
    }
    return list;
  });
}

/**
 * Plans cross-validation over patients: every patient is tested in exactly one fold, fold sizes differ by at most one,
 * and so do the folds' numbers of patients of each stratum.
 *
 * @param patients - identifiers, or with strata; their order does not matter
 * @throws EnhanceError `OUT_OF_RANGE` for fewer than 2 folds, more folds than patients, a patient twice, or too many
 *   validation patients
 * S1's 12 folds of one patient are `folds: "leave-one-out"` with 12 patients. Tested: partition, balance, seeds.
 */
export function planFolds(patients: readonly (FoldPatient | string)[], options: FoldOptions): Fold[] {
  const all = patients.map((patient) => (typeof patient === "string" ? { id: patient } : patient));
  checkPatients(all);
  const count = options.folds === "leave-one-out" ? all.length : options.folds;
  const { validationPatients = 0, seed } = options;
  if (!(Number.isInteger(count) && count >= 2 && count <= all.length)) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `${count} folds of ${all.length} patients; pass a whole number from 2 to the number of patients`,
    );
  }
  const order = shuffleByStratum(all, seed);
  const smallestTraining = all.length - Math.ceil(all.length / count);
  if (
    !(
      Number.isInteger(validationPatients) &&
      validationPatients >= 0 &&
      validationPatients < smallestTraining
    )
  ) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `${validationPatients} validation patients of ${smallestTraining} training patients; leave at least one for training`,
    );
  }
  return Array.from({ length: count }, (_, index) => {
    // Dealt out in turn, strata after one another: both the folds and the strata in them stay even.
    const test = order.filter((_, k) => k % count === index);
    const rest = order.filter((_, k) => k % count !== index);
    const chosen = takeEvenly(rest, validationPatients, seed + index + 1);
    return {
      index,
      train: rest.filter((patient) => !chosen.has(patient.id)).map(({ id }) => id),
      validation: rest.filter((patient) => chosen.has(patient.id)).map(({ id }) => id),
      test: test.map(({ id }) => id),
    };
  });
}

/** Takes patients at even steps through a freshly shuffled order, so that each stratum gives its share. */
function takeEvenly(patients: readonly FoldPatient[], count: number, seed: number): Set<string> {
  const order = shuffleByStratum(patients, seed);
  const start = createRandom(seed).derive("offset").nextUniform();
  return new Set(
    Array.from({ length: count }, (_, k) => order[Math.floor(((k + start) * order.length) / count)].id),
  );
}

/** Options of {@link planHoldout}. */
export interface HoldoutOptions {
  readonly seed: number;
  readonly validationPatients: number;
  readonly testPatients: number;
}

/**
 * Plans one split into train, validation and test patients (S2's 30/4/4 animals), strata spread evenly.
 *
 * @throws EnhanceError `OUT_OF_RANGE` unless at least one patient is left for training
 */
export function planHoldout(
  patients: readonly (FoldPatient | string)[],
  options: HoldoutOptions,
): Omit<Fold, "index"> {
  const all = patients.map((patient) => (typeof patient === "string" ? { id: patient } : patient));
  checkPatients(all);
  const { seed, validationPatients, testPatients } = options;
  const isCount = (n: number): boolean => Number.isInteger(n) && n >= 0;
  if (
    !isCount(validationPatients) ||
    !isCount(testPatients) ||
    validationPatients + testPatients >= all.length
  ) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `${validationPatients} validation and ${testPatients} test patients of ${all.length}; leave at least one for training`,
    );
  }
  const test = takeEvenly(all, testPatients, seed);
  const rest = all.filter(({ id }) => !test.has(id));
  const validation = takeEvenly(rest, validationPatients, seed + 1);
  return {
    train: rest.filter(({ id }) => !validation.has(id)).map(({ id }) => id),
    validation: rest.filter(({ id }) => validation.has(id)).map(({ id }) => id),
    test: all.filter(({ id }) => test.has(id)).map(({ id }) => id),
  };
}
