/** The fuzzing tools can fail: faults put into a target on purpose are found, each by its kind and its input. */
import { deflateRawSync } from "node:zlib";
import { AlaraError } from "@alara/core";
import {
  createMutator,
  type FuzzReport,
  type FuzzTarget,
  type HostileSeed,
  parseDicomTree,
  runFuzz,
  runWatchedFuzz,
  writeDicomTree,
} from "@alara/testing/hostile";
import { describe, expect, it } from "vitest";
import { DIES_AT, HANGS_AT, THROWS_AT } from "./faulty-task.ts";

const seed: HostileSeed = {
  name: "letters",
  layout: "binary",
  bytes: Uint8Array.from({ length: 64 }, (_, i) => i),
};

function runTarget(target: FuzzTarget, count = 300): Promise<FuzzReport> {
  const mutator = createMutator([seed], { seed: 1 });
  return runFuzz(mutator, target, { first: 0, count, knownCodes: new Set(["EXPECTED"]), maxMs: 100 });
}

describe("runFuzz", () => {
  it("finds nothing in a sound target and counts its outcomes", async () => {
    const report = await runTarget(async (bytes) => {
      if (bytes.length % 2 === 1) throw new AlaraError("EXPECTED", "odd");
      return "even";
    });
    expect(report.findings).toEqual([]);
    expect(Object.keys(report.outcomes.letters).sort()).toEqual(["EXPECTED", "even"]);
    expect(report.inputs).toBe(300);
  });

  it("finds errors without a code, with unknown codes, and things thrown that are no errors", async () => {
    const faults: readonly (readonly [string, FuzzTarget])[] = [
      ["uncaught", async (bytes) => (bytes as unknown as { x: { y: string } }).x.y],
      ["uncaught", async () => Promise.reject("a string")],
      ["uncaught", async () => String(new Float32Array(2 ** 53))],
      ["unknown-code", async () => Promise.reject(new AlaraError("SURPRISE", "new"))],
    ];
    for (const [kind, target] of faults) {
      const { findings } = await runTarget(target);
      expect(findings.length).toBeGreaterThan(0);
      expect(new Set(findings.map((finding) => finding.kind))).toEqual(new Set([kind]));
    }
  });

  it("finds a rare fault deep in the mutants: one byte value at one place", async () => {
    const report = await runTarget(async (bytes) => {
      if (bytes[10] === 0xff) throw new RangeError("too far");
      return "ok";
    }, 5000);
    expect(report.findings.length).toBeGreaterThan(0);
    expect(report.outcomes.letters.ok).toBeGreaterThan(4000);
  });

  it("finds slow inputs by their CPU time, and forgives waiting", async () => {
    const slow = await runTarget(async (bytes) => {
      const start = process.cpuUsage();
      if (bytes.length < 5) while (process.cpuUsage(start).user < 150_000);
      return "ok";
    });
    expect(slow.findings.length).toBeGreaterThan(0);
    expect(slow.findings.every((finding) => finding.kind === "slow")).toBe(true);
    const waiting = await runTarget(async (bytes) => {
      if (bytes.length < 5) await new Promise((resolve) => setTimeout(resolve, 150));
      return "ok";
    });
    expect(waiting.findings).toEqual([]);
  });
});

describe("runWatchedFuzz", () => {
  it("kills what hangs, outlives what dies, and goes on after both", async () => {
    const report = await runWatchedFuzz({
      taskModule: new URL("./faulty-task.ts", import.meta.url).href,
      seed: 1,
      inputs: 400,
      batch: 150,
      workers: 2,
      hangMs: 3000,
      maxHeapMib: 64,
    });
    const found = report.findings
      .map(({ kind, input }) => [kind, input])
      .sort((a, b) => Number(a[1]) - Number(b[1]));
    expect(found).toEqual([
      ["uncaught", THROWS_AT],
      ["hung", HANGS_AT],
      ["died", DIES_AT],
    ]);
    expect(report.inputs).toBe(400);
    expect(report.outcomes["four bytes"]).toEqual({ EXPECTED: 200, value: 197, uncaught: 1 });
    expect(report.peakRssBytes).toBeGreaterThan(0);
  });

  it("says so when the task does not start", async () => {
    const taskModule = new URL("./no-such-task.ts", import.meta.url).href;
    await expect(runWatchedFuzz({ taskModule, seed: 1, inputs: 10, workers: 1 })).rejects.toThrow(
      /does not start/,
    );
  });
});

describe("DICOM trees", () => {
  const text = (value: string): Uint8Array => Uint8Array.from(value, (letter) => letter.charCodeAt(0));
  const join = (...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array =>
    Uint8Array.from(parts.flatMap((part) => [...part]));
  const head = (syntax: string): Uint8Array => {
    const uid = text(syntax.length % 2 === 0 ? syntax : `${syntax}\0`);
    return join(new Uint8Array(128), text("DICM"), [2, 0, 0x10, 0], text("UI"), [uid.length, 0], uid);
  };
  const sequence = join(
    [8, 0, 0x40, 0x11],
    text("SQ"),
    [0, 0, 255, 255, 255, 255],
    [0xfe, 0xff, 0, 0xe0, 10, 0, 0, 0],
    [8, 0, 0, 1],
    text("SH"),
    [2, 0],
    text("X "),
    [0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0],
  );
  const frames = join(
    [0xe0, 0x7f, 0x10, 0],
    text("OB"),
    [0, 0, 255, 255, 255, 255],
    [0xfe, 0xff, 0, 0xe0, 0, 0, 0, 0],
    [0xfe, 0xff, 0, 0xe0, 2, 0, 0, 0, 1, 2],
    [0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0],
  );

  it("give back the bytes that they were made of", () => {
    const file = join(head("1.2.840.10008.1.2.1"), sequence, frames);
    const tree = parseDicomTree(file);
    expect(writeDicomTree(tree)).toEqual(file);
    expect(tree.body.map(({ tag }) => tag)).toEqual([0x00081140, 0x7fe00010]);
    const [items] = [tree.body[0].content as readonly { content: unknown }[]];
    expect((items[0].content as readonly { tag: number }[])[0].tag).toBe(0x00080100);
  });

  it("open deflated files", () => {
    const file = join(head("1.2.840.10008.1.2.1.99"), deflateRawSync(sequence, { level: 1 }));
    const tree = parseDicomTree(file);
    expect(tree.deflated).toBe(true);
    expect(tree.body[0].tag).toBe(0x00081140);
    expect(writeDicomTree(tree)).toEqual(file);
  });
});
