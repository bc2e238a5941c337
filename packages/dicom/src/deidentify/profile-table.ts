/**
 * PS3.15 Table E.1-1 as a lookup: what the Basic Application Confidentiality Profile does to an attribute and which
 * options change that. Patterns (curves, overlays, private) are one row each. Not the decision itself: that also
 * looks at the object's type and the value (attribute-actions.ts).
 */
import { isPrivateTag } from "../dataset/tags.ts";
import { CONFIDENTIALITY_TABLE } from "./generated/confidentiality-table.ts";

export { TABLE_EDITION } from "./generated/confidentiality-table.ts";

/** Action of the Basic Profile, as the standard writes it. */
export type ProfileAction = "X" | "Z" | "D" | "U" | "X/Z" | "X/D" | "Z/D" | "X/Z/D" | "X/Z/U*";

/** One row of Table E.1-1. */
export interface ProfileRow {
  readonly action: ProfileAction;
  /** Retain UIDs: K. */
  readonly uid: boolean;
  /** Retain Longitudinal Temporal Information: K with full dates, C with modified dates. */
  readonly temporal: boolean;
  /** Retain Device Identity: K; the rows with C are cleaned as in the Basic Profile. */
  readonly device: boolean;
  /** Retain Institution Identity: K. */
  readonly institution: boolean;
  /** Retain Patient Characteristics: K. */
  readonly patient: boolean;
  /** Retain Patient Characteristics: C. */
  readonly patientText: boolean;
  /** Clean Descriptors: C. */
  readonly descriptor: boolean;
}

let table: { rows: Map<number, ProfileRow>; patterns: Map<string, ProfileRow> } | undefined;

function loadTable(): { rows: Map<number, ProfileRow>; patterns: Map<string, ProfileRow> } {
  const rows = new Map<number, ProfileRow>();
  const patterns = new Map<string, ProfileRow>();
  for (const entry of CONFIDENTIALITY_TABLE.trim().split(/\s+/)) {
    const [tag, action, letters = ""] = entry.split(":");
    const row: ProfileRow = {
      action: action as ProfileAction,
      uid: letters.includes("u"),
      temporal: letters.includes("t"),
      device: letters.includes("d"),
      institution: letters.includes("i"),
      patient: letters.includes("p"),
      patientText: letters.includes("q"),
      descriptor: letters.includes("c"),
    };
    if (/^[0-9a-f]{8}$/.test(tag)) rows.set(Number.parseInt(tag, 16), row);
    else patterns.set(tag, row);
  }
  return { rows, patterns };
}

/**
 * The row of an attribute; `undefined` when Table E.1-1 does not name it. All of groups 50xx and 60xx count as
 * curve and overlay data: without their data the rest of a group describes nothing.
 */
export function findProfileRow(tag: number): ProfileRow | undefined {
  table ??= loadTable();
  if (isPrivateTag(tag)) return table.patterns.get("private");
  const group = Math.floor(tag / 65536);
  if (group >= 0x5000 && group <= 0x50ff) return table.patterns.get("50xxxxxx");
  if (group >= 0x6000 && group <= 0x60ff) return table.patterns.get("60xx3000");
  return table.rows.get(tag);
}

/** Tags of every attribute that Table E.1-1 names, ascending; patterns left out. */
export function listProfileTags(): readonly number[] {
  table ??= loadTable();
  return [...table.rows.keys()].sort((a, b) => a - b);
}
