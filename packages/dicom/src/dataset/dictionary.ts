/**
 * Keywords and names of standard elements (PS3.6) for listings and messages. The table is a module of its own, loaded
 * on the first call: reading and writing need no names, so they do not pay for it.
 */

/** What PS3.6 calls an element. */
export interface DictionaryEntry {
  /** 50xx and 60xx stand under group 5000 and 6000. */
  readonly tag: number;
  /** "SliceThickness" */
  readonly keyword: string;
  /** "Slice Thickness" */
  readonly name: string;
}

/** Look-ups by tag and keyword. */
export interface DicomDictionary {
  readonly size: number;
  /** The entry of a tag, of repeating groups 50xx and 60xx too; `undefined` for private and unknown tags. */
  find(tag: number): DictionaryEntry | undefined;
  /** The entry of a keyword, exactly as PS3.6 writes it. */
  findKeyword(keyword: string): DictionaryEntry | undefined;
}

let loaded: Promise<DicomDictionary> | undefined;

/** Loads the dictionary once; later calls share it. Tested against pydicom's. */
export function loadDictionary(): Promise<DicomDictionary> {
  loaded ??= import("../generated/dictionary.ts").then(({ DICTIONARY_TEXT }) => parse(DICTIONARY_TEXT));
  return loaded;
}

function parse(text: string): DicomDictionary {
  const byTag = new Map<number, DictionaryEntry>();
  const byKeyword = new Map<string, DictionaryEntry>();
  for (const line of text.trim().split("\n")) {
    const [hex, keyword, name] = line.split("|");
    const entry: DictionaryEntry = { tag: Number.parseInt(hex, 16), keyword, name };
    byTag.set(entry.tag, entry);
    byKeyword.set(keyword, entry);
  }
  return {
    size: byTag.size,
    find: (tag) => {
      const group = Math.floor(tag / 65536);
      const isRepeating =
        group % 2 === 0 && ((group >= 0x5000 && group <= 0x50ff) || (group >= 0x6000 && group <= 0x60ff));
      return (
        byTag.get(tag) ?? (isRepeating ? byTag.get((group & 0xff00) * 65536 + (tag % 65536)) : undefined)
      );
    },
    findKeyword: (keyword) => byKeyword.get(keyword),
  };
}
