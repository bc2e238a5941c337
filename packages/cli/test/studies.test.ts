/** `alara search`, `crossval` and `work` on small DICOM series: killed and started again they end in the same place. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeVolume, runAlara, writeSeries } from "./alara.ts";

let folder: TemporaryFolder;
let data: string;
beforeAll(async () => {
  folder = createTemporaryFolder("studies");
  data = folder.resolve("data");
  for (const [k, patient] of ["A", "B", "C"].entries()) {
    await writeSeries(`${data}/${patient}`, makeVolume(1, 256, k + 1), { patientId: patient });
  }
  writeFileSync(
    `${data}/SPLIT.json`,
    JSON.stringify({ train: { A: "all", B: "all" }, val: { C: "all" }, test: {} }),
  );
  const shipped = new URL("../../../recipes/residual-cnn.json", import.meta.url);
  const recipe = JSON.parse(readFileSync(fileURLToPath(shipped), "utf8"));
  recipe.networks.main.config = { channels: 4, layers: 3, unshuffle: 2 };
  recipe.data.insertion.realisations = 1;
  recipe.data.phantoms = { count: 0, realisations: 1, share: 0 };
  recipe.training = {
    ...recipe.training,
    batch: 2,
    patch: 32,
    steps: 9,
    learningRate: { kind: "constant", value: 0.001 },
    logEvery: 3,
    validateEvery: 3,
  };
  writeFileSync(folder.resolve("recipe.json"), JSON.stringify(recipe));
});
afterAll(() => folder.dispose());

test("cross-validation tests every patient once and writes a table", async () => {
  const output = folder.resolve("cv");
  const args = ["crossval", folder.resolve("recipe.json"), "--data", data, "-o", output, "--json"];
  const run = await runAlara(...args);
  expect(run.code, run.stderr).toBe(0);
  const { summary } = JSON.parse(run.stdout);
  expect(summary.patients).toHaveLength(3);
  expect(summary.folds).toHaveLength(3);
  expect(summary.figures.map((figure: { name: string }) => figure.name)).toEqual(["rmseHu", "ssim"]);
  // Pseudonyms, no patient identifiers.
  expect(summary.patients.every((patient: string) => /^p-[0-9a-f]{12}$/.test(patient))).toBe(true);
  expect(readFileSync(`${output}/crossval.txt`, "utf8")).toContain("3 folds, 3 patients");
  expect(readdirSync(`${output}/runs`)).toHaveLength(3);

  const again = await runAlara(...args);
  expect(JSON.parse(again.stdout).summary).toEqual(summary);
}, 240_000);

test("a search that is killed goes on, and its result is that of one never killed", async () => {
  const search = {
    schema: "alara-search/1",
    name: "small",
    recipe: "recipe.json",
    parameters: [{ path: "networks.main.config.channels", values: [2, 4, 6] }],
    strategy: "grid",
    seed: 1,
    halving: { firstSteps: 3, factor: 3, isPatient: true },
  };
  writeFileSync(folder.resolve("search.json"), JSON.stringify(search));
  const run = (output: string): string[] => [
    ...["search", folder.resolve("search.json"), "--data", data, "-o", folder.resolve(output), "--json"],
  ];
  const whole = await runAlara(...run("whole"));
  expect(whole.code, whole.stderr).toBe(0);
  const { records } = JSON.parse(whole.stdout);
  expect(records).toHaveLength(3);
  expect(records.filter((record: { steps: number }) => record.steps === 9)).toHaveLength(1);

  const bin = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  const killed = spawn(process.execPath, [bin, ...run("killed")], { stdio: "ignore" });
  const runs = folder.resolve("killed/runs");
  while (
    !existsSync(runs) ||
    !readdirSync(runs).some((name) => existsSync(`${runs}/${name}/checkpoint.bin`))
  ) {
    await new Promise((wait) => setTimeout(wait, 100));
  }
  killed.kill("SIGKILL");
  await new Promise((ended) => killed.once("exit", ended));
  const resumed = await runAlara(...run("killed"));
  expect(resumed.code, resumed.stderr).toBe(0);
  const scores = (list: readonly { score: number }[]): number[] => list.map(({ score }) => score);
  expect(scores(JSON.parse(resumed.stdout).records)).toEqual(scores(records));
  const [csv, svg] = ["search.csv", "search.svg"].map((name) =>
    readFileSync(folder.resolve(`killed/${name}`), "utf8"),
  );
  expect(csv.split("\r\n")[0]).toBe(
    "trial,networks.main.config.channels,score,steps,parameters,seconds,state,folder",
  );
  expect(svg.match(/<polyline/g)).toHaveLength(3);
}, 300_000);

test("wrong devices, files and searches are named", async () => {
  const bad = await runAlara("work", "--queue", "sqlite:x.db", "--data", data, "-o", "x", "--device", "tpu");
  expect(bad).toMatchObject({ code: 2 });
  expect(bad.stderr).toContain('--device "tpu"');
  const missing = await runAlara("search", "nowhere.json", "--data", data, "-o", folder.resolve("none"));
  expect(missing).toMatchObject({ code: 2 });
  writeFileSync(folder.resolve("bad.json"), JSON.stringify({ schema: "x" }));
  const broken = await runAlara(
    "search",
    folder.resolve("bad.json"),
    "--data",
    data,
    "-o",
    folder.resolve("none"),
  );
  expect(broken.stderr).toMatch(/SEARCH_INVALID.*parameters/s);
});
