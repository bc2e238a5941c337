/** The training monitor: the page's server, the page in a browser, the terminal's panel, and the command. */
import { appendFileSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import http from "node:http";
import { stripVTControlCharacters } from "node:util";
import { createRandom } from "@alara/core";
import {
  createPairSource,
  createPairValidation,
  methods,
  runTraining,
  type TrainLogEntry,
} from "@alara/learn";
import { createNodeRuntime, openRunFolder, type RunFolder } from "@alara/learn/node";
import { createTemporaryFolder, requireTool, type TemporaryFolder } from "@alara/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type PageServer, servePage } from "../src/monitor/page-server.ts";
import { followRun } from "../src/monitor/run-tail.ts";
import type { PanelTarget } from "../src/monitor/terminal-panel.ts";
import { startTrainingMonitor } from "../src/monitor/training-monitor.ts";
import { runAlara } from "./alara.ts";
import { openChromiumPage } from "./chromium-page.ts";

let folder: TemporaryFolder;
let server: PageServer | null = null;
beforeEach(() => {
  folder = createTemporaryFolder("monitor");
});
afterEach(async () => {
  await server?.close();
  server = null;
  folder.dispose();
});

function trainEntry(step: number): TrainLogEntry {
  const means = { "generator.loss.l1": 10 / step, "generator.gradientNorm": 1, "critic.loss.gap": 1 };
  return { kind: "train", step, learningRates: { generator: 0.001, critic: 0.002 }, means };
}

function validationEntry(step: number, rmseHu: number, isBest: boolean): TrainLogEntry {
  const figures = { rmseHu, inputRmseHu: 30, ssim: 0.9 };
  const perPair = [{ id: "a", rmseHu }];
  return { kind: "validation", step, rmseHu, inputRmseHu: 30, figures, score: rmseHu, perPair, isBest };
}

const FACTS = {
  name: "a <b> run",
  steps: 1000,
  provider: "cpu",
  recipe: { note: "</script><script>alert(1)" },
};

/** A run of four lines and a sample. */
async function makeRun(): Promise<RunFolder> {
  const run = await openRunFolder(folder.resolve("run"));
  await run.describe(FACTS);
  await run.sink.log(validationEntry(0, 25, true));
  await run.sink.log(trainEntry(50));
  await run.sink.log(trainEntry(100));
  await run.sink.log(validationEntry(100, 20, true));
  await saveSample(run, 100);
  return run;
}

async function saveSample(run: RunFolder, step: number): Promise<void> {
  const images = ["input", "output", "target"].map((name) => ({ name, data: new Float32Array(32 * 32) }));
  await run.sink.saveSample({ step, id: "a/b", rows: 32, columns: 32, images });
}

const serve = async (): Promise<PageServer> => {
  server = await servePage(followRun(folder.resolve("run")), { port: 0 });
  return server;
};

/** A request with headers and paths that `fetch` would not send. */
function request(
  path: string,
  options: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<{ status: number; headers: http.IncomingHttpHeaders; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = http.request(
      { host: "127.0.0.1", port: server?.port, path, method: "GET", ...options },
      (response) => {
        let body = "";
        response.setEncoding("latin1");
        response.on("data", (chunk) => {
          body += chunk;
        });
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        );
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}

/** Listens to the events; `next` waits for one by name. */
async function listen(url: string): Promise<{
  next(name: string): Promise<Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}> {
  const stop = new AbortController();
  const response = await fetch(`${url}events`, { signal: stop.signal });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = "";
  return {
    async next(name) {
      for (;;) {
        const end = text.indexOf("\n\n");
        if (end >= 0) {
          const block = text.slice(0, end);
          text = text.slice(end + 2);
          const found = /^event: (\w+)\ndata: (.*)$/.exec(block);
          if (found?.[1] === name) return JSON.parse(found[2]);
          continue;
        }
        const { done, value } = await reader.read();
        if (done) throw new Error(`the events ended before "${name}"`);
        text += new TextDecoder().decode(value);
      }
    },
    async close() {
      stop.abort();
      await reader.cancel().catch(() => {});
    },
  };
}

describe("page server", () => {
  it("sends the page with a policy that allows only its own script and style", async () => {
    await makeRun();
    await serve();
    const page = await request("/");
    expect(page.status).toBe(200);
    const policy = String(page.headers["content-security-policy"]);
    expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-[^' ]+'; style-src 'sha256-[^' ]+'; /);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(page.headers).toMatchObject({
      "cache-control": "no-store",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
    });
    expect(page.headers["access-control-allow-origin"]).toBeUndefined();
    // What comes from files leaves its place nowhere.
    expect(page.body.match(/<script/g)).toHaveLength(2);
    expect(page.body).not.toMatch(/a <b> run|alert\(1\)<|style="|\son[a-z]+="/);
    expect(page.body.replace("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:|url\(|@import/);
  });

  it("sends what is new, and the whole state to each listener that comes back", async () => {
    const run = await makeRun();
    const { url } = await serve();
    const first = await listen(url);
    expect(await first.next("facts")).toMatchObject({ name: "a <b> run", provider: "cpu", steps: 1000 });
    expect(await first.next("samples")).toMatchObject([{ step: 100, id: "a/b" }]);
    const { view } = await first.next("view");
    expect(view).toMatchObject({ status: "running", step: 100, total: 1000 });
    expect(view).toMatchObject({
      phases: [
        {
          losses: [
            {
              points: [
                [50, 0.2],
                [100, 0.1],
              ],
            },
          ],
        },
        { name: "critic" },
      ],
    });
    await run.sink.log(trainEntry(150));
    expect(await first.next("view")).toMatchObject({ view: { step: 150 } });
    await saveSample(run, 150);
    expect(await first.next("samples")).toHaveLength(2);
    await first.close();
    await run.sink.log({ kind: "end", step: 150, reason: "early stop" });
    const again = await listen(url);
    await expect
      .poll(async () => JSON.parse((await request("/view.json")).body).view.status)
      .toBe("early stop");
    expect(await again.next("view")).toMatchObject({ view: { step: 150 } });
    await server?.close();
    server = null;
    await again.next("bye");
  });

  it("waits for the rest of a cut line, skips damaged ones, and follows a log that was replaced", async () => {
    await makeRun();
    const { url } = await serve();
    const log = folder.resolve("run", "log.jsonl");
    const events = await listen(url);
    await events.next("view");
    const line = JSON.stringify(trainEntry(200));
    appendFileSync(log, `not JSON\n${"x".repeat(2 ** 20 + 5)}\n${line.slice(0, 20)}`);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(JSON.parse((await request("/view.json")).body).view.step).toBe(100);
    appendFileSync(log, `${line.slice(20)}\n`);
    expect(await events.next("view")).toMatchObject({ view: { step: 200 } });
    // A resumed run renames a shorter log into place, and it may soon be as long as the old one.
    const entries = [validationEntry(0, 25, true), trainEntry(50), trainEntry(75)];
    writeFileSync(
      `${log}.new`,
      entries
        .map((entry) => `${JSON.stringify(entry)}\n`)
        .join("")
        .padEnd(2 ** 21),
    );
    renameSync(`${log}.new`, log);
    expect(await events.next("view")).toMatchObject({ view: { step: 75 } });
    await events.close();
  });

  it("answers this machine's own pages only", async () => {
    await makeRun();
    const { port } = await serve();
    const status = async (headers: Readonly<Record<string, string>>): Promise<number> =>
      (await request("/view.json", { headers })).status;
    expect(await status({})).toBe(200);
    expect(await status({ host: `localhost:${port}` })).toBe(200);
    // Through a tunnel the port is another one.
    expect(await status({ host: "localhost:9000" })).toBe(200);
    for (const host of [
      "evil.example",
      `evil.example:${port}`,
      "127.0.0.1.evil.example",
      "localhost.",
      "[::1]",
    ])
      expect(await status({ host })).toBe(403);
    expect(await status({ "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" })).toBe(200);
    expect(await status({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" })).toBe(403);
    expect(await status({ "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" })).toBe(403);
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"])
      expect((await request("/", { method })).status).toBe(405);
  });

  it("reads no file but the samples of the index", async () => {
    const run = await makeRun();
    const samples = folder.resolve("run", "samples");
    const secret = folder.resolve("secret.png");
    const png = Buffer.from("89504e470d0a1a0a", "hex");
    writeFileSync(secret, png);
    writeFileSync(`${samples}/step-000007-unlisted.png`, png);
    await serve();
    const tail = followRun(run.folder);
    await tail.poll();
    const good = await request(`/samples/${tail.samples[0].file}`);
    expect(good).toMatchObject({ status: 200, headers: { "content-type": "image/png" } });
    for (const path of [
      "/samples/step-000007-unlisted.png",
      "/samples/../run.json",
      "/samples/..%2frun.json",
      "/samples/%2e%2e/%2e%2e/secret.png",
      "/samples//etc/passwd",
      "/samples/",
      "/samples",
      "/log.jsonl",
      "/run.json",
      "/../../etc/passwd",
      "//etc/passwd",
      "/checkpoint.bin",
    ])
      expect((await request(path)).status, path).toBe(404);
    // A foreign folder may hold links and files that only look like images.
    const entry = { ...tail.samples[0] };
    const names = [
      "step-000008-link.png",
      "step-000009-text.png",
      "step-000010-gone.png",
      "step-000011-folder.png",
    ];
    symlinkSync(secret, `${samples}/${names[0]}`);
    writeFileSync(`${samples}/${names[1]}`, "root:x:0:0");
    mkdirSync(`${samples}/${names[3]}`);
    const index = { schema: "alara-samples/1", samples: names.map((name) => ({ ...entry, file: name })) };
    writeFileSync(`${samples}/index.json`, JSON.stringify(index));
    await tail.poll();
    expect(tail.samples).toHaveLength(4);
    await new Promise((resolve) => setTimeout(resolve, 700));
    for (const name of names) expect((await request(`/samples/${name}`)).status, name).toBe(404);
  });

  it("bounds the number of listeners, and refuses a port that is taken", async () => {
    await makeRun();
    const { url, port } = await serve();
    const listeners = await Promise.all(Array.from({ length: 24 }, () => listen(url)));
    expect((await request("/events")).status).toBe(503);
    await listeners[0].close();
    await expect
      .poll(async () => {
        const stop = new AbortController();
        const { status } = await fetch(`${url}events`, { signal: stop.signal });
        stop.abort();
        return status;
      })
      .toBe(200);
    await Promise.all(listeners.map((listener) => listener.close()));
    await expect(servePage(followRun(folder.resolve("run")), { port })).rejects.toThrow(/cannot be used/);
  });
});

describe("the page in a browser", () => {
  it("draws the run, follows appended lines, reads by keyboard, and comes back after a lost connection", async (context) => {
    const chromium = requireTool(context, "chromium", "chromium");
    const run = await makeRun();
    const { url, port } = await serve();
    const page = await openChromiumPage(chromium, url, { profile: folder.resolve("profile") });
    try {
      await page.waitFor(`document.documentElement.dataset.monitor === "ready"`);
      const text = (id: string): Promise<unknown> =>
        page.evaluate(`document.getElementById("${id}").textContent`);
      expect(await text("name")).toBe("a <b> run");
      expect(await text("step")).toBe("100");
      expect(await text("share")).toBe("of 1 000, 10.0 %");
      expect(await text("validation")).toBe("20 HU");
      expect(await text("status")).toBe("running");
      expect(
        await page.evaluate(`[...document.querySelectorAll(".chart")].map((x) => x.dataset.title)`),
      ).toEqual([
        "Loss, generator",
        "Loss, critic",
        "Validation RMSE",
        "Validation ssim",
        "Learning rate",
        "Gradient norm",
      ]);
      expect(
        await page.evaluate(
          `document.querySelector("[data-title='Validation RMSE'] .best-text").textContent`,
        ),
      ).toBe("best 20 at step 100");
      await page.waitFor(`document.getElementById("sample-image").naturalWidth === 1044`);

      await run.sink.log(trainEntry(150));
      await run.sink.log(validationEntry(200, 15, true));
      await saveSample(run, 200);
      await page.waitFor(`document.documentElement.dataset.step === "200"`);
      await page.waitFor(`document.documentElement.dataset.samples === "2"`);
      expect(await text("validation")).toBe("15 HU");
      expect(await text("sample-step-value")).toBe("200");
      await page.evaluate(`document.getElementById("earlier").click()`);
      expect(await text("sample-step-value")).toBe("100");
      expect(await text("sample-caption")).toContain("window −160 to 240 HU (level 40, width 400)");

      // The cursor by arrow keys, and the logarithmic axis.
      const plot = `document.querySelector("[data-title='Loss, generator'] .plot")`;
      await page.evaluate(`${plot}.dispatchEvent(new KeyboardEvent("keydown", { key: "Home" }))`);
      await page.evaluate(`${plot}.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }))`);
      expect(await page.evaluate(`${plot}.getAttribute("aria-valuetext")`)).toBe("step 100: l1 0.1");
      const toggle = `document.querySelector("[data-title='Loss, generator'] button")`;
      const pathOf = `document.querySelector("[data-title='Loss, generator'] .curve[d*=L]").getAttribute("d")`;
      const before = await page.evaluate(pathOf);
      await page.evaluate(`${toggle}.click()`);
      expect(await page.evaluate(`${toggle}.getAttribute("aria-pressed")`)).toBe("false");
      expect(await page.evaluate(pathOf)).not.toBe(before);

      await server?.close();
      await page.waitFor(`!document.getElementById("connection").hidden`);
      await run.sink.log({ kind: "end", step: 200, reason: "finished" });
      server = await servePage(followRun(run.folder), { port });
      await page.waitFor(`document.documentElement.dataset.status === "finished"`);
      expect(await page.evaluate(`document.getElementById("connection").hidden`)).toBe(true);
      // Every control has a name; nothing was refused by the policy but the connection that was cut.
      const unnamed = `[...document.querySelectorAll("button, input, select")].filter((x) => !(x.labels && x.labels.length) && !x.getAttribute("aria-label") && !x.textContent).length`;
      expect(await page.evaluate(unnamed)).toBe(0);
      expect(
        page.messages.filter((message) => !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE|favicon/.test(message)),
      ).toEqual([]);
    } finally {
      await page.close();
    }
  });
});

/** A terminal that keeps what is written to it; its clock moves 150 ms at each look. */
function createTerminal(columns: number): PanelTarget & {
  readonly resize: (columns: number) => void;
  readonly written: string[];
} {
  let width = columns;
  let onResize = (): void => {};
  let now = 0;
  const written: string[] = [];
  return {
    written,
    isTerminal: true,
    hasColour: true,
    getSize: () => ({ columns: width, rows: 40 }),
    write: (text) => void written.push(text),
    onResize(callback) {
      onResize = callback;
      return () => {
        onResize = () => {};
      };
    },
    nowMs: () => {
      now += 150;
      return now;
    },
    resize(next) {
      width = next;
      onResize();
    },
  };
}

describe("startTrainingMonitor", () => {
  it("draws in place on a terminal and leaves the run folder as it would be without", async () => {
    const run = await openRunFolder(folder.resolve("run"));
    const target = createTerminal(100);
    const phases: string[] = [];
    const monitor = await startTrainingMonitor({
      run,
      facts: FACTS,
      terminal: target,
      port: 0,
      onProgress: ({ phase }) => phases.push(phase),
    });
    try {
      expect(monitor.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
      monitor.onProgress({ phase: "read", done: 1, total: 2, unit: "files" });
      expect(phases).toEqual(["read"]);
      await monitor.sink.log(validationEntry(0, 25, true));
      const height = target.written.at(-1)?.split("\n").length ?? 0;
      for (const step of [50, 100]) {
        monitor.onProgress({ phase: "train", done: step, total: 1000, unit: "steps" });
        await monitor.sink.log(trainEntry(step));
      }
      await saveSample({ ...run, sink: monitor.sink }, 100);
      await monitor.sink.log(validationEntry(100, 20, true));
      const frame = target.written.at(-1) ?? "";
      expect(frame.startsWith("\x1b[?2026h\x1b[")).toBe(true);
      expect(frame.endsWith("\x1b[J\x1b[?2026l")).toBe(true);
      const drawn = stripVTControlCharacters(frame);
      expect(drawn).toMatch(/a <b> run · cpu {2}running {2}http/);
      expect(drawn).toMatch(/step 100 of 1 000/);
      expect(drawn).toMatch(/generator loss l1 +0\.1/);
      expect(drawn).toMatch(/best 20 HU at step 100 · input 30 HU/);
      expect(drawn).toMatch(/newest sample +step 100, a\/b/);
      // The way up is the height of the frame before.
      const lines = frame.split("\n").length - 1;
      monitor.onProgress({ phase: "train", done: 120, total: 1000, unit: "steps" });
      monitor.onProgress({ phase: "train", done: 130, total: 1000, unit: "steps" });
      expect(target.written.at(-1)).toContain(`\x1b[${lines}A\r`);
      expect(stripVTControlCharacters(target.written.at(-1) ?? "")).toContain("step 130 of 1 000");
      expect(lines).toBeGreaterThan(height);
      // Half the width: each line of more than 50 characters was wrapped.
      const wide = stripVTControlCharacters(target.written.at(-1) ?? "")
        .replaceAll("\r", "")
        .split("\n")
        .slice(0, -1);
      target.resize(50);
      const wrapped = wide.reduce((sum, line) => sum + Math.max(1, Math.ceil([...line].length / 50)), 0);
      expect(wrapped).toBeGreaterThan(lines);
      expect(target.written.at(-1)).toContain(`\x1b[${wrapped}A\r`);
      monitor.note("a remark");
      expect(target.written.join("")).toContain("a remark\n");
    } finally {
      await monitor.close();
    }
    expect(run.history.map(({ kind, step }) => `${kind} ${step}`)).toEqual([
      "validation 0",
      "train 50",
      "train 100",
      "validation 100",
    ]);
  });

  it("watches a real training without changing a bit of it", async () => {
    const random = createRandom(4);
    const draw = (): Float32Array => Float32Array.from({ length: 32 * 32 }, () => 40 * random.nextNormal());
    const target = draw();
    const pair = { id: "p", rows: 32, columns: 32, target, noises: [draw()], levelRange: [1, 1] as const };
    const held = {
      id: "h",
      rows: 32,
      columns: 32,
      target,
      input: target.map((x, k) => x + pair.noises[0][k]),
    };
    const program = methods.get("regression").build({
      method: "regression",
      networks: { main: { name: "residual-cnn", config: { channels: 4, layers: 3, unshuffle: 1 } } },
      losses: [{ name: "l1" }],
      optimiser: { kind: "adam" },
      learningRate: { kind: "constant", value: 1e-3 },
      batch: 2,
      patch: [16, 16],
    });
    const base = {
      program,
      settings: { seed: 1, batch: 2, patch: 16, steps: 6, logEvery: 2, validateEvery: 3 },
      source: createPairSource([pair], { tissueFraction: 0 }),
      validation: createPairValidation([held]),
      runtime: await createNodeRuntime({ threads: 1 }),
    };
    const run = await openRunFolder(folder.resolve("run"));
    const screen = createTerminal(100);
    const monitor = await startTrainingMonitor({
      run,
      facts: { ...FACTS, steps: 6 },
      terminal: screen,
      port: 0,
    });
    const events = await listen(String(monitor.url));
    const { sink, onProgress } = monitor;
    const watched = await runTraining({ ...base, sink, onProgress }).finally(() => monitor.close());
    const alone = await runTraining(base);
    expect(watched.checkpoint).toEqual(alone.checkpoint);
    let view = await events.next("view");
    while ((view.view as { status: string }).status !== "finished") view = await events.next("view");
    expect(view.view).toMatchObject({
      step: 6,
      total: 6,
      validation: { best: { step: watched.best?.step } },
    });
    expect(stripVTControlCharacters(screen.written.at(-1) ?? "")).toMatch(/finished[\s\S]*step 6 of 6/);
    const state = JSON.parse((await runAlara("monitor", run.folder, "--json")).stdout);
    expect(state.samples.map(({ step }: { step: number }) => step)).toEqual([0, 3, 6]);
  });

  it("writes plain lines without a terminal, and nothing else", async () => {
    const run = await openRunFolder(folder.resolve("run"));
    const written: string[] = [];
    const target = {
      ...createTerminal(100),
      isTerminal: false,
      hasColour: false,
      write: (text: string) => void written.push(text),
    };
    const monitor = await startTrainingMonitor({ run, facts: FACTS, terminal: target });
    monitor.onProgress({ phase: "train", done: 50, total: 1000, unit: "steps" });
    await monitor.sink.log(trainEntry(50));
    await monitor.sink.log({ kind: "end", step: 50, reason: "aborted" });
    await monitor.close();
    expect(monitor.url).toBeNull();
    expect(written).toHaveLength(2);
    expect(written[0]).toMatch(/^step 50\/1000 {2}generator loss l1 0\.2 .*\n$/);
    expect(written[1]).toMatch(/^step 50\/1000 {2}aborted/);
    expect(written.join("")).not.toContain("\x1b");
  });
});

describe("alara monitor", () => {
  it("prints the present state once, as text and as JSON", async () => {
    const run = await makeRun();
    const text = await runAlara("monitor", run.folder, "--once");
    expect(text.code, text.stderr).toBe(0);
    expect(text.stdout).toMatch(/^a <b> run · cpu {2}running\nstep 100 of 1 000/);
    expect(text.stderr).toBe("");
    const json = await runAlara("monitor", run.folder, "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({
      facts: { name: "a <b> run" },
      view: { step: 100, validation: { best: { step: 100, rmseHu: 20 } } },
      samples: [{ step: 100 }],
    });
  });

  it("follows a run without a page to its end", async () => {
    const run = await makeRun();
    const watching = runAlara("monitor", run.folder, "--no-page");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await run.sink.log(trainEntry(150));
    await run.sink.log({ kind: "end", step: 150, reason: "finished" });
    const { code, stdout, stderr } = await watching;
    expect(code).toBe(0);
    expect(stdout).toBe("");
    expect(stderr).toContain("the run has ended: finished");
  });

  it("refuses a folder that holds no run", async () => {
    expect(await runAlara("monitor", folder.path)).toMatchObject({ code: 2 });
    const missing = await runAlara("monitor", folder.resolve("none"));
    expect(missing).toMatchObject({ code: 2, stdout: "" });
    expect(missing.stderr).toMatch(/^error USAGE: there is no folder/);
  });
});
