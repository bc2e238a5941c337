/**
 * The generated parts of README.md: tables from the registries, code from files that tests run. `node
 * scripts/readme-tables.ts` writes them between their marks; test/readme.test.ts holds them.
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { DEFAULT_DICOM_LIMITS, isWritableSyntax, transferSyntaxes, volumeFormats } from "@alara/dicom";

const README = new URL("../README.md", import.meta.url);

function formatRows(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows.map((row) => `| ${row.join(" | ")} |`);
  return [head, `|${rows[0].map(() => "---").join("|")}|`, ...body].join("\n");
}

function createSyntaxTable(): string {
  const rows = [...transferSyntaxes.entries()].map(([uid, syntax]) => [
    syntax.name,
    uid,
    syntax.lossy ? "may be lossy" : "lossless",
    "yes",
    isWritableSyntax(syntax) ? "yes" : "no",
  ]);
  return formatRows([["transfer syntax", "UID", "", "read", "written"], ...rows]);
}

function createFormatTable(): string {
  const rows = [...volumeFormats.entries()].map(([name, format]) => [
    `\`${name}\``,
    format.summary,
    format.extensions.join(" "),
    format.keeps,
    format.keepsUnit ? "yes" : "no",
  ]);
  return formatRows([["format", "", "extensions", "keeps of the grid", "keeps the unit"], ...rows]);
}

function createLimitTable(): string {
  const rows = Object.entries(DEFAULT_DICOM_LIMITS).map(([name, value]) => [`\`${name}\``, String(value)]);
  return formatRows([["limit", "default"], ...rows]);
}

/** A source file without its first comment. */
function quoteFile(path: string): string {
  const text = readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
  return `\`\`\`ts\n${text.replace(/^\/\*[\s\S]*?\*\/\n/, "").trimEnd()}\n\`\`\``;
}

/** Parts by the name of their mark. */
export function createReadmeParts(): Readonly<Record<string, string>> {
  return {
    "transfer-syntaxes": createSyntaxTable(),
    formats: createFormatTable(),
    limits: createLimitTable(),
    "example-node": quoteFile("examples/04-read-a-slice.ts"),
    "example-series": quoteFile("examples/06-write-a-derived-series.ts"),
    "example-browser": quoteFile("test/browser/dropped-files.ts"),
  };
}

/** The text between the marks of a part; `undefined` without marks. */
export function findReadmePart(text: string, name: string): string | undefined {
  return text.split(`<!-- ${name} -->\n`)[1]?.split(`\n<!-- /${name} -->`)[0];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let text = readFileSync(README, "utf8");
  for (const [name, part] of Object.entries(createReadmeParts())) {
    const start = text.indexOf(`<!-- ${name} -->\n`);
    const end = text.indexOf(`<!-- /${name} -->`);
    if (start < 0 || end < start) throw new Error(`README.md has no marks for ${name}`);
    text = `${text.slice(0, start)}<!-- ${name} -->\n${part}\n${text.slice(end)}`;
  }
  writeFileSync(README, text);
}
