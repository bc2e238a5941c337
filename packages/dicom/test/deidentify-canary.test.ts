/**
 * The canary: markers everywhere, and none may come through but those of attributes that the profile keeps. What is
 * kept is worked out here from the generated table's text and the dictionary, not from the code under test.
 */

import fs from "node:fs";
import { createRandom } from "@alara/core";
import {
  createPseudonyms,
  type DeidentifyOptions,
  type DicomDataset,
  deidentifyFile,
  type RetainOption,
  readDicomFile,
  readItems,
  writeDicomFile,
} from "@alara/dicom";
import { describe, expect, it } from "vitest";
import { CONFIDENTIALITY_TABLE } from "../src/deidentify/generated/confidentiality-table.ts";
import { type CanaryLayout, DICTIONARY, findMarkers, makeCanary, makeDate, makeTime } from "./make-canary.ts";
import { PINNED_PROFILES, writePinned } from "./write-deidentified.ts";

const KEY = new Uint8Array(32).fill(9);
const TABLE = new Map(
  CONFIDENTIALITY_TABLE.trim()
    .split(/\s+/)
    .map((entry) => {
      const [tag, action, letters = ""] = entry.split(":");
      return [tag, { action, letters }] as const;
    }),
);
const VRS = new Map(DICTIONARY);

type Profile = Omit<DeidentifyOptions, "pseudonyms">;

async function deidentify(bytes: Uint8Array, profile: Profile = {}): Promise<Uint8Array> {
  const { file } = await deidentifyFile(readDicomFile(bytes, { preamble: "any" }), {
    pseudonyms: createPseudonyms(KEY),
    burnedInText: "allow",
    ...profile,
  });
  return writeDicomFile(file.dataset, file.transferSyntaxUid);
}

/** Tags whose text markers are in the bytes; anything else that is a marker makes `others`. */
function listSurvivors(bytes: Uint8Array): { tags: Map<string, Set<number>>; others: string[] } {
  const tags = new Map([
    ["ZQ", new Set<number>()],
    ["ZR", new Set<number>()],
  ]);
  const others: string[] = [];
  for (const marker of findMarkers(bytes)) {
    const match = /^(Z[QR])([0-9A-F]{8})$/.exec(marker);
    const tag = match === null ? undefined : Number.parseInt(match[2], 16);
    if (match !== null && tag !== undefined && VRS.has(tag)) tags.get(match[1])?.add(tag);
    else others.push(marker);
  }
  return { tags, others };
}

function getLetters(tag: number): string | undefined {
  return TABLE.get(tag.toString(16).padStart(8, "0"))?.letters;
}

/** VRs whose texts and bytes the Basic Profile keeps where Table E.1-1 does not name the attribute. */
const KEPT_VRS = new Set("CS LO SH OB OW OF OL OD OV ox UC UR".split(" "));

function isKeptByBasicProfile(tag: number): boolean {
  const group = Math.floor(tag / 65536);
  const isGraphic = (group >= 0x5000 && group <= 0x50ff) || (group >= 0x6000 && group <= 0x60ff);
  return getLetters(tag) === undefined && !isGraphic && KEPT_VRS.has(VRS.get(tag) ?? "");
}

