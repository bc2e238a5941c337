/**
 * Memory under small limits, measured from outside the reader: a child with a small heap reads bombs one by one, and
 * the peak of its resident memory may rise by twice the declared limit at most.
 */
import { execFileSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

interface Measured {
  readonly name: string;
  readonly code: string;
  readonly riseBytes: number;
  readonly ms: number;
  readonly inputBytes: number;
}

const CHILD = fileURLToPath(new URL("./hostile-memory-child.ts", import.meta.url));
const LIMIT_MIB = 64;

describe("memory", () => {
  it("rises by no more than twice the declared limit, whatever the input declares", (context) => {
    if (process.platform !== "linux") context.skip("the peak of resident memory is read from /proc (Linux)");
    const output = execFileSync(process.execPath, ["--max-old-space-size=128", CHILD, String(LIMIT_MIB)], {
      encoding: "utf8",
      maxBuffer: 2 ** 24,
    });
    const measured = output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Measured);
    expect(measured.length).toBe(13);
    for (const { name, code, riseBytes, ms } of measured) {
      expect(code, name).toMatch(/^[A-Z_]+$|^none$/);
      expect(riseBytes / 2 ** 20, name).toBeLessThanOrEqual(2 * LIMIT_MIB);
      expect(ms, name).toBeLessThan(3000);
    }
  }, 120_000);
});
