/** `alara deidentify`: nothing of the originals in names, output, summary or messages; refusals; keys; the map. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { readDicomFile, readText, TAG } from "@alara/dicom";
import { scanSeriesFiles } from "@alara/dicom/node";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { describe, expect, it } from "vitest";
import { findMarkers, makeCanary } from "../../dicom/test/make-canary.ts";
import { makeCtSlice } from "../../dicom/test/make-dicom.ts";
import { makeVolume, readTree, runAlara, writeSeries } from "./alara.ts";

function writeCanaries(folder: TemporaryFolder): string {
  const input = folder.resolve("ZQFOLDER DOE JOHN");
  mkdirSync(`${input}/ZQSUB 4711`, { recursive: true });
  const canary = makeCanary();
  writeFileSync(`${input}/ZQ DOE^JOHN 1.dcm`, canary);
  writeFileSync(`${input}/ZQSUB 4711/ZQ CUT.dcm`, canary.subarray(0, canary.length - 3001));
  writeFileSync(`${input}/ZQSUB 4711/ZQ NOTES.txt`, "ZQNAME OF THE PATIENT");
  const report = canary.slice();
  const sopClass = Buffer.from(report).indexOf("1.2.840.10008.5.1.4.1.1.2", 400);
  report.set(Buffer.from("1.2.840.10008.5.1.4.1.1.8"), sopClass);
  writeFileSync(`${input}/ZQ REPORT.dcm`, report);
  return input;
}

const MARKER = /Z[QR]|DOE|4711|JOHN/;

describe("alara deidentify", () => {
  it("lets no marker out by output, names, summary, messages or exit", async () => {
    using folder = createTemporaryFolder("deidentify");
    const input = writeCanaries(folder);
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
        expect.stringMatching(/TRUNCATED|VALUE_BEYOND_END/),
      ]);
      // What stays in the image are the attributes that the profile keeps: names and identifiers are none of them.
      const named = [...findMarkers(tree.get("series-0001/image-00001.dcm") as Buffer)];
      expect(named.filter((marker) => !/^Z[QR][0-9A-F]{8}$/.test(marker))).toEqual([]);
      expect(named.filter((marker) => /^Z[QR]0010(0010|0020|0030|1000)/.test(marker))).toEqual([]);
    }
  });

  it("says nothing when everything is refused, and leaves nothing", async () => {
    using folder = createTemporaryFolder("deidentify");
    const input = writeCanaries(folder);
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
    writeFileSync(input, makeCtSlice());
    const key = folder.resolve("key");
    writeFileSync(key, "short");
    const output = folder.resolve("out");
    const codes = [
      ["--retain", "everything"],
      ["--retain", "full-dates,modified-dates"],
      ["--key-file", key],
      ["--key-file", folder.resolve("none")],
      ["--map", folder.resolve("out/map.json")],
    ].map((args) => {
      const launcher = fileURLToPath(new URL("../src/main.ts", import.meta.url));
      return spawnSync(process.execPath, [launcher, "deidentify", input, "-o", output, ...args]).status;
    });
    expect(codes).toEqual([2, 2, 2, 2, 2]);
    expect((await runAlara("deidentify", folder.resolve("absent"), "-o", output)).stderr).toContain(
      "INPUT_NOT_FOUND",
    );
  });
});
