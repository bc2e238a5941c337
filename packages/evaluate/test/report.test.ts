/** The quality report as data, and its page: escaping, policy, pixels there and back, and a real browser. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom, createVolume, getSlab } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  type ComparisonInput,
  compareVolumes,
  measureRmse,
  measureSsim,
  QUALITY_REPORT_SCHEMA,
  type ReportMeta,
  renderReport,
} from "../src/index.ts";
import { decodeSlice, encodeSlice } from "../src/report/slice-codec.ts";
import { addSamples, buildNoise, buildPhantom } from "./phantom.ts";

const truth = buildPhantom(5, 128);
const { size } = truth.geometry;
const noise = buildNoise(size, 40, "ramp", 31);
const input = addSamples(truth, noise);
const enhanced = addSamples(
  truth,
  noise.map((v) => 0.5 * v),
);
const withReference: ComparisonInput = {
  input: { name: "Low dose", volume: input },
  candidates: [{ name: "Enhanced", volume: enhanced }],
  reference: { name: "Original", volume: truth, noise: "none" },
};
const alone: ComparisonInput = {
  input: { name: "Input", volume: input },
  candidates: [{ name: "Enhanced", volume: enhanced }],
};
const meta: ReportMeta = {
  title: "Phantom",
  run: {
    method: "halved noise",
    version: "0.0.0",
    strength: 0.5,
    seed: 31,
    command: "alara enhance in -o out",
  },
  input: { heading: "Dose", facts: [{ label: "Tube voltage", value: 120, unit: "kV" }] },
  createdAt: "2020-01-01",
};

describe("compareVolumes", () => {
  it("states everything and survives JSON unchanged", async () => {
    const report = await compareVolumes(withReference);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(report.schema).toBe(QUALITY_REPORT_SCHEMA);
    expect(report.images.map((i) => i.role)).toEqual(["input", "candidate", "reference"]);
    expect(report.confidenceIntervals).toBeNull();
    for (const { metrics } of report.comparisons) {
      for (const metric of metrics) {
        expect(metric.perSlice).toHaveLength(5);
        expect(metric.region.voxels).toBeGreaterThan(0);
        if (metric.metric === "ssim" || metric.metric === "psnr") {
          const window = metric.clippedTo;
          expect(metric.dataRangeHu).toBe((window?.highHu ?? 0) - (window?.lowHu ?? 0));
        }
      }
    }
  });

  it("gives the values of the single measurements", async () => {
    const report = await compareVolumes(withReference);
    const whole = report.comparisons[1].metrics.filter((m) => m.region.name === "whole image");
    expect(whole.map((m) => m.metric)).toEqual(["rmse", "ssim"]);
    expect(whole[0].value).toBe(measureRmse(enhanced, truth).value);
    expect(whole[1].value).toBeCloseTo(measureSsim(enhanced, truth).value, 12);
    expect(report.noise[1].reductionPercent).toBeCloseTo(50, 3);
    expect(report.noise[0].noise.sigmaHu).toBeGreaterThan(36);
    expect(report.noise[2].noise.sigmaHu).toBeCloseTo(0, 6);
  });

  it("says that identical images are identical, as JSON has no infinity", async () => {
    const same = await compareVolumes({ ...withReference, candidates: [{ name: "Copy", volume: truth }] });
    const psnr = same.comparisons[1].metrics.filter((m) => m.metric === "psnr");
    expect(psnr).toHaveLength(2);
    for (const metric of psnr) expect(metric).toMatchObject({ value: null, note: "identical images" });
    expect(JSON.parse(JSON.stringify(same))).toEqual(same);
  });

  it("warns of shared noise, corrects for independent noise, and only then", async () => {
    const noisy = addSamples(truth, buildNoise(size, 10, "white", 77));
    const run = async (kind: "shared" | "independent"): ReturnType<typeof compareVolumes> =>
      compareVolumes({ ...alone, reference: { name: "Original", volume: noisy, noise: kind } });
    const shared = await run("shared");
    expect(shared.caveats.join(" ")).toContain("both hold the original's own noise");
    expect(shared.comparisons[1].noiseCorrectedRmseHu).toBeNull();
    const independent = await run("independent");
    const body = independent.comparisons[1].metrics[0];
    const corrected = independent.comparisons[1].noiseCorrectedRmseHu ?? Number.NaN;
    const against = await compareVolumes(withReference);
    const expected = against.comparisons[1].metrics[0].value ?? Number.NaN;
    expect(body.value).toBeGreaterThan(1.08 * expected);
    expect(Math.abs(corrected / expected - 1)).toBeLessThan(0.03);
  });

  it("measures what it can without a reference", async () => {
    const report = await compareVolumes(alone);
    expect(report.comparisons).toEqual([]);
    expect(report.huBias.map((b) => b.kind)).toEqual(["input"]);
    expect(report.tissue.foundOn).toBe("Input");
    expect(report.structure[0].residualSdHu).toBeGreaterThan(15);
    expect(report.caveats[0]).toContain("no reference");
  });

  it("measures whole images where there is no body", async () => {
    const air = createVolume("HU", truth.geometry, new Float32Array(truth.data.length).fill(-1000));
    const report = await compareVolumes({
      input: { name: "a", volume: air },
      candidates: [{ name: "b", volume: air }],
      reference: { name: "c", volume: air, noise: "unknown" },
    });
    expect(report.tissue.bodyBox).toBeNull();
    expect(report.comparisons[0].metrics[0]).toMatchObject({ value: 0, region: { name: "whole image" } });
    expect(report.noise[0].noise.sigmaHu).toBeNull();
    await expect(
      renderReport(report, { input: { name: "a", volume: air }, candidates: [] }, meta),
    ).resolves.toContain("no homogeneous soft tissue found");
  });

  it("stops when asked and refuses other sizes", async () => {
    const controller = new AbortController();
    const steps: number[] = [];
    const onProgress = ({ done }: { done: number }): void => {
      steps.push(done);
      if (done === 2) controller.abort(new Error("enough"));
    };
    await expect(compareVolumes(alone, { signal: controller.signal, onProgress })).rejects.toThrow("enough");
    expect(steps).toEqual([1, 2]);
    const short = { name: "short", volume: getSlab(enhanced, 0, 2) };
    await expect(compareVolumes({ ...alone, candidates: [short] })).rejects.toMatchObject({
      code: "SHAPE_MISMATCH",
    });
  });
});

describe("slice codec", () => {
  it("returns every int16 value, rounded and clamped, of any crop", async () => {
    const random = createRandom(8);
    const slice = Float32Array.from(
      { length: 40 * 30 },
      () => 2 ** (17 * random.nextUniform()) - 70000 * random.nextUniform(),
    );
    const crop = { rows: [3, 37] as const, columns: [5, 6 + 20] as const };
    const decoded = await decodeSlice(await encodeSlice(slice, 30, crop), 34, 21);
    for (let r = 0; r < 34; r++) {
      for (let c = 0; c < 21; c++) {
        const v = slice[(r + 3) * 30 + c + 5];
        expect(decoded[r * 21 + c]).toBe(Math.min(32767, Math.max(-32768, Math.round(v))) || 0);
      }
    }
  });

  it("refuses NaN", async () => {
    const crop = { rows: [0, 1] as const, columns: [0, 2] as const };
    await expect(encodeSlice(Float32Array.of(1, Number.NaN), 2, crop)).rejects.toMatchObject({
      code: "NOT_FINITE",
    });
  });
});

describe("renderReport", () => {
  it("shows marks before everything else, and no empty box without", async () => {
    const subject: ComparisonInput = {
      input: { name: "in", volume: input },
      candidates: [{ name: "out", volume: enhanced }],
    };
    const report = await compareVolumes(subject);
    const meta = { title: "t", createdAt: "now", run: { method: "m", version: "v" } };
    const marked = await renderReport(report, subject, { ...meta, marks: ["Outside the range: 80 kV."] });
    const main = marked.slice(marked.indexOf("<main>"));
    expect(main.indexOf("Outside the range: 80 kV.")).toBeGreaterThan(0);
    expect(main.indexOf("Outside the range: 80 kV.")).toBeLessThan(60);
    expect(await renderReport(report, subject, meta)).not.toContain('class="note mark"');
  });

  it("lets no string out of its place", async () => {
    const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>' & </title>`;
    const subject: ComparisonInput = {
      input: { name: evil, volume: input },
      candidates: [{ name: `${evil}2`, volume: enhanced }],
      reference: { name: `${evil}3`, volume: truth, noise: "shared" },
    };
    const page = await renderReport(await compareVolumes(subject), subject, {
      title: evil,
      subtitle: evil,
      createdAt: evil,
      notes: [evil],
      input: { heading: evil, facts: [{ label: evil, value: evil, unit: evil }] },
      marks: [evil],
      run: {
        method: evil,
        version: evil,
        modelDigest: evil,
        provider: evil,
        command: evil,
        more: [{ label: evil, value: evil }],
      },
    });
    const kinds = [...page.matchAll(/<script([^>]*)>/g)].map((match) => match[1]);
    expect(kinds.filter((kind) => kind === "")).toHaveLength(1);
    expect(kinds.filter((kind) => kind.includes("application/json"))).toHaveLength(1);
    expect(kinds).toHaveLength(2 + 3 * 5);
    expect(page).not.toContain("<img");
    expect(page.match(/<\/title>/g)).toHaveLength(1);
    expect(page).toContain("&lt;img src=x onerror=alert(2)&gt;");
  });

  it("allows its own script and style, and nothing from a network", async () => {
    const page = await renderReport(await compareVolumes(alone), alone, meta);
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? "";
    expect(policy).toMatch(/^default-src 'none'; /);
    for (const [tag, directive] of [
      ["script", "script-src"],
      ["style", "style-src"],
    ]) {
      const text = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(page)?.[1] ?? "";
      const hash = createHash("sha256").update(text).digest("base64");
      expect(policy).toContain(`${directive} 'sha256-${hash}'`);
    }
    expect(page).not.toMatch(/https?:|url\(|@import|style="|\son[a-z]+="/);
    expect(page).toContain("For research use; not a medical device");
  });

  it("spreads the slices it shows and says how many", async () => {
    const page = await renderReport(await compareVolumes(alone), alone, meta, { maximumSlices: 3 });
    expect(page).toContain('"slices":[0,2,4]');
    expect(page).toContain("3 of 5 slices are shown, evenly spaced");
    const all = await renderReport(await compareVolumes(alone), alone, meta, { crop: "none" });
    expect(all).toContain("All 5 slices are shown, whole");
  });
});

const browser = ["chromium", "chromium-browser", "google-chrome"].find(
  (name) => spawnSync(name, ["--version"]).status === 0,
);
if (browser === undefined) console.log("skipped: report page in a browser (no chromium on this machine)");

describe.skipIf(browser === undefined)("the page in a browser", () => {
  async function open(subject: ComparisonInput, fragment: string): Promise<Record<string, string>> {
    const folder = mkdtempSync(join(tmpdir(), "alara-report-"));
    try {
      const file = join(folder, "report.html");
      writeFileSync(file, await renderReport(await compareVolumes(subject), subject, meta));
      const { stdout } = spawnSync(
        browser as string,
        [
          "--headless",
          "--no-sandbox",
          "--disable-gpu",
          "--no-first-run",
          "--disable-background-networking",
          "--disable-component-update",
          "--disable-sync",
          `--user-data-dir=${join(folder, "profile")}`,
          "--virtual-time-budget=8000",
          "--dump-dom",
          `file://${file}${fragment}`,
        ],
        { encoding: "utf8", maxBuffer: 1 << 28 },
      );
      const root = /<html[^>]*>/.exec(stdout)?.[0] ?? "";
      return Object.fromEntries([...root.matchAll(/data-([a-z]+)="([^"]*)"/g)].map((m) => [m[1], m[2]]));
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }
  }

  /** Grey levels in use and mean grey of each panel. */
  function readPanels(text: string): { levels: number; mean: number }[] {
    return text.split(" ").map((panel) => {
      const [levels, mean] = panel.split(":").map(Number);
      return { levels, mean };
    });
  }

  it("draws four panels, and other pixels at the other window and slice", async () => {
    const first = await open(withReference, "");
    expect(first).toMatchObject({ viewer: "ready", slice: "3", window: "-160..240" });
    const panels = readPanels(first.panels);
    expect(panels).toHaveLength(4);
    expect(panels[0].levels).toBeGreaterThan(100);
    expect(panels[2].levels).toBeGreaterThan(3);
    // enhanced − truth is half the noise: mid-grey on average
    expect(Math.abs(panels[3].mean - 127)).toBeLessThan(4);
    const lung = await open(withReference, "#window=2&slice=5&difference=20");
    expect(lung).toMatchObject({ viewer: "ready", slice: "5", window: "-1350..150" });
    const other = readPanels(lung.panels);
    expect(other[0].mean).toBeGreaterThan(panels[0].mean + 10);
    // ±20 HU holds 41 whole HU, ±100 HU many more
    expect(panels[3].levels).toBeGreaterThan(60);
    expect(other[3].levels).toBe(41);
  });

  it("draws three panels without an original", async () => {
    const seen = await open(alone, "#zoom=3");
    expect(seen.viewer).toBe("ready");
    expect(readPanels(seen.panels)).toHaveLength(3);
  });
});
