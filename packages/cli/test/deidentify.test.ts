/** `alara deidentify`: nothing of the originals in names, output, summary or messages; refusals; keys; the map. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import {
  createSequenceElement,
  createTextElement,
  type DicomElement,
  findVr,
  readDicomFile,
  readText,
  TAG,
} from "@alara/dicom";
import { scanSeriesFiles } from "@alara/dicom/node";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { describe, expect, it } from "vitest";
import { makeVolume, readTree, runAlara, writeSeries } from "./alara.ts";
import { makeSlices } from "./ct-slices.ts";

/** Text attributes that hold a marker: "ZQ", or "ZR" within a sequence, and the tag. */
function makeMarkedElements(prefix: "ZQ" | "ZR"): DicomElement[] {
  const elements: DicomElement[] = [];
  for (const group of [0x0008, 0x0010, 0x0018, 0x0020, 0x0032, 0x0038, 0x0040]) {
    for (let tag = group * 65536 + 1; tag < (group + 1) * 65536; tag++) {
      if (!["LO", "LT", "PN", "SH", "ST", "UT"].includes(findVr(tag))) continue;
      elements.push(createTextElement(tag, prefix + tag.toString(16).toUpperCase().padStart(8, "0")));
    }
  }
  return elements;
}

const REFERENCED_STUDY_SEQUENCE = 0x00081110;
const BURNED_IN_ANNOTATION = 0x00280301;

/** An object with a marker in every text attribute, at the top and in a sequence; by default an image. */
async function makeMarkedObject(sopClassUid = "1.2.840.10008.5.1.4.1.1.2"): Promise<Uint8Array> {
  const nested = createSequenceElement(REFERENCED_STUDY_SEQUENCE, [makeMarkedElements("ZR")], "explicit-le");
  const [bytes] = await makeSlices(1, {
    elements: [...makeMarkedElements("ZQ"), nested],
    texts: [
      [TAG.SOPClassUID, sopClassUid],
      [BURNED_IN_ANNOTATION, "YES"],
    ],
  });
  return bytes;
}

async function writeCanaries(folder: TemporaryFolder): Promise<string> {
  const input = folder.resolve("ZQFOLDER DOE JOHN");
  mkdirSync(`${input}/ZQSUB 4711`, { recursive: true });
  const canary = await makeMarkedObject();
  writeFileSync(`${input}/ZQ DOE^JOHN 1.dcm`, canary);
  writeFileSync(`${input}/ZQSUB 4711/ZQ CUT.dcm`, canary.subarray(0, canary.length - 3001));
  writeFileSync(`${input}/ZQSUB 4711/ZQ NOTES.txt`, "ZQNAME OF THE PATIENT");
  writeFileSync(`${input}/ZQ REPORT.dcm`, await makeMarkedObject("1.2.840.10008.5.1.4.1.1.8"));
  return input;
}

const MARKER = /Z[QR]|DOE|(?<![\d.])4711(?![\d.])|JOHN/;

