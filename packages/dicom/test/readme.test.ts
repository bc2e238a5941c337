/** README.md against the code: generated tables and quoted examples, and every error code exactly once. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createReadmeParts, findReadmePart } from "../scripts/readme-tables.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

describe("README", () => {
  it.each(Object.entries(createReadmeParts()))("shows %s as the code has it", (name, part) => {
    expect(findReadmePart(readme, name), "run node scripts/readme-tables.ts").toBe(part);
  });

  it("explains every error code once", () => {
    const source = readFileSync(new URL("../src/errors.ts", import.meta.url), "utf8");
    const union = source.split("export type DicomErrorCode =")[1].split(";")[0];
    const codes = [...union.matchAll(/"([A-Z_]+)"/g)].map((match) => match[1]);
    const table = readme.split("## Errors")[1].split("\n## ")[0];
    const explained = [...table.matchAll(/^\| ([A-Z_]+) \| (.+) \| (.+) \|$/gm)].map((match) => match[1]);
    expect(codes.length).toBeGreaterThan(20);
    expect(explained.sort()).toEqual(codes.sort());
  });
});
