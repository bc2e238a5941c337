/** Tables and sub-targets of the tomography evidence, and how they are printed. */

/** A printed table; cells are formatted, so that what is saved is what is quoted. */
export interface EvidenceTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One figure with the largest value that it may have. */
export interface Check {
  readonly what: string;
  readonly value: number;
  readonly limit: number;
  readonly ok: boolean;
}

/** What a part of the evidence hands back. */
export interface EvidencePart {
  readonly tables: readonly EvidenceTable[];
  readonly checks: readonly Check[];
  /** Of the part that the study's line of JSON is about. */
  readonly headline?: {
    readonly worst: number;
    /** A peer's figure for a case that it can do too, or null without it. */
    readonly peer: { readonly name: string; readonly value: number } | null;
  };
}

/** A sub-target; NaN misses it. */
export function checkAtMost(what: string, value: number, limit: number): Check {
  return { what, value: Number(value.toPrecision(4)), limit, ok: value <= limit };
}

/** Two significant digits as in 1.1e-6. */
export function formatSmall(value: number): string {
  return value === 0 ? "0" : value.toExponential(1);
}

/** |value/wanted − 1|. */
export function deviate(value: number, wanted: number): number {
  return Math.abs(value / wanted - 1);
}

/** The largest magnitude; 0 of none, NaN when there is one. */
export function findLargest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** A part as text. */
export function formatPart({ tables, checks }: EvidencePart): string {
  const blocks = tables.map(({ title, columns, rows }) => {
    const widths = columns.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i].length)));
    const line = (cells: readonly string[]): string =>
      `  ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ")}`;
    return [title, line(columns), ...rows.map(line)].join("\n");
  });
  const targets = checks.map(
    ({ what, value, limit, ok }) => `  ${ok ? "met   " : "MISSED"} ${what}: ${value} (≤ ${limit})`,
  );
  return [...blocks, ["targets", ...targets].join("\n")].join("\n\n");
}