describe("alara deidentify", () => {
  it("lets no marker out by output, names, summary, messages or exit", async () => {
    using folder = createTemporaryFolder("deidentify");
    const input = await writeCanaries(folder);
    for (const json of [[], ["--json"]]) {
      const output = folder.resolve(`out${json.length}`);
      const run = await runAlara("deidentify", input, "-o", output, "--allow-burned-in", ...json);
      expect([run.code, run.stdout, run.stderr]).toEqual([1, expect.any(String), expect.any(String)]);
      expect(run.stdout + run.stderr).not.toMatch(MARKER);
      expect(run.stderr).toContain("cannot be repeated");
      const tree = readTree(output);
      expect([...tree.keys()]).toEqual(["series-0001/image-00001.dcm", "summary.json"]);
      const summary = JSON.parse(String(tree.get("summary.json")));
      expect(String(tree.get("summary.json"))).not.toMatch(MARKER);
      expect([summary.images, summary.patients, summary.leftOut]).toEqual([1, 1, 1]);
      expect(summary.refused.map((one: { code: string }) => one.code).sort()).toEqual([
        "UNSUPPORTED_OBJECT",
        "VALUE_BEYOND_END",
      ]);
      // What stays in the image are the attributes that the profile keeps: names and identifiers are none of them.
      const image = String(tree.get("series-0001/image-00001.dcm"));
      const named = [...image.matchAll(/Z[QR][0-9A-F]{8}/g)].map(([marker]) => marker);
      expect(named.filter((marker) => /^Z[QR]0010(0010|0020|1000|1001|2180|4000)/.test(marker))).toEqual([]);
      expect(image.match(/DOE|(?<![\d.])4711(?![\d.])|JOHN/g)).toBeNull();
    }
  });

  it("says nothing when everything is refused, and leaves nothing", async () => {
    using folder = createTemporaryFolder("deidentify");
    const input = await writeCanaries(folder);
    const run = await runAlara(
      "deidentify",
      input,
      "-o",
      folder.resolve("out"),
      "--map",
      folder.resolve("map.json"),
      "--json",
    );
    expect(run.code).toBe(1);
    expect(JSON.parse(run.stdout).error.code).toBe("NOTHING_DEIDENTIFIED");
    expect(run.stdout + run.stderr).not.toMatch(MARKER);
    expect([...readTree(folder.path).keys()].filter((name) => !name.startsWith("ZQFOLDER"))).toEqual([]);
  });

  it("repeats with a key, keeps series together, and writes the map only on demand, for its owner", async () => {
    using folder = createTemporaryFolder("deidentify");
    const input = folder.resolve("in");
    await writeSeries(input, makeVolume(3, 16), { patientId: "PAT-ONE" });
    await writeSeries(input, makeVolume(2, 16), { patientId: "PAT-TWO", seriesNumber: 2 });
    const key = folder.resolve("key");
    writeFileSync(key, `${"k".repeat(32)}\n`);
    const map = folder.resolve("map.json");
    const first = await runAlara(
      "deidentify",
      input,
      "-o",
      folder.resolve("a"),
      "--key-file",
      key,
      "--map",
      map,
    );
    expect([first.code, first.stderr]).toEqual([0, ""]);
    const second = await runAlara("deidentify", input, "-o", folder.resolve("b"), "--key-file", key);
    expect(second.code).toBe(0);
    const [a, b] = [readTree(folder.resolve("a")), readTree(folder.resolve("b"))];
    expect([...a]).toEqual([...b]);
    expect([...a.keys()].length).toBe(6);
    const { series } = await scanSeriesFiles([folder.resolve("a")]);
    expect(series.map((one) => one.slices.length).sort()).toEqual([2, 3]);
    expect(statSync(map).mode & 0o777).toBe(0o600);
    const table = JSON.parse(readFileSync(map, "utf8"));
    expect(table.patients.map((one: { original: string }) => one.original).sort()).toEqual([
      "PAT-ONE",
      "PAT-TWO",
    ]);
    const one = readDicomFile(a.get(table.files[0].output) as Buffer).dataset;
    const original = readDicomFile(readFileSync(table.files[0].input)).dataset;
    const uids = new Map(
      table.uids.map((pair: { original: string; replacement: string }) => [pair.original, pair.replacement]),
    );
    expect(uids.get(readText(original, TAG.SOPInstanceUID))).toBe(readText(one, TAG.SOPInstanceUID));
    const again = await runAlara(
      "deidentify",
      input,
      "-o",
      folder.resolve("c"),
      "--key-file",
      key,
      "--map",
      map,
    );
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("MAP_NOT_WRITABLE")]);
  });

  it("takes new Patient IDs from a table and refuses the rest", async () => {
    using folder = createTemporaryFolder("deidentify");
    const input = folder.resolve("in");
    await writeSeries(input, makeVolume(1, 16), { patientId: "PAT, ONE" });
    await writeSeries(input, makeVolume(1, 16), { patientId: "PAT-TWO", seriesNumber: 2 });
    const table = folder.resolve("patients.csv");
    writeFileSync(table, "PAT, ONE,SUBJECT-1\r\n");
    const run = await runAlara(
      "deidentify",
      input,
      "-o",
      folder.resolve("out"),
      "--patients",
      table,
      "--json",
    );
    expect(run.code).toBe(1);
    expect(JSON.parse(run.stdout)).toMatchObject({
      images: 1,
      refused: [{ input: 2, code: "OUT_OF_RANGE" }],
    });
    const dataset = readDicomFile(
      readTree(folder.resolve("out")).get("series-0001/image-00001.dcm") as Buffer,
    ).dataset;
    expect(readText(dataset, TAG.PatientID)).toBe("SUBJECT-1");
    writeFileSync(table, "PAT-ONE,a b c\n");
    const wrong = await runAlara("deidentify", input, "-o", folder.resolve("out2"), "--patients", table);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("line 1")]);
    expect(wrong.stderr).not.toContain("PAT-ONE");
  });

  it("tells wrong use", async () => {
    using folder = createTemporaryFolder("deidentify");
    const input = folder.resolve("in.dcm");
    writeFileSync(input, (await makeSlices(1))[0]);
    const key = folder.resolve("key");
    writeFileSync(key, "short");
    const output = folder.resolve("out");
    const codes: (number | null)[] = [];
    for (const args of [
      ["--retain", "everything"],
      ["--retain", "full-dates,modified-dates"],
      ["--key-file", key],
      ["--key-file", folder.resolve("none")],
      ["--map", folder.resolve("out/map.json")],
    ]) {
      codes.push((await runAlara("deidentify", input, "-o", output, ...args)).code);
    }
    expect(codes).toEqual([2, 2, 2, 2, 2]);
    expect((await runAlara("deidentify", folder.resolve("absent"), "-o", output)).stderr).toContain(
      "INPUT_NOT_FOUND",
    );
  });
});
