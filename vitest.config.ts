/**
 * Vitest settings: one project for the whole workspace; long suites run only under ALARA_FULL=1.
 * `ALARA_TEST_RESULTS=<file>` also writes Vitest's JSON report there, which `.ci/run` counts.
 */
import process from "node:process";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import SkipReporter from "./test/report-skips.ts";

const resultsFile = process.env.ALARA_TEST_RESULTS;

const config: ViteUserConfig = defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: [
      "default",
      new SkipReporter(),
      ...(resultsFile === undefined ? [] : [["json", { outputFile: resultsFile }] as ["json", object]]),
    ],
  },
});

export default config;
