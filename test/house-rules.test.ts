/** Rules of the house that no linter knows: file length and names, leftovers, paths of one machine, hidden clocks. */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const HARD_LINE_LIMIT = 600;
const TEXT = /\.(ts|mjs|js|json|md|py|c|sh|html|css|yml|yaml|txt)$|(^|\/)(run|LICENSE|NOTICE|\.gitignore)$/;
const CODE = /\.(ts|mjs)$/;

function listTracked(): readonly string[] | undefined {
  try {
    return execFileSync("git", ["ls-files", "-z"], {
      cwd: ROOT,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    })
      .split("\0")
      .filter((file) => file !== "" && fs.existsSync(path.join(ROOT, file)));
  } catch {
    return undefined;
  }
}

function readText(file: string): string {
  return fs.readFileSync(path.join(ROOT, file), "utf8");
}

/** `file:line` of every line that matches. */
function findLines(files: readonly string[], pattern: RegExp): readonly string[] {
  return files.flatMap((file) =>
    readText(file)
      .split("\n")
      .flatMap((line, index) =>
        pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 100)}`] : [],
      ),
  );
}

const tracked = listTracked();

describe("house rules", () => {
  it("lists the files of the repository", (context) => {
    if (tracked === undefined) context.skip("git is absent or this is not a checkout");
    expect(tracked).toContain("package.json");
  });

  const files = (tracked ?? []).filter((file) => !/(^|\/)(golden|generated)\//.test(file));
  const code = files.filter((file) => CODE.test(file));
  const texts = files.filter((file) => TEXT.test(file) && file !== "package-lock.json");
  const library = code.filter((file) => /^packages\/(?!cli|testing)[^/]+\/src\//.test(file));

  it(`keeps every source file within ${HARD_LINE_LIMIT} lines`, () => {
    const long = code
      .map((file) => ({ file, lines: readText(file).split("\n").length - 1 }))
      .filter(({ lines }) => lines > HARD_LINE_LIMIT);
    expect(long).toEqual([]);
  });

  it("names files after concepts, in kebab case", () => {
    const vague = code.filter((file) =>
      /(^|[/-])(utils?|helpers?|misc|manager)\.(as\.)?(ts|mjs)$/.test(file),
    );
    const oddlyCased = code.filter((file) => !/^[a-z0-9.-]+$/.test(path.basename(file)));
    expect([...vague, ...oddlyCased]).toEqual([]);
  });

  it("opens every source file with a comment that says what it is", () => {
    expect(code.filter((file) => !/^(#!.*\n)?\/(\*|\/)/.test(readText(file)))).toEqual([]);
  });

  it("speaks of no one machine's folders", () => {
    const folders = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/[a-z]"];
    expect(findLines(texts, new RegExp(folders.map((folder) => `(^|[^\\w.])${folder}`).join("|")))).toEqual(
      [],
    );
  });

  it("cites only documents that exist here", () => {
    const known = new Set(files.filter((file) => file.endsWith(".md")).map((file) => path.basename(file)));
    const cited = code.flatMap((file) =>
      [...readText(file).matchAll(/(?<![\w.*<}-])([\w-]+\.md)\b/g)].map((match) => `${file}: ${match[1]}`),
    );
    expect(cited.filter((citation) => !known.has(citation.split(": ")[1]))).toEqual([]);
  });

  it("leaves nothing to be done later, and nothing merged by half", () => {
    expect(
      findLines(code, new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "X" + "XX"].join("|")})\\b`)),
    ).toEqual([]);
    expect(findLines(texts, /^(<{7}|>{7})( |$)/)).toEqual([]);
  });

  it("uses no hidden randomness and no clock in library code", () => {
    const portable = library.filter((file) => !/\/src\/node(\.ts$|\/)/.test(file));
    expect(findLines(library, /Math\.random\(/)).toEqual([]);
    expect(findLines(portable, /Date\.now\(|new Date\(\)/)).toEqual([]);
  });

  it("turns no check off: no ts-ignore, ts-nocheck, focused or unexplained suppression", () => {
    expect(findLines(code, new RegExp(`@ts-${"ignore"}|@ts-${"nocheck"}`))).toEqual([]);
    expect(findLines(code, /\b(describe|it|test)\.only\(/)).toEqual([]);
    expect(findLines(code, /biome-ignore [^:]+:\s*$/)).toEqual([]);
  });
});
