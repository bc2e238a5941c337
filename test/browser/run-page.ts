/**
 * Runs a page in headless Chromium for tests: bundled by Vite, served from this process on the loopback interface, one
 * JSON answer posted back to `/result`. Not a test runner: the page does its work by itself.
 */
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { TemporaryFolder } from "@alara/testing";
import { build } from "vite";

const MIME: Readonly<Record<string, string>> = { js: "text/javascript", wasm: "application/wasm" };
const LONGEST_RUN_MS = 50_000;

/** Bundles `test/browser/<page>.ts` to `page.js` in the folder's `site`. */
export async function buildPage(page: string, folder: TemporaryFolder): Promise<void> {
  await build({
    configFile: false,
    root: fileURLToPath(new URL(".", import.meta.url)),
    logLevel: "error",
    worker: { format: "es" },
    build: {
      outDir: folder.resolve("site"),
      target: "es2023",
      assetsInlineLimit: 0,
      modulePreload: false,
      rollupOptions: {
        input: fileURLToPath(new URL(`${page}.ts`, import.meta.url)),
        output: { entryFileNames: "page.js" },
      },
    },
  });
}

/** Options of {@link runPage}. */
export interface PageOptions {
  /** Sent as `/inputs.json`. */
  readonly inputs: unknown;
  /** Makes the page cross-origin isolated, so that it may share memory; default false. */
  readonly isIsolated?: boolean;
  /** More of Chromium's command line; default none. */
  readonly flags?: readonly string[];
  /** Longest wait for the answer; default 50 000. */
  readonly longestMs?: number;
}

/** What a page did. */
export interface PageRun<Answer> {
  readonly answer: Answer | { readonly error: string };
  /** Paths that were asked for, in order. */
  readonly requested: readonly string[];
  /** How many of them had been asked for when the page posted to a path, by path. */
  readonly requestsBefore: Readonly<Record<string, number>>;
}

/** Serves the site until the page has answered. */
export async function runPage<Answer>(
  chromium: string,
  folder: TemporaryFolder,
  { inputs, isIsolated = false, flags = [], longestMs = LONGEST_RUN_MS }: PageOptions,
): Promise<PageRun<Answer>> {
  const requested: string[] = [];
  const requestsBefore: Record<string, number> = {};
  let resolveAnswer: (answer: Answer) => void = () => {};
  const answered = new Promise<Answer>((resolve) => {
    resolveAnswer = resolve;
  });
  const isolation = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
  };
  const server = http.createServer((request, response) => {
    const name = new URL(request.url ?? "/", "http://localhost").pathname;
    requested.push(name);
    const send = (type: string, body: string | Buffer): void => {
      const headers = { "content-type": type, "cache-control": "no-store", ...(isIsolated ? isolation : {}) };
      response.writeHead(200, headers).end(body);
    };
    if (name === "/") send("text/html", '<!doctype html><script type="module" src="/page.js"></script>');
    else if (name === "/inputs.json") send("application/json", JSON.stringify(inputs));
    else if (request.method === "POST") {
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        send("text/plain", "");
        requestsBefore[name] = requested.length;
        if (name === "/result") resolveAnswer(JSON.parse(body) as Answer);
      });
    } else {
      const file = folder.resolve("site", ...name.split("/").filter((part) => /^[\w.-]+$/.test(part)));
      if (fs.existsSync(file)) send(MIME[file.split(".").pop() ?? ""] ?? "text/plain", fs.readFileSync(file));
      else response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  let browser: ChildProcess | undefined;
  try {
    browser = spawn(
      chromium,
      [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        `--user-data-dir=${folder.resolve("profile")}`,
        "--remote-debugging-port=0",
        ...flags,
        `http://127.0.0.1:${port}/`,
      ],
      { stdio: "ignore" },
    );
    const gone = new Promise<{ error: string }>((resolve) => {
      browser?.on("exit", (code) => resolve({ error: `the browser ended with status ${code}` }));
      setTimeout(
        () => resolve({ error: `no answer in ${longestMs / 1000} s; asked for ${requested.join(" ")}` }),
        longestMs,
      ).unref();
    });
    return { answer: await Promise.race([answered, gone]), requested, requestsBefore };
  } finally {
    if (browser !== undefined && browser.exitCode === null) {
      const ended = new Promise((resolve) => browser?.once("exit", resolve));
      browser.kill();
      await ended;
    }
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
