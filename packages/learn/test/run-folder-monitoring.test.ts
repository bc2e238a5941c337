/** What a run folder keeps for monitors: times, facts and sessions, sample images and their index. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, inflateSync } from "node:zlib";
import { parseRunFacts, parseSampleIndex, runTraining, type ValidationSample } from "@alara/learn";
import { createNodeRuntime, openRunFolder } from "@alara/learn/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeGreyPng } from "../src/node/png.ts";
import { drawSampleSheet } from "../src/node/sample-sheet.ts";
import { buildProgram, settings, source } from "./training-fixture.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "alara-run-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A clock that advances a second at each look. */
function createClock(start = "2026-01-01T00:00:00Z"): () => Date {
  let ms = Date.parse(start);
  return () => {
    ms += 1000;
    return new Date(ms);
  };
}

function readText(...names: string[]): string {
  return readFileSync(join(folder, ...names), "utf8");
}

/** Undoes the PNG: chunks with their check sums, inflation, filter "up". */
function decodeGreyPng(bytes: Uint8Array): { rows: number; columns: number; pixels: number[] } {
  const png = Buffer.from(bytes);
  expect(png.subarray(0, 8).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const body = png.subarray(at + 4, at + 8 + length);
    expect(png.readUInt32BE(at + 8 + length)).toBe(crc32(body));
    chunks.set(body.toString("latin1", 0, 4), body.subarray(4));
    at += 12 + length;
  }
  expect([...chunks.keys()]).toEqual(["IHDR", "IDAT", "IEND"]);
  const header = chunks.get("IHDR") as Buffer;
  const [columns, rows] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  expect([...header.subarray(8)]).toEqual([8, 0, 0, 0, 0]);
  const lines = inflateSync(chunks.get("IDAT") as Buffer);
  const pixels = new Array<number>(rows * columns).fill(0);
  for (let r = 0; r < rows; r++) {
    expect(lines[r * (columns + 1)]).toBe(2);
    for (let c = 0; c < columns; c++) {
      const above = r > 0 ? pixels[(r - 1) * columns + c] : 0;
      pixels[r * columns + c] = (lines[r * (columns + 1) + 1 + c] + above) & 255;
    }
  }
  return { rows, columns, pixels };
}

function makeSample(step: number, id = "case/A#1"): ValidationSample {
  const fill = (value: number): Float32Array => new Float32Array(128 * 256).fill(value);
  const images = [
    { name: "input", data: fill(240) },
    { name: "output", data: fill(40) },
    { name: "target", data: fill(90) },
  ];
  return { step, id, rows: 128, columns: 256, images };
}

describe("encodeGreyPng", () => {
  it("gives every pixel back", () => {
    const pixels = Uint8Array.from({ length: 7 * 5 }, (_, k) => (k * 77) & 255);
    expect(decodeGreyPng(encodeGreyPng(pixels, 7, 5))).toEqual({ rows: 7, columns: 5, pixels: [...pixels] });
  });
});

describe("drawSampleSheet", () => {
  it("puts the images side by side in the window, and the difference in its own", () => {
    const sheet = drawSampleSheet(makeSample(500));
    expect(sheet.panels).toEqual(["input", "output", "target", "output − target"]);
    expect(sheet).toMatchObject({ windowHu: [-160, 240], differenceHu: [-100, 100], columns: 4 * 260 + 4 });
    const middle = sheet.columns * 70;
    const greys = [0, 1, 2, 3].map((panel) => sheet.pixels[middle + 4 + panel * 260 + 128]);
    expect(greys).toEqual([255, 128, 159, 64]);
  });

  it("enlarges small images by whole pixels, shows other windows, and subtracts the input without a target", () => {
    const data = Float32Array.of(0, 100, Number.NaN, 400);
    const images = [
      { name: "input", data: new Float32Array(4) },
      { name: "output", data },
    ];
    const sheet = drawSampleSheet(
      { step: 1, id: "x", rows: 2, columns: 2, images },
      { windowHu: [0, 200], differenceHu: [-400, 400] },
    );
    expect(sheet.panels).toEqual(["input", "output", "output − input"]);
    const at = (panel: number, r: number, c: number): number =>
      sheet.pixels[(13 + r * 128 + 64) * sheet.columns + 4 + panel * 260 + c * 128 + 64];
    expect([at(1, 0, 0), at(1, 0, 1), at(1, 1, 0), at(1, 1, 1)]).toEqual([0, 128, 0, 255]);
    expect([at(2, 0, 0), at(2, 0, 1), at(2, 1, 1)]).toEqual([128, 159, 255]);
    const single = { step: 1, id: "x", rows: 2, columns: 2, images: images.slice(0, 1) };
    expect(drawSampleSheet(single)).toMatchObject({ panels: ["input"], differenceHu: null });
  });

  it("refuses images of another size, and none", () => {
    const images = [{ name: "input", data: new Float32Array(5) }];
    for (const given of [images, []]) {
      expect(() => drawSampleSheet({ step: 1, id: "x", rows: 2, columns: 2, images: given })).toThrow(
        expect.objectContaining({ code: "SHAPE_MISMATCH" }),
      );
    }
  });
});

