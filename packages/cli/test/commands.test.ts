/** The commands end to end on small series: results, exit status, and what is left after a fault. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { decodeVolume } from "@alara/dicom";
import { scanSeriesFiles } from "@alara/dicom/node";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeVolume, readTree, runAlara, writeSeries } from "./alara.ts";

let folder: TemporaryFolder;
let input: string;
beforeAll(async () => {
  folder = createTemporaryFolder("cli");
  input = folder.resolve("input");
  await writeSeries(input, makeVolume(5, 96));
});
afterAll(() => folder.dispose());

const DATE = ["--date", "2026-02-03T04:05:06+01:00"];

test("identity gives back every pixel, and the report says that nothing changed", async () => {
  const output = folder.resolve("identity");
  const run = await runAlara("enhance", input, "-o", output, "--method", "identity", "--json", ...DATE);
  expect(run).toMatchObject({ code: 0, stderr: "" });
  const result = JSON.parse(run.stdout);
  expect(result.slices).toBe(5);
  const source = await scanSeriesFiles([input]);
  const written = await scanSeriesFiles([`${output}/series`]);
  expect(written.series[0].seriesInstanceUid).toBe(result.seriesInstanceUid);
  expect((await decodeVolume(written.series[0])).data).toEqual((await decodeVolume(source.series[0])).data);
  const report = JSON.parse(readFileSync(`${output}/report.json`, "utf8"));
  for (const { meanDifferenceHu } of report.quality.huBias[0].tissues) expect(meanDifferenceHu ?? 0).toBe(0);
  expect(readFileSync(`${output}/report.html`, "utf8")).toContain("not a medical device");
});

test("the same moment gives the same bytes; another strength gives another series", async () => {
  const run = async (name: string, strength: string): Promise<Map<string, Buffer>> => {
    const output = folder.resolve(name);
    const args = ["--method", "gaussian", "--strength", strength, "--no-report", ...DATE];
    expect((await runAlara("enhance", input, "-o", output, ...args)).code).toBe(0);
    return readTree(output);
  };
  const [first, again, weaker] = [await run("g1", "1"), await run("g2", "1"), await run("g3", "0.5")];
  expect(again).toEqual(first);
  const uid = async (name: string): Promise<string> =>
    (await scanSeriesFiles([folder.resolve(name)])).series[0].seriesInstanceUid;
  expect(await uid("g2")).toBe(await uid("g1"));
  expect(await uid("g3")).not.toBe(await uid("g1"));
  expect([...weaker.keys()]).toEqual([...first.keys()]);
});

test("half strength lies halfway, to rounding", async () => {
  const read = async (name: string): Promise<Float32Array> =>
    (await decodeVolume((await scanSeriesFiles([name])).series[0])).data;
  const [original, full, half] = [
    await read(input),
    await read(folder.resolve("g1")),
    await read(folder.resolve("g3")),
  ];
  for (let i = 0; i < original.length; i++) {
    expect(Math.abs(half[i] - (original[i] + full[i]) / 2)).toBeLessThanOrEqual(0.76);
  }
});

test("the shipped model runs by default and lowers the noise", async () => {
  const output = folder.resolve("model");
  const run = await runAlara("enhance", input, "-o", output, "--json");
  expect(run.code, run.stderr).toBe(0);
  const [before, after] = JSON.parse(run.stdout).report.noise;
  expect(after.noise.sigmaHu).toBeLessThan(0.7 * before.noise.sigmaHu);
});

test("a result is not enhanced again unless forced", async () => {
  const args = [
    "enhance",
    folder.resolve("g1"),
    "--method",
    "identity",
    "--no-report",
    "-o",
    folder.resolve("again"),
  ];
  const refused = await runAlara(...args);
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.stderr).toContain("ALREADY_DERIVED");
  expect(existsSync(folder.resolve("again"))).toBe(false);
  expect((await runAlara(...args, "--force")).code).toBe(0);
});

test("a reference turns errors into numbers that agree with those of evaluate", async () => {
  const output = folder.resolve("referenced");
  const args = ["--method", "gaussian", "--reference", input, "--reference-noise", "shared", "--json"];
  const enhanced = JSON.parse((await runAlara("enhance", input, "-o", output, ...args)).stdout);
  const judged = await runAlara("evaluate", `${output}/series`, "--reference", input, "--json");
  expect(judged.code, judged.stderr).toBe(0);
  const find = (
    report: { comparisons: { image: string; metrics: { metric: string; value: number }[] }[] },
    image: string,
  ) =>
    report.comparisons.find((item) => item.image === image)?.metrics.find((item) => item.metric === "rmse")
      ?.value;
  const a = find(enhanced.report, "enhanced") as number;
  const b = find(JSON.parse(judged.stdout), "candidate") as number;
  expect(a).toBeGreaterThan(1);
  expect(Math.abs(a - b)).toBeLessThan(0.05);
});

test("inspect lists series, facts and what was left out", async () => {
  const mixed = folder.resolve("mixed");
  await writeSeries(mixed, makeVolume(4, 32), { seriesNumber: 1, slices: [0, 1, 3] });
  await writeSeries(mixed, makeVolume(2, 32), { seriesNumber: 2 });
  writeFileSync(`${mixed}/note.txt`, "not an image");
  const run = await runAlara("inspect", mixed, "--json");
  const { series, skipped } = JSON.parse(run.stdout);
  expect(series.map((item: { facts: { slices: number } }) => item.facts.slices)).toEqual([3, 2]);
  expect(series[0].isRegular).toBe(false);
  expect(JSON.stringify(series[0].findings)).toMatch(/MISSING_SLICES|UNEVEN_SPACING/);
  expect(skipped).toEqual([expect.objectContaining({ name: "note.txt", code: "NOT_DICOM" })]);
  const text = await runAlara("inspect", mixed);
  expect(text.stdout).toContain("Tube voltage     120 kV");
});

test("several series in one folder: a coded error that lists them; --series chooses", async () => {
  const args = ["enhance", folder.resolve("mixed"), "--method", "identity", "--no-report", "-o"];
  const unclear = await runAlara(...args, folder.resolve("m0"));
  expect(unclear.code).toBe(1);
  expect(unclear.stderr).toMatch(/SEVERAL_SERIES.*--series.*\n *1 .* 3 {2}32 × 32 .*\n *2 .* 2 {2}32 × 32/s);
  expect((await runAlara(...args, folder.resolve("m2"), "--series", "2")).code).toBe(0);
  expect(readdirSync(folder.resolve("m2/series"))).toHaveLength(2);
  const gap = await runAlara(...args, folder.resolve("m1"), "--series", "1");
  expect(gap.code).toBe(0);
  expect(gap.stderr).toMatch(/MISSING_SLICES|UNEVEN_SPACING/);
  expect((await runAlara(...args, folder.resolve("m3"), "--series", "9")).stderr).toContain("NO_SUCH_SERIES");
});

test("simulate low-dose adds noise, keeps the anatomy, repeats by seed, and may be enhanced", async () => {
  const water = folder.resolve("water");
  await writeSeries(water, makeVolume(2, 256));
  const args = (name: string, seed: string): string[] => [
    "simulate",
    "low-dose",
    water,
    "-o",
    folder.resolve(name),
    "--dose-fraction",
    "0.25",
    "--seed",
    seed,
    ...DATE,
  ];
  for (const [name, seed] of [
    ["low-a", "7"],
    ["low-b", "7"],
    ["low-c", "8"],
  ]) {
    const run = await runAlara(...args(name, seed));
    expect(run.code, run.stderr).toBe(0);
  }
  expect(readTree(folder.resolve("low-b"))).toEqual(readTree(folder.resolve("low-a")));
  const read = async (name: string): Promise<Float32Array> =>
    (await decodeVolume((await scanSeriesFiles([folder.resolve(name)])).series[0])).data;
  const [full, low, other] = [await read("water"), await read("low-a"), await read("low-c")];
  expect(other).not.toEqual(low);
  let sum = 0;
  let squares = 0;
  let count = 0;
  for (let i = 0; i < full.length; i++) {
    const [r, c] = [Math.floor((i % 65536) / 256), i % 256];
    if (Math.hypot(r - 128, c - 128) > 40) continue;
    sum += low[i] - full[i];
    squares += (low[i] - full[i]) ** 2;
    count++;
  }
  // The input's noise is 20 HU everywhere, so a quarter of the dose adds about √3 · 20 HU.
  expect(Math.sqrt(squares / count)).toBeGreaterThan(25);
  expect(Math.sqrt(squares / count)).toBeLessThan(45);
  expect(Math.abs(sum / count)).toBeLessThan(2);
  const enhanced = await runAlara(
    "enhance",
    folder.resolve("low-a"),
    "--method",
    "gaussian",
    "--no-report",
    "-o",
    folder.resolve("low-e"),
  );
  expect(enhanced.code, enhanced.stderr).toBe(0);
}, 120_000);

test("lists of methods and models are machine-readable", async () => {
  const methods = JSON.parse((await runAlara("methods", "--json")).stdout);
  expect(methods.map((item: { name: string }) => item.name)).toEqual(["identity", "gaussian", "network"]);
  const models = JSON.parse((await runAlara("models", "--json")).stdout);
  expect(models.filter((item: { isDefault: boolean }) => item.isDefault)).toHaveLength(1);
});

test.each([
  ["no command", [], 2, /Usage: alara/],
  ["an unknown command", ["enhence"], 2, /unknown command.*Did you mean enhance/s],
  ["an unknown option", ["enhance", "x", "-o", "y", "--colour"], 2, /unknown option/],
  ["no output", ["enhance", "x"], 2, /required option/],
  ["strength out of range", ["enhance", "x", "-o", "y", "--strength", "1.5"], 2, /USAGE.*from 0 to 1/],
  [
    "an unknown method",
    ["enhance", "x", "-o", "y", "--method", "magic"],
    2,
    /USAGE.*known: identity, gaussian, network/,
  ],
  [
    "a method option that is no number",
    ["enhance", "x", "-o", "y", "--method", "gaussian", "--set", "sigmaPixels=big"],
    2,
    /USAGE/,
  ],
  [
    "a model for a method without one",
    ["enhance", "x", "-o", "y", "--method", "gaussian", "--model", "z"],
    2,
    /takes no model/,
  ],
  ["an unknown model", ["enhance", "x", "-o", "y", "--model", "nowhere"], 2, /neither a shipped model/],
  ["an impossible dose", ["simulate", "low-dose", "x", "-o", "y", "--dose-fraction", "2"], 2, /0\.02 to 1/],
  ["a missing input", ["enhance", "nowhere-at-all", "-o", "y", "--method", "identity"], 1, /INPUT_NOT_FOUND/],
])("%s ends with its status and says the way out", async (_, args, code, message) => {
  const run = await runAlara(...args);
  expect(run.code).toBe(code);
  expect(run.stderr).toMatch(message);
});

test("wrong use has a code, and --json says it on stdout", async () => {
  const run = await runAlara("enhance", "x", "-o", "y", "--bogus", "--json");
  expect(run.code).toBe(2);
  expect(run.stderr).toContain("error USAGE:");
  expect(JSON.parse(run.stdout).error).toMatchObject({ code: "USAGE" });
  const empty = await runAlara("enhance", "x", "-o", "y", "--strength", "");
  expect(empty.code).toBe(2);
});

test("faults of the input and the output have codes and leave nothing behind", async () => {
  const enhance = (path: string, output: string) =>
    runAlara("enhance", path, "-o", folder.resolve(output), "--method", "identity", "--json");
  const empty = folder.resolve("empty");
  mkdirSync(empty);
  const cases: [string, string, RegExp][] = [[empty, "NO_CT_SERIES", /it is empty/]];

  const [name, bytes] = [...readTree(input)][0];
  const broken = folder.resolve("broken");
  mkdirSync(broken);
  writeFileSync(`${broken}/${name}`, bytes.subarray(0, bytes.length - 4000));
  cases.push([broken, "NO_CT_SERIES", /TRUNCATED|VALUE_TOO_SHORT|PIXEL|bytes/]);

  const full = folder.resolve("full");
  mkdirSync(full);
  writeFileSync(`${full}/keep.txt`, "mine");
  const occupied = await enhance(input, "full");
  expect(JSON.parse(occupied.stdout).error.code).toBe("OUTPUT_NOT_EMPTY");
  expect(readdirSync(full)).toEqual(["keep.txt"]);

  const before = readdirSync(folder.path).sort();
  for (const [path, code, message] of cases) {
    const run = await enhance(path, "never");
    expect(run.code).toBe(1);
    const { error } = JSON.parse(run.stdout);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  }
  expect(readdirSync(folder.path).sort()).toEqual(before);
});

test("a damaged slice among good ones stops the run; --force goes on without it and says so", async () => {
  const mixed = folder.resolve("one-broken");
  await writeSeries(mixed, makeVolume(4, 32));
  const [name, bytes] = [...readTree(mixed)][3];
  writeFileSync(`${mixed}/${name}`, bytes.subarray(0, bytes.length - 300));
  const args = [
    "enhance",
    mixed,
    "--method",
    "identity",
    "--no-report",
    "-o",
    folder.resolve("one-broken-out"),
  ];
  const refused = await runAlara(...args);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/DAMAGED_FILES.*1 file/);
  expect(existsSync(folder.resolve("one-broken-out"))).toBe(false);
  const forced = await runAlara(...args, "--force");
  expect(forced.code).toBe(0);
  expect(forced.stderr).toContain("left out 1 file");
  expect(readdirSync(folder.resolve("one-broken-out/series"))).toHaveLength(3);
});

test("training refuses a subject on two sides, and a failed run does not block its folder", async () => {
  const data = folder.resolve("data");
  await writeSeries(`${data}/a`, makeVolume(1, 64));
  await writeSeries(`${data}/b`, makeVolume(1, 64), { seriesNumber: 2 });
  const recipe = fileURLToPath(new URL("../../../recipes/residual-cnn.json", import.meta.url));
  const args = ["train", recipe, "--data", data, "-o", folder.resolve("run")];
  writeFileSync(`${data}/SPLIT.json`, JSON.stringify({ train: { a: "all" }, val: { b: ["TEST"] } }));
  for (let attempt = 0; attempt < 2; attempt++) {
    const run = await runAlara(...args);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain("SPLIT_OVERLAP");
  }
  writeFileSync(`${data}/SPLIT.json`, "{");
  expect((await runAlara(...args)).code).toBe(2);
});

test("a damaged model bundle is refused before anything is written", async () => {
  const bundle = folder.resolve("bundle");
  mkdirSync(bundle);
  const shipped = JSON.parse((await runAlara("models", "--json")).stdout).find(
    (item: { isDefault: boolean }) => item.isDefault,
  );
  const source = new URL(`../../../models/${shipped.name}/`, import.meta.url);
  const model = readFileSync(new URL("model.onnx", source));
  model[1000] ^= 4;
  writeFileSync(`${bundle}/model.onnx`, model);
  writeFileSync(`${bundle}/model.json`, readFileSync(new URL("model.json", source)));
  const run = await runAlara("enhance", input, "-o", folder.resolve("never"), "--model", bundle);
  expect(run.code).toBe(1);
  expect(run.stderr).toContain("DIGEST_MISMATCH");
  expect(existsSync(folder.resolve("never"))).toBe(false);
});
