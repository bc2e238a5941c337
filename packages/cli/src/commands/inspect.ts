/** `alara inspect <path>`: what is here, what can be enhanced, and the dose facts that the headers state. */
import { scanSeriesFiles } from "@alara/dicom/node";
import type { Command } from "commander";
import { printResult, runCommand } from "../context.ts";
import { listFacts } from "../facts.ts";
import { describeSeries } from "../input.ts";

/** Adds the command. */
export function addInspectCommand(program: Command): void {
  program
    .command("inspect")
    .description(
      "list the CT series in a folder, what is noteworthy about them, and what was left out and why",
    )
    .argument("<path>", "DICOM folder or file")
    .option("--json", "machine-readable output")
    .action((path: string, options: { json?: boolean }) =>
      runCommand(options, async (context) => {
        const collection = await scanSeriesFiles([path], context);
        const series = collection.series.map((item, index) => ({
          number: index + 1,
          description: describeSeries(item),
          isRegular: item.isRegular,
          findings: item.findings,
          facts: item.facts,
        }));
        const lines: string[] = [];
        for (const [index, item] of collection.series.entries()) {
          lines.push(`series ${index + 1}: ${describeSeries(item)}`);
          for (const { label, value } of listFacts(item)) lines.push(`  ${label.padEnd(16)} ${value}`);
          for (const finding of item.findings) {
            lines.push(`  ${finding.severity === "warning" ? "!" : "·"} ${finding.code}: ${finding.message}`);
          }
          lines.push(
            "  can be enhanced slice by slice; methods that need neighbours " +
              (item.isRegular ? "may run" : "refuse it"),
          );
        }
        if (series.length === 0) lines.push("no CT series");
        if (collection.skipped.length > 0) lines.push(`left out: ${collection.skipped.length} file(s)`);
        for (const { name, code, reason } of collection.skipped.slice(0, 20))
          lines.push(`  ${name}: ${code}: ${reason}`);
        if (collection.skipped.length > 20)
          lines.push(`  … and ${collection.skipped.length - 20} more (--json lists all)`);
        printResult(context, lines.join("\n"), { series, skipped: collection.skipped });
      }),
    );
}
