/** `alara monitor <run>`: watches a training of another process, or looks at one that has ended. */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { buildRunView, type RunView, renderLogLine, renderRunPanel } from "@alara/learn";
import type { Command } from "commander";
import { parseWholeNumber } from "../arguments.ts";
import { type CommandContext, printNote, printResult, runCommand, UsageError } from "../context.ts";
import { servePage } from "../monitor/page-server.ts";
import { followRun, isRunFolder, type RunTail } from "../monitor/run-tail.ts";
import { createTerminalPanel, describeTerminal } from "../monitor/terminal-panel.ts";
import { nameRun } from "../monitor/training-monitor.ts";

interface MonitorCommandOptions {
  readonly port?: string;
  readonly page: boolean;
  readonly once?: boolean;
  readonly json?: boolean;
}

const POLL_MS = 500;

/** Adds the command. */
export function addMonitorCommand(program: Command): void {
  program
    .command("monitor")
    .description("watch a training run in the terminal and on a page, live or after its end")
    .argument("<run>", "run folder of alara train")
    .option(
      "--port <number>",
      "port of the page on 127.0.0.1, 0 for any free one (default: 8710 or a free one)",
    )
    .option("--no-page", "terminal only; ends when the run has ended")
    .option("--once", "print the present state and end")
    .option("--json", "print the present state as JSON and end")
    .action((folder: string, options: MonitorCommandOptions) =>
      runCommand(options, (context) => monitor(folder, options, context)),
    );
}

async function openRun(folder: string): Promise<RunTail> {
  if (!existsSync(folder)) throw new UsageError(`there is no folder "${folder}"`);
  if (!(await isRunFolder(folder))) {
    throw new UsageError(`"${folder}" holds no training run: neither log.jsonl nor run.json is there`);
  }
  const run = followRun(folder);
  await run.poll();
  return run;
}

function isOver(view: RunView): boolean {
  return view.status !== "running" && view.status !== "waiting";
}

async function monitor(
  folder: string,
  options: MonitorCommandOptions,
  context: CommandContext,
): Promise<void> {
  const run = await openRun(folder);
  const build = (): RunView => buildRunView(run.records, { facts: run.facts });
  if (options.once || context.json) {
    const text = renderRunPanel(build(), {
      columns: process.stdout.columns || 100,
      hasColour: false,
      title: nameRun(run.facts, run.name),
    });
    printResult(context, text.join("\n"), { facts: run.facts, view: build(), samples: run.samples });
    return;
  }
  const port =
    options.port === undefined
      ? {}
      : { port: parseWholeNumber("--port", options.port, { minimum: 0, maximum: 65535 }) };
  const page = options.page ? await servePage(run, port) : null;
  const target = describeTerminal(process.stderr, process.env);
  const panel = createTerminalPanel(target);
  if (page !== null) panel.note(`training monitor: ${page.url}  (Ctrl-C ends it; the training goes on)`);
  try {
    await follow(run, { build, panel, target, context, url: page?.url ?? null });
  } finally {
    panel.close();
    await page?.close();
  }
  if (page === null) printNote(`the run has ended: ${build().status}`);
}

/** Shows the run until the interrupt, or, without a page, until its end. */
async function follow(
  run: RunTail,
  shown: {
    readonly build: () => RunView;
    readonly panel: ReturnType<typeof createTerminalPanel>;
    readonly target: ReturnType<typeof describeTerminal>;
    readonly context: CommandContext;
    readonly url: string | null;
  },
): Promise<void> {
  const { build, panel, target, context, url } = shown;
  let known: RunTail["records"] | null = null;
  let view = build();
  while (!context.signal.aborted) {
    if (run.records !== known) {
      view = build();
      // Another process's earlier lines are history: only those that come while watching are printed.
      const fresh = known === null || target.isTerminal ? [] : run.records.slice(known.length);
      for (const record of fresh) target.write(`${renderLogLine(record, view)}\n`);
      known = run.records;
    }
    const sample = run.samples.at(-1);
    panel.draw({
      view,
      title: nameRun(run.facts, run.name),
      ...(url === null ? {} : { url }),
      ...(sample === undefined ? {} : { sample: `step ${sample.step}, samples/${sample.file}` }),
    });
    if (url === null && isOver(view)) return;
    await sleep(POLL_MS, undefined, { signal: context.signal }).catch(() => {});
    if (url === null) await run.poll();
  }
}