describe("a run folder for monitors", () => {
  it("stamps each line with its time", async () => {
    const run = await openRunFolder(folder, { now: createClock() });
    await run.sink.log({ kind: "end", step: 1, reason: "finished" });
    await run.sink.log({ kind: "end", step: 2, reason: "finished" });
    const lines = readText("log.jsonl")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ time }) => time)).toEqual(["2026-01-01T00:00:01.000Z", "2026-01-01T00:00:02.000Z"]);
    expect(run.history).toEqual(lines);
  });

  it("keeps samples as PNG with an index; ids become safe names, one each", async () => {
    const run = await openRunFolder(folder);
    await run.sink.saveSample(makeSample(0, "plain"));
    for (const id of ["../../evil", "..-..-evil", "", "é/ü", "x".repeat(300)])
      await run.sink.saveSample(makeSample(500, id));
    await run.sink.saveSample(makeSample(500, "plain"));
    const index = parseSampleIndex(readText("samples", "index.json"));
    expect(index.map(({ id }) => id)).toEqual([
      "plain",
      "../../evil",
      "..-..-evil",
      "",
      "é/ü",
      "x".repeat(300),
      "plain",
    ]);
    expect(index[0]).toEqual({
      step: 0,
      id: "plain",
      file: "step-000000-plain.png",
      rows: 128,
      columns: 256,
      width: 1044,
      height: 128 + 3 * 13,
      panels: ["input", "output", "target", "output − target"],
      windowHu: [-160, 240],
      differenceHu: [-100, 100],
    });
    expect(new Set(index.map(({ file }) => file)).size).toBe(7);
    expect(readdirSync(join(folder, "samples")).sort()).toEqual(
      [...index.map(({ file }) => file), "index.json"].sort(),
    );
    const { rows, columns } = decodeGreyPng(readFileSync(join(folder, "samples", index[0].file)));
    expect([rows, columns]).toEqual([index[0].height, index[0].width]);
  });

  it("says what the run is, and remembers its sessions when it is continued", async () => {
    const facts = { name: "test", steps: 8, provider: "cpu", recipe: { seed: 1 } };
    const base = {
      program: buildProgram(),
      settings: { ...settings, steps: 8, validateEvery: 4 },
      source,
      runtime: await createNodeRuntime({ threads: 1 }),
    };
    const stop = new AbortController();
    const first = await openRunFolder(folder, { now: createClock() });
    await first.describe(facts);
    expect(parseRunFacts(readText("run.json"))).toEqual({
      ...facts,
      schema: "alara-run/1",
      sessions: [{ startedAt: "2026-01-01T00:00:01.000Z", fromStep: 0 }],
    });
    await first.sink.saveSample(makeSample(2));
    await first.sink.saveSample(makeSample(6));
    const onProgress = ({ done }: { done: number }): void => {
      if (done === 5) stop.abort(new Error("stop"));
    };
    const stopped = runTraining({ ...base, sink: first.sink, signal: stop.signal, onProgress });
    await expect(stopped).rejects.toThrow("stop");

    const again = await openRunFolder(folder, {
      resume: "if-present",
      now: createClock("2026-02-01T00:00:00Z"),
    });
    expect(again.resume?.step).toBe(5);
    await again.describe({ ...facts, provider: "webgpu" });
    expect(parseRunFacts(readText("run.json"))?.provider).toBe("cpu");
    if (again.resume === undefined) throw new Error("no checkpoint");
    await runTraining({ ...base, sink: again.sink, resume: again.resume });
    expect(parseRunFacts(readText("run.json"))).toMatchObject({
      provider: "webgpu",
      sessions: [
        { startedAt: "2026-01-01T00:00:01.000Z", fromStep: 0 },
        { startedAt: "2026-02-01T00:00:01.000Z", fromStep: 5 },
      ],
    });
    await again.sink.saveSample(makeSample(8));
    expect(parseSampleIndex(readText("samples", "index.json")).map(({ step }) => step)).toEqual([2, 8]);
  });

  it("keeps the batch of a failure, and starts a damaged sample index anew", async () => {
    const run = await openRunFolder(folder);
    await run.sink.saveFailure(17, Uint8Array.of(1, 2));
    expect([...readFileSync(join(folder, "failure-step-000017.bin"))]).toEqual([1, 2]);
    await run.sink.saveSample(makeSample(1));
    writeFileSync(join(folder, "samples", "index.json"), "{ cut");
    const again = await openRunFolder(folder, { resume: "if-present" });
    await again.sink.saveSample(makeSample(2));
    expect(parseSampleIndex(readText("samples", "index.json")).map(({ step }) => step)).toEqual([2]);
  });
});
