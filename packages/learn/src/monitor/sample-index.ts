/**
 * The list of sample images of a run, `samples/index.json`. Reading checks every file name, so that a damaged or
 * foreign list can name nothing outside the folder.
 */

/** Value of `schema` in `samples/index.json`. */
export const SAMPLE_INDEX_SCHEMA = "alara-samples/1";

/** One sample image. */
export interface SampleEntry {
  readonly step: number;
  /** The held-out case. */
  readonly id: string;
  /** Name of the PNG in the `samples` folder. */
  readonly file: string;
  /** Of one panel, pixels of the image itself. */
  readonly rows: number;
  readonly columns: number;
  /** Of the PNG. */
  readonly width: number;
  readonly height: number;
  /** What stands side by side, from the left. */
  readonly panels: readonly string[];
  /** HU shown black and white. */
  readonly windowHu: readonly [number, number];
  /** The same for the difference, null without one. */
  readonly differenceHu: readonly [number, number] | null;
}

/** Names that a sample file may have. */
const FILE_NAME = /^step-\d{6,12}-[A-Za-z0-9_-]{1,80}\.png$/;

/** Whether a text can be the name of a sample file; paths never are. */
export function isSampleFileName(name: string): boolean {
  return FILE_NAME.test(name);
}

function isPair(value: unknown): value is readonly [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every((item) => Number.isFinite(item));
}

function isSampleEntry(value: unknown): value is SampleEntry {
  const entry = value as Partial<SampleEntry> | null;
  return (
    typeof entry === "object" &&
    entry !== null &&
    [entry.step, entry.rows, entry.columns, entry.width, entry.height].every(
      (count) => Number.isSafeInteger(count) && (count as number) >= 0,
    ) &&
    typeof entry.id === "string" &&
    typeof entry.file === "string" &&
    isSampleFileName(entry.file) &&
    Array.isArray(entry.panels) &&
    entry.panels.every((name) => typeof name === "string") &&
    isPair(entry.windowHu) &&
    (entry.differenceHu === null || isPair(entry.differenceHu))
  );
}

/** Reads `samples/index.json`; entries that are not understood are left out, other text gives an empty list. */
export function parseSampleIndex(text: string): readonly SampleEntry[] {
  try {
    const value = JSON.parse(text) as { readonly schema?: unknown; readonly samples?: unknown } | null;
    if (value?.schema !== SAMPLE_INDEX_SCHEMA || !Array.isArray(value.samples)) return [];
    return value.samples.filter(isSampleEntry);
  } catch {
    return [];
  }
}
