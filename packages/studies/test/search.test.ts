/** Searches: spaces, files, the planner on a queue, tables and the plot. */
import { openJobQueue } from "@alara/jobs";
import {
  applySettings,
  drawParallelCoordinates,
  drawVariants,
  enumerateGrid,
  formatSearch,
  listVariants,
  parseSearch,
  rankVariants,
  runSearch,
  type Search,
  TRIAL_KIND,
  type Trial,
  type VariantRecord,
  writeSearchCsv,
} from "@alara/studies";
import { createTemporaryFolder } from "@alara/testing";
import { afterAll, describe, expect, it } from "vitest";
import { makeResult, recipe } from "./study-data.ts";

const folder = createTemporaryFolder("search");
afterAll(() => folder.dispose());

const parameters = [
  { path: "networks.main.config.channels", values: [16, 32, 64, 96] },
  { path: "networks.main.config.layers", values: [4, 6, 8, 10] },
  { path: "training.patch", values: [32, 64] },
  { path: "training.losses.0.name", values: ["l1", "l2"] },
  { path: "networks.main.config.kernel", values: [3, 5] },
] as const;
const search: Search = {
  schema: "alara-search/1",
  name: "test",
  recipe: { ...recipe, training: { ...recipe.training, steps: 90 } },
  parameters,
  strategy: "grid",
  seed: 1,
};

describe("spaces", () => {
  it("makes 128 variants of five fields, each a valid recipe and all different", () => {
    const variants = listVariants(search);
    expect(variants).toHaveLength(128);
    expect(new Set(variants.map(({ recipe: item }) => JSON.stringify(item))).size).toBe(128);
    const last = variants[127].recipe;
    expect(last.networks.main.config).toMatchObject({ channels: 96, layers: 10, kernel: 5 });
    expect(last.training).toMatchObject({ patch: 64, losses: [{ name: "l2" }] });
    expect(search.recipe.training.patch).not.toBe(32);
  });

  it("draws different variants within ranges, the same for the same seed", () => {
    const ranges = [
      { path: "training.learningRate.value", range: [1e-5, 1e-2], scale: "log" },
      { path: "training.batch", range: [1, 4], isWhole: true },
    ] as const;
    const drawn = drawVariants(ranges, 200, 7);
    expect(drawn).toHaveLength(200);
    expect(drawVariants(ranges, 200, 7)).toEqual(drawn);
    expect(drawVariants(ranges, 200, 8)).not.toEqual(drawn);
    const rates = drawn.map((variant) => variant["training.learningRate.value"] as number);
    expect(Math.min(...rates)).toBeGreaterThanOrEqual(1e-5);
    expect(Math.max(...rates)).toBeLessThanOrEqual(1e-2);
    // Half of a log-uniform draw lies below the geometric mean.
    expect(rates.filter((rate) => rate < Math.sqrt(1e-7)).length / 200).toBeCloseTo(0.5, 0);
    expect(new Set(drawn.map((variant) => variant["training.batch"]))).toEqual(new Set([1, 2, 3, 4]));
    expect(drawVariants([{ path: "training.batch", values: [1, 2] }], 50, 1)).toHaveLength(2);
  });

  it("refuses grids of ranges and settings that make no recipe", () => {
    expect(() => enumerateGrid([{ path: "training.batch", range: [1, 2] }])).toThrow(/range/);
    expect(() => applySettings(recipe, { "training.batch": -1 })).toThrow(/training.batch/);
    expect(() => applySettings(recipe, { "training.batch.size": 1 })).toThrow(/not an object/);
  });

  it("names every fault of a search file", () => {
    const bad = {
      schema: "x",
      name: "",
      parameters: [{ path: "a" }],
      strategy: "best",
      seed: 1.5,
      recipe: 3,
      more: 1,
    };
    expect(() => parseSearch(JSON.stringify(bad), () => recipe)).toThrow(
      /7 fault.*schema.*name.*strategy.*seed.*recipe.*more.*values.*range/s,
    );
    expect(() => parseSearch("{", () => recipe)).toThrow(/not JSON/);
  });
});

/** Does the work of workers: a variant with more channels is better, and every further step helps. */
async function playWorker(queue: Awaited<ReturnType<typeof openJobQueue>>, log: string[]): Promise<void> {
  for (;;) {
    const job = await queue.claim(TRIAL_KIND);
    if (job === undefined) return;
    const { recipe: own, until = 90 } = job.payload as unknown as Trial;
    const { channels = 0 } = own.networks.main.config as { channels?: number };
    log.push(`${job.key.slice(0, 8)}@${until}`);
    if (channels === 16) await queue.fail(job, { retryable: false, reason: "too small" });
    else await queue.complete(job, makeResult(1000 / channels + 100 / until) as never);
  }
}

describe("the planner", () => {
  const halved: Search = {
    ...search,
    parameters: parameters.slice(0, 2),
    halving: { firstSteps: 10, isPatient: true },
  };

  it("halves, survives failures, and started again trains nothing twice", async () => {
    const url = `sqlite:${folder.resolve("queue.db")}`;
    const log: string[] = [];
    const runOnce = async (): Promise<VariantRecord[]> => {
      const queue = await openJobQueue(url);
      try {
        return await runSearch(halved, { queue, dataDigest: "d", wait: () => playWorker(queue, log) });
      } finally {
        await queue.close();
      }
    };
    const records = await runOnce();
    expect(records).toHaveLength(16);
    expect(new Set(log).size).toBe(log.length);
    expect(log.filter((line) => line.endsWith("@10"))).toHaveLength(16);
    expect(records.filter(({ state }) => state === "failed").map(({ settings }) => settings)).toHaveLength(4);
    const [best] = rankVariants(records);
    expect(best).toMatchObject({ steps: 90, state: "done" });
    expect(best.settings["networks.main.config.channels"]).toBe(96);

    const trained = log.length;
    expect(await runOnce()).toEqual(records);
    expect(log).toHaveLength(trained);
    expect(formatSearch(records).split("\n")[1]).toContain("96");
  });
});

describe("tables and the plot", () => {
  const records: VariantRecord[] = [
    {
      trial: 0,
      settings: { "a.size": 3, "b.name": 'x, "y"' },
      state: "done",
      steps: 9,
      score: 2,
      seconds: 1,
      folder: "f0",
    },
    {
      trial: 1,
      settings: { "a.size": 5, "b.name": "z" },
      state: "done",
      steps: 9,
      score: 1,
      seconds: 1,
      folder: "f1",
    },
    {
      trial: 2,
      settings: { "a.size": 5, "b.name": "<z>" },
      state: "failed",
      steps: 0,
      seconds: 0,
      folder: "f2",
    },
  ];

  it("writes comma-separated values that survive commas and quotes", () => {
    expect(writeSearchCsv(records).split("\r\n")[1]).toBe('1,3,"x, ""y""",2,9,,1,done,f0');
  });

  it("draws one line per variant with a score, the best last and thick, text escaped", () => {
    const svg = drawParallelCoordinates(records);
    expect(svg.match(/<polyline/g)).toHaveLength(2);
    expect(svg.lastIndexOf('stroke-width="3.5"')).toBeGreaterThan(svg.lastIndexOf('stroke-width="1.3"'));
    expect(svg).toContain("1 without a score");
    expect(svg).not.toContain('x, "y"<');
    expect(drawParallelCoordinates([])).toContain("</svg>");
  });
});
