/**
 * The object's own identifiers as search words: names and numbers that also turn up in attributes which the profile
 * keeps (a patient's name typed as a sequence name). Kept texts that hold one are emptied. A safety net under the
 * table, not a substitute for it: what no identifying attribute states is not found.
 */
import type { DicomDataset } from "../dataset/dataset.ts";
import { findVr } from "../dataset/tags.ts";
import { readValueText } from "./values.ts";

/** Attributes that hold an identifier as a whole. */
const IDENTIFIER_TAGS: ReadonlySet<number> = new Set([
  0x00080050, 0x00100020, 0x00100030, 0x00101000, 0x00101040, 0x00102154, 0x00120040, 0x00120042, 0x00200010,
  0x00380010, 0x00380060, 0x00401001, 0x00402016, 0x00402017,
]);
const SHORTEST_NAME = 3;
const SHORTEST_IDENTIFIER = 5;

/** What to look for in texts that stay. */
export interface IdentifierWords {
  /** Parts of names, lower case: found as whole words. */
  readonly names: ReadonlySet<string>;
  /** Identifiers, lower case: found anywhere in a text. */
  readonly identifiers: ReadonlySet<string>;
}

function splitWords(text: string): string[] {
  return text.toLowerCase().split(/[\s^=\\,;:/()._-]+/);
}

/** Collects the words of one dataset's names and identifiers; sequences are left out. */
export function collectIdentifiers(dataset: DicomDataset): IdentifierWords {
  const names = new Set<string>();
  const identifiers = new Set<string>();
  for (const element of dataset.elements.values()) {
    const isName = element.vr === "PN" || findVr(element.tag) === "PN";
    if (!isName && !IDENTIFIER_TAGS.has(element.tag)) continue;
    const text = readValueText(element.bytes);
    if (isName) {
      for (const word of splitWords(text)) if (word.length >= SHORTEST_NAME) names.add(word);
    } else {
      for (const value of text.toLowerCase().split("\\")) {
        const identifier = value.trim();
        if (identifier.length >= SHORTEST_IDENTIFIER) identifiers.add(identifier);
      }
    }
  }
  return { names, identifiers };
}

/** Whether a text holds one of the words. */
export function holdsIdentifier(text: string, words: IdentifierWords): boolean {
  const lower = text.toLowerCase();
  for (const identifier of words.identifiers) if (lower.includes(identifier)) return true;
  return words.names.size > 0 && splitWords(text).some((word) => words.names.has(word));
}
