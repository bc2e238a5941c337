/**
 * `npm start`: the main job in one word. Without an argument it enhances the bundled low-dose series and compares
 * it with the original; `npm start -- <folder> [-o out]` does the same for a folder of your own, without a
 * reference.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { formatNow, parseNumber, parseSeriesChoice } from "./arguments.ts";
import { describeEnhanced } from "./commands/enhance.ts";
import { printNote, printResult, runCommand } from "./context.ts";
import { enhanceSeries } from "./enhance-series.ts";
import { openSeries } from "./input.ts";
import { openMethod } from "./method-choice.ts";
import { openScan } from "./volumes.ts";

const SAMPLE = fileURLToPath(new URL("../../../samples/crlm-ct-1004/", import.meta.url));

/** `out/<name>`, or the first of `out/<name>-2`, `-3`, … that is free. */
export function findFreeFolder(parent: string, name: string): string {
  for (let n = 1; ; n++) {
    const folder = join(parent, n === 1 ? name : `${name}-${n}`);
    if (!existsSync(folder) || readdirSync(folder).length === 0) return folder;
  }
}

async function start(
  input: string | undefined,
  options: { output?: string; series?: string; strength: string },
): Promise<void> {
  await runCommand({}, async (context) => {
    const isSample = input === undefined;
    // npm runs scripts in the checkout; the folder that the user stands in is INIT_CWD.
    const here = process.env.INIT_CWD ?? process.cwd();
    const source = input === undefined ? join(SAMPLE, "low-dose-25") : resolve(here, input);
    const output = options.output ?? findFreeFolder("out", isSample ? "sample" : basename(resolve(source)));
    const method = await openMethod({});
    try {
      const choice = parseSeriesChoice(options.series);
      const series = await openSeries(source, { ...context, ...choice });
      const reference = isSample ? await openScan(join(SAMPLE, "original"), context) : null;
      const attribution = isSample
        ? readFileSync(join(SAMPLE, "ATTRIBUTION.md"), "utf8").trim().split(/\n\n+/)
        : [];
      const result = await enhanceSeries(series, method, output, {
        ...context,
        strength: parseNumber("--strength", options.strength, { minimum: 0, maximum: 1 }),
        dateTime: formatNow(),
        command: isSample ? "npm start" : "npm start -- <folder>",
        reportTitle: isSample ? "Abdomen at 25 % dose, enhanced" : "CT enhancement",
        notes: attribution.map((paragraph) => paragraph.replace(/^#+ /, "").replace(/\s+/g, " ")),
        ...(reference ? { reference: { scan: reference, noise: "shared" as const } } : {}),
      });
      const shown = { ...result, folder: relative(process.cwd(), result.folder) || "." };
      printResult(context, describeEnhanced(shown), shown);
      printNote("For research use; not a medical device.");
    } finally {
      await method.enhancer.dispose();
    }
  });
}

if (process.argv[1] && fileURLToPath(import.meta.url) === resolve(process.argv[1])) {
  const program = new Command("npm start --")
    .description("enhance the bundled low-dose series, or a DICOM folder of your own")
    .argument("[folder]", "DICOM folder or file")
    .option("-o, --output <dir>", "output folder (default: out/<name>)")
    .option("--series <choice>", "which series of several: number as in `alara inspect`, or part of its UID")
    .option("--strength <number>", "0 keeps the original, 1 is full effect", "1")
    .exitOverride()
    .action(start);
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  }
}
