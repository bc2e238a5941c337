/** Everything that a published package exports has a doc comment that says what it is. */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Entry files of a package, from its `exports`. */
function listEntries(folder: string): string[] {
  const manifest: unknown = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
  const exported = (manifest as { readonly exports?: Readonly<Record<string, string>> }).exports ?? {};
  return Object.values(exported)
    .filter((entry) => typeof entry === "string" && entry.endsWith(".ts"))
    .map((entry) => path.join(folder, entry));
}

/** `file: name` of exports without a comment. */
function findUndocumented(entries: readonly string[]): {
  readonly missing: string[];
  readonly exports: number;
} {
  const program = ts.createProgram([...entries], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    allowImportingTsExtensions: true,
    noEmit: true,
    noLib: true,
    types: [],
  });
  const checker = program.getTypeChecker();
  const missing: string[] = [];
  let exports = 0;
  for (const entry of entries) {
    const source = program.getSourceFile(entry);
    const module = source && checker.getSymbolAtLocation(source);
    if (module === undefined) throw new Error(`${entry} is no module`);
    for (const exported of checker.getExportsOfModule(module)) {
      exports++;
      const symbol =
        (exported.flags & ts.SymbolFlags.Alias) === 0 ? exported : checker.getAliasedSymbol(exported);
      const text = ts.displayPartsToString(symbol.getDocumentationComment(checker));
      const tags = symbol.getJsDocTags(checker);
      if (text === "" && tags.length === 0) missing.push(`${path.relative(ROOT, entry)}: ${exported.name}`);
    }
  }
  return { missing, exports };
}

describe("doc comments", () => {
  const packages = fs
    .readdirSync(path.join(ROOT, "packages"))
    .filter((name) => name !== "testing" && listEntries(path.join(ROOT, "packages", name)).length > 0);

  it.each(packages)("%s documents every export", (name) => {
    const entries = listEntries(path.join(ROOT, "packages", name));
    const { missing, exports } = findUndocumented(entries);
    expect(exports).toBeGreaterThan(0);
    expect(missing).toEqual([]);
  });

  it("finds an export without a comment", () => {
    const { missing } = findUndocumented([fileURLToPath(new URL("undocumented.ts", import.meta.url))]);
    expect(missing).toEqual(["test/undocumented.ts: UNDOCUMENTED"]);
  });
});
