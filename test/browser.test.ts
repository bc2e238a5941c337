/**
 * `@alara/dicom` in a real browser: bundled by Vite, served from this process, run in headless Chromium. What every
 * transfer syntax decodes to, a series from Blobs and a NIfTI file must have Node's check sums, and reading
 * uncompressed images must load no WebAssembly.
 */
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { createCentredGrid, createVolume } from "@alara/core";
import { createCtSeries, TRANSFER_SYNTAX_UID, transferSyntaxes, volumeFormats } from "@alara/dicom";
import { createTemporaryFolder, requireTool, type TemporaryFolder } from "@alara/testing";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CheckInputs, checkCodecs, checkSeries } from "./browser/checks.ts";

const PAGE = fileURLToPath(new URL("browser/page.ts", import.meta.url));
const GOLDEN = new URL("../packages/dicom/test/golden/codecs.json", import.meta.url);
const MIME: Readonly<Record<string, string>> = { js: "text/javascript", wasm: "application/wasm" };
/** Everything that reading uncompressed DICOM needs, the page included. */
const LARGEST_CORE_BYTES = 400_000;

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = createTemporaryFolder("browser");
  await build({
    configFile: false,
    root: fileURLToPath(new URL("browser", import.meta.url)),
    logLevel: "error",
    build: {
      outDir: folder.resolve("site"),
      target: "es2023",
      assetsInlineLimit: 0,
      modulePreload: false,
      rollupOptions: { input: PAGE, output: { entryFileNames: "page.js" } },
    },
  });
});
afterAll(() => folder?.dispose());

/** Inputs: foreign frames of every syntax that dcmtk, GDCM and OpenJPEG write, three slices, one NIfTI volume. */
async function createInputs(): Promise<CheckInputs> {
  const { cases } = JSON.parse(fs.readFileSync(GOLDEN, "utf8")) as { readonly cases: CheckInputs["frames"] };
  const geometry = createCentredGrid([3, 16, 16], [2, 1, 1]);
  const hu = createVolume("HU", geometry);
  hu.data.forEach((_, i) => {
    hu.data[i] = (i % 97) - 40;
  });
  const series = await createCtSeries(geometry, {
    identity: { test: "browser" },
    patientId: "TEST",
    dateTime: "2026-01-31T12:00:00+00:00",
    seriesDescription: "browser",
    softwareVersion: "0",
  });
  const slices = [2, 0, 1].map((slice) =>
    Buffer.from(series.writeInstance(slice, hu.data.slice(slice * 256, (slice + 1) * 256))).toString(
      "base64",
    ),
  );
  const [nifti] = volumeFormats.get("nii.gz").write(hu, { baseName: "volume" });
  return {
    frames: [...cases, ...(await createHtj2kFrames(cases))],
    slices,
    nifti: Buffer.from(nifti.bytes).toString("base64"),
  };
}

/** No tool here writes HTJ2K: our own lossless stream stands for the three syntaxes, whose decoder is one. */
async function createHtj2kFrames(cases: CheckInputs["frames"]): Promise<CheckInputs["frames"]> {
  const { htj2kLossless, htj2kLosslessRpcl, htj2k, rleLossless } = TRANSFER_SYNTAX_UID;
  const rle = cases.find(({ uid, format }) => uid === rleLossless && format.samplesPerPixel === 1);
  if (rle === undefined) throw new Error("the golden holds no grayscale RLE frame");
  const format = { ...rle.format, frames: 1 };
  const native = await transferSyntaxes
    .get(rleLossless)
    .decodeFrame?.(Buffer.from(rle.encoded, "base64"), format);
  const encoded = native && (await transferSyntaxes.get(htj2kLossless).encodeFrame?.(native, format));
  if (encoded === undefined) throw new Error("HTJ2K has no encoder");
  return [htj2kLossless, htj2kLosslessRpcl, htj2k].map((uid) => ({
    name: "own encoder",
    uid,
    format: rle.format,
    encoded: Buffer.from(encoded).toString("base64"),
  }));
}

interface PageAnswer {
  readonly results?: Readonly<Record<string, string>>;
  readonly error?: string;
}

/** Serves the site until the page has answered; also tells what was asked for before the series was done. */
async function runPage(
  chromium: string,
  inputs: CheckInputs,
): Promise<{ answer: PageAnswer; requested: readonly string[]; coreRequests: readonly string[] }> {
  const requested: string[] = [];
  let coreRequests: readonly string[] = [];
  let resolveAnswer: (answer: PageAnswer) => void = () => {};
  const answered = new Promise<PageAnswer>((resolve) => {
    resolveAnswer = resolve;
  });
  const server = http.createServer((request, response) => {
    const name = new URL(request.url ?? "/", "http://localhost").pathname;
    requested.push(name);
    const send = (type: string, body: string | Buffer): void => {
      response.writeHead(200, { "content-type": type, "cache-control": "no-store" }).end(body);
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
        if (name === "/series-done") coreRequests = [...requested];
        if (name === "/result") resolveAnswer(JSON.parse(body) as PageAnswer);
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
        `http://127.0.0.1:${port}/`,
      ],
      { stdio: "ignore" },
    );
    const gone = new Promise<PageAnswer>((resolve) => {
      browser?.on("exit", (code) => resolve({ error: `the browser ended with status ${code}` }));
      setTimeout(
        () => resolve({ error: `no answer in 50 s; asked for ${requested.join(" ")}` }),
        50_000,
      ).unref();
    });
    return { answer: await Promise.race([answered, gone]), requested, coreRequests };
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

describe("@alara/dicom in a browser", () => {
  it("has Node's check sums in every transfer syntax, for Blobs and NIfTI; plain images load no WebAssembly", async (context) => {
    const chromium = requireTool(context, "chromium", "chromium");
    const inputs = await createInputs();
    const { answer, requested, coreRequests } = await runPage(chromium, inputs);
    expect(answer.error).toBeUndefined();
    expect(answer.results).toEqual({ ...(await checkSeries(inputs)), ...(await checkCodecs(inputs)) });
    expect(requested.filter((name) => name.endsWith(".wasm"))).not.toEqual([]);
    expect(coreRequests.filter((name) => name.endsWith(".wasm"))).toEqual([]);
    const scripts = [...new Set(coreRequests)].filter((name) => name.endsWith(".js"));
    const bytes = scripts.reduce(
      (sum, name) => sum + fs.statSync(folder.resolve("site", name.slice(1))).size,
      0,
    );
    console.info(`uncompressed reading loads ${scripts.length} scripts of ${bytes} bytes`);
    expect(bytes).toBeLessThan(LARGEST_CORE_BYTES);
  });

  it("tries every compressed transfer syntax of the registry", async () => {
    const { frames } = await createInputs();
    const tried = new Set(frames.map(({ uid }) => uid));
    const missing = [...transferSyntaxes.entries()]
      .filter(([uid, syntax]) => syntax.encapsulated && !tried.has(uid))
      .map(([, syntax]) => syntax.name);
    expect(missing).toEqual([]);
    expect(tried.has(TRANSFER_SYNTAX_UID.jpegBaseline)).toBe(true);
  });
});
