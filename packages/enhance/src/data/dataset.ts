/**
 * The dataset manifest: what a training run may see, by patient, with digests of the pixels. Plain JSON; it holds no
 * pixels and no paths. Identifiers must be pseudonyms: they enter manifests, reports and model cards.
 */
import { computeSha256, type GridGeometry, getSliceData, stringifyCanonical, type Volume } from "@alara/core";
import { EnhanceError } from "../errors.ts";
import type { SeriesFacts, TrainingSeries } from "./training-series.ts";

export type { SeriesFacts } from "./training-series.ts";

/** Schema identifier of a manifest. */
export const DATASET_SCHEMA = "alara-dataset/1";

/** What a series is for: half of a pair, one of several scans of the same object, or an image of its own. */
export type SeriesRole = "input" | "target" | "repeat" | "image";

/** One series of a dataset. */
export interface DatasetEntry {
  /** Pseudonym of the patient, animal or phantom. */
  readonly patientId: string;
  /** Unique in the dataset. */
  readonly seriesId: string;
  readonly role: SeriesRole;
  /** Series of one pair, or repeats of one object, have the same. */
  readonly pairId?: string;
  /** Pool of unpaired training, e.g. "x". */
  readonly pool?: string;
  /** Patients of one stratum are spread evenly over folds. */
  readonly stratum?: string;
  /** SHA-256 of size and pixels, see {@link hashPixels}. */
  readonly pixelSha256: string;
  /** First 16 hex digits of the SHA-256 of every slice, so that part of a series is known again. */
  readonly sliceHashes: readonly string[];
  readonly size: readonly [number, number, number];
  readonly spacingMm: readonly [number, number, number];
  readonly facts: SeriesFacts;
}

/** A manifest. */
export interface DatasetManifest {
  readonly schema: typeof DATASET_SCHEMA;
  readonly name: string;
  readonly entries: readonly DatasetEntry[];
}

const SLICE_HASH_DIGITS = 16;

/** A head and samples as little-endian float32, whatever the platform's order; −0 counts as 0. */
function toBytes(data: Float32Array, head: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(head.length + data.length * 4);
  bytes.set(head);
  const view = new DataView(bytes.buffer, head.length);
  for (let i = 0; i < data.length; i++) view.setFloat32(4 * i, data[i] === 0 ? 0 : data[i], true);
  return bytes;
}

/**
 * SHA-256 of a volume's pixels: of the text "slices×rows×columns" and the samples as little-endian float32. Spacing,
 * position and unit do not enter: the same pixels under another header are the same pixels.
 */
export function hashPixels(volume: Volume): Promise<string> {
  const head = new TextEncoder().encode(volume.geometry.size.join("×"));
  return computeSha256(toBytes(volume.data, head));
}

/** First 16 hex digits of the SHA-256 of every slice; slices of one value (padding, air) give "". */
export async function hashSlices(volume: Volume): Promise<string[]> {
  const hashes: string[] = [];
  for (let slice = 0; slice < volume.geometry.size[0]; slice++) {
    const data = getSliceData(volume, slice);
    const isConstant = data.every((value) => value === data[0]);
    hashes.push(isConstant ? "" : (await computeSha256(toBytes(data))).slice(0, SLICE_HASH_DIGITS));
  }
  return hashes;
}

/** What {@link describeSeries} is told. */
export interface SeriesDescription {
  readonly patientId: string;
  readonly seriesId: string;
  /** Default `"image"`. */
  readonly role?: SeriesRole;
  readonly pairId?: string;
  readonly pool?: string;
  readonly stratum?: string;
  readonly facts?: SeriesFacts;
}

/** Makes a manifest's entry of a series. */
export async function describeSeries(volume: Volume, description: SeriesDescription): Promise<DatasetEntry> {
  const { role = "image", facts = {}, ...rest } = description;
  const { size, spacingMm }: GridGeometry = volume.geometry;
  return {
    ...rest,
    role,
    pixelSha256: await hashPixels(volume),
    sliceHashes: await hashSlices(volume),
    size,
    spacingMm,
    facts,
  };
}

/**
 * Makes the manifest of series that were read.
 *
 * @param series - a series without a patient counts as a patient of its own
 */
export async function createDataset(
  name: string,
  series: readonly TrainingSeries[],
): Promise<DatasetManifest> {
  const entries: DatasetEntry[] = [];
  for (const { id, volume, patientId, role, pairId, pool, facts } of series) {
    entries.push(
      await describeSeries(volume, {
        patientId: patientId || id,
        seriesId: id,
        ...(role && { role }),
        ...(pairId !== undefined && { pairId }),
        ...(pool !== undefined && { pool }),
        ...(facts && { facts }),
      }),
    );
  }
  return { schema: DATASET_SCHEMA, name, entries };
}

function isTriple(value: unknown): boolean {
  return Array.isArray(value) && value.length === 3 && value.every((n) => typeof n === "number" && n > 0);
}

function isHexText(value: unknown, digits: number): boolean {
  return typeof value === "string" && value.length === digits && /^[0-9a-f]*$/.test(value);
}

/** What is wrong with one entry, or null. */
function findEntryFault(entry: unknown): string | null {
  if (typeof entry !== "object" || entry === null) return "is no object";
  const fields = entry as Readonly<Record<string, unknown>>;
  for (const name of ["patientId", "seriesId"]) {
    if (typeof fields[name] !== "string" || fields[name] === "") return `has no ${name}`;
  }
  if (!["input", "target", "repeat", "image"].includes(fields.role as string)) return "has an unknown role";
  if (!isHexText(fields.pixelSha256, 64)) return "has no pixelSha256 of 64 hex digits";
  const slices = fields.sliceHashes;
  if (!Array.isArray(slices) || !slices.every((hash) => hash === "" || isHexText(hash, SLICE_HASH_DIGITS))) {
    return "has no list sliceHashes";
  }
  if (!isTriple(fields.size) || !isTriple(fields.spacingMm))
    return "has no size and spacingMm of three numbers";
  if (slices.length !== (fields.size as number[])[0]) return "has another number of sliceHashes than slices";
  if (typeof fields.facts !== "object" || fields.facts === null) return "has no facts";
  return null;
}

/**
 * Reads a manifest and checks it.
 *
 * @param text - JSON
 * @throws EnhanceError `DATASET_INVALID` with the number of the entry at fault
 */
export function parseDataset(text: string): DatasetManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new EnhanceError("DATASET_INVALID", `the manifest is not JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  const { schema, name, entries } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (schema !== DATASET_SCHEMA || typeof name !== "string" || !Array.isArray(entries)) {
    throw new EnhanceError(
      "DATASET_INVALID",
      `the manifest needs schema "${DATASET_SCHEMA}", a name and a list of entries`,
    );
  }
  const seen = new Set<string>();
  entries.forEach((entry, index) => {
    const id = (entry as { seriesId?: string } | null)?.seriesId;
    const fault = findEntryFault(entry) ?? (seen.has(id!) ? "has a seriesId that occurred before" : null);
    if (fault !== null) throw new EnhanceError("DATASET_INVALID", `entry ${index} of the manifest ${fault}`);
    seen.add(id!);
  });
  return value as DatasetManifest;
}

/** SHA-256 of a manifest's canonical text: names a dataset in recipes and model cards. */
export function computeDatasetDigest(manifest: DatasetManifest): Promise<string> {
  return computeSha256(new TextEncoder().encode(stringifyCanonical(manifest)));
}