describe("canary", () => {
  it("carries a marker in at least 4000 attributes, twice", () => {
    const { tags } = listSurvivors(makeCanary());
    const text = DICTIONARY.filter(([, vr]) => /^(AE|CS|LO|LT|PN|SH|ST|UC|UR|UT|SQ|O.|ox)$/.test(vr)).length;
    expect(DICTIONARY.length).toBeGreaterThan(4000);
    for (const set of tags.values()) expect(set.size).toBeGreaterThan(text - 20);
  });

  it.each(["explicit", "implicit", "unknown-sequences"] as const)(
    "leaves nothing that the table names (%s)",
    async (layout: CanaryLayout) => {
      const { tags, others } = listSurvivors(await deidentify(makeCanary(layout)));
      expect(others).toEqual([]);
      for (const [, survivors] of tags) {
        expect([...survivors].filter((tag) => !isKeptByBasicProfile(tag))).toEqual([]);
        // And it is a profile, not an eraser: most of what may stay stays.
        expect(survivors.size).toBeGreaterThan(600);
      }
    },
  );

  const options: readonly [RetainOption, string, (tag: number) => boolean][] = [
    ["device", "d", () => true],
    ["institution", "i", () => true],
    ["patient", "p", () => true],
  ];
  it.each(options)("--retain %s keeps exactly its column", async (option, letter) => {
    const basic = listSurvivors(await deidentify(makeCanary()));
    const retained = listSurvivors(await deidentify(makeCanary(), { retain: [option] }));
    expect(retained.others.filter((marker) => !/^(9\.9|15|111111)/.test(marker))).toEqual([]);
    const added = [...(retained.tags.get("ZQ") ?? [])].filter((tag) => !basic.tags.get("ZQ")?.has(tag));
    const expected = DICTIONARY.filter(
      // Group 0400 (signatures, encrypted and original attributes) goes whatever is retained.
      ([tag, vr]) =>
        getLetters(tag)?.includes(letter) &&
        tag >>> 16 !== 0x0400 &&
        /^(AE|CS|LO|LT|SH|ST|UC|UT|SQ)$/.test(vr),
    ).map(([tag]) => tag);
    // Sequences are cleaned inside, so their markers (a name, an institution) come out with neither.
    const sequences = expected.filter((tag) => VRS.get(tag) === "SQ");
    const own = option === "institution" ? [] : sequences;
    expect(added.filter((tag) => VRS.get(tag) !== "SQ").sort()).toEqual(
      expected.filter((tag) => VRS.get(tag) !== "SQ").sort(),
    );
    expect(added.filter((tag) => own.includes(tag))).toEqual([]);
  });

  it("--retain full-dates keeps the listed and unlisted dates but birth; modified-dates none of them", async () => {
    const canary = makeCanary();
    const read = async (profile: Profile): Promise<string> =>
      Buffer.from(await deidentify(canary, profile)).toString("latin1");
    const full = await read({ retain: ["full-dates"] });
    const modified = await read({ retain: ["modified-dates"] });
    const none = await read({});
    const birth = new Set([0x00100030, 0x00100032, 0x00160077]);
    const removed = /^(0000|0002|0004|0400|4ffe|50|60)/;
    for (const [tag, vr] of DICTIONARY) {
      if (vr !== "DA" && vr !== "TM" && vr !== "DT") continue;
      const hex = tag.toString(16).padStart(8, "0");
      const marker = vr === "TM" ? makeTime(tag) : makeDate(tag);
      expect([hex, none.includes(marker)]).toEqual([hex, false]);
      // Another day may fall on a marker by the shift, but not in this century of markers: 1 to 10 years back.
      if (vr !== "TM" && Number(marker.slice(0, 4)) > 1511)
        expect([hex, modified.includes(marker)]).toEqual([hex, false]);
      if (removed.test(hex)) continue;
      expect([hex, full.includes(marker)]).toEqual([hex, !birth.has(tag)]);
    }
  });

  it("--retain uids keeps every UID outside signatures and file meta; without it none", async () => {
    const kept = findMarkers(await deidentify(makeCanary(), { retain: ["uids"] }));
    const none = findMarkers(await deidentify(makeCanary()));
    const missing: string[] = [];
    for (const [tag, vr] of DICTIONARY) {
      if (vr !== "UI") continue;
      expect(none.has(`9.9.1.${tag}`)).toBe(false);
      if (!kept.has(`9.9.1.${tag}`)) missing.push(tag.toString(16).padStart(8, "0"));
    }
    expect(missing.filter((hex) => !/^(0004|0400|4ffe|60|50)/.test(hex))).toEqual([
      "00080016",
      "00081150",
      "0040a124",
    ]);
    expect([...kept].filter((marker) => marker === "9.9.1.2" || marker === "9.9.1.3")).toEqual([]);
  });

  it("clean descriptors lets no marker through; safe private neither", async () => {
    for (const profile of [
      { descriptors: "clean" },
      { retain: ["safe-private"] },
      { descriptors: "clean", retain: ["safe-private", "modified-dates"] },
    ] satisfies Profile[]) {
      const { tags, others } = listSurvivors(await deidentify(makeCanary(), profile));
      expect(others.filter((marker) => !/^(15|111111)/.test(marker))).toEqual([]);
      for (const survivors of tags.values()) {
        expect([...survivors].filter((tag) => !isKeptByBasicProfile(tag))).toEqual([]);
      }
    }
  });

  it("says nothing in errors of damaged canaries", async () => {
    const canary = makeCanary();
    const random = createRandom(5);
    let errors = 0;
    for (let round = 0; round < 80; round++) {
      let damaged = canary.slice();
      if (round % 2 === 0)
        damaged = damaged.slice(0, 140 + Math.floor(random.nextUniform() * (canary.length - 140)));
      else {
        for (let i = 0; i < 40; i++) {
          damaged[132 + Math.floor(random.nextUniform() * (damaged.length - 132))] = Math.floor(
            256 * random.nextUniform(),
          );
        }
      }
      try {
        await deidentify(damaged);
      } catch (error) {
        errors++;
        expect(error).toHaveProperty("code");
        const text = error instanceof Error ? `${error.message} ${String(error.cause ?? "")}` : String(error);
        expect([...findMarkers(text)]).toEqual([]);
      }
    }
    expect(errors).toBeGreaterThan(20);
  });

  it("keeps what pydicom found kept, for the Basic Profile and for each option", async () => {
    const golden = JSON.parse(
      fs.readFileSync(new URL("golden/deidentified.json", import.meta.url), "utf8"),
    ) as {
      basic: { top: string; nested: string };
      options: Record<string, { adds: string; takes: string }>;
    };
    const list = (dataset: DicomDataset): string[] =>
      [...dataset.elements.values()].flatMap((element) => {
        const isEmpty = element.bytes.length === 0;
        return isEmpty ? [] : [element.tag.toString(16).padStart(8, "0")];
      });
    const basic = readDicomFile(await writePinned("basic")).dataset;
    let nested = basic;
    for (let depth = 0; depth < 3; depth++) nested = (readItems(nested, 0x00089215) ?? [])[0];
    const top = list(basic);
    expect(top.join(" ")).toBe(golden.basic.top);
    expect(list(nested).join(" ")).toBe(golden.basic.nested);
    expect(Object.keys(golden.options).length).toBe(PINNED_PROFILES.size - 1);
    for (const [name, { adds, takes }] of Object.entries(golden.options)) {
      const retained = list(readDicomFile(await writePinned(name)).dataset);
      expect([name, retained.filter((tag) => !top.includes(tag)).join(" ")]).toEqual([name, adds]);
      expect([name, top.filter((tag) => !retained.includes(tag)).join(" ")]).toEqual([name, takes]);
    }
  });
});
