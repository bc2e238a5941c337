/**
 * `npm run bench <name>`: runs one bench and ends with its line of JSON. `npm run evidence <name>` does the same
 * for the long studies in `bench/evidence/`. With `-- --save` the line and the details also become
 * `bench/results/<name>.json`, the file that published figures are read from. Exit status: 0 target met, 1 missed or
 * failed, 2 unknown name.
 */
import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { writeFileAtomically } from "@alara/core/node";
import { type Bench, type BenchLine, type BenchResult, printResult } from "./result.ts";

const MACHINERY = new Set(["run", "result", "machine", "measure"]);

/** A bench is a file that exports a default function; what benches share is listed as machinery or lies deeper. */
function listBenches(folder: URL): readonly string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.slice(0, -".ts".length))
    .filter((name) => !MACHINERY.has(name))
    .filter((name) => /^export default /m.test(fs.readFileSync(new URL(`${name}.ts`, folder), "utf8")))
    .sort();
}

async function saveResult(line: BenchLine, result: BenchResult): Promise<void> {
  const file = fileURLToPath(new URL(`./results/${result.name}.json`, import.meta.url));
  const content = { line, ...(result.details === undefined ? {} : { details: result.details }) };
  await writeFileAtomically(file, `${JSON.stringify(content, null, 1)}\n`);
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const evidence = args.includes("--evidence");
  const names = args.filter((argument) => !argument.startsWith("--"));
  const folder = new URL(evidence ? "./evidence/" : "./", import.meta.url);
  const known = listBenches(folder);
  const command = evidence ? "npm run evidence" : "npm run bench";
  if (names.length !== 1 || !known.includes(names[0])) {
    const problem =
      names.length === 0
        ? "name one"
        : names.length > 1
          ? `one at a time, got ${names.join(" ")}`
          : `unknown: ${names[0]}`;
    process.stderr.write(
      `${command}: ${problem}. There ${known.length === 0 ? "are none yet" : `are: ${known.join(", ")}`}.\n`,
    );
    return 2;
  }
  const module = (await import(fileURLToPath(new URL(`${names[0]}.ts`, folder)))) as { default: Bench };
  const result = await module.default();
  const line = printResult(result);
  if (args.includes("--save")) await saveResult(line, result);
  return result.ok ? 0 : 1;
}

process.exitCode = await main();
