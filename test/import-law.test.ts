/** The import law holds for every package, and the checker sees each kind of violation. */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  checkImports,
  checkManifest,
  IMPORT_LAW,
  type Manifest,
  readManifest,
  readSources,
} from "./import-law.ts";

const PACKAGES = fileURLToPath(new URL("../packages", import.meta.url));
const names = fs
  .readdirSync(PACKAGES)
  .filter((name) => fs.existsSync(path.join(PACKAGES, name, "package.json")));
const manifests: Record<string, Manifest> = {};
for (const name of names) {
  manifests[`@alara/${name}`] = readManifest(path.join(PACKAGES, name, "package.json"));
}

describe.each(names)("%s", (name) => {
  it("depends only on what the law allows", () => {
    expect(checkManifest(name, manifests[`@alara/${name}`])).toEqual([]);
  });

  it("imports only what it declares, by name, and keeps Node out of portable code", () => {
    const sources = readSources(path.join(PACKAGES, name));
    expect(sources.length).toBeGreaterThan(0);
    const manifest = manifests[`@alara/${name}`];
    expect(sources.flatMap((source) => checkImports(name, manifest, manifests, source))).toEqual([]);
  });
});

describe("the law itself", () => {
  it("has no cycle", () => {
    const visit = (name: string, trail: readonly string[]): void => {
      expect(trail, `${[...trail, name].join(" → ")}`).not.toContain(name);
      for (const next of IMPORT_LAW[name].mayImport) visit(next, [...trail, name]);
    };
    for (const name of Object.keys(IMPORT_LAW)) visit(name, []);
  });

  it("lets nothing import cli or viewer", () => {
    for (const row of Object.values(IMPORT_LAW)) {
      expect(row.mayImport).not.toContain("cli");
      expect(row.mayImport).not.toContain("viewer");
    }
  });
});

describe("the checker", () => {
  const manifest: Manifest = {
    name: "@alara/learn",
    dependencies: ["@alara/core", "onnxruntime-node"],
    exports: ["."],
  };
  const others: Record<string, Manifest> = {
    "@alara/core": { name: "@alara/core", dependencies: [], exports: [".", "./node"] },
    "@alara/testing": { name: "@alara/testing", dependencies: [], exports: ["."] },
  };
  const check = (file: string, text: string): readonly string[] =>
    checkImports("learn", manifest, others, { file, text });

  it.each([
    ["an undeclared package", "src/a.ts", 'import protobuf from "protobufjs";'],
    ["a forbidden workspace package", "src/a.ts", 'import { x } from "@alara/physics";'],
    ["a re-export of one", "src/a.ts", 'export * from "@alara/physics";'],
    ["a dynamic import of one", "src/a.ts", 'const x = await import("@alara/physics");'],
    ["another package by path", "src/a.ts", 'import { x } from "../../core/src/index.ts";'],
    ["another package by path from a test", "test/a.test.ts", 'import { x } from "../../core/src/index.ts";'],
    ["a test file from src", "src/a.ts", 'import { x } from "../test/a.ts";'],
    ["Node in portable code", "src/a.ts", 'import fs from "node:fs";'],
    ["a Node file from portable code", "src/a.ts", 'import { x } from "./node.ts";'],
    ["a Node folder from portable code", "src/a.ts", 'import { x } from "./node/files.ts";'],
    ["another package's Node entry from portable code", "src/a.ts", 'import { x } from "@alara/core/node";'],
    ["a native addon in portable code", "src/a.ts", 'import * as ort from "onnxruntime-node";'],
    ["a subpath that is not exported", "src/node.ts", 'import { x } from "@alara/core/src/fft.ts";'],
    ["vitest outside tests", "src/a.ts", 'import { it } from "vitest";'],
  ])("reports %s", (_, file, text) => {
    expect(check(file, text)).toHaveLength(1);
  });

  it.each([
    ["a declared package", "src/a.ts", 'import { x } from "@alara/core";'],
    ["a neighbour", "src/a/b.ts", 'import { x } from "../c.ts";'],
    [
      "Node in the Node entry",
      "src/node.ts",
      'import fs from "node:fs"; import * as ort from "onnxruntime-node";',
    ],
    [
      "Node in the Node folder",
      "src/node/a.ts",
      'import fs from "node:fs"; import { y } from "@alara/core/node";',
    ],
    [
      "test tools in tests",
      "test/a.test.ts",
      'import { it } from "vitest"; import { t } from "@alara/testing";',
    ],
    [
      "words in comments and strings",
      "src/a.ts",
      '// import x from "left-pad"\nconst s = "import y from \\"z\\"";',
    ],
  ])("accepts %s", (_, file, text) => {
    expect(check(file, text)).toEqual([]);
  });
});
